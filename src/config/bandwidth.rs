//! `bandwidth`: how fast bodies go to the store.

use super::section::{Mistakes, Section};
use crate::model::rate::ByteRate;

/// The slowest that is any use, in bytes a second: S3 gives up on a connection on which nothing comes for some 20 seconds
/// (`RequestTimeout`, <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>), and four share this.
const SLOWEST: u64 = 16 * 1024;

/// Reads the key of the file's outermost table; `None` for no limit.
pub(super) fn read(top: &mut Section<'_>, mistakes: &mut Mistakes) -> Option<ByteRate> {
    mistakes.or_default(top.parsed("bandwidth", |text| match ByteRate::parse(text)? {
        rate if rate.bytes_a_second() < SLOWEST => {
            Err(format!("{text:?} is too slow for a store to wait for: at least \"16KiB/s\""))
        }
        rate => Ok(rate),
    }))
}
