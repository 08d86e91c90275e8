//! The script that a machine of the fleet is started with, run as root in a Debian system that has the package installed,
//! against the bucket of the deployed stack.
//!
//! It is what CloudFormation makes of the template (moto's), not the template's text. Missing is what a chroot can't have:
//! systemd at work (`systemctl` enables there, and is told to start nothing), so the service and the run are started by hand.

use std::io::Write;
use std::process::{Child, Command, Stdio};

use super::stack::stack;
use crate::package::packages;
use crate::support::moto::REGION;
use crate::support::root::Root;
use crate::support::{Sandbox, finish, wait_until};

fn script() -> String {
    stack().there["template"]["UserData"].as_str().expect("a script").to_owned()
}

/// A system made of an image as the guide has it baked.
fn booted(sandbox: &Sandbox) -> Root {
    let root = Root::new(sandbox);
    root.put(&packages().first, "/mnt/logferry.deb");
    root.dpkg(["--install", "/mnt/logferry.deb"]).expect(0);
    root
}

/// A command there, with what only the tests' bucket needs: the machine has the endpoint from the region, and its
/// credentials from its role.
fn command(root: &Root, program: &str) -> Command {
    let mut command = root.command(program);
    command.env("AWS_ENDPOINT_URL", stack().moto.endpoint()).env("SYSTEMD_OFFLINE", "1");
    command.env("AWS_ACCESS_KEY_ID", "AKIDTEST").env("AWS_SECRET_ACCESS_KEY", "secret");
    command
}

/// Ends the sample service, as systemd would.
struct Service(Child);

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_user_data_is_a_sound_script_of_which_nothing_is_left_to_fill_in() {
    let script = script();
    let mut shellcheck = Command::new("shellcheck")
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("apt-get install shellcheck");
    shellcheck.stdin.take().expect("a pipe").write_all(script.as_bytes()).expect("it reads");
    let output = shellcheck.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    // What cloud-init takes for a script, and no template of cloud-init's or of anybody's.
    assert!(script.starts_with("#!/bin/sh\n") && !script.contains("${") && !script.contains("{{"), "{script}");
    // EC2 takes 16 KB (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html).
    assert!(script.len() < 16_384, "{} bytes", script.len());
    for fetches in ["curl", "wget", "apt", "aws ", "http"] {
        assert!(!script.contains(fetches), "it fetches something: {fetches}");
    }
}

#[test]
fn the_user_data_sets_up_a_machine_whose_log_is_shipped() {
    let sandbox = Sandbox::new();
    let root = booted(&sandbox);
    root.write("/var/lib/cloud/user-data", script());
    starts(&root);
    let unit = root.read("/etc/systemd/system/logferry.service");
    assert!(unit.contains(&format!("AWS_REGION={REGION}")) && unit.contains("logferry run"), "{unit}");
    for wanted in ["timers.target.wants/logferry.timer", "multi-user.target.wants/sample.service"] {
        assert!(root.has(&format!("/etc/systemd/system/{wanted}")), "{wanted}");
    }
    ships_what_the_service_writes(&root);
    // It may be called again, as by someone who looks for what went wrong at boot.
    starts(&root);
}

/// Runs the script to its end, which is the check. That finds fault with nothing but what this is no machine for.
#[track_caller]
fn starts(root: &Root) {
    let ended = finish(command(root, "sh").arg("/var/lib/cloud/user-data"));
    let said = ended.text();
    let faults: Vec<_> = said.lines().filter(|line| line.starts_with("  fail ")).collect();
    assert!(!faults.is_empty() && said.contains("can be written to"), "{said}\n{}", ended.stderr);
    assert!(faults.iter().all(|fault| fault.ends_with("enabled, but systemd is not at work here")), "{said}");
}

/// Starts the service and runs the command of the unit, twice; the second time the log is a new one.
fn ships_what_the_service_writes(root: &Root) {
    let unit = root.read("/etc/systemd/system/logferry.service");
    let run = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).expect("a command").to_owned();
    let service = Service(root.command("/usr/local/bin/sample").spawn().expect("the service starts"));
    for _ in 0..2 {
        let log = root.path("/var/log/sample/sample.log");
        wait_until("the service has written", || log.metadata().is_ok_and(|log| log.len() > 0));
        finish(command(root, "sh").env("AWS_REGION", REGION).args(["-c", &run])).quiet();
    }
    drop(service);
    let shipped = finish(command(root, "logferry").env("AWS_REGION", REGION).args(["cat", "sample"])).expect(0).text();
    assert!(shipped.lines().count() >= 2, "{shipped}");
    assert!(shipped.lines().all(|line| line.ends_with("Z a line of the sample service")), "{shipped}");
}
