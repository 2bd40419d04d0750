//! What a command with data leaves behind when its time is up: a module that may still wait for them, and would take the next
//! command for them.

use std::mem;
use std::time::Duration;

use super::core::Core;
use super::flight::{Flight, Phase};
use crate::exchange::{Fault, Prompt, Stage};
use crate::quarantine::{Owed, Quarantine};
use crate::text::is_nothing_on_the_line;
use crate::time::Time;

/// How late a module may be with a prompt at least, whatever the time-out of the command: what is sent meanwhile would be its data.
const LATE_PROMPT: Duration = Duration::from_secs(45);

impl Core {
    /// What the command in flight leaves behind when its time is up.
    pub(super) fn owed(&mut self, now: Time) -> Owed {
        let deadline = now + self.options.write_timeout;
        let Some(Flight { exchange, phase, written_at, .. }) = &mut self.flight else { return Owed::Nothing };
        let Some(data) = &mut exchange.data else { return Owed::Nothing };
        match (phase, data.escape) {
            // The command itself did not get out, or its data did, all of them.
            (Phase::Guard { .. } | Phase::LettingOut { .. } | Phase::Writing { .. }, _) => Owed::Nothing,
            (_, Some(escape)) => Owed::Bytes { bytes: vec![escape], sent: 0, deadline, private: false },
            (Phase::Prompt { .. }, None) => {
                // As long as the module may take to answer. What is sent before it has asked for its data would be taken
                // for them.
                let until = now + exchange.timeout.max(data.prompt_timeout).max(LATE_PROMPT);
                Owed::Prompt { data: data.clone(), from: *written_at, until }
            }
            (Phase::WritingData { sent, .. }, None) => {
                Owed::Bytes { bytes: mem::take(&mut data.bytes), sent: *sent, deadline, private: data.private }
            }
            _ => Owed::Nothing,
        }
    }

    /// The prompt that nobody wants once the time of the command in flight is up.
    pub(super) fn unwanted(&self, stage: Stage) -> Option<(&'static str, u8)> {
        let data = self.flight.as_ref()?.exchange.data.as_ref().filter(|_| stage == Stage::Prompt)?;
        match (data.prompt, data.escape) {
            (Prompt::Sign(sign), Some(escape)) => Some((sign, escape)),
            _ => None,
        }
    }

    /// The sign of the prompt whose time is up, and how many bytes had been received when its command had been written.
    pub(super) fn overdue_prompt(&self, now: Time) -> Option<(&'static str, u64)> {
        let (data, from) = match (&self.flight, &self.quarantine) {
            (Some(Flight { phase: Phase::Prompt { deadline }, exchange, written_at, .. }), _) if *deadline <= now => {
                (exchange.data.as_ref()?, *written_at)
            }
            (None, Some(Quarantine { owed: Owed::Prompt { data, from, until }, .. })) if *until <= now => (data, *from),
            _ => return None,
        };
        Some((data.prompt.sign()?, from))
    }

    /// Takes a prompt that comes when the time of its command is up; false: it is none of those.
    pub(super) fn prompted_late(&mut self, deadline: Time) -> bool {
        let Some(quarantine) = &mut self.quarantine else { return false };
        let (bytes, private) = if let Owed::Prompt { data, .. } = &mut quarantine.owed {
            (mem::take(&mut data.bytes), data.private)
        } else if let Some(data) = quarantine.asked_for_at_last() {
            (data.bytes, data.private)
        } else if let Some((_, escape)) = quarantine.unwanted {
            (vec![escape], false)
        } else {
            return false;
        };
        quarantine.owed =
            if bytes.is_empty() { Owed::Nothing } else { Owed::Bytes { bytes, sent: 0, deadline, private } };
        true
    }

    /// Goes on when the time of what is owed is up; false: nothing is.
    pub(super) fn owed_overdue(&mut self, now: Time) -> bool {
        let deadline = now + self.options.write_timeout;
        let Some(quarantine) = &mut self.quarantine else { return false };
        match mem::replace(&mut quarantine.owed, Owed::Nothing) {
            Owed::Nothing => return false,
            Owed::Prompt { data, .. } if !data.bytes.is_empty() => {
                // The prompt may have been lost, and the module waits for its data: they are its only way out. Where it does not
                // wait, they are nothing to it.
                if is_nothing_on_the_line(&data.bytes) {
                    let (bytes, private) = (data.bytes.clone(), data.private);
                    quarantine.owed = Owed::Bytes { bytes, sent: 0, deadline, private };
                }
                quarantine.promised = Some(data);
            }
            Owed::Prompt { .. } => {}
            // Whoever waits is told only if the port takes nothing: then the question would not get out either.
            Owed::Bytes { .. } => {
                if self.waiting.take().is_some() {
                    self.end(Err(Fault::Unresponsive));
                }
                return true;
            }
        }
        self.ask(now);
        true
    }
}
