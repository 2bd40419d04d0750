//! Attempts that are broken off, since a farewell came: nobody wants what they are for any more.
//!
//! A plan ends between two of its exchanges, wherever it stands; it is dropped there, and what it has left in the module is put away. The
//! exchange on the line is answered as any other, but for a result that the module has promised and takes minutes for: an open link, a
//! sign-in. That is set aside. A module that takes no order to close what it is still opening is told so again once it has opened it.

use std::sync::Arc;
use std::time::Duration;

use atmqtt_at::{Answer, DeferredId, Released, Time};

use super::{Driver, Kind, Module, Outcome, Output, Request, Running, Ticket};
use crate::cure;
use crate::dialect::{Context, Dialect};
use crate::fault::Fault;
use crate::plan::{Plan, Tools};
use crate::profile::Profile;
use crate::recovery::Cure;

/// How long the command on the line may still take where the module, and so its figure for that, is not known.
const COMMAND: Duration = Duration::from_secs(5);

/// How long a broker may still take to answer a sign-in: one that is cut off before is no farewell to it, and it publishes the will.
const ANSWER: Duration = Duration::from_secs(1);

/// How soon it is looked again whether a command can be given up that could not be before: one that is still being written, say.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The running plan is to be broken off.
pub(super) struct BreakOff {
    /// Its sign-in, if it has come so far, may have its result until then.
    grace: Option<Time>,
    /// The command on the line, if the module does not answer it, is given up then.
    until: Time,
}

impl BreakOff {
    pub(super) fn deadline(&self) -> Time {
        self.grace.unwrap_or(self.until)
    }
}

/// What a plan that is broken off leaves behind, and how that is put away.
#[derive(Clone, Default)]
pub(super) enum Undo {
    #[default]
    Nothing,
    /// What was opened, or is being opened.
    Close(&'static dyn Dialect, Context),
    /// A module without its network.
    Cure(Tools, Cure),
}

/// A result that the module has promised to a sign-in that was broken off since.
pub(super) struct Stray {
    id: DeferredId,
    undo: Undo,
    /// The module has not said that it has closed what it was opening.
    is_open: bool,
}

impl Driver {
    /// Whether the module may still make a connection of a sign-in that was broken off, since it took no order to close what it was still
    /// opening. It is closed as soon as it is there; a sign-in that is asked for meanwhile waits for that.
    #[must_use]
    pub fn is_parting(&self) -> bool {
        self.leftover.is_some() || self.stray.as_ref().is_some_and(|stray| stray.is_open)
    }

    /// Breaks off a request, which ends with [`Fault::BrokenOff`] as soon as the line allows it: that is, within the time of a command and of
    /// what it takes to put away what it has begun. One that has ended is left alone.
    pub(crate) fn break_off(&mut self, now: Time, ticket: Ticket) {
        if let Some(place) = self.queue.iter().position(|(queued, _)| *queued == ticket) {
            self.queue.remove(place);
            self.outputs.push_back(Output::Done(ticket, Err(Fault::BrokenOff)));
        } else if self.running.as_ref().is_some_and(|running| running.ticket == Some(ticket)) {
            self.break_off_running(now);
        }
        self.work(now);
    }

    /// A farewell is to come behind everything that was asked for: no sign-in among that is of use any more.
    pub(super) fn break_off_sign_ins(&mut self, now: Time) {
        let outputs = &mut self.outputs;
        self.queue.retain(|(ticket, request)| {
            let is_sign_in = matches!(request, Request::Connect(..));
            if is_sign_in {
                outputs.push_back(Output::Done(*ticket, Err(Fault::BrokenOff)));
            }
            !is_sign_in
        });
        if self.parked.is_some() || self.running.as_ref().is_some_and(|running| running.kind == Kind::Connect) {
            self.break_off_running(now);
        }
    }

    fn break_off_running(&mut self, now: Time) {
        if self.running.as_ref().is_some_and(|running| running.kind != Kind::Undo) && self.breaking.is_none() {
            let patience = self.module.as_ref().map_or(COMMAND, |module| module.profile.timeouts.command.value);
            let is_link_open = self.parked.as_ref().map_or(self.dialogue.is_link_open(), |parked| parked.is_link_open);
            let grace = is_link_open.then_some(now + ANSWER);
            self.breaking = Some(BreakOff { grace, until: now + patience });
        }
    }

    /// Ends the running plan, if that is to be broken off and the line is free of it, or can be made so. Whether something has changed.
    pub(super) fn break_off_where_possible(&mut self, now: Time) -> bool {
        // A question that is on the line meanwhile is answered first.
        if self.parked.is_some() {
            return false;
        }
        let (Some(BreakOff { grace, until }), Some(running)) = (&mut self.breaking, &self.running) else {
            return false;
        };
        let promised = running.promised();
        if running.pause.is_some() || promised.is_none() && self.channel.is_idle() {
            self.unwind(now, None);
            return true;
        }
        if grace.take_if(|grace| *grace <= now).is_none() && grace.is_some() {
            return false;
        }
        if promised.is_some() {
            self.unwind(now, promised);
            return true;
        }
        let released = match self.channel.release() {
            Released::Held if *until <= now => {
                *until = now + LOOK_AGAIN;
                self.channel.give_up()
            }
            released => released,
        };
        match released {
            Released::Aside(id) => self.unwind(now, Some(id)),
            Released::Held => return false,
            // Its end is heard next.
            _ => {}
        }
        true
    }

    /// Drops the running plan, and puts away what it has begun. Of its last command a result may still come.
    pub(super) fn unwind(&mut self, now: Time, promised: Option<DeferredId>) {
        self.breaking = None;
        let Some(Running { ticket, kind, undo, .. }) = self.running.take() else { return };
        if std::mem::take(&mut self.preparing) || kind == Kind::Attach {
            self.prepared = false;
        }
        let has_restarted = matches!(self.interruption.take(), Some(Fault::Restarted));
        let undo = match undo {
            _ if has_restarted => Undo::Nothing,
            Undo::Close(..) if !self.dialogue.is_client_used() => Undo::Nothing,
            undo => undo,
        };
        if self.dialogue.is_client_used() {
            self.lost = Undo::Nothing;
        }
        self.dialogue.clear();
        self.stray = promised.map(|id| Stray { id, undo: undo.clone(), is_open: true });
        if matches!(undo, Undo::Nothing) {
            let outcome = Err(Fault::BrokenOff);
            self.settle(now, &kind, &outcome);
            self.outputs.extend(ticket.map(|ticket| Output::Done(ticket, outcome)));
        } else {
            self.undo(now, ticket, undo);
        }
    }

    /// Puts away what is left behind.
    pub(super) fn undo(&mut self, now: Time, ticket: Option<Ticket>, undo: Undo) {
        let plan = plan_of_undoing(undo);
        self.running =
            Some(Running { ticket, kind: Kind::Undo, plan, undo: Undo::Nothing, pause: None, awaited: None });
        self.step(now);
    }

    /// What a plan of this kind, which is about to begin, may leave behind.
    pub(super) fn undo_of(&self, kind: &Kind) -> Undo {
        let Some(Module { profile, dialect, .. }) = &self.module else { return Undo::Nothing };
        let (dialogue, profile) = (self.dialogue.clone(), Arc::clone(profile));
        match (kind, &self.session) {
            (Kind::Connect, Some(options)) => {
                Undo::Close(*dialect, Context { dialogue, profile, options: Arc::clone(options) })
            }
            (Kind::Cure(cure), _) => Undo::Cure(Tools { dialogue, profile }, *cure),
            _ => Undo::Nothing,
        }
    }

    /// The connection is lost: a module may go on trying to have it again by itself, for nobody, if the next thing is a farewell.
    pub(super) fn remember_what_was_lost(&mut self) {
        if let Ok((dialect, context)) = self.connected() {
            self.lost = Undo::Close(dialect, context);
        }
    }

    /// There is no line on which it could be put away.
    pub(crate) fn forget_what_was_lost(&mut self) {
        self.lost = Undo::Nothing;
    }

    /// It is put away, as far as can be; or the module has even said so.
    pub(super) fn undone(&mut self, is_closed: bool) {
        if let Some(stray) = &mut self.stray {
            stray.is_open &= !is_closed;
        }
    }

    /// Whether a request has to wait until it is known what becomes of a sign-in that was broken off: its result would be taken for that
    /// of the next.
    pub(super) fn waits_for_stray(&self, request: &Request) -> bool {
        matches!(request, Request::Connect(..)) && self.is_parting()
    }

    /// Its result, if it comes at all, is nothing any more.
    pub(super) fn forget_stray(&mut self) {
        if self.stray.take().is_some() {
            self.channel.forgo_deferred();
        }
    }

    /// A sign-in that was broken off has had its result, or will not have one; false if it is not about one.
    pub(super) fn settle_stray(&mut self, id: DeferredId, report: &Result<Answer, atmqtt_at::Fault>) -> bool {
        let Some(Stray { undo, is_open, .. }) = self.stray.take_if(|stray| stray.id == id) else { return false };
        match report {
            // The module has restarted.
            Err(atmqtt_at::Fault::Abandoned) => {}
            Err(_) if !is_open => {}
            _ => self.leftover = Some(undo),
        }
        true
    }
}

/// Puts away what is left behind: [`Outcome::Disconnected`], if the module says so.
pub(super) fn plan_of_undoing(undo: Undo) -> Plan<'static, Outcome> {
    match undo {
        Undo::Nothing => Box::pin(async { Ok(Outcome::Disconnected) }),
        Undo::Close(dialect, Context { dialogue, profile, options }) => {
            let plan = dialect.disconnect(Context { dialogue, profile: hurried(&profile), options });
            Box::pin(async move {
                let is_closed = plan.await?;
                if is_closed { Ok(Outcome::Disconnected) } else { Err(Fault::BrokenOff) }
            })
        }
        Undo::Cure(tools, cure) => {
            Box::pin(async move { cure::break_off(tools, cure).await.map(|()| Outcome::Disconnected) })
        }
    }
}

/// The figures of a host that does not wait for the ends of what it closes.
fn hurried(profile: &Profile) -> Arc<Profile> {
    let mut profile = profile.clone();
    let timeouts = &mut profile.timeouts;
    for patience in [&mut timeouts.disconnect.value, &mut timeouts.close.value] {
        *patience = timeouts.command.value.min(*patience);
    }
    Arc::new(profile)
}
