//! The script that an instance of the fleet is started with, run as root in a Debian system that has the package installed,
//! against the bucket of the deployed stack.
//!
//! It is what CloudFormation makes of the template (moto's), not the template's text. Missing is what a chroot can't have:
//! systemd at work (`systemctl` enables there, and is told to start and stop nothing), so the service and what the timers start
//! is started by hand.

use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::stack::stack;
use crate::package::packages;
use crate::support::autoscaling::{AutoScalingServer, TERMINATING};
use crate::support::imds::ImdsServer;
use crate::support::moto::REGION;
use crate::support::root::Root;
use crate::support::{Ended, Sandbox, finish, wait_until};

fn script() -> String {
    stack().there["template"]["UserData"].as_str().expect("a script").to_owned()
}

const INSTANCE: &str = "i-0abc12345678";

/// A machine of an image as the guide has it baked. What stands in for its metadata service and for Auto Scaling is the
/// tests' own.
struct Machine {
    root: Root,
    imds: ImdsServer,
    api: AutoScalingServer,
}

impl Machine {
    fn booted(sandbox: &Sandbox) -> Self {
        let root = Root::new(sandbox);
        root.put(&packages().first, "/mnt/logferry.deb");
        root.dpkg(["--install", "/mnt/logferry.deb"]).expect(0);
        let (imds, api) = (ImdsServer::of(INSTANCE), AutoScalingServer::of_group(stack().group(), INSTANCE));
        imds.set("autoscaling/target-lifecycle-state", "InService");
        root.write("/var/lib/cloud/user-data", script());
        Self { root, imds, api }
    }

    /// A command there, with what only the tests need: a machine has the endpoints from the region, and its credentials
    /// from its role.
    fn command(&self, program: &str) -> Command {
        let mut command = self.root.command(program);
        command.env("AWS_ENDPOINT_URL", stack().moto.endpoint()).env("SYSTEMD_OFFLINE", "1");
        command.env("AWS_ACCESS_KEY_ID", "AKIDTEST").env("AWS_SECRET_ACCESS_KEY", "secret");
        command.envs(self.imds.env()).envs(self.api.env());
        command
    }

    /// Runs the user data to its end, which is the check. That finds fault with nothing but what this is no machine for.
    #[track_caller]
    fn starts(&self) {
        let ended = finish(self.command("sh").arg("/var/lib/cloud/user-data"));
        let said = ended.text();
        let faults: Vec<_> = said.lines().filter(|line| line.starts_with("  fail ")).collect();
        assert!(!faults.is_empty() && said.contains("can be written to"), "{said}\n{}", ended.stderr);
        assert!(faults.iter().all(|fault| fault.ends_with("enabled, but systemd is not at work here")), "{said}");
    }

    /// Carries out what a unit of the system starts.
    fn start(&self, unit: &str) -> Ended {
        let unit = self.root.read(&format!("/etc/systemd/system/{unit}"));
        let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).expect("a command");
        finish(self.command("sh").env("AWS_REGION", REGION).args(["-c", start]))
    }

    /// What the bucket has of the service.
    fn shipped(&self) -> String {
        finish(self.command("logferry").env("AWS_REGION", REGION).args(["cat", "sample"])).expect(0).text()
    }
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
fn the_user_data_sets_up_a_machine_whose_log_is_shipped_to_its_last_line() {
    let sandbox = Sandbox::reopening();
    let machine = Machine::booted(&sandbox);
    machine.starts();
    let unit = machine.root.read("/etc/systemd/system/logferry.service");
    assert!(unit.contains(&format!("AWS_REGION={REGION}")) && unit.contains("logferry run"), "{unit}");
    for wanted in [
        "timers.target.wants/logferry.timer",
        "timers.target.wants/logferry-lifecycle.timer",
        "multi-user.target.wants/sample.service",
    ] {
        assert!(machine.root.has(&format!("/etc/systemd/system/{wanted}")), "{wanted}");
    }
    ships_what_the_service_writes(&machine);
    // It may be called again, as by someone who looks for what went wrong at boot.
    machine.starts();
    ends_when_its_last_line_is_shipped(&machine);
}

/// Starts the service and a run of the hour, twice; the second time the log is a new one.
fn ships_what_the_service_writes(machine: &Machine) {
    let service = Service(machine.root.command("/usr/local/bin/sample").spawn().expect("the service starts"));
    for _ in 0..2 {
        let log = machine.root.path("/var/log/sample/sample.log");
        wait_until("the service has written", || log.metadata().is_ok_and(|log| log.len() > 0));
        machine.start("logferry.service").quiet();
    }
    drop(service);
    let shipped = machine.shipped();
    assert!(shipped.lines().count() >= 2, "{shipped}");
    assert!(shipped.lines().all(|line| line.ends_with("Z a line of the sample service")), "{shipped}");
}

/// Has the group end the machine. Group and hook have the names of the stack; the machine knows them by its user data only,
/// since nobody is asked for the group that is named in its configuration.
fn ends_when_its_last_line_is_shipped(machine: &Machine) {
    // In service, it changes nothing.
    machine.start("logferry-lifecycle.service").quiet();
    let hook = stack().hook()["LifecycleHookName"].as_str().expect("a name");
    machine.api.add_hook(hook, TERMINATING, Duration::from_secs(300));
    machine.api.wait_for(INSTANCE, hook);
    machine.imds.set("autoscaling/target-lifecycle-state", "Terminated");
    // In the place of systemd, which has none to stop here: the service writes its last line when it is asked to.
    const STOP: &str =
        "#!/bin/sh\n[ \"$*\" = 'stop sample.service' ] && echo 'the last line' >>/var/log/sample/sample.log\n";
    machine.root.write("/usr/bin/systemctl", STOP);
    machine.start("logferry-lifecycle.service").quiet();
    assert_eq!(machine.api.told(), ["CONTINUE"]);
    assert_eq!(machine.api.calls("DescribeAutoScalingInstances").len(), 0, "the group was asked for");
    let shipped = machine.shipped();
    assert_eq!(shipped.lines().next_back(), Some("the last line"), "{shipped}");
}
