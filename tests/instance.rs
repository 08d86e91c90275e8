//! What is known of this machine, from the metadata service, the hardware and the configuration; and where it stands in keys.

mod hardware;
mod layout;
mod reading;
mod service;
mod settings;

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use crate::support::imds::ImdsServer;
use crate::support::{Ended, Sandbox, finish};

/// What most machines here are called.
const ID: &str = "i-0123456789abcdef0";

/// A run of the sandbox's log directory that may ask the service.
fn run(sandbox: &Sandbox, imds: &ImdsServer) -> Command {
    let mut run = sandbox.logferry();
    run.envs(imds.env()).arg("run").arg(sandbox.path("log"));
    run
}

/// Ships a new log; what it said with `-v`, and the key that it has.
#[track_caller]
fn ship(sandbox: &Sandbox, mut run: Command) -> Shipped {
    sandbox.write_log("web.log", "x\n");
    let ended = finish(run.args(["-v", "--json"])).expect(0);
    let report: serde_json::Value = serde_json::from_slice(&ended.stdout).expect("a report");
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    Shipped { key: text(&report["shipped"][0]["key"]), instance: text(&report["instance"]), ended }
}

#[derive(Debug)]
struct Shipped {
    instance: String,
    key: String,
    ended: Ended,
}

impl Shipped {
    /// The directory part of the key.
    fn directory(&self) -> &str {
        self.key.rsplit_once('/').expect("a directory").0
    }

    /// The stream and the number in it.
    fn place(&self) -> (&str, &str) {
        let tail = self.key.rsplit_once('_').expect("a leaf").1;
        let mut words = tail.split('-');
        (words.next().expect("a stream"), words.next().expect("a number"))
    }
}

/// What machines without a name of their own are called.
fn host() -> String {
    let host = hostname::get().expect("a host name");
    logferry::model::names::Instance::from_host(&host).to_string()
}

/// The day of a directory store's objects.
fn today(shipped: &Shipped) -> &str {
    let stamp = shipped.key.rsplit_once('/').expect("a directory").1.split('_').nth(1).expect("a stamp");
    &stamp[..8]
}

/// What is kept of the metadata service, changed by hand.
fn edit_cache(sandbox: &Sandbox, edit: impl FnOnce(&mut serde_json::Value)) {
    let path = sandbox.path("state/instance.json");
    let mut cache = serde_json::from_slice(&std::fs::read(&path).expect("it is kept")).expect("JSON");
    edit(&mut cache);
    std::fs::write(path, cache.to_string()).expect("it is written");
}

/// The same command on a machine with this hardware: files below `/sys`, and what is in them. Takes root.
fn on_hardware(files: &[(&str, &str)], command: &Command) -> Command {
    let mut script = "set -e; mount -t tmpfs none /sys".to_owned();
    for (path, text) in files {
        let directory = Path::new(path).parent().expect("a directory").display();
        script += &format!("; mkdir -p /sys/{directory}; echo '{text}' >/sys/{path}");
    }
    script += "; exec \"$@\"";
    let mut on = Command::new("unshare");
    on.args(["--mount", "sh", "-c", &script, "sh"]).arg(command.get_program()).args(command.get_args());
    on.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    on.envs(command.get_envs().filter_map(|(name, value): (&OsStr, _)| Some((name, value?))));
    on.current_dir(command.get_current_dir().expect("the sandbox"));
    on
}
