//! Bytes as a transcript has them: with escapes, and with parts that are not shown.

use std::fmt::{self, Write};
use std::ops::Range;

use super::error::SyntaxFault;

/// How many texts of unknown length one line may hide.
pub(super) const HIDDEN: usize = 64;

/// Bytes, some of which may be hidden.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pattern {
    parts: Vec<Part>,
}

/// A part of a [`Pattern`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// These bytes.
    Bytes(Vec<u8>),
    /// `\?`: so many bytes, whatever they are.
    AnyBytes(usize),
    /// `\*`: text without a quote and a line end, of any length.
    AnyText,
}

/// A fault, and the byte of the text at which it is.
pub(super) type Misplaced = (usize, SyntaxFault);

impl Pattern {
    /// These very bytes.
    #[must_use]
    pub fn of(bytes: impl Into<Vec<u8>>) -> Pattern {
        let mut pattern = Pattern::default();
        pattern.push(Part::Bytes(bytes.into()));
        pattern
    }

    /// Reads the text of bytes with escapes.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Pattern, SyntaxFault> {
        Pattern::read(text, &mut usize::MAX.clone()).map_err(|(_, fault)| fault)
    }

    /// The same; `budget` is how many bytes repetitions may still make.
    pub(super) fn read(text: &str, budget: &mut usize) -> Result<Pattern, Misplaced> {
        let limit = *budget;
        let mut pattern = Pattern::default();
        let mut rest = text;
        let mut hidden = 0;
        while let Some(at) = rest.find('\\') {
            pattern.push_bytes(&rest.as_bytes()[..at]);
            let place = text.len() - rest.len() + at;
            let fail = |fault| Err((place, fault));
            let behind = &rest[at + 1..];
            let Some(escape) = behind.chars().next() else { return fail(SyntaxFault::UnknownEscape) };
            rest = &behind[escape.len_utf8()..];
            match escape {
                'r' => pattern.push_bytes(b"\r"),
                'n' => pattern.push_bytes(b"\n"),
                't' => pattern.push_bytes(b"\t"),
                '\\' => pattern.push_bytes(b"\\"),
                '?' => pattern.push(Part::AnyBytes(1)),
                '*' => {
                    hidden += 1;
                    if hidden > HIDDEN {
                        return fail(SyntaxFault::TooManyHidden { limit: HIDDEN });
                    }
                    pattern.push(Part::AnyText);
                }
                'x' => {
                    let digits = rest.get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
                    let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
                    let Some(byte) = byte else { return fail(SyntaxFault::NoHexDigits) };
                    pattern.push_bytes(&[byte]);
                    rest = &rest[2..];
                }
                '(' => {
                    let repeated = rest.split_once(')').and_then(|(repeated, behind)| {
                        let (text, count) = repeated.rsplit_once('*')?;
                        let is_count = !count.is_empty() && count.bytes().all(|digit| digit.is_ascii_digit());
                        is_count.then_some((text, count, behind))
                    });
                    let Some((repeated, count, behind)) = repeated else { return fail(SyntaxFault::NoRepetition) };
                    let inner = Pattern::read(repeated, budget).map_err(|(at, fault)| (place + 2 + at, fault))?;
                    let size = count.parse().ok().and_then(|count| inner.repeated_size(count));
                    match size {
                        _ if inner.parts.contains(&Part::AnyText) => return fail(SyntaxFault::RepeatedHidden),
                        Some(size) if size <= *budget => *budget -= size,
                        _ => return fail(SyntaxFault::TooManyBytes { limit }),
                    }
                    for _ in 0..count.parse().unwrap_or(0_usize) {
                        inner.parts.iter().for_each(|part| pattern.push_copy(part));
                    }
                    rest = behind;
                }
                _ => return fail(SyntaxFault::UnknownEscape),
            }
        }
        pattern.push_bytes(rest.as_bytes());
        Ok(pattern)
    }

    /// The size of `count` of it; of an empty one too, so that nothing is repeated for ever.
    fn repeated_size(&self, count: usize) -> Option<usize> {
        let size = |part: &Part| match part {
            Part::Bytes(bytes) => bytes.len(),
            Part::AnyBytes(count) => *count,
            Part::AnyText => 0,
        };
        self.parts.iter().map(size).sum::<usize>().max(1).checked_mul(count)
    }

    /// Puts a part behind the others; parts of one kind become one.
    pub fn push(&mut self, part: Part) {
        match (self.parts.last_mut(), part) {
            (_, Part::AnyBytes(0)) | (Some(Part::AnyText), Part::AnyText) => {}
            (Some(Part::AnyBytes(count)), Part::AnyBytes(more)) => *count += more,
            (Some(Part::Bytes(bytes)), Part::Bytes(more)) => bytes.extend(more),
            (_, Part::Bytes(bytes)) if bytes.is_empty() => {}
            (_, part) => self.parts.push(part),
        }
    }

    fn push_copy(&mut self, part: &Part) {
        match part {
            Part::Bytes(bytes) => self.push_bytes(bytes),
            other => self.push(other.clone()),
        }
    }

    fn push_bytes(&mut self, more: &[u8]) {
        match self.parts.last_mut() {
            Some(Part::Bytes(bytes)) => bytes.extend_from_slice(more),
            _ if more.is_empty() => {}
            _ => self.parts.push(Part::Bytes(more.to_vec())),
        }
    }

    /// Its parts, in order.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The bytes, if none is hidden.
    #[must_use]
    pub fn bytes(&self) -> Option<&[u8]> {
        match &self.parts[..] {
            [] => Some(&[]),
            [Part::Bytes(bytes)] => Some(bytes),
            _ => None,
        }
    }

    /// How many bytes it stands for, if none of its parts is of any length.
    #[must_use]
    pub fn len(&self) -> Option<usize> {
        let has_length = !self.parts.contains(&Part::AnyText);
        has_length.then(|| self.repeated_size(1).filter(|_| !self.is_empty()).unwrap_or(0))
    }

    /// Whether `bytes` are, from the first to the last, what it stands for; and which of them are hidden, part for part. Where
    /// there is a choice, an earlier text is the shorter one.
    #[must_use]
    pub fn hidden_in(&self, bytes: &[u8]) -> Option<Vec<Range<usize>>> {
        if let Some(known) = self.bytes() {
            return (known == bytes).then(Vec::new);
        }
        // For each part the places at which it may end, and before them those at which the first may begin.
        let mut ends = vec![vec![false; bytes.len() + 1]];
        ends[0][0] = true;
        for part in &self.parts {
            let begins = &ends[ends.len() - 1];
            let mut reached = vec![false; bytes.len() + 1];
            match part {
                Part::AnyText => {
                    let mut open = false;
                    for at in 0..=bytes.len() {
                        open = begins[at] || (open && may_be_hidden(bytes[at - 1]));
                        reached[at] = open;
                    }
                }
                Part::AnyBytes(count) => {
                    let fits = (*count..=bytes.len()).filter(|end| begins[end - count]);
                    fits.for_each(|end| reached[end] = true);
                }
                Part::Bytes(known) => {
                    let fits = |at: &usize| begins[*at] && bytes[*at..].starts_with(known);
                    (0..=bytes.len()).filter(fits).for_each(|at| reached[at + known.len()] = true);
                }
            }
            ends.push(reached);
        }
        let mut end = bytes.len();
        if !ends.pop()?[end] {
            return None;
        }
        let mut hidden = Vec::new();
        for part in self.parts.iter().rev() {
            let begins = ends.pop()?;
            let start = match part {
                Part::Bytes(known) => end - known.len(),
                Part::AnyBytes(count) => end - count,
                Part::AnyText => {
                    let longest = bytes[..end].iter().rev().take_while(|byte| may_be_hidden(**byte)).count();
                    (end - longest..=end).find(|at| begins[*at])?
                }
            };
            if !matches!(part, Part::Bytes(_)) {
                hidden.push(start..end);
            }
            end = start;
        }
        hidden.reverse();
        Some(hidden)
    }

    /// Whether `bytes` are what it stands for.
    #[must_use]
    pub fn matches(&self, bytes: &[u8]) -> bool {
        self.hidden_in(bytes).is_some()
    }

    /// How many of its bytes `bytes` have at their beginning. Only of a pattern that has a length.
    #[must_use]
    pub fn common_prefix(&self, bytes: &[u8]) -> usize {
        let mut common = 0;
        for part in &self.parts {
            let rest = &bytes[common..];
            let (same, length) = match part {
                Part::Bytes(known) => (known.iter().zip(rest).take_while(|(a, b)| a == b).count(), known.len()),
                Part::AnyBytes(count) => (rest.len().min(*count), *count),
                Part::AnyText => break,
            };
            common += same;
            if same < length {
                break;
            }
        }
        common
    }

    /// Bytes that it stands for. For hidden texts those in `known` are taken, in turn; beyond them, and for hidden bytes,
    /// asterisks.
    #[must_use]
    pub fn fill<'a>(&self, known: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
        let mut known = known.into_iter();
        let mut bytes = Vec::new();
        for part in &self.parts {
            match part {
                Part::Bytes(known) => bytes.extend_from_slice(known),
                Part::AnyBytes(count) => bytes.resize(bytes.len() + count, b'*'),
                Part::AnyText => bytes.extend_from_slice(known.next().unwrap_or(b"***")),
            }
        }
        bytes
    }
}

/// Whether [`Part::AnyText`] stands for such bytes.
fn may_be_hidden(byte: u8) -> bool {
    !matches!(byte, b'"' | b'\r' | b'\n')
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.parts {
            match part {
                Part::Bytes(bytes) => f.write_str(&escape(bytes))?,
                Part::AnyBytes(count @ 1..4) => (0..*count).try_for_each(|_| f.write_str("\\?"))?,
                Part::AnyBytes(count) => write!(f, "\\(\\?*{count})")?,
                Part::AnyText => f.write_str("\\*")?,
            }
        }
        Ok(())
    }
}

/// How many of the same byte in a row are written as a repetition.
const RUN: usize = 64;

/// Bytes as a transcript writes them.
#[must_use]
pub fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for run in bytes.chunk_by(|a, b| a == b) {
        let byte = run[0];
        if run.len() >= RUN && byte.is_ascii_graphic() && !matches!(byte, b'\\' | b')' | b'*') {
            write!(text, "\\({}*{})", char::from(byte), run.len()).expect("a string takes everything");
            continue;
        }
        for byte in run {
            match byte {
                b'"' | b'\'' => text.push(char::from(*byte)),
                _ => write!(text, "{}", byte.escape_ascii()).expect("a string takes everything"),
            }
        }
    }
    text
}
