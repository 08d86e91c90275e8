//! Where segments end up: an S3 bucket and prefix, or a directory.
//!
//! What every store guarantees ([`Store`]) is written once, here, and held by one conformance suite that runs against
//! each. Failures carry what they mean ([`Kind`]): whether trying again helps, and whether other objects will fare
//! better.

mod directory;
mod retry;
pub(crate) mod s3;
mod throttle;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;

use crate::model::destination::Destination;
use crate::model::digest::Digest;
use crate::model::key::ObjectKey;
use crate::model::metadata::Metadata;
use crate::model::s3_options::S3Options;
use crate::sys::signals::Stop;
pub use throttle::Throttle;

/// A place for objects that are written once.
pub trait Store: Send + Sync {
    /// Puts an object under its key, unless there is one already.
    ///
    /// When this returns without an error, the whole object is there, durable, with its metadata, and the store has
    /// verified a checksum of what it received; nothing was overwritten. When it fails, either nothing is there under
    /// the key, or the whole object is (its answer was lost): putting it again is always right. It needs no permission
    /// but that to put.
    ///
    /// A store that is given a body in parts tells `uploads` before the first and after the last, so that parts of a
    /// put that was cut short can be removed later with [`Self::abandon`].
    ///
    /// # Errors
    /// What kept it from being put; [`Kind::Damaged`] when the body is not what its digest says, and then nothing of
    /// it is left in the store.
    fn put(&self, object: &Object<'_>, uploads: &dyn Uploads) -> Result<Put, StoreError>;

    /// Tries whether objects can be put, as [`Self::put`] would put them, with one small object of constant bytes under a
    /// key that holds no log ([`ObjectKey::of_check`]). It stays there: to put it again is answered with
    /// [`Put::AlreadyThere`], which proves as much and needs no permission but that to put.
    ///
    /// A failure is one of the attempt, and says what a put would have failed of.
    fn probe(&self, key: &ObjectKey) -> Probe;

    /// Removes the parts of an upload that was cut short. An upload that the store doesn't know is no error.
    ///
    /// # Errors
    /// What kept them from being removed.
    fn abandon(&self, key: &ObjectKey, upload: &str) -> Result<(), StoreError>;

    /// Shows `each` object whose key begins with `prefix`, in the order of the keys' bytes, until it breaks off.
    ///
    /// # Errors
    /// What kept the objects from being listed. With [`Kind::Local`] all was shown but what can't be read of a directory.
    fn list(&self, prefix: &str, each: &mut dyn FnMut(Listed) -> ControlFlow<()>) -> Result<(), StoreError> {
        self.list_after(prefix, "", each)
    }

    /// As [`Self::list`], but only objects whose key comes after `after` in that order; what comes before costs nothing.
    ///
    /// # Errors
    /// What kept the objects from being listed.
    fn list_after(
        &self,
        prefix: &str,
        after: &str,
        each: &mut dyn FnMut(Listed) -> ControlFlow<()>,
    ) -> Result<(), StoreError>;

    /// Shows what keys that begin with `prefix` have in common up to the next slash, and that slash (`service=web/`), each
    /// once and in order, until it breaks off. What is below costs nothing. Where the store is a directory, an empty
    /// one may be among them.
    ///
    /// # Errors
    /// What kept them from being listed.
    fn list_directories(&self, prefix: &str, each: &mut dyn FnMut(&str) -> ControlFlow<()>) -> Result<(), StoreError>;

    /// Opens an object for reading.
    ///
    /// # Errors
    /// As [`Self::open_from`].
    fn open(&self, key: &ObjectKey) -> Result<Box<dyn Read + Send + '_>, StoreError> {
        self.open_from(key, 0)
    }

    /// Opens an object for reading from this byte on. Behind its end there is nothing to read, which is no error.
    ///
    /// Where the way to the store breaks while the body is read, the read goes on by itself at the byte where it broke, as
    /// long as that gets it further: no byte comes twice, and none is left out. An error of the reader is a
    /// [`StoreError`], inside of the [`io::Error`], unless it is the system's own.
    ///
    /// # Errors
    /// What kept it from being opened; [`Kind::NoObject`] where there is none.
    fn open_from(&self, key: &ObjectKey, offset: u64) -> Result<Box<dyn Read + Send + '_>, StoreError>;

    /// What an object says of itself.
    ///
    /// # Errors
    /// What kept it from being looked at; [`Kind::NoObject`] where there is none.
    fn describe(&self, key: &ObjectKey) -> Result<Description, StoreError>;
}

/// An object to be put.
pub struct Object<'a> {
    /// Its key, under the store's prefix.
    pub key: &'a ObjectKey,
    /// Its bytes; read by offset.
    pub body: &'a File,
    /// How many they are.
    pub length: u64,
    /// Their SHA-256.
    pub sha256: Digest,
    /// What it says of itself.
    pub metadata: &'a Metadata,
}

impl Object<'_> {
    /// Bytes of the body; fewer than asked for is damage, as its length is known.
    fn read(&self, offset: u64, count: usize) -> Result<Vec<u8>, StoreError> {
        let mut bytes = vec![0; count];
        self.body.read_exact_at(&mut bytes, offset).map_err(|error| {
            let kind = if error.kind() == io::ErrorKind::UnexpectedEof { Kind::Damaged } else { Kind::Unread };
            StoreError::new("read the segment for", self.key, kind, error)
        })?;
        Ok(bytes)
    }

    fn damaged(&self) -> StoreError {
        let why = "its bytes in the spool are not those that were sealed (their SHA-256 differs)";
        StoreError::new("verify the segment for", self.key, Kind::Damaged, io::Error::other(why))
    }
}

/// What a put found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Put {
    /// The object is new.
    Created,
    /// It was there: an earlier put had come through.
    AlreadyThere,
}

/// What trying to put came to.
#[derive(Debug)]
pub struct Probe {
    /// Whether it was put.
    pub put: Result<Put, StoreError>,
    /// How far this machine's clock is ahead of the store's, in seconds; `None` where the store told no time. It may be
    /// told when the put failed, too.
    pub ahead: Option<i64>,
}

/// What the object of a check holds.
const CHECKED: &[u8] =
    b"This object was put here by `logferry check`, to see whether this machine may. It holds no log, and no \
    command reads it. It can be removed; the next check puts it here again.\n";

/// An object that a listing shows.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its key, under the store's prefix; `Err` has one that none of ours can be (`a//b`, a name that is no text): whoever
    /// lists counts it, and nothing can be done with it.
    pub key: Result<ObjectKey, String>,
    /// Its size in bytes.
    pub size: u64,
}

impl Listed {
    /// An object that a store lists under that name.
    fn new(name: &str, size: u64) -> Self {
        Self { key: ObjectKey::listed(name).ok_or_else(|| name.to_owned()), size }
    }

    /// Its key, be it one of ours or not.
    pub fn name(&self) -> &str {
        self.key.as_ref().map_or_else(String::as_str, ObjectKey::as_str)
    }
}

/// What an object says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Description {
    /// Its size in bytes.
    pub size: u64,
    /// Its metadata.
    pub metadata: BTreeMap<String, String>,
    /// Its content type, where the store keeps one.
    pub content_type: Option<String>,
}

/// Where a store notes the upload in parts that it has under way.
pub trait Uploads {
    /// An upload is about to get its first part.
    ///
    /// # Errors
    /// Where it can't be noted; the store then gives the upload up.
    fn begun(&self, upload: &str) -> io::Result<()>;

    /// So many bytes of the body were sent.
    fn sent(&self, _bytes: u64) {}

    /// It was completed or removed.
    fn ended(&self);
}

/// What a failure means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// No connection, or no answer in time.
    Unreachable,
    /// The store is overloaded or in trouble.
    Busy,
    /// Another write of the same key was under way.
    Conflict,
    /// What arrived was not what was sent.
    Corrupted,
    /// The credentials don't allow it, or there are none.
    Denied,
    /// The credentials were good once.
    Expired,
    /// This machine's clock is too far off.
    ClockSkew,
    /// There is no such bucket or directory.
    NoStore,
    /// The bucket is in another region.
    WrongRegion,
    /// There is no such object.
    NoObject,
    /// The object is in an archive, and must be restored before it can be read.
    Archived,
    /// The store doesn't know how to do it.
    NotImplemented,
    /// The store refuses this request.
    Rejected,
    /// The body is not what its digest says.
    Damaged,
    /// The body can't be read.
    Unread,
    /// The directory has no room.
    NoRoom,
    /// The directory can't be written to.
    NotWritable,
    /// This machine failed in another way: the client can't be set up, the disk is broken.
    Local,
    /// A signal asked us to stop, or the time is over.
    Stopped,
}

impl Kind {
    /// Whether it may succeed when it is tried again at once.
    fn is_passing(self) -> bool {
        matches!(self, Self::Unreachable | Self::Busy | Self::Conflict | Self::Corrupted)
    }

    /// How many objects may fail in this way, one after another, before the store counts as at fault, so that no more
    /// are tried: one where it can only be the store; none (`None`) where it can only be the object.
    pub fn objects_in_doubt(self) -> Option<u32> {
        /// Each was tried several times, or is a local matter: enough for a store in trouble.
        const FEW: u32 = 4;
        /// Rights may differ from one service's prefix to the other, and a refusal comes at the first try.
        const MANY: u32 = 32;
        match self {
            Self::Expired | Self::ClockSkew | Self::NoStore | Self::WrongRegion | Self::Stopped => Some(1),
            Self::Unreachable | Self::Busy | Self::Conflict | Self::Corrupted | Self::NotImplemented => Some(FEW),
            Self::NoRoom | Self::NotWritable | Self::Local => Some(FEW),
            Self::Denied | Self::NoObject | Self::Rejected => Some(MANY),
            Self::Damaged | Self::Unread | Self::Archived => None,
        }
    }

    /// What a person can do about it.
    pub fn hint(self) -> Option<&'static str> {
        match self {
            Self::Unreachable => Some(
                "check the network, the proxy, the endpoint (AWS_ENDPOINT_URL) and the region; a slow store may need a longer `timeout` in [s3]",
            ),
            Self::Busy => Some("the store is overloaded or in trouble: if this lasts for hours, ask who runs it"),
            Self::Conflict => {
                Some("if this comes again: is another machine at work with a copy of our state directory?")
            }
            Self::Corrupted => Some(
                "something on the way changes what is sent: if this comes again, check the network, the proxy, and \
                 this machine's memory",
            ),
            Self::Denied => Some(
                "check which credentials are in force (environment, profile, instance role) and that they allow \
                 s3:PutObject under the prefix; reading back takes s3:ListBucket and s3:GetObject",
            ),
            Self::Archived => Some(
                "its storage class is an archive (GLACIER, DEEP_ARCHIVE): restore it for some days, with aws s3api \
                 restore-object or a batch operation, and read it then",
            ),
            Self::Expired => Some(
                "the credentials have expired: get new ones; those of an instance role, or of a profile with \
                 credential_process, renew themselves",
            ),
            Self::ClockSkew => Some("set this machine's clock; run chrony or systemd-timesyncd"),
            Self::NoStore => Some(
                "create it, or mount it: what is in the spool keeps its destination. For logs still to come, correct \
                 --to, or `to` in the configuration",
            ),
            Self::WrongRegion => Some(
                "set AWS_REGION, or `region` in the profile, to the bucket's region; for a bucket that was made within \
                 the last hours, waiting is enough",
            ),
            Self::NotImplemented => {
                Some("the store doesn't know something that it is asked for: see sse, acl, tags and checksum in [s3]")
            }
            Self::Rejected => Some(
                "each run tries it again, and what comes after it goes on: see to what the store says; for a bucket, \
                 [s3] in the configuration may be why",
            ),
            Self::Damaged => Some("the copy in the spool was changed after it was sealed: check the disk"),
            Self::Unread => Some("the spool can't be read: check the disk"),
            Self::NoRoom => Some("make room on the store's file system, and see quotas and inodes (df -h, df -i)"),
            Self::NotWritable => Some(
                "the user that we run as must be allowed to write there, and the file system be mounted read-write",
            ),
            Self::Local | Self::NoObject | Self::Stopped => None,
        }
    }
}

/// A store's failure.
#[derive(Debug, thiserror::Error)]
#[error("{doing} {what}")]
pub struct StoreError {
    doing: &'static str,
    what: String,
    /// What it means.
    pub kind: Kind,
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl StoreError {
    fn new(
        doing: &'static str,
        what: impl ToString,
        kind: Kind,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { doing, what: what.to_string(), kind, source: source.into() }
    }

    /// The failure of an object whose body broke off while it was read ([`Store::open`] gives out what arrives).
    pub fn broken_off(key: &ObjectKey, error: io::Error) -> Self {
        // What the system says has a number: a disk at fault is no matter of the network.
        let kind = if error.raw_os_error().is_some() { Kind::Local } else { Kind::Unreachable };
        Self::new("read", key, kind, error)
    }
}

/// Opens a store. Nothing is sent yet: whether it is there shows at the first call.
///
/// # Errors
/// Where a directory can't be opened, or the client can't be set up.
pub fn open(to: &Destination, options: &S3Options, stop: &Stop) -> Result<Box<dyn Store>, StoreError> {
    open_throttled(to, options, &Throttle::default(), stop)
}

/// As [`open`]; the bodies of all objects that are put at once go no faster than `throttle` allows. A directory is no
/// exception: it may well be a mount over the network.
///
/// # Errors
/// As [`open`].
pub fn open_throttled(
    to: &Destination,
    options: &S3Options,
    throttle: &Throttle,
    stop: &Stop,
) -> Result<Box<dyn Store>, StoreError> {
    let (throttle, stop) = (throttle.clone(), stop.clone());
    match to {
        Destination::Directory(path) => Ok(Box::new(directory::DirectoryStore::open(path, throttle, stop)?)),
        Destination::S3 { bucket, prefix } => {
            Ok(Box::new(s3::S3Store::open(bucket.clone(), prefix.clone(), options.clone(), throttle, stop)?))
        }
    }
}
