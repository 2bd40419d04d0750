//! `AT+LMQTTSUBUNSUB=<id>,<flag>,<message id>,"<topic>",<qos>`.
//!
//! The NT35E takes several topics in one command, but what it reports then is not known, and the NT26 takes one. So each
//! filter gets a command of its own. The level is sent when unsubscribing too: one syntax wants it, the other ignores it.

use atmqtt_at::Command;

use super::packet_fault;
use crate::dialect::Context;
use crate::dialect::session::{CommandResult, result_and_extend};
use crate::fault::{Fault, SubscribeFault};
use crate::message::{Filter, QoS};

#[derive(Debug, Clone, Copy)]
enum Flag {
    Subscribe = 0,
    Unsubscribe = 1,
}

impl Flag {
    /// The names of the line that carries the result. The manual's example of an unsubscription prints the second spelling: a
    /// subscription that is answered with it has come to the module as the opposite, and was not made.
    fn results(self) -> &'static [&'static str] {
        match self {
            Flag::Subscribe => &["+LMQTTSUBUNSUB"],
            Flag::Unsubscribe => &["+LMQTTSUBUNSUB", "+LMQTTUNSUNSUB"],
        }
    }
}

pub(super) async fn subscribe(context: Context, filters: Vec<(Filter, QoS)>) -> Result<Vec<Option<QoS>>, Fault> {
    let untold = vec![None; filters.len()];
    for (filter, qos) in filters {
        change(&context, Flag::Subscribe, filter, qos).await?;
    }
    Ok(untold)
}

pub(super) async fn unsubscribe(context: Context, filters: Vec<Filter>) -> Result<(), Fault> {
    for filter in filters {
        change(&context, Flag::Unsubscribe, filter, QoS::AtMostOnce).await?;
    }
    Ok(())
}

async fn change(context: &Context, flag: Flag, filter: Filter, qos: QoS) -> Result<(), Fault> {
    let Context { dialogue, profile, options } = context;
    let (id, message_id) = (options.connection, dialogue.message_id());
    let command = Command::set("+LMQTTSUBUNSUB")
        .int(id)
        .int(flag as u8)
        .int(message_id)
        .text(filter.text())
        .int(qos.level())
        .result(flag.results(), &[i64::from(id), i64::from(message_id)])
        .within(profile.timeouts.subscribe.value.max(options.last_packet(profile)))
        .decode(|answer| Ok(changed(result_and_extend(answer.result()?)?)));
    dialogue.run(command).await?.map_err(|fault| Fault::Subscribe { filter, fault })
}

/// `+LMQTTSUBUNSUB: <id>,<message id>,<result>[,<extend>]`. Success is `0,1` when subscribing: the extend code 1 is not a
/// fault. It is no level either, but means "subscribed": a subscription at level 2 ends with it too, and the level that is granted is not
/// told. Lierda AT manual, LMQTTSUBUNSUB.
fn changed(result: CommandResult) -> Result<(), SubscribeFault> {
    Err(match result {
        (0, None | Some(0 | 1)) => return Ok(()),
        (1, None | Some(0)) => SubscribeFault::Unanswered,
        other => SubscribeFault::Packet(packet_fault(other)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::PacketFault;

    #[test]
    fn results() {
        for (result, expected) in [
            ((0, Some(1)), Ok(())),
            ((0, None), Ok(())),
            ((1, Some(6)), Err(PacketFault::SendFailed.into())),
            ((1, Some(7)), Err(PacketFault::BadParameter.into())),
            ((1, None), Err(SubscribeFault::Unanswered)),
            ((0, Some(128)), Err(PacketFault::Vendor { result: 0, extend: Some(128) }.into())),
        ] {
            assert_eq!(changed(result), expected, "{result:?}");
        }
    }
}
