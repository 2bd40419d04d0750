//! A serial port by its path.

use std::io::ErrorKind;
use std::path::Path;

use tokio_serial::{SerialPortBuilderExt, SerialStream};

use super::PortError;

/// Opens a serial port for this program alone: 8 data bits, no parity, 1 stop bit, no flow control. DTR and RTS are left as
/// they are, since boards use them to reset.
pub(crate) fn open(path: &str, baud: u32) -> Result<SerialStream, PortError> {
    tokio_serial::new(path, baud).open_native_async().map_err(|fault| explain(path, &fault))
}

fn explain(path: &str, fault: &serialport::Error) -> PortError {
    let named = path.to_owned();
    match fault.kind() {
        serialport::ErrorKind::Io(ErrorKind::NotFound) => PortError::NotFound { path: named },
        serialport::ErrorKind::Io(ErrorKind::PermissionDenied) => PortError::Permission { path: named },
        // The same kind stands for "not there" and for "locked by another".
        serialport::ErrorKind::NoDevice if Path::new(path).exists() => PortError::Busy { path: named },
        serialport::ErrorKind::NoDevice => PortError::NotFound { path: named },
        // A file or a pipe answers the first terminal call with ENOTTY.
        serialport::ErrorKind::Unknown if fault.description.contains("typewriter") => {
            PortError::NotSerial { path: named }
        }
        _ => PortError::Open { path: named, reason: fault.description.clone() },
    }
}
