//! What is said to a cloud besides the sign-in, and why what it answers is of no use.

use serde::de::DeserializeOwned;

use crate::invalid::Invalid;
use crate::secret::Secret;

/// A message to be published, at QoS 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    /// The topic.
    pub topic: String,
    /// The payload, which may have a secret in it.
    pub payload: Secret,
}

/// A request to be made over HTTPS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpsRequest {
    /// `POST`
    pub method: &'static str,
    /// The host name; the port is 443.
    pub host: String,
    /// The path, which begins with a slash.
    pub path: &'static str,
    /// Names and values of the header fields, without those that every request has.
    pub headers: Vec<(&'static str, Secret)>,
    /// The body. Whoever has it can make the request too.
    pub body: Secret,
}

/// Why the answer of a cloud brings nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unanswered {
    /// The message is on a topic that no answer comes on.
    #[error("{topic:?} is no topic of an answer")]
    Topic {
        /// The topic.
        topic: String,
    },
    /// It is not what the cloud's documentation says. What it is, is not shown: there may be a secret in it.
    #[error("the answer, {bytes} bytes, cannot be understood: {what}")]
    Malformed {
        /// What is wrong with it.
        what: &'static str,
        /// How long it is.
        bytes: usize,
    },
    /// It is for another device.
    #[error("the answer is for another device: its {field} is not the one that was asked for")]
    OtherDevice {
        /// What is not the same.
        field: &'static str,
    },
    /// The device has signed in before, and gets no secret any more.
    #[error("the device is already active (6289): its secret has been given out and used")]
    AlreadyActive,
    /// The cloud refuses.
    #[error("the cloud refuses, with {code}: {message}")]
    Refused {
        /// Its code.
        code: i64,
        /// What it says.
        message: String,
    },
    /// What it brings cannot be used.
    #[error("in the answer, {0}")]
    Invalid(#[from] Invalid),
}

impl Unanswered {
    /// A stable name for programs, dotted, in lower case.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Unanswered::AlreadyActive => "broker.already_active",
            Unanswered::Refused { .. } => "broker.registration_refused",
            _ => "broker.registration_answer",
        }
    }

    /// The number that the cloud gave for it.
    #[must_use]
    pub fn vendor_code(&self) -> Option<i32> {
        match self {
            Unanswered::AlreadyActive => Some(6289),
            Unanswered::Refused { code, .. } => i32::try_from(*code).ok(),
            _ => None,
        }
    }

    /// What to do about it, in a sentence; without a full stop.
    #[must_use]
    pub fn advice(&self) -> Option<&'static str> {
        match self {
            Unanswered::AlreadyActive => Some(
                "use the secret that it was given then; where that is lost, reset the device in the cloud (ResetThing)",
            ),
            Unanswered::OtherDevice { .. } => {
                Some("keep the connection of a registration to itself, and let one device register at a time")
            }
            _ => None,
        }
    }
}

/// The longest text of a cloud that is shown, in characters.
const SHOWN: usize = 120;

impl Unanswered {
    pub(crate) fn malformed(what: &'static str, answer: &[u8]) -> Unanswered {
        Unanswered::Malformed { what, bytes: answer.len() }
    }

    pub(crate) fn refused(code: i64, message: &str) -> Unanswered {
        let shown = message.chars().filter(|character| !character.is_control()).take(SHOWN).collect();
        Unanswered::Refused { code, message: shown }
    }
}

/// The answer as the object that it is to be.
pub(crate) fn object<T: DeserializeOwned>(answer: &[u8]) -> Result<T, Unanswered> {
    // What serde says of a fault may repeat a value, so it is not passed on.
    serde_json::from_slice(answer).map_err(|_| Unanswered::malformed("it is not the object that it should be", answer))
}

/// Text as a string of JSON, with its quotes.
pub(crate) fn quoted(text: &str) -> Secret {
    Secret::new(serde_json::to_string(text).expect("text can be written as JSON"))
}
