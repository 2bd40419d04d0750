//! What goes wrong in a run.

use std::time::Duration;

use atmqtt_mock::modem::{Fault, Registration};
use atmqtt_mock::world::World;

use crate::ledger::Trouble;
use crate::random::Random;
use crate::scenario::Millis;

/// A fault, when it begins and how long it lasts.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    pub(crate) kind: String,
    pub(crate) from: Duration,
    pub(crate) until: Duration,
}

const KINDS: [&str; 8] = ["reset", "mute", "drop-links", "delay-next", "lose-ok", "urc", "registration", "packet-data"];

/// What stands before the name of a fault in what was seen.
pub(crate) const SEEN: &str = "fault: ";

/// The names of all kinds.
pub(crate) fn kinds() -> Vec<String> {
    KINDS.map(str::to_owned).to_vec()
}

/// Any fault, at some time in the run.
pub(crate) fn any(random: &mut Random, active_ms: Millis) -> String {
    let at = random.below(active_ms);
    let lasts = *random.one_of(&[100, 1_000, 5_000, 20_000]);
    format!("{}@{at}+{lasts}", random.one_of(&KINDS))
}

impl Planned {
    pub(crate) fn parse(term: &str) -> Option<Planned> {
        let (kind, times) = term.split_once('@')?;
        let (at, lasts) = times.split_once('+')?;
        let from = Duration::from_millis(at.parse().ok()?);
        let lasts = Duration::from_millis(lasts.parse().ok()?);
        Some(Planned { kind: kind.to_owned(), from, until: from + lasts })
    }

    pub(crate) fn trouble(&self) -> Trouble {
        Trouble { from: self.from, until: self.until, to_module: false, to_host: false }
    }

    pub(crate) fn begin(&self, now: Duration, world: &mut World) {
        let lasts = self.until - self.from;
        match &*self.kind {
            "reset" => world.order(now, Fault::Reset),
            "mute" => world.order(now, Fault::Mute(Some(lasts))),
            "drop-links" => world.order(now, Fault::DropLinks),
            "delay-next" => world.order(now, Fault::DelayNext(lasts)),
            "lose-ok" => world.order(now, Fault::LoseNextOk),
            "urc" => world.order(now, Fault::Inject(b"\r\n+ZZZ: 1\r\n".to_vec())),
            "registration" => world.change(now, |options| options.registration = Registration::Searching),
            _ => world.change(now, |options| options.packet_service = false),
        }
    }

    pub(crate) fn end(&self, now: Duration, world: &mut World) {
        match &*self.kind {
            "registration" => world.change(now, |options| options.registration = Registration::Home),
            "packet-data" => world.change(now, |options| options.packet_service = true),
            _ => {}
        }
    }
}
