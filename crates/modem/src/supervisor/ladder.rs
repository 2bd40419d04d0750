//! What helps at each stage between a host and its broker, and when.

use std::time::Duration;

use crate::fault::{ConnectFault, Fault, OpenFault};
use crate::recovery::{Cure, Stage};

/// What the owner of the port can do for a connection that is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Means {
    /// The port can be closed and opened again.
    pub reopen: bool,
    /// There is a hook that switches the module's power off and on.
    pub power: bool,
}

impl Means {
    /// Whether a cure can be had.
    fn allow(self, cure: Cure) -> bool {
        match cure {
            Cure::ReopenPort => self.reopen,
            Cure::Power => self.power,
            Cure::CyclePacketNetwork | Cure::CycleRadio | Cure::ResetModule => true,
        }
    }
}

/// How often a stage has to fail in a row before a cure is tried; each again after as many failures as the last of its row.
type Ladder = &'static [(u32, Cure)];

const LINE: Ladder = &[(3, Cure::ResetModule), (5, Cure::ReopenPort), (7, Cure::Power)];
const REGISTRATION: Ladder = &[(2, Cure::CycleRadio), (4, Cure::ResetModule), (6, Cure::Power)];
const PACKET_NETWORK: Ladder =
    &[(1, Cure::CyclePacketNetwork), (3, Cure::CycleRadio), (5, Cure::ResetModule), (7, Cure::Power)];
const LINK: Ladder =
    &[(4, Cure::CyclePacketNetwork), (8, Cure::CycleRadio), (12, Cure::ResetModule), (16, Cure::Power)];
/// What no cure helps against: a person has to do something, or the other side.
const NONE: Ladder = &[];

/// Where a fault belongs.
pub(super) fn stage(fault: &Fault) -> Stage {
    match fault {
        Fault::Sim(_) | Fault::PinRefused => Stage::Sim,
        Fault::RegistrationDenied { .. } | Fault::NotRegistered { .. } => Stage::Registration,
        Fault::PacketNetwork(_) | Fault::Open { fault: OpenFault::PacketNetwork | OpenFault::Dns, .. } => {
            Stage::PacketNetwork
        }
        Fault::NoCredentials { .. } => Stage::Broker,
        Fault::Connect { fault: ConnectFault::Refused(_) | ConnectFault::RefusedWithoutReason, .. } => Stage::Broker,
        fault if fault.is_line_fault() => Stage::Line,
        _ => Stage::Link,
    }
}

/// What is tried after so many failures of this kind in a row, if anything.
///
/// A module that is refused by its network, or has no SIM, is not reset: it would be refused again, with the battery and the patience of
/// the network the worse for it. Rungs that there are no means for are none, and the last of those that are left is the last.
pub(super) fn cure(fault: &Fault, failures: u32, means: Means) -> Option<Cure> {
    let ladder = match (stage(fault), fault) {
        (Stage::Sim | Stage::Broker, _) | (_, Fault::RegistrationDenied { .. }) => NONE,
        (Stage::Line, _) => LINE,
        (Stage::Registration, _) => REGISTRATION,
        (Stage::PacketNetwork, _) => PACKET_NETWORK,
        (Stage::Link, _) => LINK,
    };
    let rungs = || ladder.iter().filter(|(_, cure)| means.allow(*cure));
    let (last, _) = rungs().next_back()?;
    let place = (failures.checked_sub(1)?) % last + 1;
    rungs().find(|(count, _)| *count == place).map(|(_, cure)| *cure)
}

/// How long to wait before the next attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reconnect {
    /// The longest wait before the first attempt behind a loss: half of it on average. Doubled with each that fails.
    pub min: Duration,
    /// The longest wait of all.
    pub max: Duration,
    /// How long a connection has to live before it counts as a good one, behind which waiting begins anew.
    pub stable: Duration,
    /// After so long without a byte from the module it is asked whether it still has the connection. The answer is the module's: silence says
    /// nothing of the network, which may reach it once in hours only ([`Edrx`](crate::Edrx)).
    pub idle_probe: Duration,
    /// How often a message of QoS 1 that was not confirmed is sent again.
    pub unconfirmed_retry: u32,
    /// How many requests wait for the connection; one more is refused.
    pub pending: usize,
    /// How long a port that is gone is waited for, where it can be opened again. `None`: for as long as it takes; nothing: not at
    /// all, and the connection ends with its port.
    pub port: Option<Duration>,
    /// How far apart the module's power is switched off and on at the least, where there is a hook that does it.
    pub power: Duration,
}

impl Default for Reconnect {
    fn default() -> Reconnect {
        Reconnect {
            min: Duration::from_secs(1),
            max: Duration::from_secs(60),
            stable: Duration::from_secs(60),
            idle_probe: Duration::from_secs(60),
            unconfirmed_retry: 3,
            pending: 1000,
            port: None,
            power: Duration::from_secs(600),
        }
    }
}

impl Reconnect {
    /// The wait before the next attempt, after so many in a row have failed: anything from nothing to twice the last, so that a thousand
    /// gateways that lost the same broker do not come back at once.
    pub(super) fn wait(&self, failures: u32, random: &mut fastrand::Rng) -> Duration {
        let doubled = 2_u32.checked_pow(failures).and_then(|times| self.min.checked_mul(times));
        let longest = doubled.map_or(self.max, |wait| wait.min(self.max));
        let nanos = u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(random.u64(0..=nanos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::ReturnCode;
    use crate::network::{RegistrationStatus, SimState};

    fn open(fault: OpenFault) -> Fault {
        Fault::Open { broker: String::new(), fault }
    }

    #[test]
    fn cures_escalate_where_one_can_help() {
        use Cure::{CyclePacketNetwork, CycleRadio, ResetModule};
        let searching =
            Fault::NotRegistered { status: RegistrationStatus::Searching, patience: Duration::from_secs(1) };
        let refused = ConnectFault::Refused(ReturnCode::NotAuthorized);
        for (fault, expected) in [
            (Fault::Sim(SimState::NotInserted), &[None; 8][..]),
            (Fault::RegistrationDenied { cause: Some(15) }, &[None; 8]),
            (Fault::Connect { broker: String::new(), fault: refused }, &[None; 8]),
            (searching, &[None, Some(CycleRadio), None, Some(ResetModule), None, Some(CycleRadio)]),
            (
                open(OpenFault::Dns),
                &[Some(CyclePacketNetwork), None, Some(CycleRadio), None, Some(ResetModule), Some(CyclePacketNetwork)],
            ),
            (open(OpenFault::Network), &[None, None, None, Some(CyclePacketNetwork), None]),
            (Fault::NoAnswer { after: Duration::ZERO }, &[None, None, Some(ResetModule), None]),
        ] {
            let found: Vec<_> =
                (1..).zip(expected).map(|(failures, _)| cure(&fault, failures, Means::default())).collect();
            assert_eq!(found, expected, "{fault}");
        }
    }

    #[test]
    fn what_there_are_means_for_comes_last() {
        let silent = Fault::NoAnswer { after: Duration::ZERO };
        let rungs = |fault: &Fault, reopen, power| {
            (1..=16).filter_map(|failures| Some((failures, cure(fault, failures, Means { reopen, power })?))).collect()
        };
        let found: Vec<_> = rungs(&silent, true, true);
        let (reset, reopen, power) = (Cure::ResetModule, Cure::ReopenPort, Cure::Power);
        assert_eq!(found, [(3, reset), (5, reopen), (7, power), (10, reset), (12, reopen), (14, power)]);
        let found: Vec<_> = rungs(&silent, true, false);
        assert_eq!(found, [(3, reset), (5, reopen), (8, reset), (10, reopen), (13, reset), (15, reopen)]);
        let found: Vec<_> = rungs(&Fault::Sim(SimState::NotInserted), true, true);
        assert_eq!(found, []);
        let found: Vec<_> = rungs(&open(OpenFault::Network), true, true);
        assert_eq!(found.last(), Some(&(16, power)));
    }

    #[test]
    fn waits_double_up_to_their_limit_and_are_drawn() {
        let reconnect = Reconnect::default();
        let mut random = fastrand::Rng::with_seed(1);
        for (failures, longest) in [(0, 1), (1, 2), (5, 32), (6, 60), (40, 60), (u32::MAX, 60)] {
            let drawn: Vec<_> = (0..200).map(|_| reconnect.wait(failures, &mut random).as_secs_f64()).collect();
            let (longest, most) = (f64::from(longest), drawn.iter().copied().fold(0.0, f64::max));
            assert!(most <= longest && most > 0.9 * longest, "{failures}: {most}");
            assert!(drawn.iter().any(|wait| *wait < 0.1 * longest), "{failures}");
        }
    }
}
