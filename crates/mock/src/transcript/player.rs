//! The machine that plays, without a clock and without I/O.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    time::Duration,
};

use atmqtt_at::{
    Time,
    transcript::{Part, Pattern, Privacy, Recorder, Side, Step, Transcript},
};

use super::{
    harmless::{Line, normal, normal_pattern},
    identifier::{of_command, of_result},
};
use crate::{
    broker::BrokerOptions,
    modem::{LinkStatus, Model, Modem, ModemOptions, NT26E},
    world::{Output, World},
};

/// How long the host has to be quiet before the module speaks where the transcript does not say what the host does.
const QUIET: Duration = Duration::from_secs(1);
/// How long the host has to report something that the transcript has between a time and what the module sends behind it.
const REPORTING: Duration = Duration::from_millis(20);
/// How many bytes a host may write before its line ends.
const UNFINISHED: usize = 64 * 1024;

/// What counts as the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strictness {
    /// Every byte of the host is as it is written.
    #[default]
    Exact,
    /// Harmless differences are accepted; which these are is said at [the module](super).
    Tolerant,
}

/// The host has done something else than the transcript says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct Mismatch {
    /// The line of the file, counted from 1.
    pub line: usize,
    /// What was expected and what came, in a sentence without a full stop. Secrets are hidden.
    pub fault: String,
}

/// What the transcript leaves out at the place where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gap {
    Nothing,
    /// How the host attaches.
    Attaching,
    /// How it connects.
    Connecting,
}

/// What a host has written, in the places that the transcript leaves open.
struct Heard {
    /// Its hidden texts.
    hidden: Vec<Vec<u8>>,
    identifier: Option<Identifier>,
}

/// Command and message identifier as the transcript has them, and the host's identifier.
type Identifier = ((&'static str, Vec<u8>), Vec<u8>);

/// Plays the module's side of a transcript; how is said at [the module](super).
pub struct Player {
    steps: Vec<(usize, Step)>,
    at: usize,
    shows_echo: bool,
    strictness: Strictness,
    /// A module that answers what the transcript leaves out.
    stand_in: World,
    gap: Gap,
    /// What the transcript leaves out has happened.
    is_set_up: bool,
    /// What the host has written and no step has taken.
    host: Vec<u8>,
    last_heard: Option<Duration>,
    /// When the last step was done, and what the transcript lets pass since.
    done: Duration,
    waited: Duration,
    /// What the host wrote where the last step of it hides something.
    hidden: Vec<Vec<u8>>,
    /// Message identifiers of the transcript, by their command, and those of the host.
    identifiers: BTreeMap<(&'static str, Vec<u8>), Vec<u8>>,
    outputs: VecDeque<Vec<u8>>,
    mismatch: Option<Mismatch>,
}

impl Player {
    /// At the beginning of a transcript. A profile that the mock does not know is played as the model whose name begins most like it.
    #[must_use]
    pub fn new(transcript: &Transcript, strictness: Strictness) -> Self {
        let header = &transcript.header;
        let profile = header.profile.as_deref().unwrap_or(NT26E.name);
        let alike = |model: &Model| profile.bytes().zip(model.name.bytes()).take_while(|(a, b)| a == b).count();
        let model = Model::named(profile)
            .or_else(|| Model::all().filter(|model| alike(model) > 3).max_by_key(alike))
            .unwrap_or(NT26E);
        let options = ModemOptions { model, echo: false, ..ModemOptions::default() };
        Self {
            steps: transcript.steps.clone(),
            at: 0,
            shows_echo: header.shows_echo,
            strictness,
            stand_in: World::new(Modem::new(options, Duration::ZERO), BrokerOptions::new()),
            gap: if header.begins_unattached { Gap::Nothing } else { Gap::Attaching },
            is_set_up: true,
            host: Vec::new(),
            last_heard: None,
            done: Duration::ZERO,
            waited: Duration::ZERO,
            hidden: Vec::new(),
            identifiers: BTreeMap::new(),
            outputs: VecDeque::new(),
            mismatch: None,
        }
    }

    /// Takes bytes from the host, in whatever pieces.
    pub fn receive(&mut self, now: Duration, bytes: &[u8]) {
        self.advance(now);
        if self.mismatch.is_none() && !bytes.is_empty() {
            self.last_heard = Some(now);
            self.host.extend_from_slice(bytes);
            self.work(now);
        }
    }

    /// Lets time pass.
    pub fn advance(&mut self, now: Duration) {
        if self.mismatch.is_none() {
            self.stand_in.advance(now);
            self.work(now);
        }
    }

    /// When [`advance`](Self::advance) has something to do.
    #[must_use]
    pub fn deadline(&self, now: Duration) -> Option<Duration> {
        if self.mismatch.is_some() {
            return None;
        }
        let own = match self.steps.get(self.at) {
            Some((_, Step::Module(_))) => self.due(),
            _ => None,
        };
        own.into_iter().chain(self.stand_in.deadline(now)).min()
    }

    /// The next bytes for the host, one piece.
    pub fn poll(&mut self) -> Option<Vec<u8>> {
        self.outputs.pop_front()
    }

    /// What the host did wrong, if it did. Nothing is played any more then.
    #[must_use]
    pub fn mismatch(&self) -> Option<&Mismatch> {
        self.mismatch.as_ref()
    }

    /// Whether everything has been played.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.mismatch.is_none() && self.next_line().is_none()
    }

    /// The line of the file whose bytes are the next to go over the line, counted from 1; `None` at the end.
    #[must_use]
    pub fn next_line(&self) -> Option<usize> {
        self.rest().next().map(|(line, _)| *line)
    }

    /// Whether the transcript holds if the host does nothing more.
    ///
    /// # Errors
    /// It did something else, or there is something left to be played.
    pub fn end(&self) -> Result<(), Mismatch> {
        if let Some(mismatch) = &self.mismatch {
            return Err(mismatch.clone());
        }
        let Some((line, step)) = self.rest().next() else { return Ok(()) };
        let unfinished = if self.host.is_empty() { String::new() } else { format!(" but {}", shown(&self.host)) };
        let fault = match step {
            Step::Host(bytes) => format!("expected {}, and the host wrote nothing{unfinished}", quoted(bytes)),
            _ => "the host was gone before the module sent this".to_owned(),
        };
        Err(Mismatch { line: *line, fault })
    }

    /// The steps in which something goes over the line.
    fn rest(&self) -> impl Iterator<Item = &(usize, Step)> {
        self.steps[self.at..].iter().filter(|(_, step)| matches!(step, Step::Host(_) | Step::Module(_)))
    }

    /// Goes on as far as it goes.
    fn work(&mut self, now: Duration) {
        self.look_at_links();
        while self.mismatch.is_none() && self.step(now) {}
        while let Some(output) = self.stand_in.poll() {
            if let Output::ToHost(bytes) = output {
                self.outputs.push_back(bytes);
            }
        }
    }

    /// Whether something was done.
    fn step(&mut self, now: Duration) -> bool {
        let Some((number, step)) = self.steps.get(self.at).cloned() else {
            let host = std::mem::take(&mut self.host);
            self.stand_in.receive(now, &host);
            return false;
        };
        match step {
            Step::Host(expected) => return self.hear(now, number, &expected),
            Step::Module(bytes) => {
                if self.due().is_none_or(|due| due > now) {
                    return self.hear_early(now);
                }
                let bytes = self.with_identifiers(bytes.fill(self.hidden.iter().map(Vec::as_slice)));
                self.outputs.push_back(bytes);
                self.pass(now);
                return true;
            }
            Step::Connected => (self.gap, self.is_set_up) = (Gap::Connecting, false),
            Step::Wait(time) => self.waited = self.waited.saturating_add(time),
            Step::Event(..) | Step::Outcome(_) if self.waited > Duration::ZERO => self.waited += REPORTING,
            Step::Event(..) | Step::Outcome(_) | Step::Request(_) => {}
        }
        self.at += 1;
        true
    }

    fn look_at_links(&mut self) {
        self.is_set_up |= self.stand_in.modem().status().links.contains(&LinkStatus::Connected);
    }

    /// A step in which bytes went over the line is done.
    fn pass(&mut self, now: Duration) {
        self.at += 1;
        self.done = now;
        self.waited = Duration::ZERO;
        self.gap = Gap::Nothing;
    }

    /// When the module sends what it sends next; `None` while that cannot be said.
    fn due(&self) -> Option<Duration> {
        let due = self.done.saturating_add(self.waited);
        match self.gap {
            Gap::Nothing => Some(due),
            _ if !self.is_set_up => None,
            _ => self.last_heard.map(|heard| heard + QUIET.max(self.waited)),
        }
    }

    /// The host has written something while the module has still to send something.
    fn hear_early(&mut self, now: Duration) -> bool {
        let Some(line) = self.host_line() else { return false };
        let next = self.steps[self.at..].iter().find_map(|(_, step)| match step {
            Step::Host(expected) => Some(expected),
            _ => None,
        });
        let is_next = next.is_some_and(|next| self.compare(next, &line).is_some());
        if is_next && self.gap != Gap::Nothing {
            // In a gap the module has not spoken yet. What may be a part of what is left out is taken for that; with anything
            // else the gap is over, and the module late.
            let command = Line::parse(&line[..line.len() - 1]);
            let is_part = command.is_some_and(|command| match self.gap {
                Gap::Connecting => command.is_harmless() || command.is_connecting(),
                Gap::Attaching | Gap::Nothing => command.is_attaching(),
            });
            if is_part || !self.is_set_up {
                return self.stands_in(now, &line);
            }
            self.gap = Gap::Nothing;
            return true;
        }
        !is_next && self.stands_in(now, &line)
    }

    /// The host has to write something, and may have.
    fn hear(&mut self, now: Duration, number: usize, expected: &Pattern) -> bool {
        let by_lines = self.gap != Gap::Nothing || self.strictness == Strictness::Tolerant;
        if !by_lines || !is_command(expected) {
            return self.hear_exactly(now, number, expected);
        }
        let Some(line) = self.host_line() else { return self.is_endless(number) };
        if self.is_set_up
            && let Some(heard) = self.compare(expected, &line)
        {
            self.take(now, expected, line.len(), heard);
            return true;
        }
        // The transcript's own answer goes before that of the stand-in; but in a gap it is not its turn yet.
        let skipped = if self.strictness == Strictness::Tolerant { self.skipped(&line) } else { None };
        if (skipped.is_none() || self.gap != Gap::Nothing) && self.stands_in(now, &line) {
            return true;
        }
        if let Some(at) = skipped {
            self.at = at;
            return true;
        }
        let length = line.len();
        self.differs(number, expected, length)
    }

    /// Every byte counts.
    fn hear_exactly(&mut self, now: Duration, number: usize, expected: &Pattern) -> bool {
        let Some(length) = expected.len().or_else(|| self.length_of(expected)) else { return self.is_endless(number) };
        let heard = &self.host[..length.min(self.host.len())];
        if let Some(hidden) = hidden_texts(expected, heard) {
            self.take(now, expected, length, Heard { hidden, identifier: None });
            return true;
        }
        let is_beginning = expected.len().is_some() && expected.common_prefix(heard) == heard.len();
        if is_beginning {
            return false;
        }
        let end = self.host.iter().position(|byte| *byte == b'\r').map_or(self.host.len(), |end| end + 1);
        self.differs(number, expected, end)
    }

    /// How long something of any length is in what the host has written, by the carriage returns in it.
    fn length_of(&self, expected: &Pattern) -> Option<usize> {
        let literal = |part: &Part| match part {
            Part::Bytes(bytes) => bytes.clone(),
            Part::AnyBytes(count) => vec![b'*'; *count],
            Part::AnyText => Vec::new(),
        };
        let bytes: Vec<u8> = expected.parts().iter().flat_map(literal).collect();
        let returns = bytes.iter().filter(|byte| **byte == b'\r').count();
        let behind = bytes.iter().rev().take_while(|byte| **byte != b'\r').count();
        let mut heard = self.host.iter().enumerate().filter(|(_, byte)| **byte == b'\r');
        let length = heard.nth(returns.checked_sub(1)?)?.0 + 1 + behind;
        (self.host.len() >= length).then_some(length)
    }

    /// The first command line of the host, to its carriage return. A line feed that is left from the line before is dropped.
    fn host_line(&mut self) -> Option<Vec<u8>> {
        let feeds = self.host.iter().take_while(|byte| **byte == b'\n').count();
        if self.strictness == Strictness::Tolerant {
            self.host.drain(..feeds);
        }
        let end = self.host.iter().position(|byte| *byte == b'\r')?;
        Some(self.host[..=end].to_vec())
    }

    /// What a line has in the places that the transcript leaves open, if it is what is expected.
    fn compare(&self, expected: &Pattern, line: &[u8]) -> Option<Heard> {
        match hidden_texts(expected, line) {
            Some(hidden) => return Some(Heard { hidden, identifier: None }),
            None if self.strictness == Strictness::Exact => return None,
            None => {}
        }
        let mut expected = normal_pattern(expected);
        let line = normal(line);
        let mut renamed = None;
        if let (Some((theirs, range)), Some(Part::Bytes(first))) = (of_command(&line), expected.parts().first())
            && let Some((ours, place)) = of_command(first)
            && ours == theirs
        {
            renamed = Some(((ours, first[place.clone()].to_vec()), line[range.clone()].to_vec()));
            let replaced = [&first[..place.start], &line[range], &first[place.end..]].concat();
            let mut same = Pattern::of(replaced);
            expected.parts()[1..].iter().for_each(|part| same.push(part.clone()));
            expected = same;
        }
        Some(Heard { hidden: hidden_texts(&expected, &line)?, identifier: renamed })
    }

    /// The step is done with the first bytes of what the host has written.
    fn take(&mut self, now: Duration, expected: &Pattern, length: usize, heard: Heard) {
        let bytes: Vec<u8> = self.host.drain(..length).collect();
        if self.stand_in.modem().status().echo && !self.shows_echo && is_command(expected) {
            self.outputs.push_back(bytes);
        }
        // What was hidden last is what is sent back.
        if !heard.hidden.is_empty() {
            self.hidden = heard.hidden;
        }
        self.identifiers.extend(heard.identifier);
        self.pass(now);
    }

    /// Has the stand-in answer a line, if it may.
    fn stands_in(&mut self, now: Duration, line: &[u8]) -> bool {
        let Some(command) = Line::parse(&line[..line.len() - 1]) else { return false };
        let is_left_out = match self.gap {
            Gap::Nothing => false,
            Gap::Attaching => command.is_harmless(),
            // A command of the name that is waited for is that command, gone wrong; but not before there is a connection.
            Gap::Connecting if self.is_set_up => {
                let expected = self.rest().find_map(|(_, step)| match step {
                    Step::Host(expected) => expected.bytes().and_then(|bytes| Line::parse(bytes.strip_suffix(b"\r")?)),
                    _ => None,
                });
                let is_expected = expected.is_some_and(|expected| expected.name == command.name);
                command.is_harmless() || (command.is_connecting() && !is_expected)
            }
            Gap::Connecting => command.is_harmless() || command.is_connecting(),
        };
        let may = is_left_out || (self.strictness == Strictness::Tolerant && command.is_harmless());
        if may {
            self.host.drain(..line.len());
            self.stand_in.receive(now, &normal(line));
            self.look_at_links();
        }
        may
    }

    /// Where the host is if it has left harmless commands out.
    fn skipped(&self, line: &[u8]) -> Option<usize> {
        let mut left_out: Option<Line> = None;
        for (index, (_, step)) in self.steps.iter().enumerate().skip(self.at) {
            match step {
                Step::Host(expected) => {
                    if index > self.at && self.compare(expected, line).is_some() {
                        return Some(index);
                    }
                    let command = expected.bytes().and_then(|bytes| Line::parse(bytes.strip_suffix(b"\r")?));
                    left_out = Some(command.filter(Line::is_harmless)?);
                }
                Step::Module(bytes) => {
                    let is_answer =
                        left_out.as_ref().zip(bytes.bytes()).is_some_and(|(of, said)| of.is_answered_by(said));
                    is_answer.then_some(())?;
                }
                _ => {}
            }
        }
        None
    }

    /// What the module sends, with the message identifiers that the host has used.
    fn with_identifiers(&self, bytes: Vec<u8>) -> Vec<u8> {
        if self.identifiers.is_empty() {
            return bytes;
        }
        let mut sent = Vec::with_capacity(bytes.len());
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let known = of_result(line).and_then(|(command, range)| {
                self.identifiers.get(&(command, line[range.clone()].to_vec())).map(|host| (range, host))
            });
            match known {
                Some((range, host)) => sent.extend([&line[..range.start], host, &line[range.end..]].concat()),
                None => sent.extend_from_slice(line),
            }
        }
        sent
    }

    fn differs(&mut self, line: usize, expected: &Pattern, length: usize) -> bool {
        let found = shown(&self.host[..length.min(self.host.len())]);
        self.mismatch =
            Some(Mismatch { line, fault: format!("expected {}, and the host wrote {found}", quoted(expected)) });
        false
    }

    /// A host whose line never ends has gone wrong too.
    fn is_endless(&mut self, line: usize) -> bool {
        if self.host.len() > UNFINISHED {
            let fault = format!("the host wrote {} bytes without a line end", self.host.len());
            self.mismatch = Some(Mismatch { line, fault });
        }
        false
    }
}

impl fmt::Debug for Player {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Player").field("at", &self.at).field("mismatch", &self.mismatch).finish_non_exhaustive()
    }
}

/// The texts that are hidden in what a pattern stands for.
fn hidden_texts(pattern: &Pattern, bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let ranges = pattern.hidden_in(bytes)?;
    let hidden = pattern.parts().iter().filter(|part| !matches!(part, Part::Bytes(_))).zip(ranges);
    Some(hidden.filter(|(part, _)| **part == Part::AnyText).map(|(_, range)| bytes[range].to_vec()).collect())
}

fn is_command(expected: &Pattern) -> bool {
    let begins = matches!(expected.parts().first(), Some(Part::Bytes(first))
        if first.get(..2).is_some_and(|start| start.eq_ignore_ascii_case(b"AT")));
    begins && matches!(expected.parts().last(), Some(Part::Bytes(last)) if last.ends_with(b"\r"))
}

fn quoted(pattern: &Pattern) -> String {
    format!("\"{pattern}\"")
}

/// What the host wrote, secrets hidden.
fn shown(bytes: &[u8]) -> String {
    let mut recorder = Recorder::new(Privacy::Redacted);
    recorder.record(Time::ZERO, Side::Host, bytes);
    recorder.finish();
    let line = recorder.take();
    format!("\"{}\"", line.trim_end_matches('\n').trim_start_matches("> "))
}
