//! What is asked of the driver.

use atmqtt_at::{Command, Secret, Text};
use atmqtt_modem::{Broker, ConnectOptions, Filter, NetworkOptions, Outgoing, QoS, Request, Topic, Will};

/// Payloads that have to go after a prompt: one that looks like commands.
pub(super) const PAYLOADS: &[&[u8]] = &[b"a\r\nAT+CFUN=0\r\x1a", b"\0"];

pub(super) const REQUESTS: &[fn() -> Request] = &[
    || Request::Attach,
    connect,
    publish,
    || Request::Publish(message(PAYLOADS[0], QoS::AtLeastOnce)),
    || Request::Publish(message(PAYLOADS[1], QoS::AtMostOnce)),
    || Request::Subscribe(vec![(filter("a/#"), QoS::AtLeastOnce), (filter("+/b"), QoS::AtMostOnce)]),
    || Request::Unsubscribe(vec![filter("a/#")]),
    || Request::Disconnect,
    || Request::Status,
    || Request::Raw(Box::new(Command::raw("AT+CSQ").expect("a command line"))),
    connect_with_everything,
    || Request::Publish(message(b"{\"quoted\":\"AT\",1}", QoS::ExactlyOnce)),
];

pub(super) fn publish() -> Request {
    Request::Publish(message(b"hello", QoS::AtLeastOnce))
}

pub(super) fn connect() -> Request {
    Request::Connect(Box::new(options()), NetworkOptions::default())
}

fn connect_with_everything() -> Request {
    let mut options = options();
    options.username = Some(text("user"));
    options.password = Secret::new("password").ok();
    options.will = Some(Will {
        topic: Topic::new("will").expect("a topic"),
        payload: text("gone"),
        qos: QoS::AtLeastOnce,
        retain: true,
    });
    let mut network = NetworkOptions::default();
    network.apn = Some(text("iot"));
    network.pin = Secret::new("1234").ok();
    Request::Connect(Box::new(options), network)
}

fn options() -> ConnectOptions {
    ConnectOptions::new(Broker { host: text("broker.example"), port: 1883, tls: false }, text("device"))
}

fn message(payload: &[u8], qos: QoS) -> Outgoing {
    Outgoing { topic: Topic::new("t").expect("a topic"), payload: payload.to_vec(), qos, retain: false }
}

fn filter(filter: &str) -> Filter {
    Filter::new(filter).expect("a filter")
}

fn text(text: &str) -> Text {
    Text::new(text).expect("letters")
}
