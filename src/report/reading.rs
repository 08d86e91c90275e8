//! How far the reading back of objects is: one line on a terminal, redrawn in place, and nothing elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::progress::Show;
use super::steps;
use crate::model::proof::progress::{Progress, Reading};
use crate::model::size;
use crate::sys::terminal;

/// How often the line is drawn.
const EACH: Duration = Duration::from_millis(200);

/// How wide a terminal is that doesn't say.
const USUAL_WIDTH: usize = 80;

/// The line, until it is dropped.
pub struct Shown {
    drawing: Option<(Arc<AtomicBool>, JoinHandle<()>)>,
}

impl Shown {
    /// Shows what the counters say from now on, where somebody looks.
    pub fn start(progress: &Arc<Progress>) -> Self {
        if Show::fitting() != Show::InPlace {
            return Self { drawing: None };
        }
        let (over, progress, begin) = (Arc::new(AtomicBool::new(false)), Arc::clone(progress), Instant::now());
        let until = Arc::clone(&over);
        let draw = move || {
            while !until.load(Ordering::Relaxed) {
                // One column stays free: some terminals wrap when the last one is written.
                let width = terminal::width(std::io::stderr()).unwrap_or(USUAL_WIDTH).saturating_sub(1);
                let line = line(progress.reading(), begin.elapsed());
                steps::draw(&line.chars().take(width).collect::<String>());
                std::thread::park_timeout(EACH);
            }
            steps::erase();
        };
        Self { drawing: Some((over, std::thread::spawn(draw))) }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        if let Some((over, thread)) = self.drawing.take() {
            over.store(true, Ordering::Relaxed);
            thread.thread().unpark();
            // It only draws.
            let _ = thread.join();
        }
    }
}

fn line(Reading { of, objects, bytes }: Reading, elapsed: Duration) -> String {
    if of == 0 {
        return "listing".to_owned();
    }
    let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
    let rate = bytes.saturating_mul(1000) / millis;
    format!("{objects}/{of} objects read back, {} at {}/s", size::show(bytes), size::show(rate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_tells_how_many_how_much_and_how_fast() {
        let reading = Reading { of: 400, objects: 12, bytes: 3 << 20 };
        assert_eq!(line(reading, Duration::from_secs(2)), "12/400 objects read back, 3.0 MiB at 1.5 MiB/s");
        assert_eq!(line(Reading::default(), Duration::ZERO), "listing");
    }
}
