//! Where the application keeps what it has promised to publish: a log on a simulated disk.

use std::collections::BTreeSet;

use crate::random::Random;

/// A file that is only ever appended to. What is not synced may be lost when the machine stops, in part or wholly.
#[derive(Debug, Default)]
struct Disk {
    durable: Vec<u8>,
    cached: Vec<u8>,
}

impl Disk {
    fn append(&mut self, bytes: &[u8]) {
        self.cached.extend_from_slice(bytes);
    }

    fn sync(&mut self) {
        self.durable.append(&mut self.cached);
    }

    /// The machine stops: of what was not synced, a beginning of any length has reached the disk.
    fn crash(&mut self, random: &mut Random) {
        let kept = random.below(self.cached.len() as u64 + 1);
        self.cached.truncate(usize::try_from(kept).unwrap_or(0));
        self.sync();
    }
}

/// The numbers of the messages that are still to be published, oldest first.
///
/// A line of the log is `+17` (a promise) or `-17` (kept), and counts once its line end is there.
#[derive(Debug, Default)]
pub(crate) struct Store {
    disk: Disk,
    promised: BTreeSet<usize>,
    kept: BTreeSet<usize>,
}

impl Store {
    /// Writes a promise down. It holds once [`sync`](Store::sync) has returned.
    pub(crate) fn promise(&mut self, number: usize) {
        self.disk.append(format!("+{number}\n").as_bytes());
        self.promised.insert(number);
    }

    /// Writes down that a promise is kept.
    pub(crate) fn keep(&mut self, number: usize) {
        self.disk.append(format!("-{number}\n").as_bytes());
        self.kept.insert(number);
    }

    /// Waits for the disk.
    pub(crate) fn sync(&mut self) {
        self.disk.sync();
    }

    /// Whether a promise was ever written down.
    pub(crate) fn has(&self, number: usize) -> bool {
        self.promised.contains(&number)
    }

    /// The oldest promises that are not kept, so many at the most.
    pub(crate) fn oldest(&self, count: u32) -> Vec<usize> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        self.promised.difference(&self.kept).take(count).copied().collect()
    }

    /// The machine stops, and starts again with what the disk has.
    pub(crate) fn crash(&mut self, random: &mut Random) {
        self.disk.crash(random);
        let whole = self.disk.durable.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        self.disk.durable.truncate(whole);
        let (mut promised, mut kept) = (BTreeSet::new(), BTreeSet::new());
        for line in self.disk.durable.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let number = std::str::from_utf8(&line[1..]).ok().and_then(|digits| digits.parse().ok());
            let number: usize = number.expect("only whole lines are left");
            if line[0] == b'+' {
                promised.insert(number)
            } else {
                kept.insert(number)
            };
        }
        (self.promised, self.kept) = (promised, kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_synced_outlives_a_crash_and_the_rest_is_whole_or_absent() {
        let mut ends = BTreeSet::new();
        for seed in 0..200 {
            let mut store = Store::default();
            store.promise(7);
            store.promise(12);
            store.sync();
            store.keep(7);
            store.promise(345);
            store.crash(&mut Random::new(seed));
            assert!(store.has(7) && store.has(12));
            ends.insert((store.oldest(2), store.has(345)));
        }
        let expected = [(vec![7, 12], false), (vec![12], false), (vec![12, 345], true)];
        assert_eq!(ends, BTreeSet::from(expected));
    }
}
