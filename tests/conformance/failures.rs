//! What a store's failures are called: what a person reads and what the next run does hang on it.

use std::net::TcpListener;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use logferry::model::s3_options::S3Options;
use logferry::store::{Kind, Store, StoreError};

use crate::sample::{Sample, TWO_PARTS, fails_with, put};
use crate::scene::{Access, Outcome, Scene, Server};

/// A store that nobody answers for must not keep the run for longer.
const LONGEST: Duration = Duration::from_secs(20);

fn list(store: &dyn Store) -> Result<(), StoreError> {
    store.list("", &mut |_| ControlFlow::Continue(()))
}

/// Tries every call on an object that isn't there.
fn every_call_fails(kind: Kind, store: &dyn Store) -> Outcome {
    let (small, large) = (Sample::new("web", 100)?, Sample::new("web", TWO_PARTS)?);
    fails_with(kind, "put", put(store, &small))?;
    fails_with(kind, "put in parts", put(store, &large))?;
    fails_with(kind, "list", list(store))?;
    fails_with(kind, "open", store.open(&small.key).map(drop))?;
    fails_with(kind, "describe", store.describe(&small.key))
}

pub(crate) fn a_missing_directory_is_no_store(_: &dyn Store, scene: &Scene) -> Outcome {
    let missing = format!("{}/missing", scene.destination());
    fails_with(Kind::NoStore, "opening", scene.open_at(&missing, &S3Options::default()).map(drop))?;
    ensure!(!scene.directory().join("missing").exists(), "it was made");
    Ok(())
}

/// `describe` is left out: the answer to HEAD has no body that could tell a missing bucket from a missing object.
pub(crate) fn a_missing_bucket_is_no_store(_: &dyn Store, scene: &Scene) -> Outcome {
    let store = scene.open_at("s3://missing/web", &S3Options::default())?;
    let (small, large) = (Sample::new("web", 100)?, Sample::new("web", TWO_PARTS)?);
    fails_with(Kind::NoStore, "put", put(store.as_ref(), &small))?;
    fails_with(Kind::NoStore, "put in parts", put(store.as_ref(), &large))?;
    fails_with(Kind::NoStore, "list", list(store.as_ref()))?;
    fails_with(Kind::NoStore, "open", store.open(&small.key).map(drop))
}

pub(crate) fn a_wrong_secret_is_denied(_: &dyn Store, scene: &Scene) -> Outcome {
    let mut access = scene.bucket()?.clone();
    let (key, _) = access.key.take().context("the server has a key")?;
    access.key = Some((key, "wrong".to_owned()));
    scene.with_access(&access, |store| every_call_fails(Kind::Denied, store))
}

pub(crate) fn an_unknown_key_is_denied(_: &dyn Store, scene: &Scene) -> Outcome {
    let access = Access { key: Some(("AKIDUNKNOWN".to_owned(), "secret".to_owned())), ..scene.bucket()?.clone() };
    scene.with_access(&access, |store| every_call_fails(Kind::Denied, store))
}

pub(crate) fn no_credentials_at_all_is_denied(_: &dyn Store, scene: &Scene) -> Outcome {
    let access = Access { key: None, ..scene.bucket()?.clone() };
    scene.with_access(&access, |store| every_call_fails(Kind::Denied, store))
}

pub(crate) fn a_server_that_does_not_listen_is_unreachable(_: &dyn Store, scene: &Scene) -> Outcome {
    let bucket = scene.bucket()?;
    // Bound and not listened on by anybody once it is dropped.
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr())?.port();
    let scheme = bucket.endpoint.split(':').next().context("a scheme")?;
    let access = Access { endpoint: format!("{scheme}://127.0.0.1:{port}"), ..bucket.clone() };
    scene.with_access(&access, |store| fails_in_time(store, Kind::Unreachable))
}

pub(crate) fn an_untrusted_certificate_is_unreachable(_: &dyn Store, scene: &Scene) -> Outcome {
    let dir = tempfile::tempdir()?;
    let Server::Embedded(_other, mut access, _) = Server::embedded(dir.path(), true)? else {
        anyhow::bail!("it is embedded");
    };
    access.ca.clone_from(&scene.bucket()?.ca);
    scene.with_access(&access, |store| fails_in_time(store, Kind::Unreachable))
}

fn fails_in_time(store: &dyn Store, kind: Kind) -> Outcome {
    let begin = Instant::now();
    fails_with(kind, "put", put(store, &Sample::new("web", 100)?))?;
    ensure!(begin.elapsed() < LONGEST, "it took {:?}", begin.elapsed());
    Ok(())
}
