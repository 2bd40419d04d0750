//! MQTT 3.1.1 as both ends of the mock need it: the words, the framing, the rules of topics, and the client role.
//!
//! Packets are read and written by `mqtt-protocol-core`, which is generous with what it accepts; [`frame`] holds the
//! rules of the standard that it leaves to its caller.

mod client;
mod frame;
mod topic;

pub(crate) use client::{Client, ClientOutput, ConnectOptions, LossCause, Will};
pub(crate) use frame::{Frame, FrameFault, Framer, PacketType};
pub(crate) use topic::{TopicFilter, is_topic_name};

use mqtt_protocol_core::mqtt::packet::Qos;

/// Quality of service of a message or of a subscription. MQTT 3.1.1, 4.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QoS {
    /// `QoS` 0: sent once, never acknowledged.
    AtMostOnce,
    /// `QoS` 1: sent until a PUBACK comes.
    AtLeastOnce,
    /// `QoS` 2: PUBLISH, PUBREC, PUBREL, PUBCOMP.
    ExactlyOnce,
}

impl QoS {
    /// The value as the protocol writes it: 0, 1 or 2.
    pub fn level(self) -> u8 {
        match self {
            Self::AtMostOnce => 0,
            Self::AtLeastOnce => 1,
            Self::ExactlyOnce => 2,
        }
    }

    /// The `QoS` of a level as the protocol writes it; `None` for anything but 0, 1 and 2.
    pub fn from_level(level: u8) -> Option<Self> {
        match level {
            0 => Some(Self::AtMostOnce),
            1 => Some(Self::AtLeastOnce),
            2 => Some(Self::ExactlyOnce),
            _ => None,
        }
    }

    pub(crate) fn from_codec(qos: Qos) -> Self {
        match qos {
            Qos::AtMostOnce => Self::AtMostOnce,
            Qos::AtLeastOnce => Self::AtLeastOnce,
            Qos::ExactlyOnce => Self::ExactlyOnce,
        }
    }

    pub(crate) fn to_codec(self) -> Qos {
        match self {
            Self::AtMostOnce => Qos::AtMostOnce,
            Self::AtLeastOnce => Qos::AtLeastOnce,
            Self::ExactlyOnce => Qos::ExactlyOnce,
        }
    }
}
