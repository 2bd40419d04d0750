//! A transcript of what goes over a line, as it goes.

use std::fmt::{self, Write};
use std::ops::Range;

use super::pattern::{HIDDEN, Part, Pattern};
use super::redact::{Cloak, Cover, Redactor};
use super::{Side, Step};
use crate::time::Time;

/// How many bytes wait for the end of a line before they are written without it.
const HELD: usize = 256 * 1024;

/// Whether a recording shows secrets and identities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privacy {
    /// Passwords, PINs and secrets of devices are hidden, and IMEI, IMSI and ICCID are replaced by made-up digits, wherever
    /// they are.
    Redacted,
    /// Everything is shown.
    Raw,
}

/// Makes the steps of a transcript of the bytes that go over a line.
///
/// What is secret shows only once its line is complete. So lines wait for their ends, those of the host and those of the
/// module, before anything of them is given out; [`finish`](Recorder::finish) gives out what waits.
///
/// ```
/// use atmqtt_at::{Time, transcript::{Privacy, Recorder, Side}};
/// use std::time::Duration;
///
/// let mut recorder = Recorder::new(Privacy::Redacted);
/// recorder.record(Time::ZERO, Side::Host, b"AT+CPIN=\"4711\"\r");
/// recorder.record(Time::ZERO + Duration::from_millis(12), Side::Module, b"\r\nOK\r\n");
/// recorder.finish();
/// assert_eq!(recorder.take(), "> AT+CPIN=\"\\*\"\\r\n~ 12ms\n< \\r\\nOK\\r\\n\n");
/// ```
pub struct Recorder {
    /// `None`: everything is shown.
    redactor: Option<Redactor>,
    held: Vec<Piece>,
    size: usize,
    /// What each side has written of a line that has not ended.
    host_line: Unfinished,
    module_line: Unfinished,
    /// The host writes data: the module has asked for them, and has said nothing since.
    are_data: bool,
    /// When the last step that was written happened.
    written: Option<Time>,
    text: String,
}

struct Piece {
    time: Time,
    side: Side,
    bytes: Vec<u8>,
}

/// How much there is of a line that has not ended.
#[derive(Default)]
struct Unfinished {
    length: usize,
    /// It is a sign that asks for data, so far.
    is_prompt: bool,
}

impl Unfinished {
    fn take(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.is_prompt = match (self.length, byte) {
                (0, b'>') => true,
                (1, b' ') => self.is_prompt,
                _ => false,
            };
            self.length = if matches!(byte, b'\r' | b'\n') { 0 } else { self.length + 1 };
        }
    }
}

impl Recorder {
    /// A recording that has not begun.
    #[must_use]
    pub fn new(privacy: Privacy) -> Recorder {
        Recorder {
            redactor: (privacy == Privacy::Redacted).then(Redactor::default),
            held: Vec::new(),
            size: 0,
            host_line: Unfinished::default(),
            module_line: Unfinished::default(),
            are_data: false,
            written: None,
            text: String::new(),
        }
    }

    /// Takes what one side has written.
    pub fn record(&mut self, now: Time, side: Side, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        match (self.held.last_mut(), side) {
            // In what pieces a host writes a line is no matter.
            (Some(piece), Side::Host) if piece.side == Side::Host && self.host_line.length > 0 => {
                piece.bytes.extend_from_slice(bytes);
                piece.time = now;
            }
            _ => self.held.push(Piece { time: now, side, bytes: bytes.to_vec() }),
        }
        self.size += bytes.len();
        match side {
            Side::Host => {
                // What may be a command is waited for to its end, whatever the module has asked for.
                let begins_data = self.host_line.length == 0 && !bytes[0].eq_ignore_ascii_case(&b'A');
                self.are_data |= begins_data && self.module_line.is_prompt;
                self.host_line.take(bytes);
            }
            Side::Module => {
                self.module_line.take(bytes);
                // Data have no end of their own: what the module says behind them is their end.
                if self.are_data && self.module_line.length == 0 {
                    self.are_data = false;
                    self.host_line = Unfinished::default();
                }
            }
        }
        // Whether nothing of what follows belongs to what has been.
        let is_between_lines =
            self.host_line.length == 0 && (self.module_line.length == 0 || self.module_line.is_prompt);
        if self.redactor.is_none() || is_between_lines || self.size > HELD {
            self.finish();
        }
    }

    /// Gives out what waits for the end of its line.
    pub fn finish(&mut self) {
        let pieces = std::mem::take(&mut self.held);
        self.size = 0;
        let covers = |redactor: &mut Redactor, side: Side| {
            let ours = pieces.iter().filter(|piece| piece.side == side);
            redactor.covers(side, &ours.flat_map(|piece| piece.bytes.iter().copied()).collect::<Vec<_>>())
        };
        let (host, module) = match &mut self.redactor {
            Some(redactor) => (covers(redactor, Side::Host), covers(redactor, Side::Module)),
            None => (Vec::new(), Vec::new()),
        };
        let (mut host_from, mut module_from) = (0, 0);
        for (index, piece) in pieces.iter().enumerate() {
            let (from, covers) = match piece.side {
                Side::Host => (&mut host_from, &host),
                Side::Module => (&mut module_from, &module),
            };
            let range = *from..*from + piece.bytes.len();
            *from = range.end;
            let is_next = |next: &Piece| next.side == piece.side;
            let neighbours = (
                index.checked_sub(1).is_some_and(|before| is_next(&pieces[before])),
                pieces.get(index + 1).is_some_and(is_next),
            );
            let pattern = covered(&piece.bytes, &range, covers, piece.side, neighbours);
            if !pattern.is_empty() {
                self.write(piece.time, piece.side, pattern);
            }
        }
    }

    fn write(&mut self, time: Time, side: Side, pattern: Pattern) {
        let waited = self.written.map_or(0, |written| (time - written).as_millis());
        if let Some(waited) = u64::try_from(waited).ok().filter(|waited| *waited > 0) {
            let waited = std::time::Duration::from_millis(waited);
            self.line(&Step::Wait(waited));
            // What is less than a millisecond counts later, with what follows.
            self.written = self.written.map(|written| written + waited);
        }
        self.written = self.written.or(Some(time));
        self.line(&match side {
            Side::Host => Step::Host(pattern),
            Side::Module => Step::Module(pattern),
        });
    }

    fn line(&mut self, step: &Step) {
        writeln!(self.text, "{step}").expect("a string takes everything");
    }

    /// The lines that are complete, each with its end.
    #[must_use]
    pub fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }
}

/// A piece of what one side wrote, `range` of the whole, as it may be shown. `neighbours`: the pieces before and behind it are
/// of the same side.
fn covered(bytes: &[u8], range: &Range<usize>, covers: &[Cover], side: Side, neighbours: (bool, bool)) -> Pattern {
    let mut pattern = Pattern::default();
    let mut at = range.start;
    let mut texts = 0;
    for Cover { range: hidden, by } in covers.iter().filter(|cover| cover.range.end > range.start) {
        if hidden.start >= range.end {
            break;
        }
        let part = hidden.start.max(range.start)..hidden.end.min(range.end);
        pattern.push(Part::Bytes(bytes[at - range.start..part.start - range.start].to_vec()));
        at = part.end;
        let (begins, ends) = (part.start == hidden.start, part.end == hidden.end);
        match by {
            Cloak::Digits(digits) => {
                let digits = &digits.as_bytes()[part.start - hidden.start..part.end - hidden.start];
                pattern.push(Part::Bytes(digits.to_vec()));
            }
            Cloak::Text if texts == HIDDEN => pattern.push(Part::AnyBytes(part.len())),
            Cloak::Text if side == Side::Host && begins && ends && bytes[at - range.start..].contains(&b'\r') => {
                texts += 1;
                pattern.push(Part::AnyText);
            }
            // The piece in which it begins says all of it, and the one in which it goes on nothing.
            Cloak::Text if side == Side::Module && (begins || neighbours.0) && (ends || neighbours.1) => {
                if begins {
                    texts += 1;
                    pattern.push(Part::AnyText);
                }
            }
            Cloak::Text | Cloak::Bytes => pattern.push(Part::AnyBytes(part.len())),
        }
    }
    pattern.push(Part::Bytes(bytes[at - range.start..].to_vec()));
    pattern
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("held", &self.size).finish_non_exhaustive()
    }
}
