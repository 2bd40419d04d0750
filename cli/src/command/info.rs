//! `atmqtt info`: what the module says of itself.

use atmqtt::dialect::LinkReport;
use atmqtt::{
    Evidence, FigureSource, FigureValue, Modem, NamedFigure, Profile, RegistrationStatus, SimState, Status, TlsOptions,
    TlsVersion, UsbRole,
};
use serde::Serialize;
use serde_json::Value;

use super::Context;
use super::power_saving::{Edrx, Psm};
use crate::args;
use crate::attached::{Attached, wrong_port};
use crate::exit::{Exit, Halt};
use crate::figures::{self, Figures};
use crate::guard::{Guard, Stage};
use crate::render::{Look, Results, json};
use crate::settings::{self, Line};

/// Where a figure is from that stands in the user's own profile.
const FILE: &str = "file";
/// What stands in the place of a number that identifies a device or a person.
const REDACTED: &str = "***";

pub(super) async fn run(typed: &args::Info, context: Context) -> Result<Exit, Halt> {
    let Context { global, environment, mut secrets, look, deadline, mut results } = context;
    if typed.profile_figures
        && let Some(profile) = settings::profile(&global, &environment)?
    {
        let figures = Figures::parse(&global.line.set)?;
        let profile = profile.with(&figures.overrides);
        let mut guard = Guard::new(deadline)?;
        print_figures(&profile, &figures, look, &mut guard, &mut results).await?;
        return Ok(Exit::Done);
    }
    let tls = settings::tls(&global.session.tls)?;
    let line = Line::resolve(&global, &environment, &mut secrets)?;
    let mut guard = Guard::new(deadline)?;
    let figures = line.figures.clone();
    let attached = Attached::open(line, global.display.debug, look, &mut guard).await?;
    let outcome = async {
        attached.tell_of_fallback();
        if typed.profile_figures {
            return print_figures(attached.modem.profile(), &figures, look, &mut guard, &mut results).await;
        }
        let status = guard.run(Stage::Asking, attached.modem.status()).await?;
        if let Some(told) = attached.modem.usb_port().and_then(|port| wrong_port(port, [attached.modem.profile()])) {
            look.warn(told);
        }
        let mut info = Info::of(&attached.modem, status, &tls);
        if typed.redact {
            info.redact();
        }
        let text = if look.json { json(&info) } else { info.in_words() };
        guard.tell(results.line(text)).await
    }
    .await;
    attached.close(outcome.map(|()| Exit::Done)).await
}

/// What the module told, under the names that programs know. What it did not tell is null.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Info {
    manufacturer: Option<String>,
    model: Option<String>,
    firmware: Option<String>,
    vendor_firmware: Option<String>,
    information: Option<String>,
    profile: String,
    /// It is the careful one for a model that no profile knows well.
    profile_fallback: bool,
    baud: Option<u32>,
    /// The port, where it is on USB.
    usb: Option<Usb>,
    imei: Option<String>,
    imsi: Option<String>,
    iccid: Option<String>,
    sim: &'static str,
    rssi_dbm: Option<i32>,
    rsrp_dbm: Option<i32>,
    rsrq_db: Option<f64>,
    registration: Option<Registration>,
    attached: Option<bool>,
    address: Option<String>,
    /// Extended discontinuous reception.
    edrx: Option<Edrx>,
    /// Power saving mode.
    psm: Option<Psm>,
    mqtt: &'static str,
    /// How `mqtts://` would be made now. `None`: it is refused, since no way is known.
    tls: Option<Tls>,
}

/// Which port of which USB device it is, and what for.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Usb {
    id: String,
    interface: Option<u8>,
    role: Option<&'static str>,
}

impl Usb {
    fn of(modem: &Modem) -> Option<Usb> {
        let port = modem.usb_port()?;
        let role = port.role(modem.profile()).map(UsbRole::name);
        Some(Usb { id: port.id.to_string(), interface: port.interface, role })
    }
}

/// What of TLS is on, by what was typed.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Tls {
    version: &'static str,
    server_check: bool,
    time_check: bool,
    sni: bool,
}

impl Tls {
    /// `None`: there is no known way for this module.
    fn of(profile: &Profile, options: &TlsOptions) -> Option<Tls> {
        profile.makes_tls().then(|| Tls {
            version: if options.version == TlsVersion::Tls12 { "1.2" } else { "any" },
            server_check: options.verify_server,
            time_check: options.check_time && options.verify_server,
            sni: options.server_name,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Registration {
    status: &'static str,
    area_code: Option<u32>,
    cell_id: Option<u32>,
    reject_cause: Option<u16>,
}

impl From<Status> for Info {
    fn from(status: Status) -> Info {
        let registration = status.registration.map(|found| Registration {
            status: registration_name(found.status),
            area_code: found.area_code,
            cell_id: found.cell_id,
            reject_cause: found.reject_cause,
        });
        Info {
            manufacturer: status.identity.manufacturer,
            model: status.identity.model,
            firmware: status.identity.firmware,
            vendor_firmware: status.identity.vendor_firmware,
            information: status.identity.information,
            profile: status.profile,
            // The choice is not the module's.
            profile_fallback: false,
            // The port's, and not the module's.
            baud: None,
            usb: None,
            imei: status.imei,
            imsi: status.imsi,
            iccid: status.iccid,
            sim: sim_name(status.sim),
            rssi_dbm: status.signal.rssi_dbm,
            rsrp_dbm: status.signal.rsrp_dbm,
            rsrq_db: status.signal.rsrq_tenth_db.map(|tenths| f64::from(tenths) / 10.0),
            registration,
            attached: status.attached,
            address: status.address,
            edrx: status.power_saving.edrx.map(Edrx::from),
            psm: status.power_saving.psm.map(Psm::from),
            mqtt: mqtt_name(status.mqtt),
            // By what was typed, and not by the module.
            tls: None,
        }
    }
}

impl Info {
    /// What a module told, and what is known of its port; `tls` is how TLS would be made.
    pub(super) fn of(modem: &Modem, status: Status, tls: &TlsOptions) -> Info {
        let tls = Tls::of(modem.profile(), tls);
        let usb = Usb::of(modem);
        Info { baud: modem.baud(), usb, profile_fallback: modem.fell_back(), tls, ..Info::from(status) }
    }

    /// Hides what identifies the module and the SIM, also where it stands in a text: `ATI` of some modules has the IMEI.
    fn redact(&mut self) {
        let Info { imei, imsi, iccid, information, firmware, vendor_firmware, .. } = self;
        for identity in [imei, imsi, iccid] {
            let Some(number) = identity.replace(REDACTED.to_owned()) else {
                *identity = None;
                continue;
            };
            for text in [&mut *information, &mut *firmware, &mut *vendor_firmware].into_iter().flatten() {
                *text = text.replace(&number, REDACTED);
            }
        }
    }

    /// A line for each thing that is known.
    fn in_words(&self) -> String {
        let Ok(Value::Object(mut object)) = serde_json::to_value(self) else { return String::new() };
        let mut lines = Vec::new();
        for (label, key, unit) in WORDS {
            let found = match key.split_once('.') {
                Some((outer, inner)) => object.get(outer).and_then(|nested| nested.get(inner)).cloned(),
                None => object.remove(key),
            };
            let words = match found {
                None | Some(Value::Null) => continue,
                Some(Value::String(name)) if key == "profile" && self.profile_fallback => {
                    format!("{name} (the careful one for an unknown model)")
                }
                Some(Value::String(text)) => text,
                Some(Value::Bool(yes)) => (if yes { "yes" } else { "no" }).to_owned(),
                Some(other) => other.to_string(),
            };
            lines.push(format!("{label:<16} {words}{unit}"));
        }
        lines.join("\n")
    }
}

/// How each key of [`Info`] is shown to people: its name, and its unit. That the profile is a fallback is said beside its name.
const WORDS: [(&str, &str, &str); 34] = [
    ("manufacturer", "manufacturer", ""),
    ("model", "model", ""),
    ("firmware", "firmware", ""),
    ("vendor firmware", "vendor_firmware", ""),
    ("information", "information", ""),
    ("profile", "profile", ""),
    ("baud rate", "baud", " bit/s"),
    ("USB device", "usb.id", ""),
    ("USB interface", "usb.interface", ""),
    ("USB port", "usb.role", ""),
    ("IMEI", "imei", ""),
    ("IMSI", "imsi", ""),
    ("ICCID", "iccid", ""),
    ("SIM", "sim", ""),
    ("RSSI", "rssi_dbm", " dBm"),
    ("RSRP", "rsrp_dbm", " dBm"),
    ("RSRQ", "rsrq_db", " dB"),
    ("registration", "registration.status", ""),
    ("area code", "registration.area_code", ""),
    ("cell", "registration.cell_id", ""),
    ("reject cause", "registration.reject_cause", ""),
    ("attached", "attached", ""),
    ("address", "address", ""),
    ("eDRX", "edrx.in_use", ""),
    ("eDRX cycle", "edrx.cycle_s", " s"),
    ("paging window", "edrx.paging_window_s", " s"),
    ("PSM", "psm.granted", ""),
    ("PSM active time", "psm.active_time_s", " s"),
    ("PSM update", "psm.periodic_update_s", " s"),
    ("MQTT", "mqtt", ""),
    ("TLS", "tls.version", ""),
    ("server checked", "tls.server_check", ""),
    ("time checked", "tls.time_check", ""),
    ("SNI", "tls.sni", ""),
];

fn sim_name(sim: SimState) -> &'static str {
    match sim {
        SimState::Ready => "ready",
        SimState::PinRequired => "pin_required",
        SimState::PukRequired => "puk_required",
        SimState::NotInserted => "not_inserted",
        SimState::Busy => "busy",
        _ => "failure",
    }
}

pub(super) fn registration_name(status: RegistrationStatus) -> &'static str {
    match status {
        RegistrationStatus::Home => "home",
        RegistrationStatus::Roaming => "roaming",
        RegistrationStatus::Searching => "searching",
        RegistrationStatus::Denied => "denied",
        RegistrationStatus::NotRegistered => "not_registered",
        RegistrationStatus::Unknown => "unknown",
    }
}

fn mqtt_name(report: LinkReport) -> &'static str {
    match report {
        LinkReport::Initialising => "initialising",
        LinkReport::Connecting => "connecting",
        LinkReport::Connected => "connected",
        LinkReport::Disconnecting => "disconnecting",
        LinkReport::Closed => "closed",
        _ => "unknown",
    }
}

/// One figure of a profile.
#[derive(Debug, PartialEq, Serialize)]
struct FigureLine<'p> {
    figure: &'p str,
    value: Value,
    unit: &'static str,
    evidence: String,
    source: &'static str,
}

impl<'p> From<NamedFigure<'p>> for FigureLine<'p> {
    fn from(figure: NamedFigure<'p>) -> FigureLine<'p> {
        let (value, unit) = match figure.value {
            FigureValue::Bytes(bytes) => (bytes.into(), "bytes"),
            FigureValue::Wait(wait) => (wait.as_secs_f64().into(), "s"),
            FigureValue::Count(count) => (count.into(), ""),
            FigureValue::Rate(rate) => (rate.into(), "bit/s"),
            words => (words.to_string().into(), ""),
        };
        FigureLine {
            figure: figure.name,
            value,
            unit,
            evidence: evidence(figure.evidence),
            source: source(figure.source),
        }
    }
}

/// Where a figure is from.
fn source(source: FigureSource) -> &'static str {
    match source {
        FigureSource::File => FILE,
        FigureSource::Override => figures::SET,
        _ => "shipped",
    }
}

/// How a figure is known.
fn evidence(evidence: Evidence) -> String {
    match evidence {
        Evidence::Override => figures::SET.to_owned(),
        other => other.to_string(),
    }
}

fn in_words(line: &FigureLine<'_>) -> String {
    let value = match &line.value {
        Value::String(word) => word.clone(),
        // As in 5 s and not 5.0 s.
        Value::Number(number) => number.as_f64().map_or_else(|| number.to_string(), |number| number.to_string()),
        other => other.to_string(),
    };
    let value = format!("{value} {}", line.unit);
    let mark = if line.source == FILE { ", from the file" } else { "" };
    format!("{:<22} {:<14} {}{mark}", line.figure, value, line.evidence)
}

async fn print_figures(
    profile: &Profile,
    set: &Figures,
    look: Look,
    guard: &mut Guard,
    results: &mut Results,
) -> Result<(), Halt> {
    let (inbox, source) = set.inbox();
    let inbox = FigureLine {
        figure: figures::INBOX,
        value: inbox.into(),
        unit: "messages",
        evidence: source.to_owned(),
        source,
    };
    let waits = set.waits().map(|(figure, wait, source)| FigureLine {
        figure,
        value: wait.as_secs_f64().into(),
        unit: "s",
        evidence: source.to_owned(),
        source,
    });
    for figure in profile.figures().into_iter().map(FigureLine::from).chain([inbox]).chain(waits) {
        let line = if look.json { json(&figure) } else { in_words(&figure) };
        guard.tell(results.line(line)).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn info() -> Info {
        Info {
            manufacturer: Some("Lierda".to_owned()),
            model: None,
            firmware: None,
            vendor_firmware: None,
            information: Some("NT26E; IMEI 490154203237518".to_owned()),
            profile: "lierda-nt26e".to_owned(),
            profile_fallback: false,
            baud: Some(9600),
            usb: Some(Usb { id: "2c7c:0125".to_owned(), interface: Some(2), role: Some("at") }),
            imei: Some("490154203237518".to_owned()),
            imsi: Some("001010123456789".to_owned()),
            iccid: None,
            sim: "ready",
            rssi_dbm: Some(-73),
            rsrp_dbm: None,
            rsrq_db: Some(-11.5),
            registration: Some(Registration {
                status: "denied",
                area_code: Some(6699),
                cell_id: None,
                reject_cause: Some(15),
            }),
            attached: Some(false),
            address: None,
            edrx: Some(Edrx::from(atmqtt::Edrx::On { cycle: Duration::from_millis(40_960), paging_window: None })),
            psm: Some(Psm::from(atmqtt::Psm::Off)),
            mqtt: "closed",
            tls: Some(Tls { version: "1.2", server_check: true, time_check: false, sni: true }),
        }
    }

    #[test]
    fn people_get_a_line_for_each_thing_that_is_known() {
        let expected = [
            "manufacturer     Lierda",
            "information      NT26E; IMEI 490154203237518",
            "profile          lierda-nt26e",
            "baud rate        9600 bit/s",
            "USB device       2c7c:0125",
            "USB interface    2",
            "USB port         at",
            "IMEI             490154203237518",
            "IMSI             001010123456789",
            "SIM              ready",
            "RSSI             -73 dBm",
            "RSRQ             -11.5 dB",
            "registration     denied",
            "area code        6699",
            "reject cause     15",
            "attached         no",
            "eDRX             yes",
            "eDRX cycle       40.96 s",
            "PSM              no",
            "MQTT             closed",
            "TLS              1.2",
            "server checked   yes",
            "time checked     no",
            "SNI              yes",
        ];
        assert_eq!(info().in_words().lines().collect::<Vec<_>>(), expected);
        let words = Info { profile_fallback: true, profile: "generic-lmqtt".to_owned(), ..info() }.in_words();
        assert!(words.contains("\nprofile          generic-lmqtt (the careful one for an unknown model)\n"), "{words}");
    }

    #[test]
    fn every_key_is_shown_to_people() {
        let Ok(Value::Object(object)) = serde_json::to_value(info()) else { panic!("not an object") };
        for key in object.keys().filter(|key| *key != "profile_fallback") {
            assert!(WORDS.iter().any(|(_, known, _)| known.split('.').next() == Some(key)), "{key}");
        }
    }

    #[test]
    fn what_identifies_is_hidden_wherever_it_stands() {
        let mut info = info();
        info.redact();
        let text = json(&info);
        assert!(!text.contains("490154203237518") && !text.contains("001010123456789"), "{text}");
        assert_eq!((info.imei.as_deref(), info.iccid), (Some("***"), None));
        assert_eq!(info.information.as_deref(), Some("NT26E; IMEI ***"));
    }

    #[test]
    fn figures_say_what_they_are_worth() {
        let figures = Profile::named("lierda-nt35e").unwrap().figures();
        let figure = |name: &str| *figures.iter().find(|figure| figure.name == name).unwrap();
        let words = |name: &str| in_words(&figure(name).into());
        assert_eq!(words("timeouts.open"), "timeouts.open          160 s          inferred");
        assert_eq!(words("limits.inline_payload"), "limits.inline_payload  1460 bytes     manual");
        assert_eq!(words("rules.qos0_message_id"), "rules.qos0_message_id  zero           manual");
        assert_eq!(words("rules.baud"), "rules.baud             115200 bit/s   inferred");
        let set = NamedFigure {
            value: FigureValue::Wait(Duration::from_millis(1500)),
            evidence: Evidence::Override,
            source: FigureSource::Override,
            ..figure("guard")
        };
        assert_eq!(in_words(&set.into()), "guard                  1.5 s          --set");
        assert!(figures.iter().all(|figure| figure.name != "limits.prompt_payload"));
    }
}
