//! The names of rotated files, and the order that they stand for.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use logferry::model::family::{self, Name, Packing, Rotated, oldest_first};
use logferry::model::time::Moment;
use proptest::prelude::*;

use super::holds;

fn rotated(name: &OsStr) -> Option<Rotated> {
    match family::read(name) {
        Name::Rotated(rotated) => Some(rotated),
        Name::Plain | Name::Aside(_) => None,
    }
}

/// Whatever bytes a name has, what is said of it hangs together.
fn name(bytes: Vec<u8>) {
    let name = OsString::from_vec(bytes);
    let Some(read) = rotated(&name) else { return };
    assert!(!read.log.is_empty(), "{name:?}");
    assert!(read.log == family::CURRENT || read.log.len() < name.len(), "{name:?}");
    assert!(name.as_bytes().starts_with(read.unpacked.as_bytes()), "{name:?}");
    if read.packing == Packing::None && read.log != family::CURRENT {
        let mut packed = name.clone();
        packed.push(".gz");
        let packed = rotated(&packed).expect("it is the same, compressed");
        assert_eq!((&packed.log, &packed.age, packed.packing), (&read.log, &read.age, Packing::Gzip), "{name:?}");
        assert!(packed.is_twin_of(&read) && packed.is_certain());
    }
}

#[test]
fn whatever_a_name_is_what_is_said_of_it_hangs_together() {
    let pieces = prop_oneof![
        Just("web.log".to_owned()),
        Just(".".to_owned()),
        Just("-".to_owned()),
        Just(".gz".to_owned()),
        Just("@".to_owned()),
        Just("2026-11-20".to_owned()),
        Just("20261120".to_owned()),
        Just(".log".to_owned()),
        Just("1763596800".to_owned()),
        Just("T".to_owned()),
        "[0-9]{1,20}",
        "[0-9a-f]{24}",
        ".{0,5}",
    ];
    let names = proptest::collection::vec(pieces, 0..8).prop_map(|pieces| pieces.concat().into_bytes());
    holds(6000, names, name);
    holds(2000, proptest::collection::vec(any::<u8>(), 0..60), name);
}

/// The ways to name a file after the second in which it was rotated.
fn dated(stem: &str, second: i64, format: usize) -> String {
    let stamp = Moment::from_timespec(second, 0).stamp();
    let part = |range: std::ops::Range<usize>| stamp[range].to_owned();
    let (year, month, day) = (part(0..4), part(4..6), part(6..8));
    let (hour, minute, sec) = (part(9..11), part(11..13), part(13..15));
    match format {
        0 => format!("{stem}.log-{year}{month}{day}-{second}"),
        1 => format!("{stem}-{year}-{month}-{day}-{hour}-{minute}-{sec}.log"),
        2 => format!("{stem}.log.{year}-{month}-{day}_{hour}-{minute}-{sec}.zst"),
        3 => format!("{stem}.log-{year}{month}{day}{hour}{minute}{sec}.gz"),
        4 => format!("{stem}.log-{second}"),
        5 => format!("{stem}-{year}-{month}-{day}T{hour}-{minute}-{sec}.000.log.gz"),
        _ => format!("@{:016x}00000000.s", 0x4000_0000_0000_000a_u64 + u64::try_from(second).expect("after 1970")),
    }
}

#[test]
fn dated_files_are_in_the_order_of_their_times_in_every_format() {
    let stems = "[a-z]{1,8}(-[a-z]{1,5})?";
    let seconds = proptest::collection::btree_set(1_000_000_000..2_400_000_000_i64, 1..12);
    holds(1500, (stems, seconds, 0..7_usize), |(stem, seconds, format)| {
        let names: Vec<String> = seconds.iter().map(|second| dated(&stem, *second, format)).collect();
        let log = if format == 6 { family::CURRENT.to_owned() } else { format!("{stem}.log") };
        let file = |name: &String| rotated(OsStr::new(name)).unwrap_or_else(|| panic!("{name} is a rotated file"));
        // The times of the last changes say the contrary: names count.
        let files = names.iter().rev().zip(0..).map(|(name, at)| (name, file(name), Moment::from_nanos(at)));
        let files: Vec<_> = files.collect();
        files.iter().for_each(|(name, rotated, _)| assert_eq!(rotated.log, *log, "{name}"));
        let ordered = oldest_first(files, |(_, rotated, at)| (rotated, *at));
        assert!(ordered.iter().map(|(name, ..)| *name).eq(&names), "{ordered:?}");
    });
}

#[test]
fn numbered_files_are_in_the_order_of_their_changes_whichever_way_their_writer_counts() {
    let numbers = proptest::collection::btree_set(0..999_u32, 2..12);
    holds(1500, ("[a-z]{1,8}", numbers, any::<bool>(), any::<u64>()), |(stem, numbers, up, seed)| {
        let oldest_has_most = |place: usize| if up { place } else { 1000 - place };
        let mut files: Vec<_> = numbers
            .iter()
            .enumerate()
            .map(|(place, number)| {
                let end = if (seed >> place) & 1 == 1 { ".gz" } else { "" };
                let name = format!("{stem}.log.{number}{end}");
                let read = rotated(OsStr::new(&name)).expect("it is a rotated file");
                (name, read, Moment::from_timespec(i64::try_from(oldest_has_most(place)).expect("small"), 0))
            })
            .collect();
        let mut expected: Vec<_> = files.iter().map(|(name, _, at)| (*at, name.clone())).collect();
        expected.sort();
        // In whatever order a directory lists them.
        let shift = usize::try_from(seed % files.len() as u64).expect("small");
        files.rotate_left(shift);
        let ordered = oldest_first(files, |(_, rotated, at)| (rotated, *at));
        assert!(ordered.iter().map(|(name, ..)| name).eq(expected.iter().map(|(_, name)| name)), "{ordered:?}");
    });
}
