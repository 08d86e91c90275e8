//! Logs whose writers were asked to open them anew in this flush: what the asking itself has them write is no reason to ask again.
//!
//! Apache notes each graceful restart in its `error.log`, lighttpd and php-fpm do the like. A flush that took that line, and so asked
//! once more, would never come to its end, and restart a busy server each time.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::model::segment::SealedSegment;
use crate::model::time::Moment;
use crate::model::way::Way;
use crate::rotate::discover::Found;
use crate::sys::clock;

/// What is written within that time is taken for what the asking has brought.
const ECHO: Duration = Duration::from_secs(1);

/// After which time it shows whether there is more than that.
pub(super) const UNTIL_IT_SHOWS: Duration = Duration::from_millis(1250);

/// When the writers of logs were asked last.
#[derive(Default)]
pub(super) struct Asked {
    at: HashMap<PathBuf, Moment>,
    /// Whether it was too early to know of some whether they have got more.
    pub(super) is_too_early: bool,
}

impl Asked {
    /// Takes note of what was sealed just now.
    pub(super) fn note(&mut self, sealed: &[SealedSegment]) {
        let is_asked = |way: &Way| matches!(way, Way::Signal { .. } | Way::Command { .. });
        let now = clock::now();
        let asked = sealed.iter().filter(|sealed| is_asked(&sealed.segment.way));
        self.at.extend(asked.map(|sealed| (sealed.segment.path.clone(), now)));
    }

    /// Leaves out the logs that have got nothing but what the asking has brought.
    pub(super) fn leave_out_echoes(&mut self, found: &mut Vec<Found>) {
        let (now, echo, shows) = (clock::now().nanos(), nanos(ECHO), nanos(UNTIL_IT_SHOWS));
        self.is_too_early = false;
        found.retain(|found| {
            let Some(asked) = self.at.get(&found.path).map(|asked| asked.nanos()) else { return true };
            let is_more = found.modified.nanos() > asked.saturating_add(echo);
            self.is_too_early |= !is_more && now < asked.saturating_add(shows);
            is_more
        });
    }
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}
