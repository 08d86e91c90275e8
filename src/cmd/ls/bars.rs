//! Bars of block characters, to an eighth of a column.

/// The widest and the narrowest that bars are, in columns; on less they tell nothing.
const WIDEST: usize = 40;
const NARROWEST: usize = 8;

/// What is left for bars on a terminal of that width behind so many columns; none where it is too little.
pub(super) fn width(terminal: usize, behind: usize) -> Option<usize> {
    let left = terminal.checked_sub(behind)?.min(WIDEST);
    (left >= NARROWEST).then_some(left)
}

/// The bar of a value. What is not nothing is seen.
pub(super) fn bar(value: u64, largest: u64, width: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    if value == 0 || largest == 0 {
        return String::new();
    }
    let eighths = u128::from(value) * width as u128 * 8 / u128::from(largest);
    let eighths = usize::try_from(eighths).unwrap_or(width * 8).clamp(1, width * 8);
    "█".repeat(eighths / 8) + EIGHTHS[eighths % 8]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_their_share() {
        let shown = |value| bar(value, 80, 10);
        assert_eq!(shown(80), "█".repeat(10));
        assert_eq!((shown(41).as_str(), shown(1).as_str(), shown(0).as_str()), ("█████▏", "▏", ""));
        assert_eq!(bar(1, u64::MAX, 10), "▏");
        assert_eq!(bar(u64::MAX, u64::MAX, 40).chars().count(), 40);
        assert_eq!(bar(5, 0, 10), "");
        assert_eq!((width(100, 50), width(80, 70), width(60, 70)), (Some(40), Some(10), None));
    }
}
