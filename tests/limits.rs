//! `max_rate`, `max_bytes_per_run`, and large logs in slices: what is over stays in the log, all of it arrives in the end, in
//! order, and small logs don't wait for large ones.

use std::fs::File;
use std::io::Write;
use std::process::Command;

use crate::support::proof::{self, Comparison, Content, Stored};
use crate::support::{Bucket, Ended, Sandbox, Writer, finish};

/// A sandbox whose logs have these limits.
fn limited(limits: &str) -> Sandbox {
    let sandbox = Sandbox::reopening();
    let logs = sandbox.path("log");
    sandbox.config_file(&format!("settle = \"30ms\"\n[[logs]]\npaths = \"{}\"\n{limits}\n", logs.display()));
    sandbox
}

fn run(sandbox: &Sandbox) -> Ended {
    sandbox.run(["run", "--json"]).expect(0)
}

/// The segments that a run sealed: how many bytes, and how they ended.
fn sealed(ended: &Ended) -> Vec<(u64, String)> {
    let report: serde_json::Value = serde_json::from_slice(&ended.stdout).expect("JSON");
    let items = report["sealed"].as_array().expect("a list").iter();
    let of = |item: &serde_json::Value| {
        (item["raw_bytes"].as_u64().expect("a number"), item["ended"].as_str().expect("a text").to_owned())
    };
    items.map(of).collect()
}

fn objects(sandbox: &Sandbox) -> Vec<Stored> {
    proof::of_directory(&sandbox.path("store"))
}

#[track_caller]
fn assert_all(sandbox: &Sandbox, contents: &[Content]) {
    let Comparison { lost, doubled, gaps } = proof::compare_all(objects(sandbox), contents);
    assert_eq!((lost, doubled), (0, 0), "{gaps:?}");
    sandbox.nothing_left_behind();
}

fn lines(of: &str, bytes: usize) -> String {
    let mut text = String::new();
    for number in 1.. {
        let line = format!("{number} a line of {of}, like all the others in it\n");
        if text.len() + line.len() > bytes {
            break;
        }
        text.push_str(&line);
    }
    text
}

#[test]
fn a_flood_is_taken_in_slices_and_none_of_it_is_lost() {
    const LIMIT: u64 = 1 << 20;
    let sandbox = limited("max_bytes_per_run = \"1MiB\"");
    let args = ["--writes-of", "80,4096", "--idle-after", "12000000"];
    let writer = Writer::start(&sandbox, &args, &[sandbox.log("web.log")]);
    let mut continued = 0;
    let mut claimed = false;
    for _ in 0..100 {
        let all = sealed(&run(&sandbox));
        let slices: Vec<_> = all.iter().filter(|(_, ended)| ended == "continued").collect();
        let bytes: u64 = slices.iter().map(|(bytes, _)| bytes).sum();
        assert!(bytes <= LIMIT, "{all:?}");
        // At full speed far more than the limit waits: then a slice is nearly all that is allowed.
        assert!(slices.iter().all(|(bytes, _)| *bytes > LIMIT - 70_000), "{all:?}");
        continued += slices.len();
        claimed |= all.len() > slices.len();
        if claimed && all.is_empty() {
            break;
        }
    }
    assert!(continued >= 3, "it was hardly ever more than the limit: {continued} slices");
    let written = writer.stop();
    run(&sandbox);
    let contents: Vec<_> = written.iter().map(Content::from).collect();
    for object in objects(&sandbox).iter().filter(|object| object.metadata["ended"] == "continued") {
        assert_eq!(object.raw.last(), Some(&b'\n'), "{}: a slice ends at a line end", object.key);
    }
    assert_all(&sandbox, &contents);
}

/// A run at a time that is that far from now.
fn run_at(sandbox: &Sandbox, offset: &str) -> Ended {
    at(sandbox, offset, &["run", "--json"]).expect(0)
}

/// A command at a time that is that far from now.
fn at(sandbox: &Sandbox, offset: &str, args: &[&str]) -> Ended {
    let binary = sandbox.logferry();
    let mut run = Command::new("faketime");
    run.args(["-f", offset]).arg(binary.get_program()).args(args).env_clear();
    run.envs(binary.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("NO_FAKE_STAT", "1");
    let found = Command::new("faketime").arg("--version").output();
    found.expect("faketime is there: apt-get install faketime");
    finish(&mut run)
}

#[test]
fn a_rate_counts_from_when_the_log_was_taken_last() {
    let sandbox = limited("max_rate = \"100kB/s\"");
    let text = lines("web", 3_000_000);
    let begin = std::time::Instant::now();
    sandbox.write_log("web.log", &text);
    // Of a log that was never taken, from its birth.
    let mut taken = 0;
    for (offset, seconds) in [("+10", 10), ("+15", 15), ("+22", 22)] {
        let run = run_at(&sandbox, offset);
        let [(bytes, ended)]: [(u64, String); 1] = sealed(&run).try_into().expect("one segment");
        assert_eq!(ended, "continued");
        taken += bytes;
        // In all of the time since the log was born: that much, but for what was left at a line's end each time.
        let most = seconds * 100_000 + u64::try_from(begin.elapsed().as_millis()).expect("a small number") * 100;
        assert!(taken <= most && taken + 3 * 65_536 > seconds * 100_000, "{taken} bytes by {offset}");
    }
    let last = sealed(&run_at(&sandbox, "+1h"));
    assert_eq!(last, [(text.len() as u64 - taken, "released".to_owned())]);
    assert_all(&sandbox, &[Content::new("web", text)]);
}

#[test]
fn what_limits_leave_is_told_when_it_begins_and_is_no_failure() {
    let sandbox = limited("max_bytes_per_run = \"64KiB\"");
    let text = lines("web", 300_000);
    sandbox.write_log("web.log", &text);
    let told = sandbox.run(["run"]).expect(0).stderr;
    assert!(told.contains("web.log: its limits") && told.contains("nothing is lost"), "{told}");
    assert!(told.contains("229.") || told.contains("228."), "how much is left: {told}");
    // From then on, only those who ask are told.
    sandbox.run(["run"]).quiet();
    let told = sandbox.run(["run", "-v"]).expect(0).stderr;
    assert!(told.contains("web.log: its limits"), "{told}");
    for _ in 0..2 {
        sandbox.run(["run"]).quiet();
    }
    assert_all(&sandbox, &[Content::new("web", text)]);
    assert_eq!(objects(&sandbox).len(), 5);
    // When it begins anew, it is told anew.
    sandbox.write_log("web.log", lines("web", 300_000));
    assert!(sandbox.run(["run"]).expect(0).stderr.contains("its limits"));
}

#[test]
fn a_log_without_line_ends_is_cut_at_the_limit() {
    let sandbox = limited("max_bytes_per_run = \"100kB\"");
    let text = "x".repeat(250_000);
    sandbox.write_log("web.log", &text);
    let runs: Vec<_> = (0..3).flat_map(|_| sealed(&run(&sandbox))).map(|(bytes, _)| bytes).collect();
    assert_eq!(runs, [100_000, 100_000, 50_000]);
    assert_all(&sandbox, &[Content::new("web", text)]);
}

#[test]
fn the_limits_of_one_log_are_none_of_another() {
    let sandbox = Sandbox::reopening();
    let (noisy, others) = (sandbox.log("noisy.log"), sandbox.path("log"));
    sandbox.config_file(&format!(
        "[[logs]]\npaths = \"{}\"\nmax_bytes_per_run = \"64KiB\"\n[[logs]]\npaths = \"{}\"\n",
        noisy.display(),
        others.display()
    ));
    let (text, other) = (lines("noisy", 200_000), lines("web", 200_000));
    sandbox.write_log("noisy.log", &text);
    sandbox.write_log("web.log", &other);
    let mut first: Vec<_> = sealed(&run(&sandbox)).into_iter().map(|(_, ended)| ended).collect();
    first.sort();
    assert_eq!(first, ["continued", "released"]);
    for _ in 0..3 {
        run(&sandbox);
    }
    assert_all(&sandbox, &[Content::new("noisy", text), Content::new("web", other)]);
}

/// A log of which a slice was taken; its first bytes, and those of the slice.
fn sliced() -> (Sandbox, String) {
    let sandbox = limited("max_bytes_per_run = \"64KiB\"");
    sandbox.write_log("web.log", lines("web", 100_000));
    run(&sandbox);
    let slice = String::from_utf8(objects(&sandbox).remove(0).raw).expect("text");
    assert!(slice.len() < 65_537 && slice.ends_with('\n'), "{}", slice.len());
    (sandbox, slice)
}

#[test]
fn a_log_that_someone_truncates_between_slices_is_taken_from_its_start() {
    // Shorter than what was taken of it; and grown beyond that again.
    for (length, what) in [(1_000, "it was truncated"), (69_000, "it was truncated")] {
        let (sandbox, slice) = sliced();
        let other = lines("what came after", length);
        File::options().write(true).truncate(true).open(sandbox.log("web.log")).expect("the same file");
        let mut log = File::options().append(true).open(sandbox.log("web.log")).expect("the same file");
        log.write_all(other.as_bytes()).expect("it is written");
        drop(log);
        let told = run(&sandbox).stderr;
        assert!(told.contains(what) && told.contains("hint: find out what else"), "{length}: {told}");
        while !sealed(&run(&sandbox)).is_empty() {}
        assert_all(&sandbox, &[Content::new("web", slice + &other)]);
    }
}

#[test]
fn a_log_that_someone_replaces_between_slices_is_taken_from_its_start_and_the_loss_is_told() {
    let (sandbox, slice) = sliced();
    std::fs::rename(sandbox.log("web.log"), sandbox.path("away")).expect("a rename");
    sandbox.write_log("web.log", "a new file\n");
    let ended = sandbox.run(["run"]).expect(0);
    assert!(ended.stderr.contains("someone else has deleted or replaced it"), "{}", ended.stderr);
    sandbox.run(["run"]).quiet();
    assert_all(&sandbox, &[Content::new("web", slice + "a new file\n")]);
}

#[test]
fn without_limits_any_more_the_rest_is_taken_behind_the_slices() {
    let (sandbox, _) = sliced();
    sandbox.config_file("");
    sandbox.run_all().quiet();
    assert_all(&sandbox, &[Content::new("web", lines("web", 100_000))]);
    assert_eq!(objects(&sandbox).len(), 2);
}

#[test]
fn small_logs_do_not_wait_for_a_large_one() {
    let sandbox = Sandbox::reopening();
    sandbox.config_file("settle = \"30ms\"\nlevel = 1\n");
    let bucket = Bucket::new(&sandbox);
    let block = lines("the large log", 1_000_000);
    let mut large = File::create(sandbox.log("a-large.log")).expect("a log");
    for _ in 0..300 {
        large.write_all(block.as_bytes()).expect("it is written");
    }
    drop(large);
    for n in 0..10 {
        sandbox.write_log(format!("small-{n}.log"), "small\n");
    }
    bucket.run_all(&sandbox).quiet();
    let puts: Vec<_> = bucket.server.requests().iter().map(|request| request.path.clone()).collect();
    let first_of_large = puts.iter().position(|path| path.contains("a-large")).expect("a put");
    assert!(puts[..first_of_large.max(10)].iter().filter(|path| path.contains("small-")).count() >= 7, "{puts:?}");
    let objects = proof::of_bucket(&sandbox.path("s3/logs"));
    let (large, small): (Vec<_>, Vec<_>) = objects.into_iter().partition(|object| object.key.contains("a-large"));
    assert_eq!((large.len(), small.len()), (2, 10));
    let streams: Vec<_> = proof::streams(large).into_values().collect();
    assert_eq!(streams.len(), 1);
    let segments = &streams[0];
    assert_eq!(segments[0].metadata["ended"], "continued");
    let all = segments.iter().flat_map(|segment| &segment.raw);
    assert!(all.eq(block.as_bytes().iter().cycle().take(300 * block.len())), "other bytes than were written");
    sandbox.nothing_left_behind();
}

#[test]
fn a_log_that_stays_in_its_place_has_limits_too() {
    const LIMIT: u64 = 64 << 10;
    let sandbox = limited("writer = \"holds\"\nholes = true\nmax_bytes_per_run = \"64KiB\"");
    let text = lines("web", 150_000);
    let mut log = File::options().append(true).create(true).open(sandbox.log("web.log")).expect("a log");
    log.write_all(text.as_bytes()).expect("room for it");
    let first = run(&sandbox);
    assert!(first.stderr.contains("its limits") && first.stderr.contains("for later runs"), "{}", first.stderr);
    let mut taken = sealed(&first);
    for _ in 0..2 {
        taken.extend(sealed(&run(&sandbox)));
    }
    let bytes: Vec<u64> = taken.iter().map(|(bytes, _)| *bytes).collect();
    assert!(bytes.len() == 3 && bytes.iter().all(|bytes| *bytes <= LIMIT), "{taken:?}");
    assert!(bytes[..2].iter().all(|bytes| *bytes > LIMIT - 100), "{taken:?}");
    assert_all(&sandbox, &[Content::new("web", text)]);
}

/// The logs that lag, as a report or the status tells it.
fn lagging(told: &Ended) -> Vec<serde_json::Value> {
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).expect("JSON");
    told["lagging"].as_array().expect("a list").clone()
}

fn append(sandbox: &Sandbox, bytes: usize) {
    let mut log = File::options().append(true).create(true).open(sandbox.log("web.log")).expect("a log");
    log.write_all(lines("web", bytes).as_bytes()).expect("it is written");
}

/// A log that is given 200 kB an hour, of which its limits let 64 KiB be taken, after so many hourly runs and one more; the last
/// run, and a file of metrics.
fn behind(hours: u32) -> (Sandbox, Ended, String) {
    let sandbox = limited("max_bytes_per_run = \"64KiB\"");
    let metrics = sandbox.path("metrics.prom").display().to_string();
    let mut last = None;
    for hour in 0..=hours {
        append(&sandbox, 200_000);
        last = Some(at(&sandbox, &format!("+{hour}h"), &["run", "--json", "--metrics", &metrics]).expect(0));
    }
    (sandbox, last.expect("a run"), metrics)
}

#[test]
fn what_lags_behind_its_limits_is_told_with_its_bytes_and_since_when() {
    let (sandbox, first, metrics) = behind(0);
    let [lag]: [_; 1] = lagging(&first).try_into().expect("one log");
    let bytes = lag["bytes"].as_u64().expect("a number");
    let size = std::fs::metadata(sandbox.log("web.log")).expect("it stays").len();
    assert_eq!(bytes, size - sealed(&first)[0].0);
    assert_eq!((&lag["falls_behind"], &lag["given_an_hour"]), (&false.into(), &().into()), "of one run, nobody knows");
    let since = lag["since"].clone();
    let status = sandbox.run(["status", "--json"]).expect(0);
    assert_eq!(lagging(&status), [lag]);
    let text = sandbox.run(["status"]).expect(0).text();
    assert!(text.contains("lagging: ") && text.contains("web.log: its limits leave 1"), "{text}");
    let prom = std::fs::read_to_string(&metrics).expect("metrics");
    for line in [format!("logferry_lagging_bytes {bytes}"), "logferry_lagging_logs 1".to_owned()] {
        assert!(prom.lines().any(|is| is == line), "{line}: {prom}");
    }
    // A run for another log knows nothing new of it.
    let other = sandbox.write_log("other.txt", "x\n").display().to_string();
    let [lag]: [_; 1] = lagging(&at(&sandbox, "+1h", &["run", "--json", &other]).expect(0)).try_into().expect("one");
    assert_eq!((&lag["bytes"], &lag["since"]), (&bytes.into(), &since));
    // What is refused meanwhile lags still.
    std::fs::hard_link(sandbox.log("web.log"), sandbox.path("link")).expect("a link");
    let refused = at(&sandbox, "+2h", &["run", "--json"]).expect(1);
    assert_eq!(lagging(&refused)[0]["since"], since);
    std::fs::remove_file(sandbox.path("link")).expect("it was there");
    // It is over when all is taken, as by a flush.
    let flushed = at(&sandbox, "+3h", &["flush", "--json", "--metrics", &metrics]).expect(0);
    assert_eq!((lagging(&flushed).len(), lagging(&sandbox.run(["status", "--json"])).len()), (0, 0));
    let prom = std::fs::read_to_string(&metrics).expect("metrics");
    assert!(prom.contains("\nlogferry_lagging_logs 0\n") && !prom.contains("lagging_since"), "{prom}");
}

#[test]
fn a_log_that_never_catches_up_is_told_once_with_both_figures() {
    let (_, second, _) = behind(1);
    assert!(!second.stderr.contains("never catches up"), "two runs are no pace: {}", second.stderr);
    let (sandbox, third, metrics) = behind(2);
    let said = "are below what is written to it: from 20";
    assert!(third.stderr.contains(said) && third.stderr.contains("so it never catches up"), "{}", third.stderr);
    let [lag]: [_; 1] = lagging(&third).try_into().expect("one log");
    let (given, taken) = (lag["given_an_hour"].as_u64(), lag["taken_an_hour"].as_u64());
    assert!(given.is_some_and(|given| (190_000..=200_000).contains(&given)), "{lag}");
    assert!(taken.is_some_and(|taken| (62_000..=65_536).contains(&taken)), "{lag}");
    assert_eq!(lag["falls_behind"], true);
    let prom = std::fs::read_to_string(&metrics).expect("metrics");
    assert!(prom.contains("\nlogferry_falling_behind_logs 1\n"), "{prom}");
    append(&sandbox, 200_000);
    at(&sandbox, "+3h", &["run"]).quiet();
    let text = sandbox.run(["status"]).expect(0).text();
    let figures = "it was given 19";
    assert!(
        text.contains(figures) && text.contains("let 6") && text.contains("an hour be taken, so it never"),
        "{text}"
    );
    // Nothing more is written to it: at once it is not said any more that it never catches up, and in the end it does.
    at(&sandbox, "+4h", &["run"]).quiet();
    let text = sandbox.run(["status"]).expect(0).text();
    assert!(!text.contains("never catches up") && text.contains("but less is left in it than before"), "{text}");
    for hour in 5..15 {
        at(&sandbox, &format!("+{hour}h"), &["run"]).quiet();
    }
    assert!(lagging(&sandbox.run(["status", "--json"])).is_empty());
}
