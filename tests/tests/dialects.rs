//! Every model that the mock plays, in whatever commands it speaks: the same behaviour, or a typed refusal.

use atmqtt::{Client, Error, Fault, QoS, Refusal, Subscription};
use atmqtt_mock::Mock;
use atmqtt_mock::broker::QoS as BrokerQoS;
use atmqtt_mock::modem::{self, Dialect, Model};
use atmqtt_tests::{Bench, Line, broker, delivered, module, soon};

/// Payloads that a line, a prompt or a length may get wrong.
const PAYLOADS: [&[u8]; 8] = [
    b"plain",
    b"",
    b"{\"a\":\"b,c\"}",
    b"\"",
    b"a\r\nOK\r\n\r\n+QMTRECV: 0,0,\"down\",\"x\"\r\n",
    b"> \r\nAT+CFUN=0\r",
    b"\x00\x01\xff\xfe",
    b"\x1a\x1b",
];

async fn bench(model: Model) -> Bench {
    Bench::start(Line::Duplex, Mock::builder().modem(module(model))).await
}

async fn subscribed(bench: &Bench) -> (Client, Subscription) {
    let client = bench.connect("device").await;
    let messages = soon(client.subscribe("down", QoS::AtLeastOnce)).await.expect("a subscription");
    (client, messages)
}

#[tokio::test]
async fn every_model_is_known_by_what_it_says_and_by_the_commands_that_it_knows() {
    for model in Model::all() {
        assert_eq!(bench(model).await.modem.profile().model.name.as_ref(), model.name);
    }
}

#[tokio::test]
async fn a_payload_arrives_to_the_byte_or_is_refused_before_a_byte_is_written() {
    for model in Model::all() {
        let bench = bench(model).await;
        let client = bench.connect("device").await;
        let mut arrived = Vec::new();
        for payload in PAYLOADS {
            for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
                match soon(client.publish("up", payload).qos(qos)).await {
                    Ok(receipt) => {
                        assert_eq!(receipt.delivery, atmqtt::Delivery::Delivered, "{}: {payload:?}", model.name);
                        arrived.push(payload.to_vec());
                    }
                    Err(Error::Modem(Fault::Input(Refusal::PayloadByte { .. } | Refusal::EmptyPayload { .. }))) => {}
                    Err(fault) => panic!("{}: {payload:?}: {fault}", model.name),
                }
            }
        }
        let published = bench.mock.broker().expect("a broker").published();
        let payloads: Vec<_> = published.into_iter().map(|published| published.message.payload).collect();
        assert_eq!(payloads, arrived, "{}", model.name);
        assert!(arrived.len() >= 6, "{} takes next to nothing", model.name);
    }
}

#[tokio::test]
async fn what_is_published_to_it_is_received() {
    for model in Model::all() {
        let bench = bench(model).await;
        let (_client, mut messages) = subscribed(&bench).await;
        let broker = bench.mock.broker().expect("a broker");
        for payload in [&b"plain"[..], b"{\"a\":\"b,c\"}", b"a,b"] {
            let out = atmqtt_mock::broker::Message {
                topic: "down".to_owned(),
                payload: payload.to_vec(),
                qos: BrokerQoS::AtLeastOnce,
                retain: false,
            };
            broker.publish(out).expect("a message");
            let message = soon(messages.recv()).await.expect("a message");
            assert_eq!((&*message.topic, &*message.payload), ("down", payload), "{}", model.name);
        }
    }
}

#[tokio::test]
async fn a_refused_sign_in_says_why() {
    for model in Model::all() {
        let faults = "refuse=5".parse().expect("a list of faults");
        let builder = Mock::builder().modem(module(model)).faults(faults, 1);
        let bench = Bench::start(Line::Duplex, builder).await;
        let refused = soon(bench.modem.mqtt(broker("device")).connect()).await.map(drop).expect_err("a refusal");
        // OneMO's modules have one state for all refusals.
        let reason = if model.dialect == Dialect::OneMo { "broker.refused" } else { "broker.not_authorized" };
        assert_eq!(refused.code(), reason, "{}: {refused}", model.name);
    }
}

#[tokio::test]
async fn a_link_that_is_lost_and_a_restart_are_told_and_the_next_sign_in_works() {
    for model in Model::all() {
        for fault in [modem::Fault::DropLinks, modem::Fault::Reset] {
            let bench = bench(model).await;
            let (client, mut messages) = subscribed(&bench).await;
            bench.mock.control().order(fault.clone()).await.expect("a mock");
            let loss = soon(client.disconnected()).await;
            assert!(loss.is_some(), "{}, {fault:?}", model.name);
            assert_eq!(soon(messages.recv()).await, None, "{}, {fault:?}", model.name);
            let (client, mut messages) = subscribed(&bench).await;
            delivered(client.publish("down", "again"), QoS::AtLeastOnce).await;
            assert_eq!(soon(messages.recv()).await.expect("its own message").payload, b"again", "{}", model.name);
            client.disconnect().await.expect("a farewell");
        }
    }
}
