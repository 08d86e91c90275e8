//! What well-known programs do when their log is taken away under them.
//!
//! Measured for Upstart's init (its `log.c` looks at the link count before each write) and, in our tests, for rsyslogd and
//! nginx. For the others it is what their manuals say of log rotation: each goes on writing to the file that it has open
//! until it is told otherwise.
//!
//! Only signals that do no more than have logs opened anew are sent without being asked for. Apache's SIGUSR1 also reads
//! the configuration, and a mistake in that ends the server (Apache's "Stopping and Restarting"); mongod's and auditd's rotate
//! the log themselves; mysqld's flushes its tables.

use crate::model::way::{ProcessName, SignalName};
use crate::sys::host;
use crate::sys::procfs::Holder;

/// What a writer does when its log was taken away.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Habit {
    /// It opens its log anew when the link count is 0.
    Reopens,
    /// It opens its log anew when it gets this signal, and does nothing else.
    Signal(SignalName),
    /// It goes on writing to the deleted file, until this is done.
    HoldsUntil(&'static str),
    /// Nobody has told us.
    Unknown,
}

/// Programs by name, and where it is written:
/// rsyslogd(8), "HUP: this lets rsyslogd perform close all open files"; syslog-ng(8), "reload", which keeps the configuration
/// that it has where the new one is wrong; <https://nginx.org/en/docs/control.html>, "USR1: re-opening log files";
/// lighttpd's doc/initscripts.txt, "SIGHUP: re-open log files", not its configuration; php-fpm(8), "SIGUSR1: re-open log file".
const KNOWN: [(&str, Habit); 17] = [
    ("rsyslogd", Habit::Signal(SignalName::Hup)),
    ("syslog-ng", Habit::Signal(SignalName::Hup)),
    ("nginx", Habit::Signal(SignalName::Usr1)),
    ("lighttpd", Habit::Signal(SignalName::Hup)),
    ("syslogd", Habit::HoldsUntil("SIGHUP")),
    ("apache2", Habit::HoldsUntil("`apachectl graceful`")),
    ("httpd", Habit::HoldsUntil("`apachectl graceful`")),
    ("squid", Habit::HoldsUntil("`squid -k rotate`")),
    ("mysqld", Habit::HoldsUntil("FLUSH LOGS")),
    ("mariadbd", Habit::HoldsUntil("FLUSH LOGS")),
    ("mongod", Habit::HoldsUntil("SIGUSR1")),
    ("auditd", Habit::HoldsUntil("SIGUSR1")),
    ("uwsgi", Habit::HoldsUntil("a touch of its `touch-logreopen` file")),
    ("gunicorn", Habit::HoldsUntil("SIGUSR1")),
    ("supervisord", Habit::HoldsUntil("SIGUSR2")),
    ("haproxy", Habit::HoldsUntil("a restart: it logs through syslog")),
    ("tee", Habit::HoldsUntil("a restart")),
];

/// Names that go on with a version: `php-fpm8.2`.
const KNOWN_BY_BEGINNING: [(&str, Habit); 1] = [("php-fpm", Habit::Signal(SignalName::Usr1))];

/// The habit of a process that writes a log which belongs to `owner`.
///
/// Any process may call itself anything, so a signal is only thought of where the program that it runs has that name too.
/// Upstart is believed to be what it is where the program is called `init` and the kernel calls it so (`/sbin/init` of
/// systemd leads to a program called `systemd`), and where it is run by root, by us, or for a session by the owner of the log,
/// who could do with that log what he likes anyway. Any process of another user may call itself so, and is not believed.
pub fn habit(holder: &Holder, owner: u32) -> Habit {
    let trusted = holder.owner.is_some_and(|user| user == 0 || user == host::user() || user == owner);
    let runs = holder.program.as_deref();
    if holder.name == "init" && runs == Some("init") && trusted {
        return Habit::Reopens;
    }
    match by_name(runs.unwrap_or_default()).or_else(|| by_name(&holder.name)) {
        // Only its name is that of a daemon.
        Some(Habit::Signal(signal)) if runs.and_then(by_name).is_none() => Habit::HoldsUntil(until(signal)),
        Some(habit) => habit,
        None => Habit::Unknown,
    }
}

/// The name by which a known daemon is to be asked.
pub fn asked_as(holder: &Holder) -> Option<ProcessName> {
    holder.program.as_deref().and_then(|program| ProcessName::parse(program).ok())
}

fn by_name(name: &str) -> Option<Habit> {
    let exact = KNOWN.iter().find(|(known, _)| *known == name);
    let by_beginning = || KNOWN_BY_BEGINNING.iter().find(|(known, _)| name.starts_with(known));
    exact.or_else(by_beginning).map(|(_, habit)| *habit)
}

fn until(signal: SignalName) -> &'static str {
    match signal {
        SignalName::Hup => "SIGHUP",
        SignalName::Usr1 => "SIGUSR1",
        SignalName::Usr2 => "SIGUSR2",
        SignalName::Winch => "SIGWINCH",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::procfs::Writes;

    const LOGS_OWNER: u32 = 4711;

    fn habit_of(name: &str, program: Option<&str>, owner: u32) -> Habit {
        let program = program.map(str::to_owned);
        let (name, through) = (name.to_owned(), "/proc/1/fd/3".into());
        let holder = Holder { pid: 1, name, owner: Some(owner), program, through, writes: Writes::ToTheEnd };
        habit(&holder, LOGS_OWNER)
    }

    #[test]
    fn only_an_init_that_may_be_trusted_is_believed_to_reopen() {
        assert_eq!(habit_of("init", Some("init"), 0), Habit::Reopens);
        assert_eq!(habit_of("init", Some("init"), LOGS_OWNER), Habit::Reopens);
        assert_eq!(habit_of("init", Some("init"), 4712), Habit::Unknown);
        assert_eq!(habit_of("init", Some("systemd"), 0), Habit::Unknown);
        assert_eq!(habit_of("init", Some("python3"), 0), Habit::Unknown);
        assert_eq!(habit_of("init", None, 0), Habit::Unknown);
    }

    #[test]
    fn a_signal_is_only_thought_of_for_the_program_itself() {
        assert_eq!(habit_of("rsyslogd", Some("rsyslogd"), 4712), Habit::Signal(SignalName::Hup));
        assert_eq!(habit_of("rsyslogd", Some("python3"), 0), Habit::HoldsUntil("SIGHUP"));
        assert_eq!(habit_of("php-fpm8.2", Some("php-fpm8.2"), 0), Habit::Signal(SignalName::Usr1));
        assert_eq!(habit_of("apache2", Some("apache2"), 0), Habit::HoldsUntil("`apachectl graceful`"));
        assert_eq!(habit_of("a service", Some("service"), 0), Habit::Unknown);
    }

    #[test]
    fn names_are_as_the_kernel_cuts_them() {
        assert!(KNOWN.iter().chain(&KNOWN_BY_BEGINNING).all(|(name, _)| name.len() <= ProcessName::COMM));
    }
}
