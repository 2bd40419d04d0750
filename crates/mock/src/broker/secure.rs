//! TLS between the broker and those of its links that were opened for it.

use std::collections::{BTreeMap, VecDeque};

use super::link::LinkId;
use super::output::Output;
use crate::tls::{ServerTls, Session};

/// The sealed links of a broker.
#[derive(Default)]
pub(super) struct Secure {
    sessions: BTreeMap<LinkId, Session>,
    /// What goes out before anything else, sealed.
    ready: VecDeque<Output>,
}

impl Secure {
    /// From now on that link speaks TLS.
    pub(super) fn accept(&mut self, link: LinkId, tls: &ServerTls) {
        self.sessions.extend(tls.session().map(|session| (link, session)));
    }

    /// Whether that link speaks TLS.
    pub(super) fn is_secured(&self, link: LinkId) -> bool {
        self.sessions.contains_key(&link)
    }

    /// What bytes of a link say; they say it themselves where it is not sealed.
    pub(super) fn open(&mut self, link: LinkId, bytes: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        let Some(session) = self.sessions.get_mut(&link) else {
            return Ok(bytes.to_vec());
        };
        let opened = session.receive(bytes);
        self.flush(link);
        opened
    }

    /// The next thing to do: what is sealed already, or what `next` gives, sealed.
    pub(super) fn poll(&mut self, next: impl FnOnce() -> Option<Output>) -> Option<Output> {
        if let Some(output) = self.ready.pop_front() {
            return Some(output);
        }
        let output = next()?;
        let (Output::Send { link, .. } | Output::Close { link }) = output;
        let Some(session) = self.sessions.get_mut(&link) else {
            return Some(output);
        };
        match output {
            Output::Send { bytes, .. } => {
                session.send(&bytes);
                self.flush(link);
            }
            Output::Close { .. } => {
                session.close();
                self.flush(link);
                self.sessions.remove(&link);
                self.ready.push_back(output);
            }
        }
        self.ready.pop_front()
    }

    /// The link is gone.
    pub(super) fn forget(&mut self, link: LinkId) {
        self.sessions.remove(&link);
    }

    fn flush(&mut self, link: LinkId) {
        if let Some(session) = self.sessions.get_mut(&link) {
            let bytes = session.outgoing();
            if !bytes.is_empty() {
                self.ready.push_back(Output::Send { link, bytes });
            }
        }
    }
}
