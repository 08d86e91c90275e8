//! What would become of a log, as far as can be seen without touching it: for those who only tell.
//!
//! A run finds out by trying, and by proofs of its own; nothing here decides what a run does.

use super::askable;
use super::choose::{self, said};
use super::discover::Found;
use super::holds;
use crate::model::way::{Argv, Holes, Way};
use crate::sys::command::Program;
use crate::sys::procfs::{Holder, Writes};

/// What speaks against taking a log in the way that was chosen for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Against {
    /// A run would refuse it.
    Refused {
        /// Why.
        why: String,
        /// What to do.
        hint: String,
    },
    /// A run would leave it to its writer, without a word.
    Left {
        /// Why.
        why: String,
        /// What to do if that is not as it should be.
        hint: String,
    },
}

/// What speaks against taking a log that these have open for writing in that way.
pub fn against(way: &Way, found: &Found, writers: &[Holder]) -> Option<Against> {
    match way {
        Way::Reopens => None,
        Way::Signal { process, signal, .. } if !writers.is_empty() => {
            let deaf = askable::deaf(*signal, process, writers);
            let named = writers.iter().any(|holder| holder.is_called(process));
            match deaf {
                Some(why) => Some(Against::Refused { why, hint: askable::HINT_DEAF.to_owned() }),
                None => (!named).then(|| Against::Refused {
                    why: format!("none of them is called {process}, and no other process gets a signal"),
                    hint: format!(
                        "correct `process` (and see that {} does what is wanted at {signal})",
                        first(writers)
                    ),
                }),
            }
        }
        Way::Command { argv, .. } if !writers.is_empty() => without_program(argv),
        Way::Signal { .. } | Way::Command { .. } => None,
        Way::Closed if writers.is_empty() => None,
        Way::Closed => Some(Against::Left {
            why: "a log that is open for writing is not taken so, but when its writer has rotated it, or has ended"
                .to_owned(),
            hint:
                "nothing to do if its writer rotates it by itself; else remove `writer = \"closed\"` (docs/writers.md)"
                    .to_owned(),
        }),
        Way::Holds { holes } => against_holds(*holes, found, writers),
    }
}

fn against_holds(holes: Holes, found: &Found, writers: &[Holder]) -> Option<Against> {
    let anywhere: Vec<Holder> = writers.iter().filter(|holder| holder.writes == Writes::Anywhere).cloned().collect();
    if !anywhere.is_empty() {
        let does_not = said(&anywhere, "does not open it with O_APPEND", "do not open it with O_APPEND");
        return Some(Against::Refused {
            why: format!("{does_not}, so that nothing can be taken in place"),
            hint: "have it append (`>>`, `append:`), or see docs/writers.md".to_owned(),
        });
    }
    let unable = holes == Holes::Refused && choose::open(found).is_some_and(|log| !holds::is_possible(&log));
    unable.then(|| {
        let holds::Refusal { what, hint, .. } = holds::unable();
        Against::Refused { why: what, hint }
    })
}

fn without_program(argv: &Argv) -> Option<Against> {
    let program = argv.program();
    let why = match Program::find(program) {
        Ok(Some(_)) => return None,
        Ok(None) => format!("there is no program {program} where the system's are"),
        Err(failure) => format!("{program} can't be run: {}", failure.source),
    };
    Some(Against::Refused {
        why,
        hint: "correct `command`: its first word is a program that only root can change".to_owned(),
    })
}

fn first(writers: &[Holder]) -> &str {
    writers.first().map_or("its writer", |first| first.name.as_str())
}
