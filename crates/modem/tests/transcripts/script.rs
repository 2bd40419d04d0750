//! The text of a transcript, and its bytes.

use std::collections::BTreeMap;
use std::time::Duration;

/// A transcript: what its header says, and its steps with their lines.
pub(crate) struct Script {
    header: BTreeMap<String, String>,
    pub(crate) steps: Vec<(usize, Step)>,
}

/// One line of a transcript.
pub(crate) enum Step {
    /// The driver is connected; how, another transcript shows.
    Connected,
    /// The driver is asked for something.
    Request(String),
    /// The driver writes this.
    Writes(Vec<u8>),
    /// The module sends this.
    Sends(Vec<u8>),
    /// Time passes.
    Waits(Duration),
    /// The driver reports this, so many times.
    Reports(String, usize),
}

/// What a header may say, and the only value that it may have, where there is but one.
const KEYS: [(&str, Option<&str>); 8] = [
    ("title", None),
    ("profile", None),
    ("evidence", None),
    ("catalogue", None),
    ("echo", Some("shown")),
    ("begins", Some("unattached")),
    ("guard", None),
    ("prompt guard", None),
];

impl Script {
    pub(crate) fn parse(text: &str) -> Result<Script, String> {
        let (head, _) = text.split_once("\n\n").ok_or("no empty line behind the header")?;
        let mut header = BTreeMap::new();
        for line in head.lines() {
            let (key, value) = line.split_once(": ").ok_or_else(|| format!("{line:?} is no line of a header"))?;
            let known = |(name, only): &(&str, Option<&str>)| *name == key && only.is_none_or(|only| only == value);
            if !KEYS.iter().any(known) {
                return Err(format!("a header may not say {line:?}"));
            }
            header.insert(key.to_owned(), value.to_owned());
        }
        let mut steps = Vec::new();
        for (number, line) in text.lines().enumerate().skip(head.lines().count() + 1) {
            let step = step(line).map_err(|fault| format!("line {}: {fault}", number + 1))?;
            steps.extend(step.map(|step| (number + 1, step)));
        }
        Ok(Script { header, steps })
    }

    pub(crate) fn value(&self, key: &str) -> Option<&str> {
        self.header.get(key).map(String::as_str)
    }

    /// A pause that a header asks for in place of the profile's.
    pub(crate) fn pause(&self, key: &str) -> Result<Option<Duration>, String> {
        self.value(key).map(duration).transpose()
    }

    /// The dialogue shows itself what the module sends back of the commands.
    pub(crate) fn has_own_echo(&self) -> bool {
        self.value("echo").is_some()
    }

    /// The driver knows nothing of the module yet.
    pub(crate) fn begins_unattached(&self) -> bool {
        self.value("begins").is_some()
    }
}

fn step(line: &str) -> Result<Option<Step>, String> {
    let (kind, rest) = line.split_at_checked(2).unwrap_or((line, ""));
    Ok(Some(match kind {
        "" | "# " => return Ok(None),
        "@ " if rest == "connected" => Step::Connected,
        "! " => Step::Request(rest.to_owned()),
        "> " => Step::Writes(bytes(rest)?),
        "< " => Step::Sends(bytes(rest)?),
        "~ " => Step::Waits(duration(rest)?),
        "* " | "= " => {
            let counted = line.strip_suffix(" times)").and_then(|line| line.rsplit_once(" ("));
            match counted.map(|(report, count)| (report, count.parse())) {
                Some((report, Ok(count))) => Step::Reports(report.to_owned(), count),
                _ => Step::Reports(line.to_owned(), 1),
            }
        }
        _ => return Err(format!("{line:?} is no step")),
    }))
}

fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).ok_or("a time without a unit")?);
    let number = number.parse().map_err(|_| "no number")?;
    match unit {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        _ => Err(format!("{unit:?} is no unit of time")),
    }
}

/// Text with `\r`, `\n`, `\t`, `\\`, `\xNN` and `\(TEXT*COUNT)` as bytes.
pub(crate) fn bytes(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let (escape, behind) = rest[at + 1..].split_at_checked(1).ok_or("an escape without a letter")?;
        rest = behind;
        match escape {
            "r" => bytes.push(b'\r'),
            "n" => bytes.push(b'\n'),
            "t" => bytes.push(b'\t'),
            "\\" => bytes.push(b'\\'),
            "x" => {
                let (digits, behind) = rest.split_at_checked(2).ok_or("no hexadecimal digits")?;
                bytes.push(u8::from_str_radix(digits, 16).map_err(|_| "no hexadecimal digits")?);
                rest = behind;
            }
            "(" => {
                let (repeated, behind) = rest.split_once(')').ok_or("no ) behind a repetition")?;
                let (text, count) = repeated.rsplit_once('*').ok_or("no * in a repetition")?;
                let count = count.parse().map_err(|_| "no count in a repetition")?;
                bytes.extend(self::bytes(text)?.repeat(count));
                rest = behind;
            }
            _ => return Err(format!("\\{escape} is no escape")),
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(bytes)
}

/// Bytes as a transcript writes them.
pub(crate) fn escaped(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string().replace("\\\"", "\"").replace("\\'", "'")
}
