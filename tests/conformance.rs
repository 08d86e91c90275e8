//! Which promises of a store each server keeps: stated in one table, and neither more nor fewer.
//!
//! The promises themselves are in `conformance/`, and the program `store-conformance` tries them (it says why it is a
//! program). Here it is run once for each server, and each line it prints is held against the table: a server that
//! breaks a promise fails the test, one that keeps a promise it is said to break does too, and so does a promise that
//! the table doesn't name. A promise that is stated as broken names the words that say why.
//!
//! Swift and moto are required: they are fetched at the first run (`LOGFERRY_TEST_TOOLS` says to where, by default
//! `target/test-tools`), and what is missing for that is a failure.

mod swift;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use crate::support::moto::Moto;
use crate::support::{Sandbox, example, finish};
use swift::Swift;

/// No suite takes longer, in seconds: a good minute is usual on two busy cores.
const LONGEST: &str = "300";

/// What a server makes of a promise.
#[derive(Clone, Copy, Debug)]
enum State {
    Kept,
    /// Not kept, for a reason in which these words stand.
    Broken(&'static str),
    /// Sometimes kept: a race that nobody decides.
    Open,
    /// About something that this server is not, or can't show.
    Void,
}

use State::{Broken, Kept, Open, Void};

/// The servers, in the order of a row.
const SERVERS: [&str; 6] = ["directory", "embedded", "embedded-https", "swift", "swift-https", "moto"];

type Row = [State; 6];

const EVERYWHERE: Row = [Kept; 6];
const DIRECTORY: Row = [Kept, Void, Void, Void, Void, Void];
const BUCKETS: Row = [Void, Kept, Kept, Kept, Kept, Kept];
const EMBEDDED: Row = [Void, Kept, Kept, Void, Void, Void];
const HTTPS: Row = [Void, Void, Kept, Void, Kept, Void];

const fn but_for_swift(stores: Row, state: State) -> Row {
    [stores[0], stores[1], stores[2], state, state, stores[5]]
}

const fn but_for_moto(stores: Row, state: State) -> Row {
    [stores[0], stores[1], stores[2], stores[3], stores[4], state]
}

const ONLY_EMBEDDED_KNOWS_OWNERS: Row =
    but_for_moto(but_for_swift(BUCKETS, Broken("put answered Created")), Broken("put answered Created"));

const ONLY_MOTO_TELLS_TAGS: Row =
    [Void, Broken("NotImplemented"), Broken("NotImplemented"), Broken("(501)"), Broken("(501)"), Kept];

const TABLE: &[(&str, Row)] = &[
    ("an_empty_object_comes_back", EVERYWHERE),
    ("an_object_of_a_byte_comes_back", EVERYWHERE),
    ("an_object_of_a_whole_part_comes_back", EVERYWHERE),
    ("an_object_of_a_part_and_a_byte_comes_back", EVERYWHERE),
    ("an_object_of_several_parts_comes_back", EVERYWHERE),
    ("metadata_comes_back_whole", EVERYWHERE),
    ("the_longest_metadata_comes_back_whole", EVERYWHERE),
    // The reason for the bound in `model::metadata`.
    ("a_metadata_value_of_257_bytes_comes_back", but_for_swift(EVERYWHERE, Broken("(400)"))),
    ("a_second_put_finds_the_first", EVERYWHERE),
    ("a_second_put_in_parts_finds_the_first", EVERYWHERE),
    ("a_damaged_body_is_refused_and_leaves_nothing", EVERYWHERE),
    ("a_damaged_body_in_parts_is_refused_and_leaves_nothing", EVERYWHERE),
    ("an_object_can_be_read_from_any_byte_on", EVERYWHERE),
    ("a_missing_object_is_no_object", EVERYWHERE),
    ("to_try_to_put_leaves_one_object_that_no_listing_of_logs_shows", EVERYWHERE),
    ("racing_puts_all_end_with_the_whole_object", EVERYWHERE),
    // Swift and moto look first and write then. The digest in the key makes it harmless: both wrote the same bytes.
    ("one_of_racing_puts_creates", but_for_moto(but_for_swift(EVERYWHERE, Open), Open)),
    ("an_object_has_the_type_of_its_format_and_no_encoding", BUCKETS),
    ("odd_service_names_come_back", EVERYWHERE),
    ("odd_prefixes_come_back", EVERYWHERE),
    ("a_listing_is_in_the_order_of_bytes", EVERYWHERE),
    ("a_listing_shows_what_begins_with_the_prefix", EVERYWHERE),
    ("a_listing_breaks_off_when_asked", EVERYWHERE),
    ("a_listing_begins_behind_the_key_it_is_told", EVERYWHERE),
    ("directories_are_listed_once", EVERYWHERE),
    ("an_empty_store_lists_nothing", EVERYWHERE),
    ("what_others_put_disturbs_no_listing", EVERYWHERE),
    ("a_store_with_a_longer_prefix_is_another_one", EVERYWHERE),
    ("a_long_listing_is_whole", but_for_moto(but_for_swift(EVERYWHERE, Void), Void)),
    ("an_upload_is_noted_while_it_lasts", BUCKETS),
    ("a_put_in_one_request_notes_no_upload", BUCKETS),
    ("an_upload_that_cant_be_noted_is_given_up", BUCKETS),
    ("an_upload_that_was_cut_short_can_be_abandoned", BUCKETS),
    ("an_unknown_upload_can_be_abandoned", BUCKETS),
    ("a_completed_upload_can_be_abandoned_and_stays", BUCKETS),
    ("a_missing_bucket_is_no_store", BUCKETS),
    // moto takes any key and any signature, unless it is asked to mind its IAM: `fleet/policies.rs` does.
    ("a_wrong_secret_is_denied", but_for_moto(BUCKETS, Broken("put answered Created"))),
    ("an_unknown_key_is_denied", but_for_moto(BUCKETS, Broken("put answered Created"))),
    ("no_credentials_at_all_is_denied", BUCKETS),
    ("a_server_that_does_not_listen_is_unreachable", BUCKETS),
    ("an_untrusted_certificate_is_unreachable", HTTPS),
    ("sha256_is_taken", BUCKETS),
    ("crc32_is_taken", BUCKETS),
    ("crc32c_is_taken", BUCKETS),
    // moto compares no checksum with what it got, and gives back one of another kind under this one's name.
    ("crc64nvme_is_taken", but_for_moto(BUCKETS, Broken("body checksum mismatch"))),
    ("encryption_is_taken", but_for_swift(BUCKETS, Broken("(501)"))),
    ("a_storage_class_is_taken", but_for_swift(BUCKETS, Broken("InvalidStorageClass (400)"))),
    ("tags_are_taken", but_for_swift(BUCKETS, Broken("(501)"))),
    ("encryption_shows_on_the_object", but_for_swift(BUCKETS, Broken("(501)"))),
    ("encryption_with_a_key_shows_on_the_object", but_for_swift(BUCKETS, Broken("(501)"))),
    ("the_storage_class_shows_on_the_object", but_for_swift(BUCKETS, Broken("InvalidStorageClass (400)"))),
    // The embedded server takes tags and can't be asked for them.
    ("tags_come_back", ONLY_MOTO_TELLS_TAGS),
    ("an_acl_is_taken", BUCKETS),
    ("the_owner_of_a_bucket_is_checked", ONLY_EMBEDDED_KNOWS_OWNERS),
    ("a_put_is_one_request", EMBEDDED),
    ("a_put_in_parts_is_its_parts_and_two_requests", EMBEDDED),
    ("no_request_is_chunked", EMBEDDED),
    ("every_body_goes_with_its_checksum", EMBEDDED),
    ("the_sealed_digest_goes_with_a_put", EMBEDDED),
    ("options_are_sent_as_configured", EMBEDDED),
    ("options_that_are_not_set_are_not_sent", EMBEDDED),
    ("every_request_names_the_expected_owner", EMBEDDED),
    ("a_server_without_conditional_puts_gets_plain_ones", EMBEDDED),
    ("a_lost_answer_to_a_put_ends_as_already_there", EMBEDDED),
    ("a_lost_answer_to_a_part_is_got_over", EMBEDDED),
    ("a_lost_answer_to_a_completion_ends_as_already_there", EMBEDDED),
    ("a_conflict_in_a_completion_begins_the_upload_anew", EMBEDDED),
    ("passing_trouble_is_got_over", EMBEDDED),
    ("trouble_that_stays_is_told_by_its_kind", EMBEDDED),
    ("a_body_that_breaks_off_goes_on_where_it_broke", EMBEDDED),
    ("a_body_that_gets_no_further_is_given_up", EMBEDDED),
    ("an_upload_that_fails_leaves_nothing", EMBEDDED),
    ("an_upload_that_is_stopped_leaves_nothing", EMBEDDED),
    ("what_a_crash_left_is_replaced", DIRECTORY),
    ("another_file_under_the_name_is_left_alone", DIRECTORY),
    ("another_thing_under_the_name_is_left_alone", DIRECTORY),
    ("a_copy_without_metadata_gets_it", DIRECTORY),
    ("metadata_is_a_hidden_file_as_readable_as_the_object", DIRECTORY),
    ("racing_stores_all_end_with_the_whole_object", DIRECTORY),
    ("a_missing_directory_is_no_store", DIRECTORY),
];

#[test]
fn a_directory_keeps_what_is_stated() {
    hold_against_table("directory", &["directory".into()]);
}

#[test]
fn the_embedded_server_keeps_what_is_stated() {
    hold_against_table("embedded", &["embedded".into()]);
}

#[test]
fn the_embedded_server_over_https_keeps_what_is_stated() {
    hold_against_table("embedded-https", &["embedded-https".into()]);
}

#[test]
fn swift_keeps_what_is_stated() {
    let swift = Swift::start(&[]);
    hold_against_table("swift", &swift.arguments());
}

#[test]
fn swift_over_https_keeps_what_is_stated() {
    let swift = Swift::start(&["--tls"]);
    hold_against_table("swift-https", &swift.arguments());
}

#[test]
fn moto_keeps_what_is_stated() {
    let moto = Moto::start();
    let access = ["other", "--endpoint", moto.endpoint(), "--access-key", "AKIDTEST", "--secret-key", "secret"];
    hold_against_table("moto", &access.map(OsString::from));
}

#[track_caller]
fn hold_against_table(server: &str, arguments: &[OsString]) {
    let column = SERVERS.iter().position(|name| *name == server).expect("a server of the table");
    let sandbox = Sandbox::reopening();
    let ended = finish(&mut suite(&sandbox.path(""), server.ends_with("https"), arguments));
    assert_eq!(ended.code, 0, "{server}: {}\n{}", ended.text(), ended.stderr);
    let lines = ended.text();
    let mut seen: BTreeMap<&str, &str> = lines.lines().map(outcome).collect();
    let mut wrong = Vec::new();
    for (promise, row) in TABLE {
        let seen = seen.remove(promise).unwrap_or("not tried");
        if !agree(row[column], seen) {
            wrong.push(format!("{promise}: stated as {:?}, found {seen}", row[column]));
        }
    }
    wrong.extend(seen.into_iter().map(|(promise, seen)| format!("{promise}: not in the table, found {seen}")));
    assert!(wrong.is_empty(), "{server}:\n{}\n{}", wrong.join("\n"), ended.stderr);
}

/// The program, with an environment in which nothing but the files that it writes tells the SDK anything.
fn suite(dir: &Path, https: bool, arguments: &[OsString]) -> Command {
    let mut command = Command::new("timeout");
    command
        // After one of the promises the program takes SIGTERM for a wish.
        .args(["-k", "5", LONGEST])
        .arg(example("store-conformance"))
        .arg("--dir")
        .arg(dir)
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", dir)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", dir.join("aws-config"))
        .env("AWS_SHARED_CREDENTIALS_FILE", dir.join("aws-credentials"));
    if https {
        command.env("AWS_CA_BUNDLE", dir.join("trusted.pem"));
    }
    command
}

/// A line as promise and rest: `ok`, `void`, or `failed: why`.
fn outcome(line: &str) -> (&str, &str) {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    match word {
        "failed" => rest.split_once(": ").unwrap_or((rest, "for no reason")),
        _ => (rest, word),
    }
}

fn agree(stated: State, seen: &str) -> bool {
    match stated {
        Kept => seen == "ok",
        Void => seen == "void",
        Open => seen == "ok" || seen.contains("have created it"),
        Broken(why) => seen != "ok" && seen.contains(why),
    }
}
