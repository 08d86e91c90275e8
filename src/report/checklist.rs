//! Findings as a table: groups, verdicts one below the other, hints, a summary.

use crate::model::finding::{Bars, Finding, Group, Verdict, gravest};
use crate::model::printable::is_hidden;

/// Whether verdicts are coloured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Paint {
    /// As they are.
    Plain,
    /// For a terminal.
    Colours,
}

/// The widest name that keeps its description on the same line.
const WIDEST: usize = 44;

/// The table's lines.
pub fn lines(groups: &[Group], paint: Paint) -> Vec<String> {
    let findings = || groups.iter().flat_map(|group| &group.findings);
    let widths = findings().map(|finding| clean(&finding.what).chars().count());
    let width = widths.filter(|width| *width <= WIDEST).max().unwrap_or(0);
    let mut lines = Vec::new();
    for Group { name, findings } in groups {
        lines.push(painted(name, "1", paint));
        lines.extend(findings.iter().flat_map(|finding| row(finding, width, paint)));
    }
    lines.push(summary(groups));
    lines
}

fn row(Finding { what, verdict, detail, hint }: &Finding, width: usize, paint: Paint) -> Vec<String> {
    let colour = match verdict {
        Verdict::Ok => "32",
        Verdict::Warn => "33",
        Verdict::Fail(_) => "31",
    };
    // Padded first: a colour's letters have no width.
    let verdict = painted(&format!("{:4}", verdict.word()), colour, paint);
    let (what, detail) = (clean(what), clean(detail));
    let mut lines = match what.chars().count() > width {
        true => vec![format!("  {verdict}  {what}"), format!("  {:4}  {:width$}  {detail}", "", "")],
        false => vec![format!("  {verdict}  {what:width$}  {detail}")],
    };
    lines.extend(hint.iter().map(|hint| format!("  {:4}  {:width$}  hint: {}", "", "", clean(hint))));
    lines
}

/// The last line: what it comes to.
fn summary(groups: &[Group]) -> String {
    let number = |word| {
        let findings = groups.iter().flat_map(|group| &group.findings);
        findings.filter(|finding| finding.verdict.word() == word).count()
    };
    let warnings = match number("warn") {
        0 => String::new(),
        1 => "; 1 warning".to_owned(),
        several => format!("; {several} warnings"),
    };
    let faults = match number("fail") {
        1 => "1 fault".to_owned(),
        several => format!("{several} faults"),
    };
    match gravest(groups) {
        Verdict::Ok | Verdict::Warn => format!("nothing is in the way of the next run{warnings}"),
        Verdict::Fail(Bars::Shipping) => {
            format!("{faults}: the next run could not ship all; what waits is kept{warnings}")
        }
        Verdict::Fail(Bars::Logs) => format!("{faults}: the next run would leave something undone{warnings}"),
        Verdict::Fail(Bars::Runs) => format!("{faults}: no run would touch anything{warnings}"),
    }
}

fn painted(text: &str, code: &str, paint: Paint) -> String {
    match paint {
        Paint::Plain => text.to_owned(),
        Paint::Colours => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
    }
}

/// A name may hold anything; what is printed goes to a terminal or into root's mail.
fn clean(text: &str) -> String {
    text.replace(is_hidden, "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups() -> Vec<Group> {
        let logs = vec![
            Finding::ok("/var/log/a.log", "fine"),
            Finding::warn("b", "dubious").hint("look"),
            Finding::fail(Bars::Logs, "x".repeat(WIDEST + 1), "bad\u{1b}[2J\n").hint("mend"),
        ];
        vec![Group { name: "logs", findings: logs }]
    }

    #[test]
    fn verdicts_and_details_stand_one_below_the_other() {
        let expected = [
            "logs".to_owned(),
            "  ok    /var/log/a.log  fine".to_owned(),
            "  warn  b               dubious".to_owned(),
            "                        hint: look".to_owned(),
            format!("  fail  {}", "x".repeat(WIDEST + 1)),
            "                        bad\u{fffd}[2J\u{fffd}".to_owned(),
            "                        hint: mend".to_owned(),
            "1 fault: the next run would leave something undone; 1 warning".to_owned(),
        ];
        assert_eq!(lines(&groups(), Paint::Plain), expected);
    }

    #[test]
    fn colours_change_nothing_but_colours() {
        let strip = |line: String| {
            ["1", "31", "32", "33", "0"].iter().fold(line, |line, code| line.replace(&format!("\u{1b}[{code}m"), ""))
        };
        let painted: Vec<_> = lines(&groups(), Paint::Colours).into_iter().map(strip).collect();
        assert_eq!(painted, lines(&groups(), Paint::Plain));
    }
}
