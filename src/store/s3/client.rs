//! The SDK's client: credentials, region, profile and endpoint from its own chain, one HTTP stack, no retries.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::RequestChecksumCalculation;
use aws_types::service_config::ServiceConfigKey;
use tokio::runtime::Runtime;

use super::http::{Error, Stack};
use super::paced::Pace;
use crate::store::throttle::Throttle;

/// No request takes longer than this, ten times the timeout, and what a limit to our own speed adds to the largest part of
/// all: the bounds that count are those of [`crate::store::retry`], which are shorter for all but the largest parts.
const LONGEST_REQUEST: Duration = Duration::from_secs(300);
const LONGEST_CONNECT: Duration = Duration::from_secs(5);

/// What drives the client: one thread; the threads that ship wait for it.
pub(super) fn runtime() -> Result<Runtime, Error> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?)
}

/// The largest part that there can be: a ten-thousandth of the largest object
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>), in bytes.
const LARGEST_PART: u64 = (50 << 40) / 10_000;

/// The client, for a store that may take `timeout` to answer and that is sent no more than `throttle` allows.
pub(super) async fn client(timeout: Duration, throttle: &Throttle) -> Result<Client, Error> {
    let stack = Stack::of_environment()?;
    let longest = LONGEST_REQUEST + timeout * 10 + throttle.longest(LARGEST_PART);
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(LONGEST_CONNECT)
        .read_timeout(longest)
        .operation_attempt_timeout(longest)
        .build();
    let sdk = aws_config::defaults(BehaviorVersion::latest()).http_client(stack.direct()).load().await;
    let config = aws_sdk_s3::config::Builder::from(&sdk)
        // Servers of one's own have no regions; S3 answers with the right one, which the message then shows.
        .region(sdk.region().cloned().unwrap_or(Region::from_static("us-east-1")))
        .http_client(Pace::around(stack.proxied(), throttle))
        .timeout_config(timeouts)
        .retry_config(RetryConfig::disabled())
        // A body in memory gets a header with the checksum that its request names, and never a trailer.
        .request_checksum_calculation(RequestChecksumCalculation::WhenSupported)
        // A server of one's own is seldom set up for a host name for each bucket.
        .force_path_style(has_endpoint(&sdk))
        .build();
    Ok(Client::from_conf(config))
}

/// Whether the user has set an endpoint, for S3 or for all services.
fn has_endpoint(sdk: &SdkConfig) -> bool {
    let key = ServiceConfigKey::builder().service_id("S3").env("AWS_ENDPOINT_URL").profile("endpoint_url").build();
    let for_s3 = key.ok().and_then(|key| sdk.service_config()?.load_config(key));
    for_s3.is_some() || sdk.endpoint_url().is_some()
}
