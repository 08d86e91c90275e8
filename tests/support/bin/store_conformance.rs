//! The conformance suite of stores as a program: it tries promises against one server and prints a line for each.
//!
//! ```text
//! store-conformance --dir DIR directory|embedded|embedded-https [NAME]...
//! store-conformance --dir DIR other --endpoint URL --access-key K --secret-key S [--ca FILE] [NAME]...
//!
//! ok NAME                  kept
//! failed NAME: why         not kept
//! void NAME                is about something that this server is not, or can't show
//! ```
//!
//! A program, since a store takes its credentials and its endpoint from the environment, which a process has only one
//! of. It wants `AWS_CONFIG_FILE` and `AWS_SHARED_CREDENTIALS_FILE` (and for https `AWS_CA_BUNDLE`) to name files in
//! DIR, which it writes, and no other variable that tells the SDK something.
//!
//! Flow: start the server or take the one that is there, make the bucket, try one promise after the other, each in a
//! prefix or directory of its own and within `LONGEST`. Without names all are tried.
//!
//! How it fails: a promise that panics or takes too long is not kept; the program's own trouble is on stderr, exit code 1.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program talks to its user")]

#[allow(dead_code, reason = "this program has no use for some of it")]
#[path = "../s3_server.rs"]
mod s3_server;

#[path = "../../conformance/directory.rs"]
mod directory;
#[path = "../../conformance/failures.rs"]
mod failures;
#[path = "../../conformance/listing.rs"]
mod listing;
#[path = "../../conformance/objects.rs"]
mod objects;
#[path = "../../conformance/options.rs"]
mod options;
#[path = "../../conformance/probe.rs"]
mod probe;
#[path = "../../conformance/requests.rs"]
mod requests;
#[path = "../../conformance/sample.rs"]
mod sample;
#[path = "../../conformance/scene.rs"]
mod scene;
#[path = "../../conformance/uploads.rs"]
mod uploads;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::{Parser, Subcommand};
use logferry::store::Store;

use scene::{Access, Outcome, Scene, Server};

/// No promise may take longer.
const LONGEST: Duration = Duration::from_secs(60);

/// Those that take longer are named on stderr.
const NOTABLE: Duration = Duration::from_secs(2);

#[derive(Parser)]
struct Arguments {
    /// For files of all kinds; must exist and be empty.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    #[command(subcommand)]
    server: Which,
}

#[derive(Subcommand)]
enum Which {
    /// A directory in DIR
    Directory { names: Vec<String> },
    /// The embedded server
    Embedded { names: Vec<String> },
    /// The embedded server, over https
    EmbeddedHttps { names: Vec<String> },
    /// A server that is running
    Other {
        #[arg(long)]
        endpoint: String,
        #[arg(long)]
        access_key: String,
        #[arg(long)]
        secret_key: String,
        #[arg(long)]
        ca: Option<PathBuf>,
        names: Vec<String>,
    },
}

/// What a promise is about.
#[derive(Clone, Copy)]
enum About {
    /// Every store.
    Stores,
    Directories,
    Buckets,
    /// Buckets behind https.
    Https,
    /// Buckets and directories where thousands of objects cost little.
    Quick,
    /// What only a server that records its requests and fails on demand can show.
    Requests,
}

impl About {
    fn fits(self, server: &Server) -> bool {
        match (self, server) {
            (Self::Stores, _) | (Self::Directories, Server::Directory) => true,
            (Self::Buckets, server) => !matches!(server, Server::Directory),
            (Self::Https, Server::Embedded(_, access, _) | Server::Other(access)) => access.ca.is_some(),
            (Self::Quick, server) => !matches!(server, Server::Other(_)),
            (Self::Requests, server) => matches!(server, Server::Embedded(..)),
            _ => false,
        }
    }
}

type Try = fn(&dyn Store, &Scene) -> Outcome;

/// A promise has the name of the function that tries it.
macro_rules! promises {
    ($($about:ident: $module:ident { $($name:ident),+ $(,)? })+) => {
        &[$($((stringify!($name), About::$about, $module::$name as Try)),+),+]
    };
}

const PROMISES: &[(&str, About, Try)] = promises! {
    Stores: objects {
        an_empty_object_comes_back,
        an_object_of_a_byte_comes_back,
        an_object_of_a_whole_part_comes_back,
        an_object_of_a_part_and_a_byte_comes_back,
        an_object_of_several_parts_comes_back,
        metadata_comes_back_whole,
        the_longest_metadata_comes_back_whole,
        a_metadata_value_of_257_bytes_comes_back,
        a_second_put_finds_the_first,
        a_second_put_in_parts_finds_the_first,
        a_damaged_body_is_refused_and_leaves_nothing,
        a_damaged_body_in_parts_is_refused_and_leaves_nothing,
        an_object_can_be_read_from_any_byte_on,
        a_missing_object_is_no_object,
        to_try_to_put_leaves_one_object_that_no_listing_of_logs_shows,
        racing_puts_all_end_with_the_whole_object,
        one_of_racing_puts_creates,
    }
    Buckets: objects { an_object_has_the_type_of_its_format_and_no_encoding }
    Stores: listing {
        odd_service_names_come_back,
        odd_prefixes_come_back,
        a_listing_is_in_the_order_of_bytes,
        a_listing_shows_what_begins_with_the_prefix,
        a_listing_breaks_off_when_asked,
        a_listing_begins_behind_the_key_it_is_told,
        directories_are_listed_once,
        an_empty_store_lists_nothing,
        what_others_put_disturbs_no_listing,
        a_store_with_a_longer_prefix_is_another_one,
    }
    Quick: listing { a_long_listing_is_whole }
    Buckets: uploads {
        an_upload_is_noted_while_it_lasts,
        a_put_in_one_request_notes_no_upload,
        an_upload_that_cant_be_noted_is_given_up,
        an_upload_that_was_cut_short_can_be_abandoned,
        an_unknown_upload_can_be_abandoned,
        a_completed_upload_can_be_abandoned_and_stays,
    }
    Buckets: failures {
        a_missing_bucket_is_no_store,
        a_wrong_secret_is_denied,
        an_unknown_key_is_denied,
        no_credentials_at_all_is_denied,
        a_server_that_does_not_listen_is_unreachable,
    }
    Https: failures { an_untrusted_certificate_is_unreachable }
    Buckets: options {
        sha256_is_taken,
        crc32_is_taken,
        crc32c_is_taken,
        crc64nvme_is_taken,
        encryption_is_taken,
        a_storage_class_is_taken,
        tags_are_taken,
        encryption_shows_on_the_object,
        encryption_with_a_key_shows_on_the_object,
        the_storage_class_shows_on_the_object,
        tags_come_back,
        an_acl_is_taken,
        the_owner_of_a_bucket_is_checked,
    }
    Requests: requests {
        a_put_is_one_request,
        a_put_in_parts_is_its_parts_and_two_requests,
        no_request_is_chunked,
        every_body_goes_with_its_checksum,
        the_sealed_digest_goes_with_a_put,
        options_are_sent_as_configured,
        options_that_are_not_set_are_not_sent,
        every_request_names_the_expected_owner,
        a_server_without_conditional_puts_gets_plain_ones,
        a_lost_answer_to_a_put_ends_as_already_there,
        a_lost_answer_to_a_part_is_got_over,
        a_lost_answer_to_a_completion_ends_as_already_there,
        a_conflict_in_a_completion_begins_the_upload_anew,
        passing_trouble_is_got_over,
        trouble_that_stays_is_told_by_its_kind,
        a_body_that_breaks_off_goes_on_where_it_broke,
        a_body_that_gets_no_further_is_given_up,
        an_upload_that_fails_leaves_nothing,
        an_upload_that_is_stopped_leaves_nothing,
    }
    Directories: directory {
        what_a_crash_left_is_replaced,
        another_file_under_the_name_is_left_alone,
        another_thing_under_the_name_is_left_alone,
        a_copy_without_metadata_gets_it,
        metadata_is_a_hidden_file_as_readable_as_the_object,
        racing_stores_all_end_with_the_whole_object,
    }
    Directories: failures { a_missing_directory_is_no_store }
};

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("store-conformance: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Outcome {
    let dir = arguments.dir.canonicalize().context("use --dir")?;
    let (server, names) = match arguments.server {
        Which::Directory { names } => (Server::Directory, names),
        Which::Embedded { names } => (Server::embedded(&dir, false)?, names),
        Which::EmbeddedHttps { names } => (Server::embedded(&dir, true)?, names),
        Which::Other { endpoint, access_key, secret_key, ca, names } => {
            (Server::Other(Access { endpoint, key: Some((access_key, secret_key)), ca }), names)
        }
    };
    if let Some(unknown) = names.iter().find(|name| PROMISES.iter().all(|(known, ..)| known != name)) {
        bail!("there is no promise {unknown}");
    }
    let server = Arc::new(server);
    scene::make_bucket(&server, &dir)?;
    for &(name, about, promise) in PROMISES {
        if !names.is_empty() && !names.iter().any(|wanted| wanted == name) {
            continue;
        }
        match about.fits(&server) {
            true => try_one(&server, &dir, name, promise)?,
            false => println!("void {name}"),
        }
    }
    Ok(())
}

/// Tries a promise on a thread of its own, which is left behind when it takes too long: that ends the suite.
fn try_one(server: &Arc<Server>, dir: &std::path::Path, name: &'static str, promise: Try) -> Outcome {
    let scene = Scene::new(Arc::clone(server), dir, name)?;
    let (sender, receiver) = mpsc::channel();
    let begin = Instant::now();
    let thread = std::thread::spawn(move || {
        let outcome = scene.open().and_then(|store| promise(store.as_ref(), &scene));
        // The receiver is gone only when this took too long.
        let _ = sender.send(outcome);
    });
    match receiver.recv_timeout(LONGEST) {
        Ok(Ok(())) => println!("ok {name}"),
        Ok(Err(error)) => println!("failed {name}: {}", format!("{error:#}").replace('\n', " ")),
        Err(RecvTimeoutError::Disconnected) => println!("failed {name}: it panicked"),
        Err(RecvTimeoutError::Timeout) => {
            println!("failed {name}: not done after {} s", LONGEST.as_secs());
            bail!("{name} still runs");
        }
    }
    if begin.elapsed() > NOTABLE {
        eprintln!("{name} took {:.1} s", begin.elapsed().as_secs_f64());
    }
    // Ended already, in one way or the other.
    let _ = thread.join();
    Ok(())
}
