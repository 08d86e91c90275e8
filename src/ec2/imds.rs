//! The instance metadata service, version 2 only (`aws_config::imds` speaks no other).

use std::time::Duration;

use aws_config::imds::Client;
use aws_config::provider_config::ProviderConfig;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

use crate::model::names::Instance;

/// The service is a hop away and answers in about a millisecond; where there is none, this is what it costs.
const LONGEST_CONNECT: Duration = Duration::from_millis(300);
const LONGEST_IN_ALL: Duration = Duration::from_secs(1);

/// Whether the user keeps the service from being asked, as for every AWS SDK.
pub(super) fn is_switched_off() -> bool {
    std::env::var_os("AWS_EC2_METADATA_DISABLED").is_some_and(|set| set.eq_ignore_ascii_case("true"))
}

/// The instance id; `None` where no metadata service answers, or it is not to be asked.
pub(super) fn instance_id() -> Option<Instance> {
    if is_switched_off() {
        return None;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    let answer = runtime.block_on(async { tokio::time::timeout(LONGEST_IN_ALL, ask()).await });
    let id = answer.ok().flatten()?;
    Instance::parse(id.trim()).ok()
}

async fn ask() -> Option<String> {
    let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let client = Client::builder()
        .configure(&ProviderConfig::without_region().with_http_client(http))
        .connect_timeout(LONGEST_CONNECT)
        .read_timeout(LONGEST_CONNECT)
        .max_attempts(1)
        .build();
    match client.get("/latest/meta-data/instance-id").await {
        Ok(id) => Some(id.into()),
        Err(error) => {
            log::debug!("no instance metadata: {error}");
            None
        }
    }
}
