//! Installation, upgrade, removal and purge.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use super::{LATER, packages};
use crate::support::root::Root;
use crate::support::{Ended, Sandbox, finish};

const LOG: &str = "/var/log/upstart/web.log";
const CONFIGURATION: &str = "/etc/logferry.toml";
const ASIDE: &str = "/etc/logferry.toml.before-install";
const ENTRY: &str = "/etc/cron.d/logferry";
const WAITING: &str = "/etc/cron.d/logferry-waiting";

/// A system with a log, a directory store, and logrotate's packaged fragment for Upstart.
fn system(sandbox: &Sandbox) -> Root {
    let root = Root::new(sandbox);
    root.write(LOG, "one\n");
    std::fs::create_dir_all(root.path("/srv/store")).expect("a store");
    root.write("/etc/logrotate.d/upstart", "/var/log/upstart/*.log {\n    daily\n    missingok\n    rotate 7\n}\n");
    root.put(&packages().first, "/mnt/first.deb");
    root.put(&packages().second, "/mnt/second.deb");
    root
}

fn installed(root: &Root) -> Ended {
    root.dpkg(["--install", "/mnt/first.deb"]).expect(0)
}

/// `logferry install` as the guides have it.
fn switched_on(root: &Root) -> Ended {
    root.run("logferry", ["install", "--to", "file:///srv/store", "/var/log/upstart/*.log"]).expect(0)
}

/// Carries out the hourly command of the entry that `install` wrote, without the wait before it.
fn hour_strikes(root: &Root) -> Ended {
    strikes(root, ENTRY)
}

/// Carries out an entry's hourly command, without the wait before it.
fn strikes(root: &Root, entry: &str) -> Ended {
    let text = root.read(entry);
    let line = text.lines().find(|line| line.contains(" * * * * ")).expect("a line with a time");
    let command = line.split_once("root ").expect("a user").1.trim();
    assert!(command.contains("--splay 10m"), "{command}");
    root.run("sh", ["-c", &command.replace("--splay 10m", "--splay 0s")])
}

/// Fails the test unless the waiting entry does nothing when the hour strikes, and says nothing.
#[track_caller]
fn assert_waits(root: &Root) {
    let is = || (std::fs::read(root.path(LOG)).ok(), root.has("/var/lib/logferry"));
    let before = is();
    let ended = strikes(root, WAITING);
    assert_eq!((ended.text().as_str(), ended.stderr.as_str()), ("", ""));
    assert_eq!(is(), before, "a run was started");
}

/// Everything below these directories: kind, mode, owner, content or target.
fn snapshot(root: &Root, directories: &[&str]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for directory in directories {
        // A link at the top leads elsewhere only within the system, and not from here.
        for entry in walkdir::WalkDir::new(root.path(directory)).follow_root_links(false) {
            let entry = entry.expect("an entry");
            let is = entry.metadata().expect("its status");
            let content = match is.file_type() {
                kind if kind.is_symlink() => format!("{:?}", std::fs::read_link(entry.path()).expect("a link")),
                kind if kind.is_file() => format!("{:?}", std::fs::read(entry.path()).expect("a file")),
                _ => String::new(),
            };
            let name = entry.path().strip_prefix(root.path("/")).expect("below").display().to_string();
            found.insert(name, format!("{:o} {}:{} {content}", is.mode(), is.uid(), is.gid()));
        }
    }
    found
}

/// Fails the test unless two snapshots are the same; names what differs.
#[track_caller]
fn assert_same(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) {
    let differs = |(name, is): &(&String, &String)| before.get(*name) != Some(*is) || after.get(*name) != Some(*is);
    let names: Vec<_> = before.iter().chain(after).filter(differs).map(|(name, _)| name).collect();
    assert!(names.is_empty(), "{names:?}");
}

#[test]
fn an_installed_package_ships_nothing_until_a_destination_is_set() {
    let sandbox = Sandbox::reopening();
    let root = system(&sandbox);
    let said = installed(&root);
    assert!(said.text().contains("nothing is shipped until"), "{}", said.text());
    assert_waits(&root);
    root.write(CONFIGURATION, "# to = \"file:///srv/store\"\n[[logs]]\npaths = [\"/var/log/upstart/*.log\"]\n");
    assert_waits(&root);
    assert!(!root.has("/var/lib/logferry"), "something was begun");
    // Set by hand, or by a tool that manages configurations; TOML lets a key be quoted in two ways.
    let text = root.read(CONFIGURATION);
    let mut shipped = String::new();
    for key in ["to", "\"to\"", "  'to'"] {
        root.write(CONFIGURATION, text.replace("# to", key));
        root.write(LOG, format!("{key}\n"));
        strikes(&root, WAITING).quiet();
        shipped += &format!("{key}\n");
        assert_eq!(root.run("logferry", ["cat", "web"]).expect(0).text(), shipped, "{key}");
    }
    // The program gone, and the entry still there: cron has nothing to say.
    std::fs::remove_file(root.path("/usr/bin/logferry")).expect("the program");
    root.write(LOG, "last\n");
    assert_waits(&root);
}

#[test]
fn the_packaged_entry_never_starts_a_run_beside_what_install_has_set_up() {
    let sandbox = Sandbox::reopening();
    let root = system(&sandbox);
    installed(&root);
    let before = snapshot(&root, &["/etc"]);
    switched_on(&root);
    finish(root.command("dpkg").args(["--verify", "logferry"])).quiet();
    assert_waits(&root);
    // The configuration that `install` wrote is no wish of the administrator's that anything starts runs without it.
    root.write(CONFIGURATION, root.read(CONFIGURATION) + "# It is mine now.\n");
    root.run("logferry", ["uninstall"]).expect(0);
    assert!(root.has(CONFIGURATION) && !root.has(ENTRY), "an edited configuration stays");
    assert_waits(&root);
    std::fs::remove_file(root.path(CONFIGURATION)).expect("the configuration");
    assert_same(&before, &snapshot(&root, &["/etc"]));
    finish(root.command("dpkg").args(["--verify", "logferry"])).quiet();
    // By hand, and then with a timer.
    root.write(CONFIGURATION, "to = \"file:///srv/store\"\n[[logs]]\npaths = [\"/var/log/upstart/*.log\"]\n");
    root.write("/etc/systemd/system/logferry.timer", "[Timer]\n");
    assert_waits(&root);
    std::fs::remove_file(root.path("/etc/systemd/system/logferry.timer")).expect("the timer");
    root.run("logferry", ["install"]).expect(0);
    assert_waits(&root);
    // Uninstalled, it is as it was before: and that is said.
    let said = root.run("logferry", ["uninstall"]).expect(0).text();
    assert!(said.contains(WAITING) && said.contains("goes on starting runs"), "{said}");
    strikes(&root, WAITING).quiet();
    assert_eq!(root.run("logferry", ["cat", "web"]).expect(0).text(), "one\n");
}

#[test]
fn install_works_over_the_package_and_an_upgrade_changes_neither_configuration_nor_schedule_nor_spool() {
    let sandbox = Sandbox::reopening();
    let root = system(&sandbox);
    installed(&root);
    root.run("logferry", ["install", "--to", "file:///srv/missing", "--at", "20", LOG]).expect(0);
    assert!(root.read(ENTRY).contains("\n20 * * * *  root  /usr/bin/logferry run"), "{}", root.read(ENTRY));
    // Something waits in the spool.
    hour_strikes(&root).expect(75);
    let kept = [CONFIGURATION, ENTRY, "/etc/logrotate.d", "/var/lib/logferry"];
    let before = snapshot(&root, &kept);
    let said = root.dpkg(["--install", "/mnt/second.deb"]).expect(0);
    assert!(
        !said.text().contains("nothing is shipped") && !said.text().contains("Configuration file"),
        "{}",
        said.text()
    );
    let version = root.run("dpkg-query", ["--show", "-f", "${Version} ${Status}", "logferry"]).expect(0).text();
    assert!(version.ends_with("-2 install ok installed"), "{version}");
    assert_same(&before, &snapshot(&root, &kept));
    // A later release's entry comes without a question, since install has left the first one's as it was.
    assert!(root.read(WAITING).ends_with(LATER), "{}", root.read(WAITING));
    // Back to the earlier version, too.
    installed(&root);
    assert_same(&before, &snapshot(&root, &kept));
    std::fs::create_dir(root.path("/srv/missing")).expect("the store");
    hour_strikes(&root).quiet();
    assert_eq!(root.run("logferry", ["cat", "web"]).expect(0).text(), "one\n");
}

#[test]
fn a_removal_gives_logrotate_its_logs_back_and_keeps_configuration_and_spool() {
    let sandbox = Sandbox::reopening();
    let root = system(&sandbox);
    let rotation = snapshot(&root, &["/etc/logrotate.d"]);
    installed(&root);
    switched_on(&root);
    hour_strikes(&root).quiet();
    let kept = [CONFIGURATION, "/var/lib/logferry"];
    let before = snapshot(&root, &kept);
    root.dpkg(["--remove", "logferry"]).expect(0);
    assert_same(&before, &snapshot(&root, &kept));
    assert_same(&rotation, &snapshot(&root, &["/etc/logrotate.d"]));
    assert!(!root.has(ENTRY) && !root.has("/usr/bin/logferry"), "something would still start it");
    let left: Vec<_> = walkdir::WalkDir::new(root.path("/etc"))
        .into_iter()
        .filter_map(|entry| entry.ok().map(|entry| entry.path().display().to_string()))
        .filter(|path| path.ends_with(".kept"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    // It comes back as it was left: off, with its configuration.
    let said = installed(&root).text();
    assert!(said.contains("logferry install") && !root.has(ENTRY), "{said}");
    root.run("logferry", ["install"]).expect(0);
    root.write(LOG, "two\n");
    hour_strikes(&root).quiet();
    assert_eq!(root.run("logferry", ["cat", "web"]).expect(0).text(), "one\ntwo\n");
}

#[test]
fn a_schedule_that_was_never_switched_on_by_install_survives_a_removal() {
    let sandbox = Sandbox::reopening();
    let root = system(&sandbox);
    installed(&root);
    let before = snapshot(&root, &["/etc/cron.d"]);
    root.write(CONFIGURATION, "to = \"file:///srv/store\"\n");
    root.dpkg(["--remove", "logferry"]).expect(0);
    assert_same(&before, &snapshot(&root, &["/etc/cron.d"]));
    installed(&root);
    assert_same(&before, &snapshot(&root, &["/etc/cron.d"]));
    assert_eq!(root.read(CONFIGURATION), "to = \"file:///srv/store\"\n");
}

/// A configuration that sets nothing, with words of the administrator's: `install` puts it aside.
const NOTES: &str = "# Notes on what is shipped from here.\n#to = \"s3://my-logs/prod\"\n";

#[test]
fn a_removal_keeps_what_install_has_put_aside() {
    let sandbox = Sandbox::reopening();
    let root = system(&sandbox);
    installed(&root);
    root.write(CONFIGURATION, NOTES);
    switched_on(&root);
    let kept = [CONFIGURATION, ASIDE];
    let before = snapshot(&root, &kept);
    assert_eq!(root.read(ASIDE), NOTES);
    root.dpkg(["--remove", "logferry"]).expect(0);
    assert_same(&before, &snapshot(&root, &kept));
    // One that was killed once uninstall had put the notes in their place.
    root.write("/etc/logferry.toml.kept", root.read(CONFIGURATION));
    root.write("/etc/logferry.toml.before-install.kept", NOTES);
    std::fs::rename(root.path(ASIDE), root.path(CONFIGURATION)).expect("the notes are back");
    installed(&root);
    root.dpkg(["--remove", "logferry"]).expect(0);
    assert_same(&before, &snapshot(&root, &kept));
    let names = std::fs::read_dir(root.path("/etc")).expect("/etc");
    let left =
        names.filter(|name| name.as_ref().is_ok_and(|name| name.file_name().to_string_lossy().contains(".kept")));
    assert_eq!(left.count(), 0, "a kept file is left");
    installed(&root);
    root.run("logferry", ["install"]).expect(0);
    root.run("logferry", ["uninstall"]).expect(0);
    assert!(root.read(CONFIGURATION) == NOTES && !root.has(ASIDE), "the notes did not come back");
}

#[test]
fn a_state_directory_elsewhere_is_not_forgotten() {
    const SPOOL: &str = "/srv/my spool";
    let sandbox = Sandbox::reopening();
    let root = system(&sandbox);
    let switch_on = ["install", "--to", "file:///srv/missing", "--state-dir", SPOOL, LOG];
    installed(&root);
    root.run("logferry", switch_on).expect(0);
    hour_strikes(&root).expect(75);
    let waits = snapshot(&root, &[SPOOL]);
    let said = root.dpkg(["--remove", "logferry"]).expect(0).text();
    // The program that would be told to is gone by then.
    assert!(said.contains("a purge of the package removes it") && !said.contains("uninstall --purge"), "{said}");
    let said = installed(&root).text();
    assert!(said.contains("logferry install --state-dir '/srv/my spool'"), "{said}");
    let said = root.dpkg(["--purge", "logferry"]).expect(0).stderr;
    assert!(said.contains("/srv/my spool is kept: 2 files") && said.contains("hint:"), "{said}");
    assert_same(&waits, &snapshot(&root, &[SPOOL]));
    // What is in the store needs no spool; but what is not ours is not removed with it.
    std::fs::create_dir(root.path("/srv/missing")).expect("the store");
    for stranger in [Some("mine"), None] {
        installed(&root);
        root.run("logferry", switch_on).expect(0);
        hour_strikes(&root).quiet();
        let path = stranger.map(|name| root.path(SPOOL).join(name));
        path.iter().for_each(|path| std::fs::write(path, "precious").expect("a file"));
        let said = root.dpkg(["--purge", "logferry"]).expect(0).stderr;
        assert_eq!(
            (root.has(SPOOL), said.contains("has not put mine there")),
            (path.is_some(), path.is_some()),
            "{said}"
        );
        path.iter().for_each(|path| std::fs::remove_file(path).expect("it is still there"));
    }
    let names = std::fs::read_dir(root.path("/var/lib")).expect("/var/lib");
    let left =
        names.filter(|name| name.as_ref().is_ok_and(|name| name.file_name().to_string_lossy().contains("logferry")));
    assert_eq!(left.count(), 0, "a note is left");
    assert_eq!(root.run("find", ["/srv/missing", "-name", "*.gz"]).text().lines().count(), 1);
}

#[test]
fn check_tells_that_the_packaged_entry_ships_without_keeping_logrotate_off() {
    let sandbox = Sandbox::reopening();
    let root = system(&sandbox);
    installed(&root);
    let told = |root: &Root| root.run("logferry", ["check"]).text();
    assert!(!told(&root).contains(WAITING), "{}", told(&root));
    root.write(CONFIGURATION, "to = \"file:///srv/store\"\n[[logs]]\npaths = [\"/var/log/upstart/*.log\"]\n");
    let by_hand = told(&root);
    let line = by_hand.lines().find(|line| line.contains(WAITING)).expect(&by_hand);
    assert!(line.contains("does not keep logrotate off") && !by_hand.contains("nothing starts runs"), "{by_hand}");
    assert!(
        by_hand.contains("logferry install, without arguments") && by_hand.contains("is this program"),
        "{by_hand}"
    );
    root.run("logferry", ["install"]).expect(0);
    assert!(!told(&root).contains(WAITING), "{}", told(&root));
}

#[test]
fn after_a_purge_the_system_is_as_it_was() {
    let sandbox = Sandbox::reopening();
    let root = system(&sandbox);
    let before = snapshot(&root, &["/etc"]);
    let mut list = std::process::Command::new("dpkg-deb");
    let listed = finish(list.arg("--contents").arg(&packages().first)).expect(0).text();
    let files = listed.lines().filter(|line| line.starts_with('-')).filter_map(|line| line.split(" ./").nth(1));
    let files: Vec<&str> = files.collect();
    installed(&root);
    switched_on(&root);
    hour_strikes(&root).quiet();
    let said = root.dpkg(["--purge", "logferry"]).expect(0);
    assert_same(&before, &snapshot(&root, &["/etc"]));
    let left: Vec<&&str> = files.iter().filter(|file| root.has(file)).collect();
    assert!(files.len() > 15 && left.is_empty(), "of {} files these are left: {left:?}", files.len());
    assert!(!root.has("/var/lib/logferry"), "{}{}", said.text(), said.stderr);
    let known = root.run("dpkg-query", ["--show", "logferry"]);
    assert!(known.code != 0 || known.text().trim_end().ends_with("logferry"), "{}", known.text());
    // Twice does no harm.
    root.dpkg(["--purge", "logferry"]);
}

/// A purge that finds the state directory in this state keeps it, and says why.
#[track_caller]
fn assert_kept(root: &Root, why: &str) {
    let before = snapshot(root, &["/var/lib/logferry"]);
    let ended = root.dpkg(["--purge", "logferry"]).expect(0);
    assert!(ended.stderr.contains(why) && ended.stderr.contains("hint:"), "{}", ended.stderr);
    assert_same(&before, &snapshot(root, &["/var/lib/logferry"]));
    assert!(!root.has(CONFIGURATION) && !root.has(ENTRY), "configuration is left");
}

#[test]
fn a_purge_keeps_a_spool_that_holds_what_is_not_in_the_store() {
    let sandbox = Sandbox::reopening();
    let root = system(&sandbox);
    installed(&root);
    root.run("logferry", ["install", "--to", "file:///srv/missing", LOG]).expect(0);
    hour_strikes(&root).expect(75);
    assert_kept(&root, "not known to be in the store");
    // Nothing is lost: the same command ships it when the program is back.
    installed(&root);
    std::fs::create_dir(root.path("/srv/missing")).expect("the store");
    root.run("logferry", ["run", "--to", "file:///srv/missing", LOG]).quiet();
    assert_eq!(root.run("logferry", ["cat", "--to", "file:///srv/missing", "web"]).expect(0).text(), "one\n");
    root.dpkg(["--purge", "logferry"]).expect(0);
    assert!(!root.has("/var/lib/logferry"), "all is in the store now");
}

#[test]
fn a_purge_keeps_a_state_directory_that_is_not_as_logferry_makes_it() {
    let sandbox = Sandbox::reopening();
    let root = system(&sandbox);
    let elsewhere = root.path("/srv/precious");
    std::fs::create_dir(&elsewhere).expect("a directory");
    std::fs::write(elsewhere.join("file"), "precious").expect("a file");
    installed(&root);
    std::os::unix::fs::symlink("/srv/precious", root.path("/var/lib/logferry")).expect("a link");
    // `uninstall` refuses such a state directory too, and the package stays: so the program goes first.
    std::fs::remove_file(root.path("/var/lib/logferry")).expect("the link");
    root.dpkg(["--remove", "logferry"]).expect(0);
    std::os::unix::fs::symlink("/srv/precious", root.path("/var/lib/logferry")).expect("a link");
    assert_kept(&root, "not a directory of root's alone");
    assert_eq!(root.read("/srv/precious/file"), "precious");
    std::fs::remove_file(root.path("/var/lib/logferry")).expect("the link");
    std::fs::create_dir_all(root.path("/var/lib/logferry/damaged")).expect("directories");
    std::fs::set_permissions(root.path("/var/lib/logferry"), PermissionsExt::from_mode(0o700)).expect("chmod");
    std::fs::write(root.path("/var/lib/logferry/damaged/k3f9a2-00000001.part"), "bytes").expect("a file");
    installed(&root);
    root.dpkg(["--remove", "logferry"]).expect(0);
    assert_kept(&root, "1 files in spool/ and damaged/");
}

#[test]
fn a_schedule_that_was_changed_by_hand_keeps_the_package_until_it_is_removed() {
    let sandbox = Sandbox::reopening();
    let root = system(&sandbox);
    installed(&root);
    switched_on(&root);
    let edited = root.read(ENTRY) + "# mine\n";
    root.write(ENTRY, &edited);
    let before = snapshot(&root, &["/etc"]);
    let ended = root.dpkg(["--remove", "logferry"]);
    assert!(ended.code != 0 && ended.stderr.contains("the package stays"), "{}", ended.stderr);
    assert_same(&before, &snapshot(&root, &["/etc"]));
    assert!(root.has("/usr/bin/logferry"), "the entry would start what isn't there");
    std::fs::remove_file(root.path(ENTRY)).expect("the entry");
    root.dpkg(["--remove", "logferry"]).expect(0);
}

#[test]
fn on_a_system_without_cron_install_takes_systemd_although_the_package_has_an_entry_for_cron() {
    let sandbox = Sandbox::reopening();
    let root = system(&sandbox);
    installed(&root);
    for cron in ["/usr/sbin/cron", "/usr/sbin/crond"] {
        let _ = std::fs::remove_file(root.path(cron));
    }
    root.write("/lib/systemd/systemd", "");
    std::fs::create_dir_all(root.path("/etc/systemd/system")).expect("directories");
    let ended = switched_on(&root);
    assert!(root.has("/etc/systemd/system/logferry.timer"), "{}{}", ended.text(), ended.stderr);
    assert!(!root.has(ENTRY), "a second schedule is left");
}

#[test]
fn the_tests_leave_this_machine_as_it_is() {
    let sandbox = Sandbox::reopening();
    let root = system(&sandbox);
    let database = || std::fs::read("/var/lib/dpkg/status").expect("dpkg's database");
    let before = database();
    installed(&root);
    assert!(root.read("/var/lib/dpkg/status").contains("Package: logferry\n"), "it is not installed");
    assert!(
        database() == before && !Path::new("/etc/logferry.toml.example").exists(),
        "it is installed on this machine"
    );
    // The namespace is gone with its holder.
    let seen = root.path("/");
    drop(root);
    assert!(!seen.exists(), "{} is still there", seen.display());
    finish(std::process::Command::new("mountpoint").arg("-q").arg(sandbox.path("system"))).expect(32);
}
