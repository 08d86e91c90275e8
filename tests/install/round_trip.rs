//! From nothing to installed and back, without a trace.

use std::os::unix::fs::MetadataExt;

use super::image::{CONFIG, ENTRY, Image, LOGS, SERVICE, TIMER, TO, assert_same};
use crate::support::finish;

#[test]
fn what_was_installed_for_cron_is_uninstalled_without_a_trace() {
    let image = Image::new();
    let before = image.state();
    let ended = image.install(&[]).expect(0);
    let told = ended.text();
    let (told, copies) = told.trim_end().rsplit_once('\n').expect("several lines");
    assert_eq!(
        told,
        "write /etc/logferry.toml\nwrite /etc/cron.d/logferry\nnote: logrotate is not installed: there is nothing to keep off the logs"
    );
    assert!(copies.starts_with("note: nothing that was shipped stays on this machine"), "{copies}");
    for name in [CONFIG, ENTRY] {
        let is = std::fs::metadata(image.path(name)).expect("it is there");
        assert_eq!((is.mode() & 0o7777, is.uid(), is.gid(), is.nlink()), (0o644, 0, 0, 1), "{name}");
    }
    assert!(image.read(CONFIG).contains(&format!("to = \"{TO}\"")), "{}", image.read(CONFIG));
    let last = image.read(ENTRY).lines().last().map(str::to_owned);
    assert_eq!(last.as_deref(), Some("7 * * * *  root  /usr/bin/logferry run --low-priority --splay 10m"));
    let installed = image.state();
    let again = image.install(&[]).expect(0);
    assert!(again.text().starts_with("nothing to change"), "{}", again.text());
    assert_same(&installed, &image.state(), "the second installation");
    let ended = image.uninstall(&[]).expect(0);
    assert_eq!(ended.text(), "remove /etc/cron.d/logferry\nremove /etc/logferry.toml\n");
    assert_same(&before, &image.state(), "uninstalled");
    assert_eq!(image.uninstall(&["--purge"]).expect(0).text(), "nothing is installed\n");
}

#[test]
fn what_was_installed_for_systemd_is_uninstalled_without_a_trace() {
    for has_wants in [true, false] {
        let image = Image::new();
        if has_wants {
            std::fs::create_dir(image.path("etc/systemd/system/timers.target.wants")).expect("a directory");
        }
        let before = image.state();
        image.install(&["--scheduler", "systemd"]).expect(0);
        let installed = image.state();
        let link = image.path("etc/systemd/system/timers.target.wants/logferry.timer");
        assert_eq!(std::fs::read_link(link).expect("it is enabled"), std::path::Path::new("/").join(TIMER));
        assert!(!image.has(ENTRY) && image.has(SERVICE));
        image.install(&[]).expect(0);
        assert_same(&installed, &image.state(), "the second installation");
        // systemd notes when the timer was due.
        std::fs::create_dir_all(image.path("var/lib/systemd/timers")).expect("directories");
        image.write("var/lib/systemd/timers/stamp-logferry.timer", "");
        image.uninstall(&[]).expect(0);
        std::fs::remove_dir_all(image.path("var/lib/systemd")).expect("what the test has made");
        assert_same(&before, &image.state(), "uninstalled");
    }
}

#[test]
fn from_one_scheduler_to_the_other_nothing_of_the_former_stays() {
    let image = Image::new();
    image.install(&["--at", "41", "--splay", "1h30m"]).expect(0);
    let cron = image.state();
    image.install(&["--scheduler", "systemd"]).expect(0);
    assert!(!image.has(ENTRY), "cron would start it too");
    let timer = image.read(TIMER);
    assert!(timer.contains("OnCalendar=*-*-* *:41:00") && timer.contains("RandomizedDelaySec=5400s"), "{timer}");
    image.install(&["--scheduler", "cron"]).expect(0);
    let without_times = |state: super::image::State| state.into_keys().collect::<Vec<_>>();
    assert_eq!(without_times(image.state()), without_times(cron));
    assert!(image.read(ENTRY).contains("\n41 * * * *  root  /usr/bin/logferry run --low-priority --splay 1h30m\n"));
}

#[test]
fn a_dry_run_shows_the_exact_difference_and_touches_nothing() {
    let image = Image::new();
    let before = image.state();
    let diff = image.install(&["--dry-run"]).expect(0).text();
    assert_same(&before, &image.state(), "a dry run");
    let patch = image.sandbox.path("difference");
    std::fs::write(&patch, &diff).expect("a file");
    let other = Image::new();
    let patched =
        finish(std::process::Command::new("patch").args(["-p1", "-s", "-d"]).arg(other.path("")).arg("-i").arg(&patch));
    patched.expect(0);
    image.install(&[]).expect(0);
    for name in [CONFIG, ENTRY] {
        assert_eq!(other.read(name), image.read(name), "what patch(1) makes of the difference");
    }
    let installed = image.state();
    let diff = image.uninstall(&["--dry-run"]).expect(0).text();
    assert!(diff.contains("--- a/etc/cron.d/logferry\n+++ /dev/null\n"), "{diff}");
    assert_same(&installed, &image.state(), "a dry run of uninstall");
}

#[test]
fn a_report_for_programs_says_what_was_changed() {
    let image = Image::new();
    let report = |args: &[&str]| -> serde_json::Value {
        serde_json::from_slice(&image.install(args).expect(0).stdout).expect("JSON")
    };
    let planned = report(&["--json", "--dry-run"]);
    assert!(planned["diff"].as_str().is_some_and(|diff| diff.contains("+++ b/etc/cron.d/logferry")), "{planned}");
    let done = report(&["--json"]);
    assert_eq!(done["changes"], serde_json::json!(["write /etc/logferry.toml", "write /etc/cron.d/logferry"]));
    assert_eq!(report(&["--json"])["changes"], serde_json::json!([]));
}

#[test]
fn a_configuration_that_is_there_is_kept_and_what_differs_is_said() {
    let image = Image::new();
    let own = "to = \"s3://other/x\"\n[[logs]]\npaths = [\"/srv/log/*.log\"]\n[instance]\nid = \"web-1\"\n";
    image.write(CONFIG, own);
    image.chmod(CONFIG, 0o600);
    let before = image.state();
    let ended = image.install(&["--instance", "web-2"]).expect(0).text();
    for part in [
        "`to` is s3://other/x there, s3://my-logs/prod was asked for",
        &format!("`paths` is /srv/log/*.log there, {LOGS} was asked for"),
        "`instance.id` is web-1 there, web-2",
    ] {
        assert!(ended.contains(part), "{ended}");
    }
    assert_eq!(image.read(CONFIG), own);
    let again = image.install(&[]).expect(0).text();
    assert!(again.starts_with("nothing was changed, but not all is as asked for: what was there is kept\n"), "{again}");
    let as_it_says = finish(&mut image.command::<&str>("install", [])).expect(0).text();
    assert!(as_it_says.starts_with("nothing to change: all is installed as asked for"), "{as_it_says}");
    image.uninstall(&["--purge"]).expect(0);
    assert_same(&before, &image.state(), "the configuration was the user's own");
}

#[test]
fn a_configuration_that_says_all_needs_no_arguments() {
    let image = Image::new();
    image.write("etc/settings", "to = \"s3://other/x\"\n[[logs]]\npaths = [\"/srv/log/*.log\"]\n");
    image.link("/etc/settings", CONFIG);
    let before = image.state();
    let ended = finish(&mut image.command::<&str>("install", [])).expect(0);
    assert!(image.has(ENTRY) && !ended.text().contains("asked for"), "{}", ended.text());
    image.uninstall(&["--purge"]).expect(0);
    assert_same(&before, &image.state(), "a link that is the user's own");
}

#[test]
fn a_configuration_that_says_nothing_yet_makes_room_and_comes_back() {
    let image = Image::new();
    image.write(CONFIG, "# to = \"s3://bucket/prefix\"\n");
    image.chmod(CONFIG, 0o640);
    let before = image.state();
    image.install(&[]).expect(0);
    assert!(image.read(CONFIG).contains(TO));
    assert!(image.install(&[]).expect(0).text().starts_with("nothing to change"));
    image.uninstall(&[]).expect(0);
    assert_same(&before, &image.state(), "the example is back");
}

#[test]
fn the_links_of_an_image_lead_nowhere_else() {
    let image = Image::new();
    let outside = image.sandbox.path("outside");
    std::fs::create_dir(&outside).expect("a directory");
    std::fs::rename(image.path("etc/cron.d"), image.path("var/cron.d")).expect("it moves");
    image.link("/var/cron.d", "etc/cron.d");
    let up = std::path::Path::new("../../../../../../../..").join(outside.strip_prefix("/").expect("absolute"));
    std::fs::create_dir_all(image.path(outside.strip_prefix("/").expect("absolute"))).expect("directories");
    std::fs::remove_dir(image.path("etc/systemd/system")).expect("it is empty");
    image.link(up, "etc/systemd/system");
    let before = image.state();
    image.install(&[]).expect(0);
    assert!(image.has("var/cron.d/logferry"));
    image.install(&["--scheduler", "systemd"]).expect(0);
    assert_eq!(std::fs::read_dir(&outside).expect("a directory").count(), 0, "an image's link led out of it");
    image.uninstall(&[]).expect(0);
    assert_same(&before, &image.state(), "uninstalled through links");
}
