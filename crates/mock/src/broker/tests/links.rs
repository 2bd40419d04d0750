//! Who may come in, who has to go, and what happens to those who break the protocol.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::bench::{Bench, accepted, kept, line, options, will};
use crate::broker::{BrokerOptions, QoS, ReturnCode};
use crate::mqtt::{ClientOutput, ConnectOptions, LossCause};

const Q1: QoS = QoS::AtLeastOnce;

/// CONNECT, clean, client identifier `id`, no keep-alive.
const CONNECT: &[u8] = b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x00\x00\x02id";
const ACCEPTED: &[u8] = b"\x20\x02\x00\x00";

#[test]
fn a_later_client_of_the_same_identifier_takes_over() {
    let mut bench = Bench::new();
    let witness = bench.enter("witness");
    bench.subscribe(witness, &[("wills", Q1)]);
    let older = bench.join(ConnectOptions { will: Some(will("wills", "taken over", Q1)), ..kept("same") });
    bench.subscribe(older, &[("t", Q1)]);
    bench.heard(older);
    let newer = bench.join(kept("same"));
    assert!(!bench.is_connected(older));
    assert_eq!(bench.heard(older), [ClientOutput::Lost(LossCause::Closed)]);
    assert_eq!(bench.heard(newer), [accepted(true)]);
    assert_eq!(bench.messages(witness), [line("wills", "taken over", Q1)]);
    bench.publish(newer, "t", "mine now", Q1);
    assert_eq!(bench.messages(newer), [line("t", "mine now", Q1)]);
    assert_eq!(bench.broker.sessions().len(), 2);
}

#[test]
fn every_return_code_can_be_given() {
    let options_with = [
        |code| BrokerOptions::new().sign_in(move |_| code),
        |code| BrokerOptions::new().sign_in_as(move |_| Err(code)),
    ];
    for (code, options_of) in ReturnCode::ALL.into_iter().flat_map(|code| options_with.map(|of| (code, of))) {
        let mut bench = Bench::with(options_of(code));
        let peer = bench.join(options("any"));
        let answer = ClientOutput::Connack { session_present: false, return_code: code.code() };
        assert_eq!(bench.heard(peer), [answer]);
        assert_eq!(bench.is_connected(peer), code == ReturnCode::Accepted);
        assert_eq!(bench.broker.sessions().len(), usize::from(code == ReturnCode::Accepted));
    }
    assert_eq!(ReturnCode::ALL.map(ReturnCode::code), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn the_sign_in_hook_sees_what_the_client_said() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let mut bench = Bench::with(BrokerOptions::new().sign_in(move |sign_in| {
        log.lock().unwrap().push(format!("{sign_in:?}"));
        match (sign_in.username, sign_in.password) {
            (Some("user"), Some(b"p\0\xffw")) => ReturnCode::Accepted,
            _ => ReturnCode::BadUserNameOrPassword,
        }
    }));
    let refused = bench.join(options("nobody"));
    assert_eq!(bench.heard(refused), [ClientOutput::Connack { session_present: false, return_code: 4 }]);
    let peer = bench.join(ConnectOptions {
        username: Some("user".to_owned()),
        password: Some(b"p\0\xffw".to_vec()),
        keep_alive: 60,
        ..options("somebody")
    });
    assert_eq!(bench.heard(peer), [accepted(false)]);
    let seen = seen.lock().unwrap();
    assert!(seen[0].contains("password: None"), "{}", seen[0]);
    assert!(seen[1].contains("keep_alive: 60") && seen[1].contains("(redacted)"), "{}", seen[1]);
}

#[test]
fn a_refused_client_leaves_the_one_that_is_in_alone() {
    let mut bench = Bench::with(BrokerOptions::new().sign_in(|sign_in| match sign_in.username {
        None => ReturnCode::Accepted,
        Some(_) => ReturnCode::NotAuthorized,
    }));
    let inside = bench.enter("same");
    let refused = bench.join(ConnectOptions { username: Some("bad".to_owned()), ..options("same") });
    assert_eq!(bench.heard(refused), [ClientOutput::Connack { session_present: false, return_code: 5 }]);
    assert!(bench.is_connected(inside));
}

#[test]
fn another_level_of_the_protocol_is_answered_with_return_code_1() {
    let levels: [&[u8]; 3] = [
        b"\x10\x10\x00\x06MQIsdp\x03\x02\x00\x00\x00\x02id",
        b"\x10\x0f\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x02id",
        // MQTT 5.0 allows a password without a user name.
        b"\x10\x12\x00\x04MQTT\x05\x42\x00\x00\x00\x00\x02id\x00\x01p",
    ];
    for connect in levels {
        let mut bench = Bench::new();
        let link = bench.open_raw();
        assert_eq!(bench.send_raw(link, connect), b"\x20\x02\x00\x01", "{connect:02x?}");
        assert!(bench.is_closed(link));
    }
}

#[test]
fn who_breaks_the_protocol_is_closed_without_an_answer() {
    let before: &[&[u8]] = &[
        // Not a CONNECT first.
        b"\xc0\x00",
        b"\x30\x03\x00\x01t",
        b"\xe0\x00",
        b"GET / HTTP/1.1\r\n\r\n",
        // Another protocol, a name cut short, nothing after the keep-alive.
        b"\x10\x0e\x00\x04MQTX\x04\x02\x00\x00\x00\x02id",
        b"\x10\x0c\x00\x02hj\x04\x02\x00\x00\x00\x02id",
        b"\x10\x0a\x00\x04MQTT\x04\x02\x00\x00",
        // A client identifier longer than the packet, one that is not UTF-8, one with U+0000, bytes left over.
        b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x00\x00\x09id",
        b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x00\x00\x02i\xff",
        b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x00\x00\x02i\x00",
        b"\x10\x0f\x00\x04MQTT\x04\x02\x00\x00\x00\x02id!",
        // A will on a wildcard.
        b"\x10\x14\x00\x04MQTT\x04\x06\x00\x00\x00\x02id\x00\x01#\x00\x01x",
    ];
    for bytes in before {
        let mut bench = Bench::new();
        let link = bench.open_raw();
        assert_eq!(bench.send_raw(link, bytes), b"", "{bytes:02x?}");
        assert!(bench.is_closed(link), "{bytes:02x?}");
    }
    let after: &[&[u8]] = &[
        // A second CONNECT; packets that only a server sends.
        CONNECT,
        b"\x20\x02\x00\x00",
        b"\x90\x03\x00\x01\x00",
        b"\xb0\x02\x00\x01",
        b"\xd0\x00",
        // Topics, filters and options that are none.
        b"\x30\x03\x00\x01#",
        b"\x82\x07\x00\x01\x00\x02a#\x00",
        b"\x82\x06\x00\x01\x00\x01t\x03",
        b"\x82\x06\x00\x01\x00\x01t\x04",
        b"\x82\x02\x00\x01",
        b"\xa2\x02\x00\x01",
        b"\xa2\x06\x00\x01\x00\x02#a",
        // Acknowledgements of what was never sent.
        b"\x40\x02\x00\x09",
        b"\x50\x02\x00\x09",
        b"\x70\x02\x00\x09",
    ];
    for bytes in after {
        let mut bench = Bench::new();
        let link = bench.open_raw();
        assert_eq!(bench.send_raw(link, CONNECT), ACCEPTED);
        assert_eq!(bench.send_raw(link, bytes), b"", "{bytes:02x?}");
        assert!(bench.is_closed(link), "{bytes:02x?}");
        assert_eq!(bench.broker.sessions(), [], "{bytes:02x?}");
    }
}

#[test]
fn a_violation_sends_the_will_and_what_follows_it_is_not_read() {
    let mut bench = Bench::new();
    let link = bench.open_raw();
    let connect = b"\x10\x16\x00\x04MQTT\x04\x06\x00\x00\x00\x02id\x00\x03w/t\x00\x01x";
    assert_eq!(bench.send_raw(link, connect), ACCEPTED);
    bench.send_raw(link, b"\x30\x03\x00\x01+\x30\x03\x00\x01t");
    let published: Vec<_> = bench.broker.published().map(|taken| taken.message.topic.clone()).collect();
    assert_eq!(published, ["w/t"]);
}

#[test]
fn a_packet_over_the_limit_closes_the_link() {
    let mut bench = Bench::with(BrokerOptions::new().max_packet(64));
    let link = bench.open_raw();
    bench.send_raw(link, CONNECT);
    bench.send_raw(link, b"\x30\x3e");
    assert!(!bench.is_closed(link), "64 bytes are within the limit");
    let link = bench.open_raw();
    bench.send_raw(link, CONNECT);
    bench.send_raw(link, b"\x30\x3f");
    assert!(bench.is_closed(link));
}

#[test]
fn a_link_without_a_connect_is_closed_in_time() {
    let mut bench = Bench::with(BrokerOptions::new().connect_timeout(Duration::from_secs(5)));
    let link = bench.open_raw();
    bench.send_raw(link, &CONNECT[..5]);
    bench.pass(Duration::from_millis(4_999));
    assert!(!bench.is_closed(link));
    bench.pass(Duration::from_millis(1));
    assert!(bench.is_closed(link));
}

#[test]
fn pings_are_answered() {
    let mut bench = Bench::new();
    let link = bench.open_raw();
    assert_eq!(bench.send_raw(link, CONNECT), ACCEPTED);
    assert_eq!(bench.send_raw(link, b"\xc0\x00\xc0\x00"), b"\xd0\x00\xd0\x00");
}
