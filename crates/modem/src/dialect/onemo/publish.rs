//! `AT+MQTTPUB=<id>,"<topic>",<qos>,<retain>,<dup>,<length>[,"<payload>"]` → `+MQTTPUB: <id>,<message id>,<sent>`, `OK`, and, for QoS 1 and
//! 2, `+MQTTURC: "puback"|"pubcomp"|"timeout",<id>,<message id>`.
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
        QoS::AtMostOnce => command.information("+MQTTPUB").decode(|answer| Ok((sent(answer)?, Published::Done))),
        _ => command
            .result_when(TOLD, &[i64::from(options.connection)], is_last_word)
            .worded(&["puback", "pubrec", "pubcomp", "timeout"])
            .chosen_in("+MQTTPUB")
            .decode(|answer| Ok((sent(answer)?, told(answer.result()?)?))),
    };
    let published = dialogue.run(command).await.map(|(sent, published)| {
        // By the manual it is the length of the packet, topic and all, so what is missing shows only if it is much.
        if sent >= length { published } else { Published::Failed(PacketFault::Truncated { sent }) }
    });
    delivery::outcome(published, message.qos, false)
}

/// `+MQTTPUB: <id>,<message id>,<sent>`: how many bytes went out.
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
    Ok(if fields.text()? == "timeout" { Published::NotAcknowledged } else { Published::Done })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Topic;

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
