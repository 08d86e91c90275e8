//! What is beside the directories of days is found with a time as it is without one.

use super::{Shelves, leaf};

/// Shelves with a segment in each of these directories, all of one hour; and some of other days.
fn shelves() -> Shelves {
    let shelves = Shelves::new();
    let directories = [
        "service=web/dt=2026-11-19",
        "service=web",
        "service=web/2026/11/19",
        "service=web/region=eu/dt=2026-11-19",
        "service=web/dt=unknown",
        // Days of others, before and behind, and what only looks like one.
        "service=web/dt=2026-08-01",
        "service=web/dt=2026-11-25",
        "service=web/dt=2026-11-19-old",
        "service=web/dt=2026-11-3x",
    ];
    for (number, directory) in directories.into_iter().enumerate() {
        let place = format!("{}-1", char::from(b'a' + u8::try_from(number).expect("few")).to_string().repeat(6));
        let leaf = leaf("web", "20261119T000000", "20261119T010000", "i-0abc", &place);
        shelves.put(&format!("{directory}/{leaf}"));
    }
    shelves
}

#[test]
fn what_is_in_the_directory_of_no_day_or_of_another_day_is_listed_with_a_time_too() {
    let shelves = shelves();
    let all = shelves.found("web");
    assert_eq!(all.split(' ').count(), 9, "{all}");
    let times = ["--since 2026-11-19", "--until 2026-11-19", "--since 2026-11-19 --until 2026-11-19"];
    for (time, service) in times.into_iter().flat_map(|time| [(time, "web"), (time, "")]) {
        assert_eq!(shelves.found(&format!("{service} {time}")), all, "{service} {time}");
    }
    let proof = shelves.sandbox.run(["verify", "web", "--since", "2026-11-19", "--until", "2026-11-19"]).expect(0);
    assert!(proof.text().contains("proved: 9 segments in 9 streams"), "{}", proof.text());
    assert_eq!(shelves.found("web --since 2026-11-20 --until 2026-11-30"), "");
}

#[test]
fn whoever_says_how_long_a_segment_lasts_finds_what_is_in_the_directory_of_no_day_too() {
    let shelves = shelves();
    let found = shelves.found("web --since 2026-11-19 --until 2026-11-19 --longest 1d");
    // Not those of days that are months or days away.
    assert_eq!(found, "aaaaaa-1 bbbbbb-1 cccccc-1 dddddd-1 eeeeee-1 hhhhhh-1");
}
