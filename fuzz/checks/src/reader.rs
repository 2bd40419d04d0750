//! Any bytes, in any pieces, whatever prompt is expected.

use std::collections::BTreeSet;

use atmqtt_at::{BodyPlace, BodyRule, Expected, LineRef, Reader, ReaderFault, ReaderLimits, Token};

use crate::input::{Input, Pieces};

const NO_BODIES: &[BodyRule] = &[];
const BODIES: &[BodyRule] = &[
    BodyRule { prefix: "+R,", fields: 1, place: BodyPlace::SameLine },
    BodyRule { prefix: "+LMQTTURC: RECV,", fields: 3, place: BodyPlace::SameLine },
    BodyRule { prefix: "+Q: ", fields: 0, place: BodyPlace::NextLine },
    BodyRule { prefix: "+CMQTTRXPAYLOAD: ", fields: 1, place: BodyPlace::NextLine },
];

/// How the reader is used.
struct Setting {
    prompt: Option<Expectation>,
    bodies: &'static [BodyRule],
    limits: ReaderLimits,
}

#[derive(Clone, Copy)]
struct Expectation {
    sign: &'static str,
    from: u64,
    /// It ends with the first prompt, as a command's does.
    once: bool,
}

impl Expectation {
    fn expected(self) -> Expected<'static> {
        Expected { from: self.from, prompt: Some(self.sign), ..Expected::default() }
    }
}

/// A token that owns its bytes.
#[derive(Debug, PartialEq)]
enum Seen {
    Line { began: usize, text: Vec<u8>, body: Option<Vec<u8>> },
    Prompt,
    Fault(ReaderFault),
}

/// Reads the bytes behind the first five, which choose prompt, its position, bodies, limits and pieces.
///
/// - The tokens do not depend on how the bytes were split.
/// - Every byte is in one token, or is a line end between two, or the blank behind a prompt; or the reader still holds it,
///   and then it may be a part of something larger.
/// - A prompt is one only where it is expected, and always there.
/// - A line that is longer than the limit, and a body that does not end where it should, cost nothing but themselves: after
///   enough line ends the next line is read.
///
/// # Panics
/// When one of these does not hold.
pub fn reader(input: &[u8]) {
    let mut input = Input::new(input);
    let expected = |sign, once| Some((sign, once));
    let prompt = input.choose(&[None, expected(">", false), expected(">", true), expected(">>>", false)]);
    let from = input.choose(&[0, 1, 4, 16]);
    let setting = Setting {
        prompt: prompt.map(|(sign, once)| Expectation { sign, from, once }),
        bodies: input.choose(&[BODIES, NO_BODIES]),
        limits: input.choose(&[
            ReaderLimits::default(),
            ReaderLimits { line: 64, body: 100 },
            ReaderLimits { line: 8, body: 8 },
        ]),
    };
    let seed = input.byte().unwrap_or_default();
    let bytes = input.rest();

    let whole = setting.read(bytes, Pieces::Whole);
    assert_eq!(setting.read(bytes, Pieces::Bytes), whole, "byte by byte");
    assert_eq!(setting.read(bytes, Pieces::Uneven(seed)), whole, "in uneven pieces");
    setting.covers(bytes, &whole);

    if setting.limits.line + setting.limits.body < 1024 {
        let flood = vec![b'\n'; setting.limits.line + setting.limits.body + 8];
        let last = setting.read(&[bytes, &flood, b"OK\r\n"].concat(), Pieces::Whole).pop();
        assert!(matches!(&last, Some(Seen::Line { text, body: None, .. }) if text == b"OK"), "ends with {last:?}");
    }
}

impl Setting {
    fn read(&self, bytes: &[u8], pieces: Pieces) -> Vec<Seen> {
        let mut reader = Reader::new(self.limits);
        reader.expect_bodies(self.bodies);
        let mut expectation = self.prompt;
        let mut seen = Vec::new();
        for piece in pieces.of(bytes) {
            reader.push(piece);
            while let Some(token) = reader.next(expectation.map(Expectation::expected).unwrap_or_default()) {
                seen.push(match token {
                    Token::Line { line: LineRef { text, body }, began } => Seen::Line {
                        began: usize::try_from(began).expect("a position in the input"),
                        text: text.to_vec(),
                        body: body.map(<[u8]>::to_vec),
                    },
                    Token::Prompt => {
                        expectation = expectation.filter(|expectation| !expectation.once);
                        Seen::Prompt
                    }
                    Token::Fault(fault) => Seen::Fault(fault),
                });
            }
        }
        assert_eq!(reader.received(), bytes.len() as u64);
        seen
    }

    /// Every byte is accounted for, in order.
    fn covers(&self, bytes: &[u8], seen: &[Seen]) {
        let mut expectation = self.prompt;
        // Where the next token may begin. A body that was thrown away does not say where it stood: then there may be several.
        let mut positions = BTreeSet::from([0]);
        for token in seen {
            let begins = positions.iter().map(|at| at + line_ends(&bytes[*at..]));
            positions = begins.flat_map(|at| self.behind(bytes, at, token, expectation)).collect();
            assert!(
                !positions.is_empty(),
                "{token:?} is not what stands there in {:?}",
                bytes.escape_ascii().to_string()
            );
            if *token == Seen::Prompt {
                expectation = expectation.filter(|expectation| !expectation.once);
            }
        }
        let held =
            positions.iter().map(|at| &bytes[at + line_ends(&bytes[*at..])..]).any(|rest| self.may_be_held(rest));
        assert!(held, "something complete was not given out: {:?}", bytes.escape_ascii().to_string());
    }

    /// Where the bytes of `token` end, if it begins at `at`.
    fn behind(&self, bytes: &[u8], at: usize, token: &Seen, expectation: Option<Expectation>) -> Vec<usize> {
        let rest = &bytes[at..];
        let is_prompt = expectation
            .is_some_and(|Expectation { sign, from, .. }| at as u64 >= from && rest.starts_with(sign.as_bytes()));
        match token {
            Seen::Prompt => {
                let sign = expectation.map_or("", |expectation| expectation.sign);
                let blank = usize::from(rest.get(sign.len()) == Some(&b' '));
                if is_prompt { vec![at + sign.len() + blank] } else { vec![] }
            }
            _ if is_prompt => vec![],
            Seen::Line { began, text, .. } if *began != at || !rest.starts_with(text) => vec![],
            // Quotes may have line ends in them, where a body could follow.
            Seen::Line { text, body: None, .. } if text.contains(&b'\n') && self.rule(text).is_none() => vec![],
            Seen::Line { text, body: None, .. } => {
                let returns = rest[text.len()..].iter().take_while(|byte| **byte == b'\r').count();
                let feed = text.len() + returns;
                if rest.get(feed) == Some(&b'\n') && feed <= self.limits.line { vec![at + feed + 1] } else { vec![] }
            }
            Seen::Line { text, body: Some(body), .. } => self.behind_body(bytes, at + text.len(), text, body),
            Seen::Fault(ReaderFault::LineTooLong { length }) => {
                let feed = usize::try_from(*length).expect("a length in the input");
                let is_line = self.rule(rest).is_some() || line_feed(rest) == Some(feed);
                if rest.get(feed) == Some(&b'\n') && feed > self.limits.line && is_line {
                    vec![at + feed + 1]
                } else {
                    vec![]
                }
            }
            Seen::Fault(ReaderFault::BodyMismatch { length }) => self.behind_lost_body(bytes, at, *length),
            Seen::Fault(_) => vec![],
        }
    }

    /// The ends of a body that stands behind its text in one of the known ways, at a line end.
    fn behind_body(&self, bytes: &[u8], at: usize, text: &[u8], body: &[u8]) -> Vec<usize> {
        assert!(body.len() <= self.limits.body && self.rule(text).is_some(), "{text:?} has no body of {}", body.len());
        let feed = bytes[at..].iter().position(|byte| *byte == b'\n').map_or(at, |feed| at + feed + 1);
        let below = (!text.ends_with(b",") || feed > at).then_some((&bytes[at..feed], ""));
        [Some((&b""[..], "")), Some((b" ", "")), Some((b"\"", "\"")), Some((b" \"", "\"")), below]
            .into_iter()
            .flatten()
            .filter(|(before, after)| {
                let parts = [*before, body, after.as_bytes()].concat();
                let end = at + parts.len();
                bytes[at..].starts_with(&parts) && matches!(bytes.get(end), Some(b'\r' | b'\n'))
            })
            .map(|(before, after)| at + before.len() + body.len() + after.len())
            .collect()
    }

    /// The places where a body of this length may have ended whose line begins at `at`.
    fn behind_lost_body(&self, bytes: &[u8], at: usize, length: usize) -> Vec<usize> {
        let Some(rule) = self.rule(&bytes[at..]) else { return vec![] };
        let mut argument = at + rule.prefix.len();
        let mut ends = Vec::new();
        let separators = (argument..bytes.len()).filter(|end| matches!(bytes[*end], b',' | b'\n'));
        for end in separators {
            let digits = String::from_utf8_lossy(&bytes[argument..end]).trim().to_owned();
            if digits.parse() == Ok(length) {
                let line_end = bytes[end..].iter().position(|byte| *byte == b'\n').unwrap_or(0);
                let before = if rule.place == BodyPlace::SameLine { end } else { end + line_end };
                ends.push(before + 1 + length);
            }
            argument = end + 1;
        }
        ends.retain(|end| *end < bytes.len());
        ends
    }

    fn rule(&self, line: &[u8]) -> Option<&'static BodyRule> {
        self.bodies.iter().find(|rule| line.starts_with(rule.prefix.as_bytes()))
    }

    /// Whether a reader may wait for more of this: it is no complete line, or one with a body that is not complete, or what is
    /// left of a line that is too long.
    fn may_be_held(&self, rest: &[u8]) -> bool {
        let most = self.limits.line + self.limits.body + 8;
        let beyond = rest.get(self.limits.line + 1..).unwrap_or_default();
        let has_body = self.rule(rest).is_some() && (rest.len() <= most || line_feed(beyond).is_none());
        line_feed(rest).is_none() || has_body
    }
}

fn line_feed(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| *byte == b'\n')
}

fn line_ends(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count()
}
