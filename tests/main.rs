//! All integration tests in one binary: it links once.
//!
//! They drive the real `logferry` binary, in directories of their own, against real parts: an S3 server on loopback, a
//! directory, a writer that keeps Upstart's contract.

#[allow(dead_code, reason = "the programs beside the tests use the rest")]
#[path = "support/s3_server.rs"]
mod s3_server;
#[path = "support/stream.rs"]
mod stream;
mod support;

mod conformance;
mod faults;
mod house;
mod names;
mod refusals;
mod rotation;
