//! `--final`: nothing comes after it.

use std::fs::File;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use super::{Beside, flush, flush_to, flushed};
use crate::s3_server::{Fault, FaultHook, Transport};
use crate::support::proof::{self, Content};
use crate::support::{Bucket, Sandbox, finish};

fn opened(sandbox: &Sandbox) -> File {
    sandbox.config_file("settle = \"30ms\"\n");
    let mut log = File::options().create(true).append(true).open(sandbox.log("web.log")).expect("a log");
    log.write_all(b"one\n").expect("it is written");
    log
}

#[test]
fn what_a_silent_writer_says_before_it_lets_go_is_shipped_and_then_it_is_over() {
    let sandbox = Sandbox::reopening();
    let mut log = opened(&sandbox);
    let mut waiting = Beside::start(&mut flush(&sandbox, &["-v", "--final", "--deadline", "100s"]));
    waiting.until_it_says("waiting for writers that still hold");
    log.write_all(b"two\n").expect("it is written");
    // At once: nobody but the flush has the file now.
    drop(log);
    let (code, said) = waiting.end();
    assert!(code == Some(0) && !said.contains("still holds"), "{said}");
    let compared =
        proof::compare_all(proof::of_directory(&sandbox.path("store")), &[Content::new("web", "one\ntwo\n")]);
    assert_eq!((compared.lost, compared.doubled), (0, 0), "{compared:?}");
}

#[test]
fn a_writer_that_holds_its_log_to_the_end_is_named() {
    let sandbox = Sandbox::reopening();
    let _log = opened(&sandbox);
    let ended = flushed(&sandbox, &["--final", "--deadline", "8s"]).expect(0);
    assert!(ended.took < Duration::from_secs(8), "it took {:?}", ended.took);
    let named = format!("(pid {}) still holds the file that was taken", std::process::id());
    assert!(ended.stderr.contains(&named), "{}", ended.stderr);
    // The hourly runs look after it: there is nothing to say.
    let ended = flushed(&sandbox, &["--deadline", "100s"]).expect(0);
    assert!(!ended.stderr.contains("still holds"), "{}", ended.stderr);
}

#[test]
fn what_is_behind_a_segment_that_the_store_does_not_take_is_not_left_for_a_run_that_never_comes() {
    let sandbox = Sandbox::reopening();
    let refused: FaultHook = Arc::new(|parts| match parts.uri.path().contains("-00000001-") {
        true => Fault::Status(403, "AccessDenied"),
        false => Fault::Pass,
    });
    let bucket = Bucket::with(&sandbox, Transport::Http, Some(refused));
    for line in ["one\n", "two\n"] {
        sandbox.write_log("web.log", line);
        finish(&mut flush_to(&bucket, &sandbox, &[])).expect(75);
    }
    let stored = || proof::of_bucket(&sandbox.path("s3/logs")).into_iter().map(|object| object.raw).collect::<Vec<_>>();
    assert!(stored().is_empty(), "the second waits for the first");
    finish(&mut flush_to(&bucket, &sandbox, &["--final"])).expect(75);
    assert_eq!(stored(), [b"two\n"]);
}

#[test]
fn what_was_put_aside_as_damaged_goes_with_the_machine_and_so_it_is_named() {
    let sandbox = Sandbox::reopening();
    flushed(&sandbox, &[]).expect(0);
    std::fs::write(sandbox.path("state/spool/k3f9a2-00000001.gz"), "not all of it").expect("a file");
    flushed(&sandbox, &[]).expect(1);
    flushed(&sandbox, &[]).quiet();
    let ended = flushed(&sandbox, &["--final"]).expect(1);
    assert!(ended.stderr.contains("state/damaged/k3f9a2-00000001.gz: it was put aside as damaged"), "{}", ended.stderr);
    // Together with what this one puts aside, each is named once.
    std::fs::write(sandbox.path("state/spool/k3f9a2-00000002.gz"), "nor this").expect("a file");
    let ended = flushed(&sandbox, &["--final"]).expect(1);
    assert_eq!(ended.stderr.matches("state/damaged/").count(), 2, "{}", ended.stderr);
}
