//! What a person is told: one line and a hint, whatever a server says, and never a secret.

use std::os::unix::fs::PermissionsExt;

use super::Place;
use crate::s3_server::{Answer, Fault, error_body};
use crate::support::{SECRET_KEY, finish};

#[test]
fn what_a_server_says_is_told_on_one_short_line_without_control_characters() {
    let place = Place::new();
    let message = format!("first line\r\nsecond\u{1b}[2Jline\u{7}\t{}", "and so on ".repeat(500));
    // Not all of these may stand in XML; a server of whatever kind sends them all the same.
    for message in [message.replace(['\u{1b}', '\u{7}'], ""), message.replace('\u{1b}', "&#27;"), message] {
        let answer = Answer { status: 503, body: error_body("SlowDown", &message), ..Answer::default() };
        place.spoil(move |_| Fault::Answer(answer.clone()));
        place.sandbox.write_log("web.log", "x\n");
        for flags in [&[][..], &["-vv"][..]] {
            let mut run = place.sandbox.logferry();
            run.envs(place.bucket.env()).arg("run").args(flags).arg(place.sandbox.path("log"));
            let ended = finish(&mut run).expect(75);
            let stray = ended.stderr.chars().find(|c| c.is_control() && *c != '\n' || *c == '\u{fffd}');
            assert_eq!(stray, None, "{:?}", ended.stderr);
            assert!(ended.stderr.lines().all(|line| line.len() < 1000), "{}", ended.stderr);
            let begins = |line: &str| line.starts_with("logferry: ") || line.starts_with("  hint: ");
            assert!(ended.stderr.lines().all(begins), "{}", ended.stderr);
        }
    }
    place.mend();
    place.run().quiet();
}

#[test]
fn no_secret_is_told_even_with_vv() {
    const TOKEN: &str = "the-token-of-a-session";
    let place = Place::new();
    let secrets = [SECRET_KEY, TOKEN, "Pa55word", "k3y-of-a-process", "AWS4-HMAC-SHA256", "Signature="];
    let process = place.sandbox.path("process");
    let broken =
        "#!/bin/sh\necho '{\"Version\": 1, \"AccessKeyId\": \"AKID\", \"SecretAccessKey\": \"k3y-of-a-process\"'\n";
    std::fs::write(&process, broken).expect("a script");
    std::fs::set_permissions(&process, PermissionsExt::from_mode(0o755)).expect("its mode");
    let profile = format!("[default]\ncredential_process = {}\n", process.display());
    std::fs::write(place.sandbox.path("aws"), profile).expect("a profile");
    let aws = place.sandbox.path("aws").display().to_string();
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let proxy = format!("http://user:Pa55word@127.0.0.1:{port}");
    let endpoint = format!("http://user:Pa55word@127.0.0.1:{port}");
    let settings: [&[(&str, &str)]; 6] = [
        &[],
        &[("AWS_SESSION_TOKEN", TOKEN)],
        &[("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", ""), ("AWS_CONFIG_FILE", &aws)],
        &[("AWS_ACCESS_KEY_ID", "AKID with spaces\t"), ("AWS_REGION", "no region")],
        &[("HTTP_PROXY", &proxy), ("http_proxy", &proxy)],
        &[("AWS_ENDPOINT_URL", &endpoint)],
    ];
    for (number, setting) in settings.iter().enumerate() {
        place.spoil(move |_| Fault::Status(if number % 2 == 0 { 403 } else { 503 }, "Whatever"));
        place.sandbox.write_log("web.log", "x\n");
        let mut run = place.sandbox.logferry();
        run.envs(place.bucket.env()).envs(setting.iter().copied()).args(["run", "-vv", "--json"]);
        let ended = finish(run.arg(place.sandbox.path("log"))).expect(75);
        println!("{setting:?}: {}", ended.stderr);
        let told = format!("{}{}", ended.stderr, ended.text());
        let secret = secrets.iter().find(|secret| told.contains(**secret));
        assert_eq!(secret, None, "{told}");
    }
    place.mend();
    place.run().quiet();
}
