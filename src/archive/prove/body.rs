//! Reading an object whole, in bounded memory: its digest, and what it unpacks to.

use std::io::{self, BufRead, BufReader, Read};

use sha2::Digest as _;

use crate::gzip::{Decoder, Extent};
use crate::model::digest::Digest;
use crate::model::format::Format;
use crate::model::proof::object::{Body, Shape};
use crate::model::proof::progress::Progress;

/// How many bytes are read at once.
const PIECE: usize = 128 * 1024;

/// What a gzip member begins with (RFC 1952, section 2.3.1), and a zstd frame (RFC 8878, section 3.1.1).
fn magic(format: Format) -> &'static [u8] {
    match format {
        Format::Gzip => &[0x1f, 0x8b],
        Format::Zstd => &[0x28, 0xb5, 0x2f, 0xfd],
    }
}

/// A body on its way: all that comes by is hashed and counted.
struct Tap<'p, R> {
    body: R,
    sha: sha2::Sha256,
    packed: u64,
    /// How many bytes it has, as the store says.
    size: u64,
    progress: &'p Progress,
    /// That it did not arrive; what unpacks it can't tell that from damage.
    failed: Option<io::Error>,
}

impl<R: Read> Read for Tap<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.body.read(buffer) {
            Ok(count) => {
                self.sha.update(&buffer[..count]);
                self.packed += count as u64;
                self.progress.arrived(count as u64);
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            // All of it has arrived: what is complained of is the store's own checksum, and the digest tells more.
            Err(error) if self.packed == self.size => {
                log::info!("behind the last byte: {error}");
                Ok(0)
            }
            Err(error) => {
                let told = io::Error::new(error.kind(), "it did not arrive");
                self.failed = Some(error);
                Err(told)
            }
        }
    }
}

/// Reads a body to its end, whatever is in it. `size` is how many bytes it has, as the store says.
///
/// # Errors
/// What kept its bytes from arriving.
pub(super) fn read(format: Format, body: impl Read, size: u64, progress: &Progress) -> io::Result<Body> {
    let tap = Tap { body, sha: sha2::Sha256::new(), packed: 0, size, progress, failed: None };
    let mut decoder = Decoder::of(format, Extent::First, BufReader::with_capacity(PIECE, tap))?;
    let (raw, lines, fault) = unpack(&mut decoder);
    let mut rest = decoder.into_inner();
    if let Some(failed) = rest.get_mut().failed.take() {
        return Err(failed);
    }
    let (behind, is_member) = drain(&mut rest, magic(format))?;
    let shape = match fault {
        Some(error) if error.kind() == io::ErrorKind::UnexpectedEof => Shape::CutShort,
        Some(error) => Shape::Corrupt(error.to_string()),
        None if behind == 0 => Shape::OneMember,
        None if is_member => Shape::SecondMember,
        None => Shape::Followed(behind),
    };
    let Tap { sha, packed, .. } = rest.into_inner();
    if packed < size {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("only {packed} of {size} bytes arrived")));
    }
    Ok(Body { sha256: Digest(sha.finalize().into()), packed, raw, lines, shape, format })
}

/// Unpacks a member or a frame; tells how many bytes and lines there are in it, and what it broke off with.
fn unpack(decoder: &mut impl Read) -> (u64, u64, Option<io::Error>) {
    let (mut raw, mut lines, mut buffer) = (0, 0, vec![0; PIECE]);
    loop {
        match decoder.read(&mut buffer) {
            Ok(0) => return (raw, lines, None),
            Ok(count) => {
                raw += count as u64;
                lines += memchr::memchr_iter(b'\n', &buffer[..count]).count() as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (raw, lines, Some(error)),
        }
    }
}

/// Reads what is left; tells how many bytes that is, and whether it begins as a member does.
fn drain(rest: &mut BufReader<Tap<'_, impl Read>>, magic: &[u8]) -> io::Result<(u64, bool)> {
    let (mut behind, mut begin) = (0, Vec::<u8>::new());
    loop {
        let count = match rest.fill_buf() {
            Ok([]) => return Ok((behind, begin == magic)),
            Ok(bytes) => {
                begin.extend(bytes.iter().take(magic.len() - begin.len()));
                bytes.len()
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(rest.get_mut().failed.take().unwrap_or(error)),
        };
        behind += count as u64;
        rest.consume(count);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn member(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    }

    fn whole(format: Format, bytes: &[u8]) -> Vec<u8> {
        match format {
            Format::Gzip => member(bytes),
            Format::Zstd => {
                let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).expect("memory");
                encoder.include_checksum(true).and_then(|()| encoder.write_all(bytes)).expect("memory");
                encoder.finish().expect("memory")
            }
        }
    }

    fn shape(format: Format, bytes: &[u8]) -> Shape {
        let body = read(format, bytes, bytes.len() as u64, &Progress::default()).expect("it arrives");
        // Whatever is in it, all of it is hashed.
        assert_eq!((body.packed, body.sha256), (bytes.len() as u64, Digest::of(bytes)));
        body.shape
    }

    #[test]
    fn one_member_or_frame_is_told_from_all_else() {
        let lines: Vec<u8> = (0..100_000_u32).flat_map(|number| format!("line {number}\n").into_bytes()).collect();
        for format in Format::ALL {
            let whole = whole(format, &lines);
            let body = read(format, &whole[..], whole.len() as u64, &Progress::default()).expect("it arrives");
            assert_eq!((body.raw, body.lines, body.shape), (lines.len() as u64, 100_000, Shape::OneMember));
            for cut in [0, 1, 9, 10, whole.len() / 2, whole.len() - 8, whole.len() - 1] {
                assert_eq!(shape(format, &whole[..cut]), Shape::CutShort, "{format:?}: {cut}");
            }
            let again = self::whole(format, b"x");
            assert_eq!(shape(format, &[&whole[..], &again].concat()), Shape::SecondMember);
            assert_eq!(shape(format, &[&whole[..], b"four"].concat()), Shape::Followed(4));
            assert!(matches!(shape(format, b"plain text, and enough of it"), Shape::Corrupt(_)));
            for at in [whole.len() / 2, whole.len() - 1, whole.len() - 3] {
                let mut flipped = whole.clone();
                flipped[at] ^= 4;
                assert!(matches!(shape(format, &flipped), Shape::Corrupt(_) | Shape::CutShort), "{format:?}: {at}");
            }
        }
    }

    #[test]
    fn bytes_that_do_not_arrive_are_no_damage() {
        struct Broken(usize);
        impl Read for Broken {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                match self.0 {
                    0 => Err(io::Error::other("the connection is gone")),
                    left => {
                        let whole = member(&[b'x'; 100]);
                        let count = left.min(buffer.len());
                        buffer[..count].copy_from_slice(&whole[..count]);
                        self.0 = 0;
                        Ok(count)
                    }
                }
            }
        }
        for count in [1, 12] {
            let error = read(Format::Gzip, Broken(count), 100, &Progress::default()).expect_err("it breaks off");
            assert_eq!(error.to_string(), "the connection is gone");
        }
        let error = read(Format::Gzip, &b"\x1f\x8b"[..], 3, &Progress::default()).expect_err("it ends too early");
        assert_eq!(error.to_string(), "only 2 of 3 bytes arrived");
        // All of it came, and then a complaint: it is judged.
        let size = member(&[b'x'; 100]).len();
        let body = read(Format::Gzip, Broken(size), size as u64, &Progress::default()).expect("it arrives");
        assert_eq!(body.shape, Shape::OneMember);
    }
}
