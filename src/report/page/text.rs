//! Text in a page: names may hold anything, and come out as text.

use crate::model::printable::is_hidden;

/// Text as it may stand in an element or in a quoted attribute. What would hide or turn around what is near it is replaced.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c if is_hidden(c) => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A number of bytes in at most four characters: `512`, `3.4K`, `27M`.
pub(super) fn short(bytes: u64) -> String {
    const UNITS: [(u64, char); 5] = [(1 << 50, 'P'), (1 << 40, 'T'), (1 << 30, 'G'), (1 << 20, 'M'), (1 << 10, 'K')];
    match UNITS.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) if bytes / unit < 10 => format!("{}.{}{name}", bytes / unit, bytes % unit * 10 / unit),
        Some((unit, name)) => format!("{}{name}", bytes / unit),
        None => bytes.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_name_holds_is_text() {
        let hostile = "</td><script>alert('x')</script>\" onload=\"&\u{202e}\u{7}";
        let text = escaped(hostile);
        assert!(!text.contains(['<', '>', '"', '\'', '\u{202e}', '\u{7}']), "{text}");
        assert!(text.starts_with("&lt;/td&gt;&lt;script&gt;alert(&#39;x&#39;)"));
        assert_eq!(escaped("wëb-1 日本"), "wëb-1 日本");
    }

    #[test]
    fn bytes_are_short() {
        for (bytes, text) in
            [(0, "0"), (1023, "1023"), (1024, "1.0K"), (10_240, "10K"), (3 << 19, "1.5M"), (5 << 30, "5.0G")]
        {
            assert_eq!(short(bytes), text);
        }
        assert_eq!(short(u64::MAX), "16383P");
    }
}
