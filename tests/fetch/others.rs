//! What others have put into the directory that is fetched into: it is neither followed, nor believed, nor overwritten.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::PathBuf;

use crate::cat::objects;
use crate::support::Sandbox;

use super::{fetch, sandbox};

/// The names of the objects that the store has.
fn names(sandbox: &Sandbox) -> Vec<String> {
    objects(sandbox, "store").into_keys().collect()
}

/// The file with the metadata of an object of the copy.
fn metadata(sandbox: &Sandbox, name: &str) -> PathBuf {
    sandbox.path(format!("copy/.{name}.json"))
}

fn json(path: &std::path::Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(path).expect("metadata")).expect("JSON")
}

#[test]
fn a_beginning_that_somebody_else_may_change_is_not_gone_on_with() {
    let sandbox = sandbox();
    let names = names(&sandbox);
    let part = |name: &str| sandbox.path(format!("copy/.{name}.part"));
    let begin = |name: &str| objects(&sandbox, "store")[name][..9].to_vec();
    // Another name of a file that the victim would not have overwritten; a file of another user; one that others may write to.
    let victim = sandbox.path("victim");
    std::fs::write(&victim, begin(&names[0])).expect("a file");
    std::fs::hard_link(&victim, part(&names[0])).expect("a link");
    std::fs::write(part(&names[1]), begin(&names[1])).expect("a part");
    chown(part(&names[1]), Some(65534), None).expect("these tests are root's: a file is given away");
    std::fs::write(part(&names[2]), begin(&names[2])).expect("a part");
    std::fs::set_permissions(part(&names[2]), PermissionsExt::from_mode(0o666)).expect("permissions");
    let before: Vec<u64> = names.iter().map(|name| std::fs::metadata(part(name)).expect("a part").ino()).collect();
    let kept = names.iter().map(|name| std::fs::File::open(part(name)).expect("a part")).collect::<Vec<_>>();
    fetch(&sandbox, &[]).expect(0);
    assert_eq!(std::fs::read(&victim).expect("a file"), begin(&names[0]));
    assert_eq!(objects(&sandbox, "copy"), objects(&sandbox, "store"));
    let us = std::fs::metadata(sandbox.path("copy")).expect("a directory").uid();
    for (name, before) in names.iter().zip(before) {
        let is = std::fs::metadata(sandbox.path("copy").join(name)).expect("an object");
        assert!(is.ino() != before && is.uid() == us && is.nlink() == 1 && is.mode() & 0o022 == 0, "{name}: {is:?}");
    }
    drop(kept);
}

#[test]
fn metadata_that_are_there_are_not_believed_and_those_that_are_gone_come_back() {
    let sandbox = sandbox();
    let names = names(&sandbox);
    let forged = metadata(&sandbox, &names[0]);
    std::fs::write(&forged, r#"{"host":"evil"}"#).expect("a file");
    let ended = fetch(&sandbox, &[]).expect(1);
    assert!(ended.text().contains("2 objects fetched") && ended.text().contains("1 not fetched"), "{}", ended.text());
    assert!(ended.stderr.contains(&format!(".{}.json: something else is there", names[0])), "{}", ended.stderr);
    assert_eq!(std::fs::read(&forged).expect("a file"), br#"{"host":"evil"}"#, "it is not overwritten");
    assert!(!objects(&sandbox, "copy").contains_key(&names[0]), "nothing that is described so has its name");
    std::fs::remove_file(&forged).expect("it is removed");
    fetch(&sandbox, &[]).expect(0);
    // Beside objects that are there: gone, cut short, and another object's.
    let [first, second, third] = [0, 1, 2].map(|place: usize| metadata(&sandbox, &names[place]));
    let whole = json(&first);
    std::fs::remove_file(&first).expect("it is removed");
    let text = std::fs::read(&second).expect("metadata");
    std::fs::write(&second, &text[..text.len() / 2]).expect("metadata");
    std::fs::write(&third, &text).expect("metadata");
    let ended = fetch(&sandbox, &[]).expect(1);
    assert_eq!(ended.text(), "0 objects fetched (0 B), 1 there before (the metadata of 1 put back), 2 not fetched\n");
    assert_eq!(ended.stderr.matches("something else is there under this name").count(), 2, "{}", ended.stderr);
    assert_eq!(json(&first), whole);
    for path in [&second, &third] {
        std::fs::remove_file(path).expect("it is removed");
    }
    let ended = fetch(&sandbox, &[]).expect(0);
    assert_eq!(ended.text(), "0 objects fetched (0 B), 3 there before (the metadata of 2 put back)\n");
    assert_eq!(fetch(&sandbox, &[]).expect(0).text(), "0 objects fetched (0 B), 3 there before\n");
}

#[test]
fn the_group_that_may_read_objects_may_read_their_metadata() {
    let sandbox = sandbox();
    fetch(&sandbox, &[]).expect(0);
    for name in names(&sandbox) {
        let mode = |path: PathBuf| std::fs::metadata(path).expect("a file").mode() & 0o777;
        let (object, beside) = (mode(sandbox.path("copy").join(&name)), mode(metadata(&sandbox, &name)));
        assert_eq!((object, beside), (0o640, 0o640), "{name}");
    }
}

#[test]
fn an_object_whose_metadata_are_damaged_is_fetched_without_them() {
    let sandbox = sandbox();
    let stored = sandbox.files("store").into_iter().find(|path| path.to_string_lossy().ends_with(".json"));
    let stored = stored.expect("metadata");
    let text = std::fs::read(&stored).expect("metadata");
    std::fs::write(&stored, &text[..text.len() / 2]).expect("metadata");
    for fetched in ["3 objects fetched (", "0 objects fetched (0 B), 3 there before\n"] {
        let ended = fetch(&sandbox, &[]).expect(1);
        assert!(ended.text().starts_with(fetched), "{}", ended.text());
        assert!(ended.stderr.contains("; the object itself is there"), "{}", ended.stderr);
        assert_eq!(objects(&sandbox, "copy"), objects(&sandbox, "store"));
    }
    // Whole again, they come.
    std::fs::write(&stored, text).expect("metadata");
    assert!(fetch(&sandbox, &[]).expect(0).text().contains("(the metadata of 1 put back)"));
}
