//! What README and guides say that the program says and takes.

use std::path::{Path, PathBuf};

use clap::CommandFactory;
use logferry::cli::Cli;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text_of(path: &Path) -> String {
    std::fs::read_to_string(path).expect("a text")
}

/// What others say, and logferry passes on: the system, the AWS SDK, and IAM.
const OTHERS: [&str; 6] = [
    "Permission denied",
    "No such file or directory",
    "no credentials found in chain",
    "dispatch failure",
    "tcp connect error",
    "explicit deny in a resource-based policy",
];

/// README and guides: where they are, and what they say.
fn guides() -> impl Iterator<Item = (PathBuf, String)> {
    let guides = std::fs::read_dir(root().join("docs")).expect("docs").map(|entry| entry.expect("an entry").path());
    let guides = guides.filter(|path| path.extension().is_some_and(|end| end == "md"));
    let others = ["README.md", "CHANGELOG.md", "src/spool/FORMAT.md"].map(|path| root().join(path));
    guides.chain(others).map(|path| (path.clone(), text_of(&path)))
}

/// The first cells of all tables of a text under a header that begins with this.
fn first_cells(text: &str, header: &str) -> Vec<String> {
    let (mut cells, mut is_within) = (Vec::new(), false);
    for line in text.lines() {
        is_within = line.starts_with(header) || is_within && line.starts_with('|');
        if is_within && !line.starts_with(header) && !line.starts_with("| ---") {
            cells.push(line.split(" | ").next().unwrap_or_default().to_owned());
        }
    }
    cells
}

/// What stands between backquotes.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// The texts in a message: what is between numbers, marks for something left out, and placeholders in capitals.
fn fixed_parts(message: &str) -> Vec<String> {
    let is_placeholder = |word: &str| word.bytes().all(|byte| byte.is_ascii_uppercase());
    let pieces = message.split(|c: char| c.is_ascii_digit() || "…(),".contains(c)).flat_map(|piece| piece.split(": "));
    let mut parts = Vec::new();
    for piece in pieces {
        let words: Vec<&str> = piece.split(' ').collect();
        parts.extend(words.split(|word| is_placeholder(word)).map(|words| words.join(" ")));
    }
    parts.retain(|part| part.len() > 2);
    parts
}

/// The program's own code, without comments and unit tests, each text in one line.
fn code() -> String {
    let files = walkdir::WalkDir::new(root().join("src")).into_iter().map(|entry| entry.expect("an entry").into_path());
    let sources = files.filter(|path| path.extension().is_some_and(|end| end == "rs")).map(|path| text_of(&path));
    let mut code = String::new();
    for source in sources {
        let of_the_program = source.split("\n#[cfg(test)]\nmod ").next().unwrap_or_default();
        for line in of_the_program.lines().map(str::trim_start).filter(|line| !line.starts_with("//")) {
            match line.strip_suffix('\\') {
                Some(goes_on) => code.push_str(goes_on),
                None => code.extend([line, "\n"]),
            }
        }
    }
    code.replace("\\\"", "\"")
}

#[test]
fn the_messages_that_the_guides_explain_are_in_the_program() {
    let code = code();
    let cells: Vec<String> = guides().flat_map(|(_, guide)| first_cells(&guide, "| message |")).collect();
    assert!(cells.len() > 30, "{cells:?}");
    for message in cells.iter().flat_map(|cell| quoted(cell)) {
        let parts = fixed_parts(message);
        assert!(!parts.is_empty(), "{message} says nothing");
        for part in parts {
            let is_said = code.contains(&part) || OTHERS.contains(&part.as_str());
            assert!(is_said, "nothing in src says {part:?}, which the guides explain as {message:?}");
        }
    }
}

#[test]
fn the_readme_lists_the_commands_that_there_are_and_their_options() {
    let cells = first_cells(&text_of(&root().join("README.md")), "| command |");
    let mut listed = Vec::new();
    for call in cells.iter().flat_map(|cell| quoted(cell)) {
        let mut words = call.split(' ').map(|word| word.trim_matches(['[', ']']));
        assert_eq!(words.next(), Some("logferry"), "{call}");
        let name = words.next().expect("a command");
        listed.push(name.to_owned());
        let cli = Cli::command();
        let command = cli.find_subcommand(name).unwrap_or_else(|| panic!("there is no command {name}"));
        for option in words.filter_map(|word| word.strip_prefix("--")) {
            assert!(command.get_arguments().any(|arg| arg.get_long() == Some(option)), "{name} has no --{option}");
        }
    }
    let cli = Cli::command();
    let mut there: Vec<_> = cli.get_subcommands().filter(|command| !command.is_hide_set()).collect();
    there.sort_by_key(|command| listed.iter().position(|name| name == command.get_name()));
    let there: Vec<_> = there.iter().map(|command| command.get_name()).collect();
    assert_eq!(there, listed);
}

/// The names by which a text's headings are linked to: in small letters, without punctuation, with hyphens for spaces.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#')).filter_map(|line| line.split_once(' '));
    let anchor = |heading: &str| {
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.collect::<String>().to_lowercase().replace(' ', "-")
    };
    headings.map(|(_, heading)| anchor(heading)).collect()
}

#[test]
fn every_link_leads_to_a_file_that_there_is_and_a_heading_in_it() {
    let mut followed = 0;
    for (path, text) in guides() {
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.contains("://")) {
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let to = if file.is_empty() { path.clone() } else { path.with_file_name(file) };
            assert!(to.exists(), "{}: {link} leads nowhere", path.display());
            let is_there = heading.is_empty() || anchors(&text_of(&to)).iter().any(|anchor| anchor == heading);
            assert!(is_there, "{}: {link}: there is no such heading", path.display());
            followed += 1;
        }
    }
    assert!(followed > 50, "only {followed} links");
}
