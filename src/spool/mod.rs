//! The spool: segments that are not yet confirmed in the store, and what must be remembered of those that are.
//!
//! Promise: after a crash at any instant, the state is read from what files there are; nothing that was sealed is lost,
//! nothing is handed out twice. Each file's state is its extension (FORMAT.md beside this file has the whole table):
//!
//! ```text
//! begin            write           seal                    ship               drop
//! NAME.json  ->    NAME.part  ->   NAME.json, NAME.gz  ->  NAME.shipped  ->   streams/TAG.json
//! (open)                           (sealed)                                   (the stream's last segment)
//! ```
//!
//! The directory is private (0700) and belongs to one process at a time, which holds its lock.

mod continued;
mod doubts;
mod earlier;
mod held;
mod history;
mod kept;
mod local;
mod notices;
mod overview;
mod part;
mod record;
mod recovery;
mod sealing;
mod shelf;
mod standings;
mod streams;
mod survey;
mod tally;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

pub use continued::{Continued, survey as continued};
pub use earlier::{Earlier, Search};
pub use held::Held;
pub use history::Runs;
pub use local::{Local, Locals, Stays};
pub use overview::{Overview, overview};
pub use part::Part;
pub use record::Record;
pub use recovery::{Damage, Recovered, Unfinished};
pub use sealing::Complete;
pub use shelf::Shelf;
pub use standings::{Standings, survey as standings};
pub use streams::Head;
pub use survey::{Survey, survey};
pub use tally::Tally;

use crate::model::destination::Destination;
use crate::model::doubt::Doubt;
use crate::model::history::{Amount, Command, History, Run};
use crate::model::in_place::InPlace;
use crate::model::keep::Keep;
use crate::model::names::Service;
use crate::model::notice::Kind;
use crate::model::problem::{self, Problem};
use crate::model::segment::{ClaimedName, Ended, OwnerTag, SealedSegment, Segment, SegmentName, StreamOwner};
use crate::model::time::Moment;
use crate::sys::clock;
use crate::sys::dir::{Dir, Private};
use crate::sys::failure::{Context, Result};
use crate::sys::fault::{self, Point};
use crate::sys::lock::{self, Lock};
use doubts::Doubts;
use kept::Kept;
use notices::Notices;
use streams::{Streams, Unknown};
use tally::Tallies;

/// What is in a state directory, in the order in which it is made.
const SUBDIRECTORIES: [&str; 9] =
    ["spool", "held", "damaged", "gaps", "streams", "doubts", "kept", "notices", "earlier"];

/// The spool of a state directory.
pub struct Spool {
    root: Dir,
    segments: Arc<Dir>,
    held: Dir,
    damaged: Dir,
    gaps: Dir,
    doubts: Doubts,
    earlier: Dir,
    streams: Streams,
    kept: Kept,
    notices: Notices,
    tallies: Tallies,
    damage: Vec<Damage>,
}

impl Spool {
    /// Opens the spool in a state directory, making what is missing (but not the state directory's parent).
    ///
    /// # Errors
    /// Where the directory can't be made, isn't ours, or others may enter it.
    pub fn open(state_dir: &Path) -> Result<Self> {
        let root = Dir::open_private(state_dir)?;
        let [segments, held, damaged, gaps, streams, doubts, kept, notices, earlier] =
            SUBDIRECTORIES.map(|name| root.private_subdir(name));
        let (segments, held, damaged, gaps, earlier) = (segments?, held?, damaged?, gaps?, earlier?);
        let (streams, doubts, kept) = (Streams::new(streams?), Doubts::new(doubts?), Kept::new(kept?));
        let (segments, notices) = (Arc::new(segments), Notices::new(notices?));
        let (tallies, damage) = Default::default();
        Ok(Self { root, segments, held, damaged, gaps, doubts, earlier, streams, kept, notices, tallies, damage })
    }

    /// From now on, what the store has confirmed stays as `keep` says; before that, nothing stays, and nothing that an
    /// earlier run kept is removed.
    pub fn keep(&mut self, keep: Option<Keep>) {
        self.kept.set(keep);
    }

    /// Fails where [`Self::open`] would, without making anything; gives the state directory, or the one that it is going to
    /// be made in.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn look(state_dir: &Path) -> Result<Private> {
        let found = Dir::look_private(state_dir)?;
        if let Private::There(root) = &found {
            SUBDIRECTORIES.iter().try_for_each(|name| root.look_private_subdir(name).map(drop))?;
        }
        Ok(found)
    }

    /// Makes the directories themselves durable: a run that was killed may have made them and not come to that. To be
    /// called before anything that is to outlive a power loss is put into them.
    ///
    /// # Errors
    /// What the file system answers.
    pub fn make_durable(&self) -> Result<()> {
        self.root.sync_with_name()
    }

    /// Takes the state directory's lock; `None` when another run has it.
    ///
    /// # Errors
    /// Where the file system has no locks.
    pub fn try_lock(&self) -> Result<Option<Lock>> {
        lock::try_lock(&self.root)
    }

    /// Takes note that a command begins its work. To be called by who holds the lock, and by nobody else.
    pub fn command_begins(&self, command: Command) {
        history::begin(&self.root, command, clock::now());
    }

    /// Takes note of how that command ended, and of what it has shipped of each service. Gives what all commands came to;
    /// `None` where what is known of those before can't be read now.
    pub fn command_ended(&self, run: Run, shipped: &BTreeMap<Service, Amount>) -> Option<History> {
        history::end(&self.root, run, shipped)
    }

    /// Takes note that a command found another one at work.
    pub fn command_skipped(&self, command: Command) {
        history::skip(&self.root, command, clock::now());
    }

    /// The state directory.
    pub fn root(&self) -> &Dir {
        &self.root
    }

    /// What the next segment of an owner's stream begins with; `None` when its stream is to be a new one. That is so
    /// too when the stream's record is damaged: it is put aside.
    ///
    /// # Errors
    /// Where the record can't be read now, or a damaged one can't be put aside.
    pub fn head(&mut self, owner: &StreamOwner) -> Result<Option<Head>> {
        let head = self.streams.head(owner);
        self.or_aside(head)
    }

    /// The newest segment of an owner; `None` where there is none, or where its record is damaged and was put aside.
    ///
    /// # Errors
    /// As [`Self::head`].
    pub fn newest(&mut self, owner: &StreamOwner) -> Result<Option<SealedSegment>> {
        let newest = self.streams.newest(&OwnerTag::of(owner));
        self.or_aside(newest)
    }

    /// Remembers a problem with a log for its readers, if it is one that its next segment is to tell them.
    pub fn note(&mut self, problem: &Problem, to: &Destination) {
        if let Some(kind) = Kind::of(problem.cause) {
            self.notices.note(&problem.path, to, kind, clock::now());
        }
    }

    /// A segment that is about to be begun behind `head`, with what it is to tell its readers.
    pub fn with_notice(&mut self, segment: Segment, head: Option<&Head>) -> Segment {
        let before = head.map(|head| head.told).unwrap_or_default();
        let notice = self.notices.of(&segment, &before);
        let notice = head.map_or(notice, |head| notice.behind(head.ended, head.last));
        Segment { notice, ..segment }
    }

    /// What was taken of a log since [`Self::begin_tally`].
    pub fn tally(&self, log: &Path) -> Option<Tally> {
        self.tallies.of(log)
    }

    /// Begins to count what is taken of a log, for as long as this spool is open.
    pub fn begin_tally(&mut self, log: &Path, tally: Tally) -> Tally {
        self.tallies.begin(log, tally)
    }

    /// Takes note that it was told that there is more of a log.
    pub fn tally_told(&mut self, log: &Path) {
        self.tallies.tell(log);
    }

    /// The segment that was made of a claimed file, if that was the last one of its stream: the file was to be unlinked after
    /// the seal, and the run did not come to that.
    ///
    /// # Errors
    /// Where the records that were kept can't be listed.
    pub fn sealed_from(&self, claimed: &ClaimedName) -> Result<Option<SealedSegment>> {
        self.streams.last_of(|sealed| sealed.segment.claimed.as_ref() == Some(claimed))
    }

    /// Writes down what a segment is going to be. Nothing of its log may be touched before [`Self::sync`].
    ///
    /// # Errors
    /// `AlreadyExists` where there is a segment of that name, which is left as it is; else what keeps it from being
    /// written, and then nothing is left.
    pub fn begin(&self, segment: &Segment) -> Result<()> {
        let name = record_file(segment.name);
        let text = Record::open(segment.clone()).to_json().doing("write", self.segments.path_of(&name))?;
        self.segments.write_new(&name, text.as_bytes())
    }

    /// Whether no segment of that name is in the spool.
    ///
    /// # Errors
    /// Where it can't be looked at.
    pub fn is_free(&self, name: SegmentName) -> Result<bool> {
        Ok(self.segments.look(record_file(name))?.is_none())
    }

    /// How many bytes the spool's file system has room for.
    ///
    /// # Errors
    /// What the file system answers.
    pub fn room(&self) -> Result<u64> {
        self.segments.room()
    }

    /// How many bytes the files of the spool have.
    ///
    /// # Errors
    /// Where they can't be looked at.
    pub fn used(&self) -> Result<u64> {
        let mut used = 0;
        for name in self.segments.names()? {
            used += self.segments.look(&name)?.map_or(0, |entry| entry.status.size);
        }
        Ok(used)
    }

    /// Makes the names of records, parts and sealed segments durable.
    ///
    /// # Errors
    /// What the file system answers.
    pub fn sync(&self) -> Result<()> {
        self.segments.sync()
    }

    /// Starts a segment's part.
    ///
    /// # Errors
    /// `AlreadyExists` where there is one; else what keeps it from being written.
    pub fn start_part(&self, segment: Segment) -> Result<Part> {
        let name = part_file(segment.name);
        let file = self.segments.create(&name, 0o600)?;
        fault::reached(Point::PartMade);
        Part::start(segment, file, self.segments.path_of(&name))
    }

    /// Opens the part of an interrupted run and cuts it behind its last whole block.
    ///
    /// # Errors
    /// Where it can't be read, or doesn't even hold the beginning of a part.
    pub fn salvage_part(&self, segment: Segment) -> Result<Part> {
        let name = part_file(segment.name);
        let file = self.segments.open_write(&name)?;
        Part::salvage(segment, file, self.segments.path_of(&name))
    }

    /// Forgets a segment that was begun: its part, then its record.
    ///
    /// # Errors
    /// Where they can't be removed.
    pub fn discard(&self, name: SegmentName) -> Result<()> {
        self.discard_part(name)?;
        self.segments.unlink_if_there(record_file(name))?;
        fault::reached(Point::RecordDiscarded);
        Ok(())
    }

    /// Removes only a segment's part, so that its log is copied again by the next run.
    ///
    /// # Errors
    /// Where it can't be removed.
    pub fn discard_part(&self, name: SegmentName) -> Result<()> {
        self.segments.unlink_if_there(part_file(name))?;
        fault::reached(Point::PartDiscarded);
        Ok(())
    }

    /// Seals a part: trailer, fsync, final record, what is still held, rename, fsync of the directory.
    ///
    /// # Errors
    /// Where any of it can't be written; the part then is there to be salvaged or sealed by the next run.
    pub fn seal(&mut self, part: Part, last: Moment, ended: Ended) -> Result<SealedSegment> {
        let sealed = part.finish(last, ended)?;
        self.seal_as(sealed)
    }

    /// Seals a part of a log that stays in its place. With the seal it is durable what is going to be given back of it.
    ///
    /// # Errors
    /// As with [`Self::seal`].
    pub fn seal_in_place(&mut self, part: Part, last: Moment, in_place: InPlace) -> Result<SealedSegment> {
        let mut sealed = part.finish(last, Ended::Continued)?;
        sealed.seal.in_place = Some(in_place);
        self.seal_as(sealed)
    }

    /// Changes what is going to be given back of a log, before anything of it is.
    ///
    /// # Errors
    /// Where it can't be written: then what the record says may be this or what it said before.
    pub fn plan_anew(&mut self, sealed: &SealedSegment) -> Result<()> {
        write_record(&self.segments, &Record::sealed(sealed.clone()))?;
        self.segments.sync()?;
        self.streams.replace(sealed.clone());
        Ok(())
    }

    /// The logs that go on where segments of theirs ended. A record that can't be read says nothing here: whoever needs it for
    /// its stream is told.
    ///
    /// # Errors
    /// Where the records can't be listed.
    pub fn continued(&self) -> Result<Continued> {
        let mut continued = Continued::default();
        for tag in self.streams.tags()? {
            let kept = self.streams.kept(&tag).unwrap_or_default();
            kept.into_iter().for_each(|sealed| continued.note(sealed));
        }
        self.streams.in_spool().for_each(|sealed| continued.note(sealed.clone()));
        earlier::list(&self.earlier)?.into_iter().for_each(|earlier| continued.note(earlier.sealed));
        Ok(continued)
    }

    /// Where all streams stand, and which files they went on from.
    ///
    /// # Errors
    /// Where the records can't be listed.
    pub fn standings(&self) -> Result<Standings> {
        let mut standings = Standings::default();
        for tag in self.streams.tags()? {
            standings.note(self.streams.kept(&tag).unwrap_or_default());
        }
        self.streams.in_spool().for_each(|sealed| standings.note(Some(sealed.clone())));
        standings.earlier = earlier::list(&self.earlier)?;
        Ok(standings)
    }

    /// Remembers of a file how much of it is in segments, and whether it is looked for: to be called before its stream goes on
    /// in another file.
    ///
    /// # Errors
    /// Where it can't be written.
    pub fn remember_file(&self, sealed: &SealedSegment, search: Search) -> Result<()> {
        earlier::note(&self.earlier, sealed, search)
    }

    /// Forgets a file that was taken to its end: to be called before it is unlinked.
    ///
    /// # Errors
    /// Where that can't be removed.
    pub fn forget_file(&self, name: SegmentName) -> Result<()> {
        earlier::forget(&self.earlier, name)
    }

    /// The files that streams went on from.
    ///
    /// # Errors
    /// Where they can't be listed.
    pub fn earlier_files(&self) -> Result<Vec<Earlier>> {
        earlier::list(&self.earlier)
    }

    /// Remembers that a process has a file open that is not in its directory any more: runs look for what it writes there
    /// behind the first `taken` bytes.
    ///
    /// # Errors
    /// Where it can't be written.
    pub fn hold(&self, sealed: &SealedSegment, taken: u64) -> Result<()> {
        held::note(&self.held, &Held::at(sealed, taken))
    }

    fn seal_as(&mut self, sealed: SealedSegment) -> Result<SealedSegment> {
        write_record(&self.segments, &Record::sealed(sealed.clone()))?;
        fault::reached(Point::SealRecorded);
        self.finish_seal(&sealed)?;
        self.notices.told(&sealed.segment);
        self.tallies.count(&sealed);
        Ok(sealed)
    }

    /// The part of sealing that comes after the record: the next run does it where this one was cut short.
    fn finish_seal(&mut self, sealed: &SealedSegment) -> Result<()> {
        self.give_final_name(sealed)?;
        self.segments.sync()?;
        fault::reached(Point::Sealed);
        self.streams.advance(sealed.clone());
        Ok(())
    }

    fn give_final_name(&self, sealed: &SealedSegment) -> Result<()> {
        held::remember(&self.held, sealed)?;
        let name = sealed.segment.name;
        self.segments.rename_into(part_file(name), &self.segments, sealed_file(name))?;
        fault::reached(Point::SealRenamed);
        Ok(())
    }

    /// What shipping needs of the spool; it may go on in other threads while logs are taken.
    pub fn shelf(&self) -> Shelf {
        Shelf::of(&self.segments)
    }

    /// Drops segments that were marked as shipped; some of them stay under `kept/`.
    ///
    /// # Errors
    /// Where something can't be removed; the next run does it then.
    pub fn drop_shipped(&self, shipped: &[SealedSegment]) -> Result<()> {
        if shipped.is_empty() {
            return Ok(());
        }
        // No record may go before the mark is durable, and no mark before the record is kept: a power loss in between
        // must not leave what would be taken for damage.
        self.segments.sync()?;
        fault::reached(Point::MarksDurable);
        self.kept.take(&self.segments, shipped);
        for sealed in shipped {
            let name = sealed.segment.name;
            self.segments.unlink_if_there(upload_file(name))?;
            self.streams.keep_last(&self.segments, &record_file(name), sealed)?;
            fault::reached(Point::RecordKept);
        }
        self.streams.sync()?;
        self.segments.sync()?;
        fault::reached(Point::StreamsDurable);
        for sealed in shipped {
            self.segments.unlink_if_there(shipped_file(sealed.segment.name))?;
            fault::reached(Point::Dropped);
        }
        self.clear_out_kept();
        Ok(())
    }

    /// Removes what was kept long enough, and what is too much. Where it can't be, the next run does it: nothing waits for
    /// it.
    fn clear_out_kept(&self) {
        if let Err(failure) = self.kept.clear_out(&self.segments, clock::now()) {
            log::info!("{}", problem::chain(&failure));
        }
    }

    /// Removes kept segments, the oldest first, until that many bytes are gone or none is left; gives how many went. The
    /// store has all of them.
    ///
    /// # Errors
    /// Where they can't be listed or removed.
    pub fn make_room(&self, bytes: u64) -> Result<u64> {
        self.kept.make_room(&self.segments, bytes)
    }

    /// What earlier runs left, brought into one of the known states.
    ///
    /// # Errors
    /// Where the directories can't be listed; one damaged file is no error, but put aside and named.
    pub fn recover(&mut self) -> Result<Recovered> {
        let recovered = recovery::recover(self)?;
        self.notices.clear_out();
        self.clear_out_kept();
        if let Err(failure) = earlier::clear_out(&self.earlier, clock::now()) {
            log::info!("{}", problem::chain(&failure));
        }
        Ok(recovered)
    }

    /// Inodes that a writer may still hold.
    ///
    /// # Errors
    /// Where they can't be listed.
    pub fn held(&self) -> Result<Vec<Held>> {
        held::list(&self.held)
    }

    /// The newest segment of the log that a held inode was, by the same owner; the inode's growth comes after it. `None`
    /// where no sound record of it is left.
    ///
    /// # Errors
    /// Where the record can't be read now, or a damaged one can't be put aside.
    pub fn newest_of(&mut self, held: &Held) -> Result<Option<SealedSegment>> {
        let newest = self.streams.newest(&held.tag);
        self.or_aside(newest)
    }

    /// What the segment after `last` begins with.
    pub fn after(&self, last: &SealedSegment) -> Head {
        self.streams.after(last)
    }

    /// What was put aside since the spool was opened.
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    fn or_aside<T>(&mut self, read: std::result::Result<Option<T>, Unknown>) -> Result<Option<T>> {
        match read {
            Ok(value) => Ok(value),
            Err(Unknown::Unread(failure)) => Err(failure),
            Err(Unknown::Unsound { file_name, why }) => {
                let why = format!("the record of a stream is damaged ({why}); its log begins a new stream");
                let damage = recovery::move_aside(self.streams.dir(), &self.damaged, file_name.as_ref(), &why)?;
                self.damage.extend(damage);
                Ok(None)
            }
        }
    }

    /// Remembers that bytes may be missing, unless a process is found to hold the inode still.
    ///
    /// # Errors
    /// Where it can't be written.
    pub fn doubt(&self, doubt: &Doubt) -> Result<()> {
        self.doubts.open(doubt)
    }

    /// Remembers that bytes may be missing, where nothing can be found out any more.
    ///
    /// # Errors
    /// Where it can't be written.
    pub fn doubt_for_good(&self, doubt: &Doubt) -> Result<()> {
        self.doubts.add(doubt)
    }

    /// Ends the doubt about a segment: a process holds its inode, and so all its bytes.
    ///
    /// # Errors
    /// Where it can't be removed.
    pub fn settle_doubt(&self, name: SegmentName) -> Result<()> {
        self.doubts.settle(name)
    }

    /// Makes a doubt about a segment, if there is one, one for good: no process holds its inode.
    ///
    /// # Errors
    /// Where it can't be renamed.
    pub fn confirm_doubt(&self, name: SegmentName) -> Result<()> {
        self.doubts.confirm(name)
    }

    /// What may be missing and nobody was told yet.
    ///
    /// # Errors
    /// Where it can't be read.
    pub fn untold_doubts(&self) -> Result<Vec<Doubt>> {
        self.doubts.untold()
    }

    /// Takes note that these were told, and forgets what was told long ago.
    ///
    /// # Errors
    /// Where it can't be written; they are told again then.
    pub fn doubts_told(&self, told: &[Doubt], now: Moment) -> Result<()> {
        self.doubts.told(told, now)
    }

    /// When a held inode was remembered; `None` where it is forgotten already.
    ///
    /// # Errors
    /// Where its mark can't be looked at.
    pub fn held_since(&self, held: &Held) -> Result<Option<Moment>> {
        Ok(self.held.look(&held.file_name)?.map(|entry| entry.status.modified))
    }

    /// Forgets a held inode.
    ///
    /// # Errors
    /// Where its mark can't be removed.
    pub fn let_go(&self, held: &Held) -> Result<()> {
        self.held.unlink_if_there(&held.file_name)?;
        fault::reached(Point::LetGo);
        Ok(())
    }
}

fn write_record(segments: &Dir, record: &Record) -> Result<()> {
    let name = record_file(record.segment.name);
    let text = record.to_json().doing("write", segments.path_of(&name))?;
    segments.write_synced(&name, text.as_bytes())
}

fn record_file(name: SegmentName) -> String {
    format!("{name}.json")
}

fn part_file(name: SegmentName) -> String {
    format!("{name}.part")
}

fn sealed_file(name: SegmentName) -> String {
    format!("{name}.gz")
}

fn upload_file(name: SegmentName) -> String {
    format!("{name}.upload")
}

fn shipped_file(name: SegmentName) -> String {
    format!("{name}.shipped")
}
