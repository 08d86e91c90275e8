//! What a bucket holds, page by page: 1,000 keys or directories a request.
//!
//! A listing that is cut short would look like one that is whole, and one that goes round would never end: a store that says that
//! there is more and doesn't say where, or leads to where the listing was before, fails it. So does one whose keys are not in order:
//! whoever lists certain days breaks off behind the last of them. General purpose buckets list keys in that order, directory buckets don't
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>).

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::ControlFlow;

use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::types::EncodingType;
use percent_encoding::percent_decode_str;

use super::{S3Store, error};
use crate::model::key::ObjectKey;
use crate::store::{Kind, Listed, StoreError, retry};

/// What is listed.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    /// What keys begin with.
    pub(super) prefix: &'a str,
    /// The key behind which the listing begins; empty for the beginning.
    pub(super) after: &'a str,
    /// What is shown.
    pub(super) shown: Shown,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// Objects.
    Objects,
    /// What is between the prefix and the next slash, once for all objects that have it in common.
    Directories,
}

/// A page of a listing.
struct Page {
    objects: Vec<Listed>,
    directories: Vec<String>,
    /// Where the next one begins.
    next: Option<String>,
}

/// What a page shows, to whoever asked for it.
pub(super) enum Entry {
    Object(Listed),
    Directory(String),
}

impl S3Store {
    /// Shows each entry, until it is told to break off.
    pub(super) fn each_of(
        &self,
        asked: Asked<'_>,
        each: &mut dyn FnMut(Entry) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let (mut from, mut pages, mut order) = (None, HashSet::new(), Order::default());
        loop {
            let Page { objects, directories, next } = self.runtime.block_on(self.page(asked, from))?;
            // Of the whole page, before any of it is shown: whoever breaks off must not do so too early.
            let names = objects.iter().map(Listed::name).chain(directories.iter().map(String::as_str));
            if !order.goes_on_with(names) {
                let why = "the store doesn't list keys in their order, so that some may have been passed over; a directory bucket \
                           can't be read back";
                return Err(StoreError::new("list", asked.prefix, Kind::Rejected, why));
            }
            let objects = objects.into_iter().map(Entry::Object);
            for entry in objects.chain(directories.into_iter().map(Entry::Directory)) {
                if each(entry).is_break() {
                    return Ok(());
                }
            }
            let Some(next) = next else { return Ok(()) };
            if !pages.insert(next.clone()) {
                let why = "the store leads from page to page in a circle: what was listed is not all";
                return Err(StoreError::new("list", asked.prefix, Kind::Unreachable, why));
            }
            from = Some(next);
        }
    }

    async fn page(&self, asked: Asked<'_>, from: Option<String>) -> Result<Page, StoreError> {
        let Asked { prefix, after, shown } = asked;
        // A page says where the next one begins; S3 looks at `start-after` on the first alone.
        let begins = (!after.is_empty() && from.is_none()).then(|| self.full_prefix(after));
        let request = || {
            self.client
                .list_objects_v2()
                .bucket(self.bucket.as_str())
                .prefix(self.full_prefix(prefix))
                .encoding_type(EncodingType::Url)
                .set_start_after(begins.clone())
                .set_delimiter((shown == Shown::Directories).then(|| "/".to_owned()))
                .set_continuation_token(from.clone())
                .set_expected_bucket_owner(self.options.expected_bucket_owner.clone())
                .send()
        };
        let task = retry::Task { doing: "list", what: &prefix };
        let page =
            self.retry.run(task, || async { request().await.map_err(|error| error::of_store("list", prefix, error)) });
        let page = page.await?;
        let next = page.next_continuation_token().filter(|token| !token.is_empty()).map(str::to_owned);
        if let Some(why) = lack(&page) {
            return Err(StoreError::new("list", prefix, Kind::Unreachable, why));
        }
        let below = self.full_prefix("");
        let objects = page.contents().iter().filter(|_| shown == Shown::Objects).filter_map(|object| {
            let name = decoded(&page, object.key()?);
            let name = name.strip_prefix(&below)?;
            let size = u64::try_from(object.size().unwrap_or(0)).unwrap_or(0);
            // A server that doesn't know `start-after` begins at the beginning.
            (name > after).then(|| Listed::new(name, size))
        });
        let directories = page.common_prefixes().iter().filter_map(|common| {
            let directory = decoded(&page, common.prefix()?).strip_prefix(&below)?.to_owned();
            ObjectKey::listed(directory.trim_end_matches('/')).map(|_| directory)
        });
        Ok(Page { objects: objects.collect(), directories: directories.collect(), next })
    }
}

/// Whether entries come in the order of their bytes, which is that of all S3 servers for what keys of ours consist of; what else is
/// there may be sorted in other ways.
#[derive(Default)]
struct Order {
    last: String,
}

impl Order {
    /// Whether these, which are shown next, come behind those before them.
    fn goes_on_with<'n>(&mut self, names: impl Iterator<Item = &'n str>) -> bool {
        for name in names.filter(|name| name.is_ascii()) {
            if name < self.last.as_str() {
                return false;
            }
            name.clone_into(&mut self.last);
        }
        true
    }
}

/// What shows that a page is not all that the store had to say. The SDK reads XML that ends too early, as that of a connection that
/// broke, without a word; but a whole page says whether it is the last one, and how many keys and directories it names
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>, `IsTruncated` and `KeyCount`).
fn lack(page: &ListObjectsV2Output) -> Option<&'static str> {
    let named = page.contents().len() + page.common_prefixes().len();
    let counted = page.key_count().and_then(|count| usize::try_from(count).ok());
    let leads_on = page.next_continuation_token().is_some_and(|token| !token.is_empty());
    match page.is_truncated() {
        None => Some("the answer ends before it says whether there is more: what was listed is not all"),
        Some(true) if !leads_on => {
            Some("the store says that there is more, and not where it goes on: what was listed is not all")
        }
        Some(_) if counted.is_some_and(|count| count > named) => {
            Some("the answer names fewer keys than it counts, and was cut short: what was listed is not all")
        }
        Some(_) => None,
    }
}

/// A key as it is. Listings are XML, which can't hold all that a key may (control characters, for one): the store is asked to
/// percent-encode keys, and says whether it did. A space may come as `+`, since a `+` itself is encoded
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>, `encoding-type`).
fn decoded<'k>(page: &ListObjectsV2Output, key: &'k str) -> Cow<'k, str> {
    if page.encoding_type() != Some(&EncodingType::Url) {
        return Cow::Borrowed(key);
    }
    let spaced = key.replace('+', " ");
    Cow::Owned(percent_decode_str(&spaced).decode_utf8_lossy().into_owned())
}
