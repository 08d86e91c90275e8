//! Text as a terminal or a page may show it: names, keys and metadata hold whatever someone has put there.

/// Whether a character would move a cursor, begin a line, or hide and turn around what is near it: control characters, and
/// those that set the direction of writing (Unicode Standard Annex #9, sections 2.1 to 2.6), and those without width that make
/// one name look like another (Unicode Standard, section 23.2; joiners are left alone: words of some languages need them).
pub fn is_hidden(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{206f}');
    let is_invisible = matches!(c, '\u{ad}' | '\u{180e}' | '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}');
    let is_tag = matches!(c, '\u{e0000}'..='\u{e007f}');
    turns || is_invisible || is_tag || c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// The text on one line, with U+FFFD in place of what is hidden.
pub fn printable(text: &str) -> String {
    text.replace(is_hidden, "\u{fffd}")
}

/// Text that may have several lines, and tabs: all else that is hidden is replaced.
pub fn printable_lines(text: &str) -> String {
    text.replace(|c: char| is_hidden(c) && c != '\n' && c != '\t', "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::{printable, printable_lines};

    #[test]
    fn what_would_hide_or_forge_a_line_is_replaced_and_all_else_stays() {
        let hostile = "a\u{1b}[31m\nlogferry: proved\r\t\u{202e}gz\u{2066}\u{2028}";
        let shown = printable(hostile);
        assert_eq!(shown, "a\u{fffd}[31m\u{fffd}logferry: proved\u{fffd}\u{fffd}\u{fffd}gz\u{fffd}\u{fffd}");
        assert_eq!(printable("wëb-1 日本 עברית"), "wëb-1 日本 עברית");
        assert_eq!(printable("a\u{200b}b\u{feff}c\u{2066}d\u{e0041}"), "a\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}");
        assert_eq!(printable("नमस्\u{200d}ते"), "नमस्\u{200d}ते");
        assert_eq!(printable_lines("a\tb\nc\u{202e}\r"), "a\tb\nc\u{fffd}\u{fffd}");
    }
}
