//! The connection to the broker: whether there is one, and what ends with it.

use atmqtt_at::Time;

use super::broken_off::Undo;
use super::{Driver, Event, Kind, LinkState, Output, Running};
use crate::fault::{Fault, LinkLoss};

impl Driver {
    pub(super) fn set_link(&mut self, link: LinkState) {
        if self.link != link {
            self.link = link;
            self.outputs.push_back(Output::Event(Event::Link(link)));
        }
    }

    /// Whether there is a link that can be lost.
    pub(super) fn has_link(&self) -> bool {
        match (self.link, self.running.as_ref().map(|running| &running.kind)) {
            (LinkState::Down, _) | (_, Some(Kind::Disconnect)) => false,
            (LinkState::Connecting, _) => {
                self.parked.as_ref().map_or(self.dialogue.is_link_open(), |parked| parked.is_link_open)
            }
            (LinkState::Up, _) => true,
        }
    }

    /// No result of the session will come any more.
    pub(super) fn link_lost(&mut self) {
        self.give_up_messages();
        self.remember_what_was_lost();
        self.link = LinkState::Down;
        self.stored = None;
        self.session = None;
        let is_about_it = |running: &Running| matches!(running.kind, Kind::Session | Kind::Connect);
        if self.running.as_ref().is_some_and(is_about_it) {
            self.interruption = Some(Fault::LinkLost);
            self.channel.forgo_result();
        }
        self.end_aside(&Fault::LinkLost);
        self.end_awaited(&Fault::LinkLost);
        self.channel.forgo_deferred();
    }

    /// The connection counts as lost, whatever the module said last.
    pub(crate) fn give_up_link(&mut self, now: Time, meaning: &'static str) {
        self.link_lost();
        self.outputs.push_back(Output::Event(Event::LinkLost(LinkLoss::seen(meaning))));
        self.work(now);
    }

    /// Nothing that was is any more: echo, settings, link.
    pub(super) fn restarted(&mut self) {
        self.give_up_messages();
        self.forget_power_saving();
        self.prepared = false;
        // A sign-in under way goes on where it has only woken the module, and ends by the interruption elsewhere.
        if self.link != LinkState::Connecting {
            self.session = None;
            self.link = LinkState::Down;
        }
        (self.leftover, self.lost) = (None, Undo::Nothing);
        self.interruption = Some(Fault::Restarted);
        self.end_aside(&Fault::Restarted);
        self.end_awaited(&Fault::Restarted);
        self.channel.abandon();
    }

    /// The rest of what has come in part will not come.
    pub(super) fn give_up_messages(&mut self) {
        self.assembly.clear(&mut |event| self.outputs.push_back(Output::Event(event)));
    }
}
