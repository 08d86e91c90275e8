//! What a fleet whose cron fires at the same minute asks of one prefix of a bucket: puts per second, with and without
//! splay, in numbers. Prints the table that stands in `docs/ec2.md`.
//!
//! Each instance's wait is the real one ([`logferry::model::splay`]), for instance ids as EC2 gives them. The rest is a
//! model, chosen to be harder on the bucket than a real fleet: every instance has something in every log, all clocks are
//! right, and no put is ever slow.
//!
//! - cron looks at its table within the first second of the minute;
//! - a run takes its logs, and ships nothing, for a quarter of a second up to a second and a quarter: compressing one
//!   instance's logs takes less than the settle time of a silent one;
//! - then four puts are under way at a time, each of 40 ms: a small object in the same region.

use std::time::Duration;

use logferry::model::digest::Digest;
use logferry::model::names::Instance;
use logferry::model::splay;

const INSTANCES: u32 = 10_000;

/// Logs of one instance that have something in them.
const LOGS: [u64; 3] = [5, 20, 50];

const SPLAYS: [(&str, u64); 4] = [("none", 0), ("1m", 60), ("10m", 600), ("30m", 1800)];

/// For how long cron takes to look, and a run to prepare, in milliseconds.
const CRON: u64 = 1_000;
const PREPARED: (u64, u64) = (250, 1_000);

/// As many as `src/ship.rs` has under way.
const AT_ONCE: u64 = 4;
const PUT: u64 = 40;

/// What S3 takes a second for one partitioned prefix, at least
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html>).
const S3: u64 = 3_500;

/// When an instance's run begins, and when it has something to ship, in milliseconds after the minute.
struct Member {
    cron: u64,
    prepares: u64,
    instance: Instance,
}

impl Member {
    fn new(number: u32) -> Option<Self> {
        let digest = Digest::of(&number.to_be_bytes());
        let word = |at: usize| u64::from_be_bytes(std::array::from_fn(|byte| digest.0[at + byte]));
        let id = format!("i-0{:015x}", word(0) >> 4);
        let instance = Instance::parse(&id).ok()?;
        Some(Self { cron: word(8) % CRON, prepares: PREPARED.0 + word(16) % PREPARED.1, instance })
    }

    /// The seconds after the minute in which its puts begin.
    fn puts(&self, logs: u64, splay: Duration) -> impl Iterator<Item = usize> {
        let waits = u64::try_from(splay::wait(&self.instance, splay).as_millis()).unwrap_or(u64::MAX);
        let begins = self.cron + waits + self.prepares;
        (0..logs).filter_map(move |log| usize::try_from((begins + log / AT_ONCE * PUT) / 1000).ok())
    }
}

/// The puts of each second, from the first to the last in which there is one.
fn load(fleet: &[Member], logs: u64, splay: Duration) -> Vec<u64> {
    let mut seconds = Vec::new();
    for second in fleet.iter().flat_map(|member| member.puts(logs, splay)) {
        if seconds.len() <= second {
            seconds.resize(second + 1, 0);
        }
        seconds[second] += 1;
    }
    seconds.into_iter().skip_while(|puts| *puts == 0).collect()
}

/// The least number that 99 of 100 seconds don't exceed.
fn percentile(seconds: &[u64]) -> u64 {
    let mut sorted = seconds.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * 99).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0)
}

/// A number with commas.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    groups.join(",")
}

#[expect(clippy::print_stdout, reason = "a program talks to its user")]
fn main() {
    let fleet: Vec<Member> = (0..INSTANCES).filter_map(Member::new).collect();
    println!(
        "| logs an instance | puts an hour | splay | seconds it takes | puts a second: peak | 99th percentile | share of S3's {} |",
        grouped(S3)
    );
    println!("| ---: | ---: | --- | ---: | ---: | ---: | ---: |");
    for logs in LOGS {
        for (name, seconds) in SPLAYS {
            let load = load(&fleet, logs, Duration::from_secs(seconds));
            let (peak, share) = (load.iter().copied().max().unwrap_or(0), load.iter().sum::<u64>());
            println!(
                "| {logs} | {} | {name} | {} | {} | {} | {} % |",
                grouped(share),
                grouped(load.len() as u64),
                grouped(peak),
                grouped(percentile(&load)),
                grouped((peak * 100).div_ceil(S3)),
            );
        }
    }
}
