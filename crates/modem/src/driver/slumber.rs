//! A module that sleeps: it has said so, or nothing has gone over the line for as long as it is known to take.
//!
//! What wakes it is lost (the hardware manuals of Lierda's modules: above 9600 baud the first packet is), so that it is not the command
//! that somebody waits for. And it may have lost its connection meanwhile, in a deep sleep, without a word.

use std::time::Duration;

use atmqtt_at::Time;

/// Whether the module sleeps.
#[derive(Debug, Default)]
pub(super) struct Slumber {
    is_asleep: bool,
    /// When a byte has gone over the line last, in either direction.
    last_byte: Option<Time>,
}

impl Slumber {
    pub(super) fn is_asleep(&self) -> bool {
        self.is_asleep
    }

    /// Bytes have gone over the line.
    pub(super) fn byte(&mut self, now: Time) {
        self.last_byte = Some(now);
    }

    pub(super) fn last_byte(&self) -> Option<Time> {
        self.last_byte
    }

    /// When it will have fallen asleep. `None`: it sleeps, or is not known to.
    pub(super) fn deadline(&self, wake_after: Option<Duration>) -> Option<Time> {
        let wait = wake_after.filter(|wait| !self.is_asleep && !wait.is_zero())?;
        self.last_byte.map(|last| last + wait)
    }

    /// It sleeps from now on. True: it did not before.
    pub(super) fn fall_asleep(&mut self) -> bool {
        !std::mem::replace(&mut self.is_asleep, true)
    }

    /// It has said something. True: it slept before.
    pub(super) fn wake(&mut self) -> bool {
        std::mem::take(&mut self.is_asleep)
    }
}
