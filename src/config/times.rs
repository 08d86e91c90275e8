//! Times as the file and the flags give them.

use std::time::Duration;

/// Reads a time such as `90s`, `10m` or `1h 30m`.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text)
        .map_err(|error| format!("{text:?} is not a time such as \"90s\" or \"10m\": {error}"))?;
    match time <= Duration::from_secs(24 * 3600) {
        true => Ok(time),
        false => Err(format!("{text:?} is longer than a day")),
    }
}

/// Reads the time in which something must be over: a second at least, since nothing can be shipped in less.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub fn parse_deadline(text: &str) -> Result<Duration, String> {
    match parse_duration(text)? {
        time if time >= Duration::from_secs(1) => Ok(time),
        _ => Err(format!("{text:?} is too short: nothing can be shipped in less than a second")),
    }
}
