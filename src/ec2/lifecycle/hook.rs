//! Which lifecycle hook waits for us: the one that was named, or the only one that the group has.

use std::time::Duration;

use crate::ec2::autoscaling::{AutoScaling, Kind, Refused, Tries};
use crate::model::group::{Group, HookName};
use crate::model::problem::{Effect, Problem};

/// How long a hook waits where that could not be asked: the shortest time that a hook may have (`PutLifecycleHook`).
const SHORTEST: Duration = Duration::from_secs(30);

/// The longest that an instance can wait, however often its hook is told to wait anew: 48 hours, or so many times the time
/// that it waits for one heartbeat (<https://docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks.html>; the API calls
/// it `GlobalTimeout`). How many heartbeats there are within is nowhere limited.
const LONGEST_IN_ALL: Duration = Duration::from_secs(48 * 3600);
const MOST_TIMES: u32 = 100;

/// What the user has named.
#[derive(Clone, Debug, Default)]
pub struct Named {
    /// The hook.
    pub hook: Option<HookName>,
    /// The group.
    pub group: Option<Group>,
}

/// A hook that may wait for us.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// Whose it is.
    pub group: Group,
    /// Which one.
    pub hook: HookName,
    /// How long it waits for a heartbeat.
    pub heartbeat: Duration,
    /// How long it waits in all.
    pub in_all: Duration,
    /// Why that is not known, nor whether there is such a hook: then the shortest time is taken.
    pub unasked: Option<Refused>,
}

impl Waiting {
    /// How much earlier than the end of its time it is to be told: what is late counts for nothing.
    pub fn margin(&self) -> Duration {
        (self.heartbeat / 5).min(Duration::from_secs(60))
    }
}

/// Why it is not known which hook is meant.
#[derive(Clone, Debug)]
pub enum Unknown {
    /// The API does not say.
    Refused(Refused),
    /// There is none of that name, or there are several and none is named.
    Unclear(String),
}

impl Unknown {
    /// For people.
    pub fn problem(&self) -> Problem {
        match self {
            Self::Refused(refused) => of_refused(refused),
            Self::Unclear(what) => Problem::new(Effect::Failed, "lifecycle hook", what)
                .hint("name it: hook = \"NAME\" in [lifecycle] of the configuration, or --hook NAME"),
        }
    }
}

/// A refusal, for people.
pub fn of_refused(refused: &Refused) -> Problem {
    let effect = match refused.kind {
        Kind::Denied | Kind::Nobody | Kind::Invalid => Effect::Failed,
        Kind::NotActive => Effect::Noted,
        Kind::Passing => Effect::Waits,
    };
    Problem::new(effect, "lifecycle hook", refused).hint(refused.hint())
}

/// Finds the hook; `None` where the instance is in no group, or its group has no hook for instances that end.
///
/// Where both group and hook are named, only how long it waits has to be asked for: where that is not allowed, the shortest
/// time is taken.
///
/// # Errors
/// Where it can't be asked for, or can't be told which one is meant.
pub fn find(api: &AutoScaling, named: &Named) -> Result<Option<Waiting>, Unknown> {
    let group = match &named.group {
        Some(group) => Some(group.clone()),
        None => api.group().map_err(Unknown::Refused)?,
    };
    let Some(group) = group else { return Ok(None) };
    // One that is named can be given its heartbeat without an answer.
    let tries = if named.hook.is_some() { Tries::One } else { Tries::Some };
    match (api.hooks(&group, tries), &named.hook) {
        (Ok(hooks), _) => choose(&group, hooks, named.hook.as_ref()),
        (Err(refused), Some(hook)) if refused.kind != Kind::Invalid => {
            log::info!("how long the hook {hook} waits is not known: {refused}");
            let (heartbeat, in_all) = (SHORTEST, LONGEST_IN_ALL.min(SHORTEST * MOST_TIMES));
            Ok(Some(Waiting { group, hook: hook.clone(), heartbeat, in_all, unasked: Some(refused) }))
        }
        (Err(refused), _) => Err(Unknown::Refused(refused)),
    }
}

fn choose(
    group: &Group,
    mut hooks: Vec<crate::ec2::autoscaling::Hook>,
    named: Option<&HookName>,
) -> Result<Option<Waiting>, Unknown> {
    let names = || hooks.iter().map(|hook| hook.name.as_str()).collect::<Vec<_>>().join(", ");
    let at = match named {
        Some(named) => match hooks.iter().position(|hook| hook.name == *named) {
            Some(at) => at,
            None => {
                let has = if hooks.is_empty() { "it has none".to_owned() } else { format!("it has {}", names()) };
                let what = format!("the group {group} has no hook {named} for instances that end: {has}");
                return Err(Unknown::Unclear(what));
            }
        },
        None if hooks.is_empty() => return Ok(None),
        None if hooks.len() == 1 => 0,
        None => {
            let what =
                format!("the group {group} has several hooks for instances that end ({}): ours is not named", names());
            return Err(Unknown::Unclear(what));
        }
    };
    let hook = hooks.swap_remove(at);
    let in_all = hook.in_all.min(LONGEST_IN_ALL).min(hook.heartbeat * MOST_TIMES);
    Ok(Some(Waiting { group: group.clone(), hook: hook.name, heartbeat: hook.heartbeat, in_all, unasked: None }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ec2::autoscaling::Hook;

    fn hooks(names: &[&str]) -> Vec<Hook> {
        let hook = |name: &&str| {
            let (heartbeat, in_all) = (Duration::from_secs(7200), Duration::from_secs(172_800));
            Hook { name: HookName::parse(name).expect("a name"), heartbeat, in_all }
        };
        names.iter().map(hook).collect()
    }

    fn chosen(names: &[&str], named: Option<&str>) -> Result<Option<String>, String> {
        let named = named.map(|name| HookName::parse(name).expect("a name"));
        let group = Group::parse("web").expect("a name");
        match choose(&group, hooks(names), named.as_ref()) {
            Ok(waiting) => Ok(waiting.map(|waiting| waiting.hook.to_string())),
            Err(unknown) => Err(unknown.problem().to_string()),
        }
    }

    #[test]
    fn the_hook_is_the_one_that_is_named_or_the_only_one() {
        assert_eq!(chosen(&[], None), Ok(None));
        assert_eq!(chosen(&["a"], None), Ok(Some("a".to_owned())));
        assert_eq!(chosen(&["a", "b"], Some("b")), Ok(Some("b".to_owned())));
        let several = chosen(&["a", "b"], None).expect_err("several");
        assert!(
            several.contains("several hooks") && several.contains("(a, b)") && several.contains("--hook"),
            "{several}"
        );
        let other = chosen(&["a"], Some("c")).expect_err("another");
        assert!(other.contains("has no hook c") && other.contains("it has a"), "{other}");
        assert!(chosen(&[], Some("c")).expect_err("none").contains("it has none"));
    }

    #[test]
    fn a_hook_is_told_before_its_time_is_over() {
        let waiting = |seconds| {
            let (group, hook) = (Group::parse("g").expect("a name"), HookName::parse("h").expect("a name"));
            let heartbeat = Duration::from_secs(seconds);
            Waiting { group, hook, heartbeat, in_all: heartbeat * 100, unasked: None }.margin().as_secs()
        };
        assert_eq!([waiting(30), waiting(7200)], [6, 60]);
    }
}
