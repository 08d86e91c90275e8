//! The state directory and the spool: whether a run may use it, how much room it has, what waits in it.

use std::io;
use std::path::Path;
use std::time::Duration;

use super::{Subject, count};
use crate::config::Settings;
use crate::model::finding::{Bars, Finding};
use crate::model::path_text::{to_shell, to_text};
use crate::model::size;
use crate::model::time::Moment;
use crate::rotate::room::FOR_RECORDS;
use crate::spool::{self, Spool, Survey};
use crate::sys::dir::{Dir, Private};
use crate::sys::failure::{Failure, Result};
use crate::sys::filesystem::{FileSystem, Place};
use crate::sys::rights::{self, Obstacle};
use crate::sys::{clock, host, procfs};

/// How many times smaller logs get, for estimates: mixed system logs come to 8 to 10.
const USUAL_RATIO: u64 = 8;

/// The spool's files for one log: its record, its part or sealed segment, and what a stream keeps.
const FILES_A_LOG: u64 = 4;

/// Runs start each hour: what waits longer has been tried several times.
const TOO_LONG: Duration = Duration::from_secs(3 * 3600);

pub(super) fn look(subject: &Subject) -> Vec<Finding> {
    let (dir, mut findings) = match Spool::look(&subject.state_dir) {
        Ok(Private::There(dir)) => {
            let findings = present(&dir);
            (dir, findings)
        }
        Ok(Private::ToBeMade(parent)) => {
            let detail = format!("the first run makes it, in {}", to_text(parent.path()));
            let findings = vec![Finding::ok(to_text(&subject.state_dir), detail)];
            (parent, findings)
        }
        Err(failure) => return vec![unusable(&subject.state_dir, &failure)],
    };
    findings.extend(writable(&dir));
    findings.extend(waiting(&subject.state_dir));
    if let Ok(settings) = &subject.settings {
        let room = room(subject, settings, &dir);
        findings.extend(room.unwrap_or_else(|failure| vec![unusable(&subject.state_dir, &failure)]));
    }
    findings
}

/// A run would end before it has touched anything.
fn unusable(state_dir: &Path, failure: &Failure) -> Finding {
    let detail = format!("{} {}: {}", failure.doing, to_text(&failure.path), failure.source);
    let link = std::fs::read_link(state_dir).ok();
    let leads = link.as_ref().map_or(String::new(), |to| format!("; it is a symbolic link to {}", to_text(to)));
    let finding = Finding::fail(Bars::Runs, to_text(state_dir), detail + &leads);
    finding.hint(match failure.source.kind() {
        io::ErrorKind::PermissionDenied if host::user() != 0 => {
            "each user needs a state directory of his own (--state-dir); where root's runs are meant: sudo logferry check"
                .to_owned()
        }
        io::ErrorKind::NotFound => "make its parent, or mount it: no parent is ever made; see --state-dir".to_owned(),
        // What others use must not be closed to them because a path of ours leads there.
        _ if link.is_some() => {
            "it must be a directory that is ours alone; this leads to one that is not. Remove the link, so that the first run \
             makes a directory in its place, or name another: --state-dir"
                .to_owned()
        }
        _ => format!(
            "it must be a directory of our own, and nobody else may be able to replace it. If nothing but logferry uses it: \
             chmod 700 {}; else name another, which the first run makes: --state-dir",
            to_shell(state_dir)
        ),
    })
}

fn present(dir: &Dir) -> Vec<Finding> {
    let mut findings = vec![Finding::ok(to_text(dir.path()), "ours alone (mode 700), and nobody can replace it")];
    let pid = dir.status().ok().and_then(|status| procfs::holder_of_lock(status.identity));
    findings.extend(pid.map(at_work));
    findings
}

/// While a run is at work, the next one does nothing.
fn at_work(pid: u32) -> Finding {
    let age = procfs::age(pid).unwrap_or_default();
    let (what, detail) = ("run at work", format!("pid {pid}, since {}", spell(age)));
    match age > TOO_LONG {
        true => Finding::warn(what, format!("{detail}; no other run does anything meanwhile")).hint(format!(
            "see what it waits for (logferry status; strace -p {pid}); when in doubt end it: kill {pid}"
        )),
        false => Finding::ok(what, detail),
    }
}

fn writable(dir: &Dir) -> Option<Finding> {
    let (why, hint) = match rights::obstacle_in(dir) {
        Ok(None) => return None,
        Ok(Some(Obstacle::NotWritable(error))) => (
            format!("it can't be written to: {error}"),
            "see its mode, and whether its file system is mounted read-only",
        ),
        Ok(Some(_)) => ("nothing can be renamed in it (lsattr -d)".to_owned(), "chattr -i -a, on it and what is in it"),
        Err(failure) => (failure.source.to_string(), "see `dmesg`"),
    };
    Some(Finding::fail(Bars::Runs, to_text(dir.path()), why).hint(hint))
}

/// What earlier runs left.
fn waiting(state_dir: &Path) -> Vec<Finding> {
    let survey = match spool::survey(state_dir) {
        Ok(survey) => survey,
        Err(failure) => return vec![unusable(state_dir, &failure)],
    };
    let mut findings = vec![sealed(&survey)];
    if !survey.unfinished.is_empty() {
        let detail =
            format!("{} begun and not sealed; the next run goes on", count(survey.unfinished.len(), "segment"));
        findings.push(Finding::ok("unfinished", detail));
    }
    if !survey.damaged.is_empty() {
        let detail = format!("{} put aside, as it made no sense", count(survey.damaged.len(), "file"));
        let hint =
            format!("look at {}, check the disk, then remove what is there", to_shell(&state_dir.join("damaged")));
        findings.push(Finding::warn("damaged", detail).hint(hint));
    }
    if !survey.doubts.is_empty() {
        let detail = format!("of {} it can't be known whether all is there", count(survey.doubts.len(), "segment"));
        findings.push(
            Finding::warn("doubts", detail).hint("`logferry status` says of which logs, and between which times"),
        );
    }
    findings
}

fn sealed(survey: &Survey) -> Finding {
    let what = "waiting";
    let Some(oldest) = survey.sealed.iter().map(|sealed| sealed.segment.claimed_at).min() else {
        return Finding::ok(what, "no segment waits to be shipped");
    };
    let bytes = survey.sealed.iter().map(|sealed| sealed.seal.packed).sum();
    let age = since(oldest);
    let waits = count(survey.sealed.len(), "segment");
    let detail = format!("{waits} with {}, the oldest for {}", size::show(bytes), spell(age));
    match age > TOO_LONG {
        true => {
            Finding::warn(what, detail).hint("see the store below, and what the runs have said since (cron mails it)")
        }
        false => Finding::ok(what, detail),
    }
}

/// Whether what the logs hold now fits.
fn room(subject: &Subject, settings: &Settings, dir: &Dir) -> Result<Vec<Finding>> {
    // A spool that is there may be a mount of its own.
    let spool = Dir::open(&subject.state_dir.join("spool"));
    let file_system = FileSystem::of(spool.as_ref().unwrap_or(dir))?;
    let found = subject.found(settings);
    let raw: u64 = found.iter().map(|found| found.size).sum();
    let needed = raw / USUAL_RATIO;
    let estimate = format!(
        "the logs' {} come to about {} at the usual ratio of {USUAL_RATIO}",
        size::show(raw),
        size::show(needed)
    );
    let mut findings = vec![free(settings, &file_system, needed, &estimate)];
    findings.extend(files(&file_system, found.len() as u64));
    if let Some(max) = settings.max_spool {
        let used = spool::survey(&subject.state_dir).map(|survey| survey.used)?;
        findings.push(allowed(used, max, needed, &estimate));
    }
    if file_system.place == Place::Network {
        let why = format!("it is on {}: locks and durability are those of another machine", file_system.name());
        findings.push(
            Finding::warn(to_text(dir.path()), why).hint("keep the state directory on a local disk: --state-dir"),
        );
    }
    Ok(findings)
}

fn free(settings: &Settings, file_system: &FileSystem, needed: u64, estimate: &str) -> Finding {
    let what = "room";
    let kept = settings.min_free.saturating_add(FOR_RECORDS);
    let detail = format!("{} are free on {}", size::show(file_system.free), file_system.name());
    let stays = format!("{detail}, and {} must stay free (min_free and a reserve)", size::show(kept));
    match file_system.free.checked_sub(kept) {
        None | Some(0) => Finding::fail(Bars::Shipping, what, format!("{stays}: no log would be taken"))
            .hint("make room; the logs stay where they are until then"),
        Some(left) if left < needed => Finding::warn(what, format!("{stays}; {estimate}"))
            .hint("make room; what does not fit stays where it is until a run has shipped the rest"),
        Some(_) => Finding::ok(what, format!("{detail}; {estimate}")),
    }
}

fn files(file_system: &FileSystem, logs: u64) -> Option<Finding> {
    let free = file_system.free_files.filter(|free| *free < logs.saturating_mul(FILES_A_LOG).max(FILES_A_LOG))?;
    let (what, detail) =
        ("inodes", format!("its file system has room for {free} more files; {logs} logs may need more"));
    let hint = "see which directory holds so many files: df -i, du --inodes";
    Some(match free < FILES_A_LOG {
        true => Finding::fail(Bars::Shipping, what, detail).hint(hint),
        false => Finding::warn(what, detail).hint(hint),
    })
}

fn allowed(used: u64, max: u64, needed: u64, estimate: &str) -> Finding {
    let what = "max_spool";
    let detail = format!("{} of {} are taken", size::show(used), size::show(max));
    match max.saturating_sub(used) {
        0 => Finding::fail(Bars::Shipping, what, format!("{detail}: no log would be taken"))
            .hint("see why the store is away, or raise max_spool; the logs stay where they are until then"),
        left if left < needed => Finding::warn(what, format!("{detail}; {estimate}"))
            .hint("raise max_spool, or see why the store is away; what does not fit stays where it is"),
        _ => Finding::ok(what, detail),
    }
}

fn since(moment: Moment) -> Duration {
    let nanos = clock::now().nanos().saturating_sub(moment.nanos());
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
}

/// A time in its two largest units.
fn spell(time: Duration) -> String {
    let whole = match time.as_secs() {
        seconds if seconds >= 24 * 3600 => Duration::from_secs(seconds / 3600 * 3600),
        seconds if seconds >= 3600 => Duration::from_secs(seconds / 60 * 60),
        seconds => Duration::from_secs(seconds),
    };
    humantime::format_duration(whole).to_string()
}
