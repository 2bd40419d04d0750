//! What is done to a module that does not get to its broker by trying again. 3GPP TS 27.007, 8.2 and 10.1.9.

use std::time::Duration;

use atmqtt_at::Command;

use crate::fault::Fault;
use crate::identify;
use crate::plan::{Dialogue, Tools};
use crate::recovery::Cure;

/// How long a network needs to notice that a module has gone.
const AWAY: Duration = Duration::from_secs(2);

/// How long a module may take to start.
const START: Duration = Duration::from_secs(60);

/// Does it. What the module refuses is no fault: whether it has helped, the next attempt shows.
pub(crate) async fn run(Tools { dialogue, profile }: Tools, cure: Cure) -> Result<(), Fault> {
    let patience = profile.timeouts.attach.value;
    let set = |name, value: u8| Command::set(name).int(value).within(patience).done();
    match cure {
        Cure::CyclePacketNetwork => {
            away_and_back(&dialogue, set("+CGATT", 0), set("+CGATT", 1)).await?;
        }
        Cure::CycleRadio => {
            away_and_back(&dialogue, set("+CFUN", 0), set("+CFUN", 1)).await?;
        }
        // Whoever owns the port sees to these.
        Cure::ReopenPort | Cure::Power => {}
        Cure::ResetModule => {
            let reset = Command::set("+CFUN").int(1).int(1).within(profile.timeouts.command.value).done();
            match dialogue.try_run(reset).await {
                // It answers before it starts, or shows that it does, or says nothing more.
                Ok(_) | Err(Fault::Restarted | Fault::TimedOut { .. } | Fault::Unresponsive { .. }) => {}
                Err(fault) => return Err(fault),
            }
            dialogue.pause(AWAY).await;
            identify::prepare(&dialogue, START).await?;
        }
    }
    Ok(())
}

/// What is left to do of a cure that is broken off. The module is told, and may take its time: nobody waits for what comes of it.
pub(crate) async fn break_off(Tools { dialogue, profile }: Tools, cure: Cure) -> Result<(), Fault> {
    let soon = profile.timeouts.command.value;
    let back = match cure {
        Cure::CyclePacketNetwork => "+CGATT",
        Cure::CycleRadio => "+CFUN",
        Cure::ResetModule | Cure::ReopenPort | Cure::Power => return Ok(()),
    };
    dialogue.try_run(Command::set(back).int(1).within(soon).done()).await.map(drop)
}

/// Whatever the first came to, the second follows: a module that is left away stays so.
async fn away_and_back(dialogue: &Dialogue, away: Command<()>, back: Command<()>) -> Result<(), Fault> {
    let gone = dialogue.try_run(away).await;
    dialogue.pause(AWAY).await;
    dialogue.try_run(back).await?;
    gone.map(drop)
}
