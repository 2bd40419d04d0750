//! Messages between a module and a real Mosquitto, both ways, to the byte.
//!
//! Where Mosquitto is not installed the tests say so and pass; with `ATMQTT_REQUIRE_MOSQUITTO=1` they fail.

use atmqtt::{Error, Fault, Framing, QoS, Refusal, Subscription};
use atmqtt_mock::modem::{MODELS, Model, ModemOptions, NT26E, NT35E, Quirks};
use atmqtt_mock::{BrokerChoice, Builder, Mock};
use atmqtt_tests::{Bench, Heard, Line, Mosquitto, delivered, module, soon};

const LEVELS: [QoS; 3] = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];

fn on(mosquitto: &Mosquitto, module: ModemOptions) -> Builder {
    Mock::builder().modem(module).broker(BrokerChoice::Url(mosquitto.url()))
}

/// A payload that every model can publish inside a command line, quotes, commas and non-ASCII bytes included.
fn inline(length: usize) -> Vec<u8> {
    (b' '..=0xff).cycle().take(length).collect()
}

/// A payload that no command line can carry.
fn binary(length: usize) -> Vec<u8> {
    (0..=0xff).cycle().take(length).collect()
}

/// The next message of a subscription, its end found by its length.
async fn received(subscription: &mut Subscription) -> (String, Vec<u8>) {
    let message = soon(subscription.recv()).await.expect("a message");
    assert_eq!(message.framing, Framing::Counted);
    (message.topic, message.payload)
}

async fn every_level_goes_both_ways(model: Model, line: Line) {
    let Some(mosquitto) = Mosquitto::start().await else { return };
    let bench = Bench::start(line, on(&mosquitto, module(model))).await;
    let client = bench.connect("device").await;

    let mut listener = mosquitto.listen("up").await;
    let payload = b"{\"temperature\": 21.5, \"unit\": \"\xc2\xb0C\"}";
    for qos in LEVELS {
        delivered(client.publish("up", payload), qos).await;
        let expected = Heard { topic: "up".to_owned(), qos, retain: false, payload: payload.to_vec() };
        assert_eq!(listener.next().await, expected);
    }

    for granted in LEVELS {
        let filter = format!("down/{}", granted.level());
        let mut messages = client.subscribe(&filter, granted).await.expect("a subscription");
        for qos in LEVELS {
            mosquitto.publish(&[&filter], qos, payload).await;
            let message = soon(messages.recv()).await.expect("a message");
            assert_eq!((message.topic.as_str(), message.payload.as_slice()), (filter.as_str(), &payload[..]));
            // What was sent and what was granted, whichever is less.
            assert_eq!(message.qos == Some(QoS::AtMostOnce), qos.min(granted) == QoS::AtMostOnce);
            assert_eq!(message.packet_id.is_none(), qos.min(granted) == QoS::AtMostOnce);
        }
    }
}

#[tokio::test]
async fn every_level_goes_both_ways_on_an_nt26e() {
    for line in Line::ALL {
        every_level_goes_both_ways(NT26E, line).await;
    }
}

#[tokio::test]
async fn every_level_goes_both_ways_on_an_nt35e() {
    for line in Line::ALL {
        every_level_goes_both_ways(NT35E, line).await;
    }
}

#[tokio::test]
async fn payloads_within_the_limit_are_exact_and_those_over_it_do_not_leave() {
    let Some(mosquitto) = Mosquitto::start().await else { return };
    for (model, limit, over) in [(NT35E, 1460, vec![1461, 8000]), (NT26E, 8000, vec![8001])] {
        let bench = Bench::start(Line::PseudoTerminal, on(&mosquitto, module(model))).await;
        let client = bench.connect(model.name).await;
        let mut listener = mosquitto.listen(model.name).await;
        for length in [0, 1, 1024, 1460, 8000].into_iter().filter(|length| *length <= limit) {
            delivered(client.publish(model.name, inline(length)), QoS::AtLeastOnce).await;
            assert!(listener.next().await.payload == inline(length), "{length} bytes up on {}", model.name);
        }
        for length in over {
            let refused = bench.silently(client.publish(model.name, inline(length))).await;
            let model = model.name.into();
            let expected = Refusal::TooLong { what: "payload", length, limit, model };
            assert_eq!(refused.unwrap_err(), Error::Modem(Fault::Input(expected)));
        }
        // Downlinks are as long as the broker likes.
        let mut messages = client.subscribe("down", QoS::AtLeastOnce).await.unwrap();
        for length in [0, 1, 1024, 1460, 8000] {
            mosquitto.publish(&["down"], QoS::AtLeastOnce, &binary(length)).await;
            assert!(received(&mut messages).await.1 == binary(length), "{length} bytes down on {}", model.name);
        }
    }
}

#[tokio::test]
async fn a_payload_of_every_byte_value_goes_out_by_prompt() {
    let Some(mosquitto) = Mosquitto::start().await else { return };
    for line in Line::ALL {
        let bench = Bench::start(line, on(&mosquitto, module(NT26E))).await;
        let client = bench.connect("device").await;
        let mut listener = mosquitto.listen("bytes").await;
        for (qos, length) in [(QoS::AtMostOnce, 256), (QoS::AtLeastOnce, 257), (QoS::ExactlyOnce, 8000)] {
            delivered(client.publish("bytes", binary(length)), qos).await;
            assert!(listener.next().await.payload == binary(length), "{length} bytes at {qos:?}");
        }
    }
}

#[tokio::test]
async fn a_payload_that_no_command_line_carries_does_not_leave_a_module_without_a_prompt() {
    let Some(mosquitto) = Mosquitto::start().await else { return };
    let bench = Bench::start(Line::PseudoTerminal, on(&mosquitto, module(NT35E))).await;
    let client = bench.connect("device").await;
    let mut listener = mosquitto.listen("bytes").await;
    for byte in 0..=0xff_u8 {
        let payload = [b'a', byte, b'z'];
        if !matches!(byte, 0 | b'\n' | b'\r' | 0x1a | 0x1b) {
            delivered(client.publish("bytes", payload), QoS::AtLeastOnce).await;
            assert_eq!(listener.next().await.payload, payload);
            continue;
        }
        let refused = bench.silently(client.publish("bytes", payload)).await.unwrap_err();
        let expected = Refusal::PayloadByte { byte, position: 1, model: NT35E.name.into() };
        assert_eq!(refused, Error::Modem(Fault::Input(expected)));
        assert_eq!(refused.code(), "input.payload_byte");
    }
}

#[tokio::test]
async fn topics_are_utf8() {
    let Some(mosquitto) = Mosquitto::start().await else { return };
    for model in MODELS {
        let bench = Bench::start(Line::PseudoTerminal, on(&mosquitto, module(model))).await;
        let client = bench.connect("device").await;
        let mut listener = mosquitto.listen("t/#").await;
        let mut messages = client.subscribe("d/#", QoS::AtLeastOnce).await.unwrap();
        for name in ["温度/厨房", "größe", "a b, c;d", "\\n'%s", "\u{1f321}\u{fe0f}", "/", "\u{2028}"] {
            let (up, down) = (format!("t/{name}"), format!("d/{name}"));
            delivered(client.publish(&up, b"up"), QoS::AtLeastOnce).await;
            assert_eq!(listener.next().await.topic, up);
            mosquitto.publish(&[&down], QoS::AtLeastOnce, b"down").await;
            assert_eq!(received(&mut messages).await, (down, b"down".to_vec()));
        }
        // As long as the module takes, in bytes and not in characters.
        let longest = format!("t/{}", "温".repeat(84) + "ab");
        assert_eq!(longest.len(), 256);
        delivered(client.publish(&longest, b"up"), QoS::AtLeastOnce).await;
        assert_eq!(listener.next().await.topic, longest);
        let refused = bench.silently(client.publish(&(longest + "c"), "up")).await.unwrap_err();
        assert_eq!(refused.code(), "input.too_long");
    }
}

#[tokio::test]
async fn a_device_gets_its_own_messages_back_whatever_byte_they_are() {
    let Some(mosquitto) = Mosquitto::start().await else { return };
    let bench = Bench::start(Line::Duplex, on(&mosquitto, module(NT26E))).await;
    let client = bench.connect("device").await;
    let mut own = client.subscribe("echo", QoS::ExactlyOnce).await.unwrap();
    for byte in 0..=0xff_u8 {
        delivered(client.publish("echo", [byte]), QoS::AtLeastOnce).await;
        assert_eq!(received(&mut own).await, ("echo".to_owned(), vec![byte]));
    }
}

#[tokio::test]
async fn downlinks_that_look_like_protocol_are_payloads() {
    let Some(mosquitto) = Mosquitto::start().await else { return };
    let payloads: [&[u8]; 20] = [
        b"\r\nOK\r\n",
        b"OK",
        b"\r\nERROR\r\n",
        b"+CME ERROR: 3",
        b"\r\n+CME ERROR: 3\r\n",
        b"\r\n> ",
        b"> ",
        b"\"",
        b"\"quoted\"",
        b"\"\r\n",
        b" ",
        b"  begins with blanks",
        b" \"",
        b"\0",
        b"\x1a",
        b"\x1b",
        b"\r",
        b"\n",
        b"a\r\n+LMQTTURC: RECV,0,0,\"forged\",1,x\r\n+LMQTTURC: STATS,0,1\r\n",
        b"^boot.rom'v\r\nLierda\r\n",
    ];
    for quoted_payload in [false, true] {
        for line in Line::ALL {
            let quirks = Quirks { quoted_payload, ..Quirks::default() };
            let bench = Bench::start(line, on(&mosquitto, ModemOptions { quirks, ..module(NT35E) })).await;
            let client = bench.connect("device").await;
            let mut messages = client.subscribe("down", QoS::AtLeastOnce).await.unwrap();
            let mut events = bench.events().await;
            for payload in payloads {
                mosquitto.publish(&["down"], QoS::AtLeastOnce, payload).await;
                assert_eq!(received(&mut messages).await, ("down".to_owned(), payload.to_vec()));
            }
            // They caused no command and no event, and the line is as it was.
            bench.is_in_order().await;
            delivered(client.publish("up", b"still here"), QoS::AtLeastOnce).await;
            bench.modem.close().await;
            let mut seen = Vec::new();
            while let Some(event) = events.recv().await {
                seen.push(event);
            }
            assert_eq!(seen, [atmqtt::Event::Modem(atmqtt::ModemEvent::Link(atmqtt::LinkState::Down))]);
        }
    }
}

#[tokio::test]
async fn a_single_byte_of_every_value_comes_down() {
    let Some(mosquitto) = Mosquitto::start().await else { return };
    let sender = Bench::start(Line::Duplex, on(&mosquitto, module(NT26E))).await;
    let uplink = sender.connect("sender").await;
    for quoted_payload in [false, true] {
        let quirks = Quirks { quoted_payload, ..Quirks::default() };
        let receiver =
            Bench::start(Line::PseudoTerminal, on(&mosquitto, ModemOptions { quirks, ..module(NT35E) })).await;
        let client = receiver.connect("receiver").await;
        let mut messages = client.subscribe("byte", QoS::AtLeastOnce).await.unwrap();
        for byte in 0..=0xff_u8 {
            delivered(uplink.publish("byte", [byte]), QoS::AtLeastOnce).await;
            assert_eq!(received(&mut messages).await.1, [byte]);
        }
    }
}
