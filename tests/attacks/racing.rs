//! The attacker swaps as fast as he can, and run after run goes over his directory.
//!
//! `LOGFERRY_RACE` says for how many seconds each attacker does it; by default as long as CI can wait.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::scene::{NOBODY, Running, Scene};
use crate::support::proof;
use crate::support::tally::{self, Group, Row};
use crate::support::{Writer, example, finish};

/// Fewer swaps than these prove nothing.
const SWAPS: u64 = 10_000;

struct Attacker {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Attacker {
    fn start(scene: &Scene, user: u32, args: &[&std::ffi::OsStr]) -> Self {
        // Where the program lies may be closed to him.
        let program = scene.path("attacker");
        finish(Command::new("install").args(["-m", "755"]).arg(example("attacker")).arg(&program)).quiet();
        let mut command = Command::new(program);
        command.args(args).uid(user).gid(user).current_dir("/").stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the attacker starts");
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut attacker = Self { child, output };
        assert_eq!(attacker.line(), "ready");
        attacker
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }

    /// Ends him; how many swaps he made, and how many were denied.
    fn stop(mut self) -> (u64, u64) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a pid"));
        kill(pid, Signal::SIGTERM).expect("he lives");
        let line = self.line();
        self.child.wait().expect("he ends");
        let (swaps, denied) = line.split_once(' ').unwrap_or_else(|| panic!("he says {line:?}"));
        (swaps.parse().expect("a number"), denied.parse().expect("a number"))
    }
}

impl Drop for Attacker {
    fn drop(&mut self) {
        // A test that failed leaves no process behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn time() -> Duration {
    let seconds = std::env::var("LOGFERRY_RACE").ok();
    seconds.map_or(Duration::from_secs(20), |text| Duration::from_secs(text.parse().expect("LOGFERRY_RACE: seconds")))
}

/// Everything an attack could be led through: the directory, a pattern into it, the log, the swapped directory by name.
fn run(scene: &Scene) -> (i32, String) {
    let (dir, honest) = (scene.dir(), scene.path("honest"));
    let pattern = scene.path("srv/*/log/**/*.log");
    let mut command = scene.sandbox.logferry();
    command.args(["run", "--instance", "i-attacked"]);
    command.args([&pattern, &dir, &dir.join("web.log"), &dir.join("sub"), &dir.join("sub/deep.log"), &honest]);
    Running::start(scene, &mut command).end()
}

/// What the attacker left, but for the log that he left alone.
fn clear(scene: &Scene) {
    for entry in std::fs::read_dir(scene.dir()).expect("the directory").flatten() {
        let is = entry.path().symlink_metadata().expect("its status");
        match entry.file_name().to_string_lossy().contains("zone.log") {
            true => assert!(is.is_file() && is.uid() == 0, "the log that he left alone"),
            false if is.is_dir() => std::fs::remove_dir_all(entry.path()).expect("a directory"),
            false => std::fs::remove_file(entry.path()).expect("a file"),
        }
    }
}

fn race(user: u32, fault: &str) {
    let scene = Scene::new();
    let before = scene.outside();
    let logs = [scene.path("honest/ok.log"), scene.dir().join("zone.log")];
    let writer = Writer::start(&scene.sandbox, &["--writes-of", "300,5000", "--every", "5"], &logs);
    let (dir, secret, outside) = (scene.dir(), scene.path("outside/secret"), scene.path("outside/log"));
    let args = ["--dir".as_ref(), dir.as_os_str(), "--secret".as_ref(), secret.as_os_str()];
    let args = [&args[..], &["--outside".as_ref(), outside.as_os_str()]].concat();
    let attacker = Attacker::start(&scene, user, &args);
    let (begun, mut runs, mut slowest) = (Instant::now(), 0, Duration::ZERO);
    while begun.elapsed() < time() {
        let one = Instant::now();
        let (code, said) = run(&scene);
        assert!([0, 1, 75].contains(&code), "exit code {code}: {said}");
        slowest = slowest.max(one.elapsed());
        runs += 1;
    }
    let (swaps, denied) = attacker.stop();
    println!("{fault}: {swaps} swaps, {denied} denied, {runs} runs, the slowest {slowest:?}");
    assert!(swaps >= SWAPS, "only {swaps} swaps in {:?}", begun.elapsed());
    clear(&scene);
    // A segment whose log he has taken away meanwhile is told, and brought to its end.
    let (code, said) = run(&scene);
    assert!([0, 1].contains(&code), "{code}: {said}");
    let written = writer.stop();
    let recovery = Instant::now();
    let (code, said) = run(&scene);
    let recovery = recovery.elapsed();
    // His directory is gone by now, which is told.
    assert!(code == 0 || code == 1 && !said.contains("zone.log") && !said.contains("ok.log"), "{code}: {said}");
    let left = scene.sandbox.files("state/spool");
    assert!(left.is_empty(), "left in the spool: {left:?}");
    prove(&scene, &written, swaps, recovery, fault);
    assert_eq!(scene.outside(), before, "what is outside has changed");
}

fn prove(scene: &Scene, written: &[crate::support::Written], swaps: u64, recovery: Duration, fault: &str) {
    scene.assert_secret_kept(fault);
    let honest = |object: &proof::Stored| ["ok", "zone"].contains(&object.says("service"));
    let objects: Vec<proof::Stored> = scene.objects().into_iter().filter(honest).collect();
    let contents: Vec<_> = written.iter().map(proof::Content::from).collect();
    let proof::Comparison { lost, doubled, gaps } = proof::compare_all(objects, &contents);
    tally::record(Group::Users, fault, Row { lost, doubled, ..Row::sound(swaps, recovery) });
    assert_eq!((lost, doubled), (0, 0), "{gaps:?}");
}

#[test]
fn a_user_who_swaps_all_he_can_reaches_nothing_beyond_his_directory() {
    race(NOBODY, "a user who swaps log, claimed name and directory in a race");
}

#[test]
fn a_user_whom_the_kernel_denies_nothing_reaches_nothing_beyond_his_directory() {
    race(0, "the same with hard links to foreign files and devices");
}

#[test]
fn a_lease_on_a_log_is_not_waited_for() {
    let scene = Scene::new();
    scene.write("web.log", "leased\n");
    scene.write("zone.log", "beside it\n");
    std::fs::write(scene.path("honest/ok.log"), "honest\n").expect("a log");
    let log = scene.dir().join("web.log");
    std::fs::set_permissions(&log, PermissionsExt::from_mode(0o640)).expect("chmod");
    let attacker = Attacker::start(&scene, NOBODY, &["--lease".as_ref(), log.as_os_str()]);
    let lease_break_time = std::fs::read_to_string("/proc/sys/fs/lease-break-time").expect("a number");
    let begun = Instant::now();
    let (code, said) = scene.run();
    let limit = lease_break_time.trim().parse().map_or(Duration::MAX, Duration::from_secs);
    assert!(begun.elapsed() < limit / 2, "it waited {:?} for the lease", begun.elapsed());
    assert!(code == 75 && said.contains("web.log") && said.contains("lease"), "{code}: {said}");
    assert_eq!((scene.times_shipped("beside it\n"), scene.times_shipped("honest\n")), (1, 1), "{said}");
    drop(attacker);
    let (code, said) = scene.run();
    assert_eq!((code, scene.times_shipped("leased\n")), (0, 1), "{said}");
    tally::record(Group::Users, "a lease held on a log", Row::sound(1, begun.elapsed()));
}
