//! What a power loss may leave of a log whose head was being given back.

use std::process::{Command, Stdio};

use logferry::sys::fault::Point;

use super::scene::{Holds, On, Scene, append_lines, lengthen, lines, sizes};
use crate::support::mount::{Format, Mount};
use crate::support::proof;
use crate::support::tally::{self, Group, Row};
use crate::support::{Sandbox, finish};

fn fallocate(scene: &Scene, args: &[&str]) {
    finish(Command::new("fallocate").args(args).arg(scene.log())).quiet();
}

#[test]
fn a_head_that_is_a_hole_and_a_rest_that_was_not_moved() {
    for format in [Format::Ext4, Format::Xfs] {
        let scene = Scene::new(On::Image(format));
        let mut content = String::new();
        append_lines(&scene.log(), &mut content, 0..5000);
        scene.killed_at(Point::HeadGoing);
        let given = (content.len() as u64 - 256) / 4096 * 4096;
        fallocate(&scene, &["-p", "-o", "0", "-l", &given.to_string()]);
        append_lines(&scene.log(), &mut content, 5000..5010);
        scene.run().expect(0);
        assert!(sizes(&scene.log()).1 < 8192, "{:?}", sizes(&scene.log()));
        scene.assert_all(&content);
    }
}

#[test]
fn a_head_that_is_gone_and_a_rest_that_was_moved_only_in_part() {
    for format in [Format::Ext4, Format::Xfs] {
        let scene = Scene::new(On::Image(format));
        let mut content = String::new();
        append_lines(&scene.log(), &mut content, 0..5000);
        scene.killed_at(Point::HeadGone);
        let given = content.len() as u64 - sizes(&scene.log()).1;
        append_lines(&scene.log(), &mut content, 5000..8000);
        fallocate(&scene, &["-i", "-o", "65536", "-l", &given.to_string()]);
        append_lines(&scene.log(), &mut content, 8000..9000);
        scene.run().expect(0);
        scene.assert_all(&content);
    }
}

/// As a kill in the middle of the call leaves it on xfs, too: the head has gone, and the file is not cut to its new length.
#[test]
fn a_head_that_is_gone_and_a_length_that_is_the_old_one() {
    for (format, more) in [(Format::Ext4, 100), (Format::Xfs, 100), (Format::Xfs, 0)] {
        let scene = Scene::new(On::Image(format));
        let mut content = String::new();
        append_lines(&scene.log(), &mut content, 0..5000);
        scene.killed_at(Point::HeadGone);
        let given = content.len() as u64 - sizes(&scene.log()).1;
        append_lines(&scene.log(), &mut content, 5000..5000 + more);
        lengthen(&scene, given);
        for _ in 0..2 {
            scene.run().expect(0);
            scene.assert_joined(content.as_bytes());
        }
        // Its writer goes on at the end that there is: what is between is no byte of the log, however often its head goes.
        for round in 6..9 {
            append_lines(&scene.log(), &mut content, round * 1000..(round + 1) * 1000);
            scene.run().expect(0);
            scene.assert_joined(content.as_bytes());
        }
        assert!(sizes(&scene.log()).1 < 8192, "{format:?}: {:?}", sizes(&scene.log()));
        scene.assert_all(&content);
    }
}

#[test]
fn zeros_that_two_kills_have_left_at_the_end_of_a_log() {
    let scene = Scene::new(On::Image(Format::Xfs));
    let _writer = Holds::open(">>", &scene.log());
    let mut content = String::new();
    append_lines(&scene.log(), &mut content, 0..5000);
    // What is new comes before the zeros: it was written before the head went.
    for new in [5000..6000, 6000..6000] {
        let before = sizes(&scene.log()).1;
        scene.killed_at(Point::HeadGone);
        let given = before - sizes(&scene.log()).1;
        assert!(given > 0, "a head goes each time");
        append_lines(&scene.log(), &mut content, new);
        lengthen(&scene, given);
    }
    scene.run().expect(0);
    append_lines(&scene.log(), &mut content, 8000..9000);
    scene.run().expect(0);
    scene.assert_joined(content.as_bytes());
}

/// The state and the log on a disk that loses all that was not synced.
struct Disk {
    // Unmounted first.
    mount: Option<Mount>,
    sandbox: Sandbox,
    format: Format,
}

impl Disk {
    fn new(format: Format) -> Self {
        let sandbox = Sandbox::new();
        sandbox.config_file("writer = \"holds\"\n");
        let mut disk = Self { mount: None, sandbox, format };
        disk.mount();
        std::fs::create_dir(disk.sandbox.path("disk/log")).expect("a directory");
        disk
    }

    fn mount(&mut self) {
        let (image, at) = (self.sandbox.path("image"), self.sandbox.path("disk"));
        self.mount = Some(Mount::formatted(self.format, &image, &at));
    }

    fn logferry(&self) -> Command {
        let mut run = self.sandbox.logferry();
        run.arg("run").arg(self.sandbox.path("disk/log")).env("LOGFERRY_STATE_DIR", self.sandbox.path("disk/state"));
        run
    }

    /// The power goes: what the file system had not written is gone, its journal too (`XFS_IOC_GOINGDOWN` with
    /// `XFS_FSOP_GOING_FLAGS_NOLOGFLUSH`, which ext4 has as well).
    fn power_loss(&mut self) {
        finish(Command::new("xfs_io").args(["-x", "-c", "shutdown"]).arg(self.sandbox.path("disk"))).expect(0);
        drop(self.mount.take());
        // A copy: the file system that was shut down may live on in a mount namespace of some other test.
        let [image, copy] = ["image", "copy"].map(|name| self.sandbox.path(name));
        finish(Command::new("cp").arg("--sparse=always").args([&image, &copy])).quiet();
        std::fs::rename(copy, image).expect("a rename");
        self.mount();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(self.mount.take());
    }
}

#[test]
fn a_power_loss_at_each_step_loses_and_doubles_nothing_that_was_durable() {
    let points = [Point::CopyDurable, Point::SealRecorded, Point::Sealed, Point::HeadGone, Point::RecordKept];
    let mut cases = 0;
    for format in [Format::Ext4, Format::Xfs] {
        for point in points {
            let mut disk = Disk::new(format);
            let log = disk.sandbox.path("disk/log/web.log");
            let (mut content, mut later) = (String::new(), String::new());
            append_lines(&log, &mut content, 0..3000);
            finish(&mut disk.logferry()).quiet();
            append_lines(&log, &mut content, 3000..6000);
            finish(Command::new("sync").arg("-f").arg(&log)).quiet();
            // Of this nothing is known to be on the disk.
            append_lines(&log, &mut later, 6000..9000);
            let mut run = disk.logferry();
            run.env("LOGFERRY_FAULT", format!("kill@{}", point.name())).stderr(Stdio::null());
            assert_eq!(run.status().expect("it starts").code(), None, "it comes to {}", point.name());
            disk.power_loss();
            // Its writer begins where the file ends now.
            let behind = lines(20_000..20_100);
            super::scene::append(&log, &behind);
            let ended = finish(&mut disk.logferry());
            assert!([0, 1].contains(&ended.code), "{format:?} {}: {ended:?}", point.name());
            finish(&mut disk.logferry()).expect(0);
            let objects = proof::of_directory(&disk.sandbox.path("store"));
            let raw: Vec<u8> =
                proof::streams(objects).into_values().flatten().flat_map(|segment| segment.raw).collect();
            let shipped = String::from_utf8(raw).expect("text");
            let what = format!("{format:?} {}: {} bytes: {}", point.name(), shipped.len(), ended.stderr);
            let durable = shipped.strip_prefix(&content).unwrap_or_else(|| panic!("lost or doubled: {what}"));
            let unsure = durable.strip_suffix(&behind).unwrap_or_else(|| panic!("lost or doubled behind: {what}"));
            // In a block that the log had already, its new length may be durable and its new bytes not (ext4).
            let (unsure, zeros) = (unsure.trim_end_matches('\0'), unsure.len() - unsure.trim_end_matches('\0').len());
            assert!(later.starts_with(unsure) && zeros < 4096, "neither durable nor what was written: {what}");
            cases += 1;
        }
    }
    tally::record(
        Group::Disk,
        "a power loss while a log is taken in its place, ext4 and xfs",
        Row::sound(cases, std::time::Duration::ZERO),
    );
}
