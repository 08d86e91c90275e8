//! What a run started by cron would miss of the environment that `install` is started in.
//!
//! A region, a profile or an endpoint that is set in a shell is not set for cron; without it, the first run fails an hour
//! later. So what says *where* to ship is written into the entry, and told. What says *who* we are is not: the entry is
//! readable by all users.

use std::collections::BTreeMap;

/// Variables that say where the store is and how to get there; see the AWS SDKs' reference guide,
/// <https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html>.
const CARRIED: [&str; 23] = [
    "AWS_CA_BUNDLE",
    "AWS_CONFIG_FILE",
    "AWS_DEFAULT_REGION",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_AUTO_SCALING",
    "AWS_ENDPOINT_URL_S3",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// Variables that are secrets, or lead to them. They are never written.
const SECRET: [&str; 5] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_SECURITY_TOKEN",
];

/// Variables of an entry, by name. Each value can be written as it is into a crontab and into a unit.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Environment(BTreeMap<&'static str, String>);

impl Environment {
    /// All variables that decide where and as whom something is shipped, secrets among them.
    pub fn deciding() -> impl Iterator<Item = &'static str> {
        CARRIED.into_iter().chain(SECRET)
    }

    /// What of the environment that `get` reads is to be written, on top of what an earlier entry has; a variable that
    /// is set to nothing is taken out. With it come sentences about what is not written.
    pub fn carried(earlier: &Self, get: impl Fn(&str) -> Option<String>) -> (Self, Vec<String>) {
        let (mut carried, mut notes) = (earlier.clone(), Vec::new());
        for name in CARRIED {
            match get(name) {
                None => {}
                Some(value) if value.is_empty() => drop(carried.0.remove(name)),
                Some(value) => match unfit(&value) {
                    None => drop(carried.0.insert(name, value)),
                    Some(why) => notes.push(format!("{name} is set here, but not for the hourly run: {why}")),
                },
            }
        }
        let secrets: Vec<&str> =
            SECRET.into_iter().filter(|name| get(name).is_some_and(|set| !set.is_empty())).collect();
        if !secrets.is_empty() {
            notes.push(format!(
                "{} set here, but not for the hourly run, since its entry is readable by all users: give the machine an \
                 instance role, or put the credentials into root's ~/.aws/credentials",
                if secrets.len() == 1 { format!("{} is", secrets[0]) } else { format!("{} are", secrets.join(", ")) },
            ));
        }
        (carried, notes)
    }

    /// Reads variables that [`Self::lines`] has written; others are passed over.
    pub fn parse<'a>(lines: impl Iterator<Item = &'a str>) -> Self {
        let known = |line: &'a str| {
            let (name, value) = line.split_once('=')?;
            let name = CARRIED.into_iter().find(|known| *known == name)?;
            unfit(value).is_none().then(|| (name, value.to_owned()))
        };
        Self(lines.filter_map(known).collect())
    }

    /// `NAME=value`, one for each.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|(name, value)| format!("{name}={value}"))
    }

    /// The names.
    pub fn names(&self) -> Vec<&'static str> {
        self.0.keys().copied().collect()
    }
}

/// Why a value can't be written.
fn unfit(value: &str) -> Option<&'static str> {
    // Neither cron nor systemd reads anything into these where they stand in an assignment.
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-./:,@+=*[]?&~".contains(&b);
    // `https://user:password@host`.
    let has_password =
        value.split_once("://").is_some_and(|(_, rest)| rest.split('/').next().unwrap_or("").contains('@'));
    match () {
        () if has_password => Some("it holds a password, and the entry is readable by all users"),
        () if value.len() > 500 || !value.bytes().all(plain) => {
            Some("it holds characters that a crontab or a unit would read in another way")
        }
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carried(earlier: &Environment, set: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
        let get = |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        let (environment, notes) = Environment::carried(earlier, get);
        (environment.lines().collect(), notes)
    }

    #[test]
    fn where_is_carried_and_who_is_not() {
        let set = [("AWS_REGION", "eu-west-1"), ("AWS_SECRET_ACCESS_KEY", "hush"), ("PATH", "/bin")];
        let (lines, notes) = carried(&Environment::default(), &set);
        assert_eq!(lines, ["AWS_REGION=eu-west-1"]);
        assert!(notes.len() == 1 && notes[0].starts_with("AWS_SECRET_ACCESS_KEY is set here"), "{notes:?}");
        assert!(!notes[0].contains("hush"));
    }

    #[test]
    fn an_earlier_entry_is_kept_but_for_what_is_set_anew() {
        let earlier = Environment::parse(["AWS_REGION=a", "AWS_PROFILE=p", "PATH=/x", "AWS_REGION"].into_iter());
        assert_eq!(earlier.lines().collect::<Vec<_>>(), ["AWS_PROFILE=p", "AWS_REGION=a"]);
        assert_eq!(carried(&earlier, &[("AWS_REGION", "b"), ("AWS_PROFILE", "")]).0, ["AWS_REGION=b"]);
        assert_eq!(carried(&earlier, &[]).0.len(), 2);
    }

    #[test]
    fn what_would_be_read_in_another_way_or_holds_a_password_is_told() {
        for value in ["a b", "a\nroot", "\"q\"", "$HOME", "50%", "a\\b", "a;b", "a#b", "https://me:pw@proxy:3128/x"] {
            let (lines, notes) = carried(&Environment::default(), &[("HTTPS_PROXY", value)]);
            assert!(lines.is_empty() && notes.len() == 1 && !notes[0].contains(value), "{value:?}: {notes:?}");
        }
        assert_eq!(carried(&Environment::default(), &[("NO_PROXY", "*.local,10.0.0.1")]).0.len(), 1);
    }
}
