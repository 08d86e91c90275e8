//! One thing that is measured: a directory of its own with logs, state and a store, and the binary that works on them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::logs::Kind;
use crate::observe::{self, Observed};
use crate::programs::Programs;
use crate::proof::{self, Repeated};
use crate::server::{ACCESS_KEY, BUCKET, REGION, SECRET_KEY, Server};

/// A directory with `log`, `state` and `s3`, removed with all that it holds when this is dropped.
pub(crate) struct Case<'p> {
    dir: PathBuf,
    programs: &'p Programs,
    pub(crate) server: Server,
}

/// What is measured does not wait for a writer that is none of this measurement, and its spool takes whatever comes.
const CONFIGURATION: &str = "writer = \"reopens\"\nmax_spool = \"30GiB\"\n";

impl<'p> Case<'p> {
    pub(crate) fn new(parent: &Path, name: &str, programs: &'p Programs) -> Result<Self> {
        let dir = parent.join(name);
        for part in ["log", "raw", "s3"] {
            std::fs::create_dir_all(dir.join(part)).with_context(|| format!("make {}", dir.display()))?;
        }
        std::fs::write(dir.join("logferry.toml"), CONFIGURATION)?;
        let server = Server::start(&programs.s3_server, dir.join("s3"))?;
        Ok(Self { dir, programs, server })
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir.join(name)
    }

    /// Makes the logs up that each run is to take: so many, of so many bytes. They are kept aside.
    pub(crate) fn make_logs(&self, count: usize, bytes: u64) -> Result<()> {
        for number in 0..count {
            let (kind, seed) = (Kind::of_number(number), number as u64 + 1);
            let kind = if count == 1 { Kind::Mixed } else { kind };
            crate::make_log(kind, seed, bytes, self.path(format!("raw/service-{number:05}.log")))?;
        }
        Ok(())
    }

    /// Lays the logs out for one run, and has the disk done with them before anything is timed.
    pub(crate) fn lay_out(&self) -> Result<usize> {
        let mut count = 0;
        for entry in std::fs::read_dir(self.path("raw"))? {
            let from = entry?.path();
            let to = self.path("log").join(from.file_name().context("a log has a name")?);
            std::fs::copy(&from, &to).with_context(|| format!("copy {} to {}", from.display(), to.display()))?;
            count += 1;
        }
        nix::unistd::sync();
        Ok(count)
    }

    /// Lays one log out that holds a base again and again, up to so many bytes: real ones, none of them a hole.
    pub(crate) fn lay_out_repeated(&self, base: &Path, bytes: u64) -> Result<()> {
        let path = self.path("log/service-00000.log");
        let mut log = File::create(&path).with_context(|| format!("create {}", path.display()))?;
        std::io::copy(&mut Repeated::new(base, bytes)?, &mut log)
            .with_context(|| format!("write {}", path.display()))?;
        nix::unistd::sync();
        Ok(())
    }

    /// One run over such a log, and then the proof that its object is right.
    pub(crate) fn run_repeated(&self, base: &Path, bytes: u64) -> Result<Observed> {
        self.lay_out_repeated(base, bytes)?;
        let before: Vec<_> = self.server.objects()?.into_iter().map(|object| object.key).collect();
        let observed = self.observe(&self.run_command())?;
        proof::nothing_left(&self.path("log"), &self.path("state/spool"))?;
        let objects = self.server.objects()?.into_iter().filter(|object| !before.contains(&object.key));
        let mut new: Vec<_> = objects.map(|object| object.path).collect();
        ensure!(!new.is_empty(), "no object came into the store");
        // A large log is taken in slices: their names end in the stream's and the number in it.
        new.sort_by_key(|path| path.to_string_lossy().rsplit('_').next().map(ToOwned::to_owned));
        proof::gzip_gives(&new, Repeated::new(base, bytes)?)?;
        Ok(observed)
    }

    /// The binary, with an environment that holds nothing but this case.
    pub(crate) fn logferry(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.programs.logferry);
        command.args(arguments).env("HOME", &self.dir).env("AWS_EC2_METADATA_DISABLED", "true");
        command.env("LOGFERRY_CONFIG", self.path("logferry.toml")).env("LOGFERRY_STATE_DIR", self.path("state"));
        command.env("LOGFERRY_TO", format!("s3://{BUCKET}/fleet")).env("AWS_ENDPOINT_URL", self.server.endpoint());
        command.env("AWS_ACCESS_KEY_ID", ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", SECRET_KEY).env("AWS_REGION", REGION);
        command.current_dir(&self.dir);
        command
    }

    /// `logferry run` on the log directory.
    pub(crate) fn run_command(&self) -> Command {
        let mut command = self.logferry(&["run"]);
        command.arg(self.path("log"));
        command
    }

    pub(crate) fn observe(&self, command: &Command) -> Result<Observed> {
        observe::run(command, &self.dir)
    }

    /// One run over all logs, untimed, and the proof that what it did is right.
    pub(crate) fn prove(&self) -> Result<()> {
        self.run()?;
        proof::objects_hold(&self.server.objects()?, &self.path("raw"), proof::Times::Once)
    }

    /// One run over all logs that were laid out for it. How many objects there are, and that nothing is left, is looked at
    /// each time.
    pub(crate) fn run(&self) -> Result<Observed> {
        let (before, logs) = (self.server.count()?, self.lay_out()?);
        let observed = self.observe(&self.run_command())?;
        let arrived = self.server.count()? - before;
        ensure!(arrived >= logs, "{arrived} objects came into the store, of {logs} logs");
        proof::nothing_left(&self.path("log"), &self.path("state/spool"))?;
        Ok(observed)
    }
}

impl Drop for Case<'_> {
    fn drop(&mut self) {
        // Gigabytes: the next case needs the room. What can't be removed stays, for whoever looks why.
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}
