//! The layout of the store: the directory part of each object's key, as a text with fields.
//!
//! ```text
//! env=prod/service={service}/dt={date}/region={region}   ->   env=prod/service=web/dt=2026-11-21/region=eu-central-1
//! ```
//!
//! Promise: whatever the values are, what a layout gives is a sound directory of a key: no part is empty, hidden or `..`,
//! each fits into a file name, and the whole key into what S3 takes. Layouts that can't promise it are mistakes.

mod field;
mod route;

use std::borrow::Cow;

pub use field::{Field, Values};
pub use route::{Route, ServiceDirectories, Step};

use crate::model::destination::Destination;
use crate::model::facts::Facts;
use crate::model::key::{KeyDirectory, Leaf, ObjectKey};
use crate::model::names::Service;

/// What stands for a value that is not known, where it is all of the value of a Hive partition (`region={region}`): Hive,
/// Spark, Trino and Athena read it as NULL, whatever type the column has
/// (<https://cwiki.apache.org/confluence/display/Hive/DynamicPartitions>).
const UNKNOWN_PARTITION: &str = "__HIVE_DEFAULT_PARTITION__";

/// What stands for it anywhere else: a part that begins with `_` is hidden from those engines.
const UNKNOWN: &str = "unknown";

/// The layout where none is set.
const DEFAULT: &str = "service={service}/dt={date}";

#[derive(Clone, PartialEq, Eq, Debug)]
enum Piece {
    Text(String),
    Field(Field),
}

/// The directory part of keys.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Layout {
    parts: Vec<Vec<Piece>>,
}

impl Default for Layout {
    fn default() -> Self {
        Self::parse(DEFAULT).expect("the default is sound")
    }
}

impl Layout {
    /// Reads a layout.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let layout = Self { parts: parts(text)? };
        if layout.parts.iter().any(Vec::is_empty) {
            let what = "holds an empty part: it has neither slashes at its ends nor two in a row";
            return Err(format!("{text:?} {what}"));
        }
        for part in &layout.parts {
            is_sound(part).map_err(|why| format!("{text:?}: {why}"))?;
        }
        match layout.longest() <= KeyDirectory::LONGEST {
            true => Ok(layout),
            false => Err(format!("{text:?}: {}", too_long(layout.longest(), KeyDirectory::LONGEST))),
        }
    }

    /// What is wrong with it for a store, if anything is: with a long prefix, keys could be too long.
    pub fn too_long_for(&self, to: &Destination) -> Option<String> {
        let prefix = match to {
            Destination::S3 { prefix, .. } if !prefix.is_empty() => prefix.len() + 1,
            _ => 0,
        };
        let most = KeyDirectory::LONGEST.saturating_sub(prefix);
        (self.longest() > most).then(|| format!("`layout`: under {to}, {}", too_long(self.longest(), most)))
    }

    /// The fields that are in it.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        self.parts.iter().flatten().filter_map(|piece| match piece {
            Piece::Field(field) => Some(field),
            Piece::Text(_) => None,
        })
    }

    /// The directory of a segment's key; `None` for the default one.
    pub fn directory(&self, values: &Values<'_>) -> Option<KeyDirectory> {
        if *self == Self::default() {
            return None;
        }
        let part = |pieces: &Vec<Piece>| {
            let rendered = pieces.iter().map(|piece| piece.render(pieces, values)).collect::<String>();
            shown(&rendered).into_owned()
        };
        let parts: Vec<String> = self.parts.iter().map(part).collect();
        let directory = KeyDirectory::parse(&parts.join("/"));
        Some(directory.expect("whatever the values are, what a layout gives is sound"))
    }

    /// What the keys of a service, or of all, begin with: up to the first field whose value is not given by that. All that is
    /// below the service's own directory belongs to it, however it goes on.
    pub fn prefix(&self, service: Option<&Service>) -> String {
        let mut prefix = String::new();
        for pieces in &self.parts {
            let mut part = String::new();
            for (index, piece) in pieces.iter().enumerate() {
                match (piece, service) {
                    (Piece::Text(text), _) => part.push_str(text),
                    (Piece::Field(Field::Service), Some(service)) => {
                        part.push_str(&service.encoded());
                        part = shown(&part).into_owned();
                        if index + 1 == pieces.len() {
                            return format!("{prefix}{part}/");
                        }
                    }
                    (Piece::Field(_), _) => return prefix + &part,
                }
            }
            prefix = format!("{prefix}{part}/");
        }
        prefix
    }

    /// Names, as they stand in the layout, of what is not known of a machine.
    pub fn unknown(&self, facts: &Facts) -> Vec<String> {
        let unknown = self.fields().filter(|field| field.is_of_machine() && field.fact(facts).is_none());
        let mut names: Vec<String> = unknown.map(Field::name).collect();
        names.dedup();
        names
    }

    /// The most bytes that it can give.
    fn longest(&self) -> usize {
        self.parts.iter().map(|part| longest(part) + 1).sum::<usize>() - 1
    }
}

/// Takes a text apart.
fn parts(text: &str) -> Result<Vec<Vec<Piece>>, String> {
    let (mut parts, mut rest) = (vec![Vec::new()], text);
    while let Some(at) = rest.find(['{', '}', '/']) {
        let (before, after) = (&rest[..at], &rest[at + 1..]);
        let part: &mut Vec<Piece> = parts.last_mut().expect("there is one from the start");
        part.extend((!before.is_empty()).then(|| Piece::Text(before.to_owned())));
        rest = match &rest[at..=at] {
            "/" => {
                parts.push(Vec::new());
                after
            }
            "{" => {
                let (name, behind) = after.split_once('}').ok_or_else(|| format!("{text:?} has a {{ without a }}"))?;
                part.push(Piece::Field(Field::parse(name).map_err(|why| format!("{text:?}: {why}"))?));
                behind
            }
            _ => return Err(format!("{text:?} has a }} without a {{")),
        };
    }
    let part = parts.last_mut().expect("there is one from the start");
    part.extend((!rest.is_empty()).then(|| Piece::Text(rest.to_owned())));
    Ok(parts)
}

fn is_sound(part: &[Piece]) -> Result<(), String> {
    let fits = |c: &char| c.is_ascii_alphanumeric() || "-_.=+,@~".contains(*c);
    for piece in part {
        let Piece::Text(text) = piece else { continue };
        if let Some(other) = text.chars().find(|c| !fits(c)) {
            return Err(format!("{other:?} is not safe in keys; letters, digits and `-_.=+,@~` are"));
        }
    }
    match part.first() {
        Some(Piece::Text(text)) if text.starts_with(['.', '_']) => {
            Err(format!("a part that begins with {:?} is hidden from readers", &text[..1]))
        }
        _ if longest(part) > KeyDirectory::LONGEST_PART => Err(format!(
            "a part may have {} bytes; {} is the most for a file name",
            longest(part),
            KeyDirectory::LONGEST_PART
        )),
        _ => Ok(()),
    }
}

fn longest(part: &[Piece]) -> usize {
    // What is not shown otherwise is escaped: `.` and `_` at the beginning.
    const ESCAPE: usize = 2;
    let of = |piece: &Piece| match piece {
        Piece::Text(text) => text.len(),
        Piece::Field(field) => field.longest(),
    };
    part.iter().map(of).sum::<usize>() + if matches!(part.first(), Some(Piece::Field(_))) { ESCAPE } else { 0 }
}

fn too_long(longest: usize, most: usize) -> String {
    format!(
        "directories may have {longest} bytes, but {most} is the most: an object's name may take {}, and a key has {}; \
         leave fields out, or shorten the prefix",
        Leaf::LONGEST,
        ObjectKey::LONGEST
    )
}

/// A part as it is shown by all that lists it: one that begins with a dot or an underscore is hidden from engines that know
/// Hive's layout, and `..` would not be one.
fn shown(part: &str) -> Cow<'_, str> {
    match part.as_bytes() {
        [b'.', ..] => format!("%2E{}", &part[1..]).into(),
        [b'_', ..] => format!("%5F{}", &part[1..]).into(),
        _ => part.into(),
    }
}

impl Piece {
    fn render(&self, part: &[Self], values: &Values<'_>) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Field(field) => field.render(values).unwrap_or_else(|| {
                let is_partition = matches!(part, [Self::Text(name), Self::Field(_)] if name.ends_with('='));
                if is_partition { UNKNOWN_PARTITION } else { UNKNOWN }.to_owned()
            }),
        }
    }
}
