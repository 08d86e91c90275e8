//! What reading objects back shows.

use std::fs;
use std::path::{Path, PathBuf};

use super::planted::{Planted, Stream, at, edit, member, metadata_of, verify};
use crate::support::Sandbox;

/// Six segments of one stream.
fn six() -> (Sandbox, Vec<PathBuf>) {
    let sandbox = Sandbox::new();
    let shipped = Stream::new("web", "i-0abc").plant(&sandbox, 20, 0..6);
    (sandbox, shipped)
}

fn change(object: &Path, how: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(object).expect("an object");
    how(&mut bytes);
    fs::write(object, bytes).expect("an object");
}

#[test]
fn what_was_shipped_by_real_runs_reads_back_whole() {
    let sandbox = Sandbox::new();
    for number in 0..5 {
        sandbox.write_log("web.log", format!("line\r\nof run {number}\r\nand a torn one"));
        sandbox.write_log("db,%<&>.log", "x\n".repeat(number));
        sandbox.run_all().expect(0);
    }
    let ended = sandbox.run(["verify", "--deep"]).expect(0);
    assert_eq!(ended.stderr, "");
    assert!(
        ended.text().contains("proved: 9 segments in 2 streams without a gap; all of them read back whole"),
        "{}",
        ended.text()
    );
    let said = verify(&sandbox, &["--all", "web"]);
    let read = &said.json["read"];
    assert_eq!((&read["chosen"], &read["objects"], &read["lines"]), (&5.into(), &5.into(), &10.into()));
    assert_eq!(read["raw_bytes"], 5 * 30);
}

#[test]
fn each_kind_of_damage_is_found_and_told_with_what_it_is() {
    let other = member(b"of another log\n");
    type Damage<'d> = &'d dyn Fn(&mut Vec<u8>);
    let damages: [(&str, Damage<'_>, &str); 6] = [
        ("a flipped bit", &|bytes| bytes[14] ^= 1, "its bytes are not those that were shipped"),
        ("a wrong trailer", &|bytes| *bytes.last_mut().expect("a byte") ^= 1, "its gzip data is damaged"),
        ("cut short", &|bytes| bytes.truncate(20), "its gzip data ends too early, after 20 bytes"),
        ("nothing in it", &|bytes| bytes.clear(), "ends too early, after 0 bytes"),
        ("two members", &|bytes| bytes.extend(&other), "a second gzip member follows the first"),
        ("rubbish behind it", &|bytes| bytes.extend(b"12345"), "5 bytes that are no gzip follow its member"),
    ];
    for (name, damage, told) in damages {
        let (sandbox, shipped) = six();
        change(&shipped[2], damage);
        let said = verify(&sandbox, &["--deep"]);
        assert_eq!((said.code, said.found()), (1, vec![("damaged", Some((3, 3)))]), "{name}");
        assert!(said.what("damaged").contains(told), "{name}: {}", said.what("damaged"));
        assert!(said.what("damaged").contains("not those that were shipped"), "{name}: {}", said.what("damaged"));
        let key = said.json["findings"][0]["key"].as_str().expect("a key");
        assert!(shipped[2].ends_with(key), "{key}");
        assert!(said.json["findings"][0]["hint"].as_str().is_some_and(|hint| hint.contains("restore it")), "{name}");
        // The listing alone shows nothing of it, and the others are whole.
        assert_eq!(verify(&sandbox, &[]).code, 0, "{name}");
        assert_eq!(said.json["read"]["objects"], 6, "{name}");
    }
}

#[test]
fn another_object_under_the_key_is_told_from_damage() {
    let (sandbox, shipped) = six();
    fs::copy(&shipped[1], &shipped[3]).expect("a copy");
    fs::copy(metadata_of(&shipped[1]), metadata_of(&shipped[3])).expect("its metadata");
    let said = verify(&sandbox, &["--deep"]);
    let what = said.what("damaged");
    assert!(
        what.contains("number 4: another object is under this key") && what.contains("seq is 2, its key says 4"),
        "{what}"
    );
    // Its neighbours see that it is not the one that was there.
    assert_eq!(said.found(), [("damaged", Some((4, 4))), ("chain", Some((4, 4))), ("chain", Some((5, 5)))]);
}

#[test]
fn metadata_that_is_not_what_was_shipped_is_named_piece_by_piece() {
    for (name, value, told) in [
        ("length", "7", "it has 29 bytes unpacked, its metadata says 7"),
        ("lines", "9", "it has 2 lines, its metadata says 9"),
        ("instance", "i-0other", "instance is i-0other, its key says i-0abc"),
        ("service", "x\u{1b}[2J", "service is x%1B%5B2J, its key says web"),
        ("last", "yesterday", "last is missing or no such thing, its key says 20261120T025959Z"),
        ("sha256", &"0".repeat(64), "its metadata is of another object"),
    ] {
        let (sandbox, shipped) = six();
        edit(&shipped[2], |metadata| drop(metadata.insert(name.to_owned(), value.to_owned())));
        let said = verify(&sandbox, &["--deep"]);
        let what = said.what("damaged");
        assert!(said.code == 1 && what.contains(told), "{name}: {what}");
        assert!(!what.contains('\u{1b}'), "{what:?}");
    }
    for name in ["lines", "host", "path"] {
        let (sandbox, shipped) = six();
        edit(&shipped[2], |metadata| drop(metadata.remove(name)));
        let said = verify(&sandbox, &["--deep"]);
        let what = said.what("damaged");
        assert!(said.code == 1 && what.contains(&format!("{name} missing from its metadata")), "{what}");
    }
}

#[test]
fn objects_without_metadata_are_told_as_such_and_are_not_damaged() {
    let (sandbox, shipped) = six();
    for object in [&shipped[0], &shipped[3]] {
        fs::remove_file(metadata_of(object)).expect("its metadata");
    }
    let said = verify(&sandbox, &["--deep"]);
    assert_eq!((said.code, said.found()), (0, vec![("bare", Some((1, 1))), ("bare", Some((4, 4)))]));
    assert!(said.what("bare").contains("it has no metadata, as after a copy"), "{}", said.what("bare"));
    // Damage shows without it too.
    change(&shipped[3], |bytes| bytes[14] ^= 1);
    assert_eq!(
        verify(&sandbox, &["--deep"]).found(),
        [("damaged", Some((4, 4))), ("chain", Some((5, 5))), ("bare", Some((1, 1)))]
    );
}

#[test]
fn the_chain_shows_a_segment_that_is_sound_but_not_the_one_that_was_there() {
    let (sandbox, shipped) = six();
    fs::remove_file(&shipped[2]).expect("an object");
    // Forged from its key to its metadata, as whoever may write to the store can.
    let mut forger = Stream::new("web", "i-0abc");
    forger.next(at(20, 0), at(20, 0), "of hour 0\nand the rest of it\n");
    forger.next(at(20, 1), at(20, 1), "of hour 1\nand the rest of it\n");
    let last = at(20, 3);
    forger.next(at(20, 2), last, "nothing to see here, please go on\n").put(&sandbox);
    let said = verify(&sandbox, &["--deep"]);
    assert_eq!((said.code, said.found()), (1, vec![("chain", Some((4, 4)))]));
    assert!(said.what("chain").contains("names another object than number 3"), "{}", said.what("chain"));
    assert_eq!(verify(&sandbox, &[]).code, 0, "the listing can't show it");
}

#[test]
fn a_gap_tells_how_many_bytes_it_holds_where_both_its_ends_are_read() {
    let (sandbox, shipped) = six();
    fs::remove_file(&shipped[2]).expect("an object");
    fs::remove_file(&shipped[3]).expect("an object");
    let said = verify(&sandbox, &["--deep"]);
    assert_eq!(said.found(), [("gap", Some((3, 4)))]);
    assert!(said.what("gap").ends_with("are missing; they hold 58 bytes of the log"), "{}", said.what("gap"));
}

#[test]
fn notices_of_the_machine_are_passed_on_and_fail_nothing() {
    let (sandbox, shipped) = six();
    edit(&shipped[1], |metadata| drop(metadata.insert("ended".to_owned(), "interrupted".to_owned())));
    edit(&shipped[4], |metadata| {
        drop(metadata.insert("notice".to_owned(), "refused@20261120T030000Z+77,eaten@x".to_owned()))
    });
    let said = verify(&sandbox, &["--deep"]);
    assert_eq!((said.code, said.found()), (0, vec![("notice", Some((2, 2))), ("notice", Some((5, 5)))]));
    let what = said.what("notice");
    assert!(
        what.contains("number 5: the log was refused for a while") && what.contains("(2026-11-20T03:00:00Z, 77 bytes)"),
        "{what}"
    );
    edit(&shipped[4], |metadata| drop(metadata.insert("notice".to_owned(), "of a later version\u{7}".to_owned())));
    assert!(verify(&sandbox, &["--deep"]).what("notice").contains("of a later version\u{fffd}"));
    let ended = sandbox.run(["verify", "--deep"]).expect(0);
    assert!(ended.text().ends_with("; see also: 2 notices\n"), "{}", ended.text());
    // From the listing alone they are known of few segments, too.
    let said = verify(&sandbox, &[]);
    assert_eq!((said.code, said.found()), (0, vec![("notice", Some((2, 2))), ("notice", Some((5, 5)))]));
    assert_eq!((&said.json["notices_asked"], &said.json["mode"]), (&6.into(), &"listing".into()));
    assert!(sandbox.run(["verify"]).expect(0).stderr.contains("notice: web on i-0abc, stream "));
    // Of many, the latest; what was not asked is said, on the page too.
    Stream::new("db", "i-0abc").plant(&sandbox, 20, (0..120).map(|number| number % 24));
    let page = sandbox.path("page.html");
    let ended = sandbox.run(["verify", "--html", &page.display().to_string()]).expect(0);
    let told = "notices: 100 of 126 segments were asked, the latest of each stream; --deep asks all";
    assert!(ended.text().contains(&format!("\n{told}\n")), "{}", ended.text());
    assert!(fs::read_to_string(page).expect("a page").contains(told));
}

#[test]
fn what_a_later_version_wrote_is_not_judged() {
    let (sandbox, shipped) = six();
    edit(&shipped[1], |metadata| drop(metadata.insert("format".to_owned(), "2".to_owned())));
    let said = verify(&sandbox, &["--deep"]);
    assert_eq!((said.code, said.found()), (1, vec![("unread", Some((2, 2)))]));
    assert!(said.what("unread").contains("a later version of logferry wrote it (format 2)"), "{}", said.what("unread"));
}

#[test]
fn a_sample_is_as_large_as_asked_for_and_its_chain_is_held_against_its_neighbours() {
    let (sandbox, shipped) = six();
    let chosen = |count: &str| verify(&sandbox, &["--sample", count]);
    let said = chosen("2");
    assert_eq!((said.code, &said.json["read"]["objects"], &said.json["mode"]), (0, &2.into(), &"sample".into()));
    assert_eq!(chosen("1000000").json["read"]["objects"], 6);
    let ended = sandbox.run(["verify", "--sample", "3"]).expect(0);
    assert!(ended.text().contains("; 3 of them, chosen at random, read back whole"), "{}", ended.text());
    sandbox.run(["verify", "--sample", "0"]).expect(2);
    sandbox.run(["verify", "--sample", "3", "--all"]).expect(2);
    // Each of them is chosen at one time or another.
    change(&shipped[4], |bytes| bytes[14] ^= 1);
    let found = (0..200).any(|_| chosen("1").found() == [("damaged", Some((5, 5)))]);
    assert!(found, "one of six was never chosen in 200 times");
    // The neighbour of whichever is chosen is asked for its digest.
    let (sandbox, shipped) = six();
    for object in &shipped[1..] {
        edit(object, |metadata| drop(metadata.insert("previous".to_owned(), "1".repeat(64))));
    }
    let kinds =
        |args: &[&str]| verify(&sandbox, args).found().iter().map(|(kind, _)| (*kind).to_owned()).collect::<Vec<_>>();
    let sampled = kinds(&["--sample", "1", "--since", "2026-11-20T01:30:00Z"]);
    assert_eq!(sampled, ["chain"]);
    assert_eq!(kinds(&["--deep"]), ["chain"; 5]);
}

#[test]
fn a_large_archive_of_many_streams_is_read_in_order_and_whole() {
    let sandbox = Sandbox::new();
    let mut last: Option<Planted> = None;
    for instance in 0..30 {
        let mut stream = Stream::new("web", &format!("i-{instance:04}"));
        for number in 0..100 {
            let planted = stream.next(at(20, 0), at(20, 1), &format!("{instance} {number}\n"));
            planted.put(&sandbox);
            last = Some(planted);
        }
    }
    let said = verify(&sandbox, &["--deep"]);
    assert_eq!((said.code, said.found(), &said.json["read"]["objects"]), (0, Vec::new(), &3000.into()));
    let last = sandbox.path("store").join(last.expect("one").key.as_str());
    change(&last, |bytes| bytes[14] ^= 1);
    assert_eq!(verify(&sandbox, &["--deep"]).found(), [("damaged", Some((100, 100)))]);
}
