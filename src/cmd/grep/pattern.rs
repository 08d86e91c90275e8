//! What is looked for.

use grep_regex::{RegexMatcher, RegexMatcherBuilder};

use crate::cli::Grep;

/// What matches where one of the patterns does; as in grep(1), each line of a pattern is one. `$` matches before a CR, as the
/// logs of terminals have CRLF.
///
/// # Errors
/// A sentence that says which pattern is wrong, and what to do.
pub(super) fn matcher(args: &Grep) -> Result<RegexMatcher, String> {
    let given = match args.regexp.is_empty() {
        true => vec![args.pattern.to_str().ok_or(NOT_TEXT)?],
        false => args.regexp.iter().map(String::as_str).collect(),
    };
    let patterns: Vec<&str> = given.iter().flat_map(|pattern| pattern.split('\n')).collect();
    let mut builder = RegexMatcherBuilder::new();
    builder.crlf(true).multi_line(true).case_insensitive(args.ignore_case);
    builder.word(args.word_regexp).whole_line(args.line_regexp).fixed_strings(args.fixed_strings);
    builder.build_many(&patterns).map_err(|error| wrong(args, &patterns, &error))
}

const NOT_TEXT: &str = "the pattern is not UTF-8\n  hint: bytes are written as '(?-u:\\xFF)'";

fn wrong(args: &Grep, patterns: &[&str], error: &grep_regex::Error) -> String {
    let hint = match () {
        () if patterns.iter().any(|pattern| pattern.contains('\r')) => {
            "it holds a CR: leave it away, as lines are searched without their ends"
        }
        () if !args.fixed_strings => "--fixed-strings (-F) takes it as it is",
        () => "a line is searched without its end, so that no pattern may ask for one",
    };
    format!("the pattern: {error}\n  hint: {hint}")
}
