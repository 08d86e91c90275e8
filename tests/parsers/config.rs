//! The configuration file.

use super::choices::Choices;
use super::{deciding, garbled, holds, laws};

/// With everything in it.
const EXAMPLE: &str = r#"
to = "s3://my-logs/prod"
splay = "10m"
settle = "2s"
level = 5
[instance]
id = "web-1"
[[logs]]
paths = ["/var/log/upstart/*.log", "/var/log/app"]
exclude = ["cron*.log", '/var/log/app/**/*.old']
[[logs]]
paths = "/srv/{a,b}/log/[a-z]*.log"
service = "{parent}-{stem}"
writer = "reopens"
[s3]
sse = "aws:kms"
kms_key_id = "alias/logs"
storage_class = "STANDARD_IA"
acl = "bucket-owner-full-control"
expected_bucket_owner = "123456789012"
checksum = "crc64nvme"
tags = { team = "web", "a b" = "ü" }
"#;

#[test]
fn a_sound_configuration_reads_back_as_what_it_says() {
    holds(1500, deciding(400), |bytes| laws::valid_configuration(&mut Choices(&bytes)));
}

#[test]
fn any_text_is_read_or_the_mistake_has_file_and_line() {
    holds(1500, ".*", |text| laws::configuration_text(&text));
    holds(1500, "([a-z3_]{0,8} ?[=.\\[\\]{}\"',\n] ?){0,20}", |text| laws::configuration_text(&text));
}

#[test]
fn a_garbled_configuration_is_read_or_the_mistake_has_file_and_line() {
    laws::configuration_text(EXAMPLE);
    holds(3000, deciding(60), |bytes| laws::configuration_text(&garbled(EXAMPLE, &mut Choices(&bytes))));
}

#[test]
fn other_values_in_a_configuration_are_read_or_the_mistake_has_file_and_line() {
    let values = ["3", "-1", "1.5", "true", "\"\"", "\"x\"", "\"\\u001b[2J\"", "[]", "[3]", "[[]]", "{}", "1979-05-27"];
    for line in EXAMPLE.lines() {
        let Some((key, _)) = line.split_once(" = ") else { continue };
        for value in values {
            laws::configuration_text(&EXAMPLE.replace(line, &format!("{key} = {value}")));
        }
        laws::configuration_text(&EXAMPLE.replace(line, ""));
        laws::configuration_text(&EXAMPLE.replace(line, &format!("{line}\n{line}")));
        laws::configuration_text(&EXAMPLE.replace(line, &format!("\"\\u001b{key}\" = 3")));
    }
}

#[test]
fn a_pattern_too_large_to_be_compiled_is_a_mistake() {
    for pattern in ["?".repeat(200_000), "{".repeat(400) + "a" + &"}".repeat(400), "[a-z]{a,b}*".repeat(20_000)] {
        for key in ["paths", "exclude"] {
            laws::configuration_text(&format!("[[logs]]\npaths = \"/a\"\n[[logs]]\n{key} = \"/{pattern}\"\n"));
        }
    }
    for nested in ["[".repeat(100_000), "a.".repeat(100_000), "a = {".repeat(100_000), "a = [".repeat(100_000)] {
        laws::configuration_text(&nested);
    }
}
