//! Segments as zstd frames, beside those that are gzip members: what other programs make of them, and reading both.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::Digest as _;

use crate::support::{Sandbox, engines, finish, noise};

/// A sandbox whose logs are shipped in that format.
fn sandbox(format: &str) -> Sandbox {
    let sandbox = Sandbox::reopening();
    configure(&sandbox, format);
    sandbox
}

fn configure(sandbox: &Sandbox, format: &str) {
    sandbox.config_file(&format!("format = \"{format}\"\nkeep = \"24h\"\n"));
}

/// The objects in the store, sorted by name.
fn objects(sandbox: &Sandbox) -> Vec<PathBuf> {
    let is_hidden = |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    sandbox.files("store").into_iter().filter(|path| !is_hidden(path)).collect()
}

fn lines(count: usize, of: &str) -> String {
    (0..count)
        .map(|number| format!("2026-11-21T00:00:00Z INFO {of} {} took {} ms\r\n", number * 7919, number % 97))
        .collect()
}

fn zstd() -> Command {
    let mut zstd = Command::new("zstd");
    zstd.stdin(Stdio::null());
    zstd
}

/// What a program prints that reads these bytes.
fn piped(command: &mut Command, bytes: Vec<u8>) -> Vec<u8> {
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = child.expect("zstd is there: apt-get install zstd");
    let mut input = child.stdin.take().expect("a pipe");
    let feed = std::thread::spawn(move || input.write_all(&bytes));
    let output = child.wait_with_output().expect("it ends");
    feed.join().expect("it ends").expect("it reads all of it");
    assert!(output.status.success(), "{:?}", output.status);
    output.stdout
}

#[test]
fn each_object_is_one_frame_that_zstd_takes() {
    let sandbox = sandbox("zstd");
    let contents = [
        lines(40_000, "request").into_bytes(),
        noise(2_500_000),
        b"x".to_vec(),
        vec![b'\n'; 300_000],
        [noise(100_000), lines(30_000, "job").into_bytes(), vec![0; 70_000]].concat(),
    ];
    for (number, content) in contents.iter().enumerate() {
        sandbox.write_log(format!("{number}.log"), content);
    }
    sandbox.run_all().quiet();
    sandbox.nothing_left_behind();
    let objects = objects(&sandbox);
    assert_eq!(objects.len(), contents.len());
    for (object, content) in objects.iter().zip(&contents) {
        assert!(object.to_string_lossy().ends_with(".log.zst"), "{object:?}");
        finish(zstd().args(["-q", "-t"]).arg(object)).quiet();
        assert!(finish(zstd().arg("-dc").arg(object)).expect(0).stdout == *content, "{object:?}");
        let told = finish(zstd().arg("-lv").arg(object)).expect(0).text();
        let says = |name: &str, value: &str| told.lines().any(|line| line.starts_with(name) && line.contains(value));
        assert!(
            says("# Zstandard Frames", ": 1") && says("Check", "XXH64") && says("Window Size", "(1048576 B)"),
            "{told}"
        );
    }
}

#[test]
fn what_others_have_compressed_becomes_frames_too() {
    let sandbox = sandbox("zstd");
    let logs = sandbox.log("*.log").display().to_string();
    sandbox.config_file(&format!("format = \"zstd\"\n[[logs]]\npaths = {logs:?}\nbacklog = true\n"));
    let mut all = String::new();
    for (name, hours_ago) in [("web.log.3.zst", 30), ("web.log.2.gz", 20), ("web.log.1", 10)] {
        let text = lines(500, name);
        crate::closed::rotated(&sandbox, name, &text, hours_ago);
        all += &text;
    }
    sandbox.write_log("web.log", "of now\n");
    sandbox.run_all().expect(0);
    let objects = objects(&sandbox);
    assert!(
        objects.len() == 4 && objects.iter().all(|path| path.to_string_lossy().ends_with(".log.zst")),
        "{objects:?}"
    );
    assert!(sandbox.run(["cat", "web"]).expect(0).text() == all + "of now\n");
    sandbox.run(["verify", "--deep"]).expect(0);
}

/// A log that was shipped as gzip, as zstd, and as gzip again.
fn changed_twice() -> (Sandbox, String) {
    let (sandbox, mut all) = (sandbox("gzip"), String::new());
    for (format, of) in [("gzip", "first"), ("zstd", "second"), ("gzip", "third")] {
        configure(&sandbox, format);
        let text = lines(3_000, of);
        sandbox.write_log("web.log", &text);
        sandbox.run_all().quiet();
        all += &text;
    }
    (sandbox, all)
}

#[test]
fn a_stream_goes_on_across_a_change_of_format_and_is_read_back_as_one() {
    let (sandbox, all) = changed_twice();
    let names: Vec<String> = objects(&sandbox).iter().map(|path| path.to_string_lossy().into_owned()).collect();
    let of = |number: usize| names.iter().find(|name| name.contains(&format!("-{number:08}-"))).expect("an object");
    assert!(of(1).ends_with(".log.gz") && of(2).ends_with(".log.zst") && of(3).ends_with(".log.gz"), "{names:?}");
    for local in [&[][..], &["--local"]] {
        let cat = |args: &[&str]| sandbox.run([&["cat", "web"], local, args].concat()).expect(0).stdout;
        assert!(cat(&[]) == all.as_bytes(), "{local:?}");
        // zstd(1) reads members and frames that follow one another.
        assert!(piped(zstd().arg("-dc"), cat(&["--raw"])) == all.as_bytes(), "{local:?}");
        let found = sandbox.run([&["grep", "-c", "second", "web"][..], local].concat()).expect(0).text();
        assert!(found.contains("3000"), "{local:?}: {found}");
        let listed = sandbox.run([&["ls", "--json"][..], local].concat()).expect(0).text();
        assert!(listed.contains(".log.zst") || !local.is_empty(), "{listed}");
    }
    sandbox.run(["verify", "--deep"]).expect(0);
    let target = sandbox.path("fetched");
    std::fs::create_dir(&target).expect("a directory");
    sandbox.run(["fetch".as_ref(), "web".as_ref(), "--into".as_ref(), target.as_os_str()]).expect(0);
    let fetched = sandbox.files("fetched");
    assert_eq!(fetched.iter().filter(|path| path.to_string_lossy().ends_with(".log.zst")).count(), 1, "{fetched:?}");
}

#[test]
fn duckdb_reads_both_formats_in_one_query() {
    let (sandbox, _) = changed_twice();
    // As docs/query.md has it.
    let from = sandbox.path("store").join("service=*/dt=*/*.log.*[tz]");
    let query = format!(
        "SELECT count(*), count(DISTINCT regexp_extract(filename, '([0-9]{{8}})-[0-9a-f]{{8}}[.]log[.](gz|zst)$', 1)) \
         FROM read_csv('{}', filename = true, columns = {{'line': 'VARCHAR'}}, auto_detect = false, header = false, \
         delim = chr(31), quote = '', escape = '')",
        from.display()
    );
    let duckdb =
        finish(Command::new(engines::duckdb()).env("HOME", sandbox.path("")).args(["-csv", "-noheader", "-c", &query]));
    assert_eq!(duckdb.expect(0).text().trim(), "9000,3");
}

#[test]
fn a_damaged_frame_is_told_as_one() {
    let sandbox = sandbox("zstd");
    sandbox.write_log("web.log", lines(30_000, "request"));
    sandbox.run_all().quiet();
    let [object] = &objects(&sandbox)[..] else { panic!("one object") };
    let whole = std::fs::read(object).expect("an object");
    for (bytes, said) in [
        (whole[..whole.len() - 3].to_vec(), "its zstd data ends too early"),
        ([&whole[..], &whole[..]].concat(), "a second zstd frame follows the first"),
        ([&whole[..], b"four"].concat(), "4 bytes that are no zstd follow its frame"),
        ([&whole[..whole.len() - 1], b"?"].concat(), "its zstd data is damaged"),
    ] {
        std::fs::write(object, bytes).expect("an object");
        let told = sandbox.run(["verify", "--deep"]).expect(1);
        assert!(told.text().contains(said) || told.stderr.contains(said), "{said}: {told:?}");
        sandbox.run(["cat", "web"]).expect(1);
    }
}

#[test]
fn a_frame_that_would_take_all_memory_is_refused() {
    let sandbox = sandbox("zstd");
    sandbox.write_log("web.log", "a line\n");
    sandbox.run_all().quiet();
    let [object] = &objects(&sandbox)[..] else { panic!("one object") };
    // A window of 256 MiB, and one raw block (RFC 8878, section 3.1.1).
    let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 18 << 3, 0x09, 0x00, 0x00, b'x'];
    let digest: String = sha2::Sha256::digest(frame).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let (begin, _) = object.to_str().expect("text").rsplit_once('-').expect("a key");
    std::fs::remove_file(object).expect("it is there");
    std::fs::write(format!("{begin}-{digest}.log.zst"), frame).expect("an object");
    for args in [&["cat", "web"][..], &["verify", "--deep"]] {
        let told = sandbox.run(args).expect(1);
        let said = "with a window of more than 128 MiB";
        assert!(told.stderr.contains(said) || told.text().contains(said), "{args:?}: {told:?}");
    }
}

#[test]
fn a_level_that_the_format_does_not_have_is_a_mistake_with_its_line() {
    let sandbox = Sandbox::new();
    sandbox.write_log("web.log", "a line\n");
    for (text, said) in [
        ("level = 19\n", "logferry.toml:1: `level` must be a whole number from 1 to 9"),
        ("format = \"zstd\"\nlevel = 20\n", "logferry.toml:2: `level` must be a whole number from 1 to 19"),
        ("format = \"lz4\"\n", "write \"gzip\" or \"zstd\""),
    ] {
        sandbox.config_file_verbatim(text);
        let told = sandbox.run_all().expect(78).stderr;
        assert!(told.contains(said), "{told}");
    }
    sandbox.config_file_verbatim("format = \"zstd\"\nlevel = 19\nwriter = \"reopens\"\n");
    sandbox.run_all().quiet();
}
