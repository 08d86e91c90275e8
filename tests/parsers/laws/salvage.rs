//! Parts that were cut short or damaged.

use std::io::{Cursor, Read};

use logferry::gzip::{self, Decoder, Encoder, Extent, Levels, Member, block_length};
use logferry::model::digest::Digest;
use logferry::model::format::Format;

use super::super::choices::Choices;

/// A part as logs are appended to it, and where its blocks end.
pub struct Sample {
    pub format: Format,
    pub level: u32,
    pub raw: Vec<u8>,
    pub packed: Vec<u8>,
    /// Of the part and of the raw bytes; the header's end first.
    pub ends: Vec<(usize, usize)>,
}

impl Sample {
    /// Appends blocks of these sizes until all is in.
    pub fn new(format: Format, level: u32, raw: Vec<u8>, sizes: &[usize]) -> Self {
        let (mut encoder, mut packed) = (Encoder::new(Levels::of(format, level)), Vec::new());
        let mut member = Member::begin(format, &mut packed).expect("memory");
        let (mut ends, mut at) = (vec![(packed.len(), 0)], 0);
        for size in sizes.iter().cycle() {
            if at == raw.len() {
                break;
            }
            let end = raw.len().min(at + (*size).clamp(1, block_length(format)));
            member.append(&mut encoder, &mut packed, &raw[..at], &raw[at..end]).expect("memory");
            at = end;
            ends.push((packed.len(), at));
        }
        Self { format, level, raw, packed, ends }
    }

    /// The last end that is not behind `place`.
    fn end_before(&self, place: usize) -> (usize, usize) {
        self.ends.iter().copied().take_while(|(packed, _)| *packed <= place).last().unwrap_or_default()
    }
}

/// A part of which choices decide the content and the sizes of the blocks.
pub fn sample(choices: &mut Choices<'_>) -> Sample {
    let level = u32::from(choices.byte() % 9) + 1;
    let choice = choices.byte();
    let kind = choice % 4;
    // A small block costs zstd more than gzip.
    let (format, most) = if choice / 4 % 4 == 3 { (Format::Zstd, 20) } else { (Format::Gzip, 200) };
    let magnitude = 4 + choices.below(14);
    let length = choices.below(1 << magnitude);
    // No more than some hundred blocks: each costs the compressor as much as a larger one.
    let sizes: Vec<usize> = (0..=choices.below(4)).map(|_| length / most + (1 << choices.below(18))).collect();
    let mut state = choices.number();
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    let mut raw = Vec::with_capacity(length + 100);
    let text = choices.bytes(2000);
    while raw.len() < length {
        match kind {
            0 => raw.extend(
                format!("2026-11-21T00:00:00Z INFO request {} took {} ms\r\n", random(), random() % 99).bytes(),
            ),
            1 => raw.extend(random().to_le_bytes().into_iter().take(4)),
            // What looks like the end of a block, among bytes that don't compress.
            2 => {
                raw.extend([0, 0, 0, 0xff, 0xff]);
                (0..random() % 300).for_each(|_| raw.push(random().to_le_bytes()[0]));
            }
            _ if text.is_empty() => raw.extend([0, 0, 0xff, 0xff]),
            _ => raw.extend(&text),
        }
    }
    raw.truncate(length);
    Sample::new(format, level, raw, &sizes)
}

/// What happens to a part.
#[derive(Clone, Debug)]
pub enum Damage {
    /// These bits of that byte change.
    Flip(usize, u8),
    /// That stands behind it.
    Tail(Vec<u8>),
    /// That stands from there on.
    Overwritten(usize, Vec<u8>),
}

/// A part that was cut at `cut` gives back exactly its whole blocks, and `and_read` gets the member that it becomes when
/// it is continued and ended.
pub fn cut_part(sample: &Sample, cut: usize, continue_it: bool) -> Option<Vec<u8>> {
    let (packed, raw) = sample.end_before(cut);
    let salvaged = gzip::salvage(sample.format, &mut Cursor::new(&sample.packed[..cut]));
    if cut < gzip::header(sample.format).len() {
        assert!(salvaged.is_err(), "without a header, at {cut}");
        return None;
    }
    let member = salvaged.unwrap_or_else(|error| panic!("cut at {cut}: {error}")).member;
    let kept = (member.packed(), member.raw());
    match sample.format {
        Format::Gzip => assert_eq!(kept, (packed as u64, raw as u64), "cut at {cut}"),
        // A group may hold a block that looks like the end of one, and is as good.
        Format::Zstd => assert!(kept >= (packed as u64, raw as u64) && kept.0 <= cut as u64, "cut at {cut}"),
    }
    let kept = &sample.packed[..usize::try_from(kept.0).expect("it fits")];
    continue_it.then(|| continued(sample, member, kept))
}

/// The member that a salvaged part becomes when the rest of the log is appended.
fn continued(sample: &Sample, mut member: Member, kept: &[u8]) -> Vec<u8> {
    let (mut encoder, mut whole) = (Encoder::new(Levels::of(sample.format, sample.level)), kept.to_vec());
    let mut at = usize::try_from(member.raw()).expect("it fits");
    while at < sample.raw.len() {
        let end = sample.raw.len().min(at + block_length(sample.format));
        member.append(&mut encoder, &mut whole, &sample.raw[..at], &sample.raw[at..end]).expect("memory");
        at = end;
    }
    let ended = member.finish(&mut whole).expect("memory");
    assert_eq!((ended.raw, ended.packed), (sample.raw.len() as u64, whole.len() as u64));
    assert_eq!(ended.lines, sample.raw.iter().filter(|&&byte| byte == b'\n').count() as u64);
    assert_eq!(ended.sha256, Digest::of(&whole));
    assert!(read_member(sample.format, &whole) == sample.raw, "it reads back as what was appended");
    whole
}

fn read_member(format: Format, member: &[u8]) -> Vec<u8> {
    let (mut raw, decoder) = (Vec::new(), Decoder::of(format, Extent::First, member));
    let mut decoder = decoder.expect("memory");
    decoder.read_to_end(&mut raw).expect("a sound member");
    assert!(decoder.into_inner().is_empty(), "one member, and nothing behind it");
    raw
}

/// A damaged part gives back all whole blocks before the damage; what it gives back is always a sound member.
pub fn damaged_part(sample: &Sample, damage: &Damage) {
    let mut bytes = sample.packed.clone();
    let place = match damage {
        Damage::Flip(place, bits) => {
            bytes[*place] ^= bits;
            *place
        }
        Damage::Tail(tail) => {
            bytes.extend(tail);
            sample.packed.len()
        }
        Damage::Overwritten(place, with) => {
            bytes.truncate(*place);
            bytes.extend(with);
            *place
        }
    };
    let (packed, raw) = sample.end_before(place);
    let Some(read) = bytes_that_are_no_part(sample.format, &bytes) else {
        assert!(packed == 0, "{damage:?}: the header is whole");
        return;
    };
    assert!(read.len() >= raw && read[..raw] == sample.raw[..raw], "{damage:?}: the blocks before it are lost");
}

/// Whatever bytes they are: what is given back of them, if anything, is a sound member when it is ended.
pub fn bytes_that_are_no_part(format: Format, bytes: &[u8]) -> Option<Vec<u8>> {
    let member = gzip::salvage(format, &mut Cursor::new(bytes)).ok()?.member;
    let mut kept = bytes[..usize::try_from(member.packed()).expect("it fits")].to_vec();
    let ended = member.finish(&mut kept).expect("memory");
    let read = read_member(format, &kept);
    assert_eq!((ended.raw, ended.packed), (read.len() as u64, kept.len() as u64));
    Some(read)
}
