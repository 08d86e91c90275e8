//! The logs: what each pattern finds, and whether it can be taken from its directory.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::{Looked, Subject, at_most, count};
use crate::config::{Pattern, Settings};
use crate::model::finding::{Bars, Finding};
use crate::model::path_text::{to_shell, to_text};
use crate::model::problem::Problem;
use crate::model::size;
use crate::rotate::discover::{Discovery, Found};
use crate::rotate::families::Family;
use crate::rotate::moved::{self, Left};
use crate::spool;
use crate::sys::dir::Dir;
use crate::sys::failure::{Failure, Result};
use crate::sys::filesystem::{FileSystem, Place};
use crate::sys::lease::{self, Leased, Writers};
use crate::sys::rights::{self, Obstacle};

const RUN_AS: &str = "run logferry as root, or as the logs' owner with write access to their directory";

pub(super) fn look(subject: &Subject) -> Vec<Finding> {
    let settings = match subject.settings() {
        Ok(settings) => settings,
        Err(unknown) => return unknown,
    };
    let looked = subject.looked(settings);
    let mut findings: Vec<Finding> = looked.iter().flat_map(pattern).collect();
    for (path, logs) in directories(subject, settings) {
        findings.extend(at_most(directory(&path, &logs), "directory"));
    }
    findings.extend(moved(settings));
    findings
}

/// The files beside the logs that the next run takes, since a part of them was taken while they were the logs.
fn moved(settings: &Settings) -> Vec<Finding> {
    // What is wrong with the state directory is a finding of the spool's.
    let (Ok(standings), Ok(continued)) = (spool::standings(&settings.state_dir), spool::continued(&settings.state_dir))
    else {
        return Vec::new();
    };
    let left = moved::left(settings, &standings, &continued).into_iter();
    let finding = |Left { path, bytes, log, refused, .. }| match refused {
        Some((why, hint)) => Finding::fail(Bars::Logs, to_text(&path), why).hint(hint),
        None => {
            let (log, bytes) = (to_text(&log), size::show(bytes));
            let so =
                format!("was {log} until it was renamed, and is taken by the next run: {bytes} are in no segment yet");
            Finding::ok(to_text(&path), so)
        }
    };
    at_most(left.map(finding).collect(), "moved files")
}

/// What a pattern found.
fn pattern(Looked { pattern, discovery }: &Looked) -> Vec<Finding> {
    let refused = discovery.problems.iter().map(refused).collect();
    let mut findings = at_most(refused, &pattern.shown());
    let some = discovery.families.len() + discovery.found.len() + discovery.empty.len() + discovery.claimed.len();
    if some > 0 {
        findings.insert(0, Finding::ok(pattern.shown(), counted(discovery)));
    } else if findings.is_empty() {
        findings.push(nothing_found(pattern, discovery));
    }
    findings
}

fn refused(problem: &Problem) -> Finding {
    let finding = Finding::fail(Bars::Logs, to_text(&problem.path), &problem.what);
    finding.hint(problem.hint.clone().unwrap_or_else(|| {
        "see that its directory is there, mounted and to be entered; no directory is ever made".to_owned()
    }))
}

fn counted(discovery: &Discovery) -> String {
    let Discovery { found, families, empty, rotated, claimed, .. } = discovery;
    let bytes = found.iter().map(|found| found.size).sum();
    let mut parts = vec![format!("{} with {}", count(found.len(), "log"), size::show(bytes))];
    if !empty.is_empty() {
        parts.push(format!("{} empty", empty.len()));
    }
    if !families.is_empty() {
        let files = families.iter().map(|family| family.files.len()).sum();
        let bytes = families.iter().map(Family::size).sum();
        parts.push(format!("{} with {}", count(files, "rotated file"), size::show(bytes)));
    }
    if *rotated > 0 {
        parts.push(format!("{rotated} left alone, as compressed or rotated already"));
    }
    if !claimed.is_empty() {
        parts.push(format!(
            "{} of an earlier run, which the next one goes on with",
            count(claimed.len(), "claimed file")
        ));
    }
    parts.join("; ")
}

fn nothing_found(pattern: &Pattern, discovery: &Discovery) -> Finding {
    let rotated = match discovery.rotated {
        0 => String::new(),
        rotated => format!(" ({} are compressed or rotated already)", count(rotated, "file")),
    };
    match pattern {
        Pattern::Literal(path) if path.is_dir() => Finding::warn(pattern.shown(), format!("no log is in it{rotated}"))
            .hint("nothing to do if its writers have been silent so far"),
        Pattern::Literal(_) => Finding::warn(pattern.shown(), format!("there is no such log{rotated}"))
            .hint("nothing to do if its writer has been silent so far; else correct the path"),
        Pattern::Glob { .. } => Finding::warn(pattern.shown(), format!("no log matches{rotated}"))
            .hint("nothing to do if its writers have been silent so far; else correct the pattern, and see `exclude`"),
    }
}

/// The directories that logs are taken from, with the logs in them that have something to take.
fn directories<'s>(subject: &'s Subject, settings: &Settings) -> BTreeMap<PathBuf, Vec<&'s Found>> {
    let mut directories: BTreeMap<PathBuf, Vec<&Found>> = BTreeMap::new();
    for Looked { pattern, discovery } in subject.looked(settings) {
        for log in &discovery.empty {
            directories.entry(log.path.parent().unwrap_or(Path::new("/")).to_owned()).or_default();
        }
        // A log that comes later is to be taken from here all the same.
        let place = match pattern {
            Pattern::Literal(path) if path.is_dir() => Some(path.as_path()),
            Pattern::Literal(path) => path.parent(),
            Pattern::Glob { base, depth: Some(1), .. } => Some(base.as_path()),
            Pattern::Glob { .. } => None,
        };
        if let Some(place) = place.filter(|place| place.is_dir() && discovery.problems.is_empty()) {
            directories.entry(place.to_owned()).or_default();
        }
    }
    for found in subject.found(settings) {
        let parent = found.path.parent().unwrap_or(Path::new("/"));
        directories.entry(parent.to_owned()).or_default().push(found);
    }
    directories
}

/// Whether logs can be taken from a directory.
fn directory(path: &Path, logs: &[&Found]) -> Vec<Finding> {
    match looked_at(path, logs) {
        Ok(findings) => findings,
        Err(failure) => vec![Finding::fail(Bars::Logs, to_text(&failure.path), &failure.source).hint(RUN_AS)],
    }
}

fn looked_at(path: &Path, logs: &[&Found]) -> Result<Vec<Finding>> {
    let dir = Dir::open(path)?;
    let file_system = FileSystem::of(&dir)?;
    if let Some(obstacle) = rights::obstacle_in(&dir)? {
        return Ok(vec![in_the_way(path, &obstacle)]);
    }
    let mut findings = Vec::new();
    let mut proof = Writers::Unknown;
    for found in logs {
        let Some(name) = found.path.file_name() else { continue };
        match rights::obstacle_to(&dir, name).and_then(|obstacle| Ok((obstacle, dir.open_read(name)?))) {
            Ok((Some(obstacle), _)) => findings.push(in_the_way(&found.path, &obstacle)),
            Ok((None, log)) if proof == Writers::Unknown => proof = lease::writers(&log),
            Ok((None, _)) => {}
            Err(failure) => findings.extend(unreadable(&found.path, &failure)),
        }
    }
    if findings.is_empty() {
        let name = file_system.name();
        let detail = match logs.len() {
            0 => format!("logs can be renamed and removed in it, on {name}"),
            logs => {
                format!("its {} with something to take can be read, renamed and removed, on {name}", count(logs, "log"))
            }
        };
        findings.push(Finding::ok(to_text(path), detail));
    }
    findings.extend(limits(path, file_system, proof, logs.len()));
    Ok(findings)
}

fn in_the_way(path: &Path, obstacle: &Obstacle) -> Finding {
    let in_shell = to_shell(path);
    let (why, hint) = match obstacle {
        Obstacle::NotWritable(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => (
            format!("logs can't be renamed in it: {error}"),
            "mount it read-write; see `dmesg` for why it is not".to_owned(),
        ),
        Obstacle::NotWritable(error) => {
            (format!("logs can't be renamed and removed in it: {error}"), RUN_AS.to_owned())
        }
        Obstacle::Sticky => {
            let why = "it can't be renamed and removed: its directory is sticky, and it belongs to someone else";
            (why.to_owned(), RUN_AS.to_owned())
        }
        Obstacle::Immutable => {
            ("it is immutable, so nothing can be renamed".to_owned(), format!("chattr -i {in_shell}"))
        }
        Obstacle::AppendOnly => {
            ("it is append-only, so nothing can be renamed".to_owned(), format!("chattr -a {in_shell}"))
        }
    };
    Finding::fail(Bars::Logs, to_text(path), why).hint(hint)
}

/// A log that can't be opened for reading; one that has gone meanwhile is none.
fn unreadable(path: &Path, failure: &Failure) -> Option<Finding> {
    match failure.source.kind() {
        io::ErrorKind::NotFound => None,
        io::ErrorKind::WouldBlock => Some(Finding::warn(to_text(path), &failure.source).hint(Leased::HINT)),
        _ => {
            Some(Finding::fail(Bars::Logs, to_text(path), format!("it can't be read: {}", failure.source)).hint(RUN_AS))
        }
    }
}

/// What can't be proved or done on this file system, though logs are taken all the same.
fn limits(path: &Path, file_system: FileSystem, proof: Writers, logs: usize) -> Vec<Finding> {
    let mut findings = Vec::new();
    let name = file_system.name();
    if file_system.place == Place::Network {
        let why = format!(
            "it is on {name}: no kernel says who still writes to a log there, so half a second without a byte must do, and \
             writers on other machines are not seen"
        );
        findings.push(Finding::warn(to_text(path), why).hint("keep logs on a local disk: ext4, xfs, btrfs"));
    } else if proof == Writers::Unknown && logs > 0 {
        let why = format!(
            "the kernel does not tell us who has these logs open (no leases, on {name}): half a second without a byte must \
             do as a proof that a writer has let go"
        );
        findings.push(
            Finding::warn(to_text(path), why).hint("run logferry as root or as the logs' owner, on a local disk"),
        );
    }
    if file_system.free == 0 {
        let why = "its file system is full: the logs' writers may be losing what they write";
        findings.push(Finding::warn(to_text(path), why).hint("make room: df -h shows where"));
    }
    findings
}
