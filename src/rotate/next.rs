//! The segment that comes next in the stream of a log.

use std::path::{Path, PathBuf};

use super::Rotation;
use super::known::Start;
use crate::config::{ServiceTemplate, Values};
use crate::model::facts::Facts;
use crate::model::key::KeyDirectory;
use crate::model::looks;
use crate::model::names::{Instance, Seq, Service, StreamId};
use crate::model::notice::Notice;
use crate::model::segment::{ClaimedName, Identity, Segment, SegmentName, Source, StreamOwner, Taken};
use crate::model::time::Moment;
use crate::model::way::Way;
use crate::sys::failure::Result;
use crate::sys::{clock, host, random};

/// What a segment begins with.
pub(super) struct Beginning {
    pub(super) path: PathBuf,
    pub(super) service: Service,
    /// The name that the log is to be claimed under; none where it stays in its place.
    pub(super) claimed: Option<ClaimedName>,
    pub(super) file: Identity,
    /// When that was last changed, as far as is known by now.
    pub(super) modified: Moment,
    pub(super) start: Start,
    pub(super) directory: Identity,
    pub(super) way: Way,
}

impl Rotation<'_> {
    /// What a log is about, as the set says that names it.
    pub(super) fn service_of(&self, path: &Path) -> Service {
        let set = self.settings.set_of(path);
        set.map_or_else(ServiceTemplate::default, |set| set.service.clone()).service(path)
    }

    /// The segment that comes next in the stream of a log.
    pub(super) fn next_segment(&mut self, begin: Beginning) -> Result<Segment> {
        let Beginning { path, service, claimed, file, modified, start, directory, way } = begin;
        let (instance, to) = (self.instance.clone(), self.settings.to.clone());
        let owner = StreamOwner { path, service, instance, to };
        let head = self.spool.head(&owner)?;
        if let Some(last) = self.spool.newest(&owner)? {
            self.remember_before(&last, file)?;
        }
        let now = clock::now();
        let name = match head {
            Some(head) => head.name,
            None => self.new_stream()?,
        };
        let StreamOwner { path, service, instance, to } = owner;
        let first = start.first.or(file.born).or(head.map(|head| head.last_claim)).unwrap_or(now);
        let first = self.not_before_look(first, file, start.from, modified);
        let taken = if claimed.is_some() { Taken::Away } else { Taken::InPlace };
        let host = host::name().to_string_lossy().into_owned();
        let key_directory = self.key_directory(&service, &instance, &host, first);
        let segment = Segment {
            name,
            path,
            claimed,
            service,
            instance,
            host,
            to,
            key_directory,
            offset: head.map_or(0, |head| head.offset),
            previous: head.and_then(|head| head.previous),
            source: Source { file, from: start.from },
            directory,
            claimed_at: now,
            first,
            way,
            taken,
            format: self.settings.format,
            notice: Notice::default(),
        };
        Ok(self.spool.with_notice(segment, head.as_ref()))
    }

    /// When the first byte of a segment can have been written at the earliest: not before the last look at its file, where nothing
    /// stood there then.
    pub(super) fn not_before_look(&mut self, first: Moment, file: Identity, from: u64, modified: Moment) -> Moment {
        looks::not_before(first, self.spool.look_before(&file, from), modified, clock::now())
    }

    /// The directory part of a segment's key, as the layout has it now.
    pub(super) fn key_directory(
        &self,
        service: &Service,
        instance: &Instance,
        host: &str,
        first: Moment,
    ) -> Option<KeyDirectory> {
        // What is known of this machine says nothing of another one, whose log this was before an image was made of it.
        let nothing = Facts::default();
        let facts = if *instance == self.instance { &self.machine } else { &nothing };
        self.settings.layout.directory(&Values { service, first, instance, host, facts })
    }

    /// The first segment of a stream that no other log has: among thousands of logs two may well draw the same name.
    fn new_stream(&self) -> Result<SegmentName> {
        loop {
            let name = SegmentName { stream: StreamId::from_random(random::bytes()?), seq: Seq::FIRST };
            if self.spool.is_free(name)? {
                return Ok(name);
            }
        }
    }
}
