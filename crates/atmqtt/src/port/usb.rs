//! Serial ports that are on USB: which device, and which of its interfaces.

use std::fs;

use atmqtt_modem::{Profile, UsbId, UsbRole};
use serialport::{SerialPortInfo, SerialPortType};

/// A serial port that is on USB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct UsbPort {
    /// The device: the module itself, or an adapter that a module hangs on.
    pub id: UsbId,
    /// Which of the device's interfaces it is. `None`: the operating system does not say.
    pub interface: Option<u8>,
}

impl UsbPort {
    /// A port of this device; of which interface is left open.
    #[must_use]
    pub fn new(id: UsbId) -> UsbPort {
        UsbPort { id, interface: None }
    }

    /// What the operating system knows of the serial port at `path`. `None`: it is not on USB, or is not there.
    ///
    /// It blocks for the moment that the list of ports takes.
    #[must_use]
    pub fn of(path: &str) -> Option<UsbPort> {
        // Stable names, as in /dev/serial/by-id, lead to the device.
        let device = fs::canonicalize(path).ok()?;
        UsbPort::among(&serialport::available_ports().ok()?, device.to_str()?)
    }

    fn among(ports: &[SerialPortInfo], device: &str) -> Option<UsbPort> {
        let port = ports.iter().find(|port| port.port_name == device)?;
        match &port.port_type {
            SerialPortType::UsbPort(usb) => {
                Some(UsbPort { id: UsbId { vendor: usb.vid, product: usb.pid }, interface: usb.interface })
            }
            _ => None,
        }
    }

    /// What it is for, where it is a module of this profile. `None`: it is not known.
    #[must_use]
    pub fn role(&self, profile: &Profile) -> Option<UsbRole> {
        profile.usb_ports(self.id)?.role(self.interface?)
    }

    /// Where it is known to be another port than the AT port of its module: what it is for, and the interface of the AT port. The
    /// first of `profiles` that knows the device is believed.
    #[must_use]
    pub fn better<'p>(&self, profiles: impl IntoIterator<Item = &'p Profile>) -> Option<(UsbRole, u8)> {
        let ports = profiles.into_iter().find_map(|profile| profile.usb_ports(self.id))?;
        let role = ports.role(self.interface?)?;
        (role != UsbRole::At).then_some((role, ports.at()))
    }
}

#[cfg(test)]
mod tests {
    use serialport::UsbPortInfo;

    use super::*;

    fn port(name: &str, vid: u16, pid: u16, interface: Option<u8>) -> SerialPortInfo {
        let info = UsbPortInfo { vid, pid, serial_number: None, manufacturer: None, product: None, interface };
        SerialPortInfo { port_name: name.to_owned(), port_type: SerialPortType::UsbPort(info) }
    }

    #[test]
    fn the_wrong_port_of_a_module_is_told_from_the_right_one() {
        let ports = [
            SerialPortInfo { port_name: "/dev/ttyS0".to_owned(), port_type: SerialPortType::Unknown },
            port("/dev/ttyUSB0", 0x2c7c, 0x0125, Some(0)),
            port("/dev/ttyUSB2", 0x2c7c, 0x0125, Some(2)),
            port("/dev/ttyUSB3", 0x2c7c, 0x0125, Some(3)),
            port("/dev/ttyUSB4", 0x1a86, 0x7523, Some(0)),
            port("/dev/ttyUSB5", 0x2c7c, 0x0125, None),
        ];
        let better = |name: &str| UsbPort::among(&ports, name).map(|port| port.better(Profile::shipped()));
        assert_eq!(better("/dev/ttyS0"), None);
        assert_eq!(better("/dev/ttyUSB9"), None);
        assert_eq!(better("/dev/ttyUSB0"), Some(Some((UsbRole::Diag, 2))));
        assert_eq!(better("/dev/ttyUSB2"), Some(None));
        assert_eq!(better("/dev/ttyUSB3"), Some(Some((UsbRole::Modem, 2))));
        // An adapter, and a device whose interface nobody says.
        assert_eq!(better("/dev/ttyUSB4"), Some(None));
        assert_eq!(better("/dev/ttyUSB5"), Some(None));
        assert_eq!(UsbPort::of("/dev/null"), None);
    }
}
