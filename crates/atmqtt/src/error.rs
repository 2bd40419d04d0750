//! What can go wrong, as one type.

use atmqtt_modem::{Fault, InvalidBroker, InvalidTopic, Refusal, at};

use crate::outbox::OutboxError;
use crate::port::PortError;

/// Why something was not done. It is a sentence; [`advice`](Error::advice) is the next one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The port could not be opened, or was lost.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The module, the network or the broker said no; or the request was refused before a byte was written
    /// ([`Fault::Input`]).
    #[error(transparent)]
    Modem(#[from] Fault),
    /// Nothing answers, at none of the baud rates that were tried ([`Baud::Auto`](crate::Baud)).
    #[error("nothing answers AT commands on this port, at none of the baud rates {}", list(.rates))]
    NoAnswer {
        /// The rates, in bits per second, in the order in which they were tried.
        rates: Vec<u32>,
    },
    /// The outbox did not take or give a message.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// The modem was closed.
    #[error("the modem was closed")]
    Closed,
}

fn list(rates: &[u32]) -> String {
    rates.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}

impl Error {
    /// A stable name for programs, dotted, in lower case. What stands before the dot says whose fault it is: `input`,
    /// `port`, `modem`, `network`, `broker` or `delivery`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Error::Port(fault) => fault.code(),
            Error::Modem(fault) => fault.code(),
            Error::NoAnswer { .. } => "modem.no_answer",
            Error::Outbox(fault) => fault.code(),
            Error::Closed => "port.closed",
        }
    }

    /// What to do about it, in a sentence; without a full stop.
    #[must_use]
    pub fn advice(&self) -> Option<&'static str> {
        match self {
            Error::Port(fault) => fault.advice(),
            Error::Modem(fault) => fault.advice(),
            Error::NoAnswer { .. } => Some(
                "check that the module is on and that this is its AT port; if it has yet another baud rate, name it with --baud",
            ),
            Error::Outbox(fault) => fault.advice(),
            Error::Closed => None,
        }
    }

    /// The number that the vendor gave for it.
    #[must_use]
    pub fn vendor_code(&self) -> Option<i32> {
        match self {
            Error::Modem(fault) => fault.vendor_code(),
            Error::Port(_) | Error::NoAnswer { .. } | Error::Outbox(_) | Error::Closed => None,
        }
    }

    /// Whether the same request may succeed later, without anything being changed.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Error::Modem(fault) => fault.is_retryable(),
            Error::Port(fault) => matches!(fault, PortError::Busy { .. } | PortError::Lost),
            Error::NoAnswer { .. } => true,
            Error::Outbox(fault) => fault.is_retryable(),
            Error::Closed => false,
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Error {
        Error::Modem(Fault::Input(refusal))
    }
}

impl From<InvalidTopic> for Error {
    fn from(invalid: InvalidTopic) -> Error {
        Refusal::Topic(invalid).into()
    }
}

impl From<InvalidBroker> for Error {
    fn from(invalid: InvalidBroker) -> Error {
        Refusal::Broker(invalid).into()
    }
}

impl From<at::IllegalCharacter> for Error {
    fn from(source: at::IllegalCharacter) -> Error {
        Refusal::Character { what: "text", source }.into()
    }
}
