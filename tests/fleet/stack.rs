//! `scripts/fleet.yaml`, judged by cfn-lint and deployed.

use std::sync::OnceLock;

use serde_json::{Value, json};

use super::{policy, source, text_of};
use crate::support::moto::{Moto, REGION, tool};
use crate::support::{Sandbox, finish};

const TEMPLATE: &str = "scripts/fleet.yaml";
const STACK: &str = "my-fleet";

/// A deployed stack.
pub(super) struct Stack {
    pub(super) moto: Moto,
    /// What the program that deploys it says is there.
    pub(super) there: Value,
}

/// Deployed once for all tests.
pub(super) fn stack() -> &'static Stack {
    static DEPLOYED: OnceLock<Stack> = OnceLock::new();
    DEPLOYED.get_or_init(|| {
        let moto = Moto::start();
        let deployed = finish(moto.python("fleet/stack.py").arg(source(TEMPLATE)).arg(STACK)).expect(0);
        let there = serde_json::from_slice(&deployed.stdout).expect("JSON");
        Stack { moto, there }
    })
}

/// A template as cfn-lint finds it: every kind of finding, in regions that have not all the same.
fn judged(template: &str) -> crate::support::Ended {
    let sandbox = Sandbox::new();
    std::fs::write(sandbox.path("fleet.yaml"), template).expect("a template");
    let mut lint = tool("cfn-lint");
    lint.args(["--include-checks", "I", "--regions", "eu-west-1", "us-east-1", "--"]).arg(sandbox.path("fleet.yaml"));
    finish(&mut lint)
}

#[test]
fn the_template_is_without_a_finding() {
    judged(&text_of(TEMPLATE)).quiet();
}

/// It does look into what the tests can't deploy.
#[test]
fn a_mistake_in_what_can_not_be_deployed_here_is_a_finding() {
    let mistakes = [
        (
            "AllowedValues: [retain, terminate]",
            "AllowedValues: [keep, terminate]",
            "is not one of ['retain', 'terminate'] when",
        ),
        ("RestrictPublicBuckets: true", "RestrictPublicBucket: true", "'RestrictPublicBucket' was unexpected"),
        ("LifecycleTransition:", "LifecycleTransitions:", "'LifecycleTransitions' was unexpected"),
        ("${Logs.Arn}/${Prefix}/*", "${Logs.Arn}/${Prefx}/*", "'Prefx' is not one of"),
    ];
    let mut template = text_of(TEMPLATE);
    for (that, this, _) in mistakes {
        assert!(template.contains(that), "the template lacks {that}");
        template = template.replace(that, this);
    }
    let found = judged(&template).text();
    for (_, this, finding) in mistakes {
        assert!(found.contains(finding), "{this} is not found:\n{found}");
    }
}

#[test]
fn the_deployed_fleet_is_as_the_template_says() {
    let Stack { there, .. } = stack();
    assert_eq!(there["status"], "CREATE_COMPLETE");
    let bucket = there["ids"]["Logs"].as_str().expect("a bucket");
    assert_eq!(there["outputs"]["Store"], format!("s3://{bucket}/prod"));
    assert_eq!(there["encryption"]["Rules"][0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"], "AES256");
    let group = &there["group"];
    assert_eq!((&group["DesiredCapacity"], &group["MaxSize"]), (&json!(2), &json!(2)));
    assert_eq!(group["Instances"].as_array().map(Vec::len), Some(2));
    assert_eq!(group["LaunchTemplate"]["LaunchTemplateId"], there["ids"]["Template"]);
    assert_eq!(group["VPCZoneIdentifier"], there["given"]["Subnets"]);
    let template = &there["template"];
    assert_eq!(template["ImageId"], there["given"]["Image"]);
    let metadata = json!({ "HttpEndpoint": "enabled", "HttpTokens": "required", "HttpPutResponseHopLimit": 1, "InstanceMetadataTags": "enabled" });
    assert_eq!(template["MetadataOptions"], metadata);
    let profile = template["IamInstanceProfile"]["Arn"].as_str().expect("a profile");
    assert!(profile.ends_with(there["ids"]["Profile"].as_str().expect("its name")), "{profile}");
}

/// What moto's CloudFormation passes over: at least it is in the template, and cfn-lint knows it.
#[test]
fn what_can_not_be_deployed_here_stands_in_the_template() {
    let says = &stack().there["says"];
    let bucket = &says["Logs"]["Properties"];
    for block in ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"] {
        assert_eq!(bucket["PublicAccessBlockConfiguration"][block], true, "{block}");
    }
    assert_eq!(bucket["OwnershipControls"]["Rules"][0]["ObjectOwnership"], "BucketOwnerEnforced");
    assert_eq!(bucket.get("VersioningConfiguration"), None);
    let rules = bucket["LifecycleConfiguration"]["Rules"].as_array().expect("rules");
    assert!(rules.iter().all(|rule| rule["Status"] == "Enabled"), "{rules:?}");
    assert_eq!(rules[0]["Transitions"][0]["StorageClass"], "STANDARD_IA");
    assert_eq!(rules[1]["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"], 7);
    assert_eq!(
        (&says["Logs"]["DeletionPolicy"], &says["Logs"]["UpdateReplacePolicy"]),
        (&json!("Retain"), &json!("Retain"))
    );
    let denied = says["LogsPolicy"]["Properties"]["PolicyDocument"]["Statement"].as_array().expect("statements");
    assert!(
        denied.iter().all(|statement| statement["Effect"] == "Deny" && statement["Principal"] == "*"),
        "{denied:?}"
    );
    assert_eq!(denied[0]["Condition"], json!({ "Bool": { "aws:SecureTransport": "false" } }));
    let new_only = json!({ "Null": { "s3:if-none-match": "true" }, "Bool": { "s3:ObjectCreationOperation": "true" } });
    assert_eq!((&denied[1]["Action"], &denied[1]["Condition"]), (&json!("s3:PutObject"), &new_only));
    let group = &says["Group"]["Properties"];
    let hook = &group["LifecycleHookSpecificationList"][0];
    assert_eq!(hook["LifecycleTransition"], "autoscaling:EC2_INSTANCE_TERMINATING");
    assert_eq!(hook["DefaultResult"], "ABANDON");
    assert_eq!(
        group["InstanceLifecyclePolicy"]["RetentionTriggers"]["TerminateHookAbandon"],
        json!({ "Ref": "WhenAbandoned" })
    );
}

/// The role has the policies of `docs/iam`, word for word, for the names that this stack has; and no other.
#[test]
fn the_machines_may_do_what_the_documented_policies_allow_and_nothing_else() {
    let Stack { there, .. } = stack();
    let bucket = there["ids"]["Logs"].as_str().expect("a bucket");
    let documented = |name: &str| {
        // The documents have the stack's name, and region and account as here.
        let text = policy(name).to_string().replace("my-logs", bucket);
        serde_json::from_str::<Value>(&text).expect("JSON")
    };
    let policies = json!({ "ship": documented("ship"), "hook": documented("hook") });
    assert!(policies["hook"].to_string().contains(&format!("{REGION}:123456789012:")), "{policies}");
    assert_eq!(there["role"]["policies"], policies);
    assert_eq!(there["role"]["attached"], json!([]));
    let trusted = &there["role"]["trusts"]["Statement"];
    assert_eq!(
        *trusted,
        json!([{ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "Service": "ec2.amazonaws.com" } }])
    );
}

/// One bucket policy must not forbid what a machine does: every request that creates an object is conditional. (The server
/// of the tests' own records them.)
#[test]
fn every_request_that_creates_an_object_has_the_condition_that_the_bucket_asks_for() {
    let sandbox = Sandbox::new();
    let bucket = crate::support::Bucket::new(&sandbox);
    sandbox.write_log("small.log", "one\n");
    sandbox.write_log("large.log", crate::support::noise(9 << 20));
    bucket.run_all(&sandbox).quiet();
    let query = |request: &crate::s3_server::Request| request.query.clone().unwrap_or_default();
    let requests = bucket.server.requests();
    let creates = requests.iter().filter(|request| match request.method.as_str() {
        "PUT" => !query(request).contains("partNumber="),
        "POST" => query(request).contains("uploadId="),
        _ => false,
    });
    let conditions: Vec<_> =
        creates.map(|request| request.headers.get("if-none-match").is_some_and(|value| value == "*")).collect();
    assert_eq!(conditions, [true, true], "{requests:?}");
}
