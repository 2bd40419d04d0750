//! Ports: where the bytes come from.

mod scan;
mod serial;
mod usb;

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

pub(crate) use serial::{Searched, open, remember, search};
pub use usb::UsbPort;

/// The baud rate of a serial port. Where a port has none, as with a module on USB, any will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Baud {
    /// The rate at which the module answers. That at which it did so last on this port (in this process) is tried first, or
    /// else the one with which the model leaves the factory, and then 115200, 9600, 57600, 19200, 230400, 460800 and 921600, each
    /// twice. A module that is awake at the first is found in milliseconds; the whole search takes 4.2 s.
    ///
    /// Where nothing answers, the module may still be starting: it is given its patience
    /// ([`ModemOptions::patience`](crate::ModemOptions::patience)) at the likeliest of these rates.
    #[default]
    Auto,
    /// This rate, in bits per second.
    Fixed(u32),
}

impl From<u32> for Baud {
    fn from(rate: u32) -> Baud {
        Baud::Fixed(rate)
    }
}

/// Anything that reads and writes bytes can be a port. It is never flushed: on a serial port that would block until the last
/// bit is out.
pub(crate) trait Port: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Port for T {}

/// Opens a serial port for this program alone, without a driver: for those who pass its bytes on. 8 data bits, no parity,
/// 1 stop bit, no flow control.
///
/// # Errors
/// It cannot be opened.
///
/// # Panics
/// Outside a tokio runtime with I/O enabled.
pub fn open_serial(path: &str, baud: u32) -> Result<impl AsyncRead + AsyncWrite + Send + Unpin + use<>, PortError> {
    open(path, baud)
}

/// How long the task that owns a port tries to sign out once nobody holds a handle any more.
pub(crate) const FAREWELL: Duration = Duration::from_secs(5);

/// Why there is no port.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PortError {
    /// It is not there.
    #[error("there is no port {path}")]
    NotFound {
        /// Its path.
        path: String,
    },
    /// This user may not open it.
    #[error("no permission to open {path}")]
    Permission {
        /// Its path.
        path: String,
    },
    /// Another program has it.
    #[error("{path} is in use by another program")]
    Busy {
        /// Its path.
        path: String,
    },
    /// It is there, but no serial port.
    #[error("{path} is not a serial port")]
    NotSerial {
        /// Its path.
        path: String,
    },
    /// The operating system has another reason.
    #[error("{path} could not be opened: {reason}")]
    Open {
        /// Its path.
        path: String,
        /// The reason.
        reason: String,
    },
    /// It was there, and is gone: unplugged, or reset.
    #[error("the port is gone: the module was unplugged or has reset")]
    Lost,
    /// Reading or writing failed.
    #[error("the port failed: {reason}")]
    Failed {
        /// The operating system's reason.
        reason: String,
    },
}

impl PortError {
    /// What it means that a port which was open fails so.
    pub(crate) fn of(fault: &io::Error) -> PortError {
        match fault.raw_os_error() {
            // EIO, ENXIO, ENODEV: what an unplugged serial port says.
            Some(5 | 6 | 19) => PortError::Lost,
            _ => PortError::Failed { reason: fault.to_string() },
        }
    }

    /// A stable name for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            PortError::NotFound { .. } => "port.not_found",
            PortError::Permission { .. } => "port.permission",
            PortError::Busy { .. } => "port.busy",
            PortError::NotSerial { .. } => "port.not_serial",
            PortError::Open { .. } => "port.open",
            PortError::Lost => "port.lost",
            PortError::Failed { .. } => "port.failed",
        }
    }

    /// What to do about it, in a sentence; without a full stop.
    #[must_use]
    pub fn advice(&self) -> Option<&'static str> {
        Some(match self {
            PortError::NotFound { .. } => "check the path and that the module is plugged in",
            PortError::Permission { .. } => "add the user to the group that owns the port, often dialout",
            PortError::Busy { .. } => "end the other program; ModemManager is often the one",
            PortError::NotSerial { .. } => "name the module's AT port, such as /dev/ttyUSB0",
            PortError::Lost => "check the cable and the power supply",
            PortError::Open { .. } | PortError::Failed { .. } => return None,
        })
    }
}
