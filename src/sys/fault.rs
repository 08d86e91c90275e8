//! Named points between the durable steps of a run, at which tests kill it or hold it up.
//!
//! Promise: every step after which the disk tells another story than before has a point behind it, and every point is
//! in [`Point::ALL`]; the test that walks that list fails at a point that no run ever reaches. Without the feature
//! `fault-points`, which only tests switch on, [`reached`] is empty; in an optimised build it always is.
//!
//! With it, the environment decides:
//!
//! | variable | meaning |
//! | --- | --- |
//! | `LOGFERRY_FAULT=kill@NAME#COUNT` | SIGKILL to this process when the point is reached for the COUNT-th time |
//! | `LOGFERRY_FAULT=stop@NAME#COUNT` | SIGSTOP there: who sends SIGCONT lets it go on |
//! | `LOGFERRY_FAULT_TRACE=FILE` | the name of each point that is reached, a line each |

macro_rules! points {
    ($($(#[$doc:meta])* $point:ident = $name:literal,)*) => {
        /// A point between two durable steps.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Point {
            $($(#[$doc])* $point,)*
        }

        impl Point {
            /// All points, in the order in which a run comes to them.
            pub const ALL: &[Self] = &[$(Self::$point,)*];

            /// The name that tests use.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$point => $name,)*
                }
            }
        }
    };
}

points! {
    // Any file that is written under a temporary name (sys/dir.rs).
    /// A temporary file was made.
    TemporaryMade = "temporary-made",
    /// It was written, and is not durable.
    TemporaryWritten = "temporary-written",
    /// It is durable, under its temporary name.
    TemporaryDurable = "temporary-durable",
    /// It has its name, which is not durable.
    TemporaryRenamed = "temporary-renamed",

    // Installing (install/edit.rs).
    /// A change to the host was made.
    EditMade = "edit-made",

    // A last flush (ec2/lifecycle/).
    /// It is noted that the machine goes.
    EndNoted = "end-noted",
    /// It is noted that the command before the last flush begins; it has not begun.
    BeforeNoted = "before-noted",
    /// It is noted which process that command is.
    BeforeBegun = "before-begun",
    /// The command before the last flush has ended.
    BeforeEnded = "before-ended",
    /// It is noted that the hook waits.
    HookWaits = "hook-waits",
    /// The last flush has ended; what is left is about to be looked at.
    LastFlushEnded = "last-flush-ended",
    /// The hook was told what came of the last flush; that is not noted.
    HookTold = "hook-told",
    /// That is noted.
    HookToldNoted = "hook-told-noted",
    /// It is forgotten that the machine was to go.
    EndForgotten = "end-forgotten",

    // What runs came to (spool/history.rs, spool/looks.rs, report/textfile.rs).
    /// It is noted that a command has begun.
    BeginNoted = "begin-noted",
    /// It is noted how it ended.
    EndNotedOfRun = "run-end-noted",
    /// When logs were last seen to hold nothing new is noted.
    LooksNoted = "looks-noted",
    /// The metrics are written.
    MetricsWritten = "metrics-written",

    // Recovery (spool/recovery.rs, rotate/leftovers.rs).
    /// A file of the state directory that makes no sense was moved away.
    PutAside = "put-aside",
    /// A number that must not be used again was noted.
    GapNoted = "gap-noted",
    /// A sealed segment became a part again, since the record of its seal was lost.
    SealUndone = "seal-undone",
    /// The part of an interrupted run was cut behind its last whole block.
    PartCut = "part-cut",
    /// What may be missing behind a segment can't be found any more.
    DoubtConfirmed = "doubt-confirmed",
    /// A claimed file that holds less than its part was unlinked.
    ShorterUnlinked = "shorter-unlinked",
    /// A part was removed, its record not yet.
    PartDiscarded = "part-discarded",
    /// A record was removed.
    RecordDiscarded = "record-discarded",

    // Taking a log (rotate/).
    /// The logs were discovered.
    Discovered = "discovered",
    /// A log was opened; its record is about to be written.
    Opened = "opened",
    /// How much of a file is taken that its stream goes on from is noted.
    EarlierNoted = "earlier-noted",
    /// It is noted that such a file is not looked for any more.
    EarlierOver = "earlier-over",
    /// Such a file was forgotten, not durably.
    EarlierForgotten = "earlier-forgotten",
    /// The record of a slice is durable.
    SliceBegun = "slice-begun",
    /// A slice is copied, and not sealed.
    SliceCopied = "slice-copied",
    /// The records of a batch are durable.
    RecordsDurable = "records-durable",
    /// Something has the claimed name; whether it is the log is not known yet.
    Renamed = "renamed",
    /// A log has its claimed name.
    Claimed = "claimed",
    /// The claims of a batch are durable.
    ClaimsDurable = "claims-durable",
    /// A log that someone else had emptied got its name back.
    GivenBack = "given-back",
    /// A part was made.
    PartMade = "part-made",
    /// A log is copied, the copy not durable.
    Copied = "copied",
    /// A log's copy is durable, its name not.
    CopyDurable = "copy-durable",
    /// The copies of a batch and their names are durable.
    CopiesDurable = "copies-durable",
    /// What was written meanwhile is durable; the log is about to be unlinked.
    ToppedUp = "topped-up",
    /// The claimed name stands for the log; it is about to be unlinked.
    BeforeUnlink = "before-unlink",
    /// A log was unlinked.
    Unlinked = "unlinked",
    /// What was in flight at the unlink was read.
    InFlightRead = "in-flight-read",
    /// The unlinks of a batch are durable.
    UnlinksDurable = "unlinks-durable",

    // Telling readers (spool/notices.rs).
    /// What a log's next segment is to tell is durable.
    NoticeNoted = "notice-noted",
    /// It was told by a segment that is sealed, and is forgotten.
    NoticeTold = "notice-told",

    // Asking writers (rotate/asks.rs).
    /// The writers of a batch were asked to let go.
    WritersAsked = "writers-asked",
    /// A writer has let go, and all of its log is copied.
    ReleaseSeen = "release-seen",
    /// A claimed file whose segment is sealed was unlinked.
    TakenUnlinked = "taken-unlinked",
    /// That it was unlinked is durable.
    TakenUnlinkDurable = "taken-unlink-durable",

    // Sealing (rotate/drain.rs, spool/part.rs, spool/mod.rs).
    /// A log is drained, its segment about to be sealed.
    Drained = "drained",
    /// The part has its trailer, not durable.
    MemberEnded = "member-ended",
    /// The part is whole and durable.
    MemberDurable = "member-durable",
    /// The record says that the segment is sealed.
    SealRecorded = "seal-recorded",
    /// The inode that a writer may still hold was noted, not durable.
    HeldNoted = "held-noted",
    /// The inode that a writer may still hold is noted.
    HeldDurable = "held-durable",
    /// The part has its final name, not durable.
    SealRenamed = "seal-renamed",
    /// The segment is sealed.
    Sealed = "sealed",
    /// An inode that was held was forgotten.
    LetGo = "let-go",

    // Giving back the space of a log that stays in its place (rotate/holds.rs).
    /// What was copied of a log is durable in the log too: its end won't be less after a power loss.
    LogDurable = "log-durable",
    /// What is given back was changed, since the file system works in larger units.
    PlannedAnew = "planned-anew",
    /// A segment is sealed; the head of its log is about to be given back.
    HeadGoing = "head-going",
    /// The head of a log was given back.
    HeadGone = "head-gone",
    /// It is noted, for this boot, that the head of a log went to its end.
    GivenNoted = "given-noted",

    // Shipping (ship.rs, store/).
    /// A segment is about to be put.
    BeforePut = "before-put",
    /// The store has made an upload in parts, and nobody knows yet.
    UploadMade = "upload-made",
    /// The upload is noted.
    UploadNoted = "upload-noted",
    /// A part of it was sent.
    UploadPartSent = "upload-part-sent",
    /// All parts were sent; the object is not there yet.
    UploadSent = "upload-sent",
    /// The object is there; the note of its upload is too.
    UploadCompleted = "upload-completed",
    /// The parts of an upload that was cut short were removed from the store.
    UploadAbandoned = "upload-abandoned",
    /// In a directory: the object's body is durable, under a hidden name.
    BodyWritten = "body-written",
    /// In a directory: the metadata are there.
    MetadataPut = "metadata-put",
    /// In a directory: the object has its name.
    ObjectLinked = "object-linked",
    /// In a directory: the hidden names are gone.
    HiddenCleared = "hidden-cleared",
    /// The store has confirmed a segment.
    AfterPut = "after-put",
    /// The spool knows that it has.
    MarkedShipped = "marked-shipped",

    // Dropping (spool/mod.rs).
    /// The marks of what was shipped are durable.
    MarksDurable = "marks-durable",
    /// A segment that stays has its name among those that are kept, not durable.
    Kept = "kept",
    /// The names of those that are kept are durable.
    KeptDurable = "kept-durable",
    /// A stream has the record of its last segment.
    RecordKept = "record-kept",
    /// The streams' records are durable.
    StreamsDurable = "streams-durable",
    /// A shipped segment was removed.
    Dropped = "dropped",
    /// A segment that was kept long enough was removed.
    KeptRemoved = "kept-removed",

    // Fetching objects into a directory (archive/fetch.rs).
    /// An object is there, verified and durable, under a hidden name.
    FetchedWhole = "fetched-whole",
    /// It has its name, which is not durable.
    FetchedNamed = "fetched-named",
}

impl Point {
    /// Whether it is a run that comes to it, and neither an installation, a fetch, nor what is around a last flush.
    pub fn is_of_a_run(self) -> bool {
        self != Self::EditMade && !Self::OF_A_LAST_FLUSH.contains(&self) && !Self::OF_A_FETCH.contains(&self)
    }

    /// What only `logferry fetch` comes to.
    pub const OF_A_FETCH: &[Self] = &[Self::FetchedWhole, Self::FetchedNamed];

    /// What only `logferry lifecycle` comes to.
    pub const OF_A_LAST_FLUSH: &[Self] = &[
        Self::EndNoted,
        Self::BeforeNoted,
        Self::BeforeBegun,
        Self::BeforeEnded,
        Self::HookWaits,
        Self::LastFlushEnded,
        Self::HookTold,
        Self::HookToldNoted,
        Self::EndForgotten,
    ];
}

/// Says that a run has come to a point.
#[cfg(not(all(feature = "fault-points", debug_assertions)))]
#[inline(always)]
pub fn reached(_point: Point) {}

#[cfg(all(feature = "fault-points", debug_assertions))]
pub use ordered::reached;

#[cfg(all(feature = "fault-points", debug_assertions))]
mod ordered {
    use std::fs::File;
    use std::io::Write;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    use nix::sys::signal::{Signal, raise};

    use super::Point;

    /// What the environment has ordered.
    struct Orders {
        fault: Option<Fault>,
        trace: Option<File>,
    }

    struct Fault {
        signal: Signal,
        name: String,
        count: u32,
    }

    impl Fault {
        fn parse(order: &str) -> Option<Self> {
            let (what, place) = order.split_once('@')?;
            let (name, count) = place.split_once('#').unwrap_or((place, "1"));
            let signal = match what {
                "kill" => Signal::SIGKILL,
                "stop" => Signal::SIGSTOP,
                _ => return None,
            };
            let known = Point::ALL.iter().any(|point| point.name() == name);
            known.then_some(Self { signal, name: name.to_owned(), count: count.parse().ok()? })
        }
    }

    fn orders() -> &'static Orders {
        static ORDERS: OnceLock<Orders> = OnceLock::new();
        ORDERS.get_or_init(|| {
            // A test that misspells its order must not pass as one at whose point nothing happens.
            let fault = std::env::var("LOGFERRY_FAULT").ok();
            let fault = fault.map(|order| Fault::parse(&order).unwrap_or_else(|| panic!("LOGFERRY_FAULT={order}")));
            let open = |path| File::options().append(true).create(true).open(path).expect("LOGFERRY_FAULT_TRACE");
            Orders { fault, trace: std::env::var_os("LOGFERRY_FAULT_TRACE").map(open) }
        })
    }

    /// Says that a run has come to a point.
    pub fn reached(point: Point) {
        static TIMES: AtomicU32 = AtomicU32::new(0);
        let Orders { fault, trace } = orders();
        if let Some(mut trace) = trace.as_ref() {
            // In one write: several threads may come to a point at once.
            trace.write_all(format!("{}\n", point.name()).as_bytes()).expect("LOGFERRY_FAULT_TRACE");
        }
        let Some(fault) = fault.as_ref().filter(|fault| fault.name == point.name()) else { return };
        if TIMES.fetch_add(1, Ordering::SeqCst) + 1 == fault.count {
            raise(fault.signal).expect("a signal to ourselves");
        }
    }
}
