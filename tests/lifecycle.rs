//! The end of an instance, seen in its metadata, held up until all is in the store, and let go.
//!
//! The binary runs against the tests' own metadata service, Auto Scaling API and S3 server.

mod before;
mod cut_short;
mod draining;
mod hook;
mod left;
mod refused;
mod spot;
mod states;
mod writers;

use std::process::Command;
use std::time::Duration;

use crate::s3_server::{FaultHook, Transport};
use crate::support::autoscaling::{AutoScalingServer, TERMINATING};
use crate::support::imds::ImdsServer;
use crate::support::proof;
use crate::support::{Bucket, Ended, Sandbox, finish};

const INSTANCE: &str = "i-0abc12345678";
const TARGET: &str = "autoscaling/target-lifecycle-state";
const NOTICE: &str = "spot/instance-action";
const HOOK: &str = "last-flush";

/// An instance in a group, with a bucket.
struct Fleet {
    sandbox: Sandbox,
    bucket: Bucket,
    imds: ImdsServer,
    api: AutoScalingServer,
}

impl Fleet {
    /// An instance of which nothing is known but that it works; its group has no hook.
    fn new() -> Self {
        Self::with(None)
    }

    fn with(fault: Option<FaultHook>) -> Self {
        let sandbox = Sandbox::reopening();
        let bucket = Bucket::with(&sandbox, Transport::Http, fault);
        let (imds, api) = (ImdsServer::of(INSTANCE), AutoScalingServer::of(INSTANCE));
        imds.set(TARGET, "InService");
        let fleet = Self { sandbox, bucket, imds, api };
        fleet.configure("");
        fleet
    }

    /// As [`Self::new`], with a hook that waits for the instance, which is about to end.
    fn ending() -> Self {
        let fleet = Self::new();
        fleet.end(Duration::from_secs(30));
        fleet
    }

    /// Has Auto Scaling end the instance.
    fn end(&self, heartbeat: Duration) {
        self.api.add_hook(HOOK, TERMINATING, heartbeat);
        self.api.wait_for(INSTANCE, HOOK);
        self.imds.set(TARGET, "Terminated");
    }

    /// Gives it a configuration with these lines in `[lifecycle]`.
    fn configure(&self, lifecycle: &str) {
        let logs = self.sandbox.log("*.log");
        let text = format!("settle = \"30ms\"\n[[logs]]\npaths = [\"{}\"]\n[lifecycle]\n{lifecycle}\n", logs.display());
        self.sandbox.config_file(&text);
    }

    fn command(&self) -> Command {
        let mut command = self.sandbox.logferry();
        command.envs(self.bucket.env()).envs(self.imds.env()).envs(self.api.env()).arg("lifecycle");
        command
    }

    fn call(&self) -> Ended {
        self.call_with(&[])
    }

    fn call_with(&self, args: &[&str]) -> Ended {
        finish(self.command().args(args))
    }

    /// What the store has of a service.
    fn shipped(&self, service: &str) -> String {
        self.bucket.run(&self.sandbox, ["cat", service]).text()
    }

    /// What is noted of the end.
    fn record(&self) -> serde_json::Value {
        let text = std::fs::read_to_string(self.sandbox.path("state/lifecycle.json")).expect("a record");
        serde_json::from_str(&text).expect("JSON")
    }

    /// Has what is noted with a time have been two hours earlier.
    fn two_hours_earlier(&self, field: &str) {
        let mut record = self.record();
        let uptime = record[field]["uptime"].as_i64().expect("milliseconds");
        record[field]["uptime"] = (uptime - 2 * 3600 * 1000).into();
        std::fs::write(self.sandbox.path("state/lifecycle.json"), record.to_string()).expect("a record");
    }

    /// Has what rests since it was tried in vain be tried again by the next call.
    fn rested(&self) {
        assert!(self.record()["rests_until"].is_object(), "nothing rests: {}", self.record());
        self.two_hours_earlier("rests_until");
    }

    fn objects(&self) -> usize {
        proof::of_bucket(&self.sandbox.path("s3/logs")).len()
    }
}
