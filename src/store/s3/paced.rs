//! Bodies that are sent no faster than the limit allows.
//!
//! A request is signed, and given its checksum, with its whole body in memory; only then is the body exchanged for one of the
//! same bytes and the same length that gives them out frame by frame. So nothing changes on the wire but the time, and no
//! request is `aws-chunked`.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use aws_sdk_s3::config::http::HttpRequest;
use aws_sdk_s3::config::{ConfigBag, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::primitives::SdkBody;
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

use crate::store::throttle::Throttle;

/// A client that exchanges the bodies of requests right before they are sent: behind all that signs and frames them.
#[derive(Debug)]
pub(super) struct Pace {
    inner: SharedHttpClient,
    throttle: Throttle,
}

impl Pace {
    /// Around another client; that one itself where there is no limit.
    pub(super) fn around(inner: SharedHttpClient, throttle: &Throttle) -> SharedHttpClient {
        match throttle.frame() {
            Some(_) => SharedHttpClient::new(Self { inner, throttle: throttle.clone() }),
            None => inner,
        }
    }
}

impl HttpClient for Pace {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(PacedConnector { inner, throttle: self.throttle.clone() })
    }

    fn validate_base_client_config(
        &self,
        components: &RuntimeComponentsBuilder,
        config: &ConfigBag,
    ) -> Result<(), BoxError> {
        HttpClient::validate_base_client_config(&self.inner, components, config)
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.inner.connector_metadata()
    }
}

#[derive(Debug)]
struct PacedConnector {
    inner: SharedHttpConnector,
    throttle: Throttle,
}

impl HttpConnector for PacedConnector {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let is_in_memory = request.body().bytes().is_some_and(|bytes| !bytes.is_empty());
        if let Some(frame) = self.throttle.frame().filter(|_| is_in_memory) {
            let whole = request.take_body();
            let (bytes, throttle) = (Bytes::new(), self.throttle.clone());
            *request.body_mut() = SdkBody::from_body_1_x(Paced { whole, bytes, frame, throttle, pause: None });
        }
        self.inner.call(request)
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
