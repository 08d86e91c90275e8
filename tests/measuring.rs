//! The benchmarks' own tests: that a result which is wrong gives no figure, that a goal which is missed is marked, and that the
//! made-up logs are what they are said to be. No figure is looked at: those of a test mean nothing.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Ended, Sandbox, example, finish};

/// A program in the place of the binary; what it is given comes as `$@`, and the binary itself is `$LOGFERRY`.
fn in_its_place(sandbox: &Sandbox, script: &str) -> PathBuf {
    let path = sandbox.path("in-its-place");
    let text = format!("#!/bin/sh\nLOGFERRY={}\n{script}\n", env!("CARGO_BIN_EXE_logferry"));
    std::fs::write(&path, text).expect("a script");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("it is made executable");
    path
}

/// Measures a part, with as little as there is.
fn measure(sandbox: &Sandbox, part: &str, logferry: &Path) -> Ended {
    let mut bench = Command::new(example("bench"));
    bench.args(["measure", "--size", "tiny", "--only", part]).arg("--scratch").arg(sandbox.path(""));
    bench.arg("--output").arg(sandbox.path("output")).arg("--logferry").arg(logferry);
    finish(bench.arg("--s3-server").arg(example("s3-server")))
}

/// Of a measurement that found something wrong.
#[track_caller]
fn refuses(sandbox: &Sandbox, ended: Ended, why: &str) {
    let ended = ended.expect(1);
    assert!(ended.stderr.contains(why), "{}", ended.stderr);
    assert!(!sandbox.path("output/table.md").exists(), "there is a table: {}", ended.text());
    assert!(!ended.text().contains("met"), "{}", ended.text());
}

fn make_log(sandbox: &Sandbox, kind: &str, seed: &str) -> PathBuf {
    let path = sandbox.path(format!("{kind}-{seed}"));
    let mut bench = Command::new(example("bench"));
    bench.args(["logs", "--kind", kind, "--seed", seed, "--bytes", "2000000"]);
    finish(bench.arg(&path)).quiet();
    path
}

#[test]
fn a_run_that_is_right_gives_a_line_with_both_figures_behind_it() {
    let sandbox = Sandbox::new();
    let ended = measure(&sandbox, "whole", Path::new(env!("CARGO_BIN_EXE_logferry"))).expect(0);
    let page = std::fs::read_to_string(sandbox.path("output/table.md")).expect("a table");
    let line = page.lines().find(|line| line.contains("| whole run")).expect("a line of the whole run");
    let cells: Vec<_> = line.split(" | ").collect();
    assert_eq!(cells.len(), 6, "{line}");
    assert!(cells[4].contains("MB/s") && cells[5].contains("MB/s"), "{line}");
    assert!(page.contains("load average at the beginning"), "{page}");
    assert!(ended.text().contains("the S3 server takes the same object"), "{}", ended.text());
}

#[test]
fn an_object_that_lacks_its_last_byte_gives_no_figure() {
    let sandbox = Sandbox::new();
    let cut =
        "\"$LOGFERRY\" \"$@\" && for object in \"$HOME\"/s3/logs/objects/*.data; do truncate -s -1 \"$object\"; done";
    let ended = measure(&sandbox, "whole", &in_its_place(&sandbox, cut));
    refuses(&sandbox, ended, "bytes in the store, and was put with");
}

#[test]
fn an_object_with_a_damaged_byte_gives_no_figure() {
    let sandbox = Sandbox::new();
    let damage = "\"$LOGFERRY\" \"$@\" && for object in \"$HOME\"/s3/logs/objects/*.data; do\n\
        printf '\\125\\252' | dd of=\"$object\" bs=1 seek=50000 conv=notrunc status=none; done";
    let ended = measure(&sandbox, "whole", &in_its_place(&sandbox, damage));
    refuses(&sandbox, ended, "gzip -dc can't read");
}

#[test]
fn a_log_that_lost_bytes_before_it_was_taken_gives_no_figure() {
    let sandbox = Sandbox::new();
    let lose = "truncate -s -100 \"$HOME\"/log/*.log && \"$LOGFERRY\" \"$@\"";
    let ended = measure(&sandbox, "whole", &in_its_place(&sandbox, lose));
    refuses(&sandbox, ended, "gives other bytes than were logged");
}

#[test]
fn a_log_that_was_left_gives_no_figure() {
    let sandbox = Sandbox::new();
    let ended = measure(&sandbox, "whole", &in_its_place(&sandbox, "exit 0"));
    refuses(&sandbox, ended, "0 objects came into the store, of 1 logs");
}

#[test]
fn a_goal_that_is_missed_is_marked() {
    let sandbox = Sandbox::new();
    // At most 5 ms are wanted.
    let slow = in_its_place(&sandbox, "sleep 0.02; exec \"$LOGFERRY\" \"$@\"");
    measure(&sandbox, "starts", &slow).expect(0);
    let page = std::fs::read_to_string(sandbox.path("output/table.md")).expect("a table");
    let line = page.lines().find(|line| line.contains("`--version`")).expect("a line of the start");
    assert!(line.contains("| MISSED |"), "{line}");
}

#[test]
fn made_up_logs_are_the_same_for_the_same_seed_and_compress_about_as_real_ones_do() {
    let sandbox = Sandbox::new();
    // gzip -6 makes one part in 9.45 of real logs of 16 systems together.
    for kind in ["syslog", "access", "json", "traces", "upstart", "mixed"] {
        let log = make_log(&sandbox, kind, "7");
        let bytes = std::fs::read(&log).expect("a log");
        assert_eq!(bytes.len(), 2_000_000, "{kind}");
        let packed = finish(Command::new("gzip").arg("-6c").arg(&log)).expect(0).stdout.len();
        let ratio = bytes.len() * 100 / packed;
        assert!((600..1400).contains(&ratio), "{kind}: gzip -6 makes one part in {ratio} hundredths of it");
        if kind != "mixed" {
            continue;
        }
        std::fs::rename(&log, sandbox.path("before")).expect("it is moved");
        assert!(std::fs::read(make_log(&sandbox, kind, "7")).expect("a log") == bytes, "another log for the same seed");
        assert!(std::fs::read(make_log(&sandbox, kind, "8")).expect("a log") != bytes, "the same log for another seed");
    }
}
