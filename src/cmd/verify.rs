//! `logferry verify`: proves that what was shipped is complete, and that it reads back whole.

mod page;

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use super::{Archive, Unopened};
use crate::archive::Filter;
use crate::archive::prove::{self, Evidence, deep};
use crate::cli::verify::Verify;
use crate::exit::Exit;
use crate::model::destination::Destination;
use crate::model::names::Service;
use crate::model::problem;
use crate::model::proof::expected::{self, Age, Newest};
use crate::model::proof::laws::{Stream, Window};
use crate::model::proof::progress::Progress;
use crate::model::proof::sample::Amount;
use crate::model::proof::verdict::{ReadBack, Totals, Verdict, tallies};
use crate::model::proof::{Finding, Kind, chart, news};
use crate::model::size;
use crate::model::time::Moment;
use crate::report;
use crate::report::reading::Shown;
use crate::store::{Store, StoreError};
use crate::sys::clock;
use page::PageFile;

/// The most bytes of a file of hosts: some hundred thousand names.
const LARGEST: u64 = 16 << 20;

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
    let archive = match super::try_to_open_archive(&args.from) {
        Err(Unopened::Misconfigured(exit)) => return exit,
        Err(Unopened::Store(to, error)) => Err((to, error)),
        Ok(archive) => Ok(archive),
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
        kept_since: args.kept_for.map(|time| now.before(time)),
    };
    let proof = archive.and_then(|archive| asked.prove(&archive).map_err(|error| (archive.to, error)));
    told(&proof.unwrap_or_else(|(to, error)| asked.unlisted(&to, &error)), page, args.json)
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
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_string(&mut text));
    read.map_err(|error| failed(error.to_string()))?;
    if text.len() as u64 > LARGEST {
        return Err(failed(format!("it has more than {}: is it the right file?", size::show(LARGEST))));
    }
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
    /// From when on the store keeps segments, where that is not for ever.
    kept_since: Option<Moment>,
}

/// What came of it.
struct Proof {
    verdict: Verdict,
    chart: Option<chart::Chart>,
}

impl Asked<'_> {
    fn prove(&self, Archive { store, places, to, stop }: &Archive) -> Result<Proof, StoreError> {
        let progress = Arc::new(Progress::default());
        let shown = Shown::start(&progress);
        let evidence = prove::look(store.as_ref(), places, self.filter, self.kept_since)?;
        let (streams, window) = (evidence.streams(), evidence.window);
        let mut findings = evidence.judge(&streams, self.age.now);
        findings.extend(evidence.nothing(self.filter, &streams));
        findings.extend(evidence.misplaced(&streams));
        findings.extend(evidence.unlooked());
        findings.extend(self.late(store.as_ref(), &streams, &window));
        let read = self.read(store.as_ref(), &evidence, &streams, &progress, &mut findings);
        let asked = match self.amount {
            Amount::None => Some(prove::notices(store.as_ref(), stop, &streams, &window)),
            Amount::Some(_) | Amount::All => None,
        };
        let prove::Asked { findings: told, count: asked, unread, unasked } = asked.unwrap_or_default();
        findings.extend(told);
        drop(shown);
        Finding::order(&mut findings);
        let (services, totals) = tallies(&streams, &window);
        let verdict = Verdict {
            store: to.to_string(),
            at: self.age.now,
            window,
            longest: self.filter.longest(),
            amount: self.amount,
            services,
            totals,
            read,
            asked,
            unread,
            unasked,
            foreign: evidence.selection.foreign,
            findings,
        };
        let chart = verdict.period().map(|period| chart::draw(&streams, &window, period, &verdict.findings));
        Ok(Proof { verdict, chart })
    }

    /// What it came to where the store can't be listed: whoever reads the page or the document must not find an older one.
    fn unlisted(&self, to: &Destination, error: &StoreError) -> Proof {
        let found = Finding::new(Kind::Unlisted, problem::chain(error));
        let verdict = Verdict {
            store: to.to_string(),
            at: self.age.now,
            window: Window { since: self.filter.since, until: self.filter.until, kept_since: self.kept_since },
            longest: self.filter.longest(),
            amount: self.amount,
            services: Vec::new(),
            totals: Totals::default(),
            read: ReadBack::default(),
            asked: 0,
            unread: 0,
            unasked: None,
            foreign: 0,
            findings: vec![Finding { hint: error.kind.hint().map(str::to_owned), ..found }],
        };
        Proof { verdict, chart: None }
    }

    /// Who has not shipped, or not lately.
    fn late(&self, store: &dyn Store, streams: &[Stream<'_>], window: &Window) -> Vec<Finding> {
        if !self.expected.is_empty() {
            return prove::absent(store, streams, window, self.expected, self.age);
        }
        let mut newest: Newest<&Service> = Newest::new();
        for stream in streams {
            let ends = stream.within(window).map(|(_, seen)| news::end(seen.leaf(), self.age.now));
            if let Some(end) = ends.max() {
                let known = newest.entry(stream.service).or_insert(end);
                *known = end.max(*known);
            }
        }
        expected::stale(&self.filter.services, &newest, self.age)
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
