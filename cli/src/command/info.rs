//! `atmqtt info`: what the module says of itself.

use std::time::Duration;

use atmqtt::dialect::LinkReport;
use atmqtt::{Evidence, Figure, Profile, RegistrationStatus, SimState, Status};
use atmqtt_modem::MessageIdRule;
use serde::Serialize;
use serde_json::Value;

use super::Context;
use crate::args;
use crate::bench::Bench;
use crate::exit::{Exit, Halt};
use crate::guard::{Guard, Stage};
use crate::render::{Look, Results, json};
use crate::settings::{self, Line};

/// What stands in the place of a number that identifies a device or a person.
const REDACTED: &str = "***";

pub(super) async fn run(typed: &args::Info, context: Context) -> Result<Exit, Halt> {
    let Context { global, environment, mut secrets, look, deadline, mut results } = context;
    if typed.profile_figures
        && let Some(profile) = settings::profile(&global, &environment)?
    {
        let mut guard = Guard::new(deadline)?;
        print_figures(profile, look, &mut guard, &mut results).await?;
        return Ok(Exit::Done);
    }
    let line = Line::resolve(&global, &environment, &mut secrets)?;
    let mut guard = Guard::new(deadline)?;
    let bench = Bench::open(line, global.display.debug, look, &mut guard).await?;
    let outcome = async {
        if typed.profile_figures {
            return print_figures(bench.modem.profile(), look, &mut guard, &mut results).await;
        }
        let status = guard.run(Stage::Asking, bench.modem.status()).await?;
        let mut info = Info::from(status);
        if typed.redact {
            info.redact();
        }
        let text = if look.json { json(&info) } else { info.in_words() };
        guard.tell(results.line(text)).await
    }
    .await;
    bench.close(outcome.map(|()| Exit::Done)).await
}

/// What the module told, under the names that programs know. What it did not tell is null.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Info {
    manufacturer: Option<String>,
    model: Option<String>,
    firmware: Option<String>,
    vendor_firmware: Option<String>,
    information: Option<String>,
    profile: String,
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
    mqtt: &'static str,
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
            mqtt: mqtt_name(status.mqtt),
        }
    }
}

impl Info {
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
                Some(Value::String(text)) => text,
                Some(Value::Bool(yes)) => (if yes { "yes" } else { "no" }).to_owned(),
                Some(other) => other.to_string(),
            };
            lines.push(format!("{label:<16} {words}{unit}"));
        }
        lines.join("\n")
    }
}

/// How each key of [`Info`] is shown to people: its name, and its unit.
const WORDS: [(&str, &str, &str); 20] = [
    ("manufacturer", "manufacturer", ""),
    ("model", "model", ""),
    ("firmware", "firmware", ""),
    ("vendor firmware", "vendor_firmware", ""),
    ("information", "information", ""),
    ("profile", "profile", ""),
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
    ("MQTT", "mqtt", ""),
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

fn registration_name(status: RegistrationStatus) -> &'static str {
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
struct FigureLine {
    figure: &'static str,
    value: Value,
    unit: &'static str,
    evidence: String,
}

impl FigureLine {
    fn new(figure: &'static str, value: impl Into<Value>, unit: &'static str, evidence: Evidence) -> FigureLine {
        FigureLine { figure, value: value.into(), unit, evidence: evidence.to_string() }
    }

    fn duration(name: &'static str, figure: Figure<Duration>) -> FigureLine {
        FigureLine::new(name, figure.value.as_secs_f64(), "s", figure.evidence)
    }

    fn bytes(name: &'static str, figure: Figure<usize>) -> FigureLine {
        FigureLine::new(name, figure.value, "bytes", figure.evidence)
    }

    fn in_words(&self) -> String {
        let FigureLine { figure, value, unit, evidence } = self;
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.as_f64().map_or_else(|| number.to_string(), |number| number.to_string()),
            other => other.to_string(),
        };
        format!("{figure:<22} {:<12} {evidence}", format!("{value} {unit}").trim_end())
    }
}

/// The figures of a profile, in the order of its file.
fn figures(profile: &Profile) -> Vec<FigureLine> {
    let Profile { limits, timeouts, pauses, rules, .. } = profile;
    let message_id = match rules.qos0_message_id.value {
        MessageIdRule::Zero => "zero",
        MessageIdRule::Any => "any",
    };
    let mut figures = vec![
        FigureLine::new("limits.connections", limits.connections.value, "", limits.connections.evidence),
        FigureLine::bytes("limits.host", limits.host),
        FigureLine::bytes("limits.client_id", limits.client_id),
        FigureLine::bytes("limits.username", limits.username),
        FigureLine::bytes("limits.password", limits.password),
        FigureLine::bytes("limits.topic", limits.topic),
        FigureLine::bytes("limits.inline_payload", limits.inline_payload),
    ];
    figures.extend(limits.prompt_payload.map(|figure| FigureLine::bytes("limits.prompt_payload", figure)));
    figures.extend([
        FigureLine::bytes("limits.will_payload", limits.will_payload),
        FigureLine::new("limits.keep_alive", limits.keep_alive.value, "s", limits.keep_alive.evidence),
        FigureLine::duration("timeouts.command", timeouts.command),
        FigureLine::duration("timeouts.prompt", timeouts.prompt),
        FigureLine::duration("timeouts.sim", timeouts.sim),
        FigureLine::duration("timeouts.attach", timeouts.attach),
        FigureLine::duration("timeouts.open", timeouts.open),
        FigureLine::duration("timeouts.connect", timeouts.connect),
        FigureLine::duration("timeouts.subscribe", timeouts.subscribe),
        FigureLine::duration("timeouts.publish", timeouts.publish),
        FigureLine::duration("timeouts.disconnect", timeouts.disconnect),
        FigureLine::duration("timeouts.close", timeouts.close),
        FigureLine::duration("guard", pauses.guard),
        FigureLine::duration("prompt_guard", pauses.prompt_guard),
        FigureLine::new("rules.qos0_message_id", message_id, "", rules.qos0_message_id.evidence),
        FigureLine::new("rules.pdp_context", rules.pdp_context.value, "", rules.pdp_context.evidence),
    ]);
    figures
}

async fn print_figures(profile: &Profile, look: Look, guard: &mut Guard, results: &mut Results) -> Result<(), Halt> {
    for figure in figures(profile) {
        let line = if look.json { json(&figure) } else { figure.in_words() };
        guard.tell(results.line(line)).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info() -> Info {
        Info {
            manufacturer: Some("Lierda".to_owned()),
            model: None,
            firmware: None,
            vendor_firmware: None,
            information: Some("NT26E; IMEI 490154203237518".to_owned()),
            profile: "lierda-nt26e".to_owned(),
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
            mqtt: "closed",
        }
    }

    #[test]
    fn people_get_a_line_for_each_thing_that_is_known() {
        let expected = [
            "manufacturer     Lierda",
            "information      NT26E; IMEI 490154203237518",
            "profile          lierda-nt26e",
            "IMEI             490154203237518",
            "IMSI             001010123456789",
            "SIM              ready",
            "RSSI             -73 dBm",
            "RSRQ             -11.5 dB",
            "registration     denied",
            "area code        6699",
            "reject cause     15",
            "attached         no",
            "MQTT             closed",
        ];
        assert_eq!(info().in_words().lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn every_key_is_shown_to_people() {
        let Ok(Value::Object(object)) = serde_json::to_value(info()) else { panic!("not an object") };
        for key in object.keys() {
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
        let figures = figures(Profile::named("lierda-nt35e").unwrap());
        let words = |name: &str| figures.iter().find(|figure| figure.figure == name).unwrap().in_words();
        assert_eq!(words("timeouts.open"), "timeouts.open          160 s        inferred");
        assert_eq!(words("limits.inline_payload"), "limits.inline_payload  1460 bytes   manual");
        assert_eq!(words("rules.qos0_message_id"), "rules.qos0_message_id  zero         manual");
        assert!(figures.iter().all(|figure| figure.figure != "limits.prompt_payload"));
    }
}
