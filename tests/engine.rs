//! The engine: threads, memory, the page cache, and what goes on at the same time.

mod alongside;
mod cache;
mod idle;
mod memory;
mod threads;

use crate::support::Sandbox;

/// The bytes of the objects in a sandbox's store, sorted.
fn objects(sandbox: &Sandbox) -> Vec<Vec<u8>> {
    let files = sandbox
        .files("store")
        .into_iter()
        .filter(|path| path.extension().is_some_and(|end| end == "gz" || end == "zst"));
    let mut objects: Vec<_> = files.map(|path| std::fs::read(path).expect("an object")).collect();
    objects.sort();
    objects
}
