//! The tests' S3 server in a process of its own, and what it holds, read from its directory: without the client that is
//! measured, and without the server itself.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

pub(crate) const ACCESS_KEY: &str = "AKIDBENCH";
pub(crate) const SECRET_KEY: &str = "a-secret-of-the-benchmark";
pub(crate) const BUCKET: &str = "logs";
pub(crate) const REGION: &str = "eu-central-1";

/// A server with one bucket; it ends when this is dropped.
pub(crate) struct Server {
    child: Child,
    root: PathBuf,
    endpoint: String,
}

/// An object that the server has taken in whole.
pub(crate) struct Object {
    pub(crate) key: String,
    /// Where its bytes are.
    pub(crate) path: PathBuf,
}

#[derive(Deserialize)]
struct Record {
    id: String,
    key: String,
    size: u64,
}

impl Server {
    pub(crate) fn start(program: &Path, root: PathBuf) -> Result<Self> {
        let mut command = Command::new(program);
        command.arg("--root").arg(&root).args(["--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY]);
        command.args(["--bucket", BUCKET, "--until-stdin-closes"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("start {}", program.display()))?;
        let mut endpoint = String::new();
        BufReader::new(child.stdout.take().context("its output is a pipe")?).read_line(&mut endpoint)?;
        let endpoint = endpoint.trim().to_owned();
        ensure!(endpoint.starts_with("http://"), "{} did not say where it listens", program.display());
        Ok(Self { child, root, endpoint })
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Host and port.
    pub(crate) fn host(&self) -> &str {
        self.endpoint.trim_start_matches("http://")
    }

    /// All objects, by their keys.
    pub(crate) fn objects(&self) -> Result<Vec<Object>> {
        let directory = self.root.join(BUCKET).join("objects");
        let mut objects = Vec::new();
        for entry in std::fs::read_dir(&directory).with_context(|| format!("list {}", directory.display()))? {
            let path = entry?.path();
            if path.extension().is_none_or(|end| end != "json") {
                continue;
            }
            let text = std::fs::read(&path).with_context(|| format!("read {}", path.display()))?;
            let Record { id, key, size } = serde_json::from_slice(&text)?;
            let path = directory.join(format!("{id}.data"));
            let length = std::fs::metadata(&path).with_context(|| format!("look at {}", path.display()))?.len();
            ensure!(length == size, "the object {key} has {length} bytes in the store, and was put with {size}");
            objects.push(Object { key, path });
        }
        objects.sort_unstable_by(|one, other| one.key.cmp(&other.key));
        Ok(objects)
    }

    /// How many objects there are.
    pub(crate) fn count(&self) -> Result<usize> {
        let entries = std::fs::read_dir(self.root.join(BUCKET).join("objects"))?;
        let names = entries.map(|entry| entry.map(|entry| entry.file_name()));
        let names = names.collect::<std::io::Result<Vec<_>>>()?;
        Ok(names.iter().filter(|name| name.to_string_lossy().ends_with(".json")).count())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It ends with its standard input.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
