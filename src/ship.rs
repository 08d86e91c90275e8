//! From the spool to the store: several segments at once, each put once and dropped when the store has confirmed it.
//!
//! `order` says which goes first: the oldest, or where there may not be time for all the most urgent. A stream's segments
//! are put one after another, and one object that fails leaves the others alone; `line` has the rules. `dock` ships
//! while more is taken. What fails in the same way is named once, with what waits because of it, and is tried again by the next run.

mod dock;
mod line;
mod order;

use crate::config::Settings;
use crate::model::destination::Destination;
use crate::model::meter::Meter;
use crate::model::problem::{Cause, Effect, Problem, chain};
use crate::model::s3_options::S3Options;
use crate::model::segment::SealedSegment;
use crate::spool::{Shelf, Spool};
use crate::store::{Kind, StoreError, Throttle};
use crate::sys::failure::Failure;
use crate::sys::signals::Stop;
use dock::AT_ONCE;
pub use dock::{Dock, alongside};
pub use line::Behind;
use line::{Answer, Ended};
pub use order::Order;

/// What shipping came to.
#[derive(Default)]
pub struct Shipped {
    /// What the store has confirmed, in the order of its answers.
    pub confirmed: Vec<SealedSegment>,
    /// What stays in the spool.
    pub waiting: Vec<SealedSegment>,
    /// Why.
    pub problems: Vec<Problem>,
    /// What can't be shipped, since its bytes in the spool are not those that were sealed.
    damaged: Vec<SealedSegment>,
}

/// How segments are put.
pub struct Terms<'s> {
    options: &'s S3Options,
    throttle: Throttle,
}

impl<'s> Terms<'s> {
    /// As the settings have it. The limit is one for all that goes by these terms.
    pub fn of(settings: &'s Settings) -> Self {
        let at_once = u32::try_from(AT_ONCE).expect("it is a handful");
        Self { options: &settings.s3, throttle: Throttle::new(settings.bandwidth, at_once) }
    }
}

/// How segments are shipped.
pub struct How<'a> {
    /// How they are put.
    pub terms: &'a Terms<'a>,
    /// In which order.
    pub order: Order<'a>,
    /// What becomes of what is behind a failure in its stream.
    pub behind: Behind,
    /// Whether to stop.
    pub stop: &'a Stop,
    /// What counts the bytes.
    pub meter: &'a Meter,
}

impl Shipped {
    /// Puts aside what is damaged, and drops what was confirmed. Nobody may ship any more.
    #[must_use]
    pub fn settled(mut self, spool: &mut Spool) -> Self {
        for sealed in std::mem::take(&mut self.damaged) {
            let aside = spool.put_sealed_aside(&sealed, "its bytes are not those that were sealed");
            let problem = |failure: Failure| Problem::from_error(Effect::Failed, &failure.path, &failure);
            self.problems.extend(aside.err().map(problem));
        }
        if let Err(failure) = spool.drop_shipped(&self.confirmed) {
            // The marks are there: the next run drops what is left.
            self.problems.push(Problem::from_error(Effect::Noted, failure.path.clone(), &failure));
        }
        self
    }

    /// Takes what came of the segments for one store.
    fn add(&mut self, shelf: &Shelf, to: &Destination, stop: &Stop, ended: Ended) {
        let Ended { answers, left, broken } = ended;
        let mut alike: Vec<(StoreError, Vec<SealedSegment>)> = Vec::new();
        for (sealed, answer) in answers {
            match answer {
                Answer::Confirmed => self.confirmed.push(sealed),
                Answer::Unread(failure) => {
                    let path = shelf.path_of(sealed.segment.name);
                    self.problems.push(Problem::from_error(Effect::Failed, path, &failure));
                    self.waiting.push(sealed);
                }
                Answer::Failed(error) if is_its_own(error.kind) && broken != Some(error.kind) => {
                    self.fail(sealed, &error);
                }
                Answer::Failed(error) => match alike.iter_mut().find(|(known, _)| known.kind == error.kind) {
                    Some((_, segments)) => segments.push(sealed),
                    None => alike.push((error, vec![sealed])),
                },
            }
        }
        let left = share_out(left, &mut alike, broken);
        for (error, segments) in alike {
            self.wait(to, &error, segments);
        }
        if stop.requested() && !left.is_empty() {
            let what = format!("{}; {}", stop.why(), amount(&left));
            self.problems.push(Problem::new(Effect::Waits, to.to_string(), what));
        }
        self.waiting.extend(left);
    }

    /// One segment's own failure, which does not pass by itself.
    fn fail(&mut self, sealed: SealedSegment, error: &StoreError) {
        let problem = Problem::from_error(Effect::Failed, &sealed.segment.path, error);
        self.problems.push(with_hint(problem, error.kind));
        let to = if error.kind == Kind::Damaged { &mut self.damaged } else { &mut self.waiting };
        to.push(sealed);
    }

    /// The one problem that failures of a kind are, with what waits because of them.
    fn wait(&mut self, to: &Destination, error: &StoreError, segments: Vec<SealedSegment>) {
        let effect = if is_its_own(error.kind) { Effect::Failed } else { Effect::Waits };
        let what = format!("{}; {}", chain(error), amount(&segments));
        self.problems.push(with_hint(Problem::new(effect, to.to_string(), what), error.kind));
        self.waiting.extend(segments);
    }
}

/// Whether a failure is about one segment, and someone has to look.
fn is_its_own(kind: Kind) -> bool {
    matches!(kind, Kind::Rejected | Kind::Damaged | Kind::Unread)
}

/// Adds segments that were not tried to the failure because of which they were not: that of an earlier one of their
/// stream, else the one that ended it all. Gives back those that have none.
fn share_out(
    left: Vec<SealedSegment>,
    alike: &mut [(StoreError, Vec<SealedSegment>)],
    broken: Option<Kind>,
) -> Vec<SealedSegment> {
    let reason_of = |sealed: &SealedSegment| {
        let stream = sealed.segment.name.stream;
        let failed = |segments: &[SealedSegment]| segments.iter().any(|failed| failed.segment.name.stream == stream);
        let of_stream = alike.iter().position(|(_, segments)| failed(segments));
        of_stream.or_else(|| alike.iter().position(|(error, _)| Some(error.kind) == broken))
    };
    let reasons: Vec<_> = left.iter().map(reason_of).collect();
    let mut without = Vec::new();
    for (sealed, reason) in left.into_iter().zip(reasons) {
        match reason {
            Some(index) => alike[index].1.push(sealed),
            None => without.push(sealed),
        }
    }
    without
}

fn with_hint(problem: Problem, kind: Kind) -> Problem {
    let is_here = matches!(kind, Kind::Damaged | Kind::Unread);
    let problem = problem.because(if is_here { Cause::Damaged } else { Cause::Store });
    match kind.hint() {
        Some(hint) => problem.hint(hint),
        None => problem,
    }
}

fn amount(waiting: &[SealedSegment]) -> String {
    let bytes: u64 = waiting.iter().map(|sealed| sealed.seal.packed).sum();
    let (count, noun, verb) = match waiting.len() {
        1 => (1, "segment", "waits"),
        count => (count, "segments", "wait"),
    };
    format!("{count} {noun} ({bytes} bytes) {verb} in the spool, and the next run tries again")
}
