//! `--final`: nothing comes after it.

use std::fs::File;
use std::io::Write;
use std::time::Duration;

use super::{Beside, flush, flushed};
use crate::support::proof::{self, Content};
use crate::support::{Sandbox, wait_until};

fn opened(sandbox: &Sandbox) -> File {
    sandbox.config_file("settle = \"30ms\"\n");
    let mut log = File::options().create(true).append(true).open(sandbox.log("web.log")).expect("a log");
    log.write_all(b"one\n").expect("it is written");
    log
}

#[test]
fn what_a_silent_writer_says_before_it_lets_go_is_shipped_and_then_it_is_over() {
    let sandbox = Sandbox::new();
    let mut log = opened(&sandbox);
    let waiting = Beside::start(&mut flush(&sandbox, &["--final", "--deadline", "100s"]));
    wait_until("its first line is shipped", || !sandbox.files("store").is_empty());
    log.write_all(b"two\n").expect("it is written");
    wait_until("its last line is shipped", || sandbox.files("store").len() >= 4);
    drop(log);
    let (code, said) = waiting.end();
    assert!(code == Some(0) && !said.contains("still holds"), "{said}");
    let compared =
        proof::compare_all(proof::of_directory(&sandbox.path("store")), &[Content::new("web", "one\ntwo\n")]);
    assert_eq!((compared.lost, compared.doubled), (0, 0), "{compared:?}");
}

#[test]
fn a_writer_that_holds_its_log_to_the_end_is_named() {
    let sandbox = Sandbox::new();
    let _log = opened(&sandbox);
    let ended = flushed(&sandbox, &["--final", "--deadline", "3s"]).expect(0);
    assert!(ended.took < Duration::from_secs(3), "it took {:?}", ended.took);
    let named = format!("(pid {}) still holds the file that was taken", std::process::id());
    assert!(ended.stderr.contains(&named), "{}", ended.stderr);
    // The hourly runs look after it: there is nothing to say.
    let ended = flushed(&sandbox, &["--deadline", "100s"]).expect(0);
    assert!(!ended.stderr.contains("still holds"), "{}", ended.stderr);
}
