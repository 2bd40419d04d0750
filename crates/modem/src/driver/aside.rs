//! Publishes whose reports are still to come, while the line goes on with other things.
//!
//! How many may be so is the profile's `window`. With a window of one nothing changes: each waits for the report on the one before it.

use std::task::Poll;

use atmqtt_at::{Answer, DeferredId, Time};

use super::{Driver, Kind, Outcome, Request, Running};
use crate::fault::Fault;
use crate::plan::Reply;
use crate::{Delivery, Unconfirmed};

/// A publish that the module has taken.
pub(super) struct Aside {
    id: DeferredId,
    running: Running,
    /// Why its report will not come.
    ended: Option<Fault>,
}

impl Driver {
    /// How many publishes may be unconfirmed at once.
    #[must_use]
    pub fn window(&self) -> usize {
        self.module.as_ref().map_or(1, |module| module.profile.window(module.dialect))
    }

    /// Whether a request may be begun while publishes are unconfirmed. What ends the connection, or treats the module, waits for them.
    pub(super) fn goes_beside(&self, request: &Request, unconfirmed: usize) -> bool {
        match request {
            _ if unconfirmed == 0 => true,
            Request::Publish(_) => unconfirmed < self.window(),
            Request::Raw(_) | Request::Status | Request::Probe | Request::Subscribe(_) | Request::Unsubscribe(_) => {
                true
            }
            Request::Attach
            | Request::SerialNumber
            | Request::Connect(..)
            | Request::Disconnect
            | Request::Cure(_)
            | Request::Certificates(_) => false,
        }
    }

    /// Sets the running publish aside, if something else could use the line meanwhile.
    pub(super) fn make_room(&mut self) {
        let is_publish = self.running.as_ref().is_some_and(|running| running.kind == Kind::Session);
        if !is_publish || self.window() < 2 || !self.channel.is_deferrable() {
            return;
        }
        let unconfirmed = self.aside.len() + 1;
        let is_wanted =
            self.has_unasked() || self.queue.front().is_some_and(|(_, request)| self.goes_beside(request, unconfirmed));
        if is_wanted
            && let Some(id) = self.channel.defer()
            && let Some(running) = self.running.take()
        {
            self.preparing = false;
            self.aside.push(Aside { id, running, ended: None });
        }
    }

    /// The one that was set aside first.
    pub(super) fn first_aside(&self) -> Option<DeferredId> {
        self.aside.first().map(|aside| aside.id)
    }

    /// No report will come any more, for this reason.
    pub(super) fn end_aside(&mut self, why: &Fault) {
        for aside in &mut self.aside {
            aside.ended.get_or_insert_with(|| why.clone());
        }
    }

    /// The report on one of them has come, or will not.
    pub(super) fn reported(&mut self, now: Time, id: DeferredId, report: Result<Answer, atmqtt_at::Fault>) {
        let Some(place) = self.aside.iter().position(|aside| aside.id == id) else { return };
        let Aside { mut running, ended, .. } = self.aside.remove(place);
        self.dialogue.reply(match (report, ended) {
            (Err(atmqtt_at::Fault::Abandoned), Some(why)) => Reply::Interrupted(why),
            (report, _) => Reply::Exchanged(report),
        });
        let outcome = match self.dialogue.step(now, &mut running.plan) {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => {
                debug_assert!(false, "a plan whose command is deferrable ends with it");
                Ok(Outcome::Published(Delivery::Unconfirmed(Unconfirmed::NoReport)))
            }
        };
        self.finish(now, &running, outcome);
    }
}
