//! What every store promises of objects: put once, there to the byte with what they say of themselves, never
//! overwritten, never damaged.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use logferry::model::format::Format;
use logferry::model::key::ObjectKey;
use logferry::model::names::Instance;
use logferry::store::{Kind, Put, Store};

use crate::sample::{MIB, Noted, PART, Sample, TWO_PARTS, create, fails_with, is_absent, is_whole, put};
use crate::scene::{Outcome, Scene};

fn comes_back(store: &dyn Store, size: usize) -> Outcome {
    let sample = Sample::new("web", size)?;
    create(store, &sample)?;
    is_whole(store, &sample)?;
    let described = store.describe(&sample.key)?;
    ensure!(described.size == size as u64, "it is described as {} bytes", described.size);
    let mut listed = Vec::new();
    store.list("", &mut |object| {
        listed.extend(object.key.map(|key| (key, object.size)));
        std::ops::ControlFlow::Continue(())
    })?;
    ensure!(listed == [(sample.key.clone(), size as u64)], "it is listed as {listed:?}");
    Ok(())
}

/// The server's clock is this machine's; a directory tells no time.
pub(crate) fn to_try_to_put_leaves_one_object_that_no_listing_of_logs_shows(
    store: &dyn Store,
    scene: &Scene,
) -> Outcome {
    let key = ObjectKey::of_check(&Instance::parse("i-0abc").map_err(anyhow::Error::msg)?);
    for expected in [Put::Created, Put::AlreadyThere, Put::AlreadyThere] {
        let probe = store.probe(&key);
        let put = probe.put?;
        ensure!(put == expected, "it answered {put:?}, not {expected:?}");
        let told = probe.ahead.is_some_and(|ahead| ahead.unsigned_abs() < 30);
        ensure!(told == scene.access().is_some(), "the clock is told as {:?}", probe.ahead);
    }
    let mut listed = Vec::new();
    for prefix in ["service=", ""] {
        store.list(prefix, &mut |object| {
            listed.push(object.name().to_owned());
            std::ops::ControlFlow::Continue(())
        })?;
    }
    // A directory hides it, a bucket can't.
    let expected: &[&str] = if scene.access().is_some() { &[".logferry/check-i-0abc"] } else { &[] };
    ensure!(listed == expected, "it is listed as {listed:?}");
    Ok(())
}

pub(crate) fn an_empty_object_comes_back(store: &dyn Store, _: &Scene) -> Outcome {
    comes_back(store, 0)
}

pub(crate) fn an_object_of_a_byte_comes_back(store: &dyn Store, _: &Scene) -> Outcome {
    comes_back(store, 1)
}

pub(crate) fn an_object_of_a_whole_part_comes_back(store: &dyn Store, _: &Scene) -> Outcome {
    comes_back(store, PART)
}

pub(crate) fn an_object_of_a_part_and_a_byte_comes_back(store: &dyn Store, _: &Scene) -> Outcome {
    comes_back(store, PART + 1)
}

pub(crate) fn an_object_of_several_parts_comes_back(store: &dyn Store, _: &Scene) -> Outcome {
    comes_back(store, 20 * MIB + 7)
}

fn metadata_comes_back(store: &dyn Store, sample: &Sample) -> Outcome {
    let given: BTreeMap<_, _> = sample.metadata.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect();
    ensure!(given.len() == 16, "a segment has {} values", given.len());
    create(store, sample)?;
    let described = store.describe(&sample.key)?.metadata;
    ensure!(described == given, "{described:?} came back of {given:?}");
    Ok(())
}

pub(crate) fn metadata_comes_back_whole(store: &dyn Store, _: &Scene) -> Outcome {
    metadata_comes_back(store, &Sample::new("an ordinary one", 100)?)?;
    metadata_comes_back(store, &Sample::new("in parts", TWO_PARTS)?)
}

pub(crate) fn the_longest_metadata_comes_back_whole(store: &dyn Store, _: &Scene) -> Outcome {
    let longest = Sample::with_longest_metadata(1)?;
    ensure!(longest.metadata["path"].len() == 256, "the path is {:?}", longest.metadata["path"]);
    metadata_comes_back(store, &Sample::with_longest_metadata(100)?)?;
    metadata_comes_back(store, &Sample::with_longest_metadata(TWO_PARTS)?)
}

/// S3 has no bound for one value, only for all of them; ours are cut for the servers that do.
pub(crate) fn a_metadata_value_of_257_bytes_comes_back(store: &dyn Store, _: &Scene) -> Outcome {
    let mut sample = Sample::new("web", 100)?;
    ensure!(sample.metadata.values().all(|value| value.len() <= 256), "a value is too long");
    sample.metadata.insert("path", "x".repeat(257));
    metadata_comes_back(store, &sample)
}

/// Decompressing on the way is what a content encoding asks clients for.
pub(crate) fn an_object_has_the_type_of_its_format_and_no_encoding(store: &dyn Store, scene: &Scene) -> Outcome {
    let types = [(Format::Gzip, "application/gzip"), (Format::Zstd, "application/zstd")];
    for (size, (format, expected)) in [100, TWO_PARTS].into_iter().flat_map(|size| types.map(|of| (size, of))) {
        let sample = Sample::of_format(format, "web", size)?;
        create(store, &sample)?;
        let content_type = store.describe(&sample.key)?.content_type;
        ensure!(content_type.as_deref() == Some(expected), "its type is {content_type:?}");
        let encoding = scene.probe()?.head(sample.key.as_str())?.content_encoding;
        ensure!(encoding.is_none(), "its encoding is {encoding:?}");
    }
    Ok(())
}

/// A second put says other things of the object: were it overwritten, that would show.
fn finds_the_first(store: &dyn Store, size: usize) -> Outcome {
    let mut sample = Sample::new("web", size)?;
    create(store, &sample)?;
    let before = store.describe(&sample.key)?;
    sample.metadata.insert("ended", "differently".to_owned());
    let second = put(store, &sample)?;
    ensure!(second == Put::AlreadyThere, "the second put answered {second:?}");
    let after = store.describe(&sample.key)?;
    ensure!(before == after, "{after:?} is there instead of {before:?}");
    is_whole(store, &sample)
}

pub(crate) fn a_second_put_finds_the_first(store: &dyn Store, _: &Scene) -> Outcome {
    finds_the_first(store, 100)
}

pub(crate) fn a_second_put_in_parts_finds_the_first(store: &dyn Store, scene: &Scene) -> Outcome {
    finds_the_first(store, TWO_PARTS)?;
    if scene.access().is_some() {
        nothing_is_open(scene)?;
    }
    Ok(())
}

pub(crate) fn nothing_is_open(scene: &Scene) -> Outcome {
    let open = scene.probe()?.open_uploads()?;
    ensure!(open.is_empty(), "uploads are left open: {open:?}");
    Ok(())
}

fn is_refused(store: &dyn Store, scene: &Scene, sample: &Sample) -> Outcome {
    let noted = Noted::default();
    fails_with(Kind::Damaged, "put", store.put(&sample.object(), &noted))?;
    is_absent(store, sample)?;
    match scene.access() {
        Some(_) => nothing_is_open(scene)?,
        None => nothing_is_in(scene)?,
    }
    let begun = u32::try_from(noted.begun.borrow().len()).context("a count")?;
    ensure!(noted.ended.get() == begun, "{begun} uploads were noted, and {} ends", noted.ended.get());
    Ok(())
}

/// Directories are no harm; files are.
fn nothing_is_in(scene: &Scene) -> Outcome {
    for entry in walkdir::WalkDir::new(scene.directory()) {
        let entry = entry?;
        ensure!(entry.file_type().is_dir(), "{} is left", entry.path().display());
    }
    Ok(())
}

pub(crate) fn a_damaged_body_is_refused_and_leaves_nothing(store: &dyn Store, scene: &Scene) -> Outcome {
    is_refused(store, scene, &Sample::new("changed", 100)?.damage()?)?;
    is_refused(store, scene, &Sample::new("shorter", 100)?.shorten()?)
}

pub(crate) fn a_damaged_body_in_parts_is_refused_and_leaves_nothing(store: &dyn Store, scene: &Scene) -> Outcome {
    is_refused(store, scene, &Sample::new("changed", TWO_PARTS)?.damage()?)?;
    is_refused(store, scene, &Sample::new("shorter", TWO_PARTS)?.shorten()?)
}

pub(crate) fn an_object_can_be_read_from_any_byte_on(store: &dyn Store, _: &Scene) -> Outcome {
    use std::io::Read;
    let sample = Sample::new("web", MIB + 7)?;
    create(store, &sample)?;
    let size = sample.bytes.len();
    for offset in [0, 1, 4096, size - 1, size, size + 1000] {
        let mut bytes = Vec::new();
        let mut body = store.open_from(&sample.key, offset as u64).with_context(|| format!("from byte {offset} on"))?;
        body.read_to_end(&mut bytes).with_context(|| format!("read from byte {offset} on"))?;
        let expected = sample.bytes.get(offset..).unwrap_or_default();
        ensure!(bytes == expected, "{} bytes came from byte {offset} on, or others", bytes.len());
    }
    fails_with(Kind::NoObject, "open", store.open_from(&Sample::new("missing", 1)?.key, 5).map(drop))
}

pub(crate) fn a_missing_object_is_no_object(store: &dyn Store, _: &Scene) -> Outcome {
    let sample = Sample::new("missing", 1)?;
    is_absent(store, &sample)?;
    // And in a directory that is there.
    create(store, &Sample::new("missing", 2)?)?;
    is_absent(store, &sample)
}

/// Some threads put one object at the same time: all hear that it is there, and it is.
fn race(store: &dyn Store, size: usize) -> Outcome<usize> {
    const THREADS: usize = 8;
    let sample = Sample::new(format!("race of {size}"), size)?;
    let line = std::sync::Barrier::new(THREADS);
    let answers: Vec<Outcome<Put>> = std::thread::scope(|scope| {
        let racers: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    line.wait();
                    let answer = put(store, &sample)?;
                    // Not only in the end: from the first answer on.
                    is_whole(store, &sample)?;
                    Ok(answer)
                })
            })
            .collect();
        racers.into_iter().map(|racer| racer.join().expect("a racer doesn't panic")).collect()
    });
    let answers = answers.into_iter().collect::<Outcome<Vec<_>>>()?;
    Ok(answers.into_iter().filter(|answer| *answer == Put::Created).count())
}

pub(crate) fn racing_puts_all_end_with_the_whole_object(store: &dyn Store, scene: &Scene) -> Outcome {
    race(store, 100)?;
    race(store, PART / 2)?;
    race(store, TWO_PARTS)?;
    if scene.access().is_some() {
        nothing_is_open(scene)?;
    }
    Ok(())
}

pub(crate) fn one_of_racing_puts_creates(store: &dyn Store, _: &Scene) -> Outcome {
    for size in [1, 100, PART / 2, TWO_PARTS] {
        let created = race(store, size)?;
        ensure!(created == 1, "{created} puts of 8 have created it");
    }
    Ok(())
}
