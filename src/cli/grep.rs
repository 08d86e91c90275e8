//! The arguments of `logferry grep`.

use std::ffi::OsString;

use clap::{ArgAction, Args};

use super::read::{FilterArgs, LocalArgs, ReadArgs};

const GREP_HELP: &str = "\
A line is printed as 'i-0abc 2026-11-21T14:00:03Z: text', with the service before it where several are asked for. The time is \
when the segment in which the line begins was begun: the line was written then or in the hour (or however far apart runs are) \
after it.

Exit codes, as those of grep(1):
   0  some line was selected
   1  none was, and everything that was asked for was read and verified
   2  some object could not be read or verified, a segment is missing, what may reach into the time asked for was not all \
looked at, or a line is too long to be searched, whatever was found in the others; nothing of a service is there; wrong usage

With --quiet it is 0 wherever a line was selected, whatever else is the matter: all that is not needed for that is not read. \
Where the reader of the output has had enough before all was searched it is 0, too.
  78  the configuration is wrong";

/// `logferry grep`.
#[derive(Debug, Args)]
#[command(after_help = GREP_HELP, disable_help_flag = true, mut_arg("verbose", |arg| arg.short(None)))]
pub struct Grep {
    /// A regular expression, as ripgrep has them (<https://docs.rs/regex/latest/regex/#syntax>); behind -- where it begins with a
    /// hyphen. Several lines are several patterns. With -e there is none here: all names are services
    #[arg(value_name = "PATTERN")]
    pub pattern: OsString,
    /// The services
    #[arg(value_name = "SERVICE", required_unless_present = "regexp")]
    pub services: Vec<OsString>,
    /// A pattern; several times for lines that match one of them
    #[arg(short = 'e', long, value_name = "PATTERN", allow_hyphen_values = true)]
    pub regexp: Vec<String>,
    /// Upper and lower case are the same
    #[arg(short, long)]
    pub ignore_case: bool,
    /// Select the lines that don't match
    #[arg(short = 'v', long)]
    pub invert_match: bool,
    /// The pattern is the text itself, not a regular expression
    #[arg(short = 'F', long)]
    pub fixed_strings: bool,
    /// Only whole words
    #[arg(short, long)]
    pub word_regexp: bool,
    /// Only lines that match as a whole
    #[arg(short = 'x', long)]
    pub line_regexp: bool,
    /// Print how many lines of each instance were selected, instead of the lines; instances without any are left out
    #[arg(short, long, conflicts_with_all = ["list", "quiet"])]
    pub count: bool,
    /// Print the instances of which a line was selected, instead of the lines
    #[arg(short = 'l', long, conflicts_with = "quiet")]
    pub list: bool,
    /// Print nothing, and end at the first line that is selected
    #[arg(short, long)]
    pub quiet: bool,
    /// No more than so many lines of each instance
    #[arg(short, long, value_name = "N")]
    pub max_count: Option<u64>,
    /// Print so many lines after each that is selected, too
    #[arg(short = 'A', long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub after_context: usize,
    /// Print so many lines before each that is selected, too
    #[arg(short = 'B', long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub before_context: usize,
    /// Print so many lines before and after each that is selected, too
    #[arg(short = 'C', long, value_name = "N", conflicts_with_all = ["after_context", "before_context"])]
    pub context: Option<usize>,
    /// Print only what matches, each match on a line of its own
    #[arg(short, long, conflicts_with_all = ["invert_match", "after_context", "before_context", "context"])]
    pub only_matching: bool,
    /// Print the number of each line, too: in what is read of the stream, which is what 'logferry cat' writes of it with the
    /// same filters
    #[arg(short = 'n', long)]
    pub line_number: bool,
    /// Print the lines alone, without service, instance and time; --no-filename does the same
    #[arg(short = 'h', long, alias = "no-filename")]
    pub no_label: bool,
    /// Print a JSON object for each line, on a line of its own
    #[arg(long, conflicts_with_all = ["count", "list", "no_label"])]
    pub json: bool,
    /// Which segments of the services.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Whether from this machine.
    #[command(flatten)]
    pub local: LocalArgs,
    /// Where from. What is told of each step is asked for with --verbose: -v is grep's.
    #[command(flatten)]
    pub from: ReadArgs,
    /// Taken for those who are used to it: patterns are extended ones anyway
    #[arg(short = 'E', long, hide_short_help = true)]
    pub extended_regexp: bool,
    /// Taken for those who are used to it: all lines are text
    #[arg(short = 'a', long, hide_short_help = true)]
    pub text: bool,
    /// Print help
    #[arg(long, action = ArgAction::Help)]
    pub help: Option<bool>,
}

impl Grep {
    /// The services that are asked for: with -e, what would be the pattern is one.
    pub fn services(&self) -> Vec<OsString> {
        let first = (!self.regexp.is_empty()).then_some(&self.pattern);
        first.into_iter().chain(&self.services).cloned().collect()
    }
}
