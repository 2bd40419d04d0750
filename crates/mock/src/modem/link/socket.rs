//! A socket of the module, and what the network says of it.

/// Names one dial of the module; never used again for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub(super) u64);

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
