//! `logferry check`: everything that could keep the next run from working, each with what to do.

use std::io::IsTerminal;

use serde::Serialize;

use crate::check::{self, Subject};
use crate::cli;
use crate::config::{Backlog, Flags};
use crate::exit::Exit;
use crate::model::finding::{Bars, Group, Verdict, gravest};
use crate::report::checklist::{self, Paint};
use crate::report::{self, steps};
use crate::sys::signals;

/// What is printed for a program.
#[derive(Serialize)]
struct Findings<'a> {
    version: &'static str,
    /// The gravest of all verdicts.
    verdict: Verdict,
    exit_code: u8,
    groups: &'a [Group],
}

/// Looks at everything and tells what was found.
pub fn check(args: cli::Check) -> Exit {
    steps::tell(super::verbosity(args.store.verbose));
    // A log's lease may be broken while it is tried: the signal must not end us.
    if let Err(failure) = signals::ignore_sigio() {
        let _ = report::print_problems(&[report::fatal(&failure.path, &failure)]);
        return Exit::Failed;
    }
    let json = args.json;
    let groups = check::check(Subject::new(flags(args), super::call::read));
    let exit = exit(&groups);
    let told = match json {
        true => report::print_json(&Findings {
            version: env!("CARGO_PKG_VERSION"),
            verdict: gravest(&groups),
            exit_code: exit as u8,
            groups: &groups,
        }),
        false => steps::say(&checklist::lines(&groups, paint()).join("\n")),
    };
    told.map_or(exit.max(Exit::Failed), |()| exit)
}

fn flags(args: cli::Check) -> Flags {
    Flags {
        logs: args.logs,
        to: args.store.to,
        config: args.store.config,
        instance: args.instance,
        splay: None,
        writer: args.writer,
        backlog: Backlog::of_flag(args.backlog),
        threads: None,
        state_dir: args.state_dir,
    }
}

/// The exit code that findings come to. A log that is left is graver here than a store that is away: the store's trouble
/// may pass by itself.
fn exit(groups: &[Group]) -> Exit {
    match gravest(groups) {
        Verdict::Ok | Verdict::Warn => Exit::Done,
        Verdict::Fail(Bars::Shipping) => Exit::Waits,
        Verdict::Fail(Bars::Logs) => Exit::Failed,
        Verdict::Fail(Bars::Runs) => Exit::Config,
    }
}

/// Colours are for terminals, and for those who want them (<https://no-color.org>).
fn paint() -> Paint {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty());
    let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    match std::io::stdout().is_terminal() && !unwanted && !dumb {
        true => Paint::Colours,
        false => Paint::Plain,
    }
}
