//! A sign-in may wait for minutes for what the module has promised, and a module that has restarted without a word has forgotten that it
//! has. So one that says nothing for long is asked for any answer: with the echo that is back, a restart shows itself.

use std::time::Duration;

use atmqtt_at::{Command, Time};

use super::broken_off::Undo;
use super::questions::Parked;
use super::{Driver, Kind, Outcome, Running};
use crate::fault::Fault;

/// How long nothing may have gone over the line.
const SILENCE: Duration = Duration::from_secs(45);

impl Driver {
    /// When the module is asked. `None`: it is not.
    pub(super) fn sign_of_life_due(&self) -> Option<Time> {
        let running =
            self.running.as_ref().filter(|running| running.kind == Kind::Connect && running.pause.is_none())?;
        let waits = running.awaited.is_some() || self.channel.is_deferrable();
        let is_free = self.parked.is_none() && self.breaking.is_none();
        self.slumber.last_byte().filter(|_| waits && is_free).map(|last| last + SILENCE)
    }

    /// Puts a sign-in aside that waits in silence, and asks. What comes of it is no matter: the sign-in goes on, unless an echo has shown
    /// that its result will not come.
    pub(super) fn ask_for_sign_of_life(&mut self, now: Time) {
        let Some(patience) = self.module.as_ref().map(|module| module.profile.timeouts.command.value) else { return };
        if self.sign_of_life_due().is_none_or(|due| due > now) {
            return;
        }
        self.park();
        self.dialogue.clear();
        let dialogue = self.dialogue.clone();
        let plan = Box::pin(async move {
            dialogue.run(Command::attention().within(patience).done()).await.map(|_| Outcome::Connected)
        });
        let (kind, undo) = (Kind::Other, Undo::Nothing);
        self.running = Some(Running { ticket: None, kind, plan, undo, pause: None, awaited: None });
        self.step(now);
    }

    /// The module has restarted without a word: what it has promised to a sign-in does not come.
    pub(super) fn give_up_promises(&mut self) {
        let is_sign_in = |running: &Running| running.kind == Kind::Connect && running.awaited.is_some();
        let parked = self.parked.as_ref().map(Parked::running);
        if parked.into_iter().chain(&self.running).any(is_sign_in) {
            self.end_awaited(&Fault::Restarted);
            self.channel.forgo_deferred();
        }
    }
}
