//! The arguments of an information line, one after the other.

use std::fmt;

use nom::branch::alt;
use nom::bytes::complete::{tag, take_till};
use nom::character::complete::{char, space0};
use nom::combinator::{eof, map, peek};
use nom::error::{Error, ErrorKind};
use nom::sequence::preceded;
use nom::{IResult, Parser};

/// A cursor over the arguments of one line: `1,"text",,0C3D`.
///
/// Each call takes one argument, and a fault names which one it was. Blanks around an argument are not part of it.
#[derive(Clone, Copy)]
pub struct Fields<'a> {
    /// What is left, without the comma before it. `None` once the last argument is taken.
    rest: Option<&'a [u8]>,
    body: Option<&'a [u8]>,
    position: usize,
}

/// An argument that is not what it has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("argument {position} {kind}")]
pub struct Malformed {
    /// Which argument, counted from 1. Zero: the line as a whole.
    pub position: usize,
    /// What is wrong with it.
    pub kind: MalformedKind,
}

/// What is wrong with an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MalformedKind {
    /// It is not there.
    Missing,
    /// It is not a whole number.
    NotANumber,
    /// It is a number out of range.
    OutOfRange,
    /// It is not a hexadecimal number.
    NotHexadecimal,
    /// It is not UTF-8.
    NotUtf8,
    /// It has a form that is not known.
    Unexpected,
}

impl fmt::Display for MalformedKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            MalformedKind::Missing => "is missing",
            MalformedKind::NotANumber => "is not a number",
            MalformedKind::OutOfRange => "is out of range",
            MalformedKind::NotHexadecimal => "is not a hexadecimal number",
            MalformedKind::NotUtf8 => "is not UTF-8",
            MalformedKind::Unexpected => "has an unknown form",
        })
    }
}

impl Malformed {
    /// The line as a whole is not what it has to be.
    #[must_use]
    pub const fn line(kind: MalformedKind) -> Malformed {
        Malformed { position: 0, kind }
    }
}

impl<'a> Fields<'a> {
    /// A cursor at the first of `arguments`; `body` is the counted body after them, where there is one.
    #[must_use]
    pub fn new(arguments: &'a [u8], body: Option<&'a [u8]>) -> Fields<'a> {
        Fields { rest: Some(arguments), body, position: 0 }
    }

    /// The next argument as it stands, without its quotes. `None` when there is none; an empty one is an empty slice.
    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        let (rest, argument) = match number(rest) {
            Some(found) => found,
            None => argument(rest).ok()?,
        };
        self.rest = rest.split_first().map(|(_comma, rest)| rest);
        self.position += 1;
        Some(argument)
    }

    /// The next argument as a whole number.
    ///
    /// # Errors
    /// It is missing or empty, not a number, or does not fit the type asked for.
    pub fn int<N: TryFrom<i64>>(&mut self) -> Result<N, Malformed> {
        let position = self.position + 1;
        self.optional_int()?.ok_or(Malformed { position, kind: MalformedKind::Missing })
    }

    /// The next argument as a whole number, or `None` when it is missing or empty.
    ///
    /// # Errors
    /// It is not a number, or does not fit the type asked for.
    pub fn optional_int<N: TryFrom<i64>>(&mut self) -> Result<Option<N>, Malformed> {
        let Some(argument) = self.bytes().filter(|argument| !argument.is_empty()) else {
            return Ok(None);
        };
        let (is_negative, digits) = match argument {
            [b'-', digits @ ..] => (true, digits),
            [b'+', digits @ ..] => (false, digits),
            digits => (false, digits),
        };
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(self.fault(MalformedKind::NotANumber));
        }
        let number = digits.iter().try_fold(0_i64, |number, digit| {
            let digit = i64::from(digit - b'0');
            // Downwards, since the smallest number has no positive twin.
            number.checked_mul(10)?.checked_sub(digit)
        });
        let number = number.and_then(|number| if is_negative { Some(number) } else { number.checked_neg() });
        let fitting = number.and_then(|number| N::try_from(number).ok());
        fitting.map(Some).ok_or(self.fault(MalformedKind::OutOfRange))
    }

    /// The next argument as a hexadecimal number, quoted or not, in either case; `None` when it is missing or empty.
    ///
    /// # Errors
    /// It is not a hexadecimal number, or has more than 32 bits.
    pub fn optional_hex(&mut self) -> Result<Option<u32>, Malformed> {
        let Some(argument) = self.bytes().filter(|argument| !argument.is_empty()) else {
            return Ok(None);
        };
        if !argument.iter().all(u8::is_ascii_hexdigit) {
            return Err(self.fault(MalformedKind::NotHexadecimal));
        }
        let number = std::str::from_utf8(argument).ok().and_then(|text| u32::from_str_radix(text, 16).ok());
        number.map(Some).ok_or(self.fault(MalformedKind::OutOfRange))
    }

    /// The next argument as text, quoted or not.
    ///
    /// # Errors
    /// It is missing, or not UTF-8.
    pub fn text(&mut self) -> Result<&'a str, Malformed> {
        let argument = self.bytes().ok_or(Malformed { position: self.position + 1, kind: MalformedKind::Missing })?;
        std::str::from_utf8(argument).map_err(|_| self.fault(MalformedKind::NotUtf8))
    }

    /// Whether the next argument stands in quotes: what tells a number from text that looks like one.
    #[must_use]
    pub fn is_quoted(&self) -> bool {
        self.rest.is_some_and(|rest| rest.trim_ascii_start().starts_with(b"\""))
    }

    /// All that is left, as it stands: quotes, commas and blanks included. `None` when nothing follows.
    #[must_use]
    pub fn remainder(self) -> Option<&'a [u8]> {
        self.rest
    }

    /// The counted body after the arguments.
    #[must_use]
    pub fn body(self) -> Option<&'a [u8]> {
        self.body
    }

    fn fault(&self, kind: MalformedKind) -> Malformed {
        Malformed { position: self.position, kind }
    }
}

/// A bare number up to the comma or the end: nearly every argument is one, and this is the short way.
fn number(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let digits = input.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (digits > 0 && input.get(digits).is_none_or(|next| *next == b',')).then(|| (&input[digits..], &input[..digits]))
}

/// One argument up to the comma or the end. A quote closes only before a comma or the end, since modules do not escape a
/// quote inside quotes; an argument whose quote never closes is taken bare.
fn argument(input: &[u8]) -> IResult<&[u8], &[u8]> {
    preceded(space0, alt((quoted, bare))).parse(input)
}

fn quoted(input: &[u8]) -> IResult<&[u8], &[u8]> {
    let (inner, _) = char('"').parse(input)?;
    memchr::memchr_iter(b'"', inner)
        .find_map(|at| end_of_argument(&inner[at + 1..]).ok().map(|(rest, _)| (rest, &inner[..at])))
        .ok_or(nom::Err::Error(Error::new(input, ErrorKind::Char)))
}

fn bare(input: &[u8]) -> IResult<&[u8], &[u8]> {
    map(take_till(|byte| byte == b','), <[u8]>::trim_ascii_end).parse(input)
}

fn end_of_argument(input: &[u8]) -> IResult<&[u8], &[u8]> {
    preceded(space0, alt((peek(tag(",")), eof))).parse(input)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(arguments: &[u8]) -> Vec<Vec<u8>> {
        let mut fields = Fields::new(arguments, None);
        std::iter::from_fn(|| fields.bytes().map(<[u8]>::to_vec)).collect()
    }

    #[test]
    fn arguments_are_quoted_bare_or_empty() {
        for (line, expected) in [
            (&b"0,1"[..], &["0", "1"][..]),
            (b" 0 , 1 ", &["0", "1"]),
            (b"0,,2", &["0", "", "2"]),
            (b"", &[""]),
            (b"0,", &["0", ""]),
            (b"\"a,b\",2", &["a,b", "2"]),
            (b"\"\",2", &["", "2"]),
            (b"\"a\" ,2", &["a", "2"]),
            (b"\"a\"b\",2", &["a\"b", "2"]),
            (b"1,\"a\"b\"", &["1", "a\"b"]),
            (b"\"open", &["\"open"]),
            (b"\"open,2", &["\"open", "2"]),
        ] {
            assert_eq!(all(line), expected.iter().map(|text| text.as_bytes().to_vec()).collect::<Vec<_>>(), "{line:?}");
        }
    }

    #[test]
    fn numbers_say_what_is_wrong_with_them() {
        let int = |text: &[u8]| Fields::new(text, None).int::<u8>();
        let fault = |kind| Err(Malformed { position: 1, kind });
        assert_eq!(int(b"20"), Ok(20));
        assert_eq!(int(b"\"20\""), Ok(20));
        assert_eq!(int(b""), fault(MalformedKind::Missing));
        assert_eq!(int(b"x"), fault(MalformedKind::NotANumber));
        assert_eq!(int(b"-"), fault(MalformedKind::NotANumber));
        assert_eq!(int(b"256"), fault(MalformedKind::OutOfRange));
        assert_eq!(int(b"-1"), fault(MalformedKind::OutOfRange));
        assert_eq!(int(b"99999999999999999999"), fault(MalformedKind::OutOfRange));
        assert_eq!(Fields::new(b"-1", None).int::<i32>(), Ok(-1));
        for number in [i64::MIN, i64::MAX] {
            assert_eq!(Fields::new(number.to_string().as_bytes(), None).int(), Ok(number));
        }
        assert_eq!(
            Fields::new(b"9223372036854775808", None).int::<i64>().map_err(|fault| fault.kind),
            Err(MalformedKind::OutOfRange)
        );
    }

    #[test]
    fn a_fault_names_the_argument() {
        let mut fields = Fields::new(b"0,1,x", None);
        assert_eq!((fields.int(), fields.int()), (Ok(0_u8), Ok(1_u8)));
        let fault = fields.int::<u8>().unwrap_err();
        assert_eq!(fault.to_string(), "argument 3 is not a number");
        assert_eq!(fields.int::<u8>().unwrap_err().kind, MalformedKind::Missing);
    }

    #[test]
    fn hexadecimal_is_quoted_or_bare_in_either_case() {
        let mut fields = Fields::new(b"1a2b,\"0c3d4e5f\",0C3D4E5F,,123456789", None);
        assert_eq!(fields.optional_hex(), Ok(Some(0x1a2b)));
        assert_eq!(fields.optional_hex(), Ok(Some(0x0c3d_4e5f)));
        assert_eq!(fields.optional_hex(), Ok(Some(0x0c3d_4e5f)));
        assert_eq!(fields.optional_hex(), Ok(None));
        assert_eq!(fields.optional_hex().unwrap_err().kind, MalformedKind::OutOfRange);
    }

    #[test]
    fn the_remainder_is_left_as_it_is() {
        let mut fields = Fields::new(b"0,\"t\",{\"a\": \"b\"} ", None);
        let _ = (fields.bytes(), fields.bytes());
        assert_eq!(fields.remainder(), Some(&b"{\"a\": \"b\"} "[..]));
    }

    #[test]
    fn text_must_be_utf8() {
        assert_eq!(Fields::new(b"\"\xe9\"", None).text().unwrap_err().kind, MalformedKind::NotUtf8);
        assert_eq!(Fields::new("\"温度\"".as_bytes(), None).text(), Ok("温度"));
    }
}
