//! The machine: directories and files by descriptor, leases, locks, clocks, `/proc`, signals.
//!
//! The only modules that import the syscall crates, and the only ones that may hold `unsafe` code. Each call that
//! fails says what was being done, to which path, and why ([`failure::Failure`]).

pub mod cache;
pub mod clock;
pub mod collapse;
pub mod command;
pub mod dir;
pub mod errand;
pub mod failure;
pub mod fault;
pub mod file;
pub mod filesystem;
pub mod hearing;
pub mod holes;
pub mod host;
pub mod journal;
pub mod lease;
pub mod lock;
pub mod mappings;
mod named;
pub mod pattern;
pub mod pipe;
pub mod priority;
pub mod process;
pub mod procfs;
pub mod random;
pub mod readers;
mod rename;
pub mod rights;
pub mod signals;
pub mod stdio;
pub mod terminal;
pub mod turns;
pub mod walk;
