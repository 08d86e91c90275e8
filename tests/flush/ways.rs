//! Exit code 0 promises the same whatever limits a log has and however its writer lets go of it.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::{flushed, report};
use crate::closed::rotated;
use crate::support::proof::{self, Content};
use crate::support::{Sandbox, noise};

/// A sandbox whose logs are of one set that says so.
fn sandbox(set: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let logs = sandbox.log("*.log").display().to_string();
    sandbox.config_file_verbatim(&format!(
        "settle = \"30ms\"\nbandwidth = \"16KiB/s\"\n[[logs]]\npaths = {logs:?}\n{set}"
    ));
    sandbox
}

/// A log that its writer still has open, and appends to.
fn held(sandbox: &Sandbox, name: &str, bytes: &[u8]) -> File {
    let log = File::options().append(true).create(true).open(sandbox.log(name));
    let mut log = log.expect("a log");
    log.write_all(bytes).expect("room for it");
    log
}

#[track_caller]
fn assert_stored(sandbox: &Sandbox, contents: &[Content]) {
    let compared = proof::compare_all(proof::of_directory(&sandbox.path("store")), contents);
    assert_eq!((compared.lost, compared.doubled), (0, 0), "{compared:?}");
}

#[test]
fn neither_limits_of_a_log_nor_of_the_bandwidth_hold_it_up() {
    let limits = "writer = \"reopens\"\nmax_bytes_per_run = \"64KiB\"\nmax_rate = \"1kB/s\"\n";
    for args in [&[][..], &["--final"]] {
        let sandbox = sandbox(limits);
        let bytes = noise(600_000);
        sandbox.write_log("web.log", &bytes);
        flushed(&sandbox, args).expect(0);
        assert_stored(&sandbox, &[Content::new("web", bytes)]);
        sandbox.nothing_left_behind();
    }
}

#[test]
fn a_large_log_is_taken_in_slices_to_its_end_and_what_waits_behind_it_too() {
    // A little more than a slice.
    const LARGE: usize = 260 << 20;
    let sandbox = sandbox("writer = \"reopens\"\n");
    let line = "a line like all the others in it, which are many\n";
    let large = line.repeat(LARGE / line.len());
    sandbox.write_log("large.log", &large);
    sandbox.write_log("small.log", "small\n");
    let ended = flushed(&sandbox, &["--json"]).expect(0);
    let sealed: Vec<(String, String)> = report(&ended)["sealed"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|item| (item["service"].to_string(), item["ended"].to_string()))
        .collect();
    let continued = sealed.iter().filter(|(_, ended)| ended == "\"continued\"").count();
    assert!(continued == 1 && sealed.len() == 3, "{sealed:?}");
    assert_eq!(sealed[0].0, "\"small\"", "{sealed:?}");
    assert_stored(&sandbox, &[Content::new("large", large), Content::new("small", "small\n")]);
    sandbox.nothing_left_behind();
}

#[test]
fn a_log_that_only_its_writer_rotates_is_named_and_the_exit_code_is_not_0() {
    let sandbox = sandbox("writer = \"closed\"\n");
    sandbox.write_log("web.log.1", "rotated\n");
    let log = held(&sandbox, "web.log", b"not rotated yet\n");
    let ended = flushed(&sandbox, &[]).expect(1);
    assert!(
        ended.stderr.contains("web.log: its writer rotates it") && ended.stderr.contains("hint: stop"),
        "{}",
        ended.stderr
    );
    assert_stored(&sandbox, &[Content::new("web", "rotated\n")]);
    drop(log);
    // Its writer has ended, and rotated it first.
    std::fs::rename(sandbox.log("web.log"), sandbox.log("web.log.1")).expect("a rename");
    flushed(&sandbox, &[]).expect(0);
    assert_stored(&sandbox, &[Content::new("web", "rotated\nnot rotated yet\n")]);
}

#[test]
fn the_line_that_is_being_written_to_a_log_in_its_place_is_taken_too() {
    let sandbox = sandbox("writer = \"holds\"\nholes = true\n");
    let mut log = held(&sandbox, "web.log", b"a whole line\nhalf of");
    flushed(&sandbox, &[]).expect(0);
    assert_stored(&sandbox, &[Content::new("web", "a whole line\nhalf of")]);
    log.write_all(b" another\n").expect("room for it");
    flushed(&sandbox, &["--final"]).expect(0);
    assert_stored(&sandbox, &[Content::new("web", "a whole line\nhalf of another\n")]);
}

#[test]
fn what_logrotate_left_goes_before_the_log_in_the_round_of_each() {
    let sandbox = sandbox("writer = \"reopens\"\nbacklog = true\n");
    let mut contents = Vec::new();
    for (index, service) in ["one", "two", "three"].into_iter().enumerate() {
        // So that it is taken in another round than the others.
        let now = noise(if index == 1 { 80 << 20 } else { 1000 });
        rotated(&sandbox, &format!("{service}.log.2.gz"), "the oldest\n", 20);
        rotated(&sandbox, &format!("{service}.log.1"), "the one before\n", 10);
        sandbox.write_log(format!("{service}.log"), &now);
        contents.push(Content::new(service, [&b"the oldest\nthe one before\n"[..], &now].concat()));
    }
    flushed(&sandbox, &[]).expect(0);
    assert_stored(&sandbox, &contents);
    assert!(sandbox.files("log").is_empty(), "{:?}", sandbox.files("log"));
}

#[test]
fn what_a_writer_notes_of_being_asked_is_no_reason_to_ask_it_again() {
    for args in [&[][..], &["--final", "--deadline", "40s"]] {
        let sandbox = Sandbox::new();
        let (log, asked) = (sandbox.log("error.log"), sandbox.path("asked"));
        let logs = sandbox.log("*.log").display().to_string();
        let (writer, pid) = restarts_gracefully(&log);
        let ask = format!("echo >>'{}'; kill -USR1 {pid}", asked.display());
        sandbox.config_file_verbatim(&format!(
            "[[logs]]\npaths = {logs:?}\nwriter = \"command\"\ncommand = [\"/bin/sh\", \"-c\", {ask:?}]\n"
        ));
        let ended = flushed(&sandbox, args);
        let times = std::fs::read_to_string(&asked).unwrap_or_default().lines().count();
        drop(writer);
        ended.expect(0);
        assert_eq!(times, 1, "{args:?}: how often it was asked");
        let streams = proof::streams(proof::of_directory(&sandbox.path("store")));
        let stored: Vec<u8> = streams.into_values().flatten().flat_map(|one| one.raw).collect();
        assert_eq!(String::from_utf8_lossy(&stored), "started\ngraceful restart\n", "{args:?}");
    }
}

/// A writer that opens its log anew when it is asked to, and notes that there, as Apache does; and its id.
fn restarts_gracefully(log: &Path) -> (Ends, u32) {
    let script = "import os, signal, sys\n\
        def note(text):\n\
        \x20global fd\n\
        \x20fd = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)\n\
        \x20os.write(fd, text)\n\
        def again(*_):\n\
        \x20os.close(fd)\n\
        \x20note(b'graceful restart\\n')\n\
        note(b'started\\n')\n\
        signal.signal(signal.SIGUSR1, again)\n\
        print(flush=True)\n\
        while True: signal.pause()\n";
    let child = Command::new("python3").args(["-c", script]).arg(log).stdout(Stdio::piped()).spawn();
    let mut child = child.expect("python3: install it");
    child.stdout.as_mut().expect("a pipe").read_exact(&mut [0]).expect("it has begun");
    let pid = child.id();
    (Ends(child), pid)
}

/// A process that ends with the test.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
