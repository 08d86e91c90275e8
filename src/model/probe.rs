//! What a monitor is told: one word, one line, and numbers.
//!
//! The form is that of the Monitoring Plugins (<https://www.monitoring-plugins.org/doc/guidelines.html>): the states 0 OK,
//! 1 WARNING, 2 CRITICAL, 3 UNKNOWN; `'label'=value[UOM];[warn];[crit];[min];[max]` behind a bar, with `s` for seconds and
//! `B` for bytes.

use std::fmt;
use std::time::Duration;

use super::history::History;
use super::size;
use super::time::Moment;
use crate::model::printable::is_hidden;

/// How far ahead of now a success may be: a clock is set by less all the time.
const AHEAD: Duration = Duration::from_secs(60);

/// How it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum State {
    /// All is well.
    Ok = 0,
    /// No limit is passed, but someone should look.
    Warning = 1,
    /// A limit is passed.
    Critical = 2,
    /// It can't be told.
    Unknown = 3,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Ok, Self::Warning, Self::Critical, Self::Unknown];

    /// Which of two counts: a limit that is passed, whatever else is not known.
    fn gravity(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Warning => 1,
            Self::Unknown => 2,
            Self::Critical => 3,
        }
    }

    /// What it tells.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "within the limits, and the last run ended well",
            Self::Warning => {
                "within the limits, but the last run did not ship all, was cut short, something is damaged, or the clock was set back"
            }
            Self::Critical => {
                "a limit is passed: no run has succeeded for so long (or the last success is further ahead of the clock than that), or so \
                 much waits in the spool; also wrong usage"
            }
            Self::Unknown => "nothing has run yet, or the state directory can't be read",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
            Self::Unknown => "UNKNOWN",
        })
    }
}

/// The limits of a monitor.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Limits {
    /// How long ago the last success may be.
    pub max_age: Option<Duration>,
    /// How many bytes may be in the spool.
    pub max_spool: Option<u64>,
}

impl Limits {
    /// Whether there are any.
    pub fn are_set(&self) -> bool {
        self.max_age.is_some() || self.max_spool.is_some()
    }
}

/// What is judged.
pub struct Facts<'a> {
    /// What the runs came to; `None` where none has begun.
    pub history: Option<&'a History>,
    /// Why that is not known, although it is there.
    pub unread: Option<&'a str>,
    /// How many commands in a row were cut short.
    pub cut_short: u64,
    /// How many segments wait.
    pub segments: usize,
    /// The bytes of the spool.
    pub spool: u64,
    /// How many files were put aside as damaged.
    pub damaged: usize,
    /// Now.
    pub now: Moment,
}

/// The judgement, with what it is made of.
#[derive(Debug)]
pub struct Verdict {
    /// How it is.
    pub state: State,
    said: Vec<String>,
    numbers: Vec<String>,
}

impl Verdict {
    /// Where nothing can be known.
    pub fn unknown(why: impl Into<String>) -> Self {
        Self { state: State::Unknown, said: vec![why.into()], numbers: Vec::new() }
    }

    fn say(&mut self, state: State, what: impl Into<String>) {
        self.state = if state.gravity() > self.state.gravity() { state } else { self.state };
        self.said.push(what.into());
    }
}

/// The one line, without control characters and with one bar, before the numbers.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = self.said.join(", ").replace(|c: char| is_hidden(c) || c == '|', " ");
        write!(f, "LOGFERRY {} - {said}", self.state)?;
        match self.numbers.is_empty() {
            true => Ok(()),
            false => write!(f, " | {}", self.numbers.join(" ")),
        }
    }
}

/// Judges by limits.
pub fn judge(facts: &Facts<'_>, limits: &Limits) -> Verdict {
    let mut verdict = Verdict { state: State::Ok, said: Vec::new(), numbers: Vec::new() };
    judge_age(facts, limits, &mut verdict);
    judge_spool(facts, limits, &mut verdict);
    if let Some(history) = facts.history {
        judge_last(history, &mut verdict);
    }
    if facts.cut_short > 0 {
        let runs = if facts.cut_short == 1 { "the last run was" } else { "the last runs were" };
        verdict.say(State::Warning, format!("{runs} cut short ({})", facts.cut_short));
    }
    if facts.damaged > 0 {
        verdict.say(State::Warning, format!("{} files put aside as damaged", facts.damaged));
    }
    verdict
}

fn judge_age(facts: &Facts<'_>, limits: &Limits, verdict: &mut Verdict) {
    let Some(history) = facts.history else {
        let why = facts.unread.map(|why| format!("last.json makes no sense ({why})"));
        return verdict.say(State::Unknown, why.unwrap_or_else(|| "no run has begun yet".to_owned()));
    };
    let since = history.success.map_or(history.since, |success| success.at);
    // A clock that was ahead would make a success look fresh until that time comes.
    let (age, ahead) = (facts.now.since(since), since.since(facts.now));
    let is_over = limits.max_age.is_some_and(|most| age.max(ahead) > most);
    let is_ahead = ahead > AHEAD;
    let what = match history.success {
        Some(_) if is_ahead => format!("the clock was set back: by it, the last success is {} ahead", rough(ahead)),
        None if is_ahead => format!("no run has succeeded, and the clock was set back by {}", rough(ahead)),
        Some(_) => format!("last success {} ago", rough(age)),
        None => format!("no run has succeeded since the first, {} ago", rough(age)),
    };
    let state = match is_over {
        true => State::Critical,
        false if is_ahead || history.success.is_none() => State::Warning,
        false => State::Ok,
    };
    let over = limits.max_age.filter(|_| is_over).map(|most| format!(" (limit {})", rough(most)));
    verdict.say(state, what + &over.unwrap_or_default());
    let limit = limits.max_age.map_or_else(String::new, |most| most.as_secs().to_string());
    // The form's word for what is not known.
    let seconds = if is_ahead { "U".to_owned() } else { format!("{}s", age.as_secs()) };
    verdict.numbers.push(format!("age={seconds};;{limit};0"));
}

fn judge_spool(facts: &Facts<'_>, limits: &Limits, verdict: &mut Verdict) {
    let Facts { spool, segments, .. } = facts;
    let is_over = limits.max_spool.is_some_and(|most| *spool > most);
    let over = limits.max_spool.filter(|_| is_over).map(|most| format!(" (limit {})", size::show(most)));
    let noun = if *segments == 1 { "segment" } else { "segments" };
    let what = format!("spool {} in {segments} {noun}{}", size::show(*spool), over.unwrap_or_default());
    verdict.say(if is_over { State::Critical } else { State::Ok }, what);
    let limit = limits.max_spool.map_or_else(String::new, |most| most.to_string());
    verdict.numbers.push(format!("spool={spool}B;;{limit};0"));
    verdict.numbers.push(format!("segments={segments};;;0"));
}

fn judge_last(history: &History, verdict: &mut Verdict) {
    if let Some(last) = history.last.as_ref().filter(|last| last.exit_code != 0) {
        verdict
            .say(State::Warning, format!("the last {} ended with exit code {}", last.command.word(), last.exit_code));
    }
}

/// A time for people, to its two largest units: `59s`, `12m`, `2h 5m`, `3d 4h`.
pub fn rough(time: Duration) -> String {
    let seconds = time.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let both = |large: u64, unit: &str, small: u64, less: &str| match small {
        0 => format!("{large}{unit}"),
        small => format!("{large}{unit} {small}{less}"),
    };
    match () {
        () if days > 0 => both(days, "d", hours % 24, "h"),
        () if hours > 0 => both(hours, "h", minutes % 60, "m"),
        () if minutes > 0 => format!("{minutes}m"),
        () => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::history::{Begun, Command, Run};

    fn at(seconds: i64) -> Moment {
        Moment::from_nanos(seconds * 1_000_000_000)
    }

    fn begun(seconds: i64) -> Begun {
        Begun { command: Command::Run, at: at(seconds), pid: 1, ticks: 1 }
    }

    fn ended(history: &mut History, exit_code: u8, finished: i64) {
        history.begin(begun(finished));
        let run = Run::of_problems(Command::Run, at(finished), at(finished), &[]);
        history.end(Run { exit_code, ..run }, &Default::default(), Vec::new());
    }

    fn verdict(history: Option<&History>, spool: u64, now: i64) -> Verdict {
        let cut_short = history.map_or(0, |history| history.cut_short);
        let facts = Facts { history, unread: None, cut_short, segments: 1, spool, damaged: 0, now: at(now) };
        let limits = Limits { max_age: Some(Duration::from_secs(7200)), max_spool: Some(1 << 30) };
        judge(&facts, &limits)
    }

    #[test]
    fn each_limit_is_critical_when_it_is_passed_and_not_before() {
        let mut history = History::new(at(0));
        ended(&mut history, 0, 100);
        let fine = verdict(Some(&history), 1 << 30, 7300);
        assert_eq!(
            fine.to_string(),
            "LOGFERRY OK - last success 2h ago, spool 1.0 GiB in 1 segment | age=7200s;;7200;0 \
             spool=1073741824B;;1073741824;0 segments=1;;;0"
        );
        assert_eq!(verdict(Some(&history), 0, 7301).state, State::Critical);
        assert_eq!(verdict(Some(&history), (1 << 30) + 1, 200).state, State::Critical);
    }

    #[test]
    fn a_success_that_is_still_to_come_is_no_fresh_one() {
        let mut history = History::new(at(0));
        ended(&mut history, 0, 10_000);
        assert_eq!(verdict(Some(&history), 0, 9_940).state, State::Ok);
        let ahead = verdict(Some(&history), 0, 9_939);
        assert_eq!(ahead.state, State::Warning);
        assert!(
            ahead
                .to_string()
                .starts_with("LOGFERRY WARNING - the clock was set back: by it, the last success is 1m ahead")
        );
        assert!(ahead.to_string().contains(" | age=U;;7200;0 "), "{ahead}");
        // It would be taken for a fresh one for longer than the limit.
        assert_eq!(verdict(Some(&history), 0, 2_800).state, State::Warning);
        assert_eq!(verdict(Some(&history), 0, 2_799).state, State::Critical);
    }

    #[test]
    fn what_someone_should_look_at_is_a_warning_and_nothing_at_all_is_unknown() {
        let mut history = History::new(at(0));
        assert_eq!(verdict(None, 0, 0).state, State::Unknown);
        history.begin(begun(1));
        assert_eq!(verdict(Some(&history), 0, 10).state, State::Warning);
        assert_eq!(verdict(Some(&history), 0, 9000).state, State::Critical);
        ended(&mut history, 0, 100);
        assert_eq!(verdict(Some(&history), 0, 200).state, State::Ok);
        ended(&mut history, 75, 200);
        assert_eq!(verdict(Some(&history), 0, 300).state, State::Warning);
        ended(&mut history, 0, 300);
        history.begin(begun(301));
        history.begin(begun(302));
        assert_eq!(verdict(Some(&history), 0, 400).state, State::Warning);
    }
}
