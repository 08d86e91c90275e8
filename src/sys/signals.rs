//! SIGTERM and SIGINT as a request to stop at the next safe point; a time limit as another.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::{SigHandler, Signal, signal};

use super::failure::{Failure, Result};

/// Whether to stop: someone asked us to, or the time is over.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    asked: Arc<AtomicBool>,
    until: Option<Instant>,
}

impl Stop {
    /// The same request, which is also made by the clock at that time.
    #[must_use]
    pub fn by(&self, until: Option<Instant>) -> Self {
        let earlier = self.until.into_iter().chain(until).min();
        Self { asked: Arc::clone(&self.asked), until: earlier }
    }

    /// Asks to stop, as a signal would: whoever has this request or a clone of it learns of it.
    pub fn request(&self) {
        self.asked.store(true, Ordering::Relaxed);
    }

    /// Whether we are to stop.
    pub fn requested(&self) -> bool {
        self.asked() || self.is_over()
    }

    /// Whether someone asked us to.
    pub fn asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// Whether the time is over.
    fn is_over(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }

    /// How much time there is left; `None` where there is no limit.
    pub fn time_left(&self) -> Option<Duration> {
        self.until.map(|until| until.saturating_duration_since(Instant::now()))
    }

    /// Why we are to stop, for messages: "stopped by a signal".
    pub fn why(&self) -> &'static str {
        if self.asked() { "stopped by a signal" } else { "stopped, as the deadline is near" }
    }

    /// Sleeps, but wakes early when we are to stop.
    pub fn sleep(&self, time: Duration) {
        /// A signal may arrive on any thread, so the sleep is cut into pieces this short.
        const PIECE: Duration = Duration::from_millis(50);
        let end = Instant::now() + time;
        while !self.requested() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(PIECE));
        }
    }
}

/// Takes over SIGTERM and SIGINT, and ignores SIGIO, which the kernel sends to whoever holds a lease that is broken
/// and which would end the process.
///
/// # Errors
/// Where a handler can't be set; the system allows it for these signals.
pub fn prepare() -> Result<Stop> {
    let stop = Stop::default();
    for number in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        signal_hook::flag::register(number, Arc::clone(&stop.asked))
            .map_err(|error| Failure::new("set the handler of signal", number.to_string(), error))?;
    }
    ignore_sigio()?;
    Ok(stop)
}

/// Ignores SIGIO, which the kernel sends to whoever holds a lease that is broken and which would end the process.
///
/// # Errors
/// Where it can't be ignored; the system allows it.
#[allow(unsafe_code)]
pub fn ignore_sigio() -> Result<()> {
    // SAFETY: SIG_IGN runs no code of ours, so nothing can be called from a signal handler that must not be.
    unsafe { signal(Signal::SIGIO, SigHandler::SigIgn) }
        .map(drop)
        .map_err(|error| Failure::new("ignore signal", "SIGIO", error))
}
