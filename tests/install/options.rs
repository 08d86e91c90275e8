//! What an entry says, and what it takes from where.

use super::image::{ENTRY, Image, SERVICE};
use crate::support::finish;

fn install_with(image: &Image, env: &[(&str, &str)], args: &[&str]) -> String {
    let mut command = image.command("install", ["--to", super::image::TO, super::image::LOGS]);
    finish(command.args(args).envs(env.iter().copied())).expect(0).text()
}

#[test]
fn what_says_where_to_ship_is_carried_into_the_entry_and_secrets_never() {
    let image = Image::new();
    let env = [
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ENDPOINT_URL", "https://s3.example.net:8443/x?y"),
        ("AWS_ACCESS_KEY_ID", "AKIDSECRET"),
        ("AWS_SECRET_ACCESS_KEY", "hush"),
        ("HTTPS_PROXY", "http://me:hush@proxy:3128"),
        ("AWS_PROFILE", "two words"),
    ];
    let said = install_with(&image, &env, &[]);
    let entry = image.read(ENTRY);
    let variables: Vec<_> = entry.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase())).collect();
    assert_eq!(variables, ["AWS_ENDPOINT_URL=https://s3.example.net:8443/x?y", "AWS_REGION=eu-west-1"]);
    for part in
        ["AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY are set here", "HTTPS_PROXY is set here", "AWS_PROFILE is set here"]
    {
        assert!(said.contains(part), "{said}");
    }
    assert!(!said.contains("hush") && !entry.contains("hush") && !entry.contains("AKID"), "{said}");
    install_with(&image, &[], &["--scheduler", "systemd"]);
    let service = image.read(SERVICE);
    assert!(service.contains("\nEnvironment=AWS_REGION=eu-west-1\n"), "{service}");
}

#[test]
fn what_is_not_said_again_stays_as_it_was_installed() {
    let image = Image::new();
    install_with(
        &image,
        &[("AWS_REGION", "a"), ("AWS_PROFILE", "p")],
        &["--at", "0", "--splay", "0s", "--state-dir", "/srv/50% spool"],
    );
    let entry = image.read(ENTRY);
    assert!(
        entry.ends_with(
            "0 * * * *  root  /usr/bin/logferry run --low-priority --splay 0s --state-dir '/srv/50\\% spool'\n"
        ),
        "{entry}"
    );
    assert!(install_with(&image, &[], &[]).starts_with("nothing to change"));
    install_with(&image, &[("AWS_REGION", "b"), ("AWS_PROFILE", "")], &["--at", "59"]);
    let entry = image.read(ENTRY);
    assert!(entry.contains("\nAWS_REGION=b\n59 * * * *  root") && !entry.contains("PROFILE"), "{entry}");
    assert!(entry.contains("--state-dir"), "{entry}");
}

#[test]
fn a_splay_of_the_configuration_counts_unless_another_is_asked_for() {
    let image = Image::new();
    image.write(super::image::CONFIG, "splay = \"30m\"\nto = \"s3://logs\"\n[[logs]]\npaths = \"/srv/log\"\n");
    install_with(&image, &[], &[]);
    assert!(image.read(ENTRY).ends_with(" --splay 30m\n"), "{}", image.read(ENTRY));
    install_with(&image, &[], &["--splay", "1m"]);
    assert!(image.read(ENTRY).ends_with(" --splay 1m\n"), "{}", image.read(ENTRY));
}

#[test]
fn the_scheduler_is_cron_where_there_is_one_else_systemd_else_an_error() {
    let image = Image::new();
    image.remove("usr/sbin/cron");
    // Busybox's cron reads no /etc/cron.d.
    image.write("usr/bin/busybox", "");
    image.link("../bin/busybox", "usr/sbin/crond");
    image.install(&[]).expect(0);
    assert!(image.has(SERVICE) && !image.has(ENTRY));
    image.uninstall(&[]).expect(0);
    image.remove("usr/lib/systemd/systemd");
    let before = image.state();
    let ended = image.install(&[]).expect(1);
    assert!(
        ended.stderr.contains("there is neither a cron") && ended.stderr.contains("--scheduler cron"),
        "{}",
        ended.stderr
    );
    super::image::assert_same(&before, &image.state(), "nothing would start it");
    // An image whose packages come later.
    let ended = image.install(&["--scheduler", "cron"]).expect(0);
    assert!(ended.text().contains("no cron daemon was found"), "{}", ended.text());
}

#[test]
fn logs_that_a_shell_has_made_of_a_pattern_are_noticed() {
    let image = Image::new();
    let mut command =
        image.command("install", ["--to", super::image::TO, "/var/log/a.log", "/var/log/b.log", "/var/log/c.log"]);
    let said = finish(&mut command).expect(0).text();
    assert!(said.contains("3 single logs") && said.contains("put it in quotes"), "{said}");
}

#[test]
fn at_low_priority_a_run_leaves_processor_and_disk_to_others() {
    use logferry::sys::fault::Point;
    let image = Image::new();
    image.sandbox.write_log("web.log", "a line\n");
    // The tests may be run at a low priority themselves, and `nice` says which.
    let own = finish(&mut std::process::Command::new("nice")).expect(0).text();
    for (flag, nice, disk) in [(Some("--low-priority"), "10", "best-effort: prio 7"), (None, own.trim(), "none: prio ")]
    {
        image.sandbox.write_log("web.log", "a line\n");
        let mut run = image.sandbox.logferry();
        run.arg("run").args(flag).arg(image.sandbox.path("log"));
        let stopped = crate::support::Stopped::at(Point::BeforePut, 1, run);
        for thread in std::fs::read_dir(format!("/proc/{}/task", stopped.id())).expect("its threads") {
            let thread = thread.expect("a thread");
            let stat = std::fs::read_to_string(thread.path().join("stat")).expect("its state");
            let after_name = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect::<Vec<_>>();
            assert_eq!(after_name[16], nice, "{stat}");
            let said = finish(std::process::Command::new("ionice").arg("-p").arg(thread.file_name())).expect(0).text();
            assert!(said.starts_with(disk), "{said}");
        }
        stopped.go_on().quiet();
    }
}

#[test]
fn a_local_copy_is_kept_where_it_is_asked_for() {
    let image = Image::new();
    install_with(&image, &[], &["--keep", "24h"]);
    let configuration = image.read("etc/logferry.toml");
    assert!(configuration.contains("\nkeep = \"24h\"\n"), "{configuration}");
    // Asked for as it is, there is nothing to say; otherwise, what is there stays, and that is said.
    assert!(!install_with(&image, &[], &["--keep", "1d"]).contains("kept"));
    let said = install_with(&image, &[], &["--keep", "7d,5GiB"]);
    for part in ["`keep` is 24h there, 7d was asked for", "`keep_size` is 1.0 GiB there, 5GiB was asked for"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let wrong = finish(image.command("install", ["--keep", "for ever"]).args(["--to", super::image::TO])).expect(2);
    assert!(wrong.stderr.contains("is not a time such as"), "{}", wrong.stderr);
}

#[test]
fn what_logrotate_has_left_is_offered_or_asked_for() {
    let history = |image: &Image| {
        let dir = std::path::Path::new(super::image::LOGS).parent().expect("a directory").to_owned();
        let dir = dir.to_str().expect("UTF-8").trim_start_matches('/').to_owned();
        std::fs::create_dir_all(image.path(&dir)).expect("a directory");
        image.write(&format!("{dir}/web.log"), "in use\n");
        image.write(&format!("{dir}/web.log.1"), "one\n");
        image.write(&format!("{dir}/web.log.2.gz"), "two\n");
        image.write(&format!("{dir}/other.txt.1"), "not ours\n");
    };
    let image = Image::new();
    history(&image);
    let said = install_with(&image, &[], &[]);
    assert!(
        said.contains("2 rotated files with 8 B")
            && said.contains("before the first run")
            && said.contains("logferry run --backlog"),
        "{said}"
    );
    assert!(!image.read("etc/logferry.toml").contains("backlog"));
    let said = install_with(&image, &[], &["--backlog"]);
    assert!(said.contains("`backlog` is not true for all logs there"), "{said}");

    let image = Image::new();
    history(&image);
    let said = install_with(&image, &[], &["--backlog"]);
    assert!(said.contains("the first run also takes the 2 rotated files"), "{said}");
    assert!(image.read("etc/logferry.toml").ends_with("]\nbacklog = true\n"));
    assert!(install_with(&image, &[], &["--backlog"]).starts_with("nothing to change"));
}

#[test]
fn a_local_copy_is_offered_and_is_written_down_as_it_was_worded() {
    let image = Image::new();
    let planned = install_with(&image, &[], &["--dry-run"]);
    assert!(planned.contains("# note: nothing that was shipped stays on this machine"), "{planned}");
    assert!(!image.has("etc/logferry.toml"));
    let said = install_with(&image, &[], &[]);
    assert!(said.contains("write keep = \"24h\" at the top of ") && said.contains("--keep 24h"), "{said}");
    // Who changes nothing was told.
    assert!(!install_with(&image, &[], &[]).contains("stays on this machine"));

    let image = Image::new();
    let before = image.state();
    let planned = install_with(&image, &[], &["--keep", "2d,5GiB", "--dry-run"]);
    assert!(planned.contains("\n+keep = \"2d\"\n+keep_size = \"5GiB\"\n"), "{planned}");
    super::image::assert_same(&before, &image.state(), "a dry run");
    let said = install_with(&image, &[], &["--keep", "2d,5GiB"]);
    assert!(!said.contains("stays on this machine"), "{said}");
    let configuration = image.read("etc/logferry.toml");
    assert!(configuration.contains("\nkeep = \"2d\"\nkeep_size = \"5GiB\"\n"), "{configuration}");
    let again = install_with(&image, &[], &["--keep", "48h,5GiB"]);
    assert!(again.contains("nothing to change: all is installed as asked for"), "{again}");
    image.uninstall(&[]).expect(0);
    super::image::assert_same(&before, &image.state(), "uninstalled");
    let wrong = finish(image.command("install", ["--keep", "24h,19B"]).args(["--to", super::image::TO])).expect(2);
    assert!(wrong.stderr.contains("no segment is as small as that"), "{}", wrong.stderr);
}
