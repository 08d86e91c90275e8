//! Real writers at full speed, over a hundred rotations.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::scene::{On, Scene};
use crate::support::mount::Format;
use crate::support::proof::{self, Stored};
use crate::support::wait_until;

/// How often the logs of a test are taken, unless `LOGFERRY_ROTATIONS` says another number.
const ROTATIONS: usize = 100;

/// Bursts at full speed, one write a line; in between the machine belongs to the run.
const WRITER: &str = "
    n=0
    while [ -e go ]; do
        i=0
        while [ $i -lt 200 ]; do echo \"$NAME $n what a service says at full speed\"; n=$((n+1)); i=$((i+1)); done
        sleep 0.05
    done
    echo $n > \"$NAME.count\"";

/// As systemd starts a service again that was killed (`StandardOutput=append:`): each time it has the log opened anew, says
/// five hundred lines, and is killed in the middle of them all.
const RESTARTED: &str = "
    k=0
    while [ -e go ]; do
        NAME=s$k sh -c 'n=0; while :; do echo \"$NAME $n of a service that will be killed\"; n=$((n+1));
            [ $n -lt 500 ] || kill -9 $$; done' >> \"$LOG\"
        echo 500 > s$k.count
        k=$((k+1))
        sleep 0.05
    done 2> killed.txt";

struct Shell(Child);

impl Shell {
    fn start(directory: &Path, name: &str, log: &Path, script: &str) -> Self {
        let log_is_output = if script == WRITER { format!("exec >> '{}'\n", log.display()) } else { String::new() };
        let mut sh = Command::new("sh");
        sh.args(["-c", &format!("{log_is_output}{script}")]).env("NAME", name).env("LOG", log).current_dir(directory);
        Self(sh.stdin(Stdio::null()).spawn().expect("sh"))
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A service's bytes, its segments joined.
fn joined(objects: Vec<Stored>) -> BTreeMap<String, Vec<u8>> {
    let mut logs: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for (stream, segments) in proof::streams(objects) {
        let service = segments[0].says("service").to_owned();
        assert!(!logs.contains_key(&service), "{service} has another stream: {stream}");
        logs.insert(service, segments.into_iter().flat_map(|segment| segment.raw).collect());
    }
    logs
}

/// The lines that each writer wrote: none torn, each once, and those of one writer in their order. How many of each.
fn tally(log: &[u8]) -> BTreeMap<String, u64> {
    let mut written: BTreeMap<String, u64> = BTreeMap::new();
    for line in log.split_inclusive(|&byte| byte == b'\n') {
        let text = std::str::from_utf8(line).expect("text");
        let mut words = text.splitn(3, ' ');
        let (name, number, rest) = (words.next(), words.next(), words.next());
        let whole =
            rest == Some("what a service says at full speed\n") || rest == Some("of a service that will be killed\n");
        let (Some(name), Some(Ok(number)), true) = (name, number.map(str::parse::<u64>), whole) else {
            panic!("torn: {text:?}");
        };
        let next = written.entry(name.to_owned()).or_default();
        assert_eq!(number, *next, "of {name}");
        *next += 1;
    }
    written
}

fn rotated_at_full_speed(on: On, configuration: &str) {
    let rotations = std::env::var("LOGFERRY_ROTATIONS").map_or(ROTATIONS, |number| number.parse().expect("a number"));
    let scene = Scene::with(on, configuration);
    let scratch = scene.sandbox.path("scratch");
    std::fs::create_dir(&scratch).expect("a directory");
    std::fs::write(scratch.join("go"), "").expect("a file");
    let logs: [PathBuf; 3] = ["one.log", "many.log", "restarted.log"].map(|name| scene.sandbox.log(name));
    let [one, many, restarted] = &logs;
    let mut writers = vec![Shell::start(&scratch, "a", one, WRITER), Shell::start(&scratch, "r", restarted, RESTARTED)];
    writers.extend(["b", "c", "d", "e"].map(|name| Shell::start(&scratch, name, many, WRITER)));
    wait_until("all write", || logs.iter().all(|log| std::fs::metadata(log).is_ok_and(|log| log.len() > 0)));
    for _ in 0..rotations {
        let ended = scene.run().expect(0);
        assert_eq!(ended.stderr, "");
    }
    std::fs::remove_file(scratch.join("go")).expect("a file");
    writers.iter_mut().for_each(|writer| drop(writer.0.wait()));
    scene.run().quiet();
    scene.sandbox.nothing_left_behind();
    let objects = scene.objects();
    assert!(objects.len() >= 2 * rotations, "{} segments", objects.len());
    let mut counted = 0;
    for (service, log) in joined(objects) {
        for (name, lines) in tally(&log) {
            let count = std::fs::read_to_string(scratch.join(format!("{name}.count"))).expect("a count");
            assert_eq!(lines, count.trim().parse::<u64>().expect("a number"), "{name} in {service}");
            counted += lines;
        }
    }
    println!("tally: {on:?}: {rotations} rotations in place, {counted} lines");
}

#[test]
fn writers_at_full_speed_that_never_let_go_on_ext4() {
    rotated_at_full_speed(On::Image(Format::Ext4), "writer = \"holds\"\n");
}

#[test]
fn writers_at_full_speed_that_never_let_go_on_xfs() {
    rotated_at_full_speed(On::Image(Format::Xfs), "writer = \"holds\"\n");
}

#[test]
fn writers_at_full_speed_that_never_let_go_on_overlayfs() {
    rotated_at_full_speed(On::Overlay, "writer = \"holds\"\n");
}

#[test]
fn writers_at_full_speed_that_never_let_go_on_tmpfs_with_holes() {
    rotated_at_full_speed(On::Memory, "writer = \"holds\"\nholes = true\n");
}
