//! A TLS context of the module: what the commands of several vendors configure under other names.

use std::time::Duration;

use super::files::Files;
use crate::tls::ClientSettings;

/// The number of TLS 1.2 among the versions of all vendors here.
const TLS_1_2: u8 = 3;

/// What is configured; a restart makes it what it was.
#[derive(Clone, Debug)]
pub(super) struct Context {
    /// 0 SSL 3.0, 1 TLS 1.0, 2 TLS 1.1, 3 TLS 1.2, 4 all of these. Nothing here speaks the first three.
    pub(super) version: u8,
    /// IANA's number of a cipher suite; 0xFFFF: all.
    pub(super) suite: u16,
    /// 0 nobody, 1 the server, 2 the server and the client, 3 the client alone (SIMCom).
    pub(super) level: u8,
    pub(super) ignores_time: bool,
    pub(super) sends_name: bool,
    /// Longest handshake, in seconds.
    pub(super) patience: u16,
    /// Names of files.
    pub(super) authority: String,
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Default for Context {
    fn default() -> Self {
        Self {
            version: 4,
            suite: 0xffff,
            level: 0,
            ignores_time: true,
            sends_name: false,
            patience: 300,
            authority: String::new(),
            certificate: String::new(),
            key: String::new(),
        }
    }
}

impl Context {
    /// What it says of a connection that is opened when the module's clock is at `clock`.
    pub(super) fn settings(&self, files: &Files, clock: u64) -> ClientSettings {
        let file = |name: &str| files.get(name.strip_prefix("UFS:").unwrap_or(name)).map(<[u8]>::to_vec);
        ClientSettings {
            speaks_tls12: self.version >= TLS_1_2,
            suite: self.suite,
            verifies_server: matches!(self.level, 1 | 2),
            authority: file(&self.authority),
            presents_certificate: self.level >= 2,
            certificate: file(&self.certificate),
            key: file(&self.key),
            sends_name: self.sends_name,
            clock: (!self.ignores_time).then_some(clock),
        }
    }

    pub(super) fn limit(&self) -> Duration {
        Duration::from_secs(self.patience.into())
    }
}
