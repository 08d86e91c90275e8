//! Property tests of all that reads what someone else may have written or damaged: configuration, object keys, records
//! of the spool, parts.
//!
//! The laws and the values are those of the fuzz targets (tests/fuzz), which look further; here the same ones are tried
//! each time.

#[expect(unreachable_pub, reason = "the fuzz targets use it from another crate")]
mod choices;
#[expect(unreachable_pub, reason = "the fuzz targets use them from another crate")]
mod laws;

mod config;
mod families;
mod keys;
mod layout;
mod records;
mod salvage;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

use choices::Choices;

/// Tries a law with so many inputs; the smallest one for which it does not hold is told.
#[track_caller]
fn holds<S: Strategy>(cases: u32, inputs: S, law: impl Fn(S::Value)) {
    let config = Config { cases, failure_persistence: None, rng_seed: RngSeed::Fixed(20_261_121), ..Config::default() };
    let ran = TestRunner::new(config).run(&inputs, |input| {
        law(input);
        Ok(())
    });
    if let Err(error) = ran {
        panic!("{error}");
    }
}

/// Bytes that decide about a value.
fn deciding(most: usize) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..most)
}

/// A text with some of its characters replaced, left out, or put in.
fn garbled(text: &str, choices: &mut Choices<'_>) -> String {
    const OTHERS: [&str; 24] = [
        "", "", "\"", "'", "[", "]", "{", "}", "=", ",", ".", "\n", "#", "\\", "-", "0", "9", "Z", "%", "_", "/", "*",
        "\u{fffd}", "\0",
    ];
    let mut characters: Vec<String> = text.chars().map(String::from).collect();
    for _ in 0..=choices.below(4) {
        if characters.is_empty() {
            break;
        }
        let place = choices.below(characters.len());
        let other = choices.pick(&OTHERS).to_owned();
        if choices.is() {
            characters[place] = other;
        } else {
            characters.insert(place, other);
        }
    }
    characters.concat()
}
