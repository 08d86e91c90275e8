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

impl Stack {
    /// The name of the group.
    pub(super) fn group(&self) -> &str {
        self.there["group"]["AutoScalingGroupName"].as_str().expect("a name")
    }

    /// The hook that is part of the group, as the template has it.
    pub(super) fn hook(&self) -> &Value {
        let hooks = self.says("Group")["LifecycleHookSpecificationList"].as_array().expect("hooks");
        assert_eq!(hooks.len(), 1, "{hooks:?}");
        &hooks[0]
    }

    /// The properties of a resource, as the template has them.
    fn says(&self, resource: &str) -> &Value {
        &self.there["says"][resource]["Properties"]
    }
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
    let sandbox = Sandbox::reopening();
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
    assert_eq!((stack().group(), &there["outputs"]["Group"]), (STACK, &json!(STACK)));
    assert_eq!([&group["MinSize"], &group["DesiredCapacity"], &group["MaxSize"]], [0, 2, 2]);
    assert_eq!(group["Instances"].as_array().map(Vec::len), Some(2));
    assert_eq!(group["LaunchTemplate"]["LaunchTemplateId"], there["ids"]["Template"]);
    assert_eq!(group["VPCZoneIdentifier"], there["given"]["Subnets"]);
    let template = &there["template"];
    assert_eq!(template["ImageId"], there["given"]["Image"]);
    let metadata = json!({ "HttpEndpoint": "enabled", "HttpTokens": "required", "HttpPutResponseHopLimit": 1, "InstanceMetadataTags": "disabled" });
    assert_eq!(template["MetadataOptions"], metadata);
    let named = json!([{ "ResourceType": "instance", "Tags": [{ "Key": "Name", "Value": STACK }] }]);
    assert_eq!(template["TagSpecifications"], named);
    let profile = template["IamInstanceProfile"]["Arn"].as_str().expect("a profile");
    assert!(profile.ends_with(there["ids"]["Profile"].as_str().expect("its name")), "{profile}");
}

/// What moto's CloudFormation passes over: at least it is in the template, and cfn-lint knows it.
#[test]
fn the_bucket_is_private_and_forgets_in_the_time_that_was_asked_for() {
    let bucket = stack().says("Logs");
    for block in ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"] {
        assert_eq!(bucket["PublicAccessBlockConfiguration"][block], true, "{block}");
    }
    assert_eq!(bucket["OwnershipControls"]["Rules"][0]["ObjectOwnership"], "BucketOwnerEnforced");
    assert_eq!(bucket.get("VersioningConfiguration"), None);
    let colder = json!({ "StorageClass": "STANDARD_IA", "TransitionInDays": { "Ref": "ColdAfterDays" } });
    let rules = json!([
        { "Id": "colder", "Status": "Enabled", "Transitions": [colder], "ExpirationInDays": { "Ref": "RetentionDays" } },
        { "Id": "uploads", "Status": "Enabled", "AbortIncompleteMultipartUpload": { "DaysAfterInitiation": 7 } },
    ]);
    assert_eq!(bucket["LifecycleConfiguration"]["Rules"], rules);
}

/// Logs that nobody watches any more are not to lose what guards them.
#[test]
fn bucket_and_policy_outlive_the_stack() {
    for resource in ["Logs", "LogsPolicy"] {
        let says = &stack().there["says"][resource];
        assert_eq!([&says["DeletionPolicy"], &says["UpdateReplacePolicy"]], ["RetainExceptOnCreate", "Retain"]);
    }
}

#[test]
fn the_buckets_policy_refuses_what_is_not_encrypted_and_what_could_overwrite() {
    let says = stack().says("LogsPolicy");
    assert_eq!(says["Bucket"], json!({ "Ref": "Logs" }));
    let objects = json!({ "Fn::Sub": "${Logs.Arn}/*" });
    let denied = json!([
        {
            "Sid": "EncryptedConnectionsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [{ "Fn::GetAtt": ["Logs", "Arn"] }, objects],
            "Condition": { "Bool": { "aws:SecureTransport": "false" } },
        },
        {
            "Sid": "NewObjectsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:PutObject",
            "Resource": objects,
            "Condition": { "Null": { "s3:if-none-match": "true" }, "Bool": { "s3:ObjectCreationOperation": "true" } },
        },
    ]);
    assert_eq!(says["PolicyDocument"]["Statement"], denied);
}

/// That the user data names this hook and this group, the machine of `user_data.rs` proves.
#[test]
fn an_instance_that_ends_is_waited_for_and_one_that_could_not_ship_is_kept_and_told_of() {
    let hook = stack().hook();
    assert_eq!(hook["LifecycleTransition"], "autoscaling:EC2_INSTANCE_TERMINATING");
    assert_eq!(hook["HeartbeatTimeout"], json!({ "Ref": "HeartbeatTimeout" }));
    assert_eq!(hook["DefaultResult"], "ABANDON");
    let group = stack().says("Group");
    let retained = json!({ "TerminateHookAbandon": { "Ref": "WhenAbandoned" } });
    assert_eq!(group["InstanceLifecyclePolicy"]["RetentionTriggers"], retained);
    let alarm = stack().says("Retained");
    let counted = json!([{ "Granularity": "1Minute", "Metrics": [alarm["MetricName"]] }]);
    assert_eq!(group["MetricsCollection"], counted);
    assert_eq!(alarm["MetricName"], "GroupTerminatingRetainedInstances");
    assert_eq!(alarm["Dimensions"], json!([{ "Name": "AutoScalingGroupName", "Value": { "Ref": "Group" } }]));
    assert_eq!((&alarm["Threshold"], &alarm["TreatMissingData"]), (&json!(0), &json!("notBreaching")));
}

/// The role has the policies of `docs/iam`, word for word, for the names that this stack has; and no other.
#[test]
fn the_instances_may_do_what_the_documented_policies_allow_and_nothing_else() {
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

/// The bucket's policy must not forbid what an instance does: every request that creates an object is conditional. (The server
/// of the tests' own records them.)
#[test]
fn every_request_that_creates_an_object_has_the_condition_that_the_bucket_asks_for() {
    let sandbox = Sandbox::reopening();
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
