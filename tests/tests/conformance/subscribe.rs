//! Subscribing: what the broker is asked for, what it grants, and what comes then.

use atmqtt::{QoS, Subscription};
use atmqtt_mock::broker::{BrokerOptions, Handle, Message};
use atmqtt_tests::{delivered, soon};

use crate::behaviour::{Group, Seen, Short, behaviours, unless_refused};
use crate::subject::Subject;
use crate::witness::level;

pub(crate) static GROUP: Group = Group::new(
    "Subscribing",
    behaviours! {
        "QoS 0" => |subject| at(subject, QoS::AtMostOnce),
        "QoS 1" => |subject| at(subject, QoS::AtLeastOnce),
        "QoS 2" => |subject| at(subject, QoS::ExactlyOnce),
        "a broker that grants QoS 0 only" => granted_less,
        "the QoS that the broker grants is told" => told,
        "several filters, `+` and `#` among them" => filters,
        "UTF-8 and commas in a filter" => |subject| filter(subject, "größe, 温度/1,0"),
        "quotes in a filter" => |subject| filter(subject, "a\"b"),
        "the longest filter; a byte more is refused" => longest,
        "a refused filter says so, and the client lives on" => refused,
        "messages stop after unsubscribing" => unsubscribed,
    },
);

/// The filters of the only session, each with its level.
fn held(broker: &Handle) -> Vec<(String, atmqtt_mock::broker::QoS)> {
    broker.sessions().into_iter().flat_map(|session| session.subscriptions).collect()
}

async fn gets(messages: &mut Subscription, topic: &str, payload: &str) {
    let message = soon(messages.recv()).await.expect("a message");
    assert_eq!((&*message.topic, &*message.payload), (topic, payload.as_bytes()));
}

fn send(broker: &Handle, topic: &str, payload: &str) {
    broker.publish(Message::new(topic, payload).qos(level(QoS::ExactlyOnce))).expect("a message");
}

async fn at(subject: Subject, qos: QoS) -> Seen {
    let (bench, client, broker) = subject.signed_in().await;
    let mut messages = unless_refused(&bench, client.subscribe("down", qos)).await?;
    assert_eq!(held(&broker), [("down".to_owned(), level(qos))]);
    send(&broker, "down", "x");
    gets(&mut messages, "down", "x").await;
    Ok(())
}

async fn granted_less(subject: Subject) -> Seen {
    let hook = BrokerOptions::new().subscribe(|_| Some(level(QoS::AtMostOnce)));
    let bench = subject.bench_with(subject.mock().broker_options(hook)).await;
    let client = soon(bench.connect("device")).await;
    let broker = bench.mock.broker().expect("a broker");
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        let mut messages = unless_refused(&bench, client.subscribe("down", qos)).await?;
        assert_eq!(held(&broker), [("down".to_owned(), level(QoS::AtMostOnce))]);
        send(&broker, "down", "x");
        gets(&mut messages, "down", "x").await;
    }
    Ok(())
}

async fn told(subject: Subject) -> Seen {
    // Each filter is called after what is granted to it.
    let hook = BrokerOptions::new().subscribe(|request| match request.filter {
        "0" => Some(level(QoS::AtMostOnce)),
        "1" => Some(level(QoS::AtLeastOnce)),
        _ => Some(level(QoS::ExactlyOnce)),
    });
    let bench = subject.bench_with(subject.mock().broker_options(hook)).await;
    let client = soon(bench.connect("device")).await;
    let mut seen = Ok(());
    for granted in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
            let filter = granted.level().to_string();
            let messages = unless_refused(&bench, client.subscribe(&filter, qos)).await?;
            match messages.granted_qos() {
                Some(told) => assert_eq!(told, qos.min(granted), "{qos:?} asked for"),
                None => seen = Err(Short::NotTold),
            }
        }
    }
    let unsolicited = soon(client.unsolicited("2")).await.expect("a stream");
    assert_eq!(unsolicited.granted_qos(), None, "nobody was asked");
    seen
}

async fn filters(subject: Subject) -> Seen {
    let (bench, client, broker) = subject.signed_in().await;
    let mut streams = Vec::new();
    for filter in ["a/b", "a/+", "a/#", "+/c", "other"] {
        streams.push(unless_refused(&bench, client.subscribe(filter, QoS::AtLeastOnce)).await?);
    }
    assert_eq!(held(&broker).len(), streams.len());
    for (topic, matching) in
        [("a/b", 0b00111), ("a/c", 0b01110), ("x/c", 0b01000), ("a/b/c", 0b00100), ("other", 0b10000)]
    {
        send(&broker, topic, topic);
        for (place, messages) in streams.iter_mut().enumerate() {
            if matching & (1 << place) != 0 {
                gets(messages, topic, topic).await;
            }
        }
    }
    Ok(())
}

async fn filter(subject: Subject, filter: &str) -> Seen {
    let (bench, client, broker) = subject.signed_in().await;
    let mut messages = unless_refused(&bench, client.subscribe(filter, QoS::AtLeastOnce)).await?;
    assert_eq!(held(&broker), [(filter.to_owned(), level(QoS::AtLeastOnce))]);
    send(&broker, filter, "x");
    gets(&mut messages, filter, "x").await;
    unless_refused(&bench, client.unsubscribe(filter)).await?;
    assert_eq!(held(&broker), []);
    Ok(())
}

async fn longest(subject: Subject) -> Seen {
    let (bench, client, broker) = subject.signed_in().await;
    let longest = bench.modem.profile().limits.topic.value;
    let name = "f".repeat(longest);
    let mut messages = unless_refused(&bench, client.subscribe(&name, QoS::AtLeastOnce)).await?;
    send(&broker, &name, "x");
    gets(&mut messages, &name, "x").await;
    let refused = unless_refused(&bench, client.subscribe(&"f".repeat(longest + 1), QoS::AtLeastOnce)).await.map(drop);
    assert_eq!(refused, Err(Short::Refused("input.too_long")));
    Ok(())
}

async fn refused(subject: Subject) -> Seen {
    let hook = BrokerOptions::new().subscribe(|request| (request.filter != "secret").then_some(request.qos));
    let bench = subject.bench_with(subject.mock().broker_options(hook)).await;
    let client = soon(bench.connect("device")).await;
    let broker = bench.mock.broker().expect("a broker");
    let outcome = soon(client.subscribe("secret", QoS::AtLeastOnce)).await.map(drop);
    let mut messages = soon(client.subscribe("down", QoS::AtLeastOnce)).await.expect("a subscription");
    assert_eq!(held(&broker), [("down".to_owned(), level(QoS::AtLeastOnce))]);
    delivered(client.publish("down", "x"), QoS::AtLeastOnce).await;
    gets(&mut messages, "down", "x").await;
    match outcome {
        Err(refused) => {
            assert_eq!(refused.code(), "delivery.not_subscribed", "{refused}");
            Ok(())
        }
        Ok(()) => Err(Short::NotTold),
    }
}

async fn unsubscribed(subject: Subject) -> Seen {
    let (bench, client, broker) = subject.signed_in().await;
    let mut messages = unless_refused(&bench, client.subscribe("down", QoS::AtLeastOnce)).await?;
    let mut others = unless_refused(&bench, client.subscribe("other", QoS::AtLeastOnce)).await?;
    unless_refused(&bench, client.unsubscribe("down")).await?;
    assert_eq!(held(&broker), [("other".to_owned(), level(QoS::AtLeastOnce))]);
    assert_eq!(soon(messages.recv()).await, None);
    send(&broker, "down", "x");
    send(&broker, "other", "y");
    gets(&mut others, "other", "y").await;
    Ok(())
}
