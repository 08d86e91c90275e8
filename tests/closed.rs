//! Logs that nobody writes any more: what logrotate left, and what writers rotate themselves.

mod backlog;
mod beside;
mod compressed;
pub(crate) mod docker;
mod logrotate;
pub(crate) mod svlogd;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::support::proof::{self, Stored};
use crate::support::{Ended, Sandbox};

/// Makes a rotated file that was last changed so many hours ago.
pub(crate) fn rotated(sandbox: &Sandbox, name: &str, bytes: impl AsRef<[u8]>, hours_ago: u64) -> PathBuf {
    let packed = match name.rsplit('.').next() {
        Some("gz") => gzip(bytes.as_ref()),
        Some("zst") => zstd::encode_all(bytes.as_ref(), 3).expect("memory"),
        _ => bytes.as_ref().to_vec(),
    };
    let path = sandbox.write_log(name, packed);
    set_age(&path, hours_ago);
    path
}

fn set_age(path: &Path, hours_ago: u64) {
    let when = SystemTime::now() - Duration::from_secs(hours_ago * 3600);
    let file = std::fs::File::options().append(true).open(path).expect("the file");
    file.set_modified(when).expect("its time");
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

/// `logferry run --backlog` on all logs of the directory.
fn run_backlog(sandbox: &Sandbox) -> Ended {
    sandbox.run(["run".into(), "--backlog".into(), sandbox.log("*.log").into_os_string()])
}

fn cat(sandbox: &Sandbox, service: &str) -> String {
    sandbox.run(["cat", service]).expect(0).text()
}

/// The objects of a directory store, with the paths of their streams and their numbers, in the order of both.
fn stored(sandbox: &Sandbox) -> Vec<Stored> {
    let mut stored = proof::of_directory(&sandbox.path("store"));
    stored.sort_by_key(|object| (object.says("path").to_owned(), object.number("seq")));
    stored
}

/// Fails the test unless both are the same; tells where they part.
#[track_caller]
fn assert_same(read: &[u8], written: &[u8]) {
    let at = read.iter().zip(written).position(|(a, b)| a != b);
    let shown = |bytes: &[u8]| {
        let at = at.unwrap_or(0);
        String::from_utf8_lossy(&bytes[at.saturating_sub(60).min(bytes.len())..(at + 60).min(bytes.len())]).into_owned()
    };
    assert!(
        read == written,
        "{} bytes read, {} written; they part at {at:?}:\n{}\n--- written:\n{}",
        read.len(),
        written.len(),
        shown(read),
        shown(written)
    );
}
