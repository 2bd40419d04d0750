//! One command on the line, and what becomes of it.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::fields::{Fields, Malformed, MalformedKind};
use crate::grammar::{self, FinalResult};
use crate::lines::Lines;
use crate::rescue::Rescue;
use crate::shown::Shown;
use crate::token::{Line, LineRef};

/// What a command puts on the line and what it claims of the answer. Made by [`Command`](crate::Command).
#[derive(Clone)]
pub struct Exchange {
    /// The command line with its carriage return, once it is built.
    pub(crate) wire: Zeroizing<Vec<u8>>,
    /// The parts of `wire` that no trace may show.
    pub(crate) secrets: Vec<Range<usize>>,
    pub(crate) claims: Vec<Claim>,
    pub(crate) result: Option<ResultClaim>,
    pub(crate) data: Option<DataPhase>,
    /// Final result codes of this command's own, beside those that every command has.
    pub(crate) endings: &'static [Ending],
    /// How long after the last byte was written the answer may take.
    pub(crate) timeout: Duration,
    /// The answer identifies a person or a device: traces hide it.
    pub(crate) private: bool,
    /// It is no command: nothing answers it, and it stands between two silences.
    pub(crate) rescue: Option<Rescue>,
    /// How often the module is asked whether the line is in order, before this counts as not to be sent.
    pub(crate) probes: u32,
    /// The answer has a line before its `OK`.
    pub(crate) informs: bool,
}

/// Lines of the answer between the command and its final result code.
#[derive(Clone)]
pub(crate) enum Claim {
    /// `+NAME: …`, where the arguments have a shape that tells them from an unsolicited line of the same name.
    Named { name: Cow<'static, str>, shape: fn(Fields<'_>) -> bool },
    /// Information text without a name, of this shape.
    Bare { shape: fn(&[u8]) -> bool },
}

impl Claim {
    fn covers(&self, line: LineRef<'_>) -> bool {
        match self {
            Claim::Named { name, shape } => line.information(name).is_some_and(shape),
            Claim::Bare { shape } => {
                let has_name = grammar::information(line.text).is_some();
                !has_name && !grammar::is_unsolicited_text(line.text) && shape(line.text)
            }
        }
    }
}

/// The line that carries the true result: `+NAME: <keys>,…`, before, after or without `OK`.
#[derive(Clone)]
pub(crate) struct ResultClaim {
    pub(crate) names: &'static [&'static str],
    /// Before the keys stands one of these words; none: the keys are the first.
    pub(crate) words: &'static [&'static str],
    pub(crate) keys: Vec<i64>,
    /// Behind the keys stands what the information line of this name has behind the same keys: a number that the module has chosen.
    pub(crate) chosen: Option<&'static str>,
    pub(crate) progress: fn(Fields<'_>) -> Progress,
    /// The result of a command that fails may come behind its refusal, and says why.
    pub(crate) behind_refusal: bool,
    /// No other command has a result with these keys.
    pub(crate) deferrable: bool,
}

impl ResultClaim {
    /// The arguments behind the keys, or, where there are words, from the word on; if this is a result of this command, which has
    /// been answered with `lines` so far.
    fn arguments<'a>(&self, line: LineRef<'a>, lines: &Lines) -> Option<Fields<'a>> {
        let all = self.names.iter().find_map(|name| line.information(name))?;
        let mut fields = all;
        if !self.words.is_empty() && !fields.text().is_ok_and(|word| self.words.contains(&word)) {
            return None;
        }
        self.behind_keys(&mut fields)?;
        if let Some(name) = self.chosen {
            let mut told = lines.iter().find_map(|line| line.information(name))?;
            self.behind_keys(&mut told)?;
            let (told, here) = (told.int::<i64>(), fields.int::<i64>());
            if told.is_err() || told != here {
                return None;
            }
        }
        Some(if self.words.is_empty() { fields } else { all })
    }

    fn behind_keys(&self, fields: &mut Fields<'_>) -> Option<()> {
        self.keys.iter().all(|key| fields.int::<i64>() == Ok(*key)).then_some(())
    }
}

/// Whether a result line is the last word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// More will come (a packet was sent again, say): the time-out starts anew.
    Intermediate,
    /// This is the result.
    Final,
}

/// A final result code that only some commands have: `SEND OK`, `SEND FAIL`, `DATA ACCEPT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// The whole line.
    pub text: &'static str,
    /// Whether it means success.
    pub is_ok: bool,
}

/// What a module says before it takes data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prompt {
    /// A sign at the start of a line, with or without a line end behind it: `>`, `>>>`, `@`.
    Sign(&'static str),
    /// A whole line: `CONNECT`, or an `OK` that is no final result code.
    Line(&'static str),
}

/// Data that follow a prompt.
#[derive(Debug, Clone)]
pub struct DataPhase {
    /// The data, with whatever ends them where the module does not count.
    pub bytes: Vec<u8>,
    /// What the module says before it takes them.
    pub prompt: Prompt,
    /// How long after the last byte of the command the prompt may take.
    pub prompt_timeout: Duration,
    /// How long to wait between the prompt and the data.
    pub guard: Duration,
    /// What makes the module leave the data phase without using the data, where there is such a thing. `None`: it counts, and
    /// only the data themselves can end the phase.
    pub escape: Option<u8>,
    /// No trace may show them: a key, say.
    pub private: bool,
}

impl DataPhase {
    /// Data after `> `, which the module counts.
    #[must_use]
    pub fn counted(bytes: Vec<u8>, prompt_timeout: Duration) -> DataPhase {
        DataPhase {
            bytes,
            prompt: Prompt::Sign(">"),
            prompt_timeout,
            guard: Duration::ZERO,
            escape: None,
            private: false,
        }
    }
}

impl Prompt {
    /// The sign, where it is one.
    pub(crate) fn sign(self) -> Option<&'static str> {
        match self {
            Prompt::Sign(sign) => Some(sign),
            Prompt::Line(_) => None,
        }
    }

    fn is_line(self, line: &[u8]) -> bool {
        matches!(self, Prompt::Line(text) if text.as_bytes() == line)
    }
}

impl Exchange {
    /// Whether there is something to be written behind a prompt.
    pub(crate) fn has_data(&self) -> bool {
        self.data.as_ref().is_some_and(|data| !data.bytes.is_empty())
    }

    /// The final result code that `line` is to this command.
    fn ending(&self, line: &[u8]) -> Option<FinalResult> {
        match self.endings.iter().find(|ending| ending.text.as_bytes() == line) {
            Some(Ending { is_ok: true, .. }) => Some(FinalResult::Ok),
            Some(Ending { text, .. }) => Some(FinalResult::Other((*text).into())),
            None => FinalResult::parse(line),
        }
    }

    /// The command line without its carriage return.
    pub(crate) fn text(&self) -> &[u8] {
        self.wire.strip_suffix(b"\r").unwrap_or(&self.wire)
    }

    /// The command's name: the text up to `=` or `?`, without `AT`.
    #[must_use]
    pub fn name(&self) -> &str {
        let text = self.text().strip_prefix(b"AT").unwrap_or(self.text());
        let end = text.iter().position(|byte| matches!(byte, b'=' | b'?')).unwrap_or(text.len());
        std::str::from_utf8(&text[..end]).unwrap_or_default()
    }

    /// The command as it may be shown: secrets are `***`.
    #[must_use]
    pub fn redacted(&self) -> Vec<u8> {
        let mut shown = Vec::with_capacity(self.wire.len());
        let mut from = 0;
        for secret in &self.secrets {
            shown.extend_from_slice(&self.wire[from..secret.start]);
            shown.extend_from_slice(b"***");
            from = secret.end;
        }
        shown.extend_from_slice(&self.text()[from..]);
        shown
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Exchange({})", Shown(&self.redacted()))
    }
}

/// How often the module is asked before it counts as unresponsive, unless a command says otherwise.
pub(crate) const ATTEMPTS: u32 = 3;

/// How often a result that is not the last word starts the time-out of a command anew.
pub(crate) const PATIENCE: u32 = 16;

/// How many bytes of lines one answer may have. What comes beyond is no part of it.
const ANSWER: usize = 256 * 1024;

/// Everything the module said in answer to one command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    pub(crate) lines: Lines,
    pub(crate) result: Lines,
    pub(crate) result_keys: usize,
    pub(crate) confirmed: bool,
    pub(crate) intermediate_results: u32,
    /// The refusal that came before the result.
    pub(crate) refusal: Option<FinalResult>,
    /// An `OK` came before any line of an answer that has one: it may be that of something else.
    pub(crate) bare_ok: bool,
    /// How much of the command has been sent back.
    echoed: usize,
}

impl Answer {
    /// The information lines, in order.
    #[must_use]
    pub fn lines(&self) -> &Lines {
        &self.lines
    }

    /// The arguments of the first information line called `name`.
    ///
    /// # Errors
    /// There is none.
    pub fn information(&self, name: &str) -> Result<Fields<'_>, Malformed> {
        let mut named = self.lines.iter().filter_map(|line| line.information(name));
        named.next().ok_or(Malformed::line(MalformedKind::Missing))
    }

    /// The arguments of the result line, behind the keys that the command gave; where it gave words, from the word on.
    ///
    /// # Errors
    /// The command claims no result line.
    pub fn result(&self) -> Result<Fields<'_>, Malformed> {
        let line = self.result.get(0).ok_or(Malformed::line(MalformedKind::Missing))?;
        let (_, arguments) = grammar::information(line.text).ok_or(Malformed::line(MalformedKind::Unexpected))?;
        let mut fields = Fields::new(arguments, line.body);
        for _ in 0..self.result_keys {
            fields.bytes();
        }
        Ok(fields)
    }

    /// Whether the final result code came: `OK`, or, with a result that says more, a refusal. A result can come without it, and so can a line
    /// before which an `OK` came that may be that of something else: then the line is in doubt.
    #[must_use]
    pub fn is_confirmed(&self) -> bool {
        self.confirmed
    }

    /// How many results that were not the last word came before it.
    #[must_use]
    pub fn intermediate_results(&self) -> u32 {
        self.intermediate_results
    }

    /// Makes it empty, and keeps its memory.
    pub(crate) fn clear(&mut self) {
        let Answer { lines, result, result_keys, confirmed, intermediate_results, refusal, bare_ok, echoed } = self;
        lines.clear();
        result.clear();
        (*result_keys, *confirmed, *intermediate_results, *refusal, *bare_ok, *echoed) = (0, false, 0, None, false, 0);
    }
}

/// Why a command was not answered as it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The module refused the command: a fact about the command, not about the line.
    #[error("the module answered {result}")]
    Refused {
        /// The final result code.
        result: FinalResult,
        /// The lines of the answer before it.
        lines: Vec<Line>,
    },
    /// The time-out ran out at this stage.
    #[error("{stage} within {} s", .after.as_secs_f32())]
    TimedOut {
        /// How far the command had come.
        stage: Stage,
        /// How long was waited at this stage.
        after: Duration,
    },
    /// The command was never sent: after an earlier time-out the module did not answer what was asked to find out whether
    /// the line is in order.
    #[error("the module does not answer any more")]
    Unresponsive,
    /// The one who runs the channel gave the command up.
    #[error("the command was given up")]
    Abandoned,
}

/// How far a command had come when its time-out ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The port did not take the command: it was not sent whole.
    Write,
    /// The command was sent, the prompt did not come.
    Prompt,
    /// The port did not take the data: they were not sent whole.
    Data,
    /// All was sent, no final result code came.
    Answer,
    /// The module took the command, its result line did not come.
    Result,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::Write => "the port did not take the command",
            Stage::Prompt => "the module did not ask for the data",
            Stage::Data => "the port did not take the data",
            Stage::Answer => "the module did not answer",
            Stage::Result => "the module took the command, but did not report its result",
        })
    }
}

/// What a line is to the command in flight.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing: it is unsolicited.
    NotMine,
    /// The command itself, or a part of it, sent back.
    Echo,
    /// A part of the answer.
    Part,
    /// What the module says before it takes the data.
    Prompt,
    /// A result that is not the last word.
    Intermediate,
    /// The result; `OK` is still to come.
    ResultBeforeOk,
    /// `OK`; the result is still to come.
    OkBeforeResult,
    /// `OK`, and no line of an answer that has one: it may be that of something else.
    OkBeforeInformation,
    /// A refusal, and the result may still come.
    RefusalBeforeResult,
    /// The answer is complete.
    Complete,
    /// The command was refused.
    Refused(FinalResult),
}

/// How far the data of a command are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DataProgress {
    /// The module has to say that it takes them.
    Awaited,
    /// The module takes them, and some are still to be written.
    Going,
    /// There are none, or all are out.
    Out,
}

impl Answer {
    /// Sorts a line that came while `exchange` was in flight, and keeps it if it belongs to the answer.
    pub(crate) fn offer(&mut self, exchange: &Exchange, data: DataProgress, line: LineRef<'_>) -> Verdict {
        let lacks_data = data != DataProgress::Out && exchange.has_data();
        if line.body.is_none() {
            if self.is_echo(exchange, line.text) {
                return Verdict::Echo;
            }
            if data == DataProgress::Awaited
                && exchange.data.as_ref().is_some_and(|data| data.prompt.is_line(line.text))
            {
                return Verdict::Prompt;
            }
            match exchange.ending(line.text) {
                // Behind its OK the command has had its final result code: another one is nobody's.
                Some(_) if self.confirmed || self.refusal.is_some() => return Verdict::NotMine,
                // A command cannot succeed with data that the module does not have. Of none it has all, and may not even ask for them.
                Some(FinalResult::Ok) if lacks_data => return Verdict::NotMine,
                // A second one is not of something else.
                Some(FinalResult::Ok) if exchange.informs && self.lines.is_empty() && !self.bare_ok => {
                    self.bare_ok = true;
                    return Verdict::OkBeforeInformation;
                }
                Some(FinalResult::Ok) => {
                    self.confirmed = true;
                    let complete = exchange.result.is_none() || !self.result.is_empty();
                    return if complete { Verdict::Complete } else { Verdict::OkBeforeResult };
                }
                // A refusal behind the result adds nothing to it.
                Some(_) if !self.result.is_empty() => {
                    self.confirmed = true;
                    return Verdict::Complete;
                }
                Some(refusal) if exchange.result.as_ref().is_some_and(|claim| claim.behind_refusal) => {
                    self.refusal = Some(refusal);
                    return Verdict::RefusalBeforeResult;
                }
                Some(refusal) => return Verdict::Refused(refusal),
                None => {}
            }
        }
        // Nor has it a result before that: this is one of an earlier command with the same keys, said late or said twice.
        let progress = if lacks_data { None } else { self.offer_result(exchange, line) };
        match progress {
            Some(Progress::Intermediate) => return Verdict::Intermediate,
            Some(Progress::Final) => {
                self.confirmed |= self.refusal.is_some();
                return if self.confirmed { Verdict::Complete } else { Verdict::ResultBeforeOk };
            }
            None => {}
        }
        let has_room = self.lines.size() < ANSWER;
        if !self.confirmed
            && self.refusal.is_none()
            && has_room
            && exchange.claims.iter().any(|claim| claim.covers(line))
        {
            self.lines.push(line);
            return Verdict::Part;
        }
        Verdict::NotMine
    }

    /// Takes a line that is a result of `exchange`, the last word or not.
    pub(crate) fn offer_result(&mut self, exchange: &Exchange, line: LineRef<'_>) -> Option<Progress> {
        let claim = exchange.result.as_ref().filter(|_| self.result.is_empty())?;
        let fields = claim.arguments(line, &self.lines)?;
        let progress = (claim.progress)(fields);
        match progress {
            Progress::Intermediate => self.intermediate_results += 1,
            Progress::Final => {
                self.result.push(line);
                self.result_keys = if claim.words.is_empty() { claim.keys.len() } else { 0 };
            }
        }
        Some(progress)
    }

    /// Whether a line is the command sent back, or the next part of it: an unsolicited line may have cut it in two. Noise that the module
    /// has heard before the command, as where it was just woken, comes back with it.
    fn is_echo(&mut self, exchange: &Exchange, line: &[u8]) -> bool {
        let is_noise = |byte: &u8| !(b' '..=b'~').contains(byte);
        let line = match line.strip_suffix(exchange.text()) {
            Some(before) if self.echoed == 0 && before.iter().all(is_noise) => exchange.text(),
            _ => line,
        };
        let rest = &exchange.text()[self.echoed..];
        let is_next = !line.is_empty() && rest.starts_with(line);
        if is_next {
            self.echoed += line.len();
        }
        is_next
    }
}
