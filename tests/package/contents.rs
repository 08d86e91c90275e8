//! What is in the package.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::CommandFactory;
use logferry::cli::Cli;
use logferry::install::signed::{self, Signed};
use tempfile::TempDir;

use super::{package, packages, sources};
use crate::support::finish;

/// The package's files, unpacked.
fn unpacked() -> TempDir {
    let dir = TempDir::new().expect("a directory");
    finish(Command::new("dpkg-deb").arg("--extract").arg(&packages().first).arg(dir.path())).expect(0);
    dir
}

fn commands() -> Vec<String> {
    let cli = Cli::command();
    cli.get_subcommands()
        .filter(|command| !command.is_hide_set())
        .map(|command| command.get_name().to_owned())
        .collect()
}

#[test]
fn lintian_finds_no_error() {
    let mut lintian = Command::new("lintian");
    // Of what a check of an archive would ask besides, nothing concerns those who install it.
    let ended =
        finish(lintian.args(["--allow-root", "--fail-on", "error", "--tag-display-limit", "0"]).arg(&packages().first));
    assert_eq!(ended.code, 0, "{}{}", ended.text(), ended.stderr);
}

#[test]
fn the_same_sources_make_the_same_package_to_the_byte() {
    let dir = TempDir::new().expect("a directory");
    package(&["--development", "--revision", "1"], dir.path()).expect(0);
    let again = dir.path().join(packages().first.file_name().expect("a name"));
    let read = |path: &Path| std::fs::read(path).expect("a package");
    assert!(read(&again) == read(&packages().first), "the two differ");
}

#[test]
fn every_file_is_roots_and_only_root_may_write_it() {
    let mut list = Command::new("dpkg-deb");
    let listed = finish(list.arg("--contents").arg(&packages().first)).expect(0).text();
    for line in listed.lines() {
        let wanted = if line.starts_with('d') || line.contains("/usr/bin/") { "rwxr-xr-x" } else { "rw-r--r--" };
        assert!(line[1..].starts_with(wanted) && line.contains(" root/root "), "{line}");
    }
    assert!(listed.lines().count() > 30, "{listed}");
}

#[test]
fn each_command_has_a_man_page_that_renders_and_completions_in_three_shells() {
    let dir = unpacked();
    let manual = dir.path().join("usr/share/man/man1");
    let names = commands();
    let pages: BTreeSet<String> = names.iter().map(|name| format!("logferry-{name}.1.gz")).collect();
    let mut found: BTreeSet<String> = std::fs::read_dir(&manual)
        .expect("man pages")
        .map(|entry| entry.expect("one").file_name().to_string_lossy().into_owned())
        .collect();
    assert!(found.remove("logferry.1.gz"), "no page for logferry");
    assert_eq!(found, pages);
    for page in found.iter().map(String::as_str).chain(["logferry.1.gz"]) {
        // groff itself: `man` is not on every machine, and says nothing of mistakes.
        let script = format!("gzip -dc '{}' | groff -man -Tutf8 -P-cbou -ww", manual.join(page).display());
        let rendered = finish(Command::new("sh").args(["-c", &script])).expect(0);
        assert_eq!(rendered.stderr, "", "{page}");
        assert!(rendered.text().contains("EXIT STATUS"), "{page}: {}", rendered.text());
    }
    assert_completes(dir.path(), &names);
}

/// Asks each shell what may follow `logferry `.
#[track_caller]
fn assert_completes(root: &Path, commands: &[String]) {
    let share = root.join("usr/share");
    let bash = "source bash-completion/completions/logferry; COMP_WORDS=(logferry ''); COMP_CWORD=1; \
                _logferry logferry '' logferry; printf '%s\\n' \"${COMPREPLY[@]}\"";
    let fish = "source fish/vendor_completions.d/logferry.fish; complete -C 'logferry '";
    // zsh completes at a prompt only: it reads the function, which then names what it would offer.
    let zsh = "fpath=($PWD/zsh/vendor-completions $fpath); autoload -Uz compinit && compinit -D && [[ -n $_comps[logferry] ]] && \
               autoload +X _logferry && functions _logferry";
    for (shell, args, script) in
        [("bash", &["--norc", "-c"][..], bash), ("fish", &["--no-config", "-c"], fish), ("zsh", &["-f", "-c"], zsh)]
    {
        let ended = finish(Command::new(shell).args(args).arg(script).current_dir(&share).env("HOME", root)).expect(0);
        for command in commands {
            assert!(
                ended.text().contains(command.as_str()),
                "{shell} offers no {command}: {}{}",
                ended.text(),
                ended.stderr
            );
        }
    }
}

#[test]
fn the_example_of_a_configuration_says_nothing_as_it_stands_and_is_sound_without_its_marks() {
    use logferry::config::File;
    let text = std::fs::read_to_string(unpacked().path().join("etc/logferry.toml.example")).expect("the example");
    let path = Path::new("logferry.toml.example");
    let silent = File::parse(path, text.clone()).expect("it is sound");
    assert!(silent.to.is_none() && silent.sets.is_empty(), "it would ship something");
    // A key stands right behind the mark, a sentence behind a space.
    let keys: String = text
        .lines()
        .filter_map(|line| line.strip_prefix('#').filter(|key| !key.starts_with(' ')))
        .fold(String::new(), |keys, key| keys + key + "\n");
    let full = File::parse(path, keys.clone()).unwrap_or_else(|error| panic!("{error}\n{keys}"));
    assert!(full.to.is_some() && full.sets.len() == 6, "{keys}");
    let documented = documented_keys();
    assert!(documented.contains(&("[instance]".to_owned(), "zone".to_owned())), "{documented:?}");
    for (table, key) in documented {
        let section = section(&keys, &table);
        assert!(
            section.iter().any(|line| line.starts_with(&format!("{key} = "))),
            "the example lacks {key} of {table}"
        );
    }
}

/// The tables of the guide and the keys of each; a row may be about several.
fn documented_keys() -> Vec<(String, String)> {
    let guide = std::fs::read_to_string(sources().join("docs/configuration.md")).expect("the guide");
    let (mut table, mut is_of_keys, mut keys) = (String::new(), false, Vec::new());
    for line in guide.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            table = heading.trim_matches('`').to_owned();
        }
        let Some(first) = line.strip_prefix("| ").and_then(|row| row.split(" | ").next()) else {
            is_of_keys = false;
            continue;
        };
        is_of_keys |= first == "key";
        let names = first.split('`').skip(1).step_by(2).filter(|_| is_of_keys);
        keys.extend(names.map(|name| (table.clone(), name.to_owned())));
    }
    keys
}

/// The lines of a table of a configuration, by its header, or of what stands before the first one.
fn section<'a>(text: &'a str, table: &str) -> Vec<&'a str> {
    let mut current = "At the top";
    let of = |line: &'a str| {
        if line.starts_with('[') {
            current = line;
        }
        (current == table).then_some(line)
    };
    text.lines().filter_map(of).collect()
}

#[test]
fn of_what_install_writes_the_package_holds_nothing() {
    let mut fields = Command::new("dpkg-deb");
    let conffiles = finish(fields.arg("--info").arg(&packages().first).arg("conffiles")).expect(0).text();
    // dpkg asks about each of these that is not as the package brought it.
    assert_eq!(conffiles, "/etc/cron.d/logferry-waiting\n/etc/logferry.toml.example\n");
    let entry = std::fs::read(unpacked().path().join("etc/cron.d/logferry-waiting")).expect("the entry");
    assert_eq!(Signed::read(&entry), Signed::Foreign);
    let mark = String::from_utf8(signed::sign("")).expect("text");
    let command = String::from_utf8(entry).expect("text").lines().last().expect("a line").to_owned();
    let asks = command.split("grep -qs '^").nth(1).and_then(|rest| rest.split('\'').next()).expect("what it asks for");
    assert!(mark.starts_with(asks), "{asks:?} is not how a configuration of install's begins: {mark}");
}

#[test]
fn all_that_is_linked_in_is_named_with_its_licence() {
    let dir = unpacked();
    let path = dir.path().join("usr/share/doc/logferry/third-party.gz");
    let notices = finish(Command::new("gzip").arg("-dc").arg(&path)).expect(0);
    let text = notices.text();
    for part in ["\naws-sdk-s3 1.", "\nring 0.", "\nzlib-rs 0.", "Apache License", "Permission is hereby granted"] {
        assert!(text.contains(part), "{part} is missing");
    }
}

#[test]
fn a_binary_with_fault_points_is_not_packaged() {
    let output = TempDir::new().expect("a directory");
    // The tests' own binary: it stops where the environment says.
    let ended = package(&["--binary", env!("CARGO_BIN_EXE_logferry")], output.path()).expect(1);
    assert!(ended.stderr.contains("obeys LOGFERRY_FAULT") && ended.stderr.contains("hint:"), "{}", ended.stderr);
    let packaged: Vec<PathBuf> =
        std::fs::read_dir(output.path()).expect("it").map(|entry| entry.expect("it").path()).collect();
    assert!(packaged.is_empty(), "{packaged:?}");
}

#[test]
fn what_packages_it_refuses_what_it_does_not_understand() {
    let output = TempDir::new().expect("a directory");
    for args in [&["--nonsense"][..], &["--revision", "1_2"], &["--revision"], &["--binary", "/nonexistent"]] {
        let ended = package(args, output.path());
        assert!([1, 2].contains(&ended.code) && !ended.stderr.is_empty(), "{args:?}: {ended:?}");
    }
    // A program of another kind is no logferry.
    let other = output.path().join("other");
    std::fs::write(&other, "#!/bin/sh\nexit 1\n").expect("a script");
    std::fs::set_permissions(&other, PermissionsExt::from_mode(0o755)).expect("chmod");
    package(&["--binary", &other.to_string_lossy()], output.path()).expect(1);
}
