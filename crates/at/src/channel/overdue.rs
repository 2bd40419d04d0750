//! When the time of a command is up, and what becomes of it then.

use super::core::Core;
use super::flight::Phase;
use crate::exchange::{ATTEMPTS, Fault, Stage};
use crate::quarantine::{Owed, Quarantine};
use crate::time::Time;
use crate::token::LineRef;

impl Core {
    /// Whether the deadline is that of something the module has to say.
    pub(super) fn is_waiting_for_answer(&self) -> bool {
        let phase = self.flight.as_ref().map(|flight| &flight.phase);
        !self.deferred.is_empty()
            || matches!(phase, Some(Phase::Prompt { .. } | Phase::Answer { .. } | Phase::Settling { .. }))
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        self.deadline_of_line().into_iter().chain(self.deferred.deadline()).min()
    }

    fn deadline_of_line(&self) -> Option<Time> {
        match (&self.flight, &self.quarantine) {
            (_, Some(Quarantine { owed: Owed::Bytes { deadline, .. }, .. })) => Some(*deadline),
            (None, Some(Quarantine { owed: Owed::Prompt { until, .. }, .. })) => Some(*until),
            (Some(flight), _) => Some(match flight.phase {
                Phase::Guard { until }
                | Phase::LettingOut { until, .. }
                | Phase::DataGuard { until }
                | Phase::Silence { until } => until,
                Phase::Writing { deadline, .. }
                | Phase::Prompt { deadline }
                | Phase::WritingData { deadline, .. }
                | Phase::Answer { deadline }
                | Phase::Settling { deadline } => deadline,
            }),
            (None, _) => None,
        }
    }

    pub(super) fn deadline_passed(&mut self, now: Time) {
        if self.deferred_overdue(now) && self.deadline_of_line().is_none_or(|deadline| deadline > now) {
            return;
        }
        if self.owed_overdue(now) {
            return;
        }
        let write_timeout = self.options.write_timeout;
        let writing = self.writing(now);
        let quiet_since = self.last_byte.map_or(now, |last| last + self.options.settle);
        let Some(flight) = &mut self.flight else { return };
        let timeout = flight.exchange.timeout;
        let (stage, after) = match &mut flight.phase {
            Phase::LettingOut { until, latest } if quiet_since > now && *latest > now => {
                *until = quiet_since.min(*latest);
                return;
            }
            Phase::Guard { .. } | Phase::LettingOut { .. } => {
                flight.phase = writing;
                return;
            }
            Phase::DataGuard { .. } => {
                flight.phase = Phase::WritingData { sent: 0, deadline: now + write_timeout };
                return;
            }
            Phase::Settling { .. } if flight.answer.refusal.is_some() => {
                if let Some(result) = flight.answer.refusal.take() {
                    let lines = flight.answer.lines.iter().map(LineRef::to_line).collect();
                    self.end(Err(Fault::Refused { result, lines }));
                }
                return;
            }
            // There is no line, and the OK was that of the command.
            Phase::Settling { .. } if flight.answer.bare_ok && flight.answer.lines.is_empty() => {
                flight.answer.confirmed = true;
                self.end(Ok(()));
                return;
            }
            // The OK may still come; or nobody knows what the module has made of it.
            Phase::Settling { .. } | Phase::Silence { .. } => {
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
        self.was_late |= matches!(stage, Stage::Prompt | Stage::Answer);
        // Behind its OK nothing is left of a command but its result, and that one carries its own keys.
        if stage != Stage::Result {
            let unwanted = self.unwanted(stage);
            let owed = self.owed(now);
            self.doubt(owed);
            if let Some(quarantine) = &mut self.quarantine {
                quarantine.unwanted = unwanted.or(quarantine.unwanted);
            }
        }
        self.end(Err(Fault::TimedOut { stage, after }));
    }

    fn probe_unanswered(&mut self, now: Time) {
        self.was_late = true;
        let Some(quarantine) = &mut self.quarantine else { return };
        let attempts = quarantine.unanswered_again();
        let probes = self.waiting.as_ref().map_or(ATTEMPTS, |waiting| waiting.probes);
        if attempts < probes {
            self.ask(now);
        } else {
            self.waiting = None;
            self.end(Err(Fault::Unresponsive));
        }
    }
}
