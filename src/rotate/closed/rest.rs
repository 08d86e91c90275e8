//! Files that are the rest of one of which a part was taken in its place: when they are taken, nothing is to be looked for any more.

use super::Closed;
use crate::model::in_place::Give;
use crate::model::segment::{SealedSegment, Segment};
use crate::spool::Search;
use crate::sys::failure::Result;

impl Closed<'_, '_> {
    /// Forgets the file that a segment is the rest of, before it is unlinked: it is not to be looked for when it is gone.
    pub(super) fn forget_file(&self, segment: &Segment) -> Result<()> {
        let earlier = self.rotation.spool.earlier_files()?.into_iter().map(|earlier| earlier.sealed);
        let mut its = earlier.filter(|sealed| is_rest_of(segment, sealed));
        its.try_for_each(|sealed| self.rotation.spool.forget_file(sealed.segment.name))
    }

    /// Takes note that nothing more is in the file that a segment was to be the rest of, before that is removed.
    pub(super) fn end_search(&self, segment: &Segment) -> Result<()> {
        let sought = self.rotation.spool.standings()?.sought();
        let mut its = sought.iter().filter(|sealed| is_rest_of(segment, sealed));
        its.try_for_each(|sealed| self.rotation.spool.remember_file(sealed, Search::Removed))
    }
}

/// Whether a segment is what was left of the file of an earlier one: the same file, or what it was compressed to.
pub(in crate::rotate) fn is_rest_of(segment: &Segment, earlier: &SealedSegment) -> bool {
    let same = segment.source.file.is_same_but_for_device(&earlier.segment.source.file);
    let from = segment.source.from;
    let given = match earlier.seal.in_place.and_then(|in_place| in_place.give) {
        Some(Give::Collapse { length, .. }) => length,
        Some(Give::Punch { .. }) | None => 0,
    };
    let goes_on = from == earlier.taken() || from == earlier.taken().saturating_sub(given);
    same || from > 0 && earlier.segment.path == segment.path && goes_on
}
