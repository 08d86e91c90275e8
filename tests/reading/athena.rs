//! scripts/athena.sql, as far as it can be tried without Athena: it parses, and its view and queries run in DuckDB.

use std::collections::BTreeMap;
use std::path::Path;

use logferry::model::time::Moment;
use serde::Deserialize;

use super::guide;
use super::rows::{by_instance, name_of};
use crate::support::archive::{Segment, Stream, archive};
use crate::support::engines::python;
use crate::support::{Sandbox, finish};

#[derive(Deserialize)]
struct Told {
    columns: Vec<String>,
    properties: BTreeMap<String, String>,
    queries: Vec<Vec<Vec<String>>>,
}

fn run() -> Told {
    let sandbox = Sandbox::new();
    let view = guide::blocks("DuckDB", "sql", &[("/mnt/logs", archive().root())]).swap_remove(0);
    let query = guide::blocks("Athena", "sql", &[]).swap_remove(0);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/athena.sql");
    let mut command = python(&sandbox, "reading/athena.py");
    let ended = finish(command.arg(script).args([query, view])).expect(0);
    serde_json::from_slice(&ended.stdout).expect("what it saw")
}

fn of_day(service: &'static str, day: &'static str) -> impl Fn(&Stream, &Segment) -> bool {
    move |stream, segment| name_of(stream) == service && segment.first.day() == day
}

#[test]
fn athenas_statements_parse_and_their_queries_give_what_the_archive_holds() {
    let (archive, told) = (archive(), run());
    assert_eq!(told.columns[0], "line");
    for (name, value) in [
        ("projection.enabled", "true"),
        ("projection.service.type", "injected"),
        ("projection.dt.type", "date"),
        ("storage.location.template", "s3://my-logs/prod/service=${service}/dt=${dt}/"),
    ] {
        assert_eq!(told.properties.get(name).map(String::as_str), Some(value), "{name}: {:?}", told.properties);
    }
    let [done, hour, by_day, of_guide] = &told.queries[..] else { panic!("four queries") };
    let count = |service, day| by_instance(archive, of_day(service, day), |_| true).values().sum::<usize>();
    assert_eq!(done.len(), count("api", "2026-10-03"), "each line of api holds the word");
    assert!(done.iter().all(|row| row[1].contains("done")));

    let at = |stamp: &str| Moment::parse_stamp(stamp).expect("a stamp").stamp();
    let touches = |stream: &Stream, segment: &Segment| {
        let days = ["2026-10-02", "2026-10-03"];
        name_of(stream) == "worker"
            && days.contains(&segment.first.day().as_str())
            && segment.last.stamp() >= at("20261003T120000Z")
            && segment.first.stamp() < at("20261003T130000Z")
    };
    let expected = by_instance(archive, touches, |_| true);
    let seen: BTreeMap<String, usize> =
        hour.iter().map(|row| (row[0].clone(), row[2].parse().expect("lines"))).collect();
    assert_eq!(seen, expected);

    let expected = ["api", "auth"].into_iter().flat_map(|service| {
        ["2026-10-03", "2026-10-04", "2026-10-05"]
            .map(|day| vec![service.to_owned(), day.to_owned(), count(service, day).to_string()])
    });
    assert_eq!(*by_day, expected.collect::<Vec<_>>());
    let expected = by_instance(archive, of_day("api", "2026-10-03"), |_| true).into_iter();
    assert_eq!(*of_guide, expected.map(|(instance, count)| vec![instance, count.to_string()]).collect::<Vec<_>>());
}
