//! `logferry grep`: what people know of grep, over streams that are joined.

use crate::cat::ship;
use crate::support::{Ended, Sandbox};

/// Two instances of a service, and another service.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    for (instance, log, text) in [
        ("i-1", "web.log", "GET /a 200\r\nGET /b 50"),
        ("i-1", "web.log", "0\r\nGET /c 200\r\n"),
        ("i-2", "web.log", "get /d 500\nbinary \0 500\nlast 500 without an end"),
        ("i-1", "db.log", "nothing to see\n"),
    ] {
        ship(&sandbox, None, instance, log, text);
    }
    sandbox
}

/// Lines without their times, sorted: streams that began in the same second come in either order.
#[track_caller]
fn lines(ended: &Ended) -> Vec<String> {
    let time = |word: &str| word.len() > 20 && word.starts_with("20") && word.contains('T');
    let text = ended.text();
    let short =
        |line: &str| line.split(' ').map(|word| if time(word) { "T" } else { word }).collect::<Vec<_>>().join(" ");
    let mut lines: Vec<String> = text.split_terminator('\n').map(short).collect();
    lines.sort();
    lines
}

#[track_caller]
fn found(sandbox: &Sandbox, args: &[&str]) -> Vec<String> {
    let ended = sandbox.run([&["grep"], args].concat()).expect(0);
    assert_eq!(ended.stderr, "");
    lines(&ended)
}

#[test]
fn lines_are_found_wherever_segments_end_with_their_instance_and_time() {
    let sandbox = sandbox();
    // The line is split between two segments, within the number; `$` is before its CR.
    let ended = sandbox.run(["grep", "500$", "web"]).expect(0);
    let text = ended.text();
    let (label, rest) =
        text.lines().find(|line| line.contains("/b")).and_then(|line| line.split_once(": ")).expect("it");
    assert_eq!(rest, "GET /b 500\r".trim_end());
    let (instance, time) = label.split_once(' ').expect("two words");
    assert!(instance == "i-1" && time.len() == 20 && time.ends_with('Z'), "{label}");
    assert_eq!(lines(&ended), ["i-1 T GET /b 500\r", "i-2 T binary \0 500", "i-2 T get /d 500"]);
    assert_eq!(found(&sandbox, &["see", "web", "db"]), ["db i-1 T nothing to see"]);
    assert_eq!(found(&sandbox, &["last", "web"]), ["i-2 T last 500 without an end"]);
}

#[test]
fn options_are_those_of_grep() {
    let sandbox = sandbox();
    let found = |args: &[&str]| found(&sandbox, args);
    assert_eq!(found(&["-i", "get /[bd]", "web", "--no-label"]), ["GET /b 500\r", "get /d 500"]);
    assert_eq!(found(&["-v", "[Ggb]", "web", "--no-label"]), ["last 500 without an end"]);
    assert_eq!(found(&["--no-label", "--", "-[e]|out an", "web"]), ["last 500 without an end"]);
    assert_eq!(found(&["-F", "[", "-v", "db"]), ["i-1 T nothing to see"]);
    assert_eq!(found(&["-w", "without", "web", "--no-label"]), ["last 500 without an end"]);
    assert_eq!(found(&["-c", "500", "web", "db"]), ["web i-1: 1", "web i-2: 3"]);
    assert_eq!(found(&["-l", "500", "web", "db"]), ["web i-1", "web i-2"]);
    assert_eq!(found(&["-m", "1", "00", "web", "--no-label"]), ["GET /a 200\r", "get /d 500"]);
    assert_eq!(found(&["-q", "500", "web"]), Vec::<String>::new());
    assert_eq!(found(&["500", "web", "--instance", "i-1", "--no-label"]), ["GET /b 500\r"]);
    assert_eq!(
        found(&["-A", "1", "-B1", "/b", "web"]),
        ["i-1 T GET /a 200\r", "i-1 T GET /b 500\r", "i-1 T GET /c 200\r"]
    );
    assert_eq!(found(&["-C", "1", "/a|last", "web", "--no-label"]).len(), 5, "with -- between what stands apart");
}

#[test]
fn exit_codes_are_those_of_grep() {
    let sandbox = sandbox();
    assert_eq!(sandbox.run(["grep", "no such line", "web"]).expect(1).text(), "");
    let wrong = sandbox.run(["grep", "(", "web"]).expect(2);
    assert!(wrong.stderr.contains("the pattern") && wrong.stderr.contains("-F"), "{}", wrong.stderr);
    let none = sandbox.run(["grep", "500", "wep"]).expect(2);
    assert!(none.stderr.contains("nothing of wep is there"), "{}", none.stderr);
    // What could not be verified might hold it: 2, whatever was found.
    let paths = sandbox.files("store").into_iter().filter(|path| path.to_string_lossy().ends_with(".log.gz"));
    let path = paths.into_iter().find(|path| path.to_string_lossy().contains("/db_")).expect("an object");
    let whole = std::fs::read(&path).expect("an object");
    std::fs::write(&path, &whole[..whole.len() - 4]).expect("an object");
    for pattern in ["500", "no such line"] {
        let ended = sandbox.run(["grep", pattern, "web", "db"]).expect(2);
        assert!(ended.stderr.contains("db_"), "{}", ended.stderr);
    }
    sandbox.run(["grep", "-q", "see", "db"]).expect(0);
}

#[test]
fn as_json_each_line_says_whose_it_is() {
    let sandbox = sandbox();
    ship(&sandbox, None, "i-3", "web.log", b"not \xff text 500\n");
    let ended = sandbox.run(["grep", "--json", "500$", "web"]).expect(0);
    let parsed = ended.text();
    let mut lines: Vec<serde_json::Value> =
        parsed.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    lines.sort_by_key(|line| (line["instance"].to_string(), line["text"].to_string()));
    assert_eq!(lines.len(), 4);
    assert_eq!((&lines[0]["service"], &lines[0]["text"]), (&"web".into(), &"GET /b 500".into()));
    assert_eq!((&lines[3]["bytes"], &lines[3]["text"]), (&"bm90IP8gdGV4dCA1MDA=".into(), &serde_json::Value::Null));
    let first = lines[0]["key"].as_str().expect("a key");
    assert!(first.ends_with(".log.gz") && first.contains("-00000001-"), "where the line begins: {first}");
    assert!(lines.iter().all(|line| line["selected"] == true && line["first"].as_str() <= line["last"].as_str()));
}
