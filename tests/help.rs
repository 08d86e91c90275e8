//! The help of each command, as a person sees it.

use clap::CommandFactory;
use logferry::cli::Cli;

use crate::support::Sandbox;

/// How wide help is at the most.
const WIDTH: usize = 100;

/// Whether a line begins something of its own: an option, an exit code, a command.
fn is_item(line: &str) -> bool {
    line.trim_start().starts_with(|c: char| !c.is_lowercase() && !c.is_uppercase() && c != '`')
}

/// Lines that end though the next one's first word would fit on them: text that was broken before it was broken to fit.
fn broken_twice(help: &str) -> Vec<String> {
    let lines: Vec<&str> = help.lines().collect();
    let pairs = lines.windows(2).filter(|pair| {
        let (line, next) = (pair[0], pair[1]);
        let goes_on = !line.trim().is_empty() && !line.ends_with(':') && !is_item(next);
        let indent = |line: &str| line.len() - line.trim_start().len();
        let same = indent(line) == indent(next);
        let word = next.split_whitespace().next();
        goes_on && same && word.is_some_and(|word| line.chars().count() + 1 + word.chars().count() <= WIDTH)
    });
    pairs.map(|pair| pair.join("\n")).collect()
}

#[test]
fn no_paragraph_of_a_help_text_is_broken_twice() {
    let sandbox = Sandbox::new();
    let mut lines = 0;
    for command in Cli::command().get_subcommands() {
        let name = command.get_name();
        // What grep(1) means by -h is --no-label.
        for asked in [["help", name], [name, "--help"], [name, if name == "grep" { "--help" } else { "-h" }]] {
            let help = sandbox.run(asked).expect(0).text();
            let broken = broken_twice(&help);
            assert!(broken.is_empty(), "{name}:\n{}", broken.join("\n...\n"));
            lines += help.lines().count();
        }
    }
    assert!(lines > 300, "{lines}");
    let broken =
        "It looks at the configuration, the logs and their directories, who writes the logs, and who\nreads them.";
    assert_eq!(broken_twice(broken).len(), 1);
}
