//! The four calls of the Auto Scaling API that a last flush needs, each in bounded time.
//!
//! Credentials come from the SDK's own chain and the endpoint too (`AWS_ENDPOINT_URL_AUTO_SCALING`, `AWS_ENDPOINT_URL`); the
//! region is the instance's own. What fails for the moment is tried again a few times; what was refused is not, and says
//! which permission or name is missing ([`Refused`]). What each call needs:
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2autoscaling.html>.

mod refused;

use std::fmt::Display;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_autoscaling::Client;
use aws_sdk_autoscaling::config::http::HttpResponse;
use aws_sdk_autoscaling::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_autoscaling::types::LifecycleHook;
use tokio::runtime::Runtime;

pub use refused::{Kind, Refused};
use refused::{kind, sentence};

use crate::model::backoff::Backoff;
use crate::model::fate::Verdict;
use crate::model::group::{Group, HookName};
use crate::model::names::Instance;
use crate::store::s3::http::Stack;
use crate::sys::random;
use crate::sys::signals::Stop;

/// One try of a call.
const LONGEST_CALL: Duration = Duration::from_secs(5);
const LONGEST_CONNECT: Duration = Duration::from_secs(2);

/// How often a call is tried. A heartbeat is tried once: the next one comes soon.
const BACKOFF: Backoff = Backoff { tries: 4, first: Duration::from_millis(200), longest: Duration::from_secs(2) };

/// The transition whose hooks wait for a last flush.
const TERMINATING: &str = "autoscaling:EC2_INSTANCE_TERMINATING";

/// A lifecycle hook for instances that end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hook {
    /// Its name.
    pub name: HookName,
    /// How long it waits for the next heartbeat.
    pub heartbeat: Duration,
    /// How long it waits in all, however many heartbeats there are.
    pub in_all: Duration,
}

/// How often something is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tries {
    /// Once: it can be done without.
    One,
    /// Until it is answered, or was tried enough.
    Some,
}

/// A call.
struct Of<'a> {
    action: &'static str,
    /// What it is about, as far as a policy can name it.
    group: Option<&'a Group>,
    tries: u32,
}

/// The API, for one instance.
pub struct AutoScaling {
    runtime: Runtime,
    client: Client,
    region: String,
    instance: Instance,
    stop: Stop,
}

impl AutoScaling {
    /// Sets the client up; nothing is sent yet. `region` is the instance's; without it the SDK's own chain decides.
    ///
    /// # Errors
    /// Where the client can't be set up.
    pub fn open(instance: Instance, region: Option<String>, stop: &Stop) -> Result<Self, Refused> {
        let failed = |error: &dyn Display| Refused {
            action: "set up the client of Auto Scaling",
            kind: Kind::Invalid,
            why: error.to_string(),
            resource: "*".to_owned(),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|error| failed(&error))?;
        let stack = Stack::of_environment().map_err(|error| failed(&error))?;
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(LONGEST_CONNECT)
            .read_timeout(LONGEST_CALL)
            .operation_attempt_timeout(LONGEST_CALL)
            .build();
        let defaults = aws_config::defaults(BehaviorVersion::latest()).http_client(stack.direct());
        let defaults = match region {
            Some(region) => defaults.region(Region::new(region)),
            None => defaults,
        };
        let sdk = runtime.block_on(defaults.load());
        let region = sdk.region().map_or_else(|| "*".to_owned(), ToString::to_string);
        let config = aws_sdk_autoscaling::config::Builder::from(&sdk)
            .http_client(stack.proxied())
            .timeout_config(timeouts)
            .retry_config(RetryConfig::disabled())
            .build();
        Ok(Self { runtime, client: Client::from_conf(config), region, instance, stop: stop.clone() })
    }

    /// The group that the instance is in; `None` where it is in none.
    ///
    /// # Errors
    /// What the API answers.
    pub fn group(&self) -> Result<Option<Group>, Refused> {
        let id = self.instance.as_str();
        let of = Of { action: "autoscaling:DescribeAutoScalingInstances", group: None, tries: BACKOFF.tries };
        let answer = self.call(of, || self.client.describe_auto_scaling_instances().instance_ids(id).send())?;
        let of_us = answer.auto_scaling_instances().iter().find(|details| details.instance_id() == Some(id));
        let name = of_us.and_then(|details| details.auto_scaling_group_name());
        Ok(name.and_then(|name| Group::parse(name).ok()))
    }

    /// The group's hooks for instances that end.
    ///
    /// # Errors
    /// What the API answers.
    pub fn hooks(&self, group: &Group, tries: Tries) -> Result<Vec<Hook>, Refused> {
        let tries = match tries {
            Tries::One => 1,
            Tries::Some => BACKOFF.tries,
        };
        let of = Of { action: "autoscaling:DescribeLifecycleHooks", group: None, tries };
        let name = group.as_str();
        let answer = self.call(of, || self.client.describe_lifecycle_hooks().auto_scaling_group_name(name).send())?;
        Ok(answer.lifecycle_hooks().iter().filter_map(hook).collect())
    }

    /// Has the hook wait anew.
    ///
    /// # Errors
    /// What the API answers.
    pub fn heartbeat(&self, group: &Group, hook: &HookName) -> Result<(), Refused> {
        let beat = || {
            let request = self.client.record_lifecycle_action_heartbeat().lifecycle_hook_name(hook.as_str());
            request.auto_scaling_group_name(group.as_str()).instance_id(self.instance.as_str()).send()
        };
        let action = "autoscaling:RecordLifecycleActionHeartbeat";
        self.call(Of { action, group: Some(group), tries: 1 }, beat).map(drop)
    }

    /// Tells the hook what came of it.
    ///
    /// # Errors
    /// What the API answers.
    pub fn complete(&self, group: &Group, hook: &HookName, verdict: Verdict) -> Result<(), Refused> {
        let complete = || {
            let request = self.client.complete_lifecycle_action().lifecycle_hook_name(hook.as_str());
            let request = request.auto_scaling_group_name(group.as_str()).instance_id(self.instance.as_str());
            request.lifecycle_action_result(verdict.word()).send()
        };
        let action = "autoscaling:CompleteLifecycleAction";
        self.call(Of { action, group: Some(group), tries: BACKOFF.tries }, complete).map(drop)
    }

    /// Makes a call until it is answered, or refused for good, or was tried enough.
    fn call<T, E, F>(&self, Of { action, group, tries }: Of<'_>, mut request: impl FnMut() -> F) -> Result<T, Refused>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        let mut tried = 0;
        loop {
            let error = match self.runtime.block_on(request()) {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let refused = Refused { action, kind: kind(&error), why: sentence(&error), resource: self.resource(group) };
            tried += 1;
            let random = random::bytes().map_or(u64::MAX / 2, u64::from_le_bytes);
            let wait = Backoff { tries, ..BACKOFF }.wait_after(tried, random);
            match wait.filter(|_| refused.kind == Kind::Passing && !self.stop.requested()) {
                Some(wait) => {
                    log::info!("try {tried} failed, again in {} ms: {refused}", wait.as_millis());
                    self.stop.sleep(wait);
                }
                None => return Err(refused),
            }
        }
    }

    /// What a policy names as the resource. The calls that describe something know no resources.
    fn resource(&self, group: Option<&Group>) -> String {
        group.map_or_else(
            || "*".to_owned(),
            |group| format!("arn:aws:autoscaling:{}:*:autoScalingGroup:*:autoScalingGroupName/{group}", self.region),
        )
    }
}

/// A hook of the API's, if it is one for instances that end.
fn hook(of: &LifecycleHook) -> Option<Hook> {
    /// The API's own defaults (`PutLifecycleHook`).
    const USUAL: Duration = Duration::from_secs(3600);
    if of.lifecycle_transition() != Some(TERMINATING) {
        return None;
    }
    let seconds = |number: Option<i32>| number.and_then(|n| u64::try_from(n).ok()).map(Duration::from_secs);
    let heartbeat = seconds(of.heartbeat_timeout()).unwrap_or(USUAL);
    let in_all = seconds(of.global_timeout()).unwrap_or(heartbeat * 100);
    Some(Hook { name: HookName::parse(of.lifecycle_hook_name()?).ok()?, heartbeat, in_all })
}
