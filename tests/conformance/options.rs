//! What a server makes of the `[s3]` options: which of them it takes is stated for each server, as users find out too.

use anyhow::ensure;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use logferry::model::s3_options::{Checksum, Encryption, S3Options};
use logferry::store::{Kind, Store};

use crate::sample::{Sample, TWO_PARTS, create, fails_with, is_whole, put};
use crate::scene::{Outcome, Scene};

fn is_taken(scene: &Scene, options: &S3Options) -> Outcome {
    let store = scene.open_with(options)?;
    for size in [100, TWO_PARTS] {
        let sample = Sample::new("web", size)?;
        create(store.as_ref(), &sample)?;
        is_whole(store.as_ref(), &sample)?;
    }
    Ok(())
}

fn checksum_is_taken(scene: &Scene, checksum: Checksum) -> Outcome {
    is_taken(scene, &S3Options { checksum, ..S3Options::default() })
}

pub(crate) fn sha256_is_taken(_: &dyn Store, scene: &Scene) -> Outcome {
    checksum_is_taken(scene, Checksum::Sha256)
}

pub(crate) fn crc32_is_taken(_: &dyn Store, scene: &Scene) -> Outcome {
    checksum_is_taken(scene, Checksum::Crc32)
}

pub(crate) fn crc32c_is_taken(_: &dyn Store, scene: &Scene) -> Outcome {
    checksum_is_taken(scene, Checksum::Crc32c)
}

pub(crate) fn crc64nvme_is_taken(_: &dyn Store, scene: &Scene) -> Outcome {
    checksum_is_taken(scene, Checksum::Crc64Nvme)
}

pub(crate) fn encryption_is_taken(_: &dyn Store, scene: &Scene) -> Outcome {
    is_taken(scene, &S3Options { encryption: Some(Encryption::S3), ..S3Options::default() })
}

pub(crate) fn a_storage_class_is_taken(_: &dyn Store, scene: &Scene) -> Outcome {
    is_taken(scene, &S3Options { storage_class: Some("STANDARD_IA".to_owned()), ..S3Options::default() })
}

pub(crate) fn tags_are_taken(_: &dyn Store, scene: &Scene) -> Outcome {
    is_taken(scene, &S3Options { tags: vec![("team".to_owned(), "web".to_owned())], ..S3Options::default() })
}

/// What a server says of objects that were put with these options, in one request and in parts.
fn shows(
    scene: &Scene,
    options: &S3Options,
    shown: impl Fn(&HeadObjectOutput) -> Option<String>,
    expected: &str,
) -> Outcome {
    let store = scene.open_with(options)?;
    for size in [100, TWO_PARTS] {
        let sample = Sample::new("web", size)?;
        create(store.as_ref(), &sample)?;
        let shown = shown(&scene.probe()?.head(sample.key.as_str())?);
        ensure!(shown.as_deref() == Some(expected), "{size} bytes: it shows {shown:?} for {expected}");
    }
    Ok(())
}

pub(crate) fn encryption_shows_on_the_object(_: &dyn Store, scene: &Scene) -> Outcome {
    let options = S3Options { encryption: Some(Encryption::S3), ..S3Options::default() };
    let shown = |head: &HeadObjectOutput| head.server_side_encryption().map(|kind| kind.as_str().to_owned());
    shows(scene, &options, shown, "AES256")
}

pub(crate) fn encryption_with_a_key_shows_on_the_object(_: &dyn Store, scene: &Scene) -> Outcome {
    let key = "arn:aws:kms:eu-central-1:123456789012:key/0123abcd-0123-0123-0123-0123456789ab";
    let options = S3Options { encryption: Some(Encryption::Kms { key: Some(key.to_owned()) }), ..S3Options::default() };
    shows(scene, &options, |head| head.ssekms_key_id().map(str::to_owned), key)
}

pub(crate) fn the_storage_class_shows_on_the_object(_: &dyn Store, scene: &Scene) -> Outcome {
    let options = S3Options { storage_class: Some("STANDARD_IA".to_owned()), ..S3Options::default() };
    let shown = |head: &HeadObjectOutput| head.storage_class().map(|class| class.as_str().to_owned());
    shows(scene, &options, shown, "STANDARD_IA")
}

pub(crate) fn tags_come_back(_: &dyn Store, scene: &Scene) -> Outcome {
    let odd = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let tags = vec![odd("team", "web"), odd("cost centre", "a+b=c/d:e@f")];
    let store = scene.open_with(&S3Options { tags: tags.clone(), ..S3Options::default() })?;
    for size in [100, TWO_PARTS] {
        let sample = Sample::new("web", size)?;
        create(store.as_ref(), &sample)?;
        let mut shown = scene.probe()?.tags(sample.key.as_str())?;
        shown.sort_by(|one, other| other.cmp(one));
        ensure!(shown == tags, "{size} bytes: {shown:?} came back of {tags:?}");
    }
    Ok(())
}

pub(crate) fn an_acl_is_taken(_: &dyn Store, scene: &Scene) -> Outcome {
    is_taken(scene, &S3Options { acl: Some("bucket-owner-full-control".to_owned()), ..S3Options::default() })
}

pub(crate) fn the_owner_of_a_bucket_is_checked(_: &dyn Store, scene: &Scene) -> Outcome {
    let options = S3Options { expected_bucket_owner: Some("999999999999".to_owned()), ..S3Options::default() };
    let (store, sample) = (scene.open_with(&options)?, Sample::new("web", 100)?);
    fails_with(Kind::Denied, "put", put(store.as_ref(), &sample))?;
    create(scene.open()?.as_ref(), &sample)?;
    fails_with(Kind::Denied, "open", store.open(&sample.key).map(drop))?;
    fails_with(Kind::Denied, "describe", store.describe(&sample.key))?;
    fails_with(Kind::Denied, "list", store.list("", &mut |_| std::ops::ControlFlow::Continue(())))
}
