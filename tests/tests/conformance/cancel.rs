//! Futures that are dropped, at many points of their dialogue: the client works on, and no answer is given to another.

use atmqtt::QoS;
use atmqtt_tests::{broker, delivered, dropped_at_every, soon, until_said};

use crate::behaviour::{Group, Seen, behaviours};
use crate::subject::Subject;
use crate::witness::published;

pub(crate) static GROUP: Group = Group::new(
    "Dropped futures: the line stays in order after a dropped",
    behaviours! {
        "sign-in" => sign_in,
        "publish" => publish,
        "subscribe" => subscribe,
        "unsubscribe" => unsubscribe,
        "farewell" => farewell,
    },
);

async fn sign_in(subject: Subject) -> Seen {
    let bench = subject.bench().await;
    let server = bench.mock.broker().expect("a broker");
    let connect = || bench.modem.mqtt(broker("dropped")).connect();
    dropped_at_every(1, &bench, connect, async || {
        let client = soon(bench.connect("next")).await;
        delivered(client.publish("a", "b"), QoS::AtLeastOnce).await;
        soon(client.disconnect()).await.expect("a farewell");
        bench.is_in_order().await;
        soon(server.wait_for(|view| view.sessions.is_empty())).await.expect("a broker that runs");
    })
    .await;
    Ok(())
}

async fn publish(subject: Subject) -> Seen {
    let (bench, client, server) = subject.signed_in().await;
    let mut sent = 0;
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        dropped_at_every(
            1,
            &bench,
            || client.publish("dropped", "whole").qos(qos),
            async || {
                bench.is_in_order().await;
                delivered(client.publish("next", "next"), QoS::AtLeastOnce).await;
                sent += 1;
            },
        )
        .await;
    }
    // Whatever left, left whole, and nothing was left undone of what came behind it.
    let all = published(&server, sent).await;
    assert_eq!(all.iter().filter(|publication| publication.message.topic == "next").count(), sent);
    for publication in all {
        let message = publication.message;
        let whole = if message.topic == "dropped" { &b"whole"[..] } else { b"next" };
        assert_eq!(message.payload, whole);
    }
    Ok(())
}

async fn subscribe(subject: Subject) -> Seen {
    let (bench, client, _server) = subject.signed_in().await;
    dropped_at_every(
        1,
        &bench,
        || client.subscribe("a", QoS::AtLeastOnce),
        async || {
            bench.is_in_order().await;
            let mut messages = soon(client.subscribe("a", QoS::AtLeastOnce)).await.expect("a subscription");
            delivered(client.publish("a", "b"), QoS::AtLeastOnce).await;
            assert_eq!(soon(messages.recv()).await.expect("a message").payload, b"b");
        },
    )
    .await;
    Ok(())
}

async fn unsubscribe(subject: Subject) -> Seen {
    let (bench, client, _server) = subject.signed_in().await;
    let mut messages = soon(client.subscribe("a", QoS::AtLeastOnce)).await.expect("a subscription");
    dropped_at_every(
        1,
        &bench,
        || client.unsubscribe("b"),
        async || {
            bench.is_in_order().await;
            delivered(client.publish("a", "b"), QoS::AtLeastOnce).await;
            assert_eq!(soon(messages.recv()).await.expect("a message").payload, b"b");
        },
    )
    .await;
    Ok(())
}

async fn farewell(subject: Subject) -> Seen {
    let bench = subject.bench().await;
    let server = bench.mock.broker().expect("a broker");
    for lines in 0..6 {
        let client = soon(bench.connect("device")).await;
        until_said(&bench, lines, client.disconnect()).await;
        assert_eq!(soon(client.disconnected()).await, None);
        soon(server.wait_for(|view| view.sessions.is_empty())).await.expect("a broker that runs");
        bench.is_in_order().await;
    }
    Ok(())
}
