//! The parsers of logferry, compiled apart from the rest, and the laws that the fuzz targets hold them to.
//!
//! The sources are those of the main package; this crate has the name that the library has there.

extern crate self as logferry;

#[path = "../../src"]
mod inside {
    pub mod config;
    pub mod gzip;
    pub mod model;
    pub mod spool;
    pub mod sys;
}

#[path = "../parsers"]
mod shared {
    pub mod choices;
    pub mod laws;
}

pub use inside::*;
pub use shared::{choices, laws};
