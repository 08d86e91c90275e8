//! A disk as a power loss may leave it: which data and which names are durable, and which are only in memory.
//!
//! The rules are POSIX's, not those of a kind file system: a file's data are durable by an fsync of the file, a name by
//! an fsync of the directory that holds it, and until then any of it may be lost or kept, each for itself. One thing
//! every journalling file system does: a rename is seen whole or not at all.

use std::collections::{BTreeMap, HashMap};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use logferry::model::time::Moment;

use crate::support::trace::{Phase, Step, What};

pub(super) type Node = usize;
type Name = (Node, String);
type Names = BTreeMap<Name, Node>;

/// The directory of the sandbox.
const ROOT: Node = 0;

/// A file or a directory.
#[derive(Clone, Default)]
struct Inode {
    is_dir: bool,
    durable: Vec<u8>,
    /// What was done to the data since.
    pending: Vec<Change>,
    /// The inode number it had before the run.
    number: Option<u64>,
}

#[derive(Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Cut(usize),
}

/// A change of names that is not durable.
#[derive(Clone)]
struct Renaming {
    /// The how manyth change of names it was.
    number: usize,
    kind: Kind,
    /// Directories that are still to be synced.
    unsynced: Vec<Node>,
}

#[derive(Clone)]
enum Kind {
    Add(Name, Node),
    Remove(Name, Node),
    Move(Name, Name, Node),
}

#[derive(Clone)]
struct Opened {
    node: Node,
    position: u64,
}

/// A disk and what of it is durable.
#[derive(Clone)]
pub(super) struct Disk {
    root: PathBuf,
    inodes: Vec<Inode>,
    now: Names,
    durable: Names,
    pending: Vec<Renaming>,
    /// How many changes of names there were.
    renamings: usize,
    open: HashMap<i64, Opened>,
    /// Up to where each log was read.
    read: HashMap<Node, u64>,
    /// Up to which change of data, or of names, an fsync under way makes durable.
    syncing: HashMap<usize, usize>,
}

impl Disk {
    /// The disk as it is now, all of it durable.
    pub(super) fn of(root: &Path) -> Self {
        let mut disk = Self {
            root: root.to_owned(),
            inodes: vec![Inode { is_dir: true, ..Inode::default() }],
            now: Names::new(),
            durable: Names::new(),
            pending: Vec::new(),
            renamings: 0,
            open: HashMap::new(),
            read: HashMap::new(),
            syncing: HashMap::new(),
        };
        for part in ["log", "store", "state"] {
            let entries = walkdir::WalkDir::new(root.join(part)).into_iter().filter_map(Result::ok);
            entries.for_each(|entry| disk.found(entry.path()));
        }
        disk.now = disk.durable.clone();
        disk
    }

    fn found(&mut self, path: &Path) {
        let metadata = std::fs::symlink_metadata(path).expect("it is there");
        let durable = if metadata.is_file() { std::fs::read(path).expect("a file") } else { Vec::new() };
        let number = Some(metadata.ino());
        let inode = Inode { is_dir: metadata.is_dir(), durable, pending: Vec::new(), number };
        self.inodes.push(inode);
        let parent = path.parent().and_then(|parent| find(&self.root, &self.durable, parent)).expect("its directory");
        self.durable.insert((parent, file_name(path)), self.inodes.len() - 1);
    }

    /// Another process begins: it has descriptors of its own.
    pub(super) fn next_run(&mut self) {
        self.open.clear();
        self.syncing.clear();
    }

    /// What a path stands for, durably: every directory on the way must be durable too.
    pub(super) fn durable(&self, path: &Path) -> Option<Node> {
        find(&self.root, &self.durable, path)
    }

    /// What a path stands for now.
    pub(super) fn now(&self, path: &Path) -> Option<Node> {
        find(&self.root, &self.now, path)
    }

    /// Whether all that was written to a file is durable.
    pub(super) fn is_synced(&self, node: Node) -> bool {
        self.inodes[node].pending.is_empty()
    }

    /// The durable bytes of a file.
    pub(super) fn durable_bytes(&self, node: Node) -> &[u8] {
        &self.inodes[node].durable
    }

    /// The names in a directory that are durable.
    pub(super) fn durable_names(&self, dir: &Path) -> Vec<String> {
        let Some(dir) = self.durable(dir) else { return Vec::new() };
        self.durable.keys().filter(|(parent, _)| *parent == dir).map(|(_, name)| name.clone()).collect()
    }

    /// Up to where a log was read.
    pub(super) fn read_up_to(&self, node: Node) -> u64 {
        self.read.get(&node).copied().unwrap_or(0)
    }

    /// The file behind a descriptor, where it is one of the sandbox.
    pub(super) fn opened(&self, fd: i64) -> Option<Node> {
        self.open.get(&fd).map(|opened| opened.node)
    }

    /// Carries out the beginning or the end of a step.
    pub(super) fn apply(&mut self, phase: Phase, step: &Step) {
        match (phase, &step.what) {
            // What comes after the beginning of an fsync need not be in it.
            (Phase::Begins, What::Sync { fd, path }) => self.begin_sync(step, *fd, path),
            (Phase::Ends, What::Sync { fd, path }) => self.end_sync(step, *fd, path),
            // Another thread may get its number before the call has ended.
            (Phase::Begins, What::Close { fd }) => drop(self.open.remove(fd)),
            (Phase::Begins, _) | (Phase::Ends, What::Close { .. }) => {}
            (Phase::Ends, What::Open { path, fd, makes }) => self.opens(path, *fd, *makes),
            (Phase::Ends, What::MakeDir { path }) => {
                let node = self.add(Inode { is_dir: true, ..Inode::default() });
                self.name(path, node);
            }
            (Phase::Ends, What::Write { fd, at, bytes, count }) => self.writes(*fd, *at, bytes, *count),
            (Phase::Ends, What::Read { fd, at, count, .. }) => self.reads(*fd, *at, *count),
            (Phase::Ends, What::Seek { fd, to }) => {
                self.open.entry(*fd).and_modify(|opened| opened.position = *to);
            }
            (Phase::Ends, What::Cut { fd, length }) => {
                if let Some(node) = self.opened(*fd) {
                    self.inodes[node].pending.push(Change::Cut(index(*length)));
                }
            }
            (Phase::Ends, What::Rename { from, to }) => self.renames(from, to),
            (Phase::Ends, What::Link { from, to }) => {
                let node = self.now(from);
                node.into_iter().for_each(|node| self.name(to, node));
            }
            (Phase::Ends, What::Unlink { path }) => self.unlinks(path),
        }
    }

    fn add(&mut self, inode: Inode) -> Node {
        self.inodes.push(inode);
        self.inodes.len() - 1
    }

    fn place(&self, path: &Path) -> Option<Name> {
        Some((self.now(path.parent()?)?, file_name(path)))
    }

    fn change(&mut self, kind: Kind) {
        apply_to(&mut self.now, &kind);
        let mut unsynced = match &kind {
            Kind::Add(name, _) | Kind::Remove(name, _) => vec![name.0],
            Kind::Move(from, to, _) => vec![from.0, to.0],
        };
        unsynced.dedup();
        self.renamings += 1;
        self.pending.push(Renaming { number: self.renamings, kind, unsynced });
    }

    fn name(&mut self, path: &Path, node: Node) {
        if let Some(place) = self.place(path) {
            self.change(Kind::Add(place, node));
        }
    }

    fn opens(&mut self, path: &Path, fd: i64, makes: bool) {
        self.open.remove(&fd);
        if makes && self.now(path).is_none() && self.place(path).is_some() {
            let node = self.add(Inode::default());
            self.name(path, node);
        }
        if let Some(node) = self.now(path) {
            self.open.insert(fd, Opened { node, position: 0 });
        }
    }

    fn writes(&mut self, fd: i64, at: Option<u64>, bytes: &[u8], count: u64) {
        let Some(opened) = self.open.get_mut(&fd) else { return };
        let from = at.unwrap_or(opened.position);
        opened.position = if at.is_none() { from + count } else { opened.position };
        let mut bytes = bytes.to_vec();
        bytes.resize(index(count), 0);
        let node = opened.node;
        self.inodes[node].pending.push(Change::Write(index(from), bytes));
    }

    fn reads(&mut self, fd: i64, at: Option<u64>, count: u64) {
        let Some(opened) = self.open.get_mut(&fd) else { return };
        match at {
            None => opened.position += count,
            Some(at) => {
                let up_to = self.read.entry(opened.node).or_default();
                *up_to = (at + count).max(*up_to);
            }
        }
    }

    fn renames(&mut self, from: &Path, to: &Path) {
        if let (Some(node), Some(from), Some(to)) = (self.now(from), self.place(from), self.place(to)) {
            self.change(Kind::Move(from, to, node));
        }
    }

    fn unlinks(&mut self, path: &Path) {
        if let (Some(node), Some(place)) = (self.now(path), self.place(path)) {
            self.change(Kind::Remove(place, node));
        }
    }

    fn begin_sync(&mut self, step: &Step, fd: i64, path: &Path) {
        let Some(node) = self.opened(fd).or_else(|| self.now(path)) else { return };
        let covered = if self.inodes[node].is_dir { self.renamings } else { self.inodes[node].pending.len() };
        self.syncing.insert(step.begun, covered);
    }

    fn end_sync(&mut self, step: &Step, fd: i64, path: &Path) {
        let Some(covered) = self.syncing.remove(&step.begun) else { return };
        let Some(node) = self.opened(fd).or_else(|| self.now(path)) else { return };
        if self.inodes[node].is_dir {
            self.sync_names(node, covered);
            return;
        }
        let inode = &mut self.inodes[node];
        let covered = covered.min(inode.pending.len());
        let changes: Vec<_> = inode.pending.drain(..covered).collect();
        changes.iter().for_each(|change| change.apply(&mut inode.durable));
    }

    fn sync_names(&mut self, dir: Node, covered: usize) {
        for renaming in self.pending.iter_mut().take_while(|renaming| renaming.number <= covered) {
            renaming.unsynced.retain(|unsynced| *unsynced != dir);
        }
        let (durable, pending) =
            std::mem::take(&mut self.pending).into_iter().partition(|r: &Renaming| r.unsynced.is_empty());
        self.pending = pending;
        let durable: Vec<Renaming> = durable;
        durable.iter().for_each(|renaming| apply_to(&mut self.durable, &renaming.kind));
    }
}

impl Change {
    fn apply(&self, data: &mut Vec<u8>) {
        match self {
            Self::Write(at, bytes) => {
                let end = at + bytes.len();
                data.resize(data.len().max(end), 0);
                data[*at..end].copy_from_slice(bytes);
            }
            Self::Cut(length) => data.resize(*length, 0),
        }
    }
}

fn index(number: u64) -> usize {
    usize::try_from(number).expect("it fits in memory")
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn find(root: &Path, names: &Names, path: &Path) -> Option<Node> {
    let below = path.strip_prefix(root).ok()?;
    below
        .components()
        .try_fold(ROOT, |dir, part| names.get(&(dir, part.as_os_str().to_string_lossy().into_owned())).copied())
}

fn apply_to(names: &mut Names, kind: &Kind) {
    match kind {
        Kind::Add(name, node) => drop(names.insert(name.clone(), *node)),
        Kind::Remove(name, node) => {
            if names.get(name) == Some(node) {
                names.remove(name);
            }
        }
        Kind::Move(from, to, node) => {
            if names.get(from) == Some(node) {
                names.remove(from);
            }
            names.insert(to.clone(), *node);
        }
    }
}

/// What a power loss keeps of what is not durable.
#[derive(Clone, Copy, Debug)]
pub(super) enum Keeps {
    Nothing,
    All,
    /// Names in the order in which they were changed, up to some point; data by chance.
    Beginning(u64),
    /// Any of them, by chance.
    Some(u64),
}

/// What is on the disk after a power loss.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Wreck {
    names: Vec<(Name, Node)>,
    files: BTreeMap<Node, Vec<u8>>,
}

/// A small generator: the same seed gives the same wreck.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn below(&mut self, end: usize) -> usize {
        index(self.next()) % end.max(1)
    }
}

impl Disk {
    /// The disk after a power loss at this moment.
    pub(super) fn lose_power(&self, keeps: Keeps) -> Wreck {
        let mut chance = Chance(match keeps {
            Keeps::Nothing | Keeps::All => 0,
            Keeps::Beginning(seed) | Keeps::Some(seed) => seed,
        });
        let (mut names, count) = (self.durable.clone(), chance.below(self.pending.len() + 1));
        for (at, renaming) in self.pending.iter().enumerate() {
            let kept = match keeps {
                Keeps::Nothing => false,
                Keeps::All => true,
                Keeps::Beginning(_) => at < count,
                Keeps::Some(_) => chance.below(2) == 0,
            };
            if kept {
                apply_to(&mut names, &renaming.kind);
            }
        }
        let names = self.reachable(&names);
        let files = names.iter().map(|(_, node)| *node).filter(|node| !self.inodes[*node].is_dir);
        let files = files.map(|node| (node, self.inodes[node].after(keeps, &mut chance))).collect();
        Wreck { names, files }
    }

    /// Names whose directories are there, each directory before what is in it.
    fn reachable(&self, names: &Names) -> Vec<(Name, Node)> {
        let (mut found, mut dirs) = (Vec::new(), std::collections::VecDeque::from([ROOT]));
        while let Some(dir) = dirs.pop_front() {
            for (name, node) in names.range((dir, String::new())..(dir + 1, String::new())) {
                found.push((name.clone(), *node));
                dirs.extend(self.inodes[*node].is_dir.then_some(*node));
            }
        }
        found
    }

    /// Makes the sandbox's directories what they were at the end of the trace, and goes on from there.
    pub(super) fn go_back_to_this(&mut self) {
        self.restore(&self.lose_power(Keeps::All));
        let names = self.reachable(&self.now);
        let mut paths: BTreeMap<Node, PathBuf> = BTreeMap::from([(ROOT, self.root.clone())]);
        for ((dir, name), node) in names {
            let path = paths[&dir].join(name);
            self.inodes[node].number = std::fs::metadata(&path).ok().map(|metadata| metadata.ino());
            paths.insert(node, path);
        }
    }

    /// Makes the sandbox's directories what a power loss left.
    pub(super) fn restore(&self, wreck: &Wreck) {
        for dir in ["log", "store"] {
            for entry in std::fs::read_dir(self.root.join(dir)).expect("a directory") {
                remove(&entry.expect("an entry").path());
            }
        }
        remove(&self.root.join("state"));
        let mut paths: BTreeMap<Node, PathBuf> = BTreeMap::from([(ROOT, self.root.clone())]);
        let mut moved = Vec::new();
        for ((dir, name), node) in &wreck.names {
            let path = paths[dir].join(name);
            match (paths.get(node), wreck.files.get(node)) {
                (Some(other), _) => std::fs::hard_link(other, &path).expect("a link"),
                (None, None) => make_dir(&path),
                (None, Some(bytes)) => std::fs::write(&path, bytes).expect("a file"),
            }
            moved.extend(self.inodes[*node].number.map(|number| (number, path.clone())));
            paths.entry(*node).or_insert(path);
        }
        let records = paths.values().filter(|path| path.extension().is_some_and(|end| end == "json"));
        records.for_each(|record| name_inodes_anew(record, &moved));
    }
}

impl Inode {
    fn after(&self, keeps: Keeps, chance: &mut Chance) -> Vec<u8> {
        let mut data = self.durable.clone();
        let count = match keeps {
            Keeps::Nothing => 0,
            Keeps::All => self.pending.len(),
            Keeps::Beginning(_) | Keeps::Some(_) => chance.below(self.pending.len() + 1),
        };
        self.pending[..count].iter().for_each(|change| change.apply(&mut data));
        if let (Some(Change::Write(at, bytes)), Keeps::Some(_)) = (self.pending.get(count), keeps) {
            // A write that is half there; or its length is there, and its bytes are not.
            match chance.below(3) {
                0 => Change::Write(*at, bytes[..chance.below(bytes.len())].to_vec()).apply(&mut data),
                1 => data.resize(data.len().max(at + bytes.len()), 0),
                _ => {}
            }
        }
        data
    }
}

fn make_dir(path: &Path) {
    // The log directory and the store stay as they are: records know the log directory by its inode.
    if !path.exists() {
        std::fs::create_dir(path).expect("a directory");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).expect("its mode");
    }
}

fn remove(path: &Path) {
    let removed = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    removed
        .or_else(|error| if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
        .expect("room");
}

/// A record knows its log by the inode; a file that was put back has another one, by which the record must know it.
fn name_inodes_anew(record: &Path, moved: &[(u64, PathBuf)]) {
    let Ok(mut json) = serde_json::from_slice::<serde_json::Value>(&std::fs::read(record).expect("a file")) else {
        return;
    };
    let Some(number) = json["source"]["file"]["ino"].as_u64() else { return };
    let Some((_, path)) = moved.iter().find(|(moved, _)| *moved == number) else { return };
    let metadata = std::fs::metadata(path).expect("it is there");
    json["source"]["file"]["ino"] = metadata.ino().into();
    let born = metadata.created().expect("a file system that keeps the time of birth");
    let born = born.duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_nanos();
    json["source"]["file"]["born"] =
        serde_json::to_value(Moment::from_nanos(born.try_into().expect("a time"))).expect("a time");
    std::fs::write(record, serde_json::to_vec_pretty(&json).expect("JSON")).expect("a record");
}
