//! Objects that have the name of a segment and are where no command reads any: below an empty part of a path (`dt=2026-11-21//web_…`),
//! as consoles make them, and tools to which a directory was given with a slash too many.

use super::Evidence;
use crate::model::key::Leaf;
use crate::model::proof::laws::Stream;
use crate::model::proof::{Finding, Kind};

impl Evidence {
    /// What is told of them: a copy is doubled, as copies are in other wrong places; what is nowhere else is not read.
    pub fn misplaced(&self, streams: &[Stream<'_>]) -> Vec<Finding> {
        let there = self.selection.misplaced.iter().filter(|(leaf, _)| self.window.holds(leaf));
        there.map(|(leaf, name)| finding(leaf, name, is_copy(leaf, streams))).collect()
    }
}

/// Whether the segment that it is named after is in its right place, too.
fn is_copy(leaf: &Leaf, streams: &[Stream<'_>]) -> bool {
    let is_it = |stream: &&Stream<'_>| {
        (stream.service, stream.instance, stream.id) == (&leaf.service, &leaf.instance, leaf.stream)
    };
    streams.iter().filter(is_it).flat_map(|stream| &stream.segments).any(|seen| seen.leaf() == leaf)
}

fn finding(leaf: &Leaf, name: &str, is_copy: bool) -> Finding {
    let Leaf { service, instance, stream, seq, first, last, .. } = leaf;
    let (kind, what, hint) = match is_copy {
        true => (
            Kind::Doubled,
            format!("the same object is there once more, where no command reads it: {name}"),
            "remove the copy: a part of its path is empty (//), as after a copy to a directory with a slash too many",
        ),
        false => (
            Kind::Unread,
            "it is where no command reads it, and nowhere else: a part of its path is empty (//)".to_owned(),
            "move it to the directory of its day, without the second slash",
        ),
    };
    let what = format!("{service} on {instance}, stream {stream}: number {}: {what}", seq.0);
    Finding {
        service: Some(service.clone()),
        instance: Some(instance.clone()),
        stream: Some(*stream),
        numbers: Some((*seq, *seq)),
        between: Some((*first, *last)),
        key: Some(name.to_owned()),
        ..Finding::new(kind, what).hint(hint)
    }
}
