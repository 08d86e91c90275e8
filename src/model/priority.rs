//! Which logs go first when there is not time for all.

/// How urgent a log is. The order is that in which they go.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Priority {
    /// Before all others.
    High,
    /// As most.
    #[default]
    Normal,
    /// When all others are done.
    Low,
}

impl Priority {
    /// All of them, with the word for each.
    pub const ALL: [(&'static str, Self); 3] = [("high", Self::High), ("normal", Self::Normal), ("low", Self::Low)];
}
