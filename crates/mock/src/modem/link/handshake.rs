//! The handshake of a link with TLS, and what goes through it.

use std::time::Duration;

use super::{
    Event, Links, News,
    completion::Completion,
    connection::{Connection, Link, Settings},
    secure::Secured,
    socket::{DialOutcome, NetworkInput},
};
use crate::tls::ClientSettings;

impl<S: Settings> Links<S> {
    /// As [`dial`](Self::dial), and the link is open once a handshake is done, which may take so long.
    pub(in crate::modem) fn dial_secured(
        &mut self,
        now: Duration,
        of: Completion,
        (host, port): (String, u16),
        latency: Duration,
        (settings, limit): (&ClientSettings, Duration),
    ) {
        match settings.session(&host) {
            Ok(session) => {
                self.dial(now, of, host, port, latency);
                let connection = self.of(of.connection);
                if let Some(socket) = connection.socket() {
                    connection.secured = Some(Secured { socket, session, limit, begun: false });
                }
            }
            Err(fault) => self.news.push_back((of.connection, News::NotSecured(of, fault))),
        }
    }

    /// What news of a socket mean for the connection above TLS. `None`: nothing yet.
    pub(super) fn unsealed(&mut self, now: Duration, id: u8, input: NetworkInput) -> Option<NetworkInput> {
        let Connection { secured, link, .. } = self.of(id);
        let Some(secured) = secured else {
            return Some(input);
        };
        let socket = secured.socket;
        let unsealed = match input {
            NetworkInput::Dialled(DialOutcome::Connected) => {
                secured.begun = true;
                if let Link::Opening { latest, .. } = link {
                    *latest = now.saturating_add(secured.limit);
                }
                None
            }
            NetworkInput::Received(bytes) => {
                let was_handshaking = secured.session.is_handshaking();
                match secured.session.receive(&bytes) {
                    Err(fault) => {
                        tracing::debug!(%fault, "no TLS");
                        Some(NetworkInput::Closed)
                    }
                    // A broker says nothing before it is spoken to.
                    Ok(_) if was_handshaking => {
                        let is_done = !secured.session.is_handshaking();
                        is_done.then_some(NetworkInput::Dialled(DialOutcome::Connected))
                    }
                    Ok(plain) => (!plain.is_empty()).then_some(NetworkInput::Received(plain)),
                }
            }
            other => Some(other),
        };
        let bytes = secured.session.outgoing();
        if !bytes.is_empty() {
            self.events.push_back(Event::Send { socket, bytes });
        }
        unsealed
    }
}
