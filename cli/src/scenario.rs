//! A scenario of `atmqtt mock`: settings of the modem, and what goes wrong with it, as a TOML file.

use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use atmqtt::Place;
use atmqtt_mock::fault::{Faults, SpecError};
use atmqtt_mock::modem::{Model, ModemOptions, Registration, Sim, Step};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use crate::duration;
use crate::exit::Failure;
use crate::settings;

/// All of it may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Scenario {
    #[serde(deserialize_with = "model")]
    pub(crate) modem: Option<Model>,
    #[serde(deserialize_with = "baud")]
    pub(crate) baud: Option<u32>,
    pub(crate) seed: Option<u64>,
    /// Terms, one or more in each.
    #[serde(rename = "faults")]
    listed: Vec<Spanned<String>>,
    /// What they say.
    #[serde(skip)]
    pub(crate) faults: Faults,
    echo: Option<bool>,
    roaming: Option<bool>,
    /// Whether the network tells the time.
    network_time: Option<bool>,
    /// The SIM asks for it.
    pin: Option<String>,
    latency: Latency,
    signal: Signal,
    identity: Identity,
    quirks: Quirks,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Latency {
    #[serde(deserialize_with = "time")]
    command: Option<Duration>,
    #[serde(deserialize_with = "time")]
    open: Option<Duration>,
    #[serde(deserialize_with = "time")]
    boot: Option<Duration>,
}

/// As 3GPP TS 27.007 codes it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Signal {
    rssi: Option<u8>,
    bit_error_rate: Option<u8>,
    rsrp: Option<u8>,
    rsrq: Option<u8>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Identity {
    /// A model that nobody knows, in the place of what the module would say of itself.
    model: Option<String>,
    imei: Option<String>,
    serial: Option<String>,
    imsi: Option<String>,
    iccid: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Quirks {
    result_first: BTreeSet<ResultFirst>,
    refused_keys: BTreeSet<String>,
    completion_needs_urc: Option<bool>,
    quoted_payload: Option<bool>,
}

/// The steps whose result can come before their OK.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ResultFirst {
    Open,
    Connect,
    Subscribe,
    Unsubscribe,
    Publish,
    Disconnect,
    Close,
}

fn model<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Model>, D::Error> {
    settings::model(&String::deserialize(deserializer)?).map(Some).map_err(D::Error::custom)
}

fn baud<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let rate = u32::deserialize(deserializer)?;
    if settings::MOCK_BAUDS.contains(&rate) {
        return Ok(Some(rate));
    }
    Err(D::Error::custom(format!("{rate} is no rate that a mock's line can have")))
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    duration::parse(&String::deserialize(deserializer)?).map(Some).map_err(D::Error::custom)
}

impl Scenario {
    pub(crate) fn read(path: &Path) -> Result<Scenario, Failure> {
        let name = path.display();
        let text = fs::read_to_string(path)
            .map_err(|fault| Failure::new("input.scenario", format!("the scenario {name} cannot be read: {fault}")))?;
        Scenario::parse(&text).map_err(|fault| {
            Failure::new("input.scenario", format!("{name}{fault}"))
                .help("README.md shows what a scenario can say; times are written as \"500ms\"")
        })
    }

    /// A fault is told with its line and column, to stand behind the file's name.
    fn parse(text: &str) -> Result<Scenario, String> {
        let mut scenario: Scenario =
            toml::from_str(text).map_err(|fault| format!("{}: {}", place(text, fault.span()), fault.message()))?;
        let mut terms = Vec::new();
        for listed in &scenario.listed {
            let faults: Faults = listed
                .get_ref()
                .parse()
                .map_err(|fault: SpecError| format!("{}: {fault}", place(text, Some(listed.span()))))?;
            terms.extend_from_slice(faults.terms());
        }
        scenario.faults = terms.into_iter().collect();
        Ok(scenario)
    }

    /// The settings, in place of the defaults.
    pub(crate) fn options(self, model: Model) -> ModemOptions {
        let mut options = ModemOptions { model, ..ModemOptions::default() };
        let Scenario { latency, signal, identity, quirks, .. } = self;
        set(&mut options.echo, self.echo);
        set(&mut options.network_time, self.network_time);
        set(&mut options.registration, self.roaming.filter(|roaming| *roaming).map(|_| Registration::Roaming));
        set(&mut options.sim, self.pin.map(Sim::PinRequired));
        set(&mut options.latency.command, latency.command);
        set(&mut options.latency.open, latency.open);
        set(&mut options.latency.boot, latency.boot);
        set(&mut options.signal.rssi, signal.rssi);
        set(&mut options.signal.bit_error_rate, signal.bit_error_rate);
        set(&mut options.signal.rsrp, signal.rsrp);
        set(&mut options.signal.rsrq, signal.rsrq);
        set(&mut options.identity.model, identity.model.map(Some));
        set(&mut options.identity.imei, identity.imei);
        set(&mut options.identity.serial, identity.serial);
        set(&mut options.identity.imsi, identity.imsi);
        set(&mut options.identity.iccid, identity.iccid);
        options.quirks.result_first = quirks.result_first.into_iter().map(Step::from).collect();
        options.quirks.refused_keys = quirks.refused_keys;
        set(&mut options.quirks.completion_needs_urc, quirks.completion_needs_urc);
        set(&mut options.quirks.quoted_payload, quirks.quoted_payload);
        options
    }
}

/// `, line 1, column 2`
fn place(text: &str, span: Option<Range<usize>>) -> String {
    let place = span.and_then(|span| Place::of(text, span.start));
    place.map(|Place { line, column }| format!(", line {line}, column {column}")).unwrap_or_default()
}

fn set<T>(setting: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *setting = given;
    }
}

impl From<ResultFirst> for Step {
    fn from(step: ResultFirst) -> Step {
        match step {
            ResultFirst::Open => Step::Open,
            ResultFirst::Connect => Step::Connect,
            ResultFirst::Subscribe => Step::Subscribe,
            ResultFirst::Unsubscribe => Step::Unsubscribe,
            ResultFirst::Publish => Step::Publish,
            ResultFirst::Disconnect => Step::Disconnect,
            ResultFirst::Close => Step::Close,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use atmqtt_mock::modem::NT26E;

    #[test]
    fn a_scenario_is_read_whole() {
        let text = r#"
            modem = "lierda-nt26e"
            baud = 9600
            seed = 7
            faults = ["reset@5s", "urc~0.01,mute@10s+3s"]
            echo = false
            roaming = true
            network_time = false
            pin = "0000"
            latency = { command = "7ms", open = "500ms", boot = "0.5" }
            signal = { rssi = 9, rsrq = 3 }
            identity = { model = "XY100", imei = "001010010000018" }
            [quirks]
            result_first = ["connect", "publish"]
            refused_keys = ["urc"]
            quoted_payload = true
        "#;
        let scenario = Scenario::parse(text).unwrap();
        assert_eq!((scenario.modem, scenario.baud, scenario.seed), (Some(NT26E), Some(9600), Some(7)));
        assert_eq!(scenario.faults.to_string(), "reset@5s,urc~0.01,mute@10s+3s");
        let options = scenario.options(NT26E);
        assert!(
            !options.echo
                && !options.network_time
                && options.quirks.quoted_payload
                && options.quirks.completion_needs_urc
        );
        assert_eq!((options.registration, options.sim), (Registration::Roaming, Sim::PinRequired("0000".to_owned())));
        assert_eq!(options.latency.command, Duration::from_millis(7));
        assert_eq!(
            (options.latency.open, options.latency.boot),
            (Duration::from_millis(500), Duration::from_millis(500))
        );
        assert_eq!((options.signal.rssi, options.signal.rsrq, options.signal.rsrp), (9, 3, 52));
        assert_eq!(options.identity.imei, "001010010000018");
        assert_eq!(options.identity.model.as_deref(), Some("XY100"));
        assert_eq!(options.identity.imsi, "001010123456789");
        assert_eq!(options.quirks.result_first, [Step::Connect, Step::Publish].into());
        assert_eq!(options.quirks.refused_keys, ["urc".to_owned()].into());
        let default = Scenario::parse("").unwrap().options(NT26E);
        assert!(default.echo && default.sim == Sim::Ready && default.registration == Registration::Home);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (text, told) in [
            ("modem = \"nokia\"", ", line 1, column 9: there is no mock of \"nokia\""),
            ("seed = 1\nfalts = []", ", line 2, column 1: unknown field `falts`, expected one of"),
            (
                "faults = [\n  \"mute\",\n  \"rest@5s\",\n]",
                ", line 3, column 3: faults, column 1, \"rest@5s\": there is no fault",
            ),
            ("[latency]\ncommand = \"soon\"", ", line 2, column 11: \"soon\" is no duration"),
            ("baud = 1", ", line 1, column 8: 1 is no rate"),
            ("baud = \"fast\"", ", line 1, column 8: invalid type"),
            ("[quirks]\nresult_first = [\"open\", \"all\"]", ", line 2, column 25: unknown variant `all`"),
            ("seed = ", ", line 1, column 8: "),
        ] {
            let fault = Scenario::parse(text).unwrap_err();
            assert!(fault.starts_with(told), "{text}: {fault}");
        }
    }
}
