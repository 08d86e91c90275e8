//! Days in other layouts.

use super::{Shelves, directories, leaf, objects};

const SINCE: &str = "--since 2026-11-21T09:30:00Z --until 2026-11-21";

/// Shelves with that configuration, on which a segment of the day, one that reaches into it, and one of long ago are in these
/// directories; `DAY` stands for the day of each.
fn shelves(config: &str, directory: &str) -> Shelves {
    let shelves = Shelves::new();
    shelves.sandbox.config_file(config);
    for (day, first, place) in [
        ("2026-11-21", "20261121T100000", "aaaaaa-3"),
        ("2026-11-20", "20261120T233000", "aaaaaa-2"),
        ("2026-01-01", "20260101T000000", "aaaaaa-1"),
        ("2026-12-01", "20261201T000000", "aaaaaa-4"),
    ] {
        let last = if place == "aaaaaa-2" { "20261121T100000" } else { first };
        let directory = directory.replace("DAY", day).replace("HOUR", &first[9..11]);
        shelves.put(&format!("{directory}/{}", leaf("web", first, last, "i-0abc", place)));
    }
    shelves
}

/// What is asked for where a layout has no days in its way, beside the default one.
fn all_of_web() -> Vec<super::Asked> {
    let [near, before, behind, _] = of_days("service=web/", "dt=");
    vec![near, objects("web/", ""), before, behind]
}

/// What is asked for in a directory: the days that are near, what is before all days, what is behind all,
/// and the days on which a stream that ends may go on.
fn of_days(directory: &str, begin: &str) -> [super::Asked; 4] {
    let day = |day: &str| format!("{directory}{begin}{day}");
    ["2026-11-13", "", "2262-04-11", "2026-11-23"].map(|after| {
        let after = if after.is_empty() { String::new() } else { day(after) };
        objects(directory, &after)
    })
}

#[test]
fn days_are_found_wherever_the_layout_has_them() {
    let [near, before, behind, next] = of_days("service=web/", "dt=");
    let with_default = |directories: &[super::Asked], of: [super::Asked; 4]| {
        let [its_near, its_before, its_behind, its_next] = of;
        let near = [directories, &[its_near, near.clone()]].concat();
        let far = [directories, &[its_before, its_behind, before.clone(), behind.clone()]].concat();
        let next = [directories, &[its_next, next.clone()]].concat();
        [near, far, next].concat()
    };
    let default = [near.clone(), before.clone(), behind.clone(), next.clone()];
    let dated = |directory: &str, default: &[super::Asked]| {
        let [its_near, .., its_next] = of_days(directory, "");
        let [near, far @ .., next] = default else { panic!("two at least") };
        [&[its_near, near.clone()], far, &[its_next, next.clone()]].concat()
    };
    for (layout, directory, asked) in [
        ("{service}/{date}/{hour}", "web/DAY/HOUR", with_default(&[], of_days("web/", ""))),
        ("logs/{date}T{hour}/{service}", "logs/DAYTHOUR/web", with_default(&[], of_days("logs/", ""))),
        // What is beside days there may be anybody's.
        ("{date}/{service}", "DAY/web", dated("", &default)),
        ("service={service}/{date}", "service=web/DAY", dated("service=web/", &[near.clone(), next.clone()])),
        ("{region}/{service}/dt={date}", "eu/web/dt=DAY", with_default(&[directories("")], of_days("eu/web/", "dt="))),
        // Where days can't be told from what is before them, all is listed.
        ("{service}/{region}-{date}", "web/eu-DAY", all_of_web()),
        ("{service}", "web", all_of_web()),
    ] {
        let shelves = shelves(&format!("layout = \"{layout}\"\n"), directory);
        let found = shelves.ls(&format!("web {SINCE}"));
        assert_eq!((found.segments().as_str(), found.asked), ("aaaaaa-2 aaaaaa-3", asked), "{layout}");
        assert_eq!(shelves.found(SINCE), "aaaaaa-2 aaaaaa-3", "{layout}");
    }
}

#[test]
fn days_of_former_layouts_are_listed_too() {
    let config = "layout = \"{service}/{date}\"\nformer_layouts = [\"old/{service}\"]\n";
    let shelves = shelves(config, "web/DAY");
    shelves.put(&format!("old/web/{}", leaf("web", "20261121T093000", "20261121T094500", "i-0abc", "bbbbbb-1")));
    shelves.segment("web cccccc-1 20261121T094500 20261121T095000");
    assert_eq!(shelves.found(&format!("web {SINCE}")), "aaaaaa-2 aaaaaa-3 bbbbbb-1 cccccc-1");
}

#[test]
fn an_object_that_two_layouts_lead_to_is_listed_once() {
    let shelves = shelves(
        "layout = \"{instance}/{service}/{date}\"\nformer_layouts = [\"i-0abc/{service}/{date}\"]\n",
        "i-0abc/web/DAY",
    );
    assert_eq!(shelves.found(&format!("web {SINCE}")), "aaaaaa-2 aaaaaa-3");
}

#[test]
fn a_store_of_another_layout_is_looked_through_when_nothing_of_it_is_where_it_should_be() {
    let shelves = shelves("", "elsewhere/web/DAY");
    for services in ["web", ""] {
        let found = shelves.ls(&format!("{services} {SINCE}"));
        assert_eq!(found.segments(), "aaaaaa-2 aaaaaa-3", "{services}");
        assert_eq!(found.asked.last(), Some(&objects("", "")), "{:?}", found.asked);
    }
}

#[test]
fn a_service_that_was_silent_is_not_looked_for_everywhere() {
    let shelves = Shelves::new();
    shelves.segment("web aaaaaa-1 20260101T000000 20260101T010000");
    shelves.segment("db bbbbbb-1 20261121T000000 20261121T010000");
    for args in ["web --since 2026-11-21", "--since 2026-12-21", "web db --since 2026-12-01"] {
        let found = shelves.ls(args);
        assert_eq!(found.segments(), "");
        assert!(!found.asked.contains(&objects("", "")), "{:?}", found.asked);
    }
    // Nor where services have no directory of their own above the days.
    let silent = self::shelves("layout = \"{date}/{service}\"\n", "DAY/web");
    let found = silent.ls("web --since 2026-06-01 --until 2026-06-30");
    assert_eq!(found.segments(), "");
}
