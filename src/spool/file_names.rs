//! The names of a segment's files: what state it is in is its extension.

use crate::model::segment::SegmentName;

pub(super) fn record_file(name: SegmentName) -> String {
    format!("{name}.json")
}

pub(super) fn part_file(name: SegmentName) -> String {
    format!("{name}.part")
}

pub(super) fn sealed_file(name: SegmentName) -> String {
    format!("{name}.gz")
}

pub(super) fn upload_file(name: SegmentName) -> String {
    format!("{name}.upload")
}

pub(super) fn shipped_file(name: SegmentName) -> String {
    format!("{name}.shipped")
}
