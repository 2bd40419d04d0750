//! One transport toward a client: framing, the order of packets, the codec's connection, its timers.

use std::fmt;
use std::time::Duration;

use mqtt_protocol_core::mqtt::common::{Cursor, HashSet};
use mqtt_protocol_core::mqtt::connection::{Connection, Event};
use mqtt_protocol_core::mqtt::packet::{GenericPacketTrait, Packet, StorePacket, v3_1_1};
use mqtt_protocol_core::mqtt::result_code::{MqttError, SubackReturnCode};
use mqtt_protocol_core::mqtt::{Version, role};
use thiserror::Error;

use super::{Message, QoS, ReturnCode};
use crate::mqtt::{Frame, FrameFault, Framer, PacketType, TopicFilter, is_topic_name};

/// One transport, from [`Broker::accept`](super::Broker::accept) on. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub(super) u64);

/// What the client wants, or the codec wants sent.
#[derive(Debug)]
pub(super) enum LinkEvent {
    Send(Vec<u8>),
    /// The first packet, well formed and of level 4. To be answered by [`Link::accept`] or [`Link::refuse`].
    Connect(Box<v3_1_1::Connect>),
    /// Given once, also at `QoS` 2.
    Publish(Message),
    Subscribe {
        packet_id: u16,
        filters: Vec<(TopicFilter, QoS)>,
    },
    Unsubscribe {
        packet_id: u16,
        filters: Vec<TopicFilter>,
    },
    Disconnect,
    /// A message sent to the client is acknowledged to the end.
    Acknowledged(u16),
}

/// Why a link has to be closed.
#[derive(Debug, Error)]
pub(super) enum LinkFault {
    #[error("{0}")]
    Frame(#[from] FrameFault),
    #[error("{0}")]
    Codec(MqttError),
    #[error("{0:?} is not the packet for this moment")]
    OutOfOrder(PacketType),
    /// A CONNECT, but of another MQTT.
    #[error("protocol level {level}")]
    Level { level: u8 },
    #[error("a field of CONNECT")]
    Connect,
    #[error("topic filter or QoS of SUBSCRIBE or UNSUBSCRIBE")]
    Subscription,
    #[error("a message that this client may not publish")]
    NotAllowed,
}

/// The unacknowledged packets of a link, in both directions: what a kept session carries to the next link.
#[derive(Default)]
pub(super) struct Unfinished {
    to_client: Vec<StorePacket>,
    /// Packet identifiers of `QoS` 2 messages taken in and not yet released by the client.
    from_client: HashSet<u16>,
}

impl fmt::Debug for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unfinished")
            .field("to_client", &self.to_client.len())
            .field("from_client", &self.from_client.len())
            .finish()
    }
}

enum Stage {
    /// Waits for a CONNECT, until then at the latest.
    Opening {
        until: Duration,
    },
    /// A CONNECT came; the broker has not answered it.
    SigningIn,
    Open {
        client_id: String,
    },
}

pub(super) struct Link {
    framer: Framer,
    connection: Connection<role::Server>,
    stage: Stage,
    /// When the client will have been silent for 1.5 times its keep-alive.
    silent_at: Option<Duration>,
    /// When the client has to have gone.
    pub(super) ends_at: Option<Duration>,
    /// To be published unless the client says goodbye.
    pub(super) will: Option<Message>,
}

impl Link {
    pub(super) fn new(until: Duration, max_packet: usize) -> Self {
        let mut connection = Connection::new(Version::V3_1_1);
        connection.set_auto_pub_response(true);
        connection.set_auto_ping_response(true);
        Self {
            framer: Framer::new(max_packet),
            connection,
            stage: Stage::Opening { until },
            silent_at: None,
            ends_at: None,
            will: None,
        }
    }

    /// The client on this link, once it has been let in.
    pub(super) fn client_id(&self) -> Option<&str> {
        match &self.stage {
            Stage::Open { client_id } => Some(client_id),
            Stage::Opening { .. } | Stage::SigningIn => None,
        }
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        match self.stage {
            Stage::Opening { until } => Some(until),
            Stage::SigningIn | Stage::Open { .. } => self.silent_at.into_iter().chain(self.ends_at).min(),
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.framer.push(bytes);
    }

    /// What the next whole packet brings; `None` when more bytes are needed.
    pub(super) fn next(&mut self, now: Duration) -> Result<Option<Vec<LinkEvent>>, LinkFault> {
        let Some(frame) = self.framer.next()? else {
            return Ok(None);
        };
        let is_connect = frame.packet_type() == PacketType::Connect;
        if is_connect != matches!(self.stage, Stage::Opening { .. }) {
            return Err(LinkFault::OutOfOrder(frame.packet_type()));
        }
        if is_connect {
            check_connect(&frame)?;
            self.stage = Stage::SigningIn;
        }
        let events = self.connection.recv(&mut Cursor::new(frame.bytes()));
        self.digest(now, events).map(Some)
    }

    /// Lets the client in, and sends again what its session has unfinished.
    pub(super) fn accept(
        &mut self,
        now: Duration,
        client_id: String,
        resumed: Option<Unfinished>,
    ) -> Result<Vec<LinkEvent>, LinkFault> {
        let session_present = resumed.is_some();
        if let Some(unfinished) = resumed {
            self.connection.restore_packets(unfinished.to_client);
            self.connection.restore_qos2_publish_handled(unfinished.from_client);
        }
        self.stage = Stage::Open { client_id };
        let connack = connack(ReturnCode::Accepted, session_present)?;
        let events = self.connection.checked_send(connack);
        self.digest(now, events)
    }

    /// The bytes that tell a client why it is not let in. The link is to be closed after them.
    pub(super) fn refuse(code: ReturnCode) -> Result<Vec<u8>, LinkFault> {
        Ok(connack(code, false)?.to_continuous_buffer())
    }

    /// Sends a message to the client. Gives its packet identifier, at `QoS` 1 and 2.
    pub(super) fn publish(
        &mut self,
        now: Duration,
        message: Message,
    ) -> Result<(Option<u16>, Vec<LinkEvent>), LinkFault> {
        let packet_id = match message.qos {
            QoS::AtMostOnce => None,
            QoS::AtLeastOnce | QoS::ExactlyOnce => Some(self.connection.acquire_packet_id().map_err(LinkFault::Codec)?),
        };
        let packet = v3_1_1::Publish::builder()
            .topic_name(message.topic)
            .map_err(LinkFault::Codec)?
            .qos(message.qos.to_codec())
            .retain(message.retain)
            .packet_id(packet_id)
            .payload(message.payload)
            .build()
            .map_err(LinkFault::Codec)?;
        let events = self.connection.checked_send(packet);
        Ok((packet_id, self.digest(now, events)?))
    }

    pub(super) fn suback(
        &mut self,
        now: Duration,
        packet_id: u16,
        granted: &[Option<QoS>],
    ) -> Result<Vec<LinkEvent>, LinkFault> {
        let codes = granted.iter().map(|granted| match granted {
            Some(QoS::AtMostOnce) => SubackReturnCode::SuccessMaximumQos0,
            Some(QoS::AtLeastOnce) => SubackReturnCode::SuccessMaximumQos1,
            Some(QoS::ExactlyOnce) => SubackReturnCode::SuccessMaximumQos2,
            None => SubackReturnCode::Failure,
        });
        let packet = v3_1_1::Suback::builder()
            .packet_id(packet_id)
            .return_codes(codes.collect())
            .build()
            .map_err(LinkFault::Codec)?;
        let events = self.connection.checked_send(packet);
        self.digest(now, events)
    }

    pub(super) fn unsuback(&mut self, now: Duration, packet_id: u16) -> Result<Vec<LinkEvent>, LinkFault> {
        let packet = v3_1_1::Unsuback::builder().packet_id(packet_id).build().map_err(LinkFault::Codec)?;
        let events = self.connection.checked_send(packet);
        self.digest(now, events)
    }

    /// What the session has to remember when this link ends.
    pub(super) fn unfinished(&self) -> Unfinished {
        Unfinished {
            to_client: self.connection.get_stored_packets(),
            from_client: self.connection.get_qos2_publish_handled(),
        }
    }

    fn digest(&mut self, now: Duration, events: Vec<Event>) -> Result<Vec<LinkEvent>, LinkFault> {
        let mut digested = Vec::new();
        for event in events {
            match event {
                Event::RequestSendPacket { packet, .. } => {
                    digested.push(LinkEvent::Send(packet.to_continuous_buffer()));
                }
                Event::NotifyPacketReceived(packet) => digested.extend(received(packet)?),
                Event::NotifyPacketIdReleased(packet_id) => {
                    digested.push(LinkEvent::Acknowledged(packet_id));
                }
                // The only timer of a server is the silence of its client.
                Event::RequestTimerReset { duration_ms, .. } => {
                    self.silent_at = Some(now + Duration::from_millis(duration_ms));
                }
                Event::RequestTimerCancel(_) => self.silent_at = None,
                // A close is always told together with its error, or follows a DISCONNECT.
                Event::RequestClose => {}
                Event::NotifyError(fault) => return Err(LinkFault::Codec(fault)),
            }
        }
        Ok(digested)
    }
}

fn received(packet: Packet) -> Result<Option<LinkEvent>, LinkFault> {
    Ok(Some(match packet {
        Packet::V3_1_1Connect(connect) => LinkEvent::Connect(Box::new(connect)),
        Packet::V3_1_1Publish(publish) => LinkEvent::Publish(Message {
            topic: publish.topic_name().to_owned(),
            payload: publish.payload().as_slice().to_vec(),
            qos: QoS::from_codec(publish.qos()),
            retain: publish.retain(),
        }),
        Packet::V3_1_1Subscribe(subscribe) => LinkEvent::Subscribe {
            packet_id: subscribe.packet_id(),
            filters: subscribe
                .entries()
                .iter()
                .map(|entry| {
                    let filter = TopicFilter::parse(entry.topic_filter());
                    // The codec also takes the subscription options of MQTT 5, which are reserved bits here.
                    filter.zip(QoS::from_level(entry.sub_opts().to_buffer()[0]))
                })
                .collect::<Option<_>>()
                .ok_or(LinkFault::Subscription)?,
        },
        Packet::V3_1_1Unsubscribe(unsubscribe) => LinkEvent::Unsubscribe {
            packet_id: unsubscribe.packet_id(),
            filters: unsubscribe
                .entries()
                .iter()
                .map(|filter| TopicFilter::parse(filter.as_str()))
                .collect::<Option<_>>()
                .ok_or(LinkFault::Subscription)?,
        },
        Packet::V3_1_1Disconnect(_) => LinkEvent::Disconnect,
        // Acknowledgements and pings are the codec's.
        _ => return Ok(None),
    }))
}

/// The codec answers a malformed CONNECT with a return code; the standard wants the link closed without one
/// (MQTT 3.1.1, 3.1.4). So it only gets to see what is well formed.
fn check_connect(frame: &Frame) -> Result<(), LinkFault> {
    match frame.body() {
        [0, 4, b'M', b'Q', b'T', b'T', 4, ..] => {}
        // MQTT 5.0 and others after it; and MQTT 3.1, which had another name.
        [0, 4, b'M', b'Q', b'T', b'T', level, ..] | [0, 6, b'M', b'Q', b'I', b's', b'd', b'p', level, ..] => {
            return Err(LinkFault::Level { level: *level });
        }
        _ => return Err(LinkFault::Connect),
    }
    let (connect, length) = v3_1_1::Connect::parse(frame.body()).map_err(LinkFault::Codec)?;
    let texts = [Some(connect.client_id()), connect.user_name()];
    let well_formed = length == frame.body().len()
        && !texts.into_iter().flatten().any(|text| text.contains('\0'))
        && connect.will_topic().is_none_or(is_topic_name);
    if well_formed { Ok(()) } else { Err(LinkFault::Connect) }
}

fn connack(code: ReturnCode, session_present: bool) -> Result<v3_1_1::Connack, LinkFault> {
    v3_1_1::Connack::builder()
        .session_present(session_present)
        .return_code(code.to_codec())
        .build()
        .map_err(LinkFault::Codec)
}
