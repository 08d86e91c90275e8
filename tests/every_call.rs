//! Every system call of a run fails once, or is its last: the run says what failed and ends as documented, and the next
//! undisturbed one brings all to its end.
//!
//! Flow: a scene is set up and traced once, to learn how often a run makes which call; then it is set up anew for each
//! case, and strace makes one call fail, or kills the run at it. What must hold is the same for all: an exit code that is
//! documented and never a panic; a message with a path and the reason, unless nothing was missed; and after one more run
//! every byte in the store exactly once, and nothing left behind.
//!
//! `LOGFERRY_EVERY=all` walks through every call; without it, every call that changes something and some of the others.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::support::tally::{self, Group, Row};
use crate::support::trace::{under_strace, words};
use crate::support::{Ended, Sandbox, finish, proof};

/// What is done to a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
    /// It is not carried out, and this is the error.
    Fails(&'static str),
    /// It is carried out, and the run is killed right behind it.
    KilledBehind,
    /// It is not carried out, and the run is killed.
    KilledBefore,
}

/// Calls, what is done to each of them, and whether they change something.
struct Kind {
    calls: &'static str,
    faults: &'static [Fault],
    changes: bool,
}

const fn kind(calls: &'static str, faults: &'static [Fault], changes: bool) -> Kind {
    Kind { calls, faults, changes }
}

use Fault::{Fails, KilledBefore, KilledBehind};

const KINDS: &[Kind] = &[
    kind("fsync", &[Fails("EIO"), Fails("ENOSPC"), KilledBehind, KilledBefore], true),
    kind("write", &[Fails("ENOSPC"), Fails("EIO"), KilledBehind, KilledBefore], true),
    kind("ftruncate", &[Fails("EIO"), KilledBehind, KilledBefore], true),
    kind("renameat", &[Fails("EIO"), Fails("ENOSPC"), Fails("EROFS"), KilledBehind, KilledBefore], true),
    kind("renameat2", &[Fails("EIO"), Fails("ENOSPC"), Fails("EROFS"), KilledBehind, KilledBefore], true),
    kind("linkat", &[Fails("EIO"), Fails("ENOSPC"), Fails("EROFS"), KilledBehind, KilledBefore], true),
    kind("unlinkat", &[Fails("EIO"), Fails("EROFS"), KilledBehind, KilledBefore], true),
    kind("mkdirat", &[Fails("ENOSPC"), Fails("EIO"), KilledBehind, KilledBefore], true),
    kind("openat", &[Fails("EMFILE"), Fails("EIO"), Fails("EACCES"), Fails("ENOSPC"), KilledBehind], false),
    kind("statx", &[Fails("EIO")], false),
    kind("newfstatat", &[Fails("EIO")], false),
    kind("fstatfs", &[Fails("EIO")], false),
    kind("fcntl", &[Fails("EINVAL")], false),
    kind("getdents64", &[Fails("EIO")], false),
    kind("read", &[Fails("EIO")], false),
    kind("pread64", &[Fails("EIO")], false),
    kind("lseek", &[Fails("EIO")], false),
    kind("flock", &[Fails("ENOLCK")], false),
    kind("getrandom", &[Fails("ENOSYS")], false),
];

/// How often the busiest thread makes a call; strace counts for each thread.
#[derive(Default)]
struct Made {
    /// Before its work begins: the loader and the runtime.
    before: usize,
    in_all: usize,
    /// Which of them change something.
    changing: BTreeSet<usize>,
}

/// One call of a run, by its kind and its number among those of its thread.
#[derive(Clone, Debug)]
struct Case {
    call: &'static str,
    number: usize,
    fault: Fault,
}

/// A state of the machine that a run meets.
#[derive(Clone, Copy, Debug)]
enum Scene {
    Fresh,
    SilentWriter,
    Growth,
    Killed(&'static str),
    Several,
    Waiting,
}

/// A scene that was set up.
struct Set {
    sandbox: Sandbox,
    /// Each service and what was written of it.
    written: Vec<(&'static str, Vec<u8>)>,
    writer: Option<File>,
}

impl Scene {
    const ALL: &[Self] = &[
        Self::Fresh,
        Self::SilentWriter,
        Self::Growth,
        Self::Killed("claims-durable"),
        Self::Killed("unlinked"),
        Self::Killed("member-durable"),
        Self::Killed("seal-recorded"),
        Self::Killed("object-linked"),
        Self::Killed("marked-shipped"),
        Self::Several,
        Self::Waiting,
    ];

    fn set_up(self) -> Set {
        let sandbox = Sandbox::reopening();
        sandbox.config_file("settle = \"10ms\"\n");
        let path = sandbox.write_log("web.log", "one\n");
        let mut set = Set { sandbox, written: vec![("web", b"one\n".to_vec())], writer: None };
        match self {
            Self::Fresh => {}
            Self::SilentWriter => set.writer = Some(append_to(&path)),
            Self::Growth => {
                let mut writer = append_to(&path);
                set.run().quiet();
                writer.write_all(b"two\n").expect("it grows");
                set.written[0].1.extend_from_slice(b"two\n");
                set.writer = Some(writer);
            }
            Self::Killed(point) => {
                let ended = finish(set.command().env("LOGFERRY_FAULT", format!("kill@{point}")));
                assert_eq!(ended.code, -1, "{point} was not reached: {}", ended.stderr);
                set.sandbox.write_log("web.log", "two\n");
                set.written[0].1.extend_from_slice(b"two\n");
            }
            Self::Several => {
                set.sandbox.write_log("other.log", "of another\n");
                set.written.push(("other", b"of another\n".to_vec()));
            }
            Self::Waiting => {
                let store = set.sandbox.path("store");
                let away = set.sandbox.path("away");
                std::fs::rename(&store, &away).expect("a rename");
                set.run().expect(75);
                std::fs::rename(&away, &store).expect("a rename");
                set.sandbox.write_log("web.log", "two\n");
                set.written[0].1.extend_from_slice(b"two\n");
            }
        }
        set
    }
}

fn append_to(path: &Path) -> File {
    File::options().append(true).open(path).expect("a log")
}

impl Set {
    fn command(&self) -> Command {
        let mut run = self.sandbox.logferry();
        run.arg("run").arg(self.sandbox.path("log"));
        run
    }

    fn run(&self) -> Ended {
        finish(&mut self.command())
    }

    /// Which calls a run makes.
    fn count(&self) -> BTreeMap<&'static str, Made> {
        let file = tempfile::NamedTempFile::new().expect("a file for the trace");
        let command = self.command();
        let mut strace = under_strace(&command);
        let calls: Vec<_> = KINDS.iter().map(|kind| kind.calls).collect();
        strace.args(["-f", "-e", &format!("trace={}", calls.join(","))]).arg("-o").arg(file.path());
        finish(strace.args(words(&command))).expect(0);
        let text = std::fs::read_to_string(file.path()).expect("a trace");
        let root = self.sandbox.path("");
        let (mut counts, mut threads, mut at_work) = (BTreeMap::new(), BTreeMap::<_, usize>::new(), false);
        for line in text.lines() {
            let Some((thread, rest)) = line.split_once(' ') else { continue };
            let Some((name, _)) = rest.trim_start().split_once('(') else { continue };
            let Some(kind) = KINDS.iter().find(|kind| kind.calls == name) else { continue };
            at_work |= rest.contains(&*root.to_string_lossy());
            let count = threads.entry((thread.to_owned(), kind.calls)).or_default();
            *count += 1;
            let made: &mut Made = counts.entry(kind.calls).or_default();
            made.before = if at_work { made.before } else { *count };
            made.in_all = made.in_all.max(*count);
            if kind.changes || rest.contains("O_CREAT") {
                made.changing.insert(*count);
            }
        }
        counts
    }

    /// Makes a run meet its fault.
    fn meet(&self, case: &Case) -> Ended {
        let command = self.command();
        let mut strace = under_strace(&command);
        let what = match case.fault {
            Fails(error) => format!("error={error}"),
            KilledBehind => "signal=KILL".to_owned(),
            KilledBefore => "error=EIO:signal=KILL".to_owned(),
        };
        let Case { call, number, .. } = case;
        strace.args(["-f", "-qq", "--seccomp-bpf", "-e", &format!("trace={call}"), "-e", "signal=none"]);
        strace.args(["-e", &format!("inject={call}:{what}:when={number}")]).arg("-o").arg("/dev/null");
        finish(strace.args(words(&command)))
    }

    /// What is wrong with how it ended.
    fn judge(&self, case: &Case, ended: &Ended) -> Result<(), String> {
        let killed = !matches!(case.fault, Fails(_));
        let documented = [0, 1, 75, 78].contains(&ended.code);
        let because_killed = killed && [-1, 137].contains(&ended.code);
        if !documented && !because_killed || ended.stderr.contains("panicked") {
            return Err(format!("exit code {}: {}", ended.code, ended.stderr));
        }
        if documented && ended.code != 0 && !(ended.stderr.contains(": ") && ended.stderr.contains('/')) {
            return Err(format!("exit code {} without a path and a reason: {:?}", ended.code, ended.stderr));
        }
        // What it says of itself must be so: with exit code 0 nothing of ours is left in the log directory or the spool.
        let left = self.left();
        if documented && ended.code == 0 && ended.stderr.is_empty() && !left.is_empty() {
            return Err(format!("exit code 0 and nothing said, but this is left: {left:?}"));
        }
        Ok(())
    }

    fn left(&self) -> Vec<PathBuf> {
        let mut left = self.files("state/spool");
        left.extend(self.files("log"));
        left
    }

    /// A run that failed early has made no directories.
    fn files(&self, name: &str) -> Vec<PathBuf> {
        if self.sandbox.path(name).exists() { self.sandbox.files(name) } else { Vec::new() }
    }

    /// One undisturbed run brings all to its end.
    fn mend(&self, disturbed: &Ended) -> Result<Duration, String> {
        let begun = Instant::now();
        let ended = self.run();
        let took = begun.elapsed();
        let fail = |what: String| Err(format!("{what}; the next run said ({}): {}", ended.code, ended.stderr));
        if ended.code != 0 {
            return fail("it did not end well".to_owned());
        }
        let left = self.left();
        if !left.is_empty() {
            return fail(format!("left behind: {left:?}"));
        }
        let damaged = self.files("state/damaged");
        if !damaged.is_empty() {
            return fail(format!("put aside: {damaged:?}"));
        }
        let streams = std::panic::catch_unwind(|| proof::streams(proof::of_directory(&self.sandbox.path("store"))));
        let Ok(streams) = streams else { return fail("the store does not hold what it should".to_owned()) };
        for (service, written) in &self.written {
            let of_log = streams.values().filter(|segments| segments[0].says("service") == *service);
            let mut of_log: Vec<_> = of_log.collect();
            // The one exception: while the record of a log's very first segment can't be read, nothing tells whose it is;
            // so that it does not hold up all others, a log that is new then begins a stream of its own.
            if of_log.len() > 1 && !disturbed.stderr.contains("the others are not held up by it") {
                return fail(format!("{service} has several streams"));
            }
            of_log.sort_by_key(|segments| segments[0].says("first"));
            let of_log = of_log.into_iter().flatten();
            let stored: Vec<u8> = of_log.flat_map(|segment| segment.raw.clone()).collect();
            if stored != *written {
                return fail(format!("{service}: {:?}", String::from_utf8_lossy(&stored)));
            }
        }
        Ok(took)
    }
}

/// The cases of a scene.
fn cases(scene: Scene, wanted: impl Fn(Fault) -> bool) -> Vec<Case> {
    let counts = scene.set_up().count();
    let everything = std::env::var_os("LOGFERRY_EVERY").is_some_and(|every| every == "all");
    let mut cases = Vec::new();
    for kind in KINDS {
        let Some(Made { before, in_all, changing }) = counts.get(kind.calls) else { continue };
        let faults: Vec<_> = kind.faults.iter().copied().filter(|fault| wanted(*fault)).collect();
        for number in before + 1..=*in_all {
            let case = |fault: &Fault| Case { call: kind.calls, number, fault: *fault };
            match everything {
                true => cases.extend(faults.iter().map(case)),
                // The errors take turns.
                false if changing.contains(&number) || number % 17 == 0 => {
                    cases.extend(faults.iter().cycle().skip(number).take(faults.len().min(1)).map(case));
                }
                false => {}
            }
        }
    }
    cases
}

/// Tries all cases of a scene; returns how many, the slowest recovery, and what went wrong.
fn walk(scene: Scene, wanted: impl Fn(Fault) -> bool) -> (usize, Duration, Vec<String>) {
    let cases = cases(scene, wanted);
    let next = AtomicUsize::new(0);
    let found = Mutex::new((Duration::ZERO, Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let tried = attempt(scene, case);
                    let mut found = found.lock().expect("no thread has panicked");
                    match tried {
                        Ok(took) => found.0 = found.0.max(took),
                        Err(wrong) => found.1.push(format!("{scene:?}, {case:?}: {wrong}")),
                    }
                }
            });
        }
    });
    let (slowest, wrong) = found.into_inner().expect("no thread has panicked");
    (cases.len(), slowest, wrong)
}

fn attempt(scene: Scene, case: &Case) -> Result<Duration, String> {
    let set = scene.set_up();
    let ended = set.meet(case);
    set.judge(case, &ended)?;
    set.mend(&ended).map_err(|wrong| format!("{wrong}\n    the disturbed run said ({}): {}", ended.code, ended.stderr))
}

fn try_all(group: Group, fault: &str, wanted: impl Fn(Fault) -> bool + Copy) {
    let (mut times, mut slowest, mut wrong) = (0, Duration::ZERO, Vec::new());
    for scene in Scene::ALL {
        let (count, longest, failures) = walk(*scene, wanted);
        times += count;
        slowest = slowest.max(longest);
        wrong.extend(failures);
    }
    println!("{fault}: {times} cases, the slowest recovery took {slowest:?}");
    assert!(wrong.is_empty(), "{} of {times} cases:\n{}", wrong.len(), wrong.join("\n"));
    tally::record(group, fault, Row::sound(times as u64, slowest));
}

#[test]
fn whichever_call_fails_the_run_says_so_and_the_next_one_makes_up_for_it() {
    try_all(Group::Disk, "one system call of a run fails", |fault| matches!(fault, Fails(_)));
}

#[test]
fn at_whichever_call_a_run_is_killed_the_next_one_goes_on() {
    try_all(Group::Crashes, "a run is killed at one of its system calls", |fault| !matches!(fault, Fails(_)));
}
