//! Real writers at full speed, over a hundred rotations.

use std::collections::BTreeMap;

use super::restarted::Restarted;
use super::scene::{On, Scene, sizes};
use super::shells::Shells;
use crate::support::mount::Format;
use crate::support::proof::{self, Comparison, Content, Stored};

/// How often the logs of a test are taken, unless `LOGFERRY_ROTATIONS` says another number.
const ROTATIONS: usize = 100;

/// Lines that a shell writes in a row: a burst takes about as long as a run, so that most runs come in the middle of one.
const BURST: u32 = 60;

/// What a log may still have on the disk when all of it is in the store: blocks that are alike, and the last one.
const MOST_THAT_STAYS: u64 = 16 * 1024;

/// A service's bytes, its segments joined.
fn joined(objects: Vec<Stored>) -> BTreeMap<String, Vec<u8>> {
    let mut logs: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for (stream, segments) in proof::streams(objects) {
        let service = segments[0].says("service").to_owned();
        assert!(!logs.contains_key(&service), "{service} has another stream: {stream}");
        logs.insert(service, segments.into_iter().flat_map(|segment| segment.raw).collect());
    }
    logs
}

fn rotated_at_full_speed(on: On, configuration: &str) {
    let rotations = std::env::var("LOGFERRY_ROTATIONS").map_or(ROTATIONS, |number| number.parse().expect("a number"));
    let scene = Scene::with(on, configuration);
    let [one, many, restarted] = ["one.log", "many.log", "restarted.log"].map(|name| scene.sandbox.log(name));
    let mut shells = Shells::new(scene.sandbox.path("scratch"), BURST);
    shells.start("a", &one);
    for name in ["b", "c", "d", "e"] {
        shells.start(name, &many);
    }
    let service = Restarted::start(&restarted);
    for _ in 0..rotations {
        let ended = scene.run().expect(0);
        assert_eq!(ended.stderr, "");
    }
    shells.stop();
    let (said, lives, cut) = service.stop();
    scene.run().quiet();
    scene.sandbox.nothing_left_behind();
    let (of_restarted, of_shells): (Vec<Stored>, Vec<Stored>) =
        scene.objects().into_iter().partition(|object| object.says("service") == "restarted");
    let taken = of_restarted.len() + of_shells.len();
    assert!(taken >= 2 * rotations, "{taken} segments");
    let compared = proof::compare_all(of_restarted, &[Content::new("restarted", said.as_slice())]);
    assert_eq!(compared, Comparison::default());
    let logs = joined(of_shells);
    let lines = shells.assert_all(&["a"], &logs["one"]) + shells.assert_all(&["b", "c", "d", "e"], &logs["many"]);
    for (log, written) in [(one, logs["one"].len()), (many, logs["many"].len()), (restarted, said.len())] {
        let (on_disk, _) = sizes(&log);
        assert!(written as u64 > 4 * MOST_THAT_STAYS, "{}: only {written} bytes were written", log.display());
        assert!(on_disk <= MOST_THAT_STAYS, "{}: of {written} bytes {on_disk} are still on the disk", log.display());
    }
    println!("tally: {on:?}: {rotations} rotations in place, {lines} lines; {lives} lives, {cut} cut short in a write");
}

#[test]
fn writers_at_full_speed_that_never_let_go_on_ext4() {
    rotated_at_full_speed(On::Image(Format::Ext4), "writer = \"holds\"\n");
}

#[test]
fn writers_at_full_speed_that_never_let_go_on_xfs() {
    rotated_at_full_speed(On::Image(Format::Xfs), "writer = \"holds\"\n");
}

#[test]
fn writers_at_full_speed_that_never_let_go_on_overlayfs() {
    rotated_at_full_speed(On::Overlay, "writer = \"holds\"\n");
}

#[test]
fn writers_at_full_speed_that_never_let_go_on_tmpfs_with_holes() {
    rotated_at_full_speed(On::Memory, "writer = \"holds\"\nholes = true\n");
}

#[test]
fn writers_at_full_speed_that_never_let_go_on_ext3_with_holes() {
    rotated_at_full_speed(On::Image(Format::Ext3), "writer = \"holds\"\nholes = true\n");
}
