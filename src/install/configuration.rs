//! The configuration: written where there is none, kept where there is one.

use std::path::Path;
use std::time::Duration;

use super::edit::Edit;
use super::files::{self, Found};
use super::host::Host;
use super::plan::{Asked, Trouble};
use super::{Plan, Result, problem, signed};
use crate::config::{self, Backlog, ConfigError, File, LogSet, Pattern};
use crate::model::destination::Destination;
use crate::model::keep::{Keep, KeepWish};
use crate::model::names::Instance;
use crate::model::path_text::to_text;
use crate::model::size;

/// Where a configuration that set nothing is kept, such as the example of a package.
const ASIDE: &str = "/etc/logferry.toml.before-install";

/// What the configuration is to say.
#[derive(Debug, Default)]
pub struct Said {
    /// The store.
    pub to: Option<Destination>,
    /// The logs, each as the configuration has it.
    pub logs: Vec<String>,
    /// This machine's name.
    pub instance: Option<Instance>,
    /// For how long shipped segments stay on the machine too, and how much of them.
    pub keep: Option<KeepWish>,
    /// What becomes of the files that logrotate left.
    pub backlog: Backlog,
}

/// What is planned with the configuration, and what it says then.
pub(super) struct Configured {
    pub(super) plan: Plan,
    pub(super) sets: Vec<LogSet>,
    pub(super) splay: Option<Duration>,
    pub(super) keep: Option<Keep>,
    pub(super) asked: Asked,
}

/// Plans the configuration.
///
/// # Errors
/// Where the one that is there, or what was asked for, can't be carried out.
pub(super) fn plan(host: &Host, said: &Said) -> std::result::Result<Configured, Trouble> {
    let path = Path::new(config::DEFAULT_FILE);
    let Some(existing) = host.read_through(path)? else { return write(host, said, Plan::default()) };
    if let Some(why) = existing.changed_by_others() {
        let unsafe_file =
            problem(host.shown(path), format!("{why}, but root is to act on what it says; nothing was installed"));
        return Err(Box::new(unsafe_file.hint("look at what it says, then: chown root:root, chmod 644")).into());
    }
    let file = parse(host, &existing.bytes)?;
    if says_nothing(&file) && asks(said) {
        let aside = Edit::Move { from: path.into(), to: ASIDE.into() };
        return write(host, said, Plan::of(aside));
    }
    complete(host, file.to.is_some(), &file.sets)?;
    let plan = kept(host, said, &file);
    let asked = if plan.notes.is_empty() { Asked::Met } else { Asked::NotMet };
    Ok(Configured { plan, sets: file.sets, splay: file.splay, keep: file.keep, asked })
}

fn write(host: &Host, said: &Said, mut plan: Plan) -> std::result::Result<Configured, Trouble> {
    complete_flags(said)?;
    let text = render(said);
    // What is written must be read: nothing is installed otherwise.
    let file = parse(host, text.as_bytes())?;
    let after = signed::sign(&text);
    plan.edits.push(Edit::Write { path: config::DEFAULT_FILE.into(), before: None, after });
    Ok(Configured { plan, sets: file.sets, splay: None, keep: file.keep, asked: Asked::Met })
}

fn parse(host: &Host, bytes: &[u8]) -> std::result::Result<File, ConfigError> {
    let path = host.shown(config::DEFAULT_FILE);
    let text =
        std::str::from_utf8(bytes).map_err(|error| ConfigError::new(&path, format!("it is not UTF-8: {error}")))?;
    File::parse(&path, text.to_owned())
}

fn asks(said: &Said) -> bool {
    said.to.is_some() || !said.logs.is_empty()
}

fn says_nothing(file: &File) -> bool {
    file.to.is_none() && file.sets.is_empty()
}

/// Fails unless a run would know what to do with a configuration.
fn complete(host: &Host, has_store: bool, sets: &[LogSet]) -> std::result::Result<(), ConfigError> {
    let missing = |what: &str, hint: &str| Err(ConfigError::new(host.shown(config::DEFAULT_FILE), what).hint(hint));
    match (has_store, sets.is_empty()) {
        (false, _) => missing("no destination is set", "write to = \"s3://bucket/prefix\" in it"),
        (true, true) => missing("no logs are named", "write [[logs]] with paths = [\"/var/log/upstart/*.log\"] in it"),
        (true, false) => Ok(()),
    }
}

fn complete_flags(said: &Said) -> std::result::Result<(), ConfigError> {
    let missing = |flag: &str, what: &str, hint: &str| Err(ConfigError::new(flag, what).hint(hint));
    match (&said.to, said.logs.is_empty()) {
        (None, _) => missing("--to", "no destination is set", "give --to s3://bucket/prefix"),
        (Some(_), true) => missing("LOG", "no logs are named", "give them as arguments: '/var/log/upstart/*.log'"),
        (Some(_), false) => Ok(()),
    }
}

/// What differs between a configuration that is kept and what was asked for, as a note; none where nothing does.
fn kept(host: &Host, said: &Said, file: &File) -> Plan {
    let mut differs = Vec::new();
    let differ = |what: &str, there: String, asked: String| format!("{what} is {there} there, {asked} was asked for");
    if let Some(to) = said.to.as_ref().filter(|to| file.to.as_ref() != Some(to)) {
        differs.push(differ(
            "`to`",
            file.to.as_ref().map_or("not set".to_owned(), Destination::to_string),
            to.to_string(),
        ));
    }
    let there = file.sets.iter().flat_map(|set| &set.paths).filter_map(Pattern::text).collect::<Vec<_>>();
    if !said.logs.is_empty() && said.logs != there {
        differs.push(differ("`paths`", there.join(", "), said.logs.join(", ")));
    }
    if let Some(instance) = said.instance.as_ref().filter(|asked| file.machine.instance.as_ref() != Some(asked)) {
        let there = file.machine.instance.as_ref().map_or("not set".to_owned(), Instance::to_string);
        differs.push(differ("`instance.id`", there, instance.to_string()));
    }
    differs.extend(keeps_otherwise(said, file.keep).into_iter().map(|(what, there, asked)| differ(what, there, asked)));
    if said.backlog == Backlog::Taken && file.sets.iter().any(|set| set.backlog == Backlog::Left) {
        differs.push(differ("`backlog`", "not true for all logs".to_owned(), "true".to_owned()));
    }
    match differs.is_empty() {
        true => Plan::default(),
        false => Plan::note(format!(
            "kept {}, which is in force: {}; change it there, or remove it and install again",
            to_text(&host.shown(config::DEFAULT_FILE)),
            differs.join("; ")
        )),
    }
}

/// What of the local copy is not as asked for: the key, what it is there, what was asked for.
fn keeps_otherwise(said: &Said, there: Option<Keep>) -> Vec<(&'static str, String, String)> {
    let Some(KeepWish { time, size }) = &said.keep else { return Vec::new() };
    let shown = |there: Option<String>| there.unwrap_or("not set".to_owned());
    let other_time = there.is_none_or(|there| there.time != time.value);
    let time = other_time.then(|| ("`keep`", shown(there.map(|there| there.time.to_string())), time.text.clone()));
    let other_size = size.as_ref().filter(|asked| there.is_none_or(|there| there.size != asked.value));
    let shown_size = shown(there.map(|there| size::show(there.size)));
    time.into_iter().chain(other_size.map(|asked| ("`keep_size`", shown_size, asked.text.clone()))).collect()
}

/// The keys of a local copy, as the person has worded them.
fn render_keep(KeepWish { time, size }: &KeepWish) -> String {
    let size = size.as_ref().map_or(String::new(), |size| format!("keep_size = {}\n", quoted(&size.text)));
    format!(
        "\n# Shipped segments stay here until they are that old: logferry cat --local\nkeep = {}\n{size}",
        quoted(&time.text)
    )
}

fn render(said: &Said) -> String {
    let to = said.to.as_ref().map_or(String::new(), Destination::to_string);
    let paths: String = said.logs.iter().map(|log| format!("    {},\n", quoted(log))).collect();
    let instance =
        said.instance.as_ref().map_or(String::new(), |id| format!("\n[instance]\nid = {}\n", quoted(id.as_str())));
    let keep = said.keep.as_ref().map_or(String::new(), render_keep);
    let backlog = match said.backlog {
        Backlog::Taken => "backlog = true\n",
        Backlog::Left => "",
    };
    format!(
        "# What logferry ships, and where to. Change it as you like: from then on it is yours, and only uninstall --purge\n\
         # removes it. To see what a run makes of it: logferry run --dry-run\n\
         to = {}\n{keep}{instance}\n[[logs]]\npaths = [\n{paths}]\n{backlog}",
        quoted(&to)
    )
}

/// A text as TOML has it: as in JSON, but for one character more that must not stand for itself.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007F")
}

/// Plans that the configuration is as it was before the installation: gone if we wrote it, unless a person has changed it.
/// `purge` removes it even then.
///
/// # Errors
/// Where it can't be read.
pub(super) fn plan_removal(host: &Host, purge: Purge) -> Result<Plan> {
    let path = Path::new(config::DEFAULT_FILE);
    if host.is_link(path)? {
        // Install makes no link.
        return Ok(Plan::default());
    }
    let found = files::look(host, path)?;
    let mut plan = match (&found, purge) {
        (Found::Edited(now), Purge::Edited) => Plan::of(Edit::Remove { path: path.into(), before: now.clone() }),
        (Found::Edited(_), Purge::Nothing) => Plan::note(format!(
            "kept {}, which was changed by hand: remove it if it is not wanted, or use --purge",
            to_text(&host.shown(path))
        )),
        // Its owner wrote it before there was an installation.
        (Found::Foreign(_), _) => Plan::default(),
        (Found::Ours(_) | Found::Nothing, _) => files::take_away(host, path)?,
    };
    if (found == Found::Nothing || !plan.edits.is_empty()) && host.has(ASIDE)? {
        plan.edits.push(Edit::Move { from: ASIDE.into(), to: path.into() });
    }
    Ok(plan)
}

/// Whether a configuration that was changed by hand goes too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purge {
    /// It stays.
    Nothing,
    /// It goes.
    Edited,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_path_holds_the_configuration_that_is_written_says_it() {
        for path in ["/var/log/upstart/*.log", "/a b/ü\"'\\\u{7f}\u{1}.log", "/a/{x,y}*.log", "/a/#[[logs]]"] {
            let path =
                if path.contains("[[") { Pattern::Literal(path.into()).text().expect("text") } else { path.to_owned() };
            let to = Destination::parse("file:///srv/a%22b").expect("a directory");
            let instance = Instance::parse("web-1").ok();
            let keep = KeepWish::parse("2d,3GiB").ok();
            let (logs, backlog) = (vec![path.clone(), "/second".to_owned()], Backlog::Taken);
            let said = Said { to: Some(to), logs, instance, keep, backlog };
            let text = render(&said);
            assert!(text.contains("\nkeep = \"2d\"\nkeep_size = \"3GiB\"\n"), "as it was worded: {text}");
            let file = File::parse(Path::new("x"), text).expect(&path);
            assert!(keeps_otherwise(&said, file.keep).is_empty() && file.keep.is_some());
            assert_eq!((file.to, file.machine.instance), (said.to, said.instance));
            let texts: Vec<_> = file.sets[0].paths.iter().filter_map(Pattern::text).collect();
            assert_eq!((texts, file.sets[0].backlog), (said.logs, Backlog::Taken));
        }
    }
}
