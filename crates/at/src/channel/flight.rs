//! The command in flight, and how far it is.

use crate::exchange::{Answer, Exchange};
use crate::text::is_nothing_on_the_line;
use crate::time::Time;

/// The command in flight.
pub(super) struct Flight {
    pub(super) exchange: Exchange,
    pub(super) phase: Phase,
    /// How many bytes had been received when the command had been written.
    pub(super) written_at: u64,
    pub(super) answer: Answer,
    /// It asks whether the line is in order.
    pub(super) is_probe: bool,
    /// Its result will not come: its final result code is its end.
    pub(super) without_result: bool,
}

pub(super) enum Phase {
    /// Waits for the line to have been quiet long enough.
    Guard { until: Time },
    /// Waits for what an earlier host has asked to have come, as long as it keeps coming.
    LettingOut { until: Time, latest: Time },
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
    /// The result has come, `OK` has not; or a refusal has, and the result that says why has not, or the prompt that shows that it was
    /// none; or an `OK` has, and no line of an answer that has one.
    Settling { deadline: Time },
    /// Nothing may be sent for a while, and nothing that comes is an answer.
    Silence { until: Time },
}

impl Flight {
    /// Whether the module has not asked for the data.
    pub(super) fn awaits_prompt(&self) -> bool {
        match self.phase {
            Phase::Prompt { .. } => true,
            Phase::Settling { .. } => {
                let is_behind = self.exchange.result.as_ref().is_some_and(|claim| claim.behind_refusal);
                self.answer.refusal.is_some() && self.exchange.has_data() && !is_behind
            }
            _ => false,
        }
    }

    /// Whether a prompt is believed. Behind a refusal it may be part of the same damaged message: the data go out only if they are nothing
    /// to a command line.
    pub(super) fn may_prompt(&self) -> bool {
        let is_harmless = || self.exchange.data.as_ref().is_some_and(|data| is_nothing_on_the_line(&data.bytes));
        self.awaits_prompt() && (self.answer.refusal.is_none() || is_harmless())
    }

    /// Whether the command is out, so that what begins now can be an answer.
    pub(super) fn is_listening(&self) -> bool {
        !matches!(
            self.phase,
            Phase::Guard { .. } | Phase::LettingOut { .. } | Phase::Writing { .. } | Phase::Silence { .. }
        )
    }
}
