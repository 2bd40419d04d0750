//! A bench broker for MQTT 3.1.1: what a mock modem, a test or an engineer at a desk talks to.
//!
//! It is a *bench* broker. It follows the standard, also where that hurts a careless client (a protocol violation closes
//! the link at once), it lets its owner look inside and interfere, and it keeps nothing once it is dropped. It is no
//! broker for production: no persistence, no bridging, and every publish walks over every session.
//!
//! [`Broker`] is deterministic: it has no clock and no sockets, so it runs in virtual time as well as on TCP.
//! [`Server`] puts it on TCP.
//!
//! Where MQTT 3.1.1 leaves a choice, this is what was chosen:
//!
//! - A message that matches several subscriptions of a client is delivered once, at the highest `QoS` granted.
//! - `SUBACK` goes out before the retained messages that the subscription brings.
//! - `QoS` 0 messages are not kept for a client that is away.
//! - A `CONNECT` of a level other than 4 (3.1, 5.0) is answered with return code 1.
//! - A client identifier is taken over by whoever comes last: the older link closes, and its will is sent.
//!
//! ```
//! use atmqtt_mock::broker::{BrokerOptions, Message, ReturnCode, Server};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let options = BrokerOptions::new().sign_in(|sign_in| match sign_in.username {
//!     Some("device") => ReturnCode::Accepted,
//!     _ => ReturnCode::NotAuthorized,
//! });
//! let server = Server::bind("127.0.0.1:0".parse()?, options)?;
//! println!("mqtt://{}", server.local_addr());
//!
//! let handle = server.handle();
//! handle.publish(Message::new("state", "on").retained())?;
//! handle.wait_for(|view| view.published == 1).await;
//! assert_eq!(handle.published()[0].message.payload, b"on");
//! server.shutdown().await;
//! # Ok(())
//! # }
//! ```

mod core;
mod link;
mod message;
mod options;
mod output;
mod secure;
mod server;
mod session;

#[cfg(test)]
mod tests;

pub use crate::mqtt::QoS;

pub use self::core::Broker;
pub use link::LinkId;
pub use message::{Message, Publication, PublishFault, Publisher};
pub use options::{Admission, BrokerOptions, PublishRequest, ReturnCode, SignIn, SubscribeRequest, Verdict};
pub use output::Output;
pub use server::{BrokerView, Handle, Server};
pub use session::SessionSnapshot;
