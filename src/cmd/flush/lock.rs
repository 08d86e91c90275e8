//! Waiting for a run that is at work.

use std::time::Duration;

use crate::model::problem::{Effect, Problem};
use crate::report::progress::Progress;
use crate::spool::Spool;
use crate::sys::lock::Lock;
use crate::sys::procfs;
use crate::sys::signals::Stop;

/// How often it is looked whether the run has ended.
const EACH: Duration = Duration::from_millis(50);

/// Waits for the lock of the state directory until we are to stop.
pub(super) fn wait(spool: &Spool, stop: &Stop, progress: &Progress) -> Result<Lock, Problem> {
    let mut is_told = false;
    loop {
        let lock = spool.try_lock();
        let lock = lock.map_err(|failure| Problem::from_error(Effect::Failed, failure.path.clone(), &failure))?;
        if let Some(lock) = lock {
            progress.waits_for(None);
            return Ok(lock);
        }
        if !std::mem::replace(&mut is_told, true) {
            let who = holder(spool);
            log::info!("waiting for {who}, which is at work on {}", spool.root().path().display());
            progress.waits_for(Some(who));
        }
        if stop.requested() {
            progress.waits_for(None);
            return Err(still_at_work(spool, stop));
        }
        stop.sleep(EACH);
    }
}

fn holder(spool: &Spool) -> String {
    let pid = spool.root().status().ok().and_then(|status| procfs::holder_of_lock(status.identity));
    match pid.map(|pid| (pid, procfs::age(pid))) {
        Some((pid, Some(age))) => format!("another run (pid {pid}, begun {} s ago)", age.as_secs()),
        Some((pid, None)) => format!("another run (pid {pid})"),
        None => "another run".to_owned(),
    }
}

fn still_at_work(spool: &Spool, stop: &Stop) -> Problem {
    let what = format!("{}; {} is still at work on it", stop.why(), holder(spool));
    let problem = Problem::new(Effect::Waits, spool.root().path(), what);
    problem.hint("nothing was taken or shipped: let that run end, or give a longer --deadline")
}
