//! The order in which a run must make things durable, each rule with its reason.
//!
//! A rule is asked when a step begins: what it depends on must be durable by then. Exceptions, all of them:
//!
//! - A claim renames a log that was not synced: the file is its writer's, and nothing was written to it by us.
//! - `NAME.gz` becomes `NAME.shipped` without an fsync of the directory right behind it: if a power loss undoes that, the
//!   segment is put again under the same key, and found there. The mark is durable before anything depends on it.
//! - What the runs came to, and when logs held nothing new (`last.json`, `skipped.json`, `looks`), may be torn: nothing depends on it.
//! - Hidden files of ours (`.*.tmp`, `NAME.upload`) may go at any time: nothing is known by them alone.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::disk::{Disk, Node};
use crate::support::trace::{Bytes, Step, What};

/// Where objects go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Store {
    Directory,
    /// Its answers are seen on the wire.
    Bucket,
}

pub(super) struct Rules {
    root: PathBuf,
    store: Store,
    bytes: Bytes,
    /// Which rules had something to judge, so that none is held by never being asked.
    pub(super) asked: BTreeSet<&'static str>,
    /// Answers of a bucket that confirm an object.
    confirmed: usize,
    marked: usize,
}

impl Rules {
    pub(super) fn new(root: &Path, store: Store, bytes: Bytes) -> Self {
        Self { root: root.to_owned(), store, bytes, asked: BTreeSet::new(), confirmed: 0, marked: 0 }
    }

    /// Judges a step that is about to begin.
    pub(super) fn judge(&mut self, disk: &Disk, step: &Step) {
        match &step.what {
            What::Rename { from, to } => self.rename(disk, from, to),
            What::Link { from, to } => self.link(disk, from, to),
            What::Unlink { path } => self.unlink(disk, path),
            What::Open { path, makes: false, .. } if extension(path) == "gz" => self.put(disk, path),
            _ => {}
        }
    }

    /// Takes note of a step that has ended.
    pub(super) fn note(&mut self, disk: &Disk, step: &Step) {
        if let What::Read { fd, at: None, bytes, .. } = &step.what
            && disk.opened(*fd).is_none()
            && self.store == Store::Bucket
        {
            // 412: an earlier put of the same bytes had come through.
            let confirms = bytes.starts_with(b"HTTP/1.1 200") || bytes.starts_with(b"HTTP/1.1 412");
            self.confirmed += usize::from(confirms);
        }
    }

    fn rename(&mut self, disk: &Disk, from: &Path, to: &Path) {
        let ours = [self.root.join("state"), self.root.join("store")];
        if ours.iter().any(|dir| from.starts_with(dir)) && !self.may_be_torn(to) {
            self.require_synced(disk, from, "a file gets its final name only when its bytes are durable");
        }
        let (from_end, to_end) = (extension(from), extension(to));
        if is_claimed(to) {
            self.claim(disk, to);
        }
        if from_end == "tmp" && to_end == "json" && disk.durable(to).is_some() {
            self.seal_recorded(disk, from);
        }
        if from_end == "part" && to_end == "gz" {
            self.sealed(disk, from);
        }
        if from_end == "gz" && to_end == "shipped" {
            self.shipped(disk, from);
        }
        if from_end == "json" && to.starts_with(self.root.join("state/streams")) {
            self.asked.insert("the record moves");
            // Else a sealed segment could be left without its record, and be taken for damage.
            let mark = from.with_extension("shipped");
            assert!(disk.durable(&mark).is_some(), "{} moves before {} is durable", show(from), show(&mark));
        }
    }

    fn may_be_torn(&self, path: &Path) -> bool {
        ["last.json", "skipped.json", "looks"].iter().any(|name| path == self.root.join("state").join(name))
    }

    fn require_synced(&mut self, disk: &Disk, path: &Path, why: &'static str) {
        self.asked.insert(why);
        let node = disk.now(path).unwrap_or_else(|| panic!("{} is not there", show(path)));
        assert!(disk.is_synced(node), "{}: {why}", show(path));
    }

    /// The record must be found after a power loss that kept the claim: it says whose the hidden file is, and where the
    /// stream stands.
    fn claim(&mut self, disk: &Disk, claimed: &Path) {
        self.asked.insert("claim");
        self.record_of(disk, claimed);
    }

    /// The durable record that names a claimed file: its path without extension.
    fn record_of(&self, disk: &Disk, claimed: &Path) -> PathBuf {
        let spool = self.root.join("state/spool");
        let names = disk.durable_names(&spool);
        let records = names.iter().filter(|name| name.ends_with(".json")).map(|name| spool.join(name));
        let claimed = claimed.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut of_claimed = records.filter(|record| {
            let node = disk.durable(record).expect("it is listed");
            let json = serde_json::from_slice::<serde_json::Value>(disk.durable_bytes(node));
            json.is_ok_and(|json| json["claimed"] == claimed.as_str())
        });
        let record = of_claimed.next().unwrap_or_else(|| panic!("no durable record speaks of {claimed}: {names:?}"));
        record.with_extension("")
    }

    /// What is removed here can't be taken back.
    fn unlink(&mut self, disk: &Disk, path: &Path) {
        match extension(path).as_str() {
            "claimed" => self.unlink_claimed(disk, path),
            "part" => self.discard_part(disk, path),
            "shipped" => self.drop_shipped(disk, path),
            "gz" => panic!("{} is removed: a sealed segment must be marked as shipped first", show(path)),
            _ => {}
        }
    }

    /// After it the part is all there is.
    fn unlink_claimed(&mut self, disk: &Disk, claimed: &Path) {
        self.asked.insert("unlink");
        let log = disk.durable(claimed);
        // Were the claim undone, the log would stand under its own name, and be taken a second time.
        let log = log.unwrap_or_else(|| panic!("{} is unlinked before its claim is durable", show(claimed)));
        let part = self.record_of(disk, claimed).with_extension("part");
        let node = disk.durable(&part).unwrap_or_else(|| panic!("the name of {} is not durable", show(&part)));
        assert!(disk.is_synced(node), "{} has bytes that are not durable", show(&part));
        if matches!(self.bytes, Bytes::All) {
            let (raw, log_bytes) = (raw_of(disk.durable_bytes(node)), disk.durable_bytes(log));
            assert!(raw.len() as u64 >= disk.read_up_to(log), "{}: bytes that were read are missing", show(&part));
            assert!(raw == log_bytes, "{}: it holds something else than the log", show(&part));
        }
    }

    /// A part may go only as long as its log is there to be copied again.
    fn discard_part(&mut self, disk: &Disk, part: &Path) {
        let Some(node) = disk.durable(&part.with_extension("json")) else { return };
        let Ok(json) = serde_json::from_slice::<serde_json::Value>(disk.durable_bytes(node)) else { return };
        if let (Some(claimed), Some(log)) = (json["claimed"].as_str(), json["path"].as_str()) {
            self.asked.insert("discard");
            let there = |name: &Path| disk.durable(name).is_some();
            assert!(
                there(&Path::new(log).with_file_name(claimed)) || there(Path::new(log)),
                "{} goes alone",
                show(part)
            );
        }
    }

    /// The record says "sealed": from now on the segment may be shipped, so the claimed file must not come back.
    fn seal_recorded(&mut self, disk: &Disk, record: &Path) {
        let node = disk.now(record).expect("it is about to be renamed");
        let Ok(json) = serde_json::from_slice::<serde_json::Value>(disk.durable_bytes(node)) else { return };
        let (Some(claimed), Some(log), false) =
            (json["claimed"].as_str(), json["path"].as_str(), json["seal"].is_null())
        else {
            return;
        };
        self.asked.insert("the unlink is durable");
        let claimed = Path::new(log).with_file_name(claimed);
        assert!(disk.durable(&claimed).is_none(), "sealed while a power loss could bring {} back", show(&claimed));
    }

    /// A settled segment's inode is remembered, durably, before it counts as sealed: else its growth would be forgotten.
    fn sealed(&mut self, disk: &Disk, part: &Path) {
        let node = disk.now(&part.with_extension("json")).expect("a sealed segment has a record");
        let json: serde_json::Value = serde_json::from_slice(disk.durable_bytes(node)).expect("a sound record");
        if json["seal"]["ended"] != "released" {
            self.asked.insert("held");
            let name = part.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let held = disk.durable_names(&self.root.join("state/held"));
            assert!(held.iter().any(|held| held.contains(&name)), "{name} is not remembered: {held:?}");
        }
    }

    /// A segment is opened to be put. If a power loss could still undo its seal, it would be sealed anew, with another
    /// end and so under another key, and its bytes would be in the store twice.
    fn put(&mut self, disk: &Disk, sealed: &Path) {
        if !sealed.starts_with(self.root.join("state/spool")) {
            return;
        }
        self.asked.insert("put");
        let node = disk.durable(sealed).unwrap_or_else(|| panic!("the name of {} is not durable", show(sealed)));
        assert!(disk.is_synced(node), "{} has bytes that are not durable", show(sealed));
        let record = disk.durable(&sealed.with_extension("json")).map(|record| disk.durable_bytes(record));
        let record = record.and_then(|record| serde_json::from_slice::<serde_json::Value>(record).ok());
        assert!(record.is_some_and(|record| !record["seal"].is_null()), "the seal of {} is not durable", show(sealed));
    }

    /// The store has confirmed: the object is durable there, whole, with its metadata.
    fn shipped(&mut self, disk: &Disk, sealed: &Path) {
        self.asked.insert("shipped");
        self.marked += 1;
        if self.store == Store::Bucket {
            assert!(self.confirmed >= self.marked, "{} is marked before the store has answered", show(sealed));
            return;
        }
        let segment = sealed.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let objects = durable_objects(disk, &self.root.join("store"));
        let object = objects.into_iter().find(|object| file_name(object).contains(&segment));
        let object = object.unwrap_or_else(|| panic!("the object of {segment} has no durable name"));
        let (body, ours) = (disk.durable(&object).expect("it is listed"), disk.now(sealed).expect("it is there"));
        assert!(disk.durable_bytes(body) == disk.durable_bytes(ours), "{}: not the segment's bytes", show(&object));
        self.require_metadata(disk, &object);
    }

    fn require_metadata(&self, disk: &Disk, object: &Path) -> Node {
        let metadata = object.with_file_name(format!(".{}.json", file_name(object)));
        let node = disk.durable(&metadata).unwrap_or_else(|| panic!("{} is not durable", show(&metadata)));
        assert!(serde_json::from_slice::<serde_json::Value>(disk.durable_bytes(node)).is_ok(), "{}", show(&metadata));
        node
    }

    /// Who finds an object finds all of it, and what it says of itself.
    fn link(&mut self, disk: &Disk, from: &Path, to: &Path) {
        self.require_synced(disk, from, "an object's file gets its name only when its bytes are durable");
        if !file_name(to).starts_with('.') {
            self.asked.insert("object");
            self.require_metadata(disk, to);
        }
    }

    /// The last trace of a segment in the spool: its mark is durable, and so is the stream's record, or the next segment
    /// would get its number.
    fn drop_shipped(&mut self, disk: &Disk, shipped: &Path) {
        self.asked.insert("drop");
        let segment = shipped.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        assert!(disk.durable(shipped).is_some(), "{} is removed before it is durable", show(shipped));
        let (stream, seq) = segment.split_once('-').expect("a segment's name");
        let seq: u64 = seq.parse().expect("a number");
        let streams = self.root.join("state/streams");
        let kept = disk.durable_names(&streams).into_iter().any(|name| {
            let node = disk.durable(&streams.join(name)).expect("it is listed");
            let json = serde_json::from_slice::<serde_json::Value>(disk.durable_bytes(node));
            json.is_ok_and(|json| json["stream"] == stream && json["seq"].as_u64().is_some_and(|kept| kept >= seq))
        });
        assert!(kept, "{segment} is dropped before its stream's record is durable");
    }
}

/// The raw bytes of a part, which has no trailer.
fn raw_of(part: &[u8]) -> Vec<u8> {
    let mut raw = Vec::new();
    // It ends without a last block: all that comes before that is good.
    let _ = flate2::read::DeflateDecoder::new(&part[10..]).read_to_end(&mut raw);
    raw
}

/// Objects whose names are durable, and those of all directories on the way.
fn durable_objects(disk: &Disk, dir: &Path) -> Vec<PathBuf> {
    let names = disk.durable_names(dir).into_iter().filter(|name| !name.starts_with('.'));
    let below = names.map(|name| dir.join(name));
    below.flat_map(|path| if extension(&path) == "gz" { vec![path] } else { durable_objects(disk, &path) }).collect()
}

fn is_claimed(path: &Path) -> bool {
    extension(path) == "claimed"
}

fn extension(path: &Path) -> String {
    path.extension().unwrap_or_default().to_string_lossy().into_owned()
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn show(path: &Path) -> String {
    path.display().to_string()
}
