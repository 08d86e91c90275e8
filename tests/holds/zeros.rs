//! Zeros that somebody puts into a log that stays in its place are bytes of the log; those that are left of giving its head back
//! are not (`power.rs`).

use std::process::Command;

use logferry::sys::fault::Point;

use super::scene::{Holds, On, Scene, append, append_lines, lengthen, lines, sizes};
use crate::support::finish;
use crate::support::mount::Format;

const HOLES: &str = "writer = \"holds\"\nholes = true\n";

/// A log of which a run has given the head back, what it had, and how many bytes of it went.
fn taken(scene: &Scene) -> (Vec<u8>, u64) {
    let mut content = String::new();
    append_lines(&scene.log(), &mut content, 0..5000);
    scene.run().quiet();
    let given = content.len() as u64 - sizes(&scene.log()).1;
    (content.into_bytes(), given)
}

/// Runs, has the writer go on with a line, and runs again: all of it must be in the store, and the same once more later.
#[track_caller]
fn assert_shipped(scene: &Scene, mut content: Vec<u8>) {
    scene.run().expect(0);
    for line in ["behind the zeros\n", "and once more\n"] {
        append(&scene.log(), line);
        content.extend(line.as_bytes());
        scene.run().expect(0);
        scene.assert_joined(&content);
    }
    scene.sandbox.nothing_left_behind();
}

fn zeros(content: &mut Vec<u8>, count: u64) {
    content.resize(content.len() + usize::try_from(count).expect("it fits in memory"), 0);
}

#[test]
fn zeros_at_the_end_of_a_log_whose_head_has_gone_are_shipped_also_as_many_as_bytes_went() {
    for (format, is_held) in [(Format::Ext4, true), (Format::Xfs, false)] {
        for more in [100, 3_000_000, 0] {
            let scene = Scene::new(On::Image(format));
            let _writer = is_held.then(|| Holds::open(">>", &scene.log()));
            let (mut content, given) = taken(&scene);
            let count = if more == 0 { given } else { more };
            lengthen(&scene, count);
            zeros(&mut content, count);
            assert_shipped(&scene, content);
        }
    }
}

#[test]
fn a_hole_that_somebody_makes_in_what_is_new_is_shipped_as_zeros() {
    for on in [On::Image(Format::Ext4), On::Image(Format::Xfs)] {
        let scene = Scene::new(on);
        let (mut content, given) = taken(&scene);
        let new = lines(5000..15_000);
        append(&scene.log(), &new);
        let at = 8192 + new.len() as u64 - sizes(&scene.log()).1;
        let range = ["-p", "-o", "8192", "-l", &given.to_string()];
        finish(Command::new("fallocate").args(range).arg(scene.log())).quiet();
        let mut new = new.into_bytes();
        new[usize::try_from(at).expect("small")..][..usize::try_from(given).expect("small")].fill(0);
        content.extend(new);
        assert_shipped(&scene, content);
    }
}

/// The run was killed behind the call: nobody knows whether that went to its end.
#[test]
fn zeros_of_another_number_are_shipped_where_a_run_was_killed_behind_the_call() {
    for more in [-4096, -1, 1, 4096] {
        let scene = Scene::new(On::Image(Format::Xfs));
        let mut content = String::new();
        append_lines(&scene.log(), &mut content, 0..5000);
        scene.killed_at(Point::HeadGone);
        let given = content.len() as u64 - sizes(&scene.log()).1;
        let count = given.checked_add_signed(more).expect("some");
        lengthen(&scene, count);
        let mut content = content.into_bytes();
        zeros(&mut content, count);
        assert_shipped(&scene, content);
    }
}

#[test]
fn the_run_after_a_killed_one_settles_that_nothing_was_cut_short() {
    let scene = Scene::new(On::Image(Format::Xfs));
    let mut content = String::new();
    append_lines(&scene.log(), &mut content, 0..5000);
    scene.killed_at(Point::HeadGone);
    let given = content.len() as u64 - sizes(&scene.log()).1;
    scene.run().expect(0);
    lengthen(&scene, given);
    let mut content = content.into_bytes();
    zeros(&mut content, given);
    assert_shipped(&scene, content);
}

/// Of a call that returned before the system was started anew nobody knows what was on the disk then.
#[test]
fn zeros_that_a_power_loss_can_have_left_are_no_bytes_of_the_log() {
    for damage in ["", "{\"segment\":"] {
        let scene = Scene::new(On::Image(Format::Xfs));
        let (mut content, given) = taken(&scene);
        let notes = scene.sandbox.files("state/given");
        assert_eq!(notes.len(), 1, "{notes:?}");
        let text = std::fs::read_to_string(&notes[0]).expect("a note");
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").expect("an id");
        let another = text.replace(boot.trim(), "00000000-0000-0000-0000-000000000000");
        assert_ne!(text, another, "it says the boot");
        std::fs::write(&notes[0], if damage.is_empty() { &another } else { damage }).expect("a note");
        lengthen(&scene, given);
        append(&scene.log(), "behind them\n");
        content.extend(b"behind them\n");
        assert_shipped(&scene, content);
    }
}

#[test]
fn zeros_that_somebody_puts_into_a_log_with_a_hole_are_shipped() {
    for on in [On::Memory, On::Image(Format::Ext4WithoutExtents), On::Image(Format::Ext3)] {
        let scene = Scene::with(on, HOLES);
        let mut content = String::new();
        append_lines(&scene.log(), &mut content, 0..5000);
        scene.run().quiet();
        assert!(sizes(&scene.log()).0 < content.len() as u64, "{on:?}: there is a hole of ours");
        let new = lines(5000..8000);
        append(&scene.log(), &new);
        let (mut content, mut new) = (content.into_bytes(), new.into_bytes());
        let at = content.len().next_multiple_of(4096);
        let range = ["-p", "-o", &at.to_string(), "-l", "8192"];
        finish(Command::new("fallocate").args(range).arg(scene.log())).quiet();
        new[at - content.len()..][..8192].fill(0);
        content.extend(new);
        lengthen(&scene, 300_000);
        zeros(&mut content, 300_000);
        assert_shipped(&scene, content);
    }
}
