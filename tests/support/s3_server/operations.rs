//! The S3 operations over the storage.
//!
//! Promise: what AWS documents for the operations that a log shipper uses, strict where AWS is strict
//! (checksums, part order and sizes, conditions, the bucket's owner); everything else is NotImplemented.
//!
//! Flow of a put: check bucket and owner, receive the body to disk while hashing it, compare the
//! checksums, commit under the condition. A body is never held in memory.

use std::fs::File;
use std::io::{self, Read, Write};
use std::time::SystemTime;

use bytes::Bytes;
use futures::{StreamExt, stream};
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::*;
use s3s::{S3, S3Error, S3ErrorCode, S3Request, S3Response, S3Result, TrailingHeaders, s3_error};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use super::checksum::{self as sums, Algorithm, Form, only_one, sent_checksum, show_checksum};
use super::listing::{self, Page};
use super::storage::{self, Attributes, Condition, NewFile, Storage, internal, new_id};

/// The account that owns all buckets: another `x-amz-expected-bucket-owner` is refused.
pub(crate) const OWNER: &str = "123456789012";

const CHUNK: usize = 256 * 1024;
const SMALLEST_PART: u64 = 5 * 1024 * 1024;
const MOST_PARTS: u16 = 10_000;

pub(crate) struct Operations {
    pub(crate) storage: std::sync::Arc<Storage>,
}

/// A body on disk, hashed on its way there.
struct Received {
    file: NewFile,
    size: u64,
    md5: [u8; 16],
    checksum: sums::Checksum,
}

/// What the client said about the body it sends.
struct Sent {
    checksum: Option<(Algorithm, String)>,
    algorithm: Option<ChecksumAlgorithm>,
    content_md5: Option<String>,
    trailers: Option<TrailingHeaders>,
}

impl Operations {
    fn enter(&self, bucket: &str, owner: Option<&str>) -> S3Result<()> {
        self.storage.require_bucket(bucket)?;
        match owner {
            Some(owner) if owner != OWNER => Err(s3_error!(AccessDenied, "Access Denied")),
            _ => Ok(()),
        }
    }

    async fn receive(
        &self,
        body: Option<StreamingBlob>,
        sent: Sent,
        fallback: Option<Algorithm>,
    ) -> S3Result<Received> {
        let algorithm = match (&sent.checksum, &sent.algorithm) {
            (Some((algorithm, _)), _) => *algorithm,
            (None, Some(named)) => Algorithm::parse(named.as_str())?,
            (None, None) => fallback.unwrap_or(Algorithm::Crc64Nvme),
        };
        let file = self.storage.new_file();
        let mut hasher = algorithm.hasher();
        let mut md5 = Md5::new();
        let size = write_body(body, &file, |bytes| {
            hasher.update(bytes);
            md5.update(bytes);
        })
        .await?;

        let received = Received { file, size, md5: md5.finalize(), checksum: sums::Checksum::of(algorithm, hasher) };
        received.verify(sent)?;
        Ok(received)
    }
}

impl Received {
    /// Compares with the header, or with the trailer that came behind the body.
    fn verify(&self, sent: Sent) -> S3Result<()> {
        if let Some(md5) = sent.content_md5
            && md5 != base64_simd::STANDARD.encode_to_string(self.md5)
        {
            return Err(s3_error!(BadDigest, "The Content-MD5 you specified did not match what we received."));
        }
        if let Some((_, value)) = &sent.checksum {
            self.checksum.verify(value)?;
        }
        let trailers = sent.trailers.and_then(|trailers| trailers.take()).unwrap_or_default();
        match trailers.get(self.checksum.algorithm.header()) {
            Some(value) => self.checksum.verify(&String::from_utf8_lossy(value.as_bytes())),
            None => Ok(()),
        }
    }
}

async fn write_body(body: Option<StreamingBlob>, file: &NewFile, mut inspect: impl FnMut(&[u8])) -> S3Result<u64> {
    let mut size = 0;
    let output = tokio::fs::File::create(file.path()).await.map_err(internal)?;
    let mut output = tokio::io::BufWriter::with_capacity(CHUNK, output);
    if let Some(mut body) = body {
        while let Some(bytes) = body.next().await {
            let bytes = bytes.map_err(|error| body_error(&error.to_string()))?;
            inspect(&bytes);
            output.write_all(&bytes).await.map_err(internal)?;
            size += bytes.len() as u64;
        }
    }
    output.flush().await.map_err(internal)?;
    Ok(size)
}

/// s3s keeps the type of these errors to itself: their text is all there is to tell them apart.
fn body_error(message: &str) -> S3Error {
    if message.contains("Sha256Mismatch") {
        let code = S3ErrorCode::Custom("XAmzContentSHA256Mismatch".into());
        let mut error =
            S3Error::with_message(code, "The provided 'x-amz-content-sha256' header does not match what was computed.");
        error.set_status_code(http::StatusCode::BAD_REQUEST);
        return error;
    }
    if message.contains("SignatureMismatch") {
        return s3_error!(SignatureDoesNotMatch, "a chunk's signature does not match");
    }
    S3Error::with_message(S3ErrorCode::IncompleteBody, message.to_owned())
}

fn condition(if_none_match: Option<&ETagCondition>, if_match: Option<&ETagCondition>) -> S3Result<Condition> {
    match (if_none_match, if_match) {
        (None, None) => Ok(Condition::Always),
        (Some(ETagCondition::Any), None) => Ok(Condition::IfAbsent),
        _ => Err(s3_error!(NotImplemented, "A header you provided implies functionality that is not implemented")),
    }
}

/// The inputs of a put and of a new multipart upload spell these alike without sharing a type.
macro_rules! attributes {
    ($input:expr) => {
        Attributes {
            content_type: $input.content_type.clone(),
            content_encoding: $input.content_encoding.clone(),
            storage_class: $input.storage_class.as_ref().map(|class| class.as_str().to_owned()),
            server_side_encryption: $input.server_side_encryption.as_ref().map(|sse| sse.as_str().to_owned()),
            kms_key_id: $input.ssekms_key_id.clone(),
            tag_count: $input.tagging.as_ref().map(|tags| tags.split('&').count() as i32),
            metadata: $input.metadata.clone(),
        }
    };
}

/// Fills what GET and HEAD both tell.
macro_rules! describe {
    ($output:expr, $object:expr, $checksum_mode:expr) => {{
        let attributes = &$object.attributes;
        $output.accept_ranges = Some("bytes".to_owned());
        $output.content_type =
            Some(attributes.content_type.clone().unwrap_or_else(|| "binary/octet-stream".to_owned()));
        $output.content_encoding = attributes.content_encoding.clone();
        $output.storage_class = attributes.storage_class.clone().filter(|c| c != "STANDARD").map(StorageClass::from);
        $output.server_side_encryption = attributes.server_side_encryption.clone().map(ServerSideEncryption::from);
        $output.ssekms_key_id = attributes.kms_key_id.clone();
        $output.metadata = attributes.metadata.clone();
        $output.e_tag = Some(ETag::Strong($object.etag.clone()));
        $output.last_modified = Some($object.modified.into());
        if $checksum_mode.as_ref().is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED) {
            show_checksum!($output, $object.checksum);
            $output.checksum_type = Some(ChecksumType::from_static($object.checksum.form.name()));
        }
    }};
}

#[async_trait::async_trait]
impl S3 for Operations {
    async fn create_bucket(&self, req: S3Request<CreateBucketInput>) -> S3Result<S3Response<CreateBucketOutput>> {
        self.storage.create_bucket(&req.input.bucket)?;
        Ok(S3Response::new(CreateBucketOutput::default()))
    }

    async fn head_bucket(&self, req: S3Request<HeadBucketInput>) -> S3Result<S3Response<HeadBucketOutput>> {
        self.enter(&req.input.bucket, req.input.expected_bucket_owner.as_deref())?;
        Ok(S3Response::new(HeadBucketOutput::default()))
    }

    async fn delete_bucket(&self, req: S3Request<DeleteBucketInput>) -> S3Result<S3Response<DeleteBucketOutput>> {
        self.enter(&req.input.bucket, req.input.expected_bucket_owner.as_deref())?;
        self.storage.delete_bucket(&req.input.bucket)?;
        Ok(S3Response::new(DeleteBucketOutput {}))
    }

    async fn put_object(&self, req: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let input = req.input;
        self.enter(&input.bucket, input.expected_bucket_owner.as_deref())?;
        let condition = condition(input.if_none_match.as_ref(), input.if_match.as_ref())?;
        let attributes = attributes!(input);
        let sent = Sent {
            checksum: sent_checksum!(input)?,
            algorithm: input.checksum_algorithm,
            content_md5: input.content_md5,
            trailers: req.trailing_headers,
        };
        let received = self.receive(input.body, sent, None).await?;

        let mut output = PutObjectOutput::default();
        show_checksum!(output, received.checksum);
        output.checksum_type = Some(ChecksumType::from_static(Form::FullObject.name()));
        let object = storage::Object {
            id: new_id(),
            key: input.key,
            size: received.size,
            etag: hex(received.md5),
            modified: SystemTime::now(),
            checksum: received.checksum,
            attributes,
        };
        output.e_tag = Some(ETag::Strong(object.etag.clone()));
        self.storage.put(&input.bucket, object, received.file, condition)?;
        Ok(S3Response::new(output))
    }

    async fn get_object(&self, req: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let input = req.input;
        self.enter(&input.bucket, input.expected_bucket_owner.as_deref())?;
        let (object, file) = self.storage.open_object(&input.bucket, &input.key)?;
        let range = match input.range {
            Some(range) => range.check(object.size)?,
            None => 0..object.size,
        };
        let mut output = GetObjectOutput::default();
        describe!(output, object, input.checksum_mode);
        output.tag_count = object.attributes.tag_count;
        if input.range.is_some() {
            output.content_range = Some(format!("bytes {}-{}/{}", range.start, range.end - 1, object.size));
            // The checksum covers the whole object: on a part of it clients would compare in vain.
            output = without_checksum(output);
        }
        output.content_length = Some(signed(range.end - range.start));
        output.body = Some(read_body(file, range).await.map_err(internal)?);
        Ok(S3Response::new(output))
    }

    async fn head_object(&self, req: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        let input = req.input;
        self.enter(&input.bucket, input.expected_bucket_owner.as_deref())?;
        let object = self.storage.object(&input.bucket, &input.key)?;
        let mut output = HeadObjectOutput::default();
        describe!(output, object, input.checksum_mode);
        output.content_length = Some(signed(object.size));
        Ok(S3Response::new(output))
    }

    async fn delete_object(&self, req: S3Request<DeleteObjectInput>) -> S3Result<S3Response<DeleteObjectOutput>> {
        self.enter(&req.input.bucket, req.input.expected_bucket_owner.as_deref())?;
        self.storage.delete(&req.input.bucket, &req.input.key)?;
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn list_objects_v2(&self, req: S3Request<ListObjectsV2Input>) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = req.input;
        self.enter(&input.bucket, input.expected_bucket_owner.as_deref())?;
        let objects = self.storage.list(&input.bucket, input.prefix.as_deref().unwrap_or_default())?;
        let page = Page::of(&objects, &input);
        Ok(S3Response::new(page.into_output(input)))
    }

    async fn create_multipart_upload(
        &self,
        req: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let input = req.input;
        self.enter(&input.bucket, input.expected_bucket_owner.as_deref())?;
        let form = input.checksum_type.as_ref().map(|form| form.as_str());
        let algorithm = match &input.checksum_algorithm {
            Some(named) => Some(Algorithm::parse(named.as_str())?),
            None => None,
        };
        let upload = storage::Upload {
            id: new_id(),
            key: input.key.clone(),
            initiated: SystemTime::now(),
            algorithm,
            form: algorithm.unwrap_or(Algorithm::Crc64Nvme).multipart_form(form)?,
            attributes: attributes!(input),
            parts: Default::default(),
        };
        let output = CreateMultipartUploadOutput {
            bucket: Some(input.bucket.clone()),
            key: Some(input.key),
            upload_id: Some(upload.id.clone()),
            checksum_type: algorithm.map(|_| ChecksumType::from_static(upload.form.name())),
            checksum_algorithm: input.checksum_algorithm,
            ..Default::default()
        };
        self.storage.create_upload(&input.bucket, upload)?;
        Ok(S3Response::new(output))
    }

    async fn upload_part(&self, req: S3Request<UploadPartInput>) -> S3Result<S3Response<UploadPartOutput>> {
        let input = req.input;
        self.enter(&input.bucket, input.expected_bucket_owner.as_deref())?;
        let upload = self.storage.upload(&input.bucket, &input.key, &input.upload_id)?;
        let number = part_number(input.part_number)?;
        let sent = Sent {
            checksum: sent_checksum!(input)?,
            algorithm: input.checksum_algorithm,
            content_md5: input.content_md5,
            trailers: req.trailing_headers,
        };
        let received = self.receive(input.body, sent, upload.algorithm).await?;
        if upload.algorithm.is_some_and(|algorithm| algorithm != received.checksum.algorithm) {
            return Err(s3_error!(InvalidRequest, "Checksum Type mismatch occurred"));
        }

        let mut output = UploadPartOutput { e_tag: Some(ETag::Strong(hex(received.md5))), ..Default::default() };
        show_checksum!(output, received.checksum);
        let part = storage::Part {
            number,
            file: format!("{number:05}-{}.data", new_id()),
            size: received.size,
            md5: received.md5,
            modified: SystemTime::now(),
            checksum: received.checksum,
        };
        self.storage.put_part(&input.bucket, &input.key, &input.upload_id, part, received.file)?;
        Ok(S3Response::new(output))
    }

    async fn complete_multipart_upload(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let input = req.input;
        self.enter(&input.bucket, input.expected_bucket_owner.as_deref())?;
        let condition = condition(input.if_none_match.as_ref(), input.if_match.as_ref())?;
        let upload = self.storage.upload(&input.bucket, &input.key, &input.upload_id)?;
        let parts = chosen_parts(&upload, input.multipart_upload.clone().and_then(|list| list.parts))?;
        self.storage.check(&input.bucket, &input.key, condition)?;

        let (file, object) = self.join(&input.bucket, &upload, &parts).await?;
        verify_whole(&input, &object)?;
        let mut output = CompleteMultipartUploadOutput {
            bucket: Some(input.bucket.clone()),
            key: Some(input.key.clone()),
            location: Some(format!("/{}/{}", input.bucket, input.key)),
            e_tag: Some(ETag::Strong(object.etag.clone())),
            checksum_type: Some(ChecksumType::from_static(object.checksum.form.name())),
            ..Default::default()
        };
        show_checksum!(output, object.checksum);
        self.storage.complete(&input.bucket, &input.upload_id, object, file, condition)?;
        Ok(S3Response::new(output))
    }

    async fn abort_multipart_upload(
        &self,
        req: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let input = req.input;
        self.enter(&input.bucket, input.expected_bucket_owner.as_deref())?;
        self.storage.abort(&input.bucket, &input.key, &input.upload_id)?;
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }

    async fn list_multipart_uploads(
        &self,
        req: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        let input = req.input;
        self.enter(&input.bucket, input.expected_bucket_owner.as_deref())?;
        let uploads = self.storage.uploads(&input.bucket)?;
        Ok(S3Response::new(listing::uploads(uploads, input)))
    }

    async fn list_parts(&self, req: S3Request<ListPartsInput>) -> S3Result<S3Response<ListPartsOutput>> {
        let input = req.input;
        self.enter(&input.bucket, input.expected_bucket_owner.as_deref())?;
        let upload = self.storage.upload(&input.bucket, &input.key, &input.upload_id)?;
        Ok(S3Response::new(listing::parts(&upload, input)))
    }
}

impl Operations {
    /// Writes the parts into one file behind one another; some GB take a while, hence off the runtime.
    async fn join(
        &self,
        bucket: &str,
        upload: &storage::Upload,
        parts: &[storage::Part],
    ) -> S3Result<(NewFile, storage::Object)> {
        let file = self.storage.new_file();
        let algorithm = upload.algorithm.unwrap_or(Algorithm::Crc64Nvme);
        let sources: Vec<_> = parts.iter().map(|part| self.storage.part_path(bucket, &upload.id, part)).collect();
        let target = file.path().to_owned();
        let hasher = tokio::task::spawn_blocking(move || concatenate(&sources, &target, algorithm.hasher()))
            .await
            .map_err(S3Error::internal_error)?
            .map_err(internal)?;

        let checksum = match upload.form {
            Form::FullObject => sums::Checksum::of(algorithm, hasher),
            Form::Composite => sums::Checksum::composite(algorithm, parts.iter().map(|part| &part.checksum))?,
        };
        let mut etag = Md5::new();
        parts.iter().for_each(|part| etag.update(&part.md5));
        let object = storage::Object {
            id: new_id(),
            key: upload.key.clone(),
            size: parts.iter().map(|part| part.size).sum(),
            etag: format!("{}-{}", hex(etag.finalize()), parts.len()),
            modified: SystemTime::now(),
            checksum,
            attributes: upload.attributes.clone(),
        };
        Ok((file, object))
    }
}

fn concatenate(
    sources: &[std::path::PathBuf],
    target: &std::path::Path,
    mut hasher: ChecksumHasher,
) -> io::Result<ChecksumHasher> {
    let mut output = File::create(target)?;
    let mut buffer = vec![0; CHUNK];
    for source in sources {
        let mut input = File::open(source)?;
        loop {
            let count = input.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            hasher.update(&buffer[..count]);
            output.write_all(&buffer[..count])?;
        }
    }
    Ok(hasher)
}

/// The parts that the client named, if they are the ones that were received.
fn chosen_parts(upload: &storage::Upload, named: Option<Vec<CompletedPart>>) -> S3Result<Vec<storage::Part>> {
    let named = named.filter(|list| !list.is_empty());
    let named = named.ok_or_else(|| s3_error!(MalformedXML, "You must specify at least one part"))?;
    let mut parts: Vec<storage::Part> = Vec::with_capacity(named.len());
    for name in named {
        let number = part_number(name.part_number.unwrap_or_default())?;
        if parts.last().is_some_and(|last| last.number >= number) {
            return Err(s3_error!(InvalidPartOrder));
        }
        if parts.last().is_some_and(|last| last.size < SMALLEST_PART) {
            return Err(s3_error!(EntityTooSmall));
        }
        let missing = || s3_error!(InvalidPart, "One or more of the specified parts could not be found");
        let part = upload.parts.get(&number).ok_or_else(missing)?;
        if name.e_tag.as_ref().is_none_or(|etag| etag.value() != hex(part.md5)) {
            return Err(missing());
        }
        match sent_checksum!(name)? {
            Some((algorithm, value)) if algorithm != part.checksum.algorithm || value != part.checksum.value => {
                return Err(missing());
            }
            None if upload.form == Form::Composite => {
                return Err(s3_error!(
                    InvalidRequest,
                    "The complete request must include the checksum for each part; it was missing for part {number}"
                ));
            }
            _ => parts.push(part.clone()),
        }
    }
    Ok(parts)
}

fn verify_whole(input: &CompleteMultipartUploadInput, object: &storage::Object) -> S3Result<()> {
    if input.mpu_object_size.is_some_and(|size| size != signed(object.size)) {
        return Err(s3_error!(InvalidRequest, "The provided object size does not match the sum of the parts"));
    }
    if input.checksum_type.as_ref().is_some_and(|form| form.as_str() != object.checksum.form.name()) {
        return Err(s3_error!(InvalidRequest, "The checksum type differs from the one the upload was created with"));
    }
    match sent_checksum!(input)? {
        Some((algorithm, _)) if algorithm != object.checksum.algorithm => {
            Err(s3_error!(InvalidRequest, "The checksum algorithm differs from the one the upload was created with"))
        }
        Some((_, value)) => object.checksum.verify(&value),
        None => Ok(()),
    }
}

fn part_number(number: i32) -> S3Result<u16> {
    u16::try_from(number)
        .ok()
        .filter(|number| (1..=MOST_PARTS).contains(number))
        .ok_or_else(|| s3_error!(InvalidArgument, "Part number must be an integer between 1 and 10000, inclusive"))
}

fn without_checksum(output: GetObjectOutput) -> GetObjectOutput {
    GetObjectOutput {
        checksum_crc32: None,
        checksum_crc32c: None,
        checksum_crc64nvme: None,
        checksum_sha1: None,
        checksum_sha256: None,
        checksum_type: None,
        ..output
    }
}

async fn read_body(file: File, range: std::ops::Range<u64>) -> io::Result<StreamingBlob> {
    let mut file = tokio::fs::File::from_std(file);
    file.seek(io::SeekFrom::Start(range.start)).await?;
    let rest = file.take(range.end - range.start);
    let chunks = stream::try_unfold(rest, |mut rest| async move {
        let mut chunk = Vec::with_capacity(CHUNK);
        let count = rest.read_buf(&mut chunk).await?;
        Ok::<_, io::Error>((count > 0).then(|| (Bytes::from(chunk), rest)))
    });
    Ok(StreamingBlob::wrap(chunks))
}

pub(super) fn hex(bytes: [u8; 16]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn signed(size: u64) -> i64 {
    i64::try_from(size).expect("a file's size fits")
}
