//! Lines, and lines beside them, that are more than a searcher takes into memory: what is behind them is searched all the same.

use std::path::Path;

use sha2::Digest as _;

use crate::support::{Ended, Sandbox};

/// What a searcher has in memory at the most.
const LIMIT: usize = 64 << 20;

/// Puts a segment of web on i-1 into the store, as a run would have put it.
fn put(sandbox: &Sandbox, seq: u32, text: &[u8]) {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, text).expect("memory");
    let packed = packed.finish().expect("memory");
    let digest: String = sha2::Sha256::digest(&packed)[..4].iter().map(|byte| format!("{byte:02x}")).collect();
    let name = format!("web_20261121T1{seq}0000Z_20261121T1{seq}5959Z_i-1_aaaaaa-{seq:08}-{digest}.log.gz");
    let directory = sandbox.path("store/service=web/dt=2026-11-21");
    std::fs::create_dir_all(&directory).expect("a directory");
    std::fs::write(Path::new(&directory).join(name), packed).expect("an object");
}

fn grep(sandbox: &Sandbox, args: &[&str]) -> Ended {
    sandbox.run([&["grep", "--no-label"], args].concat())
}

#[test]
fn a_line_that_is_too_long_is_named_and_what_is_behind_it_is_searched() {
    let sandbox = Sandbox::new();
    // Whoever may write to a log would hide everything behind such a line. It goes on in the second segment.
    put(&sandbox, 1, &[b"needle 1\nsecond\n".to_vec(), vec![0; LIMIT]].concat());
    put(&sandbox, 2, b"0\nneedle 2\nfifth\n");
    put(&sandbox, 3, b"needle 3\n");
    let ended = grep(&sandbox, &["-n", "needle", "web"]).expect(2);
    assert_eq!(ended.text(), "1:needle 1\n4:needle 2\n6:needle 3\n");
    let told = "a line of 64.0 MiB was not searched: number 3 of what is read of web on i-1, 2026-11-21T11:00:00Z, in service=web/";
    assert!(
        ended.stderr.contains(told) && ended.stderr.contains("hint: lines of more than 64.0 MiB"),
        "{}",
        ended.stderr
    );
    assert_eq!(ended.stderr.lines().count(), 2, "{}", ended.stderr);
    // Where it is not known whether it holds one, nobody is told that none is there; and enough is enough.
    grep(&sandbox, &["nothing like this", "web"]).expect(2);
    assert_eq!(grep(&sandbox, &["-c", "needle", "web"]).expect(2).text(), "i-1: 3\n");
    assert_eq!(grep(&sandbox, &["-m", "2", "needle", "web"]).expect(2).text(), "needle 1\nneedle 2\n");
    assert_eq!(grep(&sandbox, &["-m", "1", "needle", "web"]).expect(0).text(), "needle 1\n");
}

#[test]
fn a_line_as_long_as_is_searched_is_searched() {
    let sandbox = Sandbox::new();
    put(&sandbox, 1, &[b"x\n".to_vec(), vec![0; LIMIT - 8], b"needle\n".to_vec()].concat());
    let ended = grep(&sandbox, &["-o", "needle$", "web"]).expect(0);
    assert_eq!((ended.text().as_str(), ended.stderr.as_str()), ("needle\n", ""));
    // The lines before it come to too much together with it: it is searched, they are not printed.
    let ended = grep(&sandbox, &["-cB", "3", "needle", "web"]).expect(0);
    assert_eq!((ended.text().as_str(), ended.stderr.as_str()), ("i-1: 1\n", ""));
}

#[test]
fn more_lines_before_a_match_than_fit_into_memory_hide_no_match() {
    let sandbox = Sandbox::new();
    let line = [vec![b'.'; (1 << 20) - 1], b"\n".to_vec()].concat();
    put(&sandbox, 1, &[b"needle 1\n".to_vec(), line.repeat(80), b"needle 2\n".to_vec()].concat());
    put(&sandbox, 2, b"needle 3\n");
    let ended = grep(&sandbox, &["-n", "-B", "1000", "needle", "web"]).expect(2);
    let text = ended.text();
    let selected: Vec<_> = text.lines().filter(|line| !line.ends_with('.')).collect();
    assert_eq!(selected, ["1:needle 1", "--", "82:needle 2", "83:needle 3"]);
    let before: Vec<u32> = text.lines().filter_map(|line| line.split_once('-')?.0.parse().ok()).collect();
    assert!(before.windows(2).all(|pair| pair[1] == pair[0] + 1) && before.last() == Some(&81), "{before:?}");
    assert!(before.len() >= 16, "{before:?}");
    assert!(
        ended
            .stderr
            .contains("some may not be printed: they come to more than 64.0 MiB\n  hint: all lines were searched"),
        "{}",
        ended.stderr
    );
    // Where no line is selected, none is missing beside it: all was searched, and that is an answer.
    let none = grep(&sandbox, &["-B", "1000", "nothing like this", "web"]).expect(1);
    assert_eq!((none.text().as_str(), none.stderr.as_str()), ("", ""));
}
