//! `/var/log/syslog` of a server on the Internet: failing logins, cron, the firewall, systemd, mail.

use super::Source;
use crate::random::scrambled;

const USERS: [&str; 16] = [
    "root", "admin", "test", "ubuntu", "oracle", "postgres", "user", "git", "guest", "ftpuser", "hadoop", "deploy",
    "mysql", "pi", "nagios", "jenkins",
];

const JOBS: [&str; 5] = [
    "command -v debian-sa1 > /dev/null && debian-sa1 1 1",
    "   cd / && run-parts --report /etc/cron.hourly",
    "/usr/local/bin/certbot -q renew",
    "[ -x /usr/lib/php/sessionclean ] && if [ ! -d /run/systemd/system ]; then /usr/lib/php/sessionclean; fi",
    "/opt/backup/bin/incremental --quiet",
];

const UNITS: [&str; 6] = [
    "Clean php session files",
    "Daily apt download activities",
    "Message of the Day",
    "Cleanup of Temporary Directories",
    "Rotate log files",
    "Refresh fwupd metadata and update motd",
];

/// An address that attacks; a few do so all the time.
fn attacker(source: &mut Source) -> [u8; 4] {
    scrambled(source.random.skewed(3000), 1).to_be_bytes()[..4].try_into().unwrap_or([192, 0, 2, 1])
}

fn begin(source: &mut Source, program: &str, pid: u64) {
    source.wait(40_000);
    let date = source.date();
    source.put(format_args!(
        "{} {:>2} {:02}:{:02}:{:02} ip-10-0-3-17 {program}[{pid}]: ",
        date.month_name(),
        date.day,
        date.hour,
        date.minute,
        date.second
    ));
}

pub(super) fn line(source: &mut Source) {
    source.counter = (source.counter + source.random.long_tail(2)) % 4_194_304;
    match source.random.below(100) {
        0..52 => login(source),
        52..74 => firewall(source),
        74..84 => job(source),
        84..92 => unit(source),
        _ => mail(source),
    }
}

/// What sshd says of one failing login: three or four lines with the same process, address and port.
fn login(source: &mut Source) {
    let ([a, b, c, d], pid) = (attacker(source), source.counter);
    let (user, port) = (source.random.pick_skewed(&USERS), 1024 + source.random.below(64_000));
    let invalid = if user == "root" { "" } else { "invalid user " };
    if user != "root" {
        begin(source, "sshd", pid);
        source.put(format_args!("Invalid user {user} from {a}.{b}.{c}.{d} port {port}\n"));
    }
    begin(source, "sshd", pid);
    source.put(format_args!(
        "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost={a}.{b}.{c}.{d} "
    ));
    source.put(format_args!("{}\n", if user == "root" { " user=root" } else { "" }));
    begin(source, "sshd", pid);
    source.put(format_args!("Failed password for {invalid}{user} from {a}.{b}.{c}.{d} port {port} ssh2\n"));
    begin(source, "sshd", pid);
    source.put(format_args!("Connection closed by {invalid}{user} {a}.{b}.{c}.{d} port {port} [preauth]\n"));
}

fn firewall(source: &mut Source) {
    source.wait(40_000);
    let ([a, b, c, d], date) = (attacker(source), source.date());
    let port =
        source.random.pick_skewed(&[23, 8080, 445, 3389, 5060, 22, 1433, 6379, 2375, 81, 8443, 5555, 7547, 9200]);
    let (uptime, micros) = (source.clock / 1_000_000 - 1_794_000_000, date.micros);
    let (id, from, ttl) =
        (source.random.below(65_536), 1024 + source.random.below(64_000), 40 + source.random.below(14));
    source.put(format_args!(
        "{} {:>2} {:02}:{:02}:{:02} ip-10-0-3-17 kernel: [{uptime}.{micros:06}] [UFW BLOCK] IN=eth0 OUT= \
         MAC=0a:58:0a:00:03:11:0a:f4:2c:91:7b:63:08:00 SRC={a}.{b}.{c}.{d} DST=10.0.3.17 LEN=40 TOS=0x00 PREC=0x00 \
         TTL={ttl} ID={id} PROTO=TCP SPT={from} DPT={port} WINDOW=1024 RES=0x00 SYN URGP=0 \n",
        date.month_name(),
        date.day,
        date.hour,
        date.minute,
        date.second
    ));
}

fn job(source: &mut Source) {
    let (pid, job) = (source.counter, source.random.pick_skewed(&JOBS));
    begin(source, "CRON", pid);
    source.put(format_args!("pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)\n"));
    begin(source, "CRON", pid + 1);
    source.put(format_args!("(root) CMD ({job})\n"));
    begin(source, "CRON", pid);
    source.put(format_args!("pam_unix(cron:session): session closed for user root\n"));
}

fn unit(source: &mut Source) {
    let unit = source.random.pick_skewed(&UNITS);
    for word in ["Starting", "Finished"] {
        begin(source, "systemd", 1);
        source.put(format_args!("{word} {unit}{}\n", if word == "Starting" { "..." } else { "." }));
    }
}

fn mail(source: &mut Source) {
    let (id, pid) = (source.random.next() >> 24, source.counter);
    let (user, size) = (source.random.skewed(2000), source.random.long_tail(4000));
    begin(source, "postfix/qmgr", 1187);
    source.put(format_args!("{id:010X}: from=<user{user}@example.com>, size={size}, nrcpt=1 (queue active)\n"));
    let (delay, host) = (source.random.long_tail(300), source.random.skewed(40));
    begin(source, "postfix/smtp", pid);
    source.put(format_args!(
        "{id:010X}: to=<customer{}@mail{host}.example.net>, relay=mx{host}.example.net[198.51.100.{host}]:25, \
         delay={}.{:02}, delays=0.02/0.01/0.{:02}/0.{:02}, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as {:011X})\n",
        user * 7 % 5000,
        delay / 100,
        delay % 100,
        delay % 37,
        delay % 83,
        scrambled(id, 2) >> 20,
    ));
}
