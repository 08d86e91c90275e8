//! Reading ahead of whoever takes the output: bounded, and over as soon as nobody wants any more.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use logferry::archive::ahead::MOST_BYTES;

use super::broken::spoiled;
use super::ship;
use crate::s3_server::Fault;
use crate::support::{Bucket, Sandbox, noise, wait_until};

fn start(sandbox: &Sandbox, bucket: &Bucket, args: &[&str]) -> Child {
    let mut cat = sandbox.logferry();
    cat.envs(bucket.env()).args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    cat.spawn().expect("logferry starts")
}

/// The most memory that a process has had, in bytes (`VmHWM`, proc_pid_status(5)).
fn most_memory(child: &Child) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).expect("it lives");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") * 1024
}

/// What a process needs that has nothing to read ahead: the program, the SDK, its client.
const BASE: usize = 48 << 20;

#[test]
fn memory_is_bounded_however_much_there_is_and_however_slow_its_taker_is() {
    let sandbox = Sandbox::new();
    let bucket = Bucket::new(&sandbox);
    // 20 MB that don't compress, and four times 40 MB that compress to next to nothing: both far more than may be ahead.
    let large = noise(20_000_000);
    ship(&sandbox, Some(&bucket), "i-1", "web.log", &large);
    let line = [b"all the same again and again, and once more\n".repeat(900_000), vec![]].concat();
    for _ in 0..4 {
        ship(&sandbox, Some(&bucket), "i-1", "web.log", &line);
    }
    let total = large.len() + 4 * line.len();
    let mut cat = start(&sandbox, &bucket, &["cat", "web"]);
    let mut output = cat.stdout.take().expect("a pipe");
    // Nobody takes anything until it has stopped to read ahead.
    let (mut last, mut same) = (0, 0);
    wait_until("it has read ahead what it may", || {
        let memory = most_memory(&cat);
        same = if memory == last { same + 1 } else { 0 };
        last = memory;
        same > 100
    });
    let mut taken = vec![0; 1 << 20];
    let mut read = 0;
    while read < total - taken.len() {
        let count = output.read(&mut taken).expect("output");
        assert!(count > 0, "it ended after {read} bytes");
        read += count;
    }
    let peak = most_memory(&cat);
    let rest = std::io::copy(&mut output, &mut std::io::sink()).expect("output");
    assert_eq!(read as u64 + rest, total as u64);
    assert!(cat.wait().expect("it ends").success());
    println!("peak: {} KiB for {} bytes", peak / 1024, total);
    assert!(peak < BASE + MOST_BYTES, "{peak} bytes at the peak, {MOST_BYTES} of them to read ahead");
}

#[test]
fn a_reader_that_has_enough_ends_it_at_once_and_quietly_though_the_store_never_answers() {
    let sandbox = Sandbox::new();
    {
        let bucket = Bucket::new(&sandbox);
        ship(&sandbox, Some(&bucket), "i-1", "web.log", "the first line\n");
        for _ in 0..3 {
            ship(&sandbox, Some(&bucket), "i-1", "web.log", noise(100_000));
        }
    }
    // The first object comes; whatever is fetched ahead of its taker never does, for half a minute.
    let hook: crate::s3_server::FaultHook = std::sync::Arc::new(|request| {
        match super::broken::is_get(request) && !request.uri.path().contains("-00000001-") {
            true => Fault::Silence,
            false => Fault::Pass,
        }
    });
    let bucket = Bucket::with(&sandbox, crate::s3_server::Transport::Http, Some(hook));
    for args in
        [&["cat", "web"][..], &["cat", "web", "--by-time"], &["grep", "first", "web"], &["grep", "no such line", "web"]]
    {
        let mut child = start(&sandbox, &bucket, args);
        let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
        if args[0] == "cat" {
            let mut line = String::new();
            output.read_line(&mut line).expect("a line");
            assert_eq!(line, "the first line\n");
        } else {
            // Lines are collected before they are written: here it is asked while nothing was.
            wait_until("the others are asked for", || bucket.server.requests().len() > 5);
        }
        drop(output);
        let begin = Instant::now();
        wait_until("it ends", || child.try_wait().expect("its state").is_some());
        assert!(begin.elapsed() < Duration::from_secs(10), "{args:?} took {:?}", begin.elapsed());
        let ended = child.wait_with_output().expect("it ended");
        // Of grep, 1 would say that all was searched in vain.
        assert_eq!((ended.status.code(), String::from_utf8_lossy(&ended.stderr).as_ref()), (Some(0), ""), "{args:?}");
    }
}

#[test]
fn on_a_terminal_it_is_shown_how_far_it_is_where_the_output_goes_elsewhere() {
    use crate::support::trace::{under, words};
    let sandbox = Sandbox::new();
    let bucket = spoiled(&sandbox, |_| Fault::Stall(Duration::from_millis(700)));
    ship(&sandbox, Some(&bucket), "i-1", "web.log", "a line\n");
    let shown = |redirect: &str| {
        let mut cat = sandbox.logferry();
        cat.envs(bucket.env()).args(["cat", "web"]);
        let quoted: Vec<String> = words(&cat).iter().map(|word| format!("'{}'", word.to_string_lossy())).collect();
        let script = format!("stty rows 24 cols 120; exec {}{redirect}", quoted.join(" "));
        let mut terminal = under("script", &cat);
        terminal.env("TERM", "xterm").env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("SHELL", "/bin/sh");
        crate::support::finish(terminal.args(["-qec", &script, "/dev/null"])).expect(0).text()
    };
    let elsewhere = shown(" >output");
    assert!(elsewhere.contains("0/1 segments read"), "{elsewhere:?}");
    assert_eq!(std::fs::read_to_string(sandbox.path("output")).expect("the output"), "a line\n");
    assert_eq!(shown(""), "a line\r\n", "nothing is drawn between lines");
}
