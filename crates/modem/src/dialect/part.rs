//! Messages that come in several lines.

/// A piece of a message that comes in several lines.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// A message begins, one at a time; its pieces follow.
    Beginning {
        /// How many bytes its topic has.
        topic: usize,
        /// How many bytes its payload has.
        payload: usize,
    },
    /// A piece of the topic of the message that has begun.
    Topic(Vec<u8>),
    /// A piece of the payload of the message that has begun.
    Payload(Vec<u8>),
    /// The message that has begun is complete.
    End,
    /// A piece of the payload of a message that each of its lines names. Pieces of several messages may come in turns.
    Chunk {
        /// The packet identifier; 0 is none.
        packet_id: u16,
        /// The topic, whole.
        topic: String,
        /// How many bytes the whole payload has.
        total: usize,
        /// The piece.
        payload: Vec<u8>,
    },
}
