//! Ports: where the bytes come from.

mod serial;

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

pub(crate) use serial::open;

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
