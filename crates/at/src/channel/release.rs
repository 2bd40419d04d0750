//! How a command comes off the line before it has ended: set aside, or given up.

use super::core::Core;
use super::deferred::Offered;
use super::events::{DeferredId, Queued};
use super::flight::{Flight, Phase};
use crate::exchange::{Answer, Exchange, Fault};
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
        Some(self.deferred.push(exchange, answer, deadline))
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
                Released::Aside(self.deferred.push(exchange, answer, deadline))
            }
            _ => {
                self.end(Err(Fault::Abandoned));
                Released::Over
            }
        }
    }

    /// Whether a line is what one of those that were set aside waits for.
    pub(super) fn offer_to_deferred(&mut self, now: Time, line: LineRef<'_>) -> bool {
        match self.deferred.offer(now, line) {
            Offered::NotTheirs => return false,
            Offered::Progress => {}
            Offered::Result(id, answer) => self.settled(id, Ok(answer)),
        }
        true
    }

    /// Ends those that were set aside and whose time is up; false when it is that of none.
    pub(super) fn deferred_overdue(&mut self, now: Time) -> bool {
        let overdue = self.deferred.take_overdue(now);
        let any = !overdue.is_empty();
        for (id, fault) in overdue {
            self.settled(id, Err(fault));
        }
        any
    }

    /// Gives all of those up that were set aside.
    pub(super) fn give_up_deferred(&mut self) {
        for id in self.deferred.take_all() {
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
