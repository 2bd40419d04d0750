//! The text of a transcript, read.

use std::str::FromStr;
use std::time::Duration;

use super::error::{SyntaxError, SyntaxFault};
use super::pattern::{Misplaced, Part, Pattern};
use super::{Header, Step, Transcript};

/// Every key of a header.
const KEYS: [&str; 10] =
    ["title", "profile", "module", "firmware", "evidence", "catalogue", "echo", "begins", "guard", "prompt guard"];

/// How many bytes the repetitions of one transcript may make.
const REPEATED: usize = 16 * 1024 * 1024;

/// The longest time that may pass in one step: more than any recording has, and no more than can be added up.
const LONGEST: Duration = Duration::from_secs(100 * 24 * 3600);

impl Transcript {
    /// Reads the text of a transcript.
    ///
    /// # Errors
    /// What is wrong with it, and at which line and column.
    pub fn parse(text: impl AsRef<[u8]>) -> Result<Transcript, SyntaxError> {
        let text = std::str::from_utf8(text.as_ref()).map_err(|fault| {
            let before = String::from_utf8_lossy(&text.as_ref()[..fault.valid_up_to()]);
            let last = before.rsplit('\n').next().unwrap_or_default();
            let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
            SyntaxError { line, column: last.chars().count() + 1, fault: SyntaxFault::NotText }
        })?;
        // However an editor ends its lines, and the last one too.
        let lines = text.lines().map(|line| line.trim_end_matches('\r'));
        let mut lines = lines.enumerate().map(|(index, line)| (index + 1, line));
        let header = header(&mut lines)?;
        let mut budget = REPEATED;
        let mut steps = Vec::new();
        for (number, line) in lines {
            let step = step(line, &mut budget).map_err(|misplaced| located(number, line, misplaced))?;
            steps.extend(step.map(|step| (number, step)));
        }
        Ok(Transcript { header, steps })
    }
}

impl FromStr for Transcript {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Transcript, SyntaxError> {
        Transcript::parse(text)
    }
}

fn located(number: usize, line: &str, (at, fault): Misplaced) -> SyntaxError {
    let column = line.get(..at).unwrap_or(line).chars().count() + 1;
    SyntaxError { line: number, column, fault }
}

/// Reads the header and the empty line behind it.
fn header<'a>(lines: &mut impl Iterator<Item = (usize, &'a str)>) -> Result<Header, SyntaxError> {
    let mut header = Header::default();
    let mut seen = Vec::new();
    let mut last = 1;
    for (number, line) in lines {
        if line.is_empty() {
            return match number {
                1 => Err(SyntaxError { line: 1, column: 1, fault: SyntaxFault::NoHeader }),
                _ => Ok(header),
            };
        }
        entry(&mut header, &mut seen, line, number == 1).map_err(|misplaced| located(number, line, misplaced))?;
        last = number;
    }
    let fault = if seen.is_empty() { SyntaxFault::NoHeader } else { SyntaxFault::NoSteps };
    Err(SyntaxError { line: if seen.is_empty() { 1 } else { last + 1 }, column: 1, fault })
}

/// Reads one line of the header.
fn entry(header: &mut Header, seen: &mut Vec<&'static str>, line: &str, is_first: bool) -> Result<(), Misplaced> {
    let no_key = if is_first { SyntaxFault::NoHeader } else { SyntaxFault::NoKey };
    let (name, value) = line.split_once(':').ok_or((0, no_key))?;
    let Some(key) = KEYS.into_iter().find(|key| *key == name) else {
        return Err((0, SyntaxFault::UnknownKey { key: name.to_owned(), nearest: nearest(name) }));
    };
    if seen.contains(&key) {
        return Err((0, SyntaxFault::RepeatedKey { key }));
    }
    seen.push(key);
    let text = value.trim();
    if text.is_empty() {
        return Err((line.len(), SyntaxFault::NoValue { key }));
    }
    let at = line.len() - value.trim_start().len();
    let only = |only| if text == only { Ok(true) } else { Err((at, SyntaxFault::WrongValue { key, only })) };
    let pause = || duration(text).map(Some).map_err(|fault| (at, fault));
    let said = Some(text.to_owned());
    match key {
        "title" => header.title = said,
        "profile" => header.profile = said,
        "module" => header.module = said,
        "firmware" => header.firmware = said,
        "evidence" => header.evidence = said,
        "catalogue" => header.catalogue = said,
        "echo" => header.shows_echo = only("shown")?,
        "begins" => header.begins_unattached = only("unattached")?,
        "guard" => header.guard = pause()?,
        _ => header.prompt_guard = pause()?,
    }
    Ok(())
}

/// Reads one step; comments and empty lines are none.
fn step(line: &str, budget: &mut usize) -> Result<Option<Step>, Misplaced> {
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let is_sign = |sign: char| "><~@!*=".contains(sign);
    let mut characters = line.chars();
    let sign = characters.next().filter(|sign| is_sign(*sign)).ok_or((0, SyntaxFault::NoStep))?;
    let rest = match characters.next() {
        Some(' ') => characters.as_str(),
        None => return Err((1, SyntaxFault::NothingThere)),
        Some(_) => return Err((1, SyntaxFault::NoStep)),
    };
    if rest.is_empty() {
        return Err((2, SyntaxFault::NothingThere));
    }
    let step = match sign {
        '@' if rest == "connected" => Ok(Step::Connected),
        '@' => Err((0, SyntaxFault::WrongState)),
        '!' => request(rest, budget),
        '>' => Pattern::read(rest, budget).and_then(some).and_then(with_end).map(Step::Host),
        '<' => Pattern::read(rest, budget).and_then(some).map(Step::Module),
        '~' => duration(rest).map(Step::Wait).map_err(|fault| (0, fault)),
        '*' => Ok(event(rest)),
        _ => Ok(Step::Outcome(rest.to_owned())),
    };
    step.map(Some).map_err(|(at, fault)| (at + 2, fault))
}

/// A request is kept as it is written; only its escapes are looked at.
fn request(text: &str, budget: &mut usize) -> Result<Step, Misplaced> {
    let read = Pattern::read(text, budget)?;
    match read.bytes() {
        Some(_) => Ok(Step::Request(text.to_owned())),
        None => Err((0, SyntaxFault::HiddenRequest)),
    }
}

/// Bytes that are there at all: a repetition may make none.
fn some(pattern: Pattern) -> Result<Pattern, Misplaced> {
    if pattern.is_empty() { Err((0, SyntaxFault::NothingThere)) } else { Ok(pattern) }
}

/// What a host writes: behind hidden text a carriage return shows where it ended.
fn with_end(pattern: Pattern) -> Result<Pattern, Misplaced> {
    let last = pattern.parts().iter().rposition(|part| *part == Part::AnyText);
    let behind = last.map_or(&[][..], |last| &pattern.parts()[last..]);
    let ends = |part: &Part| matches!(part, Part::Bytes(bytes) if bytes.contains(&b'\r'));
    if last.is_some() && !behind.iter().any(ends) { Err((0, SyntaxFault::EndlessHidden)) } else { Ok(pattern) }
}

fn event(text: &str) -> Step {
    let counted = text.strip_suffix(" times)").and_then(|text| text.rsplit_once(" ("));
    match counted.map(|(event, count)| (event, count.parse())) {
        Some((event, Ok(count))) if !event.is_empty() => Step::Event(event.to_owned(), count),
        _ => Step::Event(text.to_owned(), 1),
    }
}

/// `12ms`, `3s`, `1.250s`.
fn duration(text: &str) -> Result<Duration, SyntaxFault> {
    // "ms" before "s", which it ends with.
    let (number, nanoseconds) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => (number, 1_000_000_u64),
        (None, Some(number)) => (number, 1_000_000_000),
        (None, None) => return Err(SyntaxFault::NoTime),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) || fraction.len() > 9 {
        return Err(SyntaxFault::NoTime);
    }
    let too_long = SyntaxFault::TimeTooLong { limit: LONGEST };
    let whole = whole.parse::<u64>().ok().and_then(|whole| whole.checked_mul(nanoseconds));
    let fraction = format!("{fraction:0<9}").parse::<u64>().map_err(|_| SyntaxFault::NoTime)?;
    let time = Duration::from_nanos(whole.ok_or(too_long.clone())?)
        + Duration::from_nanos(fraction / (1_000_000_000 / nanoseconds));
    if time > LONGEST { Err(too_long) } else { Ok(time) }
}

/// The known key that is most like `name`. Of a long name only the beginning is looked at.
fn nearest(name: &str) -> &'static str {
    let name = name.chars().take(32).collect::<String>().to_ascii_lowercase();
    KEYS.into_iter().min_by_key(|key| strsim::levenshtein(&name, key)).unwrap_or(KEYS[0])
}
