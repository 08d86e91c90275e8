//! Amounts of bytes as people write them: `500MB`, `2GiB`.

/// Units with what they stand for; longer names first where one ends in the other.
const UNITS: [(&str, u64); 10] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
];

/// Why a text is no size.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoSize {
    /// It has another form.
    Form,
    /// It is more than the largest number of bytes, 2^64 - 1.
    TooMuch,
}

/// The largest size in whole units, as people write it.
pub const LARGEST: &str = "16777215TiB";

/// Reads a whole number of bytes, with or without a unit.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub fn parse(text: &str) -> Result<u64, String> {
    read(text).map_err(|why| match why {
        NoSize::Form => format!("{text:?} is not a size such as \"500MB\" or \"2GiB\""),
        NoSize::TooMuch => format!("{text:?} is too much: at most \"{LARGEST}\""),
    })
}

/// As [`parse`], for those who have their own words for what is wrong.
///
/// # Errors
/// What kind of mistake it is.
pub fn read(text: &str) -> Result<u64, NoSize> {
    let (number, unit) =
        UNITS.iter().find_map(|(name, bytes)| Some((text.strip_suffix(name)?.trim_end(), *bytes))).unwrap_or((text, 1));
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NoSize::Form);
    }
    // Nothing but digits: what can't be read is too large.
    let number = number.parse::<u64>().map_err(|_| NoSize::TooMuch)?;
    number.checked_mul(unit).ok_or(NoSize::TooMuch)
}

/// A number of bytes as people read it, rounded down: `3.4 MiB`.
pub fn show(bytes: u64) -> String {
    const UNITS: [(&str, u64); 4] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match UNITS.into_iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::{LARGEST, NoSize, parse, read, show};

    #[test]
    fn sizes_are_shown_in_their_largest_unit() {
        for (bytes, shown) in [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (3_565_158, "3.3 MiB")] {
            assert_eq!(show(bytes), shown);
        }
        assert_eq!(show(u64::MAX), "16777215.9 TiB");
    }

    #[test]
    fn what_there_is_no_number_for_is_said_to_be_too_much() {
        for text in ["16777216TiB", "18446744073709551616", "99999999999999999999999B"] {
            assert_eq!(read(text), Err(NoSize::TooMuch), "{text}");
        }
        assert_eq!(read("5 potatoes"), Err(NoSize::Form));
        assert_eq!(parse(LARGEST), Ok(16_777_215 << 40));
        assert_eq!(parse("18446744073709551615"), Ok(u64::MAX));
        assert!(parse("16777216TiB").is_err_and(|why| why == "\"16777216TiB\" is too much: at most \"16777215TiB\""));
    }

    #[test]
    fn sizes_with_and_without_units() {
        for (text, bytes) in [("0", 0), ("12", 12), ("12B", 12), ("5 MB", 5_000_000), ("2GiB", 2 << 30), ("1kB", 1000)]
        {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        for text in ["", "GiB", "-1", "1.5GB", "1 potato", "0x10", "99999999999TiB", "1gb"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
