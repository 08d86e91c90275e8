//! The small pieces by themselves: blocks, the looks of a drain, and keys. `scripts/bench --micro`.
//!
//! These figures tell which change made a piece slower or faster; what a user feels is in the table of `scripts/bench`.

use std::fs::File;
use std::io::{Cursor, sink};

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use logferry::gzip::{self, BLOCK, Encoder, Levels, Member, WINDOW};
use logferry::model::format::Format;
use logferry::model::key::{Leaf, ObjectKey};
use logferry::sys::file::Status;
use logferry::sys::lease;

use logs::Kind;

#[allow(dead_code, reason = "the benchmarks take some kinds of logs only")]
mod logs;
#[allow(dead_code, reason = "the logs' own")]
mod random;

fn main() {
    divan::main();
}

/// What a block is primed with, and a block.
fn window_and_block(kind: Kind) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(WINDOW + BLOCK);
    logs::write(kind, 7, (WINDOW + BLOCK) as u64, &mut bytes).expect("a vector takes everything");
    bytes
}

/// One block in the middle of a member: compressed, with checksum, digest and lines counted.
#[divan::bench(args = [Kind::Syslog, Kind::Access, Kind::Json, Kind::Traces, Kind::Upstart])]
fn block(bencher: Bencher<'_, '_>, kind: Kind) {
    let bytes = window_and_block(kind);
    let (window, raw) = bytes.split_at(WINDOW);
    let mut encoder = Encoder::new(Levels::default());
    let mut member = Member::begin(Format::Gzip, &mut sink()).expect("nothing refuses it");
    bencher.counter(BytesCount::new(raw.len())).bench_local(|| {
        member.append(&mut encoder, &mut sink(), window, black_box(raw)).expect("nothing refuses it");
    });
}

/// A block of one short line, as a quiet writer's drain makes them.
#[divan::bench]
fn block_of_one_line(bencher: Bencher<'_, '_>) {
    let bytes = window_and_block(Kind::Upstart);
    let (window, raw) = bytes.split_at(WINDOW);
    let mut encoder = Encoder::new(Levels::default());
    let mut member = Member::begin(Format::Gzip, &mut sink()).expect("nothing refuses it");
    bencher.bench_local(|| {
        member.append(&mut encoder, &mut sink(), window, black_box(&raw[..120])).expect("nothing refuses it");
    });
}

/// What a run that was killed has left: found again, block by block.
#[divan::bench]
fn salvage_of_sixteen_blocks(bencher: Bencher<'_, '_>) {
    let mut raw = Vec::new();
    logs::write(Kind::Mixed, 7, 16 * BLOCK as u64, &mut raw).expect("a vector takes everything");
    let (mut encoder, mut packed) = (Encoder::new(Levels::default()), Vec::new());
    let mut member = Member::begin(Format::Gzip, &mut packed).expect("a vector takes everything");
    for start in (0..raw.len()).step_by(BLOCK) {
        let block = &raw[start..start + BLOCK];
        member.append(&mut encoder, &mut packed, &raw[..start], block).expect("a vector takes everything");
    }
    bencher
        .counter(BytesCount::new(raw.len()))
        .bench_local(|| gzip::salvage(Format::Gzip, &mut Cursor::new(black_box(&packed))).expect("it is sound"));
}

/// What a drain asks of a log that nobody has open any more: whether it has a writer, and how long it is.
#[divan::bench]
fn look_of_a_drain(bencher: Bencher<'_, '_>) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("web.log");
    std::fs::write(&path, "a line\n").expect("a log");
    let log = File::open(&path).expect("it opens");
    bencher.bench_local(|| (lease::writers(black_box(&log)), Status::of_file(&log).expect("it is there").size));
}

const LEAF: &str = "web_20261121T000003Z_20261121T005959Z_i-0abc12345678_k3f9a2-00000017-9f86d081.log.gz";

/// A listing has a thousand keys a page.
#[divan::bench]
fn key_parsed(bencher: Bencher<'_, '_>) {
    bencher.counter(ItemsCount::new(1_usize)).bench_local(|| Leaf::parse(black_box(LEAF)));
}

#[divan::bench]
fn key_rendered(bencher: Bencher<'_, '_>) {
    let leaf = Leaf::parse(LEAF).expect("a leaf");
    bencher.counter(ItemsCount::new(1_usize)).bench_local(|| ObjectKey::render(black_box(&leaf)));
}
