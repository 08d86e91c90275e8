//! The part of the Auto Scaling API that a last flush needs, as the tests' own server on the loopback.
//!
//! Promise: the Query protocol as the real one speaks it (form-encoded requests of version 2011-01-01, answers and errors
//! in XML, a signature for the right service and region required), lifecycle actions with the clock that they have there (no
//! heartbeat in time ends one with the hook's default result, and what comes late is refused), the documented errors; every
//! call is recorded, and a hook of the test's can make any of them fail.
//!
//! Signatures are not computed: that they are there, and for what, is looked at. Sources:
//! <https://docs.aws.amazon.com/autoscaling/ec2/APIReference/> (each call, Common Errors), and for the texts of
//! `ValidationError` what users report of them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const VERSION: &str = "2011-01-01";
const REGION: &str = "eu-central-1";
const NAMESPACE: &str = "http://autoscaling.amazonaws.com/doc/2011-01-01/";

/// A call as it came in.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) action: String,
    pub(crate) parameters: BTreeMap<String, String>,
    pub(crate) at: Instant,
    /// The code of the error that it was answered with.
    pub(crate) error: Option<String>,
}

impl Call {
    pub(crate) fn parameter(&self, name: &str) -> &str {
        self.parameters.get(name).map_or("", String::as_str)
    }
}

/// An error of the API.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    status: u16,
    code: &'static str,
    message: String,
}

impl ApiError {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    pub(crate) fn denied(action: &str) -> Self {
        let message = format!(
            "User: arn:aws:sts::123456789012:assumed-role/web/i-0abc12345678 is not authorized to perform: \
             autoscaling:{action} because no identity-based policy allows the autoscaling:{action} action"
        );
        Self::new(403, "AccessDenied", message)
    }

    pub(crate) fn throttled() -> Self {
        Self::new(400, "Throttling", "Rate exceeded")
    }

    pub(crate) fn contention() -> Self {
        Self::new(500, "ResourceContention", "You already have a pending update to an Auto Scaling resource")
    }

    pub(crate) fn internal() -> Self {
        Self::new(500, "InternalFailure", "The request processing has failed because of an unknown error")
    }

    fn validation(message: impl Into<String>) -> Self {
        Self::new(400, "ValidationError", message)
    }
}

/// Asked before anything is done with a call.
pub(crate) type Fault = Box<dyn Fn(&Call) -> Option<ApiError> + Send>;

struct Hook {
    name: String,
    transition: &'static str,
    heartbeat: Duration,
}

/// A lifecycle action that waits.
struct Action {
    hook: String,
    until: Instant,
}

#[derive(Default)]
struct State {
    /// The one group that there is.
    group: String,
    /// Instances and their groups.
    members: BTreeMap<String, String>,
    /// The hooks of the group.
    hooks: Vec<Hook>,
    /// By instance.
    actions: BTreeMap<String, Action>,
    calls: Vec<Call>,
    fault: Option<Fault>,
    is_stopped: bool,
}

/// The server. It stops taking connections when it is dropped.
pub(crate) struct AutoScalingServer {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

pub(crate) const TERMINATING: &str = "autoscaling:EC2_INSTANCE_TERMINATING";
pub(crate) const LAUNCHING: &str = "autoscaling:EC2_INSTANCE_LAUNCHING";
pub(crate) const GROUP: &str = "web fleet";

impl AutoScalingServer {
    /// A server that knows one group, [`GROUP`], and one instance in it.
    pub(crate) fn of(instance: &str) -> Self {
        Self::of_group(GROUP, instance)
    }

    /// A server that knows that group, and one instance in it.
    pub(crate) fn of_group(group: &str, instance: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let members = BTreeMap::from([(instance.to_owned(), group.to_owned())]);
        let state = Arc::new(Mutex::new(State { group: group.to_owned(), members, ..State::default() }));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if lock(&shared).is_stopped {
                    return;
                }
                let state = Arc::clone(&shared);
                std::thread::spawn(move || {
                    let mut reader = BufReader::new(&stream);
                    while serve(&state, &mut reader, &stream).is_some() {}
                });
            }
        });
        Self { address, state }
    }

    /// What the binary must know to find it.
    pub(crate) fn env(&self) -> [(&'static str, OsString); 1] {
        [("AWS_ENDPOINT_URL_AUTO_SCALING", format!("http://{}", self.address).into())]
    }

    pub(crate) fn add_hook(&self, name: &str, transition: &'static str, heartbeat: Duration) {
        lock(&self.state).hooks.push(Hook { name: name.to_owned(), transition, heartbeat });
    }

    /// Has the hook wait for the instance, as Auto Scaling does when it ends one.
    pub(crate) fn wait_for(&self, instance: &str, hook: &str) {
        let mut state = lock(&self.state);
        let heartbeat = state.hooks.iter().find(|known| known.name == hook).expect("a hook of that name").heartbeat;
        let action = Action { hook: hook.to_owned(), until: Instant::now() + heartbeat };
        state.actions.insert(instance.to_owned(), action);
    }

    /// Whether an action waits for the instance.
    pub(crate) fn is_waiting(&self, instance: &str) -> bool {
        lock(&self.state).waits(instance)
    }

    pub(crate) fn remove_member(&self, instance: &str) {
        lock(&self.state).members.remove(instance);
    }

    /// Has calls fail from now on as `fault` says.
    pub(crate) fn fail(&self, fault: impl Fn(&Call) -> Option<ApiError> + Send + 'static) {
        lock(&self.state).fault = Some(Box::new(fault));
    }

    /// All calls of that action that came.
    pub(crate) fn calls(&self, action: &str) -> Vec<Call> {
        lock(&self.state).calls.iter().filter(|call| call.action == action).cloned().collect()
    }

    /// The names of all calls in their order.
    pub(crate) fn all_calls(&self) -> Vec<String> {
        lock(&self.state).calls.iter().map(|call| call.action.clone()).collect()
    }

    /// What hooks were told, without what was refused.
    pub(crate) fn told(&self) -> Vec<String> {
        let calls = self.calls("CompleteLifecycleAction").into_iter().filter(|call| call.error.is_none());
        calls.map(|call| call.parameter("LifecycleActionResult").to_owned()).collect()
    }
}

impl Drop for AutoScalingServer {
    fn drop(&mut self) {
        lock(&self.state).is_stopped = true;
        // It wakes up, and ends.
        let _ = TcpStream::connect(self.address);
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers one request; `None` when the connection is at its end.
fn serve(state: &Mutex<State>, reader: &mut BufReader<&TcpStream>, stream: &TcpStream) -> Option<()> {
    let mut lines = reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty());
    let first = lines.next()?;
    let head: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':').map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())))
        .collect();
    let header = |name: &str| head.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let length = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let parameters = form(&String::from_utf8_lossy(&body));
    let action = parameters.get("Action").cloned().unwrap_or_default();
    let mut call = Call { action, parameters, at: Instant::now(), error: None };
    let checked = check(&first, header("authorization").unwrap_or_default(), &call);
    let mut state = lock(state);
    let fault = || state.fault.as_ref().and_then(|fault| fault(&call));
    let answered = match checked.err().or_else(fault) {
        Some(error) => Err(error),
        None => state.answer(&call),
    };
    call.error = answered.as_ref().err().map(|error| error.code.to_owned());
    let action = call.action.clone();
    state.calls.push(call);
    drop(state);
    send(stream, &action, answered)
}

/// A request of this protocol, version, service and region.
fn check(first: &str, authorization: &str, call: &Call) -> Result<(), ApiError> {
    let scope = format!("/{REGION}/autoscaling/aws4_request");
    match () {
        () if !first.starts_with("POST / ") => Err(ApiError::new(404, "InvalidAction", "Not Found")),
        () if !authorization.starts_with("AWS4-HMAC-SHA256 ") || !authorization.contains("Signature=") => {
            Err(ApiError::new(403, "MissingAuthenticationToken", "Missing Authentication Token"))
        }
        () if !authorization.contains(&scope) => {
            let message = format!("Credential should be scoped to a valid region: {authorization}");
            Err(ApiError::new(403, "SignatureDoesNotMatch", message))
        }
        () if call.parameter("Version") != VERSION => {
            Err(ApiError::new(400, "InvalidAction", "Could not find operation for version"))
        }
        () => Ok(()),
    }
}

impl State {
    fn waits(&self, instance: &str) -> bool {
        self.actions.get(instance).is_some_and(|action| Instant::now() < action.until)
    }

    fn answer(&mut self, call: &Call) -> Result<String, ApiError> {
        match call.action.as_str() {
            "DescribeAutoScalingInstances" => Ok(self.describe_instances(call.parameter("InstanceIds.member.1"))),
            "DescribeLifecycleHooks" => self.describe_hooks(call),
            "RecordLifecycleActionHeartbeat" => {
                let heartbeat = self.hook(call)?.heartbeat;
                self.active(call)?.until = Instant::now() + heartbeat;
                Ok(String::new())
            }
            "CompleteLifecycleAction" => {
                self.hook(call)?;
                let result = call.parameter("LifecycleActionResult");
                if !["CONTINUE", "ABANDON"].contains(&result) {
                    return Err(ApiError::validation("Lifecycle action result must be CONTINUE or ABANDON"));
                }
                self.active(call)?;
                self.actions.remove(call.parameter("InstanceId"));
                Ok(String::new())
            }
            other => Err(ApiError::new(400, "InvalidAction", format!("Could not find operation {other}"))),
        }
    }

    fn describe_instances(&self, id: &str) -> String {
        let details = self.members.get(id).map_or_else(String::new, |group| {
            format!(
                "<member><InstanceId>{id}</InstanceId><AutoScalingGroupName>{group}</AutoScalingGroupName>\
                 <AvailabilityZone>eu-central-1a</AvailabilityZone><LifecycleState>Terminating:Wait</LifecycleState>\
                 <HealthStatus>HEALTHY</HealthStatus><ProtectedFromScaleIn>false</ProtectedFromScaleIn></member>"
            )
        });
        format!("<AutoScalingInstances>{details}</AutoScalingInstances>")
    }

    fn describe_hooks(&self, call: &Call) -> Result<String, ApiError> {
        self.group(call)?;
        let hook = |hook: &Hook| {
            let seconds = hook.heartbeat.as_secs();
            format!(
                "<member><LifecycleHookName>{}</LifecycleHookName><AutoScalingGroupName>{}</AutoScalingGroupName>\
                 <LifecycleTransition>{}</LifecycleTransition><HeartbeatTimeout>{seconds}</HeartbeatTimeout>\
                 <GlobalTimeout>{}</GlobalTimeout><DefaultResult>ABANDON</DefaultResult></member>",
                hook.name,
                self.group,
                hook.transition,
                seconds * 100
            )
        };
        Ok(format!("<LifecycleHooks>{}</LifecycleHooks>", self.hooks.iter().map(hook).collect::<String>()))
    }

    fn group(&self, call: &Call) -> Result<(), ApiError> {
        match call.parameter("AutoScalingGroupName") {
            known if known == self.group => Ok(()),
            other => Err(ApiError::validation(format!("AutoScalingGroup name not found - no such group: {other}"))),
        }
    }

    fn hook(&self, call: &Call) -> Result<&Hook, ApiError> {
        self.group(call)?;
        let name = call.parameter("LifecycleHookName");
        let known = self.hooks.iter().find(|hook| hook.name == name);
        known.ok_or_else(|| ApiError::validation(format!("No Lifecycle Hook found with name: {name}")))
    }

    fn active(&mut self, call: &Call) -> Result<&mut Action, ApiError> {
        let (instance, hook) = (call.parameter("InstanceId"), call.parameter("LifecycleHookName"));
        let waits = self.waits(instance);
        let action = self.actions.get_mut(instance).filter(|action| waits && action.hook == hook);
        action.ok_or_else(|| {
            ApiError::validation(format!("No active Lifecycle Action found with instance ID {instance}"))
        })
    }
}

/// Reads a form.
fn form(body: &str) -> BTreeMap<String, String> {
    let text =
        |text: &str| percent_encoding::percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    body.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (text(name), text(value))).collect()
}

fn send(mut stream: &TcpStream, action: &str, answered: Result<String, ApiError>) -> Option<()> {
    const ID: &str = "7c6e177f-f082-11e1-ac58-3714bEXAMPLE";
    let (status, body) = match answered {
        Ok(result) => {
            let result = format!("<{action}Result>{result}</{action}Result>");
            let metadata = format!("<ResponseMetadata><RequestId>{ID}</RequestId></ResponseMetadata>");
            (200, format!("<{action}Response xmlns=\"{NAMESPACE}\">{result}{metadata}</{action}Response>"))
        }
        Err(ApiError { status, code, message }) => {
            let kind = if status < 500 { "Sender" } else { "Receiver" };
            let error = format!("<Error><Type>{kind}</Type><Code>{code}</Code><Message>{message}</Message></Error>");
            let body =
                format!("<ErrorResponse xmlns=\"{NAMESPACE}\">{error}<RequestId>{ID}</RequestId></ErrorResponse>");
            (status, body)
        }
    };
    let head = format!("HTTP/1.1 {status} Answer\r\ncontent-type: text/xml\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(format!("{head}{body}").as_bytes()).ok()
}
