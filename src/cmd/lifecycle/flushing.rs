//! The last flush, again and again, until nothing is left or the time is over.

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};

use super::before::{LONGEST_UNKNOWN, When};
use super::deadline_of;
use super::end::End;
use super::left::{self, Look};
use crate::cmd::flush::{self, Flushed, Kind};
use crate::config::Settings;
use crate::ec2::lifecycle::vigil::{Stands, Vigil};
use crate::exit::Exit;
use crate::model::left::Left;
use crate::model::problem::Effect;
use crate::spool;
use crate::sys::clock;
use crate::sys::fault::{self, Point};

/// How long the first flush of a call has at least, even where the time is over already.
const SHORTEST_FLUSH: Duration = Duration::from_secs(5);

/// How long each other one has at least: none is begun where there is less time.
const SHORTEST_RETRY: Duration = Duration::from_secs(1);

/// The waits between two flushes that left something behind.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How long the API is waited for before the first flush: whether the hook waits, and how long, is of use to it. An API that
/// hangs is not worth more.
const TO_BE_KNOWN: Duration = Duration::from_secs(2);

/// How long a flush may take as long as nobody knows how long the hook waits. The shortest hook waits for 30 seconds.
const MEANWHILE: Duration = Duration::from_secs(15);

/// How long it is tried where all that is left are logs that can't be taken for what they are, or for who writes them: a
/// service that was stopped may need a moment to end, and then no time would help.
const HOPE: Duration = Duration::from_secs(10);

/// What the flushes of a call came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Flushing {
    /// All is in the store.
    ToItsEnd,
    /// All is in the store, but the service is at work still: the hook does not wait yet.
    TooEarly,
    /// Something is left, and the time is over.
    Short,
    /// All but what was found damaged, which no time would help.
    Damaged,
    /// We were asked to stop: the next call goes on.
    Stopped,
}

/// What one flush came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Came {
    /// Nothing is left that could be shipped later.
    All,
    /// All but what was found damaged, and put aside, since the end was first seen.
    AllButDamaged,
    /// Nothing is left but logs that were refused.
    Refused,
    /// Something is left.
    Short,
}

impl End<'_> {
    /// Runs the command before the last flush when it is time to, and flushes until nothing is left or the time is over.
    pub(super) fn flush_to_the_end(&mut self, vigil: Option<&Vigil>) -> Flushing {
        let (asked, mut wait, mut least) = (Instant::now(), FIRST_WAIT, SHORTEST_FLUSH);
        if self.is_awaited() {
            vigil.map(|vigil| vigil.stands_within(TO_BE_KNOWN));
            // The limit counts from when the hook waits, and not from the end of a flush that it was to bound.
            self.hear(vigil);
        }
        loop {
            if self.when_by(vigil, asked) == When::Now {
                self.before(vigil);
            }
            let came = self.flush(self.deadline(vigil, least));
            least = SHORTEST_RETRY;
            self.hear(vigil);
            match (came, self.when_by(vigil, asked)) {
                _ if self.stop.asked() => return Flushing::Stopped,
                (Came::Refused, When::Never) if asked.elapsed() >= HOPE => return Flushing::Short,
                (Came::Short | Came::Refused, _) => {}
                (_, When::Now) => continue,
                (_, When::Known) => {
                    vigil.map(|vigil| vigil.stands_within(LONGEST_UNKNOWN.saturating_sub(asked.elapsed())));
                    continue;
                }
                (_, When::Later) => return Flushing::TooEarly,
                (Came::AllButDamaged, When::Never) => return Flushing::Damaged,
                (Came::All, When::Never) => {
                    self.note(|noted| noted.flushed = noted.flushed.or(Some(clock::now())));
                    return Flushing::ToItsEnd;
                }
            }
            let left = self.end_of_time(vigil).saturating_duration_since(Instant::now());
            if left < SHORTEST_RETRY * 2 {
                return Flushing::Short;
            }
            // Not past the middle of what is left: what changes in the end can still be made use of.
            let pause = wait.min(left / 2);
            log::info!("something is left; again in {:.1} s", pause.as_secs_f64());
            self.stop.sleep(pause);
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    fn when_by(&self, vigil: Option<&Vigil>, asked: Instant) -> When {
        self.when(vigil.map(Vigil::stands).as_ref(), asked)
    }

    /// Takes note of what the vigil has come to: that the hook waits, and what was refused.
    fn hear(&mut self, vigil: Option<&Vigil>) {
        let Some(vigil) = vigil else { return };
        self.heard(&vigil.stands(), vigil.problems());
    }

    /// When the hook is to be told at the latest: the limit counts from when it waits, since before that the end is only
    /// announced.
    pub(super) fn end_of_time(&self, vigil: Option<&Vigil>) -> Instant {
        let noted = self.record.noted();
        let begun = noted.hook_waits.unwrap_or(noted.since);
        let limit = self.settings.lifecycle.limit.saturating_sub(begun.elapsed());
        let limit = Instant::now() + limit;
        let limit = deadline_of(&self.omens).map_or(limit, |deadline| deadline.min(limit));
        vigil.and_then(Vigil::end).map_or(limit, |end| end.min(limit))
    }

    /// When a flush is to be over that has `least` time in any case.
    fn deadline(&self, vigil: Option<&Vigil>, least: Duration) -> Instant {
        let (end, now) = (self.end_of_time(vigil), Instant::now());
        let end = match vigil.map(Vigil::stands) {
            Some(Stands::Unknown) => end.min(now + MEANWHILE),
            _ => end,
        };
        end.max(now + least)
    }

    /// Whether the instance waits for us, and does not go at a time that is set.
    pub(super) fn is_awaited(&self) -> bool {
        self.omens.notice.is_none()
    }

    fn kind(&self) -> Kind {
        if self.is_awaited() { Kind::Awaited } else { Kind::Last }
    }

    /// Flushes once, whatever comes of it.
    pub(super) fn flush_once(&mut self, deadline: Option<Instant>) -> Exit {
        let Flushed { exit, report, .. } =
            flush::last_flush(self.settings, self.kind(), deadline, self.stop, &self.told);
        (self.came.flushed, self.came.flush) = (exit, Some(report));
        self.keep_told();
        exit
    }

    /// Flushes, and looks at what is left then.
    fn flush(&mut self, deadline: Instant) -> Came {
        let begun = clock::now();
        let Flushed { exit, waiting, report } =
            flush::last_flush(self.settings, self.kind(), Some(deadline), self.stop, &self.told);
        fault::reached(Point::LastFlushEnded);
        let in_spool = waiting.iter().any(|left| matches!(left, Left::Segment { .. })) || !report.waiting.is_empty();
        (self.came.flushed, self.came.flush) = (exit, Some(report));
        self.keep_told();
        self.left.clear();
        if in_spool || matches!(exit, Exit::Waits | Exit::Config) {
            self.left = waiting;
            return Came::Short;
        }
        match left::look(self.settings, begun) {
            Look::Left(left) if left.is_empty() => {}
            Look::Left(left) => {
                log::info!("the flush came to its end, and this is left: {}", left::told(&left));
                let are_refused = self.are_refused(&left);
                (self.left, self.came.flushed) = (left, exit.max(Exit::Waits));
                return if are_refused { Came::Refused } else { Came::Short };
            }
            Look::Unknown => {
                self.came.flushed = exit.max(Exit::Waits);
                return Came::Short;
            }
        }
        match damaged(self.settings) > self.record.noted().damaged {
            true => Came::AllButDamaged,
            false => Came::All,
        }
    }

    /// Whether all that is left are logs that the flush has refused: waiting changes nothing about them.
    fn are_refused(&self, left: &[Left]) -> bool {
        let problems = self.came.flush.iter().flat_map(|report| &report.problems);
        let refused: HashSet<&Path> =
            problems.filter(|problem| problem.effect == Effect::Failed).map(|problem| problem.path.as_path()).collect();
        left.iter().all(|left| matches!(left, Left::Log { path, .. } if refused.contains(path.as_path())))
    }
}

/// How many damaged files were put aside.
pub(super) fn damaged(settings: &Settings) -> usize {
    spool::survey(&settings.state_dir).map_or(0, |survey| survey.damaged.len())
}
