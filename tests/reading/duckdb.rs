//! DuckDB reads the archive as it is, by the words of docs/query.md.

use std::collections::BTreeMap;
use std::path::Path;

use super::rows::{Ends, Rows, by_instance, by_service, name_of, rows, torn};
use super::{guide, over_archive};
use crate::support::archive::{Segment, Stream, archive};
use crate::support::engines::{duckdb, python, shell};
use crate::support::{Ended, Sandbox, finish};

/// Services in which lines end in different ways, or hold CRs.
const MIXED: [&str; 2] = ["web", "firmware"];
/// The one whose lines are not UTF-8.
const LATIN: &str = "legacy";

fn blocks(language: &str, places: &[(&str, &Path)]) -> Vec<String> {
    guide::blocks("DuckDB", language, places)
}

fn view() -> String {
    blocks("sql", &[("/mnt/logs", archive().root())]).swap_remove(0)
}

fn read(sandbox: &Sandbox, view: &str, encoding: &str, services: &[&str]) -> Ended {
    finish(python(sandbox, "reading/duck.py").args([view, encoding]).args(services))
}

fn found(ended: Ended) -> BTreeMap<String, Rows> {
    serde_json::from_slice(&ended.expect(0).stdout).expect("rows")
}

/// What a command of DuckDB's prints as CSV, without the names of the columns.
fn csv(sandbox: &Sandbox, statements: &[&str]) -> String {
    let mut command = std::process::Command::new(duckdb());
    command.env_clear().env("HOME", sandbox.path("")).args(["-csv", "-noheader", "-c"]).arg(statements.join("\n"));
    finish(&mut command).expect(0).text()
}

#[test]
fn duckdb_sees_the_lines_that_cat_gives_and_all_of_them() {
    let (sandbox, archive) = (Sandbox::new(), archive());
    let is_plain = |stream: &Stream| ![&MIXED[..], &[LATIN]].concat().contains(&name_of(stream).as_str());
    let expected = by_service(archive, Ends::LfOrCrLf, |stream, _| is_plain(stream));
    assert_eq!(expected.len(), 17);
    let services: Vec<&str> = expected.keys().map(String::as_str).collect();
    let seen = found(read(&sandbox, &view(), "utf-8", &services));
    assert_eq!(seen, expected);
    // As our own command gives them: a line that two objects share is one there.
    for service in ["api", "mail", "a b/ü%", "queue"] {
        let cat = over_archive(&sandbox, &["cat", service]).expect(0);
        let shared = torn(archive, |stream, _| name_of(stream) == service)
            - archive.of_service(service).filter(|stream| stream.bytes.last() != Some(&b'\n')).count();
        let lines = rows(&cat.stdout, Ends::Lf);
        if shared == 0 {
            assert_eq!(seen[service], Rows::of(lines.into_iter()), "{service}");
        } else {
            assert!(shared > 500, "{service}: {shared}");
        }
    }
}

#[test]
fn duckdb_takes_lines_that_are_not_utf_8_with_the_encoding_that_the_guide_names() {
    let (sandbox, archive) = (Sandbox::new(), archive());
    let refused = read(&sandbox, &view(), "utf-8", &[LATIN]);
    assert!(refused.code != 0 && refused.stderr.contains("not utf-8"), "{}", refused.stderr);
    let view = view().replace("escape = ''", "escape = '', encoding = 'latin-1'");
    let seen = found(read(&sandbox, &view, "latin-1", &[LATIN]));
    assert_eq!(seen, by_service(archive, Ends::Lf, |stream, _| name_of(stream) == LATIN));
}

#[test]
fn what_duckdb_can_not_read_it_refuses_by_the_name_of_the_object() {
    let sandbox = Sandbox::new();
    for service in MIXED {
        let refused = read(&sandbox, &view(), "utf-8", &[service]);
        let says = |text: &str| refused.stderr.contains(text);
        let is_named = says("not possible to parse your CSV File") && says(&format!("/service={service}/dt="));
        assert!(refused.code != 0 && is_named, "{}", refused.stderr);
    }
}

fn of_day(service: &str, day: &str) -> impl Fn(&Stream, &Segment) -> bool {
    move |stream, segment| name_of(stream) == service && segment.first.day() == day
}

#[test]
fn the_guides_first_query_opens_only_the_objects_of_its_service_and_day() {
    let (sandbox, archive) = (Sandbox::new(), archive());
    let statements = blocks("sql", &[("/mnt/logs", archive.root())]);
    let [view, query] = &statements[..] else { panic!("the view and the first query: {statements:?}") };
    let wanted = of_day("api", "2026-10-03");
    let expected = by_instance(archive, &wanted, |_| true);
    let lines: String = expected.iter().map(|(instance, count)| format!("{instance},{count}\n")).collect();
    assert_eq!(csv(&sandbox, &[view, query]), lines);
    let plan = csv(&sandbox, &[view, "EXPLAIN", query]);
    let all = archive.segments().count();
    let some = archive.segments().filter(|(stream, segment)| wanted(stream, segment)).count();
    // It is drawn in boxes, in which words are wrapped.
    let words: String = plan.chars().filter(|c| !c.is_whitespace() && *c != '│').collect();
    assert!(some > 10 && words.contains(&format!("ScanningFiles:{some}/{all}")), "{plan}");
}

#[test]
fn duckdb_takes_from_cat_what_it_can_not_read_itself() {
    let (sandbox, archive) = (Sandbox::new(), archive());
    let script = blocks("sh", &[("/mnt/logs", archive.root())]).swap_remove(0);
    let holds = |line: &[u8]| line.windows(11).any(|part| part == b"firmware[0]");
    let expected: usize = by_instance(archive, |stream, _| name_of(stream) == "firmware", holds).values().sum();
    assert!(expected > 100, "{expected}");
    assert_eq!(finish(&mut shell(&sandbox, &script)).expect(0).text(), format!("lines\n{expected}\n"));
}

#[test]
fn small_objects_become_one_table_as_the_guide_has_it() {
    let (sandbox, archive) = (Sandbox::new(), archive());
    let compacted = sandbox.path("compacted");
    let statements = guide::blocks("Small files", "sql", &[("/mnt/compacted", &compacted)]);
    let [copy, query] = &statements[..] else { panic!("two statements: {statements:?}") };
    csv(&sandbox, &[&view(), copy]);
    let mut expected = String::new();
    for service in ["api", "auth"] {
        for day in ["2026-10-03", "2026-10-04", "2026-10-05"] {
            let lines: usize = by_instance(archive, of_day(service, day), |_| true).values().sum();
            expected.push_str(&format!("{service},{day},{lines}\n"));
        }
    }
    assert_eq!(csv(&sandbox, &[query]), expected);
}

#[test]
fn what_the_guide_says_of_crs_without_any_lf_and_of_a_byte_order_mark_holds() {
    let sandbox = Sandbox::new();
    sandbox.write_log("bar.log", "10 %\r20 %\r30 %");
    sandbox.write_log("marked.log", "\u{feff}one\ntwo\n");
    sandbox.run_all().quiet();
    let view = blocks("sql", &[("/mnt/logs", &sandbox.path("store"))]).swap_remove(0);
    let query =
        "SELECT service, count(*) AS rows, sum(strlen(line)) AS bytes FROM logs GROUP BY service ORDER BY service;";
    assert_eq!(csv(&sandbox, &[&view, query]), "bar,3,12\nmarked,2,6\n");
}
