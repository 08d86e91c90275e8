//! The metadata service, as it is and as it fails.

use std::time::Duration;

use super::{ID, edit_cache, host, run, ship};
use crate::support::imds::{ImdsServer, Reply, Tokens};
use crate::support::{Sandbox, finish};

/// What a run asks that knows nothing: the id, six other facts, and a token.
const ALL: usize = 8;

/// Lets the time pass for which something is believed.
fn age(sandbox: &Sandbox, hours: i64) {
    edit_cache(sandbox, |cache| {
        let at: logferry::model::time::Moment = serde_json::from_value(cache["at"].clone()).expect("a time");
        let nanos = at.nanos() - hours * 3600 * 1_000_000_000;
        cache["at"] = logferry::model::time::Moment::from_nanos(nanos).to_string().into();
    });
}

#[test]
fn a_warm_run_asks_nothing() {
    let (sandbox, imds) = (Sandbox::new(), ImdsServer::of(ID));
    for _ in 0..3 {
        assert_eq!(ship(&sandbox, run(&sandbox, &imds)).instance, ID);
    }
    assert_eq!((imds.tokens_asked(), imds.asked("instance-id"), imds.requests()), (1, 1, ALL));
    // What is not there now may be there tomorrow: tags are let into the metadata of a running instance.
    age(&sandbox, 23);
    ship(&sandbox, run(&sandbox, &imds));
    assert_eq!(imds.requests(), ALL);
    sandbox.config_file("layout = \"group={group}\"\n");
    imds.set("tags/instance/aws:autoscaling:groupName", "web tier");
    age(&sandbox, 2);
    assert_eq!(ship(&sandbox, run(&sandbox, &imds)).directory(), "group=web%20tier");
    assert_eq!((imds.asked("instance-id"), imds.requests()), (1, ALL + 2), "and no more than that");
}

#[test]
fn nothing_is_asked_where_the_user_says_it_or_forbids_it() {
    let (sandbox, imds) = (Sandbox::new(), ImdsServer::of(ID));
    let mut named = run(&sandbox, &imds);
    named.args(["--instance", "web-1"]);
    assert_eq!(ship(&sandbox, named).instance, "web-1");
    let mut off = run(&sandbox, &imds);
    off.env("AWS_EC2_METADATA_DISABLED", "true");
    assert_eq!(ship(&sandbox, off).instance, host());
    assert_eq!(imds.requests(), 0);
}

#[test]
fn silence_is_believed_for_an_hour() {
    let (sandbox, imds) = (Sandbox::new(), ImdsServer::of(ID));
    imds.reply("instance-id", Reply::Status(500));
    assert_eq!(ship(&sandbox, run(&sandbox, &imds)).instance, host());
    imds.set("instance-id", ID);
    let asked = imds.requests();
    age(&sandbox, 0);
    assert_eq!(ship(&sandbox, run(&sandbox, &imds)).instance, host());
    assert_eq!(imds.requests(), asked, "not yet");
    age(&sandbox, 1);
    assert_eq!(ship(&sandbox, run(&sandbox, &imds)).instance, ID);
    // A clock that was far ahead when the service was silent makes nothing hold for years.
    edit_cache(&sandbox, |cache| {
        cache["instance"] = serde_json::Value::Null;
        cache["at"] = "2099-01-01T00:00:00Z".into();
    });
    assert_eq!(ship(&sandbox, run(&sandbox, &imds)).instance, ID);
}

#[test]
fn whatever_answers_in_the_place_of_the_service_is_not_believed_and_holds_up_nothing() {
    let late = Duration::from_secs(30);
    let page = b"<html><body>Log in</body></html>".to_vec();
    let replies = [
        (Reply::Typed("text/html; charset=utf-8", b"i-0123456789abcdef0".to_vec()), "web pages"),
        (Reply::Typed("text/plain", page), "knows no instance id"),
        (Reply::Text("i-forged".to_owned()), "knows no instance id"),
        (Reply::Text(String::new()), "knows no instance id"),
        (Reply::Typed("text/plain", vec![0xff; 20]), "UTF-8"),
        (Reply::Raw(b"SSH-2.0-OpenSSH_9.2p1\r\n".to_vec()), "no instance-id"),
        (Reply::Raw(Vec::new()), "no instance-id"),
        (Reply::Status(403), "status 403"),
        (Reply::Status(503), "status 503"),
        (Reply::Status(404), "knows no instance id"),
        (Reply::Endless, "length limit"),
        (Reply::Huge(1 << 40), "length limit"),
        (Reply::Hang, "no instance-id"),
        (Reply::Late(late, ID.to_owned()), "no instance-id"),
        (Reply::Drip(late, ID.to_owned()), "no answer within 1000 ms"),
    ];
    std::thread::scope(|scope| {
        for (reply, why) in replies {
            scope.spawn(move || {
                let (sandbox, imds) = (Sandbox::new(), ImdsServer::of(ID));
                imds.reply("instance-id", reply.clone());
                let shipped = ship(&sandbox, run(&sandbox, &imds));
                assert_eq!(shipped.instance, host(), "{reply:?}");
                assert!(shipped.ended.stderr.contains(why), "{reply:?}: {}", shipped.ended.stderr);
                assert!(shipped.ended.took < late, "{reply:?} took {:?}", shipped.ended.took);
                assert!(imds.sent() < 64 << 20, "{reply:?}: {} bytes went out", imds.sent());
                assert_eq!(imds.asked("instance-type"), 0, "who does not know the id is not asked for more");
            });
        }
    });
}

#[test]
fn a_token_that_never_comes_or_can_not_be_is_no_reason_to_wait_or_to_fall() {
    let cases = [
        (Tokens::Lost, "hop limit"),
        (Tokens::Refused(403), "hop limit"),
        (Tokens::Refused(404), "hop limit"),
        (Tokens::WithoutLifetime, "hop limit"),
        (Tokens::Lifetime("soon"), "good for \"soon\" seconds"),
        // Added to the clock it would be more than a time can hold.
        (Tokens::Lifetime("18446744073709551615"), "good for \"18446744073709551615\" seconds"),
        (Tokens::Huge(1 << 40), "length limit"),
    ];
    std::thread::scope(|scope| {
        for (tokens, why) in cases {
            scope.spawn(move || {
                let (sandbox, imds) = (Sandbox::new(), ImdsServer::of(ID));
                imds.tokens(tokens.clone());
                let shipped = ship(&sandbox, run(&sandbox, &imds));
                assert_eq!((shipped.instance, imds.tokens_asked()), (host(), 1), "{tokens:?}");
                assert!(shipped.ended.stderr.contains(why), "{tokens:?}: {}", shipped.ended.stderr);
                assert!(imds.sent() < 64 << 20, "{tokens:?}: {} bytes went out", imds.sent());
            });
        }
    });
}

#[test]
fn a_token_that_expires_while_it_is_in_use_is_replaced() {
    let (sandbox, imds) = (Sandbox::new(), ImdsServer::of(ID));
    imds.tokens(Tokens::GoodFor(2));
    sandbox.config_file("layout = \"{region}/{zone}/{type}\"\n");
    let shipped = ship(&sandbox, run(&sandbox, &imds));
    assert_eq!((shipped.instance.as_str(), shipped.directory()), (ID, "eu-central-1/eu-central-1a/m5.large"));
    assert_eq!(imds.tokens_asked(), 4, "seven questions, two for each");
}

#[test]
fn a_hiccup_leaves_out_what_it_concerns_until_the_next_hour() {
    let (sandbox, imds) = (Sandbox::new(), ImdsServer::of(ID));
    sandbox.config_file("layout = \"region={region}/type={type}\"\n");
    imds.reply("placement/region", Reply::Text("<html>".to_owned()));
    let unknown = "region=__HIVE_DEFAULT_PARTITION__/type=m5.large";
    let shipped = ship(&sandbox, run(&sandbox, &imds));
    assert_eq!((shipped.instance.as_str(), shipped.directory()), (ID, unknown));
    assert!(shipped.ended.stderr.contains("placement/region is not of its form"), "{}", shipped.ended.stderr);
    imds.set("placement/region", "eu-central-1");
    assert_eq!(ship(&sandbox, run(&sandbox, &imds)).directory(), unknown, "not yet");
    age(&sandbox, 1);
    assert_eq!(ship(&sandbox, run(&sandbox, &imds)).directory(), "region=eu-central-1/type=m5.large");
    assert_eq!((imds.asked("instance-id"), imds.asked("placement/region")), (1, 2));
}

#[test]
fn what_the_first_version_kept_is_understood_and_damage_is_not_believed() {
    let (sandbox, imds) = (Sandbox::new(), ImdsServer::of(ID));
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").expect("a boot id");
    let now = logferry::sys::clock::now();
    let cache = |instance: &str| {
        let kept = format!("{{\"boot\": \"{}\", \"at\": \"{now}\", \"instance\": {instance}}}", boot.trim());
        std::fs::write(sandbox.path("state/instance.json"), kept).expect("it is written");
        ship(&sandbox, run(&sandbox, &imds)).instance
    };
    sandbox.write_log("web.log", "x\n");
    sandbox.run_all().quiet();
    assert_eq!(cache("\"i-0fedcba9876543210\""), "i-0fedcba9876543210");
    assert_eq!(cache("null"), host());
    assert_eq!(imds.requests(), 0);
    assert_eq!(cache("null, \"answers\": {\"placement/region\": \"../..\"}"), ID, "nobody but a fault writes such");
    for damage in ["", "{", "null", "[]", &"x".repeat(2 << 20)] {
        std::fs::write(sandbox.path("state/instance.json"), damage).expect("it is written");
        assert_eq!(ship(&sandbox, run(&sandbox, &imds)).instance, ID);
    }
}

#[test]
fn a_service_that_forgets_what_it_said_changes_nothing_before_the_next_boot() {
    let (sandbox, imds) = (Sandbox::new(), ImdsServer::of(ID));
    sandbox.config_file("layout = \"{region}\"\n");
    ship(&sandbox, run(&sandbox, &imds));
    imds.remove("instance-id");
    imds.remove("placement/region");
    age(&sandbox, 48);
    let shipped = ship(&sandbox, run(&sandbox, &imds));
    assert_eq!((shipped.instance.as_str(), shipped.directory(), imds.requests()), (ID, "eu-central-1", ALL));
}

#[test]
fn nothing_is_printed_of_all_that_unless_it_is_asked_for() {
    let (sandbox, imds) = (Sandbox::new(), ImdsServer::empty());
    sandbox.write_log("web.log", "x\n");
    finish(&mut run(&sandbox, &imds)).quiet();
    assert_eq!(imds.asked("instance-id"), 1);
}

#[test]
fn a_command_asks_once_however_often_it_goes_over_the_logs_and_though_it_can_keep_nothing() {
    let sandbox = Sandbox::new();
    sandbox.config_file("max_spool = \"60kB\"\n");
    let imds = ImdsServer::of(ID);
    ship(&sandbox, run(&sandbox, &imds));
    let kept = sandbox.path("state/instance.json");
    std::fs::remove_file(&kept).expect("it is kept");
    std::fs::create_dir(&kept).expect("a directory");
    for command in ["run", "flush"] {
        for log in ["a.log", "b.log", "c.log"] {
            sandbox.write_log(log, crate::support::noise(50_000));
        }
        let before = imds.asked("instance-id");
        let mut taking = sandbox.logferry();
        let ended = finish(taking.envs(imds.env()).args([command, "-v"]).arg(sandbox.path("log"))).expect(0);
        assert_eq!(ended.stderr.matches(": shipped, ").count(), 3, "{}", ended.stderr);
        assert_eq!(imds.asked("instance-id") - before, 1, "{}", ended.stderr);
    }
}
