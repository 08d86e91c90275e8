//! Real rsyslogd, nginx and Python, each at full speed through a hundred rotations; what the store has is what they wrote.

use crate::support::Sandbox;
use crate::support::proof::{self, Content};

use super::daemons::{Nginx, Rsyslog, Watched};

/// Where the daemons can make their logs, whoever they run as.
fn configure(sandbox: &Sandbox, commanded: &Nginx) {
    let log = |name: &str| sandbox.log(name).display().to_string();
    sandbox.config_file(&format!(
        "settle = \"50ms\"\n[[logs]]\npaths = [\"{}\", \"{}\"]\nwriter = \"auto\"\n\
         [[logs]]\npaths = \"{}\"\nwriter = \"command\"\ncommand = {}\ntimeout = \"60s\"\n\
         [[logs]]\npaths = \"{}\"\nwriter = \"reopens\"\n",
        log("haproxy.log"),
        log("access.log"),
        log("commanded.log"),
        commanded.reopen(),
        log("watched.log"),
    ));
}

#[test]
fn rsyslogd_nginx_and_python_lose_nothing_to_a_hundred_rotations() {
    let sandbox = Sandbox::on_disk();
    let mut rsyslog = Rsyslog::start(&sandbox, sandbox.log("haproxy.log"));
    let mut nginx = Nginx::start(&sandbox, sandbox.log("access.log"));
    let watched = Watched::start(&sandbox.log("watched.log"));
    let mut commanded = Nginx::start(&sandbox, sandbox.log("commanded.log"));
    configure(&sandbox, &commanded);
    rsyslog.send(400);
    nginx.send();
    commanded.send();
    for _ in 0..100 {
        sandbox.run(["run"]).quiet();
    }
    let contents = [
        Content::new("haproxy", rsyslog.stop()),
        Content::new("access", nginx.stop()),
        Content::new("commanded", commanded.stop()),
        Content::new("watched", watched.stop()),
    ];
    // Nobody writes any more.
    sandbox.config_file("");
    sandbox.run_all().quiet();
    let objects = proof::of_directory(&sandbox.path("store"));
    for service in ["haproxy", "access", "commanded", "watched"] {
        let segments = objects.iter().filter(|object| object.says("service") == service).count();
        assert!(segments >= 90, "{service} was hardly ever taken: {segments} segments");
    }
    let bytes: Vec<usize> = contents.iter().map(|content| content.bytes.len()).collect();
    let compared = proof::compare_all(objects, &contents);
    println!("tally: rsyslogd, nginx, Python: 100 rotations, {bytes:?} bytes, {compared:?}");
    assert_eq!((compared.lost, compared.doubled), (0, 0), "{compared:?}");
    sandbox.nothing_left_behind();
}

#[test]
fn nginx_is_known_and_its_master_is_signalled_alone() {
    let sandbox = Sandbox::on_disk();
    let mut nginx = Nginx::start(&sandbox, sandbox.log("access.log"));
    nginx.send();
    sandbox.config_file("writer = \"auto\"\n");
    let log = sandbox.path("log").display().to_string();
    let ended = sandbox.run(["run", "-v", &log]).expect(0);
    let signalled = ended.stderr.lines().filter(|line| line.ends_with("SIGUSR1 sent")).count();
    assert_eq!(signalled, 1, "{}", ended.stderr);
    assert!(ended.stderr.contains("access.log: taken as signal (SIGUSR1 to nginx), since nginx"), "{}", ended.stderr);
    let content = Content::new("access", nginx.stop());
    sandbox.config_file("");
    sandbox.run_all().quiet();
    let compared = proof::compare_all(proof::of_directory(&sandbox.path("store")), &[content]);
    assert_eq!((compared.lost, compared.doubled), (0, 0), "{compared:?}");
}
