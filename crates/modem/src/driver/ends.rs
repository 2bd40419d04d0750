//! The end of a plan, and what it means for the driver's own state.

use std::sync::Arc;

use atmqtt_at::Time;

use super::broken_off::Undo;
use super::{Driver, Event, Kind, LinkState, Module, Outcome, Output, Running, presence};
use crate::dialect;
use crate::fault::{Fault, LinkLoss};

impl Driver {
    /// Settles the end of a plan.
    pub(super) fn finish(&mut self, now: Time, running: &Running, outcome: Result<Outcome, Fault>) {
        // It answers, but in digits. The next request begins with setting up the line, and has it use words.
        if matches!(outcome, Err(Fault::Unresponsive { .. })) && self.dialogue.has_heard_digits() {
            self.prepared = false;
        }
        let outcome = match outcome {
            // The command and the news of the loss have crossed on the line.
            Err(Fault::Refused { .. }) if running.kind == Kind::Session && self.link == LinkState::Down => {
                Err(Fault::LinkLost)
            }
            other => other,
        };
        self.settle(now, &running.kind, &outcome);
        let outcome = if running.kind == Kind::Undo { Err(Fault::BrokenOff) } else { outcome };
        if let Some(ticket) = running.ticket {
            self.outputs.push_back(Output::Done(ticket, outcome));
        }
    }

    /// What a plan's end means for the driver's own state.
    pub(super) fn settle(&mut self, now: Time, kind: &Kind, outcome: &Result<Outcome, Fault>) {
        if *kind == Kind::Connect && self.dialogue.is_client_used() {
            // It has put that away before it began.
            self.lost = Undo::Nothing;
        }
        match (kind, outcome) {
            (Kind::Attach, Ok(Outcome::Attached(identity, profile))) => {
                if let Some(dialect) = dialect::named(&profile.model.dialect) {
                    self.channel.expect_bodies(dialect.bodies());
                    let options = self.channel.options_mut();
                    options.guard = profile.pauses.guard.value;
                    options.write_timeout = profile.timeouts.write.value;
                    self.channel.reserve(profile.model.restart_signs.iter().map(|sign| sign.as_bytes().into()));
                    self.module = Some(Module { identity: identity.clone(), profile: Arc::clone(profile), dialect });
                    self.prepared = true;
                    self.is_strange = false;
                }
            }
            // The link may have been lost right behind the sign-in, before the plan ended.
            (Kind::Connect, Ok(_)) if self.link == LinkState::Connecting => {
                self.presence_open = false;
                self.linked = Some(now);
                self.set_link(LinkState::Up);
            }
            (Kind::Connect, _) => {
                self.session = None;
                self.set_link(LinkState::Down);
            }
            // Whatever the module says, nobody holds the connection any more, and the next sign-in puts away what is left of it.
            (Kind::Disconnect, _) => {
                self.session = None;
                self.set_link(LinkState::Down);
            }
            (Kind::Undo, outcome) => {
                self.undone(outcome.is_ok());
                self.session = None;
                self.set_link(LinkState::Down);
            }
            (Kind::Look, Ok(Outcome::Disconnected)) if self.link == LinkState::Up => {
                self.link_lost();
                let loss = LinkLoss::seen("the module says that it has no connection");
                self.outputs.push_back(Output::Event(Event::LinkLost(loss)));
            }
            // What was read is with the host; what was not is still there.
            (Kind::Fetch, Err(fault)) if self.link == LinkState::Up && fault.is_line_fault() => {
                self.stored.get_or_insert_default();
                self.presence_open = presence::is_open_after(outcome);
            }
            (Kind::Session | Kind::Look | Kind::Fetch, outcome) => {
                self.presence_open = presence::is_open_after(outcome);
            }
            _ => {}
        }
    }
}
