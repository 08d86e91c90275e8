//! Waiting for what is nice to have no longer than it is worth.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use crate::sys::signals::Stop;

/// Whether something ended by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wait {
    Ended,
    /// It was told to stop, as the time was over.
    GivenUp,
}

/// Does something that heeds `stop`, and requests that when it has taken so long. Nothing else that heeds it can be done afterwards.
pub(super) fn within<T>(time: Duration, stop: &Stop, work: impl FnOnce() -> T) -> (T, Wait) {
    let (ended, end) = channel::<()>();
    std::thread::scope(|scope| {
        let watch = scope.spawn(move || match end.recv_timeout(time) {
            Err(RecvTimeoutError::Timeout) => {
                stop.request();
                Wait::GivenUp
            }
            Ok(()) | Err(RecvTimeoutError::Disconnected) => Wait::Ended,
        });
        let done = work();
        drop(ended);
        // A watch that did not come to its end has not given up either.
        (done, watch.join().unwrap_or(Wait::Ended))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_for_too_long_is_told_to_stop_and_nothing_else_is() {
        let stop = Stop::default();
        assert_eq!(within(Duration::from_secs(600), &stop, || 7), (7, Wait::Ended));
        assert!(!stop.requested());
        let endless = || stop.sleep(Duration::from_secs(600));
        assert_eq!(within(Duration::from_millis(1), &stop, endless), ((), Wait::GivenUp));
    }
}
