//! What is noted of the end of an instance, so that a second call goes on where the first one was: `lifecycle.json` in the
//! state directory (`src/spool/FORMAT.md`).
//!
//! It holds for one instance, one boot and one fate: an image that was baked with it, or a machine that was started anew,
//! begins afresh. Where it can't be read, it is as if there was none: the command before the last flush may run a second
//! time then. Where it can't be written, each call goes by itself: no full disk keeps the hook from being told.

use std::io::Read;

use serde::{Deserialize, Serialize};

use crate::model::fate::{Fate, Verdict};
use crate::model::names::Instance;
use crate::model::time::Moment;
use crate::sys::clock::Stamp;
use crate::sys::dir::Dir;
use crate::sys::errand::AtWork;
use crate::sys::failure::{Failure, Result};
use crate::sys::fault::{self, Point};
use crate::sys::host;
use crate::sys::lock::{self, Lock};

/// Its file.
pub const FILE: &str = "lifecycle.json";

/// The lock of whoever is at work on it; removed with it.
pub const LOCK: &str = "lifecycle.lock";

/// The longest file that is read, in bytes.
const LONGEST: u64 = 64 * 1024;

/// What is noted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Noted {
    instance: Instance,
    boot: String,
    fate: Fate,
    /// When it was first seen.
    pub since: Stamp,
    /// How many damaged files the state directory had put aside by then.
    #[serde(default)]
    pub damaged: usize,
    /// When the command before the last flush began.
    #[serde(default)]
    pub before: Option<Stamp>,
    /// That command, as long as it is not known to have ended.
    #[serde(default)]
    pub at_work: Option<AtWork>,
    /// When the hook was first seen to wait.
    #[serde(default)]
    pub hook_waits: Option<Stamp>,
    /// When a last flush first brought all into the store.
    #[serde(default)]
    pub flushed: Option<Moment>,
    /// What the hook was told.
    #[serde(default)]
    pub hook_told: Option<Verdict>,
    /// What is tried in vain is to rest until then.
    #[serde(default)]
    pub rests_until: Option<Stamp>,
    /// How often it was tried in vain.
    #[serde(default)]
    pub tries: u32,
    /// Marks of what was complained of.
    #[serde(default)]
    pub told: Vec<String>,
}

impl Noted {
    fn begin(instance: Instance, boot: String, fate: Fate) -> Self {
        Self {
            instance,
            boot,
            fate,
            since: Stamp::now(),
            damaged: 0,
            before: None,
            at_work: None,
            hook_waits: None,
            flushed: None,
            hook_told: None,
            rests_until: None,
            tries: 0,
            told: Vec::new(),
        }
    }
}

/// The record, for whoever holds its lock.
pub struct Record<'a> {
    state: &'a Dir,
    noted: Noted,
    _lock: Option<Lock>,
}

/// What came of opening the record.
pub enum Opened<'a> {
    /// We are the one who is at work. Where something can't be noted, as on a full disk, the failure is told with it, and
    /// nobody but this process knows what it notes.
    Ours(Box<Record<'a>>, Option<Failure>),
    /// Someone else is.
    AtWork,
}

impl<'a> Record<'a> {
    /// Goes on with what is noted, or begins with what `begin` adds to it.
    pub fn open(state: &'a Dir, instance: Instance, fate: Fate, begin: impl FnOnce(&mut Noted)) -> Opened<'a> {
        let (lock, failure) = match lock::try_lock_file(state, LOCK) {
            Ok(Some(lock)) => (Some(lock), None),
            Ok(None) => return Opened::AtWork,
            Err(failure) => (None, Some(failure)),
        };
        let boot = host::boot_id();
        let is_of_this = |noted: &Noted| (&noted.instance, &noted.boot, noted.fate) == (&instance, &boot, fate);
        if let Some(noted) = read(state).filter(is_of_this) {
            return Opened::Ours(Box::new(Self { state, noted, _lock: lock }), failure);
        }
        let mut noted = Noted::begin(instance, boot, fate);
        begin(&mut noted);
        let record = Self { state, noted, _lock: lock };
        let failure = failure.or(record.write().err());
        fault::reached(Point::EndNoted);
        Opened::Ours(Box::new(record), failure)
    }

    /// What is noted.
    pub fn noted(&self) -> &Noted {
        &self.noted
    }

    /// Notes something; durable when it returns.
    ///
    /// # Errors
    /// Where it can't be written: then nobody but this process knows it.
    pub fn note(&mut self, change: impl FnOnce(&mut Noted)) -> Result<()> {
        let before = self.noted.clone();
        change(&mut self.noted);
        match self.noted == before {
            true => Ok(()),
            false => self.write(),
        }
    }

    fn write(&self) -> Result<()> {
        let json = serde_json::to_vec_pretty(&self.noted).map_err(std::io::Error::from);
        let json = json.map_err(|error| Failure::new("write", self.state.path_of(FILE), error))?;
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
