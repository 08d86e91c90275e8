//! A chart of an archive: services and instances against time, how many bytes each has in each span of it, and where gaps
//! are. It is bounded, however many instances and however long a time there are.

use std::collections::BTreeMap;

use super::super::names::{Instance, Service};
use super::super::time::Moment;
use super::laws::{Stream, Window};
use super::{Finding, Kind};

/// The most columns.
const COLUMNS: i64 = 62;

/// The most cells in the rows of instances: each takes some 40 bytes of a page.
const CELLS: usize = 60_000;

/// The fewest rows of instances that there is room for, however many columns there are.
const ROWS: usize = 200;

/// An hour in nanoseconds.
const HOUR: i64 = 3600 * 1_000_000_000;

/// The longest time that is drawn: an object of a machine whose clock was decades off must not make a month invisible.
const LONGEST: i64 = 400 * 24 * HOUR;

/// What a column may stand for, in hours.
const UNITS: [i64; 6] = [1, 3, 6, 24, 7 * 24, 28 * 24];

/// The columns: spans of the same length, one after another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Scale {
    /// When the first begins, in nanoseconds since 1970.
    begin: i64,
    /// How long each is, in hours.
    pub hours: i64,
    /// How many there are.
    pub columns: usize,
}

/// What a row has in a column.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Cell {
    /// Bytes of segments, as they are in the store; those of one that spans several columns are shared out.
    pub bytes: u64,
    /// Segments that begin there.
    pub segments: u32,
    /// Segments that are missing there.
    pub missing: u32,
    /// What else keeps segments there from being proved: damaged and doubled ones, and such.
    pub wrong: u32,
}

/// A row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// A cell for each column.
    pub cells: Vec<Cell>,
    /// Its bytes, in all.
    pub bytes: u64,
    /// Its segments.
    pub segments: u64,
    /// When its last segment ends.
    pub last: Option<Moment>,
    /// How many findings there are about it that prove nothing.
    pub failures: usize,
}

/// A service, and its instances.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Section {
    /// The service.
    pub service: Service,
    /// All of it.
    pub row: Row,
    /// Its instances: those with findings first, then by name.
    pub instances: Vec<(Instance, Row)>,
    /// How many instances are left out, for which there is no room.
    pub left_out: usize,
}

/// The chart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chart {
    /// Its columns.
    pub scale: Scale,
    /// Its services.
    pub sections: Vec<Section>,
    /// How many segments begin before or after what is drawn.
    pub outside: u64,
}

impl Scale {
    /// The columns for what lies between two moments.
    fn over(first: Moment, last: Moment) -> Self {
        let (first, last) = (first.nanos().max(last.nanos().saturating_sub(LONGEST)), last.nanos());
        let columns = |hours: i64| {
            let unit = hours * HOUR;
            last.div_euclid(unit) - first.div_euclid(unit) + 1
        };
        let hours = UNITS.into_iter().find(|hours| columns(*hours) <= COLUMNS).unwrap_or(UNITS[UNITS.len() - 1]);
        let count = usize::try_from(columns(hours).clamp(1, COLUMNS)).unwrap_or(1);
        Self { begin: first.div_euclid(hours * HOUR).saturating_mul(hours * HOUR), hours, columns: count }
    }

    /// When a column begins.
    pub fn start(&self, column: usize) -> Moment {
        let columns = i64::try_from(column).unwrap_or(i64::MAX);
        Moment::from_nanos(columns.saturating_mul(self.hours * HOUR).saturating_add(self.begin))
    }

    /// The column of a moment; none where it is not drawn.
    fn column(&self, moment: Moment) -> Option<usize> {
        let column = moment.nanos().checked_sub(self.begin)?.div_euclid(self.hours * HOUR);
        usize::try_from(column).ok().filter(|column| *column < self.columns)
    }

    /// The columns that a span touches.
    fn touched(&self, first: Moment, last: Moment) -> std::ops::Range<usize> {
        let (first, last) = (first.min(last), first.max(last));
        let end = self.start(self.columns);
        if last.nanos() < self.begin || first >= end {
            return 0..0;
        }
        let from = self.column(first).unwrap_or(0);
        let to = self.column(last).unwrap_or(self.columns - 1);
        from..to + 1
    }
}

impl Row {
    fn new(scale: &Scale) -> Self {
        Self { cells: vec![Cell::default(); scale.columns], bytes: 0, segments: 0, last: None, failures: 0 }
    }

    /// Adds a segment; tells whether it begins where something is drawn.
    fn add(&mut self, scale: &Scale, first: Moment, last: Moment, size: u64) -> bool {
        self.bytes = self.bytes.saturating_add(size);
        self.segments += 1;
        self.last = self.last.max(Some(last.max(first)));
        let touched = scale.touched(first, last);
        if touched.is_empty() {
            return false;
        }
        let share = size / touched.len() as u64;
        let rest = size - share * touched.len() as u64;
        self.cells[touched.start].segments += 1;
        self.cells[touched.start].bytes = self.cells[touched.start].bytes.saturating_add(rest);
        self.cells[touched].iter_mut().for_each(|cell| cell.bytes = cell.bytes.saturating_add(share));
        true
    }

    /// Notes a finding.
    fn note(&mut self, scale: &Scale, finding: &Finding) {
        self.failures += usize::from(finding.fails());
        let Some((from, to)) = finding.between.filter(|_| finding.fails()) else { return };
        let missing = match (finding.kind, finding.numbers) {
            (Kind::Gap | Kind::Beginning, Some(numbers)) => (numbers.1.0 - numbers.0.0).saturating_add(1),
            _ => 0,
        };
        for cell in &mut self.cells[scale.touched(from, to)] {
            cell.missing = cell.missing.saturating_add(missing);
            cell.wrong = cell.wrong.saturating_add(u32::from(missing == 0));
        }
    }

    fn join(&mut self, other: &Self) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.segments += other.segments;
        self.last = self.last.max(other.last);
        self.failures += other.failures;
        for (cell, other) in self.cells.iter_mut().zip(&other.cells) {
            cell.bytes = cell.bytes.saturating_add(other.bytes);
            cell.segments = cell.segments.saturating_add(other.segments);
            cell.missing = cell.missing.saturating_add(other.missing);
            cell.wrong = cell.wrong.saturating_add(other.wrong);
        }
    }
}

/// Draws what of these streams is in a window. `period` is when that begins and ends.
pub fn draw(streams: &[Stream<'_>], window: &Window, period: (Moment, Moment), findings: &[Finding]) -> Chart {
    let scale = Scale::over(period.0, period.1);
    let (mut services, mut outside) = (BTreeMap::<&Service, BTreeMap<&Instance, Row>>::new(), 0);
    for stream in streams {
        for (_, seen) in stream.within(window) {
            let rows = services.entry(stream.service).or_default();
            let row = rows.entry(stream.instance).or_insert_with(|| Row::new(&scale));
            let leaf = seen.leaf();
            outside += u64::from(!row.add(&scale, leaf.first, leaf.last, seen.size()));
        }
    }
    for finding in findings {
        let row = finding.service.as_ref().and_then(|service| services.get_mut(service)).zip(finding.instance.as_ref());
        if let Some(row) = row.and_then(|(rows, instance)| rows.get_mut(instance)) {
            row.note(&scale, finding);
        }
    }
    let mut room = (CELLS / scale.columns).max(ROWS);
    let sections = services.into_iter().map(|(service, rows)| section(service, rows, &scale, &mut room)).collect();
    Chart { scale, sections, outside }
}

fn section(service: &Service, rows: BTreeMap<&Instance, Row>, scale: &Scale, room: &mut usize) -> Section {
    let mut row = Row::new(scale);
    rows.values().for_each(|of_instance| row.join(of_instance));
    let mut instances: Vec<_> = rows.into_iter().map(|(instance, row)| (instance.clone(), row)).collect();
    instances.sort_by_key(|(_, row)| row.failures == 0);
    let left_out = instances.len().saturating_sub(*room);
    instances.truncate(*room);
    *room -= instances.len();
    Section { service: service.clone(), row, instances, left_out }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> Moment {
        Moment::from_nanos(hours * HOUR)
    }

    #[test]
    fn columns_are_hours_or_days_or_more_and_never_many() {
        for (hours, unit, columns) in
            [(0, 1, 1), (47, 1, 48), (7 * 24 - 1, 3, 56), (30 * 24 - 1, 24, 30), (365 * 24, 7 * 24, 53)]
        {
            let scale = Scale::over(at(0), at(hours));
            assert_eq!((scale.hours, scale.columns), (unit, columns), "{hours}");
        }
        for (first, last) in [(i64::MIN, i64::MAX), (i64::MIN, i64::MIN), (i64::MAX, i64::MAX), (0, i64::MAX)] {
            let scale = Scale::over(Moment::from_nanos(first), Moment::from_nanos(last));
            assert!(scale.columns <= 62, "{scale:?}");
            assert!(scale.touched(Moment::from_nanos(first), Moment::from_nanos(last)).end <= scale.columns);
        }
    }

    #[test]
    fn a_segment_that_spans_columns_is_shared_out_without_losing_a_byte() {
        let scale = Scale::over(at(0), at(9));
        let mut row = Row::new(&scale);
        assert!(row.add(&scale, at(2), at(4), 100));
        let bytes: Vec<u64> = row.cells.iter().map(|cell| cell.bytes).collect();
        assert_eq!(bytes, [0, 0, 34, 33, 33, 0, 0, 0, 0, 0]);
        // A clock that was set back, and what is not drawn.
        assert!(row.add(&scale, at(9), at(8), 10) && row.cells[8].segments == 1);
        assert!(!row.add(&scale, at(-9), at(-8), 10) && !row.add(&scale, at(10), at(11), 10));
        assert_eq!((row.bytes, row.segments), (130, 4));
    }
}
