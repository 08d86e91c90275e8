//! Others who truncate, rewrite or rename a log that stays in its place.

use std::fs::File;

use logferry::sys::fault::Point;

use super::scene::{Holds, On, Scene, append, append_lines, lines, sizes};
use crate::support::mount::Format;

const EXT4: On = On::Image(Format::Ext4);

fn truncate(scene: &Scene) {
    File::options().write(true).truncate(true).open(scene.log()).expect("a log");
}

/// All that the store has of the log, in order.
fn shipped(scene: &Scene) -> String {
    String::from_utf8(scene.joined()).expect("text")
}

#[test]
fn a_log_that_its_owner_empties_between_runs_is_taken_from_its_start_and_that_is_said() {
    for more in [3, 5000] {
        let scene = Scene::new(EXT4);
        let _writer = Holds::open(">>", &scene.log());
        let mut content = String::new();
        append_lines(&scene.log(), &mut content, 0..1000);
        scene.run().quiet();
        truncate(&scene);
        // Shorter than what had stayed of it, or longer.
        append_lines(&scene.log(), &mut content, 7000..7000 + more);
        let ended = scene.run().expect(0);
        assert!(ended.stderr.contains("truncated or written anew by someone else"), "{}", ended.stderr);
        scene.assert_all(&content);
        append_lines(&scene.log(), &mut content, 20_000..20_100);
        scene.run().quiet();
        scene.assert_all(&content);
    }
}

#[test]
fn a_log_that_is_emptied_while_it_is_copied_loses_nothing_of_what_was_read() {
    let scene = Scene::new(EXT4);
    let _writer = Holds::open(">>", &scene.log());
    let mut content = String::new();
    append_lines(&scene.log(), &mut content, 0..1000);
    let run = scene.stopped_at(Point::CopyDurable);
    truncate(&scene);
    append_lines(&scene.log(), &mut content, 5000..9000);
    let ended = run.go_on().expect(1);
    assert!(ended.stderr.contains("truncated by someone else while it was copied"), "{}", ended.stderr);
    assert_eq!(sizes(&scene.log()).1, lines(5000..9000).len() as u64, "nothing new went");
    scene.run().expect(0);
    scene.assert_all(&content);
}

#[test]
fn a_log_that_is_emptied_before_its_head_goes_keeps_what_is_new() {
    for point in [Point::Sealed, Point::HeadGoing] {
        let scene = Scene::new(EXT4);
        let _writer = Holds::open(">>", &scene.log());
        let mut content = String::new();
        append_lines(&scene.log(), &mut content, 0..5000);
        scene.killed_at(point);
        truncate(&scene);
        append_lines(&scene.log(), &mut content, 9000..9500);
        let ended = scene.run().expect(0);
        assert!(ended.stderr.contains("truncated or written anew by someone else"), "{}", ended.stderr);
        assert_eq!(shipped(&scene), content, "{}", point.name());
    }
}

#[test]
fn a_log_that_is_replaced_is_another_one() {
    let scene = Scene::new(EXT4);
    let mut content = String::new();
    append_lines(&scene.log(), &mut content, 0..1000);
    scene.run().quiet();
    let new = scene.sandbox.log(".new");
    append(&new, &lines(1000..1005));
    content.push_str(&lines(1000..1005));
    std::fs::rename(&new, scene.log()).expect("a rename");
    let ended = scene.run().expect(0);
    assert!(
        ended.stderr.contains("not known to be complete"),
        "what the one before got since is gone: {}",
        ended.stderr
    );
    scene.run().quiet();
    scene.assert_all(&content);
}

#[test]
fn a_log_that_is_deleted_after_it_was_copied_is_kept_and_doubted() {
    let scene = Scene::new(EXT4);
    let mut content = String::new();
    append_lines(&scene.log(), &mut content, 0..1000);
    scene.killed_at(Point::CopyDurable);
    std::fs::remove_file(scene.log()).expect("a log");
    let ended = scene.run().expect(0);
    assert!(
        ended.stderr.contains("was cut short") && ended.stderr.contains("not known to be complete"),
        "{}",
        ended.stderr
    );
    scene.assert_all(&content);
}
