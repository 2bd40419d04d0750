//! What a recording hides: secrets, by the grammar of the commands that carry them, and identities, by their form.
//!
//! Whoever listens on a line does not know which arguments are secret. So the commands that have one are listed here, for
//! all vendors, and the [fields of messages](crate::given) that bring one; a secret that was seen once is then hidden wherever it comes
//! back.

use std::ops::Range;

use zeroize::Zeroizing;

use super::Side;
use crate::given;

/// Which arguments of a command are secret.
struct Rule {
    /// The command's name.
    name: &'static str,
    /// Its first argument, where that decides.
    key: Option<&'static str>,
    arguments: Secrets,
    /// An information line of the same name has the same arguments.
    is_reported: bool,
}

/// Arguments by their place, counted from 0.
#[derive(Clone, Copy)]
enum Secrets {
    One(usize),
    From(usize),
}

impl Secrets {
    fn contains(self, place: usize) -> bool {
        match self {
            Secrets::One(one) => place == one,
            Secrets::From(first) => place >= first,
        }
    }
}

const fn rule(name: &'static str, arguments: Secrets) -> Rule {
    Rule { name, key: None, arguments, is_reported: false }
}

const fn keyed(name: &'static str, key: &'static str, arguments: Secrets) -> Rule {
    Rule { name, key: Some(key), arguments, is_reported: true }
}

const RULES: &[Rule] = &[
    // 3GPP TS 27.007: PIN, PUK and new PIN; facility lock; change of a password; PDP authentication.
    rule("+CPIN", Secrets::From(0)),
    rule("+CPIN2", Secrets::From(0)),
    rule("+CLCK", Secrets::One(2)),
    rule("+CPWD", Secrets::From(1)),
    rule("+CGAUTH", Secrets::One(3)),
    rule("+QICSGP", Secrets::One(4)),
    // The password of a sign-in.
    rule("+LMQTTCONN", Secrets::One(3)),
    rule("+ECMTCONN", Secrets::One(3)),
    rule("+QMTCONN", Secrets::One(3)),
    rule("+CMQTTCONNECT", Secrets::One(5)),
    rule("+MQTTCONN", Secrets::One(5)),
    rule("+MQTTUSERCFG", Secrets::One(4)),
    rule("+MCONFIG", Secrets::One(2)),
    keyed("+SMCONF", "PASSWORD", Secrets::From(1)),
    // The secret of a device, and what may follow it.
    keyed("+LMQTTCFG", "aliauth", Secrets::From(4)),
    keyed("+ECMTCFG", "aliauth", Secrets::From(4)),
    keyed("+QMTCFG", "aliauth", Secrets::From(4)),
    keyed("+CMQTTCFG", "aliauth", Secrets::From(4)),
    keyed("+QMTCFG", "hwauth", Secrets::From(3)),
];

/// Commands that are followed by data nobody is to see, since they may be a private key: all that is uploaded is hidden.
struct Upload {
    /// The command's name.
    name: &'static str,
    /// The place of an argument, counted from 0, and what it has to be for this to be an upload.
    key: Option<(usize, &'static [&'static str])>,
    /// The place of the argument that says how many bytes follow; `None`: they end with Ctrl-Z or ESC.
    length: Option<usize>,
}

const UPLOADS: &[Upload] = &[
    Upload { name: "+QFUPL", key: None, length: Some(1) },
    Upload { name: "+CCERTDOWN", key: None, length: Some(1) },
    Upload { name: "+QSSLCFG", key: Some((2, &["cacert", "clientcert", "clientkey"])), length: None },
];

/// What is still to come of data that are hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hidden {
    /// How many bytes; `None`: up to Ctrl-Z or ESC.
    left: Option<usize>,
    /// Some have come. Before that, what looks like a command is one: the module has refused the upload.
    is_begun: bool,
}

impl Hidden {
    /// How many of `bytes` are hidden, and what is still to come behind them.
    fn take(self, bytes: &[u8]) -> (usize, Option<Hidden>) {
        let end = bytes.iter().position(|byte| matches!(byte, 0x1a | 0x1b));
        match (self.left, end) {
            (Some(left), _) if left > bytes.len() => {
                (bytes.len(), Some(Hidden { left: Some(left - bytes.len()), is_begun: true }))
            }
            (Some(left), _) => (left, None),
            (None, Some(end)) => (end, None),
            (None, None) => (bytes.len(), Some(Hidden { is_begun: true, ..self })),
        }
    }
}

/// How many digits an identity has: IMEI and IMSI 15, with a software version 16, ICCID 19 or 20.
const IDENTITY: std::ops::RangeInclusive<usize> = 15..=20;

/// A secret of fewer bytes is everywhere, and to hide it everywhere would give it away.
const SHORT: usize = 4;

/// How many secrets are remembered; the oldest goes first.
const REMEMBERED: usize = 64;

/// Bytes that are not to be shown, and what stands for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cover {
    pub(super) range: Range<usize>,
    pub(super) by: Cloak,
}

/// What stands for what is not shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cloak {
    /// Text of any length: an argument between its quotes.
    Text,
    /// So many bytes.
    Bytes,
    /// Other digits.
    Digits(String),
}

/// Knows what it has seen of secrets and identities.
#[derive(Default)]
pub(super) struct Redactor {
    secrets: Vec<Zeroizing<Vec<u8>>>,
    identities: Vec<Zeroizing<Vec<u8>>>,
    /// What is still to come of a secret in whose middle the echo of a command broke off.
    rest: Option<Zeroizing<Vec<u8>>>,
    /// The host is about to write data that are hidden, or is in the midst of them.
    upload: Option<Hidden>,
}

impl Redactor {
    /// What is to be covered in `bytes` of one side; in order, and without overlap. What the host writes has to be shown
    /// first, so that what comes back of it is known.
    pub(super) fn covers(&mut self, side: Side, bytes: &[u8]) -> Vec<Cover> {
        let mut covers = Vec::new();
        let mut from = 0;
        for mut line in bytes.split_inclusive(|byte| matches!(byte, b'\r' | b'\n')) {
            if side == Side::Host {
                let hidden = self.uploaded(line);
                cover(&mut covers, from..from + hidden, Cloak::Bytes);
                (line, from) = (&line[hidden..], from + hidden);
            }
            self.continued(line, from, &mut covers);
            self.arguments(side, line, from, &mut covers);
            if side == Side::Host {
                self.announced(line);
            }
            from += line.len();
        }
        // Before the identities: a secret may look like one. It is remembered, since it is a password soon.
        for range in given::secrets(bytes) {
            self.remember(&bytes[range.clone()]);
            cover(&mut covers, range, Cloak::Bytes);
        }
        // Before the secrets, of which one may be a few digits.
        for range in digits(bytes) {
            let by = Cloak::Digits(self.made_up(&bytes[range.clone()]));
            cover(&mut covers, range, by);
        }
        for secret in self.secrets.iter().filter(|secret| secret.len() >= SHORT) {
            let found = memchr::memmem::find_iter(bytes, secret.as_slice());
            for range in found.map(|at| at..at + secret.len()) {
                cover(&mut covers, range, Cloak::Bytes);
            }
        }
        covers.sort_by_key(|cover| cover.range.start);
        covers
    }

    /// How many bytes at the beginning of what the host writes are data that are hidden.
    fn uploaded(&mut self, bytes: &[u8]) -> usize {
        let is_command = |hidden: &Hidden| !hidden.is_begun && bytes.to_ascii_uppercase().starts_with(b"AT");
        let Some(hidden) = self.upload.take().filter(|hidden| !is_command(hidden)) else { return 0 };
        let (taken, left) = hidden.take(bytes);
        self.upload = left;
        taken
    }

    /// Whether a line of the host is a command that is followed by data.
    fn announced(&mut self, line: &[u8]) {
        let upper = line.to_ascii_uppercase();
        for upload in UPLOADS {
            let Some(at) = memchr::memmem::find(&upper, upload.name.as_bytes()) else { continue };
            let equals = at + upload.name.len();
            if line.get(equals) != Some(&b'=') {
                continue;
            }
            let arguments = arguments(line, equals + 1);
            let is_one = upload.key.is_none_or(|(place, keys)| {
                // With one argument more it sets something, or asks for nothing.
                arguments.len() == place + 1 && keys.iter().any(|key| arguments[place].is(line, key))
            });
            let left = upload.length.map(|place| {
                let text = arguments.get(place).map(|argument| &line[argument.content.clone()]);
                text.and_then(|text| std::str::from_utf8(text).ok()?.trim().parse().ok()).unwrap_or(usize::MAX)
            });
            if is_one {
                self.upload = Some(Hidden { left, is_begun: false });
            }
        }
    }

    /// Covers the rest of a secret at the beginning of a line.
    fn continued(&mut self, line: &[u8], from: usize, covers: &mut Vec<Cover>) {
        if let Some(rest) = self.rest.take() {
            let common = line.iter().zip(rest.iter()).take_while(|(a, b)| a == b).count();
            let broken = line[common..].iter().all(|byte| matches!(byte, b'\r' | b'\n'));
            if common == rest.len() || (common > 0 && broken) {
                cover(covers, from..from + common, Cloak::Bytes);
            }
            if common < rest.len() {
                // Another line came in between, or the next piece broke off too.
                let left = if broken { rest[common..].to_vec() } else { rest.to_vec() };
                self.rest = Some(Zeroizing::new(left));
            }
        }
    }

    /// Covers the secret arguments of the commands in a line, and remembers them.
    fn arguments(&mut self, side: Side, line: &[u8], from: usize, covers: &mut Vec<Cover>) {
        let upper = line.to_ascii_uppercase();
        for rule in RULES {
            for at in memchr::memmem::find_iter(&upper, rule.name) {
                let behind = at + rule.name.len();
                let blanks = line[behind..].iter().take_while(|byte| **byte == b' ').count();
                let is_command = line.get(behind + blanks) == Some(&b'=');
                let is_report = rule.is_reported && line.get(behind + blanks) == Some(&b':');
                if !is_command && !is_report {
                    continue;
                }
                if is_command && side == Side::Host {
                    // A new command: of the one before nothing more is sent back.
                    self.rest = None;
                }
                let arguments = arguments(line, behind + blanks + 1);
                if !rule.key.is_none_or(|key| arguments.first().is_some_and(|first| first.is(line, key))) {
                    continue;
                }
                for (_, argument) in arguments.iter().enumerate().filter(|(place, _)| rule.arguments.contains(*place)) {
                    let content = &line[argument.content.clone()];
                    if content.is_empty() {
                        continue;
                    }
                    let broken_off = if argument.is_broken_off { self.rest_of(side, content) } else { None };
                    let by = if is_command && broken_off.is_none() { Cloak::Text } else { Cloak::Bytes };
                    if broken_off.is_some() {
                        self.rest = broken_off;
                    } else {
                        self.remember(content);
                    }
                    cover(covers, from + argument.content.start..from + argument.content.end, by);
                }
            }
        }
    }

    /// What is missing of the secret of which an echo has the beginning.
    fn rest_of(&self, side: Side, beginning: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let known = self.secrets.iter().rev().find(|secret| secret.starts_with(beginning));
        let rest = known.filter(|_| side == Side::Module).map(|secret| &secret[beginning.len()..]);
        rest.filter(|rest| !rest.is_empty()).map(|rest| Zeroizing::new(rest.to_vec()))
    }

    fn remember(&mut self, secret: &[u8]) {
        if !self.secrets.iter().any(|known| known.as_slice() == secret) {
            if self.secrets.len() == REMEMBERED {
                self.secrets.remove(0);
            }
            self.secrets.push(Zeroizing::new(secret.to_vec()));
        }
    }

    /// Digits that stand for an identity: the same for the same, as long as it, and of no module.
    fn made_up(&mut self, identity: &[u8]) -> String {
        let known = self.identities.iter().position(|known| known.as_slice() == identity);
        let number = known.unwrap_or_else(|| {
            self.identities.push(Zeroizing::new(identity.to_vec()));
            self.identities.len() - 1
        });
        format!("{:0width$}", number + 1, width = identity.len())
    }
}

/// Covers a range, but for what is covered already.
fn cover(covers: &mut Vec<Cover>, range: Range<usize>, by: Cloak) {
    let overlapping = |cover: &Cover| cover.range.start < range.end && range.start < cover.range.end;
    if !range.is_empty() && !covers.iter().any(overlapping) {
        covers.push(Cover { range, by });
        return;
    }
    // What looks like a secret reaches into what is covered: the rest of it is covered too.
    let mut free = range.start;
    let mut taken: Vec<_> = covers.iter().filter(|cover| overlapping(cover)).map(|cover| cover.range.clone()).collect();
    taken.sort_by_key(|taken| taken.start);
    taken.push(range.end..range.end);
    for taken in taken {
        if free < taken.start {
            covers.push(Cover { range: free..taken.start, by: Cloak::Bytes });
        }
        free = free.max(taken.end);
    }
}

/// Where in `bytes` digits stand that may be an identity.
fn digits(bytes: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let runs = bytes.chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit());
    let placed = runs.scan(0, |from, run| {
        let start = *from;
        *from += run.len();
        Some((start..*from, run[0].is_ascii_digit()))
    });
    placed.filter(|(range, is_number)| *is_number && IDENTITY.contains(&range.len())).map(|(range, _)| range)
}

/// An argument of a command line.
struct Argument {
    /// What stands between its quotes, or the whole of it.
    content: Range<usize>,
    /// The line ends before the quotes do.
    is_broken_off: bool,
}

impl Argument {
    fn is(&self, line: &[u8], key: &str) -> bool {
        line[self.content.clone()].eq_ignore_ascii_case(key.as_bytes())
    }
}

/// The arguments that begin at `from`, up to the end of the line or of the command.
fn arguments(line: &[u8], from: usize) -> Vec<Argument> {
    let end = line.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1).max(from);
    let mut arguments = Vec::new();
    let mut at = from;
    loop {
        at += line[at..end].iter().take_while(|byte| **byte == b' ').count();
        let is_quoted = line[at..end].first() == Some(&b'"');
        let (start, closing) = if is_quoted {
            // A quote inside is no end: modules do not escape one.
            let quote = (at + 1..end).find(|place| {
                let behind = line[place + 1..end].iter().find(|byte| **byte != b' ');
                line[*place] == b'"' && behind.is_none_or(|byte| matches!(byte, b',' | b';'))
            });
            (at + 1, quote)
        } else {
            (at, (at..end).find(|place| matches!(line[*place], b',' | b';')).or(Some(end)))
        };
        arguments.push(Argument { content: start..closing.unwrap_or(end), is_broken_off: closing.is_none() });
        let Some(closing) = closing else { break };
        match line[closing..end].iter().position(|byte| matches!(byte, b',' | b';')) {
            Some(comma) if line[closing + comma] == b',' => at = closing + comma + 1,
            _ => break,
        }
    }
    // An argument without quotes may have been cut off as well.
    if let Some(last) = arguments.last_mut() {
        last.is_broken_off |= last.content.end == end;
    }
    arguments
}
