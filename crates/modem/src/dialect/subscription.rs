//! `AT<SUB>=<id>,<message id>,"<filter>",<qos>` and `AT<UNS>=<id>,<message id>,"<filter>"`: ECMT and QMT.
//!
//! QMT takes several filters in one command, ECMT one. So each filter gets a command of its own, and a result of its own.

use atmqtt_at::{Command, CommandBuilder};

use super::Context;
use super::session::{CommandResult, is_last_word, packet_fault, result_and_extend};
use crate::fault::{Fault, SubscribeFault};
use crate::message::{Filter, QoS};

/// What a dialect calls them. The result line of each has the command's name.
#[derive(Debug)]
pub(super) struct Verbs {
    pub(super) subscribe: [&'static str; 1],
    pub(super) unsubscribe: [&'static str; 1],
}

/// What a code of the broker's SUBACK grants; `None` where the module gives none, or none that there is. MQTT 3.1.1, 3.9.3.
pub(super) fn granted(code: Option<i32>) -> Result<Option<QoS>, SubscribeFault> {
    match code {
        Some(128) => Err(SubscribeFault::Refused),
        code => Ok(code.and_then(|code| QoS::from_level(code.try_into().ok()?))),
    }
}

pub(super) async fn subscribe(
    verbs: &'static Verbs,
    context: Context,
    filters: Vec<(Filter, QoS)>,
) -> Result<Vec<Option<QoS>>, Fault> {
    let mut granted = Vec::with_capacity(filters.len());
    for (filter, qos) in filters {
        let (command, message_id) = begin(&verbs.subscribe, &context);
        let command = command.text(filter.text()).int(qos.level());
        granted.push(run(&context, command, &verbs.subscribe, message_id, filter).await?);
    }
    Ok(granted)
}

pub(super) async fn unsubscribe(verbs: &'static Verbs, context: Context, filters: Vec<Filter>) -> Result<(), Fault> {
    for filter in filters {
        let (command, message_id) = begin(&verbs.unsubscribe, &context);
        run(&context, command.text(filter.text()), &verbs.unsubscribe, message_id, filter).await?;
    }
    Ok(())
}

fn begin(verb: &'static [&'static str; 1], context: &Context) -> (CommandBuilder, u16) {
    let message_id = context.dialogue.message_id();
    (Command::set(verb[0]).int(context.options.connection).int(message_id), message_id)
}

async fn run(
    Context { dialogue, profile, options }: &Context,
    command: CommandBuilder,
    verb: &'static [&'static str; 1],
    message_id: u16,
    filter: Filter,
) -> Result<Option<QoS>, Fault> {
    let command = command
        .result_when(verb, &[i64::from(options.connection), i64::from(message_id)], is_last_word)
        .within(profile.timeouts.subscribe.value.max(options.last_packet(profile)))
        .decode(|answer| Ok(changed(result_and_extend(answer.result()?)?)));
    dialogue.run(command).await?.map_err(|fault| Fault::Subscribe { filter, fault })
}

/// `<result>[,<value>]`: with result 0 the value is the granted level, or 128; when unsubscribing there is none.
fn changed(result: CommandResult) -> Result<Option<QoS>, SubscribeFault> {
    match result {
        (0, value) => granted(value),
        other => Err(packet_fault(other).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::PacketFault;

    #[test]
    fn results() {
        for (result, expected) in [
            ((0, Some(0)), Ok(Some(QoS::AtMostOnce))),
            ((0, Some(1)), Ok(Some(QoS::AtLeastOnce))),
            ((0, Some(2)), Ok(Some(QoS::ExactlyOnce))),
            ((0, None), Ok(None)),
            ((0, Some(3)), Ok(None)),
            ((0, Some(257)), Ok(None)),
            ((0, Some(-1)), Ok(None)),
            ((0, Some(128)), Err(SubscribeFault::Refused)),
            ((2, None), Err(PacketFault::SendFailed.into())),
            ((3, Some(1)), Err(PacketFault::Vendor { result: 3, extend: Some(1) }.into())),
        ] {
            assert_eq!(changed(result), expected, "{result:?}");
        }
    }
}
