//! Looking at all days before those that are asked for, for what reaches into them, and at all days behind them, for the numbers
//! that streams go on with.
//!
//! ```text
//! the first objects   one after another, as few requests show them: all there is, in most places
//! the rest            in pieces of some days each, several listed side by side, the nearest days first
//! ```
//!
//! How it fails: after so many objects ([`Allowance`]) it ends, and tells since when, or until when, all was looked at.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::super::side_by_side;
use super::{DAY, Place, Window, below, go, noted};
use crate::config::Route;
use crate::model::time::Moment;
use crate::store::{Listed, Store, StoreError};

/// How many objects are listed one after another before the rest is listed side by side: what S3 shows for four requests.
const FEW: usize = 4_000;

/// Into how many pieces the rest is cut. Each costs a request at least.
const PIECES: i64 = 16;

/// How many days such a piece holds behind the days asked for, where nobody knows how many there are; the last one is open.
const LENGTH: i64 = 7;

/// How many objects before and behind the days asked for are looked at for one command: 500 requests to S3, which take some seconds side by
/// side.
const MOST: usize = 500_000;

/// How much of what is before the days asked for was looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extent {
    /// All of it, or nothing more than that is wanted.
    Whole,
    /// What began at this moment or later.
    Since(Moment),
}

impl Extent {
    /// What both of two places were looked at for.
    pub(in super::super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Whole, extent) | (extent, Self::Whole) => extent,
            (Self::Since(one), Self::Since(other)) => Self::Since(one.max(other)),
        }
    }
}

/// How many more objects may be looked at.
pub(in super::super) struct Allowance(AtomicUsize);

impl Allowance {
    /// What a command may look at.
    pub(in super::super) fn of_command() -> Self {
        Self(AtomicUsize::new(MOST))
    }

    /// Takes one of them; whether there was one.
    fn take(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }
}

/// How much was looked at of what is before and behind certain days.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) struct Far {
    /// Of what is before them.
    pub(in super::super) before: Extent,
    /// From when on not all was looked at, of what is behind them, where that is so.
    pub(in super::super) unseen_from: Option<Moment>,
}

/// Shows each object of the days before and of those behind, in no order, as far as the allowance goes. `parts` gets what can't be
/// read of a directory.
///
/// # Errors
/// What kept the objects from being listed.
pub(in super::super) fn list_far(
    store: &dyn Store,
    route: &Route,
    (before, behind): (Option<Window>, Option<Window>),
    left: &Allowance,
    each: &mut (dyn FnMut(Listed) + Send),
    parts: &mut Vec<StoreError>,
) -> Result<Far, StoreError> {
    let (each, mut unread) = (Mutex::new(each), Vec::new());
    let (mut unseen_before, mut unseen_behind) = (Vec::new(), Vec::new());
    go(store, &route.steps, String::new(), parts, &mut |above| {
        let far = Distance { store, place: Place::of(route, &above), left, each: &each };
        for (window, unseen) in [(before, &mut unseen_before), (behind, &mut unseen_behind)] {
            if let Some(window) = window {
                unseen.append(&mut far.list(window, &mut unread)?);
            }
        }
        Ok(())
    })?;
    parts.append(&mut unread);
    let since = unseen_before.iter().filter_map(|days| days.to).max();
    let before = since.map_or(Extent::Whole, |last| Extent::Since(begin_of(last + 1)));
    Ok(Far { before, unseen_from: unseen_behind.iter().filter_map(|days| days.from).min().map(begin_of) })
}

/// What is in a directory and far from the days asked for.
struct Distance<'p, 'e> {
    store: &'p dyn Store,
    place: Place,
    left: &'p Allowance,
    each: &'p Mutex<&'e mut (dyn FnMut(Listed) + Send)>,
}

impl Distance<'_, '_> {
    /// Of which days not all could be shown.
    fn list(&self, window: Window, parts: &mut Vec<StoreError>) -> Result<Vec<Window>, StoreError> {
        let (mut last, mut count, mut is_whole) = (None, 0, true);
        let begun = below(self.store, &self.place, "", window, &mut |listed| {
            count += 1;
            if count == FEW {
                last = Some(listed.name().to_owned());
            }
            let flow = self.see(listed);
            is_whole = flow.is_continue();
            if count == FEW { ControlFlow::Break(()) } else { flow }
        });
        noted(begun, parts)?;
        match last {
            None if is_whole => Ok(Vec::new()),
            None => Ok(vec![window]),
            Some(last) => self.list_rest(window, &last, parts),
        }
    }

    /// What comes after that object.
    fn list_rest(&self, window: Window, last: &str, parts: &mut Vec<StoreError>) -> Result<Vec<Window>, StoreError> {
        let pieces = pieces(window, self.day_of(last));
        let listed = side_by_side::each(&pieces, |piece| {
            let mut is_whole = true;
            let listed = below(self.store, &self.place, last, *piece, &mut |listed| {
                let flow = self.see(listed);
                is_whole = flow.is_continue();
                flow
            });
            listed.map_err(|error| (error, is_whole)).map(|()| is_whole)
        });
        let mut unseen = Vec::new();
        for (listed, piece) in listed.into_iter().zip(pieces) {
            let is_whole = match listed {
                Ok(is_whole) => is_whole,
                Err((error, is_whole)) => noted(Err(error), parts).map(|()| is_whole)?,
            };
            unseen.extend((!is_whole).then_some(piece));
        }
        Ok(unseen)
    }

    fn see(&self, listed: Listed) -> ControlFlow<()> {
        if !self.left.take() {
            return ControlFlow::Break(());
        }
        (self.each.lock().unwrap_or_else(PoisonError::into_inner))(listed);
        ControlFlow::Continue(())
    }

    /// The day that an object is of; none where its directory is none of a day.
    fn day_of(&self, name: &str) -> Option<i64> {
        let day = name.strip_prefix(&self.place.days)?.get(..10)?.replace('-', "");
        Some(Moment::parse_stamp(&format!("{day}T000000Z"))?.nanos().div_euclid(DAY))
    }
}

/// These days in pieces, from that day on: the nearest to those asked for come first; the last one is open to what is before, or
/// behind, all days.
fn pieces(window: Window, from: Option<i64>) -> Vec<Window> {
    let Some(from) = from else { return vec![window] };
    let Some(to) = window.to else { return pieces_behind(from) };
    let length = ((to - from + 1) / PIECES).max(1);
    let mut pieces = Vec::new();
    let mut end = to;
    while end - length >= from {
        pieces.push(Window { from: Some(end - length + 1), to: Some(end) });
        end -= length;
    }
    pieces.push(Window { from: None, to: Some(end) });
    pieces
}

fn pieces_behind(from: i64) -> Vec<Window> {
    let begin = |piece: i64| from + piece * LENGTH;
    let piece = |piece| Window { from: Some(begin(piece)), to: (piece + 1 < PIECES).then_some(begin(piece + 1) - 1) };
    (0..PIECES).map(piece).collect()
}

fn begin_of(day: i64) -> Moment {
    Moment::from_nanos(day.saturating_mul(DAY))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Layout;
    use crate::model::destination::Destination;
    use crate::model::names::Service;
    use crate::model::s3_options::S3Options;
    use crate::sys::signals::Stop;

    #[test]
    fn pieces_hold_each_day_once_the_latest_first() {
        let window = Window { from: None, to: Some(100) };
        for from in [100, 99, 85, 84, 0, -1000] {
            let pieces = pieces(window, Some(from));
            assert!(pieces.len() <= 2 * usize::try_from(PIECES).expect("few"), "{from}: {}", pieces.len());
            assert_eq!((pieces[0].to, pieces[pieces.len() - 1].from), (Some(100), None));
            assert!(pieces.windows(2).all(|pair| pair[0].from == pair[1].to.map(|to| to + 1)), "{from}: {pieces:?}");
        }
        assert_eq!(pieces(window, None), [window]);
    }

    #[test]
    fn pieces_behind_hold_each_day_once_the_earliest_first_and_have_no_end() {
        let pieces = pieces(Window { from: Some(100), to: None }, Some(102));
        assert_eq!((pieces[0].from, pieces[pieces.len() - 1].to), (Some(102), None));
        assert!(pieces.windows(2).all(|pair| pair[1].from == pair[0].to.map(|to| to + 1)), "{pieces:?}");
    }

    #[test]
    fn what_is_behind_is_all_looked_at_or_it_is_told_until_when() {
        let root = root();
        let seen = |allowance| looked_behind(&root, "20261002T000000Z", allowance);
        assert_eq!(seen(4_501), (None, 4_500));
        let (Some(from), 4_400) = seen(4_400) else { panic!("not all was allowed") };
        assert!(from >= Moment::parse_stamp("20261009T000000Z").expect("a stamp"), "{from}");
        let (Some(from), 3_000) = seen(3_000) else { panic!("not all was allowed") };
        assert_eq!(from.to_second(), "2026-10-02T00:00:00Z");
    }

    /// Until when what is behind is looked at, and how many objects that shows.
    fn looked_behind(root: &tempfile::TempDir, from: &str, allowance: usize) -> (Option<Moment>, usize) {
        let to = Destination::parse(&format!("file://{}", root.path().display())).expect("a destination");
        let store = crate::store::open(&to, &S3Options::default(), &Stop::default()).expect("it opens");
        let route = Layout::default().route(Service::new("web").as_ref()).expect("it has days");
        let from = Moment::parse_stamp(from).expect("a stamp").nanos().div_euclid(DAY);
        let (mut seen, mut parts) = (std::collections::HashSet::new(), Vec::new());
        let windows = (None, Some(Window { from: Some(from), to: None }));
        let mut see = |listed: Listed| assert!(seen.insert(listed.name().to_owned()), "{listed:?} twice");
        let left = Allowance(AtomicUsize::new(allowance));
        let far = list_far(store.as_ref(), &route, windows, &left, &mut see, &mut parts).expect("it lists");
        (far.unseen_from, seen.len())
    }

    /// Ten days of 500 objects.
    fn root() -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a directory");
        for day in 1..=10 {
            let directory = root.path().join(format!("service=web/dt=2026-10-{day:02}"));
            std::fs::create_dir_all(&directory).expect("it is made");
            (0..500).for_each(|number| std::fs::write(directory.join(format!("{number}")), "").expect("an object"));
        }
        root
    }

    /// How far back they are looked at, and how many objects that shows.
    fn looked_at(root: &tempfile::TempDir, allowance: usize) -> (Extent, usize) {
        let to = Destination::parse(&format!("file://{}", root.path().display())).expect("a destination");
        let store = crate::store::open(&to, &S3Options::default(), &Stop::default()).expect("it opens");
        let route = Layout::default().route(Service::new("web").as_ref()).expect("it has days");
        let to = Moment::parse_stamp("20261010T000000Z").expect("a stamp").nanos().div_euclid(DAY);
        let (mut seen, mut parts) = (std::collections::HashSet::new(), Vec::new());
        let left = Allowance(AtomicUsize::new(allowance));
        let window = Window { from: None, to: Some(to) };
        let mut see = |listed: Listed| assert!(seen.insert(listed.name().to_owned()), "{listed:?} twice");
        let far =
            list_far(store.as_ref(), &route, (Some(window), None), &left, &mut see, &mut parts).expect("it lists");
        assert!(parts.is_empty());
        (far.before, seen.len())
    }

    #[test]
    fn all_is_looked_at_or_it_is_told_since_when() {
        let root = root();
        assert_eq!(looked_at(&root, 5_001), (Extent::Whole, 5_000));
        let (Extent::Since(since), 4_900) = looked_at(&root, 4_900) else { panic!("not all was allowed") };
        assert!(since > Moment::parse_stamp("20261008T235959Z").expect("a stamp"), "{since}");
        let (Extent::Since(since), 3_000) = looked_at(&root, 3_000) else { panic!("not all was allowed") };
        assert_eq!(since.to_second(), "2026-10-11T00:00:00Z");
    }
}
