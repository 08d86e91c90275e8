//! Object keys, and the names that they are made of.

#![no_main]

use libfuzzer_sys::fuzz_target;
use logferry::choices::Choices;
use logferry::laws;

fuzz_target!(|data: &[u8]| {
    laws::key(&Choices(data).leaf());
    laws::layout(&mut Choices(data));
    if let Ok(text) = std::str::from_utf8(data) {
        laws::key_text(text);
        laws::layout_text(text);
        laws::name_text(text);
    }
});
