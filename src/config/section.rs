//! Reading a table of the configuration file: each key is asked for once; what nobody asked for is a mistake.
//!
//! Errors carry the file and the line, and for an unknown key the one that was probably meant: among those that were
//! asked for, so that there is no list of keys to keep in step.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::ConfigError;
use crate::model::size;

/// Keys that are likely to be written into the wrong table: what is appended to a file lands in its last one.
const OF_THE_TOP: [&str; 13] = [
    "to",
    "keep",
    "keep_size",
    "bandwidth",
    "settle",
    "splay",
    "format",
    "level",
    "threads",
    "max_spool",
    "min_free",
    "layout",
    "former_layouts",
];
const OF_A_SET: [&str; 7] = ["paths", "exclude", "service", "priority", "max_rate", "max_bytes_per_run", "backlog"];

/// The file that is read.
pub(super) struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    pub(super) fn new(path: &Path, text: String) -> Self {
        Self { path: path.to_owned(), text }
    }

    /// The file's outermost table.
    pub(super) fn parse(&self) -> Result<Section<'_>, ConfigError> {
        let table = DeTable::parse(&self.text).map_err(|error| self.error(error.span(), error.message().to_owned()))?;
        Ok(Section::new(self, None, table.span(), table.into_inner()))
    }

    fn error(&self, span: Option<Range<usize>>, what: String) -> ConfigError {
        let line = span.map(|span| self.text[..span.start.min(self.text.len())].matches('\n').count() + 1);
        ConfigError { path: self.path.clone(), line, what, hint: None }
    }
}

/// The mistakes that were found so far: reading goes on behind each.
#[derive(Default)]
pub(super) struct Mistakes(Vec<ConfigError>);

impl Mistakes {
    /// Takes note of a mistake.
    pub(super) fn note(&mut self, error: ConfigError) {
        self.0.push(error);
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// What was read, or as if nothing had been there.
    pub(super) fn or_default<T: Default>(&mut self, read: Result<T, ConfigError>) -> T {
        read.unwrap_or_else(|error| {
            self.note(error);
            T::default()
        })
    }

    /// All of them, in the order of the lines.
    pub(super) fn in_order(mut self) -> Vec<ConfigError> {
        self.0.sort_by_key(|error| error.line);
        self.0
    }
}

/// A table, and which of its keys were asked for.
pub(super) struct Section<'a> {
    source: &'a Source,
    name: Option<String>,
    span: Range<usize>,
    entries: BTreeMap<String, (Range<usize>, Spanned<DeValue<'a>>)>,
    asked: Vec<&'static str>,
    /// Where the values of keys that were asked for are.
    places: BTreeMap<&'static str, Range<usize>>,
}

impl<'a> Section<'a> {
    fn new(source: &'a Source, name: Option<String>, span: Range<usize>, table: DeTable<'a>) -> Self {
        let entries = table.into_iter().map(|(key, value)| (key.get_ref().to_string(), (key.span(), value)));
        Self { source, name, span, entries: entries.collect(), asked: Vec::new(), places: BTreeMap::new() }
    }

    fn take(&mut self, key: &'static str) -> Option<Spanned<DeValue<'a>>> {
        self.asked.push(key);
        let (_, value) = self.entries.remove(key)?;
        self.places.insert(key, value.span());
        Some(value)
    }

    /// The line of a key's value.
    pub(super) fn line_of(&self, key: &str) -> Option<usize> {
        let (_, value) = self.entries.get(key)?;
        self.source.error(Some(value.span()), String::new()).line
    }

    /// A text, checked by `parse`, whose error says what is wrong with it.
    pub(super) fn parsed<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let span = value.span();
        let text = self.text(key, value)?;
        parse(&text).map(Some).map_err(|why| self.source.error(Some(span), format!("{}: {why}", self.shown(key))))
    }

    /// A text.
    pub(super) fn string(&mut self, key: &'static str) -> Result<Option<String>, ConfigError> {
        self.parsed(key, |text| Ok(text.to_owned()))
    }

    /// A time such as `90s` or `10m`.
    pub(super) fn duration(&mut self, key: &'static str) -> Result<Option<Duration>, ConfigError> {
        self.parsed(key, super::parse_duration)
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, key: &'static str) -> Result<Option<bool>, ConfigError> {
        let Some(value) = self.take(key) else { return Ok(None) };
        match value.get_ref() {
            DeValue::Boolean(flag) => Ok(Some(*flag)),
            other => {
                let what = format!("`{key}` must be true or false, not {}", kind(other));
                Err(self.source.error(Some(value.span()), what))
            }
        }
    }

    /// A list of texts that are checked together; `None` where there is no such key.
    pub(super) fn checked_list<T>(
        &mut self,
        key: &'static str,
        check: impl Fn(Vec<String>) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        if !self.entries.contains_key(key) {
            self.asked.push(key);
            return Ok(None);
        }
        let list = self.list(key, |text| Ok(text.to_owned()))?;
        check(list).map(Some).map_err(|why| self.error_at(key, format!("{}: {why}", self.shown(key))))
    }

    /// A whole number in a range.
    pub(super) fn number(&mut self, key: &'static str, range: Range<i64>) -> Result<Option<i64>, ConfigError> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let number = match value.get_ref() {
            DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix()).ok(),
            _ => None,
        };
        match number.filter(|number| range.contains(number)) {
            Some(number) => Ok(Some(number)),
            None => {
                let (key, last) = (self.shown(key), range.end - 1);
                let what = format!("{key} must be a whole number from {} to {last}", range.start);
                Err(self.source.error(Some(value.span()), what))
            }
        }
    }

    /// An amount of bytes: a whole number, or a text with a unit such as `2GiB`.
    pub(super) fn size(&mut self, key: &'static str) -> Result<Option<u64>, ConfigError> {
        let text = match self.entries.get(key).map(|(_, value)| value.get_ref()) {
            Some(DeValue::Integer(integer)) if integer.radix() == 10 => Some(integer.as_str().to_owned()),
            _ => None,
        };
        let Some(text) = text else { return self.parsed(key, size::parse) };
        let span = self.take(key).map(|value| value.span());
        size::parse(&text).map(Some).map_err(|why| self.source.error(span, format!("{}: {why}", self.shown(key))))
    }

    /// A list of texts, each checked by `parse`; a single text counts as a list of one.
    pub(super) fn list<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Vec<T>, ConfigError> {
        let Some(value) = self.take(key) else { return Ok(Vec::new()) };
        let span = value.span();
        let values = match value.into_inner() {
            DeValue::Array(values) => values.into_iter().collect(),
            single => vec![Spanned::new(span, single)],
        };
        let mut list = Vec::new();
        for value in values {
            let span = value.span();
            let text = self.text(key, value)?;
            let wrong = |why| self.source.error(Some(span), format!("{}: {why}", self.shown(key)));
            list.push(parse(&text).map_err(wrong)?);
        }
        Ok(list)
    }

    /// A table inside of this one.
    pub(super) fn table(&mut self, key: &'static str) -> Result<Option<Section<'a>>, ConfigError> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let span = value.span();
        match value.into_inner() {
            DeValue::Table(table) => Ok(Some(Section::new(self.source, Some(self.name_of(key)), span, table))),
            _ => {
                let what = format!("{} must be a table: write {}", self.shown(key), self.name_of(key));
                Err(self.source.error(Some(span), what))
            }
        }
    }

    /// A list of tables.
    pub(super) fn tables(&mut self, key: &'static str) -> Result<Vec<Section<'a>>, ConfigError> {
        let Some(value) = self.take(key) else { return Ok(Vec::new()) };
        let wrong = |span| self.source.error(Some(span), format!("`{key}` must be a list of tables: write [[{key}]]"));
        let span = value.span();
        let DeValue::Array(values) = value.into_inner() else { return Err(wrong(span)) };
        let mut tables = Vec::new();
        for value in values {
            let span = value.span();
            let DeValue::Table(table) = value.into_inner() else { return Err(wrong(span)) };
            tables.push(Section::new(self.source, Some(format!("[[{key}]]")), span, table));
        }
        Ok(tables)
    }

    /// All entries of this table as texts, whatever their keys.
    pub(super) fn into_strings(self) -> Result<Vec<(String, String)>, ConfigError> {
        let place = self.place();
        let Self { source, entries, .. } = self;
        let text = |(key, (_, value)): (String, (Range<usize>, Spanned<DeValue<'_>>))| {
            let span = value.span();
            match value.into_inner() {
                DeValue::String(text) => Ok((key, text.into_owned())),
                _ => Err(source.error(Some(span), format!("`{key}`{place} must be a text in quotes"))),
            }
        };
        entries.into_iter().map(text).collect()
    }

    /// An error about a key whose value is in that line.
    pub(super) fn error_of(&self, key: &str, line: Option<usize>, what: impl fmt::Display) -> ConfigError {
        let error = self.source.error(None, format!("{}: {what}", self.shown(key)));
        ConfigError { line, ..error }
    }

    /// A key as messages name it: the same one may be in several tables.
    pub(super) fn shown(&self, key: &str) -> String {
        format!("`{key}`{}", self.place())
    }

    fn place(&self) -> String {
        self.name.as_ref().map_or(String::new(), |name| format!(" in {name}"))
    }

    /// The name of a table inside of this one.
    fn name_of(&self, key: &str) -> String {
        let around = self.name.as_ref().map(|name| name.trim_matches(['[', ']']));
        around.map_or_else(|| format!("[{key}]"), |around| format!("[{around}.{key}]"))
    }

    /// An error about this table.
    pub(super) fn error(&self, what: String) -> ConfigError {
        let what = self.name.as_ref().map_or(what.clone(), |name| format!("{name}: {what}"));
        self.source.error(Some(self.span.clone()), what)
    }

    /// An error about the value of a key that was asked for; about the table where there is none.
    pub(super) fn error_at(&self, key: &str, what: String) -> ConfigError {
        match self.places.get(key) {
            Some(span) => self.source.error(Some(span.clone()), what),
            None => self.error(what),
        }
    }

    /// Ends the reading: each key that nobody asked for is a mistake.
    pub(super) fn finish(self, mistakes: &mut Mistakes) {
        let place = self.place();
        for (key, (span, _)) in &self.entries {
            let error = self.source.error(Some(span.clone()), format!("unknown key `{key}`{place}"));
            let hint = match nearest(key, &self.asked) {
                _ if self.name.as_deref() == Some("[[logs]]") && OF_THE_TOP.contains(&key.as_str()) => {
                    format!("`{key}` belongs at the top of the file, before the first [[logs]]")
                }
                _ if self.name.is_none() && OF_A_SET.contains(&key.as_str()) => {
                    format!("`{key}` belongs into a [[logs]], for the logs that it names")
                }
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("the keys here are {}", self.asked.join(", ")),
            };
            mistakes.note(error.hint(hint));
        }
    }

    fn text(&self, key: &str, value: Spanned<DeValue<'_>>) -> Result<String, ConfigError> {
        let span = value.span();
        match value.into_inner() {
            DeValue::String(text) => Ok(text.into_owned()),
            other => {
                let what = format!("{} must be a text in quotes, not {}", self.shown(key), kind(&other));
                Err(self.source.error(Some(span), what))
            }
        }
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// The known word that `word` was probably meant to be.
pub fn nearest<'w>(word: &str, known: &[&'w str]) -> Option<&'w str> {
    let distance = |known: &&str| strsim::damerau_levenshtein(word, known);
    let (near, known) = known.iter().map(|known| (distance(known), *known)).min()?;
    (near <= 1.max(word.len() / 3)).then_some(known)
}
