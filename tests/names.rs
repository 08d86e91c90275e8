//! Logs with names that need care, and what their services are called.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use crate::support::{Bucket, Sandbox};

/// Names that a shell, a URL, a header or a file system might stumble over.
fn odd_names() -> Vec<Vec<u8>> {
    vec![
        b"with space.log".to_vec(),
        b"it's \"quoted\".log".to_vec(),
        b"\xff\xfe not text.log".to_vec(),
        b"100% {sure} [yes] *?.log".to_vec(),
        "größe-日志.log".as_bytes().to_vec(),
        b"new\nline.log".to_vec(),
        b"under_score_and+plus&amp=.log".to_vec(),
        b"-rf.log".to_vec(),
        [vec![b'n'; 196], b".log".to_vec()].concat(),
        [vec![0xe9; 196], b".log".to_vec()].concat(),
        b"no-extension".to_vec(),
    ]
}

fn assert_come_back(sandbox: &Sandbox, run: impl Fn(Vec<OsString>) -> crate::support::Ended) {
    for name in odd_names() {
        sandbox.write_log(OsStr::from_bytes(&name), [b"of ", name.as_slice(), b"\n"].concat());
    }
    run(vec!["run".into(), sandbox.path("log").into()]).quiet();
    for name in odd_names() {
        let service = name.strip_suffix(b".log").unwrap_or(&name);
        let args: Vec<OsString> = vec!["cat".into(), "--".into(), OsStr::from_bytes(service).into()];
        let read = run(args).expect(0);
        assert_eq!(read.stdout, [b"of ", name.as_slice(), b"\n"].concat(), "{}", String::from_utf8_lossy(&name));
    }
    sandbox.nothing_left_behind();
}

#[test]
fn odd_names_come_back_from_a_directory() {
    let sandbox = Sandbox::new();
    assert_come_back(&sandbox, |args| sandbox.run(args));
}

#[test]
fn odd_names_come_back_from_a_bucket() {
    let sandbox = Sandbox::new();
    let bucket = Bucket::new(&sandbox);
    assert_come_back(&sandbox, |args| bucket.run(&sandbox, args));
}

#[test]
fn a_name_that_leaves_no_room_for_a_claim_is_refused_and_the_others_go_on() {
    let sandbox = Sandbox::new();
    sandbox.write_log("l".repeat(255), "too long\n");
    sandbox.write_log("web.log", "fine\n");
    let ended = sandbox.run_all().expect(1);
    assert!(ended.stderr.contains("255 bytes") && ended.stderr.contains("at most 222"), "{}", ended.stderr);
    assert_eq!(sandbox.run(["cat", "web"]).expect(0).text(), "fine\n");
}

#[test]
fn a_log_set_names_its_services() {
    let sandbox = Sandbox::new();
    for dir in ["shop", "blog"] {
        std::fs::create_dir(sandbox.log(dir)).expect("a directory");
        sandbox.write_log(format!("{dir}/access.log"), format!("of {dir}\n"));
        sandbox.write_log(format!("{dir}/debug.log"), "not wanted\n");
    }
    sandbox.write_log("job-instance.log", "of an instance\n");
    let log = sandbox.path("log");
    sandbox.config_file(&format!(
        "[[logs]]\npaths = [\"{0}/*/*.log\"]\nexclude = [\"debug*\"]\nservice = \"{{parent}}-{{stem}}\"\n\
         [[logs]]\npaths = [\"{0}/*.log\"]\n",
        log.display()
    ));
    sandbox.run(["run"]).quiet();
    for (service, text) in
        [("shop-access", "of shop\n"), ("blog-access", "of blog\n"), ("job-instance", "of an instance\n")]
    {
        assert_eq!(sandbox.run(["cat", service]).expect(0).text(), text);
    }
    assert!(sandbox.log("shop/debug.log").exists(), "what is excluded stays");

    // By hand, as an argument, the log goes on with the stream that it has by the configuration.
    sandbox.write_log("shop/access.log", "more of shop\n");
    sandbox.run(["run".into(), sandbox.log("shop/access.log").into_os_string()]).quiet();
    assert_eq!(sandbox.run(["cat", "shop-access"]).expect(0).text(), "of shop\nmore of shop\n");
    let streams: std::collections::HashSet<String> = sandbox
        .run(["ls", "shop-access"])
        .text()
        .lines()
        .map(|line| line.split_whitespace().nth(4).expect("a segment").split('-').next().expect("a stream").to_owned())
        .collect();
    assert_eq!(streams.len(), 1, "one stream");
}

#[test]
fn the_instance_stands_in_the_key() {
    let sandbox = Sandbox::new();
    sandbox.write_log("web.log", "x\n");
    let args: [OsString; 4] = ["run".into(), "--instance".into(), "i-0abc".into(), sandbox.log("web.log").into()];
    sandbox.run(args).quiet();
    let object = &sandbox.files("store")[1];
    let name = object.file_name().expect("a name").to_string_lossy().into_owned();
    assert!(name.starts_with("web_") && name.contains("_i-0abc_") && name.contains("-00000001-"), "{name}");
    let ended = sandbox.run(["run", "--instance", "a_b", "x.log"]).expect(2);
    assert!(ended.stderr.contains("[A-Za-z0-9.-]"), "{}", ended.stderr);
}
