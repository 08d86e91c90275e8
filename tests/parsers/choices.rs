//! Values made from bytes that someone else chose: proptest, which makes them small when a law does not hold, or
//! libFuzzer, which looks for those that reach new code. When the bytes have run out, all choices are zero.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use logferry::model::destination::Destination;
use logferry::model::digest::Digest;
use logferry::model::format::Format;
use logferry::model::gap::Gap;
use logferry::model::in_place::{Give, InPlace, Mark};
use logferry::model::key::{KeyDirectory, Leaf};
use logferry::model::names::{Instance, Seq, Service, StreamId};
use logferry::model::notice::{Kind, Noted, Notice};
use logferry::model::segment::{ClaimedName, Ended, Identity, Seal, Segment, SegmentName, Source, Taken};
use logferry::model::time::Moment;
use logferry::model::way::{Argv, Holes, ProcessName, SignalName, Way};

/// Bytes that decide.
pub struct Choices<'a>(pub &'a [u8]);

impl Choices<'_> {
    pub fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    pub fn is(&mut self) -> bool {
        self.byte() % 2 == 1
    }

    /// Less than `limit`, which is not 0.
    pub fn below(&mut self, limit: usize) -> usize {
        let number = u32::from_le_bytes(std::array::from_fn(|_| self.byte()));
        usize::try_from(number).expect("32 bits fit") % limit
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::from(self.byte()) % from.len()]
    }

    /// Any number, small ones and the largest more often than chance has them.
    pub fn number(&mut self) -> u64 {
        let number = u64::from_le_bytes(std::array::from_fn(|_| self.byte()));
        number >> (number % 64)
    }

    /// At most that many bytes, none of which is 0.
    pub fn bytes(&mut self, most: usize) -> Vec<u8> {
        let length = self.below(most + 1).min(self.0.len());
        let (bytes, rest) = self.0.split_at(length);
        self.0 = rest;
        bytes.iter().map(|&byte| byte.max(1)).collect()
    }

    /// A text that may hold whatever is a text.
    pub fn text(&mut self, most: usize) -> String {
        String::from_utf8_lossy(&self.bytes(most)).into_owned()
    }

    pub fn moment(&mut self) -> Moment {
        let nanos = i64::from_le_bytes(std::array::from_fn(|_| self.byte()));
        Moment::from_nanos(match self.byte() {
            0 => i64::MIN.saturating_add(nanos.rem_euclid(2_000_000_000)),
            1 => i64::MAX.saturating_sub(nanos.rem_euclid(2_000_000_000)),
            _ => nanos,
        })
    }

    /// A name of any bytes at all but none.
    pub fn service(&mut self) -> Service {
        let most = self.pick(&[10, 40, 120, 600]);
        let mut name = self.bytes(most);
        name.push(self.byte());
        Service::new(OsString::from_vec(name)).expect("it is not empty")
    }

    pub fn instance(&mut self) -> Instance {
        Instance::from_host(&OsString::from_vec(self.bytes(80)))
    }

    pub fn stream(&mut self) -> StreamId {
        StreamId::from_random(std::array::from_fn(|_| self.byte()))
    }

    pub fn seq(&mut self) -> Seq {
        Seq(u32::try_from(self.below(99_999_999)).expect("it fits") + 1)
    }

    pub fn digest(&mut self) -> Digest {
        Digest::of(&[self.byte()])
    }

    pub fn leaf(&mut self) -> Leaf {
        let (first, last) = (self.moment(), self.moment());
        let (instance, stream, seq, digest) = (self.instance(), self.stream(), self.seq(), self.digest().short());
        let format = self.pick(&Format::ALL);
        Leaf { service: self.service(), first, last, instance, stream, seq, digest, format }
    }

    pub fn destination(&mut self) -> Destination {
        let (scheme, rest) = (self.pick(&["s3://", "s3://bucket/", "file:///"]), self.text(60));
        Destination::parse(&format!("{scheme}{rest}"))
            .unwrap_or_else(|_| Destination::parse("s3://bucket/prefix").expect("a destination"))
    }

    fn identity(&mut self) -> Identity {
        let born = self.is().then(|| self.moment());
        Identity { dev: self.number(), ino: self.number(), born }
    }

    fn path(&mut self) -> OsString {
        let mut path = b"/".to_vec();
        path.extend(self.bytes(200));
        OsString::from_vec(path)
    }

    pub fn claimed(&mut self) -> ClaimedName {
        let mut log = self.bytes(ClaimedName::LONGEST_LOG - 1);
        log.push(b'x');
        log.iter_mut().filter(|byte| **byte == b'/').for_each(|byte| *byte = b'_');
        ClaimedName::new(&OsString::from_vec(log), self.moment(), self.stream())
    }

    /// The directory part of a key, of at most three parts.
    fn key_directory(&mut self) -> KeyDirectory {
        let parts: Vec<String> = (0..=self.below(3)).map(|_| self.service().encoded()).collect();
        KeyDirectory::parse(&parts.join("/")).unwrap_or_else(|_| KeyDirectory::parse("logs").expect("a directory"))
    }

    pub fn segment(&mut self) -> Segment {
        Segment {
            name: SegmentName { stream: self.stream(), seq: self.seq() },
            claimed: self.is().then(|| self.claimed()),
            instance: self.instance(),
            to: self.destination(),
            key_directory: self.is().then(|| self.key_directory()),
            offset: self.number() / 2,
            previous: self.is().then(|| self.digest()),
            source: Source { file: self.identity(), from: self.number() / 2 },
            directory: self.identity(),
            claimed_at: self.moment(),
            first: self.moment(),
            host: self.text(80),
            path: self.path().into(),
            service: self.service(),
            way: self.way(),
            taken: self.pick(&[Taken::Away, Taken::InPlace]),
            format: self.pick(&Format::ALL),
            notice: self.notice(),
        }
    }

    /// What a segment tells its readers, mostly nothing.
    fn notice(&mut self) -> Notice {
        let kinds = Kind::ALL.map(|kind| {
            let noted = self.below(4) == 0;
            noted.then(|| Noted { kind, at: self.moment(), bytes: self.is().then(|| self.number()) })
        });
        kinds.into_iter().flatten().collect::<Vec<_>>().into()
    }

    pub fn way(&mut self) -> Way {
        let timeout = Duration::from_millis(self.number() % 86_400_000);
        let words = ["nginx".to_owned(), self.text(20).replace('\0', "")];
        let argv = Argv::try_from(Vec::from(words)).expect("a command");
        let process = ProcessName::parse("rsyslogd").expect("a name");
        let holes = self.pick(&[Holes::Refused, Holes::Allowed]);
        let signal = self.pick(&[SignalName::Hup, SignalName::Usr1, SignalName::Usr2, SignalName::Winch]);
        match self.number() % 5 {
            0 => Way::Reopens,
            1 => Way::Signal { signal, process, timeout },
            2 => Way::Command { argv, timeout },
            3 => Way::Closed,
            _ => Way::Holds { holes },
        }
    }

    pub fn seal(&mut self) -> Seal {
        let length = self.number() / 2;
        Seal {
            length,
            lines: self.number(),
            packed: self.number(),
            sha256: self.digest(),
            last: self.moment(),
            ended: self.pick(&[Ended::Released, Ended::Settled, Ended::Interrupted, Ended::Continued]),
            ending: self.is().then(|| u32::try_from(self.number() >> 32).expect("32 bits")),
            in_place: self.in_place(length),
        }
    }

    /// What is to be given back of a file of which a segment of that length was made.
    fn in_place(&mut self, length: u64) -> Option<InPlace> {
        let at = 1 + self.number() % 4;
        let mark = Mark { at, length: at, sha256: self.digest() };
        let give = match self.number() % 3 {
            0 => None,
            1 => Some(Give::Collapse { length: at, head: self.digest() }),
            _ => Some(Give::Punch { length: at }),
        };
        let behind = Gap { at: u64::MAX - 4000 + self.number() % 1000, length: self.number() % 1000 };
        let gap = self.is().then_some(behind);
        (self.is() && length >= 10).then_some(InPlace { mark, give, gap })
    }
}
