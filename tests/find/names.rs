//! Names: machines and hosts by name or pattern, and what is told of names that are not there.

use super::{Shelves, leaf, objects};

/// Two instances of web and one of mail.
fn fleet() -> Shelves {
    let shelves = Shelves::new();
    for (service, instance, stream, host) in [
        ("web", "i-0abc", "aaaaaa", "web-1.example.com"),
        ("web", "i-0def", "bbbbbb", "web-2.example.com"),
        ("mail", "i-1abc", "cccccc", "mail%20host"),
    ] {
        for seq in 1..=3 {
            let (first, last) = (format!("20261121T0{seq}0000"), format!("20261121T0{}0000", seq + 1));
            let leaf = leaf(service, &first, &last, instance, &format!("{stream}-{seq}"));
            shelves.put_with(&format!("service={service}/dt=2026-11-21/{leaf}"), &[("host", host)]);
        }
    }
    shelves
}

#[test]
fn machines_are_chosen_by_name_and_by_pattern() {
    let shelves = fleet();
    assert_eq!(shelves.found("--instance i-0abc"), "aaaaaa-1 aaaaaa-2 aaaaaa-3");
    assert_eq!(shelves.found("--instance i-?abc --since 2026-11-21T03:30Z"), "cccccc-3 aaaaaa-3");
    assert_eq!(shelves.found("--instance i-0def --instance i-1* --until 2026-11-21T01:30Z"), "cccccc-1 bbbbbb-1");
    assert_eq!(shelves.found("web mail --until 2026-11-21T01:30Z"), "cccccc-1 aaaaaa-1 bbbbbb-1");
    assert_eq!(shelves.found("web web --until 2026-11-21T01:30Z"), "aaaaaa-1 bbbbbb-1");
}

#[test]
fn hosts_are_asked_of_one_object_of_each_stream() {
    let shelves = fleet();
    let found = shelves.ls("--host web-2.example.com");
    assert_eq!(found.segments(), "bbbbbb-1 bbbbbb-2 bbbbbb-3");
    // Three streams, and three segments for their notices.
    assert_eq!(found.described, 3 + 3);
    let found = shelves.ls("web --host web-* --host nobody --instance i-0abc");
    assert_eq!(found.described, 1 + 3);
    assert_eq!((found.ended.code, found.ended.text().lines().count()), (1, 3));
    let told = shelves.ls("--host web-3.example.com").ended.stderr;
    assert!(told.contains("nothing of host web-3.example.com") && told.contains("did you mean web-"), "{told}");
    // Of local segments there is but one host.
    let local = shelves.sandbox.run(["ls", "--local", "--host", "x"]).expect(2).stderr;
    assert!(local.contains("--host is for the store"), "{local}");
}

#[test]
fn of_a_stream_that_lost_its_metadata_few_objects_are_asked_for_its_host() {
    let shelves = Shelves::new();
    for seq in 1..=40 {
        let first = format!("202611{:02}T{:02}0000", 18 + seq / 20, seq % 20);
        let last = format!("{}3000", &first[..11]);
        shelves.segment(&format!("web aaaaaa-{seq} {first} {last}"));
        shelves.segment(&format!("web bbbbbb-{seq} {first} {last}"));
    }
    let found = shelves.ls("web --host web-1.example.com");
    assert_eq!((found.ended.code, found.described), (1, 2 * 8), "{}", found.ended.stderr);
    assert!(found.ended.stderr.contains("2 streams left out"), "{}", found.ended.stderr);
}

#[test]
fn a_slip_is_told_with_the_name_that_may_be_meant() {
    let shelves = fleet();
    for (args, told) in [
        ("wbe", "nothing of wbe is there\n  hint: did you mean web?"),
        ("wbe --since 2026-11-21", "did you mean web?"),
        ("--instance i-0abd", "nothing of instance i-0abd is there\n  hint: did you mean i-0abc?"),
        ("web --instance i-9*", "nothing of instance i-9* is there\n  hint: there are i-0abc, i-0def"),
    ] {
        let found = shelves.ls(args);
        assert_eq!(found.ended.code, 1, "{args}");
        assert!(found.ended.stderr.contains(told), "{args}: {}", found.ended.stderr);
        // A slip is no reason to list a whole store.
        assert!(!found.asked.contains(&objects("", "")), "{args}: {:?}", found.asked);
    }
    let found = shelves.ls("something-else");
    assert!(found.ended.stderr.contains("hint: there are mail, web"), "{}", found.ended.stderr);
    assert_eq!(found.asked.last(), Some(&objects("", "")));
    // What is there is listed all the same.
    let found = shelves.ls("mial mail");
    assert_eq!((found.ended.code, found.ended.text().lines().count()), (1, 3));
    assert!(
        found.ended.stderr.contains("nothing of mial is there\n  hint: did you mean mail?"),
        "{}",
        found.ended.stderr
    );
}

#[test]
fn long_and_odd_services_are_found_by_their_whole_names() {
    let sandbox = crate::support::Sandbox::new();
    let long = "ü".repeat(60);
    sandbox.write_log(format!("{long}.log"), "x\n");
    sandbox.write_log(".hidden_one.log", "x\n");
    let paths = format!("[[logs]]\npaths = [\"{0}/*.log\", \"{0}/.hidden_one.log\"]\n", sandbox.path("log").display());
    for layout in ["service={service}/dt={date}", "{service}/{date}", "{date}/{service}"] {
        sandbox.config_file(&format!("layout = \"{layout}\"\n{paths}"));
        sandbox.write_log(format!("{long}.log"), "x\n");
        sandbox.write_log(".hidden_one.log", "x\n");
        sandbox.run(["run"]).expect(0);
        for service in [long.as_str(), ".hidden_one"] {
            let since = sandbox.run(["ls", service, "--since", "1d"]).expect(0);
            assert!(!since.text().is_empty(), "{layout} {service}");
            // A service that is there and has nothing of the time asked for is no slip.
            let before = sandbox.run(["ls", service, "--until", "2020-01-01"]).expect(0);
            assert_eq!((before.text().as_str(), before.stderr.as_str()), ("", ""), "{layout} {service}");
        }
    }
}

#[test]
fn objects_of_something_else_are_counted() {
    let shelves = fleet();
    shelves.put("service=web/dt=2026-11-21/_SUCCESS");
    shelves.put("service=web/dt=2026-11-21/notes.log.gz");
    let listed = shelves.ls("web").ended.expect(0);
    let told = "logferry: 2 objects seen that logferry did not put there\n";
    assert_eq!((listed.text().lines().count(), listed.stderr.as_str()), (6, told));
    let document = shelves.ls("web --json").ended;
    let read: serde_json::Value = serde_json::from_str(&document.text()).expect("JSON");
    assert_eq!((&read["foreign"], document.stderr.as_str()), (&2.into(), ""));
}

#[test]
fn a_name_is_found_however_people_type_it() {
    let shelves = fleet();
    for service in ["Nginx-access", "Nginx-error"] {
        shelves.segment(&format!("{service} dddddd-1 20261121T010000 20261121T020000"));
    }
    for (asked, told) in [
        ("WEB", "did you mean web?"),
        ("web.log", "did you mean web?"),
        ("/var/log/upstart/mail.log", "did you mean mail?"),
        ("nginx", "did you mean Nginx-access or Nginx-error?"),
        ("web --instance I-0ABC", "did you mean i-0abc?"),
        ("web --instance 0def", "did you mean i-0def?"),
    ] {
        let ended = shelves.ls(asked).ended.expect(1);
        assert!(ended.stderr.contains(told), "{asked}: {}", ended.stderr);
    }
    for number in 10..20 {
        shelves.segment(&format!("service-{number} eeeeee-1 20261121T010000 20261121T020000"));
    }
    let told = shelves.ls("wobble").ended.stderr;
    assert!(told.contains("there are 14; nearest come ") && told.contains("web"), "{told}");
    assert!(told.contains("`logferry ls --by service` shows them all"), "{told}");
}

#[test]
fn names_that_can_not_be_typed_are_taken_as_they_are_shown() {
    let shelves = fleet();
    // Bytes that are no text, a control character, a space, and a percent sign.
    for (service, stream) in [("n%FFx", "dddddd"), ("n%1Bx", "eeeeee"), ("a%20b", "ffffff"), ("50%25", "gggggg")] {
        shelves.segment(&format!("{service} {stream}-1 20261121T010000 20261121T020000"));
        let text = shelves.ls(service).ended.expect(0).text();
        assert!(text.lines().count() == 1 && text.contains(&format!("{stream}-00000001")), "{service}: {text}");
    }
    assert_eq!(shelves.found("50%"), "gggggg-1", "as it is");
    let document: serde_json::Value = serde_json::from_str(&shelves.ls("n%FFx --json").ended.text()).expect("JSON");
    assert_eq!(document["segments"][0]["service"], "n%FFx");
    let told = shelves.ls("n%FFy").ended.expect(1).stderr;
    assert!(told.contains("did you mean n%FFx?"), "{told}");
}

#[test]
fn an_object_in_a_directory_that_a_terminal_would_obey_is_none_of_ours() {
    let sandbox = crate::support::Sandbox::new();
    let leaf = leaf("web", "20261121T010000", "20261121T020000", "i-0abc", "aaaaaa-1");
    for directory in ["\u{1b}]0;PWNED\u{7}\u{1b}[31mdt=2026-11-21", "dt=2026-11-21\n", "dt=2026-11-21"] {
        let directory = sandbox.path("store/service=web").join(directory);
        std::fs::create_dir_all(&directory).expect("a directory");
        std::fs::write(directory.join(&leaf), "no gzip at all").expect("an object");
    }
    for command in ["cat", "fetch", "grep", "verify"] {
        let args: &[&str] = match command {
            "cat" => &["cat", "web", "-v"],
            "fetch" => &["fetch", "web", "--into", "log", "-v"],
            "grep" => &["grep", "x", "web", "--verbose"],
            _ => &["verify", "web", "--deep", "-v"],
        };
        let ended = sandbox.run(args);
        let told = [ended.text(), ended.stderr].concat();
        assert!(told.contains("dt=2026-11-21/web_") && !told.contains("PWNED"), "{told:?}");
        assert!(!told.contains(|c: char| c.is_control() && c != '\n'), "{told:?}");
        assert!(command == "verify" || told.contains("2 objects seen that logferry did not put there"), "{told}");
    }
    // Whatever else is told of names that somebody chose.
    let told = sandbox.run(["fetch", "web", "--into", "no\u{1b}[31mwhere"]).expect(1).stderr;
    assert!(told.contains("no\u{fffd}[31mwhere") && !told.contains('\u{1b}'), "{told:?}");
}
