//! The instance metadata service, version 2 only (`aws_config::imds` speaks no other).
//!
//! Promise: a question is answered or given up within `LONGEST_ANSWER`, whatever the service does; what it sends takes no
//! more than a few kilobytes of memory; why it was given up is told with `-v`.

use std::cell::RefCell;
use std::time::Duration;

use aws_config::imds::Client;
use aws_config::imds::client::error::ImdsError;
use aws_config::provider_config::ProviderConfig;
use aws_smithy_http_client::Builder;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::runtime::Runtime;

use super::bounded::Bounded;
use crate::model::printable::is_hidden;
use crate::model::problem;

/// The service is a hop away and answers in about a millisecond; where there is none, this is what it costs.
const LONGEST_CONNECT: Duration = Duration::from_millis(300);

/// The longest that an answer may take, with the token that it may need first. The service itself is slow now and then:
/// it answers some hundreds of requests a second for each network interface, and throttles what is more.
const LONGEST_ANSWER: Duration = Duration::from_secs(1);

/// How long nothing may come. It is less than that, so that it is told what there was no answer to.
const LONGEST_SILENCE: Duration = Duration::from_millis(800);

/// What all metadata are below of.
const ROOT: &str = "/latest/meta-data/";

/// What stands in a path as it is; a tag's key may hold anything.
const IN_PATHS: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':');

/// What the service said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// This is the value, without white space at its ends.
    Found(String),
    /// There is no such thing (status 404).
    Absent,
    /// It did not answer, or with something else; why is told with `-v`.
    Silent,
}

/// Whether the user keeps the service from being asked, as for every AWS SDK.
pub fn is_switched_off() -> bool {
    std::env::var_os("AWS_EC2_METADATA_DISABLED").is_some_and(|set| set.eq_ignore_ascii_case("true"))
}

/// The service. Nothing is sent before the first question; its token is used for all that follow, and replaced when it
/// has expired.
pub struct Imds {
    /// `None` where it is not to be asked, or can't be.
    runtime: Option<Runtime>,
    client: RefCell<Client>,
}

impl Default for Imds {
    fn default() -> Self {
        Self::new()
    }
}

impl Imds {
    /// The service at its usual address, or at that which `AWS_EC2_METADATA_SERVICE_ENDPOINT` names. Where
    /// [`is_switched_off`], all answers are silence.
    pub fn new() -> Self {
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().ok();
        Self { runtime: (!is_switched_off()).then(runtime).flatten(), client: RefCell::new(client()) }
    }

    /// Asks for `path`, below `/latest/meta-data/`; its parts may hold anything.
    pub fn get(&self, path: &str) -> Answer {
        let Some(runtime) = &self.runtime else { return Answer::Silent };
        let asked = runtime.block_on(async { tokio::time::timeout(LONGEST_ANSWER, self.ask(path)).await });
        let shown = path.replace(is_hidden, "\u{fffd}");
        match asked {
            Ok(Ok(value)) => Answer::Found(value.trim().to_owned()),
            Ok(Err(error)) if status(&error) == Some(404) => Answer::Absent,
            Ok(Err(error)) => {
                log::info!("instance metadata: no {shown}: {}", told(&error));
                Answer::Silent
            }
            Err(_) => {
                log::info!("instance metadata: no {shown}: no answer within {} ms", LONGEST_ANSWER.as_millis());
                Answer::Silent
            }
        }
    }

    async fn ask(&self, path: &str) -> Result<String, ImdsError> {
        let parts: Vec<String> = path.split('/').map(|part| utf8_percent_encode(part, IN_PATHS).to_string()).collect();
        let path = format!("{ROOT}{}", parts.join("/"));
        let present = self.client.borrow().clone();
        match present.get(path.as_str()).await {
            // The token is of no use any more, though the client believes in it: a clock was set, or the machine slept.
            Err(error) if status(&error) == Some(401) => {
                self.client.replace(client());
                let anew = self.client.borrow().clone();
                anew.get(path).await.map(String::from)
            }
            answer => answer.map(String::from),
        }
    }
}

fn client() -> Client {
    // The service speaks no TLS, and reading the system's certificates would take longer than its answer.
    let http = SharedHttpClient::new(Bounded(Builder::new().build_http()));
    Client::builder()
        .configure(&ProviderConfig::without_region().with_http_client(http))
        .connect_timeout(LONGEST_CONNECT)
        .read_timeout(LONGEST_SILENCE)
        .max_attempts(1)
        .build()
}

/// The status of an answer that is none.
fn status(error: &ImdsError) -> Option<u16> {
    match error {
        ImdsError::ErrorResponse(answer) => Some(answer.response().status().as_u16()),
        _ => None,
    }
}

/// Why there is no answer, and what may be the reason.
fn told(error: &ImdsError) -> String {
    let hint = match error {
        ImdsError::ErrorResponse(_) => {
            return format!("status {}", status(error).unwrap_or_default());
        }
        ImdsError::FailedToLoadToken(_) => {
            " (in a container, the hop limit in the instance's metadata options must be 2 at least)"
        }
        _ => "",
    };
    format!("{}{hint}", problem::chain(error))
}
