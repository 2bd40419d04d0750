//! The MQTT connections of a module, whatever its commands are called: dialling, signing in, packets that wait for an answer, and loss.
//!
//! A command set starts things here and is told their ends as [`News`], in order; how the host is told is its own affair.

mod completion;
mod connection;
mod handshake;
mod publish;
mod secure;
mod socket;

use std::{collections::VecDeque, time::Duration};

use super::options::{ModemOptions, Step};
use crate::mqtt::{Client, ClientOutput, ConnectOptions, LossCause, QoS, TopicFilter, is_topic_name};
use crate::tls::TlsFault;
pub(super) use completion::Completion;
use connection::Expiry;
pub(super) use connection::{Connection, Link, Settings};
pub(super) use publish::{Publish, decode_hex, encode_hex, quoted_payload, up_to_nul};
pub use socket::{DialOutcome, NetworkInput, SocketId};

/// As many as any model has.
pub(super) const CONNECTIONS: u8 = 6;

/// How far an MQTT connection is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LinkStatus {
    /// Nothing is open.
    #[default]
    Closed,
    /// The network link is being opened.
    Opening,
    /// The network link is up.
    Open,
    /// The module waits for the broker to accept it.
    Connecting,
    /// The broker has accepted the module.
    Connected,
    /// The link was lost, and not yet closed by the host.
    Lost,
}

/// What the commands want done, in order.
#[derive(Debug)]
pub(super) enum Event {
    Line(Vec<u8>),
    /// A step has ended; no line where the host did not ask for it.
    Completed(Completion, Option<String>),
    /// A step has ended badly, which counts where the final result code comes after the line.
    Failed(Completion, String),
    Dial {
        socket: SocketId,
        host: String,
        port: u16,
    },
    Send {
        socket: SocketId,
        bytes: Vec<u8>,
    },
    HangUp {
        socket: SocketId,
    },
    /// Results of this connection that were not told yet are not told any more.
    Forget {
        connection: u8,
    },
}

/// Why a link that was open is so no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// Closed or reset by the far end.
    Closed,
    /// An unanswered keep-alive.
    PingTimeout,
    /// What came is not MQTT.
    Protocol,
    /// The module itself lost its packet network.
    PacketData,
    /// More was received than fits.
    Overflow,
}

/// What has come of what was started. After a refusal, a failed sign-in and a loss the link is hung up and nothing waits any more.
pub(super) enum News {
    Opened(Completion),
    /// The link is closed again.
    OpenFailed(Completion, DialOutcome),
    /// There is no TLS on it, and it is closed again.
    NotSecured(Completion, TlsFault),
    Connected(Completion),
    /// With that CONNACK code.
    Refused(Completion, u8),
    /// The link broke before the CONNACK, or none came in time.
    ConnectFailed(Completion),
    Published(Completion),
    /// With the `QoS` granted to each filter, `None` where it was refused.
    Subscribed(Completion, Vec<Option<QoS>>),
    Unsubscribed(Completion),
    Message {
        topic: String,
        payload: Vec<u8>,
        /// The packet identifier, 0 at `QoS` 0.
        message: u16,
    },
    Lost(Loss),
    /// The rest that was ordered is over.
    Rested,
    /// A packet counts as lost once more, for that many times now.
    Retried(Completion, u8),
    /// A packet has been lost too often. Not of a sign-in: that has failed.
    GivenUp(Completion),
}

/// The connections of one module.
pub(super) struct Links<S> {
    connections: Vec<Connection<S>>,
    sockets: u64,
    events: VecDeque<Event>,
    news: VecDeque<(u8, News)>,
}

impl<S: Settings> Links<S> {
    /// `sockets`: as many were dialled before.
    pub(super) fn new(options: &ModemOptions, sockets: u64) -> Self {
        let connections = (0..CONNECTIONS).map(|id| Connection::new(id, options)).collect();
        Self { connections, sockets, events: VecDeque::new(), news: VecDeque::new() }
    }

    /// One of them, by an id below [`CONNECTIONS`].
    pub(super) fn of(&mut self, id: u8) -> &mut Connection<S> {
        &mut self.connections[usize::from(id)]
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Connection<S>> {
        self.connections.iter()
    }

    /// How many sockets were dialled.
    pub(super) fn sockets(&self) -> u64 {
        self.sockets
    }

    /// The sockets that are dialled or open.
    pub(super) fn open_sockets(&self) -> Vec<SocketId> {
        self.all().filter_map(Connection::socket).collect()
    }

    pub(super) fn line(&mut self, line: impl Into<Vec<u8>>) {
        self.events.push_back(Event::Line(line.into()));
    }

    /// A step has ended; no line where the host did not ask for it.
    pub(super) fn complete(&mut self, of: Completion, line: Option<String>) {
        self.events.push_back(Event::Completed(of, line));
    }

    /// A step has failed: where its final result code has waited for it, that is ERROR.
    pub(super) fn fail(&mut self, of: Completion, line: String) {
        self.events.push_back(Event::Failed(of, line));
    }

    pub(super) fn dial(&mut self, now: Duration, of: Completion, host: String, port: u16, latency: Duration) {
        let socket = SocketId(self.sockets);
        self.sockets += 1;
        self.of(of.connection).dial(now, socket, of, latency);
        self.events.push_back(Event::Dial { socket, host, port });
    }

    /// Sends a CONNECT on an open link. `false`: no CONNECT can carry that, or there is no open link.
    pub(super) fn connect(&mut self, now: Duration, of: Completion, options: ConnectOptions) -> bool {
        let connection = self.of(of.connection);
        let Link::Open { socket } = connection.link else {
            return false;
        };
        let Ok(mut client) = Client::new(options) else {
            return false;
        };
        client.transport_up(now);
        connection.expect(now, of);
        connection.link = Link::Session { socket, client: Box::new(client), accepted: false, connect: of };
        true
    }

    /// `false`: nothing was sent, since the topic is none, or too long, or the client cannot send it.
    pub(super) fn publish(&mut self, now: Duration, publish: &Publish, payload: &[u8], limit: usize) -> bool {
        let of = publish.of;
        let connection = self.of(of.connection);
        let topic =
            std::str::from_utf8(&publish.topic).ok().filter(|topic| topic.len() <= limit && is_topic_name(topic));
        let sent = topic.zip(connection.client()).is_some_and(|(topic, client)| {
            client.publish(now, of.message, topic, payload, publish.qos, publish.retain).is_ok()
        });
        if sent {
            connection.expect(now, of);
        }
        sent
    }

    /// `false`: nothing was sent, since a topic is no filter, or too long, or the client cannot send it.
    pub(super) fn subscribe(&mut self, now: Duration, of: Completion, topics: &[(Vec<u8>, QoS)], limit: usize) -> bool {
        let filters: Option<Vec<(&str, QoS)>> = topics
            .iter()
            .map(|(topic, qos)| {
                let topic = std::str::from_utf8(topic)
                    .ok()
                    .filter(|topic| topic.len() <= limit && TopicFilter::parse(topic).is_some());
                Some((topic?, *qos))
            })
            .collect();
        let connection = self.of(of.connection);
        let sent = filters.zip(connection.client()).is_some_and(|(filters, client)| match of.step {
            Step::Subscribe => client.subscribe(now, of.message, &filters).is_ok(),
            _ => {
                let names: Vec<&str> = filters.iter().map(|(filter, _)| *filter).collect();
                client.unsubscribe(now, of.message, &names).is_ok()
            }
        });
        if sent {
            connection.expect(now, of);
        }
        sent
    }

    /// Says DISCONNECT and hangs up. `false`: there is nothing to disconnect from.
    pub(super) fn disconnect(&mut self, now: Duration, id: u8) -> bool {
        let connection = self.of(id);
        let Link::Session { socket, client, .. } = &mut connection.link else {
            return false;
        };
        let socket = *socket;
        client.disconnect(now);
        let mut last = Vec::new();
        while let Some(output) = client.poll() {
            if let ClientOutput::Send(bytes) = output {
                last.push(bytes);
            }
        }
        let last: Vec<_> = last.into_iter().map(|bytes| connection.sealed(bytes)).collect();
        self.events.extend(last.into_iter().map(|bytes| Event::Send { socket, bytes }));
        self.abandon(id);
        true
    }

    /// Hangs up and ends every wait without a result line. The link counts as lost.
    pub(super) fn abandon(&mut self, id: u8) {
        let connection = self.of(id);
        let socket = connection.socket();
        let farewell = connection.unsecure();
        let link = std::mem::replace(&mut connection.link, Link::Lost);
        let opening = match link {
            Link::Opening { of, .. } => Some(of),
            _ => None,
        };
        let waits: Vec<Completion> = connection.pending.drain(..).map(|pending| pending.of).collect();
        self.events.extend(socket.zip(farewell).map(|(socket, bytes)| Event::Send { socket, bytes }));
        self.events.extend(socket.map(|socket| Event::HangUp { socket }));
        self.events.extend(waits.into_iter().chain(opening).map(|of| Event::Completed(of, None)));
    }

    /// Results that were not told yet are not told any more.
    pub(super) fn forget_results(&mut self, connection: u8) {
        self.events.push_back(Event::Forget { connection });
    }

    /// Nothing is done on that connection until then.
    pub(super) fn rest(&mut self, id: u8, until: Duration) {
        self.of(id).link = Link::Resting { until };
    }

    /// Every link breaks, for that reason.
    pub(super) fn lose_all(&mut self, loss: Loss) {
        for id in 0..CONNECTIONS {
            match &mut self.of(id).link {
                Link::Opening { outcome, .. } => *outcome = Some(DialOutcome::Refused),
                Link::Open { .. } | Link::Session { .. } => {
                    self.abandon(id);
                    self.news.push_back((id, News::Lost(loss)));
                }
                Link::Closed | Link::Resting { .. } | Link::Lost => {}
            }
        }
    }

    /// News of a dial. A socket that was hung up has none.
    pub(super) fn network(&mut self, now: Duration, socket: SocketId, input: NetworkInput) {
        let of_socket = |connection: &&Connection<S>| connection.socket() == Some(socket);
        let Some(id) = self.all().find(of_socket).map(|connection| connection.id) else {
            return;
        };
        let Some(input) = self.unsealed(now, id, input) else {
            return;
        };
        match (&mut self.of(id).link, input) {
            (Link::Opening { outcome, .. }, NetworkInput::Dialled(dialled)) => *outcome = Some(dialled),
            (Link::Opening { outcome, .. }, NetworkInput::Closed) => *outcome = Some(DialOutcome::Refused),
            (Link::Open { .. }, NetworkInput::Closed) => {
                self.abandon(id);
                self.news.push_back((id, News::Lost(Loss::Closed)));
            }
            (Link::Session { client, .. }, NetworkInput::Received(bytes)) => client.receive(now, &bytes),
            (Link::Session { client, .. }, NetworkInput::Closed) => client.transport_closed(now),
            _ => {}
        }
    }

    /// The next thing that has come of what was started, until `None`.
    pub(super) fn next(&mut self, now: Duration) -> Option<(u8, News)> {
        self.news.pop_front().or_else(|| (0..CONNECTIONS).find_map(|id| Some((id, self.next_of(now, id)?))))
    }

    fn next_of(&mut self, now: Duration, id: u8) -> Option<News> {
        match self.of(id).dialled(now) {
            None => {}
            Some((socket, DialOutcome::Connected, of)) => {
                self.of(id).link = Link::Open { socket };
                return Some(News::Opened(of));
            }
            Some((socket, outcome, of)) => {
                let connection = self.of(id);
                let fails_handshake = connection.fails_handshake();
                connection.secured = None;
                connection.link = Link::Closed;
                self.events.push_back(Event::HangUp { socket });
                return Some(match fails_handshake {
                    true => News::NotSecured(of, TlsFault::Handshake),
                    false => News::OpenFailed(of, outcome),
                });
            }
        }
        match &mut self.of(id).link {
            Link::Session { client, .. } => client.advance(now),
            Link::Resting { until } if *until <= now => {
                self.of(id).link = Link::Lost;
                return Some(News::Rested);
            }
            _ => {}
        }
        self.next_of_client(id).or_else(|| {
            Some(match self.of(id).expire(now)? {
                Expiry::Retried(of, times) => News::Retried(of, times),
                Expiry::GivenUp(of) if of.step == Step::Connect => {
                    self.abandon(id);
                    News::ConnectFailed(of)
                }
                Expiry::GivenUp(of) => News::GivenUp(of),
            })
        })
    }

    /// That the broker has accepted the module comes after the downlinks that were read together with the CONNACK, as it has been seen on
    /// hardware.
    fn next_of_client(&mut self, id: u8) -> Option<News> {
        let connection = self.connections.get_mut(usize::from(id))?;
        while let Link::Session { socket, client, accepted, connect } = &mut connection.link {
            let (socket, of) = (*socket, *connect);
            let Some(output) = client.poll() else {
                let is_over = *accepted && connection.answered(Step::Connect, 0).is_some();
                return is_over.then_some(News::Connected(of));
            };
            match output {
                ClientOutput::Send(bytes) => {
                    let bytes = connection.sealed(bytes);
                    self.events.push_back(Event::Send { socket, bytes });
                }
                ClientOutput::Connack { return_code: 0, .. } => *accepted = true,
                ClientOutput::Connack { return_code, .. } => {
                    connection.answered(Step::Connect, 0);
                    self.abandon(id);
                    return Some(News::Refused(of, return_code));
                }
                ClientOutput::Published { handle } => {
                    if let Some(of) = connection.answered(Step::Publish, handle) {
                        return Some(News::Published(of));
                    }
                }
                ClientOutput::Subscribed { handle, granted } => {
                    if let Some(of) = connection.answered(Step::Subscribe, handle) {
                        return Some(News::Subscribed(of, granted));
                    }
                }
                ClientOutput::Unsubscribed { handle } => {
                    if let Some(of) = connection.answered(Step::Unsubscribe, handle) {
                        return Some(News::Unsubscribed(of));
                    }
                }
                ClientOutput::Message { topic, payload, packet_id, .. } => {
                    return Some(News::Message { topic, payload, message: packet_id.unwrap_or(0) });
                }
                // Whoever made the client close, tears the link down next.
                ClientOutput::Close => {}
                ClientOutput::Lost(cause) => {
                    let failed = !*accepted && connection.answered(Step::Connect, 0).is_some();
                    self.abandon(id);
                    return Some(match cause {
                        _ if failed => News::ConnectFailed(of),
                        LossCause::Closed => News::Lost(Loss::Closed),
                        LossCause::PingTimeout => News::Lost(Loss::PingTimeout),
                        LossCause::Protocol => News::Lost(Loss::Protocol),
                    });
                }
            }
        }
        None
    }

    /// When [`next`](Self::next) must be asked at the latest.
    pub(super) fn deadline(&self) -> Option<Duration> {
        self.all().filter_map(Connection::deadline).min()
    }

    pub(super) fn poll(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    pub(super) fn status(&self) -> [LinkStatus; CONNECTIONS as usize] {
        let mut all = [LinkStatus::Closed; CONNECTIONS as usize];
        for (status, connection) in all.iter_mut().zip(self.all()) {
            *status = match connection.link {
                Link::Closed => LinkStatus::Closed,
                Link::Opening { .. } => LinkStatus::Opening,
                Link::Open { .. } => LinkStatus::Open,
                Link::Session { accepted: false, .. } => LinkStatus::Connecting,
                Link::Session { accepted: true, .. } => LinkStatus::Connected,
                Link::Resting { .. } | Link::Lost => LinkStatus::Lost,
            };
        }
        all
    }
}
