//! What has gone wrong so far.

use std::{collections::BTreeMap, fmt, time::Duration};

use super::{Kind, Touches};

/// A fault that has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Happening {
    /// Which.
    pub kind: Kind,
    /// Since when, as the one who brings the time counts it.
    pub from: Duration,
    /// When it will be over, and damaged bytes have arrived; the same as `from` for what takes no time, [`Duration::MAX`] for what does
    /// not end.
    pub until: Duration,
    /// The directions in which bytes may be lost, added or changed meanwhile.
    pub touches: Touches,
}

/// How often each fault has happened.
///
/// A fault of a moment or of a time counts when it begins, a fault of chance each time it strikes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally(BTreeMap<Kind, u64>);

impl Tally {
    /// How often that fault has happened.
    #[must_use]
    pub fn of(&self, kind: Kind) -> u64 {
        self.0.get(&kind).copied().unwrap_or(0)
    }

    /// All that have happened, in the order of the table.
    pub fn iter(&self) -> impl Iterator<Item = (Kind, u64)> {
        self.0.iter().map(|(kind, count)| (*kind, *count))
    }

    pub(crate) fn count(&mut self, kind: Kind) {
        *self.0.entry(kind).or_default() += 1;
    }
}

/// `reset 2, chunk 1`, or `none`.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        for (index, (kind, count)) in self.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}{kind} {count}")?;
        }
        Ok(())
    }
}

/// The sum of several.
impl FromIterator<Tally> for Tally {
    fn from_iter<T: IntoIterator<Item = Tally>>(tallies: T) -> Self {
        let mut sum = Tally::default();
        for (kind, count) in tallies.into_iter().flat_map(|tally| tally.0) {
            *sum.0.entry(kind).or_default() += count;
        }
        sum
    }
}
