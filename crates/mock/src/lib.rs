//! The other side of the line: a mock modem, and a bench broker for it to reach.
//!
//! [`Mock`] runs a modem on a pseudo-terminal, or on one end of a duplex stream, in the caller's tokio runtime. Under it is
//! [`modem::Modem`], the same machine without a clock and without I/O, for tests in virtual time.
//!
//! Nothing here is shared with the driver: the commands are read, and the answers written, from the manuals' side.

pub mod broker;
mod front;
mod line;
pub mod modem;
mod mqtt;

pub use front::{BrokerChoice, Builder, Control, Heard, Log, Mock, Resolve, Stopped};
