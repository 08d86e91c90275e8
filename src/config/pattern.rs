//! Where logs are: a file, a directory, or a pattern.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobSet};

use crate::model::path_text::to_text;
use crate::sys::walk;

/// A file, a directory, or a pattern of files. Always absolute.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// This file, or all logs below this directory.
    Literal(PathBuf),
    /// The files that match.
    Glob {
        /// What the user wrote, made absolute.
        text: String,
        /// The directory above the first part that holds a wildcard.
        base: PathBuf,
        /// How many parts below it a match has; `None` for any number (`**`).
        depth: Option<usize>,
        /// Whether the last part asks for hidden files.
        hidden: bool,
        /// What matches.
        matcher: GlobSet,
    },
}

const WILDCARDS: &[u8] = b"*?[{";

impl Pattern {
    /// Reads a pattern of the configuration, which must be absolute.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn absolute(text: &str) -> Result<Self, String> {
        match text.starts_with('/') {
            true => Self::read(Path::new(text)),
            false => Err(format!("{text:?} is not absolute: begin it with /")),
        }
    }

    /// Reads an argument: relative to the working directory; a file of that very name wins over a pattern.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn of_argument(path: &Path) -> Result<Self, String> {
        let path = without_parent_dirs(path).map_err(|error| format!("{}: {error}", path.display()))?;
        match path.symlink_metadata() {
            Ok(_) => Ok(Self::Literal(path)),
            Err(_) => Self::read(&path),
        }
    }

    fn read(path: &Path) -> Result<Self, String> {
        if path.components().any(|part| part == Component::ParentDir) {
            return Err(format!("{} holds `..`: write the path without it", path.display()));
        }
        let Some(first) = path.components().position(|part| has_wildcard(part.as_os_str())) else {
            return Ok(Self::Literal(path.components().collect()));
        };
        let text = path.to_str().ok_or_else(|| format!("{} is not UTF-8, as a pattern must be", path.display()))?;
        let matcher = compile(text, text)?;
        let below = path.components().count() - first;
        Ok(Self::Glob {
            text: text.to_owned(),
            base: path.components().take(first).collect(),
            depth: (!text.contains("**")).then_some(below),
            hidden: path.file_name().is_some_and(|name| name.as_bytes().starts_with(b".")),
            matcher,
        })
    }

    /// The pattern or the path, for people.
    pub fn shown(&self) -> String {
        match self {
            Self::Literal(path) => to_text(path),
            Self::Glob { text, .. } => text.clone(),
        }
    }

    /// The pattern as a configuration has it: what would be a wildcard in a path is written as a class of its own.
    /// `None` where the path is not UTF-8, as a configuration must be.
    pub fn text(&self) -> Option<String> {
        let escape = |c: char| match c {
            '*' | '?' | '[' | '{' | '}' => format!("[{c}]"),
            '\\' => "\\\\".to_owned(),
            other => other.to_string(),
        };
        let escaped = |path: &Path| {
            let text = path.to_str()?;
            // Without a wildcard it is no pattern, and all in it stands for itself.
            Some(if has_wildcard(path.as_os_str()) { text.chars().map(escape).collect() } else { text.to_owned() })
        };
        match self {
            Self::Literal(path) => escaped(path),
            Self::Glob { text, .. } => Some(text.clone()),
        }
    }

    /// Whether a log at that path is meant.
    pub fn covers(&self, path: &Path) -> bool {
        match self {
            Self::Literal(literal) => path.starts_with(literal),
            Self::Glob { matcher, .. } => matcher.is_match(path),
        }
    }
}

/// A longer pattern is none: a path has at most 4,096 bytes (`PATH_MAX`).
const LONGEST: usize = 4096;

/// The matcher of a pattern; `text` is what the user wrote. A set of one, since a single matcher panics where it becomes
/// too large, or nests too deeply, to be compiled.
fn compile(pattern: &str, text: &str) -> Result<GlobSet, String> {
    if pattern.len() > LONGEST {
        return Err(format!("a pattern has at most {LONGEST} bytes, this one has {}", pattern.len()));
    }
    let mistake = |error: globset::Error| format!("{text:?} is not a pattern: {}", error.kind());
    let glob = GlobBuilder::new(pattern).literal_separator(true).build().map_err(mistake)?;
    GlobSet::builder().add(glob).build().map_err(mistake)
}

/// An absolute path; where it holds `..`, the existing directories on the way are resolved, so that one log has one path.
fn without_parent_dirs(path: &Path) -> std::io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let parts: Vec<Component<'_>> = path.components().collect();
    let Some(last) = parts.iter().rposition(|part| *part == Component::ParentDir) else { return Ok(path) };
    let directory: PathBuf = parts[..=last].iter().collect();
    Ok(walk::real_path(&directory)?.join(parts[last + 1..].iter().collect::<PathBuf>()))
}

fn has_wildcard(part: &OsStr) -> bool {
    part.as_bytes().iter().any(|byte| WILDCARDS.contains(byte))
}

/// Logs that are left alone: a pattern without a slash is for file names, one with a slash for whole paths. Where it
/// matches a directory, all below it is left alone.
#[derive(Clone, Debug)]
pub struct Exclude {
    matcher: GlobSet,
    names_only: bool,
}

impl Exclude {
    /// Reads an exclusion.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let matcher = compile(text.trim_end_matches('/'), text)?;
        match text.contains('/') && !text.starts_with('/') && !text.starts_with("**") {
            true => Err(format!("{text:?} holds a slash but does not begin with one: write the whole path")),
            false => Ok(Self { matcher, names_only: !text.contains('/') }),
        }
    }

    /// Whether it is that path, or a directory above it, that is left alone.
    pub fn matches(&self, path: &Path) -> bool {
        path.ancestors().any(|path| match self.names_only {
            true => path.file_name().is_some_and(|name| self.matcher.is_match(Path::new(name))),
            false => self.matcher.is_match(path),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt;

    #[test]
    fn patterns_know_where_to_look() {
        match Pattern::absolute("/var/log/*/web-?.log").expect("sound") {
            Pattern::Glob { base, depth, hidden, .. } => {
                assert_eq!((base, depth, hidden), (PathBuf::from("/var/log"), Some(2), false));
            }
            other => panic!("{other:?}"),
        }
        let any = Pattern::absolute("/srv/**/*.log").expect("sound");
        assert!(any.covers(Path::new("/srv/a/b/c.log")));
        assert!(matches!(any, Pattern::Glob { depth: None, .. }));
    }

    #[test]
    fn the_text_of_a_pattern_stands_for_the_same_logs() {
        for path in ["/a/b.log", "/a/[b]{c}*?.log", "/a/ü .log", "/a/}\\.log", "/a/*}\\].log"] {
            let text = Pattern::Literal(path.into()).text().expect("it is text");
            assert!(Pattern::absolute(&text).expect("sound").covers(Path::new(path)), "{path} {text}");
        }
        let glob = "/var/log/*/web-?.log";
        assert_eq!(Pattern::absolute(glob).expect("sound").text().as_deref(), Some(glob));
        assert_eq!(Pattern::Literal(std::ffi::OsString::from_vec(b"/\xff".to_vec()).into()).text(), None);
    }

    #[test]
    fn names_need_not_be_text() {
        let name = std::ffi::OsString::from_vec(b"/var/log/\xff\xfe.log".to_vec());
        assert!(Pattern::absolute("/var/log/*.log").expect("sound").covers(Path::new(&name)));
    }

    #[test]
    fn exclusions_are_of_names_or_paths() {
        let (name, path) = (Exclude::parse("cron*"), Exclude::parse("/var/log/old"));
        let (name, path) = (name.expect("sound"), path.expect("sound"));
        assert!(name.matches(Path::new("/var/log/cron.log")) && !name.matches(Path::new("/var/log/web.log")));
        assert!(path.matches(Path::new("/var/log/old/x.log")) && !path.matches(Path::new("/var/log/older/x.log")));
        assert!(Exclude::parse("old/x").is_err());
    }
}
