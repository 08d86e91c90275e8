//! Gaps at the edges of the time that is asked for are told as those within it are.

use crate::cat::plant_in_place;
use crate::support::Sandbox;

/// A log of which numbers 2 to 4 are gone, between 19 and 25 November, and another one that is whole.
fn torn() -> Sandbox {
    let sandbox = Sandbox::new();
    for (seq, day) in [(1, 19), (5, 25), (6, 26)] {
        plant_in_place(&sandbox, &format!("web i-0a aaaaaa-{seq} 202611{day}T00 202611{day}T01"), "a line\n");
    }
    for (seq, day) in (19..=26).enumerate() {
        let place = format!("web i-0b bbbbbb-{} 202611{day}T00 202611{day}T01", seq + 1);
        plant_in_place(&sandbox, &place, "a line\n");
    }
    sandbox
}

/// The exit codes of `cat`, `grep` (of what is nowhere), `ls` and `fetch`, and in how many of them a gap is told.
#[track_caller]
fn said(sandbox: &Sandbox, filter: &str) -> ([i32; 4], usize) {
    let into = tempfile::tempdir().expect("a directory");
    let into = into.path().to_str().expect("text");
    let commands = [&["cat"][..], &["grep", "NEEDLE"], &["ls"], &["fetch", "--into", into]];
    let ended = commands.map(|command| {
        let ended = sandbox.run(command.iter().copied().chain(["web"]).chain(filter.split_whitespace()));
        let told = "aaaaaa: nothing is there between number 1, which ends at 2026-11-19T01:00:00Z, and number 5, which begins at \
                    2026-11-25T00:00:00Z";
        let is_told = ended.stderr.contains(told) || ended.stderr.contains("1 gap in the streams that are listed");
        assert!(is_told || !ended.stderr.contains("gap"), "{command:?}: {}", ended.stderr);
        (ended.code, is_told)
    });
    (ended.each_ref().map(|(code, _)| *code), ended.iter().filter(|(_, is_told)| *is_told).count())
}

#[test]
fn a_gap_at_the_edge_of_the_time_asked_for_or_across_it_is_told_and_is_no_answer() {
    let sandbox = torn();
    for (filter, why) in [
        ("", "all there is"),
        ("--since 2026-11-22", "its end"),
        ("--until 2026-11-20", "its beginning"),
        ("--since 2026-11-21 --until 2026-11-22", "nothing else of that stream"),
        ("--since 2026-11-21 --until 2026-11-22 --any-day", "all days listed"),
        ("--since 2026-11-21 --until 2026-11-22 --any-layout", "all layouts listed"),
        ("--since 2026-11-21 --until 2026-11-22 --longest 7d", "as far as a week"),
        ("--since 2026-11-21 --until 2026-11-22 --instance i-0*", "of some machines"),
    ] {
        assert_eq!(said(&sandbox, filter), ([1, 2, 0, 1], 4), "{why}: {filter}");
    }
}

#[test]
fn what_is_missing_elsewhere_is_not_told() {
    let sandbox = torn();
    for (filter, why) in [
        ("--until 2026-11-19T00:30:00Z", "before it"),
        ("--since 2026-11-25T00:30:00Z", "behind it"),
        ("--since 2026-11-21 --until 2026-11-22 --instance i-0b", "of another machine"),
    ] {
        assert_eq!(said(&sandbox, filter), ([0, 1, 0, 0], 0), "{why}: {filter}");
    }
}

#[test]
fn that_nothing_is_there_before_the_first_one_of_a_time_is_told_as_a_beginning_is() {
    let sandbox = Sandbox::new();
    plant_in_place(&sandbox, "web i-0a aaaaaa-7 20261121T05 20261121T06", "a line\n");
    for filter in ["", "--since 2026-11-21", "--until 2026-11-22", "--since 2026-11-21 --longest 1d"] {
        let ended = sandbox.run(["cat", "web"].into_iter().chain(filter.split_whitespace())).expect(0);
        assert!(
            ended.stderr.contains("1 stream begins later than with the first segment"),
            "{filter}: {}",
            ended.stderr
        );
    }
    // It began before the time asked for: what came before is of no interest.
    let ended = sandbox.run(["cat", "web", "--since", "2026-11-21T05:30:00Z"]).expect(0);
    assert_eq!(ended.stderr, "");
}
