//! Who this machine is: its EC2 instance id, else its host name.
//!
//! The instance metadata service is asked once a boot and with a short time-out; its answer is kept in the state
//! directory. No answer is kept too, but only for an hour: a service that hiccups at boot must not make a machine go
//! by its host name until it is restarted.

pub mod autoscaling;
pub mod lifecycle;
mod imds;

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::names::Instance;
use crate::model::time::Moment;
use crate::sys::dir::Dir;
use crate::sys::{clock, host};

const CACHE: &str = "instance.json";

/// How long "there is no metadata service" is believed.
const NO_ANSWER_HOLDS: Duration = Duration::from_secs(3600);

/// What was found out, and for which boot.
#[derive(Serialize, Deserialize)]
struct Cached {
    boot: String,
    at: Moment,
    instance: Option<Instance>,
}

/// This machine's name in keys: what the user says, else what the metadata service says, else the host name. The answer
/// is kept in `state`.
pub fn instance(said: Option<&Instance>, state: &Dir) -> Instance {
    if let Some(instance) = said {
        return instance.clone();
    }
    let boot = host::boot_id();
    let known = read(state).filter(|cached| cached.boot == boot && still_holds(cached));
    let instance = match known {
        Some(cached) => cached.instance,
        None => ask(state, boot),
    };
    instance.unwrap_or_else(|| Instance::from_host(&host::name()))
}

/// What the metadata service says now.
#[derive(Clone, Debug)]
pub enum Metadata {
    /// This is the instance.
    Answered(Instance),
    /// It does not answer.
    Silent,
    /// The user keeps it from being asked (`AWS_EC2_METADATA_DISABLED`).
    SwitchedOff,
}

/// Asks the metadata service, for a second at most; nothing is kept.
pub fn metadata() -> Metadata {
    match imds::instance_id() {
        Some(instance) => Metadata::Answered(instance),
        None if imds::is_switched_off() => Metadata::SwitchedOff,
        None => Metadata::Silent,
    }
}

/// What the metadata service said earlier in this boot, as a run has kept it: [`instance`] believes that first.
pub fn remembered(state_dir: &Path) -> Option<Instance> {
    let known = Dir::open(state_dir).ok().and_then(|state| read(&state))?;
    if known.boot == host::boot_id() { known.instance } else { None }
}

/// Whether the hardware says that this is an EC2 instance: a Nitro one in its DMI data, a Xen one in its id
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/identify_ec2_instances.html>).
pub fn is_ec2_hardware() -> bool {
    let says = |path: &str, begin: &str| {
        std::fs::read_to_string(path).is_ok_and(|text| text.trim().to_ascii_lowercase().starts_with(begin))
    };
    says("/sys/class/dmi/id/sys_vendor", "amazon ec2") || says("/sys/hypervisor/uuid", "ec2")
}

fn ask(state: &Dir, boot: String) -> Option<Instance> {
    let instance = imds::instance_id();
    let cached = Cached { boot, at: clock::now(), instance };
    let written = serde_json::to_vec_pretty(&cached).map_err(std::io::Error::from);
    let written = written.map(|json| state.write_durable(CACHE, &json));
    if let Ok(Err(failure)) = written {
        // It is asked for again next time.
        log::info!("{}", crate::model::problem::chain(&failure));
    }
    cached.instance
}

fn read(state: &Dir) -> Option<Cached> {
    let mut json = String::new();
    state.open_read(CACHE).ok()?.read_to_string(&mut json).ok()?;
    serde_json::from_str(&json).ok()
}

fn still_holds(cached: &Cached) -> bool {
    let age = clock::now().nanos().saturating_sub(cached.at.nanos());
    let recent = u64::try_from(age).is_ok_and(|age| age < NO_ANSWER_HOLDS.as_nanos() as u64);
    cached.instance.is_some() || recent
}
