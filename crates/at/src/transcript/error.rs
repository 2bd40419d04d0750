//! What is wrong with the text of a transcript, and where.

use std::time::Duration;

/// A transcript that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {fault}")]
pub struct SyntaxError {
    /// The line of the file, counted from 1.
    pub line: usize,
    /// The character in that line, counted from 1.
    pub column: usize,
    /// What is wrong there.
    pub fault: SyntaxFault,
}

/// What can be wrong with a transcript, and what is expected instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SyntaxFault {
    /// Bytes that are no text.
    #[error("this is no UTF-8 text; other bytes are written as \\xNN")]
    NotText,
    /// The first line is none of a header.
    #[error("a transcript begins with a header of `key: value` lines, such as `title: a publish`, and an empty line")]
    NoHeader,
    /// No empty line behind the header.
    #[error("an empty line is expected between the header and the first step")]
    NoSteps,
    /// A line of the header without a key.
    #[error("a line of the header is `key: value`; the header ends with an empty line")]
    NoKey,
    /// A key that there is not.
    #[error("there is no key `{key}`; did you mean `{nearest}`?")]
    UnknownKey {
        /// What stands there.
        key: String,
        /// The known key that is most like it.
        nearest: &'static str,
    },
    /// A key that has been there before.
    #[error("`{key}` stands here for the second time")]
    RepeatedKey {
        /// The key.
        key: &'static str,
    },
    /// A key without a value.
    #[error("`{key}` says nothing; leave the line out")]
    NoValue {
        /// The key.
        key: &'static str,
    },
    /// A value that the key cannot have.
    #[error("`{key}` can only be `{only}`; leave the line out otherwise")]
    WrongValue {
        /// The key.
        key: &'static str,
        /// Its only value.
        only: &'static str,
    },
    /// A line that begins as no step does.
    #[error("a step begins with one of `>` `<` `~` `@` `!` `*` `=` and a blank, a comment with `#`")]
    NoStep,
    /// `@` with something else behind it.
    #[error("`@` can only say `connected`")]
    WrongState,
    /// A step without anything behind its sign.
    #[error("something is expected behind the sign")]
    NothingThere,
    /// A time that is none.
    #[error("a time is a number with a unit, such as `12ms`, `3s` or `1.250s`")]
    NoTime,
    /// A time that is too long.
    #[error("a time may be {} s at most", .limit.as_secs())]
    TimeTooLong {
        /// The longest.
        limit: Duration,
    },
    /// A backslash with something else behind it.
    #[error(r"the escapes are \r \n \t \\ \xNN \(TEXT*COUNT) \? \*; a backslash is written \\")]
    UnknownEscape,
    /// `\x` without two digits.
    #[error(r"two hexadecimal digits are expected behind \x")]
    NoHexDigits,
    /// `\(` without its end.
    #[error(r"a repetition is \(TEXT*COUNT), such as \(A*100)")]
    NoRepetition,
    /// More bytes than a transcript may have.
    #[error("the repetitions of a transcript may make {limit} bytes at most")]
    TooManyBytes {
        /// How many it may have.
        limit: usize,
    },
    /// `\*` in a repetition.
    #[error(r"hidden text cannot be repeated: \* is of any length already, and \? can be")]
    RepeatedHidden,
    /// Hidden text that never ends.
    #[error(r"a \r is expected somewhere behind \*, so that its end can be found; in data each hidden byte is a \?")]
    EndlessHidden,
    /// More hidden texts than a line may have.
    #[error(r"a line may have {limit} \* at most")]
    TooManyHidden {
        /// How many it may have.
        limit: usize,
    },
    /// Hidden text in a request.
    #[error("a request says all that is asked for: nothing in it can be hidden")]
    HiddenRequest,
}
