//! Whether what is missing at the beginning of a stream has expired, where segments are kept for a certain time only.
//!
//! ```text
//!          kept since                 first that is there
//! ──────────────┼─────────────────────────────┼───────────── now
//!   expired     │ <── within a day ──> expired: nothing is told
//!               │ <── no longer than twice the stream's longest silence ──> it may have expired: that is told
//!               │ <── longer ──> lost
//! ```
//!
//! A listing does not say when a segment that is not there any more was shipped. But a log that goes on at all hours has a
//! segment just before the first one that is there; a log that is silent for weeks need not.

use super::super::time::Moment;
use super::laws::{Seen, Window};

/// How late a store may be in removing what has expired, and how long a segment may span, in nanoseconds. S3 removes at
/// midnight UTC, and not at once
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html>).
const SLACK: i64 = 24 * 3600 * 1_000_000_000;

/// What has become of a stream's beginning that is not there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Beginning {
    /// It has expired.
    Expired,
    /// It may have expired: the stream is silent for that long at times.
    MayHaveExpired,
    /// It should be there.
    Lost,
}

/// What has become of what was before a stream's first segment that is there.
pub(super) fn of_beginning(segments: &[&dyn Seen], window: &Window, now: Moment) -> Beginning {
    let (Some(kept), Some(first)) = (window.kept_since, segments.first().map(|seen| seen.leaf().first)) else {
        return Beginning::Lost;
    };
    match () {
        () if has_expired(window, first) => Beginning::Expired,
        () if first.nanos().saturating_sub(kept.nanos()) <= longest_silence(segments, now).saturating_mul(2) => {
            Beginning::MayHaveExpired
        }
        () => Beginning::Lost,
    }
}

/// Whether all that was shipped before this may have expired.
pub(super) fn has_expired(window: &Window, before: Moment) -> bool {
    window.kept_since.is_some_and(|kept| before.nanos().saturating_sub(kept.nanos()) <= SLACK)
}

/// How long nothing was written at most, between two neighbours; where there is one segment alone, since then.
fn longest_silence(segments: &[&dyn Seen], now: Moment) -> i64 {
    let pairs = segments.windows(2).map(|pair| (pair[0].leaf(), pair[1].leaf()));
    let silences =
        pairs.filter(|(a, b)| b.seq == a.seq.next()).map(|(a, b)| b.first.nanos().saturating_sub(a.last.nanos()));
    match segments {
        [alone] => now.nanos().saturating_sub(alone.leaf().last.nanos()),
        _ => silences.max().unwrap_or(0).max(0),
    }
}
