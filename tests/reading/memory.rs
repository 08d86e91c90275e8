//! Ten thousand objects take little more memory than a hundred.

use std::process::Command;

use crate::support::archive::archive;
use crate::support::{Bucket, Sandbox, finish};

/// What an object may take in a listing, in bytes: its key, what the key says, and the room that a vector grows into. 450 were
/// measured.
const MOST_PER_OBJECT: u64 = 1024;

/// Runs a command for its memory at the most, as the kernel counts it (`ru_maxrss` of getrusage(2)); in KiB.
const MEASURE: &str = "\
import os, sys
null = [(os.POSIX_SPAWN_OPEN, 1, '/dev/null', os.O_WRONLY, 0)]
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=null)
_, status, usage = os.wait4(pid, 0)
print(os.waitstatus_to_exitcode(status), usage.ru_maxrss)";

/// The most memory that a command of the binary's took, in bytes.
fn peak(sandbox: &Sandbox, bucket: &Bucket, args: &[&str]) -> u64 {
    let binary = sandbox.logferry();
    let mut command = Command::new("python3");
    command.args(["-c", MEASURE]).arg(binary.get_program()).args(args).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.envs(binary.get_envs().filter_map(|(name, value)| Some((name, value?)))).envs(bucket.env());
    let text = finish(&mut command).expect(0).text();
    let (code, kib) = text.trim().split_once(' ').expect("two numbers");
    assert_eq!(code, "0", "{args:?}");
    kib.parse::<u64>().expect("KiB") * 1024
}

/// How many bytes `cat` reads ahead of its output at the most (docs/text.md): how many it does is a matter of time.
const AHEAD: u64 = 22 << 20;

#[test]
fn ten_thousand_objects_are_listed_in_bounded_memory() {
    let (sandbox, archive) = (Sandbox::new(), archive());
    let all = archive.segments().count() as u64;
    let bucket = archive.bucket(&sandbox, None, |_, _| true);
    let few = archive.segments().filter(|(stream, _)| stream.service.name() == "backup").count() as u64;
    let of_few = peak(&sandbox, &bucket, &["ls", "backup"]);
    let of_all = peak(&sandbox, &bucket, &["ls"]);
    let each = of_all.saturating_sub(of_few) / (all - few);
    println!("{of_few} bytes for {few} objects, {of_all} for {all}: {each} for each");
    assert!(each <= MOST_PER_OBJECT, "{each} bytes for each object");
}

#[test]
fn reading_thousands_of_objects_takes_no_more_memory_than_reading_a_hundred() {
    let (sandbox, archive) = (Sandbox::new(), archive());
    let services = ["backup", "worker"];
    let bucket = archive.bucket(&sandbox, None, |stream, _| services.iter().any(|name| stream.service.name() == *name));
    let [of_few, of_many] = services.map(|service| peak(&sandbox, &bucket, &["cat", service]));
    let [few, many] =
        services.map(|service| archive.of_service(service).map(|stream| stream.segments.len()).sum::<usize>());
    println!("cat: {of_few} bytes for {few} objects, {of_many} for {many}");
    let more = of_many.saturating_sub(of_few);
    assert!(many > 800 && more <= AHEAD, "{more} bytes more for {} objects more", many - few);
}
