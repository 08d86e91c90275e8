//! What is shown meanwhile: one line in place on a terminal, and nothing that garbles anything.

use std::os::unix::fs::symlink;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use super::{flush, flush_to, flushed, report};
use crate::s3_server::{Fault, FaultHook, Transport};
use crate::support::trace::{under, words};
use crate::support::{Bucket, Sandbox, finish};

/// Back to the first column, and what is there away.
const ERASE: &str = "\r\u{1b}[K";

/// What a flush shows on a terminal of so many columns, with a store that takes its time.
fn shown_on_terminal(columns: u32, term: &str) -> String {
    let sandbox = Sandbox::new();
    let slow: FaultHook = Arc::new(|_| Fault::Stall(Duration::from_millis(900)));
    let bucket = Bucket::with(&sandbox, Transport::Http, Some(slow));
    sandbox.write_log("web.log", "web\n");
    symlink("web.log", sandbox.log("link.log")).expect("a link");
    let command = flush_to(&bucket, &sandbox, &["-v", "--deadline", "100s"]);
    let quoted: Vec<String> = words(&command).iter().map(|word| format!("'{}'", word.to_string_lossy())).collect();
    let script = format!("stty rows 24 cols {columns}; exec {}", quoted.join(" "));
    let mut terminal = under("script", &command);
    terminal.env("TERM", term).env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("SHELL", "/bin/sh");
    finish(terminal.args(["-qec", &script, "/dev/null"])).expect(1).text()
}

/// The lines that were drawn in place, and the lines that were printed.
fn drawn_and_printed(shown: &str) -> (Vec<String>, Vec<String>) {
    let (mut drawn, mut printed) = (Vec::new(), Vec::new());
    for row in shown.split("\r\n") {
        for (index, text) in row.split(ERASE).enumerate().filter(|(_, text)| !text.is_empty()) {
            let to = if text.starts_with("logferry: ") || text.starts_with("  ") { &mut printed } else { &mut drawn };
            assert!(index > 0 || !row.contains(ERASE) || to.is_empty() || !text.contains("logferry: "), "{shown:?}");
            to.push(text.to_owned());
        }
    }
    (drawn, printed)
}

#[test]
fn on_a_terminal_one_line_is_redrawn_in_place_and_messages_stay_whole() {
    let shown = shown_on_terminal(120, "xterm");
    let (drawn, printed) = drawn_and_printed(&shown);
    assert!(drawn.iter().any(|line| line.contains("1/1 logs taken, 0/1 segments shipped")), "{shown:?}");
    assert!(drawn.iter().all(|line| line.contains(" s to the deadline")), "{shown:?}");
    let refused = "link.log: refused: it is a symbolic link";
    assert!(printed.iter().any(|line| line.ends_with(refused)), "{shown:?}");
    assert!(printed.iter().any(|line| line.contains("shipped, ") && line.ends_with(" bytes")), "{shown:?}");
    let last = printed.last().expect("a line");
    assert!(last.starts_with("logferry: shipped 1 segment with 4 bytes of logs in "), "{shown:?}");
    let end = shown.rfind(ERASE).expect("it was drawn");
    assert!(drawn.iter().all(|line| !shown[end + ERASE.len()..].contains(line)), "nothing of it stays: {shown:?}");
}

#[test]
fn on_a_narrow_terminal_the_line_fits() {
    let shown = shown_on_terminal(24, "xterm");
    let (drawn, _) = drawn_and_printed(&shown);
    assert!(drawn.iter().all(|line| line.len() < 24) && drawn.contains(&"1/1 logs taken".to_owned()), "{shown:?}");
}

#[test]
fn a_terminal_that_can_not_redraw_gets_plain_lines() {
    let shown = shown_on_terminal(120, "dumb");
    assert!(!shown.contains('\u{1b}') && shown.contains("shipped 1 segment"), "{shown:?}");
}

#[test]
fn the_report_for_programs_is_all_that_is_printed_when_all_is_well() {
    let sandbox = Sandbox::new();
    sandbox.write_log("web.log", "a\nb\n");
    let ended = flushed(&sandbox, &["--json"]).expect(0);
    let report = report(&ended);
    assert_eq!((ended.stderr.as_str(), &report["exit_code"]), ("", &0.into()));
    assert_eq!(report["shipped"][0]["raw_bytes"], 4);
    assert_eq!(report["left"], serde_json::json!([]));
}

#[test]
fn a_reader_of_its_messages_that_has_gone_changes_nothing() {
    let sandbox = Sandbox::new();
    sandbox.write_log("web.log", "web\n");
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command: Command = flush(&sandbox, &["-v"]);
    assert_eq!(command.stderr(writer).status().expect("it ends").code(), Some(0));
    assert_eq!(sandbox.run(["cat", "web"]).expect(0).text(), "web\n");
}

#[test]
fn a_log_that_can_not_be_taken_counts_once_and_never_as_taken() {
    let sandbox = Sandbox::new();
    sandbox.config_file("min_free = \"10000GiB\"\n");
    sandbox.write_log("web.log", "web\n");
    let command = flush(&sandbox, &["--deadline", "3s"]);
    let quoted: Vec<String> = words(&command).iter().map(|word| format!("'{}'", word.to_string_lossy())).collect();
    let script = format!("stty rows 24 cols 120; exec {}", quoted.join(" "));
    let mut terminal = under("script", &command);
    terminal.env("TERM", "xterm").env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("SHELL", "/bin/sh");
    let shown = finish(terminal.args(["-qec", &script, "/dev/null"])).expect(75).text();
    let (drawn, _) = drawn_and_printed(&shown);
    let counts: Vec<_> = drawn.iter().filter(|line| line.contains(" logs taken")).collect();
    assert!(!counts.is_empty() && counts.iter().all(|line| line.contains("0/1 logs taken")), "{shown:?}");
}
