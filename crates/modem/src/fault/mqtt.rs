//! What the MQTT client in a module, or the broker behind it, can refuse.

use std::fmt;

/// Why a link to a broker could not be opened. Lierda AT manual, LMQTTOPEN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenFault {
    /// The module does not like an argument.
    #[error("the module says that an argument is wrong")]
    BadParameter,
    /// The connection identifier is in use.
    #[error("the connection identifier is in use")]
    IdInUse,
    /// The packet network could not be activated.
    #[error("the packet network could not be activated")]
    PacketNetwork,
    /// The host's name could not be resolved.
    #[error("the host's name could not be resolved")]
    Dns,
    /// There is no network, or nothing listens there.
    #[error("the network is disconnected, or nothing listens there")]
    Network,
    /// The TLS handshake failed.
    #[error("the TLS handshake failed")]
    Tls,
    /// The link did not come up, or the TLS handshake failed: the module does not tell them apart.
    #[error("the network is disconnected, nothing listens there, or the TLS handshake failed")]
    NetworkOrTls,
    /// A reason that is not known.
    #[error("result {result}{}", Extended(*.extend))]
    Vendor {
        /// The result.
        result: i32,
        /// What the module adds.
        extend: Option<i32>,
    },
}

impl OpenFault {
    /// What it means where the link was to be TLS, on a module that has no result of its own for a handshake.
    pub(crate) fn with_tls(self) -> OpenFault {
        match self {
            OpenFault::Network | OpenFault::Vendor { result: -1, .. } => OpenFault::NetworkOrTls,
            other => other,
        }
    }
}

/// Why a module does not keep a certificate, or does not give it up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreFault {
    /// It has one of that name.
    #[error("the module has a certificate of that name already")]
    Exists,
    /// It has none of that name.
    #[error("the module has no certificate of that name")]
    Missing,
    /// There is no room.
    #[error("the module has no room for it")]
    Full,
    /// It has another number of bytes than it was sent.
    #[error("{sent} bytes were sent, and the module has {stored}")]
    Damaged {
        /// How many it was sent.
        sent: usize,
        /// How many it has.
        stored: usize,
    },
    /// Its checksum is not that of what it was sent.
    #[error("the module has other bytes than it was sent: the checksum differs")]
    Checksum,
    /// Not all bytes came in time.
    #[error("not all of it reached the module in time")]
    TimedOut,
}

/// Why a sign-in at a broker failed. Lierda AT manual, LMQTTCONN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectFault {
    /// The broker said no.
    #[error("the broker refused the sign-in: {0}")]
    Refused(ReturnCode),
    /// The broker said no, and the module does not tell why.
    #[error("the broker refused the sign-in, and the module does not say why")]
    RefusedWithoutReason,
    /// The link was closed before an answer came.
    #[error("the connection was closed instead of an answer to the sign-in")]
    Closed,
    /// The sign-in did not get out.
    #[error("the sign-in failed: {0}")]
    Packet(#[from] PacketFault),
}

/// Why a broker refuses a sign-in. MQTT 3.1.1, 3.2.2.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReturnCode {
    /// 1
    #[error("it does not speak this version of MQTT")]
    UnacceptableProtocolVersion,
    /// 2
    #[error("it does not allow this client id")]
    IdentifierRejected,
    /// 3
    #[error("it is unavailable")]
    ServerUnavailable,
    /// 4
    #[error("the user name or password is wrong")]
    BadUserNameOrPassword,
    /// 5
    #[error("this client is not authorized")]
    NotAuthorized,
}

impl ReturnCode {
    /// The return code of that number, 1 to 5.
    #[must_use]
    pub const fn from_number(number: i32) -> Option<ReturnCode> {
        Some(match number {
            1 => ReturnCode::UnacceptableProtocolVersion,
            2 => ReturnCode::IdentifierRejected,
            3 => ReturnCode::ServerUnavailable,
            4 => ReturnCode::BadUserNameOrPassword,
            5 => ReturnCode::NotAuthorized,
            _ => return None,
        })
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            ReturnCode::UnacceptableProtocolVersion => 1,
            ReturnCode::IdentifierRejected => 2,
            ReturnCode::ServerUnavailable => 3,
            ReturnCode::BadUserNameOrPassword => 4,
            ReturnCode::NotAuthorized => 5,
        }
    }
}

/// Why a packet did not get out: what a module says of any command of its MQTT client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PacketFault {
    /// The packet could not be sent.
    #[error("the packet could not be sent")]
    SendFailed,
    /// The module does not like an argument.
    #[error("the module says that an argument is wrong")]
    BadParameter,
    /// Only a part of the message went out: the broker may have it, cut off.
    #[error("only {sent} bytes of it went out")]
    Truncated {
        /// How many, as the module counts them: those of the packet around the payload may be among them.
        sent: i64,
    },
    /// A reason that is not known.
    #[error("result {result}{}", Extended(*.extend))]
    Vendor {
        /// The result.
        result: i32,
        /// What the module adds.
        extend: Option<i32>,
    },
}

/// Why a filter was not subscribed to, or not unsubscribed from. Lierda AT manual, LMQTTSUBUNSUB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubscribeFault {
    /// The broker said no: its SUBACK has 128 for this filter. MQTT 3.1.1, 3.9.3.
    #[error("the broker refused")]
    Refused,
    /// The broker did not answer, or said no; the module does not say which.
    #[error("the broker refused, or did not answer")]
    Unanswered,
    /// The packet did not get out.
    #[error(transparent)]
    Packet(#[from] PacketFault),
}

struct Extended(Option<i32>);

impl fmt::Display for Extended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(extend) => write!(f, ", extend code {extend}"),
            None => Ok(()),
        }
    }
}

/// Why the connection to the broker is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkLoss {
    /// The vendor's number, where there is one.
    pub code: Option<i32>,
    /// What the module adds to it.
    pub extend: Option<i32>,
    /// What it means.
    pub meaning: &'static str,
}

impl LinkLoss {
    /// A loss with the vendor's number.
    #[must_use]
    pub const fn vendor(code: i32, extend: Option<i32>, meaning: &'static str) -> LinkLoss {
        LinkLoss { code: Some(code), extend, meaning }
    }

    /// A loss that the driver saw by itself.
    #[must_use]
    pub const fn seen(meaning: &'static str) -> LinkLoss {
        LinkLoss { code: None, extend: None, meaning }
    }
}

impl fmt::Display for LinkLoss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "{} (code {code}{})", self.meaning, Extended(self.extend)),
            None => f.write_str(self.meaning),
        }
    }
}
