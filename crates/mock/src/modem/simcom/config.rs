//! What is configured of a client between its acquisition and its release.

use std::time::Duration;

use super::super::{cme::Cme, command::Args, link::Settings, options::ModemOptions};
use crate::modem::dialect::CmqttKind;
use crate::mqtt::{ConnectOptions, QoS};

/// One client.
#[derive(Clone)]
pub(in crate::modem) struct Config {
    /// As it was acquired.
    pub(super) client_id: Option<String>,
    /// It was acquired for TLS.
    pub(super) tls: bool,
    /// The TLS context that was chosen, until a connection fails or is ended; `None`: that of the client's number.
    pub(super) tls_context: Option<usize>,
    pub(super) checks_utf8: bool,
    /// How long a packet may take for which no command says it, in seconds.
    packet_timeout: u8,
    pub(super) topics_are_arguments: bool,
    pub(super) shows_length: bool,
    pub(super) will_topic: Option<String>,
    pub(super) will_message: Option<(Vec<u8>, QoS)>,
    /// What wait for the command that uses them.
    pub(super) topic: Option<Vec<u8>>,
    pub(super) payload: Option<Vec<u8>>,
    pub(super) filters: Vec<(Vec<u8>, QoS)>,
    pub(super) old_filters: Vec<(Vec<u8>, QoS)>,
    /// How the sign-in goes on once the link is open.
    pub(super) sign_in: Option<ConnectOptions>,
    /// How long the publish under way may take, in seconds.
    pub(super) publish_timeout: Option<u8>,
}

impl Settings for Config {
    fn new(_: &ModemOptions) -> Self {
        Self {
            client_id: None,
            tls: false,
            tls_context: None,
            checks_utf8: true,
            packet_timeout: 120,
            topics_are_arguments: false,
            shows_length: false,
            will_topic: None,
            will_message: None,
            topic: None,
            payload: None,
            filters: Vec::new(),
            old_filters: Vec::new(),
            sign_in: None,
            publish_timeout: None,
        }
    }

    fn open_limit(&self) -> Duration {
        Duration::from_secs(120)
    }

    fn patience(&self) -> (Duration, u8) {
        let seconds = self.publish_timeout.unwrap_or(self.packet_timeout);
        (Duration::from_secs(seconds.into()), 0)
    }

    fn connect_limit(&self) -> Duration {
        Duration::from_secs(self.packet_timeout.into())
    }
}

impl Config {
    /// `"<key>",<client>,<values>`. What is refused leaves nothing half written.
    pub(super) fn write(&mut self, kind: CmqttKind, key: &str, mut args: Args<'_>) -> Result<(), Cme> {
        let mut changed = self.clone();
        match (key, kind) {
            ("checkUTF8", _) => changed.checks_utf8 = args.flag()?,
            ("optimeout", _) => changed.packet_timeout = args.number(20..=120)?,
            // Both are spoken as 3.1.1.
            ("version", CmqttKind::A76xx) => drop(args.number(3..=4_u8)?),
            ("argtopic", CmqttKind::A76xx) => {
                changed.topics_are_arguments = args.flag()?;
                if !args.is_empty() {
                    changed.shows_length = args.flag()?;
                }
            }
            // The sign-in at a cloud is not played.
            ("aliauth", _) => (0..3).try_for_each(|_| args.string(64).map(drop))?,
            _ => return Err(Cme::IncorrectParameters),
        }
        args.end()?;
        *self = changed;
        Ok(())
    }
}
