//! `AT+LMQTTPUB=<id>,<message id>,<qos>,<retain>,"<topic>",<length>[,"<payload>"]`.

use atmqtt_at::{Command, DataPhase, InlineData, Stage};

use super::{packet_fault, result_and_extend};
use crate::dialect::Context;
use crate::fault::{Fault, PacketFault};
use crate::message::{Outgoing, QoS};
use crate::options::ConnectOptions;
use crate::profile::{MessageIdRule, Profile};
use crate::refusal::Refusal;
use crate::{Delivery, Unconfirmed};

/// How a payload gets to the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Between quotes in the command line, where nothing escapes anything: the module counts.
    Inline,
    /// As raw bytes after a prompt.
    Prompt,
}

impl Form {
    /// The form that fits the payload's length and bytes.
    pub(super) fn of(profile: &Profile, message: &Outgoing) -> Result<Form, Refusal> {
        let length = message.payload.len();
        let model = || profile.model.name.clone();
        let fits_inline = length <= profile.limits.inline_payload.value;
        if fits_inline && InlineData::new(&message.payload).is_some() {
            return Ok(Form::Inline);
        }
        match profile.limits.prompt_payload {
            Some(limit) if length <= limit.value => Ok(Form::Prompt),
            None if fits_inline => {
                let bad = |byte: &u8| InlineData::new(std::slice::from_ref(byte)).is_none();
                let position = message.payload.iter().position(bad).unwrap_or_default();
                Err(Refusal::PayloadByte { byte: message.payload[position], position, model: model() })
            }
            _ => Err(Refusal::TooLong { what: "payload", length, limit: profile.largest_payload(), model: model() }),
        }
    }
}

/// Publishes one message. Its outcome is *unconfirmed* where the module took it and then did not say what became of it.
pub(super) async fn publish(context: Context, message: Outgoing) -> Result<Delivery, Fault> {
    let Context { dialogue, profile, options } = context;
    let form = Form::of(&profile, &message)?;
    let qos0_is_zero = profile.rules.qos0_message_id.value == MessageIdRule::Zero;
    let message_id = if message.qos == QoS::AtMostOnce && qos0_is_zero { 0 } else { dialogue.message_id() };
    let unconfirmed = |why| Ok(Delivery::Unconfirmed(why));
    match dialogue.run(command(&profile, &options, &message, message_id, form)).await {
        Ok(Published::Done) if message.qos == QoS::AtMostOnce => Ok(Delivery::Sent),
        Ok(Published::Done) => Ok(Delivery::Delivered),
        Ok(Published::WrongAcknowledgement) => unconfirmed(Unconfirmed::WrongAcknowledgement),
        Ok(Published::Failed(fault)) => Err(Fault::Publish(fault)),
        // A prompt that comes late still gets the data, since a module that counts lets go of nothing else: so that message
        // may arrive too.
        Err(Fault::TimedOut { stage: Stage::Prompt | Stage::Answer | Stage::Result | Stage::Data, .. }) => {
            unconfirmed(Unconfirmed::NoReport)
        }
        Err(Fault::Malformed { .. }) => unconfirmed(Unconfirmed::UnreadableReport),
        Err(Fault::LinkLost) => unconfirmed(Unconfirmed::LinkLost),
        Err(Fault::Restarted) => unconfirmed(Unconfirmed::Restarted),
        Err(fault) => Err(fault),
    }
}

fn command(
    profile: &Profile,
    options: &ConnectOptions,
    message: &Outgoing,
    message_id: u16,
    form: Form,
) -> Command<Published> {
    let length = u32::try_from(message.payload.len()).expect("a payload within a module's limit");
    let command = Command::set("+LMQTTPUB")
        .int(options.connection)
        .int(message_id)
        .int(message.qos.level())
        .int(message.retain)
        .text(message.topic.text())
        .int(length);
    let command = match (form, InlineData::new(&message.payload)) {
        (Form::Inline, Some(payload)) => command.inline(payload),
        _ => {
            // Counted, without Ctrl-Z; what would make the module leave the data phase early is not known.
            let counted = DataPhase::counted(message.payload.clone(), profile.timeouts.prompt.value);
            command.data(DataPhase { guard: profile.pauses.prompt_guard.value, ..counted })
        }
    };
    // The module reports only once it has sent its last packet again and waited for it.
    let last_packet = options.packet_patience() + profile.timeouts.command.value;
    command
        .result(&["+LMQTTPUB"], &[i64::from(options.connection), i64::from(message_id)])
        .within(profile.timeouts.publish.value.max(last_packet))
        .decode(|answer| Ok(published(result_and_extend(answer.result()?)?)))
}

/// What `+LMQTTPUB` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Published {
    /// Acknowledged; at QoS 0: sent.
    Done,
    /// Sent, and a wrong acknowledgement came.
    WrongAcknowledgement,
    Failed(PacketFault),
}

/// `+LMQTTPUB: <id>,<message id>,<result>[,<extend>]`: 0 sent and acknowledged, 1 sent and wrongly acknowledged, 2 not sent.
/// Lierda AT manual, LMQTTPUB. Others have seen messages with result 1 arrive.
fn published(result: (i32, Option<i32>)) -> Published {
    match result {
        (0, _) => Published::Done,
        (1, extend) if !matches!(extend, Some(6 | 7)) => Published::WrongAcknowledgement,
        other => Published::Failed(packet_fault(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Topic;

    fn message(payload: &[u8]) -> Outgoing {
        Outgoing { topic: Topic::new("t").unwrap(), payload: payload.to_vec(), qos: QoS::AtLeastOnce, retain: false }
    }

    #[test]
    fn the_form_follows_length_and_bytes() {
        let [nt35e, nt26e] = ["lierda-nt35e", "lierda-nt26e"].map(|name| Profile::named(name).unwrap());
        let of = |profile, payload: &[u8]| Form::of(profile, &message(payload));
        let too_long =
            |limit, length, model: &str| Err(Refusal::TooLong { what: "payload", length, limit, model: model.into() });
        for (payload, on_nt35e, on_nt26e) in [
            (vec![], Ok(Form::Inline), Ok(Form::Inline)),
            (b"{\"a\":1}".to_vec(), Ok(Form::Inline), Ok(Form::Inline)),
            (vec![b'x'; 1024], Ok(Form::Inline), Ok(Form::Inline)),
            (vec![b'x'; 1025], Ok(Form::Inline), Ok(Form::Prompt)),
            (vec![b'x'; 1460], Ok(Form::Inline), Ok(Form::Prompt)),
            (vec![b'x'; 1461], too_long(1460, 1461, "lierda-nt35e"), Ok(Form::Prompt)),
            (vec![b'x'; 8000], too_long(1460, 8000, "lierda-nt35e"), Ok(Form::Prompt)),
            (vec![b'x'; 8001], too_long(1460, 8001, "lierda-nt35e"), too_long(8000, 8001, "lierda-nt26e")),
            (
                b"a\r".to_vec(),
                Err(Refusal::PayloadByte { byte: b'\r', position: 1, model: "lierda-nt35e".into() }),
                Ok(Form::Prompt),
            ),
        ] {
            assert_eq!(of(nt35e, &payload), on_nt35e, "{} bytes", payload.len());
            assert_eq!(of(nt26e, &payload), on_nt26e, "{} bytes", payload.len());
        }
    }

    #[test]
    fn results() {
        for (result, expected) in [
            ((0, None), Published::Done),
            ((1, None), Published::WrongAcknowledgement),
            ((1, Some(6)), Published::Failed(PacketFault::SendFailed)),
            ((1, Some(7)), Published::Failed(PacketFault::BadParameter)),
            ((2, None), Published::Failed(PacketFault::SendFailed)),
            ((5, Some(1)), Published::Failed(PacketFault::Vendor { result: 5, extend: Some(1) })),
        ] {
            assert_eq!(published(result), expected, "{result:?}");
        }
    }
}
