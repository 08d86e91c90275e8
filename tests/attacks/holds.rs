//! Other ways to mislead a run or to hold it up.

use std::io::Write;
use std::os::unix::fs::{lchown, symlink};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use logferry::sys::fault::Point;
use logferry::sys::procfs::{Holder, Writes};

use super::scene::{NOBODY, Running, SECRET, Scene, own};
use crate::support::tally::{self, Group, Row};
use crate::support::{Sandbox, Stopped, finish, proof, wait_until};

fn link(scene: &Scene, to: &str, at: &str) {
    symlink(scene.path(to), scene.path(at)).expect("a link");
    lchown(scene.path(at), Some(NOBODY), None).expect("chown, as root");
}

fn run_on(scene: &Scene, args: &[&str]) -> (i32, String) {
    let mut command = scene.sandbox.logferry();
    command.args(["run", "-v", "--instance", "i-attacked"]).args(args.iter().map(|arg| scene.path(arg)));
    Running::start(scene, &mut command).end()
}

#[test]
fn what_lies_behind_a_users_link_is_not_even_listed() {
    let scene = Scene::new();
    let before = scene.outside();
    link(&scene, "outside", "srv/site/log/app");
    for arg in ["srv/site/log/app", "srv/site/log/app/log/web.log", "srv/site/log/app/**/*.log", "srv/site/log/*/*.log"]
    {
        let (code, said) = run_on(&scene, &[arg]);
        assert!(arg.contains("*/*.log") || code == 1 && said.contains("symbolic link"), "{arg}: {code}: {said}");
        assert!(!said.contains("deep.log") && !said.contains("secret"), "{arg}: {said}");
        assert!(scene.objects().is_empty(), "{arg}: something was shipped");
        assert_eq!(scene.outside(), before, "{arg}: what is outside has changed");
    }
}

#[test]
fn a_way_up_from_behind_a_users_link_is_not_gone() {
    let scene = Scene::new();
    let before = scene.outside();
    link(&scene, "outside/site", "srv/site/current");
    let (code, said) = run_on(&scene, &["srv/site/current/../log/web.log"]);
    assert!(code != 0 && said.contains("symbolic link"), "{code}: {said}");
    assert_eq!(scene.outside(), before, "what is outside has changed");
    assert!(scene.objects().is_empty(), "something was shipped");
}

#[test]
fn a_link_of_roots_that_a_user_has_moved_is_not_followed() {
    let scene = Scene::new();
    // Root's own tree in the user's directory, with a link that is sound where it was.
    std::fs::create_dir(scene.path("srv/tree")).expect("a directory");
    symlink(scene.path("outside/log"), scene.path("srv/tree/log")).expect("a link");
    let before = scene.outside();
    std::fs::rename(scene.path("srv/site"), scene.path("srv/away")).expect("a rename");
    std::fs::rename(scene.path("srv/tree"), scene.path("srv/site")).expect("a rename");
    let (code, said) = run_on(&scene, &["srv/site/log", "srv/site/log/web.log"]);
    assert!(code == 1 && said.contains("symbolic link"), "{code}: {said}");
    assert_eq!(scene.outside(), before, "what is outside has changed");
}

#[test]
fn something_else_by_the_claimed_name_does_not_keep_the_log_from_being_taken() {
    let scene = Scene::new();
    scene.write("web.log", "first\n");
    let mut run = Running::start(&scene, scene.command().env("LOGFERRY_FAULT", "stop@part-made"));
    assert!(run.stopped(), "it stops at its point");
    let claimed = scene.claimed().expect("a claimed file");
    std::fs::rename(&claimed, scene.dir().join("moved.log")).expect("a rename");
    link(&scene, "outside/secret", claimed.strip_prefix(scene.path("")).expect("below").to_str().expect("text"));
    run.go_on();
    assert_eq!(run.end().0, 1);
    scene.write("web.log", "second\n");
    let begun = Instant::now();
    let (code, said) = scene.run();
    // What is there by that name is told each time, but holds up nothing.
    assert!(code == 1 && said.contains(".claimed"), "{code}: {said}");
    assert_eq!((scene.times_shipped("first\n"), scene.times_shipped("second\n")), (1, 1), "{said}");
    tally::record(Group::Users, "a claimed name that is never given back", Row::sound(1, begun.elapsed()));
    std::fs::remove_file(claimed).expect("the link");
    assert_eq!(scene.run(), (0, String::new()));
    scene.assert_secret_kept("the claimed name");
}

#[test]
fn claimed_names_without_end_do_not_hold_up_a_run() {
    let scene = Scene::new();
    std::fs::write(scene.path("honest/ok.log"), "honest\n").expect("a log");
    for n in 0..40 {
        scene.write(&format!(".web.log.20261121T0000{n:02}Z-abc123.claimed"), &format!("piece {n:02};\n"));
    }
    let (code, said) = scene.run();
    assert!(code == 75 && said.contains("24 wait for the next run"), "{code}: {said}");
    assert_eq!(scene.times_shipped("honest\n"), 1);
    scene.run();
    let begun = Instant::now();
    assert_eq!(scene.run(), (0, String::new()));
    tally::record(Group::Users, "more claimed names than one run takes", Row::sound(1, begun.elapsed()));
    let expected: String = (0..40).map(|n| format!("piece {n:02};\n")).collect();
    assert_eq!(scene.sandbox.run(["cat", "web"]).expect(0).text(), expected);
}

#[test]
fn directories_without_end_are_told_and_the_other_logs_ship() {
    let scene = Scene::new();
    scene.write("web.log", "beside them\n");
    let deep = scene.dir().join("d/".repeat(200));
    std::fs::create_dir_all(&deep).expect("directories");
    let (code, said) = scene.run();
    assert!(code == 1 && said.contains("directories deep"), "{code}: {said}");
    assert_eq!(scene.times_shipped("beside them\n"), 1);
}

#[test]
fn what_a_process_holds_in_place_of_a_log_is_not_opened() {
    use std::os::unix::fs::OpenOptionsExt;
    let scene = Scene::new();
    let fifo = scene.path("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).expect("a FIFO");
    let flags = nix::fcntl::OFlag::O_NONBLOCK.bits();
    let held = std::fs::File::options().read(true).custom_flags(flags).open(&fifo).expect("the FIFO");
    for through in [format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&held)), "/dev/zero".to_owned()] {
        let (name, through, writes) = ("x".to_owned(), through.into(), Writes::ToTheEnd);
        let holder = Holder { pid: 1, name, owner: None, program: None, through, writes };
        let error = holder.open().expect_err("it is no regular file");
        assert!(error.to_string().contains("not a regular file"), "{error}");
    }
}

#[test]
fn names_do_not_move_the_cursor_when_steps_are_told_either() {
    let scene = Scene::new();
    let name = "\u{1b}[2J\nlogferry: all is well.log";
    scene.write(name, "x\n");
    own(&scene.dir().join(name));
    let (code, said) = run_on(&scene, &["srv/site/log"]);
    assert!(code == 0 && !said.contains('\u{1b}'), "{said:?}");
    assert!(!said.lines().any(|line| line.starts_with("logferry: all is well")), "{said:?}");
}

#[test]
fn in_a_directory_of_all_users_nobody_makes_up_the_claimed_file_of_anothers_log() {
    use std::os::unix::fs::PermissionsExt;
    let scene = Scene::new();
    let shared = scene.path("honest");
    std::fs::set_permissions(&shared, PermissionsExt::from_mode(0o1777)).expect("chmod");
    std::fs::write(shared.join("web.log"), "honest\n").expect("a log");
    let forged = shared.join(".web.log.20261121T000000Z-abc123.claimed");
    std::fs::write(&forged, "forged\n").expect("a file");
    own(&forged);
    let (code, said) = scene.run();
    assert!(code == 1 && said.contains("belongs to another user than that log"), "{code}: {said}");
    assert_eq!((scene.times_shipped("honest\n"), scene.times_shipped("forged\n")), (1, 0), "{said}");
    std::fs::remove_file(forged).expect("it is there still");
}

#[test]
fn nobody_finds_out_what_there_is_by_how_a_name_beside_a_link_is_treated() {
    let scene = Scene::new();
    let mut said = Vec::new();
    for target in ["outside/secret", "outside/nothing"] {
        link(&scene, target, "srv/site/log/web.log");
        scene.write("web.log-foo", "is it taken for a rotated one?\n");
        said.push((scene.run(), scene.dir().join("web.log-foo").exists()));
        std::fs::remove_file(scene.dir().join("web.log")).expect("the link");
    }
    assert_eq!(said[0], said[1]);
}

/// A writer that has a log open as its standard output, and does as told: after the first line it puts another file in
/// its place, under the same number. When nobody tells it anything any more it ends.
fn turncoat(log: &Path, other: &Path, done: &Path) -> Child {
    let (log, other, done) = (log.display(), other.display(), done.display());
    let script = format!("exec >> '{log}'; echo one; read go || exit; exec >> '{other}'; : > '{done}'; read go");
    Command::new("sh").args(["-c", &script]).stdin(Stdio::piped()).spawn().expect("sh")
}

#[test]
fn a_file_that_a_writer_puts_in_the_place_of_its_log_is_not_read() {
    // Of two logs the first one's writer has gone when the run looks. It takes note of that, and stops there: it has seen
    // who holds the second one, and has not opened it yet.
    let sandbox = Sandbox::reopening();
    sandbox.config_file("settle = \"30ms\"\n");
    let (secret, done) = (sandbox.path("secret"), sandbox.path("done"));
    std::fs::write(&secret, format!("{SECRET}\n").repeat(20)).expect("a secret");
    let logs = ["web", "job"].map(|service| sandbox.log(format!("{service}.log")));
    let mut writers = logs.each_ref().map(|log| turncoat(log, &secret, &done));
    wait_until("they have written", || logs.iter().all(|log| std::fs::metadata(log).is_ok_and(|log| log.len() == 4)));
    let run = || {
        let mut run = sandbox.logferry();
        run.arg("run").arg(sandbox.path("log"));
        run
    };
    // Both logs are unlinked, then both segments are salvaged, and their doubts are open.
    for order in ["kill@unlinks-durable", "kill@sealed#2"] {
        let status = run().env("LOGFERRY_FAULT", order).stderr(Stdio::null()).status().expect("it starts");
        assert_eq!(status.code(), None, "{order}");
    }
    let gone = usize::from(!first_held(&sandbox).contains("web.log"));
    drop(writers[gone].stdin.take());
    writers[gone].wait().expect("sh ends");
    let stopped = Stopped::at(Point::DoubtConfirmed, 1, run());
    let held = 1 - gone;
    let mut go = writers[held].stdin.take().expect("a pipe");
    writeln!(go, "go").expect("sh reads");
    wait_until("it has another file by that number", || done.exists());
    let ended = stopped.go_on().expect(0);
    let objects = proof::of_directory(&sandbox.path("store"));
    assert!(objects.iter().all(|object| object.raw == b"one\n"), "the other file was shipped: {}", ended.stderr);
    assert_eq!(objects.len(), 2, "{}", ended.stderr);
    // Nobody holds the second log any more either: the next run finds that out, and says so.
    let service = ["web.log", "job.log"][held];
    let next = finish(&mut run()).expect(0);
    let told = next.stderr.contains(&format!("{service}: not known to be complete"));
    assert!(told, "{service}: the run before said: {}; the next one: {}", ended.stderr, next.stderr);
    drop(go);
    writers[held].wait().expect("sh ends");
}

/// The record of the segment whose file is looked for first.
fn first_held(sandbox: &Sandbox) -> String {
    let held = sandbox.files("state/held");
    assert_eq!(held.len(), 2, "both are remembered: {held:?}");
    let name = held[0].file_name().expect("a name").to_string_lossy().into_owned();
    let segment = name.split_once('-').and_then(|(_, rest)| rest.split('.').next()).expect("a segment's name");
    std::fs::read_to_string(sandbox.path(format!("state/spool/{segment}.json"))).expect("its record")
}
