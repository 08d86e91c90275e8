//! logferry moves service logs from a machine to a store, once an hour, without losing or doubling a byte.
//!
//! The library is the inside of the `logferry` command: its tests, benchmarks and fuzz targets use it; its interface
//! may change with any release. Dependencies point down only:
//!
//! ```text
//! main -> cmd -> check -> {rotate, ship, ec2, install, archive, report} -> {gzip, unpack, spool, store} -> sys -> model
//! ```

pub mod archive;
pub mod check;
pub mod cli;
pub mod cmd;
pub mod config;
pub mod ec2;
pub mod exit;
pub mod gzip;
pub mod install;
pub mod model;
pub mod report;
pub mod rotate;
pub mod ship;
pub mod spool;
pub mod store;
pub mod sys;
pub mod unpack;
