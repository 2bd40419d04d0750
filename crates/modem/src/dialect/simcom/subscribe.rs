//! `AT+CMQTTSUB` and `AT+CMQTTUNSUB`. The level that the broker grants is not told.
//!
//! The staged kind takes a filter behind a prompt; to unsubscribe, it wants the filter staged first, since the form with a length cannot
//! be told from another one.

use atmqtt_at::{Command, CommandBuilder, Stage};

use super::code::Code;
use super::link::end_after_missing_result;
use super::staging::stage;
use super::{data, kind};
use crate::dialect::Context;
use crate::fault::Fault;
use crate::message::{Filter, QoS};
use crate::profile::CmqttKind;

pub(super) async fn subscribe(context: Context, filters: Vec<(Filter, QoS)>) -> Result<Vec<Option<QoS>>, Fault> {
    let untold = vec![None; filters.len()];
    for (filter, qos) in filters {
        let command = Command::set("+CMQTTSUB").int(context.options.connection);
        let command = match kind(&context.profile) {
            CmqttKind::Staged => {
                let bytes = filter.text().as_str().as_bytes();
                command.length(bytes).int(qos.level()).data(data(&context.profile, bytes))
            }
            CmqttKind::Arguments => command.text(filter.text()).int(qos.level()),
        };
        run(&context, command, &["+CMQTTSUB"], filter).await?;
    }
    Ok(untold)
}

pub(super) async fn unsubscribe(context: Context, filters: Vec<Filter>) -> Result<(), Fault> {
    for filter in filters {
        let command = Command::set("+CMQTTUNSUB").int(context.options.connection);
        let command = match kind(&context.profile) {
            CmqttKind::Staged => {
                if let Err(code) = stage(&context, "+CMQTTUNSUBTOPIC", filter.text().as_str().as_bytes(), None).await? {
                    return Err(Fault::Subscribe { filter, fault: code.of_packet().into() });
                }
                command.int(0)
            }
            CmqttKind::Arguments => command.text(filter.text()),
        };
        run(&context, command, &["+CMQTTUNSUB"], filter).await?;
    }
    Ok(())
}

/// `<name>: <client>,<err>`, before or behind `OK` or `ERROR`.
async fn run(
    context: &Context,
    command: CommandBuilder,
    name: &'static [&'static str; 1],
    filter: Filter,
) -> Result<(), Fault> {
    let command = command
        .result(name, &[i64::from(context.options.connection)])
        .or_behind_refusal()
        .within(context.profile.timeouts.subscribe.value)
        .decode(|answer| answer.result()?.int().map(Code));
    let outcome = context.dialogue.run(command).await;
    if matches!(outcome, Err(Fault::TimedOut { stage: Stage::Answer | Stage::Result, .. })) {
        end_after_missing_result(context).await;
    }
    match outcome? {
        Code(0) => Ok(()),
        code => Err(Fault::Subscribe { filter, fault: code.of_packet().into() }),
    }
}
