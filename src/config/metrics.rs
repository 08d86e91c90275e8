//! `metrics`: the file that Prometheus' node exporter reads.

use std::path::{Path, PathBuf};

use super::section::{Mistakes, Section};

/// How the names of the files end that the collector reads
/// (<https://github.com/prometheus/node_exporter#textfile-collector>): it looks at no others.
const END: &str = "prom";

/// Reads the key of the file's outermost table.
pub(super) fn read(top: &mut Section<'_>, mistakes: &mut Mistakes) -> Option<PathBuf> {
    mistakes.or_default(top.parsed("metrics", |text| match parse_file(text)? {
        path if path.is_absolute() => Ok(path),
        _ => Err(format!("{text:?} does not begin with \"/\": runs are started anywhere")),
    }))
}

/// Reads the name of a metrics file.
///
/// # Errors
/// What is wrong with it: the collector would not read it.
pub fn parse_file(text: &str) -> Result<PathBuf, String> {
    let path = Path::new(text);
    let is_named = path.file_name().is_some() && path.extension().is_some_and(|end| end == END);
    match is_named && !text.ends_with('/') {
        true => Ok(path.to_owned()),
        false => Err(format!("{text:?} is not a file whose name ends in \".{END}\", the only ones that are collected")),
    }
}
