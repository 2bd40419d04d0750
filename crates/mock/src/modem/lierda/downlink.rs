//! `+LMQTTURC`: what the module says unasked.

use super::{
    super::link::{Loss, encode_hex},
    config::{Config, Format},
};

/// `<stats>` of `+LMQTTURC: STATS` (NT26 manual as cited by driver code).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Stats {
    /// Closed or reset by the server; also what the loss of the network link is reported as.
    ClosedByServer = 1,
    ProtocolError = 4,
    /// An unanswered keep-alive; that this code is used for it is inferred.
    TimedOut = 8,
    /// The module itself lost its packet network; that this code is used for it is inferred.
    Closed = 11,
    /// More was received than fits; that the link goes with it is inferred.
    BufferOverflow = 13,
}

impl Stats {
    pub(super) fn of(loss: Loss) -> Self {
        match loss {
            Loss::Closed => Self::ClosedByServer,
            Loss::Protocol => Self::ProtocolError,
            Loss::PingTimeout => Self::TimedOut,
            Loss::PacketData => Self::Closed,
            Loss::Overflow => Self::BufferOverflow,
        }
    }
}

pub(super) fn stats(id: u8, stats: Stats) -> Vec<u8> {
    format!("+LMQTTURC: STATS,{id},{}", stats as u8).into_bytes()
}

/// `RECV,<id>,<msgid>,"<topic>",[<len>,]<payload>`, or in cache mode `RECV,<id>,<msgid>`.
///
/// The payload stands as it is, in `quoted` form between quotes where a length tells its end. In the hex formats the length is that of
/// the payload, not of its digits (inferred).
pub(super) fn received(id: u8, message: u16, topic: &str, payload: &[u8], config: &Config, quoted: bool) -> Vec<u8> {
    let mut line = format!("+LMQTTURC: RECV,{id},{message}").into_bytes();
    if config.cached {
        return line;
    }
    line.extend_from_slice(format!(",\"{topic}\",").as_bytes());
    if config.show_length {
        line.extend_from_slice(format!("{},", payload.len()).as_bytes());
    }
    let quote: &[u8] = if quoted && config.show_length { b"\"" } else { b"" };
    line.extend_from_slice(quote);
    match config.receive {
        Format::Text => line.extend_from_slice(payload),
        Format::Hex(_) => line.extend(encode_hex(payload)),
    }
    line.extend_from_slice(quote);
    line
}
