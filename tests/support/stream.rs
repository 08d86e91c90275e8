//! The content of a log: an endless sequence of lines that its name alone decides.
//!
//! Promise: the same name gives the same bytes, in any process and on any machine, so that a test needs
//! no copy of what was written: it regenerates it while it compares. Lines look like real ones (numbered,
//! with time, level and varied words, some long, CRLF at the end) and compress like them, 8 to 10 times.
//!
//! Flow: a pool of rendered messages is made once; a line is its number, its time and a message that a
//! small generator seeded with the name picks, with a few random fields patched in.
//!
//! How it fails: `check` tells the offset and both contexts, and by the line numbers around it whether
//! something is missing or there twice.

use std::fmt;
use std::io::{self, Read};
use std::sync::OnceLock;

const POOL_SIZE: usize = 4096;
/// So many of them make up half of the lines.
const USUAL: usize = 64;
/// Digits of a line's number: `check` reads them back.
const NUMBER_DIGITS: usize = 10;
/// Where the time starts in a line, as long as `2026-11-21T00:00:00.000Z`.
const TIME_AT: usize = NUMBER_DIGITS + 1;
const PREFIX: &[u8] = b"0000000000 2026-11-00T00:00:00.000Z ";
/// Where a message has its random identifier: in front, eight hex digits.
const ID_DIGITS: usize = 8;
const BLOCK: usize = 256 * 1024;

/// The bytes of one log, from its first line on.
pub(crate) struct Stream {
    random: Random,
    line: u64,
    /// Generated but not taken yet.
    pending: Vec<u8>,
    taken: usize,
}

impl Stream {
    pub(crate) fn new(name: &str) -> Self {
        Self { random: Random::new(name.as_bytes()), line: 0, pending: Vec::new(), taken: 0 }
    }

    /// Appends at least so many bytes, ending with a whole line.
    pub(crate) fn fill(&mut self, buffer: &mut Vec<u8>, at_least: usize) {
        let end = buffer.len() + at_least;
        buffer.extend_from_slice(&self.pending[self.taken..]);
        self.pending.clear();
        self.taken = 0;
        let pool = pool();
        while buffer.len() < end {
            let random = self.random.next();
            // Half of the lines are the usual ones over and over, as in real logs.
            let variety = if random >> 32 & 1 == 0 { USUAL } else { POOL_SIZE };
            let message = &pool[random as usize % variety];
            let start = buffer.len();
            buffer.extend_from_slice(PREFIX);
            buffer.extend_from_slice(message);
            let line = &mut buffer[start..];
            write_number(&mut line[..NUMBER_DIGITS], self.line);
            write_time(&mut line[TIME_AT..], self.line);
            // Every sixteenth line has an identifier of its own: what keeps real logs from compressing better.
            if random >> 60 == 0 {
                write_hex(&mut line[PREFIX.len()..PREFIX.len() + ID_DIGITS], random >> 16);
            }
            self.line += 1;
        }
    }
}

impl Read for Stream {
    /// Never ends and never fails.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.pending.len() {
            let mut fresh = std::mem::take(&mut self.pending);
            fresh.clear();
            self.taken = 0;
            self.fill(&mut fresh, BLOCK);
            self.pending = fresh;
        }
        let rest = &self.pending[self.taken..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.taken += count;
        Ok(count)
    }
}

/// What `check` has compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checked {
    pub(crate) bytes: u64,
    pub(crate) lines: u64,
}

/// The first place where the data isn't what the writer wrote.
#[derive(Debug)]
pub(crate) struct Difference {
    pub(crate) offset: u64,
    pub(crate) kind: Kind,
    pub(crate) expected: String,
    pub(crate) found: String,
}

#[derive(Debug)]
pub(crate) enum Kind {
    /// So many lines are missing here.
    Gap(u64),
    /// It goes back by so many lines.
    Doubling(u64),
    /// The data ends here.
    Short,
    /// The data should have ended here.
    Long,
    /// Other bytes, without a line number to tell why.
    Other,
    Unreadable(io::Error),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {}: ", self.offset)?;
        match &self.kind {
            Kind::Gap(lines) => write!(f, "{lines} lines are missing")?,
            Kind::Doubling(lines) => write!(f, "it goes back by {lines} lines")?,
            Kind::Short => f.write_str("it ends too early")?,
            Kind::Long => f.write_str("it should have ended")?,
            Kind::Other => f.write_str("other bytes")?,
            Kind::Unreadable(error) => write!(f, "it can't be read: {error}")?,
        }
        write!(f, "\n  expected {:?}\n  found    {:?}", self.expected, self.found)
    }
}

impl std::error::Error for Difference {}

/// Compares all that the reader gives with the first `expected_len` bytes of the named stream.
pub(crate) fn check(name: &str, reader: impl Read, expected_len: u64) -> Result<Checked, Difference> {
    Comparison { stream: Stream::new(name), reader, offset: 0, lines: 0 }.run(expected_len)
}

struct Comparison<R> {
    stream: Stream,
    reader: R,
    offset: u64,
    lines: u64,
}

impl<R: Read> Comparison<R> {
    fn run(mut self, expected_len: u64) -> Result<Checked, Difference> {
        let mut found = Vec::with_capacity(BLOCK);
        let mut expected = vec![0; BLOCK];
        loop {
            found.clear();
            if let Err(error) = self.reader.by_ref().take(BLOCK as u64).read_to_end(&mut found) {
                return Err(self.difference(0, Kind::Unreadable(error), &[], &[]));
            }
            let rest = expected_len - self.offset;
            let wanted = BLOCK.min(usize::try_from(rest).unwrap_or(BLOCK));
            let expected = &mut expected[..wanted];
            self.stream.read_exact(expected).expect("the stream never ends");
            if found != expected {
                return Err(self.explain(expected, found));
            }
            if wanted == 0 {
                return Ok(Checked { bytes: self.offset, lines: self.lines });
            }
            self.lines += memchr::memchr_iter(b'\n', &found).count() as u64;
            self.offset += wanted as u64;
        }
    }

    fn explain(&mut self, expected: &[u8], mut found: Vec<u8>) -> Difference {
        let at = expected.iter().zip(&found).take_while(|(a, b)| a == b).count();
        if at == found.len() {
            return self.difference(at, Kind::Short, &expected[at..], &[]);
        }
        if at == expected.len() {
            return self.difference(at, Kind::Long, &[], &found[at..]);
        }
        // Some more, so that a whole line is likely to be among it.
        let more = self.reader.by_ref().take(BLOCK as u64).read_to_end(&mut found);
        let line = self.lines + memchr::memchr_iter(b'\n', &expected[..at]).count() as u64;
        let kind = match (more, next_number(&found[at..])) {
            (Err(error), _) => Kind::Unreadable(error),
            // The line that follows the one with the difference is expected to have the next number.
            (Ok(_), Some(number)) if number > line + 1 => Kind::Gap(number - line - 1),
            (Ok(_), Some(number)) if number < line + 1 => Kind::Doubling(line + 1 - number),
            (Ok(_), _) => Kind::Other,
        };
        self.difference(at, kind, &expected[at..], &found[at..])
    }

    fn difference(&self, at: usize, kind: Kind, expected: &[u8], found: &[u8]) -> Difference {
        let excerpt = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(160)]).into_owned();
        Difference { offset: self.offset + at as u64, kind, expected: excerpt(expected), found: excerpt(found) }
    }
}

/// The number of the first line that starts behind a line end.
fn next_number(bytes: &[u8]) -> Option<u64> {
    let start = memchr::memchr(b'\n', bytes)? + 1;
    let digits = bytes.get(start..start + NUMBER_DIGITS)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// xorshift64*: small, quick and the same everywhere.
struct Random(u64);

impl Random {
    fn new(seed: &[u8]) -> Self {
        // FNV-1a, made odd because zero would stay zero for ever.
        let hash = seed
            .iter()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
        Self(hash | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 32) as usize % bound
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

fn write_number(digits: &mut [u8], mut number: u64) {
    for digit in digits.iter_mut().rev() {
        if number == 0 {
            return; // the zeros are there already
        }
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// A line every 7 ms; the day starts anew after the 28th, so that every time is a valid one.
fn write_time(time: &mut [u8], line: u64) {
    let millis = line * 7;
    let seconds = millis / 1000;
    write_number(&mut time[8..10], 1 + seconds / 86_400 % 28);
    write_number(&mut time[11..13], seconds / 3600 % 24);
    write_number(&mut time[14..16], seconds / 60 % 60);
    write_number(&mut time[17..19], seconds % 60);
    write_number(&mut time[20..23], millis % 1000);
}

fn write_hex(digits: &mut [u8], mut value: u64) {
    for digit in digits {
        *digit = b"0123456789abcdef"[(value % 16) as usize];
        value /= 16;
    }
}

fn pool() -> &'static [Vec<u8>] {
    static POOL: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    POOL.get_or_init(|| {
        let mut random = Random::new(b"messages");
        (0..POOL_SIZE).map(|_| message(&mut random).into_bytes()).collect()
    })
}

fn message(random: &mut Random) -> String {
    const LEVELS: [&str; 8] = ["INFO ", "INFO ", "INFO ", "INFO ", "DEBUG", "DEBUG", "WARN ", "ERROR"];
    let session = ["5f0c91ab", "77d2e410", "a90b3c6e", "c4418f02"];
    let mut text = format!("{} {} ", random.pick(&session), random.pick(&LEVELS));
    text.push_str(&match random.below(8) {
        0..=3 => request(random),
        4 => query(random),
        5 => job(random),
        6 => connection(random),
        _ => cache(random),
    });
    // Some lines are long, as those with a payload or a flattened stack trace are.
    if random.below(48) == 0 {
        text.push_str(" payload={");
        for _ in 0..20 + random.below(60) {
            text.push_str(&format!("\"{}\":\"{}\",", random.pick(&FIELDS), random.pick(&WORDS)));
        }
        text.push_str("\"end\":true}");
    }
    text.push_str("\r\n");
    text
}

const WORDS: [&str; 16] = [
    "accepted",
    "billing",
    "checkout",
    "declined",
    "europe-west",
    "fulfilment",
    "gateway",
    "inventory",
    "ledger",
    "nightly",
    "orders",
    "pending",
    "refund",
    "shipment",
    "subscriber",
    "warehouse",
];
const FIELDS: [&str; 8] = ["account", "basket", "channel", "currency", "region", "state", "tenant", "voucher"];
const PATHS: [&str; 8] = [
    "/api/v2/orders",
    "/api/v2/baskets",
    "/api/v2/customers",
    "/health",
    "/static/app.js",
    "/api/v2/search",
    "/login",
    "/api/v2/payments",
];

fn request(random: &mut Random) -> String {
    format!(
        "[http-{}] {} {}/{} {} in {} ms, {} bytes, client 10.0.{}.{}",
        random.below(8),
        random.pick(&["GET", "GET", "GET", "POST", "PUT"]),
        random.pick(&PATHS),
        1000 + random.below(500),
        random.pick(&["200", "200", "200", "201", "304", "404", "503"]),
        random.below(400),
        100 + random.below(900),
        random.below(4),
        random.below(64),
    )
}

fn query(random: &mut Random) -> String {
    format!(
        "[sql] SELECT id, {}, updated_at FROM {} WHERE {} = ? ORDER BY updated_at DESC LIMIT 50 took {} ms, {} rows",
        random.pick(&FIELDS),
        random.pick(&WORDS),
        random.pick(&FIELDS),
        random.below(200),
        random.below(50),
    )
}

fn job(random: &mut Random) -> String {
    format!(
        "[worker-{}] job {} for {} finished, attempt {} of 5, {} items left in the {} queue",
        random.below(6),
        random.pick(&WORDS),
        random.pick(&WORDS),
        1 + random.below(5),
        random.below(300),
        random.pick(&WORDS),
    )
}

fn connection(random: &mut Random) -> String {
    format!(
        "[pool] connection to {}-{}.internal:5432 {}, {} idle, {} in use",
        random.pick(&WORDS),
        random.below(4),
        random.pick(&["opened", "closed by peer", "returned", "timed out after 30000 ms"]),
        random.below(10),
        random.below(20),
    )
}

fn cache(random: &mut Random) -> String {
    format!(
        "[cache] {} {} under {}:{} (ttl {} s)",
        random.pick(&["hit", "miss", "stored", "evicted"]),
        random.pick(&FIELDS),
        random.pick(&WORDS),
        random.below(400),
        60 * (1 + random.below(10)),
    )
}
