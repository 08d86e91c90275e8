//! The end of an instance: seen in its metadata, held up by a lifecycle hook, and let go.
//!
//! Promise: where nothing is up, two questions to the metadata service are all, and nothing is touched. The hook is told to
//! go on only by whoever says that all is in the store. Each step may be cut short and done again: what must not be done
//! twice is noted before ([`record`]).
//!
//! ```text
//! imds ── target-lifecycle-state, spot/instance-action ──> Omens ──> nothing
//!                                                            └──> record ─> vigil: hook (found, heartbeats) ─> told, noted
//! ```

pub mod hook;
pub mod record;
pub mod vigil;

use super::imds::{Answer, Imds};
use crate::model::fate::{Notice, Omens, Target};
use crate::model::names::Instance;

/// Where the metadata service says what becomes of the instance.
const TARGET: &str = "autoscaling/target-lifecycle-state";
const NOTICE: &str = "spot/instance-action";

/// Asks what is up with the instance; `None` where the metadata service does not answer.
pub fn omens(imds: &Imds) -> Option<Omens> {
    let target = match imds.get(TARGET) {
        Answer::Silent => return None,
        answer => understood(TARGET, answer, str::parse::<Target>),
    };
    let notice = understood(NOTICE, imds.get(NOTICE), Notice::parse);
    let unclear = target.is_err() || notice.is_err();
    Some(Omens { target: target.unwrap_or_default(), notice: notice.unwrap_or_default(), unclear })
}

/// Nobody knows what was said, or meant.
struct Unclear;

fn understood<T>(what: &str, answer: Answer, read: impl Fn(&str) -> Result<T, String>) -> Result<Option<T>, Unclear> {
    match answer {
        Answer::Found(text) => read(&text).map(Some).map_err(|why| {
            log::info!("{what}: {why}; nothing is done about it");
            Unclear
        }),
        Answer::Absent => Ok(None),
        Answer::Silent => Err(Unclear),
    }
}

/// The instance's id, as the metadata service says it: the API knows no other name of it.
pub fn instance(imds: &Imds) -> Option<Instance> {
    match imds.get("instance-id") {
        Answer::Found(id) => Instance::parse(&id).ok(),
        Answer::Absent | Answer::Silent => None,
    }
}

/// The instance's region.
pub fn region(imds: &Imds) -> Option<String> {
    match imds.get("placement/region") {
        Answer::Found(region) => Some(region),
        Answer::Absent | Answer::Silent => None,
    }
}
