//! From bytes of the line to complete command lines, as a DCE does it (V.250, section 5.2).

/// Control characters that do not survive in a command line: LF, SUB and ESC (V.250 5.2.2 has a DCE ignore control characters; that
/// these three are dropped and others pass is inferred).
const DROPPED: [u8; 3] = [b'\n', 0x1a, 0x1b];

/// Collects one command line at a time.
#[derive(Debug, Default)]
pub(super) struct Editor {
    line: Vec<u8>,
    too_long: bool,
}

/// A complete command line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum CommandLine {
    /// From `AT` to before the CR.
    Complete(Vec<u8>),
    /// Longer than the command line buffer; what did fit.
    TooLong(Vec<u8>),
}

impl Editor {
    /// Whether no command line has begun.
    pub(super) fn is_empty(&self) -> bool {
        self.line.is_empty()
    }

    /// Takes a byte; `limit` is the longest line in bytes.
    ///
    /// Bytes before `AT` are passed over, so that text that is no command is not answered, and so that `AT` in the middle of garbage
    /// still begins a command, as on a real line.
    pub(super) fn push(&mut self, byte: u8, limit: usize) -> Option<CommandLine> {
        if byte == b'\r' {
            let line = std::mem::take(&mut self.line);
            let too_long = std::mem::take(&mut self.too_long);
            return match line.len() {
                0 | 1 => None,
                _ if too_long => Some(CommandLine::TooLong(line)),
                _ => Some(CommandLine::Complete(line)),
            };
        }
        match self.line.len() {
            0 if byte.eq_ignore_ascii_case(&b'A') => self.line.push(byte),
            0 => {}
            1 if byte.eq_ignore_ascii_case(&b'T') => self.line.push(byte),
            1 if byte.eq_ignore_ascii_case(&b'A') => self.line[0] = byte,
            1 => self.line.clear(),
            _ if DROPPED.contains(&byte) => {}
            length if length >= limit => self.too_long = true,
            _ => self.line.push(byte),
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8]) -> Vec<String> {
        let mut editor = Editor::default();
        bytes
            .iter()
            .filter_map(|&byte| editor.push(byte, 12))
            .map(|line| match line {
                CommandLine::Complete(line) => String::from_utf8(line).unwrap(),
                CommandLine::TooLong(line) => format!("{}…", String::from_utf8(line).unwrap()),
            })
            .collect()
    }

    #[test]
    fn lines_are_found_as_v250_has_it() {
        let table: &[(&str, &[&str])] = &[
            ("AT\r", &["AT"]),
            ("at\r", &["at"]),
            ("aT\raT\r", &["aT", "aT"]),
            ("AT\r\nAT\r\n", &["AT", "AT"]),
            ("AT\n", &[]),
            ("AT\nE0\r", &["ATE0"]),
            ("\r\n\r\n", &[]),
            ("A\r", &[]),
            ("hello\rAT\r", &["AT"]),
            ("helloAT\r", &["AT"]),
            ("AAT\r", &["AT"]),
            ("aAT\r", &["AT"]),
            ("ABAT\r", &["AT"]),
            ("\u{0}\u{7f}ATI\r", &["ATI"]),
            ("AT+X=\"a\u{1a}b\u{1b}\"\r", &["AT+X=\"ab\""]),
            ("AT+456789012\r", &["AT+456789012"]),
            ("AT+4567890123\rAT\r", &["AT+456789012…", "AT"]),
        ];
        for (bytes, expected) in table {
            assert_eq!(lines(bytes.as_bytes()), *expected, "{bytes:?}");
        }
    }
}
