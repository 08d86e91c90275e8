//! Names with wildcards: `i-0abc*`, `web-{a,b}`. What holds none is that name and no other.

use globset::{GlobBuilder, GlobMatcher};

/// A name, or a pattern of names.
#[derive(Clone, Debug)]
pub struct NamePattern {
    text: String,
    /// None for a name.
    glob: Option<GlobMatcher>,
}

impl NamePattern {
    /// The most bytes of a pattern: no name is longer than a host's, and a glob's price grows with its length.
    const LONGEST: usize = 1024;

    /// Reads a name or a pattern.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.len() > Self::LONGEST {
            return Err(format!("a name or pattern has 1 to {} bytes", Self::LONGEST));
        }
        if !text.contains(['*', '?', '[', '{']) {
            return Ok(Self { text: text.to_owned(), glob: None });
        }
        let glob =
            GlobBuilder::new(text).build().map_err(|error| format!("{text:?} is not a pattern: {}", error.kind()))?;
        Ok(Self { text: text.to_owned(), glob: Some(glob.compile_matcher()) })
    }

    /// As the user gave it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a name is meant.
    pub fn takes(&self, name: &str) -> bool {
        self.glob.as_ref().map_or_else(|| self.text == name, |glob| glob.is_match(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_that_name_and_a_pattern_many() {
        let takes = |pattern: &str, name| NamePattern::parse(pattern).expect(pattern).takes(name);
        assert!(takes("i-0abc", "i-0abc") && !takes("i-0abc", "i-0abcd") && !takes("i.0abc", "i-0abc"));
        assert!(takes("i-0*", "i-0abc") && takes("*", "x") && takes("web-{a,b}", "web-b") && takes("db-[0-3]", "db-2"));
        assert!(!takes("i-0*", "db.i-0") && !takes("db-?", "db-10"));
    }

    #[test]
    fn what_is_no_pattern_is_told() {
        for wrong in ["", "a[", "{a", &"x*".repeat(2000)] {
            assert!(NamePattern::parse(wrong).is_err(), "{wrong}");
        }
    }
}
