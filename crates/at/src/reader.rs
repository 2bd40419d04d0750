//! Bytes to tokens.
//!
//! The reader is fed bytes in whatever pieces the port gives and cuts them into lines, prompts and counted bodies. What it
//! gives out depends only on the bytes and on when a prompt is expected, never on where the pieces were split: it waits for
//! more whenever one more byte could change its mind. Each byte is looked at a bounded number of times.

use std::ops::Range;

use memchr::memchr;

use crate::token::{LineRef, ReaderFault, Token};

/// Where in a line of a certain form a counted body stands.
///
/// A dialect gives these for the lines whose payload comes with a length. Inside the body nothing is looked for: its end
/// is where the length says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyRule {
    /// How such a line begins, blanks included: `+LMQTTURC: RECV,`.
    pub prefix: &'static str,
    /// How many arguments stand between the prefix and the length.
    pub fields: usize,
    /// Where the body begins.
    pub place: BodyPlace,
}

/// Where a counted body begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyPlace {
    /// In the same line, behind the comma after the length: `<prefix><fields>,<length>,<body>`. It may stand in quotes, or
    /// behind a blank.
    SameLine,
    /// Behind the line end, after whatever arguments follow the length: `<prefix><fields>,<length>[,…]`, and then the body.
    NextLine,
}

/// What the command in flight may bring beside lines. The default: nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Expected<'a> {
    /// From which count of received bytes on it counts (see [`Reader::received`]). What came before is older than the
    /// command.
    pub from: u64,
    /// The command line with its carriage return, which the modem may send back: there that carriage return ends a line,
    /// whatever stands behind it.
    pub echo: &'a [u8],
    /// The sign of a prompt, which stands at the start of a line: `>`, `>>>`, `@`.
    pub prompt: Option<&'static str>,
}

/// How much a reader keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReaderLimits {
    /// The longest line, in bytes up to its line feed. A longer one is thrown away and reported.
    pub line: usize,
    /// The longest counted body, in bytes. A line that announces a longer one is read as an ordinary line.
    pub body: usize,
}

impl Default for ReaderLimits {
    fn default() -> ReaderLimits {
        ReaderLimits { line: 16 * 1024, body: 64 * 1024 }
    }
}

/// Cuts what a modem sends into [`Token`]s.
#[derive(Debug)]
pub struct Reader {
    buffer: Vec<u8>,
    /// The first byte of the buffer that has not been given out: where the current line begins.
    start: usize,
    /// How many bytes were dropped from the front of the buffer since the beginning.
    dropped: u64,
    state: State,
    /// The current line begins behind a line end, or is the first; and not behind a prompt, or a body that did not end where it should.
    is_line_start: bool,
    rules: &'static [BodyRule],
    limits: ReaderLimits,
}

/// What is known of the current line. Positions count from the start of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the start of a line, where line ends are skipped and a prompt may stand.
    Start,
    /// Behind a prompt sign: one blank belongs to it.
    BehindPrompt,
    /// In a line without a counted body. Everything before `scanned` has no line feed.
    Plain { scanned: usize },
    /// In the arguments before a body's length.
    Head(Head),
    /// In or behind a counted body in the line itself.
    Body { at: usize, length: usize },
    /// In the arguments between a length and the body behind the line end.
    Between { scanned: usize, length: usize },
    /// In or behind a counted body behind the line end; `text` is where the text ends.
    Below { text: usize, at: usize, length: usize },
    /// In a line that is too long; `length` bytes of it are gone.
    Skip { length: u64 },
}

/// The scan through the arguments before a length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head {
    scanned: usize,
    place: BodyPlace,
    /// How many arguments are still to come before the length; zero: in the length.
    fields_left: usize,
    /// Where the current argument begins.
    argument: usize,
}

impl Reader {
    /// A reader at the start of a line.
    #[must_use]
    pub fn new(limits: ReaderLimits) -> Reader {
        Reader {
            buffer: Vec::new(),
            start: 0,
            dropped: 0,
            state: State::Start,
            is_line_start: true,
            rules: &[],
            limits,
        }
    }

    /// From the next line on, lines of these forms have counted bodies.
    pub fn expect_bodies(&mut self, rules: &'static [BodyRule]) {
        self.rules = rules;
    }

    /// Takes bytes from the port.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.start == self.buffer.len() {
            self.dropped += self.start as u64;
            self.buffer.clear();
            self.start = 0;
        } else if self.start > self.buffer.len() / 2 {
            self.dropped += self.start as u64;
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// How many bytes have been taken from the port in all.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.dropped + self.buffer.len() as u64
    }

    /// The next token, or `None` when more bytes are needed.
    ///
    /// Where no prompt is expected, its sign is text like any other.
    pub fn next(&mut self, expected: Expected<'_>) -> Option<Token<'_>> {
        loop {
            match self.state {
                State::Start => {
                    let skipped = self.line().iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
                    self.start += skipped;
                    self.is_line_start |= skipped > 0;
                    let line = self.line();
                    if line.is_empty() {
                        return None;
                    }
                    let Expected { from, echo, prompt } = expected;
                    if self.offset() >= from {
                        if let Some(sign) = prompt.map(str::as_bytes) {
                            if line.starts_with(sign) {
                                self.start += sign.len();
                                self.state = State::BehindPrompt;
                                self.is_line_start = false;
                                return Some(Token::Prompt);
                            }
                            if sign.starts_with(line) {
                                return None;
                            }
                        }
                        if !echo.is_empty() && line.starts_with(echo) {
                            return Some(self.end_of_line(echo.len() - 1));
                        }
                        if echo.starts_with(line) {
                            return None;
                        }
                    }
                    self.state = self.form_of_line()?;
                }
                State::BehindPrompt => {
                    let first = *self.line().first()?;
                    self.start += usize::from(first == b' ');
                    self.state = State::Start;
                }
                State::Plain { scanned } => match memchr(b'\n', &self.line()[scanned..]) {
                    Some(found) => return Some(self.end_of_line(scanned + found)),
                    None => {
                        let length = self.line().len();
                        if length > self.limits.line {
                            self.start += length;
                            self.state = State::Skip { length: length as u64 };
                        } else {
                            self.state = State::Plain { scanned: length };
                        }
                        return None;
                    }
                },
                State::Head(head) => self.state = self.scan_head(head)?,
                State::Body { at, length } => return self.end_of_body(at, length),
                State::Between { scanned, length } => self.state = self.end_of_head(scanned, length)?,
                State::Below { text, at, length } => return self.body_token(text, at..at + length, at + length),
                State::Skip { length } => {
                    let line = self.line();
                    let Some(found) = memchr(b'\n', line) else {
                        let gone = line.len();
                        self.start += gone;
                        self.state = State::Skip { length: length + gone as u64 };
                        return None;
                    };
                    self.start += found + 1;
                    self.state = State::Start;
                    self.is_line_start = true;
                    return Some(Token::Fault(ReaderFault::LineTooLong { length: length + found as u64 }));
                }
            }
        }
    }

    /// Whether the end of the current line would have to be known from what has come of it: a body is not complete, or quotes are not closed.
    /// Other lines end at their line end, and are waited for.
    #[must_use]
    pub fn is_counting(&self) -> bool {
        match self.state {
            State::Body { .. } | State::Below { .. } | State::Between { .. } => true,
            State::Head(head) => is_open(&self.line()[head.argument..]),
            State::Start | State::BehindPrompt | State::Plain { .. } | State::Skip { .. } => false,
        }
    }

    /// Throws away such a line.
    pub fn give_up_line(&mut self) -> Option<ReaderFault> {
        if !self.is_counting() {
            return None;
        }
        let received = self.line().len();
        self.start = self.buffer.len();
        self.state = State::Start;
        self.is_line_start = false;
        Some(ReaderFault::Incomplete { received })
    }

    /// Takes what has come of the current line for a prompt of this sign in which one byte was lost, added or changed; false: it is not.
    ///
    /// No line of a module ends there, so this is for a line that nothing is added to any more. As for a whole prompt, one that began before
    /// `from` bytes had been received is none.
    pub fn take_damaged_prompt(&mut self, sign: &str, from: u64) -> bool {
        let is_damaged = matches!(self.state, State::Start | State::Plain { .. })
            && self.is_line_start
            && self.offset() >= from
            && is_damaged_prompt(self.line(), sign);
        if is_damaged {
            self.start = self.buffer.len();
            // A blank may still come.
            self.state = State::BehindPrompt;
            self.is_line_start = false;
        }
        is_damaged
    }

    /// What has come of the current line.
    fn line(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// How many bytes had been received when the current line began.
    fn offset(&self) -> u64 {
        self.dropped + self.start as u64
    }

    /// Whether the line has a counted body, as soon as its first bytes tell.
    fn form_of_line(&self) -> Option<State> {
        let line = self.line();
        for rule in self.rules {
            let prefix = rule.prefix.as_bytes();
            if line.starts_with(prefix) {
                let (scanned, argument) = (prefix.len(), prefix.len());
                return Some(State::Head(Head { scanned, place: rule.place, fields_left: rule.fields, argument }));
            }
            if prefix.starts_with(line) {
                return None;
            }
        }
        Some(State::Plain { scanned: 0 })
    }

    /// Walks through the arguments up to the comma behind the length. A line that turns out to have no length is plain.
    fn scan_head(&mut self, mut head: Head) -> Option<State> {
        let line = &self.buffer[self.start..];
        while let Some(&byte) = line.get(head.scanned) {
            let so_far = &line[head.argument..head.scanned];
            let below = head.place == BodyPlace::NextLine && head.fields_left == 0;
            if head.scanned > self.limits.line {
                return Some(State::Plain { scanned: head.scanned });
            }
            match byte {
                // In open quotes a line end is an argument's own too: whoever chooses a topic does not choose where the line ends.
                b'\n' if is_open(so_far) => {}
                b'\n' if below => return Some(self.behind_length(head, so_far)),
                b'\n' => return Some(State::Plain { scanned: head.scanned }),
                // Inside quotes a comma is an argument's own. A quote closes only before a comma: nothing escapes one.
                b',' if is_open(so_far) => {}
                b',' if head.fields_left > 0 => {
                    head.fields_left -= 1;
                    head.argument = head.scanned + 1;
                }
                b',' => return Some(self.behind_length(head, so_far)),
                _ => {}
            }
            head.scanned += 1;
        }
        self.state = State::Head(head);
        None
    }

    /// What follows a length. One that is none, or too large, makes the line a plain one.
    fn behind_length(&self, head: Head, argument: &[u8]) -> State {
        let scanned = head.scanned;
        match (length(argument).filter(|length| *length <= self.limits.body), head.place) {
            (Some(length), BodyPlace::SameLine) => State::Body { at: scanned + 1, length },
            (Some(length), BodyPlace::NextLine) => State::Between { scanned, length },
            (None, _) => State::Plain { scanned },
        }
    }

    /// Looks for the line end that the body stands behind.
    fn end_of_head(&mut self, scanned: usize, length: usize) -> Option<State> {
        let line = &self.buffer[self.start..];
        let Some(found) = memchr(b'\n', &line[scanned..]) else {
            let scanned = line.len();
            if scanned > self.limits.line {
                return Some(State::Plain { scanned });
            }
            self.state = State::Between { scanned, length };
            return None;
        };
        let feed = scanned + found;
        if feed > self.limits.line {
            return Some(State::Plain { scanned });
        }
        let text = line[..feed].iter().rposition(|byte| *byte != b'\r').map_or(0, |last| last + 1);
        Some(State::Below { text, at: feed + 1, length })
    }

    /// The line whose last byte, a line feed mostly, is at `feed`.
    fn end_of_line(&mut self, feed: usize) -> Token<'_> {
        let (start, began) = (self.start, self.offset());
        self.start += feed + 1;
        self.state = State::Start;
        self.is_line_start = true;
        if feed > self.limits.line {
            return Token::Fault(ReaderFault::LineTooLong { length: feed as u64 });
        }
        let mut text = &self.buffer[start..start + feed];
        while let [rest @ .., b'\r'] = text {
            text = rest;
        }
        Token::Line { line: LineRef { text, body: None }, began }
    }

    /// The line with a counted body, once what stands behind the body has come.
    ///
    /// Modules put the body down bare, or behind a blank, or between quotes, and a body may itself begin with a blank or
    /// a quote. The length settles it: the right reading is the one that has a line end where it ends.
    fn end_of_body(&mut self, at: usize, length: usize) -> Option<Token<'_>> {
        let line = &self.buffer[self.start..];
        let first = *line.get(at)?;
        let blank = usize::from(first == b' ');
        let quoted = *line.get(at + blank)? == b'"';
        let bare = at..at + length;
        let body = if blank == 0 && !quoted {
            bare
        } else {
            let behind_blank = at + blank..at + blank + length;
            let readings = [
                Some(bare.clone()),
                (blank == 1).then(|| behind_blank.clone()),
                quoted.then(|| behind_blank.start + 1..behind_blank.end + 1),
            ];
            let (mut found, mut with_bare_feed) = (None, None);
            for reading in readings.into_iter().flatten() {
                let in_quotes = reading.start > behind_blank.start;
                let mut end = reading.end;
                if in_quotes {
                    if *line.get(end)? != b'"' {
                        continue;
                    }
                    end += 1;
                }
                let fits = match *line.get(end)? {
                    b'\r' => matches!(*line.get(end + 1)?, b'\r' | b'\n'),
                    // Firmware that ends lines so: the closing quote makes it certain, without one a body may have it in it.
                    b'\n' if !in_quotes => {
                        with_bare_feed.get_or_insert(reading.clone());
                        false
                    }
                    byte => byte == b'\n',
                };
                if fits {
                    found = Some(reading);
                    break;
                }
            }
            found.or(with_bare_feed).unwrap_or(bare)
        };
        let in_quotes = body.start > at + blank;
        let end = body.end + usize::from(in_quotes);
        self.body_token(at, body, end)
    }

    /// The line with this text and this body, if its line ends behind the body, at `end`.
    fn body_token(&mut self, text: usize, body: Range<usize>, end: usize) -> Option<Token<'_>> {
        let line = &self.buffer[self.start..];
        // A body that ends in CR before a bare LF has swallowed half of the line end: a byte was lost.
        let intact = match *line.get(end)? {
            b'\r' => true,
            b'\n' => line.get(end.wrapping_sub(1)) != Some(&b'\r'),
            _ => false,
        };
        let (start, began) = (self.start, self.offset());
        self.start += end;
        self.state = State::Start;
        self.is_line_start = false;
        let line = &self.buffer[start..];
        Some(if intact {
            Token::Line { line: LineRef { text: &line[..text], body: Some(&line[body]) }, began }
        } else {
            Token::Fault(ReaderFault::BodyMismatch { length: body.len() })
        })
    }
}

/// Whether this is a prompt, `> ` or `>`, of which one byte is another, is missing, or is one too many.
///
/// A single byte other than a blank might be the beginning of any line.
fn is_damaged_prompt(line: &[u8], sign: &str) -> bool {
    let is_changed = |line: &[u8]| line.len() == sign.len() + 1 && line.ends_with(b" ");
    let is_behind_another = |line: &[u8]| {
        line.split_first().is_some_and(|(_, rest)| rest.strip_suffix(b" ").unwrap_or(rest) == sign.as_bytes())
    };
    line == b" " || is_changed(line) || is_behind_another(line)
}

/// Whether quotes have been opened and not closed.
fn is_open(argument: &[u8]) -> bool {
    match argument.trim_ascii_end() {
        // The quote that opens closes nothing.
        [b'"', rest @ ..] => !rest.ends_with(b"\""),
        _ => false,
    }
}

/// A length as modules write it: digits, with or without blanks around them.
fn length(argument: &[u8]) -> Option<usize> {
    let digits = argument.trim_ascii();
    let numeric = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok().filter(|_| numeric)?.parse().ok()
}

#[cfg(test)]
mod tests;
