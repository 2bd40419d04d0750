//! `AT+MQTTPUB=<id>,"<topic>",<qos>,<retain>,<dup>,<length>[,"<payload>"]` → `+MQTTPUB: <id>,<message id>,<sent>`, `OK`, and, for QoS 1 and
//! 2, `+MQTTURC: "puback"|"pubcomp"|"timeout",<id>,<message id>`.
//!
//! `<length>` is that of the payload, `<sent>` that of the whole MQTT packet: the manual's examples have 4 bytes to `world` answered with 13
//! at QoS 0, and with 15 at QoS 1 and 2.
//!
//! Without a payload the module prompts, and counts. A length of 0 stands for the length of the payload between the quotes, whatever that
//! is. NB modules have no prompt: there the payload stands in the line, as hexadecimal digits, and the length counts the bytes they mean.

use atmqtt_at::{Answer, Command, DataPhase, Fields, InlineData, Malformed, Progress};

use super::configure::patience;
use super::{TOLD, sends_hex};
use crate::Delivery;
use crate::dialect::Context;
use crate::dialect::delivery::{self, Form, Published};
use crate::fault::{Fault, PacketFault};
use crate::message::{Outgoing, QoS};
use crate::profile::Profile;
use crate::refusal::Refusal;

/// The form that fits the payload: it may have any bytes.
pub(super) fn form(profile: &Profile, message: &Outgoing) -> Result<Form, Refusal> {
    let any = |_| true;
    match sends_hex(profile) || message.payload.is_empty() {
        true if message.payload.is_empty() => Ok(Form::Inline),
        true => Form::of(profile, message, any, any),
        false => Form::of(profile, message, |_| false, any),
    }
}

/// Publishes one message.
pub(super) async fn publish(context: Context, message: Outgoing) -> Result<Delivery, Fault> {
    let Context { dialogue, profile, options } = context;
    let form = form(&profile, &message)?;
    let length = i64::try_from(message.payload.len()).unwrap_or(i64::MAX);
    let command = Command::set("+MQTTPUB")
        .int(options.connection)
        .text(message.topic.text())
        .int(message.qos.level())
        .int(message.retain)
        .int(0)
        .int(length);
    let command = match form {
        Form::Inline => {
            let digits: String = message.payload.iter().map(|byte| format!("{byte:02X}")).collect();
            command.inline(InlineData::new(digits.as_bytes()).expect("digits"))
        }
        Form::Prompt => {
            let counted = DataPhase::counted(message.payload.clone(), profile.timeouts.prompt.value);
            command.data(DataPhase { guard: profile.pauses.prompt_guard.value, ..counted })
        }
    };
    let timeout = profile.timeouts.publish.value.max(patience(&options) + profile.timeouts.command.value);
    let command = command.within(timeout);
    let command = match message.qos {
        QoS::AtMostOnce => command.information("+MQTTPUB").decode(|answer| Ok((sent(answer)?, Published::DONE))),
        _ => command
            .result_when(TOLD, &[i64::from(options.connection)], is_last_word)
            .worded(&["puback", "pubrec", "pubcomp", "timeout"])
            .chosen_in("+MQTTPUB")
            .deferrable(true)
            .decode(|answer| Ok((sent(answer)?, told(answer.result()?)?))),
    };
    let packet = packet_length(&message);
    let published = dialogue.run(command).await.map(|(sent, published)| {
        if is_whole(sent, length, packet) { published } else { Published::Failed(PacketFault::Truncated { sent }) }
    });
    delivery::outcome(published, message.qos, false)
}

/// Whether all of a message went out: its whole packet, or, as some describe `<sent>`, its whole payload. The manual has an example with a
/// packet that is longer than it can be, so more than enough is enough.
fn is_whole(sent: i64, payload: i64, packet: i64) -> bool {
    sent >= packet || sent == payload
}

/// How many bytes the packet of a message has. MQTT 3.1.1, 2.2.3 and 3.3.
fn packet_length(Outgoing { topic, payload, qos, .. }: &Outgoing) -> i64 {
    let identifier = if *qos == QoS::AtMostOnce { 0 } else { 2 };
    let remaining = 2 + topic.text().len() + identifier + payload.len();
    // A digit of its length for every seven bits.
    let digits = (usize::BITS - remaining.leading_zeros()).div_ceil(7);
    i64::try_from(remaining).unwrap_or(i64::MAX).saturating_add(1 + i64::from(digits))
}

/// `+MQTTPUB: <id>,<message id>,<sent>`
fn sent(answer: &Answer) -> Result<i64, Malformed> {
    let mut fields = answer.information("+MQTTPUB")?;
    fields.int::<u8>()?;
    fields.int::<u16>()?;
    fields.int()
}

/// PUBREC is answered by PUBREL, and PUBCOMP is still to come.
fn is_last_word(mut fields: Fields<'_>) -> Progress {
    if fields.text() == Ok("pubrec") { Progress::Intermediate } else { Progress::Final }
}

/// What has come of it.
fn told(mut fields: Fields<'_>) -> Result<Published, Malformed> {
    Ok(if fields.text()? == "timeout" { Published::NotAcknowledged } else { Published::DONE })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Topic;

    /// The lengths are those of the manual's examples, and of packets on both sides of each length of a length.
    #[test]
    fn what_is_sent_is_the_whole_packet() {
        for (payload, qos, packet) in [
            (4, QoS::AtMostOnce, 13),
            (4, QoS::AtLeastOnce, 15),
            (4, QoS::ExactlyOnce, 15),
            (0, QoS::AtMostOnce, 9),
            (120, QoS::AtMostOnce, 129),
            (121, QoS::AtMostOnce, 131),
            (1024, QoS::AtLeastOnce, 1036),
        ] {
            let topic = Topic::new("world").unwrap();
            let message = Outgoing { topic, payload: vec![b'x'; payload], qos, retain: false };
            assert_eq!(packet_length(&message), packet, "{payload}");
        }
        for (sent, payload, packet, expected) in [
            (13, 4, 13, true),
            (4, 4, 13, true),
            (89, 70, 79, true),
            (12, 4, 13, false),
            (3, 4, 13, false),
            (0, 1, 10, false),
        ] {
            assert_eq!(is_whole(sent, payload, packet), expected, "{sent}");
        }
    }

    #[test]
    fn the_form_is_that_of_the_model() {
        let form = |model, payload: &[u8]| {
            let topic = Topic::new("t").unwrap();
            let message = Outgoing { topic, payload: payload.to_vec(), qos: QoS::AtLeastOnce, retain: false };
            form(Profile::named(model).unwrap(), &message)
        };
        assert_eq!(form("cmiot-ml307", b"a\r\n\x1a"), Ok(Form::Prompt));
        assert_eq!(form("cmiot-ml307", b""), Ok(Form::Inline));
        assert_eq!(form("cmiot-ml307", &[0; 1024]), Ok(Form::Prompt));
        assert!(form("cmiot-ml307", &[0; 1025]).is_err());
        assert_eq!(form("cmiot-mn316", b"a\r\n\x1a"), Ok(Form::Inline));
        assert!(form("cmiot-mn316", &[0; 1025]).is_err());
    }
}
