//! The table of what was tried: each test that breaks something adds a row, and the run of the tests writes it.
//!
//! It goes to `target/proof.md`, or to where `LOGFERRY_PROOF` says; the one in the repository was written that way.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

/// What was tried, and what came of it. Rows of the same fault add up.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// How often it was tried.
    pub(crate) times: u64,
    /// Bytes that are missing in the end.
    pub(crate) lost: u64,
    /// Objects or bytes of objects that are there twice.
    pub(crate) doubled: u64,
    /// How long the run took that brought all to its end.
    pub(crate) recovery: Duration,
    /// Why a figure is not zero; empty where all are.
    pub(crate) note: String,
}

impl Row {
    /// So many tries of which nothing was lost or doubled; the slowest run that mended it took `recovery`.
    pub(crate) fn sound(times: u64, recovery: Duration) -> Self {
        Self { times, lost: 0, doubled: 0, recovery, note: String::new() }
    }
}

/// Groups of faults, in the order of the table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Group {
    Crashes,
    Store,
    Disk,
    State,
    Users,
}

impl Group {
    fn title(self) -> &'static str {
        match self {
            Self::Crashes => "Crashes",
            Self::Store => "Faults of the store",
            Self::Disk => "Faults of the disk and of the log directory",
            Self::State => "Damaged state",
            Self::Users => "Hostile local users",
        }
    }
}

static ROWS: Mutex<BTreeMap<(Group, String), Row>> = Mutex::new(BTreeMap::new());

/// Adds a row to the table and writes it.
pub(crate) fn record(group: Group, fault: &str, row: Row) {
    let mut rows = ROWS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    match rows.get_mut(&(group, fault.to_owned())) {
        Some(known) => {
            known.times += row.times;
            known.lost += row.lost;
            known.doubled += row.doubled;
            known.recovery = known.recovery.max(row.recovery);
        }
        None => drop(rows.insert((group, fault.to_owned()), row)),
    }
    let path = path();
    std::fs::write(&path, render(&rows)).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

fn path() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    match std::env::var_os("LOGFERRY_PROOF") {
        Some(path) => root.join(path),
        None => {
            let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
            target.join("proof.md")
        }
    }
}

fn render(rows: &BTreeMap<(Group, String), Row>) -> String {
    let mut text = "\
# What was tried

Each row is a fault that the tests bring about, how often they did, and what was missing or there twice when the next
undisturbed run had ended. Written by the tests (`LOGFERRY_PROOF=docs/proof.md scripts/test`), not by hand; the longest
recovery is the slowest of those runs, on a machine that was busy with other tests.
"
    .to_owned();
    let mut group = None;
    for ((of, fault), Row { times, lost, doubled, recovery, note }) in rows {
        if group != Some(*of) {
            group = Some(*of);
            let _ = writeln!(text, "\n## {}\n", of.title());
            text += "| fault | times tried | bytes lost | objects doubled | longest recovery |\n";
            text += "| --- | ---: | ---: | ---: | ---: |\n";
        }
        let fault = if note.is_empty() { fault.clone() } else { format!("{fault}. {note}") };
        let seconds = recovery.as_secs_f64();
        let _ = writeln!(text, "| {fault} | {times} | {lost} | {doubled} | {seconds:.2} s |");
    }
    text
}
