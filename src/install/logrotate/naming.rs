//! Our logs in logrotate's words: which of its patterns may name one, and which words name them all and nothing else.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::{glob, words};
use crate::config::{LogSet, Pattern};
use crate::install::Logs;

/// Whether a pattern of logrotate's may name a log of ours, now or later. None that does is missed; some that don't are told.
pub(super) fn may_name(pattern: &[u8], logs: &Logs) -> bool {
    match glob::literal_path(pattern) {
        Some(path) => logs.covers(&path.components().collect::<std::path::PathBuf>()),
        None => logs.sets.iter().flat_map(|set| &set.paths).any(|ours| may_meet(pattern, ours)),
    }
}

fn may_meet(theirs: &[u8], ours: &Pattern) -> bool {
    let theirs = parts(theirs);
    let (ours, below): (Vec<Vec<u8>>, _) = match ours {
        // A directory stands for all below it.
        Pattern::Literal(path) => (parts(path.as_os_str().as_bytes()).iter().map(|part| escaped(part)).collect(), true),
        Pattern::Glob { text, .. } => match unclear(text) {
            Some(clear) => (parts(clear.as_bytes()), true),
            None => (parts(text.as_bytes()), false),
        },
    };
    (theirs.len() == ours.len() || below && theirs.len() > ours.len())
        && ours.iter().zip(&theirs).all(|(ours, theirs)| glob::parts_may_meet(ours, theirs))
}

/// What comes before the first part that our patterns read in another way than `glob(3)` does.
pub(super) fn unclear(text: &str) -> Option<&str> {
    let first = text.find("**").into_iter().chain(text.find(['{', '\\'])).min()?;
    text[..first].rfind('/').map(|slash| &text[..slash])
}

fn parts(path: &[u8]) -> Vec<Vec<u8>> {
    path.split(|&byte| byte == b'/').filter(|part| !part.is_empty() && part != b".").map(<[u8]>::to_vec).collect()
}

/// A name as a pattern.
pub(super) fn escaped(name: &[u8]) -> Vec<u8> {
    name.iter().flat_map(|&byte| [b'\\', byte]).collect()
}

/// The words that name our logs: a pattern where logrotate's reading of it is the same as ours, else each log that there is.
pub(super) fn words(logs: &Logs) -> BTreeSet<Vec<u8>> {
    let mut words: BTreeSet<Vec<u8>> = logs.sets.iter().flat_map(lasting_words).collect();
    let named_one_by_one = logs.existing.iter().filter(|path| !named_for_good(path, &logs.sets));
    words.extend(named_one_by_one.map(|path| words::literal(path)));
    words
}

/// The words of a set that stay as they are, whatever logs come and go.
fn lasting_words(set: &LogSet) -> Vec<Vec<u8>> {
    let words = set.paths.iter().filter_map(|pattern| match pattern {
        Pattern::Literal(path) => (!set.excludes(path)).then(|| words::literal(path)),
        Pattern::Glob { text, .. } => is_exact(set, text).then(|| words::quoted(text.as_bytes())),
    });
    words.collect()
}

/// Whether a log needs no word of its own.
fn named_for_good(path: &Path, sets: &[LogSet]) -> bool {
    sets.iter().filter(|set| !set.excludes(path)).flat_map(|set| set.paths.iter().map(move |ours| (set, ours))).any(
        |(set, ours)| match ours {
            Pattern::Literal(literal) => literal == path,
            Pattern::Glob { text, .. } => is_exact(set, text) && ours.covers(path),
        },
    )
}

/// Whether logrotate reads a pattern as we do, and nothing is excluded from it. Sets of characters are left out: what they
/// match depends on the language that logrotate is started with.
fn is_exact(set: &LogSet, text: &str) -> bool {
    let differs = |c: char| "{}[]\\".contains(c) || c.is_control();
    set.exclude.is_empty() && !text.contains(differs) && !text.contains("**")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Exclude;
    use std::path::PathBuf;

    fn logs(paths: &[&str], exclude: &[&str], existing: &[&str]) -> Logs {
        let set = LogSet {
            paths: paths.iter().map(|text| Pattern::absolute(text).expect("sound")).collect(),
            exclude: exclude.iter().map(|text| Exclude::parse(text).expect("sound")).collect(),
            ..LogSet::default()
        };
        Logs { sets: vec![set], existing: existing.iter().map(PathBuf::from).collect() }
    }

    fn written(logs: &Logs) -> Vec<String> {
        words(logs).into_iter().map(|word| String::from_utf8_lossy(&word).into_owned()).collect()
    }

    #[test]
    fn a_pattern_that_means_the_same_stays_a_pattern() {
        let plain = logs(&["/var/log/upstart/*.log", "/srv/?/x"], &[], &["/var/log/upstart/web.log"]);
        assert_eq!(written(&plain), ["\"/srv/?/x\"", "\"/var/log/upstart/*.log\""]);
    }

    #[test]
    fn what_logrotate_can_not_say_is_named_one_by_one() {
        let existing = ["/l/a.log", "/l/b c.log"];
        for (paths, exclude) in
            [(["/l/*.log"], &["x*"][..]), (["/l/{a,b}*.log"], &[]), (["/l/**/*.log"], &[]), (["/l/[ab]*.log"], &[])]
        {
            assert_eq!(written(&logs(&paths, exclude, &existing)), ["\"/l/a.log\"", "\"/l/b c.log\""], "{paths:?}");
        }
        let all_below = logs(&["/l"], &[], &existing);
        assert_eq!(written(&all_below), ["\"/l\"", "\"/l/a.log\"", "\"/l/b c.log\""]);
    }

    #[test]
    fn patterns_that_may_name_our_logs_are_found_before_the_logs_are_there() {
        let ours = logs(&["/var/log/up/*.log", "/srv/app", "/l/{a,b}/x.log", "/m/**/y"], &["cron*"], &[]);
        for pattern in [
            "/var/log/up/*.log",
            "/var/log/*/web*",
            "/var/log/up/web.log",
            "/srv/app/*.log",
            "/srv/a*/b/c/*",
            "/srv/app",
            "/l/*/x.log",
            "/l/a/?.log",
            "/m/a/b/*",
            "/var/log//up/*",
        ] {
            assert!(may_name(pattern.as_bytes(), &ours), "{pattern}");
        }
        for pattern in [
            "/var/log/*.log",
            "/var/log/up/*.gz",
            "/var/log/up/cron.log",
            "/srv/other/*",
            "/var/log/up/a/*.log",
            "/srv/b*",
        ] {
            assert!(!may_name(pattern.as_bytes(), &ours), "{pattern}");
        }
    }
}
