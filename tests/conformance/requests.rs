//! What goes over the wire, as the embedded server recorded it: how many requests, with which headers, and what follows
//! when one of them fails.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use http::request::Parts;
use logferry::model::s3_options::{Checksum, Encryption, S3Options};
use logferry::store::{Kind, Put, Store, StoreError};
use logferry::sys::signals;
use nix::sys::signal::{Signal, raise};

use crate::objects::nothing_is_open;
use crate::s3_server::{Fault, Request};
use crate::sample::{Sample, TWO_PARTS, create, fails_with, is_absent, is_whole, keys, put};
use crate::scene::{Outcome, Scene};

/// The account that the embedded server's buckets belong to.
const OWNER: &str = "123456789012";

/// What a request is, in one word.
fn word(request: &Request) -> String {
    let query = request.query.as_deref().unwrap_or_default();
    let asks = |name: &str| query.split('&').any(|pair| pair.split('=').next() == Some(name));
    let what = match () {
        () if asks("uploads") => "CREATE",
        () if asks("partNumber") => "PART",
        () if asks("uploadId") => "UPLOAD",
        () => "",
    };
    format!("{} {what}", request.method).trim_end().to_owned()
}

fn words(requests: &[Request]) -> Vec<String> {
    requests.iter().map(word).collect()
}

fn header<'r>(request: &'r Request, name: &str) -> Option<&'r str> {
    request.headers.get(name).and_then(|value| value.to_str().ok())
}

fn has(request: &Request, name: &str, value: &str) -> Outcome {
    let found = header(request, name);
    ensure!(found == Some(value), "{}: {name} is {found:?} instead of {value:?}", word(request));
    Ok(())
}

pub(crate) fn a_put_is_one_request(store: &dyn Store, scene: &Scene) -> Outcome {
    let sample = Sample::new("web", 100)?;
    let sent = scene.requests_of(|| create(store, &sample))?;
    ensure!(words(&sent) == ["PUT"], "{:?}", words(&sent));
    has(&sent[0], "if-none-match", "*")?;
    has(&sent[0], "content-length", "100")?;
    has(&sent[0], "content-type", "application/gzip")?;
    let again = scene.requests_of(|| put(store, &sample).map(drop).map_err(Into::into))?;
    ensure!(words(&again) == ["PUT"] && again[0].status == Some(412), "{again:?}");
    Ok(())
}

pub(crate) fn a_put_in_parts_is_its_parts_and_two_requests(store: &dyn Store, scene: &Scene) -> Outcome {
    let sample = Sample::new("web", TWO_PARTS)?;
    let sent = scene.requests_of(|| create(store, &sample))?;
    ensure!(words(&sent) == ["POST CREATE", "PUT PART", "PUT PART", "POST UPLOAD"], "{:?}", words(&sent));
    has(&sent[3], "if-none-match", "*")?;
    has(&sent[0], "content-type", "application/gzip")?;
    let again = scene.requests_of(|| put(store, &sample).map(drop).map_err(Into::into))?;
    let expected = ["POST CREATE", "PUT PART", "PUT PART", "POST UPLOAD", "DELETE UPLOAD"];
    ensure!(words(&again) == expected, "{:?}", words(&again));
    Ok(())
}

/// Chunk framing, trailing checksums and a content encoding of any kind: servers stumble over each of them.
pub(crate) fn no_request_is_chunked(_: &dyn Store, scene: &Scene) -> Outcome {
    for (word, checksum) in Checksum::ALL {
        let store = scene.open_with(&S3Options { checksum, ..S3Options::default() })?;
        let samples = [Sample::new(word, 100)?, Sample::new(word, TWO_PARTS)?];
        let sent = scene.requests_of(|| {
            samples.iter().try_for_each(|sample| create(store.as_ref(), sample))?;
            is_whole(store.as_ref(), &samples[0])?;
            store.describe(&samples[0].key)?;
            keys(store.as_ref(), "").map(drop)
        })?;
        for request in &sent {
            for name in ["content-encoding", "transfer-encoding", "x-amz-decoded-content-length", "x-amz-trailer"] {
                ensure!(header(request, name).is_none(), "{} has {name}", self::word(request));
            }
            let payload = header(request, "x-amz-content-sha256").unwrap_or_default();
            ensure!(!payload.starts_with("STREAMING"), "{}: {payload}", self::word(request));
        }
    }
    Ok(())
}

fn checksum_header(checksum: Checksum) -> (&'static str, &'static str) {
    match checksum {
        Checksum::Sha256 => ("x-amz-checksum-sha256", "SHA256"),
        Checksum::Crc32 => ("x-amz-checksum-crc32", "CRC32"),
        Checksum::Crc32c => ("x-amz-checksum-crc32c", "CRC32C"),
        Checksum::Crc64Nvme => ("x-amz-checksum-crc64nvme", "CRC64NVME"),
    }
}

/// The server compares what it is given; here, that it is given something each time, and nothing else.
pub(crate) fn every_body_goes_with_its_checksum(_: &dyn Store, scene: &Scene) -> Outcome {
    for (word, checksum) in Checksum::ALL {
        let store = scene.open_with(&S3Options { checksum, ..S3Options::default() })?;
        let (wanted, algorithm) = checksum_header(checksum);
        let sent = scene.requests_of(|| {
            create(store.as_ref(), &Sample::new(word, 100)?)?;
            create(store.as_ref(), &Sample::new(word, TWO_PARTS)?)
        })?;
        for request in sent.iter().filter(|request| request.method == "PUT") {
            let given = Checksum::ALL.map(|(_, other)| checksum_header(other).0);
            let given: Vec<_> = given.into_iter().filter(|name| header(request, name).is_some()).collect();
            ensure!(given == [wanted], "{word}: {} has {given:?}", self::word(request));
        }
        let created = sent.iter().find(|request| self::word(request) == "POST CREATE").context("no upload")?;
        has(created, "x-amz-checksum-algorithm", algorithm)?;
    }
    Ok(())
}

/// The digest of the seal, not one of what was read now.
pub(crate) fn the_sealed_digest_goes_with_a_put(store: &dyn Store, scene: &Scene) -> Outcome {
    let sample = Sample::new("web", 100)?;
    let sent = scene.requests_of(|| create(store, &sample))?;
    has(&sent[0], "x-amz-checksum-sha256", &base64_simd::STANDARD.encode_to_string(sample.sha256().0))
}

/// The put and the new upload of two segments that aren't there yet.
fn creations(scene: &Scene, options: &S3Options) -> Outcome<Vec<Request>> {
    let store = scene.open_with(options)?;
    let number = keys(store.as_ref(), "")?.len();
    let sent = scene.requests_of(|| {
        create(store.as_ref(), &Sample::new(format!("a{number}"), 100)?)?;
        create(store.as_ref(), &Sample::new(format!("b{number}"), TWO_PARTS)?)
    })?;
    let creations: Vec<_> = sent.into_iter().filter(|sent| ["PUT", "POST CREATE"].contains(&&*word(sent))).collect();
    ensure!(creations.len() == 2, "{:?}", words(&creations));
    Ok(creations)
}

fn creations_have(scene: &Scene, options: &S3Options, headers: &[(&str, &str)]) -> Outcome {
    for request in creations(scene, options)? {
        headers.iter().try_for_each(|(name, value)| has(&request, name, value))?;
    }
    Ok(())
}

pub(crate) fn options_are_sent_as_configured(_: &dyn Store, scene: &Scene) -> Outcome {
    let plain = S3Options::default;
    let tags = vec![("team".to_owned(), "a b".to_owned()), ("cost&centre".to_owned(), "ü=1".to_owned())];
    creations_have(scene, &S3Options { tags, ..plain() }, &[("x-amz-tagging", "team=a%20b&cost%26centre=%C3%BC%3D1")])?;
    let class = Some("GLACIER_IR".to_owned());
    creations_have(scene, &S3Options { storage_class: class, ..plain() }, &[("x-amz-storage-class", "GLACIER_IR")])?;
    let acl = Some("bucket-owner-full-control".to_owned());
    creations_have(scene, &S3Options { acl, ..plain() }, &[("x-amz-acl", "bucket-owner-full-control")])?;
    let managed = S3Options { encryption: Some(Encryption::S3), ..plain() };
    creations_have(scene, &managed, &[("x-amz-server-side-encryption", "AES256")])?;
    let kms = |key| S3Options { encryption: Some(Encryption::Kms { key }), ..plain() };
    creations_have(scene, &kms(None), &[("x-amz-server-side-encryption", "aws:kms")])?;
    let key = ("x-amz-server-side-encryption-aws-kms-key-id", "alias/logs");
    creations_have(scene, &kms(Some("alias/logs".to_owned())), &[("x-amz-server-side-encryption", "aws:kms"), key])
}

pub(crate) fn options_that_are_not_set_are_not_sent(_: &dyn Store, scene: &Scene) -> Outcome {
    const OPTIONAL: [&str; 6] = ["tagging", "storage-class", "acl", "server-side", "expected-bucket", "sdk-checksum"];
    for request in creations(scene, &S3Options::default())? {
        let sent = request.headers.keys().find(|name| OPTIONAL.iter().any(|part| name.as_str().contains(part)));
        ensure!(sent.is_none(), "{} has {sent:?}", word(&request));
    }
    Ok(())
}

/// A bucket's name may belong to someone else tomorrow: neither write to it nor believe what it holds.
pub(crate) fn every_request_names_the_expected_owner(_: &dyn Store, scene: &Scene) -> Outcome {
    let options = S3Options { expected_bucket_owner: Some(OWNER.to_owned()), ..S3Options::default() };
    let store = scene.open_with(&options)?;
    let (small, large) = (Sample::new("web", 100)?, Sample::new("web", TWO_PARTS)?);
    let sent = scene.requests_of(|| {
        create(store.as_ref(), &small)?;
        create(store.as_ref(), &large)?;
        is_whole(store.as_ref(), &small)?;
        store.describe(&small.key)?;
        store.abandon(&small.key, "unknown")?;
        keys(store.as_ref(), "").map(drop)
    })?;
    sent.iter().try_for_each(|request| has(request, "x-amz-expected-bucket-owner", OWNER))
}

/// The first requests that are meant fail, the others pass.
fn first(count: u32, fault: Fault, meant: impl Fn(&Parts) -> bool) -> impl Fn(&Parts) -> Fault {
    let left = AtomicU32::new(count);
    move |request| {
        let spend = || left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
        if meant(request) && spend() { fault.clone() } else { Fault::Pass }
    }
}

fn is_put(request: &Parts) -> bool {
    request.method == "PUT"
}

fn is_completion(request: &Parts) -> bool {
    request.method == "POST" && request.uri.query().is_some_and(|query| query.contains("uploadId="))
}

pub(crate) fn a_server_without_conditional_puts_gets_plain_ones(store: &dyn Store, scene: &Scene) -> Outcome {
    let _spoiled = scene.spoil(|request| match request.headers.contains_key("if-none-match") {
        true => Fault::Status(501, "NotImplemented"),
        false => Fault::Pass,
    })?;
    let (small, large) = (Sample::new("web", 100)?, Sample::new("web", TWO_PARTS)?);
    let sent = scene.requests_of(|| create(store, &small))?;
    ensure!(words(&sent) == ["PUT", "PUT"], "{:?}", words(&sent));
    is_whole(store, &small)?;
    // From now on it is known.
    let sent = scene.requests_of(|| create(store, &Sample::new("web", 101)?))?;
    ensure!(words(&sent) == ["PUT"], "{:?}", words(&sent));

    let fresh = scene.open()?;
    let sent = scene.requests_of(|| create(fresh.as_ref(), &large))?;
    let expected = ["POST CREATE", "PUT PART", "PUT PART", "POST UPLOAD", "POST UPLOAD"];
    ensure!(words(&sent) == expected, "{:?}", words(&sent));
    is_whole(store, &large)?;
    nothing_is_open(scene)
}

pub(crate) fn a_lost_answer_to_a_put_ends_as_already_there(store: &dyn Store, scene: &Scene) -> Outcome {
    let sample = Sample::new("web", 100)?;
    let _spoiled = scene.spoil(first(1, Fault::CloseAfterHandling, is_put))?;
    let answer = put(store, &sample)?;
    ensure!(answer == Put::AlreadyThere, "it ended as {answer:?}");
    is_whole(store, &sample)
}

pub(crate) fn a_lost_answer_to_a_part_is_got_over(store: &dyn Store, scene: &Scene) -> Outcome {
    let sample = Sample::new("web", TWO_PARTS)?;
    let _spoiled = scene.spoil(first(1, Fault::CloseAfterHandling, is_put))?;
    create(store, &sample)?;
    is_whole(store, &sample)?;
    nothing_is_open(scene)
}

pub(crate) fn a_lost_answer_to_a_completion_ends_as_already_there(store: &dyn Store, scene: &Scene) -> Outcome {
    let sample = Sample::new("web", TWO_PARTS)?;
    let _spoiled = scene.spoil(first(1, Fault::CloseAfterHandling, is_completion))?;
    let answer = put(store, &sample)?;
    ensure!(answer == Put::AlreadyThere, "it ended as {answer:?}");
    is_whole(store, &sample)?;
    nothing_is_open(scene)
}

/// Another writer of the same key was faster than S3 could tell apart: 409, and the upload must begin anew
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html>).
pub(crate) fn a_conflict_in_a_completion_begins_the_upload_anew(store: &dyn Store, scene: &Scene) -> Outcome {
    let sample = Sample::new("web", TWO_PARTS)?;
    let conflict = Fault::Status(409, "ConditionalRequestConflict");
    let _spoiled = scene.spoil(first(1, conflict, is_completion))?;
    let sent = scene.requests_of(|| create(store, &sample))?;
    let begun = words(&sent).iter().filter(|word| *word == "POST CREATE").count();
    ensure!(begun == 2, "{:?}", words(&sent));
    is_whole(store, &sample)?;
    nothing_is_open(scene)
}

pub(crate) fn passing_trouble_is_got_over(store: &dyn Store, scene: &Scene) -> Outcome {
    let faults = [
        Fault::CloseBeforeBody,
        Fault::Status(503, "SlowDown"),
        Fault::Status(500, "InternalError"),
        Fault::Status(409, "ConditionalRequestConflict"),
        Fault::Status(400, "RequestTimeout"),
        Fault::Status(400, "BadDigest"),
        Fault::Status(429, "TooManyRequests"),
    ];
    for (number, fault) in faults.into_iter().enumerate() {
        let doing = format!("{fault:?}");
        let _spoiled = scene.spoil(first(2, fault, is_put))?;
        for size in [100, TWO_PARTS] {
            let sample = Sample::new(format!("service {number}"), size)?;
            create(store, &sample).with_context(|| doing.clone())?;
            is_whole(store, &sample).with_context(|| doing.clone())?;
        }
    }
    Ok(())
}

pub(crate) fn trouble_that_stays_is_told_by_its_kind(_: &dyn Store, scene: &Scene) -> Outcome {
    for (status, code, kind, requests) in [
        (503, "SlowDown", Kind::Busy, 5),
        (403, "AccessDenied", Kind::Denied, 1),
        (403, "RequestTimeTooSkewed", Kind::ClockSkew, 1),
        (400, "ExpiredToken", Kind::Expired, 1),
        (301, "PermanentRedirect", Kind::WrongRegion, 1),
        (400, "AuthorizationHeaderMalformed", Kind::WrongRegion, 1),
        (404, "NoSuchBucket", Kind::NoStore, 1),
        (400, "EntityTooLarge", Kind::Rejected, 1),
        (405, "MethodNotAllowed", Kind::Rejected, 1),
    ] {
        let (store, sample) = (scene.open()?, Sample::new(code, 100)?);
        let _spoiled = scene.spoil(first(u32::MAX, Fault::Status(status, code), is_put))?;
        let sent = scene.requests_of(|| fails_with(kind, code, put(store.as_ref(), &sample)))?;
        ensure!(sent.len() == requests, "{code}: {} requests", sent.len());
    }
    Ok(())
}

fn is_get(request: &Parts) -> bool {
    request.method == "GET" && request.uri.query().is_none_or(|query| !query.contains("list-type"))
}

/// The first bytes of an answer are its head, which is well below a thousand bytes here.
pub(crate) fn a_body_that_breaks_off_goes_on_where_it_broke(store: &dyn Store, scene: &Scene) -> Outcome {
    let sample = Sample::new("web", 300_000)?;
    create(store, &sample)?;
    for fault in [Fault::CutAnswer(100_000), Fault::CutAnswer(2_000), Fault::ResetAfterHandling] {
        let doing = format!("{fault:?}");
        let _spoiled = scene.spoil(first(2, fault, is_get))?;
        let sent = scene.requests_of(|| is_whole(store, &sample)).with_context(|| doing.clone())?;
        ensure!(words(&sent) == ["GET"; 3], "{doing}: {:?}", words(&sent));
        let ranges: Vec<_> = sent.iter().map(|request| header(request, "range")).collect();
        let asked = ranges.iter().flatten().count();
        ensure!(asked == if doing.contains("Cut") { 2 } else { 0 }, "{doing}: {ranges:?}");
    }
    Ok(())
}

/// A few hundred bytes each time are not much further: five tries, and then it is told.
pub(crate) fn a_body_that_gets_no_further_is_given_up(store: &dyn Store, scene: &Scene) -> Outcome {
    let sample = Sample::new("web", 300_000)?;
    create(store, &sample)?;
    let _spoiled = scene.spoil(first(u32::MAX, Fault::CutAnswer(2_000), is_get))?;
    let sent = scene.requests_of(|| {
        let mut body = store.open(&sample.key)?;
        let failed = std::io::copy(&mut body, &mut std::io::sink()).err().context("it came whole")?;
        let failed = failed.downcast::<StoreError>().context("of another kind")?;
        fails_with(Kind::Unreachable, "read", Err::<(), _>(failed))
    })?;
    ensure!(sent.len() == 5, "{} requests", sent.len());
    Ok(())
}

pub(crate) fn an_upload_that_fails_leaves_nothing(store: &dyn Store, scene: &Scene) -> Outcome {
    let sample = Sample::new("web", TWO_PARTS)?;
    let is_second = |request: &Parts| request.uri.query().is_some_and(|query| query.contains("partNumber=2"));
    for meant in [is_second, is_completion] {
        let spoiled = scene.spoil(first(u32::MAX, Fault::Status(403, "AccessDenied"), meant))?;
        fails_with(Kind::Denied, "put", put(store, &sample))?;
        drop(spoiled);
        nothing_is_open(scene)?;
        is_absent(store, &sample)?;
    }
    Ok(())
}

/// SIGTERM while a part is under way: an answer at once, and no parts that cost money for ever.
pub(crate) fn an_upload_that_is_stopped_leaves_nothing(_: &dyn Store, scene: &Scene) -> Outcome {
    let stop = signals::prepare()?;
    let store = scene.open_until(&scene.destination(), &S3Options::default(), &stop)?;
    let sample = Sample::new("web", TWO_PARTS)?;
    let _spoiled = scene.spoil(|request| {
        if is_put(request) {
            raise(Signal::SIGTERM).expect("a signal to ourselves");
            return Fault::Stall(Duration::from_secs(5));
        }
        Fault::Pass
    })?;
    let begin = std::time::Instant::now();
    fails_with(Kind::Stopped, "put", put(store.as_ref(), &sample))?;
    ensure!(begin.elapsed() < Duration::from_secs(3), "it took {:?}", begin.elapsed());
    nothing_is_open(scene)
}
