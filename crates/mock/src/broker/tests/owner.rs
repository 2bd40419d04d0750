//! What the owner of a broker can see and do.

use std::time::Duration;

use super::bench::{Bench, kept, line, message, options, will};
use crate::broker::{Admission, BrokerOptions, Message, Publication, PublishFault, Publisher, QoS};
use crate::mqtt::{ClientOutput, ConnectOptions, LossCause};

const Q0: QoS = QoS::AtMostOnce;
const Q1: QoS = QoS::AtLeastOnce;

#[test]
fn sessions_show_who_is_subscribed_to_what() {
    let mut bench = Bench::new();
    let here = bench.enter("here");
    bench.subscribe(here, &[("b/#", Q0), ("a", Q1)]);
    let away = bench.join(kept("away"));
    bench.disconnect(away);
    let sessions = bench.broker.sessions();
    let shown: Vec<_> =
        sessions.iter().map(|session| (session.client_id.as_str(), session.connected, session.clean)).collect();
    assert_eq!(shown, [("away", false, false), ("here", true, true)]);
    assert_eq!(sessions[1].subscriptions, [("a".to_owned(), Q1), ("b/#".to_owned(), Q0)]);
}

#[test]
fn a_dropped_link_is_a_broken_one_to_its_client() {
    let mut bench = Bench::new();
    let peer = bench.join(ConnectOptions { will: Some(will("wills", "dropped", Q0)), ..kept("peer") });
    bench.heard(peer);
    assert!(!bench.broker.drop_link(bench.now, "nobody"));
    assert!(bench.broker.drop_link(bench.now, "peer"));
    assert!(!bench.broker.drop_link(bench.now, "peer"), "it has no link any more");
    bench.settle();
    assert_eq!(bench.heard(peer), [ClientOutput::Lost(LossCause::Closed)]);
    let record = bench.broker.take_published();
    assert_eq!(record[0].publisher, Publisher::Will("peer".to_owned()));
    bench.reconnect(peer);
    assert!(bench.is_connected(peer));
}

#[test]
fn the_record_says_what_was_published_by_whom_and_when() {
    let mut bench = Bench::new();
    let peer = bench.enter("peer");
    bench.pass(Duration::from_secs(3));
    bench.publish_retained(peer, "t", "from a client", Q1);
    bench.pass(Duration::from_secs(2));
    bench.broker.publish(bench.now, message("t", "from the owner", Q0)).unwrap();
    let expected = [
        Publication {
            at: Duration::from_secs(3),
            publisher: Publisher::Client("peer".to_owned()),
            message: message("t", "from a client", Q1).retained(),
        },
        Publication {
            at: Duration::from_secs(5),
            publisher: Publisher::Owner,
            message: message("t", "from the owner", Q0),
        },
    ];
    assert_eq!(bench.broker.published().cloned().collect::<Vec<_>>(), expected);
    assert_eq!(bench.broker.take_published(), expected);
    assert_eq!(bench.broker.published().count(), 0);
}

#[test]
fn the_record_forgets_the_oldest() {
    let mut bench = Bench::with(BrokerOptions::new().max_record(2));
    for payload in ["a", "b", "c"] {
        bench.broker.publish(bench.now, Message::new("t", payload)).unwrap();
    }
    let kept: Vec<_> = bench.broker.published().map(|taken| taken.message.payload.clone()).collect();
    assert_eq!(kept, [b"b", b"c"]);
    assert_eq!(bench.broker.published_count(), 3);
}

#[test]
fn the_owner_publishes_by_the_rules_too() {
    let mut bench = Bench::with(BrokerOptions::new().max_packet(100));
    let peer = bench.join(options("peer"));
    bench.subscribe(peer, &[("#", Q1)]);
    bench.broker.publish(bench.now, message("t", "kept", Q1).retained()).unwrap();
    let fault = bench.broker.publish(bench.now, Message::new("a/#", "x")).unwrap_err();
    assert_eq!(fault, PublishFault::TopicName { topic: "a/#".to_owned() });
    let fault = bench.broker.publish(bench.now, Message::new("t", vec![0; 100])).unwrap_err();
    assert_eq!(fault, PublishFault::TooLarge { size: 101, limit: 100 });
    bench.settle();
    assert_eq!(bench.messages(peer), [line("t", "kept", Q1)]);
    assert_eq!(bench.broker.retained().collect::<Vec<_>>(), [&message("t", "kept", Q1).retained()]);
}

#[test]
fn who_comes_in_is_greeted_and_goes_when_its_time_is_up() {
    for qos in [Q0, Q1] {
        let greeting = message("hello", "you", qos);
        let admission = Admission::named("guest").greeted(greeting).for_at_most(Duration::from_secs(15));
        let mut bench = Bench::with(BrokerOptions::new().admit(move |_| Ok(admission.clone())));
        let peer = bench.join(options("peer"));
        assert_eq!(bench.messages(peer), [line("hello", "you", qos)]);
        // What it has not acknowledged, and what keeps it busy, keeps it no longer.
        for _ in 0..14 {
            bench.pass(Duration::from_secs(1));
            bench.publish(peer, "busy", "", Q0);
        }
        assert!(bench.is_connected(peer));
        bench.heard(peer);
        bench.pass(Duration::from_secs(1));
        assert_eq!(bench.heard(peer), [ClientOutput::Lost(LossCause::Closed)]);
        assert_eq!(bench.broker.sessions(), []);
    }
}
