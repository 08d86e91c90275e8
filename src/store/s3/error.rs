//! What a failed request means.

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::model::problem;
use crate::store::{Kind, Put, StoreError};

/// What a request that creates an object came to: the condition does not hold (412) when the object is there.
///
/// Only an answer with the object's ETag confirms it. A proxy, a portal or a web server that stands where S3 was meant to
/// be may answer with 200 to anything.
pub(super) fn creation<T, E>(
    doing: &'static str,
    what: impl ToString,
    sent: Result<T, SdkError<E, HttpResponse>>,
    etag: impl Fn(&T) -> Option<&str>,
) -> Result<Put, StoreError>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match sent {
        Ok(answer) if etag(&answer).is_some_and(|etag| !etag.is_empty()) => Ok(Put::Created),
        Ok(_) => Err(no_store(doing, what)),
        // S3 says so in its own words; a proxy may answer with 412 to anything too.
        Err(error) if status(&error) == Some(412) => match error.code() {
            Some("PreconditionFailed") => Ok(Put::AlreadyThere),
            _ => Err(no_store(doing, what)),
        },
        Err(error) => match of_store(doing, what, error) {
            // There need not be an object to put one: it is the bucket, or what answers is no store.
            error if error.kind == Kind::NoObject => Err(StoreError { kind: Kind::NoStore, ..error }),
            error => Err(error),
        },
    }
}

/// Something answered that it was done, but not as S3 does.
pub(super) fn no_store(doing: &'static str, what: impl ToString) -> StoreError {
    let why = "the answer confirms nothing: what answers is no S3 store";
    StoreError::new(doing, what, Kind::Unreachable, why)
}

/// The failure of any request.
pub(super) fn of_store<E>(doing: &'static str, what: impl ToString, error: SdkError<E, HttpResponse>) -> StoreError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let kind = kind(&error);
    let sentence = match region(&error).filter(|_| kind == Kind::WrongRegion) {
        Some(region) => format!("{}; the bucket is in {region}", sentence(&error)),
        None => sentence(&error),
    };
    StoreError::new(doing, what, kind, one_line(&sentence))
}

pub(super) fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

/// The meaning of an answer (<https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>), or of none.
fn kind<E: ProvideErrorMetadata + std::error::Error + 'static>(error: &SdkError<E, HttpResponse>) -> Kind {
    let by_code = error.code().and_then(|code| match code {
        "RequestTimeTooSkewed" => Some(Kind::ClockSkew),
        "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" | "RequestExpired" => Some(Kind::Expired),
        "AccessDenied" | "InvalidToken" => Some(Kind::Denied),
        "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" => {
            Some(Kind::WrongRegion)
        }
        "NoSuchBucket" => Some(Kind::NoStore),
        "NoSuchKey" | "NotFound" => Some(Kind::NoObject),
        "InvalidObjectState" => Some(Kind::Archived),
        "NoSuchUpload" => Some(Kind::Conflict),
        "BadDigest"
        | "InvalidDigest"
        | "XAmzContentSHA256Mismatch"
        | "XAmzContentChecksumMismatch"
        | "IncompleteBody" => Some(Kind::Corrupted),
        "PreconditionFailed" => Some(Kind::Conflict),
        "RequestTimeout" | "SlowDown" | "ServiceUnavailable" | "InternalError" => Some(Kind::Busy),
        _ => None,
    });
    let by_status = || match status(error)? {
        301 | 307 | 308 => Some(Kind::WrongRegion),
        401 | 403 => Some(Kind::Denied),
        404 => Some(Kind::NoObject),
        408 | 429 => Some(Kind::Busy),
        409 => Some(Kind::Conflict),
        // S3 names the condition; without that it is something else that answers.
        412 => Some(Kind::Unreachable),
        501 => Some(Kind::NotImplemented),
        500.. => Some(Kind::Busy),
        400..500 => Some(Kind::Rejected),
        // S3 may begin to answer before it knows the end: an error behind 200.
        200 if error.code().is_some() => Some(Kind::Busy),
        _ => None,
    };
    by_code.or_else(by_status).unwrap_or_else(|| match error {
        _ if lacks_credentials(error) => Kind::Denied,
        SdkError::ConstructionFailure(_) => Kind::Rejected,
        _ => Kind::Unreachable,
    })
}

/// The SDK has no type for "no credentials were found" that reaches us; its text says so.
pub(crate) fn lacks_credentials<E: std::error::Error + 'static>(error: &SdkError<E, HttpResponse>) -> bool {
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
        (Some(status @ 200..300), None, _) => {
            format!("the store answered with status {status}, and in a way that is not understood: is it an S3 store?")
        }
        (Some(status), None, _) => format!("the store answered with status {status}"),
        (None, ..) => problem::chain(error),
    }
}

/// The region that the store says its bucket is in.
fn region<E>(error: &SdkError<E, HttpResponse>) -> Option<String> {
    error.raw_response()?.headers().get("x-amz-bucket-region").map(str::to_owned)
}

/// On one line, of bounded length and without control characters, as it goes to a terminal or into root's mail: texts of
/// the SDK have several lines, and what a server says may be anything.
pub(crate) fn one_line(text: &str) -> String {
    const LONGEST: usize = 400;
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{} ...", &line[..end]),
        None => line,
    }
}
