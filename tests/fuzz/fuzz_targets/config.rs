//! The configuration: any text, and one that is sound.

#![no_main]

use libfuzzer_sys::fuzz_target;
use logferry::choices::Choices;
use logferry::laws;

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        laws::configuration_text(text);
    }
    laws::valid_configuration(&mut Choices(data));
});
