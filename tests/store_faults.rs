//! A store that fails in every way that S3 is known to: each segment ends in it exactly once, or waits in the spool with an
//! exit code and a message that says what to do; tries and time are bounded.
//!
//! The faults are real where they can be: connections are reset by the kernel, bodies change on the wire, answers break off
//! or never come, clocks are wrong, buckets are gone.

mod directory;
mod matrix;
mod messages;
mod outages;
mod streams;

use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::request::Parts;

use crate::s3_server::{Fault, FaultHook, Request, Transport};
use crate::support::{Bucket, Ended, Sandbox, finish, noise, proof};

/// A bucket whose faults can be changed while its server runs; requests wait no longer than a second for their answer.
struct Place {
    sandbox: Sandbox,
    bucket: Bucket,
    hook: Arc<Mutex<Option<FaultHook>>>,
}

impl Place {
    fn new() -> Self {
        let sandbox = Sandbox::reopening();
        sandbox.config_file("[s3]\ntimeout = \"1s\"\n");
        let hook = Arc::new(Mutex::new(None::<FaultHook>));
        let slot = Arc::clone(&hook);
        let ask: FaultHook = Arc::new(move |request| {
            let hook = slot.lock().unwrap_or_else(PoisonError::into_inner).clone();
            hook.map_or(Fault::Pass, |hook| hook(request))
        });
        let bucket = Bucket::with(&sandbox, Transport::Http, Some(ask));
        Self { sandbox, bucket, hook }
    }

    fn spoil(&self, hook: impl Fn(&Parts) -> Fault + Send + Sync + 'static) {
        *self.hook.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(hook));
    }

    fn mend(&self) {
        *self.hook.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn run(&self) -> Ended {
        self.bucket.run_all(&self.sandbox)
    }

    /// The requests of one run, how it ended, and how long it took.
    fn watch(&self) -> (Ended, Vec<Request>, Duration) {
        self.bucket.server.clear_requests();
        let begin = Instant::now();
        let ended = self.run();
        (ended, self.bucket.server.requests(), begin.elapsed())
    }

    fn objects(&self) -> Vec<proof::Stored> {
        proof::of_bucket(&self.sandbox.path("s3/logs"))
    }

    /// The sealed segments in the spool: how many, and their bytes.
    fn spooled(&self) -> (usize, u64) {
        let files = self.sandbox.files("state/spool").into_iter();
        let sealed = files.filter(|file| file.extension().is_some_and(|end| end == "gz"));
        let sizes: Vec<u64> = sealed.map(|file| std::fs::metadata(file).expect("a segment").len()).collect();
        (sizes.len(), sizes.iter().sum())
    }

    /// One run without faults, after which each service has exactly this content, and nothing is left anywhere; how long
    /// it took.
    #[track_caller]
    fn recover(&self, contents: &[(&str, &[u8])], orphans: usize) -> Duration {
        self.mend();
        let begin = Instant::now();
        self.run().quiet();
        let recovery = begin.elapsed();
        self.is_whole(contents);
        assert!(self.bucket.server.open_uploads("logs") <= orphans, "an upload is left open");
        self.bucket.server.clear_requests();
        self.run().quiet();
        assert_eq!(self.bucket.server.requests().len(), 0, "nothing was left to do");
        recovery
    }

    #[track_caller]
    fn is_whole(&self, contents: &[(&str, &[u8])]) {
        let streams = proof::streams(self.objects());
        assert_eq!(streams.len(), contents.len(), "one stream a log");
        for (service, content) in contents {
            let of_service = streams.values().find(|segments| segments[0].says("service") == *service);
            let segments = of_service.unwrap_or_else(|| panic!("{service} is missing"));
            let raw: Vec<u8> = segments.iter().flat_map(|segment| segment.raw.clone()).collect();
            assert!(raw == *content, "{service} is not what was written");
        }
        self.sandbox.nothing_left_behind();
    }
}

/// A log whose segment goes up in two parts, the second of which is small.
fn large() -> Vec<u8> {
    noise(8 * 1024 * 1024 + 40_000)
}

/// Those of our requests that are told apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Site {
    Put,
    Create,
    Part,
    Complete,
    Abort,
}

impl Site {
    /// Of several parts, the second one is meant.
    fn is(self, method: &str, query: Option<&str>) -> bool {
        let query = query.unwrap_or_default();
        let (part, upload) = (query.contains("partNumber="), query.contains("uploadId="));
        match self {
            Self::Put => method == "PUT" && !part,
            Self::Create => method == "POST" && !upload,
            Self::Part => method == "PUT" && query.contains("partNumber=2"),
            Self::Complete => method == "POST" && upload,
            Self::Abort => method == "DELETE",
        }
    }

    fn meets(self, request: &Parts) -> bool {
        self.is(request.method.as_str(), request.uri.query())
    }

    fn count(self, requests: &[Request]) -> usize {
        requests.iter().filter(|request| self.is(request.method.as_str(), request.query.as_deref())).count()
    }
}

/// Tries all of them, several at once: most of the time they wait.
fn side_by_side<T: Sync>(cases: &[T], one: impl Fn(&T) + Sync) {
    let next = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                    one(case);
                }
            });
        }
    });
}

impl Place {
    /// A run whose clock is that far off (`+2h`).
    fn run_with_clock(&self, offset: &str) -> Ended {
        let binary = self.sandbox.logferry();
        let mut run = Command::new("faketime");
        run.env_clear().args(["-f", offset]).arg(binary.get_program()).arg("run").arg(self.sandbox.path("log"));
        run.envs(binary.get_envs().filter_map(|(name, value)| Some((name, value?)))).envs(self.bucket.env());
        let found = Command::new("faketime").arg("--version").output();
        found.expect("faketime is there: apt-get install faketime");
        finish(&mut run)
    }
}
