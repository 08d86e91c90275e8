//! What every store promises of listings: all of ours, in the order of the keys' bytes, whatever else is there.

use std::ops::ControlFlow;

use anyhow::{Context as _, ensure};
use logferry::config::Layout;
use logferry::model::key::{Leaf, ObjectKey};
use logferry::model::s3_options::S3Options;
use logferry::store::Store;

use crate::sample::{Sample, create, is_whole, keys};
use crate::scene::{Outcome, Scene};

/// Service names that need escapes in a key, and some that only look so.
const ODD: [&[u8]; 9] = [
    b"two words",
    b"it's \"quoted\"",
    b"\xff\xfe not UTF-8",
    b"100%25 +&=?#<>",
    "größer/als".as_bytes(),
    b"a_b-c.d",
    b"..",
    b"\n\t\\",
    b"*?[x]",
];

fn put_all(store: &dyn Store, services: &[&[u8]]) -> Outcome<Vec<Sample>> {
    let samples: Outcome<Vec<_>> = services.iter().map(|service| Sample::new(*service, 10 + service.len())).collect();
    let samples = samples?;
    samples.iter().try_for_each(|sample| create(store, sample))?;
    Ok(samples)
}

pub(crate) fn odd_service_names_come_back(store: &dyn Store, _: &Scene) -> Outcome {
    for sample in put_all(store, &ODD)? {
        is_whole(store, &sample).with_context(|| sample.key.to_string())?;
        let listed = keys(store, &Layout::default().prefix(Some(&sample.service)))?;
        ensure!(listed == [sample.key.clone()], "{} is listed as {listed:?}", sample.key);
        let leaf = Leaf::parse(listed[0].split().1).context("a listed key doesn't parse")?;
        ensure!(leaf.service == sample.service, "{:?} is listed as {:?}", sample.service, leaf.service);
    }
    Ok(())
}

pub(crate) fn odd_prefixes_come_back(_: &dyn Store, scene: &Scene) -> Outcome {
    for odd in ["a prefix", "grün", "100%25+&=", "~!*'()@$,;:"] {
        let place = format!("{}/{odd}", scene.destination());
        if scene.access().is_none() {
            std::fs::create_dir(scene.directory().join(odd.replace("%25", "%")))?;
        }
        let store = scene.open_at(&place, &S3Options::default())?;
        let sample = Sample::new("two words", 100)?;
        create(store.as_ref(), &sample).with_context(|| place.clone())?;
        is_whole(store.as_ref(), &sample).with_context(|| place.clone())?;
        let listed = keys(store.as_ref(), "service=")?;
        ensure!(listed == [sample.key.clone()], "{place} lists {listed:?}");
    }
    Ok(())
}

pub(crate) fn a_listing_is_in_the_order_of_bytes(store: &dyn Store, _: &Scene) -> Outcome {
    // Slash (2f) sorts behind `-` (2d) and `.` (2e), percent (25) before, letters behind.
    let samples = put_all(store, &[b"b", b"a", b"a.b", b"a-b", b"ab", b"A", b"a b", b"a0"])?;
    let mut expected: Vec<ObjectKey> = samples.into_iter().map(|sample| sample.key).collect();
    expected.sort();
    let listed = keys(store, "")?;
    ensure!(listed == expected, "{listed:?} is the order instead of {expected:?}");
    Ok(())
}

pub(crate) fn a_listing_shows_what_begins_with_the_prefix(store: &dyn Store, _: &Scene) -> Outcome {
    let samples = put_all(store, &[b"a", b"a.b", b"ab", b"b"])?;
    let leaf = samples[2].key.as_str();
    for (prefix, count) in [
        ("", 4),
        ("service=", 4),
        ("service=a", 3),
        ("service=a/", 1),
        ("service=a/dt=2026-11-2", 1),
        (leaf, 1),
        (&leaf[..leaf.len() - 20], 1),
        ("service=a/dt=2027", 0),
        ("service=nothing/", 0),
        ("elsewhere/service=", 0),
    ] {
        let listed = keys(store, prefix)?;
        ensure!(listed.len() == count, "{prefix:?} lists {listed:?}");
        ensure!(listed.iter().all(|key| key.as_str().starts_with(prefix)), "{prefix:?} lists {listed:?}");
    }
    Ok(())
}

pub(crate) fn a_listing_breaks_off_when_asked(store: &dyn Store, _: &Scene) -> Outcome {
    let samples = put_all(store, &[b"a", b"b", b"c", b"d"])?;
    let mut shown = Vec::new();
    store.list("", &mut |listed| {
        shown.extend(listed.key);
        if shown.len() == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    ensure!(shown == [samples[0].key.clone(), samples[1].key.clone()], "it showed {shown:?}");
    Ok(())
}

pub(crate) fn a_listing_begins_behind_the_key_it_is_told(store: &dyn Store, scene: &Scene) -> Outcome {
    let days = ["2026-11-19", "2026-11-20", "2026-11-21"];
    let names: Vec<String> = ["a", "a.b", "b"]
        .iter()
        .flat_map(|service| days.map(|day| [1, 2].map(|number| format!("service={service}/dt={day}/{number}"))))
        .flatten()
        .collect();
    put_behind(scene, &names)?;
    let mut sorted = names.clone();
    sorted.sort();
    for (prefix, after) in [
        ("", ""),
        ("service=a/dt=", "service=a/dt=2026-11-20"),
        ("service=a/dt=", "service=a/dt=2026-11-20/1"),
        ("service=a/", "service=a/dt=2026-11-20/"),
        ("service=", "service=a/dt=2026-11-21/2"),
        ("service=", "service=a."),
        ("", "service=b/dt=2027"),
        ("service=b/", "service=a/dt=2026-11-20"),
    ] {
        let mut listed = Vec::new();
        store.list_after(prefix, after, &mut |object| {
            listed.push(object.name().to_owned());
            ControlFlow::Continue(())
        })?;
        let expected: Vec<_> =
            sorted.iter().filter(|key| key.starts_with(prefix) && key.as_str() > after).cloned().collect();
        ensure!(listed == expected, "{prefix:?} behind {after:?} lists {listed:?} instead of {expected:?}");
    }
    Ok(())
}

pub(crate) fn directories_are_listed_once(store: &dyn Store, scene: &Scene) -> Outcome {
    let names =
        ["service=a.b/dt=1/x", "service=a/dt=1/x", "service=a/dt=1/y", "service=a/dt=2/x", "service=größer%2Fals/x"];
    put_behind(scene, &names.map(str::to_owned))?;
    put_behind(scene, &["README".to_owned(), "service=a/notes".to_owned()])?;
    for (prefix, expected) in [
        ("", &["service=a.b/", "service=a/", "service=größer%2Fals/"][..]),
        ("service=a", &["service=a.b/", "service=a/"]),
        ("service=a/", &["service=a/dt=1/", "service=a/dt=2/"]),
        ("service=a/dt=2", &["service=a/dt=2/"]),
        ("service=a/dt=1/", &[]),
        ("service=b/", &[]),
    ] {
        let mut listed = Vec::new();
        store.list_directories(prefix, &mut |directory| {
            listed.push(directory.to_owned());
            ControlFlow::Continue(())
        })?;
        ensure!(listed == expected, "{prefix:?} has {listed:?} instead of {expected:?}");
    }
    let mut first = None;
    store.list_directories("service=a/", &mut |directory| {
        first = Some(directory.to_owned());
        ControlFlow::Break(())
    })?;
    ensure!(first.as_deref() == Some("service=a/dt=1/"), "it goes on after {first:?}");
    Ok(())
}

pub(crate) fn an_empty_store_lists_nothing(store: &dyn Store, _: &Scene) -> Outcome {
    let listed = keys(store, "")?;
    ensure!(listed.is_empty(), "it lists {listed:?}");
    Ok(())
}

/// More than two pages of S3.
pub(crate) fn a_long_listing_is_whole(store: &dyn Store, scene: &Scene) -> Outcome {
    const COUNT: usize = 2_345;
    let names: Vec<String> = (0..COUNT).map(|number| format!("service=web/dt={}/{number:05}", number % 7)).collect();
    put_behind(scene, &names)?;
    let listed = keys(store, "service=web/")?;
    ensure!(listed.len() == COUNT, "{} of {COUNT} are listed", listed.len());
    ensure!(listed.is_sorted(), "the pages are out of order");
    let third = keys(store, "service=web/dt=3/")?.len();
    ensure!(third == 335, "{third} of 335 are listed below a prefix");
    Ok(())
}

/// Puts what is none of ours.
fn put_behind(scene: &Scene, names: &[String]) -> Outcome {
    if scene.access().is_some() {
        return scene.probe()?.put(names);
    }
    for name in names {
        let path = scene.directory().join(name);
        std::fs::create_dir_all(path.parent().context("it has a parent")?)?;
        std::fs::write(path, "x")?;
    }
    Ok(())
}

pub(crate) fn what_others_put_disturbs_no_listing(store: &dyn Store, scene: &Scene) -> Outcome {
    let samples = put_all(store, &[b"a", b"b"])?;
    let mut others: Vec<&str> = vec!["README", "service=a/notes.txt", "service=a/größer als +%2F&<x>.txt", "service=b"];
    match scene.access() {
        // What a bucket's key may be and a path may not.
        Some(_) => others.extend(["service=a/", "service=a//x", "service=a/./x", "service=a/../x", "/"]),
        None => {
            others.pop();
            odd_things_in(&scene.directory())?;
        }
    }
    put_behind(scene, &others.iter().map(|&name| name.to_owned()).collect::<Vec<_>>())?;
    let listed = keys(store, "")?;
    let ours: Vec<_> = listed.iter().filter(|key| Leaf::parse(key.split().1).is_some()).collect();
    ensure!(ours == [&samples[0].key, &samples[1].key], "{listed:?}");
    ensure!(listed.is_sorted(), "{listed:?} is out of order");
    ensure!(listed.iter().any(|key| key.as_str() == others[2]), "{listed:?} lacks {}", others[2]);
    if scene.access().is_some() {
        let mut names = Vec::new();
        store.list("service=a/", &mut |listed| {
            names.push(listed.name().to_owned());
            ControlFlow::Continue(())
        })?;
        // None of ours can be called so, and engines would read it: whoever lists has to see that it is there.
        ensure!(names.iter().any(|name| name == "service=a//x"), "{names:?} lacks what has an empty part");
    }
    samples.iter().try_for_each(|sample| is_whole(store, sample))
}

/// What a directory may hold besides files.
fn odd_things_in(directory: &std::path::Path) -> Outcome {
    use std::os::unix::ffi::OsStrExt as _;
    std::fs::create_dir_all(directory.join(".snapshots/service=a"))?;
    std::fs::write(directory.join(".snapshots/service=a/x"), "x")?;
    std::fs::write(directory.join(std::ffi::OsStr::from_bytes(b"service=a/\xff")), "x")?;
    std::os::unix::fs::symlink("/nowhere", directory.join("service=a/dangling"))?;
    // One that leads to a directory is another matter: objects may be behind it, and it is refused (tests/verify).
    std::os::unix::fs::symlink("/etc/passwd", directory.join("service=a/link"))?;
    nix::unistd::mkfifo(&directory.join("service=a/fifo"), nix::sys::stat::Mode::S_IRWXU)?;
    Ok(())
}

/// `fleet-2` begins with `fleet`, but is another store.
pub(crate) fn a_store_with_a_longer_prefix_is_another_one(store: &dyn Store, scene: &Scene) -> Outcome {
    let place = format!("{}-2", scene.destination());
    if scene.access().is_none() {
        std::fs::create_dir(place.strip_prefix("file://").context("a directory")?)?;
    }
    let other = scene.open_at(&place, &S3Options::default())?;
    put_all(other.as_ref(), &[b"a", b"b"])?;
    let mine = put_all(store, &[b"c"])?;
    let listed = keys(store, "")?;
    ensure!(listed == [mine[0].key.clone()], "it lists {listed:?}");
    ensure!(keys(other.as_ref(), "")?.len() == 2, "the other one lists something else");
    Ok(())
}
