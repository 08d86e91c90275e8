//! Every writer at once, on each file system, while runs are killed again and again at random moments.
//!
//! Each log is taken as `auto` has it; where `auto` can't know, as docs/writers.md says. When the writers have ended, a flush
//! must have all of each log in the store, once and in order. Only where a writer looks at its path before it writes may a
//! write that was in flight at the unlink of a run that was killed be missing, and then that is told.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Stdio};
use std::time::Duration;

use super::daemons::{Nginx, Rsyslog, Source, Watched};
use crate::closed::docker::Driver;
use crate::closed::svlogd;
use crate::holds::restarted::Restarted;
use crate::holds::scene::{On, Scene};
use crate::holds::shells::Shells;
use crate::support::mount::Format;
use crate::support::proof::{self, Comparison, Content, Stored};
use crate::support::tally::{self, Group, Row};
use crate::support::{Sandbox, Writer};

/// How many runs are killed on each file system, unless `LOGFERRY_SOAK` says another number.
const KILLS: u64 = 60;

/// How much longer than a run the longest delay is after which one is killed, in percent: some come to their end, however
/// busy the machine is.
const LONGEST: u64 = 130;

/// How many segments there are at least of what is taken in each run that comes to its end.
const LEAST: u32 = 3;

/// Rotated files that docker's driver may have there: it throws the oldest ones away.
const MOST_ROTATED: usize = 200;

const ID: &str = "0f3c6a5be1d24b6f";

/// How logs are taken whose writers only append.
#[derive(Clone, Copy)]
enum Appended {
    /// As `auto` has it.
    Auto,
    /// As the user must say where no head can be taken away.
    WithHoles,
}

fn configure(sandbox: &Sandbox, appended: Appended) {
    let set = |names: &[&str], more: &str| {
        let paths: Vec<String> = names.iter().map(|name| sandbox.log(name).display().to_string()).collect();
        format!("[[logs]]\npaths = {paths:?}\n{more}")
    };
    let more = match appended {
        Appended::Auto => "",
        Appended::WithHoles => "writer = \"holds\"\nholes = true\n",
    };
    // What nobody has open any more can't be taken in its place there, and its owner could not make it anew.
    let nginx = match appended {
        Appended::Auto => "",
        Appended::WithHoles => "writer = \"signal\"\nsignal = \"USR1\"\nprocess = \"nginx\"\n",
    };
    let sets = [
        "settle = \"200ms\"\n".to_owned(),
        set(&["haproxy.log"], ""),
        set(&["access.log"], nginx),
        set(&["one.log", "many.log", "restarted.log"], more),
        set(&["watched.log"], "writer = \"reopens\"\n"),
        set(&["sv/web"], "writer = \"closed\"\n"),
        set(&["docker/*/*-json.log"], "writer = \"closed\"\nservice = \"{parent}\"\n"),
        set(&["deaf.log"], "writer = \"signal\"\nsignal = \"HUP\"\nprocess = \"upstart-writer\"\ntimeout = \"50ms\"\n"),
    ];
    sandbox.config_file_verbatim(&sets.concat());
}

/// All of them at work.
struct Writers {
    rsyslog: Rsyslog,
    nginx: Nginx,
    watched: Watched,
    svlogd: (Child, Source),
    docker: Source,
    shells: Shells,
    restarted: Restarted,
    deaf: Writer,
}

impl Writers {
    fn start(sandbox: &Sandbox) -> Self {
        // nginx opens its log as another user than the one that has made the directory.
        fs::set_permissions(sandbox.path("log"), Permissions::from_mode(0o755)).expect("its mode");
        let mut shells = Shells::new(sandbox.path("scratch"), 20);
        shells.start("a", &sandbox.log("one.log"));
        for name in ["b", "c", "d"] {
            shells.start(name, &sandbox.log("many.log"));
        }
        let deaf = ["--never-reopens", "--writes-of", "80,4096", "--every", "20"];
        let mut rsyslog = Rsyslog::start(sandbox, sandbox.log("haproxy.log"));
        let mut nginx = Nginx::start(sandbox, sandbox.log("access.log"));
        rsyslog.send(100);
        nginx.send();
        Self {
            rsyslog,
            nginx,
            watched: Watched::start(&sandbox.log("watched.log")),
            svlogd: start_svlogd(sandbox),
            docker: start_docker(sandbox),
            shells,
            restarted: Restarted::start(&sandbox.log("restarted.log")),
            deaf: Writer::start(sandbox, &deaf, &[sandbox.log("deaf.log")]),
        }
    }

    /// Ends them all; what each wrote, but for the shells, which write one log together.
    fn stop(self) -> (Shells, Vec<Content>) {
        let Self { rsyslog, nginx, watched, svlogd: (mut svlogd, input), docker, mut shells, restarted, deaf } = self;
        shells.stop();
        let mut contents = vec![
            Content::new("haproxy", rsyslog.stop()),
            Content::new("access", nginx.stop()),
            Content::new("watched", watched.stop()),
            Content::new("web", input.finish()),
            Content::new(ID, docker.finish()),
            Content::new("restarted", restarted.stop().0),
        ];
        contents.extend(deaf.stop().iter().map(Content::from));
        assert!(svlogd.wait().expect("svlogd ends").success());
        (shells, contents)
    }
}

fn start_svlogd(sandbox: &Sandbox) -> (Child, Source) {
    let dir = sandbox.log("sv/web");
    fs::create_dir_all(&dir).expect("a directory");
    // 20 kB a file, and none is ever deleted by svlogd itself (svlogd(8), "LOG DIRECTORY").
    fs::write(dir.join("config"), "s20000\nn0\n").expect("svlogd's configuration");
    let mut svlogd = svlogd::start(&dir);
    let mut input = svlogd.stdin.take().expect("a pipe");
    let source = Source::start(move |turn| {
        let lines: String = (0..100).map(|line| format!("{turn} {line} GET /index.html of a service\n")).collect();
        input.write_all(lines.as_bytes()).expect("svlogd reads");
        lines.into_bytes()
    });
    (svlogd, source)
}

fn start_docker(sandbox: &Sandbox) -> Source {
    let dir = sandbox.log("docker").join(ID);
    fs::create_dir_all(&dir).expect("a directory");
    let mut driver = Driver::new(dir.join(format!("{ID}-json.log")));
    Source::start(move |turn| {
        // However busy the machine is, none may be thrown away before a run comes to its end.
        if fs::read_dir(&dir).expect("a directory").count() > MOST_ROTATED {
            return Vec::new();
        }
        let line = |line| format!("{{\"log\":\"{turn} {line}\\r\\n\",\"stream\":\"stdout\"}}\n");
        let lines: String = (0..100).map(line).collect();
        driver.write(lines.as_bytes());
        lines.into_bytes()
    })
}

/// What runs have said, and how many were killed.
struct Told {
    killed: u64,
    said: String,
}

/// Starts runs and kills each after a random delay.
fn kill_runs(sandbox: &Sandbox, runs: u64) -> Told {
    let whole = sandbox.run(["run"]);
    let longest = u64::try_from(whole.took.as_micros()).expect("no such time") * LONGEST / 100;
    let mut told = Told { killed: 0, said: whole.stderr };
    let mut random = u64::from(std::process::id());
    while told.killed < runs {
        let mut run = sandbox.logferry();
        run.arg("run").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut run = run.spawn().expect("it starts");
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        std::thread::sleep(Duration::from_micros((random >> 33) % longest));
        // It may have come to its end.
        let _ = run.kill();
        let output = run.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stderr);
        match output.status.code() {
            None => assert_eq!(output.status.signal(), Some(9), "{said}"),
            // The deaf one can't be taken; a file that docker is at work on waits.
            Some(code) => assert!([1, 75].contains(&code), "{code}: {said}"),
        }
        told.killed += u64::from(output.status.code().is_none());
        told.said += &said;
    }
    told
}

/// How many segments of each service there are that ended so: of what is taken in its place all but the last are `continued`.
fn ends(objects: &[Stored]) -> BTreeMap<String, BTreeMap<String, u32>> {
    let mut ends: BTreeMap<String, BTreeMap<String, u32>> = BTreeMap::new();
    for object in objects {
        *ends.entry(object.says("service").into()).or_default().entry(object.says("ended").into()).or_default() += 1;
    }
    ends
}

fn killed_anywhere(on: On, appended: Appended) {
    let kills = std::env::var("LOGFERRY_SOAK").map_or(KILLS, |kills| kills.parse().expect("LOGFERRY_SOAK is a number"));
    let scene = Scene::with(on, "");
    let sandbox = &scene.sandbox;
    configure(sandbox, appended);
    let writers = Writers::start(sandbox);
    let mut told = kill_runs(sandbox, kills);
    let clean = sandbox.run(["run"]);
    assert!([1, 75].contains(&clean.code), "{clean:?}");
    assert!(clean.stderr.contains("deaf.log: its writer was asked"), "{clean:?}");
    let (shells, contents) = writers.stop();
    let flush = sandbox.run(["flush", "--final"]).expect(0);
    told.said += &format!("{}{}", clean.stderr, flush.stderr);
    sandbox.nothing_left_behind();
    let objects = proof::of_directory(&sandbox.path("store"));
    let ends = ends(&objects);
    let is_of_shells = |object: &Stored| ["one", "many"].contains(&object.says("service"));
    let (of_shells, others): (Vec<Stored>, Vec<Stored>) = objects.into_iter().partition(is_of_shells);
    for (_, segments) in proof::streams(of_shells) {
        let names = if segments[0].says("service") == "one" { &["a"][..] } else { &["b", "c", "d"] };
        let log: Vec<u8> = segments.into_iter().flat_map(|segment| segment.raw).collect();
        shells.assert_all(names, &log);
    }
    let Comparison { lost, doubled, gaps } = proof::compare_all(others, &contents);
    println!("tally: {on:?}: {} runs killed under every writer, {lost} lost, {gaps:?}, {ends:?}", told.killed);
    assert_eq!(doubled, 0, "{gaps:?}");
    for service in ["haproxy", "access", "watched", "one", "many", "restarted", "web", ID] {
        let taken: u32 = ends[service].values().sum();
        assert!(taken >= LEAST, "{service} was hardly ever taken: {ends:?}");
    }
    for gap in &gaps {
        assert!(gap.is_told_in(&told.said), "nothing is told of {gap:?}: {}", told.said);
    }
    let note =
        if lost > 0 { "Written in the instant of the unlink of a log whose writer reopens it, and told" } else { "" };
    let row = Row { times: told.killed, lost, doubled, recovery: clean.took, note: note.to_owned() };
    tally::record(Group::Crashes, &format!("killed after random delays, under every kind of writer, {on:?}"), row);
}

#[test]
fn runs_killed_anywhere_under_every_writer_lose_nothing_on_ext4() {
    killed_anywhere(On::Image(Format::Ext4), Appended::Auto);
}

#[test]
fn runs_killed_anywhere_under_every_writer_lose_nothing_on_xfs() {
    killed_anywhere(On::Image(Format::Xfs), Appended::Auto);
}

#[test]
fn runs_killed_anywhere_under_every_writer_lose_nothing_on_overlayfs() {
    killed_anywhere(On::Overlay, Appended::Auto);
}

#[test]
fn runs_killed_anywhere_under_every_writer_lose_nothing_on_tmpfs_with_holes() {
    killed_anywhere(On::Memory, Appended::WithHoles);
}
