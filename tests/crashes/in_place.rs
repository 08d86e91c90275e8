//! Scenes of logs that are taken in their place, on file systems of their own.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use super::{Actors, Place};
use crate::support::mount::{Format, Mount};
use crate::support::proof::Content;
use crate::support::{Writer, finish};

/// The user says that logs stay in their place.
const IN_PLACE: &str = "writer = \"holds\"\n";

pub(super) fn ext4(place: &Place) -> Actors {
    at_full_speed(place, |place| on(place, Format::Ext4, IN_PLACE))
}

pub(super) fn xfs(place: &Place) -> Actors {
    at_full_speed(place, |place| on(place, Format::Xfs, IN_PLACE))
}

/// Nobody says anything of writers.
pub(super) fn by_auto(place: &Place) -> Actors {
    at_full_speed(place, |place| on(place, Format::Ext4, ""))
}

pub(super) fn overlayfs(place: &Place) -> Actors {
    at_full_speed(place, |place| {
        place.sandbox.config_file_verbatim(IN_PLACE);
        let below = place.sandbox.path("below");
        mount(place, Mount::formatted(Format::Ext4, &place.sandbox.path("image"), &below));
        mount(place, Mount::overlay(&below, &place.sandbox.path("log")));
    })
}

/// Where the head of a file can't be taken away, it becomes a hole.
pub(super) fn hole(place: &Place) -> Actors {
    at_full_speed(place, |place| {
        place.sandbox.config_file_verbatim(&format!("{IN_PLACE}holes = true\n"));
        mount(place, Mount::in_memory(&place.sandbox.path("log"), "size=64m"));
    })
}

/// Has logs in a file system of that kind.
fn on(place: &Place, format: Format, configuration: &str) {
    place.sandbox.config_file_verbatim(configuration);
    mount(place, Mount::formatted(format, &place.sandbox.path("image"), &place.sandbox.path("log")));
    // Nothing else is in the directory of the logs.
    let _ = std::fs::remove_dir(place.sandbox.log("lost+found"));
}

fn mount(place: &Place, mount: Mount) {
    place.mounts.borrow_mut().push(mount);
}

/// A writer that never lets go, in bursts at full speed, of a log that a run has taken once already.
fn at_full_speed(place: &Place, prepare: fn(&Place)) -> Actors {
    prepare(place);
    let args = [
        "--never-reopens",
        "--writes-of",
        "80,4096,70000",
        "--burst",
        "300000",
        "--every",
        "10",
        "--idle-after",
        "9000000",
    ];
    let writer = Writer::start(&place.sandbox, &args, &[place.sandbox.log("web.log")]);
    place.run().expect(0);
    Actors { writer: Some(writer), fixed: Vec::new() }
}

/// Clusters that are larger than blocks; and a hole behind the place where the head has gone, as a power loss leaves it when
/// the rest was not moved up yet.
pub(super) fn half_gone(place: &Place) -> Actors {
    on(place, Format::Ext4Bigalloc, IN_PLACE);
    let lines = |from: u32, to: u32| (from..to).map(|n| format!("{n:08} what a service says\n")).collect::<String>();
    let (log, first, second) = (place.sandbox.log("web.log"), lines(0, 10_000), lines(10_000, 20_000));
    std::fs::write(&log, &first).expect("a log");
    assert!(place.run_ordered("kill@head-gone"), "the head goes");
    let given = first.len() as u64 - std::fs::metadata(&log).expect("a log").len();
    append(&log, &second);
    insert_hole(&log, 128 << 10, given);
    Actors::nobody(vec![Content::new("web", first + &second)])
}

/// A log that was renamed and compressed since it was taken in its place, one that came after it and was renamed too, and the one
/// that is there now. All of them begin alike.
pub(super) fn rotated_by_its_writer(place: &Place) -> Actors {
    on(place, Format::Ext4, IN_PLACE);
    let lines = |from: u32, to: u32| (from..to).map(|n| format!("{n:08} what a service says\n")).collect::<String>();
    let banner = (0..200).map(|n| format!("option {n:04} = what it is by default\n")).collect::<String>();
    let (log, dir) = (place.sandbox.log("web.log"), place.sandbox.path("log"));
    let first = |from: u32, to: u32| banner.clone() + &lines(from, to);
    append_new(&log, &first(0, 3000));
    place.run().expect(0);
    append(&log, &lines(3000, 4000));
    std::fs::rename(&log, dir.join("web.log.2")).expect("a rename");
    finish(Command::new("gzip").arg(dir.join("web.log.2"))).quiet();
    append_new(&log, &first(4000, 5000));
    std::fs::rename(&log, dir.join("web.log.1")).expect("a rename");
    append_new(&log, &first(5000, 5100));
    Actors::nobody(vec![Content::new("web", first(0, 4000) + &first(4000, 5000) + &first(5000, 5100))])
}

/// A log that was deleted since it was taken in its place, and the one that is there now; one that was renamed after all of it was
/// taken; and one that has got another name, which it keeps.
pub(super) fn deleted(place: &Place) -> Actors {
    on(place, Format::Ext4, IN_PLACE);
    let names = ["web", "job", "app"];
    let log = |name: &str| place.sandbox.log(format!("{name}.log"));
    names.iter().for_each(|name| append_new(&log(name), "one\n"));
    place.run().expect(0);
    std::fs::remove_file(log("web")).expect("a log");
    std::fs::rename(log("job"), place.sandbox.log("job.log.1")).expect("a rename");
    append(&log("app"), "two\n");
    std::fs::rename(log("app"), place.sandbox.log("app.log.saved")).expect("a rename");
    names.iter().for_each(|name| append_new(&log(name), "three\n"));
    let contents = [("web", "one\nthree\n"), ("job", "one\nthree\n"), ("app", "one\ntwo\nthree\n")];
    Actors::nobody(contents.map(|(name, content)| Content::new(name, content)).into())
}

fn append_new(log: &Path, text: &str) {
    std::fs::write(log, text).expect("a log");
}

fn append(log: &Path, text: &str) {
    File::options().append(true).open(log).and_then(|mut log| log.write_all(text.as_bytes())).expect("it is written");
}

fn insert_hole(log: &Path, at: u64, length: u64) {
    assert!(length > 0, "nothing was given back");
    let [at, length] = [at, length].map(|bytes| bytes.to_string());
    finish(Command::new("fallocate").args(["-i", "-o", &at, "-l", &length]).arg(log)).quiet();
}
