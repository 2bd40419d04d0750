//! The lines that a mock modem can sit on.

mod pty;

pub use pty::Pty;
