//! Profiles: the figures and rules of a model, as data, each with its evidence.

mod check;
mod cmqtt;
mod figure;
mod figures;
mod file;
mod invalid;
mod overrides;
mod power_saving;
mod qmt;
mod schema;
mod urc_port;
mod usb;

use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::time::Duration;

use serde::Deserialize;

pub use cmqtt::{CmqttKind, CmqttRules, CmqttVersion};
pub use figure::{Evidence, Figure};
pub use figures::{FigureSource, FigureValue, NamedFigure};
pub use invalid::{InvalidProfile, Place, ProfileFault};
pub use overrides::{InvalidOverride, Overrides};
pub use power_saving::{EdrxQuery, PowerSavingRules};
pub use qmt::{QmtData, QmtKind, QmtRules};
#[cfg(test)]
pub(crate) use schema::DIALECTS;
pub use urc_port::{UrcPort, UrcSetting};
pub use usb::{InvalidUsbId, UsbId, UsbPorts, UsbRole};

/// The figures and rules of one model.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Profile {
    /// What it is.
    pub model: Model,
    /// What it takes.
    pub limits: Limits,
    /// How long it may take.
    pub timeouts: Timeouts,
    /// How its line is to be treated.
    #[serde(rename = "line")]
    pub pauses: Pauses,
    /// What else differs from model to model.
    pub rules: Rules,
    /// What it takes for TLS connections of its own. `None`: it makes none, or it is not known how.
    #[serde(default)]
    pub tls: Option<TlsRules>,
    /// How it signs in at Alibaba's IoT platform by itself. `None`: it does not, or it is not known how.
    #[serde(default)]
    pub aliyun: Option<AliyunRules>,
    /// What differs between modules of the dialect `qmt`; no other dialect has it.
    #[serde(default)]
    pub qmt: Option<QmtRules>,
    /// What differs between modules of the dialect `cmqtt`; no other dialect has it.
    #[serde(default)]
    pub cmqtt: Option<CmqttRules>,
    /// How it is asked what its network has granted it to save power. `None`: it is not, since nobody says that it knows the question.
    #[serde(default)]
    pub power_saving: Option<PowerSavingRules>,
    /// Where its unsolicited lines go. `None`: to every port, or nobody says how that is asked.
    #[serde(default)]
    pub urc_port: Option<UrcPort>,
    /// What its ports are for where it is on USB.
    #[serde(default, deserialize_with = "usb::table")]
    usb: Vec<UsbPorts>,
    /// The names of the figures that a file of the user's gave.
    #[serde(skip)]
    own: BTreeSet<Box<str>>,
}

/// What a model is, and how it is recognised.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Model {
    /// The profile's name: `lierda-nt35e`.
    pub name: Box<str>,
    /// Who makes it.
    pub vendor: Box<str>,
    /// The name of its dialect.
    pub dialect: Box<str>,
    /// What the module says of itself contains one of these.
    pub identity: Vec<Box<str>>,
    /// It is the profile of its dialect for a module that no other profile names: its figures are the smallest that are known.
    #[serde(default)]
    pub fallback: bool,
    /// A line with one of these in it means that the module has just started.
    pub restart_signs: Vec<Box<str>>,
    /// A line that is one of these means that the module has just started.
    pub restart_lines: Vec<Box<str>>,
    /// A line that is one of these means that the module is going off.
    pub power_down_lines: Vec<Box<str>>,
    /// A line that is one of these means that the module sleeps from now on.
    #[serde(default)]
    pub sleep_lines: Vec<Box<str>>,
}

/// What a model takes. Lengths are in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Limits {
    /// How many connection identifiers there are, from 0.
    #[serde(deserialize_with = "figure::count")]
    pub connections: Figure<u32>,
    /// The broker's host.
    #[serde(deserialize_with = "figure::bytes")]
    pub host: Figure<usize>,
    /// The client id.
    #[serde(deserialize_with = "figure::bytes")]
    pub client_id: Figure<usize>,
    /// The user name.
    #[serde(deserialize_with = "figure::bytes")]
    pub username: Figure<usize>,
    /// The password.
    #[serde(deserialize_with = "figure::bytes")]
    pub password: Figure<usize>,
    /// A topic or topic filter.
    #[serde(deserialize_with = "figure::bytes")]
    pub topic: Figure<usize>,
    /// A payload inside the command line. `None`: the module takes none there.
    #[serde(default, deserialize_with = "figure::optional_bytes")]
    pub inline_payload: Option<Figure<usize>>,
    /// A payload after a prompt. `None`: the module has no prompt form that is proven.
    #[serde(default, deserialize_with = "figure::optional_bytes")]
    pub prompt_payload: Option<Figure<usize>>,
    /// The payload of a will.
    #[serde(deserialize_with = "figure::bytes")]
    pub will_payload: Figure<usize>,
    /// The keep-alive, in seconds.
    #[serde(deserialize_with = "figure::count")]
    pub keep_alive: Figure<u32>,
}

/// How long answers may take.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Timeouts {
    /// A command that needs no network.
    #[serde(deserialize_with = "figure::seconds")]
    pub command: Figure<Duration>,
    /// The prompt before data.
    #[serde(deserialize_with = "figure::seconds")]
    pub prompt: Figure<Duration>,
    /// The SIM, from busy to ready.
    #[serde(deserialize_with = "figure::seconds")]
    pub sim: Figure<Duration>,
    /// Attaching to the packet network.
    #[serde(deserialize_with = "figure::seconds")]
    pub attach: Figure<Duration>,
    /// Opening the link to the broker: packet network, DNS and TCP. The first attempt to have a kept connection again waits 75 s at the most.
    #[serde(deserialize_with = "figure::seconds")]
    pub open: Figure<Duration>,
    /// Signing in at the broker.
    #[serde(deserialize_with = "figure::seconds")]
    pub connect: Figure<Duration>,
    /// Subscribing and unsubscribing. Longer where the packet time-outs of the connection add up to more, but for SIMCom's modules.
    #[serde(deserialize_with = "figure::seconds")]
    pub subscribe: Figure<Duration>,
    /// Publishing. Longer where the packet time-outs of the connection add up to more.
    #[serde(deserialize_with = "figure::seconds")]
    pub publish: Figure<Duration>,
    /// Signing out.
    #[serde(deserialize_with = "figure::seconds")]
    pub disconnect: Figure<Duration>,
    /// Closing the link.
    #[serde(deserialize_with = "figure::seconds")]
    pub close: Figure<Duration>,
    /// How long the port may take no byte at all while something is to be written.
    #[serde(deserialize_with = "figure::seconds")]
    pub write: Figure<Duration>,
}

/// Quiet times on the line, and how much may be under way on it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Pauses {
    /// Before a command.
    #[serde(deserialize_with = "figure::seconds")]
    pub guard: Figure<Duration>,
    /// Between a prompt and the data.
    #[serde(deserialize_with = "figure::seconds")]
    pub prompt_guard: Figure<Duration>,
    /// How many publishes the module takes before it has reported on the first of them. `None`: one.
    #[serde(default, deserialize_with = "figure::optional_count")]
    pub window: Option<Figure<u32>>,
    /// After so long without a byte the module sleeps, and what wakes it is lost. `None`, or nothing: it is not known to.
    #[serde(default, deserialize_with = "figure::optional_seconds")]
    pub wake_after: Option<Figure<Duration>>,
}

/// What a model takes for TLS connections that it makes by itself. Lengths are in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TlsRules {
    /// A certificate or key.
    #[serde(deserialize_with = "figure::bytes")]
    pub certificate: Figure<usize>,
    /// The name that it is kept by. `None`: there are places for it that have names of their own.
    #[serde(default, deserialize_with = "figure::optional_bytes")]
    pub name: Option<Figure<usize>>,
    /// How much longer than the link alone a handshake may take.
    #[serde(deserialize_with = "figure::seconds")]
    pub handshake: Figure<Duration>,
}

/// How a model is told who it is at Alibaba's IoT platform, where it makes the sign-in by itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct AliyunRules {
    /// Product key, device name and device secret, in bytes each.
    #[serde(deserialize_with = "figure::bytes")]
    pub text: Figure<usize>,
    /// What a setting of its own calls Alibaba. `None`: there is no such setting.
    #[serde(default, deserialize_with = "figure::optional_count")]
    pub cloud: Option<Figure<u32>>,
    /// What the same setting calls payloads in JSON, some of which the module may hold them to.
    #[serde(default, deserialize_with = "figure::optional_count")]
    pub data_type: Option<Figure<u32>>,
}

/// What else differs from model to model.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Rules {
    /// The message identifier of a QoS 0 publish.
    #[serde(deserialize_with = "figure::rule")]
    pub qos0_message_id: Figure<MessageIdRule>,
    /// The PDP context that the module's own services use.
    #[serde(deserialize_with = "figure::count")]
    pub pdp_context: Figure<u32>,
    /// The baud rate of its serial port as it leaves the factory, in bits per second.
    #[serde(deserialize_with = "figure::rate")]
    pub baud: Figure<u32>,
}

/// Which message identifier a QoS 0 publish may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageIdRule {
    /// Zero and nothing else.
    Zero,
    /// 1 to 65535, as for the other levels.
    Any,
}

/// How far a module has come in starting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// The boot ROM has spoken.
    Begun,
    /// The firmware has spoken.
    Complete,
}

/// The texts of the profiles that `profiles/index` names, in its order.
const SHIPPED: &[&str] = include!(concat!(env!("OUT_DIR"), "/shipped.rs"));

impl Profile {
    /// The profiles that come with this crate.
    #[must_use]
    pub fn shipped() -> &'static [Profile] {
        static PROFILES: OnceLock<Vec<Profile>> = OnceLock::new();
        // Every one of them is read by a test.
        PROFILES.get_or_init(|| SHIPPED.iter().filter_map(|text| toml::from_str(text).ok()).collect())
    }

    /// The shipped profile of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Profile> {
        Profile::shipped().iter().find(|profile| &*profile.model.name == name)
    }

    /// The largest payload that can be published in any way.
    #[must_use]
    pub fn largest_payload(&self) -> usize {
        let limits = [self.limits.inline_payload, self.limits.prompt_payload];
        limits.into_iter().flatten().map(|limit| limit.value).max().unwrap_or_default()
    }

    /// What a line says about a start of the module, if it does.
    #[must_use]
    pub fn restart(&self, line: &[u8]) -> Option<Restart> {
        let line = String::from_utf8_lossy(line);
        if self.model.restart_signs.iter().any(|sign| line.contains(&**sign)) {
            return Some(Restart::Begun);
        }
        self.model.restart_lines.iter().any(|known| line.trim() == &**known).then_some(Restart::Complete)
    }

    /// Whether a line shows that the module sleeps from now on.
    #[must_use]
    pub fn is_sleep(&self, line: &[u8]) -> bool {
        let line = String::from_utf8_lossy(line);
        self.model.sleep_lines.iter().any(|known| line.trim() == &**known)
    }

    /// Whether a line shows that the module is going off.
    #[must_use]
    pub fn is_power_down(&self, line: &[u8]) -> bool {
        let line = String::from_utf8_lossy(line);
        self.model.power_down_lines.iter().any(|known| line.trim() == &**known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect;

    #[test]
    fn every_shipped_profile_is_read_and_has_a_dialect() {
        for text in SHIPPED {
            let profile: Profile = toml::from_str(text).unwrap();
            assert!(dialect::named(&profile.model.dialect).is_some(), "{}", profile.model.name);
            assert_eq!(Profile::named(&profile.model.name), Some(&profile));
        }
    }

    #[test]
    fn every_profile_in_the_folder_is_in_the_index_once() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/profiles");
        let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
        let mut there: Vec<_> = files.filter(|path| path.extension().is_some_and(|ending| ending == "toml")).collect();
        let mut shipped: Vec<_> =
            Profile::shipped().iter().map(|profile| format!("{}.toml", profile.model.name)).collect();
        there.sort_unstable();
        shipped.sort_unstable();
        assert!(
            there.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).eq(shipped.iter().map(String::as_str))
        );
    }

    #[test]
    fn the_models_differ_where_their_manuals_do() {
        let [nt35e, nt26e] = ["lierda-nt35e", "lierda-nt26e"].map(|name| Profile::named(name).unwrap());
        assert_eq!((nt35e.largest_payload(), nt26e.largest_payload()), (1460, 8000));
        assert_eq!(nt35e.rules.qos0_message_id.value, MessageIdRule::Zero);
        assert_eq!(nt26e.rules.qos0_message_id.value, MessageIdRule::Any);
        assert_eq!((nt35e.limits.connections.value, nt26e.limits.connections.value), (5, 1));
    }

    #[test]
    fn restarts_are_seen_wherever_they_stand() {
        let profile = Profile::named("lierda-nt26e").unwrap();
        for (line, expected) in [
            ("^boot.rom'v  '!", Some(Restart::Begun)),
            ("\u{fffd}^boot.rom.'v....'!Lierda", Some(Restart::Begun)),
            ("Lierda", Some(Restart::Complete)),
            ("RDY", Some(Restart::Complete)),
            ("ECRDY ", Some(Restart::Complete)),
            ("+CGMI: Lierda", None),
            ("+X: RDY", None),
            ("NORMAL POWER DOWN", None),
        ] {
            assert_eq!(profile.restart(line.as_bytes()), expected, "{line}");
        }
        assert!(profile.is_power_down(b"NORMAL POWER DOWN"));
    }
}
