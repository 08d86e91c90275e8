//! What a directory promises besides: what a crash left is replaced, what others put there is left alone, and nothing
//! shows that isn't an object.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use logferry::store::{Kind, Put, Store};

use crate::sample::{Sample, create, fails_with, is_whole, put};
use crate::scene::{Outcome, Scene};

/// Where an object is, with the name of a hidden file beside it.
fn place(scene: &Scene, sample: &Sample, hidden: &str) -> Outcome<(PathBuf, PathBuf)> {
    let object = scene.directory().join(sample.key.as_str());
    let beside = object.with_file_name(format!(".{}{hidden}", sample.key.split().1));
    std::fs::create_dir_all(object.parent().context("it has a parent")?)?;
    Ok((object, beside))
}

fn names(scene: &Scene) -> Outcome<Vec<String>> {
    let files = walkdir::WalkDir::new(scene.directory()).sort_by_file_name().into_iter();
    let names = files.filter_map(|entry| match entry {
        Ok(entry) if entry.file_type().is_dir() => None,
        other => Some(other.map(|entry| entry.file_name().to_string_lossy().into_owned())),
    });
    Ok(names.collect::<Result<_, _>>()?)
}

pub(crate) fn what_a_crash_left_is_replaced(store: &dyn Store, scene: &Scene) -> Outcome {
    let sample = Sample::new("web", 100)?;
    for end in [".tmp", ".0123456789abcdef.tmp", ".json.tmp"] {
        std::fs::write(place(scene, &sample, end)?.1, "half of a segm")?;
    }
    create(store, &sample)?;
    is_whole(store, &sample)?;
    let leaf = sample.key.split().1;
    ensure!(names(scene)? == [format!(".{leaf}.json"), leaf.to_owned()], "{:?} is there", names(scene)?);
    Ok(())
}

pub(crate) fn another_file_under_the_name_is_left_alone(store: &dyn Store, scene: &Scene) -> Outcome {
    let sample = Sample::new("web", 100)?;
    let (object, _) = place(scene, &sample, "")?;
    std::fs::write(&object, "someone else's")?;
    fails_with(Kind::Rejected, "put", put(store, &sample))?;
    ensure!(std::fs::read(&object)? == b"someone else's", "it was overwritten");
    ensure!(names(scene)? == [sample.key.split().1], "{:?} is there", names(scene)?);
    Ok(())
}

pub(crate) fn another_thing_under_the_name_is_left_alone(store: &dyn Store, scene: &Scene) -> Outcome {
    let (linked, covered) = (Sample::new("link", 100)?, Sample::new("directory", 100)?);
    let target = scene.directory().join("target");
    std::os::unix::fs::symlink(&target, place(scene, &linked, "")?.0)?;
    std::fs::create_dir(place(scene, &covered, "")?.0)?;
    for sample in [&linked, &covered] {
        fails_with(Kind::Rejected, "put", put(store, sample))?;
    }
    ensure!(!target.exists(), "a link was followed");
    ensure!(names(scene)? == [linked.key.split().1], "{:?} is there", names(scene)?);
    Ok(())
}

/// A copy that someone made by hand, without the metadata: the put completes it.
pub(crate) fn a_copy_without_metadata_gets_it(store: &dyn Store, scene: &Scene) -> Outcome {
    let sample = Sample::new("web", 100)?;
    std::fs::write(place(scene, &sample, "")?.0, &sample.bytes)?;
    let answer = put(store, &sample)?;
    ensure!(answer == Put::AlreadyThere, "it answered {answer:?}");
    ensure!(store.describe(&sample.key)?.metadata.len() == sample.metadata.len(), "its metadata is missing");
    Ok(())
}

pub(crate) fn metadata_is_a_hidden_file_as_readable_as_the_object(store: &dyn Store, scene: &Scene) -> Outcome {
    let sample = Sample::new("web", 100)?;
    create(store, &sample)?;
    let (object, beside) = place(scene, &sample, ".json")?;
    let text = std::fs::read(&beside).context("the metadata")?;
    let metadata: serde_json::Value = serde_json::from_slice(&text)?;
    ensure!(metadata["path"] == "/var/log/upstart/web.log", "{metadata}");
    let mode = |path: &PathBuf| std::fs::metadata(path).map(|metadata| metadata.permissions().mode() & 0o777);
    ensure!(mode(&object)? == mode(&beside)?, "{:o} and {:o}", mode(&object)?, mode(&beside)?);
    Ok(())
}

/// Several machines may share a directory: nothing is kept in one process that another one would have to know.
pub(crate) fn racing_stores_all_end_with_the_whole_object(_: &dyn Store, scene: &Scene) -> Outcome {
    const STORES: usize = 6;
    for round in 0..20 {
        let sample = Sample::new(format!("round {round}"), 300_000)?;
        let line = std::sync::Barrier::new(STORES);
        let race = || {
            let store = scene.open()?;
            line.wait();
            let answer = put(store.as_ref(), &sample)?;
            is_whole(store.as_ref(), &sample)?;
            Ok(answer)
        };
        let answers: Outcome<Vec<_>> = std::thread::scope(|scope| {
            let racers: Vec<_> = (0..STORES).map(|_| scope.spawn(race)).collect();
            racers.into_iter().map(|racer| racer.join().expect("a racer doesn't panic")).collect()
        });
        let created = answers?.into_iter().filter(|answer| *answer == Put::Created).count();
        ensure!(created == 1, "{created} have created it");
    }
    let left: Vec<_> = names(scene)?.into_iter().filter(|name| name.ends_with(".tmp")).collect();
    ensure!(left.is_empty(), "{left:?} are left");
    Ok(())
}
