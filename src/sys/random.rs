//! Random bytes that nobody can guess.

use std::fs::File;
use std::io::Read;

use super::failure::{Context, Result};

/// That many bytes from the kernel.
///
/// # Errors
/// Where `/dev/urandom` can't be read.
pub fn bytes<const N: usize>() -> Result<[u8; N]> {
    const SOURCE: &str = "/dev/urandom";
    let mut bytes = [0; N];
    File::open(SOURCE).and_then(|mut file| file.read_exact(&mut bytes)).doing("read", SOURCE)?;
    Ok(bytes)
}
