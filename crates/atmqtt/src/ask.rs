//! What handles ask of the task that owns a port, and what they share with it.

use std::convert::Infallible;
use std::sync::{Arc, OnceLock};

use atmqtt_modem::{
    ConnectOptions, Filter, Incoming, LinkLoss, NetworkOptions, Outcome, Outgoing, QoS, Reconnect, Request,
};
use tokio::sync::{mpsc, oneshot, watch};

use crate::Error;
use crate::events::Events;
use crate::port::PortError;
use crate::sign_ins::SignIns;

/// How a connection ended: lost, or (`None`) closed on request.
pub(crate) type Ended = Option<LinkLoss>;

/// A connection to a broker, so that a handle of an older one cannot use a newer one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SessionId(pub(crate) u64);

/// What a handle asks the task for.
pub(crate) enum Ask {
    /// A request about the module.
    Module(Request, Reply<Outcome>),
    Connect {
        options: Box<ConnectOptions>,
        network: NetworkOptions,
        /// `None`: a connection that is lost is not made again.
        reconnect: Option<Reconnect>,
        /// What makes the sign-ins of a kept connection anew.
        sign_ins: Option<SignIns>,
        reply: Reply<NewSession>,
    },
    /// A request within a session.
    Session(SessionId, Request, Reply<Outcome>),
    /// A message, if it can go out at once.
    TryPublish(SessionId, Outgoing, Reply<Outcome>),
    Subscribe(SessionId, Filter, QoS, Reply<NewSubscription>),
    /// For what comes without a subscription.
    Unsolicited(SessionId, Filter, Reply<NewSubscription>),
    Unsubscribe(SessionId, Filter, Reply<Outcome>),
    Listen(oneshot::Sender<Events>),
    /// Sign out, if need be, and end.
    Close(oneshot::Sender<()>),
}

pub(crate) type Reply<T> = oneshot::Sender<Result<T, Error>>;

/// A connection that has come up.
pub(crate) struct NewSession {
    pub(crate) id: SessionId,
    pub(crate) ended: watch::Receiver<Option<Ended>>,
    /// How many publishes may be unconfirmed at once.
    pub(crate) window: usize,
    pub(crate) held: Held,
}

/// The messages of a filter, from now on.
pub(crate) struct NewSubscription {
    pub(crate) messages: mpsc::Receiver<Incoming>,
    /// What the broker has granted, if it was asked and the module tells it.
    pub(crate) granted: Option<QoS>,
}

/// Held by whoever holds a connection open. Nothing is ever sent: that it is dropped is the message.
pub(crate) type Held = oneshot::Sender<Infallible>;

/// Why the port is gone, once it is: what the task leaves behind for the handles that outlive it.
pub(crate) type Legacy = Arc<OnceLock<PortError>>;
