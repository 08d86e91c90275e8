//! What `ls` shows to people: aligned lines, sums with bars, totals.

use std::io::{self, Write};

use super::{Entry, bars};
use crate::archive::Details;
use crate::archive::sums::{Group, Sum, Sums};
use crate::cli::Ls;
use crate::model::key::Leaf;
use crate::model::size;
use crate::report::count;
use crate::spool::Stays;

/// Days or hours without anything that are shown as lines of their own, between two that have something.
const LONGEST_GAP: usize = 48;

/// Lines, or sums of them.
pub(super) struct Table {
    /// The widths of the columns that names are in.
    services: usize,
    instances: usize,
    /// Columns of the terminal; none where it is none.
    width: Option<usize>,
    with_lines: bool,
    with_details: bool,
    pub(super) with_total: bool,
}

impl Table {
    pub(super) fn of<'l>(args: &Ls, width: Option<usize>, leaves: impl Iterator<Item = &'l Leaf>) -> Self {
        let widths = leaves.fold((0, 0), |(services, instances), leaf| {
            (services.max(columns(&leaf.service.to_string())), instances.max(leaf.instance.as_str().len()))
        });
        Self {
            services: widths.0,
            instances: widths.1,
            width,
            with_lines: args.by.is_none(),
            with_details: args.long,
            with_total: args.total || width.is_some(),
        }
    }

    pub(super) fn entry(&self, entry: &Entry<'_>, to: &mut impl Write) -> io::Result<()> {
        if !self.with_lines {
            return Ok(());
        }
        let Entry { leaf, bytes, stays, details, notice, .. } = entry;
        let (service, instance) = (padded(&leaf.service.to_string(), self.services), leaf.instance.as_str());
        let (first, last, instances) = (leaf.first.to_second(), leaf.last.to_second(), self.instances);
        let (stream, seq) = (leaf.stream, leaf.seq);
        write!(to, "{service}  {first}  {last}  {instance:instances$}  {stream}-{seq}  {bytes:>12}")?;
        if let Some(details) = details {
            write_details(details, to)?;
        }
        if let Some(notice) = notice {
            write!(to, "  notice: {notice}")?;
        }
        match stays {
            Some(Stays::Waits) => writeln!(to, "  waits"),
            Some(Stays::Kept) => writeln!(to, "  kept"),
            None => writeln!(to),
        }
    }

    /// What is below the lines; `unasked` says of what no notices are shown.
    pub(super) fn end(&self, sums: &Sums, unasked: Option<&str>, to: &mut impl Write) -> io::Result<()> {
        if !self.with_lines {
            self.groups(sums, to)?;
        }
        if self.with_total {
            writeln!(to, "{}", self.total(sums))?;
            unasked.map_or(Ok(()), |unasked| writeln!(to, "{unasked}"))?;
        }
        Ok(())
    }

    fn groups(&self, sums: &Sums, to: &mut impl Write) -> io::Result<()> {
        let names = sums.groups.keys().map(|group| columns(&group.to_string())).max().unwrap_or(0);
        let largest = sums.groups.values().map(|sum| sum.bytes).max().unwrap_or(0);
        let mut expected: Option<Group> = None;
        for (group, sum) in &sums.groups {
            if self.width.is_some() {
                let silent = expected.map_or(Vec::new(), |from| silent(from, group));
                for group in &silent {
                    writeln!(to, "{}  {:>8}", padded(group, names), "-")?;
                }
            }
            let line = self.group(&padded(&group.to_string(), names), sum);
            let bar = self.width.and_then(|width| bars::width(width, columns(&line) + 2));
            let bar = bar.map_or(String::new(), |width| format!("  {}", bars::bar(sum.bytes, largest, width)));
            writeln!(to, "{line}{bar}")?;
            expected = group.next();
        }
        Ok(())
    }

    fn group(&self, name: &str, sum: &Sum) -> String {
        let (first, last) = sum.span.map_or(Default::default(), |(first, last)| (first.to_second(), last.to_second()));
        let raw = if self.with_details { format!("  {:>12}", self.size(sum.raw.unwrap_or(0))) } else { String::new() };
        format!("{name}  {:>8}  {:>12}{raw}  {first}  {last}", sum.segments, self.size(sum.bytes))
    }

    /// For people in units; whoever reads it by a program gets bytes.
    fn size(&self, bytes: u64) -> String {
        if self.width.is_some() { size::show(bytes) } else { bytes.to_string() }
    }

    fn total(&self, sums: &Sums) -> String {
        let (sum, (services, instances)) = (&sums.total, sums.names());
        let of = format!("of {} on {}", count(services, "service"), count(instances, "instance"));
        let segments = count(usize::try_from(sum.segments).unwrap_or(usize::MAX), "segment");
        let raw = match self.with_details {
            true => format!(", {} raw in {} lines", size::show(sum.raw.unwrap_or(0)), sum.lines.unwrap_or(0)),
            false => String::new(),
        };
        let span =
            sum.span.map_or(String::new(), |(first, last)| format!(", {} to {}", first.to_second(), last.to_second()));
        format!("total: {segments} {of}, {} compressed{raw}{span}", size::show(sum.bytes))
    }
}

/// What objects say of themselves, behind a line.
fn write_details(details: &Details, to: &mut impl Write) -> io::Result<()> {
    let number = |number: Option<u64>| number.map_or("-".to_owned(), |number| number.to_string());
    let text = |text: &'_ Option<String>| text.clone().unwrap_or("-".to_owned());
    let Details { raw, lines, ended, writer, host, path, notice } = details;
    write!(to, "  {:>12}  {:>9}  {:<11}  {:<7}", number(*raw), number(*lines), text(ended), text(writer))?;
    write!(to, "  {}  {}", text(host), text(path))?;
    notice.as_ref().map_or(Ok(()), |notice| write!(to, "  notice: {notice}"))
}

/// The groups between two, or what stands for them where they are many.
fn silent(from: Group, to: &Group) -> Vec<String> {
    let groups = std::iter::successors(Some(from), Group::next).take_while(|group| group < to);
    let groups: Vec<String> = groups.take(LONGEST_GAP + 1).map(|group| group.to_string()).collect();
    if groups.len() > LONGEST_GAP { vec!["...".to_owned()] } else { groups }
}

/// How many columns a text takes, as far as one character is one.
fn columns(text: &str) -> usize {
    text.chars().count()
}

fn padded(text: &str, width: usize) -> String {
    format!("{text:width$}")
}
