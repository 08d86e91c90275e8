//! Numbers that look random and are the same for the same seed on each machine: integers only, no floating point.

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Evenly spread, below a limit that is not 0.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// Below a limit, the smaller the likelier, about as visitors, addresses and pages are: half of all draws fall on the
    /// first eighth.
    pub(crate) fn skewed(&mut self, limit: u64) -> u64 {
        let share = self.next() >> 44; // 20 bits
        let cube = (((share * share) >> 20) * share) >> 20;
        (cube * limit) >> 20
    }

    /// Around a typical value, with a long tail: one in a thousand is more than five hundred times as large.
    pub(crate) fn long_tail(&mut self, typical: u64) -> u64 {
        let doublings = self.next().trailing_ones().min(12);
        (typical / 2 + self.below(typical.max(1))) << doublings
    }

    /// Whether something happens that does so in so many of a thousand cases.
    pub(crate) fn happens(&mut self, in_a_thousand: u64) -> bool {
        self.below(1000) < in_a_thousand
    }

    /// One of them, the first ones more often.
    pub(crate) fn pick_skewed<T: Copy>(&mut self, from: &[T]) -> T {
        let index = self.skewed(from.len() as u64);
        from[usize::try_from(index).unwrap_or(0)]
    }
}

/// What a number stands for that is drawn again and again: the same text for the same number, as an address of a visitor.
pub(crate) fn scrambled(number: u64, salt: u64) -> u64 {
    Random::new(number ^ salt.rotate_left(32)).next()
}
