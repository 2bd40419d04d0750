//! What differs between modules of the dialect `cmqtt`.

use serde::Deserialize;

use super::figure::{self, Figure};

/// Which of its kinds a module is, and where it is told the version of MQTT.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct CmqttRules {
    /// Its kind.
    #[serde(deserialize_with = "figure::rule")]
    pub kind: Figure<CmqttKind>,
    /// Where it is told the version of MQTT.
    #[serde(deserialize_with = "figure::rule")]
    pub version: Figure<CmqttVersion>,
}

/// How `AT+CMQTT*` is told topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CmqttKind {
    /// By commands of their own, behind a prompt: all modules.
    Staged,
    /// As arguments of the commands that use them, after `"argtopic"`: A76xx with newer firmware.
    Arguments,
}

impl CmqttKind {
    /// As profiles write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            CmqttKind::Staged => "staged",
            CmqttKind::Arguments => "arguments",
        }
    }
}

/// Where a module is told the version of MQTT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CmqttVersion {
    /// In the fourth argument of `AT+CMQTTACCQ`: SIM7500, SIM7600.
    Argument,
    /// In a setting of its own, where the firmware has it: A76xx.
    Setting,
}

impl CmqttVersion {
    /// As profiles write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            CmqttVersion::Argument => "argument",
            CmqttVersion::Setting => "setting",
        }
    }
}
