//! The file as a whole: what is read of it, and what its mistakes say.

use std::path::Path;
use std::time::Duration;

use super::File;

fn mistake(text: &str) -> String {
    File::parse(Path::new("x.toml"), text.to_owned()).expect_err(text).to_string()
}

#[test]
fn the_whole_file() {
    let text = r#"
        to = "s3://logs/prod"
        settle = "3s"
        level = 6
        [instance]
        id = "web-1"
        [s3]
        sse = "aws:kms"
        kms_key_id = "alias/logs"
        storage_class = "STANDARD_IA"
        tags = { team = "web", env = "prod" }
        timeout = "10s"
        [[logs]]
        paths = ["/var/log/upstart/*.log"]
        exclude = "cron*.log"
        [[logs]]
        paths = "/srv/app/log"
        service = "{parent}-{stem}"
    "#;
    let file = File::parse(Path::new("x.toml"), text.to_owned()).expect("sound");
    assert_eq!(file.sets.len(), 2);
    assert_eq!((file.compression.level, file.settle), (Some(6), Some(Duration::from_secs(3))));
    assert_eq!(file.s3.tags.len(), 2);
    assert_eq!(file.s3.timeout(), Duration::from_secs(10));
}

#[test]
fn a_typo_names_the_line_and_the_right_key() {
    assert_eq!(
        mistake("to = \"s3://logs\"\n[[logs]]\npathes = []\npaths = [\"/a\"]\n"),
        "x.toml:3: unknown key `pathes` in [[logs]]\n  hint: did you mean `paths`?"
    );
    assert!(mistake("tp = \"s3://logs\"").contains("did you mean `to`?"));
    let known = mistake("zzzzzzz = 1");
    assert!(known.contains("the keys here are ") && known.contains(" settle, "), "{known}");
    assert!(mistake("[s3]\nstorage-class = \"X\"").contains("did you mean `storage_class`?"));
}

#[test]
fn all_mistakes_are_found_in_the_order_of_their_lines() {
    let text = "level = 99\nto = \"http://x\"\n[s3]\nkms_key_id = \"x\"\ntimeout = \"0s\"\nacll = \"private\"\n\
                [[logs]]\nexclude = \"a/b\"\npaths = [\"/a/*.log\"]\nwriter = \"x\"\n[[logs]]\n[nonsense]\n";
    let (_, mistakes) = File::parse_all(Path::new("x.toml"), text.to_owned());
    let lines: Vec<_> = mistakes.iter().map(|mistake| mistake.line).collect();
    assert_eq!(lines, [1, 2, 3, 5, 6, 8, 10, 11, 12].map(Some), "{mistakes:?}");
    assert_eq!(mistake(text), mistakes[0].to_string());
}

#[test]
fn what_a_mistake_may_have_meant_to_say_is_not_said_to_be_missing() {
    let (_, mistakes) = File::parse_all(Path::new("x.toml"), "too = \"s3://logs\"".to_owned());
    assert_eq!(mistakes.len(), 1, "{mistakes:?}");
}

#[test]
fn other_mistakes_are_told_apart() {
    for (text, part) in [
        ("to = 3", "x.toml:1: `to` must be a text in quotes, not a number"),
        ("to = \"http://x\"", "is not a destination"),
        ("settle = \"soon\"", "is not a time"),
        ("level = 10", "from 1 to 9"),
        ("to = \"s3://logs\"\nlevel = 19", "x.toml:2: `level` must be a whole number from 1 to 9"),
        ("level = 12", "hint: zstd has levels from 1 to 19: format = \"zstd\""),
        ("level = 20\nformat = \"zstd\"", "x.toml:1: `level` must be a whole number from 1 to 19"),
        ("level = 0\nformat = \"zstd\"", "hint: 1 is the fastest, 3 is zstd's own default"),
        ("level = 3\nformat = \"zst\"", "x.toml:2: `format`: \"zst\" is not a format: write \"gzip\" or \"zstd\""),
        ("[[logs]]\npaths = \"/a\"\nformat = \"zstd\"", "`format` belongs"),
        ("settle = \"1s\"\nthreads = 0", "x.toml:2: `threads` must be a whole number from 1 to 256"),
        ("threads = \"all\"", "`threads` must be a whole number"),
        ("threads = 257", "from 1 to 256"),
        ("logs = 3", "write [[logs]]"),
        ("[[logs]]\n", "names no `paths`"),
        ("[[logs]]\npaths = [\"log/*.log\"]", "is not absolute"),
        ("[[logs]]\npaths = [\"/a/[\"]", "is not a pattern"),
        ("[[logs]]\npaths = \"/a\"\nservice = \"{name}\"", "{stem}"),
        ("[[logs]]\npaths = \"/a\"\nwriter = \"nginx\"", "reopens"),
        ("to = \"s3://logs", "x.toml:1: "),
        ("[s3]\nchecksum = \"md5\"", "sha256"),
        ("[s3]\nkms_key_id = \"x\"", "sse"),
        ("[s3]\ntimeout = \"soon\"", "is not a time"),
        ("[s3]\ntimeout = \"0s\"", "from 1 s to 10 min"),
        ("[s3]\ntimeout = \"11m\"", "from 1 s to 10 min"),
        ("metrics = \"/mnt/metrics/logferry.txt\"", "ends in \".prom\""),
        ("metrics = \"logferry.prom\"", "does not begin with \"/\""),
        ("keep = \"a while\"", "is not a time such as \"24h\""),
        ("keep = \"0s\"", "keeps nothing"),
        ("level = 3\nkeep_size = \"1GiB\"", "x.toml:2: `keep_size` says how much"),
        ("keep = \"24h\"\nkeep_size = \"much\"", "x.toml:2: `keep_size`: \"much\" is not a size"),
        ("bandwidth = \"20MiB\"", "write \"20MiB/s\""),
        ("bandwidth = 20", "must be a text in quotes, not a number"),
        ("bandwidth = \"1kB/s\"", "too slow"),
        (
            "[[logs]]\npaths = \"/a\"\nmax_rate = \"5MiB\"",
            "x.toml:3: `max_rate` in [[logs]]: \"5MiB\" is not a size a second",
        ),
        (
            "[[logs]]\npaths = \"/a\"\nmax_bytes_per_run = 10",
            "x.toml:3: `max_bytes_per_run` in [[logs]] must be at least",
        ),
        ("max_rate = \"5MiB/s\"", "`max_rate` belongs into a [[logs]]"),
        ("[[logs]]\npaths = \"/a\"\nmax_rate = \"1B/s\"", "at least \"100B/s\""),
        ("keep = \"24h\"\nkeep_size = \"1B\"", "`keep_size` keeps nothing"),
        ("bandwidth = \"20MBit/s\"", "8 bits are a byte"),
    ] {
        assert!(mistake(text).contains(part), "{text:?} gives {}", mistake(text));
    }
}
