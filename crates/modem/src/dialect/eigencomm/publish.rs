//! `AT+ECMTPUB=<id>,<message id>,<qos>,<retain>,"<topic>"[,"<payload>"]`.
//!
//! Neither form has a length. Inside the command line a quote would end the payload, and nothing escapes one; after the prompt
//! Ctrl-Z ends it and ESC throws it away. The firmware measures what it has got as a C string, so that NUL cuts it off.

use atmqtt_at::{Command, InlineData};

use crate::Delivery;
use crate::dialect::Context;
use crate::dialect::delivery::{self, CANCEL, END, Form};
use crate::dialect::session::is_last_word;
use crate::fault::Fault;
use crate::message::{Outgoing, QoS};
use crate::profile::{MessageIdRule, Profile};
use crate::refusal::Refusal;

/// The form that fits the payload. An empty one goes by prompt: empty quotes may be no payload to the firmware, which would
/// then wait for one.
pub(super) fn form(profile: &Profile, message: &Outgoing) -> Result<Form, Refusal> {
    if message.payload.is_empty() {
        return Ok(Form::Prompt);
    }
    let inline = |byte| byte >= b' ' && !matches!(byte, b'"' | 0x7f);
    Form::of(profile, message, inline, |byte| !matches!(byte, 0 | END | CANCEL))
}

/// Publishes one message.
pub(super) async fn publish(context: Context, message: Outgoing) -> Result<Delivery, Fault> {
    let Context { dialogue, profile, options } = context;
    let form = form(&profile, &message)?;
    let qos0_is_zero = profile.rules.qos0_message_id.value == MessageIdRule::Zero;
    let message_id = if message.qos == QoS::AtMostOnce && qos0_is_zero { 0 } else { dialogue.message_id() };
    let command = Command::set("+ECMTPUB")
        .int(options.connection)
        .int(message_id)
        .int(message.qos.level())
        .int(message.retain)
        .text(message.topic.text());
    let command = match (form, InlineData::new(&message.payload)) {
        (Form::Inline, Some(payload)) => command.inline(payload),
        _ => command.data(delivery::terminated(&profile, &message)),
    };
    let command = command
        .result_when(&["+ECMTPUB"], &[i64::from(options.connection), i64::from(message_id)], is_last_word)
        .deferrable(message_id != 0)
        .within(profile.timeouts.publish.value.max(options.last_packet(&profile)))
        .decode(delivery::reported);
    delivery::publish(&dialogue, command, message.qos, true).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Topic;

    #[test]
    fn the_form_follows_length_and_bytes() {
        let profile = Profile::named("lierda-nt35e-ecmt").unwrap();
        let byte = |byte, position| Refusal::PayloadByte { byte, position, model: "lierda-nt35e-ecmt".into() };
        for (payload, expected) in [
            (&b"22.5;{a:1}, \\"[..], Ok(Form::Inline)),
            ("温".as_bytes(), Ok(Form::Inline)),
            (b"", Ok(Form::Prompt)),
            (b"{\"a\":1}", Ok(Form::Prompt)),
            (b"a\r\nb\x08", Ok(Form::Prompt)),
            (b"a\x1a", Err(byte(0x1a, 1))),
            (b"\"\x1b", Err(byte(0x1b, 1))),
            (b"ab\0", Err(byte(0, 2))),
            (&[b'x'; 1024], Ok(Form::Inline)),
            (
                &[b'x'; 1025],
                Err(Refusal::TooLong { what: "payload", length: 1025, limit: 1024, model: "lierda-nt35e-ecmt".into() }),
            ),
        ] {
            let message = Outgoing {
                topic: Topic::new("t").unwrap(),
                payload: payload.to_vec(),
                qos: QoS::AtLeastOnce,
                retain: false,
            };
            assert_eq!(form(profile, &message), expected, "{payload:?}");
        }
    }
}
