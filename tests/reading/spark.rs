//! Spark reads the archive as it is, and so does Hive's table, by the words of docs/query.md.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::guide;
use super::rows::{Ends, Rows, by_instance, by_service, by_service_as, name_of, rows};
use crate::support::archive::{Segment, Stream, archive};
use crate::support::engines::python;
use crate::support::{Sandbox, finish};

/// One of each kind of lines; those of one day, since engines of this kind take their time for each object.
const SERVICES: [&str; 7] = ["a b/ü%", "api", "dumps", "firmware", "legacy", "queue", "web"];

const DAY: &str = "2026-10-03";

fn is_read(stream: &Stream, segment: &Segment) -> bool {
    SERVICES.contains(&name_of(stream).as_str()) && segment.first.day() == DAY
}

fn is_in_hive(stream: &Stream, segment: &Segment) -> bool {
    ["api", "firmware", "legacy"].contains(&name_of(stream).as_str()) && segment.first.day() == DAY
}

#[derive(Deserialize)]
struct Told {
    text: BTreeMap<String, Rows>,
    by_instance: BTreeMap<String, usize>,
    plan: String,
    hive_day: usize,
    hive: BTreeMap<String, Rows>,
}

#[test]
fn spark_and_a_table_of_hives_see_each_line_whatever_is_in_it() {
    let (sandbox, archive) = (Sandbox::new(), archive());
    let [text, hive] = ["text", "hive"].map(|name| sandbox.path(name));
    archive.copy(&text, is_read);
    archive.copy(&hive, is_in_hive);
    let of_the_guide = guide::blocks("Spark", "python", &[("/mnt/logs", &text)]).swap_remove(0);
    let for_hive = guide::blocks("Hive", "sql", &[("/mnt/logs", &hive)]).swap_remove(0);
    let ended = finish(python(&sandbox, "reading/spark.py").args([of_the_guide, for_hive])).expect(0);
    let told: Told = serde_json::from_str(ended.text().lines().last().expect("a line")).expect("what it saw");

    assert_eq!(told.text, by_service(archive, Ends::Lf, is_read));
    let of_day = |stream: &Stream, segment: &Segment| name_of(stream) == "api" && segment.first.day() == DAY;
    let expected = by_instance(archive, of_day, |_| true);
    assert_eq!(told.by_instance, expected);
    let filters = told.plan.split("PartitionFilters: [").nth(1).and_then(|rest| rest.split(']').next());
    let filters = filters.unwrap_or_default();
    assert!(filters.contains("= api") && filters.contains(&format!("= {DAY}")), "{}", told.plan);

    assert_eq!(told.hive_day, expected.values().sum::<usize>());
    // What is not UTF-8 is replaced there.
    let replaced = |bytes: &[u8]| {
        let rows = rows(bytes, Ends::LfOrCr).into_iter();
        rows.map(|row| String::from_utf8_lossy(row).into_owned().into_bytes()).collect()
    };
    assert_eq!(told.hive, by_service_as(archive, is_in_hive, replaced));
}

#[test]
fn spark_counts_what_cat_gives() {
    let archive = archive();
    let sandbox = Sandbox::new();
    for service in ["api", "legacy"] {
        let cat = super::over_archive(&sandbox, &["cat", service]).expect(0);
        let rows = &by_service(archive, Ends::Lf, |stream, _| name_of(stream) == service)[service];
        assert_eq!(cat.stdout.iter().filter(|&&byte| byte == b'\n').count(), rows.count(), "{service}");
    }
}
