//! The time of day.

use std::time::SystemTime;

use crate::model::time::Moment;

/// Now.
pub fn now() -> Moment {
    let nanos = match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanos| -nanos),
    };
    Moment::from_nanos(nanos)
}
