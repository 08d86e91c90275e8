//! The threads of a run that compress: one bounded pool for all its logs.
//!
//! Promise: no more than the agreed number of threads are at work, the one that hands out jobs among them: while it waits
//! for an answer it does what is first in the queue. So one thread is no pool at all, and needs no other code. Others are
//! started only when there is something for them to do.
//!
//! ```text
//! owner: submit ──> queue ──> threads, each with a compressor of its own ──> ticket
//!        wait <── its answer; until that is there, the owner takes from the queue too
//! ```
//!
//! How it fails: where no more threads can be started, those that there are do it all. Of a job that panics, on whatever
//! thread, who waits for it gets an error, and the others go on.

use std::collections::VecDeque;
use std::io;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use super::{Encoder, Levels};

type Job = Box<dyn FnOnce(&mut Encoder) + Send>;

/// The threads. They end with it.
pub struct Pool {
    levels: Levels,
    threads: NonZeroUsize,
    shared: Arc<Shared>,
    started: Vec<JoinHandle<()>>,
    /// Of the thread that owns the pool.
    encoder: Encoder,
}

/// The claim to what a job answers.
pub struct Ticket<T>(Receiver<T>);

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// There is a job, or there will be none.
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    /// Threads that wait for a job.
    idle: usize,
    is_closed: bool,
}

impl Shared {
    /// No change to the queue can panic half-way.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next job, once there is one; `None` when there will be none.
    fn next(&self) -> Option<Job> {
        let mut queue = self.lock();
        queue.idle += 1;
        let mut queue = self
            .changed
            .wait_while(queue, |queue| queue.jobs.is_empty() && !queue.is_closed)
            .unwrap_or_else(PoisonError::into_inner);
        queue.idle -= 1;
        queue.jobs.pop_front()
    }
}

impl Pool {
    /// A pool of these levels, and that many threads at the most, its owner's among them. None is started yet.
    pub fn new(levels: Levels, threads: NonZeroUsize) -> Self {
        let (shared, started) = Default::default();
        Self { levels, threads, shared, started, encoder: Encoder::new(levels) }
    }

    /// How many threads are at work at the most, the owner's among them.
    pub fn threads(&self) -> usize {
        self.threads.get()
    }

    /// How many jobs should be under way so that no thread waits for the owner: two for each, since the owner answers for
    /// the order and may be busy; with one thread there is nothing to be gained by reading ahead.
    pub fn ahead(&self) -> usize {
        match self.threads.get() {
            1 => 1,
            threads => 2 * threads,
        }
    }

    /// The owner's own compressor, for what is not worth a job.
    pub fn encoder(&mut self) -> &mut Encoder {
        &mut self.encoder
    }

    /// Hands out a job. Jobs are begun in the order in which they were handed out.
    pub fn submit<T: Send + 'static>(&mut self, job: impl FnOnce(&mut Encoder) -> T + Send + 'static) -> Ticket<T> {
        let (answer, ticket) = mpsc::sync_channel(1);
        let job = move |encoder: &mut Encoder| {
            // All that outlives a job is its thread's compressor, which holds nothing but room between two blocks.
            if let Ok(value) = catch_unwind(AssertUnwindSafe(|| job(encoder))) {
                // Whoever doesn't want the answer any more has dropped the ticket.
                let _ = answer.send(value);
            }
        };
        let mut queue = self.shared.lock();
        queue.jobs.push_back(Box::new(job));
        // One is left for the owner, who is about to wait.
        let is_short = queue.jobs.len() > queue.idle + 1;
        drop(queue);
        self.shared.changed.notify_one();
        if is_short && self.started.len() + 1 < self.threads.get() {
            self.start();
        }
        Ticket(ticket)
    }

    /// Waits for the answer to a job, and does others meanwhile.
    ///
    /// # Errors
    /// Where the job has panicked.
    pub fn wait<T>(&mut self, Ticket(answer): Ticket<T>) -> io::Result<T> {
        let panicked = || io::Error::other("the thread that was to compress it has failed; this is a bug in logferry");
        loop {
            match answer.try_recv() {
                Ok(value) => return Ok(value),
                Err(TryRecvError::Disconnected) => return Err(panicked()),
                Err(TryRecvError::Empty) => {}
            }
            let job = self.shared.lock().jobs.pop_front();
            match job {
                Some(job) => job(&mut self.encoder),
                None => return answer.recv().map_err(|_| panicked()),
            }
        }
    }

    fn start(&mut self) {
        let (shared, levels) = (Arc::clone(&self.shared), self.levels);
        let work = move || {
            let mut encoder = Encoder::new(levels);
            while let Some(job) = shared.next() {
                job(&mut encoder);
            }
        };
        match std::thread::Builder::new().name("compress".to_owned()).spawn(work) {
            Ok(thread) => self.started.push(thread),
            // It is tried no more: a system that has none left won't have one for the next block.
            Err(error) => {
                log::info!("no more than {} threads can compress: {error}", self.started.len() + 1);
                self.threads = NonZeroUsize::MIN.saturating_add(self.started.len());
            }
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut queue = self.shared.lock();
        queue.is_closed = true;
        // Nobody is left to ask for what they would answer.
        queue.jobs.clear();
        drop(queue);
        self.shared.changed.notify_all();
        for thread in self.started.drain(..) {
            // No job can make it panic.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    fn pool(threads: usize) -> Pool {
        Pool::new(Levels::default(), NonZeroUsize::new(threads).expect("some"))
    }

    #[test]
    fn as_many_threads_as_asked_for_are_at_work_at_once_and_no_more() {
        for threads in [1, 2, 5] {
            let mut pool = pool(threads);
            let meeting = Arc::new(Barrier::new(threads));
            // Each job ends only when all are begun: with a thread less, none would.
            let tickets: Vec<_> = (0..threads)
                .map(|_| {
                    pool.submit({
                        let meeting = Arc::clone(&meeting);
                        move |_: &mut Encoder| {
                            meeting.wait();
                        }
                    })
                })
                .collect();
            tickets.into_iter().for_each(|ticket| pool.wait(ticket).expect("an answer"));
            let more: Vec<_> = (0..100).map(|number| pool.submit(move |_| number)).collect();
            for (number, ticket) in more.into_iter().enumerate() {
                assert_eq!(pool.wait(ticket).expect("an answer"), number);
            }
            assert_eq!(pool.started.len() + 1, threads);
        }
    }

    #[test]
    fn a_single_job_is_done_by_who_asks_for_it() {
        let mut pool = pool(8);
        for _ in 0..10 {
            let ticket = pool.submit(|_| std::thread::current().id());
            assert_eq!(pool.wait(ticket).expect("an answer"), std::thread::current().id());
        }
        assert!(pool.started.is_empty());
    }

    #[test]
    fn answers_that_nobody_wants_any_more_hold_nothing_up() {
        let mut pool = pool(3);
        drop((0..50).map(|_| pool.submit(|_| vec![0; 1000])).collect::<Vec<_>>());
        let ticket = pool.submit(|_| 7);
        assert_eq!(pool.wait(ticket).expect("an answer"), 7);
    }

    #[test]
    fn a_job_that_fails_on_whatever_thread_is_an_error_for_itself_only() {
        for threads in [1, 2] {
            let mut pool = pool(threads);
            let begun = Arc::new(Barrier::new(threads));
            // With two threads, each has one of them; with one, it is its owner's.
            let jobs: Vec<_> = (0..threads)
                .map(|_| {
                    let begun = Arc::clone(&begun);
                    pool.submit(move |_| {
                        begun.wait();
                        panic!("as a test wants it");
                    })
                })
                .collect();
            for job in jobs {
                assert!(pool.wait::<()>(job).is_err());
            }
            let more: Vec<_> = (0..10).map(|number| pool.submit(move |_| number)).collect();
            for (number, ticket) in more.into_iter().enumerate() {
                assert_eq!(pool.wait(ticket).expect("an answer"), number);
            }
        }
    }
}
