//! What looks whether the instance is about to end: installed beside the runs, kept, and taken away again.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::image::{ENTRY, Image, SERVICE, TIMER, assert_same};

const WATCH_TIMER: &str = "etc/systemd/system/logferry-lifecycle.timer";
const WATCH_SERVICE: &str = "etc/systemd/system/logferry-lifecycle.service";
const WATCH_LINK: &str = "etc/systemd/system/timers.target.wants/logferry-lifecycle.timer";

/// What there is, whenever it was written.
fn contents(image: &Image) -> BTreeMap<PathBuf, String> {
    image.state().into_iter().map(|(path, seen)| (path, seen.what)).collect()
}

fn of_lifecycle(image: &Image) -> Vec<String> {
    image.read(ENTRY).lines().filter(|line| line.contains(" lifecycle")).map(str::to_owned).collect()
}

#[test]
fn cron_looks_each_minute_where_that_is_asked_for_and_as_long() {
    let image = Image::new();
    let before = image.state();
    image.install(&[]).expect(0);
    let without = contents(&image);
    assert!(of_lifecycle(&image).is_empty());
    image.install(&["--lifecycle", "--state-dir", "/srv/50% spool"]).expect(0);
    let command = "/usr/bin/logferry lifecycle --state-dir '/srv/50\\% spool'";
    assert_eq!(of_lifecycle(&image), [format!("* * * * *  root  {command}")]);
    assert!(image.read(ENTRY).contains("7 * * * *  root  /usr/bin/logferry run --low-priority"));
    // What is not said again stays as it was installed.
    assert!(image.install(&[]).expect(0).text().starts_with("nothing to change"));
    image.install(&["--at", "9"]).expect(0);
    assert_eq!(of_lifecycle(&image).len(), 1);
    image.install(&["--lifecycle=no", "--at", "7", "--state-dir", "/var/lib/logferry"]).expect(0);
    assert_eq!(without, contents(&image), "as it was without");
    image.install(&["--lifecycle=yes"]).expect(0);
    image.uninstall(&[]).expect(0);
    assert_same(&before, &image.state(), "uninstalled");
}

#[test]
fn systemd_looks_every_five_seconds_and_all_of_it_goes_without_a_trace() {
    let image = Image::new();
    let before = image.state();
    image.install(&["--scheduler", "systemd", "--lifecycle", "--state-dir", "/srv/spool"]).expect(0);
    let service = image.read(WATCH_SERVICE);
    assert!(service.contains("\nExecStart=/usr/bin/logferry lifecycle --state-dir /srv/spool\n"), "{service}");
    assert!(image.read(WATCH_TIMER).contains("\nOnUnitInactiveSec=5s\n"));
    assert_eq!(
        std::fs::read_link(image.path(WATCH_LINK)).expect("enabled"),
        std::path::Path::new("/").join(WATCH_TIMER)
    );
    let installed = contents(&image);
    assert!(image.install(&[]).expect(0).text().starts_with("nothing to change"));
    // To cron and back, it is looked out for all the time.
    image.install(&["--scheduler", "cron"]).expect(0);
    assert_eq!((of_lifecycle(&image).len(), image.has(WATCH_TIMER), image.has(WATCH_LINK)), (1, false, false));
    image.install(&["--scheduler", "systemd"]).expect(0);
    assert_eq!(installed, contents(&image), "back");
    image.install(&["--lifecycle=no"]).expect(0);
    assert!(image.has(TIMER) && image.has(SERVICE) && !image.has(WATCH_SERVICE) && !image.has(WATCH_LINK));
    image.install(&["--lifecycle"]).expect(0);
    image.uninstall(&[]).expect(0);
    assert_same(&before, &image.state(), "uninstalled");
}

#[test]
fn units_that_a_person_has_changed_are_kept_all_of_them() {
    let image = Image::new();
    image.install(&["--scheduler", "systemd", "--lifecycle"]).expect(0);
    let changed = image.read(WATCH_TIMER).replace("OnUnitInactiveSec=5s", "OnUnitInactiveSec=30s");
    image.write(WATCH_TIMER, &changed);
    let before = image.state();
    let said = image.install(&["--at", "9"]).expect(0).text();
    assert!(said.contains("logferry-lifecycle.timer is kept as it is: --at"), "{said}");
    assert_same(&before, &image.state(), "kept");
    image.uninstall(&[]).expect(1);
    assert_same(&before, &image.state(), "kept by uninstall too");
    // Where it is the hourly one, what looks out for the end stays.
    image.remove(WATCH_TIMER);
    image.remove(WATCH_LINK);
    image.install(&["--lifecycle"]).expect(0);
    image.write(TIMER, image.read(TIMER).replace("Persistent=true", "Persistent=false"));
    let before = image.state();
    image.install(&[]).expect(0);
    assert_same(&before, &image.state(), "kept");
}

#[test]
fn a_unit_of_someone_elses_keeps_it_from_being_installed() {
    let image = Image::new();
    image.write(WATCH_SERVICE, "[Service]\nExecStart=/bin/true\n");
    let before = image.state();
    let said = image.install(&["--scheduler", "systemd", "--lifecycle"]).expect(1).stderr;
    assert!(said.contains("logferry-lifecycle.service") && said.contains("someone else has written it"), "{said}");
    assert_same(&before, &image.state(), "nothing was installed");
    // Without it, that unit is nobody's business.
    image.install(&["--scheduler", "systemd"]).expect(0);
    image.uninstall(&[]).expect(0);
    assert_same(&before, &image.state(), "uninstalled");
}
