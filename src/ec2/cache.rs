//! What the metadata service has said, kept in the state directory for as long as the machine runs.
//!
//! ```text
//! same boot, same hardware              -> what was said holds; what was not said is asked for again, an hour after silence
//! another boot, hardware proves         -> the id holds; the rest stands in until it is asked for: what may have changed
//!   that it is the same machine            while the machine was down does not
//! anything else (an image was baked)    -> nothing holds: whoever writes under the id of another machine would write into
//!                                          its streams
//! ```

use std::io::Read;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::answers::{self, Answers};
use super::hardware::Hardware;
use crate::model::facts::Facts;
use crate::model::names::Instance;
use crate::model::problem;
use crate::model::time::Moment;
use crate::sys::dir::Dir;
use crate::sys::failure::{Failure, Result};

/// Its file.
const FILE: &str = "instance.json";

/// The longest file that is read, in bytes: a few dozen values of at most 256 characters.
const LONGEST: u64 = 1024 * 1024;

/// How long silence is believed: a service that hiccups at boot must not make a machine go by its host name until it is
/// restarted.
const SILENCE_HOLDS: Duration = Duration::from_secs(3600);

/// How long it is believed that there is no such thing: tags may be let into the metadata of a running instance.
const ABSENCE_HOLDS: Duration = Duration::from_secs(24 * 3600);

/// What is known, of which boot of which machine.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Known {
    /// The kernel's id of the boot.
    boot: String,
    /// When the service was last asked.
    at: Moment,
    /// Its name; `None` where the service was silent and nothing else tells it.
    pub(super) instance: Option<Instance>,
    /// What tells this machine from others.
    #[serde(default)]
    machine: Option<String>,
    /// Whether it was silent when it was last asked.
    #[serde(default)]
    silent: bool,
    /// What it has said in this boot, but for the id.
    #[serde(default)]
    answers: Answers,
    /// What it had said to this machine in an earlier boot.
    #[serde(default)]
    earlier: Answers,
}

impl Known {
    /// What is known before anything is asked.
    pub(super) fn nothing(boot: String, hardware: &Hardware, now: Moment) -> Self {
        let (answers, earlier) = (Answers::new(), Answers::new());
        Self { boot, at: now, instance: None, machine: hardware.machine.clone(), silent: false, answers, earlier }
    }

    /// What holds of it in this boot of this machine; `None` where nothing does.
    pub(super) fn holds_for(self, boot: &str, hardware: &Hardware) -> Option<Self> {
        let differs = self.machine.is_some() && hardware.machine.is_some() && self.machine != hardware.machine;
        (self.boot == boot && !boot.is_empty() && !differs).then_some(self)
    }

    /// What of it still stands when the same machine was started anew.
    pub(super) fn stands_for(self, boot: &str, hardware: &Hardware, now: Moment) -> Option<Self> {
        let is_proved = self.boot != boot && self.machine.is_some() && self.machine == hardware.machine;
        let instance = self.instance.clone().filter(|_| is_proved)?;
        let mut earlier = self.earlier;
        earlier.extend(self.answers);
        earlier.retain(|path, _| !answers::CHANGEABLE.contains(&path.as_str()));
        let fresh = Self::nothing(boot.to_owned(), hardware, now);
        Some(Self { instance: Some(instance), earlier, ..fresh })
    }

    /// Which of the wanted answers are to be asked for now.
    pub(super) fn missing<'w>(&self, wanted: &'w [String], now: Moment) -> Vec<&'w String> {
        let is_over = |holds: Duration| self.age(now) >= holds;
        let is_missing = |path: &&String| match self.answers.get(*path) {
            _ if path.as_str() == answers::ID && self.instance.is_some() => false,
            Some(Some(_)) => false,
            Some(None) => is_over(ABSENCE_HOLDS),
            None => !self.silent || is_over(SILENCE_HOLDS),
        };
        wanted.iter().filter(is_missing).collect()
    }

    /// How long ago the service was asked. A clock that was set back must not make it hold for years.
    pub(super) fn age(&self, now: Moment) -> Duration {
        u64::try_from(now.nanos().saturating_sub(self.at.nanos())).map_or(Duration::MAX, Duration::from_nanos)
    }

    /// Whether the service was silent so lately that this is believed, and nothing else tells which instance this is.
    pub(super) fn is_silent(&self, now: Moment) -> bool {
        self.instance.is_none() && self.missing(&[answers::ID.to_owned()], now).is_empty()
    }

    /// Takes note that the service was asked.
    pub(super) fn asked(&mut self, mut said: Answers, silent: bool, now: Moment) {
        let id = said.remove(answers::ID).flatten();
        self.instance = self.instance.take().or(id.and_then(|id| Instance::parse(&id).ok()));
        self.answers.extend(said);
        (self.silent, self.at) = (silent, now);
    }

    /// Takes what the same machine had been told before, for what was not told now.
    pub(super) fn fall_back_on(&mut self, earlier: Self) {
        let is_same = self.instance.is_none() || self.instance == earlier.instance;
        if is_same {
            self.instance = earlier.instance;
            self.earlier = earlier.earlier;
        }
    }

    /// What is known.
    pub(super) fn facts(&self) -> Facts {
        let mut all = self.earlier.clone();
        all.extend(self.answers.clone());
        answers::facts(self.instance.as_ref(), &all)
    }

    /// Reads what was kept; `None` where nothing was, or it is of no use: it is asked for then.
    pub(super) fn read(state: &Dir) -> Option<Self> {
        let mut json = String::new();
        state.open_read(FILE).ok()?.take(LONGEST).read_to_string(&mut json).ok()?;
        let mut known: Self = serde_json::from_str(&json).ok()?;
        // The first version wrote no more than that there is no id.
        known.silent |= known.instance.is_none();
        let sound = |answers: &Answers| {
            answers.iter().all(|(path, value)| value.as_ref().is_none_or(|value| answers::fits(path, value)))
        };
        (sound(&known.answers) && sound(&known.earlier)).then_some(known)
    }

    /// Keeps it. Where that fails, it is asked for again next time.
    pub(super) fn write(&self, state: &Dir) {
        if let Err(failure) = self.try_to_write(state) {
            log::info!("{}", problem::chain(&failure));
        }
    }

    fn try_to_write(&self, state: &Dir) -> Result<()> {
        let json =
            serde_json::to_vec_pretty(self).map_err(|error| Failure::new("write", state.path_of(FILE), error))?;
        state.write_durable(FILE, &json)
    }
}
