//! When each fault of a list begins and ends, as a seed decides it.

use std::time::Duration;

use super::{Faults, Random, Rate, Term, kind::Manner};

/// How long a fault lasts that comes again and again, where its row does not say it.
const A_WHILE: Duration = Duration::from_secs(10);

/// The scheduler of one run.
#[derive(Debug)]
pub(crate) struct Plan {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    term: Term,
    random: Random,
    next: Next,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Begin(Duration),
    End(Duration),
    Nothing,
}

/// A term whose time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It happens now, or begins and lasts until then.
    Begins { entry: usize, term: Term, until: Duration },
    /// It is over.
    Ends { entry: usize },
}

impl Plan {
    pub(crate) fn new(faults: &Faults, seed: u64) -> Self {
        let entry = |(index, term): (usize, &Term)| {
            let mut random = Random::fork(seed, index as u64);
            let first = match (term.from, term.recurrence()) {
                (Some(from), _) => from,
                (None, Some(rate)) => gap(&mut random, rate),
                (None, None) => Duration::ZERO,
            };
            Entry { term: *term, random, next: Next::Begin(first) }
        };
        Self { entries: faults.terms().iter().enumerate().map(entry).collect() }
    }

    /// When [`due`](Self::due) has something to give, at the latest.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.entries.iter().filter_map(|entry| entry.next.at()).min().filter(|at| *at < Duration::MAX)
    }

    /// The earliest change whose time has come.
    pub(crate) fn due(&mut self, now: Duration) -> Option<Change> {
        let due = |entry: &Entry| entry.next.at().filter(|at| *at <= now && *at < Duration::MAX);
        let (index, _) = (0..self.entries.len())
            .filter_map(|index| due(&self.entries[index]).map(|at| (index, at)))
            .min_by_key(|(index, at)| (*at, *index))?;
        let entry = &mut self.entries[index];
        let term = entry.term;
        match entry.next {
            Next::Begin(_) if matches!(term.kind.row().manner, Manner::Moment { .. }) => {
                entry.again(now);
                Some(Change::Begins { entry: index, term, until: now })
            }
            Next::Begin(_) => {
                let until = term.duration().map_or(Duration::MAX, |lasting| now.saturating_add(lasting));
                entry.next = Next::End(until);
                Some(Change::Begins { entry: index, term, until })
            }
            Next::End(_) => {
                entry.again(now);
                Some(Change::Ends { entry: index })
            }
            Next::Nothing => None,
        }
    }
}

impl Next {
    fn at(self) -> Option<Duration> {
        match self {
            Self::Begin(at) | Self::End(at) => Some(at),
            Self::Nothing => None,
        }
    }
}

impl Entry {
    /// It is over, or comes again.
    fn again(&mut self, now: Duration) {
        self.next = match self.term.recurrence() {
            Some(rate) => Next::Begin(now.saturating_add(gap(&mut self.random, rate))),
            None => Next::Nothing,
        };
    }
}

impl Term {
    /// How often it begins, if it does so again and again.
    fn recurrence(&self) -> Option<Rate> {
        match self.kind.row().manner {
            Manner::Moment { usual } if self.from.is_none() => self.rate.or(Some(usual)),
            Manner::Span { .. } => self.rate,
            Manner::Moment { .. } | Manner::Chance { .. } => None,
        }
    }

    /// How long it lasts once it has begun; `None`: to the end.
    fn duration(&self) -> Option<Duration> {
        self.lasting.or_else(|| match self.kind.row().manner {
            Manner::Span { usual } => self.rate.map(|_| usual.map_or(A_WHILE, |(lasting, _)| lasting)),
            Manner::Moment { .. } | Manner::Chance { .. } => None,
        })
    }
}

/// A time between two, even between a millisecond and twice the average.
fn gap(random: &mut Random, rate: Rate) -> Duration {
    let average = 1_000_000_000 / u64::from(rate.millionths().max(1));
    Duration::from_millis(1 + random.below(2 * average))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What begins (`+`) and ends (`-`) in ten minutes, in seconds.
    fn told(faults: &str, seed: u64) -> Vec<String> {
        let mut plan = Plan::new(&faults.parse().unwrap(), seed);
        let mut told = Vec::new();
        while let Some(now) = plan.deadline().filter(|at| *at < Duration::from_secs(600)) {
            while let Some(change) = plan.due(now) {
                told.push(match change {
                    Change::Begins { term, until, .. } if until == now => {
                        format!("{} {}", term.kind, now.as_secs_f32())
                    }
                    Change::Begins { term, .. } => format!("+{} {}", term.kind, now.as_secs_f32()),
                    Change::Ends { entry } => format!("-{entry} {}", now.as_secs_f32()),
                });
            }
        }
        told
    }

    #[test]
    fn faults_come_at_their_times() {
        assert_eq!(
            told("mute@10s+3s,reset@5s,chunk=1,urc@11s+1s~0.5,sim-gone@20s", 1),
            ["+chunk 0", "reset 5", "+mute 10", "+urc 11", "-3 12", "-0 13", "+sim-gone 20"]
        );
    }

    #[test]
    fn faults_come_at_their_rates() {
        let resets = told("reset~0.1", 1);
        // 60 on the average.
        assert!((40..80).contains(&resets.len()), "{}", resets.len());
        assert_eq!(resets, told("reset~0.1", 1));
        assert_ne!(resets, told("reset~0.1", 2));
        let mutes = told("mute+2s~0.05", 1);
        let begin = |text: &String| text.split_once(' ').unwrap().1.parse::<f32>().unwrap();
        for pair in mutes.chunks_exact(2) {
            assert!((begin(&pair[1]) - begin(&pair[0]) - 2.0).abs() < 0.001, "{pair:?}");
        }
        assert!(mutes.len() > 20, "{}", mutes.len());
    }
}
