//! What a server makes of the `[s3]` options: which of them it takes is stated for each server, as users find out too.

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
