//! What a log is about: by default its file name without `.log`; else a text with `{stem}` and `{parent}`.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use crate::model::family::CURRENT;
use crate::model::names::Service;

/// How a service is named after a log's path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServiceTemplate(Vec<Piece>);

#[derive(Clone, PartialEq, Eq, Debug)]
enum Piece {
    Text(String),
    /// The file name without `.log`; of svlogd's `current`, its directory's. Upstart's `job-instance.log` keeps the whole `job-instance`.
    Stem,
    /// The name of the directory that the log is in.
    Parent,
}

impl Default for ServiceTemplate {
    fn default() -> Self {
        Self(vec![Piece::Stem])
    }
}

impl ServiceTemplate {
    /// Reads a template.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, behind) = after.split_once('}').ok_or_else(|| format!("{text:?} has a {{ without a }}"))?;
            pieces.push(Piece::Text(before.to_owned()));
            pieces.push(match name {
                "stem" => Piece::Stem,
                "parent" => Piece::Parent,
                _ => return Err(format!("{text:?}: {{{name}}} is not known; there are {{stem}} and {{parent}}")),
            });
            rest = behind;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        pieces.retain(|piece| *piece != Piece::Text(String::new()));
        match pieces.is_empty() {
            true => Err("a service must have a name".to_owned()),
            false => Ok(Self(pieces)),
        }
    }

    /// The service of the log at `path`, which has a file name.
    pub fn service(&self, path: &Path) -> Service {
        let mut name = Vec::new();
        for piece in &self.0 {
            name.extend_from_slice(match piece {
                Piece::Text(text) => text.as_bytes(),
                Piece::Stem => stem(path),
                Piece::Parent => path.parent().and_then(Path::file_name).unwrap_or_default().as_bytes(),
            });
        }
        // Only a log in the root directory under a bare `{parent}` has no name of its own.
        Service::new(OsString::from_vec(name)).or_else(|| Service::new("root")).expect("it has a name")
    }
}

/// A file name without `.log`; a file that is called just `.log` keeps its name. `current` is what svlogd, multilog and
/// s6-log call every log: its directory tells them apart.
fn stem(path: &Path) -> &[u8] {
    let name = match path.file_name().unwrap_or_default() {
        name if name == CURRENT => directory_of_logger(path).unwrap_or(name).as_bytes(),
        name => name.as_bytes(),
    };
    name.strip_suffix(b".log").filter(|stem| !stem.is_empty()).unwrap_or(name)
}

/// What a logger's directory is about: its name; for runit's and daemontools' `web/log/main`, `web`.
fn directory_of_logger(log: &Path) -> Option<&OsStr> {
    let dir = log.parent()?;
    let is_of_a_service = dir.ends_with("log/main") && !dir.ends_with("var/log/main");
    let named = if is_of_a_service { dir.parent()?.parent()? } else { dir };
    named.file_name().or(dir.file_name())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(template: &str, path: &str) -> String {
        ServiceTemplate::parse(template).expect("sound").service(Path::new(path)).to_string()
    }

    #[test]
    fn services_are_named_after_their_logs() {
        assert_eq!(ServiceTemplate::default().service(Path::new("/a/web.log")).to_string(), "web");
        assert_eq!(service("{stem}", "/var/log/upstart/job-instance.log"), "job-instance");
        assert_eq!(service("{parent}-{stem}", "/var/log/web/access.log"), "web-access");
        assert_eq!(service("fixed", "/var/log/web/access.log"), "fixed");
        assert_eq!(service("{stem}", "/var/log/syslog"), "syslog");
        assert_eq!(service("{stem}", "/var/log/.log"), ".log");
        assert_eq!(service("{parent}", "/x.log"), "root");
        assert_eq!(service("{stem}", "/var/log/web/current"), "web");
        assert_eq!(service("{stem}", "/etc/sv/web/log/main/current"), "web");
        assert_eq!(service("{stem}", "/var/log/main/current"), "main");
        assert_eq!(service("{stem}", "/current"), "current");
    }

    #[test]
    fn mistakes_are_named() {
        for text in ["", "{", "{name}", "a{stem"] {
            assert!(ServiceTemplate::parse(text).is_err(), "{text}");
        }
    }
}
