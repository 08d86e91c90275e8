//! Each swap at each point of a run: the run stops itself there, the attacker acts, the run goes on.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::stat::{Mode, SFlag, makedev, mknod};

use super::scene::{Running, Scene, own};
use crate::support::tally::{self, Group, Row};

/// The points before the log has its claimed name.
const BEFORE_THE_CLAIM: [&str; 3] = ["discovered", "opened", "records-durable"];

/// The points at which the claimed name is there.
const CLAIMED: [&str; 9] = [
    "renamed",
    "claimed",
    "claims-durable",
    "part-made",
    "copied",
    "copy-durable",
    "copies-durable",
    "topped-up",
    "before-unlink",
];

/// The points behind the unlink.
const UNLINKED: [&str; 5] = ["unlinked", "in-flight-read", "unlinks-durable", "drained", "sealed"];

const WEB: &str = "what the hostile user's service had to say\n";
const BESIDE: &str = "another log in that directory\n";
const HONEST: &str = "a log in a directory that nobody else may write to\n";
const FOREIGN: &str = "a file of yet another user\n";

/// What the attacker puts in the place of a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Swap {
    Symlink,
    HardLink,
    Fifo,
    Device,
    Directory,
    Socket,
    ForeignFile,
    EmptyFile,
    Nothing,
}

impl Swap {
    const ALL: [Self; 9] = [
        Self::Symlink,
        Self::HardLink,
        Self::Fifo,
        Self::Device,
        Self::Directory,
        Self::Socket,
        Self::ForeignFile,
        Self::EmptyFile,
        Self::Nothing,
    ];

    fn plain(self) -> &'static str {
        match self {
            Self::Symlink => "a symbolic link to a secret",
            Self::HardLink => "a hard link to a secret",
            Self::Fifo => "a FIFO",
            Self::Device => "a device",
            Self::Directory => "a directory",
            Self::Socket => "a socket",
            Self::ForeignFile => "another user's file",
            Self::EmptyFile => "an empty file",
            Self::Nothing => "nothing",
        }
    }

    /// Puts it at a path that is free.
    fn plant(self, scene: &Scene, at: &Path) {
        let secret = scene.path("outside/secret");
        match self {
            Self::Symlink => {
                symlink(secret, at).expect("a link");
                std::os::unix::fs::lchown(at, Some(super::scene::NOBODY), None).expect("chown");
            }
            Self::HardLink => std::fs::hard_link(secret, at).expect("a link"),
            Self::Fifo => nix::unistd::mkfifo(at, Mode::S_IRWXU).expect("a FIFO"),
            Self::Device => mknod(at, SFlag::S_IFCHR, Mode::S_IRWXU, makedev(1, 5)).expect("a device, as root"),
            Self::Directory => std::fs::create_dir(at).expect("a directory"),
            // Too long a path for a socket's address: bound by a short one, then moved.
            Self::Socket => {
                drop(std::os::unix::net::UnixListener::bind(scene.path("s")).expect("a socket"));
                std::fs::rename(scene.path("s"), at).expect("a rename");
            }
            Self::ForeignFile => {
                std::fs::write(at, FOREIGN).expect("a file");
                std::fs::set_permissions(at, PermissionsExt::from_mode(0o600)).expect("chmod");
                std::os::unix::fs::chown(at, Some(1234), Some(1234)).expect("chown");
            }
            Self::EmptyFile => std::fs::write(at, "").expect("a file"),
            Self::Nothing => {}
        }
    }
}

/// A scene with three logs, all of them written before the run.
fn scene() -> Scene {
    let scene = Scene::new();
    scene.write("web.log", WEB);
    // Behind it in the order of names: the first to come to a point is the one that is attacked.
    scene.write("zone.log", BESIDE);
    std::fs::write(scene.path("honest/ok.log"), HONEST).expect("a log");
    scene
}

/// Runs to a point, lets the attacker act, lets the run go on; what it said.
fn attacked(scene: &Scene, point: &str, what: &str, act: impl FnOnce()) -> String {
    let outside = scene.outside();
    let mut run = Running::start(scene, scene.command().env("LOGFERRY_FAULT", format!("stop@{point}#1")));
    assert!(run.stopped(), "{what}: the run never came to its point");
    act();
    run.go_on();
    let (code, said) = run.end();
    assert!([0, 1, 75].contains(&code), "{what}: exit code {code}: {said}");
    assert!(code == 0 || said.contains("web.log"), "{what}: nothing is said of the log: {said}");
    assert_eq!(scene.times_shipped(HONEST), 1, "{what}: the honest log waits: {said}");
    assert_eq!(scene.times_shipped(FOREIGN), 0, "{what}: another user's file was shipped: {said}");
    scene.assert_secret_kept(what);
    // But for the attacker's own links to the secret, which are looked at once he has removed them.
    assert!(scene.outside().keys().eq(outside.keys()), "{what}: what is outside has changed");
    said
}

/// Runs that nobody disturbs: first with what the attacker left in place, then without it. All comes to its end.
fn mended(scene: &Scene, what: &str, before: &super::scene::Snapshot, undo: impl FnOnce()) -> (String, Duration) {
    let (code, with) = scene.run();
    assert!([0, 1, 75].contains(&code), "{what}: exit code {code}: {with}");
    scene.assert_secret_kept(what);
    undo();
    let begun = Instant::now();
    let (code, without) = scene.run();
    let took = begun.elapsed();
    assert_eq!(code, 0, "{what}: what is left does not come to its end: {without}");
    scene.assert_secret_kept(what);
    assert_eq!(&scene.outside(), before, "{what}: what is outside has changed");
    let left = scene.sandbox.files("state/spool");
    assert!(left.is_empty(), "{what}: left in the spool: {left:?}");
    assert_eq!(scene.claimed(), None, "{what}: a claimed file is left");
    assert_eq!(scene.times_shipped(BESIDE), 1, "{what}: the log beside it");
    assert_eq!(scene.times_shipped(HONEST), 1, "{what}: the honest log");
    (with + &without, took)
}

/// Removes what was planted, wherever it may be now.
fn remove_planted(scene: &Scene) {
    use std::os::unix::fs::MetadataExt;
    let secret = std::fs::metadata(scene.path("outside/secret")).expect("the secret").ino();
    for entry in std::fs::read_dir(scene.dir()).expect("the directory").flatten() {
        let is = entry.path().symlink_metadata().expect("its status");
        if is.is_dir() {
            std::fs::remove_dir(entry.path()).expect("an empty directory");
        } else if !is.is_file() || is.ino() == secret || is.uid() == 1234 || is.len() == 0 {
            std::fs::remove_file(entry.path()).expect("a file");
        }
    }
}

/// One swap of the log's name, or of its claimed name, at one point.
fn swap_at(point: &str, swap: Swap, of_claimed: bool) -> Duration {
    let name = if of_claimed { "the claimed name" } else { "the log" };
    let what = format!("{name} replaced by {} at {point}", swap.plain());
    let scene = scene();
    let before = scene.outside();
    let said = attacked(&scene, point, &what, || {
        let target = if of_claimed { scene.claimed().expect("a claimed file") } else { scene.dir().join("web.log") };
        match swap {
            Swap::Nothing => drop(std::fs::remove_file(&target)),
            // It is still there, by another name.
            _ => drop(std::fs::rename(&target, scene.dir().join("moved.log"))),
        }
        swap.plant(&scene, &target);
    });
    let moved = scene.dir().join("moved.log").exists();
    let (more, took) = mended(&scene, &what, &before, || remove_planted(&scene));
    let (said, times) = (said + &more, scene.times_shipped(WEB));
    match (swap, times) {
        (_, 1) => {}
        // The user has removed his own log before it was taken.
        (Swap::Nothing, 0) if BEFORE_THE_CLAIM.contains(&point) || point == "renamed" => {}
        // Between the last look and the unlink there is no way to keep him from moving it: it is told.
        (_, 2) if point == "before-unlink" && moved && said.contains("another hard link") => {}
        _ => panic!("{what}: the log was shipped {times} times: {said}"),
    }
    took
}

fn record(fault: &str, times: usize, slowest: Option<Duration>) {
    tally::record(Group::Users, fault, Row::sound(times as u64, slowest.unwrap_or_default()));
}

#[test]
fn the_log_replaced_before_it_is_claimed_leads_nowhere() {
    for swap in Swap::ALL {
        let slowest = BEFORE_THE_CLAIM.map(|point| swap_at(point, swap, false)).into_iter().max();
        record(&format!("the log replaced by {} before its claim", swap.plain()), BEFORE_THE_CLAIM.len(), slowest);
    }
}

#[test]
fn the_claimed_name_replaced_before_the_unlink_leads_nowhere() {
    for swap in Swap::ALL {
        let slowest = CLAIMED.map(|point| swap_at(point, swap, true)).into_iter().max();
        record(&format!("the claimed name replaced by {}", swap.plain()), CLAIMED.len(), slowest);
    }
}

#[test]
fn what_is_put_where_the_log_was_is_not_mistaken_for_it() {
    for swap in Swap::ALL.into_iter().filter(|swap| *swap != Swap::Nothing) {
        let points = ["claimed", "topped-up"].into_iter().chain(UNLINKED);
        let times: Vec<Duration> = points.map(|point| swap_at(point, swap, false)).collect();
        let fault = format!("{} put where the log was, behind its claim", swap.plain());
        record(&fault, times.len(), times.into_iter().max());
    }
}

#[test]
fn another_hard_link_made_while_the_log_is_taken_is_told() {
    let points = BEFORE_THE_CLAIM.into_iter().chain(CLAIMED);
    let mut slowest = Duration::ZERO;
    for (count, point) in points.enumerate() {
        let what = format!("a second link made at {point}");
        let scene = scene();
        let before = scene.outside();
        let extra = scene.path("srv/extra");
        let said = attacked(&scene, point, &what, || {
            let target = scene.claimed().unwrap_or_else(|| scene.dir().join("web.log"));
            std::fs::hard_link(target, &extra).expect("a link");
        });
        assert!(said.contains("hard link") || said.contains("linked") || point == "claimed", "{what}: {said}");
        let (_, took) = mended(&scene, &what, &before, || drop(std::fs::remove_file(&extra)));
        assert_eq!(scene.times_shipped(WEB), 1, "{what}");
        slowest = slowest.max(took);
        record("another hard link made to the log while it is taken", usize::from(count < 12), Some(slowest));
    }
}

/// What a name stands for: the inode, and how many names it has.
fn inode(path: &Path) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    let is = path.symlink_metadata().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    (is.ino(), is.nlink())
}

#[test]
fn what_is_claimed_in_place_of_the_log_gets_its_name_back() {
    for swap in Swap::ALL.into_iter().filter(|swap| *swap != Swap::Nothing) {
        for point in ["opened", "records-durable"] {
            let what = format!("the log replaced by {} at {point}", swap.plain());
            let (scene, mut planted) = (scene(), (0, 0));
            let log = scene.dir().join("web.log");
            let said = attacked(&scene, point, &what, || {
                std::fs::rename(&log, scene.dir().join("moved.log")).expect("a rename");
                swap.plant(&scene, &log);
                planted = inode(&log);
            });
            assert!(said.contains("web.log: refused: it was replaced"), "{what}: {said}");
            assert_eq!(inode(&log), planted, "{what}: it is not back under its name");
            assert_eq!(scene.claimed(), None, "{what}: it has kept the claimed name");
            // Neither what was planted nor the log that was opened before: that one has another name now.
            assert_eq!(scene.objects().len(), 2, "{what}: only the two other logs may be shipped: {said}");
            assert_eq!(scene.times_shipped(WEB), 0, "{what}: {said}");
            assert!(scene.sandbox.files("state/spool").is_empty(), "{what}: something of it is in the spool");
        }
    }
}

#[test]
fn a_log_that_is_linked_before_its_claim_is_good_is_refused_and_keeps_its_name() {
    // Its writer would not reopen it: the link count would not come to 0.
    for point in ["opened", "records-durable", "renamed"] {
        let what = format!("a second link made at {point}");
        let scene = scene();
        let (log, extra) = (scene.dir().join("web.log"), scene.path("srv/extra"));
        let before = inode(&log);
        let said = attacked(&scene, point, &what, || {
            std::fs::hard_link(scene.claimed().unwrap_or_else(|| log.clone()), &extra).expect("a link");
        });
        assert!(said.contains("web.log: refused: it was replaced or linked while it was claimed"), "{what}: {said}");
        assert_eq!(inode(&log), (before.0, 2), "{what}: the log has lost its name");
        assert_eq!(scene.claimed(), None, "{what}: it has kept the claimed name");
        assert_eq!((scene.objects().len(), scene.times_shipped(WEB)), (2, 0), "{what}: it was shipped: {said}");
        assert!(scene.sandbox.files("state/spool").is_empty(), "{what}: something of it is in the spool");
    }
}

/// Which directory is moved away, and what comes in its place.
#[derive(Clone, Copy)]
enum Moved {
    Log,
    Parent,
}

fn directory_swapped_at(point: &str, moved: Moved, by_link: bool) -> Duration {
    let (dir, outside) = match moved {
        Moved::Log => ("srv/site/log", "outside/log"),
        Moved::Parent => ("srv/site", "outside/site"),
    };
    let what = format!("{dir} swapped at {point}, by a link: {by_link}");
    let scene = scene();
    let before = scene.outside();
    let (dir, away): (PathBuf, PathBuf) = (scene.path(dir), scene.path("srv/away"));
    attacked(&scene, point, &what, || {
        std::fs::rename(&dir, &away).expect("a rename");
        if by_link {
            symlink(scene.path(outside), &dir).expect("a link");
            std::os::unix::fs::lchown(&dir, Some(super::scene::NOBODY), None).expect("chown");
        } else {
            std::fs::create_dir_all(scene.dir()).expect("a directory");
            own(&dir);
            scene.write("web.log", "a decoy\n");
        }
    });
    let (_, took) = mended(&scene, &what, &before, || {
        if by_link {
            std::fs::remove_file(&dir).expect("a link");
        } else {
            std::fs::remove_dir_all(&dir).expect("a directory");
        }
        std::fs::rename(&away, &dir).expect("a rename");
    });
    assert_eq!(scene.times_shipped(WEB), 1, "{what}");
    took
}

#[test]
fn a_directory_swapped_while_its_log_is_taken_leads_nowhere() {
    for (moved, by_link, fault) in [
        (Moved::Log, true, "the log directory swapped for a link to another"),
        (Moved::Log, false, "the log directory swapped for another"),
        (Moved::Parent, true, "the directory above swapped for a link to another"),
        (Moved::Parent, false, "the directory above swapped for another"),
    ] {
        let points = BEFORE_THE_CLAIM.into_iter().chain(CLAIMED).chain(UNLINKED);
        let times: Vec<Duration> = points.map(|point| directory_swapped_at(point, moved, by_link)).collect();
        record(fault, times.len(), times.into_iter().max());
    }
}
