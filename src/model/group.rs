//! The names of an Auto Scaling group and of its lifecycle hooks.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The longest name of a group or a hook, in characters (`CreateAutoScalingGroup`, `PutLifecycleHook`).
const LONGEST: usize = 255;

/// The name of an Auto Scaling group.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Group(String);

impl Group {
    /// Takes a name; one of a group may hold anything that can be printed but a colon
    /// (<https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_CreateAutoScalingGroup.html>).
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fits = |c: char| !c.is_control() && c != ':';
        match !text.trim().is_empty() && text.chars().count() <= LONGEST && text.chars().all(fits) {
            true => Ok(Self(text.to_owned())),
            false => Err(format!("{text:?} is not the name of an Auto Scaling group: 1 to 255 characters, no colon")),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a lifecycle hook.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HookName(String);

impl HookName {
    /// Takes a name: `[A-Za-z0-9\-_\/]+`
    /// (<https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_PutLifecycleHook.html>).
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"-_/".contains(&b);
        match !text.is_empty() && text.len() <= LONGEST && text.bytes().all(fits) {
            true => Ok(Self(text.to_owned())),
            false => Err(format!("{text:?} is not the name of a lifecycle hook: letters, digits, `-`, `_` and `/`")),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HookName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_the_api_takes() {
        for name in ["web", "web (blue) / 2", &"x".repeat(255)] {
            assert_eq!(Group::parse(name).map(|group| group.to_string()), Ok(name.to_owned()));
        }
        for name in ["", " ", "a:b", "a\nb", &"x".repeat(256)] {
            Group::parse(name).expect_err(name);
        }
        HookName::parse("logs/last-flush_1").expect("a name");
        for name in ["", "a b", "a.b", "ä"] {
            HookName::parse(name).expect_err(name);
        }
    }
}
