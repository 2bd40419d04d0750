//! The line between module and host: what it does to bytes, and the things that a host can open.

mod lane;
mod pty;
mod tcp;
mod uart;
mod wire;

use std::io;

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};

pub use pty::Pty;
pub(crate) use pty::watched;
pub(crate) use tcp::Tcp;
pub(crate) use wire::{Damage, Direction, Disturbance, Wire};

/// Something that a host opens as its serial port.
pub(crate) trait Terminal: AsyncRead + AsyncWrite + Unpin {
    /// The rate that the host has set, in bits a second, where it can set one.
    fn host_baud(&self) -> Option<u32> {
        None
    }

    /// Takes the port away from its host, or gives it back. A line that is always there stays.
    ///
    /// # Errors
    /// What making it anew gives.
    fn set_plugged(&mut self, _is_plugged: bool) -> io::Result<()> {
        Ok(())
    }
}

impl Terminal for DuplexStream {}
