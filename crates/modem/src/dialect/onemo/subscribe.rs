//! `AT+MQTTSUB=<id>,"<filter>",<qos>` → `+MQTTSUB: <id>,<message id>`, `OK`, `+MQTTURC: "suback",<id>,<message id>,<code>`, and the same
//! to unsubscribe, without level and code; `"timeout",<id>,<message id>` where no answer came. Some models take three filters in one
//! command and tell of each in a line of its own: each gets a command of its own.

use atmqtt_at::{Command, CommandBuilder};

use super::TOLD;
use super::configure::patience;
use crate::dialect::Context;
use crate::dialect::subscription::granted;
use crate::fault::{Fault, SubscribeFault};
use crate::message::{Filter, QoS};

pub(super) async fn subscribe(context: Context, filters: Vec<(Filter, QoS)>) -> Result<Vec<Option<QoS>>, Fault> {
    let mut granted = Vec::with_capacity(filters.len());
    for (filter, qos) in filters {
        let command = Command::set("+MQTTSUB").int(context.options.connection).text(filter.text()).int(qos.level());
        granted.push(run(&context, command, &["suback", TIMEOUT], "+MQTTSUB", filter).await?);
    }
    Ok(granted)
}

pub(super) async fn unsubscribe(context: Context, filters: Vec<Filter>) -> Result<(), Fault> {
    for filter in filters {
        let command = Command::set("+MQTTUNSUB").int(context.options.connection).text(filter.text());
        run(&context, command, &["unsuback", TIMEOUT], "+MQTTUNSUB", filter).await?;
    }
    Ok(())
}

/// The broker has not answered, however often the packet was sent.
const TIMEOUT: &str = "timeout";

async fn run(
    Context { dialogue, profile, options }: &Context,
    command: CommandBuilder,
    words: &'static [&'static str; 2],
    name: &'static str,
    filter: Filter,
) -> Result<Option<QoS>, Fault> {
    let timeout = profile.timeouts.subscribe.value.max(patience(options) + profile.timeouts.command.value);
    let command =
        command.result(TOLD, &[i64::from(options.connection)]).worded(words).chosen_in(name).within(timeout).decode(
            |answer| {
                let mut fields = answer.result()?;
                let word = fields.text()?;
                fields.int::<u8>()?;
                fields.int::<u16>()?;
                Ok(if word == TIMEOUT { Err(SubscribeFault::Unanswered) } else { granted(fields.optional_int()?) })
            },
        );
    dialogue.run(command).await?.map_err(|fault| Fault::Subscribe { filter, fault })
}
