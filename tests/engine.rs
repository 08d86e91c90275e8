//! The engine: threads, memory, the page cache, and what goes on at the same time.

mod cache;
mod memory;
mod threads;
