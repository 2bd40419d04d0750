//! What goes wrong, and when.

use std::collections::BTreeMap;
use std::time::Duration;

use atmqtt_mock::fault::{Faults, Kind};

use crate::Anything;

/// Every kind of trouble, as the mock's faults are written behind their time. What damages bytes does so on the way to the host only: a
/// module that hears a payload wrong publishes it, and nobody can know.
const KINDS: [(&str, &str); 9] = [
    ("reset", ""),
    ("drop-links", ""),
    ("flip-byte=to-host", "+3s~0.01"),
    ("mute", "+4s"),
    ("brown-out", ""),
    ("link-dead", ""),
    ("lose-byte=to-host", "+3s~0.01"),
    ("half-closed=to-module", "+4s"),
    ("add-byte=to-host", "+3s~0.01"),
];

/// How long the module may still owe something of what was going on when a fault has ended.
const AFTERMATH: Duration = Duration::from_secs(1);

/// One fault.
#[derive(Debug, Clone, Copy)]
struct Struck {
    kind: Kind,
    from: Duration,
    until: Duration,
}

/// All of them, in their order. Times count from the mock's start.
#[derive(Debug)]
pub(crate) struct Trouble {
    faults: Faults,
    struck: Vec<Struck>,
}

impl Trouble {
    /// A fault whenever `every` is over, but for the last of that time, each kind as often as the others, in an order that the seed draws.
    pub(crate) fn new(lasting: Duration, every: Duration, seed: u64) -> Result<Trouble, Anything> {
        let (mut terms, mut struck) = (Vec::new(), Vec::new());
        let mut random = fastrand::Rng::with_seed(seed);
        let mut round = Vec::new();
        let mut from = every;
        while from < lasting {
            if round.is_empty() {
                round = KINDS.to_vec();
                random.shuffle(&mut round);
            }
            let Some((name, rest)) = round.pop() else { break };
            let term: Faults = format!("{name}@{}ms{rest}", from.as_millis()).parse()?;
            for term in term.terms() {
                let until = term.ends().unwrap_or(Duration::MAX);
                struck.push(Struck { kind: term.kind(), from, until });
                terms.push(*term);
            }
            from += every;
        }
        Ok(Trouble { faults: terms.into_iter().collect(), struck })
    }

    pub(crate) fn faults(&self) -> Faults {
        self.faults.clone()
    }

    /// How many of each kind.
    pub(crate) fn summary(&self) -> String {
        let mut counts = BTreeMap::<&str, u32>::new();
        for struck in &self.struck {
            *counts.entry(struck.kind.name()).or_default() += 1;
        }
        counts.iter().map(|(name, count)| format!("{count} {name}")).collect::<Vec<_>>().join(", ")
    }

    pub(crate) fn count(&self) -> usize {
        self.struck.len()
    }

    /// Each with its time, in words.
    pub(crate) fn told(&self) -> impl Iterator<Item = (Duration, String)> {
        self.faults.terms().iter().map(|term| (term.begins(), format!("== {term}")))
    }

    /// Whether, in that time, something struck that keeps what the module has to say from the host: bytes that are damaged, silence, a
    /// restart that forgets what is still to be said. What the module has acknowledged to the broker and not told is gone then.
    pub(crate) fn keeps_from_host(&self, from: Duration, until: Duration) -> bool {
        let keeps = |kind: Kind| matches!(kind, Kind::Reset | Kind::BrownOut) || kind.row().touches.to_host;
        self.struck
            .iter()
            .any(|struck| keeps(struck.kind) && struck.from <= until && from <= struck.until.saturating_add(AFTERMATH))
    }

    /// When links have died without a word.
    pub(crate) fn silent_deaths(&self) -> impl Iterator<Item = Duration> {
        self.struck.iter().filter(|struck| struck.kind == Kind::LinkDead).map(|struck| struck.from)
    }
}
