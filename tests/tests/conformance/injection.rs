//! Strings that would be something else to the module than what they are to the caller. Each is refused before a byte is written, or
//! arrives as what it is; none becomes a command.

use std::collections::BTreeSet;

use atmqtt::{Broker, Error, MqttOptions, NetworkOptions, QoS, Secret, Text, Topic, Will};
use atmqtt_mock::Mock;
use atmqtt_mock::broker::Message;
use atmqtt_mock::modem::{ModemOptions, Sim};
use atmqtt_tests::{Bench, Line, broker, module, soon};

use crate::behaviour::{Group, Seen, behaviours, unless_refused};
use crate::subject::Subject;
use crate::witness::{Told, level, published, witness};

pub(crate) static GROUP: Group = Group::new(
    "Hostile strings, carried to the byte or refused before a byte is written, in",
    behaviours! {
        "the broker's host" => host,
        "the access point's name" => access_point,
        "the SIM's PIN" => pin,
        "the client id" => |subject| sign_ins(subject, CLIENT_ID, |told| Some(told.client_id.into())),
        "the user name" => |subject| sign_ins(subject, USERNAME, |told| told.username.map(Into::into)),
        "the password" => |subject| sign_ins(subject, PASSWORD, |told| told.password),
        "the will's topic" => |subject| sign_ins(subject, WILL_TOPIC, |told| told.will.map(|will| will.topic.into())),
        "the will's payload" => |subject| sign_ins(subject, WILL_PAYLOAD, |told| told.will.map(|will| will.payload)),
        "topics" => topics,
        "filters" => filters,
        "payloads" => payloads,
        "messages that come, none of which causes a command" => downlinks,
    },
);

/// What an attacker, or bad luck, may bring.
fn hostile() -> Vec<String> {
    let mut strings = Vec::new();
    for character in ["\"", "\r", "\n", "\x1a", "\x1b", "\0", "\x7f", "\u{85}", "\u{9b}"] {
        strings.extend([
            character.to_owned(),
            format!("a{character}"),
            format!("{character}b"),
            format!("a{character}b"),
        ]);
    }
    let others = [
        "\";AT+CFUN=0",
        "\r\nAT+CFUN=0\r",
        "a\",\"b",
        "\rAT+CFUN=0",
        "a\"\r\nAT+CFUN=0\r\n",
        "\x1aAT+CFUN=0\r",
        "a\u{2028}b",
        "\u{feff}",
        "\u{202e}",
        ";AT^CFUN=0",
        ";+CFUN=0",
        "a,b",
        "\\",
        "\\\"",
        "\\r\\nAT+CFUN=0",
        "%0d%0a",
        "&#13;",
        "+++",
        "A/",
    ];
    strings.extend(others.map(str::to_owned));
    strings
}

/// Whether nothing in it could end an argument or a line: then there is no reason to refuse it.
fn is_harmless(string: &str) -> bool {
    !string.contains(|character: char| character == '"' || character.is_control())
}

/// Whether it is also a topic: `+` and `#` are wildcards. MQTT 3.1.1, 4.7.
fn is_harmless_topic(string: &str) -> bool {
    is_harmless(string) && !string.contains(['+', '#'])
}

/// The names of all commands that the module has heard.
fn heard(mock: &Mock) -> BTreeSet<String> {
    let name = |line: String| line.split(['=', '?', '"']).next().unwrap_or_default().to_owned();
    mock.log().lines().into_iter().map(name).collect()
}

/// The names of the commands of an ordinary day, and nothing else, have been heard. `=` with CFUN would be the attacker's.
async fn nothing_else_heard(bench: &Bench, subject: Subject) {
    let ordinary = with_sim(subject, "1234", Text::new("internet").ok()).await;
    let client = soon(ordinary.sign_in(with_all())).await;
    drop(soon(client.subscribe("a", QoS::AtLeastOnce)).await.expect("a subscription"));
    for payload in ["plain".to_owned(), "\x01\r\n".to_owned(), "x".repeat(1400)] {
        // Each form that the module has.
        let _ = soon(client.publish("a", payload).qos(QoS::AtLeastOnce)).await;
    }
    soon(client.unsubscribe("a")).await.expect("no subscription");
    soon(client.disconnect()).await.expect("a farewell");
    ordinary.answers().await;
    bench.answers().await;
    let (known, found) = (heard(&ordinary.mock), heard(&bench.mock));
    assert!(found.is_subset(&known), "{:?}", found.difference(&known));
    assert!(!bench.mock.log().lines().iter().any(|line| line.starts_with("AT+CFUN=")));
    bench.is_in_order().await;
}

fn with_all() -> MqttOptions {
    let mut options = broker("device");
    options.username = Text::new("user").ok();
    options.password = Secret::new("password").ok();
    options.will = will("will", "gone").ok();
    options
}

fn will(topic: &str, payload: &str) -> Result<Will, Error> {
    Ok(Will { topic: Topic::new(topic)?, payload: Text::new(payload)?, qos: QoS::AtMostOnce, retain: false })
}

/// Puts a string where it belongs, unless its type refuses it.
type Set = fn(&mut MqttOptions, &str) -> Result<(), Error>;

const CLIENT_ID: Set = |options, string| Text::new(string).map(|text| options.client_id = text).map_err(Into::into);
const USERNAME: Set = |options, string| Text::new(string).map(|text| options.username = Some(text)).map_err(Into::into);
const PASSWORD: Set =
    |options, string| Secret::new(string).map(|text| options.password = Some(text)).map_err(Into::into);
const WILL_TOPIC: Set = |options, string| will(string, "gone").map(|will| options.will = Some(will));
const WILL_PAYLOAD: Set = |options, string| will("will", string).map(|will| options.will = Some(will));

/// A bench whose module asks for a PIN, and a host that knows it and the access point.
async fn with_sim(subject: Subject, pin: &str, apn: Option<Text>) -> Bench {
    let mut network = NetworkOptions::default();
    (network.pin, network.apn) = (Secret::new(pin).ok(), apn);
    let sim = Sim::PinRequired(pin.to_owned());
    let builder = Mock::builder().modem(ModemOptions { sim, ..module(subject.model) });
    Bench::open(Line::Duplex, builder, subject.options().network(network)).await
}

/// How many command lines have this in them.
fn commands_with(mock: &Mock, string: &str) -> usize {
    mock.log().lines().iter().filter(|line| line.contains(string)).count()
}

async fn host(subject: Subject) -> Seen {
    let bench = subject.bench().await;
    for string in hostile() {
        let Ok(host) = Text::new(string.as_str()) else {
            assert!(!is_harmless(&string), "{string:?}");
            assert!(format!("mqtt://{string}").parse::<Broker>().is_err(), "{string:?}");
            continue;
        };
        let mut options = broker("device");
        options.broker.host = host;
        let before = commands_with(&bench.mock, &string);
        let client = unless_refused(&bench, bench.modem.mqtt(options).connect()).await?;
        soon(client.disconnect()).await.expect("a farewell");
        assert_eq!(commands_with(&bench.mock, &string) - before, 1, "{string:?}");
    }
    nothing_else_heard(&bench, subject).await;
    Ok(())
}

async fn access_point(subject: Subject) -> Seen {
    for string in hostile() {
        let Ok(apn) = Text::new(string.as_str()) else {
            assert!(!is_harmless(&string), "{string:?}");
            continue;
        };
        let bench = with_sim(subject, "1234", Some(apn)).await;
        soon(bench.connect("device")).await;
        let defining = format!("\"IP\",\"{string}\"");
        assert_eq!((commands_with(&bench.mock, &string), commands_with(&bench.mock, &defining)), (1, 1), "{string:?}");
        nothing_else_heard(&bench, subject).await;
    }
    Ok(())
}

async fn pin(subject: Subject) -> Seen {
    for string in hostile() {
        if Secret::new(string.as_str()).is_err() {
            assert!(!is_harmless(&string), "{string:?}");
            continue;
        }
        // The SIM is open when it has been given exactly this.
        let bench = with_sim(subject, &string, None).await;
        soon(bench.connect("device")).await;
        assert_eq!(commands_with(&bench.mock, &string), 1, "{string:?}");
        nothing_else_heard(&bench, subject).await;
    }
    Ok(())
}

/// One string of a sign-in: how it is set, and where the broker finds it.
async fn sign_ins(subject: Subject, set: Set, find: fn(Told) -> Option<Vec<u8>>) -> Seen {
    let (hook, mut told) = witness();
    let bench = subject.bench_with(subject.mock().broker_options(hook)).await;
    for string in hostile() {
        let mut options = with_all();
        if let Err(refused) = set(&mut options, &string) {
            assert!(refused.code().starts_with("input."), "{string:?}: {refused}");
            let is_wildcard = refused.code() == "input.topic" && !is_harmless_topic(&string);
            assert!(!is_harmless(&string) || is_wildcard, "{string:?}: {refused}");
            continue;
        }
        let client = unless_refused(&bench, bench.modem.mqtt(options).connect()).await.expect("what the type takes");
        let told = soon(told.recv()).await.expect("a sign-in");
        assert_eq!(find(told).as_deref(), Some(string.as_bytes()));
        soon(client.disconnect()).await.expect("a farewell");
    }
    nothing_else_heard(&bench, subject).await;
    Ok(())
}

async fn topics(subject: Subject) -> Seen {
    let (bench, client, server) = subject.signed_in().await;
    let mut carried = Vec::new();
    for string in hostile() {
        if unless_refused(&bench, client.publish(&string, "x").qos(QoS::AtLeastOnce).into_future()).await.is_ok() {
            carried.push(string);
        } else {
            assert!(!is_harmless_topic(&string), "{string:?}");
        }
    }
    let arrived = published(&server, carried.len()).await;
    assert!(arrived.iter().map(|publication| &publication.message.topic).eq(&carried));
    nothing_else_heard(&bench, subject).await;
    Ok(())
}

async fn filters(subject: Subject) -> Seen {
    let (bench, client, server) = subject.signed_in().await;
    for string in hostile() {
        let subscribed = unless_refused(&bench, client.subscribe(&string, QoS::AtLeastOnce)).await.map(drop);
        let held: Vec<_> = server.sessions().into_iter().flat_map(|session| session.subscriptions).collect();
        match subscribed {
            Ok(()) => assert_eq!(held, [(string.clone(), level(QoS::AtLeastOnce))]),
            Err(_) => assert!(held.is_empty() && !is_harmless_topic(&string), "{string:?}"),
        }
        let unsubscribed = unless_refused(&bench, client.unsubscribe(&string)).await;
        assert_eq!(subscribed, unsubscribed, "{string:?}");
        assert!(server.sessions().into_iter().all(|session| session.subscriptions.is_empty()));
    }
    nothing_else_heard(&bench, subject).await;
    Ok(())
}

async fn payloads(subject: Subject) -> Seen {
    let (bench, client, server) = subject.signed_in().await;
    let mut carried = Vec::new();
    for string in hostile() {
        let publish = client.publish("up", string.as_str()).qos(QoS::AtLeastOnce).into_future();
        if unless_refused(&bench, publish).await.is_ok() {
            carried.push(string);
        } else {
            assert!(!is_harmless(&string), "{string:?}");
        }
    }
    let arrived = published(&server, carried.len()).await;
    assert!(
        arrived.iter().map(|publication| &publication.message.payload[..]).eq(carried.iter().map(String::as_bytes))
    );
    nothing_else_heard(&bench, subject).await;
    Ok(())
}

async fn downlinks(subject: Subject) -> Seen {
    let (bench, client, server) = subject.signed_in().await;
    let mut after = soon(client.subscribe("after", QoS::AtLeastOnce)).await.expect("a subscription");
    let _all = soon(client.subscribe("#", QoS::AtLeastOnce)).await.expect("a subscription");
    for string in hostile() {
        for topic in ["down", &string] {
            // What is no topic to the broker either.
            if server.publish(Message::new(topic, string.as_bytes())).is_err() {
                continue;
            }
            server.publish(Message::new("after", "in order")).expect("a message");
            assert_eq!(soon(after.recv()).await.expect("a message").payload, b"in order", "{topic:?}: {string:?}");
        }
    }
    nothing_else_heard(&bench, subject).await;
    Ok(())
}
