//! `AT+QMTRECV=<id>[,<slot>]`: messages that the module keeps, five at the most. The LTE kind only.

use atmqtt_at::{Command, Malformed};

use super::receive;
use crate::dialect::Context;
use crate::fault::Fault;
use crate::message::Incoming;

/// How many slots a connection has.
const SLOTS: usize = 5;

/// Reads the slots that the module has named, and then whatever else it keeps: a line that names one may be lost.
pub(super) async fn fetch(context: Context, slots: Vec<u8>) -> Result<(), Fault> {
    for slot in slots {
        read(&context, Some(slot)).await?;
    }
    for _ in 0..SLOTS {
        if !read(&context, None).await? {
            break;
        }
    }
    Ok(())
}

/// Reads a slot, or the next that has something in it; whether there was a message. An empty one is refused, or answered with
/// nothing.
async fn read(Context { dialogue, profile, options }: &Context, slot: Option<u8>) -> Result<bool, Fault> {
    let command = Command::set("+QMTRECV").int(options.connection);
    let command = match slot {
        Some(slot) => command.int(slot),
        None => command,
    };
    // The line that names a slot has the same name, and no topic.
    let command = command
        .information_like("+QMTRECV", |mut fields| {
            let ids = (fields.int::<u8>(), fields.int::<u16>());
            matches!(ids, (Ok(_), Ok(_))) && fields.remainder().is_some()
        })
        .within(profile.timeouts.command.value)
        .decode(|answer| answer.lines().iter().filter_map(|line| line.information("+QMTRECV")).map(message).collect());
    let messages: Vec<(u8, Incoming)> = dialogue.try_run(command).await?.unwrap_or_default();
    let any = !messages.is_empty();
    for (_, message) in messages.into_iter().filter(|(connection, _)| *connection == options.connection) {
        dialogue.deliver(message);
    }
    Ok(any)
}

fn message(mut fields: atmqtt_at::Fields<'_>) -> Result<(u8, Incoming), Malformed> {
    Ok((fields.int()?, receive::message(fields)?))
}
