//! Files that say themselves who wrote them, and whether they were changed since.
//!
//! The first line holds the SHA-256 of all lines below it. So nothing has to be recorded elsewhere, and anyone can see
//! for himself: `tail -n +2 FILE | sha256sum`.

use crate::model::digest::Digest;

/// What the first line of such a file begins with. `#` begins a comment for cron, systemd, logrotate and TOML.
const MARK: &str = "# Written by \"logferry install\"; the SHA-256 of all below this line is ";

/// Whose a file is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signed {
    /// We wrote it, and it is as we wrote it.
    Ours,
    /// We wrote it, and someone has changed it since.
    Edited,
    /// Someone else wrote it.
    Foreign,
}

impl Signed {
    /// Whose the file with that content is.
    pub fn read(bytes: &[u8]) -> Self {
        let end = memchr::memchr(b'\n', bytes).unwrap_or(bytes.len());
        let (first, rest) = (&bytes[..end], bytes.get(end + 1..).unwrap_or_default());
        let said = std::str::from_utf8(first).ok().and_then(|line| Digest::parse(line.strip_prefix(MARK)?));
        match said {
            Some(digest) if digest == Digest::of(rest) => Self::Ours,
            _ if memchr::memmem::find(bytes, MARK.as_bytes()).is_some() => Self::Edited,
            _ => Self::Foreign,
        }
    }
}

/// A file with that content, signed.
pub fn sign(text: impl AsRef<[u8]>) -> Vec<u8> {
    let text = text.as_ref();
    [format!("{MARK}{}\n", Digest::of(text)).as_bytes(), text].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_signed_is_ours_until_a_byte_changes() {
        let signed = sign("# why\n\nline\n");
        assert_eq!(Signed::read(&signed), Signed::Ours);
        for at in MARK.len()..signed.len() {
            let mut changed = signed.clone();
            changed[at] ^= 1;
            assert_eq!(Signed::read(&changed), Signed::Edited, "byte {at}");
        }
        assert_eq!(Signed::read(&signed[..signed.len() - 1]), Signed::Edited);
        assert_eq!(Signed::read(&[b"# mine\n", &signed[..]].concat()), Signed::Edited);
    }

    #[test]
    fn what_others_wrote_is_foreign() {
        for text in ["", "\n", "# Written by hand\n", "/var/log/x.log { daily }\n"] {
            assert_eq!(Signed::read(text.as_bytes()), Signed::Foreign, "{text}");
        }
    }
}
