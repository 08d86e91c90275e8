//! Pages of objects, open uploads and parts, in the order and with the markers that S3 documents.

use std::sync::Arc;

use s3s::dto::*;

use super::checksum::{Algorithm, show_checksum};
use super::operations::{hex, signed};
use super::storage;

const LONGEST_PAGE: i32 = 1000;

/// One page of ListObjectsV2.
pub(crate) struct Page<'a> {
    objects: Vec<&'a storage::Object>,
    prefixes: Vec<String>,
    /// The last entry of this page, when there are more.
    next: Option<String>,
}

impl<'a> Page<'a> {
    pub(crate) fn of(objects: &'a [Arc<storage::Object>], input: &ListObjectsV2Input) -> Self {
        let mut page = Page { objects: Vec::new(), prefixes: Vec::new(), next: None };
        let limit = page_length(input.max_keys);
        let mut last: Option<String> = None;
        for object in objects {
            if input.start_after.as_ref().is_some_and(|start| object.key <= *start) {
                continue;
            }
            let group = common_prefix(&object.key, input);
            let entry = group.unwrap_or(&object.key);
            let seen = last.as_deref().or(input.continuation_token.as_deref());
            if seen.is_some_and(|seen| entry <= seen) {
                continue;
            }
            if page.objects.len() + page.prefixes.len() == limit {
                page.next = last;
                return page;
            }
            match group {
                Some(prefix) => page.prefixes.push(prefix.to_owned()),
                None => page.objects.push(object),
            }
            last = Some(entry.to_owned());
        }
        page
    }

    pub(crate) fn into_output(self, input: ListObjectsV2Input) -> ListObjectsV2Output {
        let spell = |text: &str| spelled(text, input.encoding_type.as_ref());
        let prefixes = self.prefixes.iter().map(|prefix| CommonPrefix { prefix: Some(spell(prefix)) });
        let contents = self.objects.iter().map(|object| Object {
            key: Some(spell(&object.key)),
            size: Some(signed(object.size)),
            e_tag: Some(ETag::Strong(object.etag.clone())),
            last_modified: Some(object.modified.into()),
            checksum_algorithm: Some(vec![ChecksumAlgorithm::from_static(object.checksum.algorithm.name())]),
            checksum_type: Some(ChecksumType::from_static(object.checksum.form.name())),
            storage_class: Some(ObjectStorageClass::from(
                object.attributes.storage_class.clone().unwrap_or_else(|| "STANDARD".to_owned()),
            )),
            ..Default::default()
        });
        ListObjectsV2Output {
            contents: Some(contents.collect()),
            common_prefixes: Some(prefixes.collect()),
            key_count: i32::try_from(self.objects.len() + self.prefixes.len()).ok(),
            max_keys: Some(input.max_keys.unwrap_or(LONGEST_PAGE)),
            is_truncated: Some(self.next.is_some()),
            next_continuation_token: self.next,
            delimiter: input.delimiter.as_deref().map(spell),
            prefix: input.prefix.as_deref().map(spell),
            start_after: input.start_after.as_deref().map(spell),
            name: Some(input.bucket),
            continuation_token: input.continuation_token,
            encoding_type: input.encoding_type.clone(),
            ..Default::default()
        }
    }
}

/// All open uploads in the order of their keys, those of one key by age.
pub(crate) fn uploads(
    mut uploads: Vec<storage::Upload>,
    input: ListMultipartUploadsInput,
) -> ListMultipartUploadsOutput {
    let prefix = input.prefix.clone().unwrap_or_default();
    let key_marker = input.key_marker.clone().unwrap_or_default();
    let id_marker = input.upload_id_marker.clone();
    uploads.sort_by(|a, b| (&a.key, &a.id).cmp(&(&b.key, &b.id)));
    uploads.retain(|upload| {
        let behind_marker = match &id_marker {
            Some(id) => (&upload.key, &upload.id) > (&key_marker, id),
            None => upload.key > key_marker,
        };
        upload.key.starts_with(&prefix) && behind_marker
    });
    let limit = page_length(input.max_uploads);
    let truncated = uploads.len() > limit;
    uploads.truncate(limit);
    let last = uploads.last().filter(|_| truncated);
    let spell = |text: &str| spelled(text, input.encoding_type.as_ref());
    ListMultipartUploadsOutput {
        is_truncated: Some(truncated),
        next_key_marker: last.map(|upload| spell(&upload.key)),
        next_upload_id_marker: last.map(|upload| upload.id.clone()),
        max_uploads: Some(input.max_uploads.unwrap_or(LONGEST_PAGE)),
        prefix: input.prefix.as_deref().map(spell),
        uploads: Some(
            uploads
                .iter()
                .map(|upload| MultipartUpload {
                    key: Some(spell(&upload.key)),
                    upload_id: Some(upload.id.clone()),
                    initiated: Some(upload.initiated.into()),
                    ..Default::default()
                })
                .collect(),
        ),
        encoding_type: input.encoding_type.clone(),
        bucket: Some(input.bucket),
        ..Default::default()
    }
}

pub(crate) fn parts(upload: &storage::Upload, input: ListPartsInput) -> ListPartsOutput {
    let marker = input.part_number_marker.unwrap_or(0);
    let limit = page_length(input.max_parts);
    let mut rest = upload.parts.values().filter(|part| i32::from(part.number) > marker).peekable();
    let page: Vec<_> = rest.by_ref().take(limit).collect();
    let last = page.last().filter(|_| rest.peek().is_some());
    let described = page.iter().map(|part| {
        let mut described = Part {
            part_number: Some(i32::from(part.number)),
            size: Some(signed(part.size)),
            e_tag: Some(ETag::Strong(hex(part.md5))),
            last_modified: Some(part.modified.into()),
            ..Default::default()
        };
        show_checksum!(described, part.checksum);
        described
    });
    ListPartsOutput {
        is_truncated: Some(last.is_some()),
        next_part_number_marker: last.map(|part| i32::from(part.number)),
        parts: Some(described.collect()),
        max_parts: Some(input.max_parts.unwrap_or(LONGEST_PAGE)),
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(input.upload_id),
        ..Default::default()
    }
}

fn page_length(asked: Option<i32>) -> usize {
    usize::try_from(asked.unwrap_or(LONGEST_PAGE).clamp(0, LONGEST_PAGE)).unwrap_or_default()
}

/// The part of the key up to the first delimiter behind the listing's prefix.
fn common_prefix<'k>(key: &'k str, input: &ListObjectsV2Input) -> Option<&'k str> {
    let delimiter = input.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty())?;
    let prefix = input.prefix.as_deref().unwrap_or_default();
    let found = key[prefix.len()..].find(delimiter)?;
    Some(&key[..prefix.len() + found + delimiter.len()])
}

/// Keys are percent-encoded on demand only: one that holds a `%` must come back as it was put.
fn spelled(text: &str, encoding: Option<&EncodingType>) -> String {
    if encoding.is_none() {
        return text.to_owned();
    }
    let mut spelled = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => spelled.push(byte as char),
            _ => spelled.push_str(&format!("%{byte:02X}")),
        }
    }
    spelled
}
