//! The LMQTT commands of Lierda modules: an MQTT client behind `AT+LMQTT…`.
//!
//! Every refusal for wrong order or wrong arguments is CME error 3, as `EC6xx` firmware answers nearly all of them. What only a result
//! line can tell (an open that fails, a topic that is no topic, a broker that refuses) is told by the result line, with the manual's codes.
//!
//! What the manual leaves open and this module decides: LMQTTDISC closes the network link and forgets the configuration, as LMQTTCLOSE and
//! a failed LMQTTOPEN do (EC616 firmware); a link that was lost or
//! refused keeps its connection id in use until LMQTTCLOSE; a packet that is given up after
//! its time-outs ends with result 2; publishes that were on their way when the link was lost get no result at all; the client speaks MQTT
//! 3.1.1 only and has no TLS; no command reads a cached message, since the syntax of LMQTTREAD is not known.

mod commands;
mod config;
mod connection;
mod downlink;
mod publish;

use std::{collections::VecDeque, time::Duration};

use super::{
    answer::{Answer, Cme, Completion},
    options::{ModemOptions, Step, UnsubscribeSpelling},
};
use crate::mqtt::{ClientOutput, LossCause};
use connection::{Connection, Expiry, Link};
use downlink::Stats;
pub(super) use publish::Publish;

/// Names one dial of the module; never used again for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(u64);

/// How a dial ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialOutcome {
    /// The TCP link is up.
    Connected,
    /// The name does not resolve.
    DnsFailed,
    /// Refused, or nothing answers.
    Refused,
}

/// What the network has to say to the module about one of its dials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetworkInput {
    /// The dial ended.
    Dialled(DialOutcome),
    /// Bytes from the broker.
    Received(Vec<u8>),
    /// The broker closed, or the link broke.
    Closed,
}

/// How far an MQTT connection is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LinkStatus {
    /// Nothing is open.
    #[default]
    Closed,
    /// LMQTTOPEN is under way.
    Opening,
    /// The network link is up.
    Open,
    /// LMQTTCONN is under way.
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
}

/// What the commands need to know of the module around them.
pub(super) struct Surroundings<'a> {
    pub(super) options: &'a ModemOptions,
    pub(super) packet_data: bool,
}

type Reply = Result<Answer<Publish>, Cme>;

/// LMQTTOPEN, `<extend>` (NT26 manual as cited by driver code).
#[derive(Clone, Copy)]
#[repr(u8)]
enum OpenFault {
    Parameter = 1,
    IdInUse = 2,
    PacketNetwork = 3,
    Dns = 4,
    Network = 5,
}

/// The connections of one module.
pub(super) struct Lierda {
    connections: Vec<Connection>,
    sockets: u64,
    events: VecDeque<Event>,
}

/// As many as any model has.
pub(super) const CONNECTIONS: u8 = 5;

impl Lierda {
    pub(super) fn new(options: &ModemOptions) -> Self {
        let connections = (0..CONNECTIONS).map(|id| Connection::new(id, &options.quirks)).collect();
        Self { connections, sockets: 0, events: VecDeque::new() }
    }

    /// News of a dial. A socket that was hung up has none.
    pub(super) fn network(&mut self, now: Duration, socket: SocketId, input: NetworkInput, around: &Surroundings<'_>) {
        let Some(connection) = self.connections.iter_mut().find(|connection| connection.socket() == Some(socket))
        else {
            return;
        };
        let id = connection.id;
        match (&mut connection.link, input) {
            (Link::Opening { outcome, .. }, NetworkInput::Dialled(dialled)) => {
                *outcome = Some(dialled);
                self.opened(now, id, around);
            }
            (Link::Opening { outcome, .. }, NetworkInput::Closed) => *outcome = Some(DialOutcome::Refused),
            (Link::Open { .. }, NetworkInput::Closed) => self.lose(id, Some(Stats::ClosedByServer)),
            (Link::Session { client, .. }, NetworkInput::Received(bytes)) => {
                client.receive(now, &bytes);
                self.drain(id, around);
            }
            (Link::Session { client, .. }, NetworkInput::Closed) => {
                client.transport_closed(now);
                self.drain(id, around);
            }
            _ => {}
        }
    }

    fn opened(&mut self, now: Duration, id: u8, around: &Surroundings<'_>) {
        let connection = &mut self.connections[usize::from(id)];
        let Some((socket, outcome)) = connection.dialled(now) else {
            return;
        };
        let fault = match outcome {
            DialOutcome::Connected => {
                connection.link = Link::Open { socket };
                return self.complete(id, Step::Open, 0, format!("+LMQTTOPEN: {id},0"));
            }
            DialOutcome::DnsFailed => OpenFault::Dns,
            DialOutcome::Refused => OpenFault::Network,
        };
        self.events.push_back(Event::HangUp { socket });
        self.open_failed(id, fault, around);
    }

    fn open_failed(&mut self, id: u8, fault: OpenFault, around: &Surroundings<'_>) {
        // The connection that holds the id is not touched by a second open.
        if !matches!(fault, OpenFault::IdInUse) {
            self.connections[usize::from(id)].forget(&around.options.quirks);
        }
        self.complete(id, Step::Open, 0, format!("+LMQTTOPEN: {id},-1,{}", fault as u8));
    }

    /// Time has passed.
    pub(super) fn advance(&mut self, now: Duration, around: &Surroundings<'_>) {
        for id in 0..CONNECTIONS {
            self.opened(now, id, around);
            if let Link::Session { client, .. } = &mut self.connections[usize::from(id)].link {
                client.advance(now);
                self.drain(id, around);
            }
            while let Some(expiry) = self.connections[usize::from(id)].expire(now) {
                self.expired(expiry, around);
            }
        }
    }

    fn expired(&mut self, expiry: Expiry, around: &Surroundings<'_>) {
        match expiry {
            Expiry::Retried(of) => {
                let connection = &self.connections[usize::from(of.connection)];
                if connection.config.notice && connection.config.urc && of.step == Step::Publish {
                    let line = format!("+LMQTTPUB: {},{},1", of.connection, of.message);
                    self.events.push_back(Event::Line(line.into_bytes()));
                }
            }
            Expiry::GivenUp(Completion { connection: id, step: Step::Connect, .. }) => {
                self.lose(id, None);
                self.complete(id, Step::Connect, 0, format!("+LMQTTCONN: {id},2,6"));
            }
            Expiry::GivenUp(of) if of.step == Step::Publish => self.acknowledge(of, "2", around),
            Expiry::GivenUp(of) => self.acknowledge(of, "1,6", around),
        }
    }

    /// When [`advance`](Self::advance) must be called at the latest.
    pub(super) fn deadline(&self) -> Option<Duration> {
        self.connections.iter().filter_map(Connection::deadline).min()
    }

    /// The module has lost its packet network.
    pub(super) fn packet_data_lost(&mut self) {
        self.lose_all(Stats::Closed);
    }

    /// The links break under the module.
    pub(super) fn drop_links(&mut self) {
        self.lose_all(Stats::ClosedByServer);
    }

    /// What was received no longer fits.
    pub(super) fn overflow(&mut self) {
        self.lose_all(Stats::BufferOverflow);
    }

    fn lose_all(&mut self, stats: Stats) {
        for id in 0..CONNECTIONS {
            let connection = &mut self.connections[usize::from(id)];
            match &mut connection.link {
                Link::Opening { outcome, .. } => *outcome = Some(DialOutcome::Refused),
                Link::Open { .. } | Link::Session { .. } => self.lose(id, Some(stats)),
                Link::Closed | Link::Lost => {}
            }
        }
    }

    /// A reset: everything is forgotten, and nothing is told.
    pub(super) fn reset(&mut self, options: &ModemOptions) {
        self.events.clear();
        for connection in &mut self.connections {
            if let Some(socket) = connection.socket() {
                self.events.push_back(Event::HangUp { socket });
            }
            connection.forget(&options.quirks);
        }
    }

    pub(super) fn poll(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    pub(super) fn status(&self) -> [LinkStatus; CONNECTIONS as usize] {
        let mut all = [LinkStatus::Closed; CONNECTIONS as usize];
        for (status, connection) in all.iter_mut().zip(&self.connections) {
            *status = match connection.link {
                Link::Closed => LinkStatus::Closed,
                Link::Opening { .. } => LinkStatus::Opening,
                Link::Open { .. } => LinkStatus::Open,
                Link::Session { accepted: false, .. } => LinkStatus::Connecting,
                Link::Session { accepted: true, .. } => LinkStatus::Connected,
                Link::Lost => LinkStatus::Lost,
            };
        }
        all
    }

    /// Passes on what the client of a connection has to tell.
    ///
    /// The result of LMQTTCONN comes after the downlinks that were read together with the CONNACK, as it has been seen on hardware.
    fn drain(&mut self, id: u8, around: &Surroundings<'_>) {
        let mut connected = false;
        while let Link::Session { socket, client, accepted } = &mut self.connections[usize::from(id)].link {
            let socket = *socket;
            let Some(output) = client.poll() else {
                break;
            };
            match output {
                ClientOutput::Send(bytes) => self.events.push_back(Event::Send { socket, bytes }),
                ClientOutput::Connack { return_code: 0, .. } => {
                    *accepted = true;
                    connected = true;
                }
                ClientOutput::Connack { return_code, .. } => {
                    self.connections[usize::from(id)].answered(Step::Connect, 0);
                    self.lose(id, None);
                    self.complete(id, Step::Connect, 0, format!("+LMQTTCONN: {id},0,{return_code}"));
                }
                ClientOutput::Published { handle } => self.answered(id, Step::Publish, handle, "0", around),
                ClientOutput::Subscribed { handle, granted } => {
                    let result = if granted.contains(&None) { "1,6" } else { "0,1" };
                    self.answered(id, Step::Subscribe, handle, result, around);
                }
                ClientOutput::Unsubscribed { handle } => self.answered(id, Step::Unsubscribe, handle, "0", around),
                ClientOutput::Message { topic, payload, packet_id, .. } => {
                    let config = &self.connections[usize::from(id)].config;
                    let message = packet_id.unwrap_or(0);
                    let line =
                        downlink::received(id, message, &topic, &payload, config, around.options.quirks.quoted_payload);
                    self.events.push_back(Event::Line(line));
                }
                // Whoever made the client close, tears the link down next.
                ClientOutput::Close => {}
                ClientOutput::Lost(cause) => {
                    let was_connecting = self.connections[usize::from(id)].answered(Step::Connect, 0);
                    if was_connecting && !connected {
                        self.lose(id, None);
                        self.complete(id, Step::Connect, 0, format!("+LMQTTCONN: {id},2,6"));
                        return;
                    }
                    self.lose(
                        id,
                        Some(match cause {
                            LossCause::Closed => Stats::ClosedByServer,
                            LossCause::PingTimeout => Stats::TimedOut,
                            LossCause::Protocol => Stats::ProtocolError,
                        }),
                    );
                }
            }
        }
        if connected {
            self.answered(id, Step::Connect, 0, "0,0", around);
        }
    }

    fn answered(&mut self, id: u8, step: Step, message: u16, result: &str, around: &Surroundings<'_>) {
        if !self.connections[usize::from(id)].answered(step, message) {
            return;
        }
        match step {
            Step::Connect => self.complete(id, step, message, format!("+LMQTTCONN: {id},{result}")),
            _ => self.acknowledge(Completion { connection: id, step, message }, result, around),
        }
    }

    /// The result of a publish, subscribe or unsubscribe: told only where `"urc"` asks for it.
    fn acknowledge(&mut self, of: Completion, result: &str, around: &Surroundings<'_>) {
        let name = match (of.step, around.options.quirks.unsubscribe_spelling) {
            (Step::Publish, _) => "+LMQTTPUB",
            (Step::Unsubscribe, UnsubscribeSpelling::Manual) => "+LMQTTUNSUNSUB",
            _ => "+LMQTTSUBUNSUB",
        };
        let wanted = self.connections[usize::from(of.connection)].config.urc;
        let line = wanted.then(|| format!("{name}: {},{},{result}", of.connection, of.message));
        self.events.push_back(Event::Completed(of, line));
    }

    fn complete(&mut self, connection: u8, step: Step, message: u16, line: String) {
        self.events.push_back(Event::Completed(Completion { connection, step, message }, Some(line)));
    }

    /// The link is gone; the id stays in use until the host closes it. The host is told where `stats` says what.
    fn lose(&mut self, id: u8, stats: Option<Stats>) {
        self.abandon(id);
        self.connections[usize::from(id)].link = Link::Lost;
        if let Some(stats) = stats {
            self.events.push_back(Event::Line(downlink::stats(id, stats)));
        }
    }

    /// Hangs up and ends every wait without a result line.
    fn abandon(&mut self, id: u8) {
        let connection = &mut self.connections[usize::from(id)];
        if let Some(socket) = connection.socket() {
            self.events.push_back(Event::HangUp { socket });
        }
        let opening = matches!(connection.link, Link::Opening { .. }).then_some(Completion {
            connection: id,
            step: Step::Open,
            message: 0,
        });
        let waits: Vec<Completion> = connection.pending.drain(..).map(|pending| pending.of).collect();
        self.events.extend(waits.into_iter().chain(opening).map(|of| Event::Completed(of, None)));
    }
}
