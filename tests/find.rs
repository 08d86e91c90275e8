//! Finding what was shipped: `ls` with its filters, sums and forms, in a directory and in a bucket.

mod beside;
mod days;
mod edges;
mod forms;
mod lying;
mod names;
mod places;
mod trouble;

use std::collections::HashMap;

use crate::support::{Bucket, Ended, Sandbox};

/// The prefix of every test bucket's store.
const PREFIX: &str = "fleet/";

/// The same objects in a directory and in a bucket. Only what a listing tells of them is real.
struct Shelves {
    sandbox: Sandbox,
    bucket: Bucket,
}

/// A listing, and what the bucket was asked for it.
struct Found {
    ended: Ended,
    /// Listings.
    asked: Vec<Asked>,
    /// How many objects were asked what they say of themselves.
    described: usize,
}

/// A request to the bucket.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Asked {
    /// Objects that begin with this, behind that.
    Objects(String, String),
    /// Directories that begin with this.
    Directories(String),
}

impl Shelves {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        let bucket = Bucket::new(&sandbox);
        Self { sandbox, bucket }
    }

    /// Puts an object into both, with metadata.
    fn put_with(&self, key: &str, metadata: &[(&str, &str)]) {
        let path = self.sandbox.path("store").join(key);
        let directory = path.parent().expect("a directory");
        std::fs::create_dir_all(directory).expect("it is made");
        std::fs::write(&path, "12345").expect("an object");
        let metadata: HashMap<String, String> =
            metadata.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let beside = format!(".{}.json", path.file_name().expect("a name").to_string_lossy());
        std::fs::write(directory.join(beside), serde_json::to_vec(&metadata).expect("texts")).expect("metadata");
        self.bucket.server.take_in("logs", format!("{PREFIX}{key}"), &path, metadata).expect("it is taken in");
    }

    fn put(&self, key: &str) {
        self.put_with(key, &[]);
    }

    /// Puts a segment below the default layout: `web aaaaaa-1 20261120T233000 20261121T003000`.
    fn segment(&self, line: &str) {
        let words: Vec<_> = line.split(' ').collect();
        let [service, place, first, last] = words[..] else { panic!("{line}") };
        let leaf = leaf(service, first, last, "i-0abc", place);
        self.put(&format!("service={service}/dt={}/{leaf}", day(first)));
    }

    /// Runs `ls` on both, and fails the test unless they give the same.
    #[track_caller]
    fn ls(&self, args: &str) -> Found {
        let args = || ["ls"].into_iter().chain(args.split_whitespace());
        let in_directory = self.sandbox.run(args());
        self.bucket.server.clear_requests();
        let ended = self.bucket.run(&self.sandbox, args());
        assert_eq!((ended.code, ended.text()), (in_directory.code, in_directory.text()), "{}", ended.stderr);
        assert_eq!(ended.stderr, in_directory.stderr);
        let requests = self.bucket.server.requests();
        let asked: Vec<_> = requests.iter().filter_map(asked).collect();
        Found { ended, described: requests.len() - asked.len(), asked }
    }

    /// The segments that `ls` shows, as `aaaaaa-1`.
    #[track_caller]
    fn found(&self, args: &str) -> String {
        self.ls(args).segments()
    }
}

impl Found {
    #[track_caller]
    fn segments(&self) -> String {
        assert_eq!((self.ended.code, self.ended.stderr.as_str()), (0, ""));
        let text = self.ended.text();
        let place = |line: &str| {
            let (stream, seq) =
                line.split_whitespace().nth(4).expect("a fifth column").split_once('-').expect("a place");
            format!("{stream}-{}", seq.trim_start_matches('0'))
        };
        text.lines().map(place).collect::<Vec<_>>().join(" ")
    }
}

/// The listing that a request is for, if it is for one.
fn asked(request: &crate::s3_server::Request) -> Option<Asked> {
    let query = request.query.as_deref().unwrap_or_default();
    let value = |name: &str| {
        let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        let text = value.map(|value| percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned());
        text.map(|text| text.strip_prefix(PREFIX).unwrap_or(&text).to_owned())
    };
    let prefix = value("prefix")?;
    Some(match value("delimiter") {
        Some(_) => Asked::Directories(prefix),
        None => Asked::Objects(prefix, value("start-after").unwrap_or_default()),
    })
}

fn objects(prefix: &str, after: &str) -> Asked {
    Asked::Objects(prefix.to_owned(), after.to_owned())
}

fn directories(prefix: &str) -> Asked {
    Asked::Directories(prefix.to_owned())
}

/// The last part of a key; a place is `aaaaaa-1`.
fn leaf(service: &str, first: &str, last: &str, instance: &str, place: &str) -> String {
    let (stream, seq) = place.split_once('-').expect("a stream and a number");
    let seq: u32 = seq.parse().expect("a number");
    format!("{service}_{first}Z_{last}Z_{instance}_{stream}-{seq:08}-5994471a.log.gz")
}

/// `2026-11-21` of `20261121T...`.
fn day(stamp: &str) -> String {
    format!("{}-{}-{}", &stamp[..4], &stamp[4..6], &stamp[6..8])
}
