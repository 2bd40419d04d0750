//! What a channel knows, and what becomes of it.

use super::deferred::Deferred;
use super::events::{Events, HELD, Queued};
use super::flight::{Flight, Phase};
use super::{ChannelOptions, Event};
use crate::exchange::{Answer, DataPhase, DataProgress, Exchange, Fault, PATIENCE, Verdict};
use crate::grammar::FinalResult;
use crate::quarantine::{Owed, Quarantine};
use crate::reader::Expected;
use crate::time::Time;
use crate::token::{Line, LineRef, Token};
use crate::trace::{Direction, Redactor, TraceRecord};

/// Everything but the reader, so that a token can be looked at while it borrows from the reader.
pub(super) struct Core {
    pub(super) options: ChannelOptions,
    pub(super) flight: Option<Flight>,
    /// Commands that the module has taken, whose results are still to come.
    pub(super) deferred: Deferred,
    /// What waits for the line to be proven in order.
    pub(super) waiting: Option<Exchange>,
    pub(super) quarantine: Option<Quarantine>,
    /// The module did not answer in its time. It may then be as late with what an earlier host has asked, both questions of a proof
    /// among it.
    pub(super) was_late: bool,
    events: Events,
    /// The answer in the queue, or the one that was given out last.
    pub(super) answer: Answer,
    pub(super) is_answer_queued: bool,
    redactor: Redactor,
    /// The module has answered a command of this host.
    has_answered: bool,
    pub(super) last_byte: Option<Time>,
    pub(super) received: u64,
    /// What no answer has in it.
    pub(super) reserved: Vec<Box<[u8]>>,
}

impl Core {
    pub(super) fn new(options: ChannelOptions) -> Core {
        Core {
            options,
            flight: None,
            deferred: Deferred::default(),
            waiting: None,
            quarantine: None,
            was_late: false,
            events: Events::default(),
            answer: Answer::default(),
            is_answer_queued: false,
            redactor: Redactor::default(),
            has_answered: false,
            last_byte: None,
            received: 0,
            reserved: Vec::new(),
        }
    }

    pub(super) fn submit(&mut self, now: Time, exchange: Exchange) {
        match &mut self.quarantine {
            None => self.start(now, exchange, false),
            Some(quarantine) => {
                quarantine.attempts = 0;
                self.waiting = Some(exchange);
                self.ask(now);
            }
        }
    }

    /// Asks whether the line is in order, as soon as nothing is owed any more and somebody waits for it. A rescue is for a line
    /// that is not.
    pub(super) fn ask(&mut self, now: Time) {
        let Some(quarantine) = &mut self.quarantine else { return };
        if !matches!(quarantine.owed, Owed::Nothing) || self.flight.is_some() {
            return;
        }
        if let Some(rescue) = self.waiting.take_if(|waiting| waiting.rescue.is_some()) {
            self.start(now, rescue, false);
        } else if self.waiting.is_some() {
            let probe = quarantine.ask(self.options.probe_timeout);
            self.start(now, probe, true);
        }
    }

    fn start(&mut self, now: Time, exchange: Exchange, is_probe: bool) {
        self.redactor.learn(&exchange);
        let quiet = match exchange.rescue {
            None => self.last_byte.map_or(now, |last| last + self.options.guard),
            // What the module sends does not break a silence of the host's.
            Some(rescue) => now + rescue.silence().before,
        };
        let phase = if quiet > now { Phase::Guard { until: quiet } } else { self.writing(now) };
        let mut answer = Answer::default();
        if !self.is_answer_queued {
            std::mem::swap(&mut answer, &mut self.answer);
            answer.clear();
        }
        self.flight = Some(Flight { exchange, phase, written_at: 0, answer, is_probe, without_result: false });
    }

    pub(super) fn writing(&self, now: Time) -> Phase {
        Phase::Writing { sent: 0, deadline: now + self.options.write_timeout }
    }

    pub(super) fn transmitted(&mut self, now: Time, count: usize) {
        let write_timeout = self.options.write_timeout;
        let is_begun = self.is_begun();
        if let Some(Quarantine { owed, .. }) = &mut self.quarantine
            && let Owed::Bytes { bytes, sent, deadline, private } = owed
            && !is_begun
        {
            *sent += count;
            *deadline = now + write_timeout;
            if *sent < bytes.len() {
                return;
            }
            let shown = shown_data(std::mem::take(bytes), *private);
            *owed = Owed::Nothing;
            self.trace(now, Direction::Data, self.options.trace.then_some(&shown));
            self.ask(now);
            return;
        }
        let received = self.received;
        let Some(flight) = &mut self.flight else { return };
        let answer_deadline = now + flight.exchange.timeout;
        match &mut flight.phase {
            Phase::Writing { sent, deadline } => {
                *sent += count;
                *deadline = now + write_timeout;
                if *sent < flight.exchange.wire.len() {
                    return;
                }
                flight.written_at = received;
                flight.phase = match (&flight.exchange.data, flight.exchange.rescue) {
                    (Some(data), _) => Phase::Prompt { deadline: now + data.prompt_timeout },
                    (None, Some(rescue)) => Phase::Silence { until: now + rescue.silence().behind },
                    (None, None) => Phase::Answer { deadline: answer_deadline },
                };
                let shown = self.options.trace.then(|| flight.exchange.redacted());
                self.trace(now, Direction::Command, shown.as_deref());
            }
            Phase::WritingData { sent, deadline } => {
                *sent += count;
                *deadline = now + write_timeout;
                let Some(data) = flight.exchange.data.as_ref().filter(|data| *sent == data.bytes.len()) else { return };
                let shown = self.options.trace.then(|| shown_data(data.bytes.clone(), data.private));
                flight.phase = Phase::Answer { deadline: answer_deadline };
                self.trace(now, Direction::Data, shown.as_deref());
            }
            _ => {}
        }
    }

    /// Whether a command is out in part: nothing goes out in the midst of it.
    pub(super) fn is_begun(&self) -> bool {
        matches!(self.flight, Some(Flight { phase: Phase::Writing { sent: 1.., .. }, .. }))
    }

    /// What the command in flight may bring; or the prompt that one whose time is up may still bring.
    pub(super) fn expected(&self) -> Expected<'_> {
        let sign = |data: &DataPhase| data.prompt.sign();
        match (&self.flight, &self.quarantine) {
            (Some(flight), _) if flight.is_listening() => {
                let Flight { exchange, phase, written_at, .. } = flight;
                // Data of no bytes may be asked for behind the answer, or not at all.
                let prompts = flight.may_prompt() || matches!(phase, Phase::Answer { .. }) && !exchange.has_data();
                let prompt = exchange.data.as_ref().filter(|_| prompts).and_then(sign);
                let prompt = prompt.or_else(|| self.quarantine.as_ref()?.late_prompt());
                Expected { from: *written_at, echo: &exchange.wire, prompt }
            }
            (None, Some(Quarantine { owed: Owed::Prompt { data, from, .. }, .. })) => {
                Expected { from: *from, echo: &[], prompt: sign(data) }
            }
            (_, Some(quarantine)) => Expected { from: 0, echo: &[], prompt: quarantine.late_prompt() },
            _ => Expected::default(),
        }
    }

    pub(super) fn token(&mut self, now: Time, token: Token<'_>) {
        match token {
            Token::Line { line, began } => self.line(now, line, began),
            Token::Fault(fault) => self.queue(Queued::Fault(fault)),
            Token::Prompt => {
                self.trace(now, Direction::Prompt, self.options.trace.then_some(b">"));
                self.prompted(now);
            }
        }
    }

    /// The module takes data now.
    fn prompted(&mut self, now: Time) {
        let deadline = now + self.options.write_timeout;
        if self.prompted_late(deadline) {
            self.ask(now);
            return;
        }
        let Some(flight) = &mut self.flight else { return };
        let Some(data) = &flight.exchange.data else { return };
        flight.answer.refusal = None;
        flight.phase = if data.bytes.is_empty() {
            Phase::Answer { deadline: now + flight.exchange.timeout }
        } else if !data.guard.is_zero() {
            Phase::DataGuard { until: now + data.guard }
        } else {
            Phase::WritingData { sent: 0, deadline }
        };
    }

    fn line(&mut self, now: Time, line: LineRef<'_>, began: u64) {
        let is_reserved = self.reserved.iter().any(|text| memchr::memmem::find(line.text, text).is_some());
        let verdict = match &mut self.flight {
            _ if is_reserved => Verdict::NotMine,
            Some(flight) if flight.is_listening() && began >= flight.written_at => {
                let data = match flight.phase {
                    _ if flight.awaits_prompt() => DataProgress::Awaited,
                    Phase::DataGuard { .. } | Phase::WritingData { .. } => DataProgress::Going,
                    _ => DataProgress::Out,
                };
                flight.answer.offer(&flight.exchange, data, line)
            }
            _ => Verdict::NotMine,
        };
        // Behind a command that another process has sent, its echo may still come, and not from its beginning.
        let is_foreign = verdict == Verdict::NotMine && self.may_be_of_others(line);
        let line = if is_foreign { LineRef { text: HIDDEN, body: None } } else { line };
        if self.options.trace {
            let private =
                verdict == Verdict::Part && self.flight.as_ref().is_some_and(|flight| flight.exchange.private);
            let mut shown = if private { HIDDEN.to_vec() } else { line.text.to_vec() };
            shown.extend_from_slice(line.body.unwrap_or_default());
            self.trace(now, Direction::Line, Some(&shown));
        }
        match verdict {
            Verdict::NotMine if !is_reserved && self.offer_to_deferred(now, line) => {}
            Verdict::NotMine => self.unsolicited(line),
            Verdict::Echo => self.queue(Queued::Echo),
            Verdict::Part | Verdict::OkBeforeInformation => {
                let settle = now + self.options.settle;
                if let Some(flight) = self.flight.as_mut().filter(|flight| flight.answer.bare_ok) {
                    flight.phase = Phase::Settling { deadline: settle };
                }
            }
            Verdict::Prompt => self.prompted(now),
            Verdict::Intermediate => {
                // A module that sends packets again and again ends with a result. One that reports for ever does not.
                if let Some(Flight { phase: Phase::Answer { deadline }, exchange, answer, .. }) = &mut self.flight
                    && answer.intermediate_results <= PATIENCE
                {
                    *deadline = now + exchange.timeout;
                }
            }
            Verdict::OkBeforeResult => {
                if self.flight.as_ref().is_some_and(|flight| flight.without_result) {
                    self.end(Err(Fault::Abandoned));
                } else if let Some(Flight { phase, exchange, .. }) = &mut self.flight
                    && let Phase::Prompt { .. } = phase
                {
                    *phase = Phase::Answer { deadline: now + exchange.timeout };
                }
            }
            Verdict::ResultBeforeOk | Verdict::RefusalBeforeResult => {
                let settle = now + self.options.settle;
                if let Some(flight) = &mut self.flight {
                    flight.phase = Phase::Settling { deadline: settle };
                }
            }
            Verdict::Complete => self.complete(now, line),
            Verdict::Refused(refusal) => self.refused(now, refusal, line),
        }
    }

    /// Whether a line may be part of what another process has said: arguments, with secrets among them. No information line begins so.
    fn may_be_of_others(&self, line: LineRef<'_>) -> bool {
        let is_past =
            !self.has_answered || self.quarantine.as_ref().is_some_and(|quarantine| quarantine.has_unknown_past);
        let is_information = line.text.first().is_some_and(|first| b"+^*#%$&@".contains(first));
        is_past && !is_information && line.text.contains(&b'"')
    }

    /// A line that no command asked for. While the line is in doubt, a final result code is what a late answer left behind.
    fn unsolicited(&mut self, line: LineRef<'_>) {
        match &mut self.quarantine {
            Some(Quarantine { discarded, unheard, .. }) if FinalResult::parse(line.text).is_some() => {
                // What was asked has been heard, and is no data of a prompt that comes later.
                *unheard = unheard.saturating_sub(1);
                if discarded.len() < self.options.events && discarded.size() <= HELD {
                    discarded.push(line);
                } else {
                    self.events.drop_one();
                }
            }
            quarantine => self.events.push_line(line, quarantine.is_some(), self.options.events),
        }
    }

    fn complete(&mut self, now: Time, line: LineRef<'_>) {
        let Some(flight) = &mut self.flight else { return };
        if !flight.is_probe {
            self.end(Ok(()));
            return;
        }
        if flight.answer.lines.is_empty() {
            // This OK is a late one: the answer to the question has a line before it.
            flight.answer.confirmed = false;
            self.unsolicited(line);
            return;
        }
        self.flight = None;
        if self.quarantine.as_mut().is_some_and(|quarantine| !quarantine.answered()) {
            self.ask(now);
            return;
        }
        let Some(quarantine) = self.quarantine.take() else { return };
        // A proof that old answers have given is followed by the rest of them; and that it was may be told from what came beside it.
        let lets_out =
            quarantine.has_unknown_past && (std::mem::take(&mut self.was_late) || !quarantine.discarded.is_empty());
        self.events.push_always(Queued::Resynchronised(quarantine.discarded));
        if let Some(exchange) = self.waiting.take() {
            self.start(now, exchange, false);
            if let Some(flight) = self.flight.as_mut().filter(|_| lets_out) {
                let until = now + self.options.settle;
                flight.phase = Phase::LettingOut { until, latest: now + PATIENCE * self.options.settle };
            }
        }
    }

    fn refused(&mut self, now: Time, result: FinalResult, line: LineRef<'_>) {
        match &mut self.flight {
            // Where this was part of a message whose head was damaged, the prompt still comes, and what is sent next would be the data.
            Some(Flight { exchange, phase: phase @ Phase::Prompt { .. }, answer, .. }) if exchange.has_data() => {
                answer.refusal = Some(result);
                *phase = Phase::Settling { deadline: now + self.options.settle };
            }
            Some(flight) if !flight.is_probe => {
                let lines = flight.answer.lines.iter().map(LineRef::to_line).collect();
                self.end(Err(Fault::Refused { result, lines }));
            }
            _ => self.unsolicited(line),
        }
    }

    /// The command in flight is over.
    pub(super) fn end(&mut self, outcome: Result<(), Fault>) {
        if let Some(flight) = self.flight.take() {
            self.answer = flight.answer;
        }
        self.is_answer_queued = true;
        self.has_answered |= outcome.is_ok();
        self.events.push_always(Queued::Done(outcome));
    }

    pub(super) fn doubt(&mut self, owed: Owed) {
        match &mut self.quarantine {
            Some(quarantine) => quarantine.owed = owed,
            None => {
                let culprit = self.flight.as_ref().map_or("", |flight| flight.exchange.name());
                self.quarantine = Some(Quarantine::since(culprit, owed));
            }
        }
    }

    pub(super) fn queue(&mut self, event: Queued) {
        self.events.push(event, self.options.events);
    }

    /// What is never dropped, however many wait.
    pub(super) fn queue_always(&mut self, event: Queued) {
        self.events.push_always(event);
    }

    pub(super) fn poll(&mut self) -> Option<Event<'_>> {
        Some(match self.events.pop()? {
            Queued::Done(outcome) => {
                self.is_answer_queued = false;
                Event::Done(outcome.map(|()| &self.answer))
            }
            Queued::Settled(id, outcome) => Event::Settled(id, outcome.map(|answer| *answer)),
            Queued::Unsolicited => Event::Unsolicited(self.events.line()?),
            Queued::Doubtful => Event::Doubtful(self.events.line()?),
            Queued::Echo => Event::Echo,
            Queued::Resynchronised(discarded) => Event::Resynchronised { discarded },
            Queued::Fault(fault) => Event::Fault(fault),
            Queued::Dropped(count) => Event::Dropped(count),
            Queued::Trace(record) => Event::Trace(record),
        })
    }

    pub(super) fn redacted(&self, line: Line) -> Line {
        let arguments = line.text().iter().position(|byte| *byte == b'=').filter(|_| line.text().starts_with(b"AT"));
        if let Some(equals) = arguments {
            return Line::new(&[&line.text()[..=equals], b"***"].concat());
        }
        if line.body().is_some() { line } else { Line::new(&self.redactor.redact(line.text())) }
    }

    fn trace(&mut self, time: Time, direction: Direction, bytes: Option<&[u8]>) {
        if let Some(bytes) = bytes {
            let bytes = self.redactor.redact(bytes);
            self.queue(Queued::Trace(TraceRecord { time, direction, bytes }));
        }
    }
}

/// What stands in the place of what nobody is to see.
const HIDDEN: &[u8] = b"***";

/// Data as a trace shows them.
fn shown_data(bytes: Vec<u8>, private: bool) -> Vec<u8> {
    if private { HIDDEN.to_vec() } else { bytes }
}
