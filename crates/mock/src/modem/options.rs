//! What a test or a user may set about the modem, before power-up and while it runs.

use std::{collections::BTreeSet, net::Ipv4Addr, time::Duration};

use super::model::{Model, NT26E};

/// Everything about one modem that can be set. The defaults are a registered NT26E with a SIM, at zero latency.
///
/// All of it may be changed while the modem runs ([`Modem::change`](super::Modem::change)); what a real module reads at power-up only
/// (model, `echo`) takes effect at the next reset.
#[derive(Clone, Debug)]
pub struct ModemOptions {
    /// The model that is played.
    pub model: Model,
    /// The numbers of module and SIM.
    pub identity: Identity,
    /// The SIM.
    pub sim: Sim,
    /// What the network says to this SIM.
    pub registration: Registration,
    /// Whether the network gives packet data (attach and PDP context) to a registered module.
    pub packet_service: bool,
    /// The address of an active PDP context.
    pub address: Ipv4Addr,
    /// What `AT+CSQ` and `AT+CESQ` say.
    pub signal: Signal,
    /// Network time at the caller's epoch, in seconds since 1970 (UTC).
    pub clock: u64,
    /// How long things take.
    pub latency: Latency,
    /// Whether the command echo is on at power-up, as V.250 has it.
    pub echo: bool,
    /// In which of the ways seen in the field the LMQTT commands behave.
    pub quirks: Quirks,
}

impl Default for ModemOptions {
    fn default() -> Self {
        Self {
            model: NT26E,
            identity: Identity::default(),
            sim: Sim::Ready,
            registration: Registration::Home,
            packet_service: true,
            address: Ipv4Addr::new(10, 0, 0, 2),
            signal: Signal::default(),
            clock: 1_767_225_600, // 2026-01-01T00:00:00Z
            latency: Latency::default(),
            echo: true,
            quirks: Quirks::default(),
        }
    }
}

/// The numbers of module and SIM, as their commands print them. The defaults are made up; the IMSI is of the test network 001/01.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// 15 digits with a right check digit.
    pub imei: String,
    /// The module's serial number.
    pub serial: String,
    /// Up to 15 digits.
    pub imsi: String,
    /// 19 or 20 digits.
    pub iccid: String,
}

impl Default for Identity {
    fn default() -> Self {
        Self {
            imei: "490154203237518".to_owned(),
            serial: "MOCK00000001".to_owned(),
            imsi: "001010123456789".to_owned(),
            iccid: "89001012345678901234".to_owned(),
        }
    }
}

/// The SIM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sim {
    /// In place, no PIN asked.
    Ready,
    /// In place, asks for this PIN. Three wrong ones block it (PUK).
    PinRequired(String),
    /// Not in place.
    Missing,
    /// In place, busy for that long after the radio is switched on, then ready.
    BusyFor(Duration),
}

/// What the network says to a module that asks to register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// Registered, home network.
    Home,
    /// Registered, roaming.
    Roaming,
    /// No answer yet, for ever.
    Searching,
    /// Refused with this EMM cause (3GPP TS 24.301, annex A).
    Denied(u8),
    /// Searching for that long after the radio is switched on, then home.
    HomeAfter(Duration),
}

/// Signal figures, coded as 3GPP TS 27.007 codes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal {
    /// `AT+CSQ`: 0 to 31 (dBm = 2n − 113), 99 not known.
    pub rssi: u8,
    /// `AT+CSQ`: 0 to 7, 99 not known.
    pub bit_error_rate: u8,
    /// `AT+CESQ`: 0 to 97 (dBm = n − 141), 255 not known.
    pub rsrp: u8,
    /// `AT+CESQ`: 0 to 34 (dB = n/2 − 20), 255 not known.
    pub rsrq: u8,
}

impl Default for Signal {
    fn default() -> Self {
        Self { rssi: 20, bit_error_rate: 99, rsrp: 52, rsrq: 22 }
    }
}

/// How long things take, at least: the broker's own time comes on top.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latency {
    /// From the end of a command line (or data phase) to its execution and answer. A real NT26E: about 7 ms (measured by others).
    pub command: Duration,
    /// From LMQTTOPEN to its result. A real NT26E: about 0.5 s (measured by others).
    pub open: Duration,
    /// From a reset to the text that says that the boot is complete; the command line is deaf until then. A real NT26: about 0.5 s
    /// (Lierda hardware manual).
    pub boot: Duration,
}

impl Default for Latency {
    fn default() -> Self {
        Self { command: Duration::ZERO, open: Duration::ZERO, boot: Duration::from_millis(50) }
    }
}

/// The ways in which firmware of one name differs, or in which sources disagree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quirks {
    /// The steps whose result line comes before the `OK` of their command (measured by others for LMQTTCONN). Default: none, the
    /// manual's general shape.
    pub result_first: BTreeSet<Step>,
    /// How the result of an unsubscribe is spelt. Default: as the manual's example, misspelt.
    pub unsubscribe_spelling: UnsubscribeSpelling,
    /// LMQTTCFG keys that this firmware does not know and refuses. Default: none.
    pub refused_keys: BTreeSet<String>,
    /// Whether the completion lines of LMQTTPUB and LMQTTSUBUNSUB come only after `"urc",<id>,1`. Default: yes (measured by others;
    /// another driver gets them without).
    pub completion_needs_urc: bool,
    /// Whether a downlink payload with a length before it stands in quotes. Default: no (driver code takes both).
    pub quoted_payload: bool,
}

impl Default for Quirks {
    fn default() -> Self {
        Self {
            result_first: BTreeSet::new(),
            unsubscribe_spelling: UnsubscribeSpelling::Manual,
            refused_keys: BTreeSet::new(),
            completion_needs_urc: true,
            quoted_payload: false,
        }
    }
}

/// A step of an MQTT connection whose true result comes as a line of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// `AT+LMQTTOPEN`
    Open,
    /// `AT+LMQTTCONN`
    Connect,
    /// `AT+LMQTTSUBUNSUB` with flag 0
    Subscribe,
    /// `AT+LMQTTSUBUNSUB` with flag 1
    Unsubscribe,
    /// `AT+LMQTTPUB`
    Publish,
    /// `AT+LMQTTDISC`
    Disconnect,
    /// `AT+LMQTTCLOSE`
    Close,
}

/// How the result of an unsubscribe is spelt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnsubscribeSpelling {
    /// `+LMQTTUNSUNSUB`, as the example in the manual has it.
    Manual,
    /// `+LMQTTSUBUNSUB`, as the command is named.
    Command,
}
