//! Objects that come into a bucket without a request: thousands of them in no time, as if our own client had put them.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use s3s::crypto::{Checksum as _, Md5};

use super::S3Server;
use super::checksum::{Algorithm, Checksum};
use super::operations::hex;
use super::storage::{Attributes, Condition, Object, new_id};

impl S3Server {
    /// Takes in a file as an object. Where it is on the same file system, its bytes are shared with it.
    pub(crate) fn take_in(
        &self,
        bucket: &str,
        key: String,
        file: &Path,
        metadata: HashMap<String, String>,
    ) -> io::Result<()> {
        let data = self.storage.new_file();
        fs::hard_link(file, data.path()).or_else(|_| fs::copy(file, data.path()).map(drop))?;
        let bytes = fs::read(file)?;
        let mut md5 = Md5::new();
        md5.update(&bytes);
        let mut hasher = Algorithm::Sha256.hasher();
        hasher.update(&bytes);
        let object = Object {
            id: new_id(),
            key,
            size: bytes.len() as u64,
            etag: hex(md5.finalize()),
            modified: SystemTime::now(),
            checksum: Checksum::of(Algorithm::Sha256, hasher),
            attributes: Attributes {
                content_type: Some("application/gzip".to_owned()),
                metadata: Some(metadata),
                ..Attributes::default()
            },
        };
        self.storage.put(bucket, object, data, Condition::IfAbsent).map_err(io::Error::other)
    }
}
