//! `format` and `level`: how segments are compressed, and how hard is tried.

use super::section::{Mistakes, Section};
use crate::model::format::Format;

/// What a file says of compression.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Compression {
    /// How segments are compressed that are begun from now on.
    pub format: Format,
    /// The level, one of the format's own.
    pub level: Option<u32>,
}

impl Compression {
    /// The level, or the format's default.
    pub fn level(self) -> u32 {
        self.level.unwrap_or(self.format.default_level())
    }
}

/// Reads the keys of the file's outermost table.
pub(super) fn read(top: &mut Section<'_>, mistakes: &mut Mistakes) -> Compression {
    let read = top.parsed("format", Format::parse);
    // A level can only be judged by the format that is meant.
    let is_known = read.is_ok();
    let format = mistakes.or_default(read).unwrap_or_default();
    let levels = if is_known { format.levels() } else { Format::Zstd.levels() };
    let range = i64::from(*levels.start())..i64::from(*levels.end()) + 1;
    let level = top.number("level", range).map_err(|error| match format {
        Format::Gzip if is_known => error.hint("zstd has levels from 1 to 19: format = \"zstd\""),
        Format::Gzip => error,
        Format::Zstd => {
            error.hint("1 is the fastest, 3 is zstd's own default, 19 the smallest and some 50 times as slow")
        }
    });
    Compression { format, level: mistakes.or_default(level).and_then(|level| u32::try_from(level).ok()) }
}
