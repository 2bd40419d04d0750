//! Commands that the module has taken, and whose results come while others are on the line.

use super::core::{Core, Flight, PATIENCE, Phase};
use super::events::{DeferredId, Queued};
use crate::exchange::{Answer, Exchange, Fault, Progress, Stage};
use crate::quarantine::Owed;
use crate::time::Time;
use crate::token::LineRef;

/// What has become of a command that nobody waits for any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Released {
    /// It is off the line. What comes of it, if anything does, is an [`Event::Settled`](super::Event::Settled) with this name.
    Aside(DeferredId),
    /// It is over: the next [`poll`](super::Channel::poll)s give its end.
    Over,
    /// It is still on the line.
    Held,
}

/// Those that are waited for, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Deferred {
    commands: Vec<Waiting>,
    last_id: u64,
}

#[derive(Debug)]
struct Waiting {
    id: DeferredId,
    exchange: Exchange,
    answer: Answer,
    deadline: Time,
}

impl Deferred {
    pub(super) fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        self.commands.iter().map(|waiting| waiting.deadline).min()
    }
}

impl Core {
    /// Whether the command in flight waits for nothing but a result that no other command can be given.
    pub(super) fn is_deferrable(&self) -> bool {
        self.flight.as_ref().is_some_and(|flight| {
            let Flight { exchange, phase, answer, .. } = flight;
            is_told_apart(exchange) && answer.confirmed && matches!(phase, Phase::Answer { .. })
        })
    }

    /// Sets the command in flight aside.
    pub(super) fn defer(&mut self) -> Option<DeferredId> {
        if !self.is_deferrable() {
            return None;
        }
        let Flight { exchange, phase: Phase::Answer { deadline }, answer, .. } = self.flight.take()? else {
            return None;
        };
        Some(self.set_aside(exchange, answer, deadline))
    }

    /// Ends the wait for what is left of the command in flight, where the module has taken it.
    pub(super) fn release(&mut self) -> Released {
        if let Some(id) = self.defer() {
            return Released::Aside(id);
        }
        match &mut self.flight {
            Some(Flight { exchange, answer, .. })
                if answer.is_confirmed() && exchange.result.is_some() && !is_told_apart(exchange) =>
            {
                self.end(Err(Fault::Abandoned));
                Released::Over
            }
            _ => Released::Held,
        }
    }

    /// Takes the command in flight off the line, although the module has not answered it.
    pub(super) fn give_up(&mut self) -> Released {
        let is_unanswered = |flight: &Flight| {
            !flight.is_probe && flight.exchange.data.is_none() && matches!(flight.phase, Phase::Answer { .. })
        };
        if !self.flight.as_ref().is_some_and(is_unanswered) {
            return Released::Held;
        }
        // What is owed to a line in doubt stays owed.
        if self.quarantine.is_none() {
            self.doubt(Owed::Nothing);
        }
        match self.flight.take_if(|flight| is_told_apart(&flight.exchange)) {
            Some(Flight { exchange, phase: Phase::Answer { deadline }, answer, .. }) => {
                Released::Aside(self.set_aside(exchange, answer, deadline))
            }
            _ => {
                self.end(Err(Fault::Abandoned));
                Released::Over
            }
        }
    }

    fn set_aside(&mut self, exchange: Exchange, answer: Answer, deadline: Time) -> DeferredId {
        self.deferred.last_id += 1;
        let id = DeferredId(self.deferred.last_id);
        self.deferred.commands.push(Waiting { id, exchange, answer, deadline });
        id
    }

    /// Whether a line is what one of them waits for.
    pub(super) fn offer_to_deferred(&mut self, now: Time, line: LineRef<'_>) -> bool {
        let mut found = None;
        for (place, Waiting { exchange, answer, deadline, .. }) in self.deferred.commands.iter_mut().enumerate() {
            match answer.offer_result(exchange, line) {
                None => continue,
                Some(Progress::Intermediate) => {
                    if answer.intermediate_results <= PATIENCE {
                        *deadline = now + exchange.timeout;
                    }
                    return true;
                }
                Some(Progress::Final) => found = Some(place),
            }
            break;
        }
        let Some(place) = found else { return false };
        let Waiting { id, answer, .. } = self.deferred.commands.remove(place);
        self.settled(id, Ok(answer));
        true
    }

    /// Ends those whose time is up; false when it is that of none.
    pub(super) fn deferred_overdue(&mut self, now: Time) -> bool {
        let overdue: Vec<_> = self.deferred.commands.extract_if(.., |waiting| waiting.deadline <= now).collect();
        let any = !overdue.is_empty();
        for Waiting { id, exchange, .. } in overdue {
            // Nothing is left of it but a result that carries its own keys: the line is in order.
            self.settled(id, Err(Fault::TimedOut { stage: Stage::Result, after: exchange.timeout }));
        }
        any
    }

    /// Gives all of them up.
    pub(super) fn give_up_deferred(&mut self) {
        for Waiting { id, .. } in std::mem::take(&mut self.deferred.commands) {
            self.settled(id, Err(Fault::Abandoned));
        }
    }

    /// An answer is never dropped, however many events wait.
    fn settled(&mut self, id: DeferredId, outcome: Result<Answer, Fault>) {
        self.queue_always(Queued::Settled(id, outcome.map(Box::new)));
    }
}

/// Whether the result of a command can be no other's.
fn is_told_apart(exchange: &Exchange) -> bool {
    exchange.result.as_ref().is_some_and(|claim| claim.deferrable)
}
