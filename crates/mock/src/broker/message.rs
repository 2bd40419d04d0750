//! Messages, and the record of what was published.

use std::time::Duration;

use thiserror::Error;

use super::QoS;

/// An application message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Topic name, without wildcards.
    pub topic: String,
    /// Any bytes.
    pub payload: Vec<u8>,
    /// The `QoS` it is, or was, published with.
    pub qos: QoS,
    /// Whether the broker keeps it for later subscribers. An empty payload clears what was kept.
    pub retain: bool,
}

impl Message {
    /// A message at `QoS` 0, not retained.
    pub fn new(topic: impl Into<String>, payload: impl Into<Vec<u8>>) -> Self {
        Self { topic: topic.into(), payload: payload.into(), qos: QoS::AtMostOnce, retain: false }
    }

    /// The same message at another `QoS`.
    #[must_use]
    pub fn qos(self, qos: QoS) -> Self {
        Self { qos, ..self }
    }

    /// The same message, retained.
    #[must_use]
    pub fn retained(self) -> Self {
        Self { retain: true, ..self }
    }
}

/// Who caused a publication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Publisher {
    /// The client of this identifier.
    Client(String),
    /// The will of the client of this identifier.
    Will(String),
    /// The owner of the broker, by [`Broker::publish`](super::Broker::publish) or [`Handle::publish`](super::Handle::publish).
    Owner,
}

/// One message that the broker took in, as it came: once for each, whatever its `QoS` and however many subscribe to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// When, on the clock of whoever drives the broker.
    pub at: Duration,
    /// By whom.
    pub publisher: Publisher,
    /// What.
    pub message: Message,
}

/// Why the broker did not publish a message of its owner.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PublishFault {
    /// Empty, over 65 535 bytes, or with a wildcard or U+0000 in it.
    #[error("{topic:?} is not a topic name")]
    TopicName {
        /// The topic as given.
        topic: String,
    },
    /// Larger than the broker takes from anybody; see [`BrokerOptions::max_packet`](super::BrokerOptions::max_packet).
    #[error("a message of {size} bytes is over the limit of {limit}")]
    TooLarge {
        /// Bytes of topic and payload.
        size: usize,
        /// The most that is taken.
        limit: usize,
    },
}
