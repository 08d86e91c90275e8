//! Whatever hangs, the check comes to its end and says what does.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;

use super::{LONGEST, check_of};
use crate::s3_server::{Fault, FaultHook, Transport};
use crate::support::mount::Mount;
use crate::support::{Bucket, Sandbox, finish};

/// A file system whose writes wait, until dropped.
struct Frozen(std::path::PathBuf);

impl Frozen {
    fn new(at: std::path::PathBuf) -> Self {
        finish(Command::new("fsfreeze").arg("--freeze").arg(&at)).expect(0);
        Self(at)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        let _ = Command::new("fsfreeze").arg("--unfreeze").arg(&self.0).status();
    }
}

#[test]
fn a_store_that_swallows_requests_is_told_of() {
    let sandbox = Sandbox::new();
    sandbox.write_log("web.log", "x\n");
    let hook: FaultHook = Arc::new(|_| Fault::Silence);
    let bucket = Bucket::with(&sandbox, Transport::Http, Some(hook));
    let mut command = sandbox.logferry();
    command.envs(bucket.env()).args(["check", "log"]);
    let ended = finish(&mut command).expect(75);
    assert!(ended.took < LONGEST && ended.text().contains("no answer in 4 s"), "{:?}: {}", ended.took, ended.text());
    assert!(ended.text().contains("hint: check the network"), "{}", ended.text());
}

#[test]
fn a_disk_that_has_stopped_is_told_of_and_the_rest_is_told_all_the_same() {
    let sandbox = Sandbox::new();
    sandbox.write_log("web.log", "x\n");
    let at = sandbox.path("store");
    let _mount = Mount::on_image(&sandbox.path("image"), &at);
    check_of(&sandbox, &["log"]).ends(0);
    let frozen = Frozen::new(at);
    let mut command = sandbox.logferry();
    let mut check = command.args(["check", "log"]).stdout(Stdio::piped()).spawn().expect("it starts");
    // A thread waits for the disk and can't be ended, so the process is not over when all is told.
    let mut told = BufReader::new(check.stdout.take().expect("a pipe")).lines();
    let last = told.find(|line| line.as_ref().is_ok_and(|line| line.contains("the next run could not ship all")));
    let earlier = check.try_wait().expect("its state");
    drop(frozen);
    assert!(last.is_some(), "the summary is told: {earlier:?}");
    assert_eq!(check.wait().expect("it ends").code(), Some(75));
}
