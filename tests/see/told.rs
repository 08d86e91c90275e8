//! What is told on standard error: as JSON, and to the journal.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::process::Stdio;

use serde_json::Value;

use super::away;
use crate::support::Sandbox;

#[track_caller]
fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

#[test]
fn problems_and_steps_are_one_json_object_a_line() {
    let sandbox = Sandbox::new();
    let log = sandbox.write_log("we\nb.log", "one\n");
    std::fs::hard_link(&log, sandbox.path("other")).expect("a link");
    sandbox.write_log("job.log", "two\n");
    let ended = sandbox.run(["run", "-v", "--log-format", "json", "--to", &away(&sandbox), "log"]).expect(75);
    let lines = lines(&ended.stderr);
    let of = |level: &str| lines.iter().filter(|line| line["level"] == level).cloned().collect::<Vec<_>>();
    let [refused] = &of("error")[..] else { panic!("{lines:?}") };
    assert_eq!((&refused["cause"], &refused["effect"]), (&"refused".into(), &"failed".into()));
    assert!(refused["hint"].as_str().is_some_and(|hint| hint.contains("remove the other links")), "{refused}");
    assert!(refused["path"].as_str().is_some_and(|path| path.ends_with("we%0Ab.log")), "{refused}");
    assert_eq!(of("warning")[0]["cause"], "store");
    assert!(of("info").iter().any(|line| line["message"].as_str().is_some_and(|text| text.contains("claimed as"))));
    assert!(lines.iter().all(|line| line["time"].as_str().is_some_and(|time| time.ends_with('Z'))));
}

#[test]
fn a_mistake_in_the_configuration_is_told_as_json_too() {
    let sandbox = Sandbox::new();
    sandbox.config_file_verbatim("leevel = 3\n");
    let mut run = sandbox.logferry();
    run.args(["flush", "log"]).env("LOGFERRY_LOG_FORMAT", "json");
    let ended = crate::support::finish(&mut run).expect(78);
    let [line] = &lines(&ended.stderr)[..] else { panic!("{}", ended.stderr) };
    assert!(line["message"].as_str().is_some_and(|text| text.contains("logferry.toml:1")), "{line}");
    assert!(line["hint"].as_str().is_some_and(|hint| hint.contains("level")), "{line}");
}

/// What a run writes to a file that `JOURNAL_STREAM` says is the journal, or is not.
fn journal(sandbox: &Sandbox, args: &[&str], is_journal: impl Fn(u64, u64) -> String) -> String {
    let path = sandbox.path("journal");
    let file = File::create(&path).expect("a file");
    let is = file.metadata().expect("it is there");
    let mut run = sandbox.logferry();
    run.arg("run").args(args).arg(sandbox.path("log")).env("JOURNAL_STREAM", is_journal(is.dev(), is.ino()));
    run.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file);
    run.status().expect("it ends");
    std::fs::read_to_string(path).expect("what was told")
}

#[test]
fn each_line_has_its_priority_where_the_journal_reads_it() {
    let sandbox = Sandbox::reopening();
    let log = sandbox.write_log("web.log", "one\n");
    std::fs::hard_link(&log, sandbox.path("other")).expect("a link");
    sandbox.write_log("job.log", "two\n");
    let away = away(&sandbox);
    let told = journal(&sandbox, &["-vv", "--to", &away], |dev, ino| format!("{dev}:{ino}"));
    let with = |priority: &str| told.lines().filter(|line| line.starts_with(priority)).collect::<Vec<_>>();
    let counts = ["<3>", "<4>", "<5>", "<6>", "<7>"].map(|priority| with(priority).len());
    assert_eq!(told.lines().count(), counts.iter().sum::<usize>(), "{told}");
    assert!(with("<3>")[0].contains("web.log: refused") && with("<3>")[1].contains("hint: remove"), "{told}");
    assert!(with("<4>")[0].contains("wait") && !with("<6>").is_empty() && !with("<7>").is_empty(), "{told}");
    assert!(!told.contains("logferry: "), "the journal has the name already: {told}");
    let told = journal(&sandbox, &["--to", &away, "--log-format", "json"], |dev, ino| format!("{dev}:{ino}"));
    let line = told.lines().next().and_then(|line| line.strip_prefix("<3>")).expect("a priority");
    assert_eq!(lines(line)[0]["cause"], "refused");
}

#[test]
fn a_mistake_on_the_command_line_has_its_priority_too() {
    let sandbox = Sandbox::new();
    let told = journal(&sandbox, &["--no-such-option"], |dev, ino| format!("{dev}:{ino}"));
    assert!(!told.is_empty() && told.lines().all(|line| line.starts_with("<3>")), "{told}");
    let told = journal(&sandbox, &["--no-such-option"], |_, _| String::new());
    assert!(told.starts_with("error: "), "{told}");
}

#[test]
fn an_environment_variable_that_is_empty_counts_as_not_set() {
    let sandbox = Sandbox::new();
    sandbox.write_log("web.log", "one\n");
    let mut run = sandbox.logferry();
    run.arg("run").arg(sandbox.path("log")).env("LOGFERRY_LOG_FORMAT", "");
    crate::support::finish(&mut run).quiet();
    let ended = sandbox.run(["run", "--log-format", "xml", "log"]).expect(2);
    assert!(ended.stderr.contains("[possible values: text, json]"), "{}", ended.stderr);
}

#[test]
fn what_goes_elsewhere_has_none() {
    let sandbox = Sandbox::new();
    let log = sandbox.write_log("web.log", "one\n");
    std::fs::hard_link(&log, sandbox.path("other")).expect("a link");
    for stream in ["8:1", "", "nonsense"] {
        let told = journal(&sandbox, &[], |_, _| stream.to_owned());
        assert!(told.starts_with("logferry: "), "{stream}: {told}");
    }
    let told = journal(&sandbox, &[], |dev, ino| format!("{dev}:{}", ino + 1));
    assert!(told.starts_with("logferry: "), "{told}");
}
