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
    /// The numbers of module and SIM, and what the module calls itself.
    pub identity: Identity,
    /// The SIM.
    pub sim: Sim,
    /// What the network says to this SIM.
    pub registration: Registration,
    /// Whether the network gives packet data (attach and PDP context) to a registered module.
    pub packet_service: bool,
    /// The cycle of extended discontinuous reception (eDRX) that the network grants: the next longer one that there is. `None`: it grants none.
    /// Models that do not know it ([`Model::edrx`]) are as before.
    pub edrx: Option<Duration>,
    /// The address of an active PDP context.
    pub address: Ipv4Addr,
    /// What `AT+CSQ` and `AT+CESQ` say.
    pub signal: Signal,
    /// Network time at the caller's epoch, in seconds since 1970 (UTC). Default: the host's time where the modem runs in real time, and
    /// 2026-01-01T00:00:00Z where it has no clock of its own.
    pub clock: Option<u64>,
    /// Whether the network tells a registered module the time.
    pub network_time: bool,
    /// How deeply the module sleeps, where the fault `sleep` lets it.
    pub sleep: Sleep,
    /// How long things take.
    pub latency: Latency,
    /// Whether the command echo is on at power-up, as V.250 has it.
    pub echo: bool,
    /// In which of the ways seen in the field the LMQTT commands behave.
    pub quirks: Quirks,
    /// In which of the ways seen in the field the other command sets behave.
    pub vendor: VendorQuirks,
}

impl Default for ModemOptions {
    fn default() -> Self {
        Self {
            model: NT26E,
            identity: Identity::default(),
            sim: Sim::Ready,
            registration: Registration::Home,
            packet_service: true,
            edrx: None,
            address: Ipv4Addr::new(10, 0, 0, 2),
            signal: Signal::default(),
            clock: None,
            network_time: true,
            sleep: Sleep::Light,
            latency: Latency::default(),
            echo: true,
            quirks: Quirks::default(),
            vendor: VendorQuirks::default(),
        }
    }
}

/// The numbers of module and SIM, as their commands print them. The defaults are made up; the IMSI is of the test network 001/01.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// What the module says that it is, in the place of every text of its model but the maker's name: a model that nobody knows.
    pub model: Option<String>,
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
            model: None,
            imei: "490154203237518".to_owned(),
            serial: "MOCK00000001".to_owned(),
            imsi: "001010123456789".to_owned(),
            iccid: "89001012345678901234".to_owned(),
        }
    }
}

impl Identity {
    /// One of many identities, made up: the IMEI is of the test range 00 and has a right check digit (3GPP TS 23.003, annex B), and no two of the first million
    /// numbers have anything in common, nor has any with the default.
    #[must_use]
    pub fn numbered(number: usize) -> Self {
        let number = number % 1_000_000;
        let body = format!("00101001{number:06}");
        let check = check_digit(&body);
        Self {
            model: None,
            imei: format!("{body}{check}"),
            serial: format!("MOCK1{number:07}"),
            imsi: format!("001010000{number:06}"),
            iccid: format!("89001010000000{number:06}"),
        }
    }

    /// A text that names the model, as the module says it.
    pub(super) fn says<'a>(&'a self, text: &'a str) -> &'a str {
        self.model.as_deref().unwrap_or(text)
    }
}

/// The digit that makes a number right by Luhn's rule.
fn check_digit(digits: &str) -> u32 {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(digit - b'0');
            if place % 2 == 0 { digit * 2 / 10 + digit * 2 % 10 } else { digit }
        })
        .sum();
    (10 - sum % 10) % 10
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

/// How deeply a module sleeps that has nothing to do. Either way what wakes it is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sleep {
    /// Memory and connections are kept, and nothing is said (Lierda `OpenSDK`: LOW keeps MQTT).
    Light,
    /// Power saving mode: the memory is without power and MQTT is lost (Lierda `OpenSDK`: `DEEP_LOW`), the serial port is dead, and the
    /// command that wakes it is lost (BC660K-GL hardware design, 3.4.2). The broker is told nothing, and a host only what it has asked for with
    /// `AT+QNBIOTEVENT=1,1`. Nothing sleeps so in the middle of a command, or as long as something comes or goes over the network.
    ///
    /// Of Quectel's modules no source says what becomes of the connection: this mock loses it there too, the worse case for a host. That
    /// a restart out of this sleep prints no boot text, and that what `AT+QNBIOTEVENT` has set outlasts it, is inferred. That it has
    /// left the mode a module says when it needs the network again; this mock does not say it.
    Deep,
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
    /// From the command that opens a link to its result. A real NT26E: about 0.5 s (measured by others).
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
    /// Whether a link that is still being opened can be closed by the host. The manuals say nothing of that, of no command set: where it
    /// cannot, the command is refused. A sign-in of CMQTT and of OneMO's commands, which opens the link too, never can. Default: yes.
    pub closes_while_opening: bool,
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
            closes_while_opening: true,
            quoted_payload: false,
        }
    }
}

/// The ways in which firmware with other MQTT commands than LMQTT differs, or in which sources disagree. What [`Quirks`] says of the order
/// of results, and of a link that is being opened, holds for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VendorQuirks {
    /// How much longer the first link after power-up takes to open with the ECMT commands (firmware: about 1 s). Default: no longer.
    pub first_open: Duration,
    /// Whether a QMT downlink with a length stands without quotes. Default: no (driver code takes both).
    pub bare_payload: bool,
    /// Whether status 5 follows QMTDISC. Default: no (it may, by the sources).
    pub disconnect_status: bool,
    /// Where the unsolicited lines of an LTE module go at first; it is kept over a restart, and `AT+QURCCFG` changes it. This line is the
    /// UART. Default: the UART (an EG800K has the USB port at first, which was measured).
    pub urc_port: UrcPort,
    /// Where the reason of a refused CMQTT command stands. Default: before `ERROR` (manual; the other ways were seen by users).
    pub refusal: RefusalOrder,
    /// Whether the firmware refuses all MQTT commands, as one without MQTT does that calls itself the same. Default: no.
    pub without_mqtt: bool,
}

impl Default for VendorQuirks {
    fn default() -> Self {
        Self {
            first_open: Duration::ZERO,
            bare_payload: false,
            disconnect_status: false,
            urc_port: UrcPort::Uart,
            refusal: RefusalOrder::ReasonFirst,
            without_mqtt: false,
        }
    }
}

/// A step of an MQTT connection whose true result comes as a line of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// `AT+LMQTTOPEN`, `AT+ECMTOPEN`, `AT+QMTOPEN`; with CMQTT the start of the service
    Open,
    /// `AT+LMQTTCONN`, `AT+ECMTCONN`, `AT+QMTCONN`, `AT+CMQTTCONNECT`
    Connect,
    /// `AT+LMQTTSUBUNSUB` with flag 0, `AT+ECMTSUB`, `AT+QMTSUB`, `AT+CMQTTSUB`
    Subscribe,
    /// `AT+LMQTTSUBUNSUB` with flag 1, `AT+ECMTUNS`, `AT+QMTUNS`, `AT+CMQTTUNSUB`
    Unsubscribe,
    /// `AT+LMQTTPUB`, `AT+ECMTPUB`, `AT+QMTPUB`, `AT+QMTPUBEX`, `AT+CMQTTPUB`
    Publish,
    /// `AT+LMQTTDISC`, `AT+ECMTDISC`, `AT+QMTDISC`, `AT+CMQTTDISC`
    Disconnect,
    /// `AT+LMQTTCLOSE`, `AT+ECMTCLOSE`, `AT+QMTCLOSE`; with CMQTT the stop of the service
    Close,
}

/// Where the reason of a refused CMQTT command stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalOrder {
    /// In a line before `ERROR`.
    ReasonFirst,
    /// In a line behind `ERROR`.
    ReasonBehind,
    /// Nowhere.
    WithoutReason,
}

/// A port of an LTE module for its unsolicited lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrcPort {
    /// `"uart1"`
    Uart,
    /// `"usbat"`
    UsbAt,
    /// `"usbmodem"`
    UsbModem,
}

/// How the result of an unsubscribe is spelt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnsubscribeSpelling {
    /// `+LMQTTUNSUNSUB`, as the example in the manual has it.
    Manual,
    /// `+LMQTTSUBUNSUB`, as the command is named.
    Command,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn identities_are_right_and_differ() {
        // The check digits of published examples.
        for (body, check) in [("49015420323751", 8), ("35209900176148", 1), ("00000000000000", 0)] {
            assert_eq!(check_digit(body), check, "{body}");
        }
        let all: Vec<_> = (0..1000).map(Identity::numbered).chain([Identity::default()]).collect();
        for identity in &all {
            assert_eq!((identity.imei.len(), identity.imsi.len(), identity.iccid.len()), (15, 15, 20));
            let (body, check) = identity.imei.split_at(14);
            assert_eq!(check_digit(body).to_string(), check);
        }
        for pick in [
            |of: &Identity| of.imei.clone(),
            |of: &Identity| of.imsi.clone(),
            |of: &Identity| of.iccid.clone(),
            |of: &Identity| of.serial.clone(),
        ] {
            assert_eq!(all.iter().map(pick).collect::<BTreeSet<_>>().len(), all.len());
        }
    }
}
