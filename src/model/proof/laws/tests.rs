//! The laws of listings: what keeps them, and what breaks them.

use super::*;

struct Object(Leaf, &'static str);

impl Seen for Object {
    fn leaf(&self) -> &Leaf {
        &self.0
    }
    fn size(&self) -> u64 {
        1
    }
    fn key(&self) -> ObjectKey {
        ObjectKey::joined(self.1, &self.0)
    }
}

/// Number, hours of the day at which it begins and ends, digest.
fn object((seq, first, last, digest): (u32, u32, u32, &str)) -> Object {
    let leaf =
        format!("web_20261121T{first:02}0000Z_20261121T{last:02}0000Z_i-0abc_k3f9a2-{seq:08}-{digest:0>8}.log.gz");
    Object(Leaf::parse(&leaf).expect("a leaf"), "d")
}

fn at(hour: u32) -> Moment {
    Moment::parse_stamp(&format!("20261121T{hour:02}0000Z")).expect("a stamp")
}

/// Its kind, its numbers, and what it says.
type Found = (Kind, Option<(u32, u32)>, String);

fn judged(objects: &[Object], window: Window) -> Vec<Found> {
    let streams = streams(objects.iter().map(|object| object as &dyn Seen));
    let now = at(23);
    let found = streams.iter().flat_map(|stream| stream.judge(&window, Searched::Everywhere, now));
    found.map(|found| (found.kind, found.numbers.map(|(a, b)| (a.0, b.0)), found.what)).collect()
}

fn kinds(numbers: &[(u32, u32, u32, &str)], since: Option<u32>, until: Option<u32>) -> Vec<(Kind, (u32, u32))> {
    let objects: Vec<_> = numbers.iter().copied().map(object).collect();
    let window = Window { since: since.map(at), until: until.map(at), kept_since: None };
    judged(&objects, window).into_iter().map(|(kind, numbers, _)| (kind, numbers.expect("numbers"))).collect()
}

#[test]
fn a_stream_from_its_first_number_on_keeps_all_laws() {
    assert_eq!(kinds(&[(1, 0, 1, "a"), (2, 1, 2, "b"), (3, 2, 3, "c")], None, None), []);
    // In whatever order they were listed.
    assert_eq!(kinds(&[(3, 2, 3, "c"), (1, 0, 1, "a"), (2, 1, 2, "b")], None, None), []);
}

#[test]
fn what_is_missing_is_named_with_its_numbers_and_times() {
    let objects = [(1, 0, 1, "a"), (4, 3, 4, "d"), (6, 5, 6, "f")].map(object);
    let found = judged(&objects, Window::default());
    let found: Vec<_> = found.iter().map(|(kind, numbers, what)| (*kind, *numbers, what.as_str())).collect();
    let (first, second) = (
        "web on i-0abc, stream k3f9a2: between 2026-11-21T01:00:00Z and 2026-11-21T03:00:00Z: 2 segments (number 2 to 3) \
         are missing",
        "web on i-0abc, stream k3f9a2: between 2026-11-21T04:00:00Z and 2026-11-21T05:00:00Z: 1 segment (number 5) is \
         missing",
    );
    assert_eq!(found, [(Kind::Gap, Some((2, 3)), first), (Kind::Gap, Some((5, 5)), second)]);
    assert_eq!(kinds(&[(3, 2, 3, "c"), (4, 3, 4, "d")], None, None), [(Kind::Beginning, (1, 2))]);
}

#[test]
fn in_a_window_only_what_touches_it_is_judged() {
    let numbers = [(3, 2, 3, "c"), (4, 3, 4, "d"), (6, 8, 9, "f"), (7, 9, 10, "7"), (9, 12, 13, "9")];
    assert_eq!(kinds(&numbers, Some(9), Some(11)), [(Kind::Gap, (8, 8))]);
    assert_eq!(kinds(&numbers, Some(6), Some(7)), [(Kind::Gap, (5, 5))]);
    assert_eq!(kinds(&numbers, Some(9), Some(9)), []);
    // The first one that is there reaches into the window, or it doesn't.
    assert_eq!(kinds(&numbers[..2], Some(2), None), []);
    assert_eq!(kinds(&numbers[..2], Some(1), None), [(Kind::Beginning, (1, 2))]);
    // All of it is before the window.
    assert_eq!(kinds(&numbers[..2], Some(12), None), []);
}

/// Judges as of the 21st, 23:00, where segments are kept since an hour of a day of that month.
fn kept(objects: &[(u32, &str, &str)], since: &str) -> Vec<Kind> {
    let object = |(seq, first, last): &(u32, &str, &str)| {
        let leaf = format!("web_202611{first}0000Z_202611{last}0000Z_i-0abc_k3f9a2-{seq:08}-9f86d081.log.gz");
        Object(Leaf::parse(&leaf).expect("a leaf"), "d")
    };
    let objects: Vec<_> = objects.iter().map(object).collect();
    let kept_since = Moment::parse_stamp(&format!("202611{since}0000Z"));
    let window = Window { kept_since, ..Window::default() };
    judged(&objects, window).into_iter().map(|(kind, ..)| kind).collect()
}

#[test]
fn a_beginning_that_is_not_there_has_expired_or_may_have_or_is_lost() {
    // It goes on at all hours: what was before its first segment was shipped just before.
    let busy = [(7, "10T03", "10T04"), (8, "10T04", "10T05"), (9, "10T05", "10T06")];
    assert_eq!(kept(&busy, "10T02"), []);
    assert_eq!(kept(&busy, "09T04"), []);
    assert_eq!(kept(&busy, "09T02"), [Kind::Beginning]);
    // It is silent for three days at times.
    let rare = [(7, "10T03", "10T04"), (8, "13T04", "13T05"), (9, "13T05", "13T06")];
    assert_eq!(kept(&rare, "05T00"), [Kind::Cut]);
    assert_eq!(kept(&rare, "03T00"), [Kind::Beginning]);
    // Nobody knows of one alone; it has been silent for eleven days since.
    assert_eq!(kept(&rare[..1], "01T00"), [Kind::Cut]);
    assert_eq!(kept(&[(2, "21T20", "21T21")], "01T00"), [Kind::Beginning]);
}

#[test]
fn what_is_removed_out_of_order_where_it_expires_is_no_gap() {
    let holes = [(1, "09T20", "09T21"), (3, "09T22", "09T23"), (4, "09T23", "10T00")];
    assert_eq!(kept(&holes, "09T00"), []);
    assert_eq!(kept(&holes, "08T00"), [Kind::Gap]);
}

#[test]
fn a_number_that_is_there_twice_is_told_with_all_its_keys() {
    let twice = [(1, 0, 1, "a"), (2, 1, 2, "b"), (2, 1, 3, "c"), (3, 3, 4, "d")];
    assert_eq!(kinds(&twice, None, None), [(Kind::Doubled, (2, 2))]);
    let copied = [object(twice[0]), Object(object(twice[0]).0, "copy")];
    let found = judged(&copied, Window::default());
    assert!(
        found[0].2.contains("the same object is there 2 times: copy/web_") && found[0].2.contains(", d/web_"),
        "{found:?}"
    );
    // What two listings show is no copy.
    assert_eq!(judged(&[object(twice[0]), object(twice[0])], Window::default()), []);
}

#[test]
fn clocks_that_were_set_back_are_no_gap() {
    assert_eq!(kinds(&[(1, 5, 6, "a"), (2, 3, 4, "b")], None, None), [(Kind::Clock, (2, 2))]);
    assert_eq!(kinds(&[(1, 5, 4, "a")], None, None), [(Kind::Clock, (1, 1))]);
    let (future, now) = ([object((1, 9, 9, "a"))], at(7));
    let streams = streams(future.iter().map(|object| object as &dyn Seen));
    let found = streams[0].judge(&Window::default(), Searched::Everywhere, now);
    assert!(found.len() == 1 && found[0].what.contains("it begins at 2026-11-21T09:00:00Z, which"), "{found:?}");
    let found = streams[0].judge(&Window::default(), Searched::Everywhere, at(8));
    assert_eq!(found, [], "an hour ahead is no contradiction");
}

#[test]
fn an_end_that_is_still_to_come_is_a_contradiction() {
    let object = [object((1, 6, 9, "a"))];
    let streams = streams(object.iter().map(|object| object as &dyn Seen));
    let judged = |now: Moment| streams[0].judge(&Window::default(), Searched::Everywhere, now);
    assert_eq!(judged(at(8)), []);
    let found = judged(at(7));
    assert!(found.len() == 1 && found[0].what.contains("it ends at 2026-11-21T09:00:00Z, which"), "{found:?}");
    assert_eq!(found[0].kind, Kind::Clock);
}

#[test]
fn streams_of_one_name_on_two_instances_are_two_streams() {
    let mut other = object((2, 1, 2, "b"));
    other.0.instance = Instance::parse("i-0other").expect("a name");
    let found = judged(&[object((1, 0, 1, "a")), other], Window::default());
    assert_eq!(found.iter().map(|(kind, ..)| *kind).collect::<Vec<_>>(), [Kind::Beginning]);
}
