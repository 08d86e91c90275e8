//! The store: whether the credentials in force may put, and what time it is there.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Subject;
use crate::config::Settings;
use crate::model::destination::Destination;
use crate::model::finding::{Bars, Finding};
use crate::model::key::ObjectKey;
use crate::model::problem;
use crate::model::s3_options::S3Options;
use crate::spool;
use crate::store::{self, Kind, Probe, Put, StoreError};
use crate::sys::signals::Stop;

/// A request that takes longer counts as unanswered; a run is more patient (`timeout` in `[s3]`).
const LONGEST_REQUEST: Duration = Duration::from_secs(4);

/// Segments that wait for so many other stores are tried; who has more has changed his mind often.
const MOST_OTHERS: usize = 3;

/// S3 refuses requests from clocks that are further off than the second
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>, `RequestTimeTooSkewed`), in seconds.
const SKEW: [u64; 2] = [60, 15 * 60];

pub(super) fn look(subject: &Subject) -> Vec<Finding> {
    let settings = match subject.settings() {
        Ok(settings) => settings,
        Err(unknown) => return unknown,
    };
    let key = ObjectKey::of_check(&subject.instance);
    let mut findings = try_to_put(&settings.to, &settings.s3, &key);
    for other in others(settings) {
        findings.extend(try_to_put(&other, &settings.s3, &key));
    }
    findings
}

/// Stores that segments in the spool wait for, besides the one that is set now: they keep their destination.
fn others(settings: &Settings) -> impl Iterator<Item = Destination> {
    let waiting = spool::survey(&settings.state_dir).map(|survey| survey.sealed).unwrap_or_default();
    let stores: BTreeSet<String> = waiting.iter().map(|sealed| sealed.segment.to.to_string()).collect();
    let now = settings.to.to_string();
    let others = stores.into_iter().filter(move |store| *store != now);
    others.filter_map(|store| Destination::parse(&store).ok()).take(MOST_OTHERS)
}

fn try_to_put(to: &Destination, options: &S3Options, key: &ObjectKey) -> Vec<Finding> {
    let options = S3Options { timeout: Some(options.timeout().min(LONGEST_REQUEST)), ..options.clone() };
    let probe = match store::open(to, &options, &Stop::default()) {
        Ok(store) => store.probe(key),
        Err(error) => Probe { put: Err(error), ahead: None },
    };
    let mut findings = vec![written(to, key, &probe.put)];
    findings.extend(probe.ahead.map(clock));
    findings
}

fn written(to: &Destination, key: &ObjectKey, put: &Result<Put, StoreError>) -> Finding {
    match put {
        Ok(Put::Created) => Finding::ok(to, format!("can be written to: {key} was put, and stays")),
        Ok(Put::AlreadyThere) => Finding::ok(to, format!("can be written to: {key} is there from an earlier check")),
        Err(error) => {
            let failed = Finding::fail(Bars::Shipping, to, problem::chain(error));
            let hint = error.kind.hint().unwrap_or(match error.kind {
                Kind::Local => "see AWS_CA_BUNDLE, the profile, and this machine's disk",
                _ => "see what the store says",
            });
            failed.hint(hint)
        }
    }
}

/// How far this machine's clock is off, which is `ahead` seconds ahead of the store's.
fn clock(ahead: i64) -> Finding {
    const WHAT: &str = "clock";
    let [warn, fail] = SKEW;
    let off = ahead.unsigned_abs();
    let which = if ahead > 0 { "ahead of" } else { "behind" };
    let detail = format!("{off} s {which} the store's");
    let hint = "set this machine's clock; run chrony or systemd-timesyncd";
    match off {
        off if off >= fail => {
            Finding::fail(Bars::Shipping, WHAT, format!("{detail}; S3 refuses what is {fail} s off")).hint(hint)
        }
        off if off >= warn => Finding::warn(WHAT, format!("{detail}; S3 refuses what is {fail} s off")).hint(hint),
        // The store tells whole seconds.
        0 | 1 => Finding::ok(WHAT, "agrees with the store's"),
        _ => Finding::ok(WHAT, detail),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_told_of_long_before_it_is_refused() {
        let verdicts = [0, -1, 59, 60, -60, 899, 900, -90_000].map(|ahead| clock(ahead).verdict.word());
        assert_eq!(verdicts, ["ok", "ok", "ok", "warn", "warn", "warn", "fail", "fail"]);
        assert!(clock(-70).detail.starts_with("70 s behind"), "{}", clock(-70).detail);
    }
}
