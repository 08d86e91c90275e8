//! Labels, and streams by time: lines stay whole.

use super::{output, plant_in_place, ship};
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
    let long = "x".repeat(100_000);
    for (hour, (instance, text)) in [
        ("i-1", "1a\ntor"),
        ("i-2", "2a\n"),
        ("i-1", "n\n1b\nto"),
        ("i-2", "2b\nlong"),
        ("i-1", "rn again\n1c"),
        ("i-2", &format!("{long}\n2c\n{long}")),
        ("i-1", "\n1d\n"),
        ("i-2", &format!("{long}\n2d")),
    ]
    .into_iter()
    .enumerate()
    {
        let stream = if instance == "i-1" { "aaaaaa" } else { "bbbbbb" };
        let line = format!("web {instance} {stream}-{} 20261120T0{hour} 20261120T0{}", hour / 2 + 1, hour + 1);
        plant_in_place(&sandbox, &line, text);
    }
    let text = |args: &[&str]| {
        let text = String::from_utf8(output(sandbox.logferry().args(args))).expect("text");
        text.replace(&long, "LONG")
    };
    // What is too long to be held back brings the rest of its line, and its segment, before its time.
    let order = "i-1: 1a\ni-2: 2a\ni-1: torn\ni-1: 1b\ni-2: 2b\ni-1: torn again\ni-2: longLONG\ni-2: 2c\n\
                 i-2: LONGLONG\ni-2: 2d\ni-1: 1c\ni-1: 1d\n";
    assert_eq!(text(&["cat", "web", "--by-time", "--label"]), order);
    let plain = order.replace("i-1: ", "").replace("i-2: ", "").replace("2d\n", "2d");
    assert_eq!(text(&["cat", "web", "--by-time"]), plain);
}

#[test]
fn by_time_what_is_held_back_of_all_streams_is_bounded() {
    let sandbox = Sandbox::new();
    // Of 140 streams nearly 9 MB of torn lines, each short enough to be held back.
    let begin = "x".repeat(64_000);
    let instances: Vec<_> = (0..140).map(|number| format!("i-{number:03}")).collect();
    for instance in &instances {
        let stream = format!("aaa{}", &instance[2..]);
        plant_in_place(&sandbox, &format!("web {instance} {stream}-1 20261120T00 20261120T01"), &begin);
        plant_in_place(&sandbox, &format!("web {instance} {stream}-2 20261120T01 20261120T02"), "end\n");
    }
    let text = output(sandbox.logferry().args(["cat", "web", "--by-time", "--label"]));
    let text = String::from_utf8(text).expect("text").replace(&begin, "begin and ");
    let mut lines: Vec<_> = text.lines().collect();
    // 8 MiB are 131 of them: those of the others came whole, before their time.
    assert_eq!(lines[0], "i-131: begin and end");
    lines.sort_unstable();
    let whole: Vec<_> = instances.iter().map(|instance| format!("{instance}: begin and end")).collect();
    assert_eq!(lines, whole);
}
