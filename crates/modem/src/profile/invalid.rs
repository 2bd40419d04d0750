//! Why a text is no profile.

use std::fmt;
use std::ops::Range;

/// Why a text is no profile, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidProfile {
    /// Where. `None`: it is about something that is not there.
    pub place: Option<Place>,
    /// What is wrong.
    pub fault: ProfileFault,
}

impl fmt::Display for InvalidProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some(Place { line, column }) => write!(f, "line {line}, column {column}: {}", self.fault),
            None => self.fault.fmt(f),
        }
    }
}

impl std::error::Error for InvalidProfile {}

/// A place in a text. Both count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Place {
    /// Where the byte at `offset` stands.
    #[must_use]
    pub fn of(text: &str, offset: usize) -> Option<Place> {
        let before = text.get(..offset)?;
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Some(Place { line, column })
    }
}

/// What is wrong with a profile. Keys are dotted: `limits.topic`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileFault {
    /// It is no TOML.
    #[error("this is no TOML: {0}")]
    Syntax(String),
    /// There is no such key.
    #[error("there is no key {key:?} {}", within.map_or_else(|| "here".to_owned(), |table| format!("in [{table}]")))]
    UnknownKey {
        /// The table. `None`: outside of all tables.
        within: Option<&'static str>,
        /// The key.
        key: String,
        /// The keys that there are.
        known: Vec<&'static str>,
    },
    /// A figure has its unit and its evidence, and nothing else.
    #[error("{figure} has no {key:?}: it is written {form}")]
    UnknownPart {
        /// The figure.
        figure: String,
        /// What it was given.
        key: String,
        /// How it is written.
        form: String,
        /// What it can be given.
        known: Vec<&'static str>,
    },
    /// Something has to be there.
    #[error("{key} is missing")]
    Missing {
        /// The key.
        key: String,
    },
    /// A value of another type.
    #[error("{key} is {found}, and has to be {expected}")]
    WrongType {
        /// The key.
        key: String,
        /// What it has to be.
        expected: String,
        /// What it is.
        found: &'static str,
    },
    /// A number that makes no sense.
    #[error("{key} is {value}, and can be {low} to {high}")]
    OutOfRange {
        /// The key, with its unit.
        key: String,
        /// The number.
        value: String,
        /// The lowest that it can be.
        low: String,
        /// The highest that it can be.
        high: u64,
    },
    /// A word that is none of those that can stand there.
    #[error("{key} cannot be {word:?}")]
    UnknownWord {
        /// The key.
        key: String,
        /// The word.
        word: String,
        /// The words that there are.
        known: Vec<&'static str>,
    },
    /// Text that cannot be what it is for.
    #[error("{key} cannot be {text:?}: {why}")]
    Unusable {
        /// The key.
        key: String,
        /// The text.
        text: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A table with the rules of another dialect.
    #[error("the dialect {dialect:?} has no table [{table}]")]
    ForeignTable {
        /// The table.
        table: &'static str,
        /// The profile's dialect.
        dialect: String,
    },
}

impl ProfileFault {
    /// Where one of several could have been written: what was, and what there is.
    #[must_use]
    pub fn choice(&self) -> Option<(&str, &[&'static str])> {
        match self {
            ProfileFault::UnknownKey { key: written, known, .. }
            | ProfileFault::UnknownPart { key: written, known, .. }
            | ProfileFault::UnknownWord { word: written, known, .. } => Some((written, known)),
            _ => None,
        }
    }

    /// The fault, at its place.
    pub(super) fn at(self, text: &str, span: Option<Range<usize>>) -> InvalidProfile {
        InvalidProfile { place: span.and_then(|span| Place::of(text, span.start)), fault: self }
    }
}
