//! An object's body, read as it arrives. Where it breaks off, the read goes on at the byte where it broke.
//!
//! ```text
//! open ──> 200, bytes ... reset ──> pause ──> GET with `Range: bytes=AT-` ──> 206, the rest ──> end
//! ```
//!
//! How it fails: a body that breaks off again and again without getting much further, or a store that doesn't give it out
//! again, ends the read with what the store said last. A server that answers to a range with all of the object is
//! understood: what was read already is skipped.

use std::io::{self, Read};

use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use bytes::{Buf, Bytes};

use super::{S3Store, error};
use crate::model::key::ObjectKey;
use crate::store::retry::Task;
use crate::store::{Kind, StoreError};

/// So many bytes are progress: tries are counted anew behind them.
const PROGRESS: u64 = 1024 * 1024;

/// The status of an answer to a range that begins behind the end
/// (<https://www.rfc-editor.org/rfc/rfc9110#name-416-range-not-satisfiable>).
const BEHIND_THE_END: u16 = 416;

/// The body of an object, from some byte on.
pub(super) struct Body<'s> {
    store: &'s S3Store,
    key: ObjectKey,
    /// What is being received; `None` where there is nothing more.
    stream: Option<ByteStream>,
    /// What came last and was not read yet.
    piece: Bytes,
    /// The offset in the object of the next byte that is received.
    at: u64,
    /// How many of the next bytes come although they were not asked for.
    skip: u64,
    /// Where the object ends, as far as the store has said.
    end: Option<u64>,
    /// How often it broke off since [`PROGRESS`] was made.
    broken: u32,
    /// Where it broke off last.
    broke_at: u64,
}

impl<'s> Body<'s> {
    /// Begins to read.
    pub(super) fn open(store: &'s S3Store, key: &ObjectKey, offset: u64) -> Result<Self, StoreError> {
        let mut body = Self {
            store,
            key: key.clone(),
            stream: None,
            piece: Bytes::new(),
            at: offset,
            skip: 0,
            end: None,
            broken: 0,
            broke_at: offset,
        };
        store.runtime.block_on(body.ask())?;
        Ok(body)
    }

    /// Asks for what is still to be read.
    async fn ask(&mut self) -> Result<(), StoreError> {
        let (store, key, range) = (self.store, &self.key, (self.at > 0).then(|| format!("bytes={}-", self.at)));
        let request = || {
            store
                .client
                .get_object()
                .bucket(store.bucket.as_str())
                .key(store.full_key(key))
                .set_range(range.clone())
                .set_expected_bucket_owner(store.options.expected_bucket_owner.clone())
                .send()
        };
        let answer = store.retry.run(Task { doing: "read", what: key }, || async {
            match request().await {
                Err(refused) if range.is_some() && is_behind_the_end(&refused) => Ok(None),
                answer => answer.map(Some).map_err(|failed| error::of_store("read", key, failed)),
            }
        });
        let answer = answer.await?;
        self.skip = match &answer {
            Some(answer) => self.at.checked_sub(first_byte(answer)).ok_or_else(|| self.wrong_range())?,
            None => 0,
        };
        let length = answer.as_ref().and_then(|answer| u64::try_from(answer.content_length()?).ok());
        self.end = length.map(|length| self.at - self.skip + length);
        self.stream = answer.map(|answer| answer.body);
        Ok(())
    }

    fn wrong_range(&self) -> StoreError {
        self.failed(Kind::Rejected, "the store answered with another part of the object than it was asked for")
    }

    fn failed(&self, kind: Kind, why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
        StoreError::new("read", &self.key, kind, why)
    }

    /// Whether nothing more is to come.
    fn is_at_its_end(&self) -> bool {
        self.end.is_none_or(|end| self.at >= end)
    }

    /// The next bytes, which are in `piece` then; none at the end.
    async fn receive(&mut self) -> Result<(), StoreError> {
        while let Some(stream) = &mut self.stream {
            let received = self.store.retry.piece(&self.key, stream.try_next()).await;
            let received = received.and_then(|received| {
                received.map_err(|failed| match self.is_at_its_end() && self.end.is_some() {
                    // All of it came, and the SDK finds that it isn't what the store's checksum is of.
                    true => self.failed(Kind::Corrupted, failed),
                    false => self.failed(Kind::Unreachable, failed),
                })
            });
            match received {
                Ok(Some(piece)) => self.take(piece),
                Ok(None) if self.is_at_its_end() => {
                    self.stream = None;
                    self.store.retry.came_through();
                }
                Ok(None) => self.go_on_after(self.failed(Kind::Unreachable, "its body ended early")).await?,
                Err(failed) if failed.kind == Kind::Corrupted => return Err(failed),
                Err(failed) => self.go_on_after(failed).await?,
            }
            if !self.piece.is_empty() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn take(&mut self, mut piece: Bytes) {
        let unasked = usize::try_from(self.skip).unwrap_or(usize::MAX).min(piece.len());
        piece.advance(unasked);
        self.skip -= unasked as u64;
        self.at += piece.len() as u64;
        self.piece = piece;
    }

    async fn go_on_after(&mut self, failed: StoreError) -> Result<(), StoreError> {
        if self.at - self.broke_at >= PROGRESS {
            self.broken = 0;
        }
        (self.broken, self.broke_at) = (self.broken + 1, self.at);
        self.store.retry.pause_after(self.broken, failed).await?;
        log::info!("{}: goes on at byte {}", self.key, self.at);
        self.ask().await
    }
}

fn is_behind_the_end<E>(refused: &SdkError<E, aws_sdk_s3::config::http::HttpResponse>) -> bool {
    error::status(refused) == Some(BEHIND_THE_END)
}

/// The offset of the first byte of an answer: 0 where it says nothing of a range.
fn first_byte(answer: &GetObjectOutput) -> u64 {
    let range = answer.content_range().and_then(|range| range.strip_prefix("bytes ")?.split('-').next());
    range.and_then(|first| first.trim().parse().ok()).unwrap_or(0)
}

impl Read for Body<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.piece.is_empty() {
            self.store.runtime.block_on(self.receive()).map_err(io::Error::other)?;
        }
        let count = buffer.len().min(self.piece.len());
        self.piece.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}
