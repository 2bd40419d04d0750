//! Which of its ports a module sends unsolicited lines to.

use std::fmt;

use serde::Deserialize;

use super::figure::{self, Figure};

/// Where unsolicited lines go, results and messages among them, and what says so.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct UrcPort {
    /// What asks for the port and sets it.
    #[serde(deserialize_with = "figure::rule")]
    pub setting: Figure<UrcSetting>,
    /// The ports with which such lines come to a serial port, as the module calls them: the first is the one to set.
    #[serde(deserialize_with = "figure::ports")]
    pub serial: Figure<Vec<Box<str>>>,
    /// The port as it leaves the factory. `None`: nobody says.
    #[serde(default, deserialize_with = "figure::optional_port")]
    pub factory: Option<Figure<Box<str>>>,
}

/// The command that asks for the port of unsolicited lines, and sets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UrcSetting {
    /// `AT+QURCCFG="urcport"`: it asks; with a port behind it, it sets. The module keeps it.
    Qurccfg,
}

impl UrcSetting {
    /// As profiles write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            UrcSetting::Qurccfg => "qurccfg",
        }
    }
}

impl UrcPort {
    /// The command line that has unsolicited lines come to the serial port.
    #[must_use]
    pub fn cure(&self) -> impl fmt::Display {
        let port = self.serial.value.first().cloned().unwrap_or_default();
        match self.setting.value {
            UrcSetting::Qurccfg => format!("AT+QURCCFG=\"urcport\",\"{port}\""),
        }
    }
}
