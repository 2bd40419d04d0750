//! Strings that would be something else to the module than what they are to the caller: a quote that ends an argument, a carriage
//! return that ends a command. Each is refused before a byte leaves, or arrives as what it is, in one command. What a client is given is in the
//! conformance suite, for every dialect; here is what goes to the module itself, and payloads on a pseudo-terminal.

use atmqtt::{ModemOptions, NetworkOptions, QoS, Secret, Text};
use atmqtt_mock::Mock;
use atmqtt_mock::modem::{self, MODELS, NT26E, NT35E, Sim};
use atmqtt_tests::{Bench, Line, broker, delivered, module};

/// What an attacker, or bad luck, may bring. `true`: no AT command can carry it.
fn hostile() -> Vec<(String, bool)> {
    let mut strings = Vec::new();
    for illegal in ["\"", "\r", "\n", "\x1a", "\x1b", "\0", "\x7f", "\u{85}", "\u{9b}"] {
        for string in [illegal.to_owned(), format!("a{illegal}"), format!("{illegal}b"), format!("a{illegal}b")] {
            strings.push((string, true));
        }
    }
    for illegal in
        ["\";AT+CFUN=0", "\r\nAT+CFUN=0\r", "a\",\"b", "\rAT+CFUN=0", "a\"\r\nAT+CFUN=0\r\n", "\x1aAT+CFUN=0\r"]
    {
        strings.push((illegal.to_owned(), true));
    }
    for legal in ["a\u{2028}b", "a\u{2029}b", "\u{feff}", "\u{202e}", ";AT^CFUN=0", "a,b", "\\"] {
        strings.push((legal.to_owned(), false));
    }
    strings.push((["+++"; 86].concat()[..256].to_owned(), false));
    strings
}

/// No hostile string has become a command of its own: each line that was heard is one that the driver knows.
fn heard_nothing_else(mock: &Mock) {
    let known = [
        "AT",
        "ATE0",
        "ATI",
        "AT+CMEE",
        "AT+CGM",
        "AT+LGMR",
        "AT+LMQTT",
        "AT+CPIN",
        "AT+CEREG",
        "AT+CGATT",
        "AT+CGDCONT",
    ];
    for line in mock.log().lines() {
        let name = line.split(['=', '?', '"']).next().unwrap_or_default();
        // One of the two questions that prove the line.
        let is_question = line == "AT+CFUN?";
        let is_known = known.iter().any(|known| name == *known || known.len() > 4 && name.starts_with(known));
        assert!(is_question || is_known, "{line:?}");
    }
}

/// How many commands have this in them.
fn commands_with(mock: &Mock, string: &str) -> usize {
    mock.log().commands().iter().filter(|heard| contains(&heard.line, string.as_bytes())).count()
}

fn contains(line: &[u8], part: &[u8]) -> bool {
    line.windows(part.len()).any(|window| window == part)
}

fn text(string: &str) -> Option<Text> {
    Text::new(string).ok()
}

#[tokio::test]
async fn hosts() {
    let bench = Bench::start(Line::PseudoTerminal, Mock::builder()).await;
    for (string, illegal) in hostile() {
        let Some(host) = text(&string) else {
            assert!(illegal, "{string:?}");
            assert!(format!("mqtt://{string}").parse::<atmqtt::Broker>().is_err(), "{string:?}");
            continue;
        };
        let mut options = broker("device");
        options.broker.host = host;
        if string.len() > 100 {
            let refused = bench.silently(bench.modem.mqtt(options).connect()).await.map(drop).unwrap_err();
            assert_eq!(refused.code(), "input.too_long");
            continue;
        }
        let before = commands_with(&bench.mock, &string);
        bench.sign_in(options).await.disconnect().await.unwrap();
        assert_eq!(commands_with(&bench.mock, &format!("AT+LMQTTOPEN=0,\"{string}\",1883")), 1);
        assert_eq!(commands_with(&bench.mock, &string) - before, 1, "{string:?}");
    }
    heard_nothing_else(&bench.mock);
}

#[tokio::test]
async fn access_points() {
    for (string, illegal) in hostile() {
        let Some(apn) = text(&string) else {
            assert!(illegal, "{string:?}");
            continue;
        };
        let mut network = NetworkOptions::default();
        network.apn = Some(apn);
        let bench = Bench::open(Line::Duplex, Mock::builder(), ModemOptions::new().network(network)).await;
        let outcome = bench.modem.mqtt(broker("device")).connect().await.map(drop);
        assert_eq!(outcome.is_ok(), string.len() <= 100, "{string:?}: {outcome:?}");
        assert_eq!(commands_with(&bench.mock, &format!("AT+CGDCONT=0,\"IP\",\"{string}\"")), 1, "{string:?}");
        assert_eq!(commands_with(&bench.mock, &string), 1, "{string:?}");
        heard_nothing_else(&bench.mock);
    }
}

#[tokio::test]
async fn pins() {
    for (string, illegal) in hostile() {
        let Ok(pin) = Secret::new(string.as_str()) else {
            assert!(illegal, "{string:?}");
            continue;
        };
        let mut network = NetworkOptions::default();
        network.pin = Some(pin);
        let sim = Sim::PinRequired(string.clone());
        let builder = Mock::builder().modem(modem::ModemOptions { sim, ..module(NT26E) });
        let bench = Bench::open(Line::Duplex, builder, ModemOptions::new().network(network)).await;
        let client = bench.connect("device").await;
        delivered(client.publish("a", "b"), QoS::AtLeastOnce).await;
        assert_eq!(commands_with(&bench.mock, &format!("AT+CPIN=\"{string}\"")), 1, "{string:?}");
        assert_eq!(commands_with(&bench.mock, &string), 1, "{string:?}");
        heard_nothing_else(&bench.mock);
    }
}

#[tokio::test]
async fn payloads() {
    for model in MODELS {
        let bench = Bench::start(Line::PseudoTerminal, Mock::builder().modem(module(model))).await;
        let broker = bench.mock.broker().unwrap();
        let client = bench.connect("device").await;
        for (string, _) in hostile() {
            let ends_something = string.contains(['\r', '\n', '\0', '\x1a', '\x1b']);
            if model == NT35E && ends_something {
                let refused = bench.silently(client.publish("a", string.as_str())).await.unwrap_err();
                assert_eq!(refused.code(), "input.payload_byte", "{string:?}");
                continue;
            }
            let before = bench.mock.log().command_count();
            delivered(client.publish("a", string.as_str()), QoS::AtLeastOnce).await;
            assert_eq!(bench.mock.log().command_count() - before, 1, "{string:?}");
            assert_eq!(broker.published().last().unwrap().message.payload, string.as_bytes());
        }
        heard_nothing_else(&bench.mock);
    }
}

#[tokio::test]
async fn raw_commands_are_one_line() {
    let bench = Bench::start(Line::PseudoTerminal, Mock::builder()).await;
    for line in ["AT\r\nAT+CFUN=0\r", "AT\rAT+CFUN=0", "AT+CSQ\x1a", "AT\x1b", "AT\0", "\n", "AT+CSQ\u{85}"] {
        let refused = bench.silently(bench.modem.raw(line)).await.unwrap_err();
        assert_eq!(refused.code(), "input.character", "{line:?}");
    }
}
