//! What becomes of an EC2 instance, as its metadata service says, and what that asks of us.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::time::Moment;

/// The state that Auto Scaling brings the instance to: `autoscaling/target-lifecycle-state` of its metadata
/// (<https://docs.aws.amazon.com/autoscaling/ec2/userguide/retrieving-target-lifecycle-state-through-imds.html>).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Target {
    /// It works.
    InService,
    /// It is terminated.
    Terminated,
    /// It leaves the group and goes on by itself; no hook runs.
    Detached,
    /// It stays in the group without traffic, for someone to look at; no hook runs.
    Standby,
    /// It is put to sleep in the warm pool.
    #[serde(rename = "Warmed:Hibernated")]
    WarmedHibernated,
    /// It waits in the warm pool.
    #[serde(rename = "Warmed:Running")]
    WarmedRunning,
    /// It is stopped in the warm pool.
    #[serde(rename = "Warmed:Stopped")]
    WarmedStopped,
    /// It is terminated out of the warm pool.
    #[serde(rename = "Warmed:Terminated")]
    WarmedTerminated,
}

/// What becomes of the machine. The order is that of gravity.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// Nothing: the machine stays, and the hourly runs with it.
    Stays,
    /// It stops, sleeps or goes into the warm pool, and keeps its disk: what the logs hold is shipped before.
    Parks,
    /// It ends, and its disk with it.
    Ends,
}

impl Target {
    const ALL: [(&'static str, Self); 8] = [
        ("InService", Self::InService),
        ("Terminated", Self::Terminated),
        ("Detached", Self::Detached),
        ("Standby", Self::Standby),
        ("Warmed:Hibernated", Self::WarmedHibernated),
        ("Warmed:Running", Self::WarmedRunning),
        ("Warmed:Stopped", Self::WarmedStopped),
        ("Warmed:Terminated", Self::WarmedTerminated),
    ];

    /// What it asks of us.
    pub fn fate(self) -> Fate {
        match self {
            Self::InService | Self::Detached | Self::Standby => Fate::Stays,
            Self::WarmedHibernated | Self::WarmedRunning | Self::WarmedStopped => Fate::Parks,
            Self::Terminated | Self::WarmedTerminated => Fate::Ends,
        }
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|(name, _)| *name == text.trim());
        known.map(|(_, target)| target).ok_or_else(|| {
            // What answers may be anything.
            let shown: String = text.trim().chars().filter(|c| !c.is_control()).take(40).collect();
            format!("{shown:?} is no lifecycle state that is known")
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, _) = Self::ALL.into_iter().find(|(_, target)| target == self).unwrap_or(("?", *self));
        f.write_str(name)
    }
}

/// What a spot instance is told before it is taken away: `spot/instance-action` of its metadata
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html>).
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct Notice {
    /// What is done with it.
    pub action: Action,
    /// When, or soon after.
    #[serde(rename = "time")]
    pub at: Moment,
}

/// What is done with a spot instance.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It ends, and its disk with it.
    Terminate,
    /// It is stopped; its disk stays.
    Stop,
    /// It sleeps, from the notice on; its disk stays.
    Hibernate,
    /// Something that is not known yet.
    #[serde(other)]
    Other,
}

impl Action {
    /// What it asks of us.
    pub fn fate(self) -> Fate {
        match self {
            Self::Terminate => Fate::Ends,
            Self::Stop | Self::Hibernate | Self::Other => Fate::Parks,
        }
    }
}

impl Notice {
    /// How much earlier than the notice says the last flush is to be done.
    pub const MARGIN: Duration = Duration::from_secs(10);

    /// How long before its time a notice is given at the most.
    const USUAL: Duration = Duration::from_secs(120);

    /// Reads a notice.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| format!("no notice of an interruption: {error}"))
    }

    /// How long the last flush may take from `now` on. A notice whose time is past or further off than any is given is
    /// of a clock that is wrong: then the two minutes of a notice are counted from now.
    pub fn time_left(&self, now: Moment) -> Duration {
        let left = u64::try_from(self.at.nanos().saturating_sub(now.nanos())).map(Duration::from_nanos);
        let left = left.ok().filter(|left| *left <= Self::USUAL * 2).unwrap_or(Self::USUAL);
        left.saturating_sub(Self::MARGIN)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Terminate => "terminate",
            Self::Stop => "stop",
            Self::Hibernate => "hibernate",
            Self::Other => "interrupt",
        })
    }
}

/// What is up with the instance.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Omens {
    /// The state that it is brought to, where it is in a group.
    pub target: Option<Target>,
    /// The notice of an interruption, where there is one.
    pub notice: Option<Notice>,
    /// Whether one of both could not be asked for, or nobody knows what the answer means: what was known before counts still.
    pub unclear: bool,
}

impl Omens {
    /// What they come to: the gravest of both.
    pub fn fate(&self) -> Fate {
        let of_target = self.target.map_or(Fate::Stays, Target::fate);
        self.notice.as_ref().map_or(of_target, |notice| of_target.max(notice.action.fate()))
    }
}

/// For people: `Terminated`, `a notice to terminate it at ...`.
impl fmt::Display for Omens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = self.target.map(|target| format!("its group brings it to {target}"));
        let notice = self.notice.as_ref().map(|Notice { action, at }| format!("EC2 is to {action} it at {at}"));
        match (target, notice) {
            (None, None) if self.unclear => f.write_str("what becomes of this instance is not clear"),
            (None, None) => f.write_str("nothing is up with this instance"),
            (said, also) => f.write_str(&said.into_iter().chain(also).collect::<Vec<_>>().join(", and ")),
        }
    }
}

/// What a lifecycle hook is told: `CompleteLifecycleAction`, `LifecycleActionResult`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Verdict {
    /// All is in the store: the instance may go.
    #[serde(rename = "CONTINUE")]
    Continue,
    /// Something is left: with an instance lifecycle policy `TerminateHookAbandon=retain` the instance stays.
    #[serde(rename = "ABANDON")]
    Abandon,
}

impl Verdict {
    /// The word of the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Continue => "CONTINUE",
            Self::Abandon => "ABANDON",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_is_known_and_nothing_else_is() {
        for (name, target) in Target::ALL {
            assert_eq!((name.parse(), target.to_string().as_str()), (Ok(target), name));
            assert_eq!(serde_json::to_string(&target).expect("a word"), format!("\"{name}\""));
        }
        for text in ["", "inservice", "Terminating:Wait", "<html>", "Warmed:"] {
            text.parse::<Target>().expect_err(text);
        }
        assert_eq!("Terminated\n".parse(), Ok(Target::Terminated));
    }

    #[test]
    fn a_notice_says_how_long_there_is() {
        let notice = Notice::parse(r#"{"action": "terminate", "time": "2026-11-21T08:22:00Z"}"#).expect("a notice");
        let second = 1_000_000_000;
        let before = |seconds: i64| notice.time_left(Moment::from_nanos(notice.at.nanos() - seconds * second));
        assert_eq!(notice.action, Action::Terminate);
        assert_eq!([before(100), before(10), before(1)].map(|left| left.as_secs()), [90, 0, 0]);
        // A clock that is wrong.
        assert_eq!([before(-1), before(86_400)].map(|left| left.as_secs()), [110, 110]);
        for text in ["", "{}", "terminate", r#"{"action":"stop","time":"soon"}"#, r#"{"action":"stop"}"#] {
            Notice::parse(text).expect_err(text);
        }
    }

    #[test]
    fn the_gravest_of_state_and_notice_counts() {
        let notice = |action| Notice { action, at: Moment::from_nanos(0) };
        let of = |target, action: Option<Action>| Omens { target, notice: action.map(notice), unclear: false }.fate();
        assert_eq!(of(None, None), Fate::Stays);
        assert_eq!(of(Some(Target::Standby), None), Fate::Stays);
        assert_eq!(of(Some(Target::InService), Some(Action::Stop)), Fate::Parks);
        assert_eq!(of(Some(Target::WarmedStopped), Some(Action::Terminate)), Fate::Ends);
        assert_eq!(of(Some(Target::Terminated), Some(Action::Hibernate)), Fate::Ends);
        let unknown = Notice::parse(r#"{"action": "dance", "time": "2026-11-21T08:22:00Z"}"#).expect("a notice");
        assert_eq!(of(None, Some(unknown.action)), Fate::Parks, "whatever it is, what the logs hold is shipped before");
    }
}
