//! Salvage of a part: the bytes decide what is logged, in which blocks, and what happens to the part.

#![no_main]

use libfuzzer_sys::fuzz_target;
use logferry::choices::Choices;
use logferry::gzip::header;
use logferry::laws::{self, Damage};
use logferry::model::format::Format;

fuzz_target!(|data: &[u8]| {
    for format in Format::ALL {
        let _ = laws::bytes_that_are_no_part(format, data);
        let _ = laws::bytes_that_are_no_part(format, &[header(format), data].concat());
    }
    let mut choices = Choices(data);
    let sample = laws::sample(&mut choices);
    let place = choices.below(sample.packed.len());
    laws::cut_part(&sample, place, true);
    let damage = match choices.byte() % 3 {
        0 => Damage::Flip(place, choices.byte().max(1)),
        1 => Damage::Tail(choices.0.to_vec()),
        _ => Damage::Overwritten(place, choices.0.to_vec()),
    };
    laws::damaged_part(&sample, &damage);
});
