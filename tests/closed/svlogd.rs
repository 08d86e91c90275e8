//! runit's svlogd, which rotates its directory at full speed while runs take what it has closed.
//!
//! The program comes from Debian's package, which is unpacked and not installed: its scripts would start a supervisor.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::stored;
use crate::support::{Sandbox, finish, wait_until};

/// How many rotations are waited for.
const ROTATIONS: usize = 100;

/// How many rotations the writer may be ahead of the runs.
const MOST_AHEAD: usize = 30;

/// The program: the system's, or one of the tests' own.
fn svlogd() -> PathBuf {
    static FETCHING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = FETCHING.lock().expect("no panic");
    let installed = Path::new("/usr/bin/svlogd");
    if installed.exists() {
        return installed.to_owned();
    }
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-tools");
    let tools = std::env::var_os("LOGFERRY_TEST_TOOLS").map_or_else(default, PathBuf::from).join("runit");
    let program = tools.join("usr/bin/svlogd");
    if !program.exists() {
        std::fs::create_dir_all(&tools).expect("a directory for tools");
        let fetched = finish(Command::new("apt-get").args(["download", "-q", "runit"]).current_dir(&tools));
        assert_eq!(fetched.code, 0, "svlogd is required (Debian's runit; apt-get update first): {}", fetched.stderr);
        let script = "dpkg -x runit_*.deb unpacked && mv unpacked/usr . && rm -r unpacked runit_*.deb";
        finish(Command::new("sh").args(["-c", script]).current_dir(&tools)).quiet();
    }
    program
}

/// Starts it, and returns when it keeps its directory: before that, nothing tells its `config` from a log.
pub(crate) fn start(dir: &Path) -> Child {
    let mut command = Command::new(svlogd());
    command.arg(dir).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut svlogd = command.spawn().expect("svlogd starts");
    wait_until("svlogd has begun", || {
        assert!(svlogd.try_wait().expect("its state").is_none(), "svlogd has ended");
        dir.join("current").exists()
    });
    svlogd
}

/// A directory for svlogd, whose rotated files are taken.
fn directory(sandbox: &Sandbox) -> PathBuf {
    let dir = sandbox.log("web");
    std::fs::create_dir(&dir).expect("a directory");
    // 20 kB a file, and none is ever deleted by svlogd itself (svlogd(8), "LOG DIRECTORY").
    std::fs::write(dir.join("config"), "s20000\nn0\n").expect("svlogd's configuration");
    sandbox.config_file(&format!("[[logs]]\npaths = {:?}\nwriter = \"closed\"\n", dir.display().to_string()));
    dir
}

fn starts_again(dir: &Path) {
    let mut again = start(dir);
    again.stdin.take().expect("a pipe").write_all(b"once more\n").expect("svlogd reads");
    assert!(again.wait().expect("svlogd ends").success());
}

#[test]
fn what_svlogd_closes_is_taken_byte_by_byte_while_it_rotates_at_full_speed() {
    let sandbox = Sandbox::new();
    let dir = directory(&sandbox);
    let mut svlogd = start(&dir);
    let mut input = svlogd.stdin.take().expect("a pipe");
    let (enough, taken) = (AtomicBool::new(false), AtomicUsize::new(0));
    let written = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut all = Vec::new();
            while !enough.load(Ordering::Relaxed) {
                // On a busy machine runs are slow: what is written in all stays bounded.
                if all.len() / 20_000 > taken.load(Ordering::Relaxed) + MOST_AHEAD {
                    std::thread::yield_now();
                    continue;
                }
                let lines: String = (0..50).map(|line| format!("{} {line} GET /index.html\n", all.len())).collect();
                input.write_all(lines.as_bytes()).expect("svlogd reads");
                all.extend(lines.into_bytes());
            }
            drop(input);
            all
        });
        wait_until("svlogd has been rotating for long", || {
            sandbox.run(["run"]).quiet();
            taken.store(sandbox.files("store").len() / 2, Ordering::Relaxed);
            taken.load(Ordering::Relaxed) >= ROTATIONS
        });
        enough.store(true, Ordering::Relaxed);
        writer.join().expect("no panic")
    });
    assert!(svlogd.wait().expect("svlogd ends").success());
    sandbox.run(["run"]).quiet();
    let mut all = sandbox.run(["cat", "web"]).expect(0).stdout;
    // The log in use stays, though nobody has it open any more.
    all.extend(std::fs::read(dir.join("current")).expect("the log in use"));
    super::assert_same(&all, &written);
    let objects = stored(&sandbox);
    assert!(objects.iter().all(|object| object.says("path").ends_with("/web/current")));
    assert!(objects.iter().all(|object| object.says("ended") == "released"));
    // It starts again where it ended.
    starts_again(&dir);
    sandbox.nothing_left_behind();
}

#[test]
fn a_flush_takes_the_log_in_use_once_its_writer_has_ended_and_names_it_before() {
    let sandbox = Sandbox::new();
    let dir = directory(&sandbox);
    let mut svlogd = start(&dir);
    let mut input = svlogd.stdin.take().expect("a pipe");
    input.write_all(b"the last words\n").expect("svlogd reads");
    let current = dir.join("current");
    wait_until("they are written", || std::fs::metadata(&current).is_ok_and(|log| log.len() > 0));
    let ended = sandbox.run(["flush"]).expect(1);
    assert!(ended.stderr.contains("its writer rotates it and goes on with it"), "{}", ended.stderr);
    assert!(current.exists());
    drop(input);
    assert!(svlogd.wait().expect("svlogd ends").success());
    sandbox.run(["run"]).quiet();
    assert!(current.exists(), "a run leaves it to the writer, which may start again");
    sandbox.run(["flush", "--final"]).expect(0);
    assert!(!current.exists());
    starts_again(&dir);
    sandbox.run(["flush"]).expect(0);
    // Nothing else is a log: without its `config` svlogd would throw away what is over ten files.
    sandbox.run(["run"]).quiet();
    assert_eq!(std::fs::read_to_string(dir.join("config")).expect("svlogd's configuration"), "s20000\nn0\n");
    assert_eq!(stored(&sandbox).len(), 2);
    assert_eq!(sandbox.run(["cat", "web"]).expect(0).text(), "the last words\nonce more\n");
    sandbox.nothing_left_behind();
}

#[test]
fn what_a_processor_is_at_work_on_is_left_to_it() {
    let sandbox = Sandbox::new();
    let labels = ["@400000006920a1b2075bcd15", "@400000006920a1c2075bcd15", "@400000006920a1d2075bcd15"];
    sandbox.write_log(format!("{}.s", labels[0]), "first\n");
    sandbox.write_log(format!("{}.u", labels[1]), "second\n");
    sandbox.write_log(format!("{}.t", labels[1]), "sec");
    sandbox.write_log(format!("{}.s", labels[2]), "third\n");
    sandbox.write_log("current", "fourth\n");
    sandbox.write_log("state", "processor's");
    let run = || sandbox.run(["run".into(), "--writer=closed".into(), sandbox.path("log").into_os_string()]);
    let ended = run().expect(75);
    assert!(ended.stderr.contains(".t is beside it"), "{}", ended.stderr);
    assert_eq!(sandbox.run(["cat", "log"]).expect(0).text(), "first\n");
    std::fs::remove_file(sandbox.log(format!("{}.t", labels[1]))).expect("a file");
    run().quiet();
    assert_eq!(sandbox.run(["cat", "log"]).expect(0).text(), "first\nsecond\nthird\n");
    assert_eq!(sandbox.files("log"), [sandbox.log("current"), sandbox.log("state")]);
}

/// Nothing is configured but the directory: what svlogd goes on with, and what it needs, stays where it is.
#[test]
fn a_directory_of_svlogd_is_known_by_what_is_in_it() {
    let sandbox = Sandbox::new();
    let dir = sandbox.log("web");
    std::fs::create_dir(&dir).expect("a directory");
    std::fs::write(dir.join("config"), "s4000\nn0\n").expect("svlogd's configuration");
    sandbox.config_file(&format!("writer = \"auto\"\n[[logs]]\npaths = {:?}\n", dir.display().to_string()));
    let mut svlogd = start(&dir);
    let mut input = svlogd.stdin.take().expect("a pipe");
    let written: String = (0..400).map(|line| format!("{line} GET /index.html\n")).collect();
    input.write_all(written.as_bytes()).expect("svlogd reads");
    let names = || std::fs::read_dir(&dir).expect("a directory").flatten().map(|entry| entry.file_name());
    let length =
        || sandbox.files("log/web").iter().map(|path| std::fs::metadata(path).map_or(0, |is| is.len())).sum::<u64>();
    wait_until("svlogd has written all", || length() >= written.len() as u64 + 9);
    let planned = sandbox.run(["run", "--dry-run"]).expect(0).text();
    assert!(planned.contains("/web/current to its writer: its writer rotates it"), "{planned}");
    sandbox.run(["run"]).quiet();
    assert!(!names().any(|name| name.to_string_lossy().starts_with('@')), "what was closed was taken");
    for name in ["config", "lock", "current"] {
        assert!(dir.join(name).exists(), "{name}");
    }
    assert!(stored(&sandbox).iter().all(|object| object.says("path").ends_with("/web/current")));
    drop(input);
    assert!(svlogd.wait().expect("svlogd ends").success());
    sandbox.run(["run"]).quiet();
    assert!(dir.join("current").exists(), "svlogd may be started again");
    sandbox.run(["flush"]).expect(0);
    assert_eq!(sandbox.run(["cat", "web"]).expect(0).text(), written);
    // Whatever is said of the writers, they are not robbed of what they need.
    sandbox.run(["run", "--writer", "reopens"]).quiet();
    assert_eq!(std::fs::read_to_string(dir.join("config")).expect("its configuration"), "s4000\nn0\n");
}
