//! A fuzzer's bytes, taken from the front.

use atmqtt_at::Time;
use std::time::Duration;

/// Ends a run of literal bytes in a stream of steps.
const END: u8 = 0xff;

/// What is left of a fuzzer's bytes. Where nothing is left, everything is zero and empty.
pub(crate) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Input<'a> {
        Input(bytes)
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// A number below `count`. A digit is the number that it says, so that an input can be written by hand.
    pub(crate) fn number(&mut self, count: usize) -> usize {
        usize::from(self.byte().unwrap_or_default().wrapping_sub(b'0')) % count
    }

    /// One of `choices`.
    pub(crate) fn choose<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.number(choices.len())]
    }

    /// Literal bytes, up to `0xff`.
    pub(crate) fn literal(&mut self) -> &'a [u8] {
        let end = self.0.iter().position(|byte| *byte == END).unwrap_or(self.0.len());
        let (literal, rest) = self.0.split_at(end);
        self.0 = rest.get(1..).unwrap_or_default();
        literal
    }

    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }
}

/// How a run of bytes is cut into pieces.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pieces {
    Whole,
    Bytes,
    /// In lengths that follow from a seed.
    Uneven(u8),
}

impl Pieces {
    pub(crate) fn of(self, bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
        let mut rest = bytes;
        let mut seed = match self {
            Pieces::Uneven(seed) => seed,
            Pieces::Whole | Pieces::Bytes => 0,
        };
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let length = match self {
                Pieces::Whole => rest.len(),
                Pieces::Bytes => 1,
                Pieces::Uneven(_) => {
                    seed = seed.wrapping_mul(5).wrapping_add(113);
                    1 + usize::from(seed >> 4)
                }
            };
            let (piece, left) = rest.split_at(length.min(rest.len()));
            rest = left;
            Some(piece)
        })
    }
}

/// How long a step may wait: shorter and longer than what there is to wait for.
pub(crate) const WAITS: [Duration; 6] = [
    Duration::ZERO,
    Duration::from_millis(10),
    Duration::from_millis(999),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(600),
];

/// Whether there is something to do by now.
pub(crate) fn is_due(deadline: Option<Time>, now: Time) -> bool {
    deadline.is_some_and(|deadline| deadline <= now)
}

/// Whether `part` stands somewhere in `bytes`.
pub(crate) fn contains(bytes: &[u8], part: &[u8]) -> bool {
    part.is_empty() || bytes.windows(part.len()).any(|window| window == part)
}
