//! Runs killed at every named point between two durable steps, in every scene that leads there; and a soak.
//!
//! A scene is what a run finds: a log under a writer at full speed, a silent one, what an earlier run left when it was
//! killed itself. A first, undisturbed run of the scene tells which points it comes to; then the scene is made anew for
//! each of them, the run is killed there, and the runs that follow must bring all to its end: byte-exact, no gap, no
//! overlap, no object twice, nothing left behind. A point that no scene leads to fails the test.

mod formats;
mod in_place;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use logferry::sys::fault::Point;
use sha2::Digest as _;

use crate::support::mount::Mount;
use crate::support::proof::{self, Comparison, Content};
use crate::support::tally::{self, Group, Row};
use crate::support::{Bucket, Ended, Sandbox, Writer, finish};

/// The most occurrences of one point that are tried in a scene.
const MOST_OCCURRENCES: usize = 5;

/// The points that killed runs have come to.
const KILLED: &str = "killed";

/// How long a log is silent before it is taken for settled.
const SETTLE: &str = "settle = \"30ms\"\n";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Store {
    Directory,
    S3,
}

/// A sandbox with a store.
struct Place {
    /// Unmounted, the last one first, before the sandbox is removed.
    mounts: RefCell<Vec<Mount>>,
    sandbox: Sandbox,
    bucket: Option<Bucket>,
}

impl Drop for Place {
    fn drop(&mut self) {
        while self.mounts.borrow_mut().pop().is_some() {}
    }
}

impl Place {
    fn new(store: Store) -> Self {
        Self::of(Sandbox::reopening(), store)
    }

    fn of(sandbox: Sandbox, store: Store) -> Self {
        sandbox.config_file(SETTLE);
        let bucket = (store == Store::S3).then(|| Bucket::new(&sandbox));
        Self { mounts: RefCell::default(), sandbox, bucket }
    }

    fn command(&self) -> Command {
        let mut command = self.sandbox.logferry();
        command.envs(self.bucket.iter().flat_map(Bucket::env));
        command
    }

    fn run(&self) -> Ended {
        finish(self.command().arg("run").arg(self.sandbox.path("log")))
    }

    /// A run with an order; whether it was killed.
    fn run_ordered(&self, order: &str) -> bool {
        let mut run = self.command();
        run.arg("run").arg(self.sandbox.path("log")).env("LOGFERRY_FAULT", order);
        run.env("LOGFERRY_FAULT_TRACE", self.sandbox.path(KILLED));
        let status = run.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.expect("it starts").signal() == Some(9)
    }

    fn objects(&self) -> Vec<proof::Stored> {
        match &self.bucket {
            Some(_) => proof::of_bucket(&self.sandbox.path("s3/logs")),
            None => proof::of_directory(&self.sandbox.path("store")),
        }
    }

    /// What is where, without what differs from run to run.
    fn signature(&self) -> String {
        let names = ["log", "state"].into_iter().flat_map(|dir| {
            let files = if self.sandbox.path(dir).exists() { self.sandbox.files(dir) } else { Vec::new() };
            files.into_iter().map(move |path| {
                let sealed = std::fs::read_to_string(&path).is_ok_and(|text| text.contains("\"seal\""));
                let parent = path.parent().and_then(|dir| dir.file_name()).unwrap_or_default().to_owned();
                format!("{} {:?} {sealed}", parent.display(), path.extension().filter(|_| !path.ends_with("held")))
            })
        });
        names.collect::<Vec<_>>().join("\n")
    }
}

/// Who writes in a scene, and what is there already.
struct Actors {
    writer: Option<Writer>,
    fixed: Vec<Content>,
}

impl Actors {
    fn nobody(fixed: Vec<Content>) -> Self {
        Self { writer: None, fixed }
    }

    fn writer(place: &Place, args: &[&str]) -> Self {
        let logs: Vec<PathBuf> = ["web.log", "job.log"].iter().map(|name| place.sandbox.log(name)).collect();
        Self { writer: Some(Writer::start(&place.sandbox, args, &logs)), fixed: Vec::new() }
    }

    /// Ends the writer; what there is in each log.
    fn stop(self) -> Vec<Content> {
        let written = self.writer.map(Writer::stop).unwrap_or_default();
        written.iter().map(Content::from).chain(self.fixed).collect()
    }
}

/// What a run finds.
struct Scene {
    name: &'static str,
    store: Store,
    /// The exit code of the run that follows the killed one.
    exit: i32,
    prepare: fn(&Place) -> Actors,
}

/// At full speed, in bursts, so that the volume stays bounded on a busy machine.
fn full_speed(place: &Place) -> Actors {
    let args = ["--writes-of", "80,4096,70000", "--burst", "100000", "--every", "10", "--idle-after", "8000000"];
    Actors::writer(place, &args)
}

fn idle(place: &Place) -> Actors {
    Actors::writer(place, &["--idle-after", "70000"])
}

fn closed(place: &Place) -> Actors {
    let contents = ["web", "job"].map(|service| {
        place.sandbox.write_log(format!("{service}.log"), format!("all of {service}\n"));
        Content::new(service, format!("all of {service}\n"))
    });
    Actors::nobody(contents.into())
}

/// Segments that are to stay on the machine when they are shipped.
fn keeping(place: &Place) -> Actors {
    place.sandbox.config_file(&format!("{SETTLE}keep = \"24h\"\n"));
    closed(place)
}

/// Segments that stayed, and are to be removed: no more than one of those that come now may stay.
fn kept_too_long(place: &Place) -> Actors {
    place.sandbox.config_file(&format!("{SETTLE}keep = \"24h\"\n"));
    let first = closed(place).fixed;
    place.run().expect(0);
    let kept = place.sandbox.files("state/kept");
    let most = kept.iter().map(|path| path.metadata().expect("it is there").len()).max().expect("two of them");
    place.sandbox.config_file(&format!("{SETTLE}keep = \"24h\"\nkeep_size = {}\n", most + 10));
    let joined =
        |Content { service, bytes }: Content, more: Content| Content::new(&service, [bytes, more.bytes].concat());
    Actors::nobody(first.into_iter().zip(closed(place).fixed).map(|(one, more)| joined(one, more)).collect())
}

/// A log that is larger than one run may take, beside one that is not.
fn limited(place: &Place) -> Actors {
    let logs = place.sandbox.path("log");
    let limits = format!("[[logs]]\npaths = \"{}\"\nmax_bytes_per_run = \"64KiB\"\n", logs.display());
    place.sandbox.config_file(&format!("{SETTLE}{limits}"));
    let web = "a line that is longer than the one below it\n".repeat(2_500);
    place.sandbox.write_log("web.log", &web);
    place.sandbox.write_log("job.log", "all of it\n");
    Actors::nobody(vec![Content::new("web", web), Content::new("job", "all of it\n")])
}

/// The same, when a slice of it was taken.
fn sliced(place: &Place) -> Actors {
    let actors = limited(place);
    place.run().expect(0);
    actors
}

/// What logrotate left of a log, one of it compressed already by a compressor that was cut short; and the log.
fn rotated(place: &Place) -> Actors {
    let logs = place.sandbox.log("*.log").display().to_string();
    place.sandbox.config_file(&format!("{SETTLE}[[logs]]\npaths = {logs:?}\nbacklog = true\n"));
    let mut all = String::new();
    for (hours_ago, names) in [(30, &["web.log.3.gz"][..]), (20, &["web.log.2", "web.log.2.gz"]), (10, &["web.log.1"])]
    {
        let text = format!("of {hours_ago} hours ago\n");
        for name in names {
            crate::closed::rotated(&place.sandbox, name, &text, hours_ago);
        }
        all += &text;
    }
    place.sandbox.write_log("web.log", "of now\n");
    Actors::nobody(vec![Content::new("web", all + "of now\n")])
}

/// Too large for one request, even when it is compressed.
fn large(place: &Place) -> Actors {
    let bytes = crate::support::noise(9_000_000);
    place.sandbox.write_log("web.log", &bytes);
    Actors::nobody(vec![Content::new("web", bytes)])
}

/// A claimed file without a byte, which nobody knows of, and no log.
fn emptied(place: &Place) -> Actors {
    place.sandbox.write_log(".web.log.20261121T005959Z-k3f9a2.claimed", "");
    Actors::nobody(Vec::new())
}

/// A writer that held its log when it was taken, and has gone.
fn gone(place: &Place) -> Actors {
    let actors = idle(place);
    place.run().expect(0);
    Actors::nobody(actors.stop())
}

/// A writer that does not reopen its log: it was taken, and has grown since.
fn grown(place: &Place) -> Actors {
    let actors = Actors::writer(place, &["--idle-after", "70000", "--never-reopens"]);
    place.run().expect(0);
    actors.writer.as_ref().expect("a writer").turn();
    actors
}

/// Sealed segments in the spool, whose store is missing; `spoil` does something to the files of one of them.
fn with_spool(place: &Place, spoil: impl Fn(&str)) -> Actors {
    let actors = closed(place);
    std::fs::rename(place.sandbox.path("store"), place.sandbox.path("away")).expect("a rename");
    place.run().expect(75);
    std::fs::rename(place.sandbox.path("away"), place.sandbox.path("store")).expect("a rename");
    let records =
        place.sandbox.files("state/spool").into_iter().filter(|path| path.extension().is_some_and(|end| end == "json"));
    let job = records.into_iter().find(|path| std::fs::read_to_string(path).is_ok_and(|text| text.contains("job.log")));
    let name = job.expect("a record").with_extension("").to_string_lossy().into_owned();
    spoil(&name);
    actors
}

/// The record of a sealed segment went back to what it was before the seal, as a power loss may have it.
fn unsealed(place: &Place) -> Actors {
    with_spool(place, |name| {
        let record = format!("{name}.json");
        let text = std::fs::read_to_string(&record).expect("a record");
        let mut json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        json.as_object_mut().expect("an object").remove("seal");
        std::fs::write(&record, json.to_string()).expect("a record");
    })
}

/// A log of which the copy was durable, and the last bytes were not, when the power went.
fn shortened(place: &Place) -> Actors {
    let actors = closed(place);
    assert!(place.run_ordered("kill@copies-durable"), "not reached");
    for path in place.sandbox.files("log") {
        let log = std::fs::File::options().write(true).open(&path).expect("a claimed file");
        log.set_len(log.metadata().expect("its length").len() - 3).expect("a shorter one");
    }
    actors
}

/// A record that makes no sense: its segment is put aside, and no other.
fn damaged(place: &Place) -> Actors {
    let mut actors = with_spool(place, |name| std::fs::write(format!("{name}.json"), "garbage").expect("a record"));
    actors.fixed.retain(|content| content.service != "job");
    actors
}

/// A log that was refused by the run before, and another one that is refused now.
fn refused(place: &Place) -> Actors {
    let metrics = place.sandbox.path("logferry.prom");
    place.sandbox.config_file(&format!("{SETTLE}metrics = {metrics:?}\n"));
    crate::notices::refused_before(&place.sandbox);
    Actors::nobody(vec![Content::new("web", "all of web\n")])
}

/// A writer at full speed that lets go of its logs when it is asked to: there is no window at all in which a byte could be lost.
fn asked(place: &Place) -> Actors {
    place.sandbox.config_file(&format!("{SETTLE}{ASKED_BY_SIGNAL}timeout = \"60s\"\n"));
    let args = ["--writes-of", "80,4096,40000", "--burst", "50000", "--every", "10", "--idle-after", "20000000"];
    Actors::writer(place, &[&["--reopens-at-hup"][..], &args].concat())
}

/// A writer that hears nothing: its logs get their names back.
fn deaf(place: &Place) -> Actors {
    place.sandbox.config_file(&format!("{SETTLE}{ASKED_BY_SIGNAL}timeout = \"50ms\"\n"));
    Actors::writer(place, &["--never-reopens", "--idle-after", "70000"])
}

const ASKED_BY_SIGNAL: &str = "writer = \"signal\"\nsignal = \"HUP\"\nprocess = \"upstart-writer\"\n";

const SCENES: &[Scene] = &[
    Scene { name: "a writer at full speed", store: Store::S3, exit: 0, prepare: full_speed },
    Scene { name: "a silent writer", store: Store::S3, exit: 0, prepare: idle },
    Scene { name: "a writer that has gone", store: Store::S3, exit: 0, prepare: gone },
    Scene { name: "a writer that does not reopen", store: Store::S3, exit: 0, prepare: grown },
    Scene { name: "logs that nobody holds, a directory as store", store: Store::Directory, exit: 0, prepare: closed },
    Scene { name: "what logrotate left", store: Store::Directory, exit: 0, prepare: rotated },
    Scene { name: "a writer that is asked", store: Store::Directory, exit: 0, prepare: asked },
    Scene { name: "a writer that is deaf", store: Store::Directory, exit: 1, prepare: deaf },
    Scene { name: "a log of several parts", store: Store::S3, exit: 0, prepare: large },
    Scene { name: "a log cut short by a power loss", store: Store::Directory, exit: 0, prepare: shortened },
    Scene { name: "an emptied log", store: Store::Directory, exit: 0, prepare: emptied },
    Scene { name: "a seal that was undone", store: Store::Directory, exit: 0, prepare: unsealed },
    Scene { name: "segments that stay", store: Store::Directory, exit: 0, prepare: keeping },
    Scene { name: "segments that stayed", store: Store::S3, exit: 0, prepare: kept_too_long },
    Scene { name: "a log that is taken in slices", store: Store::Directory, exit: 0, prepare: limited },
    Scene { name: "the rest of a log that was taken in slices", store: Store::S3, exit: 0, prepare: sliced },
    Scene { name: "a log that was refused", store: Store::Directory, exit: 1, prepare: refused },
    Scene { name: "a damaged record", store: Store::Directory, exit: 1, prepare: damaged },
];

/// What runs find that take logs in their place.
const IN_PLACE: &[Scene] = &[
    Scene { name: "a log in its place, ext4", store: Store::Directory, exit: 0, prepare: in_place::ext4 },
    Scene { name: "a log in its place, xfs", store: Store::Directory, exit: 0, prepare: in_place::xfs },
    Scene {
        name: "a head that a power loss left half gone",
        store: Store::Directory,
        exit: 0,
        prepare: in_place::half_gone,
    },
];

/// Logs that were taken in their place, and that are somewhere else since.
const MOVED: &[Scene] = &[
    Scene {
        name: "a log in its place, rotated and compressed by its writer",
        store: Store::Directory,
        exit: 0,
        prepare: in_place::rotated_by_its_writer,
    },
    Scene {
        name: "logs in their place, deleted and renamed",
        store: Store::Directory,
        exit: 0,
        prepare: in_place::deleted,
    },
];

/// The same where the head becomes a hole, where one file system lies upon another, and where nobody has said the writer.
const IN_PLACE_ELSEWHERE: &[Scene] = &[
    Scene { name: "a log in its place, overlayfs", store: Store::Directory, exit: 0, prepare: in_place::overlayfs },
    Scene { name: "a log with a hole, tmpfs", store: Store::Directory, exit: 0, prepare: in_place::hole },
    Scene { name: "a log in its place, by auto", store: Store::Directory, exit: 0, prepare: in_place::by_auto },
];

/// The points that only such runs come to.
const OF_LOGS_IN_PLACE: [Point; 8] = [
    Point::EarlierNoted,
    Point::EarlierOver,
    Point::EarlierForgotten,
    Point::LogDurable,
    Point::PlannedAnew,
    Point::HeadGoing,
    Point::HeadGone,
    Point::GivenNoted,
];

/// The points that an undisturbed run of a scene comes to, and how often.
fn points_of(scene: &Scene, before: Option<&str>) -> (BTreeMap<String, usize>, String) {
    let place = Place::new(scene.store);
    let actors = (scene.prepare)(&place);
    if let Some(order) = before {
        assert!(place.run_ordered(order), "{}: {order} was not reached", scene.name);
    }
    let signature = place.signature();
    let trace = place.sandbox.path("trace");
    let mut run = place.command();
    run.arg("run").arg(place.sandbox.path("log")).env("LOGFERRY_FAULT_TRACE", &trace);
    finish(&mut run).expect(scene.exit);
    drop(actors.stop());
    let mut points = BTreeMap::new();
    for name in std::fs::read_to_string(&trace).unwrap_or_default().lines() {
        *points.entry(name.to_owned()).or_default() += 1;
    }
    (points, signature)
}

/// What came of the cases of a scene.
#[derive(Default)]
struct Walked {
    reached: BTreeSet<String>,
    cases: u64,
    /// Orders to kill that no run of several came to.
    skipped: Vec<String>,
    lost: u64,
    slowest: Duration,
}

/// Whether what was written in the instant of the unlink can be in a deleted file that nobody holds any more: the one
/// window that stays open, from the unlink of a log until its segment is sealed, and only where the writer is at full speed.
/// It is open as long as one of the logs is in it, whichever point the run was killed at.
fn in_the_window(scene: &Scene, place: &Place) -> bool {
    let trace = std::fs::read_to_string(place.sandbox.path(KILLED)).unwrap_or_default();
    let times = |point: Point| trace.lines().filter(|line| *line == point.name()).count();
    // A log is unlinked right behind this point, before the next one is reached.
    let unlinked = times(Point::BeforeUnlink).max(times(Point::Unlinked));
    scene.name == SCENES[0].name && unlinked > times(Point::Sealed)
}

/// Makes the scene, kills runs there, and has the next ones bring all to its end.
fn kill_in(scene: &Scene, before: Option<&str>, order: &str) -> Option<(Comparison, Duration)> {
    let place = Place::new(scene.store);
    let actors = (scene.prepare)(&place);
    if before.is_some_and(|before| !place.run_ordered(before)) || !place.run_ordered(order) {
        return None;
    }
    let begin = Instant::now();
    let ended = place.run();
    let recovery = begin.elapsed();
    let what = format!("{}: {before:?} {order}", scene.name);
    // What was put aside by the run that was killed is not said again.
    assert!([0, scene.exit].contains(&ended.code), "{what}: {ended:?}");
    let contents = actors.stop();
    let last = place.run();
    if scene.name.starts_with("a log in its place") || scene.name.starts_with("a log with a hole") {
        let said = [&ended.stderr, &last.stderr].into_iter().find(|said| said.contains("not known to be complete"));
        assert_eq!(said, None, "{what}: nothing is missing, whoever was killed");
        assert_eq!(last.code, 0, "{what}: {last:?}");
    }
    let compared =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| proof::compare_all(place.objects(), &contents)));
    let comparison = compared.unwrap_or_else(|_| panic!("{what}: after {ended:?}"));
    assert_eq!(comparison.doubled, 0, "{what}: {comparison:?} after {ended:?}");
    if !in_the_window(scene, &place) {
        assert_eq!(comparison.lost, 0, "{what}: {comparison:?} after {ended:?}");
    }
    // What is lost in the window is told: the log is named, and the segment before the gap says how it ended.
    for gap in &comparison.gaps {
        assert_eq!(gap.ended, "interrupted", "{what}: {comparison:?}");
        assert!(ended.stderr.contains("cut short"), "{what}: {ended:?}");
        assert!(gap.is_told_in(&ended.stderr), "{what}: {gap:?} is not told: {ended:?}");
    }
    place.sandbox.nothing_left_behind();
    what_stayed_is_in_the_store(&place, scene, &what);
    Some((comparison, recovery))
}

/// Whatever was killed, what stays on the machine is what the store has; and all of it, where nothing had to go.
fn what_stayed_is_in_the_store(place: &Place, scene: &Scene, what: &str) {
    let kept = place.sandbox.files("state/kept");
    let store = place.objects();
    for path in &kept {
        let name = path.file_name().expect("a name").to_string_lossy();
        let object = store.iter().find(|object| object.key.ends_with(name.as_ref()));
        let object = object.unwrap_or_else(|| panic!("{what}: {name} is kept, and not in the store"));
        let sha = sha2::Sha256::digest(std::fs::read(path).expect("it is there"));
        let sha: String = sha.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(object.sha256, sha, "{what}: {name} is another one here");
    }
    match scene.name {
        "segments that stay" => assert_eq!(kept.len(), store.len(), "{what}: {kept:?}"),
        "segments that stayed" => assert_eq!(kept.len(), 1, "{what}: {kept:?}"),
        _ => assert!(kept.is_empty(), "{what}: {kept:?}"),
    }
}

/// Kills runs of a scene at each point that it leads to, as often as it comes there, but at most so often.
fn walk(scene: &Scene, before: Option<&str>, points: &BTreeMap<String, usize>, most: usize) -> Walked {
    let occurrences = |(name, count): (&String, &usize)| {
        (1..=(*count).min(most)).map(|n| format!("kill@{name}#{n}")).collect::<Vec<_>>()
    };
    let orders: Vec<String> = points.iter().flat_map(occurrences).collect();
    let queue = Mutex::new(orders.into_iter());
    let walked = Mutex::new(Walked::default());
    std::thread::scope(|scope| {
        let work = || {
            while let Some(order) = { queue.lock().expect("no panic").next() } {
                // Under a writer that is at work a run may take another way than the one that was traced.
                let killed = (0..5).find_map(|_| kill_in(scene, before, &order));
                let mut walked = walked.lock().expect("no panic");
                let Some((comparison, recovery)) = killed else {
                    walked.skipped.push(order);
                    continue;
                };
                walked.reached.insert(order.split(['@', '#']).nth(1).expect("a point").to_owned());
                walked.cases += 1;
                walked.lost += comparison.lost;
                walked.slowest = walked.slowest.max(recovery);
            }
        };
        for thread in [scope.spawn(work), scope.spawn(work)] {
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
    });
    let walked = walked.into_inner().expect("no panic");
    if !walked.skipped.is_empty() {
        println!("tally: {}, {before:?}: never reached: {:?}", scene.name, walked.skipped);
    }
    // Where nobody writes at full speed every run goes the same way, the first time that it comes to a point at least.
    let missed = walked.skipped.iter().find(|order| scene.name != SCENES[0].name && order.ends_with("#1"));
    assert_eq!(missed, None, "{}, {before:?}: traced, and never reached again: {:?}", scene.name, walked.skipped);
    walked
}

#[test]
fn killed_at_every_point_nothing_is_lost_and_nothing_doubled() {
    let mut reached = BTreeSet::new();
    for scene in SCENES {
        let begin = Instant::now();
        let (points, _) = points_of(scene, None);
        let walked = walk(scene, None, &points, MOST_OCCURRENCES);
        println!("tally: killed at each point, {}: {} cases in {:?}", scene.name, walked.cases, begin.elapsed());
        let Walked { cases, lost, slowest, .. } = walked;
        let mut row = Row::sound(cases, slowest);
        row.lost = lost;
        if scene.name == SCENES[0].name {
            row.note =
                "What may be lost was written in the instant of the unlink, the one window that stays open: the log, the \
                 segment and the times are named"
                    .to_owned();
        }
        tally::record(Group::Crashes, &format!("killed at each point: {}", scene.name), row);
        reached.extend(walked.reached);
    }
    let twice = killed_twice();
    reached.extend(twice);
    let of_runs = Point::ALL.iter().filter(|point| point.is_of_a_run() && !OF_LOGS_IN_PLACE.contains(point));
    let missing: Vec<_> = of_runs.map(|point| point.name()).filter(|name| !reached.contains(*name)).collect();
    assert!(missing.is_empty(), "no scene leads to these points: {missing:?}");
}

/// Walks through scenes of logs that are taken in their place; which points each has reached.
fn walk_in_place(scenes: &[Scene]) -> BTreeMap<&'static str, BTreeSet<String>> {
    let mut reached = BTreeMap::new();
    for scene in scenes {
        let begin = Instant::now();
        let (points, _) = points_of(scene, None);
        let Walked { reached: some, cases, slowest, .. } = walk(scene, None, &points, 1);
        println!("tally: killed at each point, {}: {cases} cases in {:?}", scene.name, begin.elapsed());
        tally::record(Group::Crashes, &format!("killed at each point: {}", scene.name), Row::sound(cases, slowest));
        reached.insert(scene.name, some);
    }
    reached
}

/// Each scene leads to the points at which the head goes.
fn require_given_back(reached: &BTreeMap<&str, BTreeSet<String>>) {
    for (scene, points) in reached {
        let gone = [Point::HeadGoing, Point::HeadGone].map(Point::name);
        assert!(gone.iter().all(|point| points.contains(*point)), "{scene}: no space was given back: {points:?}");
    }
}

#[test]
fn killed_at_every_point_while_a_head_becomes_a_hole_or_auto_has_chosen_the_way() {
    require_given_back(&walk_in_place(IN_PLACE_ELSEWHERE));
}

#[test]
fn killed_at_every_point_while_logs_are_taken_in_their_place() {
    let reached = walk_in_place(IN_PLACE);
    require_given_back(&reached);
    let reached: BTreeSet<String> = reached.into_values().chain(walk_in_place(MOVED).into_values()).flatten().collect();
    let missing = OF_LOGS_IN_PLACE.iter().map(|point| point.name()).find(|name| !reached.contains(*name));
    assert_eq!(missing, None, "no scene leads to this point");
}

/// Runs that find what an earlier one left when it was killed, killed in their turn at each point. What two points leave
/// behind is often the same, and then one of them is enough, unless `LOGFERRY_EVERY` is set.
fn killed_twice() -> BTreeSet<String> {
    let every = std::env::var_os("LOGFERRY_EVERY").is_some();
    let (mut reached, mut seen) = (BTreeSet::new(), BTreeSet::new());
    let (mut cases, mut slowest, begin) = (0, Duration::ZERO, Instant::now());
    for (scene, interesting) in
        [("a silent writer", ""), ("a log of several parts", "upload-"), ("a writer that is asked", "seal-re")]
    {
        let scene = SCENES.iter().find(|known| known.name == scene).expect("a scene of that name");
        let (first, _) = points_of(scene, None);
        for name in first.keys().filter(|name| every || name.starts_with(interesting)) {
            let before = format!("kill@{name}");
            let (points, signature) = points_of(scene, Some(&before));
            if seen.insert((scene.name, signature)) || every {
                let walked = walk(scene, Some(&before), &points, if every { MOST_OCCURRENCES } else { 1 });
                cases += walked.cases;
                slowest = slowest.max(walked.slowest);
                reached.extend(walked.reached);
            }
        }
    }
    println!("tally: killed twice: {cases} cases in {:?}", begin.elapsed());
    tally::record(Group::Crashes, "killed, and the next run killed at each point too", Row::sound(cases, slowest));
    reached
}

/// How many runs the soak kills, unless `LOGFERRY_SOAK` says another number.
const SOAK: u64 = 80;

#[test]
fn a_soak_of_runs_killed_after_random_delays_under_several_writers() {
    let runs = std::env::var("LOGFERRY_SOAK").map_or(SOAK, |runs| runs.parse().expect("LOGFERRY_SOAK is a number"));
    let place = Place::of(Sandbox::reopening_on_disk(), Store::S3);
    let log = |name: &str| place.sandbox.log(name);
    let start = |args: &[&str], logs: &[PathBuf]| Writer::start(&place.sandbox, args, logs);
    // On a busy machine all of it takes longer: what is written in all stays bounded.
    let most = (runs * 250_000).to_string();
    let writers = [
        start(&["--writes-of", "300,5000,60000", "--every", "4", "--idle-after", &most], &["a.log", "b.log"].map(log)),
        start(
            &["--writes-of", "80,4096", "--burst", "200000", "--every", "40", "--idle-after", &most],
            &[log("c.log")],
        ),
        start(&["--writes-of", "20000", "--every", "30", "--pause-before-write", "10"], &[log("late.log")]),
        start(&["--writes-of", "120", "--every", "300"], &[log("slow.log")]),
    ];
    let mut random = u64::from(std::process::id());
    let (mut killed, mut told) = (0, String::new());
    for _ in 0..runs {
        let mut run = place.command();
        run.arg("run").arg(place.sandbox.path("log")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut run = run.spawn().expect("it starts");
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        // Some are killed as they begin, some in the middle, some come to their end.
        let longest = [20_000, 150_000, 900_000][usize::try_from(random >> 61).expect("a small number") % 3];
        std::thread::sleep(Duration::from_micros((random >> 33) % longest));
        // It may have come to its end.
        let _ = run.kill();
        let output = run.wait_with_output().expect("it ends");
        killed += u64::from(output.status.signal() == Some(9));
        told += &String::from_utf8_lossy(&output.stderr);
    }
    let clean = place.run().expect(0);
    told += &clean.stderr;
    let written: Vec<_> = writers.into_iter().flat_map(Writer::stop).collect();
    told += &place.run().expect(0).stderr;
    let contents: Vec<_> = written.iter().map(Content::from).collect();
    let Comparison { lost, doubled, gaps } = proof::compare_all(place.objects(), &contents);
    place.sandbox.nothing_left_behind();
    let bytes: u64 = written.iter().map(|log| log.bytes).sum();
    println!("tally: soak: {killed} of {runs} runs killed, {bytes} bytes, {lost} lost, {doubled} doubled, {gaps:?}");
    assert!(killed > runs / 4, "hardly any run was killed: {killed} of {runs}");
    assert_eq!(doubled, 0, "{gaps:?}");
    for gap in &gaps {
        assert_eq!(gap.ended, "interrupted", "{gaps:?}\n{told}");
        assert!(gap.is_told_in(&told), "nothing is told of {gap:?}: {told}");
    }
    let note = if lost > 0 { "Written in the instant of the unlink, and told" } else { "" };
    let row = Row { times: killed, lost, doubled, recovery: clean.took, note: note.to_owned() };
    tally::record(Group::Crashes, "killed after random delays, under four writers", row);
}
