//! One TLS connection, either end of it: what arrives becomes plain, what is said is sealed.

use std::io::{Read, Write};

use rustls::{Connection, Error};

pub(crate) struct Session {
    connection: Connection,
}

impl Session {
    pub(super) fn new(connection: impl Into<Connection>) -> Self {
        let mut connection = connection.into();
        // Whoever owns the link bounds what waits on it.
        connection.set_buffer_limit(None);
        Self { connection }
    }

    /// Whether the handshake is under way.
    pub(crate) fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    /// Takes bytes from the link, in whatever pieces, and gives what they say. There may be an [`answer`](Self::outgoing) to them, also
    /// where they are refused.
    pub(crate) fn receive(&mut self, mut bytes: &[u8]) -> Result<Vec<u8>, Error> {
        let mut plain = Vec::new();
        while !bytes.is_empty() {
            match self.connection.read_tls(&mut bytes) {
                // The other end has said that it says no more.
                Ok(0) => break,
                Ok(_) => {}
                Err(fault) => return Err(Error::General(fault.to_string())),
            }
            let ready = self.connection.process_new_packets()?.plaintext_bytes_to_read();
            let start = plain.len();
            plain.resize(start + ready, 0);
            let read = self.connection.reader().read_exact(&mut plain[start..]);
            read.map_err(|fault| Error::General(fault.to_string()))?;
        }
        Ok(plain)
    }

    /// Seals bytes; they are [`outgoing`](Self::outgoing) once the handshake is done.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        // Without a limit the buffer takes everything.
        let _ = self.connection.writer().write_all(bytes);
    }

    /// Says that nothing more is said.
    pub(crate) fn close(&mut self) {
        self.connection.send_close_notify();
    }

    /// What the link has to carry now.
    pub(crate) fn outgoing(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // A vector takes everything.
        while self.connection.wants_write() && self.connection.write_tls(&mut bytes).is_ok_and(|written| written > 0) {}
        bytes
    }
}
