//! Whose word the configuration is. It may have commands run and processes signalled, by root: that is done only where nobody
//! but root and who runs us can have written it.

use std::path::{Path, PathBuf};

use super::{File, Writer};
use crate::model::path_text::to_shell;
use crate::model::way::Way;
use crate::sys::walk;

/// Why others have a say in what a configuration wants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Distrust {
    config: PathBuf,
    why: String,
}

impl Distrust {
    /// Looks whether others could change a file, or put another one in its place. It must be asked before the file is read:
    /// what nobody else can change now, nobody else has any say in when it is read.
    pub(super) fn of(config: &Path) -> Option<Self> {
        let why = walk::trusted_file(config).err()?;
        Some(Self { config: config.to_owned(), why: why.to_string() })
    }

    /// What is not done with a log that is to be taken in that way, and why.
    pub fn of_way(&self, way: &Way) -> String {
        let what = match way {
            Way::Signal { signal, .. } => format!("{signal} is not sent"),
            _ => "its `command` is not run".to_owned(),
        };
        format!("{what}, since not only its user can say what is in {}: {}", self.config.display(), self.why)
    }

    /// What to do.
    pub fn hint(&self) -> String {
        let path = to_shell(&self.config);
        format!("chown root:root {path}; chmod 644 {path}; and so with the directories that it is in")
    }
}

/// Has nobody asked, neither by a command nor by a signal, where others may have written that.
pub(super) fn ask_nobody(file: &mut File, distrust: &Distrust) {
    let writers = file.sets.iter_mut().map(|set| &mut set.writer).chain(std::iter::once(&mut file.writer));
    for writer in writers {
        match writer {
            Writer::Way(way @ (Way::Command { .. } | Way::Signal { .. })) => {
                *writer = Writer::NotAsked { way: way.clone(), distrust: distrust.clone() };
            }
            Writer::Way(Way::Reopens | Way::Closed | Way::Holds { .. }) | Writer::Auto | Writer::NotAsked { .. } => {}
        }
    }
}
