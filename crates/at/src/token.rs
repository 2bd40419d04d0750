//! What the reader gives out.

use std::fmt;

use crate::fields::Fields;
use crate::grammar;
use crate::shown::Shown;

/// One piece of what the modem sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token<'a> {
    /// A line, without its line end.
    Line {
        /// The line.
        line: LineRef<'a>,
        /// How many bytes the modem had sent when it began.
        began: u64,
    },
    /// The modem asks for data. Only given out while a prompt is expected.
    Prompt,
    /// Bytes that could not be made into a line.
    Fault(ReaderFault),
}

/// A line that borrows from the reader's buffer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LineRef<'a> {
    /// The text, up to and with the comma before the body where there is one.
    pub text: &'a [u8],
    /// The counted body, without quotes around it.
    pub body: Option<&'a [u8]>,
}

impl<'a> LineRef<'a> {
    /// The line as one that owns its bytes.
    #[must_use]
    pub fn to_line(self) -> Line {
        Line { text: self.text.into(), body: self.body.map(Into::into) }
    }

    /// The arguments after `name:`, when this is an information line (or URC) of that name.
    #[must_use]
    pub fn information(self, name: &str) -> Option<Fields<'a>> {
        let arguments = grammar::arguments_of(name, self.text)?;
        Some(Fields::new(arguments, self.body))
    }
}

impl fmt::Debug for LineRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Shown(self.text))?;
        match self.body {
            Some(body) => write!(f, "[{} bytes]", body.len()),
            None => Ok(()),
        }
    }
}

/// A line that owns its bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Line {
    text: Box<[u8]>,
    body: Option<Box<[u8]>>,
}

impl Line {
    /// A line without a counted body.
    #[must_use]
    pub fn new(text: &[u8]) -> Line {
        Line { text: text.into(), body: None }
    }

    /// The text, up to and with the comma before the body where there is one.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The counted body.
    #[must_use]
    pub fn body(&self) -> Option<&[u8]> {
        self.body.as_deref()
    }

    /// The line as a borrowed one.
    #[must_use]
    pub fn as_ref(&self) -> LineRef<'_> {
        LineRef { text: &self.text, body: self.body.as_deref() }
    }

    /// The arguments after `name:`, when this is an information line (or URC) of that name.
    #[must_use]
    pub fn information(&self, name: &str) -> Option<Fields<'_>> {
        self.as_ref().information(name)
    }

    /// The text as it can be shown to a person: bytes that are not printable ASCII or UTF-8 are escaped.
    #[must_use]
    pub fn display(&self) -> impl fmt::Display + '_ {
        Shown(&self.text)
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_ref().fmt(f)
    }
}

/// Why bytes did not become a line. Reading goes on after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReaderFault {
    /// A line longer than the reader's limit was thrown away.
    #[error("a line of {length} bytes is longer than the limit and was thrown away")]
    LineTooLong {
        /// Its length in bytes, up to the line feed.
        length: u64,
    },
    /// A line whose end was lost was thrown away: its body was not complete, or its quotes were not closed, when an answer was
    /// overdue.
    #[error("a line of which {received} bytes had come was never completed, and was thrown away")]
    Incomplete {
        /// How many bytes of it had come.
        received: usize,
    },
    /// A counted body was not followed by a line end: bytes were lost or added on the line. The body was thrown away.
    #[error("a message of {length} bytes did not end where its length says: bytes were lost on the line")]
    BodyMismatch {
        /// The length that the modem gave, in bytes.
        length: usize,
    },
}
