//! One pass of a flush over all that there is: the urgent and the small first, shipped while the rest is taken.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::again::Came;
use super::owed::Owed;
use super::{Kind, left};
use crate::cmd::work::{self, Work};
use crate::ec2::{self, Want};
use crate::model::facts::Facts;
use crate::model::meter::Meter;
use crate::model::problem::{Effect, Problem};
use crate::model::segment::{Ended, Identity, SealedSegment, Segment};
use crate::model::time::Moment;
use crate::model::timetable::Timetable;
use crate::report::Report;
use crate::rotate::discover::{self, Discovery};
use crate::rotate::rounds::{self, Round};
use crate::rotate::stopped::Stopped;
use crate::rotate::watch::Watch;
use crate::rotate::{Outcome, Rotation};
use crate::ship::{self, Behind, Dock, How, Order, Terms};
use crate::spool::Spool;
use crate::sys::failure::Result;
use crate::sys::signals::Stop;
use crate::sys::{clock, host};

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
    /// When the pass began to look at the logs.
    looked_at: Moment,
    behind: Behind,
    count: u32,
    /// How many of them only went on with large logs.
    slices: usize,
    /// Large logs of which a slice was taken: the next pass goes on with them, and takes nothing else.
    goes_on: HashSet<PathBuf>,
    report: Report,
    /// What was there when it began and is not sealed.
    owed: Owed,
    /// Logs whose writers were asked to open them anew, and did. What the asking itself has them write (Apache notes each graceful
    /// restart in its `error.log`) is no reason to ask again: a flush would never come to its end, and restart a busy server each time.
    asked: HashSet<PathBuf>,
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
    more: HashSet<PathBuf>,
    current: Vec<PathBuf>,
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
            looked_at: work.started,
            behind,
            count: 0,
            slices: 0,
            goes_on: HashSet::new(),
            report: Report::of_problems(work.started, Vec::new()),
            owed: Owed::default(),
            asked: HashSet::new(),
            found: HashSet::new(),
            not_taken: Vec::new(),
            not_shipped: Vec::new(),
        }
    }

    /// How many there were, but for those that only went on with large logs.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// How many there were that only went on with large logs.
    pub(super) fn slices(&self) -> usize {
        self.slices
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
        let only = std::mem::take(&mut self.goes_on);
        match only.is_empty() {
            true => self.count += 1,
            false => self.slices += 1,
        }
        self.not_shipped.clear();
        self.looked_at = clock::now();
        let mut recovered = spool.recover()?;
        let mut discovery = self.look_for_logs(&only);
        spool.looked(self.looked_at, None, discovery.silent());
        work::note(spool, self.work.settings, &discovery.problems)?;
        self.report.found(&mut discovery.problems);
        if work::nothing_to_do(&recovered, &discovery, spool)? {
            return Ok(self.came(&Taken::default()));
        }
        spool.make_durable()?;
        let (sealed, dropped) = (std::mem::take(&mut recovered.sealed), std::mem::take(&mut recovered.shipped));
        let mut taken = self.take_and_ship(spool, sealed, rounds::plan(recovered, discovery))?;
        taken.confirmed |= !dropped.is_empty();
        self.not_taken.append(&mut taken.no_room);
        self.not_taken.extend(taken.current.iter().map(|path| left::to_its_writer(path)));
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
        let terms = Terms::of(settings);
        let how = How { terms: &terms, order, behind: self.behind, stop: &ship, meter: self.meter };
        let (taken, shipped) = ship::alongside(&spool.shelf(), &how, |dock| {
            dock.add(sealed);
            self.take(spool, dock, rounds, &machine)
        });
        let shipped = shipped.settled(spool);
        self.report.shipped.extend(work::items(&shipped.confirmed));
        self.report.waiting = work::items(&shipped.waiting);
        self.not_shipped.extend(shipped.problems);
        let mut taken = taken?;
        // While the store is away, bytes are as safe in the log as in the spool, and take no room twice.
        taken.more.retain(|path| !shipped.waiting.iter().any(|sealed| sealed.segment.path == *path));
        self.not_taken.extend(taken.more.iter().map(|path| work::goes_on(path, "more is in it than one pass takes")));
        self.goes_on = std::mem::take(&mut taken.more);
        Ok(Taken { confirmed: taken.confirmed || !shipped.confirmed.is_empty(), ..taken })
    }

    /// The logs that there are, as long as there is time to take them; not `only` these, if it names none. What came later
    /// was not asked for; and what was there before and could not be taken stays so, and why.
    fn look_for_logs(&mut self, only: &HashSet<PathBuf>) -> Discovery {
        let is_first = self.count == 1 && only.is_empty();
        if !is_first && self.take.requested() {
            return Discovery::default();
        }
        self.not_taken.retain(|problem| !only.is_empty() && !only.contains(&problem.path));
        let settings = self.work.settings;
        let mut discovery = discover::discover(settings, &settings.own_directories());
        // Whether their writers have ended shows when they are taken.
        discovery.found.append(&mut discovery.current);
        if is_first {
            self.owed = Owed::of(&discovery);
        }
        self.report.empty = discovery.empty.len();
        if !only.is_empty() {
            discovery.keep_only(only);
        }
        self.count_found(&discovery);
        discovery
    }

    /// Logs count once, in however many passes they are found.
    fn count_found(&mut self, discovery: &Discovery) {
        let logs = discovery.found.iter().map(|found| (found.identity, found.size));
        let rotated = discovery.families.iter().flat_map(|family| &family.files);
        for (file, size) in logs.chain(rotated.map(|file| (file.status.identity, file.status.size))) {
            if self.found.insert(file) {
                self.meter.found(1, size);
            }
        }
    }

    /// What is in segments now is owed no more.
    fn discharge(&mut self, Outcome { sealed, more, nothing_new, .. }: &Outcome) {
        let whole = sealed.iter().filter(|sealed| !more.contains(&sealed.segment.path));
        for file in whole.map(|sealed| &sealed.segment.source.file).chain(nothing_new) {
            self.owed.discharge(file);
            self.meter.taken(u64::from(self.found.remove(file)));
        }
    }

    fn came(&self, taken: &Taken) -> Came {
        let is_held = !self.take.requested() && self.watch.is_held();
        let goes_on = !self.goes_on.is_empty();
        let waits = |problems: &[Problem]| problems.iter().any(|problem| problem.effect == Effect::Waits);
        let (not_taken, not_shipped) = (waits(&self.not_taken), waits(&self.not_shipped));
        Came { took: taken.took, goes_on, made_room: taken.confirmed, not_taken, not_shipped, is_held }
    }

    /// Takes round after round, and hands over what is sealed while others are taken.
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
                taken.stopped.untouched += discovery.found.len() + discovery.families.len();
                taken.stopped.claimed += discovery.claimed.len().max(recovered.unfinished.len());
                continue;
            }
            recovered.blocked.extend(taken.blocked.iter().cloned());
            let known = recovered.blocked.clone();
            let rotation = Rotation::new(spool, self.work.settings, machine.clone(), &self.take).to_the_end();
            let rotation = rotation.counting(self.meter).drained_by(self.drained_by).watched_by(&mut self.watch);
            let rotation = rotation.not_asking_again(self.asked.clone());
            let mut hand_over = |sealed| dock.add(sealed);
            let outcome = rotation.handing_over(&mut hand_over).run(&mut recovered, discovery);
            self.discharge(&outcome);
            spool.looked(self.looked_at, outcome.files(), outcome.silent.iter().copied());
            let were_asked = outcome
                .sealed
                .iter()
                .filter(|sealed| sealed.segment.way.asks() && sealed.seal.ended == Ended::Released);
            self.asked.extend(were_asked.map(|sealed| sealed.segment.path.clone()));
            let Outcome {
                sealed,
                problems,
                no_room,
                stopped,
                blocked,
                more,
                current,
                nothing_new: _,
                silent: _,
                limited: _,
            } = outcome;
            taken.took |= !sealed.is_empty();
            taken.blocked.extend(blocked.into_iter().filter(|path| !known.contains(path)));
            taken.no_room.extend(no_room);
            taken.more.extend(more);
            taken.current.extend(current);
            taken.stopped += stopped;
            self.sort(problems);
            self.report.sealed.extend(work::items(&sealed));
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
