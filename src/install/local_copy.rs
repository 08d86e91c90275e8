//! Whether what was shipped can be read on the machine too: offered by `install`, and named by `uninstall`.

use super::host::Host;
use crate::config;
use crate::model::keep::Keep;
use crate::model::path_text::to_text;
use crate::model::size;
use crate::spool::Copies;

/// The offer of a local copy; none where there will be one. It is a sentence and no question: who installs by a script, or
/// from user data, has nobody who could answer.
pub(super) fn offer(host: &Host, keep: Option<Keep>) -> Option<String> {
    keep.is_none().then(|| {
        format!(
            "nothing that was shipped stays on this machine; to read it here too for a day (logferry cat --local), write \
             keep = \"24h\" at the top of {}, or give --keep 24h where that file is still to be made",
            to_text(&host.shown(config::DEFAULT_FILE))
        )
    })
}

/// What copies of shipped segments there are in a state directory, as a part of a sentence; none where there are none.
pub fn named(copies: Copies) -> Option<String> {
    let bytes = size::show(copies.bytes);
    match copies.count {
        0 => None,
        1 => Some(format!("1 copy of what was shipped ({bytes}), in kept/")),
        more => Some(format!("{more} copies of what was shipped ({bytes}), in kept/")),
    }
}
