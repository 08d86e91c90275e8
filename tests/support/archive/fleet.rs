//! Who lives when, and when each log is taken: the fleet's thirty days as data.
//!
//! Instances begin one after the other, live for some days and are replaced; every twentieth one lives for a week. A
//! host name is used again by later instances. Each instance has the services of its kind; a busy service's log is taken
//! every hour, a rare one's segment spans days.

use logferry::model::time::Moment;

/// The first day, and how many there are.
pub(crate) const FIRST_DAY: &str = "20261001T000000Z";
pub(crate) const DAYS: u64 = 30;

pub(crate) const INSTANCES: u64 = 100;

/// What a service's lines are like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Text {
    Plain,
    /// Ended by CR and LF, as a terminal has it; segments may end between the two.
    Crlf,
    Json,
    /// Lines that go on in the next lines.
    Traces,
    /// Segments end anywhere in a line.
    Torn,
    /// Quotes, commas, tabs, backslashes.
    Quoted,
    /// Bytes that are not UTF-8.
    Latin,
    /// NULs and lone CRs.
    Raw,
    /// A line of a few megabytes now and then.
    Long,
}

/// A service: its name, its lines, the hours from one taking of its log to the next.
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) text: Text,
    pub(super) hours: u64,
}

const fn kind(name: &'static str, text: Text, hours: u64) -> Kind {
    Kind { name, text, hours }
}

pub(super) const SERVICES: [Kind; 20] = [
    kind("web", Text::Crlf, 1),
    kind("api", Text::Json, 2),
    kind("worker", Text::Traces, 2),
    kind("queue", Text::Torn, 2),
    kind("cron", Text::Plain, 6),
    kind("auth", Text::Plain, 4),
    kind("cache", Text::Plain, 4),
    kind("mail", Text::Quoted, 4),
    kind("search", Text::Json, 6),
    kind("billing", Text::Quoted, 6),
    kind("img_resize", Text::Plain, 4),
    kind("legacy", Text::Latin, 6),
    kind("firmware", Text::Raw, 8),
    kind("dumps", Text::Long, 24),
    kind("report", Text::Plain, 72),
    kind("a b/ü%", Text::Plain, 8),
    kind("deploy", Text::Plain, 24),
    kind("metrics", Text::Json, 3),
    kind("video", Text::Traces, 4),
    kind("backup", Text::Torn, 168),
];

/// A stream to be made.
pub(super) struct Planned {
    /// Which of [`INSTANCES`].
    pub(super) number: u64,
    pub(super) instance: String,
    pub(super) host: String,
    pub(super) kind: &'static Kind,
    /// The first and the last moment of each of its segments.
    pub(super) spans: Vec<(Moment, Moment)>,
}

/// A number that looks random and is the same each time.
pub(super) fn mixed(parts: &[u64]) -> u64 {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for part in parts {
        state = (state ^ part).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        state ^= state >> 31;
    }
    state
}

/// All streams of the fleet.
pub(super) fn plan() -> Vec<Planned> {
    let mut planned = Vec::new();
    for number in 0..INSTANCES {
        // Every fourth service is not on an instance; which, differs from one to the next.
        let its = SERVICES.iter().enumerate().filter(|(index, _)| !(*index as u64 + number).is_multiple_of(4));
        planned.extend(its.map(|(index, kind)| Planned {
            number,
            instance: format!("i-{:017x}", mixed(&[number, 1]) >> 4),
            host: format!("node-{:02}", number % 40),
            kind,
            spans: spans(number, index as u64, kind.hours),
        }));
    }
    planned
}

const HOUR: u64 = 3600;

/// The life of an instance, in seconds since the first day: when it begins, and how long it is.
fn life(number: u64) -> (u64, u64) {
    let begin = number * (DAYS - 1) * 24 * HOUR / INSTANCES + mixed(&[number, 2]) % HOUR;
    let hours = if number % 20 == 3 { 170 } else { 10 + mixed(&[number, 3]) % 18 };
    (begin, (hours * HOUR).min(DAYS * 24 * HOUR - begin))
}

/// When a log begins and ends from one taking to the next. The last segment of an instance's is that of its last flush.
fn spans(number: u64, service: u64, hours: u64) -> Vec<(Moment, Moment)> {
    let (begin, length) = life(number);
    let mut spans = Vec::new();
    let (mut first, mut taken) = (service, hours * HOUR);
    while first < length {
        let silent = mixed(&[number, service, taken]) % 300;
        let last = taken.min(length) - 1 - silent.min(taken.min(length) - first - 1);
        spans.push((moment(begin + first, 466_699_879), moment(begin + last, 999_999_999)));
        // The writer has its new log two seconds later.
        first = taken + 2;
        taken += hours * HOUR;
    }
    spans
}

fn moment(seconds: u64, nanos: i64) -> Moment {
    let first_day = Moment::parse_stamp(FIRST_DAY).expect("a stamp");
    let seconds = i64::try_from(seconds).expect("within the month");
    Moment::from_nanos(first_day.nanos() + seconds * 1_000_000_000 + nanos)
}
