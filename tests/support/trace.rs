//! What a run asked of the kernel: it is run under strace, and the trace is read back as steps on files.
//!
//! Promise: each call is one step, whichever thread made it and however strace cut it in two; a step knows when its call
//! began and when it ended. Paths are those of the directory's descriptor and the name, as `strace -y` shows them.
//!
//! How it fails: a line that can't be read ends the test, as does a trace in which nothing happens.

use std::collections::HashMap;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::{Ended, finish};

/// The calls that change files, or that tell what was read and what a store answered.
const CALLS: &str = "openat,mkdirat,write,pwrite64,read,pread64,lseek,ftruncate,fsync,fdatasync,close,rename,renameat,\
    renameat2,link,linkat,unlink,unlinkat,recvfrom";

/// How much of a file's or a message's bytes a trace holds.
#[derive(Clone, Copy)]
pub(crate) enum Bytes {
    /// All of them: a disk can be made of it again.
    All,
    /// Their beginning.
    Beginning,
}

/// One call that succeeded.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// Line of the trace at which it began.
    pub(crate) begun: usize,
    /// Line of the trace at which it ended.
    pub(crate) ended: usize,
    pub(crate) what: What,
}

#[derive(Clone, Debug)]
pub(crate) enum What {
    Open {
        path: PathBuf,
        fd: i64,
        makes: bool,
    },
    MakeDir {
        path: PathBuf,
    },
    /// At the file's position, or at an offset.
    Write {
        fd: i64,
        at: Option<u64>,
        bytes: Vec<u8>,
        count: u64,
    },
    /// Of a file or a socket.
    Read {
        fd: i64,
        at: Option<u64>,
        bytes: Vec<u8>,
        count: u64,
    },
    Seek {
        fd: i64,
        to: u64,
    },
    Cut {
        fd: i64,
        length: u64,
    },
    Sync {
        fd: i64,
        path: PathBuf,
    },
    Close {
        fd: i64,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Link {
        from: PathBuf,
        to: PathBuf,
    },
    Unlink {
        path: PathBuf,
    },
}

impl Step {
    /// Whether the disk, or what of it is durable, is another one after it.
    pub(crate) fn changes_the_disk(&self) -> bool {
        match &self.what {
            What::Read { .. } | What::Seek { .. } | What::Close { .. } => false,
            What::Open { makes, .. } => *makes,
            _ => true,
        }
    }
}

/// Whether a step begins or ends.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Phase {
    Begins,
    Ends,
}

/// A run's steps.
pub(crate) struct Trace {
    pub(crate) steps: Vec<Step>,
}

impl Trace {
    /// Runs a command under strace to its end.
    pub(crate) fn of(command: &Command, bytes: Bytes) -> (Ended, Self) {
        let file = tempfile::NamedTempFile::new().expect("a file for the trace");
        let ended =
            finish(under_strace(command).args(arguments(bytes)).arg("-o").arg(file.path()).args(words(command)));
        let text = std::fs::read_to_string(file.path()).expect("strace writes a trace of ASCII");
        let steps = read(&text);
        assert!(!steps.is_empty(), "an empty trace; strace said: {}", ended.stderr);
        (ended, Self { steps })
    }

    /// The trace of the same run, had it been killed right after it made a directory of that name.
    pub(crate) fn cut_behind_the_making_of(&mut self, name: &str) {
        let made = |step: &Step| match &step.what {
            What::MakeDir { path } => path.file_name().is_some_and(|made| made.to_string_lossy().starts_with(name)),
            _ => false,
        };
        let at = self.steps.iter().position(made).unwrap_or_else(|| panic!("no directory {name} is made"));
        self.steps.truncate(at + 1);
    }

    /// Beginnings and ends of all steps, in the order in which strace saw them.
    pub(crate) fn events(&self) -> Vec<(Phase, &Step)> {
        let begins = self.steps.iter().map(|step| (step.begun, Phase::Begins, step));
        let ends = self.steps.iter().map(|step| (step.ended, Phase::Ends, step));
        let mut events: Vec<_> = begins.chain(ends).collect();
        events.sort_by_key(|(line, phase, _)| (*line, *phase));
        events.into_iter().map(|(_, phase, step)| (phase, step)).collect()
    }
}

/// `strace`, with a command's environment and working directory.
pub(crate) fn under_strace(command: &Command) -> Command {
    static IS_THERE: OnceLock<bool> = OnceLock::new();
    let is_there = *IS_THERE.get_or_init(|| finish(Command::new("strace").arg("-V")).code == 0);
    assert!(is_there, "strace is missing; as root: apt-get install strace");
    under("strace", command)
}

/// A program that runs a command, with that one's environment and working directory.
pub(crate) fn under(program: &str, command: &Command) -> Command {
    let mut under = Command::new(program);
    under.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(dir) = command.get_current_dir() {
        under.current_dir(dir);
    }
    under
}

/// A command's program and arguments.
pub(crate) fn words(command: &Command) -> Vec<std::ffi::OsString> {
    std::iter::once(command.get_program()).chain(command.get_args()).map(Into::into).collect()
}

fn arguments(bytes: Bytes) -> Vec<String> {
    let length = match bytes {
        Bytes::All => 8 * 1024 * 1024,
        Bytes::Beginning => 4096,
    };
    ["-f", "-y", "--seccomp-bpf", "-s", &length.to_string(), "-e", &format!("trace={CALLS}")]
        .map(str::to_owned)
        .to_vec()
}

/// A call as it stands in the trace.
struct Call<'t> {
    name: &'t str,
    args: Vec<&'t str>,
    returned: i64,
    /// What strace shows behind that.
    given: &'t str,
}

fn read(text: &str) -> Vec<Step> {
    let mut cut: HashMap<&str, (usize, String)> = HashMap::new();
    let mut steps = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let (thread, rest) = line.split_once(' ').unwrap_or_else(|| panic!("no thread in {line}"));
        let rest = rest.trim_start();
        if rest.starts_with("+++") || rest.starts_with("---") {
            continue;
        }
        if let Some(begin) = rest.strip_suffix("<unfinished ...>") {
            cut.insert(thread, (number, begin.to_owned()));
            continue;
        }
        let (begun, whole) = match rest.strip_prefix("<... ") {
            None => (number, rest.to_owned()),
            Some(resumed) => {
                let (begun, begin) = cut.remove(thread).unwrap_or_else(|| panic!("never begun: {line}"));
                let (_, end) = resumed.split_once(" resumed>").unwrap_or_else(|| panic!("not resumed: {line}"));
                (begun, begin + end)
            }
        };
        let call = Call::parse(&whole).unwrap_or_else(|| panic!("not a call: {whole:.200}"));
        // A call that a signal ended, or that failed, has done nothing.
        let what = call.filter(|call| call.returned >= 0).and_then(|call| call.what());
        steps.extend(what.map(|what| Step { begun, ended: number, what }));
    }
    steps
}

impl<'t> Call<'t> {
    /// `None` where it is no call; `Some(None)` where it did not return.
    fn parse(text: &'t str) -> Option<Option<Self>> {
        let (name, rest) = text.split_once('(')?;
        let (args, end) = split(rest)?;
        let returned = rest[end..].trim_start_matches(')').trim_start().strip_prefix("= ")?;
        let digits = returned.len() - returned.trim_start_matches(|c: char| c == '-' || c.is_ascii_digit()).len();
        let (number, given) = returned.split_at(digits);
        Some(number.parse().ok().map(|returned| Self { name, args, returned, given }))
    }

    fn what(&self) -> Option<What> {
        let count = u64::try_from(self.returned).expect("it succeeded");
        Some(match self.name {
            // Only a look: nothing is read or written through it.
            "openat" if self.args[2].contains("O_PATH") => return None,
            "openat" => {
                let makes = self.args[2].contains("O_CREAT");
                let path = self.path(0, 1);
                // Opened again, through the descriptor of a look: what it is shows in what was given.
                let again = path.starts_with("/proc/self/fd");
                What::Open { path: if again { described(self.given) } else { path }, fd: self.returned, makes }
            }
            "mkdirat" => What::MakeDir { path: self.path(0, 1) },
            "write" => What::Write { fd: self.fd(0), at: None, bytes: text(self.args[1]), count },
            "pwrite64" => What::Write { fd: self.fd(0), at: Some(self.number(3)), bytes: text(self.args[1]), count },
            "read" | "recvfrom" => What::Read { fd: self.fd(0), at: None, bytes: text(self.args[1]), count },
            "pread64" => What::Read { fd: self.fd(0), at: Some(self.number(3)), bytes: Vec::new(), count },
            "lseek" => What::Seek { fd: self.fd(0), to: count },
            "ftruncate" => What::Cut { fd: self.fd(0), length: self.number(1) },
            "fsync" | "fdatasync" => What::Sync { fd: self.fd(0), path: self.opened(0) },
            "close" => What::Close { fd: self.fd(0) },
            "renameat" | "renameat2" => What::Rename { from: self.path(0, 1), to: self.path(2, 3) },
            "linkat" => What::Link { from: self.path(0, 1), to: self.path(2, 3) },
            "unlinkat" => What::Unlink { path: self.path(0, 1) },
            // What takes paths without a directory's descriptor is not made for files of ours: discovery may read so.
            other => panic!("{other} by path: {:?}", self.args),
        })
    }

    fn number(&self, at: usize) -> u64 {
        self.args[at].parse().unwrap_or_else(|_| panic!("{}: no number: {}", self.name, self.args[at]))
    }

    fn fd(&self, at: usize) -> i64 {
        let number = self.args[at].split('<').next().unwrap_or_default();
        number.parse().unwrap_or_else(|_| panic!("{}: no descriptor: {}", self.name, self.args[at]))
    }

    /// The path that a descriptor was opened by.
    fn opened(&self, at: usize) -> PathBuf {
        described(self.args[at])
    }

    fn path(&self, dir: usize, name: usize) -> PathBuf {
        let name = PathBuf::from(std::ffi::OsString::from_vec(text(self.args[name])));
        if name == Path::new(".") { self.opened(dir) } else { self.opened(dir).join(name) }
    }
}

/// The path that strace shows with a descriptor.
fn described(descriptor: &str) -> PathBuf {
    let (_, path) = descriptor.split_once('<').unwrap_or_else(|| panic!("no path: {descriptor}"));
    let path = path.trim_end_matches("(deleted)").trim_end_matches('>').trim_end_matches(" (deleted)");
    PathBuf::from(std::ffi::OsString::from_vec(unescape(path)))
}

/// The arguments of a call, and where they end.
fn split(rest: &str) -> Option<(Vec<&str>, usize)> {
    let (mut args, mut from, mut depth, mut quoted, mut escaped) = (Vec::new(), 0, 0_u32, false, false);
    for (at, byte) in rest.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'(' | b'[' | b'{' => depth += 1,
            b')' if depth == 0 => {
                args.push(rest[from..at].trim());
                return Some((args, at));
            }
            b')' | b']' | b'}' => depth -= 1,
            b',' if depth == 0 => {
                args.push(rest[from..at].trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    None
}

/// The bytes of a quoted argument; what strace left out is missing.
fn text(quoted: &str) -> Vec<u8> {
    let inner = quoted.trim_end_matches("...").strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.map(unescape).unwrap_or_default()
}

/// Undoes C's escapes.
fn unescape(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        if bytes[at] != b'\\' {
            out.push(bytes[at]);
            at += 1;
            continue;
        }
        let octal = bytes[at + 1..].iter().take(3).take_while(|byte| (b'0'..b'8').contains(byte)).count();
        if octal > 0 {
            let digits = &bytes[at + 1..at + 1 + octal];
            out.push(digits.iter().fold(0, |value: u8, digit| value.wrapping_mul(8) + (digit - b'0')));
            at += 1 + octal;
            continue;
        }
        out.push(match bytes[at + 1] {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'v' => 11,
            b'f' => 12,
            other => other,
        });
        at += 2;
    }
    out
}
