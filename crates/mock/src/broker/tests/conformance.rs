//! What the MQTT 3.1.1 tests of the Eclipse Paho interoperability suite look at, test by test.

use std::time::Duration;

use super::bench::{Bench, accepted, kept, line, options, will};
use crate::broker::{BrokerOptions, QoS};
use crate::mqtt::{ClientOutput, ConnectOptions, LossCause};

const Q0: QoS = QoS::AtMostOnce;
const Q1: QoS = QoS::AtLeastOnce;
const Q2: QoS = QoS::ExactlyOnce;

#[test]
fn basic() {
    let mut bench = Bench::new();
    let peer = bench.enter("basic");
    assert_eq!(bench.subscribe(peer, &[("TopicA", Q2)]), [Some(Q2)]);
    for (payload, qos) in [("qos 0", Q0), ("qos 1", Q1), ("qos 2", Q2)] {
        bench.publish(peer, "TopicA", payload, qos);
    }
    let heard = bench.heard(peer);
    let published = heard.iter().filter(|output| matches!(output, ClientOutput::Published { handle: 1 }));
    assert_eq!(published.count(), 3);
    let messages: Vec<_> = heard
        .iter()
        .filter_map(|output| match output {
            ClientOutput::Message { payload, qos, retain: false, duplicate: false, packet_id, .. } => {
                assert_eq!(packet_id.is_some(), *qos != Q0);
                Some((payload.as_slice(), *qos))
            }
            _ => None,
        })
        .collect();
    assert_eq!(messages, [(&b"qos 0"[..], Q0), (b"qos 1", Q1), (b"qos 2", Q2)]);
    bench.disconnect(peer);
    assert_eq!(bench.heard(peer), [], "no loss is told after a wanted close");
    bench.reconnect(peer);
    assert_eq!(bench.heard(peer), [accepted(false)]);
}

#[test]
fn retained_messages() {
    let mut bench = Bench::new();
    let publisher = bench.enter("publisher");
    for (topic, qos) in [("TopicA/B", Q0), ("Topic/C", Q1), ("TopicA/C", Q2)] {
        bench.publish_retained(publisher, topic, "kept", qos);
    }
    let late = bench.enter("late");
    bench.subscribe(late, &[("+/+", Q1)]);
    let mut got: Vec<_> = bench
        .heard(late)
        .into_iter()
        .map(|output| match output {
            ClientOutput::Message { topic, qos, retain: true, duplicate: false, .. } => (topic, qos),
            other => panic!("{other:?}"),
        })
        .collect();
    got.sort();
    let expected = [("Topic/C", Q1), ("TopicA/B", Q0), ("TopicA/C", Q1)];
    assert_eq!(got, expected.map(|(topic, qos)| (topic.to_owned(), qos)));

    // To those who are subscribed already it is a message like any other.
    bench.publish_retained(publisher, "TopicA/B", "newer", Q1);
    assert!(matches!(&bench.heard(late)[..], [ClientOutput::Message { retain: false, .. }]));

    // An empty payload clears, and is delivered like any other.
    for topic in ["TopicA/B", "Topic/C", "TopicA/C"] {
        bench.publish_retained(publisher, topic, "", Q1);
    }
    assert_eq!(bench.messages(late).len(), 3);
    assert_eq!(bench.broker.retained().count(), 0);
    let later = bench.enter("later");
    bench.subscribe(later, &[("+/+", Q2)]);
    assert_eq!(bench.messages(later), []);
}

#[test]
fn a_subscription_made_again_brings_the_retained_messages_again() {
    let mut bench = Bench::new();
    let peer = bench.enter("again");
    bench.publish_retained(peer, "state", "on", Q0);
    for _ in 0..2 {
        bench.subscribe(peer, &[("state", Q0)]);
        assert_eq!(bench.messages(peer), [line("state", "on", Q0)]);
    }
}

#[test]
fn offline_message_queueing() {
    let mut bench = Bench::new();
    let away = bench.join(kept("away"));
    bench.subscribe(away, &[("+/C", Q2)]);
    bench.disconnect(away);
    let publisher = bench.enter("publisher");
    for (topic, qos) in [("Topic/C", Q0), ("TopicA/C", Q1), ("Topic/C", Q2)] {
        bench.publish(publisher, topic, "while away", qos);
    }
    let session = &bench.broker.sessions()[0];
    assert_eq!((session.connected, session.queued, session.dropped), (false, 2, 0));
    bench.heard(away);
    bench.reconnect(away);
    assert_eq!(bench.messages(away), [line("TopicA/C", "while away", Q1), line("Topic/C", "while away", Q2)]);
}

#[test]
fn a_session_is_present_until_a_clean_one_ends_it() {
    let mut bench = Bench::new();
    let peer = bench.join(kept("kept"));
    assert_eq!(bench.heard(peer), [accepted(false)]);
    bench.subscribe(peer, &[("a", Q1)]);
    bench.cut(peer);
    assert_eq!(bench.heard(peer), [ClientOutput::Lost(LossCause::Closed)]);
    bench.reconnect(peer);
    assert_eq!(bench.heard(peer), [accepted(true)]);
    bench.publish(peer, "a", "still subscribed", Q1);
    assert_eq!(bench.messages(peer), [line("a", "still subscribed", Q1)]);
    bench.disconnect(peer);

    let clean = bench.enter("kept");
    bench.publish(clean, "a", "not for me", Q1);
    assert_eq!(bench.messages(clean), []);
    bench.disconnect(clean);
    assert_eq!(bench.broker.sessions(), []);
    bench.reconnect(peer);
    assert_eq!(bench.heard(peer), [accepted(false)]);
}

#[test]
fn will_message() {
    let mut bench = Bench::new();
    let witness = bench.enter("witness");
    bench.subscribe(witness, &[("/TopicA", Q2)]);
    let testator = ConnectOptions { will: Some(will("/TopicA", "client not disconnected", Q2)), ..options("testator") };
    let peer = bench.join(testator.clone());
    bench.cut(peer);
    assert_eq!(bench.messages(witness), [line("/TopicA", "client not disconnected", Q2)]);

    // Who says goodbye takes the will along.
    bench.reconnect(peer);
    bench.disconnect(peer);
    assert_eq!(bench.messages(witness), []);

    // A retained will is there for those who come later.
    let mut retained = testator;
    retained.will.as_mut().unwrap().retain = true;
    let peer = bench.join(retained);
    bench.cut(peer);
    let late = bench.enter("late");
    bench.subscribe(late, &[("/TopicA", Q1)]);
    assert_eq!(bench.messages(late), [line("/TopicA", "client not disconnected", Q1)]);
}

#[test]
fn zero_length_client_id() {
    let mut bench = Bench::new();
    let refused = bench.join(kept(""));
    assert_eq!(bench.heard(refused), [ClientOutput::Connack { session_present: false, return_code: 2 }]);
    assert!(!bench.is_connected(refused));
    bench.enter("");
    bench.enter("");
    let sessions = bench.broker.sessions();
    let names: Vec<_> = sessions.iter().map(|session| session.client_id.as_str()).collect();
    assert_eq!(names, ["assigned-0", "assigned-1"]);
}

#[test]
fn dollar_topics() {
    let mut bench = Bench::new();
    let peer = bench.enter("dollar");
    bench.subscribe(peer, &[("#", Q2), ("+/A", Q2)]);
    bench.publish(peer, "$Topic/A", "hidden", Q1);
    assert_eq!(bench.messages(peer), []);
    bench.subscribe(peer, &[("$Topic/#", Q2)]);
    bench.publish(peer, "$Topic/A", "asked for", Q1);
    assert_eq!(bench.messages(peer), [line("$Topic/A", "asked for", Q1)]);
}

#[test]
fn unsubscribe() {
    let mut bench = Bench::new();
    let peer = bench.enter("unsubscribe");
    bench.subscribe(peer, &[("TopicA", Q2), ("TopicA/B", Q2), ("Topic/C", Q2)]);
    bench.unsubscribe(peer, &["TopicA", "never subscribed"]);
    for topic in ["TopicA", "TopicA/B", "Topic/C"] {
        bench.publish(peer, topic, "", Q1);
    }
    assert_eq!(bench.messages(peer), [line("TopicA/B", "", Q1), line("Topic/C", "", Q1)]);
}

#[test]
fn overlapping_subscriptions() {
    let mut bench = Bench::new();
    let peer = bench.enter("overlapping");
    bench.subscribe(peer, &[("TopicA/#", Q2), ("TopicA/+", Q1)]);
    bench.publish(peer, "TopicA/C", "overlapping", Q2);
    assert_eq!(bench.messages(peer), [line("TopicA/C", "overlapping", Q2)]);
}

#[test]
fn keepalive() {
    let mut bench = Bench::new();
    let witness = bench.enter("witness");
    bench.subscribe(witness, &[("/TopicA", Q2)]);
    let peer = bench.join(ConnectOptions {
        keep_alive: 5,
        will: Some(will("/TopicA", "keepalive expiry", Q0)),
        ..options("silent")
    });
    // A client that pings stays for as long as it likes.
    bench.pass(Duration::from_secs(600));
    assert!(bench.is_connected(peer));
    assert_eq!(bench.messages(witness), []);

    // One that is silent goes after 1.5 times its keep-alive; its last ping was at most 5 s ago.
    bench.freeze(peer);
    bench.pass(Duration::from_millis(2_400));
    assert!(bench.is_connected(peer));
    bench.pass(Duration::from_millis(5_200));
    assert!(!bench.is_connected(peer));
    assert_eq!(bench.messages(witness), [line("/TopicA", "keepalive expiry", Q0)]);
}

#[test]
fn keepalive_expires_at_one_and_a_half_times_and_zero_never_does() {
    let mut bench = Bench::new();
    let eternal = bench.enter("eternal");
    let peer = bench.join(ConnectOptions { keep_alive: 10, ..options("mortal") });
    bench.freeze(peer);
    assert_eq!(bench.broker.deadline(), Some(Duration::from_secs(15)));
    bench.pass(Duration::from_millis(14_999));
    assert!(bench.is_connected(peer));
    bench.pass(Duration::from_millis(1));
    assert!(!bench.is_connected(peer));
    assert_eq!(bench.broker.deadline(), None);
    bench.pass(Duration::from_secs(1_000_000));
    assert!(bench.is_connected(eternal));
}

#[test]
fn redelivery_on_reconnect() {
    let mut bench = Bench::new();
    let peer = bench.join(kept("redelivery"));
    bench.subscribe(peer, &[("TopicA/#", Q2)]);
    bench.heard(peer);
    bench.deafen(peer);
    let publisher = bench.enter("publisher");
    bench.publish(publisher, "TopicA/B", "qos 1", Q1);
    bench.publish(publisher, "TopicA/C", "qos 2", Q2);
    assert_eq!(bench.broker.sessions()[1].in_flight, 2);
    bench.cut(peer);
    assert_eq!(bench.messages(peer), []);
    bench.reconnect(peer);
    let redelivered: Vec<_> = bench
        .heard(peer)
        .into_iter()
        .filter_map(|output| match output {
            ClientOutput::Message { payload, qos, duplicate, .. } => Some((payload, qos, duplicate)),
            _ => None,
        })
        .collect();
    assert_eq!(redelivered, [(b"qos 1".to_vec(), Q1, true), (b"qos 2".to_vec(), Q2, true)]);
    let session = &bench.broker.sessions()[1];
    assert_eq!((session.in_flight, session.queued), (0, 0));
}

#[test]
fn subscribe_failure() {
    let options = BrokerOptions::new().subscribe(|request| match request.filter {
        "test/nosubscribe" => None,
        "test/capped" => Some(QoS::AtMostOnce),
        // More than was asked for is not granted.
        _ => Some(QoS::ExactlyOnce),
    });
    let mut bench = Bench::with(options);
    let peer = bench.enter("failure");
    let filters = [("test/nosubscribe", Q2), ("test/capped", Q2), ("test/other", Q1)];
    assert_eq!(bench.subscribe(peer, &filters), [None, Some(Q0), Some(Q1)]);
    for (topic, _) in filters {
        bench.publish(peer, topic, "", Q2);
    }
    assert_eq!(bench.messages(peer), [line("test/capped", "", Q0), line("test/other", "", Q1)]);
}
