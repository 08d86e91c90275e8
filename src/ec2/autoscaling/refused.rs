//! What the Auto Scaling API refuses, or does not answer: what that means, in a few words, and what to do.

use std::fmt;

use aws_sdk_autoscaling::config::http::HttpResponse;
use aws_sdk_autoscaling::error::{ProvideErrorMetadata, SdkError};

use crate::model::problem;
use crate::store::s3::error::{lacks_credentials, one_line};

/// What a refusal means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// We may not do it.
    Denied,
    /// There are no credentials, so that nobody is asked.
    Nobody,
    /// No lifecycle action waits: it was completed, or its time is over, or it never began.
    NotActive,
    /// The group or the hook is not known, or something else about the request is not valid.
    Invalid,
    /// It may pass: throttled, contended, out of reach.
    Passing,
}

/// A call that was refused, or not answered.
#[derive(Clone, Debug)]
pub struct Refused {
    /// The action, as a policy names it.
    pub action: &'static str,
    /// What it means.
    pub kind: Kind,
    pub(super) why: String,
    /// The group that it is about, as a policy names it.
    pub(super) resource: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.action, self.why)
    }
}

impl std::error::Error for Refused {}

impl Refused {
    /// What to do.
    pub fn hint(&self) -> String {
        match self.kind {
            Kind::Denied => format!("allow {} on {} to the role of this instance", self.action, self.resource),
            Kind::Nobody => {
                "give the instance a role (an IAM instance profile), or the credentials that every AWS SDK looks for".to_owned()
            }
            Kind::NotActive => "nothing to do where someone else has completed it, or where it does not wait yet, as long as a load \
                                balancer lets go of the instance: the next call tries again; else its time was over: give the hook \
                                a longer heartbeat timeout"
                .to_owned(),
            Kind::Invalid => "see the names of the group and of its hook: [lifecycle] group and hook".to_owned(),
            Kind::Passing => "see the way to the API: a VPC endpoint, a NAT, or a proxy (HTTPS_PROXY)".to_owned(),
        }
    }
}

/// The meaning of an answer, or of none: the API's common errors
/// (<https://docs.aws.amazon.com/autoscaling/ec2/APIReference/CommonErrors.html>) and those of the calls.
pub(super) fn kind<E: ProvideErrorMetadata + std::error::Error + 'static>(error: &SdkError<E, HttpResponse>) -> Kind {
    let status = error.raw_response().map(|response| response.status().as_u16());
    match (error.code(), error.message()) {
        (Some("ValidationError"), Some(message)) if message.contains("No active Lifecycle Action") => Kind::NotActive,
        (Some("Throttling" | "ThrottlingException" | "RequestLimitExceeded" | "ResourceContention"), _) => {
            Kind::Passing
        }
        (
            Some(
                "AccessDenied"
                | "AccessDeniedException"
                | "UnauthorizedOperation"
                | "NotAuthorized"
                | "OptInRequired"
                | "InvalidClientTokenId"
                | "UnrecognizedClientException"
                | "ExpiredToken"
                | "ExpiredTokenException"
                | "SignatureDoesNotMatch"
                | "IncompleteSignature"
                | "MissingAuthenticationToken"
                | "RequestExpired",
            ),
            _,
        ) => Kind::Denied,
        _ if lacks_credentials(error) => Kind::Nobody,
        _ if matches!(error, SdkError::ConstructionFailure(_)) => Kind::Invalid,
        _ => match status {
            Some(401 | 403) => Kind::Denied,
            Some(400..500) => Kind::Invalid,
            _ => Kind::Passing,
        },
    }
}

pub(super) fn sentence<E: ProvideErrorMetadata + std::error::Error + 'static>(
    error: &SdkError<E, HttpResponse>,
) -> String {
    one_line(&match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        // The SDK's own texts name all that was tried, and differ from one try to the next.
        (None, _) if lacks_credentials(error) => "no credentials were found".to_owned(),
        (None, _) if took_too_long(error) => "no answer in time".to_owned(),
        (None, _) => problem::chain(error),
    })
}

fn took_too_long<E>(error: &SdkError<E, HttpResponse>) -> bool {
    match error {
        SdkError::TimeoutError(_) => true,
        SdkError::DispatchFailure(failure) => failure.is_timeout(),
        _ => false,
    }
}
