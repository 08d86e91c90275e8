//! A system crontab as cron reads it: `crontab(5)`.

use std::collections::BTreeMap;

/// One entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    /// Whom its command runs as.
    pub(super) user: String,
    /// The command, up to the first `%` that is not escaped: cron hands the rest to its standard input.
    pub(super) command: String,
    /// The variables that are set above it.
    pub(super) variables: Variables,
}

/// Variables by name.
pub(super) type Variables = BTreeMap<String, String>;

/// The fields of a time with the least and the most that stands in each; names of months and days count from the first.
const FIELDS: [(&str, u32, u32); 5] =
    [("minute", 0, 59), ("hour", 0, 23), ("day of the month", 1, 31), ("month", 1, 12), ("day of the week", 0, 7)];

/// The entries of a file.
///
/// # Errors
/// A sentence on the first line that cron would not take.
pub(super) fn entries(text: &str) -> Result<Vec<Entry>, String> {
    if !text.is_empty() && !text.ends_with('\n') {
        return Err("its last line does not end with a line feed: cron passes such a file over".to_owned());
    }
    let mut entries = Vec::new();
    let mut variables = Variables::new();
    for (number, line) in (1..).zip(text.lines()) {
        // `lines` takes a carriage return away, which cron does not.
        let wrong = |why: &str| Err(format!("line {number}: {why}"));
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line.chars().any(|c| c.is_control() && c != '\t') || text.split('\n').nth(number - 1).is_some_and(ends_in_cr)
        {
            return wrong("it holds a control character, perhaps a carriage return at its end");
        }
        match assignment(line) {
            Some((name, value)) => drop(variables.insert(name.to_owned(), value.to_owned())),
            None => match entry(line, &variables) {
                Ok(entry) => entries.push(entry),
                Err(why) => return wrong(&why),
            },
        }
    }
    Ok(entries)
}

fn ends_in_cr(line: &str) -> bool {
    line.ends_with('\r')
}

/// A variable and its value, without the quotes around it.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once('=')?;
    let name = name.trim_end();
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let value = value.trim();
    let quoted = ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
    is_name.then_some((name, quoted.unwrap_or(value)))
}

fn entry(line: &str, variables: &Variables) -> Result<Entry, String> {
    let mut rest = line;
    let mut next = || {
        let (word, behind) = rest.trim_start().split_once([' ', '\t']).unwrap_or((rest.trim_start(), ""));
        rest = behind;
        word.to_owned()
    };
    let first = next();
    match first.strip_prefix('@') {
        Some(name)
            if ["hourly", "daily", "weekly", "monthly", "yearly", "annually", "midnight", "reboot"].contains(&name) => {
        }
        Some(_) => return Err(format!("{first} is no time that cron knows")),
        None => field(&first, FIELDS[0]).and_then(|()| FIELDS[1..].iter().try_for_each(|of| field(&next(), *of)))?,
    }
    let user = next();
    let command = before_percent(rest.trim_start());
    match user.is_empty() || command.is_empty() {
        true => Err("it has no user or no command; in /etc/cron.d the user stands before the command".to_owned()),
        false => Ok(Entry { user, command, variables: variables.clone() }),
    }
}

/// A list of numbers, ranges and steps.
fn field(text: &str, (name, least, most): (&str, u32, u32)) -> Result<(), String> {
    let number = |text: &str| {
        let named = name.starts_with("month") || name.ends_with("week");
        let is_name = named && text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
        is_name || text.parse().is_ok_and(|number: u32| (least..=most).contains(&number))
    };
    let item = |item: &str| {
        let (range, step) = item.split_once('/').unwrap_or((item, "1"));
        let sound =
            range == "*" || range.split_once('-').map_or_else(|| number(range), |(a, b)| number(a) && number(b));
        sound && step.parse().is_ok_and(|step: u32| step > 0)
    };
    match text.split(',').all(item) {
        true => Ok(()),
        false => Err(format!("{text:?} is no {name}")),
    }
}

/// The command as the shell gets it.
fn before_percent(command: &str) -> String {
    let mut plain = String::new();
    let mut characters = command.chars();
    while let Some(character) = characters.next() {
        match character {
            '%' => break,
            '\\' => match characters.next() {
                Some('%') => plain.push('%'),
                escaped => plain.extend(std::iter::once('\\').chain(escaped)),
            },
            _ => plain.push(character),
        }
    }
    plain
}

/// The words of a command, as a shell takes it apart; what else a shell can do is no matter here.
pub(super) fn words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for character in command.chars() {
        match (quote, character) {
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (Some(open), _) if open == character => quote = None,
            (None, ' ' | '\t' | ';' | '&' | '|') => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = "# a comment\n\nMAILTO = root\nPATH=\"/opt/bin:/bin\"\n\
        7 * * * *  root  nice -n 19 /usr/bin/logferry run --config /etc/a\\%b.toml%input\n@hourly www echo\n";

    #[test]
    fn what_cron_reads_is_read() {
        let entries = entries(SOUND).expect("sound");
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[0].command, "nice -n 19 /usr/bin/logferry run --config /etc/a%b.toml");
        assert_eq!(words(&entries[0].command)[3], "/usr/bin/logferry");
        assert_eq!((entries[0].user.as_str(), entries[0].variables["PATH"].as_str()), ("root", "/opt/bin:/bin"));
        assert_eq!((entries[1].user.as_str(), entries[1].command.as_str()), ("www", "echo"));
        for time in ["*/5 1,2-4 * jan mon", "0-59/7 23 31 12 7"] {
            assert!(super::entries(&format!("{time} root x\n")).is_ok(), "{time}");
        }
    }

    #[test]
    fn words_may_be_quoted() {
        let command = "test -x '/opt/a b/logferry'&& \"/opt/a b\"/logferry run ''";
        assert_eq!(words(command), ["test", "-x", "/opt/a b/logferry", "/opt/a b/logferry", "run", ""]);
    }

    #[test]
    fn what_cron_would_not_take_is_named_by_its_line() {
        for (text, part) in [
            ("7 * * * * root x", "line feed"),
            ("\n60 * * * * root x\n", "line 2: \"60\" is no minute"),
            ("7 * * * root x\n", "\"root\" is no day of the week"),
            ("@often root x\n", "@often"),
            ("7 * * * * root\n", "no command"),
            ("7 */0 * * * root x\n", "no hour"),
            ("7 * * * * root x\r\n", "carriage return"),
            ("hello\n", "is no minute"),
        ] {
            let told = entries(text).expect_err(text);
            assert!(told.contains(part), "{text:?}: {told}");
        }
    }
}
