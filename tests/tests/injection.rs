//! Strings that would be something else to the module than what they are to the caller, on a real pseudo-terminal, where control
//! characters mean something on the way too. Every place that a string can stand in is in the conformance suite, on every model.

use atmqtt::QoS;
use atmqtt_mock::Mock;
use atmqtt_mock::modem::{MODELS, NT35E};
use atmqtt_tests::{Bench, Line, delivered, module};

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

/// No hostile string has become a command of its own: each line that was heard is one that the driver knows.
fn heard_nothing_else(mock: &Mock) {
    let known = ["AT", "ATE0", "ATI", "AT+CMEE", "AT+CGM", "AT+LGMR", "AT+LMQTT", "AT+CPIN", "AT+CEREG", "AT+CGATT"];
    for line in mock.log().lines() {
        let name = line.split(['=', '?', '"']).next().unwrap_or_default();
        // One of the two questions that prove the line.
        let is_question = line == "AT+CFUN?";
        let is_known = known.iter().any(|known| name == *known || known.len() > 4 && name.starts_with(known));
        assert!(is_question || is_known, "{line:?}");
    }
}

#[tokio::test]
async fn payloads() {
    for model in MODELS {
        let bench = Bench::start(Line::PseudoTerminal, Mock::builder().modem(module(model))).await;
        let broker = bench.mock.broker().unwrap();
        let client = bench.connect("device").await;
        for string in hostile() {
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
