//! What the hardware says of this machine, without asking anybody: for when the metadata service is silent, and to tell
//! the machines of one image apart.
//!
//! Sources: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/identify_ec2_instances.html>. A machine id
//! (`/etc/machine-id`) is of no use here: images are baked with it.

use std::fs;

use super::answers;
use crate::model::names::Instance;

/// What can be read of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Hardware {
    /// The instance id, which machines of the Nitro system have as their board's asset tag.
    pub(super) instance: Option<Instance>,
    /// What no two machines have in common: a copy of this machine's disk in another machine finds another one there.
    pub(super) machine: Option<String>,
}

impl Hardware {
    /// Reads it; only root may read all of it.
    pub(super) fn read() -> Self {
        let tag = text("/sys/class/dmi/id/board_asset_tag").filter(|tag| answers::is_instance_id(tag));
        let instance = tag.filter(|_| maker() == Maker::Ec2).and_then(|id| Instance::parse(&id).ok());
        let dmi = text("/sys/class/dmi/id/product_uuid").filter(|uuid| tells_apart(uuid));
        let xen = text("/sys/hypervisor/uuid").filter(|uuid| tells_apart(uuid));
        let machine = match (&instance, dmi, xen) {
            (Some(instance), ..) => Some(format!("ec2 {instance}")),
            (None, Some(dmi), _) => Some(format!("dmi {dmi}")),
            (None, None, Some(xen)) => Some(format!("xen {xen}")),
            (None, None, None) => None,
        };
        Self { instance, machine }
    }
}

/// Whose machine it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Maker {
    /// An EC2 instance.
    Ec2,
    /// Something else.
    Other,
    /// The hardware can't be seen, as in some containers, or does not say.
    Unknown,
}

/// What the hardware says of its maker: a Nitro instance in its DMI data, a Xen one in its id.
pub(super) fn maker() -> Maker {
    let (vendor, xen) = (text("/sys/class/dmi/id/sys_vendor"), text("/sys/hypervisor/uuid"));
    let begins = |text: &Option<String>, with| text.as_ref().is_some_and(|text| text.starts_with(with));
    match () {
        () if begins(&vendor, "amazon ec2") || begins(&xen, "ec2") => Maker::Ec2,
        () if vendor.is_some() => Maker::Other,
        () => Maker::Unknown,
    }
}

fn text(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?.trim().to_ascii_lowercase();
    (!text.is_empty()).then_some(text)
}

/// Whether it is a UUID, and not one of those that makers of boards leave in all of them.
fn tells_apart(uuid: &str) -> bool {
    const COMMON: &str = "03000200-0400-0500-0006-000700080009";
    let is_digit = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
    let digits = uuid.bytes().filter(u8::is_ascii_hexdigit);
    let differ = digits.clone().any(|digit| Some(digit) != uuid.bytes().next());
    uuid.bytes().all(is_digit) && digits.count() == 32 && differ && uuid != COMMON
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_many_machines_have_tells_none_apart() {
        assert!(tells_apart("ec2e1916-9099-7caf-fd21-012345abcdef"));
        for common in [
            "00000000-0000-0000-0000-000000000000",
            "ffffffff-ffff-ffff-ffff-ffffffffffff",
            "03000200-0400-0500-0006-000700080009",
            "not settable",
            "",
        ] {
            assert!(!tells_apart(common), "{common}");
        }
    }
}
