//! How much is measured: everything, as much as fits into two minutes, or so little that a test can do it.

use clap::ValueEnum;

/// How much is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Size {
    /// What the goals are about: meant for 25 minutes at most
    Full,
    /// Less of everything: meant for two minutes
    Quick,
    /// So little that no figure means anything: for tests of the measurement itself
    Tiny,
}

/// The sizes that go with it.
#[derive(Clone)]
pub(crate) struct Scale {
    /// Of the mixed log, in bytes.
    pub(crate) mixed: u64,
    /// Over how many logs the same amount is spread where it is compared with other shippers.
    pub(crate) spread: usize,
    /// How many small logs are compared with one.
    pub(crate) many: usize,
    /// How many bytes a small log has.
    pub(crate) small: u64,
    /// The two logs whose peak memory is compared, in bytes.
    pub(crate) memory: [u64; 2],
    /// How many empty logs there are where nothing is to do.
    pub(crate) empty: usize,
    /// How often a short command is started.
    pub(crate) starts: usize,
    /// How often a writer is watched, quiet and busy.
    pub(crate) watched: usize,
    /// What is read back, in bytes, in four segments.
    pub(crate) read: u64,
    /// Numbers of logs of 4 KiB whose cost is plotted.
    pub(crate) growth_logs: &'static [usize],
    /// Sizes of one log whose cost is plotted, in bytes.
    pub(crate) growth_bytes: &'static [u64],
    /// How often the rest is repeated.
    pub(crate) times: usize,
}

const MB: u64 = 1_000_000;

impl Size {
    pub(crate) fn scale(self) -> Scale {
        let full = Scale {
            mixed: 256 << 20,
            spread: 20,
            many: 1000,
            small: 256 << 10,
            memory: [100 * MB, 10_000 * MB],
            empty: 1000,
            starts: 41,
            watched: 8,
            read: 1000 * MB,
            growth_logs: &[10, 30, 100, 300, 1000, 3000, 10_000],
            growth_bytes: &[MB, 10 * MB, 100 * MB, 1000 * MB, 10_000 * MB],
            times: 5,
        };
        match self {
            Self::Full => full,
            Self::Quick => Scale {
                mixed: 64 << 20,
                many: 250,
                memory: [100 * MB, 1000 * MB],
                starts: 21,
                watched: 3,
                read: 256 * MB,
                growth_logs: &[10, 100, 1000],
                growth_bytes: &[MB, 10 * MB, 100 * MB, 1000 * MB],
                times: 3,
                ..full
            },
            Self::Tiny => Scale {
                mixed: 1 << 20,
                spread: 3,
                many: 4,
                memory: [MB, 2 * MB],
                empty: 10,
                starts: 3,
                watched: 1,
                read: MB,
                growth_logs: &[1, 2, 4],
                growth_bytes: &[100_000, 200_000, 400_000],
                times: 1,
                ..full
            },
        }
    }
}
