//! The room that copying has, looked up once for a batch; segments that are only kept for people make way for new ones.

use std::fs::File;

use super::copy::{self, CopyError, To, Until};
use super::room::{Limits, Room};
use super::{Rotation, repack};
use crate::config::Settings;
use crate::gzip::Press;
use crate::model::family::Packing;
use crate::model::problem;
use crate::spool::{Part, Spool};
use crate::sys::failure::{Failure, Result};

/// How much kept segments give back at a time, in bytes: no more of them than is needed should go.
const GIVEN_BACK: u64 = 16 * 1024 * 1024;

/// What the spool may still take, as far as is known.
pub(super) struct Budget {
    limits: Limits,
    room: Option<Room>,
}

impl Budget {
    /// As the settings limit it.
    pub(super) fn of(settings: &Settings) -> Self {
        Self { limits: Limits::of(settings), room: None }
    }

    /// Has it looked up anew when it is needed next.
    pub(super) fn renew(&mut self) {
        self.room = None;
    }

    fn room(&mut self, spool: &Spool) -> Result<Room> {
        match self.room {
            Some(room) => Ok(room),
            None => Ok(*self.room.insert(self.limits.room(spool)?)),
        }
    }

    /// Fails where there is no room for a log of that size, even without what is kept.
    pub(super) fn require(&mut self, spool: &Spool, size: u64) -> Result<()> {
        loop {
            let room = self.room(spool)?;
            match room.require_for(spool, size) {
                Err(_) if room.is_short_of_disk() && self.kept_made_way(spool) => {}
                other => return other,
            }
        }
    }

    /// Whether so many bytes can be copied without anything having to make way.
    pub(super) fn has(&mut self, spool: &Spool, bytes: u64) -> bool {
        self.room(spool).is_ok_and(|room| room.left() >= bytes)
    }

    /// Takes note of a copy that was not made by [`Self::copy`].
    pub(super) fn take(&mut self, bytes: u64) {
        if let Some(room) = &mut self.room {
            room.take(bytes);
        }
    }

    /// Fails where the file system has less than what must stay free, even without what is kept: the last look before an
    /// unlink.
    pub(super) fn require_free(&mut self, spool: &Spool) -> Result<()> {
        loop {
            match self.limits.require_free(spool) {
                Err(failure) if failure.no_room() && self.kept_made_way(spool) => {}
                other => return other,
            }
        }
    }

    /// The failure of a copy that would need more room than there is. What it took of that, it gives back.
    pub(super) fn exceeded(&mut self, spool: &Spool) -> Failure {
        let failure = self.room(spool).map_or_else(|failure| failure, |room| room.exceeded(spool));
        self.renew();
        failure
    }

    /// Copies what a log holds behind the part's end, while the log is still there and the room lasts. Returns how many bytes
    /// that were.
    pub(super) fn copy(
        &mut self,
        rotation: &mut Rotation<'_>,
        part: &mut Part,
        log: &File,
        to: To,
    ) -> std::result::Result<u64, CopyError> {
        self.again_and_again(rotation, part, |press, part, until| copy::copy(press, part, log, to, until).map(drop))
    }

    /// The same up to a byte of a log of which the start may be a hole; less where someone else truncates it meanwhile.
    pub(super) fn copy_up_to(
        &mut self,
        rotation: &mut Rotation<'_>,
        part: &mut Part,
        log: &File,
        end: u64,
    ) -> std::result::Result<u64, CopyError> {
        self.again_and_again(rotation, part, |press, part, until| {
            copy::copy_up_to(press, part, log, end, until).map(drop)
        })
    }

    /// A copy that goes on where it ended when kept segments have made way for it.
    fn again_and_again(
        &mut self,
        rotation: &mut Rotation<'_>,
        part: &mut Part,
        mut copy: impl FnMut(&mut dyn Press, &mut Part, Until<'_>) -> std::result::Result<(), CopyError>,
    ) -> std::result::Result<u64, CopyError> {
        let begin = part.taken();
        loop {
            match self.within(rotation, part, &mut copy) {
                Err(error) if self.is_short_of_disk(&error) && self.kept_made_way(rotation.spool) => {}
                other => return other.map(|()| part.taken() - begin),
            }
        }
    }

    /// Unpacks a compressed file into a part, while the room lasts.
    pub(super) fn repack(
        &mut self,
        rotation: &mut Rotation<'_>,
        part: &mut Part,
        file: &File,
        packing: Packing,
    ) -> std::result::Result<(), CopyError> {
        self.within(rotation, part, |press, part, until| repack::copy(press, part, file, packing, until))
    }

    /// Lets a part grow while the room lasts.
    fn within(
        &mut self,
        rotation: &mut Rotation<'_>,
        part: &mut Part,
        copy: impl FnOnce(&mut dyn Press, &mut Part, Until<'_>) -> std::result::Result<(), CopyError>,
    ) -> std::result::Result<(), CopyError> {
        let mut room = self.room(rotation.spool).map_err(CopyError::Part)?;
        let before = part.packed();
        let Rotation { press, stop, meter, .. } = rotation;
        let until = Until::Stopped { stop, most: before.saturating_add(room.left()), meter };
        let copied = copy(press, part, until);
        room.take(part.packed() - before);
        self.room = Some(room);
        copied
    }

    /// Whether it is the disk that has no room, and not the spool that may hold no more.
    fn is_short_of_disk(&self, error: &CopyError) -> bool {
        match error {
            CopyError::TooLarge => self.room.is_some_and(|room| room.is_short_of_disk()),
            CopyError::Part(failure) => failure.no_room(),
            _ => false,
        }
    }

    /// Has kept segments make way; whether any did.
    fn kept_made_way(&mut self, spool: &Spool) -> bool {
        self.room = None;
        spool.make_room(GIVEN_BACK).unwrap_or_else(|failure| {
            log::info!("{}", problem::chain(&failure));
            0
        }) > 0
    }
}
