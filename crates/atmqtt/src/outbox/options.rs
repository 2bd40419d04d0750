//! How much an outbox holds, and what happens beyond that.

use std::time::Duration;

/// How much an outbox holds, for how long, and what happens beyond that. They are kept in the file, so that whoever looks at it
/// later knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutboxOptions {
    /// The most messages there can be. Default: 100 000.
    pub max_messages: u64,
    /// The most bytes that topics and payloads can have together. Default: 64 MiB. The file has room for the next change beside
    /// what is there, and payloads of more than a page (4096 bytes) have a power of two of them: count with three times as much on
    /// the disk. It shrinks again.
    pub max_bytes: u64,
    /// How long a message is worth sending, unless it says so itself; to the millisecond. Default: `None`, for ever.
    pub time_to_live: Option<Duration>,
    /// What happens to a message that does not fit. Default: it is refused.
    pub when_full: WhenFull,
}

impl Default for OutboxOptions {
    fn default() -> OutboxOptions {
        OutboxOptions {
            max_messages: 100_000,
            max_bytes: 64 * 1024 * 1024,
            time_to_live: None,
            when_full: WhenFull::Refuse,
        }
    }
}

/// What happens to a message that does not fit any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WhenFull {
    /// It is refused ([`OutboxError::Full`](super::OutboxError::Full)), and what is there stays.
    #[default]
    Refuse,
    /// The oldest give way to it, as many as it needs; each is counted. One that is marked as sent is spared, since it may be
    /// arriving right now.
    DropOldest,
}
