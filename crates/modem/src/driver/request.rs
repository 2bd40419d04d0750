//! What goes into a driver, and what comes out.

use std::sync::Arc;

use atmqtt_at::{CommandBuilder, FinalResult, Line, ReaderFault, TraceRecord};

use crate::Delivery;
use crate::certificate::{CertificateOutcome, CertificateRequest};
use crate::fault::{Fault, LinkLoss};
use crate::identify::Identity;
use crate::message::{Filter, Incoming, Outgoing, QoS};
use crate::network::{NetworkOptions, Registration};
use crate::options::ConnectOptions;
use crate::power_saving::PowerSaving;
use crate::profile::Profile;
use crate::recovery::{Cure, Recovery};
use crate::status::Status;

/// Names a request until its outcome comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub(crate) u64);

/// What can be asked of a driver. Requests are worked on one after the other, in their order, but for two: a question ([`Status`](Request::Status),
/// [`Raw`](Request::Raw), [`SerialNumber`](Request::SerialNumber)) that is next goes out while a sign-in waits for the network or the broker, and a
/// [`Disconnect`](Request::Disconnect) breaks off the sign-ins before it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Request {
    /// Wake the module, switch echo off, ask what it is, choose its profile. Everything else comes after it.
    Attach,
    /// Everything the module can tell about itself.
    Status,
    /// A raw command.
    Raw(Box<CommandBuilder>),
    /// Get on to the packet network and connect to a broker.
    Connect(Box<ConnectOptions>, NetworkOptions),
    /// Publish a message.
    Publish(Outgoing),
    /// Subscribe to filters.
    Subscribe(Vec<(Filter, QoS)>),
    /// Unsubscribe from filters.
    Unsubscribe(Vec<Filter>),
    /// Sign out and close the link. A [`Connect`](Request::Connect) that was asked for before and is not done is broken off: it ends with
    /// [`Fault::BrokenOff`], and what the module has made of it is put away. What is under way beside it is not cut short.
    Disconnect,
    /// Ask the module whether it still has the connection.
    Probe,
    /// Ask the module for its IMEI.
    SerialNumber,
    /// Treat a module that does not get to its broker by trying again.
    Cure(Cure),
    /// Look after the certificates that the module keeps for TLS.
    Certificates(CertificateRequest),
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// The module is known.
    Attached(Identity, Arc<Profile>),
    /// What the module told.
    Status(Box<Status>),
    /// The module's answer to a raw command: `OK`, or a refusal that is just as much an answer.
    Raw(Vec<Line>, FinalResult),
    /// The broker took the sign-in.
    Connected,
    /// What became of a message.
    Published(Delivery),
    /// All filters are subscribed to: the `QoS` that the broker has granted to each, in their order, which may be less than was asked
    /// for; `None` where the module does not tell it.
    Subscribed(Vec<Option<QoS>>),
    /// All filters are unsubscribed from.
    Unsubscribed,
    /// The link is closed; or there is none, as a [probe](Request::Probe) has found.
    Disconnected,
    /// The module's IMEI, if it tells it.
    SerialNumber(Option<String>),
    /// The module was treated.
    Cured,
    /// What came of the certificates.
    Certificates(CertificateOutcome),
}

/// The connection to the broker, as the driver knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// There is none.
    Down,
    /// A sign-in is under way.
    Connecting,
    /// The broker took the sign-in.
    Up,
}

/// What happens without being asked for.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A message.
    Message(Incoming),
    /// A message came in part only, and the rest will not come: it is lost.
    MessageIncomplete {
        /// Its topic, if that came whole.
        topic: Option<String>,
        /// How many bytes of its payload came.
        received: usize,
        /// How many it has.
        announced: usize,
    },
    /// The module keeps a message for itself, and there is no known way to read it.
    MessageHeld {
        /// Its packet identifier.
        packet_id: Option<u16>,
    },
    /// The connection to the broker is up, or down on request.
    Link(LinkState),
    /// The connection to the broker was lost.
    LinkLost(LinkLoss),
    /// The registration has changed.
    Registration(Registration),
    /// The module has restarted: the link and all its settings are gone.
    Restarted {
        /// The line that shows it.
        banner: Line,
    },
    /// The module sleeps: it has said so, or nothing has gone over the line for as long as its profile says that it takes. That is no
    /// fault: the next request wakes it, and then it is asked whether it still has its connection.
    Asleep,
    /// The module is awake again.
    Awake,
    /// What the network has granted the module to save power has changed, or what is known of it has. That it is not known any more after a
    /// [restart](Event::Restarted) or the loss of the port is not told once more.
    PowerSaving(PowerSaving),
    /// The module says that it is going off.
    PoweringDown,
    /// The result of a publish whose time was up.
    LateResult {
        /// The message identifier that it was published with.
        message_id: u16,
    },
    /// A line that nothing is known about.
    Unknown(Line),
    /// Lines came faster than they were taken, and so many are missing here.
    LinesDropped(u64),
    /// Bytes were lost or added on the line.
    Damaged(ReaderFault),
    /// After a time-out the line is proven to be in order again.
    Resynchronised {
        /// What was thrown away.
        discarded: Vec<Line>,
    },
    /// What is done about a kept connection that is lost.
    Recovery(Recovery),
    /// A piece of the dialogue.
    Trace(TraceRecord),
}

/// What a driver gives out.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Something happened.
    Event(Event),
    /// A request is done.
    Done(Ticket, Result<Outcome, Fault>),
}
