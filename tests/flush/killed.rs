//! A flush that is killed at each point that it comes to, and another one that brings all to its end.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::{flush_to, flushed};
use crate::support::proof::{self, Content};
use crate::support::tally::{self, Group, Row};
use crate::support::{Bucket, Sandbox, Writer, finish, noise};

/// Logs of two priorities, one that a silent writer holds, a segment in the spool, and a file that was claimed.
struct Scene {
    sandbox: Sandbox,
    bucket: Bucket,
    contents: Vec<Content>,
    writer: Writer,
}

impl Scene {
    fn new() -> Self {
        let sandbox = Sandbox::reopening();
        let log = sandbox.path("log").display().to_string();
        sandbox.config_file(&format!(
            "settle = \"30ms\"\n[[logs]]\npaths = \"{log}/urgent.log\"\npriority = \"high\"\n[[logs]]\npaths = \"{log}\"\n"
        ));
        let bucket = Bucket::new(&sandbox);
        sandbox.write_log("waits.log", "one\n");
        finish(
            sandbox
                .logferry()
                .args(["run", "--to", "s3://logs/fleet"])
                .envs(bucket.env())
                .env("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
                .arg(sandbox.log("waits.log")),
        )
        .expect(75);
        sandbox.write_log("waits.log", "two\n");
        sandbox.write_log(".old.log.20261121T005959Z-k3f9a2.claimed", "claimed\n");
        let urgent = noise(200_000);
        sandbox.write_log("urgent.log", &urgent);
        let contents =
            vec![Content::new("waits", "one\ntwo\n"), Content::new("old", "claimed\n"), Content::new("urgent", urgent)];
        let writer = Writer::start(&sandbox, &["--idle-after", "70000"], &[sandbox.log("held.log")]);
        Self { sandbox, bucket, contents, writer }
    }

    fn flush(&self) -> Command {
        flush_to(&self.bucket, &self.sandbox, &[])
    }

    /// Kills a flush at that point; whether it came there.
    fn killed_at(&self, point: &str) -> bool {
        let mut command = self.flush();
        command.env("LOGFERRY_FAULT", format!("kill@{point}"));
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.expect("it starts").signal() == Some(9)
    }

    /// Another flush, after which all is in the store once; how long it took.
    fn mended(self, what: &str) -> Duration {
        let begin = Instant::now();
        let ended = finish(&mut self.flush());
        let took = begin.elapsed();
        // Of a log that was unlinked and that nobody holds any more, nobody can know that all is there; here it is.
        let doubted = ended.stderr.contains("not known to be complete");
        assert_eq!(ended.code, i32::from(doubted), "{what}: {}", ended.stderr);
        assert!(!ended.stderr.contains("held.log: not known"), "{what}: {}", ended.stderr);
        let stored = proof::of_bucket(&self.sandbox.path("s3/logs"));
        let mut contents = self.contents;
        contents.extend(self.writer.stop().iter().map(Content::from));
        let compared = proof::compare_all(stored, &contents);
        assert_eq!((compared.lost, compared.doubled), (0, 0), "{what}: {compared:?}\n{}", ended.stderr);
        self.sandbox.nothing_left_behind();
        took
    }
}

#[test]
fn killed_at_any_point_the_next_one_brings_all_to_its_end() {
    let scene = Scene::new();
    let trace = scene.sandbox.path("trace");
    finish(scene.flush().env("LOGFERRY_FAULT_TRACE", &trace)).expect(0);
    let traced = std::fs::read_to_string(&trace).expect("a trace");
    drop(scene);
    let points: BTreeSet<String> = traced.lines().map(str::to_owned).collect();
    assert!(points.len() >= 30, "{points:?}");
    let (cases, queue) = (points.len() as u64, Mutex::new(points.into_iter()));
    let slowest = Mutex::new(Duration::ZERO);
    std::thread::scope(|scope| {
        let work = || {
            while let Some(point) = { queue.lock().expect("no panic").next() } {
                let scene = Scene::new();
                assert!(scene.killed_at(&point), "{point} was not reached again");
                let took = scene.mended(&point);
                let mut slowest = slowest.lock().expect("no panic");
                *slowest = took.max(*slowest);
            }
        };
        for thread in [scope.spawn(work), scope.spawn(work)] {
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
    });
    let slowest = slowest.into_inner().expect("no panic");
    tally::record(Group::Crashes, "a flush, killed at each point", Row::sound(cases, slowest));
}

#[test]
fn a_flush_goes_on_where_a_run_was_killed() {
    let sandbox = Sandbox::reopening();
    sandbox.write_log("web.log", "web\n");
    for point in ["records-durable", "claims-durable", "copies-durable", "marked-shipped"] {
        sandbox.write_log("job.log", format!("{point}\n"));
        let mut run = super::run_of(&sandbox);
        run.env("LOGFERRY_FAULT", format!("kill@{point}")).stderr(Stdio::null());
        assert_eq!(run.status().expect("it starts").code(), None, "{point}");
        flushed(&sandbox, &[]).expect(0);
    }
    let jobs = "records-durable\nclaims-durable\ncopies-durable\nmarked-shipped\n";
    assert_eq!(sandbox.run(["cat", "job"]).expect(0).text(), jobs);
    sandbox.nothing_left_behind();
}
