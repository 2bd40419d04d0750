//! Topics and payloads that wait in the module for the command that uses them.
//!
//! A module keeps one topic and one payload. What a plan that came to nothing has left there is replaced by the next one's, and used by
//! nobody: the command that uses them goes out only behind both of its own plan.

use atmqtt_at::{Command, LineRef};

use super::code::Code;
use super::data;
use crate::dialect::Context;
use crate::fault::Fault;
use crate::message::QoS;
use crate::plan::Dialogue;

/// `AT<name>=<client>,<length>[,<qos>]` → `>` → the bytes → `OK`, or `<name>: <client>,<err>` and `ERROR`.
pub(super) async fn stage(
    context: &Context,
    name: &'static str,
    bytes: &[u8],
    qos: Option<QoS>,
) -> Result<Result<(), Code>, Fault> {
    let Context { dialogue, profile, options } = context;
    let command = Command::set(name).int(options.connection).length(bytes);
    let command = match qos {
        Some(qos) => command.int(qos.level()),
        None => command,
    };
    let command = command.data(data(profile, bytes)).information(name).within(profile.timeouts.command.value);
    run(dialogue, command.done(), name).await
}

/// Runs a command that is answered with `OK`, and says why it was refused in an information line of its own name.
///
/// # Errors
/// The line or the module failed, or the module refused without a reason.
pub(super) async fn run(
    dialogue: &Dialogue,
    command: Command<()>,
    name: &'static str,
) -> Result<Result<(), Code>, Fault> {
    let (exchange, _) = command.into_parts();
    match dialogue.exchange(exchange).await? {
        Ok(_) => Ok(Ok(())),
        Err(atmqtt_at::Fault::Refused { result, lines }) => {
            match lines.iter().find_map(|line| code(LineRef { text: line.text(), body: line.body() }, name)) {
                Some(code) => Ok(Err(code)),
                None => Err(Fault::exchange(name, atmqtt_at::Fault::Refused { result, lines })),
            }
        }
        Err(fault) => Err(Fault::exchange(name, fault)),
    }
}

/// `<name>: <client>,<err>`
fn code(line: LineRef<'_>, name: &str) -> Option<Code> {
    let mut fields = line.information(name)?;
    fields.int::<u8>().ok()?;
    fields.int().ok().map(Code)
}
