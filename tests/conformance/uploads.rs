//! What buckets promise of uploads in parts: noted while they last, and nothing of one that failed is left.

use anyhow::ensure;
use logferry::store::{Kind, Put, Store};

use crate::objects::nothing_is_open;
use crate::sample::{MIB, Noted, PART, Sample, TWO_PARTS, fails_with, is_absent, is_whole, put};
use crate::scene::{Outcome, Scene};

pub(crate) fn an_upload_is_noted_while_it_lasts(store: &dyn Store, scene: &Scene) -> Outcome {
    let noted = Noted::default();
    let put = store.put(&Sample::new("web", TWO_PARTS)?.object(), &noted)?;
    let (begun, ended) = (noted.begun.borrow().len(), noted.ended.get());
    ensure!((put, begun, ended) == (Put::Created, 1, 1), "{put:?} with {begun} begun and {ended} ended");
    nothing_is_open(scene)
}

pub(crate) fn a_put_in_one_request_notes_no_upload(store: &dyn Store, _: &Scene) -> Outcome {
    let noted = Noted::default();
    store.put(&Sample::new("web", PART)?.object(), &noted)?;
    ensure!(noted.begun.borrow().is_empty() && noted.ended.get() == 0, "it noted one");
    Ok(())
}

pub(crate) fn an_upload_that_cant_be_noted_is_given_up(store: &dyn Store, scene: &Scene) -> Outcome {
    let sample = Sample::new("web", TWO_PARTS)?;
    let noted = Noted::default();
    noted.fails.set(true);
    fails_with(Kind::Local, "put", store.put(&sample.object(), &noted))?;
    is_absent(store, &sample)?;
    nothing_is_open(scene)
}

pub(crate) fn an_upload_that_was_cut_short_can_be_abandoned(store: &dyn Store, scene: &Scene) -> Outcome {
    let (sample, probe) = (Sample::new("web", TWO_PARTS)?, scene.probe()?);
    let upload = probe.begin_upload(sample.key.as_str())?;
    ensure!(probe.open_uploads()? == [upload.clone()], "the server doesn't list the upload");
    store.abandon(&sample.key, &upload)?;
    nothing_is_open(scene)?;
    is_absent(store, &sample)?;
    // The run that was to note this may be cut short as well.
    store.abandon(&sample.key, &upload)?;
    ensure!(put(store, &sample)? == Put::Created, "it can't be put afterwards");
    is_whole(store, &sample)
}

pub(crate) fn an_unknown_upload_can_be_abandoned(store: &dyn Store, _: &Scene) -> Outcome {
    let sample = Sample::new("web", MIB)?;
    store.abandon(&sample.key, "no-such-upload")?;
    store.abandon(&sample.key, "MTczMjE5MTk5OS4xMjM0NTY3ODk~odd +/=%&id")?;
    Ok(())
}

/// The upload became an object, and the note of it was not removed before the power failed.
pub(crate) fn a_completed_upload_can_be_abandoned_and_stays(store: &dyn Store, _: &Scene) -> Outcome {
    let (sample, noted) = (Sample::new("web", TWO_PARTS)?, Noted::default());
    store.put(&sample.object(), &noted)?;
    let upload = noted.begun.borrow()[0].clone();
    store.abandon(&sample.key, &upload)?;
    is_whole(store, &sample)
}
