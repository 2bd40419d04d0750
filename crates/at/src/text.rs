//! What may stand in an argument.
//!
//! V.250 gives no escape for a quote, and every dialect so far takes text as it comes. So the only safe way is to refuse,
//! before a byte is written, whatever could end an argument, a line or a data phase. The types here are the proof that it
//! was looked at: a [`Command`](crate::Command) takes nothing else.

use std::fmt;

use zeroize::Zeroizing;

/// A character that cannot stand in a quoted argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{} at byte {position} cannot be sent in an AT command", Named(*.character))]
pub struct IllegalCharacter {
    /// The character.
    pub character: char,
    /// Where it stands, in bytes from the start.
    pub position: usize,
}

struct Named(char);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            '"' => f.write_str("a double quote"),
            '\r' => f.write_str("a carriage return"),
            '\n' => f.write_str("a line feed"),
            '\0' => f.write_str("NUL"),
            other => write!(f, "the control character U+{:04X}", u32::from(other)),
        }
    }
}

/// Text that can stand between quotes in a command: no double quote, no control character.
///
/// A backslash is legal: no supported dialect reads it as an escape.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(Box<str>);

impl Text {
    /// Takes text that may stand in a quoted argument.
    ///
    /// # Errors
    /// The first character that may not.
    pub fn new(text: impl Into<Box<str>>) -> Result<Text, IllegalCharacter> {
        let text = text.into();
        check(&text).map(|()| Text(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its length in bytes, which is what modules limit.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl TryFrom<&str> for Text {
    type Error = IllegalCharacter;

    fn try_from(text: &str) -> Result<Text, IllegalCharacter> {
        Text::new(text)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Like [`Text`], but nobody gets to see it: it is wiped when it is dropped, and shown as `***`.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a secret that may stand in a quoted argument.
    ///
    /// # Errors
    /// The first character that may not.
    pub fn new(secret: impl Into<String>) -> Result<Secret, IllegalCharacter> {
        let secret = Zeroizing::new(secret.into());
        check(&secret).map(|()| Secret(secret))
    }

    /// The secret itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Its length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

fn check(text: &str) -> Result<(), IllegalCharacter> {
    match text.char_indices().find(|(_, character)| *character == '"' || character.is_control()) {
        Some((position, character)) => Err(IllegalCharacter { character, position }),
        None => Ok(()),
    }
}

/// Bytes that a module takes by count in the middle of a command line.
///
/// Quotes and commas are fine, since the module counts; CR and LF would end the line, NUL ends a C string inside the
/// module (measured on the EC616: what follows it is lost), and Ctrl-Z and ESC end a data phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InlineData<'a>(&'a [u8]);

impl<'a> InlineData<'a> {
    /// The bytes, if all of them can stand in a command line.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Option<InlineData<'a>> {
        let ends_something = |byte: &u8| matches!(byte, b'\r' | b'\n' | 0 | 0x1a | 0x1b);
        (!bytes.iter().any(ends_something)).then_some(InlineData(bytes))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }
}

/// Whether these bytes are nothing to anybody, if a module takes them for command lines, and sends them back.
///
/// No command begins in them: what stands before `AT` is passed over, and `A/` repeats the last command (V.250, 5.2.1). And no line of
/// them, should they come back as an echo, reads like one that a module says: an information line, a result code, a prompt.
pub(crate) fn is_nothing_on_the_line(bytes: &[u8]) -> bool {
    let begins_command = |pair: &[u8]| matches!(pair, [b'A' | b'a', b'T' | b't' | b'/']);
    let reads_like_line = |line: &[u8]| match line.trim_ascii_start() {
        [b'+' | b'^' | b'#' | b'*' | b'%' | b'$', letter, ..] => letter.is_ascii_alphabetic(),
        [first, ..] => first.is_ascii_uppercase() || *first == b'>',
        [] => false,
    };
    !bytes.windows(2).any(begins_command) && !bytes.split(|byte| *byte == b'\n').any(reads_like_line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_refuses_what_could_end_an_argument_or_a_line() {
        for (text, character, position) in [
            ("a\"b", '"', 1),
            ("a\r", '\r', 1),
            ("\n", '\n', 0),
            ("ab\0", '\0', 2),
            ("\u{1a}", '\u{1a}', 0),
            ("ä\u{1b}", '\u{1b}', 2),
            ("\u{7f}", '\u{7f}', 0),
            ("\u{85}", '\u{85}', 0),
            ("\";AT+CFUN=0", '"', 0),
        ] {
            assert_eq!(Text::new(text), Err(IllegalCharacter { character, position }), "{text:?}");
        }
    }

    #[test]
    fn text_takes_utf8_commas_and_backslashes() {
        for text in ["", "a,b;c\\", "温度/厨房", "a\u{2028}b", "+++ATH0"] {
            assert_eq!(Text::new(text).map(|text| text.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn the_message_names_the_character() {
        let fault = Text::new("a\rb").unwrap_err();
        assert_eq!(fault.to_string(), "a carriage return at byte 1 cannot be sent in an AT command");
    }

    #[test]
    fn inline_data_is_anything_that_ends_neither_line_nor_data() {
        assert!(InlineData::new(b"{\"a\":1,\"b\":\"\xff\"}").is_some());
        for byte in [b'\r', b'\n', 0, 0x1a, 0x1b] {
            assert_eq!(InlineData::new(&[b'a', byte]), None, "{byte:#x}");
        }
    }

    #[test]
    fn bytes_that_are_nothing_are_neither_commands_nor_lines_of_a_module() {
        for (bytes, expected) in [
            (&b""[..], true),
            (b"\0hello\r\n+++", true),
            (b"{\r\n \"a\": 1\r\n}", true),
            (b"a", true),
            (b"a t", true),
            (b"state", false),
            (b"\r\nAT+CFUN=0\r", false),
            (b"a/", false),
            (b"aT", false),
            (b"x\r\nOK\r\n", false),
            (b"+LMQTTURC: RECV,0,1,\"t\",1,x", false),
            (b"x\n +ZZZ", false),
            (b"x\n> ", false),
            (b"x\r+ZZZ", true),
        ] {
            assert_eq!(is_nothing_on_the_line(bytes), expected, "{}", bytes.escape_ascii());
        }
    }
}
