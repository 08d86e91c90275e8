//! A clock that was set back while a machine logged: what was written between two segments is read between them.

use super::plant_in_place;
use crate::support::Sandbox;

#[test]
fn a_segment_that_a_clock_dates_elsewhere_is_read_between_its_neighbours() {
    let sandbox = Sandbox::new();
    plant_in_place(&sandbox, "web i-0a aaaaaa-1 20261120T00 20261120T01", "one\n");
    plant_in_place(&sandbox, "web i-0a aaaaaa-2 20260101T00 20260101T01", "two\n");
    plant_in_place(&sandbox, "web i-0a aaaaaa-3 20261120T02 20261120T03", "three\n");
    // Of the same day, and of no time that is asked for.
    plant_in_place(&sandbox, "web i-0b aaaaaa-2 20260101T00 20260101T01", "of another\n");
    for args in [
        &["cat", "web", "--since", "2026-11-19"][..],
        &["cat", "web", "--since", "2026-11-19", "--any-day"],
        &["cat", "web", "--since", "2026-11-19", "--until", "2026-11-20", "--any-layout"],
        &["cat", "web", "--since", "2026-11-19", "--host", "host-of-i-0a"],
    ] {
        let ended = sandbox.run(args).expect(0);
        assert_eq!((ended.text().as_str(), ended.stderr.as_str()), ("one\ntwo\nthree\n", ""), "{args:?}");
    }
    sandbox.run(["grep", "nowhere", "web", "--since", "2026-11-19"]).expect(1);
    // What is not between others is of the time that its name says.
    assert_eq!(sandbox.run(["cat", "web", "--since", "2026-11-20T02:30:00Z"]).expect(0).text(), "three\n");
}

#[test]
fn numbers_that_are_nowhere_are_told_with_whose_they_are_and_when() {
    let sandbox = Sandbox::new();
    plant_in_place(&sandbox, "web i-0a aaaaaa-1 20261120T00 20261120T01", "one\n");
    plant_in_place(&sandbox, "web i-0a aaaaaa-4 20261120T02 20261120T03", "four\n");
    let ended = sandbox.run(["cat", "web", "--since", "2026-11-19"]).expect(1);
    let told = "web on i-0a, stream aaaaaa: nothing is there between number 1, which ends at 2026-11-20T01:00:00Z, and \
                number 4, which begins at 2026-11-20T02:00:00Z";
    assert!(ended.stderr.contains(told), "{}", ended.stderr);
}
