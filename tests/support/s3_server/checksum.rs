//! The checksums of S3: five algorithms, of the whole object or of its parts' checksums.
//!
//! Promise: what a client sent is compared with what was received, and a checksum is always kept (as AWS
//! does: CRC64NVME of the whole object when the client names none).

use s3s::checksum::ChecksumHasher;
use s3s::{S3Result, s3_error};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

/// Whether a checksum covers the object's bytes, or the checksums of its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Form {
    FullObject,
    Composite,
}

/// A checksum in the spelling of the protocol: base64, a composite one with `-<parts>` behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checksum {
    pub(crate) algorithm: Algorithm,
    pub(crate) form: Form,
    pub(crate) value: String,
}

impl Algorithm {
    pub(crate) const ALL: [Self; 5] = [Self::Crc32, Self::Crc32c, Self::Crc64Nvme, Self::Sha1, Self::Sha256];

    pub(crate) fn parse(name: &str) -> S3Result<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
            .ok_or_else(|| s3_error!(InvalidRequest, "Checksum algorithm provided is unsupported"))
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    pub(crate) fn header(self) -> String {
        format!("x-amz-checksum-{}", self.name().to_ascii_lowercase())
    }

    pub(crate) fn hasher(self) -> ChecksumHasher {
        let mut hasher = ChecksumHasher::default();
        match self {
            Self::Crc32 => hasher.crc32 = Some(Default::default()),
            Self::Crc32c => hasher.crc32c = Some(Default::default()),
            Self::Crc64Nvme => hasher.crc64nvme = Some(Default::default()),
            Self::Sha1 => hasher.sha1 = Some(Default::default()),
            Self::Sha256 => hasher.sha256 = Some(Default::default()),
        }
        hasher
    }

    /// The form a multipart upload gets when the client asks for `form` or for none.
    pub(crate) fn multipart_form(self, form: Option<&str>) -> S3Result<Form> {
        let refused = || s3_error!(InvalidRequest, "The checksum type is not supported for this algorithm");
        match (self, form) {
            (Self::Crc64Nvme, None | Some("FULL_OBJECT")) => Ok(Form::FullObject),
            (Self::Crc32 | Self::Crc32c, Some("FULL_OBJECT")) => Ok(Form::FullObject),
            (Self::Crc64Nvme, Some(_)) => Err(refused()),
            (_, None | Some("COMPOSITE")) => Ok(Form::Composite),
            (_, Some(_)) => Err(refused()),
        }
    }
}

impl Form {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::FullObject => "FULL_OBJECT",
            Self::Composite => "COMPOSITE",
        }
    }
}

impl Checksum {
    /// Ends a hasher that was made by `algorithm.hasher()`.
    pub(crate) fn of(algorithm: Algorithm, hasher: ChecksumHasher) -> Self {
        let sums = hasher.finalize();
        let value = match algorithm {
            Algorithm::Crc32 => sums.checksum_crc32,
            Algorithm::Crc32c => sums.checksum_crc32c,
            Algorithm::Crc64Nvme => sums.checksum_crc64nvme,
            Algorithm::Sha1 => sums.checksum_sha1,
            Algorithm::Sha256 => sums.checksum_sha256,
        };
        Self { algorithm, form: Form::FullObject, value: value.expect("the hasher was made for this algorithm") }
    }

    /// The checksum of the parts' checksums.
    pub(crate) fn composite<'a>(algorithm: Algorithm, parts: impl Iterator<Item = &'a Checksum>) -> S3Result<Self> {
        let mut hasher = algorithm.hasher();
        let mut count = 0;
        for part in parts {
            let raw = base64_simd::STANDARD
                .decode_to_vec(&part.value)
                .map_err(|_| s3_error!(InternalError, "a part's checksum is not base64"))?;
            hasher.update(&raw);
            count += 1;
        }
        let value = format!("{}-{count}", Self::of(algorithm, hasher).value);
        Ok(Self { algorithm, form: Form::Composite, value })
    }

    /// Compares with what the client sent, whose composite value may lack the number of parts.
    pub(crate) fn verify(&self, sent: &str) -> S3Result<()> {
        let bare = self.value.split('-').next();
        if sent == self.value || (self.form == Form::Composite && Some(sent) == bare) {
            return Ok(());
        }
        Err(s3_error!(BadDigest, "The {} you specified did not match the calculated checksum.", self.algorithm.name()))
    }
}

/// The one checksum among the five that a request may carry; more than one is refused.
pub(crate) fn only_one(sent: [(Algorithm, &Option<String>); 5]) -> S3Result<Option<(Algorithm, String)>> {
    let mut given = sent.into_iter().filter_map(|(algorithm, value)| Some((algorithm, value.clone()?)));
    let first = given.next();
    if given.next().is_some() {
        return Err(s3_error!(InvalidRequest, "Expecting a single x-amz-checksum- header"));
    }
    Ok(first)
}

/// `only_one` of the five fields that all inputs spell alike without sharing a type.
macro_rules! sent_checksum {
    ($input:expr) => {
        only_one([
            (Algorithm::Crc32, &$input.checksum_crc32),
            (Algorithm::Crc32c, &$input.checksum_crc32c),
            (Algorithm::Crc64Nvme, &$input.checksum_crc64nvme),
            (Algorithm::Sha1, &$input.checksum_sha1),
            (Algorithm::Sha256, &$input.checksum_sha256),
        ])
    };
}

/// Sets the one of those five fields of an output that belongs to the checksum.
macro_rules! show_checksum {
    ($output:expr, $checksum:expr) => {{
        let value = Some($checksum.value.clone());
        match $checksum.algorithm {
            Algorithm::Crc32 => $output.checksum_crc32 = value,
            Algorithm::Crc32c => $output.checksum_crc32c = value,
            Algorithm::Crc64Nvme => $output.checksum_crc64nvme = value,
            Algorithm::Sha1 => $output.checksum_sha1 = value,
            Algorithm::Sha256 => $output.checksum_sha256 = value,
        }
    }};
}

pub(super) use {sent_checksum, show_checksum};
