//! One MQTT connection of the module: its configuration, its link and what waits for an answer.

use std::time::Duration;

use super::{
    completion::Completion,
    secure::Secured,
    socket::{DialOutcome, SocketId},
};
use crate::{
    modem::options::{ModemOptions, Step},
    mqtt::Client,
};

/// What the host configures for one connection, as its command set has it.
pub(in crate::modem) trait Settings {
    /// As they are at power-up.
    fn new(options: &ModemOptions) -> Self;

    /// Longest wait for the network link.
    fn open_limit(&self) -> Duration;

    /// How long a packet waits until it counts as lost once, and how often it may.
    fn patience(&self) -> (Duration, u8);

    /// Longest wait for the CONNACK.
    fn connect_limit(&self) -> Duration {
        let (once, retries) = self.patience();
        once * (u32::from(retries) + 1)
    }
}

pub(in crate::modem) struct Connection<S> {
    pub(in crate::modem) id: u8,
    pub(in crate::modem) config: S,
    pub(in crate::modem) link: Link,
    pub(in crate::modem) pending: Vec<Pending>,
    /// Where the link speaks TLS.
    pub(super) secured: Option<Secured>,
}

pub(in crate::modem) enum Link {
    Closed,
    Opening {
        socket: SocketId,
        /// Not before this, however fast the network is.
        earliest: Duration,
        /// Not later than this.
        latest: Duration,
        outcome: Option<DialOutcome>,
        of: Completion,
    },
    /// The network link is up, no CONNECT was sent.
    Open {
        socket: SocketId,
    },
    Session {
        socket: SocketId,
        client: Box<Client>,
        accepted: bool,
        /// The step that the CONNACK ends, until that is told.
        connect: Completion,
    },
    /// Nothing is open until the module dials again by itself.
    Resting {
        until: Duration,
    },
    /// Lost, and not yet closed by the host: the id stays in use.
    Lost,
}

/// A packet that waits for its answer.
pub(in crate::modem) struct Pending {
    pub(super) of: Completion,
    /// When it counts as lost once more.
    pub(super) at: Duration,
    retries_left: u8,
    losses: u8,
}

/// What a time-out means for a packet that waits.
#[derive(Clone, Copy)]
pub(super) enum Expiry {
    /// It counts as lost once more, for that many times now.
    Retried(Completion, u8),
    /// It is given up.
    GivenUp(Completion),
}

impl<S: Settings> Connection<S> {
    pub(super) fn new(id: u8, options: &ModemOptions) -> Self {
        Self { id, config: S::new(options), link: Link::Closed, pending: Vec::new(), secured: None }
    }

    /// Back to what it was at power-up: the configuration is forgotten.
    pub(in crate::modem) fn forget(&mut self, options: &ModemOptions) {
        *self = Self::new(self.id, options);
    }

    /// Nothing is open any more; what was configured stays.
    pub(in crate::modem) fn close(&mut self) {
        self.link = Link::Closed;
    }

    /// Whether something that was started has not ended.
    pub(in crate::modem) fn is_busy(&self) -> bool {
        matches!(self.link, Link::Opening { .. }) || !self.pending.is_empty()
    }

    /// How many publishes wait for their answer.
    pub(in crate::modem) fn publishes(&self) -> usize {
        self.pending.iter().filter(|pending| pending.of.step == Step::Publish).count()
    }

    /// What goes to the broker, as TLS has it where there is TLS.
    pub(super) fn sealed(&mut self, bytes: Vec<u8>) -> Vec<u8> {
        match &mut self.secured {
            Some(secured) => secured.sealed(&bytes),
            None => bytes,
        }
    }

    /// TLS is over; what it says at its end. `None`: there was none.
    pub(super) fn unsecure(&mut self) -> Option<Vec<u8>> {
        self.secured.take()?.farewell()
    }

    /// Whether a link that does not open fails for its handshake.
    pub(super) fn fails_handshake(&self) -> bool {
        self.secured.as_ref().is_some_and(|secured| secured.begun)
    }

    pub(super) fn socket(&self) -> Option<SocketId> {
        match self.link {
            Link::Opening { socket, .. } | Link::Open { socket } | Link::Session { socket, .. } => Some(socket),
            Link::Closed | Link::Resting { .. } | Link::Lost => None,
        }
    }

    pub(in crate::modem) fn is_closed(&self) -> bool {
        matches!(self.link, Link::Closed)
    }

    /// The client, once the broker has accepted it.
    pub(in crate::modem) fn client(&mut self) -> Option<&mut Client> {
        match &mut self.link {
            Link::Session { client, accepted: true, .. } => Some(client),
            _ => None,
        }
    }

    pub(super) fn dial(&mut self, now: Duration, socket: SocketId, of: Completion, latency: Duration) {
        self.secured = None;
        self.link = Link::Opening {
            socket,
            earliest: now.saturating_add(latency),
            latest: now.saturating_add(latency.max(self.config.open_limit())),
            outcome: None,
            of,
        };
    }

    /// How the dialling ended, once it is time to tell.
    pub(super) fn dialled(&self, now: Duration) -> Option<(SocketId, DialOutcome, Completion)> {
        match self.link {
            Link::Opening { socket, latest, of, .. } if now >= latest => Some((socket, DialOutcome::Refused, of)),
            Link::Opening { socket, earliest, outcome: Some(outcome), of, .. } if now >= earliest => {
                Some((socket, outcome, of))
            }
            _ => None,
        }
    }

    /// Waits for the answer to a packet just sent, as long as the configuration says.
    pub(super) fn expect(&mut self, now: Duration, of: Completion) {
        let (once, retries) = self.config.patience();
        self.pending.push(match of.step {
            Step::Connect => Pending { of, at: now + self.config.connect_limit(), retries_left: 0, losses: 0 },
            _ => Pending { of, at: now + once, retries_left: retries, losses: 0 },
        });
    }

    /// The oldest wait of that kind is over. `None`: it was given up before.
    pub(super) fn answered(&mut self, step: Step, message: u16) -> Option<Completion> {
        let found = self.pending.iter().position(|pending| pending.of.step == step && pending.of.message == message);
        found.map(|index| self.pending.remove(index).of)
    }

    /// The next packet whose time has run out.
    pub(super) fn expire(&mut self, now: Duration) -> Option<Expiry> {
        let index = self.pending.iter().position(|pending| pending.at <= now)?;
        let pending = &mut self.pending[index];
        if pending.retries_left == 0 {
            return Some(Expiry::GivenUp(self.pending.remove(index).of));
        }
        pending.retries_left -= 1;
        pending.losses += 1;
        pending.at += self.config.patience().0;
        Some(Expiry::Retried(pending.of, pending.losses))
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        let link = match &self.link {
            Link::Opening { earliest, outcome: Some(_), .. } => Some(*earliest),
            Link::Opening { latest, .. } => Some(*latest),
            Link::Resting { until } => Some(*until),
            Link::Session { client, .. } => client.deadline(),
            Link::Closed | Link::Open { .. } | Link::Lost => None,
        };
        self.pending.iter().map(|pending| pending.at).chain(link).min()
    }
}
