//! A look at a bucket behind the store's back, by a client of its own: open uploads, headers, other people's objects.

use std::time::Duration;

use anyhow::Context as _;
use aws_config::BehaviorVersion;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use futures::StreamExt as _;
use tokio::runtime::Runtime;

use crate::scene::{BUCKET, Outcome};

/// How many objects are put at once.
const AT_ONCE: usize = 16;

/// A client for one prefix.
pub(crate) struct Probe {
    runtime: Runtime,
    client: Client,
    prefix: &'static str,
}

impl Probe {
    pub(crate) fn open(prefix: &'static str) -> Outcome<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let mut trust = TrustStore::empty();
        if let Some(bundle) = std::env::var_os("AWS_CA_BUNDLE") {
            trust = trust.with_pem_certificate(std::fs::read(bundle).context("read AWS_CA_BUNDLE")?);
        }
        let tls = TlsContext::builder().with_trust_store(trust).build()?;
        let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).tls_context(tls).build_https();
        let timeouts = TimeoutConfig::builder().operation_timeout(Duration::from_secs(20)).build();
        let loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http).timeout_config(timeouts);
        let sdk = runtime.block_on(loader.load());
        let config = aws_sdk_s3::config::Builder::from(&sdk).force_path_style(true).build();
        Ok(Self { runtime, client: Client::from_conf(config), prefix })
    }

    fn full(&self, key: &str) -> String {
        format!("{}/{key}", self.prefix)
    }

    /// Makes the bucket unless it is there.
    pub(crate) fn make_bucket(&self) -> Outcome {
        let made = self.runtime.block_on(self.client.create_bucket().bucket(BUCKET).send());
        match made {
            Err(error) if error.as_service_error().is_some_and(|error| error.is_bucket_already_owned_by_you()) => {
                Ok(())
            }
            other => other.map(drop).context("make the bucket"),
        }
    }

    /// The uploads in parts that are open under the prefix.
    pub(crate) fn open_uploads(&self) -> Outcome<Vec<String>> {
        let request = self.client.list_multipart_uploads().bucket(BUCKET).prefix(self.prefix);
        let answer = self.runtime.block_on(request.send()).context("list the open uploads")?;
        Ok(answer.uploads().iter().filter_map(|upload| upload.upload_id().map(str::to_owned)).collect())
    }

    /// Begins an upload and sends its first part.
    pub(crate) fn begin_upload(&self, key: &str) -> Outcome<String> {
        let (key, client) = (self.full(key), &self.client);
        self.runtime.block_on(async {
            let begun = client.create_multipart_upload().bucket(BUCKET).key(&key).send().await?;
            let upload = begun.upload_id.context("an upload without an id")?;
            let part = client.upload_part().bucket(BUCKET).key(&key).upload_id(&upload).part_number(1);
            part.body(ByteStream::from_static(b"a part")).send().await?;
            Ok(upload)
        })
    }

    /// What the server says of an object.
    pub(crate) fn head(&self, key: &str) -> Outcome<HeadObjectOutput> {
        let request = self.client.head_object().bucket(BUCKET).key(self.full(key));
        self.runtime.block_on(request.send()).context("look at the object")
    }

    /// An object's tags.
    pub(crate) fn tags(&self, key: &str) -> Outcome<Vec<(String, String)>> {
        let request = self.client.get_object_tagging().bucket(BUCKET).key(self.full(key));
        let answer = self.runtime.block_on(request.send()).context("ask for the object's tags")?;
        Ok(answer.tag_set().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect())
    }

    /// Puts objects that are none of ours.
    pub(crate) fn put(&self, keys: &[String]) -> Outcome {
        let requests = keys.iter().map(|key| {
            let request = self.client.put_object().bucket(BUCKET).key(self.full(key));
            request.body(ByteStream::from_static(b"x")).send()
        });
        let mut answers = futures::stream::iter(requests).buffer_unordered(AT_ONCE);
        self.runtime.block_on(async {
            while let Some(answer) = answers.next().await {
                answer.context("put an object of other people")?;
            }
            Ok(())
        })
    }
}
