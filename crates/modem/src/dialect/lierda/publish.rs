//! `AT+LMQTTPUB=<id>,<message id>,<qos>,<retain>,"<topic>",<length>[,"<payload>"]`.

use atmqtt_at::{Command, DataPhase, InlineData};

use super::packet_fault;
use crate::Delivery;
use crate::dialect::Context;
use crate::dialect::delivery::{self, Form, Published};
use crate::dialect::session::{CommandResult, result_and_extend};
use crate::fault::Fault;
use crate::message::{Outgoing, QoS};
use crate::options::ConnectOptions;
use crate::profile::{MessageIdRule, Profile};
use crate::refusal::Refusal;

/// The form that fits the payload. The module counts in both.
pub(super) fn form(profile: &Profile, message: &Outgoing) -> Result<Form, Refusal> {
    Form::of(profile, message, |byte| InlineData::new(&[byte]).is_some(), |_| true)
}

/// Publishes one message.
pub(super) async fn publish(context: Context, message: Outgoing) -> Result<Delivery, Fault> {
    let Context { dialogue, profile, options } = context;
    let form = form(&profile, &message)?;
    let qos0_is_zero = profile.rules.qos0_message_id.value == MessageIdRule::Zero;
    let message_id = if message.qos == QoS::AtMostOnce && qos0_is_zero { 0 } else { dialogue.message_id() };
    let command = command(&profile, &options, &message, message_id, form);
    delivery::publish(&dialogue, command, message.qos, false).await
}

fn command(
    profile: &Profile,
    options: &ConnectOptions,
    message: &Outgoing,
    message_id: u16,
    form: Form,
) -> Command<Published> {
    let command = Command::set("+LMQTTPUB")
        .int(options.connection)
        .int(message_id)
        .int(message.qos.level())
        .int(message.retain)
        .text(message.topic.text())
        .length(&message.payload);
    let command = match (form, InlineData::new(&message.payload)) {
        (Form::Inline, Some(payload)) => command.inline(payload),
        _ => {
            // Counted, without Ctrl-Z; what would make the module leave the data phase early is not known.
            let counted = DataPhase::counted(message.payload.clone(), profile.timeouts.prompt.value);
            command.data(DataPhase { guard: profile.pauses.prompt_guard.value, ..counted })
        }
    };
    command
        .result(&["+LMQTTPUB"], &[i64::from(options.connection), i64::from(message_id)])
        .deferrable(message_id != 0)
        .within(profile.timeouts.publish.value.max(options.last_packet(profile)))
        .decode(|answer| Ok(published(result_and_extend(answer.result()?)?)))
}

/// `+LMQTTPUB: <id>,<message id>,<result>[,<extend>]`: 0 sent and acknowledged, 1 sent and wrongly acknowledged, 2 not sent.
/// Lierda AT manual, LMQTTPUB. Others have seen messages with result 1 arrive.
fn published(result: CommandResult) -> Published {
    match result {
        (0, _) => Published::DONE,
        (1, extend) if !matches!(extend, Some(6 | 7)) => Published::WrongAcknowledgement,
        other => Published::Failed(packet_fault(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::PacketFault;
    use crate::message::Topic;

    fn message(payload: &[u8]) -> Outgoing {
        Outgoing { topic: Topic::new("t").unwrap(), payload: payload.to_vec(), qos: QoS::AtLeastOnce, retain: false }
    }

    #[test]
    fn the_form_follows_length_and_bytes() {
        let [nt35e, nt26e] = ["lierda-nt35e", "lierda-nt26e"].map(|name| Profile::named(name).unwrap());
        let of = |profile, payload: &[u8]| form(profile, &message(payload));
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
            ((0, None), Published::DONE),
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
