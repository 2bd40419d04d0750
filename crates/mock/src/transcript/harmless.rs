//! Which commands change nothing of a dialogue, and which of their letters.

use atmqtt_at::transcript::{Part, Pattern};

/// A command line, as far as it has to be understood here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// `+NAME` or, of a basic command, its letter, in upper case.
    pub(super) name: String,
    pub(super) form: Form,
    /// The first argument without its quotes, in lower case.
    key: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// It ends with `?`: a question for a value, or for the values that there may be.
    Question,
    /// With arguments, or none.
    Action,
}

/// Commands that only look, or only change how the line behaves or what is reported.
const LOOKING: [&str; 28] = [
    "", "E", "I", "+CMEE", "+CGMI", "+CGMM", "+CGMR", "+LGMR", "+QGMR", "+GMI", "+GMM", "+GMR", "+CGSN", "+LGSN",
    "+CIMI", "+LCCID", "+CCID", "+QCCID", "+NCCID", "+ECICCID", "+CICCID", "+MCCID", "+CSQ", "+CESQ", "+CGPADDR",
    "+CREG", "+CGREG", "+CEREG",
];

/// Those among them with which a host finds out whom it is talking to.
const ATTACHING: [&str; 9] = ["", "E", "I", "+CMEE", "+CFUN", "+CGMI", "+CGMM", "+CGMR", "+LGMR"];

/// How the commands of the MQTT clients begin.
const CLIENTS: [&str; 5] = ["+LMQTT", "+ECMT", "+QMT", "+CMQTT", "+MQTT"];

/// Settings of a client (`CFG`) that change no line of the dialogue.
const SETTINGS: [&str; 13] = [
    "version",
    "session",
    "keepalive",
    "timeout",
    "urc",
    "pdpcid",
    "checkutf8",
    "optimeout",
    "cid",
    "clean",
    "retrans",
    "reconn",
    "cached",
];

/// Commands that lead to a connection, or end one.
const CONNECTING: [&str; 5] = ["+CFUN", "+CPIN", "+CGATT", "+CGDCONT", "+CGACT"];
/// Those of a client, without what they begin with, and those that lead to a subscription.
const CLIENT_CONNECTING: [&str; 12] =
    ["CFG", "OPEN", "CONN", "DISC", "CLOSE", "SUBUNSUB", "SUB", "START", "STOP", "ACCQ", "REL", "CONNECT"];

impl Line {
    /// Reads a command line, without its carriage return. `None`: it is none, or more than one command.
    pub(super) fn parse(line: &[u8]) -> Option<Line> {
        let line = String::from_utf8(normal(line)).ok()?;
        let command = line.strip_prefix("AT")?;
        let mut is_quoted = false;
        for character in command.chars() {
            match character {
                '"' => is_quoted = !is_quoted,
                ';' if !is_quoted => return None,
                _ => {}
            }
        }
        let end = match command.chars().next() {
            Some('+') => command.find(['=', '?']).unwrap_or(command.len()),
            Some(_) => 1,
            None => 0,
        };
        let (name, rest) = command.split_at_checked(end)?;
        let form = if rest.ends_with('?') { Form::Question } else { Form::Action };
        let first = rest.strip_prefix('=').unwrap_or(rest).split(',').next().unwrap_or_default();
        Some(Line { name: name.to_owned(), form, key: first.trim_matches('"').to_ascii_lowercase() })
    }

    /// It changes nothing of a dialogue in which it does not stand.
    pub(super) fn is_harmless(&self) -> bool {
        self.form == Form::Question
            || LOOKING.contains(&&*self.name)
            || (self.of_client() == Some("CFG") && SETTINGS.contains(&&*self.key))
    }

    /// It is one with which a host begins.
    pub(super) fn is_attaching(&self) -> bool {
        self.is_harmless() && (ATTACHING.contains(&&*self.name) || self.of_client().is_some())
    }

    /// It leads to a connection to a broker, or to a subscription there.
    pub(super) fn is_connecting(&self) -> bool {
        CONNECTING.contains(&&*self.name) || self.of_client().is_some_and(|rest| CLIENT_CONNECTING.contains(&rest))
    }

    /// The name of a client's command, without what the commands of that client begin with.
    fn of_client(&self) -> Option<&str> {
        CLIENTS.into_iter().find_map(|client| self.name.strip_prefix(client))
    }

    /// Whether `said` is nothing but an answer to it: no line of it is about anything else.
    pub(super) fn is_answered_by(&self, said: &[u8]) -> bool {
        let mut lines = said.split(|byte| matches!(byte, b'\r' | b'\n')).filter(|line| !line.is_empty());
        lines.all(|line| match line {
            [b'+', ..] => {
                let ours = [self.name.as_bytes(), b":"].concat();
                line.starts_with(b"+CME ERROR") || (self.name.len() > 1 && line.starts_with(&ours))
            }
            [b'^', ..] => false,
            _ => true,
        })
    }
}

/// A command line without what makes no difference: blanks outside quotes, and the case of the letters before the arguments.
pub(super) fn normal(line: &[u8]) -> Vec<u8> {
    let (mut is_quoted, mut is_name) = (false, true);
    let mut normal = Vec::with_capacity(line.len());
    for byte in line {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b'=' => is_name = false,
            b' ' if !is_quoted => continue,
            _ => {}
        }
        normal.push(if is_name && !is_quoted { byte.to_ascii_uppercase() } else { *byte });
    }
    normal
}

/// What a pattern is to a line that [`normal`] has made of another.
pub(super) fn normal_pattern(pattern: &Pattern) -> Pattern {
    // A hidden part has no quotes, so it is as one letter to what is around it.
    const HIDDEN: u8 = 0x1a;
    let mut hidden = Vec::new();
    let mut flat = Vec::new();
    for part in pattern.parts() {
        match part {
            Part::Bytes(bytes) => flat.extend_from_slice(bytes),
            other => {
                hidden.push(other.clone());
                flat.push(HIDDEN);
            }
        }
    }
    let mut hidden = hidden.into_iter();
    let mut made = Pattern::default();
    for piece in normal(&flat).chunk_by(|a, b| (*a == HIDDEN) == (*b == HIDDEN)) {
        if piece[0] == HIDDEN {
            piece.iter().filter_map(|_| hidden.next()).for_each(|part| made.push(part));
        } else {
            made.push(Part::Bytes(piece.to_vec()));
        }
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_looks_is_harmless() {
        let table = [
            ("AT", true),
            ("at", true),
            ("ATE0", true),
            ("ATI", true),
            ("AT+CMEE=1", true),
            ("AT+CFUN?", true),
            ("AT+CFUN=0", false),
            ("AT+LMQTTCFG=?", true),
            ("AT+LMQTTCFG = \"keepalive\", 0, 60", true),
            ("AT+LMQTTCFG=keepalive,0,60", true),
            ("AT+LMQTTCFG=\"recv/mode\",0,0,1", false),
            ("AT+LMQTTCFG=\"aliauth\",0,\"a\",\"b\",\"c\"", false),
            ("AT+LMQTTPUB=0,1,1,0,\"t\",1,\"?\"", false),
            ("AT+LMQTTCONN?", true),
            ("AT+CSQ;+CFUN=0", false),
            ("ATZ", false),
            ("AT&F", false),
            ("hello", false),
        ];
        for (line, is_harmless) in table {
            assert_eq!(Line::parse(line.as_bytes()).is_some_and(|line| line.is_harmless()), is_harmless, "{line}");
        }
    }

    #[test]
    fn an_answer_is_about_its_command_alone() {
        let line = Line::parse(b"AT+CSQ").unwrap();
        assert!(line.is_answered_by(b"\r\n+CSQ: 20,99\r\n\r\nOK\r\n"));
        assert!(line.is_answered_by(b"\r\n+CME ERROR: 4\r\n"));
        assert!(!line.is_answered_by(b"\r\n+CSQ: 20,99\r\n\r\n+LMQTTURC: STATS,0,1\r\n\r\nOK\r\n"));
        assert!(!Line::parse(b"ATI").unwrap().is_answered_by(b"\r\n^boot.rom\r\n"));
    }
}
