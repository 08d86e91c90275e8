//! Text as a terminal or a page may show it: names, keys and metadata hold whatever someone has put there.

/// Whether a character would move a cursor, begin a line, or hide and turn around what is near it: control characters, and
/// those that set the direction of writing (Unicode Standard Annex #9, sections 2.1 to 2.6).
pub fn is_hidden(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns || c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// The text on one line, with U+FFFD in place of what is hidden.
pub fn printable(text: &str) -> String {
    text.replace(is_hidden, "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn what_would_hide_or_forge_a_line_is_replaced_and_all_else_stays() {
        let hostile = "a\u{1b}[31m\nlogferry: proved\r\t\u{202e}gz\u{2066}\u{2028}";
        let shown = printable(hostile);
        assert_eq!(shown, "a\u{fffd}[31m\u{fffd}logferry: proved\u{fffd}\u{fffd}\u{fffd}gz\u{fffd}\u{fffd}");
        assert_eq!(printable("wëb-1 日本 עברית"), "wëb-1 日本 עברית");
    }
}
