//! `priority` of `[[logs]]`: which logs a flush takes and ships first.

use super::section::{Mistakes, Section, nearest};
use crate::model::priority::Priority;

/// Reads the key; what is not said is normal.
pub(super) fn read(section: &mut Section<'_>, mistakes: &mut Mistakes) -> Priority {
    mistakes.or_default(section.parsed("priority", parse)).unwrap_or_default()
}

fn parse(text: &str) -> Result<Priority, String> {
    let words = Priority::ALL.map(|(word, _)| word);
    let found = Priority::ALL.into_iter().find(|(word, _)| *word == text);
    found.map(|(_, priority)| priority).ok_or_else(|| {
        let meant = nearest(text, &words).map_or(String::new(), |meant| format!("; did you mean {meant:?}?"));
        format!("{text:?} is not a priority: there are \"high\", \"normal\" and \"low\"{meant}")
    })
}

#[cfg(test)]
mod tests {
    use super::super::File;
    use super::*;
    use std::path::Path;

    fn read(line: &str) -> Result<Priority, String> {
        let text = format!("[[logs]]\npaths = \"/a\"\n{line}\n");
        File::parse(Path::new("x.toml"), text).map(|file| file.sets[0].priority).map_err(|error| error.to_string())
    }

    #[test]
    fn each_word_has_its_priority_and_none_is_normal() {
        for (word, priority) in Priority::ALL {
            assert_eq!(read(&format!("priority = \"{word}\"")), Ok(priority));
        }
        assert_eq!(read(""), Ok(Priority::Normal));
    }

    #[test]
    fn mistakes_name_line_and_key() {
        let error = read("priority = \"hihg\"").expect_err("no such word");
        assert!(error.starts_with("x.toml:3: `priority` in [[logs]]: \"hihg\" is not a priority"), "{error}");
        assert!(error.contains("did you mean \"high\"?"), "{error}");
        assert!(read("priority = 1").expect_err("no text").contains("must be a text"));
    }
}
