//! What the ports of a module on USB are for.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::{Evidence, Profile};

/// A USB device: its vendor and product identifiers. Written as `lsusb` does: `2c7c:0125`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UsbId {
    /// The vendor.
    pub vendor: u16,
    /// The product.
    pub product: u16,
}

impl fmt::Display for UsbId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}:{:04x}", self.vendor, self.product)
    }
}

impl FromStr for UsbId {
    type Err = InvalidUsbId;

    /// Four hexadecimal digits in lower case, a colon, four more: there is one way to write a device.
    fn from_str(text: &str) -> Result<UsbId, InvalidUsbId> {
        let number = |digits: &str| {
            let are_fine = digits.len() == 4 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            if are_fine { u16::from_str_radix(digits, 16).map_err(|_| InvalidUsbId) } else { Err(InvalidUsbId) }
        };
        let (vendor, product) = text.split_once(':').ok_or(InvalidUsbId)?;
        Ok(UsbId { vendor: number(vendor)?, product: number(product)? })
    }
}

/// A text that is no [`UsbId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.why())]
pub struct InvalidUsbId;

impl InvalidUsbId {
    pub(super) fn why(self) -> &'static str {
        "a USB device is its vendor and its product, each four hexadecimal digits in lower case, as in 2c7c:0125"
    }
}

/// What a port is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsbRole {
    /// AT commands.
    At,
    /// AT commands too, but meant for data calls: unsolicited lines may go to the other.
    Modem,
    /// Logs and diagnosis, in a protocol of the chip's vendor. It answers no commands.
    Diag,
    /// Positions. It answers no commands.
    Nmea,
}

impl UsbRole {
    /// Every role, in the order in which they are told.
    pub const ALL: [UsbRole; 4] = [UsbRole::At, UsbRole::Modem, UsbRole::Diag, UsbRole::Nmea];

    /// As profiles write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            UsbRole::At => "at",
            UsbRole::Modem => "modem",
            UsbRole::Diag => "diag",
            UsbRole::Nmea => "nmea",
        }
    }
}

/// The ports of a module that is this USB device, by the numbers of their interfaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsbPorts {
    /// The device.
    pub id: UsbId,
    /// How its ports are known.
    pub evidence: Evidence,
    at: u8,
    others: [Option<u8>; 3],
    /// What its figure is called.
    pub(super) figure: Box<str>,
}

impl UsbPorts {
    /// The interface of its AT port.
    #[must_use]
    pub fn at(&self) -> u8 {
        self.at
    }

    /// The interface with this role. `None`: there is none, or it is not known.
    #[must_use]
    pub fn interface(&self, role: UsbRole) -> Option<u8> {
        match role {
            UsbRole::At => Some(self.at),
            UsbRole::Modem => self.others[0],
            UsbRole::Diag => self.others[1],
            UsbRole::Nmea => self.others[2],
        }
    }

    /// What an interface is for. `None`: it is not known.
    #[must_use]
    pub fn role(&self, interface: u8) -> Option<UsbRole> {
        UsbRole::ALL.into_iter().find(|role| self.interface(*role) == Some(interface))
    }
}

impl fmt::Display for UsbPorts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut comma = "";
        for role in UsbRole::ALL {
            if let Some(interface) = self.interface(role) {
                write!(f, "{comma}{} {interface}", role.name())?;
                comma = ", ";
            }
        }
        Ok(())
    }
}

impl Profile {
    /// The ports of the model as this USB device. `None`: it is not known to be one.
    #[must_use]
    pub fn usb_ports(&self, id: UsbId) -> Option<&UsbPorts> {
        self.usb.iter().find(|ports| ports.id == id)
    }
}

/// The table as it is written: `"2c7c:0125" = { at = 2, diag = 0, evidence = "manual" }`.
pub(super) fn table<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<UsbPorts>, D::Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Form {
        at: u8,
        modem: Option<u8>,
        diag: Option<u8>,
        nmea: Option<u8>,
        evidence: Evidence,
    }
    let table = BTreeMap::<String, Form>::deserialize(from)?;
    let ports = |(id, form): (String, Form)| {
        let Form { at, modem, diag, nmea, evidence } = form;
        let figure = format!("usb.{id}").into();
        Ok(UsbPorts { id: id.parse().map_err(D::Error::custom)?, evidence, at, others: [modem, diag, nmea], figure })
    };
    table.into_iter().map(ports).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_written_in_one_way() {
        let id = UsbId { vendor: 0x2c7c, product: 0x0125 };
        assert_eq!((id.to_string().parse(), &*id.to_string()), (Ok(id), "2c7c:0125"));
        for text in ["", ":", "2c7c", "2c7c:125", "2C7C:0125", "2c7c:0125 ", "+c7c:0125", "2c7c-0125", "2c7c:01250"] {
            assert_eq!(text.parse::<UsbId>(), Err(InvalidUsbId), "{text:?}");
        }
    }

    #[test]
    fn a_port_is_known_by_its_interface() {
        let profile = Profile::named("quectel-ec2x").unwrap();
        let ports = profile.usb_ports("2c7c:0125".parse().unwrap()).unwrap();
        assert_eq!(ports.to_string(), "at 2, modem 3, diag 0, nmea 1");
        assert_eq!((ports.at(), ports.role(0), ports.role(4)), (2, Some(UsbRole::Diag), None));
        assert_eq!(profile.usb_ports("1e0e:9001".parse().unwrap()), None);
    }
}
