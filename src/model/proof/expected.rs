//! Who should have shipped: hosts that are expected, and how old the newest segment may be.
//!
//! A machine that was scaled in ships nothing any more, and nothing in the archive tells it from one that broke. So the age
//! of what a single machine shipped is only judged where someone has named the machine; without that, what counts is the
//! newest segment of a service, of whatever machine.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::names::Service;
use super::super::time::Moment;
use super::{Finding, Kind};

/// The longest name: that of a host with its domain (RFC 1035, section 2.3.4).
const LONGEST: usize = 255;

/// The hosts or instances that are expected, as a file names them: one a line, `#` begins a comment.
///
/// # Errors
/// The number of a line, and a sentence that says what is wrong with it; 0 for the whole.
pub fn parse(text: &str) -> Result<Vec<String>, (usize, String)> {
    let mut names: Vec<String> = Vec::new();
    // Some editors begin a file with a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (index, line) in text.lines().enumerate() {
        let name = line.split('#').next().unwrap_or_default().trim();
        if name.is_empty() {
            continue;
        }
        if name.len() > LONGEST || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            let shown: String = name.chars().take(40).collect();
            return Err((index + 1, format!("{shown:?} is not the name of one host or instance")));
        }
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    match names.is_empty() {
        true => Err((0, "it names no host: that would prove nothing".to_owned())),
        false => Ok(names),
    }
}

/// How old something may be, and what time it is.
#[derive(Clone, Copy, Debug)]
pub struct Age {
    /// The most; `None` where age doesn't count.
    pub most: Option<Duration>,
    /// Now.
    pub now: Moment,
}

impl Age {
    /// What is wrong with what ended then, where that is too old; `None` stands for times that are all still to come.
    fn late(&self, last: Option<Moment>) -> Option<String> {
        let most = self.most?;
        let Some(last) = last else {
            return Some(
                "all that is there is of a time that is still to come, which tells nothing of its age".to_owned(),
            );
        };
        let age = self.now.since(last);
        (age > most).then(|| since(last, age))
    }
}

/// A name as names are compared: those of hosts know no case (RFC 4343).
pub fn folded(name: &str) -> String {
    name.to_ascii_lowercase()
}

/// When what each of these shipped last ended, as far as that can be believed ([`super::news`]).
pub type Newest<Name> = BTreeMap<Name, Option<Moment>>;

/// Whether each of those that are expected has shipped. `newest` has hosts and instances by their [`folded`] names.
pub fn absent(expected: &[String], newest: &Newest<String>, age: Age) -> Vec<Finding> {
    let found = |name: &String| {
        let hint = "see `logferry status` and `logferry check` there; if it is gone for good, take it out of the file";
        let what = match newest.get(&folded(name)) {
            None => format!("{name} is expected, and nothing of it is there"),
            Some(last) => format!("{name} is expected: {}", age.late(*last)?),
        };
        Some(Finding::new(Kind::Absent, what).hint(hint))
    };
    expected.iter().filter_map(found).collect()
}

/// Whether something has arrived lately: of each of these services; of any, where there are none.
pub fn stale(asked: &[Service], newest: &Newest<&Service>, age: Age) -> Vec<Finding> {
    let hint = "see `logferry status` and `logferry check` on a machine that should ship it; a log to which nothing is \
                written ships nothing";
    if asked.is_empty() {
        let last = newest.values().max().copied();
        let found = last.and_then(|last| Some(format!("of all services: {}", age.late(last)?)));
        return found.map(|what| Finding::new(Kind::Stale, what).hint(hint)).into_iter().collect();
    }
    let found = newest.iter().filter_map(|(service, last)| {
        let what = format!("{service}: {}", age.late(*last)?);
        let found = Finding::new(Kind::Stale, what).hint(hint);
        Some(Finding { service: Some((*service).clone()), ..found })
    });
    found.collect()
}

fn since(last: Moment, age: Duration) -> String {
    let rounded = Duration::from_secs(age.as_secs() / 60 * 60);
    format!("the newest that is there ended at {}, {} ago", last.to_second(), humantime::format_duration(rounded))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600 * 1_000_000_000;

    #[test]
    fn a_file_names_hosts_with_comments_between() {
        let names = parse("\u{feff}# the fleet\nweb-1\n\n  web-2  # the new one\nweb-1\n").expect("names");
        assert_eq!(names, ["web-1", "web-2"]);
        assert_eq!(parse("web-1\nweb 2\n").expect_err("two words").0, 2);
        assert_eq!(parse("web-1\nw\u{eb}b\n").expect_err("not ASCII").0, 2);
        assert_eq!(parse(" # nobody\n").expect_err("nobody").0, 0);
    }

    #[test]
    fn who_never_shipped_or_not_lately_is_absent() {
        let newest = BTreeMap::from([
            ("web-1".to_owned(), Some(Moment::from_nanos(9 * HOUR))),
            ("i-0abc".to_owned(), Some(Moment::from_nanos(2 * HOUR))),
            ("web-9".to_owned(), None),
        ]);
        let expected = ["WEB-1", "i-0abc", "web-3", "web-9"].map(str::to_owned);
        let of = |most: Option<Duration>| {
            let age = Age { most, now: Moment::from_nanos(10 * HOUR) };
            absent(&expected, &newest, age).into_iter().map(|finding| finding.what).collect::<Vec<_>>()
        };
        assert_eq!(of(None), ["web-3 is expected, and nothing of it is there"]);
        let late = of(Some(Duration::from_secs(7200)));
        assert_eq!(late.len(), 3, "{late:?}");
        assert!(late[0].starts_with("i-0abc") && late[0].ends_with("8h ago"), "{late:?}");
        assert!(
            late[2].starts_with("web-9 is expected: all that is there is of a time that is still to come"),
            "{late:?}"
        );
    }

    #[test]
    fn services_that_were_asked_for_are_judged_each_and_else_all_together() {
        let [web, db] = ["web", "db"].map(|name| Service::new(name).expect("a name"));
        let newest =
            BTreeMap::from([(&web, Some(Moment::from_nanos(9 * HOUR))), (&db, Some(Moment::from_nanos(HOUR)))]);
        let age = |most: u64| Age { most: Some(Duration::from_secs(most)), now: Moment::from_nanos(10 * HOUR) };
        assert_eq!(stale(&[], &newest, age(7200)), []);
        assert_eq!(stale(&[], &newest, age(60)).len(), 1);
        let each = stale(&[web.clone(), db.clone()], &newest, age(7200));
        assert_eq!(each.iter().map(|finding| finding.service.clone()).collect::<Vec<_>>(), [Some(db.clone())]);
    }
}
