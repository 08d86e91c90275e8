//! What the runs came to, as Prometheus reads it.
//!
//! The text format is that of <https://prometheus.io/docs/instrumenting/exposition_formats/>, the names follow
//! <https://prometheus.io/docs/practices/naming/>: base units, `_total` for what only ever grows. A run is a process of its
//! own, so that what grows is remembered in the state directory; where that is lost, it begins at 0 again, as counters may.

use std::fmt::{Display, Write};

use crate::model::history::{Amount, History, Run};
use crate::model::lag::Lag;
use crate::model::problem::Cause;
use crate::model::time::Moment;
use crate::spool::Survey;

/// What metrics are made of.
pub struct Facts<'a> {
    /// What the runs came to.
    pub history: &'a History,
    /// What there is in the state directory.
    pub survey: &'a Survey,
}

/// What kind of number it is.
#[derive(Clone, Copy)]
enum Kind {
    /// It goes up and down.
    Gauge,
    /// It only grows.
    Counter,
}

/// The text of the metrics.
pub fn text(Facts { history, survey }: &Facts<'_>) -> String {
    let mut text = Text(String::new());
    let version = history.last.as_ref().map_or(env!("CARGO_PKG_VERSION"), |last| &last.version);
    text.family(Kind::Gauge, "build_info", "The version of logferry that has run, as a label; always 1.");
    text.labelled("build_info", "version", version, 1);
    let success = history.success.map_or(0.0, |success| seconds(success.at));
    text.gauge("last_success_timestamp_seconds", "When the last command that shipped all ended; 0 for never.", success);
    if let Some(last) = &history.last {
        of_last_run(&mut text, last);
    }
    of_all_runs(&mut text, history);
    of_spool(&mut text, survey);
    of_lagging(&mut text, &history.lagging);
    of_services(&mut text, history);
    text.0
}

fn of_last_run(text: &mut Text, last: &Run) {
    text.gauge("last_run_timestamp_seconds", "When the last command that ships ended.", seconds(last.finished));
    text.gauge("last_run_duration_seconds", "How long it took.", last.took().as_secs_f64());
    text.gauge("last_run_exit_code", "Its exit code.", last.exit_code);
    text.gauge("last_run_logs", "How many logs it made segments of.", last.logs);
    let amounts = [("sealed", last.sealed), ("shipped", last.shipped), ("waiting", last.waiting)];
    for (what, Amount { segments, raw_bytes, bytes }) in amounts {
        text.gauge(&format!("last_run_{what}_segments"), &format!("How many segments were {what}."), segments);
        let raw = format!("The bytes of logs in the segments that were {what}.");
        text.gauge(&format!("last_run_{what}_raw_bytes"), &raw, raw_bytes);
        let compressed = format!("The compressed bytes of the segments that were {what}.");
        text.gauge(&format!("last_run_{what}_compressed_bytes"), &compressed, bytes);
    }
    text.family(Kind::Gauge, "last_run_problems", "How many problems it told, by what lies behind them.");
    for cause in Cause::ALL {
        let count = last.problems_by_cause.get(&cause).copied().unwrap_or_default();
        text.labelled("last_run_problems", "cause", cause.word(), count);
    }
}

fn of_all_runs(text: &mut Text, history: &History) {
    text.family(Kind::Counter, "runs_total", "How many commands that ship have ended, by their exit code.");
    for (exit_code, count) in &history.totals.runs {
        text.labelled("runs_total", "exit_code", &exit_code.to_string(), *count);
    }
    let cut_short = "How many commands that ship were cut short.";
    text.counter("runs_cut_short_total", cut_short, history.totals.cut_short);
    let Amount { segments, raw_bytes, bytes } = history.totals.shipped;
    text.counter("shipped_segments_total", "How many segments the store has confirmed.", segments);
    text.counter("shipped_raw_bytes_total", "The bytes of logs in them.", raw_bytes);
    text.counter("shipped_compressed_bytes_total", "Their compressed bytes.", bytes);
}

fn of_spool(text: &mut Text, survey: &Survey) {
    text.gauge("spool_bytes", "The bytes of the files in the spool.", survey.used);
    text.gauge("spool_segments", "How many segments wait in the spool.", survey.sealed.len());
    // None is older than any limit: where nothing waits, there is no such number.
    if let Some(oldest) = survey.sealed.iter().map(|sealed| sealed.segment.claimed_at).min() {
        let help = "When the oldest segment that waits in the spool was begun; missing where none waits.";
        text.gauge("spool_oldest_timestamp_seconds", help, seconds(oldest));
    }
    let unfinished = "How many segments were begun by a run that did not come to their end.";
    text.gauge("unfinished_segments", unfinished, survey.unfinished.len());
    text.gauge("held_logs", "How many deleted logs a writer may still have open.", survey.held);
    text.gauge("damaged_files", "How many files were put aside as damaged.", survey.damaged.len());
    let doubts = "Behind how many segments bytes may be missing, as far as it was found in the last month.";
    text.gauge("doubtful_segments", doubts, survey.doubts.len());
}

fn of_lagging(text: &mut Text, lagging: &[Lag]) {
    text.gauge("lagging_logs", "How many logs their limits have left something in.", lagging.len());
    let bytes: u64 = lagging.iter().map(|lag| lag.bytes).sum();
    text.gauge("lagging_bytes", "The bytes that limits have left in logs.", bytes);
    // None is older than any limit: where nothing lags, there is no such number.
    if let Some(since) = lagging.iter().map(|lag| lag.since).min() {
        let help = "Since when the log lags that does so longest; missing where none does.";
        text.gauge("lagging_since_timestamp_seconds", help, seconds(since));
    }
    let behind = lagging.iter().filter(|lag| lag.falls_behind()).count();
    let help = "How many logs are given more than their limits let be taken, so that they never catch up.";
    text.gauge("falling_behind_logs", help, behind);
}

fn of_services(text: &mut Text, history: &History) {
    type Number = fn(&Amount) -> u64;
    let services = &history.totals.services;
    let families: [(&str, &str, Number); 3] = [
        ("service_shipped_segments_total", "How many segments of a service were shipped.", |amount| amount.segments),
        ("service_shipped_raw_bytes_total", "The bytes of logs in them.", |amount| amount.raw_bytes),
        ("service_shipped_compressed_bytes_total", "Their compressed bytes.", |amount| amount.bytes),
    ];
    for (name, help, number) in families.iter().filter(|_| !services.is_empty()) {
        text.family(Kind::Counter, name, help);
        for (service, known) in services {
            text.labelled(name, "service", &service.encoded(), number(&known.shipped));
        }
    }
    if !services.is_empty() {
        let name = "service_last_shipped_timestamp_seconds";
        text.family(Kind::Gauge, name, "When something of a service was shipped last.");
        for (service, known) in services {
            text.labelled(name, "service", &service.encoded(), seconds(known.last));
        }
    }
    let others = history.totals.other_services.segments;
    let help =
        "How many segments were shipped of services beyond the first hundred, which have no series of their own.";
    text.counter("other_services_shipped_segments_total", help, others);
}

fn seconds(moment: Moment) -> f64 {
    // To the millisecond: more a float does not hold.
    (moment.nanos() / 1_000_000) as f64 / 1000.0
}

/// Metrics, a family after the other.
struct Text(String);

impl Text {
    fn family(&mut self, kind: Kind, name: &str, help: &str) {
        let kind = match kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
        };
        self.line(format_args!("# HELP logferry_{name} {help}"));
        self.line(format_args!("# TYPE logferry_{name} {kind}"));
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(Kind::Gauge, name, help);
        self.line(format_args!("logferry_{name} {value}"));
    }

    fn counter(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(Kind::Counter, name, help);
        self.line(format_args!("logferry_{name} {value}"));
    }

    fn labelled(&mut self, name: &str, label: &str, value: &str, number: impl Display) {
        let value = escaped(value);
        self.line(format_args!("logferry_{name}{{{label}=\"{value}\"}} {number}"));
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        let written = writeln!(self.0, "{line}");
        debug_assert!(written.is_ok(), "a string takes all");
    }
}

/// A label's value: backslash, quotes and line ends are escaped.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn a_label_can_hold_anything() {
        assert_eq!(escaped("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
    }
}
