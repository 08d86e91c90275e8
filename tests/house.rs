//! The house: which modules may use which, who may call the system, who may print.

use std::path::{Path, PathBuf};

use crate::support::finish;

/// The layers, from top to bottom; modules of one layer may use each other only where [`BESIDE`] says so.
const LAYERS: [&[&str]; 6] = [
    &["main", "cli", "cmd"],
    &["check"],
    &["rotate", "ship", "ec2", "install", "archive", "report"],
    &["config", "gzip", "unpack", "spool", "store", "exit"],
    &["sys"],
    &["model"],
];

/// Uses within a layer, or upwards, that are part of the design.
const BESIDE: [(&str, &str); 5] =
    [("main", "cli"), ("main", "cmd"), ("cmd", "cli"), ("spool", "gzip"), ("unpack", "gzip")];

fn sources() -> Vec<(String, PathBuf, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = walkdir::WalkDir::new(&src).into_iter().map(|entry| entry.expect("an entry").into_path());
    let files = files.filter(|path| path.extension().is_some_and(|end| end == "rs"));
    files
        .map(|path| {
            let below = path.strip_prefix(&src).expect("below src").with_extension("");
            let module = below.components().next().expect("a name").as_os_str().to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&path).expect("a source");
            (module, path, text)
        })
        .collect()
}

fn layer(module: &str) -> usize {
    LAYERS.iter().position(|layer| layer.contains(&module)).unwrap_or_else(|| panic!("{module} is in no layer"))
}

/// The modules of ours that a source names, as `crate::x` or `logferry::x`.
fn named(text: &str) -> Vec<String> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut modules = Vec::new();
    for root in ["crate::", "logferry::"] {
        for (at, _) in code.match_indices(root) {
            let rest = &code[at + root.len()..];
            let names = match rest.strip_prefix('{') {
                Some(list) => list.split('}').next().unwrap_or_default().split(',').map(str::trim).collect(),
                None => vec![rest],
            };
            modules.extend(
                names.into_iter().map(|name| {
                    name.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect::<String>()
                }),
            );
        }
    }
    modules
}

#[test]
fn dependencies_point_down_only() {
    for (module, path, text) in sources().iter().filter(|(module, ..)| module != "lib") {
        for used in named(text).iter().filter(|used| *used != module) {
            let beside = BESIDE.contains(&(module.as_str(), used.as_str()));
            assert!(beside || layer(used) > layer(module), "{}: {module} uses {used}", path.display());
        }
    }
}

#[test]
fn only_sys_calls_the_system_and_only_two_modules_know_aws() {
    for (module, path, text) in sources() {
        // `std::os::unix::…` holds "nix::" too.
        let text_without_std = text.replace("os::unix::", "");
        let calls = ["use nix", "nix::", "libc::", "unsafe {"];
        let calls_the_system = calls.iter().any(|part| text_without_std.contains(part));
        assert!(module == "sys" || !calls_the_system, "{} calls the system", path.display());
        let knows_aws = text.contains("aws_");
        let may = module == "ec2" || path.to_string_lossy().contains("store/s3");
        assert!(may || !knows_aws, "{} knows AWS", path.display());
    }
}

#[test]
fn spool_and_store_do_not_know_each_other() {
    for (module, path, text) in sources() {
        let other = match module.as_str() {
            "spool" => "crate::store",
            "store" => "crate::spool",
            _ => continue,
        };
        assert!(!text.contains(other), "{} uses {other}", path.display());
    }
}

#[test]
fn only_commands_and_reports_print() {
    for (module, path, text) in sources() {
        let prints = ["println!", "eprintln!", "print!(", "io::stdout", "io::stderr"].iter().any(|p| text.contains(p));
        assert!(["cmd", "report", "main"].contains(&module.as_str()) || !prints, "{} prints", path.display());
    }
}

#[test]
fn nothing_unfinished_stays() {
    for (_, path, text) in sources() {
        for mark in [concat!("to", "do!("), concat!("unim", "plemented!("), concat!("FIX", "ME"), concat!("dbg", "!(")]
        {
            assert!(!text.contains(mark), "{} holds {mark}", path.display());
        }
    }
}

#[test]
fn the_readme_and_the_help_tell_the_exit_codes_that_there_are() {
    use logferry::exit::Exit;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("README.md")).expect("the README");
    let help = finish(std::process::Command::new(env!("CARGO_BIN_EXE_logferry")).arg("--help")).text();
    for exit in Exit::ALL {
        let (code, meaning) = (exit as u8, exit.meaning());
        assert!(readme.contains(&format!("| {code} | {meaning} |")), "{code}");
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words(&help).contains(&format!("{code} {}", words(meaning))), "{code}: {help}");
    }
}

/// What the fuzz targets are built of, as `tests/fuzz/lib.rs` names it.
const FUZZED: [&str; 5] = ["config", "gzip", "model", "spool", "sys"];

#[test]
fn the_fuzz_targets_are_built_with_the_same_libraries() {
    let lines = |manifest: &str| -> Vec<String> {
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(manifest)).expect("a manifest");
        let (_, behind) = text.split_once("[dependencies]\n").expect("dependencies");
        let section = behind.split("\n[").next().unwrap_or_default();
        section.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).map(str::to_owned).collect()
    };
    let (ours, theirs) = (lines("Cargo.toml"), lines("tests/fuzz/Cargo.toml"));
    let fuzzed: Vec<_> = sources().into_iter().filter(|(module, ..)| FUZZED.contains(&&**module)).collect();
    for line in &ours {
        let name = line.split(" =").next().expect("a name").replace('-', "_");
        let uses = |text: &str| {
            text.match_indices(&format!("{name}::")).any(|(at, _)| {
                !text[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_' || before == ':')
            })
        };
        let used_by = fuzzed.iter().find(|(.., text)| uses(text));
        if let Some((_, path, _)) = used_by {
            assert!(theirs.contains(line), "{} uses {name}; tests/fuzz/Cargo.toml lacks: {line}", path.display());
        }
    }
}
