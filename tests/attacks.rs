//! Hostile local users: logferry runs as root over directories that services may write to.
//!
//! Whatever such a user puts in the place of a log, of its claimed name or of a directory on the way, and whenever he
//! does it: nothing outside of the log directory is read, shipped, renamed, unlinked, created or changed, nothing blocks,
//! what is refused is named, and the other logs ship.

mod holds;
mod points;
mod racing;
mod scene;
mod state;
