//! The other side of the line: a mock modem, and a bench broker for it to reach.
//!
//! [`Mock`] runs a modem on a pseudo-terminal, or on one end of a duplex stream, in the caller's tokio runtime. Under it is
//! [`modem::Modem`], the same machine without a clock and without I/O, for tests in virtual time.
//!
//! ```
//! use atmqtt_mock::Mock;
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let (mock, mut host) = Mock::builder().duplex()?; // `start()` for a pseudo-terminal at `mock.path()`
//! host.write_all(b"AT\r").await?;
//! let mut answer = [0; 9];
//! host.read_exact(&mut answer).await?;
//! assert_eq!(&answer, b"AT\r\r\nOK\r\n");
//! assert_eq!(mock.log().lines(), ["AT"]);
//! mock.shutdown().await;
//! # std::io::Result::Ok(()) })?;
//! # std::io::Result::Ok(())
//! ```
//!
//! Nothing here is shared with the driver but the format of [transcripts](transcript): the commands are read, and the answers
//! written, from the manuals' side.

pub mod broker;
pub mod cloud;
pub mod fault;
mod front;
mod line;
pub mod modem;
mod mqtt;
mod rig;
pub mod tls;
pub mod transcript;
pub mod world;

pub use front::{BrokerChoice, Builder, Control, Fleet, Heard, Log, Mock, Resolve, Stopped};
pub use line::Pty;
