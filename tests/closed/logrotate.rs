//! What a real logrotate leaves.

use std::process::Command;

use super::{cat, run_backlog, stored};
use crate::support::{Sandbox, finish};

/// How many times the log is rotated.
const TIMES: usize = 9;

/// Has logrotate rotate a log again and again, a day after another; what was written in all.
fn rotate(sandbox: &Sandbox, options: &str) -> String {
    let log = sandbox.log("web.log");
    let (config, state) = (sandbox.path("logrotate.conf"), sandbox.path("logrotate.state"));
    std::fs::write(&config, format!("{} {{\nrotate 20\nnocreate\n{options}\n}}\n", log.display()))
        .expect("a configuration");
    let mut all = String::new();
    for day in 1..=TIMES {
        let text = (0..day * 50).map(|line| format!("day {day}, line {line}\r\n")).collect::<String>();
        sandbox.write_log("web.log", &text);
        all += &text;
        let at = format!("@2026-11-{:02} 03:00:00", day + 10);
        let mut logrotate = Command::new("/usr/sbin/logrotate");
        logrotate.args(["-f", "-s"]).arg(&state).arg(&config);
        logrotate.env("LD_PRELOAD", "/usr/$LIB/faketime/libfaketime.so.1").env("FAKETIME", at);
        finish(&mut logrotate).quiet();
    }
    sandbox.write_log("web.log", "in use\n");
    all + "in use\n"
}

#[test]
fn numbered_compressed_delayed_and_dated_files_come_back_in_order() {
    for options in
        ["nocompress", "compress", "compress\ndelaycompress", "dateext\ncompress", "dateext\ndelaycompress\ncompress"]
    {
        let sandbox = Sandbox::new();
        let all = rotate(&sandbox, options);
        let left = sandbox.files("log");
        assert_eq!(left.len(), TIMES + 1, "{options}: {left:?}");
        run_backlog(&sandbox).quiet();
        assert_eq!(cat(&sandbox, "web"), all, "{options}: {left:?}");
        assert_eq!(stored(&sandbox).len(), TIMES + 1);
        assert!(sandbox.files("log").is_empty(), "{options}");
    }
}

#[test]
fn runs_between_the_rotations_of_a_logrotate_that_goes_on_lose_and_double_nothing() {
    let sandbox = Sandbox::new();
    let (config, state) = (sandbox.path("logrotate.conf"), sandbox.path("logrotate.state"));
    let log = sandbox.log("web.log");
    std::fs::write(&config, format!("{} {{ rotate 9\ncompress\nmissingok\nnocreate\n}}\n", log.display()))
        .expect("a configuration");
    let mut all = String::new();
    for day in 0..20 {
        let text = format!("day {day}\n").repeat(2000);
        sandbox.write_log("web.log", &text);
        all += &text;
        let mut logrotate = Command::new("/usr/sbin/logrotate")
            .arg("-f")
            .arg("-s")
            .arg(&state)
            .arg(&config)
            .spawn()
            .expect("logrotate");
        let ended = run_backlog(&sandbox);
        assert!([0, 75].contains(&ended.code), "{ended:?}");
        logrotate.wait().expect("logrotate ends");
        // What neither of them has taken is still there under its own name.
        if log.exists() {
            std::fs::rename(&log, sandbox.log("web.log.0")).expect("a rename");
        }
        run_backlog(&sandbox);
    }
    run_backlog(&sandbox).quiet();
    assert_eq!(cat(&sandbox, "web").len(), all.len());
    assert_eq!(cat(&sandbox, "web"), all);
}
