//! One command at a time, and every line in its place.

mod core;
mod deferred;
mod events;
mod flight;
mod overdue;
mod owed;
mod release;

use std::fmt;
use std::time::Duration;

use self::core::Core;
pub use self::events::DeferredId;
use self::events::Queued;
use self::flight::{Flight, Phase};
pub use self::release::Released;
use crate::exchange::{Answer, Exchange, Fault};
use crate::lines::Lines;
use crate::quarantine::{Owed, Quarantine};
use crate::reader::{BodyRule, Reader, ReaderLimits};
use crate::time::Time;
use crate::token::{Line, LineRef, ReaderFault, Token};
use crate::trace::TraceRecord;

/// How a channel treats its line.
#[derive(Debug, Clone, Copy)]
pub struct ChannelOptions {
    /// How long the line must have been quiet before a command is sent. Zero where nothing is known to need it: a needless
    /// 20 ms cost a fast line nearly all of its throughput.
    pub guard: Duration,
    /// How long the port may take no byte at all while something is to be written.
    pub write_timeout: Duration,
    /// How long `OK` may stay away once the result of a command has come, and what may still be said otherwise once an `OK` or a refusal
    /// has: the line of an answer that has one, the result of a command that fails, the prompt that shows that a refusal was none.
    pub settle: Duration,
    /// How long a line may pause whose end is counted, and has not come. Its length may have been damaged, and it would swallow the lines
    /// behind it.
    pub stall: Duration,
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
            stall: Duration::from_secs(3),
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
    /// A command that was [set aside](Channel::defer) is answered, or will not be.
    Settled(DeferredId, Result<Answer, Fault>),
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

impl Channel {
    /// A channel on a line of which nothing is known.
    #[must_use]
    pub fn new(options: ChannelOptions) -> Channel {
        Channel { reader: Reader::new(options.limits), core: Core::new(options) }
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

    /// Sets the command in flight aside, so that another can be submitted: the module has taken it, and its result is still to come,
    /// which [tells itself from every other](crate::CommandBuilder::deferrable). What comes of it is an [`Event::Settled`].
    ///
    /// `None`: there is no such command. Nothing has changed then.
    pub fn defer(&mut self) -> Option<DeferredId> {
        self.core.defer()
    }

    /// Whether [`defer`](Channel::defer) would set a command aside.
    #[must_use]
    pub fn is_deferrable(&self) -> bool {
        self.core.is_deferrable()
    }

    /// The command in flight, if there is one.
    #[must_use]
    pub fn in_flight(&self) -> Option<&Exchange> {
        self.core.flight.as_ref().map(|flight| &flight.exchange)
    }

    /// Nobody waits for the command in flight any more. Where the module has taken it, the line is free at once: the result that is
    /// still to come is told if it [tells itself from every other](crate::CommandBuilder::deferrable), and is nobody's otherwise. Until
    /// then, or where it has no result line, the command is answered like any other; to be asked again when something has happened.
    pub fn release(&mut self) -> Released {
        self.core.release()
    }

    /// Like [`release`](Channel::release), of a command that the module has not answered: the line is in doubt then. What has not been
    /// written whole is not given up, nor is a command with data, of which the module may still wait for some.
    pub fn give_up(&mut self) -> Released {
        self.core.give_up()
    }

    /// Whether the line has to be proven to be in order before the next command.
    #[must_use]
    pub fn is_in_doubt(&self) -> bool {
        self.core.quarantine.is_some()
    }

    /// The line as it may be shown: without the secrets that were sent in commands, which a module may send back in other lines than an
    /// echo; and without the arguments of what reads like a command, since those of a damaged echo may be secrets that nobody knows.
    #[must_use]
    pub fn redacted(&self, line: Line) -> Line {
        self.core.redacted(line)
    }

    /// Takes what the port gave.
    pub fn receive(&mut self, now: Time, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.core.last_byte = Some(now);
        self.reader.push(bytes);
        self.core.received = self.reader.received();
        while let Some(token) = self.reader.next(self.core.expected()) {
            self.core.token(now, token);
        }
    }

    /// The bytes to write to the port now. Empty when there are none.
    #[must_use]
    pub fn transmit(&self) -> &[u8] {
        if let Some(Quarantine { owed: Owed::Bytes { bytes, sent, .. }, .. }) = &self.core.quarantine
            && !self.core.is_begun()
        {
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
        self.core.deadline().into_iter().chain(self.stalls()).min()
    }

    /// When a body that does not go on is given up, whether an answer is waited for or not.
    fn stalls(&self) -> Option<Time> {
        let last = self.core.last_byte.filter(|_| self.reader.is_counting())?;
        Some(last + self.core.options.stall)
    }

    /// Lets time pass.
    pub fn advance(&mut self, now: Time) {
        if self.deadline().is_none_or(|deadline| deadline > now) {
            return;
        }
        // A body, or quotes, of which the end was lost would swallow whatever comes. Nothing has come for a while: it is not
        // a slow line.
        let quiet = self.core.last_byte.is_none_or(|last| now - last >= self.core.options.settle);
        let is_overdue =
            quiet && self.core.is_waiting_for_answer() && self.core.deadline().is_some_and(|due| due <= now);
        if (is_overdue || self.stalls().is_some_and(|stalls| stalls <= now))
            && let Some(fault) = self.reader.give_up_line()
        {
            self.core.queue(Queued::Fault(fault));
        }
        if self.core.deadline().is_none_or(|deadline| deadline > now) {
            return;
        }
        if quiet
            && let Some((sign, from)) = self.core.overdue_prompt(now)
            && self.reader.take_damaged_prompt(sign, from)
        {
            self.core.token(now, Token::Prompt);
            return;
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

    /// Gives up waiting for the results of those commands that were set aside.
    pub fn forgo_deferred(&mut self) {
        self.core.give_up_deferred();
    }

    /// Gives up the command in flight, and those that were set aside: the module has restarted, say. The line is in doubt after the one
    /// in flight.
    pub fn abandon(&mut self) {
        self.core.give_up_deferred();
        // A module that has restarted waits for no data: to it they would be commands.
        if let Some(quarantine) = &mut self.core.quarantine {
            quarantine.owed = Owed::Nothing;
            quarantine.unwanted = None;
            quarantine.promised = None;
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

    /// Like [`suspect`](Channel::suspect), on a line on which somebody else has spoken before: an answer to any command may
    /// still come, the question that proves the line included. So the module is asked two.
    pub fn suspect_the_past(&mut self) {
        if self.core.quarantine.is_none() {
            self.core.quarantine = Some(Quarantine::of_unknown_past());
        }
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("in_flight", &self.core.flight.as_ref().map(|flight| &flight.exchange))
            .field("in_doubt", &self.is_in_doubt())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
