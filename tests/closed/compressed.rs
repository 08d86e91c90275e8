//! Files that are compressed already: what is taken of them, and what is refused.

use super::{cat, gzip, rotated, run_backlog};
use crate::support::{Sandbox, noise};

#[test]
fn several_members_and_much_more_than_a_block_come_back_byte_by_byte() {
    let sandbox = Sandbox::new();
    let line = b"GET /index.html 200\r\n".repeat(100_000);
    let all = [noise(700_000), line, noise(300)].concat();
    let packed: Vec<u8> = all.chunks(333_333).flat_map(gzip).collect();
    sandbox.write_log("web.log.2.gz", packed);
    sandbox.write_log("web.log.1.zst", zstd::encode_all(&all[..], 19).expect("memory"));
    run_backlog(&sandbox).quiet();
    let twice = [&all[..], &all[..]].concat();
    assert!(sandbox.run(["cat", "web"]).expect(0).stdout == twice, "not the same bytes");
    sandbox.nothing_left_behind();
}

#[test]
fn a_segment_is_in_the_directory_of_the_day_on_which_it_begins_whatever_the_layout() {
    for layout in ["service={service}/dt={date}", "{date}/{service}"] {
        let sandbox = Sandbox::new();
        sandbox.config_file(&format!("layout = \"{layout}\"\n"));
        // Compressed just now, and so born today: what is in it is of another day.
        rotated(&sandbox, "web.log.1.gz", "a line of three days ago\n", 72);
        run_backlog(&sandbox).quiet();
        let stored = super::stored(&sandbox);
        let [object] = &stored[..] else { panic!("{} objects", stored.len()) };
        let day = &object.says("first")[..10];
        assert!(object.key.contains(&format!("{day}/")), "{layout}: {} of {day}", object.key);
    }
}

#[test]
fn what_is_damaged_is_refused_and_left_where_it_is_and_the_others_are_taken() {
    let whole = gzip(&noise(100_000));
    let damaged = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    for (bytes, why) in [
        (whole[..whole.len() - 5].to_vec(), "cut short"),
        ([&whole[..], b"and something else"].concat(), "followed by something else"),
        (damaged(whole.len() - 6), "damaged"),
        (damaged(50_000), "damaged"),
        (b"plain text\n".to_vec(), "no sound gzip data"),
    ] {
        let sandbox = Sandbox::new();
        rotated(&sandbox, "web.log.3", "before\n", 30);
        let path = sandbox.write_log("web.log.2.gz", &bytes);
        super::set_age(&path, 20);
        rotated(&sandbox, "web.log.1", "after\n", 10);
        let ended = run_backlog(&sandbox).expect(1);
        assert!(
            ended.stderr.contains("web.log.2.gz: refused: ") && ended.stderr.contains(why),
            "{why}: {}",
            ended.stderr
        );
        assert!(ended.stderr.contains("hint:"), "{}", ended.stderr);
        assert_eq!(std::fs::read(&path).expect("it is still there"), bytes);
        assert_eq!(cat(&sandbox, "web"), "before\nafter\n");
        assert_eq!(sandbox.files("log"), [path]);
        sandbox.nothing_left_behind();
    }
}

#[test]
fn what_is_compressed_in_another_way_is_named_with_what_to_do() {
    let sandbox = Sandbox::new();
    for end in ["bz2", "xz"] {
        sandbox.write_log(format!("web.log.2.{end}"), "?");
        let ended = run_backlog(&sandbox).expect(1);
        assert!(
            ended.stderr.contains(&format!("(.{end})")) && ended.stderr.contains("hint: decompress it"),
            "{}",
            ended.stderr
        );
    }
    assert_eq!(sandbox.files("log").len(), 2);
}

#[test]
fn links_in_the_place_of_rotated_files_are_refused() {
    let sandbox = Sandbox::new();
    let secret = sandbox.path("secret");
    std::fs::write(&secret, "not yours\n").expect("a file");
    std::os::unix::fs::symlink(&secret, sandbox.log("web.log.1")).expect("a link");
    std::fs::hard_link(&secret, sandbox.log("web.log.2")).expect("a link");
    let ended = run_backlog(&sandbox).expect(1);
    assert!(ended.stderr.contains("not a regular file") && ended.stderr.contains("2 hard links"), "{}", ended.stderr);
    assert_eq!(sandbox.run(["ls"]).expect(0).text(), "");
    assert!(secret.exists());
}

#[test]
fn what_unpacks_to_gigabytes_of_nothing_is_refused_before_it_is_touched() {
    let sandbox = Sandbox::new();
    // 4.5 GB of zeros: a frame of zstd with a block of 128 KiB for each 4 bytes.
    let zeros = zstd::encode_all(&[0; 9 << 20][..], 1).expect("memory");
    let bomb = sandbox.write_log("web.log.1.zst", zeros.repeat(500));
    let ended = run_backlog(&sandbox).expect(1);
    assert!(ended.stderr.contains("it unpacks to more than"), "{}", ended.stderr);
    assert!(bomb.exists());
}
