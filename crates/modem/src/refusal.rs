//! What is refused before a byte is written.

use crate::certificate::InvalidCertificate;
use crate::message::InvalidTopic;
use crate::options::InvalidBroker;
use atmqtt_at::IllegalCharacter;

/// Why a request was refused at once: nothing of it has been sent, and nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The topic is not one.
    #[error(transparent)]
    Topic(#[from] InvalidTopic),
    /// The broker's URL is not one.
    #[error(transparent)]
    Broker(#[from] InvalidBroker),
    /// A character that cannot be sent.
    #[error("in the {what}: {source}")]
    Character {
        /// What it stands in: `client id`, `user name` …
        what: &'static str,
        /// The character.
        source: IllegalCharacter,
    },
    /// A command line that is none: the module would be silent on it.
    #[error("a command line begins with AT")]
    NoCommand,
    /// Something is longer than the module takes.
    #[error("the {what} has {length} bytes, and {model} takes {limit} at the most")]
    TooLong {
        /// What is too long: `topic`, `payload`, `client id` …
        what: &'static str,
        /// How long it is, in bytes.
        length: usize,
        /// How long it may be, in bytes.
        limit: usize,
        /// The model that sets the limit.
        model: Box<str>,
    },
    /// The payload has a byte that can be sent neither in a command line nor, on this module, any other way.
    #[error("the payload has the byte 0x{byte:02x} at {position}, which {model} cannot publish")]
    PayloadByte {
        /// The byte.
        byte: u8,
        /// Where, counted from 0.
        position: usize,
        /// The model.
        model: Box<str>,
    },
    /// The payload is empty, and the module has no command for that.
    #[error("{model} cannot publish an empty payload")]
    EmptyPayload {
        /// The model.
        model: Box<str>,
    },
    /// The module's MQTT client is without this.
    #[error("{model} is without this: {what}")]
    Unsupported {
        /// What was asked for.
        what: &'static str,
        /// The model.
        model: Box<str>,
    },
    /// A number is out of range.
    #[error("{what} is {value}, and {model} takes {low} to {high}")]
    OutOfRange {
        /// What the number is.
        what: &'static str,
        /// The number.
        value: u32,
        /// The smallest.
        low: u32,
        /// The largest.
        high: u32,
        /// The model.
        model: Box<str>,
    },
    /// The module does not sign in at a cloud by itself, or it is not known how.
    #[error("{model} has no known way to sign in at a cloud by itself")]
    NoModuleSignIn {
        /// The model.
        model: Box<str>,
    },
    /// The module cannot make TLS connections, or it is not known how.
    #[error("{model} has no known way to make a TLS connection")]
    TlsUnsupported {
        /// The model.
        model: Box<str>,
    },
    /// A TLS connection whose server is to be checked, and nothing to check it by.
    #[error("a TLS connection needs the certificate of the authority that the broker's is signed by")]
    NoCertificateAuthority,
    /// The content is no certificate and no key.
    #[error("this is no certificate and no key: {0}")]
    Certificate(#[from] InvalidCertificate),
    /// The module cannot keep a certificate by this name.
    #[error("{name:?} is no name that {model} keeps this certificate by: it takes {rule}")]
    CertificateName {
        /// The name.
        name: String,
        /// What it takes.
        rule: &'static str,
        /// The model.
        model: Box<str>,
    },
    /// A password without a user name, which MQTT 3.1.1 does not have.
    #[error("a password needs a user name")]
    PasswordWithoutUsername,
    /// An empty client id.
    #[error("the client id is empty")]
    NoClientId,
    /// There is no connection to a broker.
    #[error("there is no connection to a broker")]
    NotConnected,
    /// So many requests wait for the connection already.
    #[error("{limit} requests wait for the connection already")]
    QueueFull {
        /// How many may wait.
        limit: usize,
    },
    /// The modem has not been identified yet.
    #[error("the module has not been identified yet")]
    NotAttached,
    /// There is a connection already.
    #[error("there is a connection to a broker already")]
    AlreadyConnected,
}

impl Refusal {
    /// A stable name for programs, dotted, in lower case.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::Topic(_) => "input.topic",
            Refusal::Broker(_) => "input.broker",
            Refusal::Character { .. } => "input.character",
            Refusal::NoCommand => "input.command",
            Refusal::TooLong { .. } => "input.too_long",
            Refusal::PayloadByte { .. } => "input.payload_byte",
            Refusal::EmptyPayload { .. } => "input.empty_payload",
            Refusal::Unsupported { .. } => "input.unsupported",
            Refusal::OutOfRange { .. } => "input.out_of_range",
            Refusal::NoModuleSignIn { .. } => "input.no_module_sign_in",
            Refusal::TlsUnsupported { .. } => "input.tls_unsupported",
            Refusal::NoCertificateAuthority => "input.no_certificate_authority",
            Refusal::Certificate(_) => "input.certificate",
            Refusal::CertificateName { .. } => "input.certificate_name",
            Refusal::PasswordWithoutUsername => "input.password_without_username",
            Refusal::NoClientId => "input.no_client_id",
            Refusal::NotConnected => "delivery.not_connected",
            Refusal::QueueFull { .. } => "delivery.queue_full",
            Refusal::NotAttached => "modem.not_attached",
            Refusal::AlreadyConnected => "input.already_connected",
        }
    }

    /// What to do about it, in a sentence; without a full stop.
    #[must_use]
    pub fn advice(&self) -> Option<&'static str> {
        Some(match self {
            Refusal::Topic(InvalidTopic::Character { .. }) | Refusal::Character { .. } => {
                "leave the character out: AT commands have no way to escape it"
            }
            Refusal::NoCommand => "write it as in AT+CSQ",
            Refusal::TooLong { what: "payload", .. } => "send it in pieces, or use a module that takes more",
            Refusal::TooLong { .. } => "use a shorter one",
            Refusal::PayloadByte { .. } => {
                "encode the payload as text (Base64, hex), or use a module with a prompt form"
            }
            Refusal::EmptyPayload { .. } => {
                "send at least one byte; a retained message can be cleared by another client"
            }
            Refusal::Unsupported { .. } => "leave it out, or use another module",
            Refusal::NoModuleSignIn { .. } => {
                "have the host make the sign-in (--sign-by host), which every module can carry"
            }
            Refusal::TlsUnsupported { .. } => "use mqtt://, on a private packet network if it has to be safe",
            Refusal::NoCertificateAuthority => {
                "upload it to the module and name it; a connection whose server nobody checks is safe from nobody"
            }
            Refusal::Certificate(_) => "give a file in PEM or DER form",
            Refusal::CertificateName { .. } => "keep it by another name",
            Refusal::PasswordWithoutUsername => "give a user name too",
            Refusal::NoClientId => "give a client id",
            Refusal::NotConnected => "connect first",
            Refusal::QueueFull { .. } => "wait until some of them are done",
            Refusal::AlreadyConnected => "disconnect first",
            Refusal::Topic(_) | Refusal::Broker(_) | Refusal::OutOfRange { .. } | Refusal::NotAttached => return None,
        })
    }
}
