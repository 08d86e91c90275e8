//! Who this machine is, and what else a cloud says of it: the user's word first, then the metadata service's.
//!
//! Promise: no run waits for the metadata service more than once an hour, and then for a second or two; what it says once
//! in a boot is not asked for again. What is not known is `None`, and never a guess: an answer that has not the form of
//! what was asked for is none.
//!
//! ```text
//! settings ──────────────────────────────┐
//! instance.json (cache) ── what is missing ──> imds ── answers of the right form ──> instance.json ──> Facts
//!                                          └─ silent: hardware, what the same machine knew before ─┘
//! ```

mod answers;
pub mod autoscaling;
mod bounded;
mod cache;
mod hardware;
pub mod imds;
pub mod lifecycle;

use std::path::Path;
use std::time::{Duration, Instant};

use crate::config::{Field, Layout, Settings};
use crate::model::names::Instance;
use crate::sys::dir::Dir;
use crate::sys::{clock, host};
use answers::Answers;
use cache::Known;
use hardware::{Hardware, Maker};
use imds::{Answer, Imds};

pub use crate::model::facts::Facts;

/// After this time nothing more is asked; the answer that is under way may take another second.
const LONGEST_IN_ALL: Duration = Duration::from_secs(1);

/// What is asked of this machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Want {
    /// What stands in keys: its name, and what the layout names.
    ForKeys,
    /// All that the metadata service can say.
    All,
}

/// What is known of this machine; what the service says is kept in `state`.
pub fn facts(settings: &Settings, want: Want, state: &Dir) -> Facts {
    let said = settings.machine.clone();
    let wanted = wanted(&said, &settings.layout, want);
    match wanted.is_empty() {
        true => said,
        false => said.or(found(&wanted, state)),
    }
}

/// This machine's name in keys: what the user says, else what the metadata service says, else the host name.
pub fn instance(settings: &Settings, state: &Dir) -> Instance {
    facts(settings, Want::ForKeys, state).name(&host::name())
}

/// The paths of what is wanted, without what the user says.
fn wanted(said: &Facts, layout: &Layout, want: Want) -> Vec<String> {
    let mut wanted: Vec<String> = said.instance.is_none().then(|| answers::ID.to_owned()).into_iter().collect();
    if want == Want::All {
        wanted.extend(answers::COMMON.map(str::to_owned));
    }
    wanted.extend(layout.fields().filter_map(|field| match field {
        Field::Kind if said.kind.is_none() => Some(answers::KIND.to_owned()),
        Field::Zone if said.zone.is_none() => Some(answers::ZONE.to_owned()),
        Field::Region if said.region.is_none() => Some(answers::REGION.to_owned()),
        Field::Group if said.group.is_none() => Some(answers::GROUP.to_owned()),
        Field::Tag(key) if !said.tags.contains_key(key) => answers::path_of_tag(key),
        _ => None,
    }));
    wanted
}

/// What is wanted, and what somebody else may want next: whoever asks at all asks for all that each instance has.
fn all(wanted: &[String]) -> Vec<String> {
    let mut all: Vec<String> = [answers::ID].iter().chain(&answers::COMMON).map(|path| (*path).to_owned()).collect();
    let others = wanted.iter().filter(|path| !all.contains(path)).cloned().collect::<Vec<_>>();
    all.extend(others);
    all
}

fn found(wanted: &[String], state: &Dir) -> Facts {
    let (boot, hardware, now) = (host::boot_id(), Hardware::read(), clock::now());
    let kept = Known::read(state);
    let holds = kept.clone().and_then(|kept| kept.holds_for(&boot, &hardware));
    let mut known = holds.unwrap_or_else(|| Known::nothing(boot.clone(), &hardware, now));
    if known.missing(wanted, now).is_empty() {
        return known.facts();
    }
    // That is no silence of the service's, which a later command would believe.
    if imds::is_switched_off() {
        return known.facts();
    }
    let before = known.clone();
    ask(&mut known, &all(wanted));
    stand_in(&mut known, kept.and_then(|kept| kept.stands_for(&boot, &hardware, now)), hardware);
    if known != before {
        known.write(state);
    }
    known.facts()
}

/// Asks the service for what is missing, until it is silent once, or the time is over.
fn ask(known: &mut Known, all: &[String]) {
    let (imds, begun, now) = (Imds::new(), Instant::now(), clock::now());
    let (mut said, mut silent) = (Answers::new(), false);
    for path in known.missing(all, now) {
        if begun.elapsed() >= LONGEST_IN_ALL {
            log::info!("instance metadata: the service is slow; the rest is asked for later");
            silent = true;
            break;
        }
        match imds.get(path) {
            Answer::Found(value) if answers::fits(path, &value) => drop(said.insert(path.clone(), Some(value))),
            Answer::Absent if path != answers::ID => drop(said.insert(path.clone(), None)),
            Answer::Found(_) if path != answers::ID => {
                log::info!("instance metadata: the answer for {path} is not of its form; it counts as not known");
                silent = true;
            }
            answer => {
                if answer != Answer::Silent {
                    log::info!("instance metadata: what answers knows no instance id; it is not believed");
                }
                silent = true;
                break;
            }
        }
    }
    known.asked(said, silent, now);
}

/// Where the service was silent: what the hardware says, and what it had said to this very machine before.
fn stand_in(known: &mut Known, earlier: Option<Known>, hardware: Hardware) {
    if known.instance.is_none()
        && let Some(instance) = hardware.instance
    {
        log::info!("instance metadata: the hardware says that this is {instance}");
        known.instance = Some(instance);
    }
    if let Some(earlier) = earlier {
        known.fall_back_on(earlier);
    }
}

/// What the metadata service says now.
#[derive(Clone, Debug)]
pub enum Metadata {
    /// This is the machine.
    Answered(Facts),
    /// It does not answer.
    Silent,
    /// The user keeps it from being asked (`AWS_EC2_METADATA_DISABLED`).
    SwitchedOff,
}

/// Asks the metadata service for all that is wanted; nothing is kept.
pub fn metadata(machine: &Facts, layout: &Layout) -> Metadata {
    let mut known = Known::nothing(String::new(), &Hardware::default(), clock::now());
    ask(&mut known, &all(&wanted(machine, layout, Want::ForKeys)));
    let facts = known.facts();
    match facts.instance {
        Some(_) => Metadata::Answered(facts),
        None if imds::is_switched_off() => Metadata::SwitchedOff,
        None => Metadata::Silent,
    }
}

/// What is known without asking: what the service said earlier in this boot, as a run has kept it, or what would stand in for
/// it.
pub fn remembered(state_dir: &Path) -> Facts {
    let (boot, hardware, now) = (host::boot_id(), Hardware::read(), clock::now());
    let kept = Dir::open(state_dir).ok().and_then(|state| Known::read(&state));
    let holds = kept.clone().and_then(|kept| kept.holds_for(&boot, &hardware));
    let mut known = holds.unwrap_or_else(|| Known::nothing(boot.clone(), &hardware, now));
    if !imds::is_switched_off() {
        stand_in(&mut known, kept.and_then(|kept| kept.stands_for(&boot, &hardware, now)), hardware);
    }
    known.facts()
}

/// How long silence is believed by who looks for the end of an instance, where the hardware does not say what it is: in a
/// container that may see none of it, a service that hiccups once must not hide the end.
const SILENCE_HOLDS_UNSEEN: Duration = Duration::from_secs(60);

/// Whether it is known, without asking, that nothing is to be asked: the service was silent within the last hour, and the
/// hardware is that of something else (where it says nothing, within the last minute). Of an EC2 instance no silence is
/// believed: it may be told its end at any moment.
pub fn is_known_to_be_silent(state_dir: &Path) -> bool {
    let (boot, hardware, now) = (host::boot_id(), Hardware::read(), clock::now());
    let kept = Dir::open(state_dir).ok().and_then(|state| Known::read(&state));
    let holds = kept.and_then(|kept| kept.holds_for(&boot, &hardware));
    holds.is_some_and(|known| match hardware::maker() {
        Maker::Ec2 => false,
        Maker::Other => known.is_silent(now),
        Maker::Unknown => known.is_silent(now) && known.age(now) < SILENCE_HOLDS_UNSEEN,
    })
}

/// Keeps in mind that the service was silent, unless it has said in this boot which instance this is.
pub fn note_silence(state_dir: &Path) {
    let (boot, hardware, now) = (host::boot_id(), Hardware::read(), clock::now());
    let state = match Dir::open_private(state_dir) {
        Ok(state) => state,
        Err(failure) => return log::info!("{}", crate::model::problem::chain(&failure)),
    };
    let kept = Known::read(&state).and_then(|kept| kept.holds_for(&boot, &hardware));
    let mut known = kept.unwrap_or_else(|| Known::nothing(boot, &hardware, now));
    if known.instance.is_none() {
        known.asked(Answers::new(), true, now);
        known.write(&state);
    }
}

/// Whether the hardware says that this is an EC2 instance.
pub fn is_ec2_hardware() -> bool {
    hardware::maker() == Maker::Ec2
}
