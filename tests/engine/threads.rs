//! As many threads as asked for, and the same bytes whatever their number.

use std::fs::File;
use std::io::Write;
use std::process::Command;

use logferry::sys::fault::Point;

use crate::support::{Sandbox, Stopped, finish, noise, wait_until};

/// Lines such as logs have, and in between what does not compress.
fn content(length: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length);
    for number in 0_u64.. {
        if bytes.len() >= length {
            break;
        }
        let id = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        writeln!(bytes, "2026-11-21T00:00:00Z INFO request {id:016x} took {} ms\r", id >> 57).expect("memory");
        if number % 10_000 == 9_999 {
            bytes.extend(noise(100_000));
        }
    }
    bytes.truncate(length);
    bytes
}

/// The bytes of the objects in a sandbox's store, sorted.
fn objects(sandbox: &Sandbox) -> Vec<Vec<u8>> {
    let files = sandbox.files("store").into_iter().filter(|path| path.extension().is_some_and(|end| end == "gz"));
    let mut objects: Vec<_> = files.map(|path| std::fs::read(path).expect("an object")).collect();
    objects.sort();
    objects
}

/// How many threads a run that has stopped has for compressing, its first one not counted.
fn compressing(stopped: &Stopped) -> usize {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", stopped.id())).expect("its threads");
    let names = tasks.map(|task| std::fs::read_to_string(task.expect("a thread").path().join("comm")));
    names.filter(|name| name.as_ref().expect("its name").trim() == "compress").count()
}

#[test]
fn segments_are_the_same_bytes_however_many_threads_there_were() {
    // One that the threads share, some of which each has its own, and what blocks end at.
    let contents = [5_000_000, 300_000, 262_144, 262_145, 17, 1_048_577].map(content);
    let mut alike = Vec::new();
    for threads in ["1", "2", "7"] {
        let sandbox = Sandbox::reopening();
        for (number, content) in contents.iter().enumerate() {
            sandbox.write_log(format!("{number}.log"), content);
        }
        let log = sandbox.path("log");
        sandbox.run(["run", "--threads", threads].iter().map(std::ffi::OsStr::new).chain([log.as_os_str()])).quiet();
        sandbox.nothing_left_behind();
        alike.push(objects(&sandbox));
    }
    assert_eq!(alike[0].len(), 6);
    assert!(alike[0] == alike[1] && alike[0] == alike[2], "the bytes depend on the number of threads");
}

#[test]
fn a_large_log_is_compressed_on_as_many_threads_as_asked_for_and_so_are_many_small_ones() {
    for (logs, length) in [(1, 4_000_000), (24, 50_000)] {
        // The first thread is one of them.
        for (configured, flag, others) in [("threads = 3", None, 2), ("threads = 3", Some("1"), 0), ("", Some("2"), 1)]
        {
            let sandbox = Sandbox::reopening();
            sandbox.config_file(configured);
            for number in 0..logs {
                sandbox.write_log(format!("{number}.log"), &content(length)[..]);
            }
            let mut run = sandbox.logferry();
            run.arg("run").args(flag.map(|flag| format!("--threads={flag}"))).arg(sandbox.path("log"));
            let stopped = Stopped::at(Point::CopiesDurable, 1, run);
            assert_eq!(compressing(&stopped), others, "{logs} logs, {configured}, {flag:?}");
            stopped.go_on().quiet();
            assert_eq!(objects(&sandbox).len(), logs);
        }
    }
}

#[test]
fn where_nothing_is_said_there_is_a_thread_for_each_core_that_it_may_use() {
    let sandbox = Sandbox::reopening();
    let run = |cores: &str| {
        sandbox.write_log("web.log", &content(2_000_000)[..]);
        let mut run = Command::new("taskset");
        let logferry = sandbox.logferry();
        let path = std::env::var_os("PATH").unwrap_or_default();
        run.args(["-c", cores]).arg(logferry.get_program()).arg("run").arg(sandbox.path("log")).env_clear();
        run.envs(logferry.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("PATH", path);
        let stopped = Stopped::at(Point::CopiesDurable, 1, run);
        let others = compressing(&stopped);
        stopped.go_on().quiet();
        others
    };
    let allowed = finish(Command::new("nproc").env_remove("OMP_NUM_THREADS")).expect(0).text();
    let all: usize = allowed.trim().parse().expect("a number");
    let first = finish(Command::new("taskset").args(["-cp", &std::process::id().to_string()])).expect(0).text();
    let list = first.rsplit(": ").next().expect("a list of cores").trim().to_owned();
    let one = list.split([',', '-']).next().expect("a core");
    assert_eq!(run(one), 0);
    assert_eq!(run(&list), (all - 1).min(7), "cores {list}");
}

#[test]
fn a_log_is_shipped_while_another_one_is_still_drained() {
    let sandbox = Sandbox::reopening();
    // Far longer than anybody would wait here.
    sandbox.config_file("settle = \"10m\"\n");
    sandbox.write_log("released.log", "all of it\n");
    let mut writer = File::create(sandbox.log("held.log")).expect("a log");
    writer.write_all(b"its writer is silent\n").expect("a line");
    let mut run = sandbox.logferry();
    let mut run = run.arg("run").arg(sandbox.path("log")).spawn().expect("a run");
    wait_until("the released one is in the store", || objects(&sandbox).len() == 1);
    assert!(run.try_wait().expect("its state").is_none(), "the run waits for the other one");
    drop(writer);
    assert!(run.wait().expect("its end").success());
    assert_eq!(objects(&sandbox).len(), 2);
    sandbox.nothing_left_behind();
}
