//! Members and frames as a whole: what they read back as, and what is left of them when they are cut.

use super::*;
use std::io::{Cursor, Read};

/// Log-like text, then bytes that don't compress, so that stored blocks occur too.
fn raw(length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut state = 7_u64;
    while bytes.len() < length / 2 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        bytes.extend(format!("2026-11-21T00:00:00Z INFO request {} took {} ms\r\n", state >> 40, state >> 57).bytes());
    }
    while bytes.len() < length {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        bytes.extend((state >> 32).to_le_bytes());
    }
    bytes
}

fn compress(format: Format, raw: &[u8], block: usize) -> (Vec<u8>, Whole) {
    let (mut encoder, mut sink) = (Encoder::new(Levels::default()), Vec::new());
    let mut member = Member::begin(format, &mut sink).expect("header");
    for start in (0..raw.len()).step_by(block) {
        let end = raw.len().min(start + block);
        member.append(&mut encoder, &mut sink, &raw[..start], &raw[start..end]).expect("block");
    }
    let whole = member.finish(&mut sink).expect("trailer");
    (sink, whole)
}

fn decompress(format: Format, member: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut decoder = Decoder::of(format, Extent::First, member).expect("a decoder");
    decoder.read_to_end(&mut out).expect("one sound member");
    assert!(decoder.into_inner().is_empty(), "something follows it");
    out
}

#[test]
fn reads_back_as_one_member_or_frame() {
    for format in Format::ALL {
        let most = block_length(format);
        for (length, block) in [(0, most), (1, most), (3 * most + 17, most), (50_000, 7), (300_000, 40_000)] {
            let raw = raw(length);
            let (packed, whole) = compress(format, &raw, block);
            assert!(decompress(format, &packed) == raw, "{format:?}: {length} bytes, {block} in a block");
            assert_eq!(whole.raw, raw.len() as u64);
            assert_eq!(whole.lines, raw.iter().filter(|&&b| b == b'\n').count() as u64);
            assert_eq!(whole.packed, packed.len() as u64);
            assert_eq!(whole.sha256, Digest::of(&packed));
        }
    }
}

#[test]
fn blocks_are_primed_with_what_stands_before_them() {
    let raw = raw(32 * 1024)[..16 * 1024].to_vec();
    let twice = [raw.clone(), raw.clone()].concat();
    for format in Format::ALL {
        let (once, _) = compress(format, &raw, raw.len());
        let (both, _) = compress(format, &twice, raw.len());
        assert!(both.len() < once.len() + once.len() / 4, "{format:?}: {} then {}", once.len(), both.len());
    }
}

#[test]
fn a_member_or_frame_cut_anywhere_gives_back_its_whole_blocks() {
    let raw = raw(6_000);
    for format in Format::ALL {
        let (packed, _) = compress(format, &raw, 1_000);
        let (mut last, mut encoder) = (0, Encoder::new(Levels::default()));
        for cut in 0..=packed.len() {
            let salvaged = salvage(format, &mut Cursor::new(&packed[..cut]));
            if cut < header(format).len() {
                assert!(salvaged.is_err());
                continue;
            }
            let Salvaged { mut member, window } = salvaged.expect("a header is there");
            let end = member.raw() as usize;
            assert_eq!(window, raw[end - end.min(WINDOW)..end], "at {cut}");
            assert!(member.packed() as usize <= cut && member.raw() >= last, "at {cut}");
            last = member.raw();
            // It goes on from there as if nothing had happened.
            let (kept, mut on) = (member.raw() as usize, packed[..member.packed() as usize].to_vec());
            member.append(&mut encoder, &mut on, &raw[..kept], &raw[kept..]).expect("block");
            let whole = member.finish(&mut on).expect("trailer");
            assert!(decompress(format, &on) == raw, "{format:?} at {cut}");
            assert_eq!(whole.sha256, Digest::of(&on), "{format:?} at {cut}");
        }
        assert_eq!(last, raw.len() as u64);
    }
}

#[test]
fn zeros_in_the_place_of_what_a_power_loss_took_are_no_content() {
    // What does not compress stands as it is in a block, and zeros there would be as good as any bytes.
    let raw = raw(40_000)[20_000..].to_vec();
    for format in Format::ALL {
        let (packed, _) = compress(format, &raw, 4_000);
        for cut in (header(format).len()..packed.len()).step_by(13) {
            let mut zeros = packed[..cut].to_vec();
            zeros.resize(packed.len() + 8_192, 0);
            let Salvaged { member, .. } = salvage(format, &mut Cursor::new(&zeros)).expect("a header is there");
            let Salvaged { member: of_cut, .. } =
                salvage(format, &mut Cursor::new(&packed[..cut])).expect("a header is there");
            let kept = (member.raw(), member.packed());
            // But for zeros that were to stand there anyway.
            assert!(kept >= (of_cut.raw(), of_cut.packed()), "{format:?} at {cut}");
            let whole = &raw[..usize::try_from(member.raw()).expect("it is small")];
            let (_, expected) = (member.finish(&mut io::sink()).expect("memory"), compress(format, whole, 4_000));
            assert!(zeros.starts_with(&expected.0[..usize::try_from(kept.1).expect("it is small")]), "at {cut}");
        }
    }
}

#[test]
fn large_blocks_are_salvaged_too() {
    for format in Format::ALL {
        let most = block_length(format);
        let raw = raw(5 * most);
        let (packed, _) = compress(format, &raw, most);
        let Salvaged { member, .. } =
            salvage(format, &mut Cursor::new(&packed[..packed.len() - 100])).expect("a header is there");
        assert_eq!(member.raw(), 4 * most as u64);
    }
}

#[test]
fn what_is_not_ours_is_refused() {
    for format in Format::ALL {
        assert!(salvage(format, &mut Cursor::new(b"neither of them at all")).is_err());
    }
}
