//! What is noted of the end of an instance, so that a second call goes on where the first one was: `lifecycle.json` in the
//! state directory (`src/spool/FORMAT.md`).
//!
//! It holds for one instance, one boot and one fate: an image that was baked with it, or a machine that was started anew,
//! begins afresh. Where it can't be read, it is as if there was none: the command before the last flush may run a second
//! time then.

use std::io::Read;

use serde::{Deserialize, Serialize};

use crate::model::fate::{Fate, Verdict};
use crate::model::names::Instance;
use crate::model::problem;
use crate::model::time::Moment;
use crate::sys::dir::Dir;
use crate::sys::failure::Result;
use crate::sys::fault::{self, Point};
use crate::sys::host;
use crate::sys::lock::{self, Lock};

/// Its file.
pub const FILE: &str = "lifecycle.json";

/// The lock of whoever is at work on it; removed with it.
pub const LOCK: &str = "lifecycle.lock";

/// The most complaints that are remembered as told.
const MOST_TOLD: usize = 16;

/// The longest file that is read, in bytes.
const LONGEST: u64 = 64 * 1024;

/// What is noted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Noted {
    instance: Instance,
    boot: String,
    fate: Fate,
    /// When it was first seen.
    pub since: Moment,
    /// When the command before the last flush began.
    #[serde(default)]
    pub before: Option<Moment>,
    /// When a last flush first brought all into the store.
    #[serde(default)]
    pub flushed: Option<Moment>,
    /// What the hook was told.
    #[serde(default)]
    pub hook_told: Option<Verdict>,
    /// What was complained of.
    #[serde(default)]
    told: Vec<String>,
}

/// The record, for whoever holds its lock.
pub struct Record<'a> {
    state: &'a Dir,
    noted: Noted,
    _lock: Lock,
}

impl<'a> Record<'a> {
    /// Goes on with what is noted, or begins; `None` where someone else is at work on it.
    ///
    /// # Errors
    /// Where nothing can be noted.
    pub fn open(state: &'a Dir, instance: Instance, fate: Fate, now: Moment) -> Result<Option<Self>> {
        let Some(lock) = lock::try_lock_file(state, LOCK)? else { return Ok(None) };
        let boot = host::boot_id();
        let is_of_this = |noted: &Noted| (&noted.instance, &noted.boot, noted.fate) == (&instance, &boot, fate);
        if let Some(noted) = read(state).filter(is_of_this) {
            return Ok(Some(Self { state, noted, _lock: lock }));
        }
        let (before, flushed, hook_told, told) = (None, None, None, Vec::new());
        let noted = Noted { instance, boot, fate, since: now, before, flushed, hook_told, told };
        let record = Self { state, noted, _lock: lock };
        record.write()?;
        fault::reached(Point::EndNoted);
        Ok(Some(record))
    }

    /// What is noted.
    pub fn noted(&self) -> &Noted {
        &self.noted
    }

    /// Notes something; durable when it returns.
    ///
    /// # Errors
    /// Where it can't be written: then it is not noted.
    pub fn note(&mut self, change: impl FnOnce(&mut Noted)) -> Result<()> {
        let before = self.noted.clone();
        change(&mut self.noted);
        match self.noted == before {
            true => Ok(()),
            false => self.write().inspect_err(|_| self.noted = before),
        }
    }

    /// Whether that complaint is a new one; it counts as told from now on.
    pub fn is_new(&mut self, complaint: &str) -> bool {
        let is_new = !self.noted.told.iter().any(|told| told == complaint);
        let noted = self.note(|noted| {
            if is_new && noted.told.len() < MOST_TOLD {
                noted.told.push(complaint.to_owned());
            }
        });
        if let Err(failure) = noted {
            log::info!("{}", problem::chain(&failure));
        }
        is_new
    }

    fn write(&self) -> Result<()> {
        let json = serde_json::to_vec_pretty(&self.noted).map_err(std::io::Error::from);
        let json = json.map_err(|error| crate::sys::failure::Failure::new("write", self.state.path_of(FILE), error))?;
        self.state.write_durable(FILE, &json)
    }
}

/// Forgets what is noted, where something is: the machine stays after all. Nobody is waited for.
///
/// # Errors
/// Where it can't be removed.
pub fn forget(state: &Dir) -> Result<()> {
    if state.look(FILE)?.is_none() && state.look(LOCK)?.is_none() {
        return Ok(());
    }
    let Some(_lock) = lock::try_lock_file(state, LOCK)? else { return Ok(()) };
    state.unlink_if_there(FILE)?;
    state.unlink_if_there(LOCK)?;
    state.sync()?;
    fault::reached(Point::EndForgotten);
    Ok(())
}

fn read(state: &Dir) -> Option<Noted> {
    let mut json = String::new();
    state.open_read(FILE).ok()?.take(LONGEST).read_to_string(&mut json).ok()?;
    serde_json::from_str(&json).map_err(|error| log::info!("{}: {error}", state.path_of(FILE).display())).ok()
}
