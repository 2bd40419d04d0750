//! The client against bytes that a broker of any manners could send.

use std::time::Duration;

use super::*;

const CONNACK: &[u8] = b"\x20\x02\x00\x00";

fn options() -> ConnectOptions {
    ConnectOptions {
        client_id: "id".to_owned(),
        username: None,
        password: None,
        keep_alive: 0,
        clean_session: true,
        will: None,
    }
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn drain(client: &mut Client) -> Vec<ClientOutput> {
    std::iter::from_fn(|| client.poll()).collect()
}

fn send(bytes: &[u8]) -> ClientOutput {
    ClientOutput::Send(bytes.to_vec())
}

/// A client that the broker has accepted, at 0 s.
fn online(options: ConnectOptions) -> Client {
    let mut client = Client::new(options).unwrap();
    client.transport_up(Duration::ZERO);
    client.receive(Duration::ZERO, CONNACK);
    assert!(matches!(&drain(&mut client)[..], [ClientOutput::Send(_), ClientOutput::Connack { return_code: 0, .. }]));
    client
}

#[test]
fn connect_carries_every_option() {
    let mut client = Client::new(ConnectOptions {
        client_id: "id".to_owned(),
        username: Some("user".to_owned()),
        password: Some(b"p\0w".to_vec()),
        keep_alive: 258,
        clean_session: false,
        will: Some(Will { topic: "w".to_owned(), payload: b"gone".to_vec(), qos: QoS::ExactlyOnce, retain: true }),
    })
    .unwrap();
    client.transport_up(Duration::ZERO);
    // Flags: user name, password, will retain, will QoS 2, will.
    let connect = b"\x10\x22\x00\x04MQTT\x04\xf4\x01\x02\x00\x02id\x00\x01w\x00\x04gone\x00\x04user\x00\x03p\0w";
    assert_eq!(drain(&mut client), [send(connect)]);
}

#[test]
fn options_that_no_connect_can_carry_are_refused() {
    let password_alone = ConnectOptions { password: Some(b"p".to_vec()), ..options() };
    let wildcard_will = ConnectOptions {
        will: Some(Will { topic: "#".to_owned(), payload: Vec::new(), qos: QoS::AtMostOnce, retain: false }),
        ..options()
    };
    let long_id = ConnectOptions { client_id: "x".repeat(65_536), ..options() };
    for options in [password_alone, wildcard_will, long_id] {
        assert_eq!(Client::new(options).err(), Some(ClientFault::Options));
    }
}

#[test]
fn the_password_is_not_in_debug() {
    let options = ConnectOptions { username: Some("u".to_owned()), password: Some(b"s3cret".to_vec()), ..options() };
    let shown = format!("{options:?}");
    assert!(shown.contains("(redacted)") && !shown.contains("115"), "{shown}");
}

#[test]
fn every_refusal_is_told_with_its_code() {
    for code in 1..=5 {
        let mut client = Client::new(options()).unwrap();
        client.transport_up(Duration::ZERO);
        drain(&mut client);
        client.receive(Duration::ZERO, &[0x20, 2, 0, code]);
        let connack = ClientOutput::Connack { session_present: false, return_code: code };
        assert_eq!(drain(&mut client), [connack, ClientOutput::Close]);
        client.transport_closed(Duration::ZERO);
        assert_eq!(drain(&mut client), []);
    }
}

#[test]
fn publishes_are_done_when_their_qos_says_so() {
    let mut client = online(options());
    client.publish(Duration::ZERO, 10, "t", b"a", QoS::AtMostOnce, false).unwrap();
    assert_eq!(drain(&mut client), [send(b"\x30\x04\x00\x01ta"), ClientOutput::Published { handle: 10 }]);

    client.publish(Duration::ZERO, 11, "t", b"b", QoS::AtLeastOnce, true).unwrap();
    assert_eq!(drain(&mut client), [send(b"\x33\x06\x00\x01t\x00\x01b")]);
    client.publish(Duration::ZERO, 12, "t", b"c", QoS::ExactlyOnce, false).unwrap();
    assert_eq!(drain(&mut client), [send(b"\x34\x06\x00\x01t\x00\x02c")]);

    client.receive(Duration::ZERO, b"\x50\x02\x00\x02");
    assert_eq!(drain(&mut client), [send(b"\x62\x02\x00\x02")]);
    client.receive(Duration::ZERO, b"\x70\x02\x00\x02\x40\x02\x00\x01");
    assert_eq!(drain(&mut client), [ClientOutput::Published { handle: 12 }, ClientOutput::Published { handle: 11 }]);
}

#[test]
fn inbound_messages_are_acknowledged_and_given_once() {
    let mut client = online(options());
    let message = |payload: &[u8], qos, duplicate, packet_id| ClientOutput::Message {
        topic: "t".to_owned(),
        payload: payload.to_vec(),
        qos,
        retain: false,
        duplicate,
        packet_id,
    };
    client.receive(Duration::ZERO, b"\x30\x04\x00\x01ta");
    assert_eq!(drain(&mut client), [message(b"a", QoS::AtMostOnce, false, None)]);
    client.receive(Duration::ZERO, b"\x3a\x06\x00\x01t\x00\x05b");
    assert_eq!(drain(&mut client), [send(b"\x40\x02\x00\x05"), message(b"b", QoS::AtLeastOnce, true, Some(5))]);
    client.receive(Duration::ZERO, b"\x34\x06\x00\x01t\x00\x06c");
    assert_eq!(drain(&mut client), [send(b"\x50\x02\x00\x06"), message(b"c", QoS::ExactlyOnce, false, Some(6))]);
    client.receive(Duration::ZERO, b"\x3c\x06\x00\x01t\x00\x06c");
    assert_eq!(drain(&mut client), [send(b"\x50\x02\x00\x06")]);
    client.receive(Duration::ZERO, b"\x62\x02\x00\x06");
    assert_eq!(drain(&mut client), [send(b"\x70\x02\x00\x06")]);
}

#[test]
fn a_message_in_the_same_read_as_the_connack_is_given() {
    let mut client = Client::new(options()).unwrap();
    client.transport_up(Duration::ZERO);
    drain(&mut client);
    client.receive(Duration::ZERO, b"\x20\x02\x00\x00\x30\x04\x00\x01ta");
    assert!(matches!(
        &drain(&mut client)[..],
        [ClientOutput::Connack { return_code: 0, .. }, ClientOutput::Message { .. }]
    ));
}

#[test]
fn subscriptions_are_answered_filter_by_filter() {
    let mut client = online(options());
    let filters = [("a", QoS::ExactlyOnce), ("b/#", QoS::AtLeastOnce), ("c", QoS::AtMostOnce)];
    client.subscribe(Duration::ZERO, 20, &filters).unwrap();
    assert_eq!(drain(&mut client), [send(b"\x82\x10\x00\x01\x00\x01a\x02\x00\x03b/#\x01\x00\x01c\x00")]);
    client.receive(Duration::ZERO, b"\x90\x05\x00\x01\x01\x80\x00");
    let granted = vec![Some(QoS::AtLeastOnce), None, Some(QoS::AtMostOnce)];
    assert_eq!(drain(&mut client), [ClientOutput::Subscribed { handle: 20, granted }]);
    client.unsubscribe(Duration::ZERO, 21, &["a", "c"]).unwrap();
    assert_eq!(drain(&mut client), [send(b"\xa2\x08\x00\x01\x00\x01a\x00\x01c")]);
    client.receive(Duration::ZERO, b"\xb0\x02\x00\x01");
    assert_eq!(drain(&mut client), [ClientOutput::Unsubscribed { handle: 21 }]);
}

#[test]
fn what_cannot_be_sent_is_refused_before_a_byte() {
    let mut client = Client::new(options()).unwrap();
    let qos = QoS::AtLeastOnce;
    assert_eq!(client.publish(Duration::ZERO, 1, "t", b"", qos, false), Err(ClientFault::NotConnected));
    assert_eq!(client.subscribe(Duration::ZERO, 1, &[("t", qos)]), Err(ClientFault::NotConnected));
    assert_eq!(client.unsubscribe(Duration::ZERO, 1, &["t"]), Err(ClientFault::NotConnected));
    let mut client = online(options());
    assert_eq!(client.publish(Duration::ZERO, 1, "a/#", b"", qos, false), Err(ClientFault::TopicName));
    assert_eq!(client.publish(Duration::ZERO, 1, "", b"", qos, false), Err(ClientFault::TopicName));
    assert_eq!(client.subscribe(Duration::ZERO, 1, &[("a#", qos)]), Err(ClientFault::TopicFilter));
    assert_eq!(client.subscribe(Duration::ZERO, 1, &[]), Err(ClientFault::Empty));
    assert_eq!(client.unsubscribe(Duration::ZERO, 1, &["+a"]), Err(ClientFault::TopicFilter));
    assert_eq!(drain(&mut client), []);
}

#[test]
fn all_packet_identifiers_in_use_is_a_refusal() {
    let mut client = online(options());
    for _ in 0..65_535 {
        client.publish(Duration::ZERO, 1, "t", b"", QoS::AtLeastOnce, false).unwrap();
    }
    let fault = client.publish(Duration::ZERO, 1, "t", b"", QoS::AtLeastOnce, false);
    assert_eq!(fault, Err(ClientFault::PacketIdentifiers));
}

#[test]
fn pings_go_out_when_nothing_else_did() {
    let mut client = online(ConnectOptions { keep_alive: 30, ..options() });
    assert_eq!(client.deadline(), Some(secs(30)));
    client.publish(secs(20), 1, "t", b"", QoS::AtMostOnce, false).unwrap();
    drain(&mut client);
    assert_eq!(client.deadline(), Some(secs(50)));
    client.advance(secs(49));
    assert_eq!(drain(&mut client), []);
    client.advance(secs(50));
    assert_eq!(drain(&mut client), [send(b"\xc0\x00")]);
    client.receive(secs(51), b"\xd0\x00");
    assert_eq!(client.deadline(), Some(secs(80)));
}

#[test]
fn a_ping_without_an_answer_loses_the_link() {
    let mut client = online(ConnectOptions { keep_alive: 30, ..options() });
    client.advance(secs(30));
    drain(&mut client);
    assert_eq!(client.deadline(), Some(secs(40)));
    client.advance(secs(40));
    assert_eq!(drain(&mut client), [ClientOutput::Close, ClientOutput::Lost(LossCause::PingTimeout)]);
    assert_eq!(client.deadline(), None);
    client.transport_closed(secs(40));
    assert_eq!(drain(&mut client), [], "a loss is told once");
}

#[test]
fn a_late_connack_does_not_cost_the_first_ping() {
    let mut client = Client::new(ConnectOptions { keep_alive: 10, ..options() }).unwrap();
    client.transport_up(Duration::ZERO);
    client.advance(secs(12));
    assert_eq!(client.deadline(), None, "nothing to do before the broker has answered");
    client.receive(secs(13), CONNACK);
    drain(&mut client);
    assert_eq!(client.deadline(), Some(secs(10)));
    client.advance(secs(13));
    assert_eq!(drain(&mut client), [send(b"\xc0\x00")]);
}

#[test]
fn a_broker_that_breaks_the_protocol_loses_its_client() {
    let violations: &[&[u8]] = &[
        b"\x20\x02\x00\x00",
        b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00",
        b"\x82\x06\x00\x01\x00\x01t\x00",
        b"\xc0\x00",
        b"\xe0\x00",
        b"\x40\x02\x00\x09",
        b"\x30\x03\x00\x01#",
        b"\x90\x03\x00\x09\x00",
        b"\xf0\x00",
    ];
    for bytes in violations {
        let mut client = online(options());
        client.receive(Duration::ZERO, bytes);
        client.receive(Duration::ZERO, b"\x30\x04\x00\x01ta");
        let expected = [ClientOutput::Close, ClientOutput::Lost(LossCause::Protocol)];
        assert_eq!(drain(&mut client), expected, "{bytes:02x?}");
    }
    for bytes in [&b"\x30\x04\x00\x01ta"[..], b"\xd0\x00", b"\x20\x02\x00\x06", b"HTTP/1.1 400"] {
        let mut client = Client::new(options()).unwrap();
        client.transport_up(Duration::ZERO);
        drain(&mut client);
        client.receive(Duration::ZERO, bytes);
        let expected = [ClientOutput::Close, ClientOutput::Lost(LossCause::Protocol)];
        assert_eq!(drain(&mut client), expected, "{bytes:02x?}");
    }
}

#[test]
fn a_half_packet_of_an_old_link_does_not_spoil_the_new_one() {
    let mut client = online(options());
    client.receive(Duration::ZERO, b"\x30\x40\x00\x01t");
    client.transport_closed(Duration::ZERO);
    assert_eq!(drain(&mut client), [ClientOutput::Lost(LossCause::Closed)]);
    client.transport_up(Duration::ZERO);
    client.receive(Duration::ZERO, CONNACK);
    assert!(matches!(&drain(&mut client)[..], [ClientOutput::Send(_), ClientOutput::Connack { .. }]));
}

#[test]
fn a_session_that_the_broker_lost_is_forgotten() {
    let mut client = online(ConnectOptions { clean_session: false, ..options() });
    client.publish(Duration::ZERO, 5, "t", b"a", QoS::AtLeastOnce, false).unwrap();
    client.transport_closed(Duration::ZERO);
    client.transport_up(Duration::ZERO);
    drain(&mut client);
    client.receive(Duration::ZERO, CONNACK);
    let connack = ClientOutput::Connack { session_present: false, return_code: 0 };
    assert_eq!(drain(&mut client), [connack]);
    // Its packet identifier is free, and its handle is not told of another's acknowledgement.
    client.publish(Duration::ZERO, 6, "t", b"b", QoS::AtLeastOnce, false).unwrap();
    assert_eq!(drain(&mut client), [send(b"\x32\x06\x00\x01t\x00\x01b")]);
    client.receive(Duration::ZERO, b"\x40\x02\x00\x01");
    assert_eq!(drain(&mut client), [ClientOutput::Published { handle: 6 }]);
}

#[test]
fn leaving_says_goodbye_once() {
    let mut client = online(options());
    client.disconnect(Duration::ZERO);
    assert_eq!(drain(&mut client), [send(b"\xe0\x00"), ClientOutput::Close]);
    client.disconnect(Duration::ZERO);
    client.receive(Duration::ZERO, b"\x30\x04\x00\x01ta");
    client.transport_closed(Duration::ZERO);
    assert_eq!(drain(&mut client), []);
}
