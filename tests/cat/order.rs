//! Labels, and streams by time: lines stay whole.

use super::{output, ship};
use crate::support::Sandbox;

#[test]
fn each_line_gets_one_label_wherever_segments_end() {
    let sandbox = Sandbox::new();
    // Split within a line, between CR and LF, behind a NUL; and no end at all.
    for text in ["torn", " line\r", "\nnul \0", "\0 too\n\n", "last"] {
        ship(&sandbox, None, "i-1", "web.log", text);
    }
    let cat = |args: &[&str]| String::from_utf8(output(sandbox.logferry().arg("cat").args(args))).expect("text");
    assert_eq!(cat(&["web"]), "torn line\r\nnul \0\0 too\n\nlast");
    let labelled = "i-1: torn line\r\ni-1: nul \0\0 too\ni-1: \ni-1: last\n";
    assert_eq!(cat(&["web", "--label"]), labelled);
    assert_eq!(cat(&["web", "--label", "--by-time"]), labelled);
    ship(&sandbox, None, "i-1", "my db.log", "a line\n");
    assert_eq!(
        cat(&["web", "my db", "--label"]),
        format!("my%20db i-1: a line\n{}", labelled.replace("i-1:", "web i-1:"))
    );
}

#[test]
fn by_time_segments_alternate_and_no_line_is_broken() {
    let sandbox = Sandbox::new();
    let at = |time: i64, instance: &str, text: &str| {
        let log = sandbox.write_log("web.log", text);
        let mut run = std::process::Command::new("faketime");
        let binary = sandbox.logferry();
        run.args(["-f", &format!("+{time}h")]).arg(binary.get_program()).env_clear();
        run.envs(binary.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("NO_FAKE_STAT", "1");
        run.env("LOGFERRY_STATE_DIR", sandbox.path(format!("state-{instance}")));
        run.args(["run", "--instance", instance]).arg(log);
        crate::support::finish(&mut run).quiet();
    };
    // A file's birth is the beginning of a first segment, and can't be set; later ones begin with the claim before.
    let long = "x".repeat(100_000);
    at(0, "i-1", "1a\ntor");
    at(1, "i-2", "2a\n");
    at(2, "i-1", "n\n1b\nto");
    at(3, "i-2", "2b\nlong");
    // Keys tell seconds: those that come now are of a later one than all before, however fast they came.
    let second = || std::time::SystemTime::UNIX_EPOCH.elapsed().expect("a time").as_secs();
    let begun = second();
    crate::support::wait_until("the next second", || second() > begun);
    at(4, "i-1", "rn again\n1c");
    at(5, "i-2", &format!("{long}\n2c\n{long}"));
    at(6, "i-1", "\n1d\n");
    at(7, "i-2", &format!("{long}\n2d"));
    let text =
        String::from_utf8(output(sandbox.logferry().args(["cat", "web", "--by-time", "--label"]))).expect("text");
    let lines: Vec<&str> = text.lines().collect();
    let of = |instance: &str| -> Vec<String> {
        let label = format!("{instance}: ");
        lines.iter().filter_map(|line| Some(line.strip_prefix(&label)?.to_owned())).collect()
    };
    assert_eq!(of("i-1"), ["1a", "torn", "1b", "torn again", "1c", "1d"]);
    assert_eq!(of("i-2"), ["2a", "2b", &format!("long{long}"), "2c", &format!("{long}{long}"), "2d"]);
    assert_eq!(lines.len(), 12);
    let plain = String::from_utf8(output(sandbox.logferry().args(["cat", "web", "--by-time"]))).expect("text");
    assert_eq!(text.replace("i-1: ", "").replace("i-2: ", "").trim_end(), plain.trim_end());
    let turns = lines.windows(2).filter(|pair| pair[0][..3] != pair[1][..3]).count();
    assert!(
        turns >= 3,
        "they alternate: {:?}",
        lines.iter().map(|line| &line[..line.len().min(12)]).collect::<Vec<_>>()
    );
}
