//! A system crontab as cron reads it: `crontab(5)`.

use std::collections::BTreeMap;

/// One entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    /// How often it is due.
    pub(super) due: Due,
    /// Whom its command runs as.
    pub(super) user: String,
    /// The command, up to the first `%` that is not escaped: cron hands the rest to its standard input.
    pub(super) command: String,
    /// The variables that are set above it.
    pub(super) variables: Variables,
}

/// How often an entry is due.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Due {
    /// Once an hour, or more often.
    EachHour,
    /// There are hours without it; this is its time as it is written.
    NotEachHour(String),
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
    let due = match first.strip_prefix('@') {
        Some("hourly") => Due::EachHour,
        Some(name) if ["daily", "weekly", "monthly", "yearly", "annually", "midnight", "reboot"].contains(&name) => {
            Due::NotEachHour(first)
        }
        Some(_) => return Err(format!("{first} is no time that cron knows")),
        None => due([first, next(), next(), next(), next()])?,
    };
    let user = next();
    let command = before_percent(rest.trim_start());
    match user.is_empty() || command.is_empty() {
        true => Err("it has no user or no command; in /etc/cron.d the user stands before the command".to_owned()),
        false => Ok(Entry { due, user, command, variables: variables.clone() }),
    }
}

/// What five fields come to. `crontab(5)`: where the days of the month and of the week are both restricted, either is enough.
/// Each field but the minute must let everything through.
fn due(time: [String; 5]) -> Result<Due, String> {
    let mut always = true;
    for (position, (text, of)) in time.iter().zip(FIELDS).enumerate() {
        let (_, least, most) = of;
        let numbers = field(text, of)?;
        // Sunday is 0 and 7: either is enough.
        let is_in = |number: u32| numbers.contains(&number) || (most, number) == (7, 0) && numbers.contains(&7);
        let last = if most == 7 { 6 } else { most };
        always &= position == 0 || (least..=last).all(is_in);
    }
    Ok(if always { Due::EachHour } else { Due::NotEachHour(time.join(" ")) })
}

/// The numbers of a list of numbers, ranges and steps; names of months and days are not looked up.
fn field(text: &str, of: (&str, u32, u32)) -> Result<Vec<u32>, String> {
    let items: Option<Vec<_>> = text.split(',').map(|part| item(part, of)).collect();
    let (name, ..) = of;
    Ok(items.ok_or_else(|| format!("{text:?} is no {name}"))?.concat())
}

fn item(text: &str, (name, least, most): (&str, u32, u32)) -> Option<Vec<u32>> {
    let named = name.starts_with("month") || name.ends_with("week");
    let is_name = |text: &str| named && text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    let number = |text: &str| text.parse().ok().filter(|number: &u32| (least..=most).contains(number));
    let (range, step) = text.split_once('/').unwrap_or((text, "1"));
    let step = step.parse().ok().filter(|step| *step > 0)?;
    let (from, to) = match range.split_once('-') {
        _ if range == "*" => (least, most),
        None if is_name(range) => return Some(Vec::new()),
        None => (number(range)?, number(range)?),
        Some((from, to)) if is_name(from) && is_name(to) => return Some(Vec::new()),
        Some((from, to)) => (number(from)?, number(to)?),
    };
    Some((from..=to).step_by(step).collect())
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

/// The simple commands of a command, each as its words, as a shell takes it apart; redirections are left out. What else a
/// shell can do is no matter here.
pub(super) fn commands(command: &str) -> Vec<Vec<String>> {
    let mut taken = Taken::default();
    let mut characters = command.chars().peekable();
    while let Some(character) = characters.next() {
        match (taken.quote, character) {
            (None, '\'' | '"') => {
                taken.quote = Some(character);
                taken.word.get_or_insert_default();
            }
            (Some(open), _) if open == character => taken.quote = None,
            (None, ' ' | '\t') => taken.end_word(),
            (None, ';' | '&' | '|') => taken.end_command(),
            (None, '<' | '>') => {
                taken.redirect();
                while characters.next_if(|next| matches!(next, '<' | '>' | '&')).is_some() {}
            }
            _ => taken.word.get_or_insert_default().push(character),
        }
    }
    taken.end_command();
    taken.commands
}

/// What was taken apart so far.
#[derive(Default)]
struct Taken {
    commands: Vec<Vec<String>>,
    words: Vec<String>,
    word: Option<String>,
    quote: Option<char>,
    /// The word that comes next says where to something is redirected.
    redirects: bool,
}

impl Taken {
    fn end_word(&mut self) {
        let Some(word) = self.word.take() else { return };
        if !std::mem::take(&mut self.redirects) {
            self.words.push(word);
        }
    }

    /// A number that stands right before it is the descriptor that is redirected.
    fn redirect(&mut self) {
        if self.word.as_ref().is_some_and(|word| word.bytes().all(|byte| byte.is_ascii_digit())) {
            self.word = None;
        }
        self.end_word();
        self.redirects = true;
    }

    fn end_command(&mut self) {
        self.end_word();
        self.redirects = false;
        if !self.words.is_empty() {
            self.commands.push(std::mem::take(&mut self.words));
        }
    }
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
        assert_eq!(commands(&entries[0].command)[0][3], "/usr/bin/logferry");
        assert_eq!((entries[0].user.as_str(), entries[0].variables["PATH"].as_str()), ("root", "/opt/bin:/bin"));
        assert_eq!((entries[1].user.as_str(), entries[1].command.as_str()), ("www", "echo"));
        for time in ["*/5 1,2-4 * jan mon", "0-59/7 23 31 12 7"] {
            assert!(super::entries(&format!("{time} root x\n")).is_ok(), "{time}");
        }
    }

    #[test]
    fn an_entry_is_due_each_hour_or_there_are_hours_without_it() {
        for time in ["7 * * * *", "*/5 */1 * * *", "7 0-11,12-23 1-31 * 0-6", "7 * * 1-12 1-7", "@hourly"] {
            let entries = entries(&format!("{time} root x\n")).expect(time);
            assert_eq!(entries[0].due, Due::EachHour, "{time}");
        }
        for time in ["0 0 1 1 *", "7 */2 * * *", "7 * 1-30 * *", "7 * * jan *", "7 * * * mon-fri", "@daily", "@reboot"]
        {
            let entries = entries(&format!("{time} root x\n")).expect(time);
            assert_eq!(entries[0].due, Due::NotEachHour(time.to_owned()));
        }
    }

    #[test]
    fn words_may_be_quoted() {
        let command = "test -x '/opt/a b/logferry'&& \"/opt/a b\"/logferry run ''";
        let expected = [&["test", "-x", "/opt/a b/logferry"][..], &["/opt/a b/logferry", "run", ""]];
        assert_eq!(commands(command), expected);
    }

    #[test]
    fn redirections_are_no_arguments() {
        for command in ["x run >/dev/null 2>&1", "x run > '/a b' 2>>c <d", "x 2>&1 run >&2; y"] {
            assert_eq!(commands(command)[0], ["x", "run"], "{command}");
        }
        assert_eq!(commands("x 2 '>' 3")[0], ["x", "2", ">", "3"]);
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
