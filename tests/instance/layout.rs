//! The directory part of keys: a template, fixed for a segment when it is begun.

use std::ffi::OsString;
use std::fs::File;
use std::io::Write;

use logferry::sys::fault::Point;

use super::{ID, run, ship, today};
use crate::support::imds::ImdsServer;
use crate::support::{Sandbox, Stopped, finish};

/// The directories of all objects in the sandbox's store.
fn directories(sandbox: &Sandbox) -> Vec<String> {
    let objects = sandbox.files("store").into_iter().filter(|file| file.extension().is_some_and(|end| end == "gz"));
    let directories = objects.map(|file| {
        let below = file.strip_prefix(sandbox.path("store")).expect("below it").parent().expect("a directory");
        below.to_string_lossy().into_owned()
    });
    directories.collect()
}

#[test]
fn each_field_stands_in_the_directory_and_what_nobody_knows_as_a_fixed_word() {
    let (sandbox, imds) = (Sandbox::new(), ImdsServer::of(ID));
    imds.set("tags/instance/aws:autoscaling:groupName", "web/größe");
    imds.set("tags/instance/team", "..");
    sandbox.config_file(
        "layout = \"env=prod/{service}/{date}/{hour}/{instance}/{region}-{zone}/{type}/g={group}/{tag:team}/{tag:x}/x={tag:x}\"\n",
    );
    let shipped = ship(&sandbox, run(&sandbox, &imds));
    let (day, hour) = (today(&shipped), &shipped.key.rsplit_once("/web_").expect("a leaf").1[9..11]);
    let day = format!("{}-{}-{}", &day[..4], &day[4..6], &day[6..]);
    let expected = format!(
        "env=prod/web/{day}/{hour}/{ID}/eu-central-1-eu-central-1a/m5.large/g=web%2Fgr%C3%B6%C3%9Fe/%2E./unknown/\
         x=__HIVE_DEFAULT_PARTITION__"
    );
    assert_eq!(shipped.directory(), expected);
    assert_eq!(directories(&sandbox), [expected]);
    assert_eq!(sandbox.run(["cat", "web"]).expect(0).text(), "x\n");
}

#[test]
fn a_service_with_a_name_like_a_way_out_of_the_store_stays_in_it_and_is_found() {
    let sandbox = Sandbox::new();
    sandbox.config_file("layout = \"{service}\"\n");
    let names = ["..", ".", ".hidden", "_temporary", "a..", "%2E."];
    for name in names {
        sandbox.write_log(format!("{name}.log"), format!("of {name}\n"));
    }
    sandbox.run([OsString::from("run"), sandbox.log("*.log").into(), sandbox.log(".*.log").into()]).quiet();
    for name in names {
        assert_eq!(sandbox.run(["cat", name]).expect(0).text(), format!("of {name}\n"));
    }
    let mut found = directories(&sandbox);
    found.sort();
    assert_eq!(found, ["%252E.", "%2E", "%2E.", "%2Ehidden", "%5Ftemporary", "a.."]);
    sandbox.nothing_left_behind();
}

#[test]
fn another_layout_does_not_break_a_stream() {
    let (sandbox, imds) = (Sandbox::new(), ImdsServer::of(ID));
    let layouts =
        ["service={service}/dt={date}", "{type}/{service}", "{service}/{date}", "service={service}/dt={date}"];
    let places = layouts.map(|layout| {
        sandbox.config_file(&format!("layout = \"{layout}\"\n"));
        let shipped = ship(&sandbox, run(&sandbox, &imds));
        let (stream, number) = shipped.place();
        (stream.to_owned(), number.to_owned())
    });
    for (index, (stream, number)) in places.iter().enumerate() {
        assert_eq!((stream, number), (&places[0].0, &format!("{:08}", index + 1)));
    }
    assert_eq!(directories(&sandbox).len(), 4);
    let all = sandbox.run(["cat", "web", "--any-layout"]).expect(0);
    assert_eq!((all.text().as_str(), all.stderr.as_str()), ("x\nx\nx\nx\n", ""));
}

#[test]
fn a_segment_keeps_the_directory_that_it_was_begun_with() {
    let sandbox = Sandbox::new();
    let layout = |layout: &str| sandbox.config_file(&format!("layout = \"{layout}\"\n"));
    // Sealed, while the store was away.
    layout("first/{service}");
    sandbox.write_log("web.log", "one\n");
    std::fs::rename(sandbox.path("store"), sandbox.path("away")).expect("it is moved");
    sandbox.run_all().expect(75);
    std::fs::rename(sandbox.path("away"), sandbox.path("store")).expect("it is moved");
    // Begun, and no more than that.
    layout("second/{service}");
    sandbox.write_log("db.log", "two\n");
    let mut killed = sandbox.logferry();
    killed.env("LOGFERRY_FAULT", format!("kill@{}#1", Point::Claimed.name()));
    killed.arg("run").arg(sandbox.log("db.log"));
    finish(&mut killed).expect(-1);
    layout("third/{service}");
    sandbox.write_log("web.log", "three\n");
    sandbox.run_all();
    assert_eq!(directories(&sandbox), ["first/web", "second/db", "third/web"]);
    let web = sandbox.run(["cat", "web", "--any-layout"]).expect(0);
    assert_eq!((web.text().as_str(), web.stderr.as_str()), ("one\nthree\n", ""));
    sandbox.nothing_left_behind();
}

#[test]
fn what_a_deleted_log_has_grown_by_gets_the_directory_of_its_own_time() {
    let sandbox = Sandbox::reopening();
    let mut log = File::options().create(true).append(true).open(sandbox.log("web.log")).expect("a log");
    let layout = |layout: &str| sandbox.config_file(&format!("settle = \"30ms\"\nlayout = \"{layout}\"\n"));
    for (number, text) in [("one", "begin\n"), ("two", "grown\n")] {
        layout(&format!("{number}/{{service}}"));
        log.write_all(text.as_bytes()).expect("it is written");
        sandbox.run_all();
    }
    assert_eq!(directories(&sandbox), ["one/web", "two/web"]);
    assert_eq!(sandbox.run(["cat", "web", "--any-layout"]).expect(0).text(), "begin\ngrown\n");
}

#[test]
fn an_older_program_leaves_a_segment_with_a_directory_of_its_own_alone() {
    let sandbox = Sandbox::reopening();
    let nowhere = format!("file://{}", sandbox.path("nowhere").display());
    for (layout, version) in [("service={service}/dt={date}", 1), ("{service}", 2)] {
        sandbox.config_file(&format!("layout = \"{layout}\"\n"));
        sandbox.write_log("web.log", "x\n");
        sandbox.run(["run", "--to", &nowhere, "log"]).expect(75);
        let records =
            sandbox.files("state/spool").into_iter().filter(|file| file.extension().is_some_and(|e| e == "json"));
        let records: Vec<String> = records.map(|file| std::fs::read_to_string(file).expect("a record")).collect();
        let newest = records.iter().max_by_key(|record| record.contains("\"seq\": 2")).expect("a record");
        assert!(newest.contains(&format!("\"version\": {version},")), "{newest}");
        assert_eq!(newest.contains("key_directory"), version == 2, "{newest}");
    }
}

#[test]
fn a_put_that_came_through_before_a_kill_is_not_put_elsewhere_after_the_layout_changed() {
    let sandbox = Sandbox::new();
    sandbox.config_file("layout = \"first/{service}\"\n");
    sandbox.write_log("web.log", "x\n");
    let mut shipping = sandbox.logferry();
    shipping.arg("run").arg(sandbox.path("log"));
    let stopped = Stopped::at(Point::HiddenCleared, 1, shipping);
    let pid = nix::unistd::Pid::from_raw(i32::try_from(stopped.id()).expect("a pid"));
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).expect("it lives");
    stopped.go_on().expect(-1);
    sandbox.config_file("layout = \"second/{service}\"\n");
    sandbox.run_all().quiet();
    assert_eq!(directories(&sandbox), ["first/web"]);
    sandbox.nothing_left_behind();
}
