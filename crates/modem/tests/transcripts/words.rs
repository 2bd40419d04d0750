//! Requests, events and outcomes in the words of a transcript.

use std::fmt::Write;

use atmqtt_modem::at::{Command, Line, Text};
use atmqtt_modem::{
    ConnectOptions, Delivery, Event, Fault, Filter, LinkState, NetworkOptions, Outcome, Outgoing, QoS, Registration,
    Request, Status, Topic,
};

use crate::script::{bytes, escaped};

pub(crate) fn connect() -> Request {
    let client_id = Text::new("device").expect("a client id");
    let options = ConnectOptions::new("mqtt://broker.example".parse().expect("a broker"), client_id);
    Request::Connect(Box::new(options), NetworkOptions::default())
}

pub(crate) fn request(text: &str) -> Result<Request, String> {
    let (name, rest) = text.split_once(' ').unwrap_or((text, ""));
    let qos = |text: &str| text.parse().ok().and_then(QoS::from_level).ok_or("no QoS");
    let filter = |text: &str| Filter::new(text).map_err(|fault| fault.to_string());
    Ok(match name {
        "attach" => Request::Attach,
        "connect" => connect(),
        "disconnect" => Request::Disconnect,
        "status" => Request::Status,
        "at" => Request::Raw(Box::new(Command::raw(rest).map_err(|fault| fault.to_string())?)),
        "publish" => {
            let mut words = rest.splitn(3, ' ');
            let mut word = || words.next().ok_or("publish QOS TOPIC PAYLOAD");
            let (qos, topic, payload) = (qos(word()?)?, word()?, bytes(word()?)?);
            let topic = Topic::new(topic).map_err(|fault| fault.to_string())?;
            Request::Publish(Outgoing { topic, payload, qos, retain: false })
        }
        "subscribe" => {
            let (level, name) = rest.split_once(' ').ok_or("subscribe QOS FILTER")?;
            Request::Subscribe(vec![(filter(name)?, qos(level)?)])
        }
        "unsubscribe" => Request::Unsubscribe(vec![filter(rest)?]),
        _ => return Err(format!("{name:?} is no request")),
    })
}

pub(crate) fn event(event: &Event) -> String {
    match event {
        Event::Message(message) => {
            let id = message.packet_id.map_or_else(|| "-".to_owned(), |id| id.to_string());
            format!("message {} {id} {}", message.topic, escaped(&message.payload))
        }
        Event::Link(LinkState::Up) => "link up".to_owned(),
        Event::Link(LinkState::Down) => "link down".to_owned(),
        Event::Link(LinkState::Connecting) => "link connecting".to_owned(),
        Event::LinkLost(loss) => format!("link lost: {loss}"),
        Event::Registration(found) => format!("registration {}", registration(found)),
        Event::Restarted { .. } => "restarted".to_owned(),
        Event::PoweringDown => "powering down".to_owned(),
        Event::LateResult { message_id } => format!("late result {message_id}"),
        Event::Unknown(line) => format!("unknown {}", escaped(line.text())),
        Event::Damaged(fault) => format!("damaged: {fault}"),
        Event::Resynchronised { discarded } => format!("resynchronised, {} lines discarded", discarded.len()),
        other => format!("{other:?}"),
    }
}

pub(crate) fn end(outcome: &Result<Outcome, Fault>) -> String {
    match outcome {
        Ok(Outcome::Attached(_, profile)) => format!("attached {}", profile.model.name),
        Ok(Outcome::Status(found)) => status(found),
        Ok(Outcome::Connected) => "connected".to_owned(),
        Ok(Outcome::Disconnected) => "disconnected".to_owned(),
        Ok(Outcome::Subscribed) => "subscribed".to_owned(),
        Ok(Outcome::Unsubscribed) => "unsubscribed".to_owned(),
        Ok(Outcome::Published(Delivery::Delivered)) => "delivered".to_owned(),
        Ok(Outcome::Published(Delivery::Sent)) => "sent".to_owned(),
        Ok(Outcome::Published(Delivery::Unconfirmed(why))) => format!("unconfirmed: {why}"),
        Ok(Outcome::Raw(lines, result)) => {
            let shown = |line: &Line| format!(" {}", escaped(line.text()));
            format!("{result}{}", lines.iter().map(shown).collect::<String>())
        }
        Ok(other) => format!("{other:?}"),
        Err(fault) => fault.code().to_owned(),
    }
}

fn registration(found: &Registration) -> String {
    let mut text = found.status.to_string();
    for (name, number) in [("area", found.area_code), ("cell", found.cell_id)] {
        if let Some(number) = number {
            write!(text, " {name} {number:#x}").expect("a string");
        }
    }
    text
}

/// What the module told, and nothing of what it did not.
fn status(found: &Status) -> String {
    let told = |name: &str, value: &Option<String>| value.as_ref().map(|value| format!("{name} {value}"));
    let dbm = |name: &str, value: Option<i32>| value.map(|value| format!("{name} {value} dBm"));
    let parts = [
        told("imei", &found.imei),
        told("imsi", &found.imsi),
        told("iccid", &found.iccid),
        Some(format!("sim {}", found.sim)),
        dbm("rssi", found.signal.rssi_dbm),
        dbm("rsrp", found.signal.rsrp_dbm),
        found.registration.as_ref().map(registration),
        found.attached.map(|attached| (if attached { "attached" } else { "detached" }).to_owned()),
        told("address", &found.address),
        Some(format!("mqtt {:?}", found.mqtt).to_lowercase()),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
