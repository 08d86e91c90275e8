//! The state directory: ours alone, or nothing is done at all.

use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;

use super::scene::{NOBODY, snapshot};
use crate::support::tally::{self, Group, Row};
use crate::support::{Sandbox, finish};

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("chmod");
}

/// A sandbox whose state directory has been used, and holds a segment that waits for its store.
fn used() -> Sandbox {
    let sandbox = Sandbox::reopening();
    sandbox.write_log("old.log", "waits\n");
    std::fs::rename(sandbox.path("store"), sandbox.path("store.away")).expect("a rename");
    sandbox.run_all().expect(75);
    std::fs::rename(sandbox.path("store.away"), sandbox.path("store")).expect("a rename");
    sandbox.write_log("web.log", "untouched\n");
    sandbox
}

/// What is wrong with a state directory is refused before anything is touched; once it is put right, all ships.
#[track_caller]
fn assert_refused(what: &str, spoil: impl FnOnce(&Sandbox), why: &str, mend: impl FnOnce(&Sandbox)) {
    let sandbox = used();
    spoil(&sandbox);
    let all = |name: &str| snapshot(&sandbox.path(name));
    let before = (all("state"), all("log"));
    let ended = sandbox.run_all().expect(78);
    assert!(ended.stderr.contains(why) && ended.stderr.contains("hint:"), "{what}: {}", ended.stderr);
    assert!((all("state"), all("log")) == before, "{what}: something was touched");
    assert!(sandbox.files("store").is_empty(), "{what}: something was shipped");
    mend(&sandbox);
    let begun = std::time::Instant::now();
    sandbox.run_all().quiet();
    tally::record(Group::Users, "state that is not ours alone", Row::sound(1, begun.elapsed()));
    assert_eq!(sandbox.run(["cat", "old"]).expect(0).text(), "waits\n", "{what}");
    assert_eq!(sandbox.run(["cat", "web"]).expect(0).text(), "untouched\n", "{what}");
    sandbox.nothing_left_behind();
}

const DIRECTORIES: [&str; 6] = ["state", "state/spool", "state/held", "state/streams", "state/damaged", "state/gaps"];

#[test]
fn a_directory_of_the_state_that_others_may_use_is_refused() {
    for dir in DIRECTORIES {
        for wrong in [0o755, 0o777, 0o770, 0o701] {
            let spoil = |sandbox: &Sandbox| mode(&sandbox.path(dir), wrong);
            assert_refused(dir, spoil, &format!("mode {wrong:03o}"), |sandbox| mode(&sandbox.path(dir), 0o700));
        }
    }
}

#[test]
fn a_directory_of_the_state_that_someone_else_owns_is_refused() {
    for dir in DIRECTORIES {
        let spoil = |sandbox: &Sandbox| chown(sandbox.path(dir), Some(NOBODY), None).expect("chown, as root");
        let mend = |sandbox: &Sandbox| chown(sandbox.path(dir), Some(0), None).expect("chown");
        assert_refused(dir, spoil, "belongs to user 65534", mend);
    }
}

#[test]
fn a_directory_of_the_state_that_is_a_link_or_a_file_is_refused() {
    for dir in DIRECTORIES {
        let away = |sandbox: &Sandbox| {
            std::fs::rename(sandbox.path(dir), sandbox.path("elsewhere")).expect("a rename");
            sandbox.path(dir)
        };
        let mend = |sandbox: &Sandbox| {
            std::fs::remove_file(sandbox.path(dir)).expect("it can be removed");
            std::fs::rename(sandbox.path("elsewhere"), sandbox.path(dir)).expect("a rename");
        };
        let link = |sandbox: &Sandbox| {
            let dir = away(sandbox);
            symlink(sandbox.path("elsewhere"), &dir).expect("a link");
            lchown(dir, Some(NOBODY), None).expect("chown, as root");
        };
        assert_refused(dir, link, "hint:", mend);
        let file = |sandbox: &Sandbox| std::fs::write(away(sandbox), "in the way").expect("a file");
        assert_refused(dir, file, "hint:", mend);
    }
}

#[test]
fn a_file_of_the_state_that_others_made_or_may_change_is_refused() {
    let record = |sandbox: &Sandbox| {
        let records = sandbox.files("state/spool").into_iter();
        records.into_iter().find(|path| path.extension().is_some_and(|end| end == "json")).expect("a record")
    };
    let chowned = |sandbox: &Sandbox| chown(record(sandbox), Some(NOBODY), None).expect("chown, as root");
    let back = |sandbox: &Sandbox| chown(record(sandbox), Some(0), None).expect("chown");
    assert_refused("a record of somebody's", chowned, "belongs to user 65534", back);
    for wrong in [0o620, 0o602, 0o666] {
        let open = |sandbox: &Sandbox| mode(&record(sandbox), wrong);
        assert_refused("a record", open, &format!("mode {wrong:03o}"), |sandbox| mode(&record(sandbox), 0o600));
    }
    let linked = |sandbox: &Sandbox| std::fs::hard_link(record(sandbox), sandbox.path("linked")).expect("a link");
    let unlinked = |sandbox: &Sandbox| std::fs::remove_file(sandbox.path("linked")).expect("a link");
    assert_refused("a record with a second link", linked, "2 hard links", unlinked);
    for dir in ["held", "streams", "damaged", "gaps", "spool"] {
        let file = format!("state/{dir}/something");
        let plant = |sandbox: &Sandbox| {
            std::fs::write(sandbox.path(&file), "").expect("a file");
            chown(sandbox.path(&file), Some(NOBODY), None).expect("chown, as root");
        };
        let remove = |sandbox: &Sandbox| std::fs::remove_file(sandbox.path(&file)).expect("a file");
        assert_refused(&file, plant, "belongs to user 65534", remove);
    }
}

#[test]
fn what_is_known_of_the_instance_is_not_read_from_a_file_of_somebody_elses() {
    let sandbox = used();
    let secret = sandbox.path("secret");
    std::fs::write(&secret, "not to be read\n").expect("a file");
    let _ = std::fs::remove_file(sandbox.path("state/instance.json"));
    symlink(&secret, sandbox.path("state/instance.json")).expect("a link");
    // It is made anew, in the place of the link.
    sandbox.run_all().quiet();
    assert_eq!(std::fs::read_to_string(&secret).expect("it is still there"), "not to be read\n");
    let foreign = sandbox.path("state/instance.json");
    let _ = std::fs::remove_file(&foreign);
    std::fs::write(&foreign, "{\"boot\":\"\",\"at\":\"2026-11-21T00:00:00Z\",\"instance\":\"i-forged\"}")
        .expect("a file");
    chown(&foreign, Some(NOBODY), None).expect("chown, as root");
    let ended = sandbox.run_all().expect(78);
    assert!(ended.stderr.contains("instance.json") && ended.stderr.contains("65534"), "{}", ended.stderr);
}

#[test]
fn a_state_directory_that_others_could_replace_is_refused_before_it_is_made() {
    let sandbox = Sandbox::reopening();
    let log = sandbox.write_log("web.log", "x\n");
    std::fs::create_dir(sandbox.path("loose")).expect("a directory");
    let run = |under: &str| {
        let mut run = sandbox.logferry();
        run.env("LOGFERRY_STATE_DIR", sandbox.path(under).join("state")).arg("run").arg(sandbox.path("log"));
        finish(&mut run)
    };
    for (owner, loose) in [(0, 0o777), (0, 0o757), (NOBODY, 0o755)] {
        chown(sandbox.path("loose"), Some(owner), None).expect("chown, as root");
        mode(&sandbox.path("loose"), loose);
        let ended = run("loose").expect(78);
        assert!(ended.stderr.contains("could put something else in the place of"), "{}", ended.stderr);
        assert!(!sandbox.path("loose/state").exists() && log.exists(), "something was touched");
    }
    // Of a group that is not ours.
    chown(sandbox.path("loose"), Some(0), Some(NOBODY)).expect("chown, as root");
    mode(&sandbox.path("loose"), 0o775);
    run("loose").expect(78);
    // A sticky directory, as /tmp is: nobody can move what is root's.
    mode(&sandbox.path("loose"), 0o1777);
    run("loose").quiet();
    assert!(!log.exists());
}

#[test]
fn all_that_is_made_is_closed_to_others_whatever_the_umask() {
    use std::os::unix::fs::MetadataExt;
    let sandbox = Sandbox::reopening();
    sandbox.write_log("web.log", "x\n");
    let script = format!("umask 000; exec '{}' run {}", env!("CARGO_BIN_EXE_logferry"), sandbox.path("log").display());
    let environment = sandbox.logferry();
    let mut shell = std::process::Command::new("sh");
    shell.env_clear().envs(environment.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.args(["-c", &script]);
    // Stopped when it has shipped: record, sealed segment and all are there.
    let run = shell.env("LOGFERRY_FAULT", "kill@after-put").stderr(std::process::Stdio::null());
    run.current_dir(sandbox.path("")).status().expect("it starts");
    let mut seen = 0;
    for entry in walkdir::WalkDir::new(sandbox.path("state")) {
        let entry = entry.expect("an entry");
        let is = entry.metadata().expect("its status");
        let wanted = if is.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(is.mode() & 0o7777, wanted, "{}", entry.path().display());
        seen += usize::from(is.is_file());
    }
    assert!(seen >= 2, "only {seen} files were made");
    for entry in walkdir::WalkDir::new(sandbox.path("store")).min_depth(1) {
        let entry = entry.expect("an entry");
        let is = entry.metadata().expect("its status");
        let wanted = if is.is_dir() { 0o755 } else { 0o640 };
        assert_eq!(is.mode() & 0o7777, wanted, "{}", entry.path().display());
    }
    sandbox.run_all().expect(0);
    sandbox.nothing_left_behind();
}

#[test]
fn links_within_the_store_are_not_followed() {
    for (link, file) in [("service=web", "nowhere"), ("service=web/dt=", "elsewhere")] {
        let sandbox = Sandbox::reopening();
        sandbox.write_log("web.log", "x\n");
        let outside = sandbox.path(file);
        std::fs::create_dir(&outside).expect("a directory");
        // The day is that of the log's birth: today's, or tomorrow's if midnight passes meanwhile.
        let days = ["today", "tomorrow"].map(|day| {
            let date = std::process::Command::new("date").args(["-u", "-d", day, "+%F"]).output().expect("date");
            String::from_utf8_lossy(&date.stdout).trim().to_owned()
        });
        let days = if link.ends_with('=') { days.to_vec() } else { vec![String::new()] };
        for day in days {
            let link = sandbox.path("store").join(format!("{link}{day}"));
            std::fs::create_dir_all(link.parent().expect("a parent")).expect("directories");
            symlink(&outside, link).expect("a link");
        }
        let ended = sandbox.run_all();
        assert!([1, 75].contains(&ended.code), "{}", ended.stderr);
        assert!(ended.stderr.contains("web"), "{}", ended.stderr);
        assert_eq!(std::fs::read_dir(&outside).expect("the directory").count(), 0, "something was put outside");
    }
}

#[test]
fn another_users_program_of_our_name_keeps_nobody_from_a_claimed_file() {
    let sandbox = Sandbox::reopening();
    mode(&sandbox.path(""), 0o711);
    let claimed = sandbox.write_log(".web.log.20261121T005959Z-k3f9a2.claimed", "left\n");
    // Anyone may call his program logferry, and may open what he may read.
    let program = sandbox.path("logferry");
    finish(std::process::Command::new("install").args(["-m", "755", "/bin/sleep"]).arg(&program)).quiet();
    let open = std::fs::File::open(&claimed).expect("the claimed file");
    let mut impostor = std::process::Command::new(&program);
    let mut impostor = impostor.arg("300").uid(NOBODY).stdin(open).spawn().expect("it starts");
    let ended = sandbox.run_all();
    impostor.kill().expect("it lives");
    impostor.wait().expect("it ends");
    ended.quiet();
    assert_eq!(sandbox.run(["cat", "web"]).expect(0).text(), "left\n");
}
