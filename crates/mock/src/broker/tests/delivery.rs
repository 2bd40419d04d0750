//! Handshakes that break off, windows, queues, and that the same inputs give the same outputs.

use super::bench::{Bench, accepted, kept, line, message, options};
use crate::broker::{BrokerOptions, Output, Publication, Publisher, QoS};
use crate::mqtt::{ClientOutput, ConnectOptions};

const Q0: QoS = QoS::AtMostOnce;
const Q1: QoS = QoS::AtLeastOnce;
const Q2: QoS = QoS::ExactlyOnce;

/// CONNECT of a kept session, client identifier `id`, no keep-alive.
const KEPT_ID: &[u8] = b"\x10\x0e\x00\x04MQTT\x04\x00\x00\x00\x00\x02id";

#[test]
fn delivery_has_the_lower_qos_of_publish_and_subscription() {
    for published in [Q0, Q1, Q2] {
        for subscribed in [Q0, Q1, Q2] {
            let mut bench = Bench::new();
            let peer = bench.enter("both");
            bench.subscribe(peer, &[("t", subscribed)]);
            bench.publish(peer, "t", "x", published);
            assert_eq!(bench.messages(peer), [line("t", "x", published.min(subscribed))]);
        }
    }
}

#[test]
fn a_qos_2_publish_resent_on_a_new_link_is_taken_in_once() {
    let mut bench = Bench::new();
    let publish = b"\x34\x06\x00\x01t\x00\x07x";
    let again = b"\x3c\x06\x00\x01t\x00\x07x";
    let first = bench.open_raw();
    assert_eq!(bench.send_raw(first, KEPT_ID), b"\x20\x02\x00\x00");
    assert_eq!(bench.send_raw(first, publish), b"\x50\x02\x00\x07");
    assert_eq!(bench.send_raw(first, again), b"\x50\x02\x00\x07");
    bench.broker.closed(bench.now, first);

    let second = bench.open_raw();
    assert_eq!(bench.send_raw(second, KEPT_ID), b"\x20\x02\x01\x00");
    assert_eq!(bench.send_raw(second, again), b"\x50\x02\x00\x07");
    assert_eq!(bench.send_raw(second, b"\x62\x02\x00\x07"), b"\x70\x02\x00\x07");
    // Released: the same identifier is a new message from here on.
    assert_eq!(bench.send_raw(second, publish), b"\x50\x02\x00\x07");
    assert_eq!(bench.broker.published().count(), 2);
}

#[test]
fn a_qos_2_delivery_goes_on_where_it_broke_off() {
    let mut bench = Bench::new();
    let first = bench.open_raw();
    bench.send_raw(first, KEPT_ID);
    assert_eq!(bench.send_raw(first, b"\x82\x06\x00\x01\x00\x01t\x02"), b"\x90\x03\x00\x01\x02");
    bench.broker.publish(bench.now, message("t", "x", Q2)).unwrap();
    assert_eq!(bench.send_raw(first, b""), b"\x34\x06\x00\x01t\x00\x01x");
    // PUBREC came, PUBREL is on its way: from here on it is PUBREL that is sent again, not PUBLISH.
    assert_eq!(bench.send_raw(first, b"\x50\x02\x00\x01"), b"\x62\x02\x00\x01");
    bench.broker.closed(bench.now, first);

    let second = bench.open_raw();
    assert_eq!(bench.send_raw(second, KEPT_ID), b"\x20\x02\x01\x00\x62\x02\x00\x01");
    assert_eq!(bench.broker.sessions()[0].in_flight, 1);
    assert_eq!(bench.send_raw(second, b"\x70\x02\x00\x01"), b"");
    assert_eq!(bench.broker.sessions()[0].in_flight, 0);
}

#[test]
fn a_client_resends_what_was_not_acknowledged() {
    let mut bench = Bench::new();
    let peer = bench.join(kept("sender"));
    assert_eq!(bench.heard(peer), [accepted(false)]);
    bench.deafen(peer);
    bench.publish(peer, "t", "one", Q1);
    bench.publish(peer, "t", "two", Q2);
    bench.cut(peer);
    bench.heard(peer);
    bench.reconnect(peer);
    let heard = bench.heard(peer);
    assert_eq!(heard[0], accepted(true));
    let published = heard.iter().filter(|output| matches!(output, ClientOutput::Published { .. }));
    assert_eq!(published.count(), 2);
    // At least once, and exactly once.
    let taken: Vec<_> = bench.broker.published().map(|publication| &publication.message.payload[..]).collect();
    assert_eq!(taken, [&b"one"[..], b"two", b"one"]);
}

#[test]
fn the_window_bounds_what_is_in_flight_and_the_queue_keeps_the_order() {
    let mut bench = Bench::with(BrokerOptions::new().max_in_flight(2));
    let link = bench.open_raw();
    bench.send_raw(link, KEPT_ID);
    bench.send_raw(link, b"\x82\x06\x00\x01\x00\x01t\x01");
    for payload in ["a", "b", "c", "d"] {
        bench.broker.publish(bench.now, message("t", payload, Q1)).unwrap();
    }
    // QoS 0 waits for nobody.
    bench.broker.publish(bench.now, message("t", "z", Q0)).unwrap();
    let sent = bench.send_raw(link, b"");
    assert_eq!(sent, b"\x32\x06\x00\x01t\x00\x01a\x32\x06\x00\x01t\x00\x02b\x30\x04\x00\x01tz");
    let session = &bench.broker.sessions()[0];
    assert_eq!((session.in_flight, session.queued), (2, 2));
    assert_eq!(bench.send_raw(link, b"\x40\x02\x00\x02"), b"\x32\x06\x00\x01t\x00\x02c");
    assert_eq!(bench.send_raw(link, b"\x40\x02\x00\x01"), b"\x32\x06\x00\x01t\x00\x01d");
}

#[test]
fn a_full_queue_drops_the_newest_and_counts_it() {
    let mut bench = Bench::with(BrokerOptions::new().max_queued(2));
    let away = bench.join(kept("away"));
    bench.subscribe(away, &[("t", Q1)]);
    bench.disconnect(away);
    for payload in ["a", "b", "c", "d"] {
        bench.broker.publish(bench.now, message("t", payload, Q1)).unwrap();
    }
    let session = &bench.broker.sessions()[0];
    assert_eq!((session.queued, session.dropped), (2, 2));
    bench.heard(away);
    bench.reconnect(away);
    assert_eq!(bench.messages(away), [line("t", "a", Q1), line("t", "b", Q1)]);
    assert_eq!(bench.broker.sessions()[0].dropped, 2);
}

#[test]
fn a_queue_of_no_length_still_lets_through_what_can_be_sent_at_once() {
    let mut bench = Bench::with(BrokerOptions::new().max_queued(0).max_in_flight(1));
    let peer = bench.join(kept("peer"));
    bench.subscribe(peer, &[("t", Q2)]);
    bench.publish(peer, "t", "through", Q2);
    assert_eq!(bench.messages(peer), [line("t", "through", Q2)]);
    bench.deafen(peer);
    bench.broker.publish(bench.now, message("t", "in flight", Q1)).unwrap();
    bench.broker.publish(bench.now, message("t", "no room", Q1)).unwrap();
    let session = &bench.broker.sessions()[0];
    assert_eq!((session.in_flight, session.queued, session.dropped), (1, 0, 1));
}

#[test]
fn a_large_payload_of_every_byte_value_arrives_as_it_was() {
    let payload: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    for chunk in [1, 7, usize::MAX] {
        let mut bench = Bench::new();
        bench.chunk = chunk;
        let peer = bench.enter("bytes");
        bench.subscribe(peer, &[("bytes", Q2)]);
        let sent = crate::broker::Message::new("bytes", payload.clone()).qos(Q2);
        bench.broker.publish(bench.now, sent).unwrap();
        bench.settle();
        match &bench.heard(peer)[..] {
            [ClientOutput::Message { payload: got, .. }] => assert_eq!(*got, payload),
            other => panic!("{} outputs", other.len()),
        }
    }
}

/// A bit of everything; returns all that the broker wanted done and all that it took in.
fn scenario(chunk: usize) -> (Vec<Output>, Vec<Publication>) {
    let mut bench = Bench::new();
    bench.chunk = chunk;
    let keeper = bench.join(kept("keeper"));
    bench.subscribe(keeper, &[("#", Q2)]);
    let publisher = bench.join(ConnectOptions { keep_alive: 30, ..options("publisher") });
    bench.deafen(keeper);
    for index in 0..30 {
        let qos = [Q0, Q1, Q2][index % 3];
        bench.publish(publisher, &format!("topic/{index}"), "payload", qos);
    }
    bench.cut(keeper);
    bench.publish_retained(publisher, "state", "on", Q1);
    bench.reconnect(keeper);
    bench.pass(std::time::Duration::from_secs(100));
    bench.cut(publisher);
    let published = bench.broker.take_published();
    (bench.trace, published)
}

#[test]
fn the_same_inputs_give_the_same_outputs_in_any_chunks() {
    let whole = scenario(usize::MAX);
    assert_eq!(whole.1.len(), 31);
    assert!(whole.1.iter().all(|taken| taken.publisher == Publisher::Client("publisher".to_owned())));
    assert_eq!(whole, scenario(usize::MAX));
    assert_eq!(whole, scenario(1));
}
