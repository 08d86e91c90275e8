//! Bytes a second, as people write them: `20MiB/s`.

use std::fmt;
use std::num::NonZeroU64;
use std::time::Duration;

use super::size::{self, NoSize};

/// So many bytes a second.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ByteRate(NonZeroU64);

impl ByteRate {
    /// A rate in bytes a second; none for 0.
    pub fn new(bytes: u64) -> Option<Self> {
        NonZeroU64::new(bytes).map(Self)
    }

    /// Reads a size a second.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a size a second such as \"20MiB/s\" or \"500kB/s\"");
        let lower = text.to_ascii_lowercase();
        if lower.contains("bit") || lower.contains("bps") {
            return Err(format!("{}; 8 bits are a byte: 100 Mbit/s are \"12500kB/s\"", wrong()));
        }
        let Some(amount) = text.strip_suffix("/s").map(str::trim_end) else {
            let meant = size::parse(text).ok().map(|_| format!(": write \"{text}/s\"")).unwrap_or_default();
            return Err(wrong() + &meant);
        };
        let bytes = size::read(amount).map_err(|why| match why {
            NoSize::Form => wrong(),
            NoSize::TooMuch => {
                format!("{text:?} is too much: at most \"{}/s\"; leave it out for no limit", size::LARGEST)
            }
        })?;
        Self::new(bytes).ok_or_else(|| format!("{text:?} would never get anywhere: leave it out for no limit"))
    }

    /// In bytes a second.
    pub fn bytes_a_second(self) -> u64 {
        self.0.get()
    }

    /// How long so many bytes take, at least.
    pub fn time_for(self, bytes: u64) -> Duration {
        let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(self.0.get());
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// How many bytes such a time allows.
    pub fn bytes_in(self, time: Duration) -> u64 {
        u64::try_from(time.as_nanos() * u128::from(self.0.get()) / 1_000_000_000).unwrap_or(u64::MAX)
    }
}

impl fmt::Display for ByteRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", size::show(self.0.get()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_sizes_a_second() {
        for (text, bytes) in [("20MiB/s", 20 << 20), ("500kB/s", 500_000), ("7 MB/s", 7_000_000), ("1GiB /s", 1 << 30)]
        {
            assert_eq!(ByteRate::parse(text).map(ByteRate::bytes_a_second), Ok(bytes), "{text}");
        }
        for text in ["", "/s", "0/s", "0MiB/s", "20MiB", "20MiB/m", "20Mbit/s", "20Mbps", "-1MB/s", "99999999999TiB/s"]
        {
            assert!(ByteRate::parse(text).is_err(), "{text}");
        }
        let too_much = ByteRate::parse("99999999999999999999/s").expect_err("more than there are numbers for");
        assert!(too_much.contains("is too much: at most \"16777215TiB/s\"; leave it out"), "{too_much}");
        assert!(ByteRate::parse("20MiB").expect_err("no time").ends_with("write \"20MiB/s\""));
        assert!(ByteRate::parse("100Mbit/s").expect_err("bits").contains("12500kB/s"));
    }

    #[test]
    fn times_and_bytes_belong_together() {
        let rate = ByteRate::parse("1MB/s").expect("a rate");
        assert_eq!(rate.time_for(2_500_000), Duration::from_millis(2500));
        assert_eq!(rate.bytes_in(Duration::from_millis(2500)), 2_500_000);
        let fast = ByteRate::new(u64::MAX).expect("a rate");
        assert_eq!(fast.bytes_in(Duration::from_secs(9)), u64::MAX);
        assert_eq!(ByteRate::new(1).expect("a rate").time_for(u64::MAX), Duration::from_nanos(u64::MAX));
    }
}
