//! What the program can do, a room for each.

mod at;
mod bench;
mod certs;
mod cost;
mod info;
mod mock;
mod power_saving;
mod publish;
mod record;
mod register;
mod replay;
mod request;
mod rpc;
mod sign;
mod spool;
mod subscribe;

use std::time::Duration;

use crate::args::{Command, CommandLine, Global};
use crate::duration::Deadline;
use crate::environment::Environment;
use crate::exit::{Exit, Halt};
use crate::render::{Look, Results};
use crate::secret::Secrets;

/// How long a command may take that is to end by itself, unless something else was said.
const DEADLINE: Duration = Duration::from_secs(180);

/// What every command works with.
struct Context {
    global: Global,
    environment: Environment,
    secrets: Secrets,
    look: Look,
    /// For the [`Guard`](crate::guard::Guard), which begins once everything that was typed has been understood.
    deadline: Option<Duration>,
    results: Results,
}

/// Does what was typed.
pub(crate) async fn run(typed: CommandLine, environment: Environment, look: Look) -> Result<Exit, Halt> {
    let CommandLine { global, command } = typed;
    let deadline = deadline(&global, &command);
    let secrets = Secrets::new(global.line.allow_insecure_files);
    let context = Context { global, environment, secrets, look, deadline, results: Results::new() };
    match command {
        Command::Publish(typed) => publish::run(typed, context).await,
        Command::Subscribe(typed) => subscribe::run(typed, context).await,
        Command::Request(typed) => request::run(typed, context).await,
        Command::Info(typed) => info::run(&typed, context).await,
        Command::Certs(typed) => certs::run(typed, context).await,
        Command::Spool(typed) => spool::run(typed, context).await,
        Command::Sign(typed) => sign::run(&typed, context).await,
        Command::Cost(typed) => cost::run(&typed, context).await,
        Command::Register(typed) => Box::pin(register::run(typed, context)).await,
        Command::At(typed) => at::run(typed, context).await,
        Command::Rpc(typed) => rpc::run(typed, context).await,
        Command::Bench(typed) => bench::run(typed, context).await,
        Command::Mock(typed) => mock::run(typed, context).await,
        Command::Replay(typed) => replay::run(typed, context).await,
        Command::Record(typed) => record::run(typed, context).await,
    }
}

fn deadline(global: &Global, command: &Command) -> Option<Duration> {
    match (global.line.timeout, command) {
        (Some(Deadline::After(given)), _) => Some(given),
        (Some(Deadline::None), _)
        | (None, Command::Subscribe(_) | Command::Mock(_) | Command::Replay(_) | Command::Record(_)) => None,
        (
            None,
            Command::Publish(_)
            | Command::Request(_)
            | Command::Info(_)
            | Command::Certs(_)
            | Command::Spool(_)
            | Command::Cost(_)
            | Command::At(_)
            | Command::Bench(_)
            | Command::Rpc(_)
            | Command::Sign(_)
            | Command::Register(_),
        ) => Some(DEADLINE),
    }
}
