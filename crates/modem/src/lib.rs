//! One cellular module and the MQTT client inside it, as a deterministic state machine.
//!
//! A [`Driver`] takes requests, bytes and the time, and gives out bytes to write, events and outcomes. It reads no clock and
//! opens no port: whoever runs it does that, with the loop shown at [`Driver`].
//!
//! What differs between vendors is in two places: a *dialect* ([`dialect`]) knows the commands, a *profile* ([`Profile`])
//! knows the figures of a model. Both are chosen at run time, by asking the module.

mod certificate;
mod clock;
mod cure;
pub mod dialect;
mod driver;
mod fault;
mod identify;
mod limits;
mod message;
mod network;
mod options;
pub mod plan;
mod power_saving;
mod profile;
mod recovery;
mod refusal;
pub mod replay;
mod status;
mod store;
mod supervisor;
mod tls;

pub use atmqtt_at as at;
pub use certificate::{
    Certificate, CertificateOutcome, CertificateRequest, InvalidCertificate, StoredCertificate, UploadProof,
};
pub use driver::{Driver, DriverOptions, Event, LinkState, Outcome, Output, Request, Ticket};
pub use fault::{ConnectFault, Fault, LinkLoss, OpenFault, PacketFault, ReturnCode, StoreFault, SubscribeFault};
pub use identify::Identity;
pub use message::{Filter, Framing, Incoming, InvalidTopic, Outgoing, QoS, Topic};
pub use network::{NetworkOptions, Registration, RegistrationStatus, Signal, SimState};
pub use options::{Broker, ConnectOptions, Credentials, DeviceSecret, InvalidBroker, ModuleSignIn, Will};
pub use power_saving::{Edrx, PowerSaving, Psm};
pub use profile::{
    AliyunRules, CmqttKind, CmqttRules, CmqttVersion, EdrxQuery, Evidence, Figure, FigureSource, FigureValue,
    InvalidOverride, InvalidProfile, InvalidUsbId, MessageIdRule, NamedFigure, Overrides, Place, PowerSavingRules,
    Profile, ProfileFault, QmtData, QmtKind, QmtRules, Restart, TlsRules, UrcPort, UrcSetting, UsbId, UsbPorts,
    UsbRole,
};
pub use recovery::{Cure, Recovery, Stage};
pub use refusal::Refusal;
pub use status::Status;
pub use supervisor::{Means, PortWish, Reconnect, Supervisor};
pub use tls::{ClientCertificate, TlsOptions, TlsVersion};

/// What became of a message that the module took.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Delivery {
    /// The broker has it: QoS 1 or 2, acknowledged.
    Delivered {
        /// How often the module had to send it before it was acknowledged, beside the first time; 0 where a dialect does not tell.
        retransmissions: u32,
    },
    /// It was sent; at QoS 0 nobody says more.
    Sent,
    /// It may or may not have arrived. Sending it again may duplicate it.
    Unconfirmed(Unconfirmed),
}

/// Why nothing is known of a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unconfirmed {
    /// The module says that it was sent, but that the acknowledgement was wrong. Others have seen such messages arrive, and
    /// the vendor calls it a failure.
    #[error("the module sent it, but got a wrong acknowledgement")]
    WrongAcknowledgement,
    /// The module says that it was sent, and that no acknowledgement came.
    #[error("the module sent it, and no acknowledgement came")]
    NotAcknowledged,
    /// The module's report cannot be read: bytes were lost on the line.
    #[error("the module's report of the outcome cannot be read")]
    UnreadableReport,
    /// The module did not report in time.
    #[error("the module did not report the outcome in time")]
    NoReport,
    /// The connection to the broker was lost before the outcome was known.
    #[error("the connection to the broker was lost before the outcome was known")]
    LinkLost,
    /// The module restarted before the outcome was known.
    #[error("the module restarted before the outcome was known")]
    Restarted,
    /// The port was lost before the outcome was known.
    #[error("the port was lost before the outcome was known")]
    PortLost,
}
