//! Bodies that are sent no faster than the limit allows.
//!
//! A request is signed, and given its checksum, with its whole body in memory; only then is the body exchanged for one of the
//! same bytes and the same length that gives them out frame by frame. So nothing changes on the wire but the time, and no
//! request is `aws-chunked`.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use aws_sdk_s3::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::primitives::SdkBody;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

use crate::store::throttle::Throttle;

/// Exchanges the bodies of requests, right before they are sent.
#[derive(Debug)]
pub(super) struct Pace(pub(super) Throttle);

impl Intercept for Pace {
    fn name(&self) -> &'static str {
        "Pace"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.request_mut().body_mut();
        let is_in_memory = body.bytes().is_some_and(|bytes| !bytes.is_empty());
        if let Some(frame) = self.0.frame().filter(|_| is_in_memory) {
            let whole = std::mem::replace(body, SdkBody::taken());
            let (bytes, throttle) = (Bytes::new(), self.0.clone());
            *body = SdkBody::from_body_1_x(Paced { whole, bytes, frame, throttle, pause: None });
        }
        Ok(())
    }
}

/// A body that is given out frame by frame.
struct Paced {
    /// The body, which gives all its bytes at once.
    whole: SdkBody,
    /// What it has given, and what is left of that.
    bytes: Bytes,
    frame: usize,
    throttle: Throttle,
    /// Until the next frame may go; its right to go is taken.
    pause: Option<Pin<Box<Sleep>>>,
}

impl Body for Paced {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Self { whole, bytes, frame, throttle, pause } = self.get_mut();
        if bytes.is_empty() {
            match ready!(Pin::new(whole).poll_frame(context)?) {
                Some(all) => *bytes = all.into_data().unwrap_or_default(),
                None => return Poll::Ready(None),
            }
        }
        let count = bytes.len().min(*frame);
        let until = pause.get_or_insert_with(|| Box::pin(tokio::time::sleep(throttle.reserve(count))));
        ready!(until.as_mut().poll(context));
        *pause = None;
        Poll::Ready(Some(Ok(Frame::data(bytes.split_to(count)))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty() && self.whole.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let left = self.whole.content_length().unwrap_or(0) + self.bytes.len() as u64;
        SizeHint::with_exact(left)
    }
}
