//! The page cache: which pages of a file are in it, and letting go of some.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr;

/// The size of a page, in bytes.
pub fn page_size() -> u64 {
    // SAFETY: it takes and returns numbers only.
    #[allow(unsafe_code)]
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(size).unwrap_or(4096).max(1)
}

/// Which pages of a file are in the cache, from a byte on at which a page begins, for so many bytes. Nothing is read for
/// that (`mincore(2)`). To one who may not write to the file, the kernel says that all are.
///
/// # Errors
/// Where the file can't be mapped, as that of some file systems can't.
#[allow(unsafe_code)] // nix has no mincore
pub fn resident(file: &File, offset: u64, length: u64) -> io::Result<Vec<bool>> {
    let size = usize::try_from(length).map_err(io::Error::other)?;
    let from = libc::off_t::try_from(offset).map_err(io::Error::other)?;
    let mut pages = vec![0_u8; usize::try_from(length.div_ceil(page_size())).map_err(io::Error::other)?];
    if pages.is_empty() {
        return Ok(Vec::new());
    }
    // SAFETY: a new mapping at a place of the kernel's choice, of which no byte is ever touched, so that it does not matter
    // what becomes of the file; `pages` has an element for each of its pages; it is unmapped before anyone else knows of it.
    let looked = unsafe {
        let map = libc::mmap(ptr::null_mut(), size, libc::PROT_NONE, libc::MAP_SHARED, file.as_raw_fd(), from);
        if map == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let looked = match libc::mincore(map, size, pages.as_mut_ptr()) {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        };
        libc::munmap(map, size);
        looked
    };
    looked.map(|()| pages.into_iter().map(|page| page & 1 == 1).collect())
}

/// Tells the kernel that a file is read from its start to its end: it reads further ahead then.
pub fn read_on(file: &File) {
    advise(file, 0, 0, libc::POSIX_FADV_SEQUENTIAL);
}

/// Lets the kernel take the pages of a range out of the cache, those that are written to disk and wholly in it; a length of
/// 0 is all up to the end. It is no more than advice: where it is not taken, nothing is lost.
pub fn forget(file: &File, offset: u64, length: u64) {
    advise(file, offset, length, libc::POSIX_FADV_DONTNEED);
}

#[allow(unsafe_code)] // nix's feature for it would be one more for one call
fn advise(file: &File, offset: u64, length: u64, advice: libc::c_int) {
    let (Ok(offset), Ok(length)) = (libc::off_t::try_from(offset), libc::off_t::try_from(length)) else { return };
    // SAFETY: it takes a descriptor that is open as long as `file` is borrowed, and numbers.
    let refused = unsafe { libc::posix_fadvise(file.as_raw_fd(), offset, length, advice) };
    if refused != 0 {
        log::debug!("advice on the page cache was refused: {}", io::Error::from_raw_os_error(refused));
    }
}
