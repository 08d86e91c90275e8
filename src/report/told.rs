//! What was complained of already, so that whoever looks again and again does not say the same thing each time.
//!
//! Promise: everything is said at least once, and nothing is said a second time: not even where it now comes to other
//! numbers, as in "begun 7 s ago". It is shared by its clones.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::digest::Digest;
use crate::model::path_text::to_text;
use crate::model::problem::Problem;

/// How many complaints are remembered. Who has come to so many is told of no new kind of it but with `-v`.
const MOST: usize = 1000;

/// Complaints that were told.
#[derive(Clone, Default)]
pub struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    /// What was told before, as [`Self::marks`] gave it.
    pub fn before(marks: &[String]) -> Self {
        Self(Arc::new(Mutex::new(marks.to_vec())))
    }

    /// A mark of each complaint, for someone else to go on with.
    pub fn marks(&self) -> Vec<String> {
        self.lock().clone()
    }

    /// Prints what was not told yet, for a person.
    ///
    /// # Errors
    /// Where it could not be written; then it counts as not told.
    pub fn print(&self, problems: &[Problem]) -> io::Result<()> {
        let known = self.marks();
        // Of those that come together each is told, however alike they are.
        for problem in problems {
            let mark = mark(problem);
            match () {
                () if known.contains(&mark) => log::info!("still: {problem}"),
                () if known.len() >= MOST => log::info!("{problem}"),
                () => {
                    super::print_problems(std::slice::from_ref(problem))?;
                    self.remember(mark);
                }
            }
        }
        Ok(())
    }

    fn remember(&self, mark: String) {
        let mut marks = self.lock();
        if marks.len() < MOST && !marks.contains(&mark) {
            marks.push(mark);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What makes a complaint the same as another.
fn mark(problem: &Problem) -> String {
    let without_numbers: String = problem.what.chars().filter(|c| !c.is_ascii_digit()).collect();
    let text = format!("{:?}\0{}\0{without_numbers}", problem.effect, to_text(&problem.path));
    Digest::of(text.as_bytes()).to_string()[..16].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::problem::Effect;

    #[test]
    fn what_differs_in_numbers_only_is_the_same_and_another_path_is_not() {
        let problem = |path: &str, what: &str| mark(&Problem::new(Effect::Waits, path, what));
        assert_eq!(problem("/a", "begun 7 s ago"), problem("/a", "begun 12 s ago"));
        assert_ne!(problem("/a-1.log", "gone"), problem("/a-2.log", "gone"));
        assert_ne!(problem("/a", "gone"), problem("/a", "full"));
    }

    #[test]
    fn what_was_told_is_known_to_whoever_goes_on_with_the_marks() {
        let told = Told::default();
        told.print(&[Problem::new(Effect::Failed, "/a", "a test tells this")]).expect("standard error");
        assert_eq!(told.marks().len(), 1);
        let next = Told::before(&told.marks());
        next.print(&[Problem::new(Effect::Failed, "/a", "a test tells this")]).expect("standard error");
        assert_eq!(next.marks(), told.marks());
    }
}
