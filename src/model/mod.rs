//! What logferry talks about, without I/O, clock or environment: names, keys, records, schedules.
//!
//! Everything here is a value that can be checked and printed. A text that would be dangerous in the wrong place (a
//! service name, an object key, a path in a record) has a type of its own, so that the compiler keeps them apart.

pub mod backoff;
pub mod destination;
pub mod digest;
pub mod doubt;
pub mod facts;
pub mod family;
pub mod fate;
pub mod finding;
pub mod format;
pub mod gap;
pub mod group;
pub mod history;
pub mod in_place;
pub mod keep;
pub mod key;
pub mod lag;
pub mod left;
pub mod looks;
pub mod metadata;
pub mod meter;
pub mod names;
pub mod notice;
pub mod path_text;
pub mod plan;
pub mod printable;
pub mod priority;
pub mod probe;
pub mod problem;
pub mod proof;
pub mod rate;
pub mod s3_options;
pub mod segment;
pub mod size;
pub mod splay;
pub mod time;
pub mod timetable;
pub mod way;
pub mod when;
