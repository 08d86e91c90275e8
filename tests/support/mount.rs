//! File systems of a test's own: in memory, or on an image. Mounting takes root.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::finish;

/// A mounted file system, unmounted when dropped.
pub(crate) struct Mount(PathBuf);

impl Mount {
    /// One in memory, with these options (`size=8m`); the mount point is made if it is missing.
    #[track_caller]
    pub(crate) fn in_memory(at: &Path, options: &str) -> Self {
        if !at.exists() {
            std::fs::create_dir(at).expect("a mount point");
        }
        mount(&["-t", "tmpfs", "-o", &format!("mode=0700,{options}"), "tmpfs"], at);
        Self(at.to_owned())
    }

    /// An ext4 on an image, which is made if it is missing.
    #[track_caller]
    pub(crate) fn on_image(image: &Path, at: &Path) -> Self {
        if !image.exists() {
            std::fs::File::create(image).expect("an image").set_len(8 << 20).expect("it is sparse");
            finish(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(image)).expect(0);
        }
        mount(&["-o", "loop", &image.to_string_lossy()], at);
        Self(at.to_owned())
    }

    #[track_caller]
    pub(crate) fn remount(&self, options: &str) {
        mount(&["-o", &format!("remount,{options}")], &self.0);
    }
}

#[track_caller]
fn mount(args: &[&str], at: &Path) {
    let ended = finish(Command::new("mount").args(args).arg(at));
    assert_eq!(ended.code, 0, "file systems are mounted by root only: run the tests as root ({})", ended.stderr);
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily, as a test that failed may have files open in it; and it may be unmounted already.
        let _ = Command::new("umount").arg("-l").arg(&self.0).stderr(Stdio::null()).status();
    }
}
