//! Stores that fail, runs that are cut short, mistakes in the configuration: nothing is lost, and the exit code says so.

use std::ffi::OsString;
use std::net::TcpListener;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::s3_server::{Fault, FaultHook, Transport};
use crate::support::{Bucket, Sandbox, finish, noise, wait_until};

/// A fault that lasts for as long as the switch is on.
fn switched(fault: Fault) -> (Arc<AtomicBool>, FaultHook) {
    let on = Arc::new(AtomicBool::new(true));
    let switch = Arc::clone(&on);
    let hook: FaultHook = Arc::new(move |_| if switch.load(Ordering::SeqCst) { fault.clone() } else { Fault::Pass });
    (on, hook)
}

/// A fault of the first request only.
fn once(fault: Fault) -> FaultHook {
    let (on, hook) = switched(fault);
    Arc::new(move |parts| {
        let fault = hook(parts);
        on.store(false, Ordering::SeqCst);
        fault
    })
}

#[test]
fn a_store_that_is_down_leaves_the_segment_in_the_spool_and_the_next_run_ships_it() {
    let sandbox = Sandbox::reopening();
    let bucket = Bucket::new(&sandbox);
    // A port that nobody listens on any more.
    let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    sandbox.write_log("web.log", "first\n");
    let mut down = sandbox.logferry();
    down.envs(bucket.env()).env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}")).arg("run");
    let ended = finish(down.arg(sandbox.path("log"))).expect(75);
    assert!(ended.stderr.contains("1 segment (") && ended.stderr.contains("next run tries again"), "{}", ended.stderr);
    assert!(!sandbox.log("web.log").exists());
    sandbox.write_log("web.log", "second\n");
    bucket.run_all(&sandbox).quiet();
    assert_eq!(bucket.run(&sandbox, ["cat", "web"]).expect(0).text(), "first\nsecond\n");
    sandbox.nothing_left_behind();
}

#[test]
fn a_storm_of_errors_ends_in_the_spool_after_a_bounded_number_of_tries() {
    let sandbox = Sandbox::reopening();
    let (on, hook) = switched(Fault::Status(503, "SlowDown"));
    let bucket = Bucket::with(&sandbox, Transport::Http, Some(hook));
    for n in 0..30 {
        sandbox.write_log(format!("{n}.log"), "x\n");
    }
    let ended = bucket.run_all(&sandbox).expect(75);
    assert!(ended.stderr.contains("SlowDown (503)") && ended.stderr.contains("30 segments"), "{}", ended.stderr);
    let tries = bucket.server.requests().len();
    assert!((5..=25).contains(&tries), "{tries} tries");
    on.store(false, Ordering::SeqCst);
    bucket.run_all(&sandbox).quiet();
    assert_eq!(bucket.run(&sandbox, ["ls"]).expect(0).text().lines().count(), 30);
}

#[test]
fn a_bucket_that_does_not_exist() {
    let sandbox = Sandbox::reopening();
    let bucket = Bucket::new(&sandbox);
    sandbox.write_log("web.log", "x\n");
    let args: [OsString; 4] = ["run".into(), sandbox.path("log").into(), "--to".into(), "s3://nowhere/x".into()];
    let ended = bucket.run(&sandbox, args).expect(75);
    assert!(ended.stderr.contains("NoSuchBucket") && ended.stderr.contains("hint: create it"), "{}", ended.stderr);
    assert_eq!(bucket.server.requests().len(), 1, "it is not tried again at once");
}

#[test]
fn wrong_credentials() {
    let sandbox = Sandbox::reopening();
    let bucket = Bucket::new(&sandbox);
    sandbox.write_log("web.log", "x\n");
    for (name, value) in [("AWS_SECRET_ACCESS_KEY", "wrong"), ("AWS_ACCESS_KEY_ID", "UNKNOWN")] {
        let mut run = sandbox.logferry();
        run.envs(bucket.env()).env(name, value).arg("run").arg(sandbox.path("log"));
        let ended = finish(&mut run).expect(75);
        assert!(ended.stderr.contains("(403)") && ended.stderr.contains("credentials"), "{}", ended.stderr);
    }
    let mut run = sandbox.logferry();
    run.envs(bucket.env()).env_remove("AWS_SECRET_ACCESS_KEY").env_remove("AWS_ACCESS_KEY_ID").arg("run");
    let ended = finish(run.arg(sandbox.path("log"))).expect(75);
    assert!(ended.stderr.contains("hint: check which credentials"), "{}", ended.stderr);
    assert_eq!(ended.stderr.lines().count(), 2, "one line and its hint: {}", ended.stderr);
    assert!(!ended.stderr.contains('\u{fffd}'), "{}", ended.stderr);
    bucket.run_all(&sandbox).quiet();
    assert_eq!(bucket.run(&sandbox, ["cat", "web"]).expect(0).text(), "x\n");
}

#[test]
fn a_put_whose_answer_was_lost_counts_as_shipped_once() {
    let sandbox = Sandbox::reopening();
    let bucket = Bucket::with(&sandbox, Transport::Http, Some(once(Fault::CloseAfterHandling)));
    sandbox.write_log("web.log", "once\n");
    bucket.run_all(&sandbox).quiet();
    assert_eq!(bucket.run(&sandbox, ["ls"]).expect(0).text().lines().count(), 1);
    assert_eq!(bucket.run(&sandbox, ["cat", "web"]).expect(0).text(), "once\n");
}

#[test]
fn a_second_run_at_the_same_time_has_nothing_to_do() {
    let sandbox = Sandbox::reopening();
    let (on, hook) = switched(Fault::Stall(Duration::from_secs(5)));
    let bucket = Bucket::with(&sandbox, Transport::Http, Some(hook));
    sandbox.write_log("web.log", "x\n");
    let mut first = sandbox.logferry();
    let first = first.envs(bucket.env()).arg("run").arg(sandbox.path("log")).spawn();
    let mut first = first.expect("the first run starts");
    wait_until("the first run ships", || !bucket.server.requests().is_empty());
    bucket.run_all(&sandbox).quiet();
    let args: [OsString; 3] = ["run".into(), "-v".into(), sandbox.path("log").into()];
    let ended = bucket.run(&sandbox, args).expect(0);
    assert!(ended.stderr.contains("another run is at work"), "{}", ended.stderr);
    on.store(false, Ordering::SeqCst);
    assert!(first.wait().expect("the first run ends").success());
}

#[test]
fn a_signal_ends_a_run_soon_and_the_next_one_goes_on() {
    let sandbox = Sandbox::reopening();
    let (on, hook) = switched(Fault::Stall(Duration::from_secs(60)));
    let bucket = Bucket::with(&sandbox, Transport::Http, Some(hook));
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        sandbox.write_log("web.log", format!("{signal}\n"));
        bucket.server.clear_requests();
        let mut run = sandbox.logferry();
        let mut run = run
            .envs(bucket.env())
            .arg("run")
            .arg(sandbox.path("log"))
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        wait_until("it ships", || !bucket.server.requests().is_empty());
        kill(Pid::from_raw(i32::try_from(run.id()).expect("a pid")), signal).expect("it lives");
        let begin = std::time::Instant::now();
        assert_eq!(run.wait().expect("it ends").code(), Some(75));
        assert!(begin.elapsed() < Duration::from_secs(3), "it took {:?}", begin.elapsed());
    }
    on.store(false, Ordering::SeqCst);
    bucket.run_all(&sandbox).quiet();
    assert_eq!(bucket.run(&sandbox, ["cat", "web"]).expect(0).text(), "SIGTERM\nSIGINT\n");
    sandbox.nothing_left_behind();
}

#[test]
fn a_claimed_file_is_found_again_even_when_the_state_directory_was_lost() {
    let sandbox = Sandbox::reopening();
    sandbox.write_log(".web.log.20261120T115959Z-abc123.claimed", "older\n");
    sandbox.write_log(".web.log.20261121T005959Z-k3f9a2.claimed", "old\n");
    sandbox.write_log("web.log", "new\n");
    sandbox.run_all().quiet();
    assert_eq!(sandbox.run(["cat", "web"]).expect(0).text(), "older\nold\nnew\n");
    sandbox.nothing_left_behind();
}

#[test]
fn a_segment_that_was_changed_in_the_spool_is_never_shipped() {
    let sandbox = Sandbox::reopening();
    sandbox.write_log("web.log", "x\n");
    let nowhere = format!("file://{}", sandbox.path("nowhere").display());
    let args: [OsString; 4] = ["run".into(), sandbox.path("log").into(), "--to".into(), nowhere.into()];
    sandbox.run(args).expect(75);
    let sealed = sandbox.files("state/spool").into_iter().find(|file| file.extension().is_some_and(|e| e == "gz"));
    let sealed = sealed.expect("a sealed segment");
    let mut bytes = std::fs::read(&sealed).expect("it can be read");
    bytes[15] ^= 1;
    std::fs::write(&sealed, bytes).expect("it can be written");
    std::fs::create_dir(sandbox.path("nowhere")).expect("a store");
    let ended = sandbox.run_all().expect(1);
    assert!(ended.stderr.contains("not those that were sealed"), "{}", ended.stderr);
    let kept: Vec<_> = sandbox.files("nowhere").into_iter().filter(|path| !path.ends_with(".json")).collect();
    assert!(kept.iter().all(|path| path.to_string_lossy().ends_with(".json")), "{kept:?}");
    assert_eq!(sandbox.files("state/damaged").len(), 1, "it is put aside");
    sandbox.run_all().quiet();
}

#[test]
fn a_mistake_in_the_configuration_touches_nothing() {
    let sandbox = Sandbox::reopening();
    let log = sandbox.write_log("web.log", "x\n");
    sandbox.config_file_verbatim("to = \"s3://logs\"\n[[logs]]\npatsh = [\"/var/log/*.log\"]\npaths = [\"/a\"]\n");
    let ended = sandbox.run_all().expect(78);
    let expected = format!(
        "logferry: {}:3: unknown key `patsh` in [[logs]]\n  hint: did you mean `paths`?\n",
        sandbox.path("logferry.toml").display()
    );
    assert_eq!(ended.stderr, expected);
    assert!(log.exists() && !sandbox.path("state").exists());
    let mut missing = sandbox.logferry();
    finish(missing.env("LOGFERRY_CONFIG", "/no/such/file").arg("run").arg(&log)).expect(78);
    assert!(log.exists() && !sandbox.path("state").exists());
}

#[test]
fn wrong_usage() {
    let sandbox = Sandbox::reopening();
    sandbox.run(["run", "--to", "http://example.com", "x"]).expect(2);
    sandbox.run(["run", "--splay", "soon", "x"]).expect(2);
    sandbox.run(["fly"]).expect(2);
    sandbox.run(["run"]).expect(78);
}

#[test]
fn a_dry_run_prints_the_plan_and_touches_nothing() {
    let sandbox = Sandbox::reopening();
    let log = sandbox.write_log("web.log", "four\n");
    sandbox.write_log(".old.log.20261121T005959Z-k3f9a2.claimed", "left\n");
    let args: [OsString; 3] = ["run".into(), "--dry-run".into(), sandbox.path("log").into()];
    let ended = sandbox.run(args).expect(0);
    let text = ended.text();
    assert!(text.contains("would finish ") && text.contains("old.log"), "{text}");
    let take = format!("would take {} (5 bytes) as service web and ship it to file://", log.display());
    assert!(text.contains(&take), "{text}");
    assert!(!sandbox.path("state").exists() && sandbox.files("store").is_empty());
    assert_eq!(sandbox.files("log").len(), 2);
}

#[test]
fn the_report_for_programs() {
    let sandbox = Sandbox::reopening();
    sandbox.write_log("web.log", "a\nb\n");
    std::os::unix::fs::symlink("web.log", sandbox.log("link.log")).expect("a link");
    let args: [OsString; 3] = ["run".into(), "--json".into(), sandbox.path("log").into()];
    let ended = sandbox.run(args).expect(1);
    let report: serde_json::Value = serde_json::from_slice(&ended.stdout).expect("JSON");
    assert_eq!(report["exit_code"], 1);
    assert_eq!(report["shipped"][0]["raw_bytes"], 4);
    assert_eq!(report["shipped"][0]["lines"], 2);
    assert_eq!(report["shipped"][0]["ended"], "released");
    assert_eq!(report["problems"][0]["effect"], "failed");
    assert_eq!(report["waiting"].as_array().map(Vec::len), Some(0));
}

#[test]
fn a_splay_is_the_same_each_time_and_a_signal_ends_it() {
    let sandbox = Sandbox::reopening();
    sandbox.write_log("web.log", "x\n");
    let mut said = Vec::new();
    for _ in 0..2 {
        let mut run = sandbox.logferry();
        run.args(["run", "-v", "--splay", "20h", "--instance", "i-0abc"]).arg(sandbox.path("log"));
        let mut run = run.stderr(Stdio::piped()).spawn().expect("it starts");
        let mut line = String::new();
        let mut stderr = std::io::BufReader::new(run.stderr.take().expect("a pipe"));
        std::io::BufRead::read_line(&mut stderr, &mut line).expect("a line");
        said.push(line);
        kill(Pid::from_raw(i32::try_from(run.id()).expect("a pid")), Signal::SIGTERM).expect("it lives");
        assert_eq!(run.wait().expect("it ends").code(), Some(75), "the log waits");
    }
    assert!(said[0].contains("waiting ") && said[0] == said[1], "{said:?}");
    assert!(sandbox.log("web.log").exists());
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let sandbox = Sandbox::reopening();
    sandbox.write_log("web.log", "a line of some length, many times over\n".repeat(200_000));
    sandbox.run_all().quiet();
    let script = format!("'{}' cat web | head -n 1", env!("CARGO_BIN_EXE_logferry"));
    let mut shell = std::process::Command::new("bash");
    shell.args(["-o", "pipefail", "-c", &script]).env("LOGFERRY_TO", sandbox.directory());
    let ended = finish(shell.env("LOGFERRY_CONFIG", sandbox.path("logferry.toml"))).expect(0);
    assert_eq!((ended.text().as_str(), ended.stderr.as_str()), ("a line of some length, many times over\n", ""));
}

#[test]
fn a_connection_that_breaks_before_the_body_is_tried_again() {
    let sandbox = Sandbox::reopening();
    let bucket = Bucket::with(&sandbox, Transport::Http, Some(once(Fault::CloseBeforeBody)));
    sandbox.write_log("web.log", "once\n");
    bucket.run_all(&sandbox).quiet();
    assert_eq!(bucket.run(&sandbox, ["cat", "web"]).expect(0).text(), "once\n");
}

#[test]
fn a_large_segment_whose_run_was_killed_leaves_no_parts_behind() {
    let sandbox = Sandbox::reopening();
    // The upload stalls at its second part.
    let (on, hook) = switched(Fault::Stall(Duration::from_secs(60)));
    let second_part: FaultHook = Arc::new(move |parts| {
        let second = parts.uri.query().is_some_and(|query| query.contains("partNumber=2"));
        if second { hook(parts) } else { Fault::Pass }
    });
    let bucket = Bucket::with(&sandbox, Transport::Http, Some(second_part));
    let bytes = noise(20_000_000);
    sandbox.write_log("web.log", &bytes);
    let mut run = sandbox.logferry();
    let mut run = run.envs(bucket.env()).arg("run").arg(sandbox.path("log")).spawn().expect("it starts");
    let stalled =
        || bucket.server.requests().iter().any(|r| r.query.as_deref().is_some_and(|q| q.contains("partNumber=2")));
    wait_until("the second part is under way", stalled);
    run.kill().expect("it lives");
    run.wait().expect("it ends");
    on.store(false, Ordering::SeqCst);
    bucket.server.clear_requests();
    bucket.run_all(&sandbox).quiet();
    let requests = bucket.server.requests();
    let aborted = requests.iter().filter(|request| request.method == "DELETE").count();
    assert_eq!(aborted, 1, "the upload of the killed run is removed first");
    for request in &requests {
        let chunked =
            request.headers.get("content-encoding").is_some() || request.headers.get("x-amz-trailer").is_some();
        assert!(!chunked, "{request:?}");
    }
    assert!(bucket.run(&sandbox, ["cat", "web"]).expect(0).stdout == bytes);
    sandbox.nothing_left_behind();
}
