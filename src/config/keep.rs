//! `keep` and `keep_size`: what of the shipped segments stays on the machine.

use super::section::{Mistakes, Section};
use crate::model::keep::{Keep, KeepTime, LEAST_SIZE, USUAL_SIZE};

/// Reads both keys of the file's outermost table; `None` where nothing is to be kept.
pub(super) fn read(top: &mut Section<'_>, mistakes: &mut Mistakes) -> Option<Keep> {
    let time = top.parsed("keep", KeepTime::parse);
    let is_wrong = time.is_err();
    let time = mistakes.or_default(time);
    let mut size = mistakes.or_default(top.size("keep_size"));
    if size.is_some_and(|size| size < LEAST_SIZE) {
        let error = top.error_at("keep_size", "`keep_size` keeps nothing: no segment is as small as that".to_owned());
        mistakes.note(error.hint("leave out `keep` too where nothing is to be kept"));
        size = None;
    }
    if size.is_some() && time.is_none() && !is_wrong {
        let error = top.error_at("keep_size", "`keep_size` says how much is kept, but nothing is".to_owned());
        mistakes.note(error.hint("say for how long too: keep = \"24h\""));
    }
    Some(Keep { time: time?, size: size.unwrap_or(USUAL_SIZE) })
}
