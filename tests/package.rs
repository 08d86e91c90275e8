//! The Debian package: what is in it, and what its installation, upgrade, removal and purge do to a system.
//!
//! `scripts/package` builds it, of the development binary, and `dpkg` handles it in a whole system of the test's own.

mod contents;
mod guide;
mod lifecycle;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::support::{Ended, finish};

/// The sources that this was built from.
fn sources() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs `scripts/package`.
fn package(args: &[&str], output: &Path) -> Ended {
    let mut command = Command::new(sources().join("scripts/package"));
    finish(command.args(args).arg("--output").arg(output))
}

/// Two packages, the second a later version of the same binary with another entry for cron.
pub(crate) struct Packages {
    _dir: TempDir,
    pub(crate) first: PathBuf,
    second: PathBuf,
}

/// Built once for all tests.
pub(crate) fn packages() -> &'static Packages {
    static PACKAGES: OnceLock<Packages> = OnceLock::new();
    PACKAGES.get_or_init(|| {
        let dir = TempDir::new().expect("a directory");
        let build = |revision: &str| {
            package(&["--development", "--revision", revision], dir.path()).expect(0);
            let mut made = std::fs::read_dir(dir.path()).expect("the output").map(|entry| entry.expect("it").path());
            let name = format!("-{revision}_");
            made.find(|path| path.to_string_lossy().contains(&name)).expect("a package of that revision")
        };
        let (first, second) = (build("1"), build("2"));
        change_entries(&second, dir.path());
        Packages { _dir: dir, first, second }
    })
}

/// What a later release's entries for cron hold at their end.
const LATER: &str = "# These are the words of a later release.\n";

/// Makes a package again with changed entries for cron, as a later release may have them.
fn change_entries(package: &Path, around: &Path) {
    let tree = around.join("tree");
    finish(Command::new("dpkg-deb").arg("--raw-extract").arg(package).arg(&tree)).expect(0);
    for entry in std::fs::read_dir(tree.join("etc/cron.d")).expect("entries") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("an entry") + LATER;
        std::fs::write(&path, text).expect("a later entry");
    }
    let mut build = Command::new("dpkg-deb");
    finish(build.args(["--root-owner-group", "-Zgzip", "-z1", "--build"]).arg(&tree).arg(package)).expect(0);
    std::fs::remove_dir_all(&tree).expect("the tree goes");
}
