//! Commands that the module has taken, and whose results come while others are on the line.

use super::events::DeferredId;
use crate::exchange::{Answer, Exchange, Fault, PATIENCE, Progress, Stage};
use crate::time::Time;
use crate::token::LineRef;

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

/// What a line is to them.
pub(super) enum Offered {
    /// What none of them waits for.
    NotTheirs,
    /// A result that is not the last word.
    Progress,
    /// What this one has waited for.
    Result(DeferredId, Answer),
}

impl Deferred {
    pub(super) fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        self.commands.iter().map(|waiting| waiting.deadline).min()
    }

    pub(super) fn push(&mut self, exchange: Exchange, answer: Answer, deadline: Time) -> DeferredId {
        self.last_id += 1;
        let id = DeferredId(self.last_id);
        self.commands.push(Waiting { id, exchange, answer, deadline });
        id
    }

    /// Takes a line that no command on the line has any use for.
    pub(super) fn offer(&mut self, now: Time, line: LineRef<'_>) -> Offered {
        for (place, Waiting { exchange, answer, deadline, .. }) in self.commands.iter_mut().enumerate() {
            match answer.offer_result(exchange, line) {
                None => {}
                Some(Progress::Intermediate) => {
                    if answer.intermediate_results <= PATIENCE {
                        *deadline = now + exchange.timeout;
                    }
                    return Offered::Progress;
                }
                Some(Progress::Final) => {
                    let Waiting { id, answer, .. } = self.commands.remove(place);
                    return Offered::Result(id, answer);
                }
            }
        }
        Offered::NotTheirs
    }

    /// Takes those out whose time is up. Nothing is left of one but a result that carries its own keys: the line is in order.
    pub(super) fn take_overdue(&mut self, now: Time) -> Vec<(DeferredId, Fault)> {
        let overdue = self.commands.extract_if(.., |waiting| waiting.deadline <= now);
        let late =
            |Waiting { id, exchange, .. }| (id, Fault::TimedOut { stage: Stage::Result, after: exchange.timeout });
        overdue.map(late).collect()
    }

    /// Takes all of them out.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = DeferredId> + use<> {
        std::mem::take(&mut self.commands).into_iter().map(|waiting| waiting.id)
    }
}
