//! What a connection to a broker is made from.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use atmqtt_at::{IllegalCharacter, Secret, Text};

use crate::message::{QoS, Topic};
use crate::profile::Profile;
use crate::tls::TlsOptions;

/// Where a broker is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broker {
    /// Its name or address, as the module shall look it up.
    pub host: Text,
    /// Its TCP port; never zero.
    pub port: u16,
    /// Whether the connection is to be TLS.
    pub tls: bool,
}

/// Why something is no broker's URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidBroker {
    /// It does not begin with `mqtt://` or `mqtts://`.
    #[error("{0:?} is no broker's URL: write mqtt://host or mqtt://host:port, or mqtts:// for TLS")]
    Scheme(String),
    /// There is no host in it.
    #[error("there is no host in {0:?}: write mqtt://host or mqtt://host:port, or mqtts:// for TLS")]
    Host(String),
    /// The port is no number from 1 to 65535.
    #[error("{port:?} is no TCP port: a port is a number from 1 to 65535")]
    Port {
        /// What stands where the port should be.
        port: String,
    },
    /// There is a password in it, where everybody can read it.
    #[error("a password does not belong in a URL, where everybody can read it")]
    Password,
    /// There is more behind the port.
    #[error("{0:?} has a path, and MQTT has none")]
    Path(String),
    /// The host has a character that cannot be sent.
    #[error("in the broker's host: {0}")]
    Character(#[from] IllegalCharacter),
}

impl Broker {
    /// Reads `mqtt://[user@]host[:1883]` or `mqtts://[user@]host[:8883]`; gives the user apart.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(url: &str) -> Result<(Broker, Option<String>), InvalidBroker> {
        let (rest, tls) = match (url.strip_prefix("mqtt://"), url.strip_prefix("mqtts://")) {
            (Some(rest), _) => (rest, false),
            (None, Some(rest)) => (rest, true),
            (None, None) => return Err(InvalidBroker::Scheme(url.to_owned())),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (user, address) = match rest.rsplit_once('@') {
            Some((user, _)) if user.contains(':') => return Err(InvalidBroker::Password),
            Some((user, address)) => (Some(user.to_owned()), address),
            None => (None, rest),
        };
        if address.contains(['/', '?', '#']) {
            return Err(InvalidBroker::Path(url.to_owned()));
        }
        // An IPv6 address stands in brackets, since it has colons of its own.
        let (host, port) = match address.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, "")) => (host, None),
            Some((host, port)) => (host, port.strip_prefix(':').or(Some(port))),
            None => match address.rsplit_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (address, None),
            },
        };
        if host.is_empty() {
            return Err(InvalidBroker::Host(url.to_owned()));
        }
        let port = match port {
            None if tls => 8883,
            None => 1883,
            Some(port) => port
                .parse()
                .ok()
                .filter(|number| *number != 0)
                .ok_or_else(|| InvalidBroker::Port { port: port.to_owned() })?,
        };
        Ok((Broker { host: Text::new(host)?, port, tls }, user))
    }
}

impl FromStr for Broker {
    type Err = InvalidBroker;

    fn from_str(url: &str) -> Result<Broker, InvalidBroker> {
        Broker::parse(url).map(|(broker, _)| broker)
    }
}

impl fmt::Display for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "mqtts" } else { "mqtt" };
        if self.host.as_str().contains(':') {
            write!(f, "{scheme}://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{scheme}://{}:{}", self.host, self.port)
        }
    }
}

/// The message that the broker publishes when the connection is lost. MQTT 3.1.1, 3.1.2.5.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Will {
    /// Where to.
    pub topic: Topic,
    /// What. Modules take it as text between quotes, so it has none of its own.
    pub payload: Text,
    /// With what promise.
    pub qos: QoS,
    /// Whether the broker keeps it.
    pub retain: bool,
}

/// The sign-in at a cloud that the module makes by itself; how it is told to, the profile says.
///
/// The secret goes over the line, and stays in the module for as long as the connection: where the host can sign, it is better kept there.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ModuleSignIn {
    /// At Alibaba's IoT platform, as a device that has a secret of its own. The profile needs a table `[aliyun]`
    /// ([`AliyunRules`](crate::AliyunRules)).
    Aliyun(DeviceSecret),
}

/// One device, one secret: the three strings of an Alibaba device.
#[derive(Debug, Clone)]
pub struct DeviceSecret {
    /// `ProductKey`
    pub product_key: Text,
    /// `DeviceName`
    pub device_name: Text,
    /// `DeviceSecret`
    pub device_secret: Secret,
}

/// How to connect to a broker.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ConnectOptions {
    /// Where it is.
    pub broker: Broker,
    /// Who the client is. MQTT 3.1.1 lets it be empty with a clean session, but modules want one.
    pub client_id: Text,
    /// The user name.
    pub username: Option<Text>,
    /// The password; it needs a user name (MQTT 3.1.1, 3.1.2.9).
    pub password: Option<Secret>,
    /// The keep-alive, in seconds. Zero: none.
    pub keep_alive: u16,
    /// Whether the broker forgets the session when the connection ends, and begins with an empty one.
    pub clean_session: bool,
    /// The message for when the connection is lost.
    pub will: Option<Will>,
    /// How long the module waits for an acknowledgement before it sends a packet again, in seconds, 1 to 60.
    pub packet_timeout: u8,
    /// How often the module sends a packet again, 0 to 10.
    pub packet_retries: u8,
    /// The module signs in at a cloud by itself; then user name and password are left out, and the client id is what the module makes
    /// the whole one of.
    pub sign_in: Option<ModuleSignIn>,
    /// The module's connection identifier.
    pub connection: u8,
    /// How a TLS connection is made, where the broker's URL asks for one.
    pub tls: TlsOptions,
    /// How long it is waited for that a link is opened, where the module may take longer. `None`: as long as it may take.
    pub(crate) patience: Option<Duration>,
}

/// What a client signs in with: the part of [`ConnectOptions`] that may be another one for each attempt.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Credentials {
    /// Who the client is.
    pub client_id: Text,
    /// The user name.
    pub username: Option<Text>,
    /// The password; it needs a user name.
    pub password: Option<Secret>,
}

impl Credentials {
    /// Neither user name nor password.
    #[must_use]
    pub fn new(client_id: Text) -> Credentials {
        Credentials { client_id, username: None, password: None }
    }
}

impl From<ConnectOptions> for Credentials {
    fn from(options: ConnectOptions) -> Credentials {
        let ConnectOptions { client_id, username, password, .. } = options;
        Credentials { client_id, username, password }
    }
}

impl ConnectOptions {
    /// The same connection, signed in with these.
    #[must_use]
    pub fn with_credentials(self, credentials: Credentials) -> ConnectOptions {
        let Credentials { client_id, username, password } = credentials;
        ConnectOptions { client_id, username, password, ..self }
    }

    /// A connection with the usual settings: clean session, keep-alive of 120 s, no will, connection identifier 0.
    #[must_use]
    pub fn new(broker: Broker, client_id: Text) -> ConnectOptions {
        ConnectOptions {
            broker,
            client_id,
            username: None,
            password: None,
            keep_alive: 120,
            clean_session: true,
            will: None,
            packet_timeout: 10,
            packet_retries: 3,
            sign_in: None,
            connection: 0,
            tls: TlsOptions::default(),
            patience: None,
        }
    }

    /// How long a command may take that opens a link and for which the module has this time.
    pub(crate) fn opening(&self, longest: Duration, profile: &Profile) -> Duration {
        self.patience.map_or(longest, |patience| patience.min(longest)) + self.handshake(profile)
    }

    /// How much longer than TCP a TLS connection may take to open.
    fn handshake(&self, profile: &Profile) -> Duration {
        let rules = profile.tls.as_ref().filter(|_| self.broker.tls);
        rules.map_or(Duration::ZERO, |rules| rules.handshake.value)
    }

    /// When the module has given up on a packet at the latest, and has said so: once it has sent it again for the last time and waited.
    pub(crate) fn last_packet(&self, profile: &Profile) -> Duration {
        self.packet_patience() + profile.timeouts.command.value
    }

    /// How long the module may need until it gives up on a packet.
    #[must_use]
    pub fn packet_patience(&self) -> Duration {
        Duration::from_secs(u64::from(self.packet_timeout) * (u64::from(self.packet_retries) + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broker_urls() {
        for (url, expected, user) in [
            ("mqtt://host", "mqtt://host:1883", None),
            ("mqtt://host/", "mqtt://host:1883", None),
            ("mqtts://host", "mqtts://host:8883", None),
            ("mqtt://10.0.0.1:21883", "mqtt://10.0.0.1:21883", None),
            ("mqtt://me@host:1", "mqtt://host:1", Some("me")),
            ("mqtt://[::1]:1883", "mqtt://[::1]:1883", None),
            ("mqtt://[::1]", "mqtt://[::1]:1883", None),
        ] {
            let (broker, found) = Broker::parse(url).unwrap();
            assert_eq!((broker.to_string().as_str(), found.as_deref()), (expected, user));
        }
    }

    #[test]
    fn what_is_no_broker_url_says_why() {
        for (url, expected) in [
            ("host", InvalidBroker::Scheme("host".to_owned())),
            ("http://host", InvalidBroker::Scheme("http://host".to_owned())),
            ("mqtt://", InvalidBroker::Host("mqtt://".to_owned())),
            ("mqtt://:1883", InvalidBroker::Host("mqtt://:1883".to_owned())),
            ("mqtt://host:0", InvalidBroker::Port { port: "0".to_owned() }),
            ("mqtt://host:65536", InvalidBroker::Port { port: "65536".to_owned() }),
            ("mqtt://host:", InvalidBroker::Port { port: String::new() }),
            ("mqtt://me:pw@host", InvalidBroker::Password),
            ("mqtt://host/path", InvalidBroker::Path("mqtt://host/path".to_owned())),
        ] {
            assert_eq!(Broker::parse(url).unwrap_err(), expected, "{url}");
        }
        assert!(matches!(Broker::parse("mqtt://a\"b"), Err(InvalidBroker::Character(_))));
    }
}
