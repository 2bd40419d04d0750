//! What is asked of the driver, and for whom.

use atmqtt_at::Time;

use crate::driver::{Outcome, Output, Request, Ticket};
use crate::fault::Fault;
use crate::{Delivery, Unconfirmed};

/// What a request to the driver is for.
#[derive(Debug)]
pub(super) enum Purpose {
    /// Somebody has asked for it, and gets what comes of it.
    Caller(Ticket),
    /// The first sign-in of a connection that is to be kept.
    First(Ticket),
    /// A request of the session.
    Session(Asked),
    /// To have the connection again.
    Again,
    /// To have the subscriptions again.
    Restore,
    Cure,
    Probe,
    /// To know who answers on a port that was opened anew.
    Attach,
    Number,
}

/// A request of the session that waits for the connection, or is under way.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) ticket: Ticket,
    pub(super) request: Request,
    /// When it was handed to the driver last.
    pub(super) since: Time,
    /// How often it was tried.
    pub(super) attempts: u32,
    /// An attempt may have published it, for all that is known.
    pub(super) unconfirmed: Option<Unconfirmed>,
}

impl Asked {
    pub(super) fn is_publish(&self) -> bool {
        matches!(self.request, Request::Publish(_))
    }

    /// What is told of it in the end. What may have been published once is not *not published* because a later attempt failed.
    pub(super) fn ended(self, outcome: Result<Outcome, Fault>) -> Output {
        let outcome = match (outcome, self.unconfirmed) {
            (Err(_), Some(why)) => Ok(Outcome::Published(Delivery::Unconfirmed(why))),
            (outcome, _) => outcome,
        };
        Output::Done(self.ticket, outcome)
    }
}
