//! Publishing:
//!
//! - staged: `AT+CMQTTTOPIC=<client>,<length>`, `AT+CMQTTPAYLOAD=<client>,<length>`, each with its data, and
//!   `AT+CMQTTPUB=<client>,<qos>,<seconds>,<retain>`;
//! - with the topic as an argument: `AT+CMQTTPUB=<client>,"<topic>",<qos>,<length>,<retain>`, and the data.

use atmqtt_at::{Command, CommandBuilder};

use super::code::Code;
use super::link::{PATIENCE, end_after_missing_result};
use super::staging::stage;
use super::{data, kind};
use crate::dialect::Context;
use crate::dialect::delivery::{self, Published};
use crate::fault::Fault;
use crate::message::Outgoing;
use crate::profile::{CmqttKind, Profile};
use crate::refusal::Refusal;
use crate::{Delivery, Unconfirmed};

/// Refuses what has no form. Behind a prompt any byte goes, and at least one.
pub(super) fn check(profile: &Profile, message: &Outgoing) -> Result<(), Refusal> {
    if message.payload.is_empty() {
        return Err(Refusal::EmptyPayload { model: profile.model.name.clone() });
    }
    delivery::Form::of(profile, message, |_| false, |_| true).map(drop)
}

/// Publishes one message.
pub(super) async fn publish(context: Context, message: Outgoing) -> Result<Delivery, Fault> {
    let Context { dialogue, profile, options } = &context;
    let id = options.connection;
    let qos = message.qos.level();
    let command = Command::set("+CMQTTPUB").int(id);
    let command = match kind(profile) {
        CmqttKind::Staged => {
            for (name, bytes) in
                [("+CMQTTTOPIC", message.topic.text().as_str().as_bytes()), ("+CMQTTPAYLOAD", &*message.payload)]
            {
                stage(&context, name, bytes, None).await?.map_err(|code| Fault::Publish(code.of_packet()))?;
            }
            command.int(qos).int(PATIENCE).int(message.retain)
        }
        CmqttKind::Arguments => {
            let command = command.text(message.topic.text()).int(qos).length(&message.payload).int(message.retain);
            command.data(data(profile, &message.payload))
        }
    };
    let outcome = delivery::publish(dialogue, finished(command, &context), message.qos, false).await;
    if matches!(outcome, Ok(Delivery::Unconfirmed(Unconfirmed::NoReport))) {
        end_after_missing_result(&context).await;
    }
    outcome
}

/// `+CMQTTPUB: <client>,<err>`, before or behind `OK` or `ERROR`.
fn finished(command: CommandBuilder, Context { profile, options, .. }: &Context) -> Command<Published> {
    command
        .result(&["+CMQTTPUB"], &[i64::from(options.connection)])
        .or_behind_refusal()
        .within(profile.timeouts.publish.value)
        .decode(|answer| answer.result()?.int().map(|code| published(Code(code))))
}

fn published(code: Code) -> Published {
    match code {
        Code(0) => Published::DONE,
        Code::TIMEOUT | Code::CLOSED => Published::NotAcknowledged,
        code => Published::Failed(code.of_packet()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::PacketFault;
    use crate::message::{QoS, Topic};

    #[test]
    fn an_empty_payload_and_one_that_is_too_long_have_no_form() {
        let profile = Profile::named("simcom-sim7600").unwrap();
        let check = |payload: &[u8]| {
            let topic = Topic::new("t").unwrap();
            let message = Outgoing { topic, payload: payload.to_vec(), qos: QoS::AtLeastOnce, retain: false };
            check(profile, &message)
        };
        let model = || "simcom-sim7600".into();
        assert_eq!(check(b""), Err(Refusal::EmptyPayload { model: model() }));
        assert_eq!(check(b"\x00\"\r\n\x1a\x1b"), Ok(()));
        assert_eq!(check(&[0; 10240]), Ok(()));
        let too_long = Refusal::TooLong { what: "payload", length: 10241, limit: 10240, model: model() };
        assert_eq!(check(&[0; 10241]), Err(too_long));
    }

    #[test]
    fn results() {
        for (code, expected) in [
            (0, Published::DONE),
            (17, Published::NotAcknowledged),
            (26, Published::NotAcknowledged),
            (16, Published::Failed(PacketFault::SendFailed)),
            (11, Published::Failed(PacketFault::Vendor { result: 11, extend: None })),
        ] {
            assert_eq!(published(Code(code)), expected, "{code}");
        }
    }
}
