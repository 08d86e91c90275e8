//! Lines that are torn where something is missing: what comes behind it is no end of theirs.

use super::plant_in_place;
use crate::support::Sandbox;

/// A stream with a number missing within a line, and another one with a damaged segment within a line.
fn torn() -> Sandbox {
    let sandbox = Sandbox::new();
    let put = |line: &str, text: &str| plant_in_place(&sandbox, line, text);
    put("web i-0a aaaaaa-1 20261120T00 20261120T01", "user=alice action=lo");
    put("web i-0a aaaaaa-3 20261120T02 20261120T03", "n file deleted\nwho");
    put("web i-0a aaaaaa-4 20261120T05 20261120T06", "le\n");
    put("web i-0b bbbbbb-1 20261120T00 20261120T01", "first\nhal");
    let damaged = put("web i-0b bbbbbb-2 20261120T03 20261120T04", "f and qua");
    put("web i-0b bbbbbb-3 20261120T04 20261120T05", "rter deleted\n");
    std::fs::write(damaged, "not gzip").expect("it is damaged");
    sandbox
}

#[test]
fn lines_on_both_sides_of_what_is_missing_stay_two() {
    let sandbox = torn();
    let of_a = ["i-0a: user=alice action=lo", "i-0a: n file deleted", "i-0a: whole"];
    let of_b = ["i-0b: first", "i-0b: hal", "i-0b: rter deleted"];
    for args in [&["cat", "web", "--label"][..], &["cat", "web", "--label", "--by-time"]] {
        let ended = sandbox.run(args).expect(1);
        let text = ended.text();
        let of = |label: &str| text.lines().filter(|line| line.starts_with(label)).collect::<Vec<_>>();
        assert_eq!((of("i-0a: "), of("i-0b: ")), (of_a.to_vec(), of_b.to_vec()), "{args:?}");
        assert_eq!(text.lines().count(), 6, "{args:?}: {text}");
    }
    let found = sandbox.run(["grep", "deleted", "web"]).expect(2);
    let lines = "i-0a 2026-11-20T02:00:00Z: n file deleted\ni-0b 2026-11-20T04:00:00Z: rter deleted\n";
    assert_eq!(found.text(), lines, "{}", found.stderr);
    let counted = sandbox.run(["grep", "-c", "", "web"]).expect(2);
    assert_eq!(counted.text(), "i-0a: 3\ni-0b: 3\n");
}

#[test]
fn without_labels_nothing_is_added() {
    let ended = torn().run(["cat", "web", "--instance", "i-0a"]).expect(1);
    assert_eq!(ended.text(), "user=alice action=lon file deleted\nwhole\n");
}
