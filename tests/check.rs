//! `logferry check`: each fault that can keep a run from working is brought about for real, and is found with its place, its
//! reason and what to do; a machine without one is told so; and nothing is changed by looking.

mod bounded;
mod faults;
mod healthy;
mod lifecycle;
mod schedule;
mod store;
mod untouched;
mod writers;

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use logferry::model::digest::Digest;

use crate::support::{Ended, Sandbox, finish};

/// Nobody's user and group.
const NOBODY: u32 = 65534;

/// No check takes longer, whatever is wrong: the store's limit, and the start of a process on a busy machine.
const LONGEST: Duration = Duration::from_secs(40);

/// What a check found, as it tells programs and people.
#[derive(Debug)]
struct Checked {
    json: serde_json::Value,
    table: String,
    code: i32,
}

impl Checked {
    /// Runs a check twice, for programs and for people, and fails the test unless both say the same, with the same exit code,
    /// and nothing in the sandbox was changed but for the reserved object.
    #[track_caller]
    fn of(sandbox: &Sandbox, command: impl Fn() -> Command) -> Self {
        let before = snapshot(sandbox);
        let json = finish(command().arg("--json"));
        let table = finish(&mut command());
        let (changed, took) = (snapshot(sandbox), json.took);
        assert_eq!(before, changed, "a check changes nothing");
        assert!(took < LONGEST, "it took {took:?}");
        assert_eq!(json.code, table.code, "{}\n{}", json.stderr, table.stderr);
        let checked = Self { table: table.text(), code: json.code, json: parsed(&json) };
        for finding in checked.findings() {
            let told = |key: &str| finding[key].as_str().is_none_or(|text| checked.table.contains(text));
            // Times and process ids may have changed in between, and an object that was put is there from then on.
            let passing = ["pid", "for ", "since", "s ahead", "s behind", "was put", "free on", "no answer"];
            let detail = finding["detail"].as_str().unwrap_or_default();
            let is_passing = passing.iter().any(|word| detail.contains(word));
            assert!(told("what") && told("hint") && (is_passing || told("detail")), "{finding}\n{}", checked.table);
        }
        assert!(!checked.table.contains('\u{1b}'), "colours are for terminals: {}", checked.table);
        assert_eq!(checked.json["exit_code"], checked.code);
        checked
    }

    fn findings(&self) -> impl Iterator<Item = &serde_json::Value> {
        let groups = self.json["groups"].as_array().expect("groups").iter();
        groups.flat_map(|group| group["findings"].as_array().expect("findings"))
    }

    /// The finding about something, in a group.
    #[track_caller]
    fn finding(&self, group: &str, what: &str) -> &serde_json::Value {
        let groups = self.json["groups"].as_array().expect("groups").iter();
        let mut findings = groups
            .filter(|found| found["name"] == group)
            .flat_map(|group| group["findings"].as_array().expect("findings"));
        let found = findings.find(|finding| finding["what"].as_str().is_some_and(|found| found.contains(what)));
        found.unwrap_or_else(|| panic!("nothing of {what} in {group}:\n{}", self.table))
    }

    /// Fails the test unless that was found with that verdict and these words; a fault or a warning says what to do.
    #[track_caller]
    fn has(&self, group: &str, what: &str, verdict: &str, words: &str) -> &Self {
        let groups = self.json["groups"].as_array().expect("groups").iter().filter(|found| found["name"] == group);
        let contains = |text: &serde_json::Value, part: &str| text.as_str().is_some_and(|text| text.contains(part));
        let mut findings = groups.flat_map(|group| group["findings"].as_array().expect("findings"));
        let found = findings.find(|finding| {
            finding["verdict"] == verdict && contains(&finding["what"], what) && contains(&finding["detail"], words)
        });
        let found =
            found.unwrap_or_else(|| panic!("no {verdict} of {what} with {words:?} in {group}:\n{}", self.table));
        assert_eq!(found["hint"].is_string(), verdict != "ok", "{found}");
        self
    }

    /// Fails the test unless the check ended with that code, and says in its last line what it came to.
    #[track_caller]
    fn ends(&self, code: i32) -> &Self {
        assert_eq!(self.code, code, "{}", self.table);
        let summary = match code {
            0 => "nothing is in the way of the next run",
            1 => "the next run would leave something undone",
            75 => "the next run could not ship all",
            _ => "no run would touch anything",
        };
        let last = self.table.lines().last().unwrap_or_default();
        assert!(last.contains(summary), "{last}");
        self
    }
}

#[track_caller]
fn parsed(ended: &Ended) -> serde_json::Value {
    serde_json::from_slice(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {} {}", ended.text(), ended.stderr))
}

/// A check of the sandbox's log directory.
#[track_caller]
fn check(sandbox: &Sandbox) -> Checked {
    check_of(sandbox, &[&sandbox.log("*.log").display().to_string()])
}

/// A check with these arguments.
#[track_caller]
fn check_of(sandbox: &Sandbox, args: &[&str]) -> Checked {
    Checked::of(sandbox, || {
        let mut command = sandbox.logferry();
        command.arg("check").args(args);
        command
    })
}

/// What is in a sandbox: names with their kind, mode, owner, links, times and a digest of the contents. But not the store's
/// reserved object; nor the files of the S3 server, which is another machine; nor images, to which the kernel writes what is
/// mounted from them.
fn snapshot(sandbox: &Sandbox) -> BTreeMap<PathBuf, String> {
    let ours =
        |path: &Path| path != sandbox.path("s3") && path != sandbox.path("image") && !path.ends_with(".logferry");
    let entries = walkdir::WalkDir::new(sandbox.path("")).min_depth(1).into_iter();
    let entries = entries.filter_entry(|entry| ours(entry.path())).filter_map(Result::ok);
    let describe = |entry: walkdir::DirEntry| {
        let is = entry.path().symlink_metadata().expect("it is there");
        let content = if is.is_file() { std::fs::read(entry.path()).unwrap_or_default() } else { Vec::new() };
        let mut text = format!("mode {:o} user {} digest {}", is.mode(), is.uid(), Digest::of(&content));
        // The directory in which the reserved object's own directory is made gets a new time and a new link.
        if entry.path() != sandbox.path("store") {
            text += &format!(" links {} times {} {}", is.nlink(), is.mtime_nsec(), is.ctime_nsec());
        }
        (entry.path().to_owned(), text)
    };
    entries.map(describe).collect()
}

/// An attribute, taken away again when dropped: nothing could be removed else.
struct Attribute {
    path: std::path::PathBuf,
    letter: char,
}

impl Attribute {
    fn set(path: impl Into<std::path::PathBuf>, letter: char) -> Self {
        let path = path.into();
        finish(Command::new("chattr").arg(format!("+{letter}")).arg(&path)).expect(0);
        Self { path, letter }
    }
}

impl Drop for Attribute {
    fn drop(&mut self) {
        let _ = Command::new("chattr").arg(format!("-{}", self.letter)).arg(&self.path).status();
    }
}

/// A copy of the binary that every user can start: where it lies may be closed to others.
fn binary_for_all(sandbox: &Sandbox) -> PathBuf {
    let binary = sandbox.path("logferry");
    if !binary.exists() {
        // Not copied by this process: a child that another test forks meanwhile would hold the copy open for writing.
        finish(Command::new("install").args(["-m", "755", env!("CARGO_BIN_EXE_logferry")]).arg(&binary)).quiet();
    }
    binary
}

/// A check as nobody.
#[track_caller]
fn check_as_nobody(sandbox: &Sandbox) -> Checked {
    use std::os::unix::process::CommandExt;
    let binary = binary_for_all(sandbox);
    Checked::of(sandbox, || {
        let environment = sandbox.logferry();
        let mut command = Command::new(&binary);
        command.env_clear().envs(environment.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.arg("check").arg(sandbox.log("*.log")).uid(NOBODY).gid(NOBODY).current_dir("/");
        command
    })
}
