//! The root of a small system, and this machine's own with parts of it put in the place of others.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Ended, Sandbox, finish};

/// Where the logs of every image go.
pub(super) const TO: &str = "s3://my-logs/prod";

/// The logs of every image.
pub(super) const LOGS: &str = "/var/log/upstart/*.log";

pub(super) const CONFIG: &str = "etc/logferry.toml";
pub(super) const ENTRY: &str = "etc/cron.d/logferry";
pub(super) const TIMER: &str = "etc/systemd/system/logferry.timer";
pub(super) const SERVICE: &str = "etc/systemd/system/logferry.service";

/// All there is.
pub(super) type State = BTreeMap<PathBuf, Seen>;

/// A file, a directory or a link.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Seen {
    /// Kind, mode, owner, links and content.
    pub(super) what: String,
    /// When it was written; of directories it isn't asked.
    time: Option<(i64, i64)>,
}

/// A system with cron, systemd and logferry, in a directory.
pub(super) struct Image {
    pub(super) sandbox: Sandbox,
}

impl Image {
    pub(super) fn new() -> Self {
        let image = Self { sandbox: Sandbox::new() };
        for dir in
            ["etc/cron.d", "etc/systemd/system", "usr/sbin", "usr/bin", "usr/lib/systemd", "var/lib", "var/log/upstart"]
        {
            std::fs::create_dir_all(image.path(dir)).expect("a directory");
        }
        image.write("etc/cron.d/e2scrub_all", "30 3 * * 0 root true\n");
        image.write("var/log/upstart/web.log", "a line\n");
        for program in ["usr/sbin/cron", "usr/lib/systemd/systemd", "usr/bin/logferry"] {
            image.write(program, "#!/bin/sh\n");
            image.chmod(program, 0o755);
        }
        image
    }

    pub(super) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.sandbox.path("root").join(name)
    }

    pub(super) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), text).expect("a file");
    }

    pub(super) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.path(name).symlink_metadata().is_ok()
    }

    pub(super) fn remove(&self, name: &str) {
        std::fs::remove_file(self.path(name)).expect("it was there");
    }

    pub(super) fn chmod(&self, name: &str, mode: u32) {
        std::fs::set_permissions(self.path(name), PermissionsExt::from_mode(mode)).expect("chmod");
    }

    pub(super) fn link(&self, target: impl AsRef<Path>, name: &str) {
        symlink(target, self.path(name)).expect("a link");
    }

    /// Adds a line to a file.
    pub(super) fn edit(&self, name: &str) {
        let text = self.read(name) + "# by hand\n";
        self.write(name, text);
    }

    /// The binary, with an environment that says nothing of where to ship.
    pub(super) fn logferry(&self) -> Command {
        let mut command = self.sandbox.logferry();
        for name in ["LOGFERRY_TO", "LOGFERRY_CONFIG", "LOGFERRY_STATE_DIR", "AWS_EC2_METADATA_DISABLED"] {
            command.env_remove(name);
        }
        command
    }

    /// A command of the binary on this image.
    pub(super) fn command<S: AsRef<OsStr>>(&self, name: &str, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = self.logferry();
        command.arg(name).arg("--root").arg(self.sandbox.path("root")).args(args);
        command
    }

    /// Installs what every image ships, and what else is said.
    pub(super) fn install(&self, args: &[&str]) -> Ended {
        finish(self.command("install", ["--to", TO, LOGS]).args(args))
    }

    pub(super) fn uninstall(&self, args: &[&str]) -> Ended {
        finish(&mut self.command("uninstall", args))
    }

    pub(super) fn state(&self) -> State {
        state(&self.sandbox.path("root"))
    }
}

/// All below a directory.
pub(super) fn state(root: &Path) -> State {
    let entries = walkdir::WalkDir::new(root).into_iter().map(|entry| entry.expect("an entry"));
    let tell = |entry: walkdir::DirEntry| {
        let is = entry.metadata().expect("its status");
        let content = match () {
            () if is.is_symlink() => {
                std::fs::read_link(entry.path()).expect("its target").into_os_string().into_encoded_bytes()
            }
            () if is.is_file() => std::fs::read(entry.path()).expect("its bytes"),
            () => Vec::new(),
        };
        let (time, links) = ((!is.is_dir()).then(|| (is.mtime(), is.mtime_nsec())), (!is.is_dir()).then(|| is.nlink()));
        let what = format!("{:o} {} {} {links:?} {}", is.mode(), is.uid(), is.gid(), content.escape_ascii());
        (entry.into_path(), Seen { what, time })
    };
    entries.map(tell).collect()
}

/// What differs between two states, for a message.
#[track_caller]
pub(super) fn assert_same(before: &State, after: &State, what: &str) {
    let paths = before.keys().chain(after.keys()).collect::<std::collections::BTreeSet<_>>();
    let differ: Vec<_> = paths.into_iter().filter(|path| before.get(*path) != after.get(*path)).collect();
    let tell = |path: &&PathBuf| format!("{}: {:?} -> {:?}", path.display(), before.get(*path), after.get(*path));
    assert!(differ.is_empty(), "{what}: {}", differ.iter().map(tell).collect::<Vec<_>>().join("\n"));
}
