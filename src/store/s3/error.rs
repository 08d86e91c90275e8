//! What a failed request means.

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::model::problem;
use crate::store::{Kind, Put, StoreError};

/// What a request that creates an object came to: the condition does not hold (412) when the object is there.
pub(super) fn creation<T, E>(
    doing: &'static str,
    what: impl ToString,
    sent: Result<T, SdkError<E, HttpResponse>>,
) -> Result<Put, StoreError>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match sent {
        Ok(_) => Ok(Put::Created),
        Err(error) if status(&error) == Some(412) => Ok(Put::AlreadyThere),
        Err(error) => Err(of_store(doing, what, error)),
    }
}

/// The failure of any request.
pub(super) fn of_store<E>(doing: &'static str, what: impl ToString, error: SdkError<E, HttpResponse>) -> StoreError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let kind = kind(&error);
    StoreError::new(doing, what, kind, sentence(&error))
}

fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

/// The meaning of an answer (<https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>), or of none.
fn kind<E: ProvideErrorMetadata + std::error::Error + 'static>(error: &SdkError<E, HttpResponse>) -> Kind {
    let by_code = error.code().and_then(|code| match code {
        "RequestTimeTooSkewed" => Some(Kind::ClockSkew),
        "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired" => Some(Kind::Denied),
        "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" => {
            Some(Kind::WrongRegion)
        }
        "NoSuchBucket" => Some(Kind::NoStore),
        "NoSuchKey" | "NotFound" => Some(Kind::NoObject),
        "NoSuchUpload" => Some(Kind::Conflict),
        "BadDigest"
        | "InvalidDigest"
        | "XAmzContentSHA256Mismatch"
        | "XAmzContentChecksumMismatch"
        | "IncompleteBody" => Some(Kind::Corrupted),
        "RequestTimeout" | "SlowDown" | "ServiceUnavailable" | "InternalError" => Some(Kind::Busy),
        _ => None,
    });
    let by_status = || match status(error)? {
        301 | 307 | 308 => Some(Kind::WrongRegion),
        401 | 403 => Some(Kind::Denied),
        404 => Some(Kind::NoObject),
        408 | 429 => Some(Kind::Busy),
        409 => Some(Kind::Conflict),
        501 => Some(Kind::NotImplemented),
        500.. => Some(Kind::Busy),
        400..500 => Some(Kind::Rejected),
        _ => None,
    };
    by_code.or_else(by_status).unwrap_or_else(|| match error {
        _ if lacks_credentials(error) => Kind::Denied,
        SdkError::ConstructionFailure(_) => Kind::Rejected,
        _ => Kind::Unreachable,
    })
}

/// The SDK has no type for "no credentials were found" that reaches us; its text says so.
fn lacks_credentials<E: std::error::Error + 'static>(error: &SdkError<E, HttpResponse>) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        if inner.to_string().contains("credential") {
            return true;
        }
        source = inner.source();
    }
    false
}

/// The server's code and message, or the chain of what went wrong on the way.
fn sentence<E>(error: &SdkError<E, HttpResponse>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match (status(error), error.code(), error.message()) {
        (Some(status), Some(code), Some(message)) => format!("{code} ({status}): {message}"),
        (Some(status), Some(code), None) => format!("{code} ({status})"),
        (Some(status), None, _) => format!("the store answered with status {status}"),
        // Some of the SDK's texts have several lines.
        (None, ..) => problem::chain(error).split_whitespace().collect::<Vec<_>>().join(" "),
    }
}
