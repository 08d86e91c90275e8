//! What looks like a proof and is none: times that are still to come, metadata that make no sense, neighbours that can't be
//! asked, hosts that nobody names, beginnings that are lost.

use std::fs;

use logferry::model::time::Moment;
use logferry::sys::clock;

use super::planted::{Said, Stream, edit, metadata_of, verify};
use crate::support::Sandbox;

const HOUR: i64 = 3600 * 1_000_000_000;

/// So many hours from now.
fn in_hours(hours: i64) -> Moment {
    Moment::from_nanos(clock::now().nanos() + hours * HOUR)
}

/// Plants segments that begin and end so many hours from now.
fn plant(sandbox: &Sandbox, service: &str, spans: &[(i64, i64)]) -> Vec<std::path::PathBuf> {
    let mut stream = Stream::new(service, "i-0abc");
    spans.iter().map(|(first, last)| stream.next(in_hours(*first), in_hours(*last), "a line\n").put(sandbox)).collect()
}

fn kinds(said: &Said) -> Vec<&str> {
    said.found().into_iter().map(|(kind, _)| kind).collect()
}

#[test]
fn a_log_whose_time_was_set_to_the_future_does_not_look_fresh() {
    let sandbox = Sandbox::new();
    let log = sandbox.write_log("web.log", "one\n");
    let future = std::time::SystemTime::now() + std::time::Duration::from_secs(70 * 365 * 86_400);
    fs::File::options().write(true).open(&log).and_then(|log| log.set_modified(future)).expect("its time is set");
    sandbox.run_all().quiet();
    // It was shipped just now, and says so by its beginning.
    let said = verify(&sandbox, &["web", "--max-age", "1h"]);
    assert_eq!((said.code, kinds(&said)), (0, vec!["clock"]), "{}", said.json);
    assert!(said.what("clock").contains("it ends at 2096-") || said.what("clock").contains("which is still to come"));
    let text = sandbox.run(["status"]).expect(0).text();
    assert!(text.contains(", which is still to come: a clock was wrong"), "{text}");
    // An hour is not over, but a moment is.
    let said = verify(&sandbox, &["web", "--max-age", "1ms"]);
    assert_eq!((said.code, kinds(&said)), (1, vec!["stale", "clock"]), "{}", said.json);
}

#[test]
fn what_ends_in_the_future_hides_no_silence() {
    let sandbox = Sandbox::new();
    plant(&sandbox, "web", &[(-9, -8), (-8, 700_000), (-7, -6)]);
    plant(&sandbox, "db", &[(600_000, 700_000)]);
    fs::write(sandbox.path("hosts"), "i-0abc\n").expect("a file");
    fs::write(sandbox.path("host"), "HOST-of-i-0abc\n").expect("a file");
    let web = verify(&sandbox, &["web", "--max-age", "5h"]);
    assert_eq!(kinds(&web), ["stale", "clock"], "{}", web.json);
    assert!(web.what("stale").contains(" 6h") && web.what("clock").contains("number 2"), "{}", web.json);
    assert_eq!(kinds(&verify(&sandbox, &["web", "--max-age", "7h"])), ["clock"]);
    assert_eq!(kinds(&verify(&sandbox, &["web", "--max-age", "8d"])), ["clock"]);
    for file in ["hosts", "host"] {
        let said = verify(&sandbox, &["web", "--max-age", "5h", "--expect-hosts", file]);
        assert_eq!(kinds(&said), ["absent", "clock"], "{}", said.json);
        assert_eq!(verify(&sandbox, &["web", "--max-age", "7h", "--expect-hosts", file]).code, 0);
    }
    // All of it is still to come: nobody knows how old it is.
    let said = verify(&sandbox, &["db", "--max-age", "5h"]);
    assert_eq!(kinds(&said), ["stale", "clock"], "{}", said.json);
    assert!(said.what("stale").contains("still to come"), "{}", said.json);
    assert_eq!(kinds(&verify(&sandbox, &["--max-age", "5h"])), ["stale", "clock", "clock"]);
}

#[test]
fn metadata_that_make_no_sense_prove_nothing() {
    let (long, short) = (format!("...{}", "x".repeat(253)), "...web");
    for (name, value) in [
        ("offset", "abc"),
        ("offset", "+58"),
        ("offset", ""),
        ("sha256", "garbage"),
        ("format", "abc"),
        ("format", "0"),
        ("format", "-1"),
        ("ended", "nonsense"),
        ("service", short),
        ("service", &long),
        ("length", "+29"),
        ("length", "029"),
        ("lines", "2.0"),
        ("previous", "nobody"),
    ] {
        let sandbox = Sandbox::new();
        let shipped = Stream::new("web", "i-0abc").plant(&sandbox, 20, 0..4);
        edit(&shipped[2], |metadata| drop(metadata.insert(name.to_owned(), value.to_owned())));
        let said = verify(&sandbox, &["--deep"]);
        assert!(said.code == 1 && said.found().contains(&("damaged", Some((3, 3)))), "{name} {value}: {}", said.json);
        assert!(said.what("damaged").contains(&format!("{name} is ")), "{name} {value}: {}", said.json);
    }
    // A name that is too long for metadata and for a key is whole in neither.
    let sandbox = Sandbox::new();
    Stream::new(&"ü".repeat(127), "i-0abc").plant(&sandbox, 20, 0..2);
    assert_eq!(verify(&sandbox, &["--deep"]).found(), []);
}

#[test]
fn a_segment_whose_neighbour_can_not_be_asked_is_not_proved() {
    let of = |change: &dyn Fn(&std::path::Path)| {
        let sandbox = Sandbox::new();
        let shipped = Stream::new("web", "i-0abc").plant(&sandbox, 20, 0..5);
        change(&shipped[2]);
        let said = verify(&sandbox, &["--deep", "--since", "2026-11-20T03:30:00Z"]);
        let found: Vec<_> = said.found().into_iter().map(|(kind, numbers)| (kind.to_owned(), numbers)).collect();
        (said.code, found, said.what("unread") + &said.what("bare"))
    };
    assert_eq!(of(&|_| ()).1, []);
    let (code, found, what) = of(&|third| fs::write(metadata_of(third), "{").expect("its metadata"));
    assert_eq!((code, found), (1, vec![("unread".to_owned(), Some((4, 4)))]), "{what}");
    assert!(what.contains("its place is not proved, since the segment before it could not be asked: "), "{what}");
    let (code, found, what) = of(&|third| {
        edit(third, |metadata| drop(metadata.insert("offset".to_owned(), "many".to_owned())));
    });
    assert_eq!((code, found), (1, vec![("unread".to_owned(), Some((4, 4)))]), "{what}");
    // Without metadata it says nothing, as the object itself would.
    let (code, found, what) = of(&|third| fs::remove_file(metadata_of(third)).expect("its metadata"));
    assert_eq!((code, found), (0, vec![("bare".to_owned(), Some((4, 4)))]), "{what}");
}

#[test]
fn what_has_lost_its_metadata_is_not_called_proved_without_a_word() {
    let sandbox = Sandbox::new();
    let shipped = Stream::new("web", "i-0abc").plant(&sandbox, 20, 0..3);
    fs::remove_file(metadata_of(&shipped[1])).expect("its metadata");
    let text = sandbox.run(["verify", "--deep"]).expect(0).text();
    assert!(text.contains("\nproved, but for the place of 1 object: 3 segments in 1 stream without a gap; "), "{text}");
}

#[test]
fn a_stream_that_does_not_tell_its_host_is_not_left_out_in_silence() {
    let sandbox = Sandbox::new();
    let web = Stream::new("web", "i-0abc").plant(&sandbox, 20, 0..5);
    Stream::new("db", "i-0abc").plant(&sandbox, 20, 0..5);
    fs::remove_file(&web[2]).expect("an object");
    fs::remove_file(metadata_of(&web[4])).expect("its metadata");
    // An older segment tells it, too.
    let said = verify(&sandbox, &["--host", "host-of-i-0abc"]);
    assert_eq!((said.code, said.found()), (1, vec![("gap", Some((3, 3)))]), "{}", said.json);
    for object in [&web[0], &web[1], &web[3]] {
        fs::remove_file(metadata_of(object)).expect("its metadata");
    }
    let said = verify(&sandbox, &["--host", "host-of-i-0abc"]);
    assert_eq!((said.code, said.found()), (1, vec![("unread", None)]), "{}", said.json);
    assert!(said.what("unread").starts_with("1 more stream may be of a host"), "{}", said.json);
    // Nobody is called nothing.
    let ended = sandbox.run(["cat", "web", "db", "--host", "nobody"]);
    assert!(ended.stderr.contains("1 stream left out: their objects have lost the metadata"), "{}", ended.stderr);
    assert!(ended.stderr.contains("there is host-of-i-0abc\n"), "{}", ended.stderr);
}

#[test]
fn a_beginning_that_is_lost_in_the_time_asked_for_fails_unless_it_may_have_expired() {
    let sandbox = Sandbox::new();
    let busy = plant(&sandbox, "busy", &[(-6, -5), (-5, -4), (-4, -3), (-3, -2)]);
    let days = |day: i64| (-24 * day, -24 * day + 1);
    let rare = plant(&sandbox, "rare", &[days(95), days(70), days(40), days(10)]);
    assert_eq!(verify(&sandbox, &["--since", "80d"]).found(), []);
    for object in [&busy[0], &busy[1], &rare[0]] {
        fs::remove_file(object).expect("an object");
    }
    let since = |args: &[&str]| verify(&sandbox, &[&["--since", "80d"], args].concat());
    let said = since(&["busy"]);
    assert_eq!((said.code, said.found()), (1, vec![("beginning", Some((1, 2)))]), "{}", said.json);
    assert!(said.json["findings"][0]["hint"].as_str().is_some_and(|hint| hint.contains("--kept-for")), "{}", said.json);
    assert_eq!(since(&["rare"]).found(), [("beginning", Some((1, 1)))]);
    // The store keeps it for 90 days: what a log lost that goes on at all hours is lost all the same.
    assert_eq!(since(&["busy", "--kept-for", "90d"]).found(), [("beginning", Some((1, 2)))]);
    let said = since(&["rare", "--kept-for", "90d"]);
    assert_eq!((said.code, said.found()), (0, vec![("cut", Some((1, 1)))]), "{}", said.json);
    assert!(said.json["kept_since"].is_string(), "{}", said.json);
    // Without --since, too; and where it has just expired there is nothing to tell.
    assert_eq!(verify(&sandbox, &["rare", "--kept-for", "70d"]).found(), []);
    assert_eq!(verify(&sandbox, &["rare"]).found(), [("beginning", Some((1, 1)))]);
}

#[test]
fn names_that_somebody_has_made_up_forge_no_line() {
    let sandbox = Sandbox::new();
    let shipped = Stream::new("web", "i-0abc").plant(&sandbox, 20, 0..2);
    let hostile = sandbox.path("store/service=web/\u{1b}[31mX\nlogferry: proved: 1 segment\u{202e}");
    fs::create_dir(&hostile).expect("a directory");
    fs::copy(&shipped[0], hostile.join(shipped[0].file_name().expect("a name"))).expect("a copy");
    let ended = sandbox.run(["verify"]);
    assert!(!ended.stderr.contains(['\u{1b}', '\u{202e}']), "{:?}", ended.stderr);
    assert!(!ended.stderr.contains("\nlogferry: proved"), "{:?}", ended.stderr);
    let other = sandbox.path("store/service=web/dt=2026-11-20/x\u{202e}");
    fs::create_dir(&other).expect("a directory");
    Stream::new("a\u{202e}b", "i-0abc").plant(&sandbox, 20, 0..1);
    let text = sandbox.run(["verify"]).text();
    assert!(!text.contains('\u{202e}') && text.contains("a\u{fffd}b"), "{text:?}");
}

#[test]
fn links_are_refused_with_a_name_and_without() {
    let sandbox = Sandbox::new();
    Stream::new("web", "i-0abc").plant(&sandbox, 20, 0..2);
    Stream::new("db", "i-0abc").plant(&sandbox, 20, 0..2);
    fs::rename(sandbox.path("store/service=web"), sandbox.path("bigger")).expect("it is moved");
    std::os::unix::fs::symlink(sandbox.path("bigger"), sandbox.path("store/service=web")).expect("a link");
    for args in [&[] as &[&str], &["web"], &["--since", "2026-11-20"], &["web", "--since", "2026-11-20"]] {
        let said = verify(&sandbox, args);
        assert_eq!((said.code, kinds(&said)), (1, vec!["unlisted"]), "{args:?}: {}", said.json);
        assert!(said.what("unlisted").contains("service=web: it is a symbolic link"), "{args:?}: {}", said.json);
    }
    assert_eq!(verify(&sandbox, &["db"]).code, 0);
    fs::remove_file(sandbox.path("store/service=web")).expect("the link");
    // An object that is one.
    let day = sandbox.path("store/service=db/dt=2026-11-20");
    let object = fs::read_dir(&day).expect("a directory").map(|entry| entry.expect("an entry").path());
    let object = object.filter(|path| path.extension().is_some_and(|end| end == "gz")).max().expect("an object");
    fs::rename(&object, sandbox.path("elsewhere")).expect("it is moved");
    std::os::unix::fs::symlink(sandbox.path("elsewhere"), &object).expect("a link");
    assert_eq!(kinds(&verify(&sandbox, &["db"])), ["unlisted"]);
    // One that leads to no directory, and has no name of ours, is nobody's matter.
    fs::remove_file(&object).expect("the link");
    std::os::unix::fs::symlink("/etc/passwd", day.join("notes")).expect("a link");
    assert_eq!(verify(&sandbox, &["db"]).code, 0);
}

#[test]
fn a_name_that_is_no_text_is_counted_as_not_ours() {
    use std::os::unix::ffi::OsStrExt;
    let sandbox = Sandbox::new();
    Stream::new("web", "i-0abc").plant(&sandbox, 20, 0..2);
    let day = sandbox.path("store/service=web/dt=2026-11-20");
    fs::write(day.join(std::ffi::OsStr::from_bytes(b"\xff.log.gz")), "x").expect("a file");
    assert_eq!(verify(&sandbox, &[]).json["foreign"], 1);
    assert_eq!(verify(&sandbox, &["web", "--since", "2026-11-20"]).json["foreign"], 1);
}

#[test]
fn metadata_of_any_size_are_not_read_whole() {
    let sandbox = Sandbox::new();
    let shipped = Stream::new("web", "i-0abc").plant(&sandbox, 20, 0..2);
    let text = fs::read(metadata_of(&shipped[0])).expect("its metadata");
    fs::write(metadata_of(&shipped[0]), [text, vec![b' '; 1 << 20]].concat()).expect("its metadata");
    // White space behind an object is JSON; what is cut inside of it is not.
    assert_eq!(verify(&sandbox, &["--deep"]).code, 0);
    fs::write(metadata_of(&shipped[0]), format!("{{\"x\":\"{}\"}}", "x".repeat(1 << 20))).expect("its metadata");
    let said = verify(&sandbox, &["--deep"]);
    assert_eq!((said.code, kinds(&said)), (1, vec!["unread"]), "{}", said.json);
}

#[test]
fn a_file_of_hosts_without_end_is_not_read_to_its_end() {
    let sandbox = Sandbox::new();
    Stream::new("web", "i-0abc").plant(&sandbox, 20, [0]);
    let ended = sandbox.run(["verify", "--expect-hosts", "/dev/zero"]).expect(2);
    assert!(ended.stderr.contains("/dev/zero: it has more than 16.0 MiB"), "{}", ended.stderr);
    fs::write(sandbox.path("hosts"), "\u{feff}I-0ABC\r\n").expect("a file");
    assert_eq!(verify(&sandbox, &["--expect-hosts", "hosts"]).code, 0);
}
