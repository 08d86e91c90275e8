//! When in the hour a machine begins: the same moment each hour for one machine, evenly spread over a fleet.

use std::time::Duration;

use super::digest::Digest;
use super::names::Instance;

/// How long this instance waits, less than `window`: a share of it that only the instance's name decides.
pub fn wait(instance: &Instance, window: Duration) -> Duration {
    let digest = Digest::of(instance.as_str().as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&digest.0[..8]);
    let share = u128::from(u64::from_be_bytes(first));
    let nanos = (window.as_nanos() * share) >> 64;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(count: u32) -> Vec<Duration> {
        let window = Duration::from_secs(600);
        (0..count).map(|n| wait(&Instance::parse(&format!("i-{n:017x}")).expect("a valid instance"), window)).collect()
    }

    #[test]
    fn one_machine_is_regular() {
        assert_eq!(waits(100), waits(100));
    }

    #[test]
    fn a_fleet_spreads_evenly() {
        let mut per_minute = [0_u32; 10];
        for wait in waits(10_000) {
            assert!(wait < Duration::from_secs(600));
            per_minute[usize::try_from(wait.as_secs() / 60).expect("a small number")] += 1;
        }
        assert!(per_minute.iter().all(|n| (850..1150).contains(n)), "{per_minute:?}");
    }
}
