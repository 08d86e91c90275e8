//! The same archive in a bucket.

use std::collections::HashMap;

use super::{Archive, Segment, Stream, metadata_file};
use crate::s3_server::{FaultHook, Transport};
use crate::support::{Bucket, Sandbox};

/// The prefix of every test bucket's store.
const PREFIX: &str = "fleet/";

impl Archive {
    /// A bucket that holds what is wanted of it, as if it had been put there. With a sandbox in memory the bytes of an
    /// object are those in the directory.
    pub(crate) fn bucket(
        &self,
        sandbox: &Sandbox,
        fault: Option<FaultHook>,
        wanted: impl Fn(&Stream, &Segment) -> bool,
    ) -> Bucket {
        let bucket = Bucket::with(sandbox, Transport::Http, fault);
        for (_, segment) in self.segments().filter(|(stream, segment)| wanted(stream, segment)) {
            let (directory, leaf) = segment.key.split();
            let directory = self.root.join(directory);
            let metadata = std::fs::read(directory.join(metadata_file(leaf))).expect("metadata");
            let metadata: HashMap<String, String> = serde_json::from_slice(&metadata).expect("texts");
            let key = format!("{PREFIX}{}", segment.key);
            bucket.server.take_in("logs", key, &directory.join(leaf), metadata).expect("it is taken in");
        }
        bucket
    }
}
