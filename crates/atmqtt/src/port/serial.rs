//! A serial port by its path.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use atmqtt_modem::at::Time;
use atmqtt_modem::at::transcript::Side;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};
use tokio_serial::{ClearBuffer, SerialPort, SerialPortBuilderExt, SerialStream};

use super::PortError;
use super::scan::{QUESTION, Scan, Step};
use crate::watchers::Watchers;

/// Opens a serial port for this program alone: 8 data bits, no parity, 1 stop bit, no flow control. DTR and RTS are left as
/// they are, since boards use them to reset.
pub(crate) fn open(path: &str, baud: u32) -> Result<SerialStream, PortError> {
    tokio_serial::new(path, baud).open_native_async().map_err(|fault| explain(path, &fault))
}

/// How long a port may take no byte of a question.
const WRITE: Duration = Duration::from_millis(300);

/// A port, and the rate that was found for it.
pub(crate) struct Searched {
    pub(crate) port: SerialStream,
    /// The rate that the port has now.
    pub(crate) rate: u32,
    /// What has been tried, in this order.
    pub(crate) tried: Vec<u32>,
}

/// Opens a serial port, and looks for the rate at which something answers. `factory` is the likeliest where nothing has
/// answered on this port yet. Whoever watches the line is shown this too, with times that count from `epoch`.
pub(crate) async fn search(
    path: &str,
    factory: u32,
    watchers: &Watchers,
    epoch: Instant,
) -> Result<Searched, PortError> {
    let likely = rates().get(path).copied().unwrap_or(factory);
    let mut port = open(path, likely)?;
    let mut rate = likely;
    let mut scan = Scan::new(likely);
    let now = || Time::after_epoch(epoch.elapsed());
    let mut buffer = [0; 256];
    loop {
        match scan.next(now()) {
            Step::Ask(wanted) => {
                tracing::info!(path, rate = wanted, "asking");
                if wanted != rate && set_rate(&mut port, wanted).is_err() {
                    tracing::info!(path, rate = wanted, "the port does not have this rate");
                    scan.skip();
                    continue;
                }
                rate = wanted;
                // Three bytes find room in any buffer, unless the port takes none at all; then nothing will answer.
                match timeout(WRITE, port.write_all(QUESTION)).await {
                    Ok(Ok(())) => watchers.show(now(), Side::Host, QUESTION),
                    Err(_over) => {}
                    Ok(Err(fault)) => return Err(PortError::of(&fault)),
                }
            }
            Step::Listen(until) => {
                let left = until.since_epoch().saturating_sub(epoch.elapsed());
                match timeout(left, port.read(&mut buffer)).await {
                    Ok(Ok(0)) => return Err(PortError::Lost),
                    Ok(Ok(count)) => {
                        watchers.show(now(), Side::Module, &buffer[..count]);
                        scan.hear(&buffer[..count]);
                    }
                    Ok(Err(fault)) => return Err(PortError::of(&fault)),
                    Err(_over) => {}
                }
            }
            Step::Found(found) => {
                tracing::info!(path, rate = found, "found");
                return Ok(Searched { port, rate, tried: scan.tried().to_vec() });
            }
            Step::Nothing(best) => {
                if best != rate && set_rate(&mut port, best).is_ok() {
                    rate = best;
                }
                return Ok(Searched { port, rate, tried: scan.tried().to_vec() });
            }
        }
    }
}

/// Sets the rate. What has come at the one before is thrown away, and is garbage at worst where that cannot be; what was to go
/// out has, by the time that anybody changes the rate.
fn set_rate(port: &mut SerialStream, rate: u32) -> Result<(), serialport::Error> {
    port.set_baud_rate(rate)?;
    port.clear(ClearBuffer::Input).ok();
    Ok(())
}

/// The rates at which a module has been found, by the paths of the ports as they were named: a link that names a module is a
/// better name than the number that it leads to.
fn rates() -> MutexGuard<'static, BTreeMap<String, u32>> {
    static RATES: Mutex<BTreeMap<String, u32>> = Mutex::new(BTreeMap::new());
    RATES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A module has answered on this port at this rate: it is tried first the next time.
pub(crate) fn remember(path: &str, rate: u32) {
    rates().insert(path.to_owned(), rate);
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
