//! The page cache: what a run reads once does not stay in it, and what others use does.

use std::fs::File;
use std::path::Path;

use logferry::sys::cache;

use crate::support::{Sandbox, noise};

const MIB: u64 = 1024 * 1024;

/// How many pages of a range are in the cache, and how many there are.
fn resident(log: &File, from: u64, to: u64) -> (usize, usize) {
    let pages = cache::resident(log, from, to - from).expect("the kernel says it");
    (pages.iter().filter(|page| **page).count(), pages.len())
}

/// A sandbox on a disk: in memory, all pages of a file are all there is of it.
fn on_disk() -> Sandbox {
    Sandbox::below(Path::new(env!("CARGO_TARGET_TMPDIR")))
}

#[test]
fn pages_that_were_cold_go_again_and_those_in_use_stay() {
    let sandbox = on_disk();
    // It stays in its place, and its first 20 MiB are taken.
    sandbox.config_file(&format!(
        "threads = 2\n[[logs]]\npaths = \"{}\"\nmax_bytes_per_run = \"20MiB\"\n",
        sandbox.path("log").display()
    ));
    let path = sandbox.write_log("web.log", noise(24 * 1024 * 1024));
    let log = File::open(path).expect("a log");
    log.sync_all().expect("a disk");
    cache::forget(&log, 0, 0);
    assert_eq!(resident(&log, 0, 24 * MIB).0, 0, "it is all cold");
    // What someone reads all the time, in the midst of it.
    let mut hot = vec![0; usize::try_from(2 * MIB).expect("a size")];
    std::os::unix::fs::FileExt::read_exact_at(&log, &mut hot, 10 * MIB).expect("its bytes");
    sandbox.run(["run"]).expect(0);
    let (stayed, all) = resident(&log, 10 * MIB, 12 * MIB);
    // The kernel itself may take one here or there meanwhile, as its DAMON does of what is not read again within a second.
    assert!(stayed * 20 >= all * 19, "of {all} pages that were in the cache, {stayed} have stayed");
    for (from, to) in [(0, 9), (14, 19)] {
        let (left, of) = resident(&log, from * MIB, to * MIB);
        // A page here or there may have been on its way.
        assert!(left * 50 < of, "{left} of {of} cold pages are left between MiB {from} and {to}");
    }
}
