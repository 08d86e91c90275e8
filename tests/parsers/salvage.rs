//! Parts that were cut short or damaged.

use std::io::Write;
use std::process::{Command, Stdio};

use logferry::gzip::{self, BLOCK, block_length};
use logferry::model::format::Format;
use proptest::prelude::*;

use super::choices::Choices;
use super::laws::{self, Damage, Sample};
use super::{deciding, holds};

fn log_like(length: usize) -> Vec<u8> {
    let line = |n: usize| format!("2026-11-21T00:00:00Z INFO request {n} took {} ms\r\n", n * 7919 % 1009);
    let mut text: Vec<u8> = (0..length / 40).flat_map(|n| line(n).into_bytes()).collect();
    text.truncate(length);
    text
}

fn incompressible(length: usize) -> Vec<u8> {
    let mut state = 7_u64;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33).to_le_bytes()[0]
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// What doesn't compress, and in it, every `every` bytes, what the end of a block looks like.
fn like_ends_of_blocks(length: usize, every: usize) -> Vec<u8> {
    let mut bytes = incompressible(length);
    bytes.chunks_exact_mut(every).for_each(|chunk| chunk[..5].copy_from_slice(&[0, 0, 0, 0xff, 0xff]));
    bytes
}

/// Another program reads it: the `gzip` or the `zstd` of the system.
fn unpacked(format: Format, object: &[u8]) -> Vec<u8> {
    let program = format.name();
    let read = Command::new(program).arg("-dc").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut read = read.unwrap_or_else(|error| panic!("{program} is there: apt-get install {program} ({error})"));
    let (mut input, object) = (read.stdin.take().expect("a pipe"), object.to_vec());
    let feed = std::thread::spawn(move || input.write_all(&object));
    let output = read.wait_with_output().expect("it ends");
    feed.join().expect("it ends").expect("it reads all of it");
    assert!(output.status.success(), "{program} refuses it: {}", output.status);
    output.stdout
}

/// Cuts at every byte; each time that more is recovered, the part is continued, ended, and read by another program.
fn cut_everywhere(sample: &Sample) {
    let ends: Vec<usize> = sample.ends.iter().map(|(packed, _)| *packed).collect();
    for cut in 0..=sample.packed.len() {
        // One byte behind an end there is something to cut away.
        let recovers_more = ends.contains(&cut.wrapping_sub(1)) || cut == sample.packed.len();
        if let Some(member) = laws::cut_part(sample, cut, recovers_more) {
            assert!(unpacked(sample.format, &member) == sample.raw, "cut at {cut}");
        }
    }
}

#[test]
fn a_part_of_a_log_cut_at_every_byte_gives_back_its_whole_blocks() {
    for sizes in [&[700][..], &[3000, 1, 40, 9000], &[40_000]] {
        cut_everywhere(&Sample::new(Format::Gzip, 5, log_like(40_000), sizes));
    }
}

#[test]
fn a_part_that_does_not_compress_cut_at_every_byte_gives_back_its_whole_blocks() {
    cut_everywhere(&Sample::new(Format::Gzip, 5, incompressible(6_000), &[800, 1, 2500]));
    cut_everywhere(&Sample::new(
        Format::Gzip,
        1,
        [log_like(3000), incompressible(2000), log_like(4000)].concat(),
        &[1500],
    ));
}

#[test]
fn a_part_full_of_what_looks_like_ends_of_blocks_cut_at_every_byte_gives_back_its_whole_blocks() {
    for level in [1, 5, 9] {
        cut_everywhere(&Sample::new(Format::Gzip, level, [0, 0, 0xff, 0xff].repeat(2_000), &[1000]));
        cut_everywhere(&Sample::new(Format::Gzip, level, like_ends_of_blocks(5_000, 100), &[1700]));
    }
}

#[test]
fn a_part_with_the_largest_blocks_cut_around_their_ends_gives_back_its_whole_blocks() {
    for raw in [log_like(3 * BLOCK + 99), incompressible(2 * BLOCK + 99), like_ends_of_blocks(2 * BLOCK + 99, 1000)] {
        let sample = Sample::new(Format::Gzip, 5, raw, &[BLOCK]);
        for (end, _) in &sample.ends {
            for cut in end.saturating_sub(6)..=(end + 6).min(sample.packed.len()) {
                laws::cut_part(&sample, cut, cut == *end);
            }
        }
    }
}

#[test]
fn a_frame_cut_at_every_byte_gives_back_its_whole_groups() {
    for (raw, sizes) in [
        (log_like(8_000), &[700_usize, 1, 2, 1500][..]),
        (incompressible(4_000), &[800, 1, 1500]),
        (b"aaaa".repeat(2_000), &[1000]),
    ] {
        cut_everywhere(&Sample::new(Format::Zstd, 3, raw, sizes));
    }
    let most = block_length(Format::Zstd);
    for raw in [log_like(2 * most + 99), incompressible(most + 99)] {
        let sample = Sample::new(Format::Zstd, 3, raw, &[most]);
        for (end, _) in &sample.ends {
            for cut in end.saturating_sub(3)..=(end + 3).min(sample.packed.len()) {
                laws::cut_part(&sample, cut, cut == *end);
            }
        }
    }
}

#[test]
fn groups_of_a_frame_refer_to_nothing_but_the_bytes_before_them() {
    // Runs and repeated distances, with which each group begins: what zstd would rather say by what it has used last.
    let begin = [&b"aaaaaaaaaaaaaaaa"[..], b"abcdabcdabcdabcd", b"abcdefghabcdefghabcdefgh", b"0101010101010101"];
    let mut raw = log_like(2_000);
    for number in 0..150_usize {
        raw.extend(begin[number % 4].repeat(1 + number % 3));
        raw.extend(&log_like(600)[number..number + 37 + number % 51]);
    }
    for (level, sizes) in [(1, [53, 97]), (3, [97, 1_201]), (9, [1_201, 4_001]), (19, [1_201, 4_001])] {
        for size in sizes {
            let sample = Sample::new(Format::Zstd, level, raw.clone(), &[size]);
            let whole = laws::cut_part(&sample, sample.packed.len(), true).expect("it is whole");
            assert!(unpacked(Format::Zstd, &whole) == raw, "level {level}, groups of {size}");
        }
    }
}

#[test]
fn damage_spares_the_blocks_before_it() {
    holds(600, (deciding(60), any::<usize>(), 1..=255_u8), |(bytes, place, bits)| {
        let sample = laws::sample(&mut Choices(&bytes));
        let place = place % sample.packed.len();
        laws::damaged_part(&sample, &Damage::Flip(place, bits));
    });
    holds(400, (deciding(60), any::<usize>(), deciding(3000)), |(bytes, place, garbage)| {
        let sample = laws::sample(&mut Choices(&bytes));
        laws::damaged_part(&sample, &Damage::Tail(garbage.clone()));
        laws::damaged_part(&sample, &Damage::Overwritten(place % sample.packed.len(), garbage));
    });
}

#[test]
fn each_bit_of_a_part_may_be_wrong() {
    for format in Format::ALL {
        let sample = Sample::new(format, 5, [log_like(1500), incompressible(300)].concat(), &[400]);
        for place in 0..sample.packed.len() {
            (0..8).for_each(|bit| laws::damaged_part(&sample, &Damage::Flip(place, 1 << bit)));
        }
    }
}

#[test]
fn bytes_that_are_no_part_do_no_harm() {
    let begun = |format, bytes: &[u8]| [gzip::header(format), bytes].concat();
    for format in Format::ALL {
        holds(500, deciding(2000), |bytes| {
            let _ = laws::bytes_that_are_no_part(format, &bytes);
            let _ = laws::bytes_that_are_no_part(format, &begun(format, &bytes));
        });
        // Each of these four bytes looks like the end of a block; the time must not grow with their square. The last two look
        // like a group of zstd's blocks.
        for filling in [
            &[0, 0, 0xff, 0xff][..],
            &[0, 0, 0, 0xff, 0xff],
            &[0, 0, 0, 0, 0xff, 0xff],
            &[0],
            &[0xff],
            &[8, 0, 0, 7],
            &[16, 0, 0, 7, 7],
        ] {
            let many = filling.repeat(4_000_000 / filling.len());
            let _ = laws::bytes_that_are_no_part(format, &begun(format, &many));
        }
    }
}
