//! The chain of a stream: each object names the digest of the one before it, and how many bytes were before it.
//!
//! It proves what a listing can't: that no number was put into another's place, and that a gap lost so many bytes.

use super::super::digest::Digest;
use super::super::names::Seq;

/// An object's place in the chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Link {
    /// Its number.
    pub seq: Seq,
    /// Its digest: as its metadata says, else as it was read.
    pub sha256: Option<Digest>,
    /// Raw bytes of the stream before it.
    pub offset: Option<u64>,
    /// Its raw bytes.
    pub length: Option<u64>,
    /// The digest that it names as that of its predecessor.
    pub previous: Option<Digest>,
    /// Whether its metadata is there: without it, it names nothing.
    pub is_told: bool,
}

impl Link {
    /// Whether what its object says of itself is all there, or nothing of it.
    pub fn makes_sense(&self) -> bool {
        !self.is_told || (self.sha256.is_some() && self.offset.is_some() && self.length.is_some())
    }
}

/// What two neighbours say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Joint {
    /// They follow one another.
    Sound,
    /// One of them doesn't tell.
    Unknown,
    /// They don't: the sentence says what the later one says of the earlier one.
    Broken(String),
    /// There are numbers between them; the sentence tells what is missing, where it can be told.
    Apart(Option<String>),
}

/// What is wrong with what begins a stream.
pub fn begins(link: &Link) -> Joint {
    let is_first = link.seq == Seq::FIRST;
    if !is_first || !link.is_told {
        return if is_first { Joint::Unknown } else { Joint::Sound };
    }
    match (link.previous, link.offset) {
        (None, Some(0)) => Joint::Sound,
        (Some(_), _) => Joint::Broken("it is the first of its stream, and names an object before it".to_owned()),
        (None, offset) => {
            let bytes = offset.unwrap_or_default();
            Joint::Broken(format!("it is the first of its stream, and says that {bytes} bytes were before it"))
        }
    }
}

/// What a segment and the next one that is there say of each other.
pub fn joint(before: &Link, link: &Link) -> Joint {
    let end = before.offset.zip(before.length).and_then(|(offset, length)| offset.checked_add(length));
    let is_next = link.seq == before.seq.next();
    if !link.is_told {
        return if is_next { Joint::Unknown } else { Joint::Apart(None) };
    }
    let names_it = link.previous.zip(before.sha256).map(|(named, is)| named == is);
    if !is_next {
        return Joint::Apart(apart(names_it, end.zip(link.offset)));
    }
    match (names_it, end.zip(link.offset)) {
        (Some(false), _) => Joint::Broken(format!("it names another object than number {} before it", before.seq.0)),
        (None, _) if link.previous.is_none() => Joint::Broken("it names no object before it".to_owned()),
        (_, Some((end, offset))) if end != offset => {
            let where_it_ends =
                format!("it says that {offset} bytes were before it, but number {} ends at {end}", before.seq.0);
            Joint::Broken(where_it_ends)
        }
        (Some(true), Some(_)) => Joint::Sound,
        _ => Joint::Unknown,
    }
}

/// What a gap holds, as far as its two ends tell.
fn apart(names_it: Option<bool>, ends: Option<(u64, u64)>) -> Option<String> {
    if names_it == Some(true) {
        return Some("their machine went on without them: they were put aside there as damaged".to_owned());
    }
    let (end, offset) = ends?;
    Some(format!("they hold {} bytes of the log", offset.checked_sub(end)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(seq: u32, offset: u64, previous: Option<&[u8]>) -> Link {
        Link {
            seq: Seq(seq),
            sha256: Some(Digest::of(&[u8::try_from(seq).expect("small")])),
            offset: Some(offset),
            length: Some(10),
            previous: previous.map(Digest::of),
            is_told: true,
        }
    }

    fn says(joint: Joint) -> String {
        match joint {
            Joint::Broken(why) | Joint::Apart(Some(why)) => why,
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn neighbours_follow_one_another_or_say_why_not() {
        let one = link(1, 0, None);
        assert_eq!((begins(&one), joint(&one, &link(2, 10, Some(&[1])))), (Joint::Sound, Joint::Sound));
        assert!(says(joint(&one, &link(2, 10, Some(&[7])))).contains("another object than number 1"));
        assert!(says(joint(&one, &link(2, 10, None))).contains("names no object"));
        assert!(
            says(joint(&one, &link(2, 11, Some(&[1])))).contains("11 bytes were before it, but number 1 ends at 10")
        );
        assert!(says(begins(&link(1, 3, None))).contains("3 bytes were before it"));
        assert!(says(begins(&link(1, 0, Some(&[1])))).contains("names an object before it"));
        let bare = Link { is_told: false, offset: None, previous: None, ..link(2, 0, None) };
        assert_eq!(joint(&one, &bare), Joint::Unknown);
        assert_eq!(joint(&bare, &link(3, 20, Some(&[2]))), Joint::Unknown);
        assert!(says(joint(&bare, &link(3, 20, Some(&[9])))).contains("another object than number 2"));
    }

    #[test]
    fn a_gap_tells_how_many_bytes_it_holds_or_that_its_machine_knows_of_it() {
        let one = link(1, 0, None);
        assert!(says(joint(&one, &link(4, 50, Some(&[3])))).contains("they hold 40 bytes"));
        assert!(says(joint(&one, &link(4, 10, Some(&[1])))).contains("put aside there as damaged"));
        assert_eq!(joint(&one, &link(4, 5, Some(&[3]))), Joint::Apart(None));
    }
}
