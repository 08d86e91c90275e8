//! What CI looks at before it begins, and what its lints find.

use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use nix::sys::stat::{Mode, SFlag, makedev, mknod};

use crate::support::{Ended, Sandbox, example, finish};

/// The look, at a path of the test's own.
fn look_at(path: &Path) -> Ended {
    finish(&mut script(path))
}

fn script(path: &Path) -> Command {
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/lib/null-device.sh"));
    command.arg(path);
    command
}

#[track_caller]
fn is_the_null_device(path: &Path) {
    let found = std::fs::symlink_metadata(path).expect("something is there");
    assert!(found.file_type().is_char_device(), "{found:?}");
    assert_eq!((found.rdev(), found.permissions().mode() & 0o7777), (makedev(1, 3), 0o666));
}

#[test]
fn what_has_become_of_the_null_device_is_told_and_root_gets_it_back() {
    let sandbox = Sandbox::new();
    let at = |name: &str| sandbox.path(name);
    std::fs::write(at("file"), "what a program threw away\n").expect("a file");
    symlink(at("file"), at("link")).expect("a link");
    mknod(&at("zero"), SFlag::S_IFCHR, Mode::from_bits_truncate(0o666), makedev(1, 5)).expect("a device, as root");
    mknod(&at("closed"), SFlag::S_IFCHR, Mode::S_IRUSR, makedev(1, 3)).expect("a device, as root");
    let file = "it is a file of 26 bytes, in which programs find what others wrote";
    for (name, what) in [
        ("link", file),
        ("file", file),
        ("zero", "it is the device 1:5, mode 6"),
        ("closed", "it is the device 1:3, mode 400"),
        ("missing", "there is nothing"),
    ] {
        let ended = look_at(&at(name)).expect(0);
        let told = format!("{} is not the null device: {what}", at(name).display());
        assert!(ended.stderr.contains(&told), "{name}: {}", ended.stderr);
        is_the_null_device(&at(name));
        look_at(&at(name)).quiet();
    }
    // What a link led to stays, and nothing is left beside.
    let mut left: Vec<_> = std::fs::read_dir(sandbox.path("")).expect("it is there").flatten().collect();
    left.retain(|entry| entry.file_name().to_string_lossy().contains('.') && entry.file_name() != "logferry.toml");
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_null_device_that_can_not_be_put_back_ends_it_with_what_to_do() {
    let sandbox = Sandbox::new();
    let directory = sandbox.path("directory");
    std::fs::create_dir(&directory).expect("a directory");
    let ended = look_at(&directory).expect(1);
    assert!(ended.stderr.contains("it is a directory"), "{}", ended.stderr);
    assert!(ended.stderr.contains("hint: where it is mounted into a container"), "{}", ended.stderr);
    assert!(directory.is_dir());
    let nobody = look_as_nobody(&sandbox.path("missing")).expect(1);
    assert!(nobody.stderr.contains("hint: as root: mknod -m 666"), "{}", nobody.stderr);
    assert!(!sandbox.path("missing").exists());
}

/// The script is handed to a shell of nobody's: he may not be allowed to reach the sources.
fn look_as_nobody(path: &Path) -> Ended {
    let text = std::fs::read_to_string(script(path).get_program()).expect("the script");
    let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", "bash", "-c", &text, "look"];
    finish(Command::new("setpriv").args(nobody).arg(path))
}

/// The tests' own writer renamed its report over `/dev/null`, as root, each time that a test had no use for one. Minutes later
/// cargo failed over what programs had thrown away, which `rustc -` then found there.
#[test]
fn the_tests_writer_puts_nothing_in_the_place_of_a_device_that_its_report_goes_to() {
    let sandbox = Sandbox::new();
    let null = sandbox.path("null");
    look_at(&null).expect(0);
    let mut writer = Command::new(example("upstart-writer"));
    finish(writer.args(["--limit", "100", "--report"]).arg(&null).arg(sandbox.log("web.log"))).expect(0);
    is_the_null_device(&null);
}

#[test]
fn ci_looks_at_the_null_device_before_it_reads_from_it() {
    let run = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci/run")).expect("what CI runs");
    let line = |words: &str| run.lines().position(|line| line == words).unwrap_or_else(|| panic!("no line {words}"));
    assert!(line("scripts/lib/null-device.sh") < line("exec </dev/null"));
}

/// A crate of one file, as cargo hands it to what `scripts/check` has it call.
fn lint(sandbox: &Sandbox, source: &str) -> Ended {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::fs::write(sandbox.path("small.rs"), source).expect("a source");
    std::fs::create_dir_all(sandbox.path("out")).expect("a directory");
    let mut command = Command::new(root.join("scripts/lib/lint-rustc"));
    command.env("LINT_DOCS", sandbox.path("doc")).current_dir(sandbox.path(""));
    command.args(["rustc", "--crate-name", "small", "--edition=2024", "small.rs", "--crate-type", "lib"]);
    finish(command.args(["--emit=dep-info,metadata,link", "--out-dir"]).arg(sandbox.path("out")))
}

#[test]
fn the_lints_find_what_clippy_finds_and_what_rustdoc_finds() {
    let sandbox = Sandbox::new();
    let sound =
        "//! Small.\n\n/// Whether there is one.\npub fn is_one(one: Option<u8>) -> bool {\n    one.is_some()\n}\n";
    lint(&sandbox, sound).quiet();
    assert!(sandbox.path("doc/small/fn.is_one.html").exists(), "rustdoc has looked at it");
    assert!(!sandbox.path("out/libsmall.rlib").exists(), "no code was made");
    let clippys = lint(&sandbox, &sound.replace("one.is_some()", "if let Some(_) = one { true } else { false }"));
    assert_eq!(clippys.code, 1, "{}", clippys.stderr);
    assert!(clippys.stderr.contains("clippy::"), "{}", clippys.stderr);
    let rustdocs = lint(&sandbox, &sound.replace("/// Whether", "/// [`nothing`]. Whether"));
    assert_eq!(rustdocs.code, 1, "{}", rustdocs.stderr);
    assert!(rustdocs.stderr.contains("unresolved link"), "{}", rustdocs.stderr);
}
