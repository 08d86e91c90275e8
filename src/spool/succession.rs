//! What comes after what: the last segment of each stream, the files that streams go on in, and what the next segment
//! begins with.
//!
//! A record that is damaged ends its stream: it is put aside and named, and the log begins a new one.

use super::streams::Unknown;
use super::{Continued, Earlier, Head, Held, Search, Spool, Standings, earlier, recovery};
use crate::model::segment::{ClaimedName, OwnerTag, SealedSegment, SegmentName, StreamOwner};
use crate::sys::failure::Result;

impl Spool {
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

    /// The segment that was made of a claimed file, if that was the last one of its stream: the file was to be unlinked after
    /// the seal, and the run did not come to that.
    ///
    /// # Errors
    /// Where the records that were kept can't be listed.
    pub fn sealed_from(&self, claimed: &ClaimedName) -> Result<Option<SealedSegment>> {
        self.streams.last_of(|sealed| sealed.segment.claimed.as_ref() == Some(claimed))
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
            match self.streams.kept(&tag) {
                Ok(sealed) => standings.note(sealed),
                Err(_) => standings.lacks_some(),
            }
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
}
