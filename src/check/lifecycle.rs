//! Whether the last of the logs gets away before an Auto Scaling group ends this instance: something must look out for it,
//! and a hook must wait.

use std::sync::mpsc;
use std::time::Duration;

use super::{Subject, schedule};
use crate::config::Lifecycle;
use crate::ec2::Metadata;
use crate::ec2::autoscaling::AutoScaling;
use crate::ec2::imds::Imds;
use crate::ec2::lifecycle;
use crate::ec2::lifecycle::hook::{self, Named, Waiting};
use crate::model::finding::Finding;
use crate::model::names::Instance;
use crate::model::problem::Problem;
use crate::sys::signals::Stop;

const WHAT: &str = "lifecycle";

/// How long the API is waited for.
const LONGEST: Duration = Duration::from_secs(8);

pub(super) fn look(subject: &Subject) -> Vec<Finding> {
    let Metadata::Answered(_) = subject.metadata else { return Vec::new() };
    let imds = Imds::new();
    let is_in_group = lifecycle::omens(&imds).is_some_and(|omens| omens.target.is_some());
    let Some(instance) = is_in_group.then(|| lifecycle::instance(&imds)).flatten() else { return Vec::new() };
    let looks = match schedule::starts_lifecycle() {
        Some(starts) => Finding::ok(WHAT, format!("{starts} looks whether the Auto Scaling group ends this instance")),
        None => {
            let why = "this instance is in an Auto Scaling group, and nothing looks whether that ends it: what the logs hold \
                       then is lost with it";
            let hint = "logferry install --lifecycle; nothing to do where something else starts logferry lifecycle";
            Finding::warn(WHAT, why).hint(hint)
        }
    };
    let settings = subject.settings.as_ref().map(|settings| settings.lifecycle.clone()).unwrap_or_default();
    vec![looks, waits(instance, lifecycle::region(&imds), settings)]
}

/// Whether a hook waits for the last flush.
fn waits(instance: Instance, region: Option<String>, settings: Lifecycle) -> Finding {
    const HOOK: &str = "lifecycle hook";
    let warn = |problem: Problem| {
        let finding = Finding::warn(HOOK, problem.what);
        problem.hint.map_or(finding.clone(), |hint| finding.hint(hint))
    };
    match asked(instance, region, settings) {
        None => Finding::warn(HOOK, format!("no answer of the Auto Scaling API in {} s", LONGEST.as_secs()))
            .hint("see the way to it: a VPC endpoint, a NAT, or a proxy (HTTPS_PROXY)"),
        Some(Err(problem)) => warn(problem),
        Some(Ok(Some(Waiting { group, hook, unasked: Some(refused), .. }))) => {
            let why = format!("not known whether {hook} of {group} waits: {refused}");
            Finding::warn(HOOK, why).hint(refused.hint())
        }
        Some(Ok(Some(Waiting { group, hook, heartbeat, .. }))) => {
            Finding::ok(HOOK, format!("{hook} of {group} waits {} s for each heartbeat", heartbeat.as_secs()))
        }
        Some(Ok(None)) => {
            Finding::warn(HOOK, "the group has none for instances that end: they are gone before a last flush")
                .hint("add one, of the transition autoscaling:EC2_INSTANCE_TERMINATING")
        }
    }
}

/// Finds the hook as a last flush would; `None` where that takes too long.
fn asked(instance: Instance, region: Option<String>, settings: Lifecycle) -> Option<Result<Option<Waiting>, Problem>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let named = Named { hook: settings.hook, group: settings.group };
        let api = AutoScaling::open(instance, region, &Stop::default()).map_err(|refused| hook::of_refused(&refused));
        let found = api.and_then(|api| hook::find(&api, &named).map_err(|unknown| unknown.problem()));
        // Nobody waits any more for one that comes too late.
        let _ = sender.send(found);
    });
    receiver.recv_timeout(LONGEST).ok()
}
