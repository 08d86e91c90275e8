//! The one layer that tries again: bounded in tries, in time and over the whole run, with jitter.

use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::{Kind, StoreError};
use crate::model::backoff::Backoff;
use crate::sys::random;
use crate::sys::signals::Stop;

/// How often one request is tried.
const BACKOFF: Backoff = Backoff { tries: 5, first: Duration::from_millis(200), longest: Duration::from_secs(5) };

/// How many further tries all requests of a run have together: a store in trouble is not to be stormed.
const BUDGET: u32 = 60;

/// How long clearing up after a failed upload may take.
const CLEARING_UP: Duration = Duration::from_secs(10);

/// No further try of a request begins after this: a server that swallows requests must not hold up a run for long.
const LONGEST: Duration = Duration::from_secs(60);

/// How long a request may take, but for its body.
const FOR_AN_ANSWER: Duration = Duration::from_secs(30);

/// The least that a body is sent with, in bytes a second, while others go up beside it.
const SLOWEST: u64 = 50_000;

/// How often a request looks whether it is asked to stop.
const ATTENTION: Duration = Duration::from_millis(100);

/// How long a request with a body of that many bytes may take.
pub(super) fn time_for(bytes: usize) -> Duration {
    FOR_AN_ANSWER + Duration::from_secs(bytes as u64 / SLOWEST)
}

/// Tries requests again.
pub(super) struct Retry {
    budget: AtomicU32,
    stop: Stop,
}

impl Retry {
    pub(super) fn new(stop: Stop) -> Self {
        Self { budget: AtomicU32::new(BUDGET), stop }
    }

    /// Makes a request once, in bounded time, even if we were asked to stop: for clearing up.
    pub(super) async fn run_to_the_end<T, F>(&self, request: impl FnOnce() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let late = |_| StoreError::new("clear up in", "the store", Kind::Unreachable, "no answer in time");
        tokio::time::timeout(CLEARING_UP, request()).await.map_err(late)?
    }

    /// Makes a request without a large body until it succeeds, fails for good, or has been tried enough.
    pub(super) async fn run<T, F>(&self, request: impl FnMut() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        self.run_within(FOR_AN_ANSWER, request).await
    }

    /// As [`Self::run`], for a request each try of which may take longer.
    pub(super) async fn run_within<T, F>(
        &self,
        limit: Duration,
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
                Err(_) => {
                    let why = format!("no answer in {} s", limit.as_secs());
                    StoreError::new("wait for", "the store", Kind::Unreachable, why)
                }
            };
            tried += 1;
            let random = random::bytes().map_or(u64::MAX / 2, u64::from_le_bytes);
            let wait = BACKOFF
                .wait_after(tried, random)
                .filter(|_| error.kind.is_passing() && begin.elapsed() < LONGEST && self.spend());
            let Some(wait) = wait else { return Err(error) };
            log::info!(
                "try {tried} failed, again in {} ms: {}",
                wait.as_millis(),
                crate::model::problem::chain(&error)
            );
            self.unless_stopped(tokio::time::sleep(wait)).await?;
        }
    }

    /// Waits for a future, but no longer than until a signal asks us to stop.
    async fn unless_stopped<T>(&self, future: impl Future<Output = T>) -> Result<T, StoreError> {
        let mut future = std::pin::pin!(future);
        loop {
            match tokio::time::timeout(ATTENTION, future.as_mut()).await {
                Ok(value) => return Ok(value),
                Err(_) if self.stop.requested() => {
                    return Err(StoreError::new("wait for", "the store", Kind::Stopped, "stopped by a signal"));
                }
                Err(_) => {}
            }
        }
    }

    fn spend(&self) -> bool {
        self.budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }
}
