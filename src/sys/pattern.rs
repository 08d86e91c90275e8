//! File name patterns as the C library reads them.

use std::ffi::CString;

/// Whether a name, or one part of a path, matches a pattern of `glob(3)`: `fnmatch(3)` with `FNM_PERIOD`, in the C locale.
pub fn matches_name(pattern: &[u8], name: &[u8]) -> bool {
    let (Ok(pattern), Ok(name)) = (CString::new(pattern), CString::new(name)) else { return false };
    // SAFETY: both are strings that end in NUL and live until the call returns; it keeps neither.
    #[allow(unsafe_code)]
    let answer = unsafe { libc::fnmatch(pattern.as_ptr(), name.as_ptr(), libc::FNM_PERIOD) };
    answer == 0
}

#[cfg(test)]
mod tests {
    use super::matches_name;

    #[test]
    fn patterns_are_those_of_glob() {
        for (pattern, name) in
            [("*.log", "web.log"), ("[!a]?", "bc"), ("[[:digit:]]*", "1x"), ("\\*", "*"), (".*", ".x")]
        {
            assert!(matches_name(pattern.as_bytes(), name.as_bytes()), "{pattern} {name}");
        }
        for (pattern, name) in [("*.log", ".web.log"), ("*", ".x"), ("?", "ab"), ("[a", "a"), ("a\0b", "a")] {
            assert!(!matches_name(pattern.as_bytes(), name.as_bytes()), "{pattern} {name}");
        }
    }
}
