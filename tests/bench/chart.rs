//! A plot of a few points as SVG: both axes logarithmic, so that what grows in proportion is a straight line that rises by
//! one square a square; such a line is drawn through the last point, dashed.

use std::fmt::Write as _;

use crate::figures::time;

/// One of the plots, side by side.
pub(crate) struct Panel {
    pub(crate) title: String,
    /// What the axis at the bottom is.
    pub(crate) across: &'static str,
    /// Each with its time in seconds.
    pub(crate) points: Vec<(f64, f64)>,
    /// How a number of that axis is put.
    pub(crate) shown: fn(f64) -> String,
}

/// Of a panel's plot, in pixels, and what is around it.
const WIDTH: f64 = 340.0;
const HEIGHT: f64 = 280.0;
const LEFT: f64 = 80.0;
const TOP: f64 = 50.0;
const BELOW: f64 = 60.0;
const RIGHT: f64 = 40.0;

/// The whole picture.
pub(crate) fn svg(panels: &[Panel]) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a handful")]
    let width = panels.len() as f64 * (LEFT + WIDTH + RIGHT);
    let height = TOP + HEIGHT + BELOW;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"12\" fill=\"#222\">\n<rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n"
    );
    let mut at = LEFT;
    for panel in panels {
        let _ = writeln!(out, "<g transform=\"translate({at} {TOP})\">");
        draw(&mut out, panel);
        out.push_str("</g>\n");
        at += WIDTH + RIGHT + LEFT;
    }
    out.push_str("</svg>\n");
    out
}

/// Whole powers of ten on both axes, and where a number stands between them.
struct Scale {
    first: i32,
    last: i32,
}

impl Scale {
    #[expect(clippy::cast_possible_truncation, reason = "powers of ten")]
    fn of(numbers: impl Iterator<Item = f64> + Clone) -> Self {
        let (least, most) = (numbers.clone().fold(f64::MAX, f64::min), numbers.fold(f64::MIN_POSITIVE, f64::max));
        let first = least.max(1e-9).log10().floor() as i32;
        Self { first, last: (most.log10().ceil() as i32).max(first + 1) }
    }

    /// From 0 to 1.
    fn place(&self, number: f64) -> f64 {
        (number.log10() - f64::from(self.first)) / f64::from(self.last - self.first)
    }

    fn powers(&self) -> impl Iterator<Item = f64> {
        (self.first..=self.last).map(|power| 10_f64.powi(power))
    }
}

fn draw(out: &mut String, panel: &Panel) {
    let across = Scale::of(panel.points.iter().map(|point| point.0));
    let up = Scale::of(panel.points.iter().map(|point| point.1));
    let place = |(x, y): (f64, f64)| (across.place(x) * WIDTH, HEIGHT - up.place(y) * HEIGHT);
    text(out, (0.0, -20.0), "start", "font-size=\"14\" font-weight=\"bold\"", &panel.title);
    for power in across.powers() {
        let x = across.place(power) * WIDTH;
        line(out, (x, 0.0), (x, HEIGHT), "stroke=\"#ddd\"");
        text(out, (x, HEIGHT + 18.0), "middle", "", &(panel.shown)(power));
    }
    for power in up.powers() {
        let y = HEIGHT - up.place(power) * HEIGHT;
        line(out, (0.0, y), (WIDTH, y), "stroke=\"#ddd\"");
        text(out, (-8.0, y + 4.0), "end", "", &time(power));
    }
    text(out, (WIDTH / 2.0, HEIGHT + 40.0), "middle", "", panel.across);
    if let Some(&last) = panel.points.last() {
        proportional(out, &across, &up, last);
    }
    let corners: Vec<_> = panel.points.iter().map(|point| place(*point)).collect();
    let path: String = corners.iter().map(|(x, y)| format!("{x:.1},{y:.1} ")).collect();
    let _ =
        writeln!(out, "<polyline points=\"{}\" fill=\"none\" stroke=\"#0b62a4\" stroke-width=\"2\"/>", path.trim_end());
    for (point, (x, y)) in panel.points.iter().zip(corners) {
        let _ = writeln!(out, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" fill=\"#0b62a4\"/>");
        // Above and to the left of a line that rises, nothing is in the way.
        text(out, (x - 6.0, y - 7.0), if x < 40.0 { "start" } else { "end" }, "font-size=\"11\"", &time(point.1));
    }
}

/// What would grow in proportion, through a point and as far down as the plot goes.
fn proportional(out: &mut String, across: &Scale, up: &Scale, (x, y): (f64, f64)) {
    let (left, bottom) = (10_f64.powi(across.first), 10_f64.powi(up.first));
    let begin = if y * left / x >= bottom { (left, y * left / x) } else { (x * bottom / y, bottom) };
    let place = |(x, y): (f64, f64)| (across.place(x) * WIDTH, HEIGHT - up.place(y) * HEIGHT);
    line(out, place(begin), place((x, y)), "stroke=\"#c33\" stroke-dasharray=\"5 4\"");
    text(out, (WIDTH - 4.0, HEIGHT - 8.0), "end", "font-size=\"11\" fill=\"#c33\"", "dashed: in proportion");
}

fn line(out: &mut String, from: (f64, f64), to: (f64, f64), how: &str) {
    let _ =
        writeln!(out, "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" {how}/>", from.0, from.1, to.0, to.1);
}

fn text(out: &mut String, at: (f64, f64), anchor: &str, how: &str, what: &str) {
    let _ = writeln!(out, "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\" {how}>{what}</text>", at.0, at.1);
}
