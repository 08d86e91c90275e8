//! Streams that have the same six characters: by chance, in a large store, or as somebody wants them taken for one another.

use super::plant_in_place;
use crate::support::Sandbox;

/// Three streams of one id: of two machines, and of another service on a third.
fn namesakes() -> Sandbox {
    let sandbox = Sandbox::new();
    for (line, text) in [
        ("web i-0a aaaaaa-1 20261120T00 20261120T01", "A ends without"),
        ("web i-0b aaaaaa-1 20261120T02 20261120T03", "B1\ntor"),
        ("web i-0b aaaaaa-2 20261120T05 20261120T06", "n B2\n"),
        ("db i-0c aaaaaa-1 20261120T00 20261120T01", "C\n"),
        ("db i-0c aaaaaa-7 20261120T06 20261120T07", "C7\n"),
    ] {
        plant_in_place(&sandbox, line, text);
    }
    sandbox
}

#[test]
fn a_host_is_found_though_a_stream_elsewhere_has_the_same_id() {
    let sandbox = namesakes();
    let of_host = |host: &str, args: &[&str]| {
        let ended = sandbox.run(["ls", "--host", host].iter().chain(args)).expect(0);
        let instance = |line: &str| line.split_whitespace().nth(3).expect("a fourth column").to_owned();
        ended.text().lines().map(instance).collect::<Vec<_>>()
    };
    assert_eq!(of_host("host-of-i-0a", &[]), ["i-0a"]);
    assert_eq!(of_host("host-of-i-0b", &["web"]), ["i-0b", "i-0b"]);
    assert_eq!(of_host("host-of-i-0c", &[]), ["i-0c", "i-0c"]);
    assert_eq!(of_host("host-of-i-0[ab]", &[]), ["i-0a", "i-0b", "i-0b"]);
}

#[test]
fn lines_of_two_machines_are_not_fused() {
    let sandbox = namesakes();
    let labelled = "i-0a: A ends without\ni-0b: B1\ni-0b: torn B2\n";
    for args in [&["cat", "web", "--label"][..], &["cat", "web", "--label", "--by-time"]] {
        let ended = sandbox.run(args).expect(0);
        assert_eq!((ended.text().as_str(), ended.stderr.as_str()), (labelled, ""), "{args:?}");
    }
    let found = sandbox.run(["grep", "B", "web"]).expect(0);
    assert_eq!(found.text(), "i-0b 2026-11-20T02:00:00Z: B1\ni-0b 2026-11-20T02:00:00Z: torn B2\n");
    let counted = sandbox.run(["grep", "-c", ".", "web"]).expect(0);
    assert_eq!(counted.text(), "i-0a: 1\ni-0b: 2\n");
}

#[test]
fn numbers_are_missing_where_another_machine_has_them_under_the_same_id() {
    let sandbox = namesakes();
    let ended = sandbox.run(["cat", "web", "db"]).expect(1);
    let told: Vec<_> = ended.stderr.lines().filter(|line| line.contains("nothing is there between")).collect();
    let gap = "db on i-0c, stream aaaaaa: nothing is there between number 1, which ends at 2026-11-20T01:00:00Z, and \
               number 7, which begins at 2026-11-20T06:00:00Z";
    assert_eq!(told, [format!("logferry: {gap}")], "{}", ended.stderr);
}

#[test]
fn by_time_streams_of_the_same_id_alternate() {
    let sandbox = Sandbox::new();
    for (hour, instance, text) in [
        (0, "i-0b", "1\n2 t"),
        (1, "i-0a", "3\n4 t"),
        (2, "i-0b", "orn\n5\n"),
        (3, "i-0a", "orn\n6\n"),
        (4, "i-0b", "7\n"),
    ] {
        let line = format!("web {instance} aaaaaa-{} 20261120T0{hour} 20261120T0{}", hour / 2 + 1, hour + 1);
        plant_in_place(&sandbox, &line, text);
    }
    let ended = sandbox.run(["cat", "web", "--by-time", "--label"]).expect(0);
    let order = "i-0b: 1\ni-0a: 3\ni-0b: 2 torn\ni-0b: 5\ni-0a: 4 torn\ni-0a: 6\ni-0b: 7\n";
    assert_eq!((ended.text().as_str(), ended.stderr.as_str()), (order, ""));
}
