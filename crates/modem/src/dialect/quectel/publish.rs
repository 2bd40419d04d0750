//! Publishing, in the form that the module has:
//!
//! - NB: `AT+QMTPUB=<id>,<message id>,<qos>,<retain>,"<topic>",<length>[,"<payload>"]`;
//! - LTE: `AT+QMTPUBEX=<id>,<message id>,<qos>,<retain>,"<topic>",<length>`;
//! - BG96, whose `AT+QMTPUBEX` has another grammar: `AT+QMTPUB=<id>,<message id>,<qos>,<retain>,"<topic>"`, and data up to Ctrl-Z.

use atmqtt_at::{Command, DataPhase, InlineData};

use super::{data, kind};
use crate::Delivery;
use crate::dialect::Context;
use crate::dialect::delivery::{self, CANCEL, END, Form};
use crate::dialect::session::is_last_word;
use crate::fault::Fault;
use crate::message::{Outgoing, QoS};
use crate::profile::{MessageIdRule, Profile, QmtData, QmtKind};
use crate::refusal::Refusal;

/// The form that fits the payload.
pub(super) fn form(profile: &Profile, message: &Outgoing) -> Result<Form, Refusal> {
    let inline = |byte| InlineData::new(&[byte]).is_some();
    match data(profile) {
        QmtData::Counted => Form::of(profile, message, inline, |_| true),
        QmtData::Terminated => Form::of(profile, message, inline, |byte| !matches!(byte, END | CANCEL)),
    }
}

/// Publishes one message.
pub(super) async fn publish(context: Context, message: Outgoing) -> Result<Delivery, Fault> {
    let Context { dialogue, profile, options } = context;
    let form = form(&profile, &message)?;
    let (kind, data) = (kind(&profile), data(&profile));
    let qos0_is_zero = profile.rules.qos0_message_id.value == MessageIdRule::Zero;
    let message_id = if message.qos == QoS::AtMostOnce && qos0_is_zero { 0 } else { dialogue.message_id() };
    let name = match (kind, data) {
        (QmtKind::Lte, QmtData::Counted) => "+QMTPUBEX",
        _ => "+QMTPUB",
    };
    let command = Command::set(name)
        .int(options.connection)
        .int(message_id)
        .int(message.qos.level())
        .int(message.retain)
        .text(message.topic.text());
    let command = match (form, InlineData::new(&message.payload), data) {
        (Form::Inline, Some(payload), _) => command.length(&message.payload).inline(payload),
        (_, _, QmtData::Terminated) => command.data(delivery::terminated(&profile, &message)),
        (_, _, QmtData::Counted) => {
            // A byte too many would be data, or the beginning of the next command.
            let counted = DataPhase::counted(message.payload.clone(), profile.timeouts.prompt.value);
            command.length(&message.payload).data(DataPhase { guard: profile.pauses.prompt_guard.value, ..counted })
        }
    };
    let command = command
        .result_when(RESULTS, &[i64::from(options.connection), i64::from(message_id)], is_last_word)
        .deferrable(message_id != 0)
        .within(profile.timeouts.publish.value.max(options.last_packet(&profile)))
        .decode(delivery::reported);
    delivery::publish(&dialogue, command, message.qos, data == QmtData::Terminated).await
}

/// `<id>,<message id>,<result>[,<value>]`. Some firmware reports under the shorter name whatever the command was.
const RESULTS: &[&str] = &["+QMTPUB", "+QMTPUBEX"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Topic;

    #[test]
    fn the_form_follows_length_and_bytes() {
        let refused = |byte, position, model: &str| Err(Refusal::PayloadByte { byte, position, model: model.into() });
        let too_long =
            |length, limit, model: &str| Err(Refusal::TooLong { what: "payload", length, limit, model: model.into() });
        for (model, payload, expected) in [
            ("quectel-bc660k", b"{\"a\":1}".to_vec(), Ok(Form::Inline)),
            ("quectel-bc660k", b"a\r\n".to_vec(), Ok(Form::Prompt)),
            ("quectel-bc660k", vec![b'x'; 1461], too_long(1461, 1460, "quectel-bc660k")),
            ("quectel-bg95", b"x".to_vec(), Ok(Form::Prompt)),
            ("quectel-bg95", b"\x1a\x1b\0".to_vec(), Ok(Form::Prompt)),
            ("quectel-bg95", vec![0; 4096], Ok(Form::Prompt)),
            ("quectel-bg95", vec![0; 4097], too_long(4097, 4096, "quectel-bg95")),
            ("quectel-bg96", b"{\"a\":1}\r\n".to_vec(), Ok(Form::Prompt)),
            ("quectel-bg96", b"ab\x1a".to_vec(), refused(0x1a, 2, "quectel-bg96")),
            ("quectel-bg96", b"\x1b".to_vec(), refused(0x1b, 0, "quectel-bg96")),
        ] {
            let topic = Topic::new("t").unwrap();
            let message = Outgoing { topic, payload, qos: QoS::AtLeastOnce, retain: false };
            assert_eq!(form(Profile::named(model).unwrap(), &message), expected, "{model}");
        }
    }
}
