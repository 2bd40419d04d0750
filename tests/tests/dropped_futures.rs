//! A future that is dropped gives up its answer, never the protocol: wherever it is dropped, the line stays in order.

use std::future::{Future, IntoFuture};

use atmqtt::{QoS, dialect::LinkReport};
use atmqtt_mock::Mock;
use atmqtt_mock::modem::{Dialect, Model, NT26E};
use atmqtt_tests::{Bench, Line, ONE_OF_EACH, broker, delivered, dropped_at_every, module, polled, soon, until_said};

/// The commands with which a message leaves, whatever comes before them.
const PUBLISH: [&str; 6] = ["AT+LMQTTPUB=", "AT+ECMTPUB=", "AT+QMTPUB=", "AT+QMTPUBEX=", "AT+CMQTTPUB=", "AT+MQTTPUB="];

/// The first dialect is looked at behind every line of its dialogue, the others behind some: what they have in common is the same code.
fn step(model: Model) -> usize {
    if model.dialect == Dialect::Lmqtt { 1 } else { 7 }
}

#[tokio::test]
async fn a_sign_in_that_is_dropped_is_taken_back() {
    for line in Line::ALL {
        for model in ONE_OF_EACH {
            let bench = Bench::start(line, Mock::builder().modem(module(model))).await;
            let broker_handle = bench.mock.broker().unwrap();
            let connect = || bench.modem.mqtt(broker("dropped")).connect();
            dropped_at_every(step(model), &bench, connect, async || {
                bench.is_in_order().await;
                soon(broker_handle.wait_for(|view| view.sessions.is_empty())).await.unwrap();
                // Once the module has put the connection away, the next one may come.
                // A look at the module does not wait for that.
                soon(async { while bench.modem.status().await.unwrap().mqtt != LinkReport::Closed {} }).await;
                let client = bench.connect("next").await;
                delivered(client.publish("a", "b"), QoS::AtLeastOnce).await;
                client.disconnect().await.unwrap();
            })
            .await;
        }
    }
}

#[tokio::test]
async fn a_publish_that_is_dropped_leaves_the_line_in_order() {
    for line in Line::ALL {
        // By prompt and in the command line, by the first model; by one of each dialect however it does it.
        let others = ONE_OF_EACH.into_iter().filter(|model| *model != NT26E).map(|model| (model, b"inline".to_vec()));
        for (model, payload) in [(NT26E, vec![0; 3000]), (NT26E, b"inline".to_vec())].into_iter().chain(others) {
            let bench = Bench::start(line, Mock::builder().modem(module(model))).await;
            let client = bench.connect("device").await;
            let publish = || client.publish("a", payload.clone()).qos(QoS::ExactlyOnce);
            dropped_at_every(1, &bench, publish, async || {
                bench.is_in_order().await;
                delivered(client.publish("next", "b"), QoS::AtLeastOnce).await;
            })
            .await;
            // Whatever left, left whole and once.
            let broker = bench.mock.broker().unwrap();
            let publishes = |line: &&String| PUBLISH.iter().any(|name| line.starts_with(name));
            let commands = bench.mock.log().lines().iter().filter(publishes).count();
            soon(broker.wait_for(|view| view.published == commands as u64)).await.unwrap();
            for taken in broker.published() {
                let whole = if taken.message.topic == "a" { payload.as_slice() } else { b"b" };
                assert!(taken.message.payload == whole);
            }
        }
    }
}

#[tokio::test]
async fn a_subscription_that_is_dropped_leaves_the_line_in_order() {
    for line in Line::ALL {
        let bench = Bench::start(line, Mock::builder()).await;
        let client = bench.connect("device").await;
        dropped_at_every(
            1,
            &bench,
            || client.subscribe("a", QoS::AtLeastOnce),
            async || {
                bench.is_in_order().await;
                let mut messages = client.subscribe("a", QoS::AtLeastOnce).await.unwrap();
                delivered(client.publish("a", "b"), QoS::AtLeastOnce).await;
                assert_eq!(soon(messages.recv()).await.unwrap().payload, b"b");
            },
        )
        .await;
        dropped_at_every(
            1,
            &bench,
            || client.unsubscribe("a"),
            async || {
                bench.is_in_order().await;
                delivered(client.publish("a", "b"), QoS::AtLeastOnce).await;
            },
        )
        .await;
    }
}

#[tokio::test]
async fn a_farewell_that_is_dropped_is_said_all_the_same() {
    let bench = Bench::start(Line::PseudoTerminal, Mock::builder()).await;
    let broker_handle = bench.mock.broker().unwrap();
    for lines in 0..5 {
        let client = bench.connect("device").await;
        until_said(&bench, lines, client.disconnect()).await;
        assert_eq!(soon(client.disconnected()).await, None);
        soon(broker_handle.wait_for(|view| view.sessions.is_empty())).await.unwrap();
        bench.is_in_order().await;
    }
}

#[tokio::test]
async fn questions_that_are_dropped_leave_the_line_in_order() {
    for line in Line::ALL {
        let bench = Bench::start(line, Mock::builder()).await;
        dropped_at_every(1, &bench, || bench.modem.status(), async || bench.is_in_order().await).await;
        dropped_at_every(1, &bench, || bench.modem.raw("AT+CGMR"), async || bench.is_in_order().await).await;
    }
}

#[tokio::test]
async fn many_calls_dropped_at_once_leave_the_line_in_order() {
    let bench = Bench::start(Line::PseudoTerminal, Mock::builder()).await;
    let client = bench.connect("device").await;
    // More than wait in any queue, so that some are dropped before they are heard at all.
    let publishes = (0..300).map(|_| Box::pin(polled(1, client.publish("a", "b").qos(QoS::AtLeastOnce))));
    for publish in publishes {
        assert!(publish.await.is_none());
    }
    bench.is_in_order().await;
    delivered(client.publish("next", "c"), QoS::AtLeastOnce).await;
    let broker = bench.mock.broker().unwrap();
    assert_eq!(broker.published().last().unwrap().message.topic, "next");
}

/// Whoever drops one attempt (its time was up, say) and tries again is not told that there is a connection already.
#[tokio::test]
async fn a_sign_in_right_behind_one_that_was_dropped_works() {
    for line in Line::ALL {
        for lines in [0, 1, 5, 20, 30, 40, 45, 50] {
            let bench = Bench::start(line, Mock::builder()).await;
            until_said(&bench, lines, bench.modem.mqtt(broker("dropped")).connect()).await;
            let client = bench.connect("next").await;
            delivered(client.publish("a", "b"), QoS::AtLeastOnce).await;
            let broker = bench.mock.broker().unwrap();
            soon(broker.wait_for(|view| view.session("dropped").is_none())).await.unwrap();
            assert!(broker.sessions()[0].connected);
        }
    }
}

fn is_send(future: impl Future + Send) -> impl Future + Send {
    future
}

/// Every future may be spawned on any runtime.
#[tokio::test]
async fn futures_are_send() {
    let bench = Bench::start(Line::Duplex, Mock::builder()).await;
    let client = bench.connect("device").await;
    drop(is_send(bench.modem.mqtt(broker("x")).connect()));
    drop(is_send(bench.modem.status()));
    drop(is_send(client.publish("a", "b").into_future()));
    drop(is_send(client.subscribe("a", QoS::AtMostOnce)));
    drop(is_send(client.disconnected()));
    drop(is_send(atmqtt::Modem::open("/dev/null")));
}
