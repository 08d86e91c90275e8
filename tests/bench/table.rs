//! The lines that are measured: what, its goal, whether it is met, and the figures behind it.

use std::fmt::Write as _;

/// What a ratio, or a time, should be.
#[derive(Clone, Copy)]
pub(crate) enum Goal {
    Least(f64),
    Most(f64),
    /// Not a ratio: a time of ours in milliseconds.
    Millis(f64),
    /// Nothing: it is told for its own sake.
    Told,
}

impl Goal {
    fn is_met(self, measured: f64) -> bool {
        match self {
            Self::Least(limit) => measured >= limit,
            Self::Most(limit) | Self::Millis(limit) => measured <= limit,
            Self::Told => true,
        }
    }

    fn shown(self) -> String {
        match self {
            Self::Least(limit) => format!("at least {limit:.2}"),
            Self::Most(limit) => format!("at most {limit:.2}"),
            Self::Millis(limit) => format!("at most {limit:.0} ms"),
            Self::Told => "no goal".to_owned(),
        }
    }

    fn shown_measured(self, measured: f64) -> String {
        match self {
            Self::Millis(_) => format!("{measured:.1} ms"),
            _ => format!("{measured:.2}"),
        }
    }
}

/// Something else that must hold for a line to be met.
pub(crate) struct Also {
    pub(crate) said: String,
    pub(crate) holds: bool,
}

/// What came of a line.
pub(crate) enum Came {
    Measured {
        value: f64,
        ours: String,
        peer: String,
        also: Vec<Also>,
    },
    /// It can't be measured, for that reason.
    Not(String),
}

/// One line.
pub(crate) struct Line {
    pub(crate) what: String,
    pub(crate) goal: Goal,
    pub(crate) came: Came,
}

impl Line {
    /// One that has no further conditions.
    pub(crate) fn new(what: impl Into<String>, goal: Goal, value: f64, ours: String, peer: String) -> Self {
        Self { what: what.into(), goal, came: Came::Measured { value, ours, peer, also: Vec::new() } }
    }

    /// One that can't be measured.
    pub(crate) fn not(what: impl Into<String>, goal: Goal, why: impl Into<String>) -> Self {
        Self { what: what.into(), goal, came: Came::Not(why.into()) }
    }

    /// With a further condition.
    pub(crate) fn also(mut self, said: String, holds: bool) -> Self {
        if let Came::Measured { also, .. } = &mut self.came {
            also.push(Also { said, holds });
        }
        self
    }

    fn verdict(&self) -> &'static str {
        match &self.came {
            Came::Measured { .. } if matches!(self.goal, Goal::Told) => "told",
            Came::Measured { value, also, .. } if self.goal.is_met(*value) && also.iter().all(|also| also.holds) => {
                "met"
            }
            Came::Measured { .. } => "MISSED",
            Came::Not(_) => "not measured",
        }
    }

    /// What, goal, measured, verdict, ours, the peer's.
    fn cells(&self) -> [String; 6] {
        let (measured, ours, peer) = match &self.came {
            Came::Measured { value, ours, peer, also } => {
                let also: String = also.iter().map(|also| format!("; {}", also.said)).collect();
                (self.goal.shown_measured(*value), format!("{ours}{also}"), peer.clone())
            }
            Came::Not(why) => (String::new(), why.clone(), String::new()),
        };
        [self.what.clone(), self.goal.shown(), measured, self.verdict().to_owned(), ours, peer]
    }
}

/// For a terminal: a line of its own for the verdict, and below it the figures behind.
pub(crate) fn as_text(line: &Line) -> String {
    let [what, goal, measured, verdict, ours, peer] = line.cells();
    let mut text = format!("{verdict:<13} {measured:>9}   {what}: {goal}\n");
    for figure in [ours, peer].iter().filter(|figure| !figure.is_empty()) {
        let _ = writeln!(text, "{:26}{figure}", "");
    }
    text
}

/// For a page.
pub(crate) fn as_markdown(lines: &[Line]) -> String {
    let mut text =
        String::from("| what | goal | measured | | logferry | peer |\n| --- | --- | ---: | --- | --- | --- |\n");
    for line in lines {
        let _ = writeln!(text, "| {} |", line.cells().map(|cell| cell.replace('|', "\\|")).join(" | "));
    }
    text
}
