//! Logs that are shipped as zstd, with runs killed at each point; and the format that changes between two runs.

use std::path::Path;

use super::*;

/// What a configuration says that wants zstd.
const ZSTD: &str = "format = \"zstd\"\n";

fn configured(place: &Place, format: &str) {
    place.sandbox.config_file(&format!("{SETTLE}{format}"));
}

/// A silent writer that holds its logs, which are shipped as zstd.
fn idle_as_zstd(place: &Place) -> Actors {
    configured(place, ZSTD);
    idle(place)
}

/// Segments that are shipped as zstd and are to stay.
fn keeping_as_zstd(place: &Place) -> Actors {
    configured(place, &format!("{ZSTD}keep = \"24h\"\n"));
    closed(place)
}

/// Logs of which the copies were durable, and the last bytes were not, when the power went.
fn shortened_as_zstd(place: &Place) -> Actors {
    configured(place, ZSTD);
    shortened(place)
}

/// A seal that a power loss has undone.
fn unsealed_as_zstd(place: &Place) -> Actors {
    configured(place, ZSTD);
    unsealed(place)
}

const SCENES: &[Scene] = &[
    Scene { name: "a silent writer, as zstd", store: Store::S3, exit: 0, prepare: idle_as_zstd },
    // It is known by this name that all of them must be there.
    Scene { name: "segments that stay", store: Store::Directory, exit: 0, prepare: keeping_as_zstd },
    Scene {
        name: "a log cut short by a power loss, as zstd",
        store: Store::Directory,
        exit: 0,
        prepare: shortened_as_zstd,
    },
    Scene { name: "a seal that was undone, as zstd", store: Store::Directory, exit: 0, prepare: unsealed_as_zstd },
];

#[test]
fn killed_at_every_point_nothing_of_a_log_that_is_shipped_as_zstd_is_lost_or_doubled() {
    for scene in SCENES {
        let (points, _) = points_of(scene, None);
        let Walked { cases, slowest, .. } = walk(scene, None, &points, 1);
        let name = format!("killed at each point: {}", scene.name.replace("that stay", "that stay, as zstd"));
        tally::record(Group::Crashes, &name, Row::sound(cases, slowest));
    }
}

/// What the objects of a store are called at their ends, and how they have ended.
fn endings(place: &Place) -> BTreeSet<(String, String)> {
    let ending = |object: &proof::Stored| {
        let format = Path::new(&object.key).extension().expect("a key has one").to_string_lossy().into_owned();
        (format, object.says("ended").to_owned())
    };
    place.objects().iter().map(ending).collect()
}

#[test]
fn a_format_that_changes_between_a_crash_and_the_next_run_does_no_harm() {
    let mut seen = BTreeSet::new();
    for (before, after) in [(ZSTD, ""), ("", ZSTD)] {
        let scene = Scene { name: "a change of format", store: Store::Directory, exit: 0, prepare: idle };
        let (points, _) = points_of(&scene, None);
        for point in points.keys() {
            let place = Place::new(scene.store);
            configured(&place, before);
            let actors = idle(&place);
            assert!(place.run_ordered(&format!("kill@{point}")), "{point} was not reached");
            configured(&place, after);
            let ended = place.run().expect(0);
            let contents = actors.stop();
            place.run().expect(0);
            let comparison = proof::compare_all(place.objects(), &contents);
            assert_eq!((comparison.lost, comparison.doubled), (0, 0), "{before:?}, {point}: {comparison:?}, {ended:?}");
            place.sandbox.nothing_left_behind();
            seen.extend(endings(&place));
        }
    }
    // What was salvaged by a run that wanted the other format, of either of them.
    for format in ["gz", "zst"] {
        assert!(seen.contains(&(format.to_owned(), "interrupted".to_owned())), "{seen:?}");
    }
}
