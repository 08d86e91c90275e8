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

mod commands;
mod continued;
mod doubts;
mod dropping;
mod earlier;
mod file_names;
mod given;
mod held;
mod history;
mod kept;
mod local;
mod looks;
mod notices;
mod overview;
mod part;
mod record;
mod recovery;
mod sealing;
mod shelf;
mod standings;
mod streams;
mod succession;
mod survey;
mod tally;
mod telling;
mod together;
mod watching;

use std::path::Path;
use std::sync::Arc;

pub use continued::{Continued, survey as continued};
pub use earlier::{Earlier, Search};
pub use held::Held;
pub use history::Runs;
pub use local::{Local, Locals, Stays};
pub use overview::{Copies, Overview, copies, overview};
pub use part::Part;
pub use record::Record;
pub use recovery::{Damage, Recovered, Unfinished};
pub use shelf::Shelf;
pub use standings::{Standings, survey as standings};
pub use streams::Head;
pub use survey::{Survey, survey};
pub use tally::Tally;
pub use together::Complete;

use crate::model::problem;
use crate::sys::clock;
use crate::sys::dir::{Dir, Private};
use crate::sys::failure::Result;
use doubts::Doubts;
use kept::Kept;
use looks::Looked;
use notices::Notices;
use streams::Streams;
use tally::Tallies;

/// What is in a state directory, in the order in which it is made.
const SUBDIRECTORIES: [&str; 10] =
    ["spool", "held", "damaged", "gaps", "streams", "doubts", "kept", "notices", "earlier", "given"];

/// The spool of a state directory.
pub struct Spool {
    root: Dir,
    segments: Arc<Dir>,
    held: Dir,
    damaged: Dir,
    gaps: Dir,
    doubts: Doubts,
    earlier: Dir,
    given: Dir,
    streams: Streams,
    kept: Kept,
    notices: Notices,
    tallies: Tallies,
    looked: Looked,
    damage: Vec<Damage>,
}

impl Spool {
    /// Opens the spool in a state directory, making what is missing (but not the state directory's parent).
    ///
    /// # Errors
    /// Where the directory can't be made, isn't ours, or others may enter it.
    pub fn open(state_dir: &Path) -> Result<Self> {
        let root = Dir::open_private(state_dir)?;
        let [segments, held, damaged, gaps, streams, doubts, kept, notices, earlier, given] =
            SUBDIRECTORIES.map(|name| root.private_subdir(name));
        let (segments, held, damaged, gaps) = (segments?, held?, damaged?, gaps?);
        let (earlier, given) = (earlier?, given?);
        let (streams, doubts, kept) = (Streams::new(streams?), Doubts::new(doubts?), Kept::new(kept?));
        let (segments, notices) = (Arc::new(segments), Notices::new(notices?));
        let (tallies, looked, damage) = Default::default();
        Ok(Self {
            root,
            segments,
            held,
            damaged,
            gaps,
            doubts,
            earlier,
            given,
            streams,
            kept,
            notices,
            tallies,
            looked,
            damage,
        })
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

    /// The state directory.
    pub fn root(&self) -> &Dir {
        &self.root
    }

    /// What shipping needs of the spool; it may go on in other threads while logs are taken.
    pub fn shelf(&self) -> Shelf {
        Shelf::of(&self.segments)
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

    /// What was put aside since the spool was opened.
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }
}
