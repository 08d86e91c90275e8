//! Which of the names that there are may be meant by one that is not there.
//!
//! From the surest to the vaguest: the same but for upper and lower case, or for what names of files have beside it (a directory,
//! `.log`); a slip of the hand; a part of a name. Where nothing comes near, the names nearest to it are listed.

use crate::config;

/// How many names a hint lists.
const FEW: usize = 8;

/// The name that a slip is meant for, if one is.
pub(super) fn nearest(slip: &str, names: &[String]) -> Option<String> {
    let (whole, bare) = (slip.to_lowercase(), bare(slip).to_lowercase());
    let same = |slip: &str| names.iter().find(|name| name.to_lowercase() == slip).cloned();
    let near = || {
        let lower: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
        let near = |slip: &str| {
            config::nearest(slip, &lower.iter().map(String::as_str).collect::<Vec<_>>()).map(str::to_owned)
        };
        same(&near(&whole).or_else(|| near(&bare).filter(|_| !bare.is_empty()))?)
    };
    same(&whole).or_else(|| same(&bare)).or_else(near)
}

/// A sentence on the names that may be meant, or on those that there are; `kind` is what they are of.
pub(super) fn hint(slip: &str, names: &[String], kind: &str) -> String {
    if let Some(near) = nearest(slip, names) {
        return format!("did you mean {near}?");
    }
    let part = bare(slip).to_lowercase();
    let holds = |name: &&String| part.len() > 1 && name.to_lowercase().contains(&part);
    let holding: Vec<&str> = names.iter().filter(holds).map(String::as_str).collect();
    match (holding.len(), names.len()) {
        (1..=FEW, _) => format!("did you mean {}?", holding.join(" or ")),
        (_, 0) => format!("there is no {kind} at all"),
        (_, 1) => format!("there is {}", names[0]),
        (_, 2..=FEW) => format!("there are {}", names.join(", ")),
        (_, count) => {
            let mut names: Vec<&String> = names.iter().collect();
            names.sort_by_cached_key(|name| (!holds(name), strsim::damerau_levenshtein(&part, &name.to_lowercase())));
            let few: Vec<&str> = names.into_iter().take(FEW).map(String::as_str).collect();
            format!("there are {count}; nearest come {}; {}", few.join(", "), list(kind))
        }
    }
}

/// What lists all names.
fn list(kind: &str) -> String {
    match kind {
        "host" => "`logferry ls --long` shows them all".to_owned(),
        kind => format!("`logferry ls --by {kind}` shows them all"),
    }
}

/// The service that a log's file name, or its path, would make.
fn bare(name: &str) -> &str {
    let name = name.rsplit('/').find(|part| !part.is_empty()).unwrap_or(name);
    name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(name).trim_end_matches(".log")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(slip: &str, names: &[&str]) -> String {
        hint(slip, &names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(), "service")
    }

    #[test]
    fn the_name_that_is_meant_is_told_however_it_is_typed() {
        let names = ["Web", "mail", "nginx-access", "nginx-error", "db.log.old"];
        for (slip, meant) in [
            ("WEB", "Web"),
            ("web", "Web"),
            ("mail.log", "mail"),
            ("/var/log/upstart/mail.log", "mail"),
            ("MIAL", "mail"),
            ("wbe.log", "Web"),
            ("nginx-acces", "nginx-access"),
            ("nginx", "nginx-access or nginx-error"),
            ("access.log", "nginx-access"),
        ] {
            assert_eq!(told(slip, &names), format!("did you mean {meant}?"));
        }
        assert_eq!(told("something-else", &names[..2]), "there are Web, mail");
        assert_eq!(
            (told("x", &[]), told("xyz", &["web"])),
            ("there is no service at all".into(), "there is web".into())
        );
    }

    #[test]
    fn of_many_names_the_nearest_are_listed() {
        let names: Vec<String> = (10..42).map(|number| format!("service-{number}")).chain(["Web".to_owned()]).collect();
        let told = hint("wobble", &names, "service");
        assert!(told.starts_with("there are 33; nearest come Web, service-10, "), "{told}");
        assert!(told.ends_with("; `logferry ls --by service` shows them all"), "{told}");
        let told = hint("rvice", &names, "service");
        assert!(told.contains("nearest come service-10, service-11") && !told.contains("Web"), "{told}");
    }
}
