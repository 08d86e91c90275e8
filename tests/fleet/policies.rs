//! The policies of `docs/iam`: with each of them that works which it is for, without one of their actions it doesn't, and
//! beyond them nothing does.
//!
//! Who minds what:
//!
//! | policy | minded by moto | not minded by moto, and so |
//! | --- | --- | --- |
//! | ship.json | each action, on the keys of the prefix | |
//! | read.json | each action, on the bucket and the keys of the prefix | the condition on listings: held against the listings that are asked for |
//! | hook.json | each action | the group's ARN. (What the two actions for a group then do: moto knows neither call) |
//! | key.json | | all of it: moto has no use of a key that a put would need |

use std::ffi::OsStr;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::{Value, json};

use super::policy;
use crate::support::moto::{Moto, REGION};
use crate::support::{Bucket, Ended, Sandbox, finish, noise};

/// A server in which IAM is minded, for all tests of this file.
struct Account {
    moto: Moto,
    /// The credentials of each role, by its name.
    keys: Value,
}

/// The credentials of somebody.
#[derive(Clone)]
struct Key {
    id: String,
    secret: String,
    token: String,
}

impl Key {
    fn give<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("AWS_ACCESS_KEY_ID", &self.id).env("AWS_SECRET_ACCESS_KEY", &self.secret);
        command.env("AWS_SESSION_TOKEN", &self.token)
    }
}

/// Made once: the roles that the tests are about, and an administrator.
fn account() -> &'static Account {
    static ACCOUNT: OnceLock<Account> = OnceLock::new();
    ACCOUNT.get_or_init(|| {
        let roles = json!({
            "ship": policy("ship"),
            "ship-no-put": without(policy("ship"), "s3:PutObject"),
            "ship-no-abort": without(policy("ship"), "s3:AbortMultipartUpload"),
            "read": reading(),
            "read-no-list": without(reading(), "s3:ListBucket"),
            "read-no-get": without(reading(), "s3:GetObject"),
            "hook": policy("hook"),
            "hook-no-instances": without(policy("hook"), "autoscaling:DescribeAutoScalingInstances"),
            "hook-no-hooks": without(policy("hook"), "autoscaling:DescribeLifecycleHooks"),
            "hook-anywhere": anywhere(policy("hook")),
            "hook-no-end": anywhere(without(policy("hook"), "autoscaling:CompleteLifecycleAction")),
            "hook-no-beat": anywhere(without(policy("hook"), "autoscaling:RecordLifecycleActionHeartbeat")),
        });
        let moto = Moto::start();
        let keys = answer(moto.python(PROGRAM).args(["found", "my-logs"]), &roles);
        Account { moto, keys }
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
    fn key(&self, role: &str) -> Key {
        let text = |name: &str| self.keys[role][name].as_str().expect("a role of the account").to_owned();
        Key { id: text("AccessKeyId"), secret: text("SecretAccessKey"), token: text("SessionToken") }
    }

    /// The uploads in parts that are open below a prefix.
    fn open_uploads(&self, prefix: &str) -> usize {
        let mut program = self.moto.python(PROGRAM);
        let open = answer(self.key("administrator").give(&mut program).args(["uploads", "my-logs"]), &Value::Null);
        let open = open.as_array().expect("a list").clone();
        open.iter().filter(|key| key.as_str().is_some_and(|key| key.starts_with(prefix))).count()
    }

    /// How calls of roles end: role, service, method, arguments.
    fn calls(&self, calls: &[(&str, &str, &str, Value)]) -> Vec<String> {
        let call = |(role, service, method, arguments): &(&str, &str, &str, Value)| {
            json!([self.keys[role], service, method, arguments])
        };
        let calls: Vec<Value> = calls.iter().map(call).collect();
        let answers = answer(self.moto.python(PROGRAM).arg("calls"), &Value::Array(calls));
        let answers = answers.as_array().expect("a list");
        answers.iter().map(|answer| answer.as_str().expect("a word").to_owned()).collect()
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

/// A policy for any resource, as moto knows no other for what is not S3.
fn anywhere(mut policy: Value) -> Value {
    for statement in policy["Statement"].as_array_mut().expect("statements") {
        statement["Resource"] = json!("*");
    }
    policy
}

/// A sandbox with a small log and one that goes up in parts, each named after the test.
fn logs(name: &str) -> Sandbox {
    let sandbox = Sandbox::reopening();
    sandbox.write_log(format!("{name}.log"), "one\n");
    sandbox.write_log(format!("{name}-large.log"), noise(9 << 20));
    sandbox
}

/// The administrator's `logferry`, which may read.
fn read_back(sandbox: &Sandbox, args: [&str; 2]) -> Ended {
    account().logferry(sandbox, &account().key("administrator"), args).expect(0)
}

#[test]
fn the_policy_to_ship_is_enough_for_puts_in_one_request_and_in_parts() {
    let (account, sandbox) = (account(), logs("enough"));
    let key = account.key("ship");
    account.run(&sandbox, &key).quiet();
    sandbox.nothing_left_behind();
    assert_eq!(read_back(&sandbox, ["cat", "enough"]).text(), "one\n");
    assert!(read_back(&sandbox, ["cat", "enough-large"]).stdout == noise(9 << 20), "other bytes came back");
    // It is what `check` needs too.
    let checked = account.logferry(&sandbox, &key, ["check".as_ref(), sandbox.path("log").as_os_str()]);
    assert!(checked.text().contains("can be written to: .logferry/check-"), "{}", checked.text());
}

#[test]
fn the_policy_to_ship_allows_neither_another_prefix_nor_reading() {
    let (account, sandbox) = (account(), logs("beyond"));
    let key = account.key("ship");
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
    let said = account.run(&sandbox, &account.key("ship-no-put")).expect(75).stderr;
    assert!(said.contains("AccessDenied (403)") && said.contains("s3:PutObject"), "{said}");
    let sealed =
        sandbox.files("state/spool").iter().filter(|file| file.extension().is_some_and(|end| end == "gz")).count();
    assert_eq!(sealed, 2);
    // The permission comes, and what waited goes.
    account.run(&sandbox, &account.key("ship")).quiet();
    sandbox.nothing_left_behind();
}

/// Has a run killed in the middle of an upload in parts, and another one ship; returns how many uploads stay open, and
/// what the second run said.
fn after_a_killed_run(role: &str) -> (usize, String) {
    let (account, sandbox) = (account(), logs(role));
    let run = || {
        let mut run = account.command(&sandbox, &account.key(role), "prod");
        run.args(["run", "-v"]).arg(sandbox.path("log"));
        run
    };
    finish(run().env("LOGFERRY_FAULT", "kill@upload-part-sent")).expect(-1);
    let prefix = format!("prod/service={role}-large/");
    assert_eq!(account.open_uploads(&prefix), 1, "the upload was not begun");
    let said = finish(&mut run()).expect(0).stderr;
    sandbox.nothing_left_behind();
    (account.open_uploads(&prefix), said)
}

#[test]
fn the_policy_to_ship_is_enough_to_clear_up_after_an_upload_that_was_cut_short() {
    assert_eq!(after_a_killed_run("ship").0, 0);
}

#[test]
fn a_run_that_may_not_clear_up_ships_all_the_same_and_names_the_permission_with_v() {
    let (open, said) = after_a_killed_run("ship-no-abort");
    assert_eq!(open, 1);
    assert!(said.contains("AccessDenied (403)") && said.contains("s3:AbortMultipartUpload"), "{said}");
}

#[test]
fn a_role_with_another_secret_or_token_is_denied() {
    let (account, sandbox) = (account(), logs("stolen"));
    let key = account.key("ship");
    let guessed = "guessed".to_owned();
    for wrong in [Key { secret: guessed.clone(), ..key.clone() }, Key { token: guessed, ..key.clone() }] {
        let said = account.run(&sandbox, &wrong).expect(75).stderr;
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
    account.run(&sandbox, &account.key("administrator")).quiet();
    let key = account.key("read");
    assert_eq!(account.logferry(&sandbox, &key, ["cat", "read"]).expect(0).text(), "one\n");
    assert_eq!(account.logferry(&sandbox, &key, ["ls", "read"]).expect(0).text().lines().count(), 1);
    sandbox.write_log("read.log", "two\n");
    account.run(&sandbox, &key).expect(75);
}

#[test]
fn without_a_permission_to_read_the_message_names_it() {
    let (account, sandbox) = (account(), logs("unread"));
    let administrator = account.key("administrator");
    account.run(&sandbox, &administrator).quiet();
    sandbox.write_log("unread.log", "two\n");
    account.run(&sandbox, &administrator).quiet();
    let said = account.logferry(&sandbox, &account.key("read-no-list"), ["ls", "unread"]).expect(1).stderr;
    assert!(said.contains("AccessDenied (403)") && said.contains("s3:ListBucket"), "{said}");
    let key = account.key("read-no-get");
    account.logferry(&sandbox, &key, ["ls", "unread"]).expect(0);
    let said = account.logferry(&sandbox, &key, ["cat", "unread"]).expect(1).stderr;
    // An object each is refused; what to do about it is said once.
    let (refused, hints) = (said.matches("AccessDenied (403)").count(), said.matches("hint: ").count());
    assert!((refused, hints) == (2, 1) && said.contains("s3:GetObject"), "{said}");
}

/// The condition of the policy to read (`StringLike` with a star at its end) holds for every listing that is asked for.
#[test]
fn every_listing_begins_with_the_prefix_that_the_policy_to_read_allows() {
    let sandbox = Sandbox::reopening();
    let bucket = Bucket::new(&sandbox);
    sandbox.write_log("web.log", "one\n");
    bucket.run_all(&sandbox).quiet();
    bucket.server.clear_requests();
    for reading in [&["ls"][..], &["ls", "web"], &["cat", "web"]] {
        bucket.run(&sandbox, reading).expect(0);
    }
    let requests = bucket.server.requests();
    let listings: Vec<_> = requests.iter().filter(|request| request.path.trim_end_matches('/') == "/logs").collect();
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
    let group = json!({ "AutoScalingGroupName": "my-fleet" });
    let (instances, hooks) = ("describe_auto_scaling_instances", "describe_lifecycle_hooks");
    let answers = account().calls(&[
        ("hook", "autoscaling", instances, json!({})),
        ("hook", "autoscaling", hooks, group.clone()),
        ("hook", "autoscaling", "describe_auto_scaling_groups", json!({})),
        ("hook", "s3", "list_objects_v2", json!({ "Bucket": "my-logs" })),
        ("hook-no-instances", "autoscaling", instances, json!({})),
        ("hook-no-hooks", "autoscaling", hooks, group),
    ]);
    assert_eq!(answers, ["done", "done", "AccessDenied", "AccessDenied", "AccessDenied", "AccessDenied"]);
}

#[test]
fn the_policy_of_the_hook_allows_to_hold_it_and_to_end_it() {
    let action =
        json!({ "AutoScalingGroupName": "my-fleet", "LifecycleHookName": "logs", "InstanceId": "i-0abc12345678" });
    let mut result = action.clone();
    result["LifecycleActionResult"] = "CONTINUE".into();
    let end = |role| (role, "autoscaling", "complete_lifecycle_action", result.clone());
    let beat = |role| (role, "autoscaling", "record_lifecycle_action_heartbeat", action.clone());
    let answers = account().calls(&[
        end("hook-anywhere"),
        beat("hook-anywhere"),
        end("hook-no-end"),
        beat("hook-no-end"),
        end("hook-no-beat"),
        beat("hook-no-beat"),
    ]);
    // It is unknown to moto, but minded first.
    assert_eq!(answers, ["unknown", "unknown", "AccessDenied", "unknown", "unknown", "AccessDenied"]);
}
