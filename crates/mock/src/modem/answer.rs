//! What a command is answered with.

use super::{
    cme::Cme,
    data::{DataEntry, Purpose},
    link::Completion,
};

/// What comes of a command.
pub(super) type Reply = Result<Answer, Cme>;

/// How the answer to a command ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Information text, a line each, and the final result code OK.
    Lines(Vec<String>),
    /// One line of information that may hold any bytes, and the final result code OK.
    Raw(Vec<u8>),
    /// The prompt, then data for `then`.
    Prompt { entry: DataEntry, then: Purpose },
    /// The line CONNECT, then data for `then`.
    Connect { entry: DataEntry, then: Purpose },
    /// OK comes after the result line of that step.
    AfterResult(Completion),
    /// A line of information; and OK comes after the result line of that step.
    LineAndResult { line: String, of: Completion },
    /// The final result code ERROR, whatever `AT+CMEE` says, and a line with it that says why.
    Failed { reason: Option<String> },
}

impl Answer {
    pub(super) fn ok() -> Self {
        Self::Lines(Vec::new())
    }

    pub(super) fn line(text: impl Into<String>) -> Self {
        Self::Lines(vec![text.into()])
    }
}
