//! A service user's directory, honest logs beside it, and what is none of his business.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::proof::{self, Stored};
use crate::support::{Sandbox, wait_until};

/// The hostile user.
pub(super) const NOBODY: u32 = 65534;

/// What must never come to light.
pub(super) const SECRET: &str = "for the eyes of root alone";

/// Status and content of everything below a directory: a change to any of it is a breach.
pub(super) type Snapshot = BTreeMap<PathBuf, String>;

/// The directories of an attack.
pub(super) struct Scene {
    pub(super) sandbox: Sandbox,
}

impl Scene {
    pub(super) fn new() -> Self {
        let sandbox = Sandbox::reopening();
        let scene = Self { sandbox };
        std::fs::set_permissions(scene.path(""), PermissionsExt::from_mode(0o711)).expect("chmod");
        for dir in ["srv", "srv/site", "srv/site/log", "honest", "outside", "outside/log", "outside/site/log"] {
            std::fs::create_dir_all(scene.path(dir)).expect("a directory");
        }
        for secret in ["outside/secret", "outside/log/web.log", "outside/log/deep.log", "outside/site/log/web.log"] {
            std::fs::write(scene.path(secret), format!("{SECRET}\n").repeat(20)).expect("a secret");
            std::fs::set_permissions(scene.path(secret), PermissionsExt::from_mode(0o600)).expect("chmod");
        }
        for dir in ["srv", "srv/site", "srv/site/log"] {
            own(&scene.path(dir));
        }
        scene
    }

    pub(super) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.sandbox.path(name)
    }

    /// The hostile user's log directory.
    pub(super) fn dir(&self) -> PathBuf {
        self.path("srv/site/log")
    }

    /// A log of the hostile user's.
    pub(super) fn write(&self, name: &str, bytes: &str) {
        let path = self.dir().join(name);
        std::fs::write(&path, bytes).expect("a log");
        own(&path);
    }

    pub(super) fn outside(&self) -> Snapshot {
        snapshot(&self.path("outside"))
    }

    /// A run over the user's directory and the honest one.
    pub(super) fn command(&self) -> Command {
        let mut run = self.sandbox.logferry();
        run.args(["run", "--instance", "i-attacked"]).args([self.dir(), self.path("honest")]);
        run
    }

    /// Runs to the end, within bounded time; the exit code and what was said.
    pub(super) fn run(&self) -> (i32, String) {
        Running::start(self, &mut self.command()).end()
    }

    pub(super) fn objects(&self) -> Vec<Stored> {
        proof::of_directory(&self.path("store"))
    }

    /// How often these bytes are in the store, under whatever name.
    pub(super) fn times_shipped(&self, bytes: &str) -> usize {
        let objects = self.objects();
        objects.iter().map(|object| memchr::memmem::find_iter(&object.raw, bytes.as_bytes()).count()).sum()
    }

    /// Fails unless the secret is nowhere in the store or in the state directory.
    #[track_caller]
    pub(super) fn assert_secret_kept(&self, what: &str) {
        assert_eq!(self.times_shipped(SECRET), 0, "{what}: the secret was shipped");
        for file in self.sandbox.files("state") {
            let bytes = std::fs::read(&file).expect("a file of the state");
            let mut plain = Vec::new();
            // What is no gzip member has nothing to be decompressed.
            let _ = std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&bytes[..]), &mut plain);
            let found = [&bytes, &plain].map(|bytes| memchr::memmem::find(bytes, SECRET.as_bytes()));
            assert_eq!(found, [None, None], "{what}: the secret is in {}", file.display());
        }
    }

    /// The claimed files in the user's directory.
    pub(super) fn claimed(&self) -> Option<PathBuf> {
        let entries = std::fs::read_dir(self.dir()).expect("the directory").flatten();
        let claimed = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            name.starts_with(".web.log.") && name.ends_with(".claimed")
        };
        entries.map(|entry| entry.path()).find(claimed)
    }
}

pub(super) fn own(path: &Path) {
    chown(path, Some(NOBODY), Some(NOBODY)).expect("chown: run the tests as root");
}

pub(super) fn snapshot(root: &Path) -> Snapshot {
    let entries = walkdir::WalkDir::new(root).into_iter().map(|entry| entry.expect("an entry"));
    let tell = |entry: walkdir::DirEntry| {
        let is = entry.metadata().expect("its status");
        let content = if is.is_file() { std::fs::read(entry.path()).expect("its bytes") } else { Vec::new() };
        let time = (is.mtime(), is.mtime_nsec());
        let (owner, mode, links) = ((is.uid(), is.gid()), is.mode(), is.nlink());
        (entry.into_path(), format!("{} {owner:?} {mode:o} {links} {time:?} {}", is.ino(), content.escape_ascii()))
    };
    entries.map(tell).collect()
}

/// A run under way.
pub(super) struct Running {
    child: Child,
    said: PathBuf,
}

impl Running {
    pub(super) fn start(scene: &Scene, command: &mut Command) -> Self {
        let said = scene.path("said");
        let stderr = std::fs::File::create(&said).expect("a file");
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr).spawn().expect("it starts");
        Self { child, said }
    }

    /// Waits until it has stopped itself; false when it ended without coming to its point.
    pub(super) fn stopped(&mut self) -> bool {
        let stat = format!("/proc/{}/stat", self.child.id());
        let mut ended = false;
        wait_until("the run stops at its point", || {
            ended = self.child.try_wait().expect("its status").is_some();
            let stat = std::fs::read_to_string(&stat).unwrap_or_default();
            ended || stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" T"))
        });
        !ended
    }

    pub(super) fn go_on(&self) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a pid"));
        kill(pid, Signal::SIGCONT).expect("it lives");
    }

    /// The exit code and what was said. A run that hangs fails the test.
    pub(super) fn end(mut self) -> (i32, String) {
        let begun = std::time::Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("its status") {
                break status;
            }
            if begun.elapsed() > Duration::from_secs(60) {
                let _ = self.child.kill();
                panic!("the run hangs: {}", std::fs::read_to_string(&self.said).unwrap_or_default());
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        let said = String::from_utf8_lossy(&std::fs::read(&self.said).expect("what it said")).into_owned();
        (status.code().unwrap_or(-1), said)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A test that failed leaves no process behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
