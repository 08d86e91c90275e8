//! The metrics, looked at by Prometheus' own tool.

use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::away;
use crate::support::Sandbox;

/// A sandbox with a directory that is collected.
fn sandbox() -> (Sandbox, PathBuf) {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path("metrics")).expect("a directory");
    let file = sandbox.path("metrics/logferry.prom");
    (sandbox, file)
}

fn run(sandbox: &Sandbox, file: &Path, args: &[&str]) -> crate::support::Ended {
    let log = sandbox.path("log");
    let mut run = sandbox.logferry();
    run.arg("run").arg("--metrics").arg(file).args(args).arg(log);
    crate::support::finish(&mut run)
}

/// `promtool check KIND`, with that on its standard input where it reads that.
#[track_caller]
fn promtool(args: &[&str], input: &str) {
    let mut promtool = Command::new("promtool");
    promtool.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = promtool.spawn().expect("promtool: it comes with Debian's prometheus; scripts/test installs it");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success() && !said.contains("no help text"), "{said}\n{input}");
}

/// The metrics, which promtool has looked at.
#[track_caller]
fn metrics(file: &Path) -> String {
    let text = std::fs::read_to_string(file).expect("metrics");
    promtool(&["check", "metrics"], &text);
    text
}

/// The value of a series.
#[track_caller]
fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {series} in {text}"))
}

#[test]
fn a_run_writes_what_it_came_to_and_what_grows_grows() {
    let (sandbox, file) = sandbox();
    sandbox.write_log("web.log", "one\ntwo\n");
    run(&sandbox, &file, &[]).quiet();
    let text = metrics(&file);
    assert_eq!(value(&text, "logferry_last_run_exit_code"), 0.0);
    assert_eq!(value(&text, "logferry_last_run_shipped_raw_bytes"), 8.0);
    assert_eq!(value(&text, "logferry_service_shipped_raw_bytes_total{service=\"web\"}"), 8.0);
    assert_eq!(value(&text, "logferry_runs_total{exit_code=\"0\"}"), 1.0);
    assert!(!text.contains("spool_oldest"), "nothing waits: {text}");
    let (now, success) =
        (std::time::UNIX_EPOCH.elapsed().expect("a time"), value(&text, "logferry_last_success_timestamp_seconds"));
    assert!((now.as_secs_f64() - success).abs() < 600.0, "{success}");
    sandbox.write_log("web.log", "three\n");
    sandbox.write_log("job.log", "four\n");
    sandbox.run([&["flush", "--metrics"][..], &[file.to_str().expect("a text"), "log"]].concat()).expect(0);
    let text = metrics(&file);
    assert_eq!(value(&text, "logferry_service_shipped_raw_bytes_total{service=\"web\"}"), 14.0);
    assert_eq!(value(&text, "logferry_shipped_segments_total"), 3.0);
    assert_eq!(value(&text, "logferry_last_run_logs"), 2.0);
}

#[test]
fn a_run_that_fails_writes_them_too_and_the_last_success_stays_what_it_was() {
    let (sandbox, file) = sandbox();
    sandbox.run_all().quiet();
    let log = sandbox.write_log("web.log", "one\n");
    std::fs::hard_link(&log, sandbox.path("other")).expect("a link");
    sandbox.write_log("job.log", "two\n");
    run(&sandbox, &file, &["--to", &away(&sandbox)]).expect(75);
    let text = metrics(&file);
    assert_eq!(value(&text, "logferry_last_run_exit_code"), 75.0);
    assert_eq!(value(&text, "logferry_last_run_problems{cause=\"refused\"}"), 1.0);
    assert_eq!(value(&text, "logferry_last_run_problems{cause=\"store\"}"), 1.0);
    assert_eq!(value(&text, "logferry_spool_segments"), 1.0);
    assert!(value(&text, "logferry_spool_oldest_timestamp_seconds") > 1.0e9);
    let success = value(&text, "logferry_last_success_timestamp_seconds");
    assert!(success > 1.0e9 && success < value(&text, "logferry_last_run_timestamp_seconds"), "{text}");
}

#[test]
fn the_configured_file_is_readable_by_all_and_replaced_and_never_written_through() {
    let (sandbox, file) = sandbox();
    sandbox.config_file(&format!("metrics = {:?}\n", file));
    let outside = sandbox.path("outside");
    std::fs::write(&outside, "not yours\n").expect("a file");
    symlink(&outside, &file).expect("a link");
    symlink(&outside, sandbox.path("metrics/.logferry.prom.tmp")).expect("a link");
    sandbox.run_all().quiet();
    assert_eq!(std::fs::read_to_string(&outside).expect("it is there"), "not yours\n");
    let is = std::fs::symlink_metadata(&file).expect("it is there");
    assert!(is.is_file() && is.permissions().mode() & 0o7777 == 0o644, "{is:?}");
    assert_eq!(sandbox.files("metrics"), std::slice::from_ref(&file), "nothing else is there");
    metrics(&file);
}

#[test]
fn a_directory_that_is_missing_is_told_and_all_is_shipped() {
    let sandbox = Sandbox::new();
    sandbox.write_log("web.log", "one\n");
    let ended = run(&sandbox, &sandbox.path("nowhere/logferry.prom"), &["--json"]).expect(0);
    assert!(ended.stderr.contains("nowhere") && ended.stderr.contains("hint: all else was done"), "{}", ended.stderr);
    let report: serde_json::Value = serde_json::from_slice(&ended.stdout).expect("JSON");
    assert_eq!((&report["problems"][0]["effect"], &report["exit_code"]), (&"noted".into(), &0.into()), "{report}");
    assert!(!sandbox.path("nowhere").exists());
    assert_eq!(sandbox.run(["cat", "web"]).expect(0).text(), "one\n");
}

#[test]
fn more_than_a_hundred_services_are_bounded_and_any_name_is_understood() {
    let (sandbox, file) = sandbox();
    sandbox.write_log("a \"b\\c\u{e4}.log", "odd\n");
    for number in 0..110 {
        sandbox.write_log(format!("service-{number}.log"), "x\n");
    }
    run(&sandbox, &file, &[]).quiet();
    let text = metrics(&file);
    assert_eq!(text.matches("logferry_service_shipped_segments_total{").count(), 100, "{text}");
    assert_eq!(value(&text, "logferry_other_services_shipped_segments_total"), 11.0);
    assert_eq!(value(&text, "logferry_shipped_segments_total"), 111.0);
}

#[test]
fn a_name_that_is_not_collected_is_a_mistake() {
    let sandbox = Sandbox::new();
    let ended = sandbox.run(["run", "--metrics", "metrics.txt", "log"]).expect(2);
    assert!(ended.stderr.contains("ends in \".prom\""), "{}", ended.stderr);
}

#[test]
fn the_rules_of_the_guide_are_sound() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/monitoring.md");
    let guide = std::fs::read_to_string(guide).expect("the guide");
    let (_, rules) = guide.split_once("```yaml\ngroups:").expect("rules");
    let rules = format!("groups:{}", rules.split_once("```").expect("their end").0);
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), &rules).expect("rules");
    promtool(&["check", "rules", file.path().to_str().expect("a text")], "");
    assert_eq!(rules.matches("- alert:").count(), 4);
    // They are about metrics that there are.
    let (sandbox, metrics_file) = sandbox();
    sandbox.write_log("web.log", "one\n");
    run(&sandbox, &metrics_file, &["--to", &away(&sandbox)]).expect(75);
    let text = metrics(&metrics_file);
    let names =
        rules.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| word.starts_with("logferry_"));
    for name in names {
        assert!(text.contains(&format!("# TYPE {name} ")), "{name} is no metric of ours");
    }
}
