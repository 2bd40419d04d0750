//! What the broker wants done.

use super::link::LinkId;

/// What the broker wants done to a transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Write these bytes, after all earlier ones.
    Send {
        /// Where to.
        link: LinkId,
        /// One whole packet, or what TLS makes of it.
        bytes: Vec<u8>,
    },
    /// Close the transport, once what was sent has left. The broker has forgotten it already.
    Close {
        /// Which one.
        link: LinkId,
    },
}
