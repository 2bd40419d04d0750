//! TLS on both ends of a mock's links, and certificates for a bench.
//!
//! A module with a TLS stack of its own speaks TLS as its contexts say; the bench broker answers with what it was given. Neither has a
//! clock or I/O: bytes in, bytes out, over whatever carries them. What is random in TLS is random here, so that of two runs with the same
//! seed the bytes on such a link differ; what the host of the module sees does not.

mod authority;
mod client;
mod server;
mod session;

pub use authority::{Authority, Credentials, NotMade, Validity};
pub(crate) use client::{ClientSettings, TlsFault};
pub use server::{ServerTls, Unusable};
pub(crate) use session::Session;

/// The port of MQTT over TLS, as IANA has it.
pub const TLS_PORT: u16 = 8883;

/// The algorithms that every end here has.
fn provider() -> rustls::crypto::CryptoProvider {
    rustls::crypto::ring::default_provider()
}
