//! Retained messages, wills and kept sessions at a real Mosquitto.
//!
//! Where Mosquitto is not installed the tests say so and pass; with `ATMQTT_REQUIRE_MOSQUITTO=1` they fail.

use atmqtt::{MqttOptions, QoS, Text, Topic, Will};
use atmqtt_mock::modem::{Fault, MODELS, Model};
use atmqtt_mock::{BrokerChoice, Builder, Mock};
use atmqtt_tests::{Bench, Heard, Line, Mosquitto, broker, delivered, module, soon};

fn on(mosquitto: &Mosquitto, model: Model) -> Builder {
    Mock::builder().modem(module(model)).broker(BrokerChoice::Url(mosquitto.url()))
}

#[tokio::test]
async fn a_retained_message_is_seen_by_who_comes_later_until_it_is_cleared() {
    let Some(mosquitto) = Mosquitto::start().await else { return };
    for model in MODELS {
        let bench = Bench::start(Line::PseudoTerminal, on(&mosquitto, model)).await;
        let client = bench.connect("device").await;
        for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
            delivered(client.publish("state", "on").retain(true), qos).await;
            // At level 0 nobody says when the broker has it: the same link brings this one behind it.
            delivered(client.publish("other", "in order"), QoS::AtLeastOnce).await;
            let expected = Heard { topic: "state".to_owned(), qos, retain: true, payload: b"on".to_vec() };
            assert_eq!(mosquitto.retained("state").await, [expected]);

            let mut state = client.subscribe("state", QoS::AtLeastOnce).await.unwrap();
            assert_eq!(soon(state.recv()).await.unwrap().payload, b"on");
            client.unsubscribe("state").await.unwrap();

            delivered(client.publish("state", "").retain(true), qos).await;
            delivered(client.publish("other", "in order"), QoS::AtLeastOnce).await;
            assert_eq!(mosquitto.retained("state").await, []);
        }
    }
}

#[tokio::test]
async fn what_others_retained_comes_with_the_subscription() {
    let Some(mosquitto) = Mosquitto::start().await else { return };
    mosquitto.publish(&["kept/a", "-r"], QoS::AtLeastOnce, b"A").await;
    mosquitto.publish(&["kept/b", "-r"], QoS::AtMostOnce, b"B").await;
    for line in Line::ALL {
        let bench = Bench::start(line, on(&mosquitto, atmqtt_mock::modem::NT26E)).await;
        let client = bench.connect("device").await;
        let mut kept = client.subscribe("kept/+", QoS::ExactlyOnce).await.unwrap();
        let mut payloads = Vec::new();
        for _ in 0..2 {
            payloads.push(soon(kept.recv()).await.unwrap().payload);
        }
        payloads.sort();
        assert_eq!(payloads, [b"A", b"B"]);
    }
}

fn with_will(client_id: &str, retain: bool) -> MqttOptions {
    let will = Will {
        topic: Topic::new("wills/device").expect("legal text"),
        payload: Text::new("gone, {'at': 3}").expect("legal text"),
        qos: QoS::AtLeastOnce,
        retain,
    };
    let mut options = broker(client_id);
    options.will = Some(will);
    options
}

#[tokio::test]
async fn a_lost_link_leaves_the_will() {
    let Some(mosquitto) = Mosquitto::start().await else { return };
    for (model, retain) in MODELS.into_iter().zip([false, true]) {
        let bench = Bench::start(Line::PseudoTerminal, on(&mosquitto, model)).await;
        let mut listener = mosquitto.listen("wills/#").await;
        let client = bench.sign_in(with_will(model.name, retain)).await;
        bench.mock.control().order(Fault::DropLinks).await.unwrap();
        let will = listener.next().await;
        assert_eq!((will.topic.as_str(), will.payload.as_slice()), ("wills/device", &b"gone, {'at': 3}"[..]));
        assert_eq!(soon(client.disconnected()).await.unwrap().code, Some(1));
        let kept = mosquitto.retained("wills/#").await;
        assert_eq!(kept.iter().map(|heard| heard.retain).collect::<Vec<_>>(), vec![true; usize::from(retain)]);
    }
}

#[tokio::test]
async fn signing_out_leaves_no_will() {
    let Some(mosquitto) = Mosquitto::start().await else { return };
    for model in MODELS {
        let bench = Bench::start(Line::PseudoTerminal, on(&mosquitto, model)).await;
        let mut listener = mosquitto.listen("wills/#").await;
        let client = bench.sign_in(with_will(model.name, false)).await;
        client.disconnect().await.unwrap();
        assert_eq!(soon(client.disconnected()).await, None);
        mosquitto.has_lost(model.name).await;
        mosquitto.publish(&["wills/none"], QoS::AtLeastOnce, b"nothing before this").await;
        assert_eq!(listener.next().await.topic, "wills/none");
    }
}

/// Subscribes, signs out, lets a message be published, signs in again with or without a clean session.
async fn comes_back(mosquitto: &Mosquitto, model: Model, clean_session: bool) -> Vec<u8> {
    let bench = Bench::start(Line::PseudoTerminal, on(mosquitto, model)).await;
    let client_id = format!("{}-{clean_session}", model.name);
    let mut options = broker(&client_id);
    options.clean_session = clean_session;
    let client = bench.sign_in(options.clone()).await;
    let mut before = client.subscribe("news", QoS::AtLeastOnce).await.expect("a subscription");
    client.disconnect().await.expect("a farewell");
    assert_eq!(soon(before.recv()).await, None);
    mosquitto.has_lost(&client_id).await;

    mosquitto.publish(&["news"], QoS::AtLeastOnce, b"while away").await;

    let client = bench.sign_in(options).await;
    let mut after = client.subscribe("news", QoS::AtLeastOnce).await.expect("a subscription");
    mosquitto.publish(&["news"], QoS::AtLeastOnce, b"back again").await;
    soon(after.recv()).await.expect("a message").payload
}

#[tokio::test]
async fn a_kept_session_brings_what_came_while_away() {
    let Some(mosquitto) = Mosquitto::start().await else { return };
    for model in MODELS {
        assert_eq!(comes_back(&mosquitto, model, false).await, b"while away");
    }
}

#[tokio::test]
async fn a_clean_session_knows_nothing_of_the_last_one() {
    let Some(mosquitto) = Mosquitto::start().await else { return };
    for model in MODELS {
        assert_eq!(comes_back(&mosquitto, model, true).await, b"back again");
    }
}
