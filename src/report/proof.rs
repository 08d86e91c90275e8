//! What a verification tells: for a person, and for a program.

use std::collections::BTreeMap;
use std::io;

use serde::Serialize;

use super::steps;
use crate::model::printable::printable;
use crate::model::proof::laws::Window;
use crate::model::proof::sample::Amount;
use crate::model::proof::verdict::{ReadBack, Tally, Totals, Verdict};
use crate::model::proof::{Finding, Kind, counted};
use crate::model::size;
use crate::model::time::Moment;

/// How many findings of one kind are told one by one.
const TOLD: usize = 20;

/// The report for a program.
#[derive(Serialize)]
struct Report<'v> {
    version: &'static str,
    store: &'v str,
    at: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kept_since: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    longest_seconds: Option<u64>,
    mode: &'static str,
    proved: bool,
    exit_code: u8,
    totals: Totals,
    services: &'v [Tally],
    #[serde(skip_serializing_if = "Option::is_none")]
    read: Option<ReadBack>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notices_asked: Option<usize>,
    #[serde(skip_serializing_if = "is_none")]
    notices_unread: usize,
    foreign: u64,
    findings: &'v [Finding],
}

/// Prints the report for a program.
///
/// # Errors
/// Where the output can't be written; it was complained of.
pub fn json(verdict: &Verdict, exit_code: u8) -> io::Result<()> {
    let Window { since, until, kept_since } = verdict.window;
    super::print_json(&Report {
        version: env!("CARGO_PKG_VERSION"),
        store: &verdict.store,
        at: verdict.at,
        since,
        until,
        kept_since,
        longest_seconds: verdict.longest.map(|longest| longest.as_secs()),
        mode: mode(verdict.amount),
        proved: verdict.is_proved(),
        exit_code,
        totals: verdict.totals,
        services: &verdict.services,
        read: (verdict.amount != Amount::None).then_some(verdict.read),
        notices_asked: (verdict.amount == Amount::None).then_some(verdict.asked),
        notices_unread: verdict.unread,
        foreign: verdict.foreign,
        findings: &verdict.findings,
    })
}

fn is_none(count: &usize) -> bool {
    *count == 0
}

fn mode(amount: Amount) -> &'static str {
    match amount {
        Amount::None => "listing",
        Amount::Some(_) => "sample",
        Amount::All => "all",
    }
}

/// Prints what was looked at on standard output, what was found on standard error, and the verdict as the last line.
///
/// # Errors
/// Where the output can't be written; it was complained of.
pub fn print(verdict: &Verdict) -> io::Result<()> {
    table(&verdict.services).iter().try_for_each(|line| steps::say(line))?;
    if verdict.foreign > 0 {
        steps::say(&format!("{} that logferry did not ship", super::count(clamped(verdict.foreign), "object")))?;
    }
    if let Some(unasked) = &verdict.unasked {
        steps::say(unasked)?;
    }
    tell(&verdict.findings);
    match verdict.is_proved() {
        true => steps::say(&verdict.line()),
        false => {
            steps::complain(&verdict.line());
            Ok(())
        }
    }
}

fn clamped(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// A line for each service.
fn table(services: &[Tally]) -> Vec<String> {
    let heads = ["service", "instances", "streams", "segments", "size", "first", "last"].map(str::to_owned);
    let rows = services.iter().map(|tally| {
        let numbers = [tally.instances.to_string(), tally.streams.to_string(), tally.segments.to_string()];
        let [instances, streams, segments] = numbers;
        let (first, last) = (tally.first.to_second(), tally.last.to_second());
        [tally.service.to_string(), instances, streams, segments, size::show(tally.bytes), first, last]
    });
    let rows: Vec<[String; 7]> = std::iter::once(heads).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 7] = std::array::from_fn(width);
    let line = |row: &[String; 7]| {
        let cells = row.iter().zip(widths).enumerate().map(|(column, (cell, width))| match column {
            1..=4 => format!("{cell:>width$}"),
            _ => format!("{cell:width$}"),
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    if services.is_empty() { Vec::new() } else { rows.iter().map(line).collect() }
}

/// Complains of what was found; of many of one kind, of the first ones.
fn tell(findings: &[Finding]) {
    let (mut told, mut hinted) = (BTreeMap::<Kind, usize>::new(), None);
    for finding in findings {
        let of_kind = told.entry(finding.kind).or_insert(0);
        *of_kind += 1;
        if *of_kind > TOLD {
            continue;
        }
        // Keys hold what someone else may have written: each is on one line, and forges none.
        let mut text = format!("{}: {}", finding.kind.word(), printable(&finding.what));
        // The keys of doubled objects are in the sentence.
        if let Some(key) = finding.key.as_ref().filter(|_| finding.kind != Kind::Doubled) {
            text = format!("{text}\n  {}", printable(key));
        }
        // What to do is said once: it is the same for all of a kind, but for some words.
        if let Some(hint) = finding.hint.as_ref().filter(|hint| hinted.as_ref() != Some(*hint)) {
            text = format!("{text}\n  hint: {}", printable(hint));
            hinted = Some(hint.clone());
        }
        steps::complain(&text);
    }
    let more = told.values().any(|count| *count > TOLD);
    if more {
        let all = counted(findings.iter());
        steps::complain(&format!("the first {TOLD} of each kind are told here, of {}; all: --json", all.join(", ")));
    }
}
