//! What is given back, and what stays.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use logferry::sys::fault::Point;

use super::scene::{Holds, On, Scene, append, append_lines, sizes};
use crate::support::mount::Format;
use crate::support::proof;

#[test]
fn space_is_given_back_on_each_file_system_that_can_and_the_writer_goes_on() {
    for (on, most) in [
        (On::Image(Format::Ext4), 8192),
        (On::Image(Format::Xfs), 8192),
        (On::Overlay, 8192),
        // In clusters.
        (On::Image(Format::Ext4Bigalloc), 2 * 65536),
    ] {
        let scene = Scene::new(on);
        let _writer = Holds::open(">>", &scene.log());
        let mut content = String::new();
        for round in 0..4 {
            append_lines(&scene.log(), &mut content, round * 5000..(round + 1) * 5000);
            scene.run().quiet();
            let (allocated, size) = sizes(&scene.log());
            assert!(size < most && allocated <= most, "{on:?}: {size}, {allocated}");
        }
        scene.run().quiet();
        scene.assert_all(&content);
        assert_eq!(scene.objects().len(), 4, "{on:?}");
    }
}

#[test]
fn owner_and_mode_stay_and_times_join() {
    let scene = Scene::new(On::Image(Format::Ext4));
    let mut content = String::new();
    append_lines(&scene.log(), &mut content, 0..1000);
    std::fs::set_permissions(scene.log(), std::fs::Permissions::from_mode(0o640)).expect("a mode");
    std::os::unix::fs::chown(scene.log(), Some(1234), Some(4321)).expect("an owner");
    let inode = std::fs::metadata(scene.log()).expect("a log").ino();
    scene.run().quiet();
    append_lines(&scene.log(), &mut content, 1000..2000);
    scene.run().quiet();
    let log = std::fs::metadata(scene.log()).expect("a log");
    assert_eq!((log.uid(), log.gid(), log.mode() & 0o7777, log.ino()), (1234, 4321, 0o640, inode));
    scene.assert_all(&content);
    let mut objects = scene.objects();
    objects.sort_by_key(|object| object.number("seq"));
    assert_eq!(objects[1].says("first"), objects[0].says("last"));
    assert_eq!([objects[0].says("ended"), objects[1].says("ended")], ["continued", "continued"]);
}

#[test]
fn a_hole_is_punched_where_that_is_allowed_and_the_log_keeps_its_length() {
    for on in [On::Memory, On::Image(Format::Ext4WithoutExtents)] {
        let scene = Scene::with(on, "writer = \"holds\"\nholes = true\n");
        let _writer = Holds::open(">>", &scene.log());
        let mut content = String::new();
        for round in 0..4 {
            append_lines(&scene.log(), &mut content, round * 5000..(round + 1) * 5000);
            scene.run().quiet();
            let (allocated, size) = sizes(&scene.log());
            assert_eq!(size, content.len() as u64, "{on:?}");
            assert!(allocated <= 16384, "{on:?}: {allocated}");
        }
        scene.run().quiet();
        scene.assert_all(&content);
    }
}

#[test]
fn a_line_that_is_being_written_waits_until_it_is_whole_or_nobody_writes() {
    let scene = Scene::new(On::Image(Format::Ext4));
    let writer = Holds::open(">>", &scene.log());
    append(&scene.log(), "one\ntwo\nthr");
    scene.run().quiet();
    scene.assert_all("one\ntwo\n");
    scene.run().quiet();
    assert_eq!(scene.objects().len(), 1);
    append(&scene.log(), "ee\nfo");
    scene.run().quiet();
    scene.assert_all("one\ntwo\nthree\n");
    drop(writer);
    scene.run().quiet();
    scene.assert_all("one\ntwo\nthree\nfo");
}

#[test]
fn blocks_that_are_all_alike_are_taken_once_and_said_to_stay() {
    let scene = Scene::new(On::Image(Format::Ext4));
    let _writer = Holds::open(">>", &scene.log());
    let tick = "tick, and nothing else to say..\n".repeat(1000);
    for round in 1..4 {
        append(&scene.log(), &tick);
        let run = ["run".into(), "-v".into(), scene.sandbox.path("log").into_os_string()];
        let ended = scene.sandbox.run(run).expect(0);
        assert!(ended.stderr.contains("its blocks are alike"), "{}", ended.stderr);
        let raw = scene.joined();
        assert!(raw == tick.repeat(round).into_bytes(), "{} bytes after {round}", raw.len());
    }
    append(&scene.log(), "at last something else\n");
    append(&scene.log(), &tick);
    scene.run().quiet();
    assert!(sizes(&scene.log()).1 < 64_000, "{:?}", sizes(&scene.log()));
}

#[test]
fn what_stays_in_the_file_is_not_taken_again_for_another_store() {
    let scene = Scene::new(On::Image(Format::Ext4));
    let (mut first, mut second) = (String::new(), String::new());
    append_lines(&scene.log(), &mut first, 0..1000);
    scene.run().quiet();
    append_lines(&scene.log(), &mut second, 1000..2000);
    std::fs::create_dir(scene.sandbox.path("other")).expect("a directory");
    let to = format!("file://{}", scene.sandbox.path("other").display());
    scene.sandbox.run(["run".into(), "--to".into(), to.into(), scene.sandbox.path("log").into_os_string()]).quiet();
    scene.assert_all(&first);
    let other = proof::of_directory(&scene.sandbox.path("other"));
    assert_eq!(other.len(), 1);
    assert!(other[0].raw == second.as_bytes(), "{}", String::from_utf8_lossy(&other[0].raw[..100]));
    // And back again.
    append_lines(&scene.log(), &mut first, 2000..3000);
    scene.run().quiet();
    scene.assert_all(&first);
}

#[test]
fn a_run_that_was_killed_before_the_head_went_leaves_it_to_the_next() {
    for (point, is_there) in [(Point::Sealed, true), (Point::HeadGoing, true), (Point::HeadGone, false)] {
        let scene = Scene::new(On::Image(Format::Xfs));
        let _writer = Holds::open(">>", &scene.log());
        let mut content = String::new();
        append_lines(&scene.log(), &mut content, 0..5000);
        scene.killed_at(point);
        assert_eq!(sizes(&scene.log()).1 == content.len() as u64, is_there, "{}", point.name());
        // Also where nothing new has come.
        scene.run().expect(0);
        assert!(sizes(&scene.log()).1 < 8192, "{}", point.name());
        append_lines(&scene.log(), &mut content, 5000..5100);
        scene.run().quiet();
        scene.assert_all(&content);
    }
}
