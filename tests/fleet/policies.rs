//! The policies of `docs/iam`: with each of them that works which it is for, without one of their actions it doesn't, and
//! beyond them nothing does.
//!
//! Who minds what:
//!
//! | policy | minded by moto | not minded by moto, and so |
//! | --- | --- | --- |
//! | ship.json | each action, on the keys of the prefix | |
//! | read.json | each action, on the bucket and the keys of the prefix | the condition on listings: held against the listings that are asked for |
//! | hook.json | that the two that find are real actions and are enough to find | the group's ARN, and the two that end an action: moto knows neither call |
//! | key.json | | all of it: moto has no use of a key that a put would need |

use std::ffi::OsStr;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::{Value, json};

use super::policy;
use crate::support::moto::{Moto, REGION};
use crate::support::{Bucket, Ended, Sandbox, finish, noise};

/// A server in which IAM is minded, for all tests of this file, and its administrator.
struct Account {
    moto: Moto,
    administrator: Key,
}

/// The credentials of somebody.
struct Key {
    id: String,
    secret: String,
    token: Option<String>,
}

impl Key {
    fn of(answer: &Value) -> Self {
        let text = |name: &str| answer[name].as_str().map(str::to_owned);
        let (id, secret) = (text("AccessKeyId"), text("SecretAccessKey"));
        Self { id: id.expect("an id"), secret: secret.expect("a secret"), token: text("SessionToken") }
    }

    fn give<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("AWS_ACCESS_KEY_ID", &self.id).env("AWS_SECRET_ACCESS_KEY", &self.secret);
        command.envs(self.token.iter().map(|token| ("AWS_SESSION_TOKEN", token)))
    }
}

fn account() -> &'static Account {
    static ACCOUNT: OnceLock<Account> = OnceLock::new();
    ACCOUNT.get_or_init(|| {
        let moto = Moto::start();
        let administrator = Key::of(&answer(moto.python(PROGRAM).args(["found", "my-logs"]), &Value::Null));
        Account { moto, administrator }
    })
}

const PROGRAM: &str = "fleet/account.py";

/// What the program prints, when it is given that.
#[track_caller]
fn answer(program: &mut Command, input: &Value) -> Value {
    let child = program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.expect("Python starts");
    child.stdin.take().expect("a pipe").write_all(input.to_string().as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("Python ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

impl Account {
    /// Somebody who has these policies, and no other.
    fn role(&self, name: &str, policies: &[Value]) -> Key {
        let policies: serde_json::Map<_, _> =
            policies.iter().enumerate().map(|(number, policy)| (format!("policy-{number}"), policy.clone())).collect();
        let mut program = self.moto.python(PROGRAM);
        Key::of(&answer(self.administrator.give(&mut program).args(["role", name]), &Value::Object(policies)))
    }

    /// The uploads in parts that are open below a prefix.
    fn open_uploads(&self, prefix: &str) -> usize {
        let mut program = self.moto.python(PROGRAM);
        let open = answer(self.administrator.give(&mut program).args(["uploads", "my-logs"]), &Value::Null);
        let open = open.as_array().expect("a list").clone();
        open.iter().filter(|key| key.as_str().is_some_and(|key| key.starts_with(prefix))).count()
    }

    /// One call of somebody's: how it ended.
    fn call(&self, key: &Key, service: &str, method: &str, arguments: &Value) -> String {
        let mut program = self.moto.python(PROGRAM);
        let call = key.give(&mut program).args(["call", service, method, &arguments.to_string()]);
        answer(call, &Value::Null).as_str().expect("a word").to_owned()
    }

    /// The binary with somebody's credentials and a destination below `my-logs`.
    fn command(&self, sandbox: &Sandbox, key: &Key, prefix: &str) -> Command {
        let mut command = sandbox.logferry();
        command.env("AWS_ENDPOINT_URL", self.moto.endpoint()).env("AWS_REGION", REGION);
        command.env("LOGFERRY_TO", format!("s3://my-logs/{prefix}"));
        key.give(&mut command);
        command
    }

    fn logferry<S: AsRef<OsStr>>(&self, sandbox: &Sandbox, key: &Key, args: impl IntoIterator<Item = S>) -> Ended {
        finish(self.command(sandbox, key, "prod").args(args))
    }

    fn run(&self, sandbox: &Sandbox, key: &Key) -> Ended {
        self.logferry(sandbox, key, ["run".as_ref(), sandbox.path("log").as_os_str()])
    }
}

/// A policy with one action less. A statement about nothing else goes as a whole.
fn without(mut policy: Value, action: &str) -> Value {
    let mut taken = 0;
    let statements = policy["Statement"].as_array_mut().expect("statements");
    let before = statements.len();
    statements.retain(|statement| statement["Action"] != action);
    taken += before - statements.len();
    for actions in statements.iter_mut().filter_map(|statement| statement["Action"].as_array_mut()) {
        let before = actions.len();
        actions.retain(|each| each != action);
        taken += before - actions.len();
    }
    assert_eq!(taken, 1, "{action} is in the policy once");
    policy
}

/// A sandbox with a small log and one that goes up in parts, each named after the test.
fn logs(name: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write_log(format!("{name}.log"), "one\n");
    sandbox.write_log(format!("{name}-large.log"), noise(9 << 20));
    sandbox
}

#[test]
fn the_policy_to_ship_is_enough_for_puts_in_one_request_and_in_parts() {
    let (account, sandbox) = (account(), logs("enough"));
    let key = account.role("enough", &[policy("ship")]);
    account.run(&sandbox, &key).quiet();
    sandbox.nothing_left_behind();
    assert_eq!(account.logferry(&sandbox, &account.administrator, ["cat", "enough"]).expect(0).text(), "one\n");
    let large = account.logferry(&sandbox, &account.administrator, ["cat", "enough-large"]).expect(0);
    assert!(large.stdout == noise(9 << 20), "other bytes came back");
    // It is what `check` needs too.
    let checked = account.logferry(&sandbox, &key, ["check".as_ref(), sandbox.path("log").as_os_str()]);
    assert!(!checked.text().contains("AccessDenied"), "{}", checked.text());
}

#[test]
fn the_policy_to_ship_allows_neither_another_prefix_nor_reading() {
    let (account, sandbox) = (account(), logs("beyond"));
    let key = account.role("beyond", &[policy("ship")]);
    let elsewhere = finish(account.command(&sandbox, &key, "production").arg("run").arg(sandbox.path("log")));
    let said = elsewhere.expect(75).stderr;
    assert!(said.contains("AccessDenied (403)") && said.contains("s3:PutObject under the prefix"), "{said}");
    for reading in [&["ls"][..], &["cat", "beyond"]] {
        let said = account.logferry(&sandbox, &key, reading).expect(1).stderr;
        assert!(said.contains("AccessDenied (403)") && said.contains("s3:ListBucket and s3:GetObject"), "{said}");
    }
}

#[test]
fn a_run_that_may_not_put_keeps_all_and_names_the_permission() {
    let (account, sandbox) = (account(), logs("denied"));
    let key = account.role("denied", &[without(policy("ship"), "s3:PutObject")]);
    let said = account.run(&sandbox, &key).expect(75).stderr;
    assert!(said.contains("AccessDenied (403)") && said.contains("s3:PutObject"), "{said}");
    assert_eq!(
        sandbox.files("state/spool").iter().filter(|file| file.extension().is_some_and(|end| end == "gz")).count(),
        2
    );
    // The permission comes, and what waited goes.
    account.run(&sandbox, &account.role("denied", &[policy("ship")])).quiet();
    sandbox.nothing_left_behind();
}

/// Has a run killed in the middle of an upload in parts, and another one ship; returns how many uploads stay open.
fn left_open_by_a_killed_run(name: &str, policy: Value) -> usize {
    let (account, sandbox) = (account(), logs(name));
    let key = account.role(name, &[policy]);
    let mut killed = account.command(&sandbox, &key, "prod");
    killed.arg("run").arg(sandbox.path("log")).env("LOGFERRY_FAULT", "kill@upload-part-sent");
    finish(&mut killed).expect(-1);
    let prefix = format!("prod/service={name}-large/");
    assert_eq!(account.open_uploads(&prefix), 1, "the upload was not begun");
    account.run(&sandbox, &key).quiet();
    sandbox.nothing_left_behind();
    account.open_uploads(&prefix)
}

#[test]
fn the_policy_to_ship_is_enough_to_clear_up_after_an_upload_that_was_cut_short() {
    assert_eq!(left_open_by_a_killed_run("cleared", policy("ship")), 0);
}

#[test]
fn a_run_that_may_not_clear_up_ships_all_the_same() {
    assert_eq!(left_open_by_a_killed_run("uncleared", without(policy("ship"), "s3:AbortMultipartUpload")), 1);
}

#[test]
fn a_role_of_another_secret_or_no_token_is_denied() {
    let (account, sandbox) = (account(), logs("stolen"));
    let key = account.role("stolen", &[policy("ship")]);
    let wrong = |id: &str, secret: &str, token: Option<String>| Key { id: id.into(), secret: secret.into(), token };
    for key in [wrong(&key.id, "guessed", key.token.clone()), wrong(&key.id, &key.secret, Some("another".to_owned()))] {
        let said = account.run(&sandbox, &key).expect(75).stderr;
        assert!(said.contains("SignatureDoesNotMatch (403)") || said.contains("InvalidToken"), "{said}");
    }
    account.run(&sandbox, &key).quiet();
}

/// Without the condition, as moto takes any for one that doesn't hold.
fn reading() -> Value {
    let mut policy = policy("read");
    let condition = policy["Statement"][0].as_object_mut().expect("a statement").remove("Condition");
    assert_eq!(condition, Some(json!({ "StringLike": { "s3:prefix": "prod/*" } })));
    policy
}

#[test]
fn the_policy_to_read_is_enough_to_read_and_for_nothing_else() {
    let (account, sandbox) = (account(), logs("read"));
    account.run(&sandbox, &account.administrator).quiet();
    let key = account.role("read", &[reading()]);
    assert_eq!(account.logferry(&sandbox, &key, ["cat", "read"]).expect(0).text(), "one\n");
    assert_eq!(account.logferry(&sandbox, &key, ["ls", "read"]).expect(0).text().lines().count(), 1);
    sandbox.write_log("read.log", "two\n");
    account.run(&sandbox, &key).expect(75);
    account.run(&sandbox, &account.administrator).quiet();
    let key = account.role("read", &[without(reading(), "s3:ListBucket")]);
    let said = account.logferry(&sandbox, &key, ["ls", "read"]).expect(1).stderr;
    assert!(said.contains("AccessDenied (403)") && said.contains("s3:ListBucket"), "{said}");
    let key = account.role("read", &[without(reading(), "s3:GetObject")]);
    account.logferry(&sandbox, &key, ["ls", "read"]).expect(0);
    let said = account.logferry(&sandbox, &key, ["cat", "read"]).expect(1).stderr;
    // An object each is refused; what to do about it is said once.
    let (refused, hints) = (said.matches("AccessDenied (403)").count(), said.matches("hint: ").count());
    assert!((refused, hints) == (2, 1) && said.contains("s3:GetObject"), "{said}");
}

/// The condition of the policy to read (`StringLike` with a star at its end) holds for every listing that is asked for.
#[test]
fn every_listing_begins_with_the_prefix_that_the_policy_to_read_allows() {
    let sandbox = Sandbox::new();
    let bucket = Bucket::new(&sandbox);
    sandbox.write_log("web.log", "one\n");
    bucket.run_all(&sandbox).quiet();
    bucket.server.clear_requests();
    for reading in [&["ls"][..], &["ls", "web"], &["cat", "web"]] {
        bucket.run(&sandbox, reading).expect(0);
    }
    let listings: Vec<_> = bucket
        .server
        .requests()
        .into_iter()
        .filter(|request| request.path == "/logs/" || request.path == "/logs")
        .collect();
    assert!(listings.len() >= 3, "{listings:?}");
    for listing in listings {
        let query = listing.query.clone().unwrap_or_default();
        let prefix = query.split('&').find_map(|pair| pair.strip_prefix("prefix=")).expect("a prefix");
        // The sandbox's prefix stands for the policy's.
        assert!(prefix.starts_with("fleet%2F"), "{query}");
    }
}

#[test]
fn the_policy_of_the_hook_is_enough_to_find_the_hook() {
    let account = account();
    let key = account.role("hook", &[policy("hook")]);
    let finds = [
        ("describe_auto_scaling_instances", json!({})),
        ("describe_lifecycle_hooks", json!({ "AutoScalingGroupName": "my-fleet" })),
    ];
    for (method, arguments) in &finds {
        assert_eq!(account.call(&key, "autoscaling", method, arguments), "done", "{method}");
    }
    assert_eq!(account.call(&key, "autoscaling", "describe_auto_scaling_groups", &json!({})), "AccessDenied");
    assert_eq!(account.call(&key, "s3", "list_objects_v2", &json!({ "Bucket": "my-logs" })), "AccessDenied");
    for (action, (method, arguments)) in
        ["autoscaling:DescribeAutoScalingInstances", "autoscaling:DescribeLifecycleHooks"].iter().zip(&finds)
    {
        let key = account.role("hook", &[without(policy("hook"), action)]);
        assert_eq!(account.call(&key, "autoscaling", method, arguments), "AccessDenied", "{action}");
    }
}
