//! The client role: one MQTT 3.1.1 client as a module carries it, without a clock and without I/O.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::Duration;

use mqtt_protocol_core::mqtt::common::Cursor;
use mqtt_protocol_core::mqtt::connection::{Connection, Event, TimerKind};
use mqtt_protocol_core::mqtt::packet::{GenericPacketTrait, Packet, SubEntry, SubOpts, v3_1_1};
use mqtt_protocol_core::mqtt::result_code::{ConnectReturnCode, SubackReturnCode};
use mqtt_protocol_core::mqtt::{Version, role};
use thiserror::Error;

use super::{Frame, Framer, PacketType, QoS, TopicFilter, is_topic_name};

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_mosquitto;

/// How long a PINGREQ may stay unanswered. The default packet time-out of the family (EC-01G AT manual, ECMTCFG
/// "timeout"); whether pings use it is inferred.
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// Largest packet taken from a broker, in bytes. Far above what a module can hand to its host.
const MAX_PACKET: usize = 1 << 20;

/// A message that the broker sends when the client goes without a DISCONNECT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Will {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
}

/// What the CONNECT packet says.
#[derive(Clone)]
pub(crate) struct ConnectOptions {
    pub(crate) client_id: String,
    pub(crate) username: Option<String>,
    /// Only together with a user name. MQTT 3.1.1, 3.1.2.9.
    pub(crate) password: Option<Vec<u8>>,
    /// Seconds; 0 = no pings and no limit.
    pub(crate) keep_alive: u16,
    pub(crate) clean_session: bool,
    pub(crate) will: Option<Will>,
}

impl fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectOptions")
            .field("client_id", &self.client_id)
            .field("username", &self.username)
            .field("password", &self.password.as_ref().map(|_| "(redacted)"))
            .field("keep_alive", &self.keep_alive)
            .field("clean_session", &self.clean_session)
            .field("will", &self.will)
            .finish()
    }
}

/// Why a request was refused before a byte was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum ClientFault {
    /// The broker has not accepted a CONNECT, or the link has gone since.
    #[error("not connected")]
    NotConnected,
    /// The CONNECT packet cannot be built: a field over 65 535 bytes, a password without a user name, a will on no
    /// valid topic.
    #[error("connect options that no CONNECT packet can carry")]
    Options,
    #[error("not a topic name")]
    TopicName,
    #[error("not a topic filter")]
    TopicFilter,
    /// Nothing to subscribe to or to unsubscribe from.
    #[error("no topic filter")]
    Empty,
    /// All 65 535 packet identifiers wait for an answer.
    #[error("no packet identifier is free")]
    PacketIdentifiers,
}

/// Why a link was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LossCause {
    /// The transport closed without having been asked to.
    Closed,
    /// A PINGREQ was not answered in time.
    PingTimeout,
    /// The broker sent something that is not MQTT 3.1.1.
    Protocol,
}

/// What the client wants done, or has to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ClientOutput {
    /// Bytes for the transport, in order.
    Send(Vec<u8>),
    /// Close the transport, after what was sent has left.
    Close,
    /// The broker answered the CONNECT. `return_code` 0 accepts; after 1-5 a `Close` follows.
    Connack {
        session_present: bool,
        return_code: u8,
    },
    /// `QoS` 0: sent. `QoS` 1: PUBACK came. `QoS` 2: PUBCOMP came.
    Published {
        handle: u16,
    },
    /// SUBACK: the `QoS` granted for each filter, in the order of the request; `None` where it was refused.
    Subscribed {
        handle: u16,
        granted: Vec<Option<QoS>>,
    },
    Unsubscribed {
        handle: u16,
    },
    /// A message, given out once whatever its `QoS`. `packet_id` is `None` at `QoS` 0.
    Message {
        topic: String,
        payload: Vec<u8>,
        qos: QoS,
        retain: bool,
        duplicate: bool,
        packet_id: Option<u16>,
    },
    /// The link is lost. A `Close` came before it where the transport is still up.
    Lost(LossCause),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Down,
    /// CONNECT is out.
    Connecting,
    Online,
    /// `Close` was asked for; the transport has not reported it yet.
    Closing,
}

/// What waits for an acknowledgement, by packet identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pending {
    Publish(u16),
    Subscribe(u16),
    Unsubscribe(u16),
}

/// One MQTT 3.1.1 client, driven by its owner: bytes in, time passed, request in; [`poll`](Self::poll) until `None` after each.
///
/// Inbound `QoS` 1 and 2 is acknowledged here. The client may be used for one transport after another: with a kept
/// session what was not acknowledged is sent again, once the broker says that it still has the session.
/// Publishes of a session that did not survive are forgotten: no [`ClientOutput::Published`] comes for them.
pub(crate) struct Client {
    connect: v3_1_1::Connect,
    clean_session: bool,
    connection: Connection<role::Client>,
    framer: Framer,
    state: State,
    pending: BTreeMap<u16, Pending>,
    ping_at: Option<Duration>,
    pingresp_by: Option<Duration>,
    outputs: VecDeque<ClientOutput>,
}

impl Client {
    /// A client that has no transport yet. [`ClientFault::Options`] if no CONNECT packet can carry the options.
    pub(crate) fn new(options: ConnectOptions) -> Result<Self, ClientFault> {
        let clean_session = options.clean_session;
        let mut connection = Connection::new(Version::V3_1_1);
        connection.set_auto_pub_response(true);
        connection.set_pingresp_recv_timeout(PING_TIMEOUT.as_millis().try_into().map_err(|_| ClientFault::Options)?);
        Ok(Self {
            connect: connect_packet(options)?,
            clean_session,
            connection,
            framer: Framer::new(MAX_PACKET),
            state: State::Down,
            pending: BTreeMap::new(),
            ping_at: None,
            pingresp_by: None,
            outputs: VecDeque::new(),
        })
    }

    /// The TCP link is up: CONNECT goes out. Does nothing while an earlier transport has not been reported closed.
    pub(crate) fn transport_up(&mut self, now: Duration) {
        if self.state != State::Down {
            return;
        }
        self.state = State::Connecting;
        self.framer.clear();
        let events = self.connection.checked_send(self.connect.clone());
        self.apply(now, events);
    }

    /// Publishes. `handle` is the caller's own number, echoed in [`ClientOutput::Published`]; several publishes may
    /// share one.
    pub(crate) fn publish(
        &mut self,
        now: Duration,
        handle: u16,
        topic: &str,
        payload: &[u8],
        qos: QoS,
        retain: bool,
    ) -> Result<(), ClientFault> {
        self.require_online()?;
        if !is_topic_name(topic) {
            return Err(ClientFault::TopicName);
        }
        let packet_id = match qos {
            QoS::AtMostOnce => None,
            QoS::AtLeastOnce | QoS::ExactlyOnce => Some(self.packet_id()?),
        };
        let packet = v3_1_1::Publish::builder()
            .topic_name(topic)
            .and_then(|builder| {
                builder.qos(qos.to_codec()).retain(retain).packet_id(packet_id).payload(payload).build()
            })
            .map_err(|_| ClientFault::TopicName)?;
        if let Some(packet_id) = packet_id {
            self.pending.insert(packet_id, Pending::Publish(handle));
        }
        let events = self.connection.checked_send(packet);
        self.apply(now, events);
        if packet_id.is_none() {
            self.outputs.push_back(ClientOutput::Published { handle });
        }
        Ok(())
    }

    /// Subscribes to one or more filters, in one SUBSCRIBE packet.
    pub(crate) fn subscribe(&mut self, now: Duration, handle: u16, filters: &[(&str, QoS)]) -> Result<(), ClientFault> {
        self.require_online()?;
        require_filters(filters.iter().map(|(filter, _)| *filter))?;
        let entries = filters
            .iter()
            .map(|(filter, qos)| SubEntry::new(*filter, SubOpts::new().set_qos(qos.to_codec())))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| ClientFault::TopicFilter)?;
        let packet_id = self.packet_id()?;
        let packet = v3_1_1::Subscribe::builder()
            .packet_id(packet_id)
            .entries(entries)
            .build()
            .map_err(|_| ClientFault::TopicFilter)?;
        self.pending.insert(packet_id, Pending::Subscribe(handle));
        let events = self.connection.checked_send(packet);
        self.apply(now, events);
        Ok(())
    }

    /// Unsubscribes from one or more filters, in one UNSUBSCRIBE packet.
    pub(crate) fn unsubscribe(&mut self, now: Duration, handle: u16, filters: &[&str]) -> Result<(), ClientFault> {
        self.require_online()?;
        require_filters(filters.iter().copied())?;
        let packet_id = self.packet_id()?;
        let builder = v3_1_1::Unsubscribe::builder().packet_id(packet_id).entries(filters.iter().copied());
        let packet = builder.map_err(|_| ClientFault::TopicFilter)?.build().map_err(|_| ClientFault::TopicFilter)?;
        self.pending.insert(packet_id, Pending::Unsubscribe(handle));
        let events = self.connection.checked_send(packet);
        self.apply(now, events);
        Ok(())
    }

    /// Leaves: DISCONNECT where the broker has accepted the client, then `Close`. No `Lost` follows.
    pub(crate) fn disconnect(&mut self, now: Duration) {
        match self.state {
            State::Online => {
                self.state = State::Closing;
                let events = self.connection.checked_send(v3_1_1::Disconnect::new());
                self.apply(now, events);
                self.outputs.push_back(ClientOutput::Close);
            }
            State::Connecting => {
                self.state = State::Closing;
                self.outputs.push_back(ClientOutput::Close);
            }
            State::Down | State::Closing => {}
        }
    }

    /// Bytes from the transport, in whatever pieces.
    pub(crate) fn receive(&mut self, now: Duration, bytes: &[u8]) {
        self.framer.push(bytes);
        while matches!(self.state, State::Connecting | State::Online) {
            match self.framer.next() {
                Ok(Some(frame)) => self.receive_frame(now, &frame),
                Ok(None) => break,
                Err(fault) => self.violated(fault),
            }
        }
    }

    /// The transport is gone.
    pub(crate) fn transport_closed(&mut self, now: Duration) {
        let before = std::mem::replace(&mut self.state, State::Down);
        if before == State::Down {
            return;
        }
        let events = self.connection.notify_closed();
        self.apply(now, events);
        self.ping_at = None;
        self.pingresp_by = None;
        let kept = !self.clean_session;
        self.pending.retain(|_, pending| kept && matches!(pending, Pending::Publish(_)));
        if before != State::Closing {
            self.outputs.push_back(ClientOutput::Lost(LossCause::Closed));
        }
    }

    /// Time has passed: pings, and gives up on a ping that was not answered.
    pub(crate) fn advance(&mut self, now: Duration) {
        if self.state != State::Online {
            return;
        }
        if self.pingresp_by.is_some_and(|at| at <= now) {
            self.pingresp_by = None;
            self.lose(LossCause::PingTimeout);
        } else if self.ping_at.is_some_and(|at| at <= now) {
            self.ping_at = None;
            let events = self.connection.notify_timer_fired(TimerKind::PingreqSend);
            self.apply(now, events);
        }
    }

    /// When [`advance`](Self::advance) has to be called at the latest; `None` when only an event can change anything.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        if self.state != State::Online {
            return None;
        }
        [self.ping_at, self.pingresp_by].into_iter().flatten().min()
    }

    /// The next thing to do or to tell, in order.
    pub(crate) fn poll(&mut self) -> Option<ClientOutput> {
        self.outputs.pop_front()
    }

    fn require_online(&self) -> Result<(), ClientFault> {
        if self.state == State::Online { Ok(()) } else { Err(ClientFault::NotConnected) }
    }

    fn packet_id(&mut self) -> Result<u16, ClientFault> {
        self.connection.acquire_packet_id().map_err(|_| ClientFault::PacketIdentifiers)
    }

    fn receive_frame(&mut self, now: Duration, frame: &Frame) {
        // The first packet from a server is its CONNACK, and it is the only one. MQTT 3.1.1, 3.2.
        let is_connack = frame.packet_type() == PacketType::Connack;
        if is_connack != (self.state == State::Connecting) {
            return self.violated("CONNACK out of its place");
        }
        let events = self.connection.recv(&mut Cursor::new(frame.bytes()));
        self.apply(now, events);
    }

    fn apply(&mut self, now: Duration, events: Vec<Event>) {
        for event in events {
            match event {
                Event::RequestSendPacket { packet, .. } => {
                    self.outputs.push_back(ClientOutput::Send(packet.to_continuous_buffer()));
                }
                Event::NotifyPacketReceived(packet) => self.received(packet),
                Event::RequestTimerReset { kind, duration_ms } => {
                    *self.timer(kind) = Some(now + Duration::from_millis(duration_ms));
                }
                Event::RequestTimerCancel(kind) => *self.timer(kind) = None,
                Event::NotifyError(fault) => self.violated(fault),
                // Both ends of a link are closed here, where the state is known; identifiers are freed with their packets.
                Event::RequestClose | Event::NotifyPacketIdReleased(_) => {}
            }
        }
    }

    fn timer(&mut self, kind: TimerKind) -> &mut Option<Duration> {
        match kind {
            TimerKind::PingreqSend => &mut self.ping_at,
            // The server's timer never runs in a client.
            TimerKind::PingrespRecv | TimerKind::PingreqRecv => &mut self.pingresp_by,
        }
    }

    fn received(&mut self, packet: Packet) {
        match packet {
            Packet::V3_1_1Connack(connack) => self.connack(&connack),
            Packet::V3_1_1Publish(publish) => self.outputs.push_back(ClientOutput::Message {
                topic: publish.topic_name().to_owned(),
                payload: publish.payload().as_slice().to_vec(),
                qos: QoS::from_codec(publish.qos()),
                retain: publish.retain(),
                duplicate: publish.dup(),
                packet_id: publish.packet_id(),
            }),
            Packet::V3_1_1Puback(puback) => self.published(puback.packet_id()),
            Packet::V3_1_1Pubcomp(pubcomp) => self.published(pubcomp.packet_id()),
            Packet::V3_1_1Suback(suback) => {
                if let Some(Pending::Subscribe(handle)) = self.pending.remove(&suback.packet_id()) {
                    let granted = suback.return_codes().into_iter().map(granted).collect();
                    self.outputs.push_back(ClientOutput::Subscribed { handle, granted });
                }
            }
            Packet::V3_1_1Unsuback(unsuback) => {
                if let Some(Pending::Unsubscribe(handle)) = self.pending.remove(&unsuback.packet_id()) {
                    self.outputs.push_back(ClientOutput::Unsubscribed { handle });
                }
            }
            // PUBREC, PUBREL and PINGRESP are answered or used up by the codec; nothing else reaches a client.
            _ => {}
        }
    }

    fn connack(&mut self, connack: &v3_1_1::Connack) {
        let accepted = connack.return_code() == ConnectReturnCode::Accepted;
        if !connack.session_present() {
            self.pending.clear();
        }
        self.outputs.push_back(ClientOutput::Connack {
            session_present: connack.session_present(),
            return_code: connack.return_code() as u8,
        });
        if accepted {
            self.state = State::Online;
        } else {
            self.state = State::Closing;
            self.outputs.push_back(ClientOutput::Close);
        }
    }

    fn published(&mut self, packet_id: u16) {
        if let Some(Pending::Publish(handle)) = self.pending.remove(&packet_id) {
            self.outputs.push_back(ClientOutput::Published { handle });
        }
    }

    fn violated(&mut self, fault: impl fmt::Display) {
        if matches!(self.state, State::Connecting | State::Online) {
            tracing::debug!(%fault, "the broker broke the protocol");
            self.lose(LossCause::Protocol);
        }
    }

    fn lose(&mut self, cause: LossCause) {
        self.state = State::Closing;
        self.outputs.push_back(ClientOutput::Close);
        self.outputs.push_back(ClientOutput::Lost(cause));
    }
}

fn connect_packet(options: ConnectOptions) -> Result<v3_1_1::Connect, ClientFault> {
    let build = || {
        let mut builder = v3_1_1::Connect::builder()
            .client_id(options.client_id)?
            .clean_session(options.clean_session)
            .keep_alive(options.keep_alive);
        if let Some(will) = &options.will {
            builder =
                builder.will_message(will.topic.as_str(), will.payload.clone(), will.qos.to_codec(), will.retain)?;
        }
        if let Some(username) = options.username {
            builder = builder.user_name(username)?;
        }
        if let Some(password) = options.password {
            builder = builder.password(password)?;
        }
        builder.build()
    };
    if options.will.as_ref().is_some_and(|will| !is_topic_name(&will.topic)) {
        return Err(ClientFault::Options);
    }
    build().map_err(|_| ClientFault::Options)
}

fn require_filters<'a>(filters: impl IntoIterator<Item = &'a str>) -> Result<(), ClientFault> {
    let mut filters = filters.into_iter().peekable();
    if filters.peek().is_none() {
        return Err(ClientFault::Empty);
    }
    if filters.all(|filter| TopicFilter::parse(filter).is_some()) { Ok(()) } else { Err(ClientFault::TopicFilter) }
}

fn granted(code: SubackReturnCode) -> Option<QoS> {
    QoS::from_level(code as u8)
}
