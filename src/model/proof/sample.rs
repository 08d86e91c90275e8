//! Which objects are read, where not all are.

use std::collections::BTreeSet;

/// How many are read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Amount {
    /// None: the listing alone is judged.
    None,
    /// So many, chosen at random.
    Some(usize),
    /// All.
    All,
}

/// Which of so many are read, in order; each of them as likely as any other. Another `seed` gives other ones.
///
/// The choice is Floyd's (Bentley and Floyd, "Programming pearls: a sample of brilliance", 1987): as many steps as are
/// chosen, however many there are to choose from.
pub fn choose(amount: Amount, of: usize, seed: u64) -> Vec<usize> {
    let count = match amount {
        Amount::None => 0,
        Amount::Some(count) => count.min(of),
        Amount::All => of,
    };
    if count == of {
        return (0..of).collect();
    }
    let (mut chosen, mut state) = (BTreeSet::new(), seed);
    for top in of - count..of {
        let pick = below(&mut state, top + 1);
        if !chosen.insert(pick) {
            chosen.insert(top);
        }
    }
    chosen.into_iter().collect()
}

/// A number below a bound that is not zero: SplitMix64's next one (Steele, Lea and Flood, 2014), scaled.
fn below(state: &mut u64, bound: usize) -> usize {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ *state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    let scaled = u128::from(mixed ^ mixed >> 31) * bound as u128 >> 64;
    usize::try_from(scaled).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_are_chosen_as_asked_for_each_once_and_none_that_is_not_there() {
        for (count, of, chosen) in [(0, 10, 0), (3, 10, 3), (10, 10, 10), (1_000_000, 10, 10), (5, 0, 0)] {
            for seed in 0..50 {
                let picks = choose(Amount::Some(count), of, seed);
                assert_eq!(picks.len(), chosen);
                assert!(picks.windows(2).all(|pair| pair[0] < pair[1]) && picks.iter().all(|pick| *pick < of));
            }
        }
        assert_eq!(choose(Amount::All, 4, 1), [0, 1, 2, 3]);
        assert!(choose(Amount::None, 4, 1).is_empty());
    }

    #[test]
    fn each_is_as_likely_as_any_other() {
        let mut times = [0_u32; 20];
        for seed in 0..10_000 {
            choose(Amount::Some(4), 20, seed).into_iter().for_each(|pick| times[pick] += 1);
        }
        // 2,000 are expected of each, with a standard deviation of 40.
        assert!(times.iter().all(|times| (1800..2200).contains(times)), "{times:?}");
    }
}
