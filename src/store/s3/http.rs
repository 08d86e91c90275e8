//! The one HTTP stack of all AWS clients: TLS by ring, the system's certificates and those of the user.

use aws_sdk_s3::config::SharedHttpClient;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};

/// What keeps a client from being set up.
pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;

/// How AWS is reached.
pub(crate) struct Stack(TlsContext);

impl Stack {
    /// Trusts the system's certificates, and those of `AWS_CA_BUNDLE`, as the other SDKs do.
    ///
    /// # Errors
    /// Where that file can't be read.
    pub(crate) fn of_environment() -> Result<Self, Error> {
        let mut trust = TrustStore::default();
        if let Some(bundle) = std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty()) {
            let pem = std::fs::read(&bundle)
                .map_err(|error| format!("read AWS_CA_BUNDLE {}: {error}", bundle.to_string_lossy()))?;
            trust = trust.with_pem_certificate(pem);
        }
        Ok(Self(TlsContext::builder().with_trust_store(trust).build()?))
    }

    /// For credentials and metadata, which are asked for without a proxy: the metadata service can't be reached through one.
    pub(crate) fn direct(&self) -> SharedHttpClient {
        Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).tls_context(self.0.clone()).build_https()
    }

    /// For services, through the proxy that the environment names (`HTTPS_PROXY`, ...).
    pub(crate) fn proxied(&self) -> SharedHttpClient {
        let tls = self.0.clone();
        Builder::new().build_with_connector_fn(move |settings, _| {
            let mut connector = Connector::builder();
            connector.set_proxy_config(Some(ProxyConfig::from_env()));
            connector.set_connector_settings(settings.cloned());
            connector.tls_provider(Provider::Rustls(CryptoMode::Ring)).tls_context(tls.clone()).build()
        })
    }
}
