//! Transcripts: a dialogue over an AT line as plain text, to be read, edited, recorded, played and checked.
//!
//! ```text
//! title: the signal is asked for
//! profile: lierda-nt26e
//! evidence: made up
//!
//! # The host asks, and the module takes its time.
//! > AT+CSQ\r
//! ~ 12ms
//! < \r\n+CSQ: 20,99\r\n\r\nOK\r\n
//! ```
//!
//! First a header of `key: value` lines, then an empty line, then one step a line. Empty lines and lines that begin with `#`
//! are passed over. A file is UTF-8 text; a carriage return before a line end is no part of the line.
//!
//! | key | |
//! | --- | --- |
//! | `title`, `evidence`, `catalogue` | what it shows, where such a thing was seen, in which rows of a catalogue it stands |
//! | `profile`, `module`, `firmware` | of which model's profile; what the module calls itself and its firmware |
//! | `begins: unattached` | the host knows nothing of the module yet; else it has attached before the first step |
//! | `echo: shown` | what the module sends back of the commands stands in the dialogue |
//! | `guard`, `prompt guard` | a pause of the driver in place of the profile's |
//!
//! | begins with | means |
//! | --- | --- |
//! | `>` | the host writes these bytes |
//! | `<` | the module sends these bytes, in one piece: each line is what one read of the port gives |
//! | `~` | time passes: `12ms`, `1.250s`; a recording has milliseconds |
//! | `@ connected` | the host is connected to a broker; how, another dialogue shows |
//! | `!` | the host is asked for something |
//! | `*` | the host reports this; with ` (12 times)` behind it, so often |
//! | `=` | what was asked for ends so |
//!
//! The last four are for whoever checks a driver; a recording has none of them. Bytes are text with the escapes `\r`, `\n`,
//! `\t`, `\\`, `\xNN`, `\(TEXT*COUNT)` for text that is repeated, and two for what is not shown: `\?` is any one byte, and
//! `\*` any text without a quote and a line end. What the host writes has a `\r` somewhere behind every `\*`, so that its
//! end can be found.
//!
//! [`Transcript::parse`] reads, `Display` writes, and what is written is read as the same. [`Recorder`] makes a transcript of
//! the bytes that go over a line, secrets and identities hidden.

mod error;
mod parse;
mod pattern;
mod record;
mod redact;
mod write;

use std::time::Duration;

pub use error::{SyntaxError, SyntaxFault};
pub use pattern::{Part, Pattern, escape};
pub use record::{Privacy, Recorder};
pub use write::shown_duration;

/// Whose bytes they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The host (DTE) wrote them.
    Host,
    /// The module (DCE) sent them.
    Module,
}

/// A dialogue, and what is known about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transcript {
    /// What its header says.
    pub header: Header,
    /// What happens, in order, each step with the number of its line in the file, counted from 1.
    pub steps: Vec<(usize, Step)>,
}

/// What is known about a dialogue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header {
    /// What it shows.
    pub title: Option<String>,
    /// The name of the profile that the driver has to use.
    pub profile: Option<String>,
    /// What the module calls itself.
    pub module: Option<String>,
    /// What the module calls its firmware.
    pub firmware: Option<String>,
    /// Where such a thing was seen.
    pub evidence: Option<String>,
    /// The rows of a catalogue that it belongs to.
    pub catalogue: Option<String>,
    /// What the module sends back of the commands stands in the dialogue.
    pub shows_echo: bool,
    /// The host knows nothing of the module yet.
    pub begins_unattached: bool,
    /// The quiet time before a command, in place of the profile's.
    pub guard: Option<Duration>,
    /// The time between a prompt and the data, in place of the profile's.
    pub prompt_guard: Option<Duration>,
}

/// One line of a dialogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// `@ connected`: the host is connected to a broker.
    Connected,
    /// `!`: the host is asked for something.
    Request(String),
    /// `>`: the host writes this.
    Host(Pattern),
    /// `<`: the module sends this, in one piece.
    Module(Pattern),
    /// `~`: time passes.
    Wait(Duration),
    /// `*`: the host reports this, so many times.
    Event(String, usize),
    /// `=`: what was asked for ends so.
    Outcome(String),
}
