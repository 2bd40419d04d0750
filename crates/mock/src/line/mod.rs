//! The lines that a mock modem can sit on.

mod pty;

pub(crate) use pty::Pty;
