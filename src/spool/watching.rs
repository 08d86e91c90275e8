//! What is watched over several runs: inodes that a writer may still hold, and bytes that may be missing.

use super::{Held, Spool, held};
use crate::model::doubt::Doubt;
use crate::model::segment::{SealedSegment, SegmentName};
use crate::model::time::Moment;
use crate::sys::failure::Result;
use crate::sys::fault::{self, Point};

impl Spool {
    /// Remembers that a process has a file open that is not in its directory any more: runs look for what it writes there
    /// behind the first `taken` bytes.
    ///
    /// # Errors
    /// Where it can't be written.
    pub fn hold(&self, sealed: &SealedSegment, taken: u64) -> Result<()> {
        held::note(&self.held, &Held::at(sealed, taken))
    }

    /// Inodes that a writer may still hold.
    ///
    /// # Errors
    /// Where they can't be listed.
    pub fn held(&self) -> Result<Vec<Held>> {
        held::list(&self.held)
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

    /// As [`Self::doubt_for_good`], and told even where a doubt about that segment was told before.
    ///
    /// # Errors
    /// Where it can't be written.
    pub fn doubt_once_more(&self, doubt: &Doubt) -> Result<()> {
        self.doubts.renew(doubt)
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
}
