//! What a command line of logferry's would do, without doing it: for a check of what cron starts.

use std::any::Any;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory};

use crate::check::{Action, Call};
use crate::cli::Cli;

/// Reads a command line, the program's name with it. What this process has in its environment does not count.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub(super) fn read(words: &[String]) -> Result<Call, String> {
    let matches = match Cli::command().try_get_matches_from(words) {
        Ok(matches) => matches,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            return Ok(Call { action: Action::Other(words.last().cloned().unwrap_or_default()), ..Call::default() });
        }
        Err(error) if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            return Err("it names no command".to_owned());
        }
        Err(error) => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            return Err(first.strip_prefix("error: ").unwrap_or(first).to_owned());
        }
    };
    let (name, of_command) = matches.subcommand().ok_or("it names no command")?;
    let action = match name {
        "run" if of_command.get_flag("dry_run") => Action::Other("run --dry-run".to_owned()),
        "run" => Action::Ships,
        other => return Ok(Call { action: Action::Other(other.to_owned()), ..Call::default() }),
    };
    Ok(Call {
        action,
        logs: of_command.get_many("logs").map(|logs| logs.cloned().collect()).unwrap_or_default(),
        to: given(of_command, "to"),
        config: given(of_command, "config"),
        state_dir: given(of_command, "state_dir"),
    })
}

/// What the command line says itself.
fn given<T: Any + Clone + Send + Sync>(matches: &ArgMatches, id: &str) -> Option<T> {
    let is_given = matches.value_source(id) == Some(ValueSource::CommandLine);
    is_given.then(|| matches.get_one(id).cloned()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(command: &str) -> Result<Call, String> {
        read(&command.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn a_run_says_what_it_takes_and_where_to() {
        let said = call("logferry run --low-priority --to s3://logs/p --config /c /a.log /b.log").expect("a run");
        assert_eq!((said.action, said.to.map(|to| to.to_string())), (Action::Ships, Some("s3://logs/p".to_owned())));
        assert_eq!((said.config, said.state_dir), (Some("/c".into()), None));
        assert_eq!(said.logs, [std::path::PathBuf::from("/a.log"), "/b.log".into()]);
    }

    #[test]
    fn what_ships_nothing_is_told_apart_from_what_is_refused() {
        for (command, name) in [
            ("x check", "check"),
            ("x run --dry-run", "run --dry-run"),
            ("x --version", "--version"),
            ("x ls -h", "-h"),
        ] {
            assert_eq!(call(command).expect(command).action, Action::Other(name.to_owned()), "{command}");
        }
        for (command, part) in [("x", "no command"), ("x rum", "'rum'"), ("x run --at 7", "'--at'")] {
            let why = call(command).expect_err(command);
            assert!(why.contains(part) && !why.contains("error"), "{command}: {why}");
        }
    }
}
