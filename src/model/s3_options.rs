//! How objects are to be stored in a bucket, as far as the user has a say in it.

use std::time::Duration;

/// How S3 encrypts an object at rest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Encryption {
    /// With keys that S3 manages (SSE-S3, `AES256`).
    S3,
    /// With a key of the Key Management Service (SSE-KMS); the account's default key where none is named.
    Kms {
        /// The key's id, alias or ARN.
        key: Option<String>,
    },
}

/// The checksum that goes with each put and that the store verifies.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Checksum {
    /// SHA-256: the one that was computed when the segment was sealed.
    #[default]
    Sha256,
    /// CRC-32.
    Crc32,
    /// CRC-32C.
    Crc32c,
    /// CRC-64/NVME.
    Crc64Nvme,
}

impl Checksum {
    /// Every choice, with the word for it.
    pub const ALL: [(&'static str, Self); 4] =
        [("sha256", Self::Sha256), ("crc32", Self::Crc32), ("crc32c", Self::Crc32c), ("crc64nvme", Self::Crc64Nvme)];
}

/// The options of a bucket.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct S3Options {
    /// Encryption at rest; the bucket's default where absent.
    pub encryption: Option<Encryption>,
    /// Storage class; the bucket's default (STANDARD) where absent.
    pub storage_class: Option<String>,
    /// Tags, at most 10 (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html>).
    pub tags: Vec<(String, String)>,
    /// Canned ACL.
    pub acl: Option<String>,
    /// The account that must own the bucket.
    pub expected_bucket_owner: Option<String>,
    /// The checksum of a put.
    pub checksum: Checksum,
    /// How long the store may take to answer, besides the time that a body needs; [`Self::TIMEOUT`] where absent.
    pub timeout: Option<Duration>,
}

impl S3Options {
    /// How long the store may take to answer, where the user doesn't say.
    pub const TIMEOUT: Duration = Duration::from_secs(30);

    /// The least and the most that it may be.
    pub const TIMEOUTS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(600)];

    /// How long the store may take to answer.
    pub fn timeout(&self) -> Duration {
        self.timeout.unwrap_or(Self::TIMEOUT)
    }
}
