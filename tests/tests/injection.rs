//! Strings that would be something else to the module than what they are to the caller: a quote that ends an argument, a carriage
//! return that ends a command. Each is refused before a byte leaves, or arrives as what it is, in one command.

use atmqtt::{Error, Fault, ModemOptions, MqttOptions, NetworkOptions, QoS, Secret, Text, Topic, Will};
use atmqtt_mock::Mock;
use atmqtt_mock::broker::{BrokerOptions, Message, ReturnCode};
use atmqtt_mock::modem::{self, MODELS, NT26E, NT35E, Sim};
use atmqtt_tests::{Bench, Line, broker, delivered, module, soon};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

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

fn is_input(error: &Error) -> bool {
    matches!(error, Error::Modem(Fault::Input(_)))
}

#[tokio::test]
async fn topics_and_filters() {
    for model in MODELS {
        let bench = Bench::start(Line::PseudoTerminal, Mock::builder().modem(module(model))).await;
        let client = bench.connect("device").await;
        for (string, illegal) in hostile() {
            let wildcard = string.contains('+');
            if illegal || wildcard {
                let refused = bench.silently(client.publish(&string, "x")).await.unwrap_err();
                assert!(is_input(&refused), "{string:?}: {refused}");
                let refused = bench.silently(client.subscribe(&string, QoS::AtMostOnce)).await.map(drop).unwrap_err();
                assert!(is_input(&refused), "{string:?}: {refused}");
                let refused = bench.silently(client.unsubscribe(&string)).await.unwrap_err();
                assert!(is_input(&refused), "{string:?}: {refused}");
                continue;
            }
            let before = commands_with(&bench.mock, &string);
            let mut own = client.subscribe(&string, QoS::AtLeastOnce).await.unwrap();
            delivered(client.publish(&string, "x"), QoS::AtLeastOnce).await;
            assert_eq!(soon(own.recv()).await.unwrap().topic, string);
            client.unsubscribe(&string).await.unwrap();
            assert_eq!(commands_with(&bench.mock, &string) - before, 3, "{string:?}");
        }
        heard_nothing_else(&bench.mock);
    }
}

/// What a broker was told at a sign-in.
#[derive(Debug, Default, PartialEq)]
struct Told {
    client_id: String,
    username: Option<String>,
    password: Option<String>,
    will: Option<(String, String)>,
}

async fn with_witness() -> (Bench, UnboundedReceiver<Told>) {
    let (sender, told) = unbounded_channel();
    let options = BrokerOptions::new().sign_in(move |sign_in| {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        let told = Told {
            client_id: sign_in.client_id.to_owned(),
            username: sign_in.username.map(str::to_owned),
            password: sign_in.password.map(text),
            will: sign_in.will.map(|will| (will.topic.clone(), text(&will.payload))),
        };
        sender.send(told).expect("the test listens");
        ReturnCode::Accepted
    });
    (Bench::start(Line::PseudoTerminal, Mock::builder().broker_options(options)).await, told)
}

fn text(string: &str) -> Option<Text> {
    Text::new(string).ok()
}

fn will(topic: &str, payload: &str) -> Option<Will> {
    Some(Will { topic: Topic::new(topic).ok()?, payload: text(payload)?, qos: QoS::AtMostOnce, retain: false })
}

/// One parameter of a sign-in: how it is set, and what the broker is told then. `None`: the type does not take the string.
type Parameter = (&'static str, fn(&str) -> Option<MqttOptions>, fn(&str) -> Told);

const PARAMETERS: [Parameter; 5] = [
    (
        "client id",
        |string| Some(MqttOptions::new(broker("x").broker, text(string)?)),
        |string| Told { client_id: string.to_owned(), ..Told::default() },
    ),
    (
        "user name",
        |string| {
            let mut options = broker("device");
            options.username = Some(text(string)?);
            Some(options)
        },
        |string| Told { client_id: "device".to_owned(), username: Some(string.to_owned()), ..Told::default() },
    ),
    (
        "password",
        |string| {
            let mut options = broker("device");
            options.username = text("user");
            options.password = Some(Secret::new(string).ok()?);
            Some(options)
        },
        |string| Told {
            client_id: "device".to_owned(),
            username: Some("user".to_owned()),
            password: Some(string.to_owned()),
            ..Told::default()
        },
    ),
    (
        "will's topic",
        |string| {
            let mut options = broker("device");
            options.will = Some(will(string, "gone")?);
            Some(options)
        },
        |string| Told {
            client_id: "device".to_owned(),
            will: Some((string.to_owned(), "gone".to_owned())),
            ..Told::default()
        },
    ),
    (
        "will's payload",
        |string| {
            let mut options = broker("device");
            options.will = Some(will("will", string)?);
            Some(options)
        },
        |string| Told {
            client_id: "device".to_owned(),
            will: Some(("will".to_owned(), string.to_owned())),
            ..Told::default()
        },
    ),
];

#[tokio::test]
async fn what_a_sign_in_is_made_of() {
    for (what, set, expected) in PARAMETERS {
        let (bench, mut told) = with_witness().await;
        for (string, illegal) in hostile() {
            let wildcard = what == "will's topic" && string.contains('+');
            let Some(options) = set(&string) else {
                assert!(illegal || wildcard, "{what} {string:?}");
                continue;
            };
            assert!(!illegal, "{what} {string:?}");
            let before = commands_with(&bench.mock, &string);
            let client = bench.sign_in(options).await;
            assert_eq!(soon(told.recv()).await, Some(expected(&string)), "{what}");
            assert_eq!(commands_with(&bench.mock, &string) - before, 1, "{what} {string:?}");
            client.disconnect().await.unwrap();
        }
        heard_nothing_else(&bench.mock);
    }
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
async fn nothing_that_comes_down_causes_a_command() {
    for model in MODELS {
        let bench = Bench::start(Line::PseudoTerminal, Mock::builder().modem(module(model))).await;
        let broker = bench.mock.broker().unwrap();
        let client = bench.connect("device").await;
        let mut all = client.subscribe("#", QoS::AtLeastOnce).await.unwrap();
        let heard = bench.mock.log().bytes_heard();
        for (string, _) in hostile() {
            for topic in ["a", &string] {
                // Not every string can be a topic; and a quote in one is more than the module's line can tell.
                if topic.contains(['\0', '+', '"', '\r', '\n']) {
                    continue;
                }
                broker.publish(Message::new(topic, string.as_bytes())).unwrap();
                let message = soon(all.recv()).await.unwrap();
                assert_eq!((message.topic.as_str(), message.payload.as_slice()), (topic, string.as_bytes()));
            }
        }
        assert_eq!(bench.mock.log().bytes_heard(), heard, "something was sent because of a downlink");
        bench.is_in_order().await;
    }
}

#[tokio::test]
async fn hostile_topics_from_the_broker_break_one_message_at_the_most() {
    let bench = Bench::start(Line::PseudoTerminal, Mock::builder()).await;
    let broker = bench.mock.broker().unwrap();
    let client = bench.connect("device").await;
    let mut after = client.subscribe("after", QoS::AtLeastOnce).await.unwrap();
    let _all = client.subscribe("#", QoS::AtLeastOnce).await.unwrap();
    for topic in ["a\"", "\"", "\",5,x", "a\r\nOK\r\n", "a\r\nERROR", "\r\n> ", "a\",\"b"] {
        broker.publish(Message::new(topic, "payload")).unwrap();
        broker.publish(Message::new("after", "in order")).unwrap();
        assert_eq!(soon(after.recv()).await.unwrap().payload, b"in order", "{topic:?}");
        bench.is_in_order().await;
        delivered(client.publish("up", "in order"), QoS::AtLeastOnce).await;
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
