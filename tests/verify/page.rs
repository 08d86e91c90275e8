//! The page that `--html` writes.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::planted::Stream;
use crate::support::Sandbox;

/// Verifies with a page, and reads it.
fn page(sandbox: &Sandbox, code: i32) -> String {
    sandbox.run(["verify", "--html", "page.html"]).expect(code);
    fs::read_to_string(sandbox.path("page.html")).expect("a page")
}

#[test]
fn the_page_shows_what_is_there_and_what_is_missing() {
    let sandbox = Sandbox::new();
    let shipped = Stream::new("web", "i-0abc").plant(&sandbox, 20, 0..6);
    Stream::new("db", "i-0abc").plant(&sandbox, 20, 0..6);
    let whole = page(&sandbox, 0);
    assert!(
        whole.contains("<title>proved: file://") && whole.contains("2026-11-20 00:00 to 2026-11-20 05:59 UTC"),
        "{whole}"
    );
    assert!(!whole.contains("class=\"gap\" title"), "{whole}");
    fs::remove_file(&shipped[2]).expect("an object");
    let gappy = page(&sandbox, 1);
    assert!(gappy.contains("<title>not proved: ") && gappy.contains("<section class=\"fails\">"), "{gappy}");
    // In the row of the service, in that of the instance, and told with a way to it.
    assert_eq!(gappy.matches("1 segment missing; there: ").count(), 6, "{gappy}");
    assert!(gappy.contains("<a href=\"#s1\">to the chart</a>") && gappy.contains("<table id=\"s1\">"), "{gappy}");
    assert_eq!(gappy.matches("<details open>").count(), 1, "{gappy}");
    let mode = fs::metadata(sandbox.path("page.html")).expect("a page").permissions().mode();
    assert_eq!(mode & 0o777, 0o644);
}

#[test]
fn where_the_store_is_away_no_older_page_stays_and_the_document_says_so() {
    let sandbox = Sandbox::new();
    Stream::new("web", "i-0abc").plant(&sandbox, 20, 0..2);
    assert!(page(&sandbox, 0).contains("<title>proved: "));
    // It can't be listed; then it is not there at all.
    std::os::unix::fs::symlink("elsewhere", sandbox.path("store/service=web/dt=2026-11-20/web")).expect("a link");
    fs::rename(sandbox.path("store/service=web"), sandbox.path("web")).expect("it is moved");
    std::os::unix::fs::symlink(sandbox.path("web"), sandbox.path("store/service=web")).expect("a link");
    for told in ["is a symbolic link", "No such file"] {
        let away = page(&sandbox, 1);
        assert!(
            away.contains("<title>not proved: ") && away.contains("<b>not listed</b> ") && away.contains(told),
            "{away}"
        );
        let said = super::planted::verify(&sandbox, &[]);
        assert_eq!((said.code, said.found()), (1, vec![("unlisted", None)]));
        let ended = sandbox.run(["verify"]).expect(1);
        assert!(ended.stderr.ends_with("logferry: not proved: 1 listing that is not whole\n"), "{}", ended.stderr);
        if told == "is a symbolic link" {
            fs::rename(sandbox.path("store"), sandbox.path("gone")).expect("it is moved");
        }
    }
}

#[test]
fn what_is_damaged_or_without_its_beginning_is_red_where_it_is() {
    let sandbox = Sandbox::new();
    let shipped = Stream::new("web", "i-0abc").plant(&sandbox, 20, 0..6);
    fs::remove_file(&shipped[0]).expect("an object");
    fs::write(&shipped[3], "x").expect("an object");
    sandbox.run(["verify", "--deep", "--html", "page.html"]).expect(1);
    let page = fs::read_to_string(sandbox.path("page.html")).expect("a page");
    let red = |what: &str| page.matches(&format!("<td class=\"gap\" title=\"11-20 {what}")).count();
    assert_eq!((red("01:00: 1 segment missing; there: "), red("03:00: 1 finding; there: ")), (2, 2), "{page}");
}

#[test]
fn a_page_fits_the_paper_that_it_is_printed_on() {
    let sandbox = Sandbox::new();
    Stream::new("web", "i-0abc").plant(&sandbox, 20, 0..2);
    let page = page(&sandbox, 0);
    let (_, print) = page.split_once("@media print{").expect("a style for paper");
    // Columns share the width of a page that lies on its side, instead of running over its edge.
    assert!(page.contains("@page{size:landscape") && print.contains("table{width:100%;table-layout:fixed"), "{print}");
    assert!(print.contains("td{min-width:0"), "{print}");
    // Figures of many columns are smaller there, so that they don't touch.
    assert!(!page.contains("<table class=\"wide\">") && print.contains(".wide td:not(.n)"), "{print}");
    Stream::new("web", "i-0def").plant(&sandbox, 22, 7..9);
    assert!(self::page(&sandbox, 0).contains("<table class=\"wide\">"));
}

#[test]
fn names_that_hold_markup_come_out_as_text_and_nothing_else_is_loaded() {
    let sandbox = Sandbox::new();
    let hostile = "<script>alert('x')</script>\" onmouseover=\"x\u{202e}";
    Stream::new(hostile, "i-0abc").plant(&sandbox, 20, 0..2);
    let shipped = Stream::new("<img src=x>", "i-0abc").plant(&sandbox, 20, 0..3);
    fs::remove_file(&shipped[1]).expect("an object");
    let page = page(&sandbox, 1);
    assert!(
        page.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot; onmouseover=&quot;x\u{fffd}"),
        "{page}"
    );
    for bad in ["<script", "<img", "onmouseover=\"", "http://", "https://", "url(", "@import", " style="] {
        assert!(!page.contains(bad), "{bad}");
    }
    assert!(page.contains("content=\"default-src 'none'; style-src 'sha256-"), "{page}");
}

#[test]
fn the_policy_allows_just_the_style_that_is_there() {
    use sha2::Digest as _;
    let sandbox = Sandbox::new();
    Stream::new("web", "i-0abc").plant(&sandbox, 20, 0..2);
    let page = page(&sandbox, 0);
    let style = page.split("<style>").nth(1).and_then(|rest| rest.split("</style>").next()).expect("a style");
    let hash = base64_simd::STANDARD.encode_to_string(sha2::Sha256::digest(style.as_bytes()));
    assert!(page.contains(&format!("style-src 'sha256-{hash}'")), "{hash}");
}

#[test]
fn a_page_takes_the_place_of_the_one_before_and_of_nothing_else() {
    let sandbox = Sandbox::new();
    Stream::new("web", "i-0abc").plant(&sandbox, 20, 0..2);
    let file = sandbox.path("page.html");
    fs::write(&file, "before").expect("a file");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("its mode");
    assert!(page(&sandbox, 0).starts_with("<!doctype html>"));
    assert_eq!(fs::metadata(&file).expect("a page").permissions().mode() & 0o777, 0o600);
    let left: Vec<_> = fs::read_dir(sandbox.path(""))
        .expect("a directory")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().ends_with(".tmp")), "{left:?}");
    std::os::unix::fs::symlink("page.html", sandbox.path("link.html")).expect("a link");
    for (target, told) in
        [("link.html", "is no regular file"), ("store", "is no regular file"), ("nowhere/page.html", "No such file")]
    {
        let ended = sandbox.run(["verify", "--html", target]).expect(1);
        assert!(ended.stderr.contains("write the page: ") && ended.stderr.contains(told), "{target}: {}", ended.stderr);
    }
}

#[test]
fn a_month_of_a_large_fleet_is_a_page_of_a_few_megabytes() {
    use logferry::model::proof::chart;
    use logferry::model::proof::laws::{self, Seen, Window};
    let objects: Vec<_> = objects().collect();
    let streams = laws::streams(objects.iter().map(|object| object as &dyn Seen));
    assert_eq!(streams.len(), 2000);
    let period = (super::planted::at(1, 0), super::planted::at(30, 23));
    let chart = chart::draw(&streams, &Window::default(), period, &[]);
    let page = logferry::report::page::render(&verdict(&streams), Some(&chart));
    assert!((1_000_000..6_000_000).contains(&page.len()), "{}", page.len());
    assert!(!page.contains("without room"), "all instances have a row");
}

/// An object that a listing shows: eight a day, a hundred instances, twenty services.
struct Object(logferry::model::key::Leaf);

impl logferry::model::proof::laws::Seen for Object {
    fn leaf(&self) -> &logferry::model::key::Leaf {
        &self.0
    }

    fn size(&self) -> u64 {
        123_456
    }

    fn key(&self) -> logferry::model::key::ObjectKey {
        logferry::model::key::ObjectKey::render(&self.0)
    }
}

fn objects() -> impl Iterator<Item = Object> {
    let streams = (0..20).flat_map(|service| (0..100).map(move |instance| (service, instance)));
    streams.flat_map(|(service, instance)| {
        (1..=30).map(move |day| {
            let leaf = format!(
                "service-{service}_202611{day:02}T000000Z_202611{day:02}T235959Z_i-0abc{instance:08}_abcdef-{day:08}-9f86d081.log.gz"
            );
            Object(logferry::model::key::Leaf::parse(&leaf).expect("a leaf"))
        })
    })
}

fn verdict(streams: &[logferry::model::proof::laws::Stream<'_>]) -> logferry::model::proof::verdict::Verdict {
    use logferry::model::proof::{laws::Window, sample::Amount, verdict};
    let (services, totals) = verdict::tallies(streams, &Window::default());
    verdict::Verdict {
        store: "s3://logs/fleet".to_owned(),
        at: super::planted::at(30, 23),
        window: Window::default(),
        longest: None,
        amount: Amount::None,
        services,
        totals,
        read: verdict::ReadBack::default(),
        asked: 0,
        unread: 0,
        unasked: None,
        foreign: 0,
        findings: Vec::new(),
    }
}
