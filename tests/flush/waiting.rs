//! A run that is at work is waited for.

use logferry::sys::fault::Point;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::time::Duration;

use super::{Beside, flush, flushed, run_of};
use crate::support::{Sandbox, Stopped};

#[test]
fn it_waits_for_the_run_and_says_for_whom_and_then_ships_what_came_meanwhile() {
    let sandbox = Sandbox::new();
    sandbox.write_log("web.log", "one\n");
    let run = Stopped::at(Point::Copied, 1, run_of(&sandbox));
    sandbox.write_log("web.log", "two\n");
    let mut waiting = Beside::start(&mut flush(&sandbox, &["-v"]));
    let said = waiting.until_it_says("ago)");
    assert!(said.contains(&format!("waiting for another run (pid {}", run.id())), "{said}");
    run.go_on().expect(0);
    let (code, said) = waiting.end();
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(sandbox.run(["cat", "web"]).expect(0).text(), "one\ntwo\n");
}

#[test]
fn a_run_that_outlasts_the_deadline_is_named_and_nothing_is_touched() {
    let sandbox = Sandbox::new();
    sandbox.write_log("web.log", "one\n");
    let run = Stopped::at(Point::Copied, 1, run_of(&sandbox));
    let log = sandbox.write_log("web.log", "two\n");
    let ended = flushed(&sandbox, &["--deadline", "3s"]).expect(75);
    assert!(ended.took < Duration::from_secs(3), "it took {:?}", ended.took);
    assert!(ended.stderr.contains(&format!("another run (pid {}", run.id())), "{}", ended.stderr);
    assert!(ended.stderr.contains("not in the store: 2 logs, 8 bytes"), "{}", ended.stderr);
    assert!(log.exists());
    run.go_on().expect(0);
}

#[test]
fn a_signal_ends_the_waiting() {
    let sandbox = Sandbox::new();
    sandbox.write_log("web.log", "one\n");
    let run = Stopped::at(Point::Copied, 1, run_of(&sandbox));
    let mut waiting = Beside::start(&mut flush(&sandbox, &["-v"]));
    waiting.until_it_says("waiting for");
    let pid = Pid::from_raw(i32::try_from(waiting.child.id()).expect("a pid"));
    kill(pid, Signal::SIGTERM).expect("it lives");
    let (code, said) = waiting.end();
    assert!(code == Some(75) && said.contains("stopped by a signal"), "{said}");
    run.go_on().expect(0);
}
