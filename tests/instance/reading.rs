//! Finding objects under any layout, with as few requests as the layout allows.

use crate::support::{Bucket, Sandbox};

/// What the listings asked for since the last look.
fn listed(bucket: &Bucket) -> Vec<String> {
    let requests = bucket.server.requests();
    bucket.server.clear_requests();
    let prefixes = requests.iter().filter_map(|request| {
        let query = request.query.as_deref()?;
        let prefix = query.split('&').find_map(|pair| pair.strip_prefix("prefix="))?;
        Some(percent_encoding::percent_decode_str(prefix).decode_utf8_lossy().into_owned())
    });
    prefixes.collect()
}

#[test]
fn objects_are_looked_for_below_what_the_known_layouts_begin_with() {
    let sandbox = Sandbox::new();
    let bucket = Bucket::new(&sandbox);
    let read = |args: &[&str]| {
        bucket.server.clear_requests();
        let ended = bucket.run(&sandbox, args);
        (ended.text(), listed(&bucket))
    };
    let ship = |text: &str| {
        sandbox.write_log("web.log", text);
        bucket.run_all(&sandbox).quiet();
    };
    ship("one\n");
    sandbox.config_file("layout = \"env=prod/{service}/{date}\"\n");
    ship("two\n");
    // The layout that is set, and the default one.
    let below = ["fleet/env=prod/web/", "fleet/service=web/"].map(str::to_owned);
    assert_eq!(read(&["cat", "web"]), ("one\ntwo\n".to_owned(), below.to_vec()));
    let (all, below) = read(&["ls"]);
    assert_eq!((all.lines().count(), below), (2, vec!["fleet/env=prod/".to_owned(), "fleet/service=".to_owned()]));

    // A layout of earlier times must be named.
    sandbox.config_file("layout = \"region={region}/{service}\"\nformer_layouts = [\"env=prod/{service}\"]\n");
    ship("three\n");
    let (text, below) = read(&["cat", "web"]);
    assert_eq!(text, "one\ntwo\nthree\n");
    assert_eq!(below, ["fleet/env=prod/web/", "fleet/region=", "fleet/service=web/"]);

    // Who knows of no layout looks everywhere when he finds nothing, or when he is told to.
    sandbox.config_file("");
    let (text, below) = read(&["cat", "web", "--any-layout"]);
    assert_eq!((text.as_str(), below), ("one\ntwo\nthree\n", vec!["fleet/".to_owned()]));
    sandbox.config_file("layout = \"logs/{service}\"\n");
    sandbox.write_log("db.log", "of db\n");
    bucket.run_all(&sandbox).quiet();
    sandbox.config_file("");
    let (text, below) = read(&["cat", "db"]);
    assert_eq!(
        (text.as_str(), below),
        ("of db\n", ["fleet/service=db/", "fleet/service=", "fleet/"].map(str::to_owned).to_vec())
    );
    assert_eq!(read(&["ls", "nothing-of-it"]).0, "");
}

#[test]
fn what_may_be_where_nobody_looked_is_told() {
    let sandbox = Sandbox::new();
    let ship = |layout: &str, text: &str| {
        sandbox.config_file(&format!("layout = \"{layout}\"\n"));
        sandbox.write_log("web.log", text);
        sandbox.run_all().quiet();
    };
    ship("env=prod/{service}", "one\n");
    ship("env=test/{service}", "two\n");
    for command in [vec!["cat", "web"], vec!["ls"]] {
        let ended = sandbox.run(&command).expect(0);
        let told = "1 stream begins later than with the first segment";
        assert!(ended.stderr.contains(told) && ended.stderr.contains("--any-layout"), "{}", ended.stderr);
        assert_eq!(ended.text().lines().count(), 1);
        let all = sandbox.run([&command[..], &["--any-layout"]].concat()).expect(0);
        assert_eq!((all.text().lines().count(), all.stderr.as_str()), (2, ""));
    }
    // Between two of its segments it is no matter of age, and the exit code says so.
    ship("env=prod/{service}", "three\n");
    let ended = sandbox.run(["cat", "web"]).expect(1);
    let gap = ["nothing is there between number 1, which ends at", "and number 3, which begins at", "--any-layout"];
    assert!(gap.iter().all(|words| ended.stderr.contains(words)), "{}", ended.stderr);
    sandbox.config_file("layout = \"env=prod/{service}\"\nformer_layouts = [\"env=test/{service}\"]\n");
    let ended = sandbox.run(["cat", "web"]).expect(0);
    assert_eq!((ended.text().as_str(), ended.stderr.as_str()), ("one\ntwo\nthree\n", ""));
}

#[test]
fn only_the_objects_of_a_service_are_read_where_its_directories_hold_others_too() {
    let sandbox = Sandbox::new();
    for layout in ["{service}-{date}", "{date}", "all"] {
        sandbox.config_file(&format!("layout = \"{layout}\"\n"));
        for service in ["web", "web-2", "w"] {
            sandbox.write_log(format!("{service}.log"), format!("of {service} in {layout}\n"));
        }
        sandbox.run_all().quiet();
        for service in ["web", "web-2", "w"] {
            let read = sandbox.run(["cat", service]).expect(0).text();
            assert!(read.ends_with(&format!("of {service} in {layout}\n")), "{layout}: {read}");
            assert!(read.lines().all(|line| line.starts_with(&format!("of {service} in "))), "{layout}: {read}");
        }
    }
}
