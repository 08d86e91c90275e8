//! What docs/flush.md tells people, held against the program and the tools that it is for.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use logferry::config::{File, parse_duration};
use logferry::model::priority::Priority;

use crate::support::{Sandbox, finish};

fn guide() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/flush.md");
    std::fs::read_to_string(path).expect("the guide")
}

fn block(language: &str) -> String {
    let guide = guide();
    let block = guide.split(&format!("```{language}\n")).nth(1).and_then(|rest| rest.split("```").next());
    block.expect("a block").to_owned()
}

#[test]
fn the_unit_is_sound_and_its_deadline_shorter_than_what_systemd_allows() {
    let sandbox = Sandbox::new();
    let unit = block("ini");
    // Installed there, which it need not be here.
    let sound = unit.replace("/usr/bin/logferry", env!("CARGO_BIN_EXE_logferry"));
    std::fs::write(sandbox.path("logferry-flush.service"), sound).expect("a unit");
    let analyze = "systemd-analyze is missing: as root, apt-get install systemd";
    assert!(Path::new("/usr/bin/systemd-analyze").exists(), "{analyze}");
    let mut verify = Command::new("systemd-analyze");
    finish(verify.args(["verify", "--man=no"]).arg(sandbox.path("logferry-flush.service"))).quiet();
    let value = |key: &str| unit.lines().find_map(|line| line.strip_prefix(key)).expect("the key").to_owned();
    let command = value("ExecStop=");
    let deadline = command.split_once("--deadline ").expect("a deadline").1;
    let (deadline, allowed) = (parse_duration(deadline), parse_duration(&value("TimeoutStopSec=")));
    assert!(deadline.expect("a time") + Duration::from_secs(5) <= allowed.expect("a time"), "{unit}");
    // The command is understood, and finds nothing to do.
    let args = command.split(' ').skip(1).map(str::to_owned).chain(["log".to_owned()]);
    sandbox.run(args).quiet();
}

#[test]
fn the_configuration_is_sound_and_says_what_the_text_says() {
    let file = File::parse(Path::new("flush.md"), block("toml")).expect("sound");
    let priorities: Vec<Priority> = file.sets.iter().map(|set| set.priority).collect();
    assert_eq!(priorities, [Priority::High, Priority::Normal, Priority::Low]);
}

#[test]
fn the_guide_and_the_help_tell_the_same_exit_codes() {
    let help = finish(Command::new(env!("CARGO_BIN_EXE_logferry")).args(["flush", "--help"])).expect(0).text();
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (help, guide) = (words(&help), guide());
    for code in [0, 1, 2, 75, 78] {
        let row = guide.lines().find_map(|line| line.strip_prefix(&format!("| {code} | "))).expect("a row");
        let meaning = row.trim_end_matches(" |");
        assert!(help.contains(&format!("{code} {meaning}")), "{code}: {meaning}\n{help}");
    }
}
