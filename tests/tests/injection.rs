//! Strings that would be something else to the module than what they are to the caller, on a real pseudo-terminal, where control
//! characters mean something on the way too. Every place that a string can stand in is in the conformance suite, on every model.

use std::collections::BTreeSet;

use atmqtt::{Delivery, QoS};
use atmqtt_mock::Mock;
use atmqtt_tests::{Bench, Line, ONE_OF_EACH, module};

/// What an attacker, or bad luck, may bring.
fn hostile() -> Vec<String> {
    let mut strings = Vec::new();
    for character in ["\"", "\r", "\n", "\x1a", "\x1b", "\0", "\x7f", "\u{85}", "\u{9b}"] {
        let around = [format!("a{character}"), format!("{character}b"), format!("a{character}b")];
        strings.extend([character.to_owned()].into_iter().chain(around));
    }
    for string in [
        "\";AT+CFUN=0",
        "\r\nAT+CFUN=0\r",
        "a\",\"b",
        "\rAT+CFUN=0",
        "a\"\r\nAT+CFUN=0\r\n",
        "\x1aAT+CFUN=0\r",
        ";AT^CFUN=0",
    ] {
        strings.push(string.to_owned());
    }
    strings.push(["+++"; 86].concat());
    strings
}

/// The names of the commands that the module has heard.
fn heard(mock: &Mock) -> BTreeSet<String> {
    let name = |line: String| line.split(['=', '?', '"']).next().unwrap_or_default().to_owned();
    mock.log().lines().into_iter().map(name).collect()
}

#[tokio::test]
async fn payloads() {
    for model in ONE_OF_EACH {
        let bench = Bench::start(Line::PseudoTerminal, Mock::builder().modem(module(model))).await;
        let broker = bench.mock.broker().unwrap();
        let client = bench.connect("device").await;
        // What is said for payloads of which nothing is to be feared, in each form that the module has.
        for length in [1, 500, 1200] {
            // What is too long for a model is refused.
            drop(client.publish("a", "a".repeat(length)).qos(QoS::AtLeastOnce).await);
        }
        let known = heard(&bench.mock);
        let mut carried = 0;
        for string in hostile() {
            let refused = match client.publish("a", string.as_str()).qos(QoS::AtLeastOnce).await {
                Ok(receipt) => {
                    assert_eq!(
                        receipt.delivery,
                        Delivery::Delivered { retransmissions: 0 },
                        "{}: {string:?}",
                        model.name
                    );
                    assert_eq!(broker.published().last().unwrap().message.payload, string.as_bytes());
                    carried += 1;
                    continue;
                }
                Err(refused) => refused,
            };
            assert_eq!(refused.code(), "input.payload_byte", "{}: {string:?}: {refused}", model.name);
            assert!(string.contains(|character: char| character == '"' || character.is_control()), "{string:?}");
            bench.silently(client.publish("a", string.as_str()).qos(QoS::AtLeastOnce)).await.unwrap_err();
        }
        assert!(carried > 0, "{}", model.name);
        // No hostile string has become a command of its own. That of `silently` is AT.
        let found: Vec<String> = heard(&bench.mock).difference(&known).cloned().collect();
        assert!(found.iter().all(|name| name == "AT"), "{}: {found:?}", model.name);
        assert!(!bench.mock.log().lines().iter().any(|line| line.starts_with("AT+CFUN=")), "{}", model.name);
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
