//! `logferry fetch`: copies that are whole, verified, never over something else, and gone on with.

mod others;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use logferry::sys::fault::Point;

use crate::cat::{objects, ship};
use crate::s3_server::{Fault, FaultHook, Transport};
use crate::support::{Bucket, Ended, Sandbox, Stopped, finish, noise};

fn fetch(sandbox: &Sandbox, args: &[&str]) -> Ended {
    sandbox.run([&["fetch", "web", "--into", "copy"], args].concat())
}

/// A sandbox with three segments, and an empty directory to fetch into.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    for text in ["first, torn", " and whole\n", "third\n"] {
        ship(&sandbox, None, "i-1", "web.log", text);
    }
    std::fs::create_dir(sandbox.path("copy")).expect("a directory");
    sandbox
}

#[test]
fn objects_are_copied_as_they_are_and_the_copy_is_a_store() {
    let sandbox = sandbox();
    let ended = fetch(&sandbox, &[]).expect(0);
    assert!(ended.text().starts_with("3 objects fetched (") && ended.stderr.is_empty(), "{ended:?}");
    assert_eq!(objects(&sandbox, "copy"), objects(&sandbox, "store"));
    assert_eq!(fetch(&sandbox, &[]).expect(0).text(), "0 objects fetched (0 B), 3 there before\n");
    // Without the store: text, filters by host, and what objects say of themselves.
    std::fs::rename(sandbox.path("store"), sandbox.path("away")).expect("a rename");
    let to = format!("file://{}", sandbox.path("copy").display());
    for args in [&["cat", "web", "--to", &to][..], &["cat", "web", "--to", &to, "--host", "*"]] {
        assert_eq!(sandbox.run(args).expect(0).text(), "first, torn and whole\nthird\n");
    }
    let left = sandbox.files("copy").into_iter().filter(|path| path.to_string_lossy().ends_with(".part")).count();
    assert_eq!(left, 0);
}

#[test]
fn a_copy_that_was_cut_short_goes_on_where_it_was() {
    let sandbox = Sandbox::new();
    let is_broken = Arc::new(AtomicBool::new(false));
    let broken = Arc::clone(&is_broken);
    let hook: FaultHook =
        Arc::new(move |request| match broken.load(Ordering::Relaxed) && crate::cat::is_get(request) {
            true => Fault::CutAnswer(60_000),
            false => Fault::Pass,
        });
    let bucket = Bucket::with(&sandbox, Transport::Http, Some(hook));
    ship(&sandbox, Some(&bucket), "i-1", "web.log", noise(900_000));
    std::fs::create_dir(sandbox.path("copy")).expect("a directory");
    is_broken.store(true, Ordering::Relaxed);
    let ended = bucket.run(&sandbox, ["fetch", "web", "--into", "copy"]).expect(1);
    assert!(ended.stderr.contains("web_") && ended.text().contains("1 not fetched"), "{ended:?}");
    let [part] = sandbox.files("copy").try_into().expect("what came, under a hidden name");
    let had = std::fs::metadata(&part).expect("a part").len();
    assert!(objects(&sandbox, "copy").is_empty() && had > 200_000, "{had}");
    is_broken.store(false, Ordering::Relaxed);
    bucket.server.clear_requests();
    bucket.run(&sandbox, ["fetch", "web", "--into", "copy"]).expect(0);
    let ranges: Vec<_> = bucket.server.requests().into_iter().filter_map(|r| r.headers.get("range").cloned()).collect();
    assert_eq!(ranges, [format!("bytes={had}-").as_str()]);
    let text: Vec<u8> = objects(&sandbox, "copy").values().flat_map(|object| crate::cat::gunzip(object)).collect();
    assert!(text == noise(900_000));
}

#[test]
fn what_is_left_of_something_else_is_begun_anew() {
    let sandbox = sandbox();
    for name in objects(&sandbox, "store").keys() {
        std::fs::write(sandbox.path(format!("copy/.{name}.part")), "other").expect("a part");
    }
    fetch(&sandbox, &[]).expect(0);
    assert_eq!(objects(&sandbox, "copy"), objects(&sandbox, "store"));
}

#[test]
fn a_fetch_that_is_killed_anywhere_is_brought_to_its_end_by_the_next_one() {
    for point in Point::OF_A_FETCH {
        let sandbox = sandbox();
        let mut killed = sandbox.logferry();
        killed.args(["fetch", "web", "--into", "copy"]).env("LOGFERRY_FAULT", format!("kill@{}", point.name()));
        finish(&mut killed).expect(-1);
        let (stored, copied) = (objects(&sandbox, "store"), objects(&sandbox, "copy"));
        assert!(copied.iter().all(|(name, bytes)| stored.get(name) == Some(bytes)), "{}", point.name());
        fetch(&sandbox, &[]).expect(0);
        assert_eq!(objects(&sandbox, "copy"), stored, "{}", point.name());
    }
}

#[test]
fn nothing_is_overwritten_and_no_directory_is_made() {
    let sandbox = sandbox();
    let names: Vec<String> = objects(&sandbox, "store").into_keys().collect();
    std::fs::write(sandbox.path("copy").join(&names[0]), "mine").expect("a file");
    std::os::unix::fs::symlink("/nonexistent", sandbox.path("copy").join(&names[1])).expect("a link");
    let ended = fetch(&sandbox, &[]).expect(1);
    assert_eq!(ended.text().lines().count(), 1);
    assert!(ended.text().contains("1 object fetched") && ended.text().contains("2 not fetched"), "{}", ended.text());
    for name in &names[..2] {
        assert!(ended.stderr.contains(&format!("{name}: something else is there")), "{}", ended.stderr);
    }
    assert_eq!(std::fs::read(sandbox.path("copy").join(&names[0])).expect("a file"), b"mine");
    let none = sandbox.run(["fetch", "web", "--into", "nowhere"]).expect(1);
    assert!(none.stderr.contains("nowhere") && none.stderr.contains("hint:"), "{}", none.stderr);
    assert!(!sandbox.path("nowhere").exists());
}

#[test]
fn what_is_damaged_gets_no_name() {
    let sandbox = sandbox();
    let paths = sandbox.files("store").into_iter().filter(|path| path.to_string_lossy().ends_with(".log.gz"));
    let paths: Vec<_> = paths.collect();
    let mut bytes = std::fs::read(&paths[1]).expect("an object");
    bytes[15] ^= 1;
    std::fs::write(&paths[1], bytes).expect("an object");
    for _ in 0..2 {
        let ended = fetch(&sandbox, &[]).expect(1);
        let name = paths[1].file_name().expect("a name").to_string_lossy();
        assert!(ended.stderr.contains(&*name) && ended.stderr.contains("not those that its name says"), "{ended:?}");
        assert!(objects(&sandbox, "copy").len() == 2 && !objects(&sandbox, "copy").contains_key(&*name));
    }
}

#[test]
fn one_at_a_time_fetches_into_a_directory() {
    let sandbox = sandbox();
    let mut first = sandbox.logferry();
    first.args(["fetch", "web", "--into", "copy"]);
    let first = Stopped::at(Point::FetchedWhole, 1, first);
    let second = fetch(&sandbox, &[]).expect(1);
    assert!(second.stderr.contains("another fetch into it is at work"), "{}", second.stderr);
    first.go_on().expect(0);
    assert_eq!(objects(&sandbox, "copy"), objects(&sandbox, "store"));
}
