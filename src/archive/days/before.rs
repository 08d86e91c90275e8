//! Looking at all days before those that are asked for, for what reaches into them.
//!
//! ```text
//! the first objects   one after another, as few requests show them: all there is, in most places
//! the rest            in pieces of some days each, several listed side by side, the latest days first
//! ```
//!
//! How it fails: after so many objects ([`Allowance`]) it ends, and tells since when all was looked at.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::super::side_by_side;
use super::{DAY, Window, below, go};
use crate::config::Route;
use crate::model::time::Moment;
use crate::store::{Kind, Listed, Store, StoreError};

/// How many objects are listed one after another before the rest is listed side by side: what S3 shows for four requests.
const FEW: usize = 4_000;

/// Into how many pieces the rest is cut. Each costs a request at least.
const PIECES: i64 = 16;

/// How many objects before the days asked for are looked at for one command: 500 requests to S3, which take some seconds side by
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

/// Shows each object of these days, in no order, as far as the allowance goes. `parts` gets what can't be read of a directory.
///
/// # Errors
/// What kept the objects from being listed.
pub(in super::super) fn list_before(
    store: &dyn Store,
    route: &Route,
    window: Window,
    left: &Allowance,
    each: &mut (dyn FnMut(Listed) + Send),
    parts: &mut Vec<StoreError>,
) -> Result<Extent, StoreError> {
    let (each, mut extent, mut unread) = (Mutex::new(each), Extent::Whole, Vec::new());
    let place = |prefix: String| Place { store, prefix, left, each: &each };
    go(store, &route.steps, String::new(), parts, &mut |above| {
        extent = extent.and(place(above + &route.days).list(window, &mut unread)?);
        Ok(())
    })?;
    parts.append(&mut unread);
    Ok(extent)
}

/// The directories of days behind a prefix.
struct Place<'p, 'e> {
    store: &'p dyn Store,
    prefix: String,
    left: &'p Allowance,
    each: &'p Mutex<&'e mut (dyn FnMut(Listed) + Send)>,
}

impl Place<'_, '_> {
    fn list(&self, window: Window, parts: &mut Vec<StoreError>) -> Result<Extent, StoreError> {
        let (mut last, mut count, mut is_whole) = (None, 0, true);
        let begun = below(self.store, &self.prefix, "", window, &mut |listed| {
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
            None if is_whole => Ok(Extent::Whole),
            None => Ok(window.to.map_or(Extent::Whole, |to| Extent::Since(begin_of(to + 1)))),
            Some(last) => self.list_rest(window, &last, parts),
        }
    }

    /// What comes after that object.
    fn list_rest(&self, window: Window, last: &str, parts: &mut Vec<StoreError>) -> Result<Extent, StoreError> {
        let pieces = pieces(window, self.day_of(last));
        let listed = side_by_side::each(&pieces, |piece| {
            let after = if *piece == pieces[pieces.len() - 1] { last } else { "" };
            let mut is_whole = true;
            let listed = below(self.store, &self.prefix, after, *piece, &mut |listed| {
                let flow = self.see(listed);
                is_whole = flow.is_continue();
                flow
            });
            listed.map_err(|error| (error, is_whole)).map(|()| is_whole)
        });
        let mut extent = Extent::Whole;
        for (listed, piece) in listed.into_iter().zip(&pieces) {
            let is_whole = match listed {
                Ok(is_whole) => is_whole,
                Err((error, is_whole)) => noted(Err(error), parts).map(|()| is_whole)?,
            };
            // The latest days come first.
            if !is_whole && let Some(to) = piece.to {
                extent = extent.and(Extent::Since(begin_of(to + 1)));
            }
        }
        Ok(extent)
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
        let day = name.get(self.prefix.len()..)?.get(..10)?.replace('-', "");
        Some(Moment::parse_stamp(&format!("{day}T000000Z"))?.nanos().div_euclid(DAY))
    }
}

/// These days in pieces, the latest first; the last one is open to what is before all days.
fn pieces(window: Window, from: Option<i64>) -> Vec<Window> {
    let (Some(from), Some(to)) = (from, window.to) else { return vec![window] };
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

fn begin_of(day: i64) -> Moment {
    Moment::from_nanos(day.saturating_mul(DAY))
}

/// Notes what is a matter of this machine, and goes on.
fn noted(listed: Result<(), StoreError>, parts: &mut Vec<StoreError>) -> Result<(), StoreError> {
    match listed {
        Err(error) if error.kind == Kind::Local => {
            parts.push(error);
            Ok(())
        }
        listed => listed,
    }
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
        let extent = list_before(store.as_ref(), &route, window, &left, &mut see, &mut parts).expect("it lists");
        assert!(parts.is_empty());
        (extent, seen.len())
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
