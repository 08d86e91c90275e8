//! `logferry grep`: what people know of grep, over streams that are joined.

mod long;

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

/// Lines without their times, as they come.
#[track_caller]
fn in_order(ended: &Ended) -> Vec<String> {
    let time = |word: &str| word.len() >= 20 && word.starts_with("20") && word.contains('T');
    let short = |word: &str| {
        if time(word) { format!("T{}", word.split_once('Z').map_or("", |(_, rest)| rest)) } else { word.to_owned() }
    };
    let text = ended.text();
    let short = |line: &str| line.split(' ').map(short).collect::<Vec<_>>().join(" ");
    text.split_terminator('\n').map(short).collect()
}

/// The same, sorted: streams that began in the same second come in either order.
#[track_caller]
fn lines(ended: &Ended) -> Vec<String> {
    let mut lines = in_order(ended);
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
    assert_eq!(lines(&ended), ["i-1 T: GET /b 500\r", "i-2 T: binary \0 500", "i-2 T: get /d 500"]);
    assert_eq!(found(&sandbox, &["see", "web", "db"]), ["db i-1 T: nothing to see"]);
    assert_eq!(found(&sandbox, &["last", "web"]), ["i-2 T: last 500 without an end"]);
}

#[test]
fn options_are_those_of_grep() {
    let sandbox = sandbox();
    let found = |args: &[&str]| found(&sandbox, args);
    assert_eq!(found(&["-i", "get /[bd]", "web", "--no-label"]), ["GET /b 500\r", "get /d 500"]);
    assert_eq!(found(&["-v", "[Ggb]", "web", "--no-label"]), ["last 500 without an end"]);
    assert_eq!(found(&["--no-label", "--", "-[e]|out an", "web"]), ["last 500 without an end"]);
    assert_eq!(found(&["-F", "[", "-v", "db"]), ["i-1 T: nothing to see"]);
    assert_eq!(found(&["-w", "without", "web", "--no-label"]), ["last 500 without an end"]);
    assert_eq!(found(&["-c", "500", "web", "db"]), ["web i-1: 1", "web i-2: 3"]);
    assert_eq!(found(&["-l", "500", "web", "db"]), ["web i-1", "web i-2"]);
    assert_eq!(found(&["-m", "1", "00", "web", "--no-label"]), ["GET /a 200\r", "get /d 500"]);
    assert_eq!(found(&["-q", "500", "web"]), Vec::<String>::new());
    assert_eq!(found(&["500", "web", "--instance", "i-1", "--no-label"]), ["GET /b 500\r"]);
    assert_eq!(
        found(&["-A", "1", "-B1", "/b", "web"]),
        ["i-1 T- GET /a 200\r", "i-1 T- GET /c 200\r", "i-1 T: GET /b 500\r"]
    );
}

#[test]
fn lines_beside_those_selected_come_in_order_and_what_stands_apart_is_separated() {
    let sandbox = Sandbox::new();
    ship(&sandbox, None, "i-1", "web.log", "1 x\n2\n3\n4\n5 x\n6 x\n7");
    ship(&sandbox, None, "i-1", "web.log", " y\n8\n9\n10 x\n");
    let found = |args: &[&str]| in_order(&sandbox.run([&["grep", "x", "web"], args].concat()).expect(0));
    let plain = ["1 x", "2", "--", "4", "5 x", "6 x", "7 y", "--", "9", "10 x"];
    assert_eq!(found(&["-C", "1", "--no-label"]), plain);
    assert_eq!(found(&["-B", "1", "--no-label"]), ["1 x", "--", "4", "5 x", "6 x", "--", "9", "10 x"]);
    assert_eq!(found(&["-A", "1", "-m", "2", "--no-label"]), ["1 x", "2", "--", "5 x", "6 x"]);
    // Numbers are those of the lines in what `cat` writes, over the ends of segments.
    let numbered = ["1:1 x", "2-2", "--", "4-4", "5:5 x", "6:6 x", "7-7 y", "--", "9-9", "10:10 x"];
    assert_eq!(found(&["-nC1", "--no-label"]), numbered);
    assert_eq!(found(&["-nB1", "-m1"]), ["i-1 T 1: 1 x"]);
    // Two instances: what is of one stands apart from what is of the other.
    ship(&sandbox, None, "i-2", "web.log", "x\n");
    let both = found(&["-A", "1", "--no-label"]);
    assert_eq!(both.iter().filter(|line| *line == "--").count(), 3, "{both:?}");
}

#[test]
fn what_people_type_is_taken_as_grep_takes_it() {
    let sandbox = sandbox();
    let found = |args: &[&str]| found(&sandbox, args);
    assert_eq!(found(&["-e", "/b", "-e", "^last", "web", "-h"]), ["GET /b 500\r", "last 500 without an end"]);
    assert_eq!(found(&["-e", "-[e]|see", "web", "db"]), ["db i-1 T: nothing to see"], "all names are services");
    assert_eq!(found(&["/b\n^last", "web", "--no-filename"]), ["GET /b 500\r", "last 500 without an end"]);
    assert_eq!(found(&["-F", "/b 5\nan end", "web", "-h"]), ["GET /b 500\r", "last 500 without an end"]);
    assert_eq!(found(&["-Ea", "(a|b) [0-9]+$", "web", "-h"]), ["GET /a 200\r", "GET /b 500\r"]);
    assert_eq!(found(&["-x", "get /d 500", "web", "-h"]), ["get /d 500"]);
    assert_eq!(found(&["-xF", "GET /b 500\nGET /c", "web", "-h"]), ["GET /b 500\r"]);
    assert_eq!(found(&["-o", "[a-z]+t|/[bc]", "web", "-h"]), ["/b", "/c", "get", "last", "without"]);
    assert_eq!(found(&["-no", "/[bc]", "web"]), ["i-1 T 2: /b", "i-1 T 3: /c"]);
    assert_eq!(found(&["-oc", "[a-z]+t", "web"]), ["i-2: 2"], "lines are counted, not what matches in them");
    let numbered = sandbox.run(["grep", "--json", "-n", "/c", "web"]).expect(0).text();
    let numbered: serde_json::Value = serde_json::from_str(&numbered).expect("JSON");
    assert_eq!((&numbered["line"], &numbered["text"]), (&3.into(), &"GET /c 200".into()));
    let told = |args: &[&str], what: &str| {
        let stderr = sandbox.run([&["grep"], args].concat()).expect(2).stderr;
        assert!(stderr.contains(what), "{args:?}: {stderr}");
    };
    told(&["-F", "a\rb", "web"], "hint: it holds a CR");
    told(&["a\\nb", "web"], "(-F) takes it as it is");
    told(&["-ov", "a", "web"], "cannot be used with");
    told(&["-e", "a"], "PATTERN");
    told(&["a"], "SERVICE");
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
    // As grep(1) has it, and the help says: a line is there, whatever else is the matter.
    sandbox.run(["grep", "-q", "see", "db"]).expect(0);
    sandbox.run(["grep", "-q", "500", "web", "db", "nowhere"]).expect(0);
    sandbox.run(["grep", "-q", "no such line", "web", "db"]).expect(2);
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
