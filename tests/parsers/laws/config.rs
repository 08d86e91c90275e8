//! The configuration file.

use std::path::Path;
use std::time::Duration;

use logferry::config::File;
use logferry::model::format::Format;
use logferry::model::priority::Priority;
use logferry::model::s3_options::{Checksum, Encryption, S3Options};

use super::super::choices::Choices;

const FILE: &str = "x.toml";

fn read(text: &str) -> Result<File, String> {
    File::parse(Path::new(FILE), text.to_owned()).map_err(|error| error.to_string())
}

/// Of whatever stands in the file, either all is in its range, or the mistake has its place.
pub fn configuration_text(text: &str) {
    match read(text) {
        Ok(file) => {
            let day = Duration::from_secs(24 * 3600);
            assert!(file.settle.is_none_or(|time| time <= day) && file.splay.is_none_or(|time| time <= day));
            assert!(file.compression.level.is_none_or(|level| file.compression.format.levels().contains(&level)));
            assert!(file.sets.iter().all(|set| !set.paths.is_empty()));
            // What was read can be used.
            for set in &file.sets {
                for path in ["/", "/var/log/web.log", "/x"].map(Path::new) {
                    let _ = (set.covers(path), set.service.service(path).encoded());
                }
            }
        }
        Err(mistake) => assert_placed(&mistake, text),
    }
}

fn assert_placed(mistake: &str, text: &str) {
    let rest = mistake.strip_prefix(FILE).and_then(|rest| rest.strip_prefix(':'));
    let rest = rest.unwrap_or_else(|| panic!("it names no file: {mistake:?}"));
    let (line, what) = rest.split_once(": ").unwrap_or_else(|| panic!("it names no line: {mistake:?}"));
    let line: usize = line.parse().unwrap_or_else(|_| panic!("it names no line: {mistake:?}"));
    assert!((1..=text.matches('\n').count() + 1).contains(&line), "no such line: {mistake:?}");
    let (what, hint) = what.split_once("\n  hint: ").unwrap_or((what, "none"));
    assert!(!what.is_empty() && !hint.is_empty());
    assert!(!what.chars().chain(hint.chars()).any(char::is_control), "it would move the cursor: {mistake:?}");
}

/// A text in TOML, in one of its ways.
fn quoted(choices: &mut Choices<'_>, text: &str) -> String {
    let plain = |c: char| !c.is_control() && c != '\'';
    if choices.is() && text.chars().all(plain) {
        return format!("'{text}'");
    }
    let escaped = text.chars().map(|c| match c {
        '"' => "\\\"".to_owned(),
        '\\' => "\\\\".to_owned(),
        c if c.is_control() => format!("\\u{:04X}", u32::from(c)),
        c => c.to_string(),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

/// A text for a name: never empty, no slash, no wildcard.
fn name(choices: &mut Choices<'_>) -> String {
    let name = choices.text(12).replace(|c: char| "/*?[]{}\\!,".contains(c) || c == '\0', "_");
    if name.is_empty() || name == "." || name == ".." { "web".to_owned() } else { name }
}

/// A configuration that is sound reads back as what it says.
pub fn valid_configuration(choices: &mut Choices<'_>) {
    let (mut text, mut expected) = (String::new(), File::default());
    if choices.is() {
        let seconds = u64::try_from(choices.below(86_401)).expect("small");
        let written = match choices.is() {
            true => format!("{seconds}s"),
            false => format!("{}m {}s", seconds / 60, seconds % 60),
        };
        text += &format!("settle = \"{written}\"\n");
        expected.settle = Some(Duration::from_secs(seconds));
    }
    if choices.is() {
        let format = choices.pick(&Format::ALL);
        text += &format!("format = \"{}\"\n", format.name());
        expected.compression.format = format;
    }
    if choices.is() {
        let most = usize::try_from(*expected.compression.format.levels().end()).expect("small");
        let level = u32::try_from(choices.below(most)).expect("small") + 1;
        text += &match choices.is() {
            true => format!("level = {level}\n"),
            false => format!("level = 0x{level:x}\n"),
        };
        expected.compression.level = Some(level);
    }
    if choices.is() {
        let to = choices.destination();
        text += &format!("to = {}\n", quoted(choices, &to.to_string()));
        expected.to = Some(to);
    }
    if choices.is() {
        let instance = choices.instance();
        text += &format!("[instance]\nid = \"{instance}\"\n");
        expected.machine.instance = Some(instance);
    }
    if choices.is() {
        expected.s3 = s3(choices, &mut text);
    }
    let sets: Vec<Set> = (0..choices.below(4)).map(|_| Set::new(choices, &mut text)).collect();
    let file = read(&text).unwrap_or_else(|mistake| panic!("{mistake}\n{text}"));
    assert_eq!(
        (file.to, file.machine.instance, file.settle),
        (expected.to, expected.machine.instance, expected.settle),
        "{text}"
    );
    assert_eq!((file.compression, file.s3, file.sets.len()), (expected.compression, expected.s3, sets.len()), "{text}");
    for (set, read) in sets.iter().zip(&file.sets) {
        set.assert_is(read, &text);
    }
}

fn s3(choices: &mut Choices<'_>, text: &mut String) -> S3Options {
    let mut options = S3Options::default();
    *text += "[s3]\n";
    match choices.byte() % 3 {
        0 => {}
        1 => {
            *text += "sse = \"AES256\"\n";
            options.encryption = Some(Encryption::S3);
        }
        _ => {
            let key = choices.is().then(|| choices.text(20));
            *text += "sse = \"aws:kms\"\n";
            if let Some(key) = &key {
                *text += &format!("kms_key_id = {}\n", quoted(choices, key));
            }
            options.encryption = Some(Encryption::Kms { key });
        }
    }
    if choices.is() {
        let (word, checksum) = choices.pick(&Checksum::ALL);
        *text += &format!("checksum = \"{word}\"\n");
        options.checksum = checksum;
    }
    if choices.is() {
        *text += "[s3.tags]\n";
        let tags = (0..choices.below(11)).map(|number| (format!("{number}{}", choices.text(9)), choices.text(9)));
        let mut tags: Vec<(String, String)> = tags.collect();
        tags.sort();
        for (tag, value) in &tags {
            let (tag, value) = (quoted(choices, tag), quoted(choices, value));
            *text += &format!("{tag} = {value}\n");
        }
        options.tags = tags;
    }
    options
}

/// A `[[logs]]` table whose logs and other files are known.
struct Set {
    log: String,
    excluded: String,
    elsewhere: String,
    service: String,
    priority: Priority,
}

impl Set {
    fn new(choices: &mut Choices<'_>, text: &mut String) -> Self {
        let (directory, name) = (name(choices), name(choices));
        let (parent, log) = (format!("/logs/{directory}"), format!("/logs/{directory}/{name}.log"));
        let path = match choices.byte() % 4 {
            0 => log.clone(),
            1 => parent.clone(),
            2 if !directory.starts_with('.') => format!("/logs/*/{name}.log"),
            _ => format!("{parent}/*.log"),
        };
        let (path, excluded) = (quoted(choices, &path), quoted(choices, &format!("{name}.old.*")));
        let list = choices.is();
        let listed = |text: &str| if list { format!("[{text}]") } else { text.to_owned() };
        *text += &format!("[[logs]]\npaths = {}\nexclude = {}\n", listed(&path), listed(&excluded));
        let service = match choices.is() {
            true => name.clone(),
            false => {
                *text += "service = \"{parent}-{stem}\"\n";
                format!("{directory}-{name}")
            }
        };
        if choices.is() {
            *text += "writer = \"reopens\"\n";
        }
        let mut priority = Priority::Normal;
        if choices.is() {
            let (word, chosen) = choices.pick(&Priority::ALL);
            *text += &format!("priority = \"{word}\"\n");
            priority = chosen;
        }
        let (excluded, elsewhere) = (format!("{parent}/{name}.old.log"), format!("/other/{name}.log"));
        Self { log, excluded, elsewhere, service, priority }
    }

    fn assert_is(&self, read: &logferry::config::LogSet, text: &str) {
        assert!(read.covers(Path::new(&self.log)), "{} is not covered by\n{text}", self.log);
        assert!(!read.covers(Path::new(&self.excluded)), "{} is not excluded by\n{text}", self.excluded);
        assert!(!read.covers(Path::new(&self.elsewhere)), "{} is covered by\n{text}", self.elsewhere);
        let service = read.service.service(Path::new(&self.log));
        assert_eq!(service.name().to_str(), Some(self.service.as_str()), "{text}");
        assert_eq!(read.priority, self.priority, "{text}");
    }
}
