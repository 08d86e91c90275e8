//! The one layer that tries again: bounded in tries, in time and over the whole run, with jitter.

use std::fmt::Display;
use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::throttle::Throttle;
use super::{Kind, StoreError};
use crate::model::backoff::Backoff;
use crate::model::key::ObjectKey;
use crate::sys::random;
use crate::sys::signals::Stop;

/// How often one request is tried.
const BACKOFF: Backoff = Backoff { tries: 5, first: Duration::from_millis(200), longest: Duration::from_secs(5) };

/// How many further tries all requests have together that a pass of shipping makes, and those between two bodies that were
/// read whole: a store in trouble is not to be stormed.
const BUDGET: u32 = 60;

/// How long clearing up after a failed upload may take, at most.
const CLEARING_UP: Duration = Duration::from_secs(10);

/// How long it may take where all that is left is the moment before a deadline.
const CLEARING_UP_LATE: Duration = Duration::from_millis(200);

/// No further try of a request begins after so many times the timeout: a server that swallows requests must not hold
/// up a run for long.
const PATIENCE: u32 = 2;

/// The least that a body is sent with, in bytes a second, while others go up beside it.
const SLOWEST: f64 = 50_000.0;

/// How often a request looks whether it is asked to stop.
const ATTENTION: Duration = Duration::from_millis(100);

/// What a request is for, in the words of its failure.
#[derive(Clone, Copy)]
pub(super) struct Task<'a> {
    /// What is being done: `read`.
    pub(super) doing: &'static str,
    /// To which object, or to which beginning of keys.
    pub(super) what: &'a dyn Display,
}

impl Task<'_> {
    fn failed(self, kind: Kind, why: String) -> StoreError {
        StoreError::new(self.doing, self.what, kind, why)
    }
}

/// How long one try of a request may take.
#[derive(Clone, Copy)]
pub(super) struct Allowance {
    limit: Duration,
    /// How much of it is only because we send no faster ourselves: that says nothing of the store.
    ours: Duration,
}

/// Tries requests again.
pub(super) struct Retry {
    /// How long a request may take, but for its body.
    timeout: Duration,
    throttle: Throttle,
    budget: AtomicU32,
    stop: Stop,
}

impl Retry {
    pub(super) fn new(timeout: Duration, throttle: Throttle, stop: Stop) -> Self {
        Self { timeout, throttle, budget: AtomicU32::new(BUDGET), stop }
    }

    /// How long a request with a body of that many bytes may take.
    pub(super) fn time_for(&self, bytes: usize) -> Allowance {
        let ours = self.throttle.longest(bytes as u64);
        Allowance { limit: self.timeout + Duration::from_secs_f64(bytes as f64 / SLOWEST) + ours, ours }
    }

    /// How long the store may take to join the parts of an upload; "several minutes", says the reference of
    /// CompleteMultipartUpload.
    pub(super) fn time_to_join(&self) -> Allowance {
        Allowance { limit: self.timeout * 10, ours: Duration::ZERO }
    }

    /// Makes a request once, in bounded time, even if we were asked to stop: for clearing up. Where the time is over, there
    /// is a moment for it only.
    pub(super) async fn run_to_the_end<T, F>(&self, request: impl FnOnce() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let late = |_| StoreError::new("clear up in", "the store", Kind::Unreachable, "no answer in time");
        let limit = match self.stop.time_left() {
            Some(left) => left.max(CLEARING_UP_LATE),
            None => CLEARING_UP,
        };
        tokio::time::timeout(limit.min(CLEARING_UP).min(self.timeout), request()).await.map_err(late)?
    }

    /// Makes a request without a large body until it succeeds, fails for good, or has been tried enough.
    pub(super) async fn run<T, F>(&self, task: Task<'_>, request: impl FnMut() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        self.run_within(task, Allowance { limit: self.timeout, ours: Duration::ZERO }, request).await
    }

    /// As [`Self::run`], for a request each try of which may take longer.
    pub(super) async fn run_within<T, F>(
        &self,
        task: Task<'_>,
        Allowance { limit, ours }: Allowance,
        mut request: impl FnMut() -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let (begin, mut tried) = (Instant::now(), 0);
        loop {
            let error = match self.unless_stopped(tokio::time::timeout(limit, request())).await? {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => error,
                Err(_) => task.failed(Kind::Unreachable, format!("no answer in {} s", limit.as_secs())),
            };
            tried += 1;
            match begin.elapsed() < self.timeout * PATIENCE + ours * tried {
                true => self.pause_after(tried, error).await?,
                false => return Err(error),
            }
        }
    }

    /// Waits before something is tried again that has failed so many times.
    ///
    /// # Errors
    /// The failure itself, where trying again doesn't help or it was tried enough.
    pub(super) async fn pause_after(&self, tried: u32, error: StoreError) -> Result<(), StoreError> {
        let random = random::bytes().map_or(u64::MAX / 2, u64::from_le_bytes);
        let wait = BACKOFF.wait_after(tried, random).filter(|_| error.kind.is_passing() && self.spend());
        let Some(wait) = wait else { return Err(error) };
        log::info!("try {tried} failed, again in {} ms: {}", wait.as_millis(), crate::model::problem::chain(&error));
        self.unless_stopped(tokio::time::sleep(wait)).await
    }

    /// Waits for the next piece of a body, no longer than for an answer.
    pub(super) async fn piece<T>(&self, key: &ObjectKey, piece: impl Future<Output = T>) -> Result<T, StoreError> {
        let late = |_| {
            let why = format!("nothing more came in {} s", self.timeout.as_secs());
            StoreError::new("read", key, Kind::Unreachable, why)
        };
        self.unless_stopped(tokio::time::timeout(self.timeout, piece)).await?.map_err(late)
    }

    /// A body came whole: the store is well, and what was tried before says nothing of the next one.
    pub(super) fn came_through(&self) {
        self.budget.store(BUDGET, Ordering::Relaxed);
    }

    /// Waits for a future, but no longer than until a signal asks us to stop.
    async fn unless_stopped<T>(&self, future: impl Future<Output = T>) -> Result<T, StoreError> {
        let mut future = std::pin::pin!(future);
        loop {
            match tokio::time::timeout(ATTENTION, future.as_mut()).await {
                Ok(value) => return Ok(value),
                Err(_) if self.stop.requested() => {
                    return Err(StoreError::new("wait for", "the store", Kind::Stopped, self.stop.why()));
                }
                Err(_) => {}
            }
        }
    }

    fn spend(&self) -> bool {
        self.budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }
}
