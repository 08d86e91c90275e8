//! What a look at the machine came to: findings in groups, each with a verdict and what to do.

use serde::{Serialize, Serializer};

/// What a fault keeps from working. The order is that of gravity.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Bars {
    /// Segments are sealed, but wait in the spool; or logs wait for room in it. Each run tries again.
    Shipping,
    /// Some log can't be taken, or no run is ever started: someone has to do something.
    Logs,
    /// A run ends before it has touched anything.
    Runs,
}

/// What was found of one thing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Verdict {
    /// As it should be, or of no harm.
    Ok,
    /// The next run works, but someone should know; or it could not be looked at.
    Warn,
    /// It is in the way.
    Fail(Bars),
}

impl Verdict {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail(_) => "fail",
        }
    }
}

impl Serialize for Verdict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// What it is: a path, a pattern, a program.
    pub what: String,
    /// How it is.
    pub verdict: Verdict,
    /// In words.
    pub detail: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Finding {
    /// All is well with it.
    pub fn ok(what: impl ToString, detail: impl ToString) -> Self {
        Self::new(Verdict::Ok, what, detail)
    }

    /// Someone should know.
    pub fn warn(what: impl ToString, detail: impl ToString) -> Self {
        Self::new(Verdict::Warn, what, detail)
    }

    /// It is in the way.
    pub fn fail(bars: Bars, what: impl ToString, detail: impl ToString) -> Self {
        Self::new(Verdict::Fail(bars), what, detail)
    }

    fn new(verdict: Verdict, what: impl ToString, detail: impl ToString) -> Self {
        Self { what: what.to_string(), verdict, detail: detail.to_string(), hint: None }
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Findings about one side of the machine.
#[derive(Clone, Debug, Serialize)]
pub struct Group {
    /// What they are about.
    pub name: &'static str,
    /// The findings.
    pub findings: Vec<Finding>,
}

/// The gravest verdict of all.
pub fn gravest(groups: &[Group]) -> Verdict {
    let findings = groups.iter().flat_map(|group| &group.findings);
    findings.map(|finding| finding.verdict).max().unwrap_or(Verdict::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stops_all_runs_is_graver_than_a_log_that_is_left_and_that_than_a_store_that_is_away() {
        let order = [Bars::Shipping, Bars::Logs, Bars::Runs].map(Verdict::Fail);
        assert!(order.is_sorted() && Verdict::Warn < order[0] && Verdict::Ok < Verdict::Warn);
        let findings = vec![Finding::ok("a", ""), Finding::fail(Bars::Logs, "b", ""), Finding::warn("c", "")];
        assert_eq!(gravest(&[Group { name: "x", findings }]), Verdict::Fail(Bars::Logs));
        assert_eq!(gravest(&[]), Verdict::Ok);
    }
}
