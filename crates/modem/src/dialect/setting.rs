//! Settings of a connection, written one after the other.

use atmqtt_at::CommandBuilder;

use super::Context;
use crate::fault::Fault;

/// A setting, and what it means when the module refuses it.
pub(super) struct Setting {
    command: CommandBuilder,
    need: Need,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    /// What the caller asked for cannot be had without it.
    Required,
    /// The default serves too, or the firmware is without it.
    Optional,
}

#[cfg(test)]
impl std::fmt::Debug for Setting {
    /// As it is written.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.command.clone().done().exchange().redacted()))
    }
}

impl Setting {
    /// What the caller asked for cannot be had without it.
    pub(super) fn required(command: CommandBuilder) -> Setting {
        Setting { command, need: Need::Required }
    }

    /// The default serves too, or the firmware is without it.
    pub(super) fn optional(command: CommandBuilder) -> Setting {
        Setting { command, need: Need::Optional }
    }
}

/// Writes every setting.
pub(super) async fn write(context: &Context, settings: Vec<Setting>) -> Result<(), Fault> {
    let Context { dialogue, profile, .. } = context;
    for Setting { command, need } in settings {
        let command = command.within(profile.timeouts.command.value).done();
        match need {
            Need::Required => dialogue.run(command).await?,
            Need::Optional => drop(dialogue.try_run(command).await?),
        }
    }
    Ok(())
}

/// Writes a setting that firmware may be without; whether it took it.
pub(super) async fn try_write(context: &Context, command: CommandBuilder) -> Result<bool, Fault> {
    let command = command.within(context.profile.timeouts.command.value).done();
    Ok(context.dialogue.try_run(command).await?.is_some())
}
