//! What a power loss may leave of a log whose head was being given back.

use std::fs::File;
use std::process::{Command, Stdio};

use logferry::sys::fault::Point;

use super::scene::{On, Scene, append_lines, lines, sizes};
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
        let run = scene.stopped_at(Point::HeadGoing);
        append_lines(&scene.log(), &mut content, 5000..8000);
        run.go_on().expect(0);
        let given = content.len() as u64 - sizes(&scene.log()).1;
        fallocate(&scene, &["-i", "-o", "65536", "-l", &given.to_string()]);
        append_lines(&scene.log(), &mut content, 8000..9000);
        scene.run().expect(0);
        scene.assert_all(&content);
    }
}

#[test]
fn a_head_that_is_gone_and_a_length_that_is_the_old_one() {
    for format in [Format::Ext4, Format::Xfs] {
        let scene = Scene::new(On::Image(format));
        let mut content = String::new();
        append_lines(&scene.log(), &mut content, 0..5000);
        scene.run().quiet();
        append_lines(&scene.log(), &mut content, 5000..5100);
        let log = File::options().write(true).open(scene.log()).expect("a log");
        log.set_len(sizes(&scene.log()).1 + 225_280).expect("a longer one");
        drop(log);
        for _ in 0..2 {
            scene.run().expect(0);
            scene.assert_all(&content);
        }
        // Its writer goes on at the end that there is. Where it was in the middle of a block the rest of that is zeros.
        append_lines(&scene.log(), &mut content, 5100..5200);
        scene.run().expect(0);
        let raw: Vec<u8> =
            proof::streams(scene.objects()).into_values().flatten().flat_map(|segment| segment.raw).collect();
        let zeros = raw.iter().filter(|&&byte| byte == 0).count();
        assert!(zeros <= 4096, "{format:?}: {zeros} zeros");
        let written: Vec<u8> = raw.into_iter().filter(|&byte| byte != 0).collect();
        assert!(written == content.as_bytes(), "{format:?}: {} bytes of {}", written.len(), content.len());
    }
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
