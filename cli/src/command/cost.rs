//! `atmqtt cost`: what a device's messages cost at ApsaraMQ for MQTT, on the air and on the serial line.

use atmqtt::{Modem, ModemOptions, MqttOptions, QoS, Refusal, Topic};
use atmqtt_mock::broker::Message;
use atmqtt_mock::modem::{self, Model};
use atmqtt_mock::{BrokerChoice, Mock};
use serde::Serialize;

use super::Context;
use crate::args::{CloudName, Cost};
use crate::exit::{Exit, Failure, Halt};
use crate::guard::{Guard, Stage};
use crate::render::json;
use crate::settings;

/// Seconds.
const DAY: u64 = 86_400;

/// What stands in front of what TCP carries: 20 bytes of IPv4, and 20 of TCP.
const HEADERS: u64 = 40;

/// A keep-alive where nothing is said, in seconds.
const KEEP_ALIVE: u16 = 120;

pub(super) async fn run(typed: &Cost, context: Context) -> Result<Exit, Halt> {
    let Context { global, environment, look, deadline, mut results, .. } = context;
    if let Some(cloud) = global.cloud.cloud.filter(|cloud| *cloud != CloudName::AliyunMq) {
        let message = format!("of {} it is not known what a message costs", cloud.typed());
        return Err(Failure::usage(message).help("it is of aliyun-mq").into());
    }
    let clean_session = !global.session.disable_clean_session;
    let units = units(typed.qos, clean_session).ok_or_else(|| {
        Failure::usage("ApsaraMQ has no QoS 2 for sessions that it keeps").help("leave -c out, or use QoS 1")
    })?;
    let topic = Topic::new(&typed.topic).map_err(settings::refused_topic)?;
    let model = settings::mock_model(&global, &environment, None)?;
    let mut guard = Guard::new(deadline)?;
    let serial = guard.run(Stage::Asking, serial(model, topic.text().as_str(), typed)).await?;
    let keep_alive = global.session.keepalive.unwrap_or(KEEP_ALIVE);
    let day = Use { typed, topic: topic.text().len() as u64, keep_alive, clean_session };
    let cost = day.cost(units, serial, model.name);
    results.line(if look.json { json(&cost) } else { cost.in_words() }).await?;
    Ok(Exit::Done)
}

/// What a message counts as, sent or received: the multipliers that Alibaba has published (2019). QoS 2 is for clean sessions only.
fn units(qos: QoS, clean_session: bool) -> Option<u64> {
    match (qos, clean_session) {
        (QoS::AtMostOnce, _) => Some(1),
        (QoS::AtLeastOnce, true) => Some(2),
        (QoS::AtLeastOnce, false) | (QoS::ExactlyOnce, true) => Some(5),
        (QoS::ExactlyOnce, false) => None,
    }
}

/// Bytes and packets of MQTT 3.1.1, both ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Packets {
    bytes: u64,
    count: u64,
}

impl Packets {
    /// PUBLISH, and what acknowledges it.
    fn of_message(topic: u64, payload: u64, qos: QoS) -> Packets {
        let packet_id = if qos == QoS::AtMostOnce { 0 } else { 2 };
        let remaining = 2 + topic + packet_id + payload;
        // Seven bits of the length in each byte.
        let length = match remaining {
            0..=127 => 1,
            128..=16_383 => 2,
            16_384..=2_097_151 => 3,
            _ => 4,
        };
        // PUBACK; or PUBREC, PUBREL and PUBCOMP: four bytes each.
        let acknowledgements = match qos {
            QoS::AtMostOnce => 0,
            QoS::AtLeastOnce => 1,
            QoS::ExactlyOnce => 3,
        };
        Packets { bytes: 1 + length + remaining + 4 * acknowledgements, count: 1 + acknowledgements }
    }

    /// PINGREQ and PINGRESP.
    const PING: Packets = Packets { bytes: 4, count: 2 };

    /// Each in a segment of its own, which another one acknowledges: less where TCP puts them together.
    fn on_the_air(self) -> u64 {
        self.bytes + 2 * HEADERS * self.count
    }
}

/// How often a device pings in a day, whose messages come at even intervals.
fn pings(messages: u64, keep_alive: u16) -> u64 {
    let keep_alive = u64::from(keep_alive);
    match (messages, keep_alive) {
        (_, 0) => 0,
        (0, _) => DAY / keep_alive,
        // What goes out just when a ping would takes its place.
        _ => messages * ((DAY / messages).saturating_sub(1) / keep_alive),
    }
}

/// Bytes on the serial line for one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct Serial {
    /// Sent by the device: what the host writes, and what the module says to it.
    sent: u64,
    /// Received: what the module says.
    received: u64,
}

/// Lets a mock module publish and receive such a message, and counts.
async fn serial(model: Model, topic: &str, typed: &Cost) -> Result<Serial, Failure> {
    let failed = |fault: std::io::Error| Failure::new("port.mock", format!("the mock modem does not start: {fault}"));
    let builder = Mock::builder().modem(modem::ModemOptions { model, ..modem::ModemOptions::default() });
    let (mock, port) = builder.broker(BrokerChoice::Embedded).duplex().map_err(failed)?;
    let modem = Modem::attach(port, ModemOptions::new()).await?;
    let broker = mock.broker().ok_or_else(|| Failure::new("internal.mock", "the mock has no broker"))?;
    let url = mock.broker_url().unwrap_or("mqtt://127.0.0.1").parse().map_err(Refusal::from)?;
    let client = modem.mqtt(MqttOptions::new(url, settings::text("client id", "cost")?)).connect().await?;
    let log = mock.log();
    let both = || log.bytes_heard() + log.bytes_said();
    let payload = "x".repeat(typed.payload.into());

    let before = both();
    let _ = client.publish(topic, payload.clone()).qos(typed.qos).await?;
    let sent = both() - before;

    let mut subscription = client.subscribe(topic, typed.qos).await?;
    let before = both();
    broker
        .publish(Message::new(topic, payload).qos(match typed.qos {
            QoS::AtMostOnce => atmqtt_mock::broker::QoS::AtMostOnce,
            QoS::AtLeastOnce => atmqtt_mock::broker::QoS::AtLeastOnce,
            QoS::ExactlyOnce => atmqtt_mock::broker::QoS::ExactlyOnce,
        }))
        .map_err(|fault| Failure::new("internal.mock", fault.to_string()))?;
    subscription.recv().await.ok_or_else(|| Failure::new("internal.mock", "the message did not come back"))?;
    let received = both() - before;
    modem.close().await;
    mock.shutdown().await;
    Ok(Serial { sent, received })
}

/// What a device does in a day.
struct Use<'a> {
    typed: &'a Cost,
    topic: u64,
    keep_alive: u16,
    clean_session: bool,
}

impl Use<'_> {
    fn cost(&self, units: u64, serial: Serial, profile: &'static str) -> Figures {
        let Cost { messages, received, stored, qos, payload, .. } = *self.typed;
        let message = Packets::of_message(self.topic, payload.into(), qos);
        let pings = pings(messages, self.keep_alive);
        let (mqtt, air) = (|packets: Packets| packets.bytes, Packets::on_the_air);
        let in_a_day =
            |bytes: fn(Packets) -> u64| (messages + received) * bytes(message) + pings * bytes(Packets::PING);
        Figures {
            cloud: "aliyun-mq",
            qos: qos.level(),
            clean_session: self.clean_session,
            units_per_message: units,
            units_per_day: (messages + received + stored) * units,
            units_per_30_days: 30 * (messages + received + stored) * units,
            mqtt_bytes_per_message: message.bytes,
            pings_per_day: pings,
            mqtt_bytes_per_day: in_a_day(mqtt),
            air_bytes_per_day: in_a_day(air),
            profile,
            serial_bytes_per_message: serial,
            serial_bytes_per_day: messages * serial.sent + received * serial.received,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Figures {
    cloud: &'static str,
    qos: u8,
    clean_session: bool,
    units_per_message: u64,
    units_per_day: u64,
    units_per_30_days: u64,
    /// With what acknowledges it.
    mqtt_bytes_per_message: u64,
    pings_per_day: u64,
    mqtt_bytes_per_day: u64,
    /// With the headers of TCP and IPv4.
    air_bytes_per_day: u64,
    profile: &'static str,
    serial_bytes_per_message: Serial,
    serial_bytes_per_day: u64,
}

impl Figures {
    fn in_words(&self) -> String {
        let Serial { sent, received } = self.serial_bytes_per_message;
        let rows = [
            ("units", format!("{} a message (aliyun-mq, QoS {})", self.units_per_message, self.qos)),
            ("a day", self.units_per_day.to_string()),
            ("30 days", self.units_per_30_days.to_string()),
            ("MQTT", format!("{} bytes a message, {} a day", self.mqtt_bytes_per_message, self.mqtt_bytes_per_day)),
            ("pings", format!("{} a day", self.pings_per_day)),
            ("on the air", format!("{} bytes a day with TCP/IPv4, at the most", self.air_bytes_per_day)),
            (
                "serial",
                format!(
                    "{sent} bytes a message sent, {received} received, {} a day ({})",
                    self.serial_bytes_per_day, self.profile
                ),
            ),
        ];
        rows.map(|(name, value)| format!("{name:<10} {value}")).join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_those_of_the_published_table() {
        for (qos, clean_session, expected) in [
            (QoS::AtMostOnce, true, Some(1)),
            (QoS::AtMostOnce, false, Some(1)),
            (QoS::AtLeastOnce, true, Some(2)),
            (QoS::AtLeastOnce, false, Some(5)),
            (QoS::ExactlyOnce, true, Some(5)),
            (QoS::ExactlyOnce, false, None),
        ] {
            assert_eq!(units(qos, clean_session), expected, "{qos:?} {clean_session}");
        }
    }

    /// Counted by hand along MQTT 3.1.1, 2.2 and 3.3 to 3.7.
    #[test]
    fn packets_are_as_long_as_the_specification_has_them() {
        for (topic, payload, qos, bytes, count) in [
            // 1 type, 1 length, 2 + 3 topic, 10 payload.
            (3, 10, QoS::AtMostOnce, 17, 1),
            // 2 packet identifier, 4 PUBACK.
            (3, 10, QoS::AtLeastOnce, 23, 2),
            // 4 PUBREC, 4 PUBREL, 4 PUBCOMP.
            (3, 10, QoS::ExactlyOnce, 31, 4),
            // The length is 127, and then 128: one byte, and two.
            (3, 122, QoS::AtMostOnce, 129, 1),
            (3, 123, QoS::AtMostOnce, 131, 1),
            (3, 16_378, QoS::AtMostOnce, 16_386, 1),
            (3, 16_379, QoS::AtMostOnce, 16_388, 1),
        ] {
            assert_eq!(Packets::of_message(topic, payload, qos), Packets { bytes, count }, "{topic} {payload} {qos:?}");
        }
        // Two packets, each with 40 bytes of headers and an acknowledgement of 40.
        assert_eq!(Packets::of_message(3, 10, QoS::AtLeastOnce).on_the_air(), 23 + 160);
    }

    #[test]
    fn pings_fill_the_gaps_between_messages() {
        for (messages, keep_alive, expected) in [
            (0, 120, 720),
            (0, 0, 0),
            (24, 0, 0),
            // One an hour: 29 of the 30 times, the thirtieth is the message.
            (24, 120, 24 * 29),
            (720, 120, 0),
            (86_400, 120, 0),
            (200_000, 120, 0),
            (1, 1000, 86),
        ] {
            assert_eq!(pings(messages, keep_alive), expected, "{messages} {keep_alive}");
        }
    }
}
