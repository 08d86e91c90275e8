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

    /// A file system of that kind on an image, which is made if it is missing. The image is sparse.
    #[track_caller]
    pub(crate) fn formatted(format: Format, image: &Path, at: &Path) -> Self {
        if !image.exists() {
            std::fs::File::create(image).expect("an image").set_len(512 << 20).expect("it is sparse");
            let (program, args) = format.maker();
            finish(Command::new(program).args(args).arg(image)).expect(0);
        }
        std::fs::create_dir_all(at).expect("a mount point");
        // A copy of an image has the identity of the first.
        let options = if format == Format::Xfs { "loop,nouuid" } else { "loop" };
        mount(&["-o", options, &image.to_string_lossy()], at);
        Self(at.to_owned())
    }

    /// What is in `lower` and `upper`, which are made if they are missing, as one; what is written goes to `upper`.
    #[track_caller]
    pub(crate) fn overlay(layers: &Path, at: &Path) -> Self {
        let [lower, upper, work] = ["lower", "upper", "work"].map(|name| layers.join(name));
        for directory in [&lower, &upper, &work, &at.to_owned()] {
            std::fs::create_dir_all(directory).expect("a directory");
        }
        let options = format!("lowerdir={},upperdir={},workdir={}", lower.display(), upper.display(), work.display());
        mount(&["-t", "overlay", "-o", &options, "overlay"], at);
        Self(at.to_owned())
    }

    #[track_caller]
    pub(crate) fn remount(&self, options: &str) {
        mount(&["-o", &format!("remount,{options}")], &self.0);
    }
}

/// File systems that logs are on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Format {
    Ext4,
    /// Blocks are mapped one by one, as on ext2 and ext3.
    Ext4WithoutExtents,
    /// As `mkfs.ext3` makes it: no extents, and a journal.
    Ext3,
    /// Space is given out in clusters of 64 KiB.
    Ext4Bigalloc,
    Xfs,
}

impl Format {
    fn maker(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::Ext4 => ("mkfs.ext4", &["-q", "-F", "-b", "4096"]),
            Self::Ext4WithoutExtents => ("mkfs.ext4", &["-q", "-F", "-O", "^extents,^64bit,^metadata_csum"]),
            Self::Ext3 => ("mkfs.ext3", &["-q", "-F"]),
            Self::Ext4Bigalloc => ("mkfs.ext4", &["-q", "-F", "-b", "4096", "-O", "bigalloc", "-C", "65536"]),
            Self::Xfs => ("mkfs.xfs", &["-q", "-f"]),
        }
    }
}

#[track_caller]
fn mount(args: &[&str], at: &Path) {
    let ended = finish(Command::new("mount").args(args).arg(at));
    assert_eq!(
        ended.code, 0,
        "file systems are mounted by root only, and images on loop devices: run the tests as root, after `modprobe loop` ({})",
        ended.stderr
    );
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily, as a test that failed may have files open in it; and it may be unmounted already.
        let _ = Command::new("umount").arg("-l").arg(&self.0).stderr(Stdio::null()).status();
    }
}
