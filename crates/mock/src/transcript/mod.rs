//! The module's side of a transcript, played to whoever is the host.
//!
//! A [`Player`] waits for what the transcript says that the host writes, and sends what it says that the module sends, with
//! its delays (`~`) and pieces. The format is described at [`atmqtt_at::transcript`]; the steps that are only for a driver's
//! test (`!`, `*`, `=`) are passed over.
//!
//! # What is held against the transcript
//!
//! [`Strictness::Exact`]: every byte of the host, in whatever pieces, stands in the transcript. What it hides (`\*`, `\?`) may
//! be anything of its kind, and comes back as what it was where the transcript hides it in an echo.
//!
//! [`Strictness::Tolerant`]: command lines may differ in what changes nothing of the dialogue:
//!
//! - blanks outside quotes, the case of a command's name, a line feed behind the carriage return;
//! - the message identifiers of publishes, subscribes and unsubscribes: the result lines have those that the host has used;
//! - commands that come on top, or in another order, or not at all, if they only look or only set up the line: `AT`, `ATE`,
//!   `ATI`, `AT+CMEE`, whatever ends with `?`, the questions for identities, signal and addresses, which registrations are
//!   reported (`AT+CREG=`, `AT+CGREG=`, `AT+CEREG=`), and the settings of the MQTT client that change no line of the dialogue (version,
//!   session, keepalive, timeout, urc, pdpcid). A command that the transcript has and the host leaves out is passed over
//!   together with its answer, if that is nothing but an answer.
//!
//! Data behind a prompt, and everything else, have to be as they are written.
//!
//! # What the transcript leaves out
//!
//! A mock module of the transcript's profile stands in for it. It answers what comes on top; the host that has to attach
//! before the first step, unless the transcript begins `unattached`; the host that connects where it says `@ connected`; and
//! whatever comes behind its end, such as a host that signs out. When the first thing behind such a place is the module's, it
//! waits until the host has been quiet for a second.

mod harmless;
mod identifier;
mod play;
mod player;

pub use play::play;
pub use player::{Mismatch, Player, Strictness};
