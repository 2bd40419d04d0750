//! What goes wrong in a run.

use std::time::Duration;

use atmqtt_mock::fault::{Faults, Happening, KINDS, Manner, Term, Touches};

use crate::ledger::Trouble;
use crate::random::Random;
use crate::scenario::{Millis, Scenario};

/// What stands before the name of a fault in what was seen.
pub(crate) const SEEN: &str = "fault: ";

/// The names of all kinds that a run can have. The loss of the port stands in the scenario by itself, with who is at its end afterwards.
pub(crate) fn kinds() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|row| row.name)
}

/// The list of a scenario, as the mock reads it.
pub(crate) fn list(scenario: &Scenario) -> Result<Faults, String> {
    scenario.faults.join(",").parse().map_err(|fault| format!("faults: {fault}"))
}

/// Faults that leave every byte as it is: what the host makes of them can be held against what was said.
pub(crate) fn harmless_to_bytes(random: &mut Random, active_ms: Millis) -> String {
    loop {
        let kind = random.one_of(&KINDS);
        if kind.touches == (Touches { to_host: false, to_module: false }) {
            let term = Term::any_of(kind.kind, &mut |limit| random.below(limit), within(active_ms));
            return often(random, &term);
        }
    }
}

/// Any fault, at some time in the run.
pub(crate) fn any(random: &mut Random, active_ms: Millis) -> String {
    let term = Term::any(&mut |limit| random.below(limit), within(active_ms));
    often(random, &term)
}

/// The term as it is written. What happens to one command or publish of many, and lasts for seconds, would strike in few runs: so
/// in half of them it strikes one of two.
fn often(random: &mut Random, term: &Term) -> String {
    let text = term.to_string();
    let is_rare = matches!(term.kind().row().manner, Manner::Chance { of, .. } if of != "byte");
    match text.split_once('~') {
        Some((before, _)) if is_rare && random.per_mille(500) => format!("{before}~0.5"),
        _ => text,
    }
}

fn within(active_ms: Millis) -> Duration {
    Duration::from_millis(active_ms)
}

/// What a fault does to what is said on the line.
pub(crate) fn trouble(happening: &Happening) -> Trouble {
    let Happening { from, until, touches, .. } = *happening;
    Trouble { from, until, to_module: touches.to_module, to_host: touches.to_host }
}
