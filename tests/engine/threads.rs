//! As many threads as asked for, and the same bytes whatever their number.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write;
use std::process::Command;

use logferry::gzip::{BLOCK, WINDOW, block_length};
use logferry::model::format::Format;
use logferry::sys::fault::Point;

use super::objects;
use crate::support::{Sandbox, Stopped, finish, noise};

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

/// How many threads a run that has stopped has for compressing, its first one not counted.
fn compressing(stopped: &Stopped) -> usize {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", stopped.id())).expect("its threads");
    let names = tasks.map(|task| std::fs::read_to_string(task.expect("a thread").path().join("comm")));
    names.filter(|name| name.as_ref().expect("its name").trim() == "compress").count()
}

/// What the objects are that a run makes on so many threads, if `run` has it made.
fn alike(run: impl Fn(&str) -> Vec<Vec<u8>>) {
    let alone = run("1");
    for threads in ["2", "3", "8"] {
        let together = run(threads);
        assert!(together == alone, "the bytes on {threads} threads are not those on one");
    }
}

#[test]
fn segments_are_the_same_bytes_however_many_threads_there_were() {
    const FEW: usize = 4 * BLOCK;
    // One that the threads share, those that have a thread each, and what lies around the ends of blocks.
    let lengths = [3_000_000, 17, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + WINDOW, FEW - 1, FEW, FEW + 1];
    let contents = lengths.map(content);
    alike(|threads| {
        let sandbox = Sandbox::reopening();
        for (number, content) in contents.iter().enumerate() {
            sandbox.write_log(format!("{number}.log"), content);
        }
        let log = sandbox.path("log");
        sandbox.run(["run", "--threads", threads].iter().map(OsStr::new).chain([log.as_os_str()])).quiet();
        sandbox.nothing_left_behind();
        let objects = objects(&sandbox);
        assert_eq!(objects.len(), contents.len());
        objects
    });
}

#[test]
fn frames_are_the_same_bytes_however_many_threads_there_were() {
    let group = block_length(Format::Zstd);
    // One that the threads share, and some that have a thread each; the first one goes on behind the unlink.
    let contents = [5 * group + 1, 17, 100_000, group, group + 1].map(content);
    alike(|threads| {
        let sandbox = Sandbox::reopening();
        sandbox.config_file("format = \"zstd\"\n");
        for (number, content) in contents.iter().enumerate() {
            sandbox.write_log(format!("{number}.log"), content);
        }
        let mut writer = File::options().append(true).open(sandbox.log("0.log")).expect("a log");
        let mut run = sandbox.logferry();
        run.args(["run", "--threads", threads]).arg(sandbox.path("log"));
        let stopped = Stopped::at(Point::UnlinksDurable, 1, run);
        writer.write_all(&contents[0][..group + 40_000]).expect("more lines");
        drop(writer);
        stopped.go_on().quiet();
        sandbox.nothing_left_behind();
        let objects = objects(&sandbox);
        assert_eq!(objects.len(), contents.len());
        objects
    });
}

#[test]
fn segments_are_the_same_bytes_where_their_writers_went_on_meanwhile() {
    // Before the unlink, it is read behind what was copied; behind the unlink, it is drained.
    for meanwhile in [Point::CopiesDurable, Point::UnlinksDurable] {
        alike(|threads| {
            let sandbox = Sandbox::reopening();
            let logs = [("small.log", 100_001), ("large.log", 5 * BLOCK + 1)];
            let writers = logs.map(|(name, length)| {
                let path = sandbox.write_log(name, content(length));
                File::options().append(true).open(path).expect("a log")
            });
            let mut run = sandbox.logferry();
            run.args(["run", "--threads", threads]).arg(sandbox.path("log"));
            let stopped = Stopped::at(meanwhile, 1, run);
            for (mut writer, (_, length)) in writers.into_iter().zip(logs) {
                writer.write_all(&content(length + BLOCK)[length / 2..]).expect("more lines");
            }
            stopped.go_on().quiet();
            sandbox.nothing_left_behind();
            let objects = objects(&sandbox);
            assert_eq!(objects.len(), logs.len());
            objects
        });
    }
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
fn the_threads_that_compress_are_as_nice_as_the_run() {
    for format in Format::ALL {
        let sandbox = Sandbox::reopening();
        sandbox.config_file(&format!("format = \"{}\"\n", format.name()));
        // So much that each thread gets some of it, however late it was started.
        for number in 0..40 {
            sandbox.write_log(format!("{number}.log"), content(400_000));
        }
        let mut run = sandbox.logferry();
        run.args(["run", "--low-priority", "--threads", "3"]).arg(sandbox.path("log"));
        let stopped = Stopped::at(Point::CopiesDurable, 1, run);
        // zstd has a thread of its own for each that waits for it.
        assert!(compressing(&stopped) == 2 || format == Format::Zstd && compressing(&stopped) > 2);
        for thread in std::fs::read_dir(format!("/proc/{}/task", stopped.id())).expect("its threads") {
            is_nice(&thread.expect("a thread"));
        }
        stopped.go_on().quiet();
    }
}

fn is_nice(thread: &std::fs::DirEntry) {
    let stat = std::fs::read_to_string(thread.path().join("stat")).expect("its state");
    // Counted from behind the name, which may hold anything (proc_pid_stat(5), field 19).
    let behind_name = stat.rsplit(") ").next().unwrap_or_default();
    assert_eq!(behind_name.split(' ').nth(16), Some("10"), "{stat}");
    let said = finish(Command::new("ionice").arg("-p").arg(thread.file_name())).expect(0).text();
    assert!(said.starts_with("best-effort: prio 7"), "{said}");
}

#[test]
fn what_fails_on_whatever_thread_is_told_of_its_log_and_holds_up_no_other() {
    let sandbox = Sandbox::reopening();
    let (bad, good): (Vec<_>, Vec<_>) =
        (0..10).map(|number| (format!("bad-{number}.log"), format!("good-{number}.log"))).unzip();
    for (bad, good) in bad.iter().zip(&good) {
        sandbox.write_log(bad, noise(400_000));
        sandbox.write_log(good, content(50_000));
    }
    // No file may have more than 200 KiB: their parts can't be written.
    let mut run = Command::new("sh");
    let logferry = sandbox.logferry();
    run.args(["-c", "trap '' XFSZ; ulimit -f 400; exec \"$@\"", "sh"]).arg(logferry.get_program()).env_clear();
    run.args(["run", "--threads", "4"]).arg(sandbox.path("log"));
    run.envs(logferry.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let told = finish(&mut run).expect(1).stderr;
    for name in &bad {
        let line = told.lines().find(|line| line.contains(name.as_str())).unwrap_or_default();
        assert!(line.contains("write ") && line.contains(".part") && line.contains("File too large"), "{name}: {told}");
    }
    assert!(!told.contains("good-"), "{told}");
    assert_eq!(objects(&sandbox).len(), good.len());
    sandbox.run_all().quiet();
    assert_eq!(objects(&sandbox).len(), good.len() + bad.len());
    sandbox.nothing_left_behind();
}
