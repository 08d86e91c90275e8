//! What is sealed is shipped while other logs are still taken.

use std::fs::File;
use std::io::Write;
use std::process::{Child, Stdio};

use super::objects;
use crate::support::{Sandbox, wait_until};

/// A command that goes on beside the test, and is left by none that fails.
struct Beside(Child);

impl Drop for Beside {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_log_is_shipped_while_another_one_is_still_drained() {
    for command in ["run", "flush"] {
        let sandbox = Sandbox::reopening();
        // Far longer than anybody would wait here.
        sandbox.config_file("settle = \"10m\"\n");
        sandbox.write_log("released.log", "all of it\n");
        let mut writer = File::create(sandbox.log("held.log")).expect("a log");
        writer.write_all(b"its writer is silent\n").expect("a line");
        let mut run = sandbox.logferry();
        run.arg(command).arg(sandbox.path("log")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut run = Beside(run.spawn().expect("it starts"));
        wait_until("the released one is in the store", || objects(&sandbox).len() == 1);
        assert!(run.0.try_wait().expect("its state").is_none(), "{command} waits for the other one");
        drop(writer);
        assert!(run.0.wait().expect("its end").success());
        assert_eq!(objects(&sandbox).len(), 2);
        sandbox.nothing_left_behind();
    }
}
