//! The `[lifecycle]` table: what is done when the instance is about to go.

use std::time::Duration;

use super::ConfigError;
use super::section::{Mistakes, Section};
use crate::model::fate::Verdict;
use crate::model::group::{Group, HookName};

/// How long the command before the last flush may take unless the user says otherwise.
const DEFAULT_BEFORE_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a last flush is tried unless the user says otherwise.
const DEFAULT_LIMIT: Duration = Duration::from_secs(3600);

/// What `logferry lifecycle` goes by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lifecycle {
    /// The command that is run before the last flush, so that the last lines are written: program and arguments.
    pub before: Vec<String>,
    /// How long it may take.
    pub before_timeout: Duration,
    /// The hook that waits for us, where the group has several.
    pub hook: Option<HookName>,
    /// The Auto Scaling group, where it is not to be asked for.
    pub group: Option<Group>,
    /// How long the last flush is tried in all; the hook's own time may be shorter.
    pub limit: Duration,
    /// What the hook is told when not all could be shipped.
    pub on_failure: Verdict,
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self {
            before: Vec::new(),
            before_timeout: DEFAULT_BEFORE_TIMEOUT,
            hook: None,
            group: None,
            limit: DEFAULT_LIMIT,
            on_failure: Verdict::Abandon,
        }
    }
}

/// Reads the table.
pub(super) fn read(mut section: Section<'_>, mistakes: &mut Mistakes) -> Lifecycle {
    let default = Lifecycle::default();
    let before = before(&mut section, mistakes);
    let lifecycle = Lifecycle {
        before,
        before_timeout: mistakes
            .or_default(section.parsed("before_timeout", positive))
            .unwrap_or(default.before_timeout),
        hook: mistakes.or_default(section.parsed("hook", HookName::parse)),
        group: mistakes.or_default(section.parsed("group", Group::parse)),
        limit: mistakes.or_default(section.parsed("limit", positive)).unwrap_or(default.limit),
        on_failure: mistakes.or_default(on_failure(&mut section)).unwrap_or(default.on_failure),
    };
    section.finish(mistakes);
    lifecycle
}

fn no_nul(word: &str) -> Result<String, String> {
    match word.contains('\0') {
        false => Ok(word.to_owned()),
        true => Err("a word of a command can't hold a NUL".to_owned()),
    }
}

/// The command, which no shell takes apart.
fn before(section: &mut Section<'_>, mistakes: &mut Mistakes) -> Vec<String> {
    let line = section.line_of("before");
    let read = section.list("before", no_nul);
    let is_sound = read.is_ok();
    let before = mistakes.or_default(read);
    let wrong = match before.first() {
        Some(program) => unfit(program),
        None if line.is_some() && is_sound => {
            Some(("it is empty".to_owned(), "leave it out where there is no command"))
        }
        None => None,
    };
    if let Some((why, hint)) = wrong {
        mistakes.note(section.error_of("before", line, why).hint(hint));
    }
    before
}

/// Why that can't be a program, and what to do: a path from somewhere could be another file each time.
fn unfit(program: &str) -> Option<(String, &'static str)> {
    match program {
        "" => Some((
            "the program has no name".to_owned(),
            "its first word is the program: [\"service\", \"web\", \"stop\"]",
        )),
        _ if program.contains(char::is_whitespace) => Some((
            format!("{program:?} is no program: it holds a space"),
            "write each word by itself: before = [\"service\", \"web\", \"stop\"]",
        )),
        _ if program.contains('/') && !program.starts_with('/') => Some((
            format!("{program:?} is not absolute"),
            "write its whole path: before = [\"/usr/local/bin/stop-web\"]",
        )),
        _ => None,
    }
}

fn on_failure(section: &mut Section<'_>) -> Result<Option<Verdict>, ConfigError> {
    let hint =
        "with \"abandon\", an instance lifecycle policy TerminateHookAbandon=retain of the group keeps the instance";
    section.parsed("on_failure", verdict).map_err(|error| error.hint(hint))
}

fn positive(text: &str) -> Result<Duration, String> {
    match super::parse_duration(text)? {
        time if time >= Duration::from_secs(1) => Ok(time),
        _ => Err(format!("{text:?} is less than a second")),
    }
}

fn verdict(text: &str) -> Result<Verdict, String> {
    match text {
        "abandon" => Ok(Verdict::Abandon),
        "continue" => Ok(Verdict::Continue),
        other => Err(format!("{other:?} is neither \"abandon\" nor \"continue\"")),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::File;

    fn read(text: &str) -> Result<Lifecycle, String> {
        let file = File::parse(Path::new("x.toml"), format!("[lifecycle]\n{text}\n"));
        file.map(|file| file.lifecycle).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_not_said_is_as_usual() {
        assert_eq!(read(""), Ok(Lifecycle::default()));
        let said = "before = [\"service\", \"web\", \"stop\"]\nbefore_timeout = \"20s\"\nhook = \"logs\"\ngroup = \"web 1\"\n\
                    limit = \"30m\"\non_failure = \"continue\"";
        let read = read(said).expect("sound");
        assert_eq!((read.before.len(), read.before_timeout.as_secs(), read.limit.as_secs()), (3, 20, 1800));
        assert_eq!((read.hook.is_some(), read.group.is_some(), read.on_failure), (true, true, Verdict::Continue));
    }

    #[test]
    fn mistakes_name_line_key_and_what_is_wrong() {
        for (text, part) in [
            ("before = \"service web stop\"", "x.toml:2: `before` in [lifecycle]: \"service web stop\" is no program"),
            ("before = \"service web stop\"", "hint: write each word by itself"),
            ("before = [\"./stop\"]", "\"./stop\" is not absolute\n  hint: write its whole path"),
            (
                "limit = \"1h\"\nbefore = [\"\"]",
                "x.toml:3: `before` in [lifecycle]: the program has no name\n  hint: its first",
            ),
            ("before = []", "x.toml:2: `before` in [lifecycle]: it is empty\n  hint: leave it out"),
            ("before = [3]", "x.toml:2: `before` in [lifecycle] must be a text"),
            ("before_timeout = \"0s\"", "x.toml:2: `before_timeout` in [lifecycle]: \"0s\" is less than a second"),
            ("hook = \"a b\"", "x.toml:2: `hook` in [lifecycle]: \"a b\" is not the name of a lifecycle hook"),
            ("group = \"\"", "x.toml:2: `group` in [lifecycle]: "),
            ("limit = \"soon\"", "x.toml:2: `limit` in [lifecycle]: "),
            (
                "on_failure = \"retain\"",
                "neither \"abandon\" nor \"continue\"\n  hint: with \"abandon\", an instance lifecycle",
            ),
            ("heartbeat = \"3s\"", "unknown key `heartbeat` in [lifecycle]"),
        ] {
            let mistake = read(text).expect_err(text);
            assert!(mistake.contains(part), "{text:?} gives {mistake}");
        }
    }
}
