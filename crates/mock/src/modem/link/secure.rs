//! TLS on a link of the module, between its socket and its MQTT client.

use std::time::Duration;

use super::socket::SocketId;
use crate::tls::Session;

/// What TLS holds of one link.
pub(in crate::modem) struct Secured {
    pub(super) socket: SocketId,
    pub(super) session: Session,
    /// Longest handshake.
    pub(super) limit: Duration,
    /// The network link is up, so that what fails now is the handshake.
    pub(super) begun: bool,
}

impl Secured {
    /// What goes to the broker, as TLS has it.
    pub(super) fn sealed(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.session.send(bytes);
        self.session.outgoing()
    }

    /// What is said at the end of it; `None` where it has not begun.
    pub(super) fn farewell(mut self) -> Option<Vec<u8>> {
        if !self.begun {
            return None;
        }
        self.session.close();
        Some(self.session.outgoing())
    }
}
