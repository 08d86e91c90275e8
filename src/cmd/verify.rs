//! `logferry verify`: proves that what was shipped is complete, and that it reads back whole.

mod page;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::Archive;
use crate::archive::prove::{self, Evidence, deep};
use crate::archive::{Filter, Selection};
use crate::cli::verify::Verify;
use crate::exit::Exit;
use crate::model::names::Service;
use crate::model::proof::expected::{self, Age};
use crate::model::proof::laws::{Stream, Window};
use crate::model::proof::progress::Progress;
use crate::model::proof::sample::Amount;
use crate::model::proof::verdict::{ReadBack, Verdict, tallies};
use crate::model::proof::{Finding, Kind, chart};
use crate::model::time::Moment;
use crate::report;
use crate::report::reading::Shown;
use crate::store::{Store, StoreError};
use crate::sys::clock;
use page::PageFile;

/// Judges what is asked for, and tells what came of it.
pub fn verify(args: Verify) -> Exit {
    let now = clock::now();
    let filter = match args.filter.filter(&args.services, now) {
        Ok(filter) => filter,
        Err(why) => return super::misused(&why),
    };
    let expected = match args.expect_hosts.as_deref().map(expected_hosts).transpose() {
        Ok(expected) => expected.unwrap_or_default(),
        Err(exit) => return exit,
    };
    let archive = match super::open_archive(&args.from) {
        Ok(archive) => archive,
        Err(exit) => return exit,
    };
    // That it can't be written shows before hours of reading.
    let page = match args.html.as_deref().map(PageFile::open).transpose() {
        Ok(page) => page,
        Err(exit) => return exit,
    };
    let asked = Asked {
        filter: &filter,
        expected: &expected,
        amount: args.depth.amount(),
        age: Age { most: args.max_age, now },
    };
    let proof = match asked.prove(&archive) {
        Ok(proof) => proof,
        Err(error) => return super::unreadable(&error),
    };
    told(&proof, page, args.json)
}

/// Tells what came of it, in all ways that were asked for.
fn told(proof: &Proof, page: Option<PageFile>, json: bool) -> Exit {
    let verdict = &proof.verdict;
    let judged = if verdict.is_proved() { Exit::Done } else { Exit::Failed };
    let written = page.map_or(Exit::Done, |page| page.write(&report::page::render(verdict, proof.chart.as_ref())));
    let exit = judged.max(written);
    let told = match json {
        true => report::proof::json(verdict, exit as u8),
        false => report::proof::print(verdict),
    };
    told.map_or(Exit::Failed, |()| exit)
}

/// The hosts that a file names.
fn expected_hosts(path: &Path) -> Result<Vec<String>, Exit> {
    let failed = |why: String| super::misused(&format!("read {}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    expected::parse(&text).map_err(|(line, why)| {
        let at = if line == 0 { String::new() } else { format!("line {line}: ") };
        failed(format!("{at}{why}\n  hint: a host name or an instance a line, `#` begins a comment"))
    })
}

/// What is asked for.
struct Asked<'a> {
    filter: &'a Filter,
    expected: &'a [String],
    amount: Amount,
    age: Age,
}

/// What came of it.
struct Proof {
    verdict: Verdict,
    chart: Option<chart::Chart>,
}

impl Asked<'_> {
    fn prove(&self, Archive { store, places, to }: &Archive) -> Result<Proof, StoreError> {
        let progress = Arc::new(Progress::default());
        let shown = Shown::start(&progress);
        let evidence = prove::look(store.as_ref(), places, self.filter)?;
        let (streams, window) = (evidence.streams(), evidence.window);
        let mut findings = evidence.judge(&streams, self.age.now);
        findings.extend(nothing(self.filter, &evidence.selection, &streams, &window));
        findings.extend(self.late(store.as_ref(), &streams, &window)?);
        let read = self.read(store.as_ref(), &evidence, &streams, &progress, &mut findings);
        drop(shown);
        Finding::order(&mut findings);
        let (services, totals) = tallies(&streams, &window);
        let verdict = Verdict {
            store: to.to_string(),
            at: self.age.now,
            window,
            amount: self.amount,
            services,
            totals,
            read,
            foreign: evidence.selection.foreign,
            findings,
        };
        let chart = verdict.period().map(|period| chart::draw(&streams, &window, period, &verdict.findings));
        Ok(Proof { verdict, chart })
    }

    /// Who has not shipped, or not lately.
    fn late(&self, store: &dyn Store, streams: &[Stream<'_>], window: &Window) -> Result<Vec<Finding>, StoreError> {
        if !self.expected.is_empty() {
            let newest = prove::newest(store, streams, window, self.expected)?;
            return Ok(expected::absent(self.expected, &newest, self.age));
        }
        let mut newest: BTreeMap<&Service, Moment> = BTreeMap::new();
        for stream in streams {
            let ends = stream.within(window).map(|(_, seen)| seen.leaf().last.max(seen.leaf().first));
            if let Some(end) = ends.max() {
                let known = newest.entry(stream.service).or_insert(end);
                *known = end.max(*known);
            }
        }
        Ok(expected::stale(&self.filter.services, &newest, self.age))
    }

    fn read(
        &self,
        store: &dyn Store,
        evidence: &Evidence,
        streams: &[Stream<'_>],
        progress: &Progress,
        findings: &mut Vec<Finding>,
    ) -> ReadBack {
        if self.amount == Amount::None {
            return ReadBack::default();
        }
        let mut deep = deep::read(store, streams, &evidence.window, self.amount, progress);
        deep::tell_gaps(findings, streams, &deep);
        findings.append(&mut deep.findings);
        deep.read
    }
}

/// What there is nothing of: that proves nothing.
fn nothing(filter: &Filter, selection: &Selection, streams: &[Stream<'_>], window: &Window) -> Vec<Finding> {
    let is_there = |service: Option<&Service>| {
        let of =
            streams.iter().filter(|stream| service.is_none_or(|asked| asked.encoded() == stream.service.encoded()));
        of.into_iter().any(|stream| stream.within(window).next().is_some())
    };
    if filter.services.is_empty() {
        let what = "nothing of what is asked for is there";
        let hint = "see --to, and --since, --until, --instance and --host; `logferry ls` shows what is there";
        return if is_there(None) { Vec::new() } else { vec![Finding::new(Kind::Nothing, what).hint(hint)] };
    }
    let missing = filter.distinct_services().into_iter().filter(|service| !is_there(Some(service)));
    let found = missing.map(|service| {
        let others: Vec<String> = selection.others.iter().take(5).map(Service::to_string).collect();
        let hint = match others.is_empty() {
            true => "`logferry ls` shows what is there".to_owned(),
            false => format!("there are {}, among others", others.join(", ")),
        };
        let found =
            Finding::new(Kind::Nothing, format!("nothing of {service} is there of what is asked for")).hint(hint);
        Finding { service: Some(service.clone()), ..found }
    });
    found.collect()
}
