//! A log directory on a file system of its own, whose logs are taken in their place.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use logferry::sys::fault::Point;

use crate::support::mount::{Format, Mount};
use crate::support::proof::{self, Content, Stored};
use crate::support::{Ended, Sandbox, Stopped};

/// Where the logs of a test are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum On {
    Image(Format),
    /// On an ext4.
    Overlay,
    Memory,
}

/// A sandbox whose logs are there.
pub(crate) struct Scene {
    /// Unmounted, the last one first, before the sandbox is removed.
    mounts: Vec<Mount>,
    pub(crate) sandbox: Sandbox,
}

impl Drop for Scene {
    fn drop(&mut self) {
        while self.mounts.pop().is_some() {}
    }
}

impl Scene {
    pub(crate) fn new(on: On) -> Self {
        Self::with(on, "writer = \"holds\"\n")
    }

    pub(crate) fn with(on: On, configuration: &str) -> Self {
        let sandbox = Sandbox::new();
        sandbox.config_file(configuration);
        let (image, log) = (sandbox.path("image"), sandbox.path("log"));
        let mounts = match on {
            On::Image(format) => vec![Mount::formatted(format, &image, &log)],
            On::Overlay => {
                let below = Mount::formatted(Format::Ext4, &image, &sandbox.path("below"));
                vec![below, Mount::overlay(&sandbox.path("below"), &log)]
            }
            On::Memory => vec![Mount::in_memory(&log, "size=64m")],
        };
        // Nothing but logs is in there.
        let _ = std::fs::remove_dir(log.join("lost+found"));
        Self { mounts, sandbox }
    }

    pub(crate) fn run(&self) -> Ended {
        self.sandbox.run_all()
    }

    pub(crate) fn stopped_at(&self, point: Point) -> Stopped {
        let mut run = self.sandbox.logferry();
        run.arg("run").arg(self.sandbox.path("log"));
        Stopped::at(point, 1, run)
    }

    /// Runs until the point, where the run is killed.
    pub(crate) fn killed_at(&self, point: Point) {
        let mut run = self.sandbox.logferry();
        run.arg("run").arg(self.sandbox.path("log")).env("LOGFERRY_FAULT", format!("kill@{}", point.name()));
        let status = run.stderr(Stdio::null()).status().expect("it starts");
        assert_eq!(status.code(), None, "it comes to {}", point.name());
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.sandbox.log("web.log")
    }

    pub(crate) fn objects(&self) -> Vec<Stored> {
        proof::of_directory(&self.sandbox.path("store"))
    }

    /// All that the store has of one log, in order.
    pub(crate) fn joined(&self) -> Vec<u8> {
        proof::streams(self.objects()).into_values().flatten().flat_map(|segment| segment.raw).collect()
    }

    /// Fails the test unless the segments of the one log that there is, joined, are just that.
    #[track_caller]
    pub(crate) fn assert_joined(&self, content: &[u8]) {
        let joined = self.joined();
        let zeros = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == 0).count();
        let what =
            || format!("{} bytes of {}, {} zeros of {}", joined.len(), content.len(), zeros(&joined), zeros(content));
        assert!(joined == content, "{}", what());
    }

    /// Fails the test unless the store holds just that of `web.log`, once.
    #[track_caller]
    pub(crate) fn assert_all(&self, content: &str) {
        let compared = proof::compare_all(self.objects(), &[Content::new("web", content)]);
        assert_eq!((compared.lost, compared.doubled), (0, 0), "{compared:?}");
        self.sandbox.nothing_left_behind();
    }
}

/// Numbered lines of a log.
pub(crate) fn lines(range: std::ops::Range<u32>) -> String {
    range.map(|n| format!("{n:08} a line that some service has written\n")).collect()
}

pub(crate) fn append(log: &Path, text: &str) {
    let file = File::options().append(true).create(true).open(log);
    file.and_then(|mut file| file.write_all(text.as_bytes())).expect("it is written");
}

/// Has a log end in the lines of that range, and returns all of it.
pub(crate) fn append_lines(log: &Path, content: &mut String, range: std::ops::Range<u32>) {
    let text = lines(range);
    append(log, &text);
    content.push_str(&text);
}

/// Makes a log longer by that many zeros, which are a hole, as `truncate -s +BYTES` does.
pub(crate) fn lengthen(scene: &Scene, by: u64) {
    let log = File::options().write(true).open(scene.log()).expect("a log");
    log.set_len(log.metadata().expect("its length").len() + by).expect("a longer one");
}

/// How many bytes the disk has of a file, and how long it is.
pub(crate) fn sizes(log: &Path) -> (u64, u64) {
    let log = std::fs::metadata(log).expect("a log");
    (log.blocks() * 512, log.len())
}

/// A process that has a log open, and nothing else to do.
pub(crate) struct Holds(Child);

impl Holds {
    /// `how` is what a shell redirects with: `>>`, or `<>` for one that doesn't append.
    pub(crate) fn open(how: &str, log: &Path) -> Self {
        let script = format!("exec 3{how}'{}'; echo; exec sleep 1000", log.display());
        let mut child = Command::new("sh").args(["-c", &script]).stdout(Stdio::piped()).spawn().expect("sh");
        let mut ready = [0];
        std::io::Read::read_exact(child.stdout.as_mut().expect("a pipe"), &mut ready).expect("it has it open");
        Self(child)
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Holds {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
