//! A typed, asynchronous MQTT client on the MQTT client inside a cellular module.
//!
//! ```no_run
//! use atmqtt::{Modem, MqttOptions, QoS};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), atmqtt::Error> {
//! let modem = Modem::open("/dev/ttyUSB0").await?;
//! let options = MqttOptions::new("mqtt://broker.example".parse()?, "gateway-17".try_into()?);
//! let client = modem.mqtt(options).connect().await?;
//!
//! let mut commands = client.subscribe("gateway-17/commands/#", QoS::AtLeastOnce).await?;
//! let receipt = client.publish("gateway-17/state", "up").qos(QoS::AtLeastOnce).retain(true).await?;
//! println!("{:?} after {:?}", receipt.delivery, receipt.elapsed);
//!
//! while let Some(message) = commands.recv().await {
//!     println!("{}: {} bytes", message.topic, message.payload.len());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! One task owns the port; [`Modem`] and [`Client`] are cheap handles on it. A future of theirs that is dropped gives up its
//! *answer*, never the protocol: what was asked for is still done, and the line stays in order.
//!
//! The task is spawned on the tokio runtime that opens the port. It is quickest on a current-thread runtime, where an answer
//! takes about a third of the time that it takes on a multi-thread one.

/// The README's example, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

mod ask;
mod certificates;
mod client;
mod error;
mod events;
mod handle;
mod modem;
pub mod outbox;
mod owner;
mod port;
mod router;
mod sign_ins;
mod spool;
mod subscription;
mod watchers;

pub use atmqtt_modem::at::transcript;
pub use atmqtt_modem::at::{Direction, FinalResult, IllegalCharacter, Line, Secret, Text, Time, TraceRecord};
pub use atmqtt_modem::{
    Broker, Certificate, ClientCertificate, ConnectFault, ConnectOptions as MqttOptions, Credentials, Cure, Delivery,
    DeviceSecret, Edrx, EdrxQuery, Event as ModemEvent, Evidence, Fault, Figure, FigureSource, FigureValue, Filter,
    Framing, Identity, Incoming as Message, InvalidBroker, InvalidCertificate, InvalidOverride, InvalidProfile,
    InvalidTopic, LinkLoss, LinkState, MessageIdRule, ModuleSignIn, NamedFigure, NetworkOptions, OpenFault, Outgoing,
    Overrides, PacketFault, Place, PowerSaving, PowerSavingRules, Profile, ProfileFault, Psm, QoS, Reconnect, Recovery,
    Refusal, Registration, RegistrationStatus, ReturnCode, Signal, SimState, Stage, Status, StoreFault,
    StoredCertificate, SubscribeFault, TlsOptions, TlsVersion, Topic, Unconfirmed, UploadProof, UrcPort, UrcSetting,
    UsbId, UsbPorts, UsbRole, Will, dialect, replay,
};
pub use certificates::Certificates;
pub use client::{Client, Connect, Publish, Receipt};
pub use error::Error;
pub use events::{Event, Events};
pub use modem::{Modem, ModemOptions, RawAnswer};
pub use port::{Baud, PortError, UsbPort, open_serial};
#[doc(hidden)]
pub use spool::Bench;
pub use spool::{Spool, SpoolEvent};
pub use subscription::Subscription;
