//! The logrotate that is installed: which release it is, and what it says it would do.
//!
//! In an image its own logrotate is run, by `chroot(8)`; where that can't be (another architecture, not as root) the image's
//! package database tells the release, and nothing can be proved. `--debug` changes nothing, but reads a state file: it
//! is given one of its own, so that the host's is neither read nor locked nor written. One thing it does as the daily run
//! does: it makes a directory that `createolddir` asks for.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{effective, packages};
use crate::install::host::Host;
use crate::install::{Result, problem};
use crate::sys::command::{Output, Program};
use crate::sys::dir::Dir;
use crate::sys::random;

/// Where distributions install it.
const PLACES: [&str; 4] = ["/usr/sbin/logrotate", "/usr/bin/logrotate", "/sbin/logrotate", "/usr/local/sbin/logrotate"];

/// A release of logrotate.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Release {
    major: u32,
    minor: u32,
}

impl Release {
    /// From here on `ignoreduplicates` lets later stanzas go on with the other logs that they name (logrotate's ChangeLog).
    const IGNORES_DUPLICATES: Self = Self { major: 3, minor: 21 };

    /// Whether a stanza of ours is enough to keep it off single logs.
    pub fn ignores_duplicates(self) -> bool {
        self >= Self::IGNORES_DUPLICATES
    }

    /// Reads `logrotate 3.21.0`, `3.21.0-1` or `2:3.14.0-4ubuntu3`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim_start().trim_start_matches("logrotate ");
        let text = text.split_once(':').map_or(text, |(_, version)| version);
        let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map(str::parse);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => Some(Self { major, minor }),
            _ => None,
        }
    }
}

impl std::fmt::Display for Release {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// The logrotate of a host.
#[derive(Debug)]
pub(super) struct Logrotate<'a> {
    host: &'a Host,
    path: PathBuf,
}

/// Whether logrotate only tells what it would do now, or what it would do if it were told to rotate everything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Force {
    /// What is due.
    Due,
    /// Everything.
    All,
}

impl<'a> Logrotate<'a> {
    /// The one that is installed; `None` where there is none.
    ///
    /// # Errors
    /// Where it can't be looked for.
    pub(super) fn find(host: &'a Host) -> Result<Option<Self>> {
        for place in PLACES {
            if host.read_through(place).ok().flatten().is_some() || host.has(place)? {
                return Ok(Some(Self { host, path: place.into() }));
            }
        }
        Ok(None)
    }

    /// Which release it is.
    ///
    /// # Errors
    /// Where neither it nor the package database says so.
    pub(super) fn release(&self) -> Result<Release> {
        let said = self.run(&["--version".into()]);
        let release = said.as_ref().ok().and_then(|output| output.said().split("; ").find_map(Release::parse));
        let known = || packages::version(self.host, "logrotate").ok().flatten().and_then(|text| Release::parse(&text));
        let release = release.or_else(|| if self.host.is_live() { None } else { known() });
        release.ok_or_else(|| {
            let why = said.map_or_else(|error| error.to_string(), |output| format!("it says {:?}", output.said()));
            let unknown =
                problem(self.host.shown(&self.path), format!("which release of logrotate it is can't be told: {why}"));
            Box::new(unknown.hint("see what `logrotate --version` says"))
        })
    }

    /// What it says it would do, with nothing in its state file.
    ///
    /// # Errors
    /// Where it can't be run.
    pub(super) fn debug(&self, force: Force) -> Result<Output> {
        let state = State::new(self.host)?;
        let mut args: Vec<OsString> = vec!["-d".into()];
        if force == Force::All {
            args.push("-f".into());
        }
        args.extend(["-s".into(), state.path.clone().into(), self.main_file()?.into()]);
        let output = self.run(&args)?;
        // By a signal, or by chroot(8), which ends with 125 to 127 where it can't start the program.
        match output.status.code() {
            Some(0..=124) => Ok(output),
            _ => Err(problem(
                self.host.shown(&self.path),
                format!("it can't be run: {} {}", output.status, output.said()),
            )),
        }
    }

    fn main_file(&self) -> Result<&'static str> {
        for main in effective::MAIN_FILES {
            if self.host.has(main)? {
                return Ok(main);
            }
        }
        let main = effective::MAIN_FILES[0];
        let missing = problem(self.host.shown(main), "logrotate is installed, but its configuration is missing");
        Err(Box::new(missing.hint("install logrotate again, or remove it")))
    }

    fn run(&self, args: &[OsString]) -> Result<Output> {
        if !self.host.is_live() {
            let chroot = Program::find("chroot")?.ok_or_else(|| problem(&self.path, "chroot(8) is missing"))?;
            let inside = [self.host.root().into(), self.path.clone().into_os_string()];
            return Ok(chroot.run(inside.iter().chain(args))?);
        }
        let name = self.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        match Program::find(name)? {
            Some(program) => Ok(program.run(args)?),
            None => Err(problem(&self.path, "it is not where programs of the system are")),
        }
    }
}

/// A state file that is there for one call.
struct State {
    dir: Dir,
    name: String,
    /// Its path within the host.
    path: PathBuf,
}

/// The name of the file, in a directory of its own that nobody else can enter.
const STATE: &str = "state";

impl State {
    fn new(host: &Host) -> Result<Self> {
        let tag: String = random::bytes::<8>()?.iter().map(|byte| format!("{byte:02x}")).collect();
        let name = format!(".logferry-{tag}");
        let mut failed = None;
        for parent in ["/run", "/tmp", "/var/tmp", "/"] {
            let made = host.dir(parent).and_then(|dir| Ok(dir.make_subdir(&name, 0o700).map(|()| dir)?));
            match made {
                Ok(dir) => {
                    let path = Path::new(parent).join(&name).join(STATE);
                    let state = Self { dir, name, path };
                    // An empty one would be written to; this is how one begins (`readState` in logrotate's `logrotate.c`).
                    state.dir.open_subdir(&state.name)?.write_synced(STATE, b"logrotate state -- version 2\n")?;
                    return Ok(state);
                }
                Err(error) => failed = Some(error),
            }
        }
        Err(failed.unwrap_or_else(|| problem(host.root(), "there is no place for a temporary file")))
    }
}

impl Drop for State {
    fn drop(&mut self) {
        // Best effort: what is left is a hidden, empty directory in a place that is emptied at boot.
        if let Ok(inside) = self.dir.open_subdir(&self.name) {
            let _ = inside.names().map(|names| names.iter().try_for_each(|name| inside.unlink(name)));
        }
        let _ = self.dir.remove_subdir(&self.name);
    }
}

#[cfg(test)]
mod tests {
    use super::Release;

    #[test]
    fn a_release_is_read_from_what_logrotate_and_dpkg_say() {
        let release = |text| Release::parse(text).map(|release| (release.to_string(), release.ignores_duplicates()));
        for (text, number, ignores) in [
            ("logrotate 3.21.0", "3.21", true),
            ("logrotate 3.8.7", "3.8", false),
            ("3.14.0-4ubuntu3", "3.14", false),
            ("1:3.22.0-1", "3.22", true),
            ("logrotate 4.0", "4.0", true),
        ] {
            assert_eq!(release(text), Some((number.to_owned(), ignores)), "{text}");
        }
        assert_eq!(release("Default mail command: /bin/mail"), None);
    }
}
