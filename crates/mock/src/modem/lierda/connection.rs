//! One MQTT connection of the module: its configuration, its link and what waits for an answer.

use std::time::Duration;

use super::{
    super::options::{Quirks, Step},
    Completion, DialOutcome, SocketId,
    config::Config,
};
use crate::mqtt::Client;

/// Longest wait for the network link (NT26 manual, LMQTTOPEN).
const OPEN_LIMIT: Duration = Duration::from_secs(160);
/// Longest wait for the CONNACK (NT26 manual, LMQTTCONN).
const CONNECT_LIMIT: Duration = Duration::from_secs(30);

pub(super) struct Connection {
    pub(super) id: u8,
    pub(super) config: Config,
    pub(super) link: Link,
    pub(super) pending: Vec<Pending>,
}

pub(super) enum Link {
    Closed,
    Opening {
        socket: SocketId,
        /// Not before this, however fast the network is.
        earliest: Duration,
        /// Not later than this.
        latest: Duration,
        outcome: Option<DialOutcome>,
    },
    /// The network link is up, no CONNECT was sent.
    Open {
        socket: SocketId,
    },
    Session {
        socket: SocketId,
        client: Box<Client>,
        accepted: bool,
    },
    /// Lost, and not yet closed by the host: the id stays in use.
    Lost,
}

/// A packet that waits for its answer.
pub(super) struct Pending {
    pub(super) of: Completion,
    /// When it counts as lost once more.
    pub(super) at: Duration,
    retries_left: u8,
}

/// What a time-out means for a packet that waits.
#[derive(Clone, Copy)]
pub(super) enum Expiry {
    /// It counts as lost once more.
    Retried(Completion),
    /// It is given up.
    GivenUp(Completion),
}

impl Connection {
    pub(super) fn new(id: u8, quirks: &Quirks) -> Self {
        Self { id, config: Config::new(quirks), link: Link::Closed, pending: Vec::new() }
    }

    /// Back to what it was at power-up: the configuration is forgotten.
    pub(super) fn forget(&mut self, quirks: &Quirks) {
        *self = Self::new(self.id, quirks);
    }

    pub(super) fn socket(&self) -> Option<SocketId> {
        match self.link {
            Link::Opening { socket, .. } | Link::Open { socket } | Link::Session { socket, .. } => Some(socket),
            Link::Closed | Link::Lost => None,
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        matches!(self.link, Link::Closed)
    }

    /// The client, once the broker has accepted it.
    pub(super) fn client(&mut self) -> Option<&mut Client> {
        match &mut self.link {
            Link::Session { client, accepted: true, .. } => Some(client),
            _ => None,
        }
    }

    pub(super) fn dial(&mut self, now: Duration, socket: SocketId, latency: Duration) {
        self.link = Link::Opening {
            socket,
            earliest: now.saturating_add(latency),
            latest: now.saturating_add(latency.max(OPEN_LIMIT)),
            outcome: None,
        };
    }

    /// How the dialling ended, once it is time to tell.
    pub(super) fn dialled(&self, now: Duration) -> Option<(SocketId, DialOutcome)> {
        match self.link {
            Link::Opening { socket, latest, .. } if now >= latest => Some((socket, DialOutcome::Refused)),
            Link::Opening { socket, earliest, outcome: Some(outcome), .. } if now >= earliest => {
                Some((socket, outcome))
            }
            _ => None,
        }
    }

    /// Waits for the answer to a packet just sent, as long as `"timeout"` says.
    pub(super) fn expect(&mut self, now: Duration, step: Step, message: u16) {
        let of = Completion { connection: self.id, step, message };
        let once = Duration::from_secs(self.config.packet_timeout.into());
        let pending = match step {
            Step::Connect => {
                let all = once * (u32::from(self.config.retries) + 1);
                Pending { of, at: now + all.min(CONNECT_LIMIT), retries_left: 0 }
            }
            _ => Pending { of, at: now + once, retries_left: self.config.retries },
        };
        self.pending.push(pending);
    }

    /// The oldest wait of that kind is over. `false`: it was given up before.
    pub(super) fn answered(&mut self, step: Step, message: u16) -> bool {
        let found = self.pending.iter().position(|pending| pending.of.step == step && pending.of.message == message);
        found.map(|index| self.pending.remove(index)).is_some()
    }

    /// The next packet whose time has run out.
    pub(super) fn expire(&mut self, now: Duration) -> Option<Expiry> {
        let index = self.pending.iter().position(|pending| pending.at <= now)?;
        let pending = &mut self.pending[index];
        if pending.retries_left == 0 {
            return Some(Expiry::GivenUp(self.pending.remove(index).of));
        }
        pending.retries_left -= 1;
        pending.at += Duration::from_secs(self.config.packet_timeout.into());
        Some(Expiry::Retried(pending.of))
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        let link = match &self.link {
            Link::Opening { earliest, outcome: Some(_), .. } => Some(*earliest),
            Link::Opening { latest, .. } => Some(*latest),
            Link::Session { client, .. } => client.deadline(),
            Link::Closed | Link::Open { .. } | Link::Lost => None,
        };
        self.pending.iter().map(|pending| pending.at).chain(link).min()
    }
}
