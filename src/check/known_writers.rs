//! What well-known programs do when their log is taken away under them, by process name.
//!
//! Measured for Upstart's init (its `log.c` looks at the link count before each write). For the others it is what their
//! manuals say of log rotation: each goes on writing to the file that it has open until it is told otherwise.

/// What a writer does when the link count of its log is 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Habit {
    /// It opens its log anew.
    Reopens,
    /// It goes on writing to the deleted file, until this is done.
    HoldsUntil(&'static str),
    /// Nobody has told us.
    Unknown,
}

/// Names as `/proc/<pid>/comm` has them: at most 15 bytes.
const HOLDERS: [(&str, &str); 16] = [
    ("rsyslogd", "SIGHUP"),
    ("syslog-ng", "SIGHUP"),
    ("syslogd", "SIGHUP"),
    ("nginx", "SIGUSR1"),
    ("apache2", "a graceful restart"),
    ("httpd", "a graceful restart"),
    ("lighttpd", "SIGHUP"),
    ("squid", "`squid -k rotate`"),
    ("mysqld", "FLUSH LOGS"),
    ("mariadbd", "FLUSH LOGS"),
    ("mongod", "SIGUSR1"),
    ("auditd", "SIGUSR1"),
    ("uwsgi", "a touch of its `touch-logreopen` file"),
    ("gunicorn", "SIGUSR1"),
    ("supervisord", "SIGUSR2"),
    ("tee", "a restart"),
];

/// Names that go on with a version: `php-fpm8.2`.
const HOLDERS_BY_BEGINNING: [(&str, &str); 1] = [("php-fpm", "SIGUSR1")];

/// Whether a process is what its name says: anyone may call his own like anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Owner {
    /// It is root's or our own.
    Trusted,
    /// Someone else's.
    Other,
}

/// The habit of a program.
pub(super) fn habit(name: &str, owner: Owner) -> Habit {
    let by_name = HOLDERS.iter().find(|(holder, _)| *holder == name);
    let by_beginning = || HOLDERS_BY_BEGINNING.iter().find(|(holder, _)| name.starts_with(holder));
    match by_name.or_else(by_beginning) {
        Some((_, until)) => Habit::HoldsUntil(until),
        None if name == "init" && owner == Owner::Trusted => Habit::Reopens,
        None => Habit::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_be_trusted_is_believed_to_reopen() {
        assert_eq!(habit("init", Owner::Trusted), Habit::Reopens);
        assert_eq!(habit("init", Owner::Other), Habit::Unknown);
        assert_eq!(habit("rsyslogd", Owner::Other), Habit::HoldsUntil("SIGHUP"));
        assert_eq!(habit("php-fpm8.2", Owner::Trusted), Habit::HoldsUntil("SIGUSR1"));
        assert_eq!(habit("a service", Owner::Trusted), Habit::Unknown);
    }

    #[test]
    fn names_are_as_the_kernel_cuts_them() {
        assert!(HOLDERS.iter().chain(&HOLDERS_BY_BEGINNING).all(|(name, _)| name.len() <= 15));
    }
}
