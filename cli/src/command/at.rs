//! `atmqtt at`: raw commands.

use atmqtt::{FinalResult, Modem, RawAnswer};
use serde::Serialize;

use super::Context;
use crate::args::At;
use crate::attached::Attached;
use crate::exit::{Exit, Failure, Halt};
use crate::guard::{Guard, Stage};
use crate::render::{Look, Results, json};
use crate::settings::Line;

pub(super) async fn run(typed: At, context: Context) -> Result<Exit, Halt> {
    let Context { global, environment, mut secrets, look, deadline, mut results } = context;
    typed.commands.iter().try_for_each(|command| Modem::check_raw(command)).map_err(Failure::from)?;
    let line = Line::resolve(&global, &environment, &mut secrets)?;
    let mut guard = Guard::new(deadline)?;
    let attached = Attached::open(line, global.display.debug, look, &mut guard).await?;
    let outcome = dialogue(&attached.modem, &typed.commands, look, &mut guard, &mut results).await;
    attached.close(outcome).await
}

async fn dialogue(
    modem: &Modem,
    commands: &[String],
    look: Look,
    guard: &mut Guard,
    results: &mut Results,
) -> Result<Exit, Halt> {
    for command in commands {
        let RawAnswer { lines, result } = guard.run(Stage::Asking, modem.raw(command)).await?;
        let lines: Vec<String> = lines.iter().map(|line| line.display().to_string()).collect();
        if look.json {
            let answer = Answer { command, lines: &lines, r#final: result.to_string() };
            guard.tell(results.line(json(&answer))).await?;
        } else {
            for line in &lines {
                guard.tell(results.line(line)).await?;
            }
        }
        if result != FinalResult::Ok {
            return Err(Failure::new("modem.refused", format!("the module refused {command}: {result}")).into());
        }
    }
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct Answer<'a> {
    command: &'a str,
    lines: &'a [String],
    r#final: String,
}
