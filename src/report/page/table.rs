//! Tables against time: a row for each service or instance, shaded by bytes, gaps in red. End tags that HTML lets one
//! leave out are left out: there are tens of thousands of cells.

use std::fmt::Write;

use super::text::{escaped, short};
use crate::model::proof::chart::{Cell, Row, Scale};
use crate::model::proof::verdict::many;
use crate::model::size;

/// How many shades there are.
const SHADES: u32 = 6;

/// From how many columns on their figures must be smaller on paper, not to touch each other.
const MANY: usize = 36;

/// What stands above a table.
pub(super) struct Caption<'c> {
    /// What links lead to.
    pub(super) id: Option<&'c str>,
    /// What it is.
    pub(super) text: &'c str,
}

/// A table; names are HTML.
pub(super) fn table<'r>(
    page: &mut String,
    caption: &Caption<'_>,
    scale: &Scale,
    rows: impl Iterator<Item = (String, &'r Row)>,
) {
    let rows: Vec<_> = rows.collect();
    let most = rows.iter().flat_map(|(_, row)| &row.cells).map(|cell| cell.bytes).max().unwrap_or(0);
    let (id, text) = (caption.id.map_or(String::new(), |id| format!(" id=\"{id}\"")), escaped(caption.text));
    let class = if scale.columns > MANY { " class=\"wide\"" } else { "" };
    let _ =
        writeln!(page, "<div class=\"scroll\" role=\"region\" aria-label=\"{text}\" tabindex=\"0\"><table{id}{class}>");
    let _ = writeln!(page, "<caption>{text}</caption>");
    heads(page, scale);
    page.push_str("<tbody>\n");
    let labels: Vec<String> = (0..scale.columns).map(|column| labels(scale, column).whole).collect();
    for (name, row) in rows {
        let class = if row.failures > 0 { " class=\"bad\"" } else { "" };
        let last = row.last.map_or(String::new(), |last| last.to_second()[..16].replace('T', " "));
        let _ = write!(page, "<tr><th scope=\"row\"{class}>{name}");
        row.cells.iter().zip(&labels).for_each(|(of_column, label)| cell(page, of_column, label, most));
        let _ = writeln!(
            page,
            "<td class=\"n\">{}<td class=\"n\">{}<td class=\"n\">{last}",
            row.segments,
            size::show(row.bytes)
        );
    }
    page.push_str("</table></div>\n");
}

/// Two rows of heads: days above hours, months above days, years above weeks.
fn heads(page: &mut String, scale: &Scale) {
    let labels: Vec<_> = (0..scale.columns).map(|column| labels(scale, column)).collect();
    page.push_str("<thead>\n<tr><th rowspan=\"2\" scope=\"col\">");
    for group in labels.chunk_by(|a, b| a.group == b.group) {
        let _ = write!(page, "<th class=\"g\" colspan=\"{}\" scope=\"colgroup\">{}", group.len(), group[0].group);
    }
    for name in ["segments", "bytes", "last"] {
        let _ = write!(page, "<th rowspan=\"2\" scope=\"col\">{name}");
    }
    page.push_str("\n<tr>");
    labels.iter().for_each(|label| page.push_str(&format!("<th scope=\"col\">{}", label.own)));
    page.push('\n');
}

/// What a column is called.
struct Labels {
    group: String,
    own: String,
    whole: String,
}

fn labels(scale: &Scale, column: usize) -> Labels {
    let start = scale.start(column);
    let (day, hour) = (start.day(), start.hour());
    match scale.hours {
        0..24 => Labels { whole: format!("{} {hour}:00", &day[5..]), own: hour, group: day },
        24 => Labels { group: day[..7].to_owned(), own: day[8..].to_owned(), whole: day },
        _ => Labels { group: day[..4].to_owned(), own: day[5..].to_owned(), whole: format!("from {day}") },
    }
}

fn cell(page: &mut String, cell: &Cell, label: &str, most: u64) {
    let Cell { bytes, segments, missing, wrong } = *cell;
    let there = format!("{}, {}", many(u64::from(segments), "segment"), size::show(bytes));
    let _ = match (missing, bytes) {
        (0, _) if wrong > 0 => {
            let found = many(u64::from(wrong), "finding");
            write!(page, "<td class=\"gap\" title=\"{label}: {found}; there: {there}\">bad")
        }
        (0, 0) if segments == 0 => write!(page, "<td>"),
        (0, _) => write!(page, "<td class=\"b{}\" title=\"{label}: {there}\">{}", shade(bytes, most), short(bytes)),
        _ => {
            let gone = many(u64::from(missing), "segment");
            write!(page, "<td class=\"gap\" title=\"{label}: {gone} missing; there: {there}\">gap")
        }
    };
}

/// From 1 to [`SHADES`]: each one is for half of the bytes of the next.
fn shade(bytes: u64, most: u64) -> u32 {
    let below = (0..SHADES - 1)
        .take_while(|step| bytes.checked_mul(2_u64.pow(step + 1)).is_some_and(|more| more <= most))
        .count();
    SHADES - u32::try_from(below).unwrap_or(0)
}

/// What the shades mean.
pub(super) fn legend(page: &mut String, scale: &Scale) {
    let span = match scale.hours {
        1 => "an hour".to_owned(),
        hours @ 2..24 => format!("{hours} hours"),
        24 => "a day".to_owned(),
        hours => format!("{} days", hours / 24),
    };
    let _ =
        write!(page, "<p class=\"legend\">A column is {span} (UTC). Compressed bytes: <span class=\"b1\">few</span>");
    (2..SHADES).for_each(|shade| page.push_str(&format!("<span class=\"b{shade}\">&nbsp;</span>")));
    let _ = writeln!(
        page,
        "<span class=\"b{SHADES}\">many</span> <span class=\"none\">&nbsp;</span> nothing, which need not be wrong: who logs nothing \
         ships nothing <span class=\"gap\">gap</span> segments are missing \
         <span class=\"gap\">bad</span> segments are damaged, there twice, or could not be read</p>"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shades_follow_the_bytes() {
        let shades = [1, 31, 32, 33, 64, 512, 513, 1024].map(|bytes| shade(bytes, 1024));
        assert_eq!(shades, [1, 1, 1, 2, 2, 5, 6, 6]);
        assert_eq!((shade(0, 0), shade(u64::MAX, u64::MAX)), (1, 6));
    }
}
