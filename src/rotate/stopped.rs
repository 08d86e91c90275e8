//! What is left of the logs when taking them is stopped, by a signal or a deadline: one thing to tell, however many logs.

use std::ops::AddAssign;
use std::path::Path;

use crate::model::problem::{Effect, Problem};

/// How many logs were left.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Stopped {
    /// As they were.
    pub untouched: usize,
    /// Claimed, and not copied to the end.
    pub claimed: usize,
}

impl Stopped {
    /// The problem that it is, with the state directory; `None` where nothing was left.
    pub fn problem(self, why: &str, state_dir: &Path) -> Option<Problem> {
        let Self { untouched, claimed } = self;
        let (noun, verb) = if untouched + claimed == 1 { ("log", "was") } else { ("logs", "were") };
        let how = match (untouched, claimed) {
            (0, 0) => return None,
            (_, 0) => String::new(),
            (0, 1) => "; it is claimed already".to_owned(),
            (0, _) => "; they are claimed already".to_owned(),
            (_, 1) => "; 1 of them is claimed already".to_owned(),
            (_, claimed) => format!("; {claimed} of them are claimed already"),
        };
        let what = format!("{why}; {} {noun} {verb} left for the next run{how}", untouched + claimed);
        Some(Problem::new(Effect::Waits, state_dir, what))
    }
}

impl AddAssign for Stopped {
    fn add_assign(&mut self, other: Self) {
        self.untouched += other.untouched;
        self.claimed += other.claimed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_of_all_together() {
        let what = |untouched, claimed| {
            let problem = Stopped { untouched, claimed }.problem("stopped by a signal", Path::new("/state"));
            problem.map(|problem| problem.what)
        };
        assert_eq!(what(0, 0), None);
        assert_eq!(what(1, 0).as_deref(), Some("stopped by a signal; 1 log was left for the next run"));
        let all = "stopped by a signal; 3000 logs were left for the next run; 64 of them are claimed already";
        assert_eq!(what(2936, 64).as_deref(), Some(all));
        let one = "stopped by a signal; 1 log was left for the next run; it is claimed already";
        assert_eq!(what(0, 1).as_deref(), Some(one));
    }
}
