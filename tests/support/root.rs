//! A whole Debian system of a test's own: this machine's, with an overlay in memory over it.
//!
//! Promise: what is installed, changed or removed there is seen nowhere else. The mounts are in a mount namespace that a
//! process of ours holds, and end with it, however the test ends. `dpkg` there works on a database of its own, which
//! begins as a copy of the machine's. Network and processes are the machine's.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::{Ended, Sandbox, finish};

/// The root of such a system.
pub(crate) struct Root {
    holder: Child,
    merged: PathBuf,
}

/// Mounts the overlay at `$1/root`, says so, and holds it until its standard input ends.
const HOLD: &str = r#"
set -e
mount -t tmpfs -o mode=0755 tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" overlay "$1/root"
mount --rbind /proc "$1/root/proc"
mount --rbind /dev "$1/root/dev"
mount -t tmpfs -o mode=1777 tmpfs "$1/root/tmp"
mount -t tmpfs -o mode=0755 tmpfs "$1/root/run"
echo ready
cat >/dev/null
"#;

impl Root {
    /// A system in a directory of the sandbox.
    #[track_caller]
    pub(crate) fn new(sandbox: &Sandbox) -> Self {
        let at = sandbox.path("system");
        std::fs::create_dir(&at).expect("a mount point");
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-c", HOLD, "sh"]).arg(&at);
        let mut holder = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("unshare starts");
        let mut ready = String::new();
        let output = holder.stdout.as_mut().expect("a pipe");
        BufReader::new(output).read_line(&mut ready).expect("it speaks");
        assert_eq!(ready, "ready\n", "an overlay of this machine's root takes root, and a kernel with overlayfs");
        Self { holder, merged: at.join("root") }
    }

    /// Where a path of the system is found from here.
    pub(crate) fn path(&self, within: &str) -> PathBuf {
        let merged = self.merged.join(within.trim_start_matches('/'));
        Path::new(&format!("/proc/{}/root", self.holder.id())).join(merged.strip_prefix("/").expect("absolute"))
    }

    /// A command there, with an environment that holds what cron gives.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--mount=/proc/{}/ns/mnt", self.holder.id())).arg("chroot").arg(&self.merged).arg(program);
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", "/root").env("LC_ALL", "C.UTF-8");
        command.env("DEBIAN_FRONTEND", "noninteractive").env("AWS_EC2_METADATA_DISABLED", "true").current_dir("/");
        command
    }

    /// Runs a command there to its end.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, program: &str, args: impl IntoIterator<Item = S>) -> Ended {
        finish(self.command(program).args(args))
    }

    /// Runs `dpkg` there, which need not make its work durable.
    pub(crate) fn dpkg<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ended {
        // Triggers of other packages, such as the index of all man pages, are none of the tests' business.
        finish(self.command("dpkg").args(["--force-unsafe-io", "--no-triggers"]).args(args))
    }

    /// Copies a file into the system.
    pub(crate) fn put(&self, file: &Path, within: &str) {
        std::fs::copy(file, self.path(within)).expect("a copy");
    }

    /// Writes a file in the system, with the directories on the way to it.
    pub(crate) fn write(&self, within: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(within);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
        std::fs::write(path, bytes).expect("a file");
    }

    pub(crate) fn has(&self, within: &str) -> bool {
        self.path(within).symlink_metadata().is_ok()
    }

    pub(crate) fn read(&self, within: &str) -> String {
        String::from_utf8_lossy(&std::fs::read(self.path(within)).expect(within)).into_owned()
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        // The end of its standard input would do as well; a test that failed waits for nothing.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
