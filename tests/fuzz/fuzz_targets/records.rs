//! Spool records: any text, one that is sound, and one that was overwritten here and there.

#![no_main]

use libfuzzer_sys::fuzz_target;
use logferry::choices::Choices;
use logferry::laws;

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        laws::record_text(text);
    }
    let mut choices = Choices(data);
    let (seal, segment) = (choices.seal(), choices.segment());
    laws::record(&segment, choices.is().then_some(seal));
    laws::garbled_record(&segment, seal, |length| (0..4).map(|_| (choices.below(length), choices.byte())).collect());
});
