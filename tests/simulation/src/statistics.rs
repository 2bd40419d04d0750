//! What many runs have seen together.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::faults;
use crate::run::Report;

/// The sum of many runs.
#[derive(Debug, Clone, Default)]
pub struct Statistics {
    runs: u64,
    virtual_time: Duration,
    seen: BTreeMap<String, u64>,
}

impl Statistics {
    /// Adds a run.
    pub fn add(&mut self, report: &Report) {
        self.runs += 1;
        self.virtual_time += report.virtual_time;
        for (what, count) in &report.seen {
            *self.seen.entry(what.clone()).or_default() += count;
        }
    }

    /// Adds what somebody else has summed up.
    pub fn merge(&mut self, other: &Statistics) {
        self.runs += other.runs;
        self.virtual_time += other.virtual_time;
        for (what, count) in &other.seen {
            *self.seen.entry(what.clone()).or_default() += count;
        }
    }

    /// How many runs there were.
    #[must_use]
    pub fn runs(&self) -> u64 {
        self.runs
    }

    /// How often this was seen.
    #[must_use]
    pub fn seen(&self, what: &str) -> u64 {
        self.seen.get(what).copied().unwrap_or_default()
    }

    /// The kinds of faults that no run had.
    #[must_use]
    pub fn missing_faults(&self) -> Vec<String> {
        let is_missing = |kind: &&str| self.seen(&format!("{}{kind}", faults::SEEN)) == 0;
        faults::kinds().filter(is_missing).map(str::to_owned).collect()
    }
}

/// A line for each thing that was seen, faults first.
impl fmt::Display for Statistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} runs, {:.1} days of virtual time", self.runs, self.virtual_time.as_secs_f64() / 86_400.0)?;
        let is_fault = |what: &&str| what.starts_with(faults::SEEN);
        let (injected, rest): (Vec<_>, Vec<_>) = self.seen.keys().map(String::as_str).partition(is_fault);
        let missing = self.missing_faults();
        writeln!(f, "{} of {} kinds of faults:", injected.len(), injected.len() + missing.len())?;
        for what in injected.into_iter().chain(rest) {
            writeln!(f, "{:>10}  {what}", self.seen(what))?;
        }
        missing.iter().try_for_each(|kind| writeln!(f, "{:>10}  {}{kind}", 0, faults::SEEN))
    }
}
