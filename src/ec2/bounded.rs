//! What comes in from the metadata service, bounded before anything looks at it.
//!
//! The SDK reads an answer into memory whatever its length, and adds a token's lifetime to the clock whatever it is. On
//! an instance only the hypervisor answers at the service's address; elsewhere that may be anything: a proxy, a captive
//! portal, a program of somebody else's.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use http_body_util::Limited;

/// The longest answer, in bytes. The longest of the values that we ask for, a tag, has 256 characters; a page that says
/// that there is nothing has some 350 bytes.
const LONGEST: usize = 16 * 1024;

/// The header with a token's lifetime in seconds, and the longest that there is
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html>).
const LIFETIME: &str = "x-aws-ec2-metadata-token-ttl-seconds";
const LONGEST_LIFETIME: u64 = 6 * 3600;

/// A client whose answers are bounded.
#[derive(Debug)]
pub(super) struct Bounded(pub(super) SharedHttpClient);

impl HttpClient for Bounded {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(BoundedConnector(self.0.http_connector(settings, components)))
    }
}

#[derive(Debug)]
struct BoundedConnector(SharedHttpConnector);

impl HttpConnector for BoundedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let answer = self.0.call(request);
        HttpConnectorFuture::new(async move {
            let answer = answer.await?;
            is_from_the_service(&answer).map_err(|why| ConnectorError::other(why.into(), None))?;
            Ok(answer.map(|body| SdkBody::from_body_1_x(Limited::new(body, LONGEST))))
        })
    }
}

/// An answer that the metadata service would not give.
#[derive(Debug, thiserror::Error)]
#[error("what answers is not the metadata service: {0}")]
struct NotTheService(String);

fn is_from_the_service(answer: &HttpResponse) -> Result<(), NotTheService> {
    let header = |name| answer.headers().get(name);
    let is_page = header("content-type").is_some_and(|kind| kind.to_ascii_lowercase().starts_with("text/html"));
    if answer.status().is_success() && is_page {
        return Err(NotTheService("it sends web pages".to_owned()));
    }
    let lives = |seconds: &str| seconds.parse().is_ok_and(|seconds: u64| seconds <= LONGEST_LIFETIME);
    match header(LIFETIME) {
        Some(seconds) if !lives(seconds) => {
            Err(NotTheService(format!("it sends a token that is good for {seconds:?} seconds")))
        }
        _ => Ok(()),
    }
}
