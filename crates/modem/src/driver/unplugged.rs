//! The port is gone: what was being said on it is over.

use atmqtt_at::{Channel, ChannelOptions, Time};

use super::{Assembly, Driver, Event, LinkState, Output, Running, Slumber};
use crate::dialect;
use crate::fault::{Fault, LinkLoss};
use crate::plan::Reply;

/// How many more wishes a plan may have that is told of each that the port is gone. One that does not end then is dropped.
const WISHES: u32 = 64;

impl Driver {
    /// The port is gone. Whatever was asked for ends with [`Fault::PortLost`], or as what the loss of the port leaves of it; nothing
    /// that was to be written is; and what comes next is said on another line, of which nothing is known: a
    /// [`Request::Attach`](super::Request::Attach) begins there.
    pub fn unplugged(&mut self, now: Time) {
        let had_link = self.link == LinkState::Up;
        self.give_up_messages();
        self.remember_what_was_lost();
        if self.link != LinkState::Connecting {
            self.session = None;
            self.link = LinkState::Down;
        }
        // Older than what is running.
        self.end_aside(&Fault::PortLost);
        while let Some(id) = self.first_aside() {
            self.reported(now, id, Err(atmqtt_at::Fault::Abandoned));
        }
        (self.breaking, self.stray, self.leftover) = (None, None, None);
        for _ in 0..WISHES {
            // The sign-in behind a question that has ended.
            self.unpark(now);
            let Some(running) = &mut self.running else { break };
            running.pause = None;
            // What it wished for last will not be: neither what is on the line, nor what is still at the desk.
            drop(self.dialogue.take_wish());
            self.dialogue.reply(Reply::Interrupted(Fault::PortLost));
            self.step(now);
        }
        if let Some(Running { ticket, kind, .. }) = self.running.take() {
            let outcome = Err(Fault::PortLost);
            self.settle(now, &kind, &outcome);
            self.outputs.extend(ticket.map(|ticket| Output::Done(ticket, outcome)));
        }
        let never = self.queue.drain(..).map(|(ticket, _)| Output::Done(ticket, Err(Fault::PortLost)));
        self.outputs.extend(never);

        self.channel = Channel::new(ChannelOptions { trace: self.options.trace, ..ChannelOptions::default() });
        self.channel.expect_bodies(dialect::bodies_of_all());
        self.is_strange = true;
        self.assembly = Assembly::default();
        self.slumber = Slumber::default();
        self.forget_power_saving();
        self.dialogue.clear();
        (self.prepared, self.booting, self.preparing, self.presence_open) = (false, false, false, false);
        (self.session, self.stored, self.interruption, self.echo_heeded) = (None, None, None, None);
        self.link = LinkState::Down;
        if had_link {
            self.outputs.push_back(Output::Event(Event::LinkLost(LinkLoss::seen("the port is gone"))));
        }
    }
}
