//! Firmware of one name differs. Whatever it does, a host gets the same results.

use std::collections::BTreeSet;
use std::time::Duration;

use atmqtt::{LinkState, ModemEvent, QoS, Subscription, dialect::LinkReport};
use atmqtt_mock::Mock;
use atmqtt_mock::broker::{Message, QoS as BrokerQos};
use atmqtt_mock::modem::{
    EC800, Latency, Model, ModemOptions, NT26E, NT35E, Quirks, Step, UnsubscribeSpelling, UrcPort, VendorQuirks,
};
use atmqtt_tests::{Bench, Line, broker, delivered, module, soon};

const STEPS: [Step; 7] =
    [Step::Open, Step::Connect, Step::Subscribe, Step::Unsubscribe, Step::Publish, Step::Disconnect, Step::Close];

/// A name for the failure to show, and what this firmware does differently.
type Firmware = (String, ModemOptions);

fn firmwares(model: Model) -> Vec<Firmware> {
    let with = |quirks: Quirks| ModemOptions { quirks, ..module(model) };
    let result_first =
        |steps: &[Step]| with(Quirks { result_first: steps.iter().copied().collect(), ..Quirks::default() });
    let slow = Duration::from_millis(3);
    let strange = Quirks {
        result_first: STEPS.into(),
        unsubscribe_spelling: UnsubscribeSpelling::Command,
        refused_keys: BTreeSet::from(["version".to_owned(), "urc".to_owned()]),
        completion_needs_urc: false,
        quoted_payload: true,
        closes_while_opening: false,
    };
    let mut all = vec![
        ("as the manual has it".to_owned(), module(model)),
        ("every result before its OK".to_owned(), result_first(&STEPS)),
        (
            "unsubscribe spelt as subscribe".to_owned(),
            with(Quirks { unsubscribe_spelling: UnsubscribeSpelling::Command, ..Quirks::default() }),
        ),
        ("payloads in quotes".to_owned(), with(Quirks { quoted_payload: true, ..Quirks::default() })),
        (
            "completion without being asked".to_owned(),
            with(Quirks { completion_needs_urc: false, ..Quirks::default() }),
        ),
        ("no echo at power-up".to_owned(), ModemOptions { echo: false, ..module(model) }),
        (
            "slow".to_owned(),
            ModemOptions { latency: Latency { command: slow, open: slow, ..Latency::default() }, ..module(model) },
        ),
        ("all at once".to_owned(), ModemOptions { echo: false, ..with(strange.clone()) }),
        ("all at once, with echo".to_owned(), with(strange)),
    ];
    all.extend(STEPS.map(|step| (format!("{step:?}: result before OK"), result_first(&[step]))));
    all
}

async fn payload(messages: &mut Subscription) -> Vec<u8> {
    soon(messages.recv()).await.expect("a message").payload
}

/// One life with a broker: everything that a client can do, with the results that it must have.
async fn life(bench: &Bench) {
    let broker = bench.mock.broker().expect("the mock's own broker");
    let mut events = bench.events().await;
    let client = bench.connect("device").await;
    let mut messages = client.subscribe("a/#", QoS::ExactlyOnce).await.expect("a subscription");

    let payloads: [&[u8]; 4] = [b"", b"hello", b"{\"a\": \"b, c\"}", b"\"quoted\""];
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        for expected in payloads {
            delivered(client.publish("a/own", expected), qos).await;
            assert_eq!(payload(&mut messages).await, expected, "{qos:?}");
        }
    }
    for qos in [BrokerQos::AtMostOnce, BrokerQos::AtLeastOnce, BrokerQos::ExactlyOnce] {
        let every_byte: Vec<u8> = (0..=0xff).collect();
        broker.publish(Message::new("a/down", every_byte.clone()).qos(qos)).expect("a topic");
        assert!(payload(&mut messages).await == every_byte, "{qos:?}");
    }
    assert_eq!(bench.modem.status().await.expect("a status").mqtt, LinkReport::Connected);

    client.unsubscribe("a/#").await.expect("no subscription any more");
    assert_eq!(soon(messages.recv()).await, None);
    delivered(client.publish("a/own", "to nobody"), QoS::AtLeastOnce).await;
    assert!(broker.sessions()[0].subscriptions.is_empty());
    assert_eq!(broker.published().len(), 16);

    client.disconnect().await.expect("a farewell");
    assert_eq!(soon(client.disconnected()).await, None);
    soon(broker.wait_for(|view| view.sessions.is_empty())).await.expect("a broker that runs");
    assert_eq!(bench.modem.status().await.expect("a status").mqtt, LinkReport::Closed);

    // And a second one on the same line, in which nothing of the first is left.
    let client = bench.connect("device").await;
    let mut messages = client.subscribe("a/own", QoS::AtLeastOnce).await.expect("a subscription");
    delivered(client.publish("a/own", "again"), QoS::AtLeastOnce).await;
    assert_eq!(payload(&mut messages).await, b"again");

    // Of all that was said nothing was left over.
    for expected in [LinkState::Connecting, LinkState::Up, LinkState::Down, LinkState::Connecting, LinkState::Up] {
        assert_eq!(soon(events.recv()).await, Some(atmqtt::Event::Modem(ModemEvent::Link(expected))));
    }
    bench.answers().await;
    bench.modem.clone().close().await;
    assert_eq!(soon(events.recv()).await, Some(atmqtt::Event::Modem(ModemEvent::Link(LinkState::Down))));
    assert_eq!(soon(events.recv()).await, None);
}

async fn every_firmware(model: Model, line: Line) {
    for (name, options) in firmwares(model) {
        eprintln!("{} on {line:?}: {name}", model.name);
        let bench = Bench::start(line, Mock::builder().modem(options)).await;
        life(&bench).await;
        assert_eq!(bench.mock.log().bytes_lost(), 0);
    }
}

#[tokio::test]
async fn an_nt26e_on_a_pseudo_terminal() {
    every_firmware(NT26E, Line::PseudoTerminal).await;
}

#[tokio::test]
async fn an_nt26e_on_a_pipe() {
    every_firmware(NT26E, Line::Duplex).await;
}

#[tokio::test]
async fn an_nt35e_on_a_pseudo_terminal() {
    every_firmware(NT35E, Line::PseudoTerminal).await;
}

#[tokio::test]
async fn an_nt35e_on_a_pipe() {
    every_firmware(NT35E, Line::Duplex).await;
}

/// As an EG800K leaves the factory: commands are answered on the serial port, and their results come on another.
#[tokio::test(start_paused = true)]
async fn results_that_go_to_another_port_are_told_with_the_way_out() {
    let vendor = VendorQuirks { urc_port: UrcPort::UsbAt, ..VendorQuirks::default() };
    let bench = Bench::start(Line::Duplex, Mock::builder().modem(ModemOptions { vendor, ..module(EC800) })).await;
    let failed = bench.modem.mqtt(broker("device")).connect().await.map(drop).expect_err("no result");
    assert_eq!(failed.code(), "modem.results_elsewhere", "{failed}");
    assert!(failed.to_string().contains("usbat"), "{failed}");
    let cure = "AT+QURCCFG=\"urcport\",\"uart1\"";
    assert!(failed.to_string().contains(cure), "{failed}");
    let set = bench.modem.raw(cure).await.expect("an answer");
    assert_eq!(set.result, atmqtt::FinalResult::Ok);
    life(&bench).await;
}
