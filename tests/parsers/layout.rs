//! The layout of the store.

use std::ffi::OsString;

use logferry::config::{Layout, Values};
use logferry::model::facts::Facts;
use logferry::model::names::{Instance, Service};
use logferry::model::time::Moment;

use super::choices::Choices;
use super::{deciding, garbled, holds, laws};

#[test]
fn every_layout_gives_keys_that_are_found_again() {
    holds(6000, deciding(700), |bytes| laws::layout(&mut Choices(&bytes)));
}

#[test]
fn any_text_is_a_layout_or_the_reason_is_told() {
    holds(1500, ".*", |text| laws::layout_text(&text));
    holds(3000, "[a-z./{}:=_%-]{0,24}", |text| laws::layout_text(&text));
    holds(2000, deciding(60), |bytes| {
        laws::layout_text(&garbled("env=prod/service={service}/{tag:team}-{date}", &mut Choices(&bytes)));
    });
}

fn values() -> (Service, Moment, Instance, Facts) {
    let service = Service::new(OsString::from("my web")).expect("a service");
    let first = Moment::parse_stamp("20261121T000003Z").expect("a stamp");
    let facts = Facts {
        region: Some("eu-central-1".to_owned()),
        group: Some("web/größe".to_owned()),
        tags: [("team".to_owned(), "_shop".to_owned())].into(),
        ..Facts::default()
    };
    (service, first, Instance::parse("i-0abc12345678").expect("an instance"), facts)
}

fn rendered(layout: &str) -> String {
    let (service, first, instance, facts) = values();
    let values = Values { service: &service, first, instance: &instance, host: "web_1", facts: &facts };
    let layout = Layout::parse(layout).expect(layout);
    layout.directory(&values).map_or_else(|| "the default".to_owned(), String::from)
}

#[test]
fn values_stand_in_directories_as_services_do_and_what_is_not_known_as_a_fixed_word() {
    for (layout, directory) in [
        ("service={service}/dt={date}", "the default"),
        ("service={service}/dt={date}/hour={hour}", "service=my%20web/dt=2026-11-21/hour=00"),
        ("{instance}/{host}", "i-0abc12345678/web_1"),
        ("region={region}/zone={zone}", "region=eu-central-1/zone=__HIVE_DEFAULT_PARTITION__"),
        ("{region}/{zone}", "eu-central-1/unknown"),
        ("at={region}-{type}", "at=eu-central-1-unknown"),
        ("group={group}", "group=web%2Fgr%C3%B6%C3%9Fe"),
        ("{tag:team}/team={tag:team}", "%5Fshop/team=_shop"),
        ("{tag:other}", "unknown"),
    ] {
        assert_eq!(rendered(layout), directory);
    }
}

#[test]
fn a_service_is_looked_for_as_narrowly_as_the_layout_allows() {
    let service = Service::new(OsString::from(".a b")).expect("a service");
    for (layout, all, one) in [
        ("service={service}/dt={date}", "service=", "service=.a%20b/"),
        ("env=prod/service={service}/dt={date}", "env=prod/service=", "env=prod/service=.a%20b/"),
        ("logs/{service}/{date}", "logs/", "logs/%2Ea%20b/"),
        ("{service}-{date}", "", "%2Ea%20b-"),
        ("region={region}/service={service}", "region=", "region="),
        ("{date}", "", ""),
        ("all", "all/", "all/"),
    ] {
        let layout = Layout::parse(layout).expect(layout);
        assert_eq!((layout.prefix(None).as_str(), layout.prefix(Some(&service)).as_str()), (all, one));
    }
}

#[test]
fn what_would_not_be_a_sound_directory_is_a_mistake_that_says_why() {
    let long = "{group}{service}{tag:a}";
    let many = ["{group}"; 8].join("/");
    for (layout, why) in [
        ("", "an empty part"),
        ("/a", "an empty part"),
        ("a/", "an empty part"),
        ("a//b", "an empty part"),
        ("a/../b", "hidden from readers"),
        (".", "hidden from readers"),
        ("_temporary/{service}", "hidden from readers"),
        ("a b", "' ' is not safe in keys"),
        ("100%", "'%' is not safe in keys"),
        ("größe", "'ö' is not safe in keys"),
        ("a\nb", "is not safe in keys"),
        ("{service", "a { without a }"),
        ("service}", "a } without a {"),
        ("{servise}", "{servise} is not known; did you mean {service}? there are {service} {date}"),
        ("{tag:}", "the key of a tag has 1 to 128 characters"),
        ("{}", "{} is not known"),
        (long, "a part may have 302 bytes; 255 is the most"),
        (&many, "823 bytes, but 791 is the most"),
    ] {
        let said = Layout::parse(layout).expect_err(layout);
        assert!(said.contains(why), "{layout}: {said}");
    }
}
