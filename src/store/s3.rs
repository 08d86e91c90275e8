//! An S3 bucket as a store, by the AWS SDK.
//!
//! Promise: one conditional put for a segment and nothing else (no HEAD, no listing), so that `s3:PutObject` is all the
//! permission that shipping needs; bodies are sent from bounded memory with a length and a checksum, never as
//! `aws-chunked`, which some servers refuse or store as content. Segments larger than a part go up in parts; what is
//! left of an upload that failed is removed.
//!
//! The SDK's own retries are off: [`super::retry`] is the one layer that tries again.

mod body;
mod client;
pub(crate) mod error;
pub(crate) mod http;
mod listing;
mod multipart;
mod paced;
mod probe;

use std::collections::HashMap;
use std::io::Read;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::put_object::PutObjectOutput;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ObjectCannedAcl, ServerSideEncryption, StorageClass};
use body::Body;
use tokio::runtime::Runtime;

use listing::{Asked, Entry, Shown};

use super::retry::{Allowance, Retry, Task};
use super::throttle::Throttle;
use super::{Description, Kind, Listed, Object, Probe, Put, Store, StoreError, Uploads};
use crate::model::destination::Bucket;
use crate::model::digest::Digest;
use crate::model::format::Format;
use crate::model::key::ObjectKey;
use crate::model::metadata::Metadata;
use crate::model::s3_options::{Checksum, Encryption, S3Options};
use crate::sys::signals::Stop;

/// The media type of an object, as its name says. There is no `Content-Encoding`: it makes some readers unpack on the way,
/// without a word (FACTS, "S3").
fn content_type(key: &ObjectKey) -> &'static str {
    key.leaf().map_or_else(Format::default, |leaf| leaf.format).content_type()
}

/// A bucket and a prefix in it.
pub(super) struct S3Store {
    runtime: Runtime,
    client: Client,
    bucket: Bucket,
    prefix: String,
    options: S3Options,
    retry: Retry,
    /// Off once the server has said that it doesn't know conditional puts (501). The digest in the key makes a plain
    /// put safe: it can only write the same bytes again.
    conditional: AtomicBool,
}

impl S3Store {
    pub(super) fn open(
        bucket: Bucket,
        prefix: String,
        options: S3Options,
        throttle: Throttle,
        stop: Stop,
    ) -> Result<Self, StoreError> {
        let failed = |error| StoreError::new("set up the client for", bucket.as_str(), Kind::Local, error);
        let runtime = client::runtime().map_err(failed)?;
        let client = runtime.block_on(client::client(options.timeout(), &throttle)).map_err(failed)?;
        let (retry, conditional) = (Retry::new(options.timeout(), throttle, stop), AtomicBool::new(true));
        Ok(Self { runtime, client, bucket, prefix, options, retry, conditional })
    }

    fn full_key(&self, key: &ObjectKey) -> String {
        self.full_prefix(key.as_str())
    }

    fn full_prefix(&self, below: &str) -> String {
        match self.prefix.is_empty() {
            true => below.to_owned(),
            false => format!("{}/{below}", self.prefix),
        }
    }

    async fn put_whole(&self, object: &Object<'_>) -> Result<Put, StoreError> {
        let length = usize::try_from(object.length).expect("it fits in one part");
        let body = bytes::Bytes::from(object.read(0, length)?);
        if Digest::of(&body) != object.sha256 {
            return Err(object.damaged());
        }
        self.conditionally(object.key, "put", self.retry.time_for(length), |condition| {
            let request = self.put_request(object.key, object.sha256).set_if_none_match(condition);
            let request = request.content_type(content_type(object.key)).set_metadata(Some(owned(object.metadata)));
            let request = request.body(ByteStream::from(body.clone()));
            async move { error::creation("put", object.key, request.send().await, PutObjectOutput::e_tag) }
        })
        .await
    }

    /// Makes a request that creates an object, on condition that there is none, as far as the server knows conditions.
    async fn conditionally<T, F>(
        &self,
        key: &ObjectKey,
        doing: &'static str,
        limit: Allowance,
        request: impl Fn(Option<String>) -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let task = Task { doing, what: key };
        loop {
            let conditional = self.conditional.load(Ordering::Relaxed);
            let condition = conditional.then(|| "*".to_owned());
            match self.retry.run_within(task, limit, || request(condition.clone())).await {
                Err(error) if error.kind == Kind::NotImplemented && conditional => {
                    log::info!("{key}: the store doesn't know conditional puts; a plain one follows");
                    self.conditional.store(false, Ordering::Relaxed);
                }
                other => return other,
            }
        }
    }

    /// The request to put an object, but for its body and what it says of itself.
    fn put_request(&self, key: &ObjectKey, sha256: Digest) -> PutObjectFluentBuilder {
        let request = self
            .client
            .put_object()
            .bucket(self.bucket.as_str())
            .key(self.full_key(key))
            .set_expected_bucket_owner(self.options.expected_bucket_owner.clone())
            .set_acl(self.acl())
            .set_storage_class(self.storage_class())
            .set_server_side_encryption(self.encryption())
            .set_ssekms_key_id(self.kms_key())
            .set_tagging(self.tagging());
        match self.options.checksum {
            // The digest that was computed at the seal: the store verifies the whole way from there.
            Checksum::Sha256 => request.checksum_sha256(base64_simd::STANDARD.encode_to_string(sha256.0)),
            other => request.checksum_algorithm(algorithm(other)),
        }
    }

    fn acl(&self) -> Option<ObjectCannedAcl> {
        self.options.acl.as_deref().map(ObjectCannedAcl::from)
    }

    fn storage_class(&self) -> Option<StorageClass> {
        self.options.storage_class.as_deref().map(StorageClass::from)
    }

    fn encryption(&self) -> Option<ServerSideEncryption> {
        self.options.encryption.as_ref().map(|encryption| match encryption {
            Encryption::S3 => ServerSideEncryption::Aes256,
            Encryption::Kms { .. } => ServerSideEncryption::AwsKms,
        })
    }

    fn kms_key(&self) -> Option<String> {
        match &self.options.encryption {
            Some(Encryption::Kms { key }) => key.clone(),
            _ => None,
        }
    }

    fn tagging(&self) -> Option<String> {
        use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let tags: Vec<_> =
            self.options.tags.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        (!tags.is_empty()).then(|| tags.join("&"))
    }
}

impl Store for S3Store {
    fn put(&self, object: &Object<'_>, uploads: &dyn Uploads) -> Result<Put, StoreError> {
        match object.length <= multipart::PART {
            true => self.runtime.block_on(self.put_whole(object)),
            false => self.runtime.block_on(self.put_in_parts(object, uploads)),
        }
    }

    fn probe(&self, key: &ObjectKey) -> Probe {
        self.runtime.block_on(self.probe_put(key))
    }

    fn abandon(&self, key: &ObjectKey, upload: &str) -> Result<(), StoreError> {
        self.runtime.block_on(self.abort(key, upload))
    }

    fn list_after(
        &self,
        prefix: &str,
        after: &str,
        each: &mut dyn FnMut(Listed) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.each_of(Asked { prefix, after, shown: Shown::Objects }, &mut |entry| match entry {
            Entry::Object(listed) => each(listed),
            Entry::Directory(_) => ControlFlow::Continue(()),
        })
    }

    fn list_directories(&self, prefix: &str, each: &mut dyn FnMut(&str) -> ControlFlow<()>) -> Result<(), StoreError> {
        self.each_of(Asked { prefix, after: "", shown: Shown::Directories }, &mut |entry| match entry {
            Entry::Directory(directory) => each(&directory),
            Entry::Object(_) => ControlFlow::Continue(()),
        })
    }

    fn open_from(&self, key: &ObjectKey, offset: u64) -> Result<Box<dyn Read + Send + '_>, StoreError> {
        Ok(Box::new(Body::open(self, key, offset)?))
    }

    fn describe(&self, key: &ObjectKey) -> Result<Description, StoreError> {
        let request = || {
            self.client
                .head_object()
                .bucket(self.bucket.as_str())
                .key(self.full_key(key))
                .set_expected_bucket_owner(self.options.expected_bucket_owner.clone())
                .send()
        };
        let task = Task { doing: "look at", what: key };
        let looked =
            self.retry.run(task, || async { request().await.map_err(|error| error::of_store("look at", key, error)) });
        let head = self.runtime.block_on(looked)?;
        let size = u64::try_from(head.content_length().unwrap_or(0)).unwrap_or(0);
        let content_type = head.content_type().map(str::to_owned);
        let metadata = head.metadata.unwrap_or_default().into_iter().collect();
        Ok(Description { size, metadata, content_type })
    }
}

fn algorithm(checksum: Checksum) -> ChecksumAlgorithm {
    match checksum {
        Checksum::Sha256 => ChecksumAlgorithm::Sha256,
        Checksum::Crc32 => ChecksumAlgorithm::Crc32,
        Checksum::Crc32c => ChecksumAlgorithm::Crc32C,
        Checksum::Crc64Nvme => ChecksumAlgorithm::Crc64Nvme,
    }
}

fn owned(metadata: &Metadata) -> HashMap<String, String> {
    metadata.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}
