//! Lines that nobody asked for come at any time, also while a command is in flight. They are events, and change nothing.

use std::time::Duration;

use atmqtt::{Delivery, Event, Events, Line as Text, ModemEvent, QoS, RegistrationStatus};
use atmqtt_mock::Mock;
use atmqtt_mock::modem::{Fault, Latency, MODELS, ModemOptions, NT35E};
use atmqtt_tests::{Bench, Line, delivered, module, next};

/// A line, and what tells the event that it has to become.
type Unsolicited = (&'static str, fn(&Event) -> bool);

/// What a module may say unasked, and what a host makes of it.
fn unsolicited() -> Vec<Unsolicited> {
    fn unknown(event: &Event) -> bool {
        matches!(event, Event::Modem(ModemEvent::Unknown(_)))
    }
    vec![
        (
            "+CEREG: 5,\"1A2B\",\"0C3D4E5F\",7",
            |event| matches!(event, Event::Modem(ModemEvent::Registration(found)) if found.status == RegistrationStatus::Roaming),
        ),
        (
            "+CEREG: 2",
            |event| matches!(event, Event::Modem(ModemEvent::Registration(found)) if found.status == RegistrationStatus::Searching),
        ),
        ("+LMQTTURC: RECV,0,7", |event| matches!(event, Event::Modem(ModemEvent::MessageHeld { packet_id: Some(7) }))),
        ("+LMQTTPUB: 0,60000,0", |event| matches!(event, Event::Modem(ModemEvent::LateResult { message_id: 60_000 }))),
        ("NORMAL POWER DOWN", |event| matches!(event, Event::Modem(ModemEvent::PoweringDown))),
        ("+LMQTTSUBUNSUB: 0,60000,0,1", unknown),
        ("+LMQTTOPEN: 3,0", unknown),
        ("+LMQTTURC: NEW,0,1", unknown),
        ("+CGEV: ME PDN ACT 1", unknown),
        ("^MODE: 17,17", unknown),
        ("RING", unknown),
        ("*ECSIM: \"OK\"", unknown),
        ("> ", unknown),
        ("OKAY", unknown),
        ("AT+CSQ", unknown),
    ]
}

/// Says the line while the next command is being worked on.
async fn inject_meanwhile(bench: &Bench, from: usize, line: &str) {
    bench.dialogue.says(from, "> AT").await;
    let bytes = format!("\r\n{line}\r\n").into_bytes();
    bench.mock.control().order(Fault::Inject(bytes)).await.expect("a mock that runs");
}

async fn told(events: &mut Events, expected: fn(&Event) -> bool) {
    next(events, |event| expected(&event).then_some(())).await;
}

#[tokio::test(start_paused = true)]
async fn a_line_in_the_midst_of_a_command_is_an_event_and_changes_no_answer() {
    for model in MODELS {
        let latency = Latency { command: Duration::from_millis(10), ..Latency::default() };
        let options = ModemOptions { latency, ..module(model) };
        let bench = Bench::start(Line::Duplex, Mock::builder().modem(options)).await;
        let client = bench.connect("device").await;
        let mut messages = client.subscribe("own", QoS::AtLeastOnce).await.unwrap();
        let mut events = bench.events().await;
        let before = bench.modem.status().await.unwrap();
        for (line, expected) in unsolicited() {
            let from = bench.dialogue.len();
            let (status, ()) = tokio::join!(bench.modem.status(), inject_meanwhile(&bench, from, line));
            assert_eq!(status.unwrap(), before, "{line}");
            told(&mut events, expected).await;

            for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
                let from = bench.dialogue.len();
                tokio::join!(delivered(client.publish("own", line), qos), inject_meanwhile(&bench, from, line));
                told(&mut events, expected).await;
                assert_eq!(messages.recv().await.unwrap().payload, line.as_bytes());
            }

            let from = bench.dialogue.len();
            let subscribe = client.subscribe("other", QoS::AtLeastOnce);
            let (other, ()) = tokio::join!(subscribe, inject_meanwhile(&bench, from, line));
            told(&mut events, expected).await;
            let from = bench.dialogue.len();
            let (gone, ()) = tokio::join!(client.unsubscribe("other"), inject_meanwhile(&bench, from, line));
            told(&mut events, expected).await;
            gone.unwrap();
            assert_eq!(other.unwrap().recv().await, None, "{line}");
        }
        // Nothing was sent because of them.
        let heard = bench.mock.log().lines();
        assert!(!heard.iter().any(|line| line.contains("CFUN=") || line.contains("LMQTTREAD")), "{heard:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_line_between_the_steps_of_a_sign_in_does_not_stop_it() {
    let steps = ["> AT+CPIN?", "> AT+CEREG?", "> AT+LMQTTCFG=\"urc\"", "> AT+LMQTTOPEN=", "> AT+LMQTTCONN="];
    let latency = Latency { command: Duration::from_millis(10), ..Latency::default() };
    for step in steps {
        for (line, expected) in unsolicited() {
            let builder = Mock::builder().modem(ModemOptions { latency, ..ModemOptions::default() });
            let bench = Bench::start(Line::Duplex, builder).await;
            let mut events = bench.events().await;
            let inject = async {
                bench.dialogue.says(0, step).await;
                let bytes = format!("\r\n{line}\r\n").into_bytes();
                bench.mock.control().order(Fault::Inject(bytes)).await.unwrap();
            };
            let (client, ()) = tokio::join!(bench.connect("device"), inject);
            told(&mut events, expected).await;
            let receipt = client.publish("a", "b").qos(QoS::AtLeastOnce).await.unwrap();
            assert_eq!(receipt.delivery, Delivery::Delivered { retransmissions: 0 }, "{line} at {step}");
        }
    }
}

#[tokio::test]
async fn a_line_on_an_idle_port_is_told_as_it_came() {
    let bench = Bench::start(Line::PseudoTerminal, Mock::builder()).await;
    let mut events = bench.events().await;
    let line = |event| match event {
        Event::Modem(ModemEvent::Unknown(line)) => Some(line),
        _ => None,
    };
    for text in [&b"+NEWS: 1,\"two\""[..], b"\xff\xfe no text at all \0", b"A", "größe".as_bytes()] {
        for (before, after) in [("\r\n", "\r\n"), ("", "\r\n"), ("\r\r\n", "\r\r\n"), ("\n", "\n")] {
            let bytes = [before.as_bytes(), text, after.as_bytes()].concat();
            bench.mock.control().order(Fault::Inject(bytes)).await.unwrap();
            assert_eq!(next(&mut events, line).await, Text::new(text));
        }
    }
    bench.is_in_order().await;
}

#[tokio::test]
async fn a_line_without_an_end_is_thrown_away_and_told() {
    let bench = Bench::start(Line::PseudoTerminal, Mock::builder()).await;
    let mut events = bench.events().await;
    let bytes = [&[b'x'; 40_000][..], b"\r\n"].concat();
    bench.mock.control().order(Fault::Inject(bytes)).await.unwrap();
    let damaged = |event| match event {
        Event::Modem(ModemEvent::Damaged(fault)) => Some(fault.to_string()),
        _ => None,
    };
    let fault = next(&mut events, damaged).await;
    // With its carriage return.
    assert!(fault.contains("40001 bytes"), "{fault}");
    bench.is_in_order().await;
}

#[tokio::test]
async fn lines_about_another_connection_do_not_end_ours() {
    let bench = Bench::start(Line::PseudoTerminal, Mock::builder().modem(module(NT35E))).await;
    let client = bench.connect("device").await;
    let mut messages = client.subscribe("a", QoS::AtLeastOnce).await.unwrap();
    for line in [
        "+LMQTTURC: STATS,0,0",
        "+LMQTTURC: STATS,1,1",
        "+LMQTTURC: RECV,1,0,\"a\",6,theirs",
        "+LMQTTCONN: 0,0,0",
        "+LMQTTPUB: 0,9,2",
        "+LMQTTCLOSE: 1,0",
        "+LMQTTDISC: 4,0",
    ] {
        bench.mock.control().order(Fault::Inject(format!("\r\n{line}\r\n").into_bytes())).await.unwrap();
        delivered(client.publish("a", "ours"), QoS::AtLeastOnce).await;
        assert_eq!(messages.recv().await.unwrap().payload, b"ours", "{line}");
    }
}
