//! All integration tests in one binary: it links once.
//!
//! They drive the real `logferry` binary, in directories of their own, against real parts: an S3 server on loopback, a
//! directory, a writer that keeps Upstart's contract.

#![expect(clippy::print_stdout, reason = "tests tell what they tried")]

#[path = "support/s3_server.rs"]
mod s3_server;
#[path = "support/stream.rs"]
mod stream;
mod support;

mod attacks;
mod bandwidth;
mod cat;
mod check;
mod ci;
pub(crate) mod closed;
mod conformance;
mod crashes;
mod damage;
mod disk;
mod doubts;
mod draining;
mod engine;
mod every_call;
mod faults;
mod fetch;
mod find;
mod fleet;
mod flush;
mod formats;
mod golden;
mod grep;
mod guides;
mod help;
mod holds;
mod house;
mod install;
mod instance;
mod keep;
mod lifecycle;
mod limits;
mod logrotate;
mod looks;
mod measuring;
mod names;
mod notices;
mod objects;
mod package;
mod parsers;
mod power_loss;
mod reading;
mod recovery;
mod refusals;
mod rotation;
mod see;
mod store_faults;
mod verify;
mod writers;
