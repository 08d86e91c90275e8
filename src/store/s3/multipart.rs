//! A segment that is too large for one request: in parts, one after another, from one part's memory.

use aws_sdk_s3::operation::complete_multipart_upload::CompleteMultipartUploadOutput;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use sha2::Digest as _;

use super::{S3Store, algorithm, content_type, error, owned};
use crate::model::digest::Digest;
use crate::model::key::ObjectKey;
use crate::store::retry::Task;
use crate::store::{Kind, Object, Put, StoreError, Uploads};
use crate::sys::fault::{self, Point};

/// Up to this many bytes an object goes up in one request; larger ones in parts of at least this size. S3 wants 5 MiB
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>).
pub(super) const PART: u64 = 8 * 1024 * 1024;

/// S3 takes no more parts than this.
const MOST_PARTS: u64 = 10_000;

/// How often an object's upload is begun in one put.
const MOST_UPLOADS: u32 = 3;

/// How large the parts of an object are.
fn part_size(length: u64) -> u64 {
    length.div_ceil(MOST_PARTS).max(PART)
}

/// The upload is of no use any more: to make the request again can't help, only a new upload can.
fn conflict_is_final<T>(answer: Result<T, StoreError>) -> Result<Result<T, StoreError>, StoreError> {
    match answer {
        Err(error) if error.kind == Kind::Conflict => Ok(Err(error)),
        other => other.map(Ok),
    }
}

impl S3Store {
    /// Puts an object in parts. When its completion meets another write of the same key, or the answer to the
    /// completion was lost, only a new upload can tell how it ended
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html>).
    pub(super) async fn put_in_parts(&self, object: &Object<'_>, uploads: &dyn Uploads) -> Result<Put, StoreError> {
        let mut begun = 1;
        loop {
            let upload = self.create_upload(object).await?;
            match self.upload(object, &upload, uploads).await {
                Err(error) if error.kind == Kind::Conflict && begun < MOST_UPLOADS => {
                    log::info!("{}; its upload begins anew", crate::model::problem::chain(&error));
                    begun += 1;
                }
                other => return other,
            }
        }
    }

    async fn upload(&self, object: &Object<'_>, upload: &str, uploads: &dyn Uploads) -> Result<Put, StoreError> {
        fault::reached(Point::UploadMade);
        let noted = uploads
            .begun(upload)
            .map_err(|error| StoreError::new("note the upload of", object.key, Kind::Local, error));
        let put = match noted {
            Ok(()) => self.send_parts(object, upload, uploads).await,
            Err(error) => Err(error),
        };
        // When the condition failed, the upload is still open.
        let cleared = match put {
            Ok(Put::Created) => {
                fault::reached(Point::UploadCompleted);
                Ok(())
            }
            _ => self.abort(object.key, upload).await,
        };
        match cleared {
            Ok(()) => uploads.ended(),
            Err(error) => log::info!("{}", crate::model::problem::chain(&error)),
        }
        put
    }

    async fn create_upload(&self, object: &Object<'_>) -> Result<String, StoreError> {
        let request = || {
            self.client
                .create_multipart_upload()
                .bucket(self.bucket.as_str())
                .key(self.full_key(object.key))
                .content_type(content_type(object.key))
                .set_metadata(Some(owned(object.metadata)))
                .checksum_algorithm(algorithm(self.options.checksum))
                .set_expected_bucket_owner(self.options.expected_bucket_owner.clone())
                .set_acl(self.acl())
                .set_storage_class(self.storage_class())
                .set_server_side_encryption(self.encryption())
                .set_ssekms_key_id(self.kms_key())
                .set_tagging(self.tagging())
                .send()
        };
        let failed = |error| error::of_store("begin the upload of", object.key, error);
        let task = Task { doing: "begin the upload of", what: object.key };
        let created = self.retry.run(task, || async { request().await.map_err(failed) }).await?;
        created.upload_id.ok_or_else(|| {
            StoreError::new("begin the upload of", object.key, Kind::Rejected, "the store gave it no id")
        })
    }

    async fn send_parts(&self, object: &Object<'_>, upload: &str, uploads: &dyn Uploads) -> Result<Put, StoreError> {
        let mut parts = Vec::new();
        let mut sha = sha2::Sha256::new();
        let mut offset = 0;
        while offset < object.length {
            let count = part_size(object.length).min(object.length - offset);
            let bytes = Bytes::from(object.read(offset, usize::try_from(count).expect("a part fits in memory"))?);
            sha.update(&bytes);
            offset += count;
            let number = i32::try_from(parts.len() + 1).expect("at most 10,000 parts");
            parts.push(self.send_part(object.key, upload, number, bytes).await?);
            uploads.sent(count);
            fault::reached(Point::UploadPartSent);
        }
        fault::reached(Point::UploadSent);
        // Before the parts become an object: each was what was read, but only this says that it is what was sealed.
        match Digest(sha.finalize().into()) == object.sha256 {
            true => self.complete(object.key, upload, parts).await,
            false => Err(object.damaged()),
        }
    }

    async fn send_part(
        &self,
        key: &ObjectKey,
        upload: &str,
        number: i32,
        bytes: Bytes,
    ) -> Result<CompletedPart, StoreError> {
        let request = || {
            self.client
                .upload_part()
                .bucket(self.bucket.as_str())
                .key(self.full_key(key))
                .upload_id(upload)
                .part_number(number)
                .checksum_algorithm(algorithm(self.options.checksum))
                .set_expected_bucket_owner(self.options.expected_bucket_owner.clone())
                .body(ByteStream::from(bytes.clone()))
                .send()
        };
        let size = bytes.len();
        let task = Task { doing: "upload a part of", what: key };
        let sent = self.retry.run_within(task, self.retry.time_for(size), || async {
            conflict_is_final(match request().await {
                Ok(sent) if sent.e_tag.as_deref().is_none_or(str::is_empty) => {
                    Err(error::no_store("upload a part of", key))
                }
                sent => sent.map_err(|error| error::of_store("upload a part of", key, error)),
            })
        });
        let sent = sent.await??;
        // A composite checksum is made of the parts' own, which the server wants to see again. Servers that don't give
        // them back don't want them either.
        Ok(CompletedPart::builder()
            .part_number(number)
            .set_e_tag(sent.e_tag)
            .set_checksum_sha256(sent.checksum_sha256)
            .set_checksum_crc32(sent.checksum_crc32)
            .set_checksum_crc32_c(sent.checksum_crc32_c)
            .set_checksum_crc64_nvme(sent.checksum_crc64_nvme)
            .build())
    }

    async fn complete(&self, key: &ObjectKey, upload: &str, parts: Vec<CompletedPart>) -> Result<Put, StoreError> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let completed = self.conditionally(key, "complete the upload of", self.retry.time_to_join(), |condition| {
            let request = self
                .client
                .complete_multipart_upload()
                .bucket(self.bucket.as_str())
                .key(self.full_key(key))
                .upload_id(upload)
                .set_if_none_match(condition)
                .set_expected_bucket_owner(self.options.expected_bucket_owner.clone())
                .multipart_upload(parts.clone());
            let etag = CompleteMultipartUploadOutput::e_tag;
            async move { conflict_is_final(error::creation("complete the upload of", key, request.send().await, etag)) }
        });
        completed.await?
    }

    /// Removes an upload's parts. One that is gone already is no error: it was completed, or removed before.
    pub(super) async fn abort(&self, key: &ObjectKey, upload: &str) -> Result<(), StoreError> {
        let request = || {
            self.client
                .abort_multipart_upload()
                .bucket(self.bucket.as_str())
                .key(self.full_key(key))
                .upload_id(upload)
                .set_expected_bucket_owner(self.options.expected_bucket_owner.clone())
                .send()
        };
        let aborted = self.retry.run_to_the_end(|| async {
            match request().await {
                Ok(_) => Ok(()),
                Err(error) if error.raw_response().is_some_and(|answer| answer.status().as_u16() == 404) => Ok(()),
                Err(error) => Err(error::of_store("remove the parts of", key, error)),
            }
        });
        aborted.await.inspect_err(|error| {
            // No one's run fails for it, so no hint would name it.
            if error.kind == Kind::Denied {
                log::info!(
                    "{key}: without s3:AbortMultipartUpload the parts of an upload that was cut short stay, until a rule of the \
                     bucket's removes them"
                );
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_neither_too_small_nor_too_many() {
        for length in [PART + 1, PART * MOST_PARTS, PART * MOST_PARTS + 1, 5 << 40] {
            let size = part_size(length);
            assert!(size >= PART && length.div_ceil(size) <= MOST_PARTS, "{length}");
        }
    }
}
