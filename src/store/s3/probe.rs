//! Trying to put: one small conditional put, and the time that the answer tells.
//!
//! The time is in the `Date` header, which S3 sends with every answer, also with a refusal
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/RESTCommonResponseHeaders.html>). Neither the SDK's output nor all of
//! its errors show it, so an interceptor reads it off the answer before the SDK makes anything of that.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::operation::put_object::PutObjectOutput;
use aws_sdk_s3::primitives::{ByteStream, DateTime, DateTimeFormat};

use super::{S3Store, error};
use crate::model::digest::Digest;
use crate::model::key::ObjectKey;
use crate::store::{CHECKED, Probe};
use crate::sys::clock;

impl S3Store {
    pub(super) async fn probe_put(&self, key: &ObjectKey) -> Probe {
        let told = Told::default();
        let put = self.conditionally(key, "put", self.retry.time_for(CHECKED.len()), |condition| {
            let request = self.put_request(key, Digest::of(CHECKED)).set_if_none_match(condition);
            let request = request.content_type("text/plain").body(ByteStream::from_static(CHECKED));
            let request = request.customize().interceptor(told.clone());
            async move { error::creation("put", key, request.send().await, PutObjectOutput::e_tag) }
        });
        let put = put.await;
        Probe { put, ahead: told.ahead() }
    }
}

/// How far this machine's clock was ahead of the last answer's, in seconds.
#[derive(Clone, Debug)]
struct Told(Arc<AtomicI64>);

/// No answer told the time.
const NOTHING: i64 = i64::MIN;

impl Default for Told {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(NOTHING)))
    }
}

impl Told {
    fn ahead(&self) -> Option<i64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|ahead| *ahead != NOTHING)
    }
}

impl Intercept for Told {
    fn name(&self) -> &'static str {
        "TimeOfTheStore"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        // What is no date tells no time; the put itself is none the worse for it.
        if let Some(date) = date.and_then(|date| DateTime::from_str(date, DateTimeFormat::HttpDate).ok()) {
            let now = clock::now().nanos().div_euclid(1_000_000_000);
            self.0.store(now.saturating_sub(date.secs()), Ordering::Relaxed);
        }
        Ok(())
    }
}
