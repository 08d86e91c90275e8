//! Whether what we print goes to the system's journal.

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

/// Whether a stream, standard error or output, is connected to the journal: then `JOURNAL_STREAM` holds its device and inode, decimal, with a
/// colon in between (systemd.exec(5), "Environment Variables Set or Propagated by the Service Manager"). The variable is
/// inherited by processes whose streams go elsewhere, so that the numbers are compared.
pub fn is_read_from(stream: impl AsFd) -> bool {
    let Some((dev, ino)) = std::env::var("JOURNAL_STREAM").ok().as_deref().and_then(parse) else { return false };
    let stream = stream.as_fd().try_clone_to_owned().map(File::from);
    stream.and_then(|file| file.metadata()).is_ok_and(|is| (is.dev(), is.ino()) == (dev, ino))
}

fn parse(text: &str) -> Option<(u64, u64)> {
    let (dev, ino) = text.split_once(':')?;
    Some((dev.parse().ok()?, ino.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_two_numbers_are_a_stream() {
        assert_eq!(parse("8:26314"), Some((8, 26_314)));
        for text in ["", "8", "8:", ":3", "8:3:1", "-8:3", "a:b"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
