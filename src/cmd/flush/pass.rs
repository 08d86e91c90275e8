//! One pass of a flush over all that there is: the urgent and the small first, shipped while the rest is taken.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Kind;
use super::again::Came;
use super::left;
use super::owed::Owed;
use crate::cmd::work::{self, Work};
use crate::ec2::{self, Want};
use crate::model::facts::Facts;
use crate::model::meter::Meter;
use crate::model::problem::{Effect, Problem};
use crate::model::segment::{Identity, SealedSegment, Segment};
use crate::model::timetable::Timetable;
use crate::report::Report;
use crate::rotate::discover::{self, Discovery};
use crate::rotate::rounds::{self, Round};
use crate::rotate::stopped::Stopped;
use crate::rotate::watch::Watch;
use crate::rotate::{Outcome, Rotation};
use crate::ship::{self, Behind, Dock, How, Order};
use crate::spool::Spool;
use crate::sys::failure::Result;
use crate::sys::host;
use crate::sys::signals::Stop;

/// The passes of a flush, and what they came to so far.
pub(super) struct Passes<'a> {
    work: &'a Work<'a>,
    kind: Kind,
    /// To stop taking.
    take: Stop,
    /// To stop shipping.
    ship: Stop,
    drained_by: Option<Instant>,
    meter: &'a Arc<Meter>,
    /// What is known of this machine, once it was needed: it is one machine from the first pass to the last.
    machine: Option<Facts>,
    watch: Watch,
    behind: Behind,
    count: u32,
    report: Report,
    /// What was there when it began and is not sealed.
    owed: Owed,
    /// The logs that the meter knows as found and not as taken: a pass may find them again.
    found: HashSet<Identity>,
    /// Why logs were not taken that the next pass tries again, as long as there is time to look at the logs.
    not_taken: Vec<Problem>,
    /// Why segments could not be shipped; each pass tries it again.
    not_shipped: Vec<Problem>,
}

/// What taking came to, over all rounds of a pass.
#[derive(Default)]
struct Taken {
    took: bool,
    no_room: Vec<Problem>,
    stopped: Stopped,
    blocked: HashSet<PathBuf>,
    confirmed: bool,
}

impl<'a> Passes<'a> {
    pub(super) fn new(work: &'a Work<'a>, kind: Kind, times: Option<Timetable>, meter: &'a Arc<Meter>) -> Self {
        let behind = match kind {
            Kind::Usual => Behind::Waits,
            Kind::Last | Kind::Awaited => Behind::GoesOn,
        };
        Self {
            work,
            kind,
            take: work.stop.by(times.map(|times| times.take_until)),
            ship: work.stop.by(times.map(|times| times.ship_until)),
            drained_by: times.map(|times| times.drain_until),
            meter,
            machine: None,
            watch: Watch::default(),
            behind,
            count: 0,
            report: Report::of_problems(work.started, Vec::new()),
            owed: Owed::default(),
            found: HashSet::new(),
            not_taken: Vec::new(),
            not_shipped: Vec::new(),
        }
    }

    /// How many there were.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// Waits until a writer that holds its log in silence has written to it and at least so long, or until all have let
    /// go; no longer than logs can be taken, and than `most`.
    pub(super) fn watch(&self, least: Duration, most: Option<Duration>) {
        let until = most.map(|most| Instant::now() + most);
        self.watch.wait(least, &self.take.by(until));
    }

    /// What they came to, when all that is owed was looked at: nothing else makes a report, so that none says that all is in the
    /// store without that.
    pub(super) fn into_report(mut self, spool: &mut Spool, done: Result<()>) -> Report {
        self.report.found(&mut self.not_taken);
        self.report.found(&mut self.not_shipped);
        match done.and_then(|()| self.reckon(spool)) {
            Ok(mut problems) => self.report.found(&mut problems),
            Err(failure) => {
                self.report.problems.push(Problem::from_error(Effect::Failed, failure.path.clone(), &failure));
            }
        }
        self.report
    }

    /// What is left behind.
    fn reckon(&mut self, spool: &mut Spool) -> Result<Vec<Problem>> {
        let mut problems = left::behind_deleted_logs(spool, self.kind, self.work.started)?;
        if self.kind != Kind::Usual {
            problems.extend(left::put_aside_before(spool)?);
        }
        self.report.found(&mut problems);
        std::mem::take(&mut self.owed).reckon(&self.work.settings.state_dir, &self.report.problems)
    }

    /// Goes over all once.
    pub(super) fn once(&mut self, spool: &mut Spool) -> Result<Came> {
        self.count += 1;
        self.not_shipped.clear();
        let mut recovered = spool.recover()?;
        let discovery = self.look_for_logs();
        if work::nothing_to_do(&recovered, &discovery, spool)? {
            return Ok(self.came(&Taken::default()));
        }
        spool.make_durable()?;
        let (sealed, dropped) = (std::mem::take(&mut recovered.sealed), std::mem::take(&mut recovered.shipped));
        let mut taken = self.take_and_ship(spool, sealed, rounds::plan(recovered, discovery))?;
        taken.confirmed |= !dropped.is_empty();
        self.not_taken.append(&mut taken.no_room);
        self.not_shipped.extend(work::drop_leftovers(spool, &dropped));
        Ok(self.came(&taken))
    }

    /// Ships what is sealed, and what the rounds seal while they go on.
    fn take_and_ship(&mut self, spool: &mut Spool, sealed: Vec<SealedSegment>, rounds: Vec<Round>) -> Result<Taken> {
        let settings = self.work.settings;
        let found = || ec2::facts(settings, Want::ForKeys, spool.root());
        let machine = self.machine.get_or_insert_with(found).clone();
        self.report.instance = Some(machine.name(&host::name()));
        let priority = |segment: &Segment| settings.priority_of(&segment.path);
        let (ship, order) = (self.ship.clone(), Order::Urgent(&priority));
        let how = How { options: &settings.s3, order, behind: self.behind, stop: &ship, meter: self.meter };
        let (taken, shipped) = ship::alongside(&spool.shelf(), &how, |dock| {
            dock.add(sealed);
            self.take(spool, dock, rounds, &machine)
        });
        let shipped = shipped.settled(spool);
        self.report.shipped.extend(work::items(&shipped.confirmed));
        self.report.waiting = work::items(&shipped.waiting);
        self.not_shipped.extend(shipped.problems);
        let taken = taken?;
        Ok(Taken { confirmed: taken.confirmed || !shipped.confirmed.is_empty(), ..taken })
    }

    /// The logs that there are, as long as there is time to take them. What came later was not asked for; and what was there
    /// before and could not be taken stays so, and why.
    fn look_for_logs(&mut self) -> Discovery {
        let is_first = self.count == 1;
        if !is_first && self.take.requested() {
            return Discovery::default();
        }
        self.not_taken.clear();
        let settings = self.work.settings;
        let mut discovery = discover::discover(settings, &settings.own_directories());
        if is_first {
            self.owed = Owed::of(&discovery);
        }
        self.report.found(&mut discovery.problems);
        self.report.empty = discovery.empty.len();
        for found in &discovery.found {
            if self.found.insert(found.identity) {
                self.meter.found(1, found.size);
            }
        }
        discovery
    }

    fn came(&self, taken: &Taken) -> Came {
        let is_held = !self.take.requested() && self.watch.is_held();
        let waits = |problems: &[Problem]| problems.iter().any(|problem| problem.effect == Effect::Waits);
        let (not_taken, not_shipped) = (waits(&self.not_taken), waits(&self.not_shipped));
        Came { took: taken.took, made_room: taken.confirmed, not_taken, not_shipped, is_held }
    }

    /// Takes round after round, and hands over what each has sealed.
    fn take(
        &mut self,
        spool: &mut Spool,
        dock: &mut Dock<'_, '_>,
        rounds: Vec<Round>,
        machine: &Facts,
    ) -> Result<Taken> {
        let mut taken = Taken::default();
        for (index, Round { mut recovered, discovery }) in rounds.into_iter().enumerate() {
            if index > 0 && self.take.requested() {
                taken.stopped.untouched += discovery.found.len();
                taken.stopped.claimed += discovery.claimed.len().max(recovered.unfinished.len());
                continue;
            }
            recovered.blocked.extend(taken.blocked.iter().cloned());
            let known = recovered.blocked.clone();
            let rotation = Rotation::new(spool, self.work.settings, machine.clone(), &self.take);
            let rotation = rotation.counting(self.meter).drained_by(self.drained_by).watched_by(&mut self.watch);
            let Outcome { sealed, problems, no_room, stopped, blocked } = rotation.run(&mut recovered, discovery);
            let taken_now = sealed.iter().filter(|sealed| self.found.remove(&sealed.segment.source.file)).count();
            self.meter.taken(taken_now as u64);
            taken.took |= !sealed.is_empty();
            self.owed.sealed(&sealed);
            taken.blocked.extend(blocked.into_iter().filter(|path| !known.contains(path)));
            taken.no_room.extend(no_room);
            taken.stopped += stopped;
            self.sort(problems);
            self.report.sealed.extend(work::items(&sealed));
            dock.add(sealed);
            self.drop_confirmed(spool, dock, &mut taken)?;
        }
        let stopped = taken.stopped.problem(self.take.why(), &self.work.settings.state_dir);
        self.sort(stopped.into_iter().collect());
        Ok(taken)
    }

    /// What is in the store makes room for what is still to be taken.
    fn drop_confirmed(&mut self, spool: &Spool, dock: &mut Dock<'_, '_>, taken: &mut Taken) -> Result<()> {
        let confirmed = dock.take_confirmed();
        taken.confirmed |= !confirmed.is_empty();
        self.report.shipped.extend(work::items(&confirmed));
        spool.drop_shipped(&confirmed)
    }

    /// Tells what waits, and is tried again by the next pass, from what stays as it is.
    fn sort(&mut self, problems: Vec<Problem>) {
        let (mut waiting, mut lasting): (Vec<_>, Vec<_>) =
            problems.into_iter().partition(|problem| problem.effect == Effect::Waits);
        waiting.retain(|new| !self.not_taken.iter().any(|known| (&known.path, &known.what) == (&new.path, &new.what)));
        self.not_taken.append(&mut waiting);
        self.report.found(&mut lasting);
    }
}
