//! The program `atmqtt`: MQTT through the client inside a cellular module, from the command line.
//!
//! Options become [`settings`], settings become calls of the SDK, and what comes of them is [rendered](render) and told by
//! the [exit code](exit).
//!
//! Programs in other languages use `atmqtt rpc`, whose messages `docs/rpc.schema.json` describes; `examples/rpc_client.py` is a client.

mod args;
mod attached;
mod cloud;
mod command;
mod duration;
mod encoding;
mod environment;
mod exit;
mod figures;
mod format;
mod guard;
mod log;
mod meter;
mod nearest;
mod profile_file;
mod recording;
mod register;
mod render;
mod scenario;
mod secret;
mod settings;
mod utc;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::ColorChoice;
use clap::error::ErrorKind;

use crate::args::CommandLine;
use crate::environment::Environment;
use crate::exit::{Exit, Failure, Halt};
use crate::render::Look;

fn main() -> ExitCode {
    // A panic is a bug, and has said so on stderr.
    std::panic::catch_unwind(begin).unwrap_or(Exit::Internal).into()
}

fn begin() -> Exit {
    let typed: Vec<OsString> = std::env::args_os().collect();
    match parse(&typed) {
        Ok(typed) => run(typed),
        Err(error) => refuse(&error, &typed),
    }
}

fn parse(typed: &[OsString]) -> Result<CommandLine, clap::Error> {
    let color = match option(typed, "--color") {
        Some("always") => ColorChoice::Always,
        Some("never") => ColorChoice::Never,
        _ => ColorChoice::Auto,
    };
    let mut definition = CommandLine::definition().color(color);
    if let Some(words) = option(typed, "--cloud").and_then(cloud::words::help) {
        definition = definition.mut_subcommand("sign", |sign| sign.after_help(words));
    }
    CommandLine::of(&definition.try_get_matches_from(typed)?)
}

/// The value of an option in a command line that cannot be parsed as a whole.
fn option<'a>(typed: &'a [OsString], name: &str) -> Option<&'a str> {
    let mut words = typed.iter().filter_map(|word| word.to_str());
    while let Some(word) = words.next() {
        match word.strip_prefix(name) {
            Some("") => return words.next(),
            Some(rest) if rest.starts_with('=') => return rest.get(1..),
            _ => {}
        }
    }
    None
}

/// Says what is wrong with a command line, or gives the help that was asked for.
fn refuse(error: &clap::Error, typed: &[OsString]) -> Exit {
    let is_json = typed.iter().any(|word| word == "--json") || option(typed, "--output") == Some("json");
    let is_answer = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if is_answer || !is_json {
        // A closed pipe ends the program quietly, here too.
        let _ = error.print();
        return if is_answer { Exit::Done } else { Exit::Usage };
    }
    let text = error.render().to_string();
    let message = text.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ");
    let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
    let failure = Failure::usage(message).help("run atmqtt --help");
    Look { json: true, quiet: false, color: false }.failure(&failure);
    failure.exit()
}

fn run(typed: CommandLine) -> Exit {
    let look = Look::resolve(&typed.global.display);
    start(typed, look).unwrap_or_else(|halt| {
        if let Halt::Failed(failure) = &halt {
            look.failure(failure);
        }
        halt.exit()
    })
}

fn start(typed: CommandLine, look: Look) -> Result<Exit, Halt> {
    let environment = Environment::of_process()?;
    let level = environment.or(typed.global.display.log.as_ref(), "ATMQTT_LOG");
    log::start(log::parse(level.unwrap_or("error"))?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|fault| Failure::new("internal.runtime", format!("the runtime does not start: {fault}")))?;
    let ended = runtime.block_on(command::run(typed, environment, look));
    // A thread that reads stdin reads on until a line comes, and nobody waits for that one.
    runtime.shutdown_background();
    ended
}
