//! One command line to its commands, and one command to its arguments (V.250, section 5.2 and 5.3).

use std::ops::RangeInclusive;

use super::cme::Cme;

/// Commands whose last argument is raw bytes to the end of the line, quotes and semicolons included.
const RAW_TAILS: [&str; 4] = ["+LMQTTPUB", "+ECMTPUB", "+QMTPUB", "+MQTTPUB"];

/// One command of a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command<'a> {
    /// A letter and its number, such as `E0`; a number left out is 0.
    Basic { letter: char, number: u32 },
    /// `+NAME` in upper case, and what was asked of it.
    Extended { name: String, form: Form<'a> },
}

/// What is asked of an extended command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form<'a> {
    /// `+NAME`
    Execute,
    /// `+NAME?`
    Read,
    /// `+NAME=?`
    Test,
    /// `+NAME=…`
    Set(Args<'a>),
}

/// The line is not made of commands.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoCommand;

/// Splits what follows `AT`. Commands before a fault are returned, since a DCE executes them.
pub(super) fn split(mut rest: &[u8]) -> (Vec<Command<'_>>, Result<(), NoCommand>) {
    let mut commands = Vec::new();
    loop {
        rest = skip_spaces(rest);
        let command = match rest.first() {
            None => return (commands, Ok(())),
            Some(b'+') => extended(&mut rest),
            Some(byte) if byte.is_ascii_alphabetic() => Some(basic(&mut rest)),
            Some(_) => None,
        };
        match command {
            Some(command) => commands.push(command),
            None => return (commands, Err(NoCommand)),
        }
    }
}

fn basic<'a>(rest: &mut &'a [u8]) -> Command<'a> {
    let letter = char::from(rest[0].to_ascii_uppercase());
    let digits = rest[1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = decimal(&rest[1..=digits]).unwrap_or(if digits == 0 { 0 } else { u32::MAX });
    *rest = &rest[1 + digits..];
    Command::Basic { letter, number }
}

fn extended<'a>(rest: &mut &'a [u8]) -> Option<Command<'a>> {
    let length = 1 + rest[1..].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let name = String::from_utf8_lossy(&rest[..length]).to_ascii_uppercase();
    let after = &rest[length..];
    let (form, after) = match after {
        [b'=', b'?', tail @ ..] => (Form::Test, tail),
        [b'=', tail @ ..] => {
            let end = if RAW_TAILS.contains(&name.as_str()) { tail.len() } else { unquoted_semicolon(tail) };
            (Form::Set(Args { rest: &tail[..end], first: true }), &tail[end..])
        }
        [b'?', tail @ ..] => (Form::Read, tail),
        tail => (Form::Execute, tail),
    };
    *rest = match skip_spaces(after) {
        [] => &[],
        [b';', tail @ ..] => tail,
        _ => return None,
    };
    Some(Command::Extended { name, form })
}

fn unquoted_semicolon(bytes: &[u8]) -> usize {
    let mut quoted = false;
    bytes
        .iter()
        .position(|&byte| {
            quoted ^= byte == b'"';
            byte == b';' && !quoted
        })
        .unwrap_or(bytes.len())
}

fn skip_spaces(bytes: &[u8]) -> &[u8] {
    let blanks = bytes.iter().take_while(|&&byte| byte == b' ').count();
    &bytes[blanks..]
}

fn decimal(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// An argument is missing, of the wrong kind, out of range or too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BadArgument;

impl From<BadArgument> for Cme {
    fn from(_: BadArgument) -> Self {
        Self::IncorrectParameters
    }
}

/// The arguments of one command, taken from the left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Args<'a> {
    rest: &'a [u8],
    first: bool,
}

impl<'a> Args<'a> {
    /// Whether nothing is left.
    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Whatever stands next, quoted or not, without its quotes. There is no escape: the quote ends it.
    pub(super) fn text(&mut self) -> Result<&'a [u8], BadArgument> {
        let rest = self.separator()?;
        if let [b'"', inner @ ..] = rest {
            let end = inner.iter().position(|&byte| byte == b'"').ok_or(BadArgument)?;
            let after = skip_spaces(&inner[end + 1..]);
            if !matches!(after.first(), None | Some(b',')) {
                return Err(BadArgument);
            }
            self.rest = after;
            return Ok(&inner[..end]);
        }
        let end = rest.iter().position(|&byte| byte == b',').unwrap_or(rest.len());
        self.rest = &rest[end..];
        Ok(rest[..end].trim_ascii_end())
    }

    /// What stands next in quotes.
    pub(super) fn quoted(&mut self) -> Result<&'a [u8], BadArgument> {
        let mut ahead = *self;
        if ahead.separator()?.starts_with(b"\"") { self.text() } else { Err(BadArgument) }
    }

    /// A text of UTF-8 of at most so many bytes, in quotes.
    pub(super) fn string(&mut self, limit: usize) -> Result<String, BadArgument> {
        let text = self.quoted()?;
        if text.len() > limit {
            return Err(BadArgument);
        }
        String::from_utf8(text.to_vec()).map_err(|_| BadArgument)
    }

    /// As [`string`](Self::string); `None` where nothing is left.
    pub(super) fn optional_string(&mut self, limit: usize) -> Result<Option<String>, BadArgument> {
        if self.is_empty() { Ok(None) } else { self.string(limit).map(Some) }
    }

    /// A decimal number in that range.
    pub(super) fn number<N: TryFrom<u32> + PartialOrd>(&mut self, range: RangeInclusive<N>) -> Result<N, BadArgument> {
        let number = decimal(self.text()?).and_then(|number| N::try_from(number).ok()).ok_or(BadArgument)?;
        if range.contains(&number) { Ok(number) } else { Err(BadArgument) }
    }

    /// 0 or 1.
    pub(super) fn flag(&mut self) -> Result<bool, BadArgument> {
        Ok(self.number(0..=1_u8)? == 1)
    }

    /// Everything that is left, as it stands after the comma.
    pub(super) fn tail(&mut self) -> Result<&'a [u8], BadArgument> {
        let rest = self.separator()?;
        self.rest = &[];
        Ok(rest)
    }

    /// Nothing may be left.
    pub(super) fn end(self) -> Result<(), BadArgument> {
        if self.rest.is_empty() { Ok(()) } else { Err(BadArgument) }
    }

    fn separator(&mut self) -> Result<&'a [u8], BadArgument> {
        if std::mem::take(&mut self.first) {
            return Ok(skip_spaces(self.rest));
        }
        match self.rest {
            [b',', rest @ ..] => Ok(skip_spaces(rest)),
            _ => Err(BadArgument),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The commands of a line, each in a short notation.
    fn told(line: &str) -> String {
        let (commands, end) = split(line.as_bytes());
        let mut told: Vec<String> = commands
            .iter()
            .map(|command| match command {
                Command::Basic { letter, number } => format!("{letter}{number}"),
                Command::Extended { name, form: Form::Set(args) } => {
                    format!("{name}:={}", String::from_utf8_lossy(args.rest))
                }
                Command::Extended { name, form } => format!("{name} {form:?}"),
            })
            .collect();
        if end.is_err() {
            told.push("fault".to_owned());
        }
        told.join(" | ")
    }

    #[test]
    fn a_line_is_split_into_its_commands() {
        let table = [
            ("", ""),
            ("  ", ""),
            ("E0", "E0"),
            ("e", "E0"),
            ("E0V1Q0", "E0 | V1 | Q0"),
            ("E99999999999", "E4294967295"),
            ("+CSQ", "+CSQ Execute"),
            (" +csq", "+CSQ Execute"),
            ("E0+CSQ", "E0 | +CSQ Execute"),
            ("+CMEE?", "+CMEE Read"),
            ("+CMEE=?", "+CMEE Test"),
            ("+CMEE=1", "+CMEE:=1"),
            ("+CMEE=1;+CSQ;E1", "+CMEE:=1 | +CSQ Execute | E1"),
            ("+CPIN=\"1;2\";+CSQ", "+CPIN:=\"1;2\" | +CSQ Execute"),
            ("+LMQTTPUB=0,1,0,0,\"t\",3,\";\";;", "+LMQTTPUB:=0,1,0,0,\"t\",3,\";\";;"),
            ("+CSQ+CGMI", "fault"),
            ("E0?", "E0 | fault"),
            ("+CSQ?x", "fault"),
        ];
        for (line, expected) in table {
            assert_eq!(told(line), expected, "{line:?}");
        }
    }

    fn args(text: &str) -> Args<'_> {
        Args { rest: text.as_bytes(), first: true }
    }

    #[test]
    fn arguments_are_taken_from_the_left() {
        let mut list = args("0, \"a,b\" ,12,\"\",tail,\"x\"");
        assert_eq!(list.number(0..=4_u8), Ok(0));
        assert_eq!(list.string(3), Ok("a,b".to_owned()));
        assert_eq!(list.number(0..=12_u16), Ok(12));
        assert_eq!(list.text(), Ok(&b""[..]));
        assert_eq!(list.tail(), Ok(&b"tail,\"x\""[..]));
        assert_eq!(list.end(), Ok(()));
    }

    #[test]
    fn bad_arguments_are_refused() {
        assert_eq!(args("5").number(0..=4_u8), Err(BadArgument));
        assert_eq!(args("256").number(0..=255_u8), Err(BadArgument));
        assert_eq!(args("-1").number(0..=4_u8), Err(BadArgument));
        assert_eq!(args("+1").number(0..=4_u8), Err(BadArgument));
        assert_eq!(args("99999999999").number(0..=u32::MAX), Err(BadArgument));
        assert_eq!(args("").number(0..=4_u8), Err(BadArgument));
        assert_eq!(args("\"open").text(), Err(BadArgument));
        assert_eq!(args("\"a\"b").text(), Err(BadArgument));
        assert_eq!(args("\"abcd\"").string(3), Err(BadArgument));
        assert_eq!(args("bare").string(9), Err(BadArgument));
        assert_eq!(args("\"\u{e9}\"").string(2), Ok("\u{e9}".to_owned()));
        let mut one = args("1");
        assert_eq!(one.flag(), Ok(true));
        assert_eq!(one.flag(), Err(BadArgument));
        assert_eq!(args("1").end(), Err(BadArgument));
    }
}
