//! One command at a time, and every line in its place.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use crate::exchange::{Answer, DataProgress, Exchange, Fault, Prompt, Stage, Verdict};
use crate::grammar::FinalResult;
use crate::lines::Lines;
use crate::quarantine::{ATTEMPTS, Owed, Quarantine};
use crate::reader::{BodyRule, ExpectedPrompt, Reader, ReaderLimits};
use crate::time::Time;
use crate::token::{LineRef, ReaderFault, Token};
use crate::trace::{Direction, Redactor, TraceRecord};

/// How many bytes of unsolicited lines wait to be taken; more are dropped and counted.
const HELD: usize = 1024 * 1024;

/// How a channel treats its line.
#[derive(Debug, Clone, Copy)]
pub struct ChannelOptions {
    /// How long the line must have been quiet before a command is sent. Zero where nothing is known to need it: a needless
    /// 20 ms cost a fast line nearly all of its throughput.
    pub guard: Duration,
    /// How long the port may take no byte at all while something is to be written.
    pub write_timeout: Duration,
    /// How long `OK` may stay away once the result of a command has come.
    pub settle: Duration,
    /// How long the module may take to answer when it is asked whether the line is in order.
    pub probe_timeout: Duration,
    /// How much the reader keeps.
    pub limits: ReaderLimits,
    /// How many events wait to be taken. Lines and faults beyond them are dropped and counted; answers never are.
    pub events: usize,
    /// Give out the dialogue as [`Event::Trace`].
    pub trace: bool,
}

impl Default for ChannelOptions {
    fn default() -> ChannelOptions {
        ChannelOptions {
            guard: Duration::ZERO,
            write_timeout: Duration::from_secs(5),
            settle: Duration::from_secs(1),
            probe_timeout: Duration::from_secs(2),
            limits: ReaderLimits::default(),
            events: 4096,
            trace: false,
        }
    }
}

/// What the channel has to say. It borrows from the channel until the next call.
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The command in flight is answered, or will not be.
    Done(Result<&'a Answer, Fault>),
    /// A line that no command asked for.
    Unsolicited(LineRef<'a>),
    /// A line that no command asked for, while the line was in doubt: it may be a part of a late answer.
    Doubtful(LineRef<'a>),
    /// The module sends commands back: echo is on.
    Echo,
    /// After a time-out the line is proven to be in order. These final result codes came on the way and were given to no
    /// command.
    Resynchronised {
        /// What was thrown away.
        discarded: Lines,
    },
    /// Bytes that could not be made into a line.
    Fault(ReaderFault),
    /// The queue of events was full: so many lines and faults are missing here.
    Dropped(u64),
    /// A piece of the dialogue, if the options ask for it.
    Trace(TraceRecord),
}

/// An event in the queue. What it borrows lies elsewhere, in the order of the queue.
enum Queued {
    Done(Result<(), Fault>),
    Unsolicited,
    Doubtful,
    Echo,
    Resynchronised(Lines),
    Fault(ReaderFault),
    Dropped(u64),
    Trace(TraceRecord),
}

/// A command is in flight already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a command is in flight")]
pub struct Busy;

/// The two ends of an AT line as one state machine: bytes and commands in, bytes and events out.
///
/// The one who runs it does, in any order: give it what the port gave ([`receive`](Channel::receive)), write what it wants
/// written ([`transmit`](Channel::transmit)) and say how much the port took ([`transmitted`](Channel::transmitted)), let it
/// know when a deadline has passed ([`advance`](Channel::advance)), and take its events until there are none
/// ([`poll`](Channel::poll)).
///
/// A line counts as an answer only if it began after the command had been written to its last byte.
pub struct Channel {
    reader: Reader,
    core: Core,
}

/// Everything but the reader, so that a token can be looked at while it borrows from the reader.
struct Core {
    options: ChannelOptions,
    flight: Option<Flight>,
    /// What waits for the line to be proven in order.
    waiting: Option<Exchange>,
    quarantine: Option<Quarantine>,
    events: VecDeque<Queued>,
    /// The unsolicited lines in the queue, and before them those that have been given out.
    unsolicited: Lines,
    given: usize,
    /// The answer in the queue, or the one that was given out last.
    answer: Answer,
    is_answer_queued: bool,
    redactor: Redactor,
    last_byte: Option<Time>,
    received: u64,
    /// What no answer has in it.
    reserved: Vec<Box<[u8]>>,
}

/// The command in flight.
struct Flight {
    exchange: Exchange,
    phase: Phase,
    /// How many bytes had been received when the command had been written.
    written_at: u64,
    answer: Answer,
    /// It asks whether the line is in order.
    is_probe: bool,
    /// Its result will not come: its final result code is its end.
    without_result: bool,
}

enum Phase {
    /// Waits for the line to have been quiet long enough.
    Guard { until: Time },
    /// The command goes out.
    Writing { sent: usize, deadline: Time },
    /// The module has to prompt.
    Prompt { deadline: Time },
    /// Waits between the prompt and the data.
    DataGuard { until: Time },
    /// The data go out.
    WritingData { sent: usize, deadline: Time },
    /// The module has to answer.
    Answer { deadline: Time },
    /// The result has come, `OK` has not.
    Settling { deadline: Time },
}

impl Channel {
    /// A channel on a line of which nothing is known.
    #[must_use]
    pub fn new(options: ChannelOptions) -> Channel {
        let core = Core {
            options,
            flight: None,
            waiting: None,
            quarantine: None,
            events: VecDeque::new(),
            unsolicited: Lines::default(),
            given: 0,
            answer: Answer::default(),
            is_answer_queued: false,
            redactor: Redactor::default(),
            last_byte: None,
            received: 0,
            reserved: Vec::new(),
        };
        Channel { reader: Reader::new(options.limits), core }
    }

    /// From the next line on, lines of these forms have counted bodies.
    pub fn expect_bodies(&mut self, rules: &'static [BodyRule]) {
        self.reader.expect_bodies(rules);
    }

    /// The options in force; they may be changed between commands.
    pub fn options_mut(&mut self) -> &mut ChannelOptions {
        &mut self.core.options
    }

    /// Puts a command on the line.
    ///
    /// # Errors
    /// One is in flight, or its answer has not been taken. Nothing has changed then.
    pub fn submit(&mut self, now: Time, exchange: Exchange) -> Result<(), Busy> {
        if !self.is_idle() {
            return Err(Busy);
        }
        self.core.submit(now, exchange);
        Ok(())
    }

    /// Whether a command could be submitted now.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.core.flight.is_none() && self.core.waiting.is_none() && !self.core.is_answer_queued
    }

    /// Takes what the port gave.
    pub fn receive(&mut self, now: Time, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.core.last_byte = Some(now);
        self.reader.push(bytes);
        self.core.received = self.reader.received();
        while let Some(token) = self.reader.next(self.core.expected_prompt()) {
            self.core.token(now, token);
        }
    }

    /// The bytes to write to the port now. Empty when there are none.
    #[must_use]
    pub fn transmit(&self) -> &[u8] {
        if let Some(Quarantine { owed: Owed::Bytes { bytes, sent, .. }, .. }) = &self.core.quarantine {
            return &bytes[*sent..];
        }
        match &self.core.flight {
            Some(Flight { phase: Phase::Writing { sent, .. }, exchange, .. }) => &exchange.wire[*sent..],
            Some(Flight { phase: Phase::WritingData { sent, .. }, exchange, .. }) => {
                exchange.data.as_ref().map_or(&[], |data| &data.bytes[*sent..])
            }
            _ => &[],
        }
    }

    /// The port took the first `count` bytes of what [`transmit`](Channel::transmit) gave.
    pub fn transmitted(&mut self, now: Time, count: usize) {
        if count > 0 {
            self.core.transmitted(now, count);
        }
    }

    /// When [`advance`](Channel::advance) has something to do.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        self.core.deadline()
    }

    /// Lets time pass.
    pub fn advance(&mut self, now: Time) {
        if self.deadline().is_none_or(|deadline| deadline > now) {
            return;
        }
        // A body, or quotes, of which the end was lost would swallow whatever comes. Nothing has come for a while: it is not
        // a slow line.
        let quiet = self.core.last_byte.is_none_or(|last| now - last >= self.core.options.settle);
        if quiet
            && self.core.is_waiting_for_answer()
            && let Some(fault) = self.reader.give_up_line()
        {
            self.core.queue(Queued::Fault(fault));
        }
        self.core.deadline_passed(now);
    }

    /// What has happened, oldest first.
    pub fn poll(&mut self) -> Option<Event<'_>> {
        self.core.poll()
    }

    /// Gives up waiting for the result line of the command in flight: the link that it was about is gone, say. The command
    /// ends with its final result code, at once if that has come. A command that has no result line is not touched.
    pub fn forgo_result(&mut self) {
        let Some(flight) = self.core.flight.as_mut().filter(|flight| flight.exchange.result.is_some()) else { return };
        flight.without_result = true;
        if flight.answer.confirmed {
            self.core.end(Err(Fault::Abandoned));
        }
    }

    /// Gives up the command in flight: the module has restarted, say. The line is in doubt after it.
    pub fn abandon(&mut self) {
        // A module that has restarted waits for no data: to it they would be commands.
        if let Some(quarantine) = &mut self.core.quarantine {
            quarantine.owed = Owed::Nothing;
        }
        if self.core.flight.is_some() || self.core.waiting.is_some() {
            self.core.doubt(Owed::Nothing);
            self.core.waiting = None;
            self.core.end(Err(Fault::Abandoned));
        }
    }

    /// Lines with one of these texts in them are never part of an answer: what a module says when it starts.
    pub fn reserve(&mut self, texts: impl IntoIterator<Item = Box<[u8]>>) {
        self.core.reserved = texts.into_iter().collect();
    }

    /// Puts the line in doubt, as a time-out does: before the next command it is proven to be in order.
    pub fn suspect(&mut self) {
        // What is owed to a line in doubt stays owed.
        if self.core.quarantine.is_none() {
            self.core.doubt(Owed::Nothing);
        }
    }
}

impl Core {
    fn submit(&mut self, now: Time, exchange: Exchange) {
        match &mut self.quarantine {
            None => self.start(now, exchange, false),
            Some(quarantine) => {
                quarantine.attempts = 0;
                self.waiting = Some(exchange);
                self.ask(now);
            }
        }
    }

    /// Asks whether the line is in order, as soon as nothing is owed any more and somebody waits for it.
    fn ask(&mut self, now: Time) {
        let Some(quarantine) = &self.quarantine else { return };
        if matches!(quarantine.owed, Owed::Nothing) && self.waiting.is_some() && self.flight.is_none() {
            let probe = quarantine.probe(self.options.probe_timeout);
            self.start(now, probe, true);
        }
    }

    fn start(&mut self, now: Time, exchange: Exchange, is_probe: bool) {
        self.redactor.learn(&exchange);
        let quiet = self.last_byte.map_or(now, |last| last + self.options.guard);
        let phase = if quiet > now { Phase::Guard { until: quiet } } else { self.writing(now) };
        let mut answer = Answer::default();
        if !self.is_answer_queued {
            std::mem::swap(&mut answer, &mut self.answer);
            answer.clear();
        }
        self.flight = Some(Flight { exchange, phase, written_at: 0, answer, is_probe, without_result: false });
    }

    fn writing(&self, now: Time) -> Phase {
        Phase::Writing { sent: 0, deadline: now + self.options.write_timeout }
    }

    fn transmitted(&mut self, now: Time, count: usize) {
        let write_timeout = self.options.write_timeout;
        if let Some(Quarantine { owed: owed @ Owed::Bytes { .. }, .. }) = &mut self.quarantine {
            if let Owed::Bytes { bytes, sent, deadline } = owed {
                *sent += count;
                *deadline = now + write_timeout;
                if *sent < bytes.len() {
                    return;
                }
            }
            *owed = Owed::Nothing;
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
                flight.phase = match &flight.exchange.data {
                    Some(data) => Phase::Prompt { deadline: now + data.prompt_timeout },
                    None => Phase::Answer { deadline: answer_deadline },
                };
                let shown = self.options.trace.then(|| flight.exchange.redacted());
                self.trace(now, Direction::Command, shown.as_deref());
            }
            Phase::WritingData { sent, deadline } => {
                *sent += count;
                *deadline = now + write_timeout;
                let Some(data) = flight.exchange.data.as_ref().filter(|data| *sent == data.bytes.len()) else { return };
                let shown = self.options.trace.then(|| data.bytes.clone());
                flight.phase = Phase::Answer { deadline: answer_deadline };
                self.trace(now, Direction::Data, shown.as_deref());
            }
            _ => {}
        }
    }

    /// Whether the deadline is that of something the module has to say.
    fn is_waiting_for_answer(&self) -> bool {
        let phase = self.flight.as_ref().map(|flight| &flight.phase);
        matches!(phase, Some(Phase::Prompt { .. } | Phase::Answer { .. } | Phase::Settling { .. }))
    }

    /// The prompt that is expected: by the command in flight, or late, by one whose time is up.
    fn expected_prompt(&self) -> Option<ExpectedPrompt> {
        let (data, from) = match (&self.flight, &self.quarantine) {
            (Some(Flight { phase: Phase::Prompt { .. }, exchange, written_at, .. }), _) => {
                (exchange.data.as_ref()?, *written_at)
            }
            (None, Some(Quarantine { owed: Owed::Prompt { data, from, .. }, .. })) => (data, *from),
            _ => return None,
        };
        match data.prompt {
            Prompt::Sign(sign) => Some(ExpectedPrompt { sign, from }),
            Prompt::Line(_) => None,
        }
    }

    fn token(&mut self, now: Time, token: Token<'_>) {
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
        if let Some(Quarantine { owed, .. }) = &mut self.quarantine
            && let Owed::Prompt { data, .. } = owed
        {
            let bytes = std::mem::take(&mut data.bytes);
            *owed = if bytes.is_empty() { Owed::Nothing } else { Owed::Bytes { bytes, sent: 0, deadline } };
            self.ask(now);
            return;
        }
        let Some(flight) = &mut self.flight else { return };
        let Some(data) = &flight.exchange.data else { return };
        flight.phase = if data.bytes.is_empty() {
            Phase::Answer { deadline: now + flight.exchange.timeout }
        } else if !data.guard.is_zero() {
            Phase::DataGuard { until: now + data.guard }
        } else {
            Phase::WritingData { sent: 0, deadline }
        };
    }

    fn line(&mut self, now: Time, line: LineRef<'_>, began: u64) {
        let verdict = match &mut self.flight {
            _ if self.reserved.iter().any(|text| memchr::memmem::find(line.text, text).is_some()) => Verdict::NotMine,
            Some(flight) if flight.is_listening() && began >= flight.written_at => {
                let data = match flight.phase {
                    Phase::Prompt { .. } => DataProgress::Awaited,
                    Phase::DataGuard { .. } | Phase::WritingData { .. } => DataProgress::Going,
                    _ => DataProgress::Out,
                };
                flight.answer.offer(&flight.exchange, data, line)
            }
            _ => Verdict::NotMine,
        };
        if self.options.trace {
            let private =
                verdict == Verdict::Part && self.flight.as_ref().is_some_and(|flight| flight.exchange.private);
            let mut shown = if private { b"***".to_vec() } else { line.text.to_vec() };
            shown.extend_from_slice(line.body.unwrap_or_default());
            self.trace(now, Direction::Line, Some(&shown));
        }
        match verdict {
            Verdict::NotMine => self.unsolicited(line),
            Verdict::Echo => self.queue(Queued::Echo),
            Verdict::Part => {}
            Verdict::Prompt => self.prompted(now),
            Verdict::Intermediate => {
                if let Some(Flight { phase: Phase::Answer { deadline }, exchange, .. }) = &mut self.flight {
                    *deadline = now + exchange.timeout;
                }
            }
            Verdict::OkBeforeResult => {
                if self.flight.as_ref().is_some_and(|flight| flight.without_result) {
                    self.end(Err(Fault::Abandoned));
                }
            }
            Verdict::ResultBeforeOk => {
                let settle = now + self.options.settle;
                if let Some(flight) = &mut self.flight {
                    flight.phase = Phase::Settling { deadline: settle };
                }
            }
            Verdict::Complete => self.complete(now, line),
            Verdict::Refused(refusal) => self.refused(refusal, line),
        }
    }

    /// A line that no command asked for. While the line is in doubt, a final result code is what a late answer left behind.
    fn unsolicited(&mut self, line: LineRef<'_>) {
        match &mut self.quarantine {
            Some(Quarantine { discarded, .. }) if FinalResult::parse(line.text).is_some() => {
                if discarded.len() < self.options.events && discarded.size() <= HELD {
                    discarded.push(line);
                } else {
                    self.drop_event();
                }
            }
            _ if self.events.len() >= self.options.events || self.unsolicited.size() > HELD => self.drop_event(),
            _ => {
                self.unsolicited.push(line);
                let in_doubt = self.quarantine.is_some();
                self.events.push_back(if in_doubt { Queued::Doubtful } else { Queued::Unsolicited });
            }
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
        let discarded = self.quarantine.take().map(|quarantine| quarantine.discarded).unwrap_or_default();
        self.events.push_back(Queued::Resynchronised(discarded));
        if let Some(exchange) = self.waiting.take() {
            self.start(now, exchange, false);
        }
    }

    fn refused(&mut self, result: FinalResult, line: LineRef<'_>) {
        match &mut self.flight {
            Some(flight) if !flight.is_probe => {
                let lines = flight.answer.lines.iter().map(LineRef::to_line).collect();
                self.end(Err(Fault::Refused { result, lines }));
            }
            _ => self.unsolicited(line),
        }
    }

    /// The command in flight is over.
    fn end(&mut self, outcome: Result<(), Fault>) {
        if let Some(flight) = self.flight.take() {
            self.answer = flight.answer;
        }
        self.is_answer_queued = true;
        self.events.push_back(Queued::Done(outcome));
    }

    fn deadline(&self) -> Option<Time> {
        match (&self.flight, &self.quarantine) {
            (_, Some(Quarantine { owed: Owed::Bytes { deadline, .. }, .. })) => Some(*deadline),
            (None, Some(Quarantine { owed: Owed::Prompt { until, .. }, .. })) => Some(*until),
            (Some(flight), _) => Some(match flight.phase {
                Phase::Guard { until } | Phase::DataGuard { until } => until,
                Phase::Writing { deadline, .. }
                | Phase::Prompt { deadline }
                | Phase::WritingData { deadline, .. }
                | Phase::Answer { deadline }
                | Phase::Settling { deadline } => deadline,
            }),
            (None, _) => None,
        }
    }

    fn deadline_passed(&mut self, now: Time) {
        if let Some(Quarantine { owed, .. }) = &mut self.quarantine
            && !matches!(owed, Owed::Nothing)
        {
            // Whoever waits is told only if the port takes nothing: then the question would not get out either.
            let port_is_stuck = matches!(owed, Owed::Bytes { .. });
            *owed = Owed::Nothing;
            if port_is_stuck && self.waiting.take().is_some() {
                self.end(Err(Fault::Unresponsive));
            }
            self.ask(now);
            return;
        }
        let write_timeout = self.options.write_timeout;
        let writing = self.writing(now);
        let Some(flight) = &mut self.flight else { return };
        let timeout = flight.exchange.timeout;
        let (stage, after) = match flight.phase {
            Phase::Guard { .. } => {
                flight.phase = writing;
                return;
            }
            Phase::DataGuard { .. } => {
                flight.phase = Phase::WritingData { sent: 0, deadline: now + write_timeout };
                return;
            }
            Phase::Settling { .. } => {
                // The OK may still come.
                self.doubt(Owed::Nothing);
                self.end(Ok(()));
                return;
            }
            Phase::Writing { .. } => (Stage::Write, write_timeout),
            Phase::WritingData { .. } => (Stage::Data, write_timeout),
            Phase::Prompt { .. } => {
                (Stage::Prompt, flight.exchange.data.as_ref().map_or(timeout, |data| data.prompt_timeout))
            }
            Phase::Answer { .. } if flight.answer.confirmed => (Stage::Result, timeout),
            Phase::Answer { .. } => (Stage::Answer, timeout),
        };
        if flight.is_probe {
            self.flight = None;
            self.probe_unanswered(now);
            return;
        }
        // Behind its OK nothing is left of a command but its result, and that one carries its own keys.
        if stage != Stage::Result {
            let owed = self.owed(now);
            self.doubt(owed);
        }
        self.end(Err(Fault::TimedOut { stage, after }));
    }

    /// What the command in flight leaves behind when its time is up.
    fn owed(&mut self, now: Time) -> Owed {
        let deadline = now + self.options.write_timeout;
        let Some(Flight { exchange, phase, written_at, .. }) = &mut self.flight else { return Owed::Nothing };
        let Some(data) = &mut exchange.data else { return Owed::Nothing };
        match (phase, data.escape) {
            // The command itself did not get out, or its data did, all of them.
            (Phase::Guard { .. } | Phase::Writing { .. }, _) => Owed::Nothing,
            (_, Some(escape)) => Owed::Bytes { bytes: vec![escape], sent: 0, deadline },
            (Phase::Prompt { .. }, None) => {
                let until = now + data.prompt_timeout;
                Owed::Prompt { data: data.clone(), from: *written_at, until }
            }
            (Phase::WritingData { sent, .. }, None) => {
                Owed::Bytes { bytes: std::mem::take(&mut data.bytes), sent: *sent, deadline }
            }
            _ => Owed::Nothing,
        }
    }

    fn probe_unanswered(&mut self, now: Time) {
        let Some(quarantine) = &mut self.quarantine else { return };
        quarantine.attempts += 1;
        if quarantine.attempts < ATTEMPTS {
            self.ask(now);
        } else {
            self.waiting = None;
            self.end(Err(Fault::Unresponsive));
        }
    }

    fn doubt(&mut self, owed: Owed) {
        match &mut self.quarantine {
            Some(quarantine) => quarantine.owed = owed,
            None => {
                let culprit = self.flight.as_ref().map_or("", |flight| flight.exchange.name());
                self.quarantine = Some(Quarantine::since(culprit, owed));
            }
        }
    }

    fn queue(&mut self, event: Queued) {
        if self.events.len() >= self.options.events {
            self.drop_event();
        } else {
            self.events.push_back(event);
        }
    }

    /// Counts an event that finds no room, where it is missing.
    fn drop_event(&mut self) {
        match self.events.back_mut() {
            Some(Queued::Dropped(count)) => *count += 1,
            _ => self.events.push_back(Queued::Dropped(1)),
        }
    }

    fn poll(&mut self) -> Option<Event<'_>> {
        let Some(event) = self.events.pop_front() else {
            self.unsolicited.clear();
            self.given = 0;
            return None;
        };
        Some(match event {
            Queued::Done(outcome) => {
                self.is_answer_queued = false;
                Event::Done(outcome.map(|()| &self.answer))
            }
            Queued::Unsolicited => Event::Unsolicited(self.next_unsolicited()?),
            Queued::Doubtful => Event::Doubtful(self.next_unsolicited()?),
            Queued::Echo => Event::Echo,
            Queued::Resynchronised(discarded) => Event::Resynchronised { discarded },
            Queued::Fault(fault) => Event::Fault(fault),
            Queued::Dropped(count) => Event::Dropped(count),
            Queued::Trace(record) => Event::Trace(record),
        })
    }

    fn next_unsolicited(&mut self) -> Option<LineRef<'_>> {
        self.given += 1;
        self.unsolicited.get(self.given - 1)
    }

    fn trace(&mut self, time: Time, direction: Direction, bytes: Option<&[u8]>) {
        if let Some(bytes) = bytes {
            let bytes = self.redactor.redact(bytes);
            self.queue(Queued::Trace(TraceRecord { time, direction, bytes }));
        }
    }
}

impl Flight {
    /// Whether the command is out, so that what begins now can be an answer.
    fn is_listening(&self) -> bool {
        !matches!(self.phase, Phase::Guard { .. } | Phase::Writing { .. })
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("in_flight", &self.core.flight.as_ref().map(|flight| &flight.exchange))
            .field("in_doubt", &self.core.quarantine.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
