//! The smallest scenario that still fails.

use crate::run::{Trace, run};
use crate::scenario::Scenario;

/// The smallest scenario that fails as this seed does, all that happens in it, and the command that shows the whole.
///
/// # Panics
/// A scenario cannot be written down.
#[must_use]
pub fn explain(seed: u64) -> String {
    let smallest = shrink(&Scenario::of(seed));
    let text = toml::to_string(&smallest).expect("a scenario can be written down");
    let happened = run(&smallest, Trace::Keep).trace.join("\n");
    format!(
        "the smallest scenario that fails like seed {seed}:\n\n{text}\nwhat happens in it:\n\n{happened}\n\n\
         again: cargo run --release -p atmqtt-simulation -- --seed {seed}"
    )
}

/// Leaves out of a failing scenario whatever it fails without, in the same way: the same invariant is broken.
///
/// A scenario that does not fail is given back as it is.
#[must_use]
pub fn shrink(scenario: &Scenario) -> Scenario {
    let Some(invariant) = broken(scenario) else { return scenario.clone() };
    // What is left out may make something else superfluous.
    let mut smallest = scenario.clone();
    let fails = |smaller: &Scenario| broken(smaller).as_ref() == Some(&invariant);
    loop {
        let Some(smaller) = smaller(&smallest).into_iter().find(fails) else { return smallest };
        smallest = smaller;
    }
}

/// The name of the invariant that a run of this breaks.
fn broken(scenario: &Scenario) -> Option<String> {
    run(scenario, Trace::Skip).violation.map(|violation| violation.split(':').next().unwrap_or_default().to_owned())
}

/// Scenarios with less in them, those with the least first.
fn smaller(scenario: &Scenario) -> Vec<Scenario> {
    type List = fn(&mut Scenario) -> Box<dyn Parts + '_>;
    const LISTS: [List; 6] = [
        |scenario| Box::new(&mut scenario.faults),
        |scenario| Box::new(&mut scenario.unplugs),
        |scenario| Box::new(&mut scenario.kills),
        |scenario| Box::new(&mut scenario.uplinks),
        |scenario| Box::new(&mut scenario.downlinks),
        |scenario| Box::new(&mut scenario.questions),
    ];
    let mut found = Vec::new();
    for list in LISTS {
        let length = list(&mut scenario.clone()).length();
        let mut size = length;
        while size > 0 {
            for start in (0..length).step_by(size) {
                let mut smaller = scenario.clone();
                list(&mut smaller).leave_out(start, size);
                found.push((size, smaller));
            }
            size /= 2;
        }
    }
    found.sort_by_key(|(size, _)| std::cmp::Reverse(*size));
    let simpler: [fn(&mut Scenario); 11] = [
        |scenario| scenario.outbox = None,
        |scenario| scenario.outbox.iter_mut().for_each(|kept| kept.full.clear()),
        |scenario| scenario.outbox.iter_mut().for_each(|kept| kept.time_to_live_ms = None),
        |scenario| scenario.outbox.iter_mut().for_each(|kept| (kept.max_messages, kept.drops_oldest) = (None, false)),
        |scenario| scenario.outbox.iter_mut().for_each(|kept| kept.clock_ms = 0),
        |scenario| scenario.keeps = false,
        |scenario| scenario.dropped_per_mille = 0,
        |scenario| scenario.kept_session = false,
        |scenario| scenario.result_first = false,
        |scenario| scenario.quoted_payload = false,
        |scenario| scenario.disk_ms = 0,
    ];
    let simpler = simpler.map(|simplify| {
        let mut simpler = scenario.clone();
        simplify(&mut simpler);
        simpler
    });
    let simpler = simpler.into_iter().filter(|simpler| simpler != scenario);
    found.into_iter().map(|(_, smaller)| smaller).chain(simpler).collect()
}

/// Something of which parts can be left out.
trait Parts {
    fn length(&self) -> usize;
    fn leave_out(&mut self, start: usize, count: usize);
}

impl<T> Parts for &mut Vec<T> {
    fn length(&self) -> usize {
        self.len()
    }

    fn leave_out(&mut self, start: usize, count: usize) {
        let end = (start + count).min(self.len());
        self.drain(start..end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_in_a_scenario_can_be_left_out() {
        let mut scenario = Scenario::of(7);
        let mut steps = 0;
        while let Some(smaller) = smaller(&scenario).pop() {
            scenario = smaller;
            steps += 1;
            assert!(steps < 10_000, "no end");
        }
        let Scenario { faults, unplugs, kills, uplinks, downlinks, questions, .. } = &scenario;
        assert!(
            faults.is_empty() && unplugs.is_empty() && kills.is_empty() && uplinks.is_empty() && downlinks.is_empty()
        );
        assert!(questions.is_empty() && !scenario.kept_session && scenario.dropped_per_mille == 0);
    }

    #[test]
    fn what_does_not_fail_stays_as_it_is() {
        let scenario = Scenario { faults: Vec::new(), kills: Vec::new(), ..Scenario::of(3) };
        assert_eq!(shrink(&scenario), scenario);
    }
}
