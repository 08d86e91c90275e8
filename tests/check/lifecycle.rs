//! In an Auto Scaling group: whether anything looks out for the end, and whether a hook waits for the last flush.

use std::time::Duration;

use super::Checked;
use super::schedule::{WITH_CRON, check_beside};
use crate::support::autoscaling::{ApiError, AutoScalingServer, GROUP, LAUNCHING, TERMINATING};
use crate::support::imds::ImdsServer;
use crate::support::{Bucket, Sandbox};

const INSTANCE: &str = "i-0abc12345678";
const RUN: &str = "7 * * * *  root  BIN run\n";
const BOTH: &str = "* * * * *  root  BIN lifecycle\n7 * * * *  root  BIN run\n";

/// A machine with these services.
struct Cloud {
    sandbox: Sandbox,
    bucket: Bucket,
    imds: ImdsServer,
    api: AutoScalingServer,
}

impl Cloud {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        let bucket = Bucket::new(&sandbox);
        let (imds, api) = (ImdsServer::of(INSTANCE), AutoScalingServer::of(INSTANCE));
        imds.set("autoscaling/target-lifecycle-state", "InService");
        Self { sandbox, bucket, imds, api }
    }

    fn check(&self, entry: &str, prepare: &str) -> Checked {
        let variables = self.imds.env().into_iter().chain(self.api.env());
        let exports: String = variables.map(|(name, value)| format!("export {name}='{}'\n", value.display())).collect();
        let entry = format!("ENVIRONMENT\n{entry}");
        check_beside(&self.sandbox, &entry, &format!("{WITH_CRON}{exports}{prepare}"), Some(&self.bucket))
    }
}

#[test]
fn nothing_that_looks_out_for_the_end_is_warned_of_in_a_group_and_nowhere_else() {
    let cloud = Cloud::new();
    let checked = cloud.check(RUN, "");
    checked.ends(0).has("machine", "lifecycle", "warn", "nothing looks whether that ends it");
    assert!(checked.table.contains("logferry install --lifecycle"), "{}", checked.table);
    // Something else may start it, so that the hook matters all the same.
    checked.has("machine", "lifecycle hook", "warn", "none for instances that end");
    cloud.imds.remove("autoscaling/target-lifecycle-state");
    let checked = cloud.check(RUN, "");
    assert!(checked.findings().all(|finding| finding["what"] != "lifecycle"), "{}", checked.table);
}

#[test]
fn the_hook_that_waits_is_named_and_one_that_is_missing_is_warned_of() {
    let cloud = Cloud::new();
    cloud.api.add_hook("bootstrap", LAUNCHING, Duration::from_secs(60));
    cloud.check(BOTH, "").ends(0).has("machine", "lifecycle hook", "warn", "none for instances that end");
    cloud.api.add_hook("last-flush", TERMINATING, Duration::from_secs(1800));
    let checked = cloud.check(BOTH, "");
    checked.ends(0).has("machine", "lifecycle hook", "ok", &format!("last-flush of {GROUP} waits 1800 s"));
    checked.has("machine", "lifecycle", "ok", "/etc/cron.d/logferry looks whether");
    // The entry that looks out is not taken for the run.
    checked.has("schedule", "/etc/cron.d/logferry", "ok", "starts logferry as root");
    cloud.api.add_hook("drain", TERMINATING, Duration::from_secs(60));
    cloud.check(BOTH, "").ends(0).has("machine", "lifecycle hook", "warn", "several hooks");
    assert!(cloud.api.told().is_empty() && cloud.api.calls("RecordLifecycleActionHeartbeat").is_empty());
}

#[test]
fn a_permission_that_the_last_flush_would_miss_is_named() {
    let cloud = Cloud::new();
    cloud.api.fail(|call| Some(ApiError::denied(&call.action)));
    let link = "ln -s ../logferry-lifecycle.timer /etc/systemd/system/timers.target.wants/logferry-lifecycle.timer\n";
    let checked = cloud.check(RUN, link);
    checked.ends(0).has("machine", "lifecycle hook", "warn", "AccessDenied");
    checked.has("machine", "lifecycle", "ok", "logferry-lifecycle.timer looks whether");
    assert!(checked.table.contains("allow autoscaling:DescribeAutoScalingInstances on *"), "{}", checked.table);
}

#[test]
fn of_a_hook_that_is_named_and_can_not_be_asked_for_nothing_is_said_to_be_known() {
    let cloud = Cloud::new();
    cloud.api.add_hook("logs", TERMINATING, Duration::from_secs(600));
    cloud.sandbox.config_file(&format!(
        "[[logs]]\npaths = [\"{}\"]\n[lifecycle]\ngroup = \"{GROUP}\"\nhook = \"logs\"\n",
        cloud.sandbox.log("*.log").display()
    ));
    cloud.check(BOTH, "").ends(0).has("machine", "lifecycle hook", "ok", "logs of web fleet waits 600 s");
    for action in ["DescribeLifecycleHooks", ""] {
        cloud.api.fail(move |call| call.action.starts_with(action).then(|| ApiError::denied(&call.action)));
        let checked = cloud.check(BOTH, "");
        checked.ends(0).has("machine", "lifecycle hook", "warn", "not known whether logs of web fleet waits: ");
        assert!(checked.table.contains("allow autoscaling:DescribeLifecycleHooks on *"), "{}", checked.table);
    }
    cloud.api.fail(|_| Some(ApiError::internal()));
    cloud.check(BOTH, "").ends(0).has("machine", "lifecycle hook", "warn", "not known whether");
    cloud.api.fail(|_| None);
    let checked = cloud.check(BOTH, "unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY\n");
    checked.has("machine", "lifecycle hook", "warn", "no credentials were found");
    assert!(checked.table.contains("give the instance a role"), "{}", checked.table);
}

#[test]
fn a_command_before_that_others_could_have_written_is_told_not_to_be_run() {
    let cloud = Cloud::new();
    cloud.api.add_hook("logs", TERMINATING, Duration::from_secs(600));
    cloud.sandbox.config_file(&format!(
        "[[logs]]\npaths = [\"{}\"]\n[lifecycle]\nbefore = [\"true\"]\n",
        cloud.sandbox.log("*.log").display()
    ));
    let checked = cloud.check(BOTH, "");
    assert!(checked.findings().all(|finding| finding["what"] != "before"), "{}", checked.table);
    let config = cloud.sandbox.path("logferry.toml");
    std::fs::set_permissions(&config, std::os::unix::fs::PermissionsExt::from_mode(0o666)).expect("chmod");
    cloud.check(BOTH, "").ends(0).has("configuration", "before", "warn", "is not run");
}
