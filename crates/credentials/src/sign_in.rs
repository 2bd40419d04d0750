//! What comes of all this.

use std::fmt;
use std::ops::RangeInclusive;

use crate::invalid::Invalid;
use crate::rule::range;
use crate::secret::Secret;

/// A user name. Some clouds have their only secret in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserName {
    /// Anybody may read it.
    Open(String),
    /// It is, or has in it, what the device is believed by.
    Secret(Secret),
}

impl UserName {
    /// The name itself, secret or not.
    #[must_use]
    pub fn expose(&self) -> &str {
        match self {
            UserName::Open(name) => name,
            UserName::Secret(name) => name.expose(),
        }
    }

    /// Whether it is to be kept to oneself.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        matches!(self, UserName::Secret(_))
    }
}

/// The name, or `***` where it is secret.
impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UserName::Open(name) => f.write_str(name),
            UserName::Secret(_) => f.write_str("***"),
        }
    }
}

/// How a device connects to a cloud: everything that MQTT's CONNECT needs, and where to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignIn {
    /// The cloud's host name.
    pub host: String,
    /// Its TCP port; never zero.
    pub port: u16,
    /// Whether the connection is to be TLS.
    pub tls: bool,
    /// The client identifier.
    pub client_id: String,
    /// The user name, where there is one.
    pub username: Option<UserName>,
    /// The password, where there is one.
    pub password: Option<Secret>,
    /// When the cloud stops taking this sign-in, in seconds since 1970; `None`: never by itself.
    pub expires_at: Option<u64>,
    keep_alive: RangeInclusive<u16>,
}

impl SignIn {
    /// With neither user name nor password.
    pub(crate) fn new((host, port, tls): (String, u16, bool), client_id: impl Into<String>) -> SignIn {
        let keep_alive = 0..=u16::MAX;
        let client_id = client_id.into();
        SignIn { host, port, tls, client_id, username: None, password: None, expires_at: None, keep_alive }
    }

    pub(crate) fn username(self, name: impl Into<String>) -> SignIn {
        SignIn { username: Some(UserName::Open(name.into())), ..self }
    }

    pub(crate) fn secret_username(self, name: Secret) -> SignIn {
        SignIn { username: Some(UserName::Secret(name)), ..self }
    }

    pub(crate) fn password(self, password: Secret) -> SignIn {
        SignIn { password: Some(password), ..self }
    }

    pub(crate) fn expires_at(self, unix: u64) -> SignIn {
        SignIn { expires_at: Some(unix), ..self }
    }

    pub(crate) fn keep_alive(self, seconds: RangeInclusive<u16>) -> SignIn {
        SignIn { keep_alive: seconds, ..self }
    }

    /// The keep-alives that the cloud takes, in seconds; most of them refuse the sign-in otherwise, and none says why.
    #[must_use]
    pub fn keep_alives(&self) -> RangeInclusive<u16> {
        self.keep_alive.clone()
    }

    /// Holds a keep-alive against what the cloud takes.
    ///
    /// # Errors
    /// It is out of the range.
    pub fn check_keep_alive(&self, seconds: u16) -> Result<(), Invalid> {
        check_keep_alive(seconds, self.keep_alives())
    }
}

pub(crate) fn check_keep_alive(seconds: u16, keep_alives: RangeInclusive<u16>) -> Result<(), Invalid> {
    let (low, high) = keep_alives.into_inner();
    range("keep-alive, in seconds,", seconds.into(), low.into(), high.into())
}
