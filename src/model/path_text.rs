//! Bytes that need not be text, written as text: paths and service names in records, metadata and keys.
//!
//! Everything outside of printable ASCII, and the percent sign itself, becomes `%XX`. Ordinary names read as they are;
//! every byte sequence comes back exactly.

use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, percent_encode};

/// What is escaped in a record: whatever is not printable ASCII, and `%`.
const IN_RECORDS: &AsciiSet = &CONTROLS.add(b'%');

/// `path` as printable ASCII that [`from_text`] reads back exactly.
pub fn to_text(path: &Path) -> String {
    percent_encode(path.as_os_str().as_bytes(), IN_RECORDS).to_string()
}

/// `path` as one word of a command for a shell (POSIX's `sh`), which can be shown and copied: printable, and without a percent
/// sign for anything but itself.
pub fn to_shell(path: &Path) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._+-,:@%=".contains(byte);
    match path.as_os_str().as_bytes() {
        bytes if !bytes.is_empty() && bytes.iter().all(plain) => bytes.iter().copied().map(char::from).collect(),
        bytes if bytes.iter().all(|byte| (0x20..0x7f).contains(byte)) => {
            format!("'{}'", String::from_utf8_lossy(bytes).replace('\'', "'\\''"))
        }
        bytes => {
            // `printf(1)` of every shell knows octal numbers.
            let octal: String = bytes.iter().map(|byte| format!("\\{byte:03o}")).collect();
            format!("\"$(printf '{octal}')\"")
        }
    }
}

/// The path that [`to_text`] wrote.
pub fn from_text(text: &str) -> PathBuf {
    let bytes: Vec<u8> = percent_decode_str(text).collect();
    PathBuf::from(std::ffi::OsString::from_vec(bytes))
}

/// `name` with each byte that `keep` refuses as `%XX`.
pub fn escape(name: &OsStr, keep: impl Fn(u8) -> bool) -> String {
    let mut text = String::with_capacity(name.len());
    for &byte in name.as_bytes() {
        if keep(byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// For serde's `with`: a path as such text.
pub mod serde_path {
    use super::{Path, PathBuf, from_text, to_text};
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes the path as escaped text.
    pub fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&to_text(path))
    }

    /// Reads the path from escaped text.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
        String::deserialize(deserializer).map(|text| from_text(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_come_back() {
        let every: Vec<u8> = (1..=255).collect();
        let path = PathBuf::from(std::ffi::OsString::from_vec(every));
        let text = to_text(&path);
        assert!(text.bytes().all(|b| (0x20..0x7f).contains(&b)), "{text}");
        assert_eq!(from_text(&text), path);
    }

    #[test]
    fn a_shell_reads_the_very_path() {
        let script = |path: &Path| format!("printf %s {}", to_shell(path));
        for name in [&b"/a b/25%b"[..], b"/it's \"$HOME\" `x` \\n", b"/\xc3\xa4\x1b\xff\t*", b"/plain-1.log", b""] {
            let path = Path::new(OsStr::from_bytes(name));
            let said = std::process::Command::new("sh").arg("-c").arg(script(path)).output().expect("a shell");
            assert_eq!(said.stdout, name, "{}", to_shell(path));
            assert!(to_shell(path).bytes().all(|byte| (0x20..0x7f).contains(&byte)));
        }
        assert_eq!(to_shell(Path::new("/srv/50%/x")), "/srv/50%/x");
    }

    #[test]
    fn ordinary_paths_read_as_they_are() {
        let path = Path::new("/var/log/my service/it's \"it\".log");
        assert_eq!(to_text(path), "/var/log/my service/it's \"it\".log");
    }
}
