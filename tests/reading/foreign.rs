//! Objects that something else put there are ignored, with a count.

use std::collections::HashMap;
use std::path::Path;

use super::filters::listed;
use crate::support::archive::{Segment, Stream, archive};
use crate::support::{Ended, Sandbox, finish};

/// Names that are nearly ours, beside ours.
const FOREIGN: [&str; 4] = [
    "service=api/dt=2026-10-03/notes.txt",
    "service=api/dt=2026-10-03/api_20261003T000000Z_20261003T010000Z_i-0abc_k3f9a2-00000001-9f86d08.log.gz",
    "service=api/_SUCCESS",
    "service=api/dt=2026-10-03/part-00000.snappy.parquet",
];

fn is_wanted(stream: &Stream, segment: &Segment) -> bool {
    stream.service.name() == "api" && segment.first.day() == "2026-10-03"
}

fn bytes() -> Vec<u8> {
    let wanted = archive().segments().filter(|(stream, segment)| is_wanted(stream, segment));
    wanted.flat_map(|(stream, segment)| stream.of(segment).to_vec()).collect()
}

#[track_caller]
fn counts(listed: &Ended, objects: usize) {
    let told = format!("logferry: {objects} objects seen that logferry did not put there");
    assert!(listed.stderr.lines().any(|line| line == told), "{}", listed.stderr);
}

#[test]
fn what_something_else_has_put_into_a_directory_is_ignored_with_a_count() {
    let sandbox = Sandbox::new();
    let root = sandbox.path("store");
    archive().copy(&root, is_wanted);
    for name in FOREIGN {
        std::fs::write(root.join(name), "not ours").expect("a file");
    }
    // Neither files that are no objects nor what is hidden counts.
    std::os::unix::fs::symlink("/etc/passwd", root.join("service=api/link")).expect("a link");
    std::fs::write(root.join("service=api/.hidden"), "").expect("a file");
    let all = sandbox.run(["ls", "-v"]).expect(0);
    counts(&all, 4);
    assert_eq!(listed(&all).len(), archive().segments().filter(|(stream, segment)| is_wanted(stream, segment)).count());
    let cat = sandbox.run(["cat", "api"]);
    // These streams begin on days that are not here.
    assert!(cat.stdout == bytes(), "{}", cat.stderr);
}

#[test]
fn what_something_else_has_put_into_a_bucket_is_ignored_with_a_count() {
    let sandbox = Sandbox::new();
    let bucket = archive().bucket(&sandbox, None, is_wanted);
    let file = sandbox.write_log("foreign", "not ours");
    let put =
        |key: String, file: &Path| bucket.server.take_in("logs", key, file, HashMap::new()).expect("it is taken in");
    for name in FOREIGN {
        put(format!("fleet/{name}"), &file);
    }
    // An empty object with a name that ends in a slash: a folder, as the console makes them.
    let empty = sandbox.write_log("empty", "");
    put("fleet/service=api/folder/".to_owned(), &empty);
    put("other/service=api/dt=2026-10-03/beside.txt".to_owned(), &file);
    let all = finish(sandbox.logferry().envs(bucket.env()).args(["ls", "-v"])).expect(0);
    counts(&all, 5);
    assert_eq!(listed(&all).len(), archive().segments().filter(|(stream, segment)| is_wanted(stream, segment)).count());
    assert!(bucket.run(&sandbox, ["cat", "api"]).stdout == bytes());
}
