//! The store: written to with the credentials in force, by one small object, in bounded time.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::Arc;

use super::{Checked, check};
use crate::s3_server::{Fault, FaultHook, Transport};
use crate::support::mount::Mount;
use crate::support::{Bucket, Sandbox, noise};

/// A check against a bucket, with that much else in its environment.
#[track_caller]
fn check_in(sandbox: &Sandbox, bucket: &Bucket, env: &[(&str, &str)]) -> Checked {
    Checked::of(sandbox, || {
        let mut command = sandbox.logferry();
        command.envs(bucket.env()).envs(env.iter().copied()).arg("check").arg(sandbox.log("*.log"));
        command
    })
}

/// A check whose clock is that far off.
#[track_caller]
fn check_with_clock(sandbox: &Sandbox, bucket: &Bucket, offset: &str) -> Checked {
    Checked::of(sandbox, || {
        let binary = sandbox.logferry();
        let mut command = Command::new("faketime");
        command.env_clear().args(["-f", offset]).arg(binary.get_program());
        command.envs(binary.get_envs().filter_map(|(name, value)| Some((name, value?)))).envs(bucket.env());
        command.arg("check").arg(sandbox.log("*.log"));
        command
    })
}

fn spoiled(sandbox: &Sandbox, fault: Fault) -> Bucket {
    let hook: FaultHook = Arc::new(move |_| fault.clone());
    Bucket::with(sandbox, Transport::Http, Some(hook))
}

#[test]
fn one_object_stays_however_often_it_is_checked_and_no_command_shows_it() {
    let sandbox = Sandbox::new();
    let bucket = Bucket::new(&sandbox);
    sandbox.write_log("web.log", "x\n");
    bucket.run_all(&sandbox).quiet();
    let listed = bucket.run(&sandbox, ["ls"]).expect(0).text();
    bucket.server.clear_requests();
    let checked = check_in(&sandbox, &bucket, &[]);
    checked.ends(0).has("store", "s3://logs/fleet", "ok", "was put, and stays").has("store", "clock", "ok", "agrees");
    check_in(&sandbox, &bucket, &[]).ends(0).has("store", "s3://logs/fleet", "ok", "is there from an earlier check");
    // Two checks for programs and two for people: each is one conditional put, and needs no other permission.
    let requests = bucket.server.requests();
    assert_eq!(requests.len(), 4);
    for (request, status) in requests.iter().zip([200, 412, 412, 412]) {
        assert!(request.method == "PUT" && request.path.contains("/fleet/.logferry/check-"), "{request:?}");
        assert_eq!(
            (request.status, &request.headers["if-none-match"]),
            (Some(status), &"*".parse().expect("a header"))
        );
    }
    assert_eq!(bucket.run(&sandbox, ["ls"]).expect(0).text(), listed);
    assert_eq!(bucket.run(&sandbox, ["cat", "web"]).expect(0).text(), "x\n");
}

#[test]
fn the_object_of_a_directory_is_hidden_and_no_log_is_looked_for_beside_it() {
    let sandbox = Sandbox::new();
    sandbox.write_log("web.log", "x\n");
    sandbox.run_all().quiet();
    let listed = sandbox.run(["ls"]).expect(0).text();
    check(&sandbox).ends(0).has("store", "file://", "ok", "was put, and stays");
    check(&sandbox).ends(0).has("store", "file://", "ok", "is there from an earlier check");
    let there = sandbox.files("store/.logferry");
    assert_eq!(there.len(), 1, "{there:?}");
    assert_eq!(sandbox.run(["ls"]).expect(0).text(), listed);
}

/// Variables of the environment with their values.
type Variables = &'static [(&'static str, &'static str)];

#[test]
fn what_keeps_a_bucket_from_being_written_to_is_told_as_a_run_tells_it() {
    let cases: [(Variables, Option<Fault>, &str, &str); 6] = [
        (&[("AWS_SECRET_ACCESS_KEY", "wrong")], None, "SignatureDoesNotMatch (403)", "s3:PutObject"),
        (&[("LOGFERRY_TO", "s3://missing/fleet")], None, "NoSuchBucket (404)", "create it"),
        (&[], Some(Fault::Status(403, "AccessDenied")), "AccessDenied (403)", "s3:PutObject"),
        (&[], Some(Fault::Status(403, "ExpiredToken")), "ExpiredToken", "get new ones"),
        (&[], Some(Fault::Status(503, "SlowDown")), "SlowDown (503)", "overloaded"),
        (&[("AWS_ENDPOINT_URL", "http://127.0.0.1:1")], None, "dispatch failure", "AWS_ENDPOINT_URL"),
    ];
    for (env, fault, words, hint) in cases {
        let sandbox = Sandbox::new();
        sandbox.write_log("web.log", "x\n");
        let bucket = fault.map_or_else(|| Bucket::new(&sandbox), |fault| spoiled(&sandbox, fault));
        let checked = check_in(&sandbox, &bucket, env);
        checked.ends(75).has("store", "s3://", "fail", words);
        assert!(checked.finding("store", "s3://")["hint"].to_string().contains(hint), "{}", checked.table);
    }
}

#[test]
fn a_store_that_knows_no_conditions_is_written_to_all_the_same() {
    let sandbox = Sandbox::new();
    sandbox.write_log("web.log", "x\n");
    let hook: FaultHook = Arc::new(|request| match request.headers.contains_key("if-none-match") {
        true => Fault::Status(501, "NotImplemented"),
        false => Fault::Pass,
    });
    let bucket = Bucket::with(&sandbox, Transport::Http, Some(hook));
    check_in(&sandbox, &bucket, &[]).ends(0).has("store", "s3://logs/fleet", "ok", "can be written to");
}

#[test]
fn a_clock_that_is_off_is_told_before_the_store_refuses_it() {
    let sandbox = Sandbox::new();
    let bucket = Bucket::new(&sandbox);
    for (offset, verdict, code, words) in [
        ("+5m", "warn", 0, "ahead of the store's"),
        ("-5m", "warn", 0, "behind the store's"),
        ("+20m", "fail", 75, "ahead of the store's; S3 refuses"),
        ("-2h", "fail", 75, "behind the store's; S3 refuses"),
    ] {
        let checked = check_with_clock(&sandbox, &bucket, offset);
        checked.ends(code).has("store", "clock", verdict, words);
        let put = checked.finding("store", "s3://");
        assert_eq!(put["detail"].to_string().contains("RequestTimeTooSkewed"), code == 75, "{put}");
    }
}

#[test]
fn a_directory_that_can_not_be_written_to_is_told_of() {
    let sandbox = Sandbox::new();
    let missing = format!("file://{}", sandbox.path("missing").display());
    super::check_of(&sandbox, &["log", "--to", &missing]).ends(75).has("store", "missing", "fail", "No such file");
    assert!(!sandbox.path("missing").exists(), "it is not made");
    let mount = Mount::in_memory(&sandbox.path("store"), "size=256k");
    let _ = std::fs::write(sandbox.path("store/filler"), noise(512 * 1024));
    check(&sandbox).ends(75).has("store", "store", "fail", "No space left");
    std::fs::remove_file(sandbox.path("store/filler")).expect("it is there");
    check(&sandbox).ends(0);
    // The object is there, which alone proves nothing.
    mount.remount("ro");
    check(&sandbox).ends(75).has("store", "store", "fail", "Read-only file system");
}

#[test]
fn a_directory_that_takes_no_new_directories_is_told_of_though_the_checks_object_is_there() {
    let sandbox = Sandbox::new();
    sandbox.write_log("web.log", "x\n");
    let store = sandbox.path("store");
    let _mount = Mount::on_image(&sandbox.path("image"), &store);
    check(&sandbox).ends(0).has("store", "store", "ok", "was put, and stays");
    {
        let _immutable = super::Attribute::set(&store, 'i');
        check(&sandbox).ends(75).has("store", "store", "fail", "Operation not permitted");
    }
    check(&sandbox).ends(0).has("store", "store", "ok", "is there from an earlier check");
    let names = std::fs::read_dir(&store).expect("the store").map(|entry| entry.expect("an entry").file_name());
    let names: Vec<_> = names.filter(|name| *name != "lost+found").collect();
    assert_eq!(names, [".logferry"], "what was tried is removed");
}

#[test]
fn credentials_of_a_program_that_hangs_do_not_hold_it_up() {
    let sandbox = Sandbox::new();
    let bucket = Bucket::new(&sandbox);
    let (config, process) = (sandbox.path("aws"), sandbox.path("process"));
    std::fs::write(&process, "#!/bin/sh\nexec sleep 100\n").expect("a script");
    std::fs::set_permissions(&process, PermissionsExt::from_mode(0o755)).expect("its mode");
    std::fs::write(&config, format!("[default]\ncredential_process = {}\n", process.display())).expect("a profile");
    let config = config.display().to_string();
    let env = [("AWS_CONFIG_FILE", config.as_str()), ("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", "")];
    let mut command = sandbox.logferry();
    command.envs(bucket.env()).envs(env).args(["check", "--json"]).arg(sandbox.log("*.log"));
    // Told in half the time that such a program would need: it is given two tries.
    let ended = crate::support::finish(&mut command).expect(75);
    assert!(ended.took < super::LONGEST && ended.text().contains("no answer in"), "{:?}: {}", ended.took, ended.text());
}
