//! A page that shows a verification to somebody in a browser: what was found, and services and instances against time.
//!
//! Promise: one file that needs nothing else, not even a network; it holds no script, and its own policy allows none. Whatever
//! a name holds comes out as text. Its size is bounded: so are the chart's rows and columns, and the findings that are listed.

mod table;
mod text;

use std::fmt::Write;

use crate::model::digest::Digest;
use crate::model::proof::chart::{Chart, Section};
use crate::model::proof::sample::Amount;
use crate::model::proof::verdict::{Totals, Verdict, many};
use crate::model::proof::{Finding, Kind};
use crate::model::size;
use text::escaped;

const STYLE: &str = include_str!("page/style.css");

/// How many findings are listed.
const LISTED: usize = 500;

/// The page.
pub fn render(verdict: &Verdict, chart: Option<&Chart>) -> String {
    let mut page = String::new();
    head(&mut page, verdict);
    summary(&mut page, verdict);
    findings(&mut page, verdict, chart);
    if let Some(chart) = chart {
        charts(&mut page, chart);
    }
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

fn verdict_word(verdict: &Verdict) -> &'static str {
    if verdict.is_proved() { "proved" } else { "not proved" }
}

fn period(verdict: &Verdict) -> String {
    let minute = |text: String| text[..16].replace('T', " ");
    match verdict.period() {
        Some((first, last)) => format!("{} to {} UTC", minute(first.to_second()), minute(last.to_second())),
        None => "nothing".to_owned(),
    }
}

fn head(page: &mut String, verdict: &Verdict) {
    let hash = base64_simd::STANDARD.encode_to_string(Digest::of(STYLE.as_bytes()).0);
    let title = format!("{}: {}, {}", verdict_word(verdict), verdict.store, period(verdict));
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; \
         form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n",
        escaped(&title)
    );
}

fn summary(page: &mut String, verdict: &Verdict) {
    let class = if verdict.is_proved() { "good" } else { "bad" };
    let line = verdict.line();
    let rest = line.split_once(": ").map_or(line.as_str(), |(_, rest)| rest);
    let _ = write!(
        page,
        "<h1>{} <span class=\"{class}\">{}</span></h1>\n<p class=\"line\">{}</p>\n<dl>\n",
        escaped(&verdict.store),
        verdict_word(verdict),
        escaped(rest)
    );
    let Totals { services, instances, streams, segments, bytes } = verdict.totals;
    let count = |count: usize, noun: &str| many(count as u64, noun);
    let what = format!(
        "{} of {} on {}, in {}: {}",
        many(segments, "segment"),
        count(services, "service"),
        count(instances, "instance"),
        count(streams, "stream"),
        size::show(bytes)
    );
    let read = match verdict.amount {
        Amount::None => {
            let unasked = verdict.unasked.as_ref().map_or(String::new(), |unasked| format!("; {unasked}"));
            format!("none: this is what the listing alone shows{unasked}")
        }
        Amount::All | Amount::Some(_) => {
            let read = verdict.read;
            format!("{} of {}, {} unpacked", read.objects, many(read.chosen, "object"), size::show(read.raw_bytes))
        }
    };
    for (name, value) in
        [("Period", period(verdict)), ("There", what), ("Read back", read), ("Made", verdict.at.to_second())]
    {
        let _ = writeln!(page, "<dt>{name}</dt><dd>{}</dd>", escaped(&value));
    }
    page.push_str("</dl>\n");
}

fn findings(page: &mut String, verdict: &Verdict, chart: Option<&Chart>) {
    let (failures, warnings): (Vec<_>, Vec<_>) = verdict.findings.iter().partition(|finding| finding.fails());
    let mut list = |heading: &str, class: &str, findings: &[&Finding]| {
        if findings.is_empty() {
            return;
        }
        let _ = writeln!(page, "<section class=\"{class}\">\n<h2>{heading} ({})</h2>\n<ol>", findings.len());
        let mut hinted = None;
        for finding in findings.iter().take(LISTED) {
            // What is said of one after the other is said once.
            let hint = finding.hint.as_ref().filter(|hint| hinted.replace(*hint) != Some(*hint));
            item(page, finding, hint, chart);
        }
        page.push_str("</ol>\n");
        if findings.len() > LISTED {
            let _ = writeln!(
                page,
                "<p>and {} more: <code>logferry verify --json</code> tells all</p>",
                findings.len() - LISTED
            );
        }
        page.push_str("</section>\n");
    };
    list("What keeps it from being proved", "fails", &failures);
    list("What else you should know", "warns", &warnings);
}

fn item(page: &mut String, finding: &Finding, hint: Option<&String>, chart: Option<&Chart>) {
    let Finding { kind, what, key, service, .. } = finding;
    let _ = write!(page, "<li><b>{}</b> {}", kind.word(), escaped(what));
    if let Some(key) = key.as_ref().filter(|_| *kind != Kind::Doubled) {
        let _ = write!(page, "<br><code>{}</code>", escaped(key));
    }
    if let Some(hint) = hint {
        let _ = write!(page, "<br><span class=\"hint\">{}</span>", escaped(hint));
    }
    let section = chart
        .zip(service.as_ref())
        .and_then(|(chart, service)| chart.sections.iter().position(|section| section.service == *service));
    if let Some(section) = section {
        let _ = write!(page, " <a href=\"#s{section}\">to the chart</a>");
    }
    page.push('\n');
}

fn charts(page: &mut String, chart: &Chart) {
    page.push_str("<section>\n<h2>Services</h2>\n");
    table::legend(page, &chart.scale);
    if chart.outside > 0 {
        let _ = writeln!(
            page,
            "<p>{} outside of the time that is drawn; the totals hold them.</p>",
            if chart.outside == 1 { "1 segment is".to_owned() } else { format!("{} segments are", chart.outside) }
        );
    }
    let rows = chart.sections.iter().enumerate().map(|(index, section)| {
        let link = format!("<a href=\"#s{index}\"><bdi>{}</bdi></a>", escaped(&section.service.to_string()));
        (link, &section.row)
    });
    table::table(page, &table::Caption { id: None, text: "Bytes of each service" }, &chart.scale, rows);
    page.push_str("</section>\n<section>\n<h2>Instances</h2>\n");
    chart.sections.iter().enumerate().for_each(|(index, section)| instances(page, chart, index, section));
    page.push_str("</section>\n");
}

fn instances(page: &mut String, chart: &Chart, index: usize, section: &Section) {
    let name = escaped(&section.service.to_string());
    let all = section.instances.len() + section.left_out;
    let failures = match section.row.failures {
        0 => String::new(),
        count => format!(", <b class=\"bad\">{}</b>", many(count as u64, "finding")),
    };
    let open = if section.row.failures > 0 { " open" } else { "" };
    let count = many(all as u64, "instance");
    let _ = writeln!(page, "<details{open}>\n<summary><bdi>{name}</bdi>: {count}{failures}</summary>");
    let rows = section.instances.iter().map(|(instance, row)| (escaped(instance.as_str()), row));
    let id = format!("s{index}");
    let text = format!("Bytes of {} on each instance", section.service);
    table::table(page, &table::Caption { id: Some(&id), text: &text }, &chart.scale, rows);
    if section.left_out > 0 {
        let _ = writeln!(page, "<p>and {} without room here</p>", many(section.left_out as u64, "more instance"));
    }
    page.push_str("</details>\n");
}
