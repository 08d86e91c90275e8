//! `logferry ls`: what was shipped, a line each, summed up, or as a document.

mod bars;
mod document;
mod table;

use std::io::{self, Write};

use super::{Archive, reading};
use crate::archive::notices::{self, Notices};
use crate::archive::sums::{By, Sums};
use crate::archive::{self, Break, Details, Filter, Selection, Shipped};
use crate::cli::{Ls, ls};
use crate::exit::Exit;
use crate::model::key::{Leaf, ObjectKey};
use crate::model::problem;
use crate::report::style::Level;
use crate::report::{self, steps};
use crate::spool::{Local, Stays};
use crate::store::{Store, StoreError};
use crate::sys::signals::Stop;
use crate::sys::{clock, stdio, terminal};

/// A segment, wherever it is.
struct Entry<'e> {
    leaf: &'e Leaf,
    /// Compressed.
    bytes: u64,
    /// Its key; none on this machine.
    key: Option<ObjectKey>,
    /// Why it is on this machine; none for what is in the store.
    stays: Option<Stays>,
    /// What it says of itself, where that was asked for.
    details: Option<&'e Details>,
    /// What it tells of what is missing, where only that was asked for.
    notice: Option<&'e str>,
}

/// How it is told.
enum Form {
    Table(table::Table),
    Document(document::Document),
}

/// Why a listing ended early.
enum Trouble {
    Output(io::Error),
    Store(StoreError),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Lists what is asked for.
pub fn ls(args: Ls) -> Exit {
    let filter = match args.filter.filter(&args.services, clock::now()) {
        Ok(filter) => filter,
        Err(why) => return super::misused(&why),
    };
    match args.local.local {
        true => ls_local(&args, &filter),
        false => ls_store(&args, &filter),
    }
}

fn ls_store(args: &Ls, filter: &Filter) -> Exit {
    let Archive { store, places, stop, .. } = match super::open_archive(&args.from) {
        Ok(archive) => archive,
        Err(exit) => return exit,
    };
    let selection = match archive::select(store.as_ref(), &places, filter) {
        Ok(selection) => selection,
        Err(error) => return super::unreadable(&error),
    };
    super::tell_of_beginnings(filter, &selection);
    let missing = reading::tell_troubles(&selection).max(super::tell_before(&selection));
    let missing = missing.max(super::tell_missing(filter, &selection));
    let shown = Output::begin(args, selection.segments.iter().map(|shipped| &shipped.leaf));
    let (mut unasked, broken) = (Unasked::default(), Broken::of(&selection));
    let source = Source { store: store.as_ref(), stop: &stop, selection: &selection, broken };
    let shown = shown.and_then(|output| show_store(args, &source, output, &mut unasked));
    let listed = ended(shown);
    tell_rest(args, &selection, broken);
    listed.max(missing).max(unasked.end())
}

/// Tells what a list doesn't show: where streams are not whole, and what was passed over. Neither leaves a segment out.
fn tell_rest(args: &Ls, selection: &Selection, Broken { gaps, doubled }: Broken) {
    let kinds = [(gaps, "gap"), (doubled, "doubled number")];
    let found: Vec<_> =
        kinds.into_iter().filter(|(some, _)| *some > 0).map(|(some, noun)| report::count(some, noun)).collect();
    if !found.is_empty() {
        let what =
            format!("{} in the streams that are listed\n  hint: `logferry verify` names them", found.join(" and "));
        steps::complain_at(Level::Warning, &what);
    }
    if selection.foreign > 0 && !args.json {
        let count = usize::try_from(selection.foreign).unwrap_or(usize::MAX);
        let what = format!("{} seen that logferry did not put there", report::count(count, "object"));
        steps::complain_at(Level::Info, &what);
    }
}

/// What is listed, and what tells more of it.
struct Source<'s> {
    store: &'s dyn Store,
    /// What ends its requests.
    stop: &'s Stop,
    selection: &'s Selection,
    broken: Broken,
}

/// Where streams that are listed are not whole.
#[derive(Clone, Copy)]
struct Broken {
    gaps: usize,
    doubled: usize,
}

impl Broken {
    fn of(selection: &Selection) -> Self {
        let breaks = selection.breaks();
        let gaps = breaks.iter().filter(|found| matches!(found, Break::Gap(_))).count();
        Self { gaps, doubled: breaks.len() - gaps }
    }
}

fn show_store(args: &Ls, source: &Source<'_>, mut output: Output, unasked: &mut Unasked) -> Result<(), Trouble> {
    let Source { store, selection, .. } = source;
    let nothing = Details::default();
    match args.long {
        true => archive::details(*store, &selection.segments, |shipped, said| {
            let details = said.unwrap_or_else(|error| {
                unasked.tell(error);
                &nothing
            });
            output.entry(&entry(shipped, Some(details))).map_err(Trouble::Output)
        })?,
        false => unasked.notices = show_short(args, source, &mut output)?,
    }
    Ok(output.end(Some(source))?)
}

/// Shows segments as the listing tells of them, with the notices of some. What was not asked is given back, where the list doesn't show it.
fn show_short(args: &Ls, source: &Source<'_>, output: &mut Output) -> Result<Option<(Level, String)>, Trouble> {
    let Source { store, stop, selection, .. } = source;
    let segments = &selection.segments;
    let leaves = segments.iter().map(|shipped| &shipped.leaf);
    let notices = match args.by {
        Some(_) => Notices::default(),
        None => notices::ask(*store, stop, leaves, |place| segments[place].key()),
    };
    for (place, shipped) in segments.iter().enumerate() {
        let notice = notices.told.get(&place).map(|(text, _)| text.as_str());
        output.entry(&Entry { notice, ..entry(shipped, None) })?;
    }
    if args.by.is_some() {
        return Ok(None);
    }
    output.asked = Some((notices.asked, notices.unread.len()));
    output.unasked = notices.unasked(segments.len(), "--long");
    let level = if notices.is_trouble() { Level::Warning } else { Level::Info };
    // A program has the numbers in its document.
    let is_told = output.shows_unasked() || (args.json && level == Level::Info);
    Ok(output.unasked.clone().filter(|_| !is_told).map(|unasked| (level, unasked)))
}

fn entry<'e>(shipped: &'e Shipped, details: Option<&'e Details>) -> Entry<'e> {
    Entry { leaf: &shipped.leaf, bytes: shipped.size, key: Some(shipped.key()), stays: None, details, notice: None }
}

fn ls_local(args: &Ls, filter: &Filter) -> Exit {
    let locals = match super::local(args.from.store.verbose, &args.local, filter) {
        Ok(locals) => locals,
        Err(exit) => return exit,
    };
    let show = |mut output: Output| -> Result<(), Trouble> {
        for Local { leaf, size, stays } in &locals.found {
            output.entry(&Entry { leaf, bytes: *size, key: None, stays: Some(*stays), details: None, notice: None })?;
        }
        Ok(output.end(None)?)
    };
    let shown = Output::begin(args, locals.found.iter().map(|local| &local.leaf)).and_then(show);
    ended(shown).max(super::tell_unread(&locals))
}

/// Objects whose metadata can't be read. They are listed without; the first are named, as there may be thousands.
#[derive(Default)]
struct Unasked {
    count: usize,
    /// What was not asked for its notices, where that is still to be told.
    notices: Option<(Level, String)>,
}

impl Unasked {
    const NAMED: usize = 8;

    fn tell(&mut self, error: &StoreError) {
        self.count += 1;
        if self.count <= Self::NAMED {
            super::complain(
                &format!("an object's metadata can't be read: {}", problem::chain(error)),
                error.kind.hint(),
            );
        }
    }

    fn end(self) -> Exit {
        if let Some((level, notices)) = &self.notices {
            steps::complain_at(*level, notices);
        }
        if self.count > Self::NAMED {
            let more = report::count(self.count - Self::NAMED, "object");
            steps::complain(&format!("{more} more can't be asked for their metadata"));
        }
        if self.count == 0 { Exit::Done } else { Exit::Failed }
    }
}

/// A reader that has seen enough (`head`) is no failure.
fn ended(shown: Result<(), Trouble>) -> Exit {
    match shown {
        Ok(()) => Exit::Done,
        Err(Trouble::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
        Err(Trouble::Output(error)) => {
            steps::complain(&format!("write the output: {error}"));
            Exit::Failed
        }
        Err(Trouble::Store(error)) => super::unreadable(&error),
    }
}

/// What is told, and to whom.
struct Output {
    to: io::BufWriter<io::StdoutLock<'static>>,
    form: Form,
    sums: Sums,
    /// How many segments were asked for their notices, how many can't be read, and of what is listed without them a sentence.
    asked: Option<(usize, usize)>,
    unasked: Option<String>,
}

impl Output {
    /// Begins to tell of these segments.
    fn begin<'l>(args: &Ls, leaves: impl Iterator<Item = &'l Leaf>) -> Result<Self, Trouble> {
        stdio::is_output_open()?;
        let (mut to, width) = (io::BufWriter::new(io::stdout().lock()), terminal::width(io::stdout()));
        let by = args.by.map(by);
        let form = match args.json {
            true => Form::Document(document::Document::begin(by, &mut to)?),
            false => Form::Table(table::Table::of(args, width, leaves)),
        };
        Ok(Self { to, form, sums: Sums::new(by), asked: None, unasked: None })
    }

    fn entry(&mut self, entry: &Entry<'_>) -> io::Result<()> {
        self.sums.add(entry.leaf, entry.bytes, entry.details);
        match &mut self.form {
            Form::Table(table) => table.entry(entry, &mut self.to),
            Form::Document(document) => document.entry(entry, &mut self.to),
        }
    }

    /// Whether what was not asked stands below the list.
    fn shows_unasked(&self) -> bool {
        matches!(&self.form, Form::Table(table) if table.with_total)
    }

    fn end(mut self, source: Option<&Source<'_>>) -> io::Result<()> {
        match self.form {
            Form::Table(table) => table.end(&self.sums, self.unasked.as_deref(), &mut self.to)?,
            Form::Document(document) => document.end(&self.sums, self.asked, source, &mut self.to)?,
        }
        self.to.flush()
    }
}

fn by(by: ls::By) -> By {
    match by {
        ls::By::Service => By::Service,
        ls::By::Instance => By::Instance,
        ls::By::Day => By::Day,
        ls::By::Hour => By::Hour,
    }
}
