//! Lines that are kept for a while, in one buffer.

use std::fmt;

use crate::token::LineRef;

/// Lines one after the other in one buffer, which is used again once they are gone: keeping a line allocates nothing in the
/// long run.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Lines {
    bytes: Vec<u8>,
    spans: Vec<Span>,
}

/// Where a line lies in the buffer: its text, then its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    start: usize,
    text_end: usize,
    body_end: Option<usize>,
}

impl Lines {
    pub(crate) fn push(&mut self, line: LineRef<'_>) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(line.text);
        let text_end = self.bytes.len();
        let body_end = line.body.map(|body| {
            self.bytes.extend_from_slice(body);
            self.bytes.len()
        });
        self.spans.push(Span { start, text_end, body_end });
    }

    /// How many bytes the lines take.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.spans.clear();
    }

    /// The line at this place, counted from 0.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<LineRef<'_>> {
        self.spans.get(index).map(|span| self.line(*span))
    }

    /// The lines, oldest first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = LineRef<'_>> {
        self.spans.iter().map(|span| self.line(*span))
    }

    /// How many lines there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    fn line(&self, span: Span) -> LineRef<'_> {
        LineRef {
            text: &self.bytes[span.start..span.text_end],
            body: span.body_end.map(|end| &self.bytes[span.text_end..end]),
        }
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
