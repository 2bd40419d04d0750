//! `atmqtt replay`: a transcript as a modem, or as a test of the driver.

use std::io::ErrorKind;
use std::path::Path;

use atmqtt::{replay, transcript::Transcript};
use atmqtt_mock::Pty;
use atmqtt_mock::transcript::{Player, Strictness, play};
use serde::Serialize;

use super::Context;
use crate::args;
use crate::exit::{Exit, Failure, Halt};
use crate::guard::{Guard, Stage};
use crate::recording::{ReadFault, read};
use crate::render::{Look, json};

pub(super) async fn run(typed: args::Replay, context: Context) -> Result<Exit, Halt> {
    if context.global.line.port.is_some() {
        return Err(Failure::usage("a replay opens no port: it is one")
            .help("leave --port out; --link PATH gives the replay's port a name")
            .into());
    }
    match &typed.files[..] {
        files if typed.check => check(files, context).await,
        [file] => {
            let transcript = read(file).map_err(|fault| fault.failure(file))?;
            serve(&typed, file, &transcript, context).await
        }
        _ => Err(Failure::usage("one transcript is played at a time")
            .help("name one file; with --check any number of them is checked")
            .into()),
    }
}

/// Plays as a modem until the host has closed the port.
async fn serve(typed: &args::Replay, file: &Path, transcript: &Transcript, context: Context) -> Result<Exit, Halt> {
    let Context { look, deadline, mut results, .. } = context;
    let strictness = if typed.tolerant { Strictness::Tolerant } else { Strictness::Exact };
    let mut guard = Guard::new(deadline)?;
    let pty = Pty::open(typed.link.as_deref(), None).map_err(|fault| pseudo_terminal(&fault))?;
    let mut pty = pty.until_host_closes();
    let mut player = Player::new(transcript, strictness);
    let mismatch = |line: usize, fault: &str| {
        let failure = Failure::new("transcript.mismatch", format!("{}:{line}: {fault}", file.display()));
        match strictness {
            Strictness::Exact => {
                failure.help("--tolerant accepts harmless differences; atmqtt replay --help lists them")
            }
            Strictness::Tolerant => failure,
        }
    };
    let playing = async {
        results.line(pty.path().as_os_str().as_encoded_bytes()).await?;
        play(&mut player, &mut pty).await.map_err(|found| Halt::from(mismatch(found.line, &found.fault)))
    };
    match guard.run(Stage::Waiting, playing).await {
        Ok(()) => {}
        Err(Halt::Interrupted) => player.end().map_err(|found| mismatch(found.line, &found.fault))?,
        Err(halt) => return Err(halt),
    }
    look.status(format_args!("{} was played to its end", file.display()));
    Ok(Exit::Done)
}

/// Why there is no pseudo-terminal.
pub(super) fn pseudo_terminal(fault: &std::io::Error) -> Failure {
    let failure = Failure::new("port.pseudo_terminal", format!("there is no pseudo-terminal: {fault}"));
    match fault.kind() {
        ErrorKind::AlreadyExists => failure.help("there is something else in the place of the link; remove it"),
        _ => failure,
    }
}

/// Holds the driver against each transcript, and says what became of each.
async fn check(files: &[std::path::PathBuf], context: Context) -> Result<Exit, Halt> {
    let Context { look, deadline, mut results, .. } = context;
    let mut guard = Guard::new(deadline)?;
    let mut failures: Vec<Failure> = Vec::new();
    for file in files {
        let (checked, failure) = checked(file)?;
        guard.tell(results.line(checked.line(look))).await?;
        failures.extend(failure);
    }
    // What cannot be read at all comes first.
    failures.sort_by_key(|failure| failure.code != "transcript.syntax");
    match failures.len() {
        0 => Ok(Exit::Done),
        1 => Err(failures.remove(0).into()),
        count => {
            let first = failures.remove(0);
            let message = format!("{count} of {} transcripts do not hold; one is {first}", files.len());
            Err(Failure { message, ..first }.into())
        }
    }
}

fn checked(file: &Path) -> Result<(Checked<'_>, Option<Failure>), Failure> {
    let checked = |result| Checked { file: file.to_string_lossy(), result, line: None, column: None, message: None };
    let transcript = match read(file) {
        Ok(transcript) => transcript,
        Err(ReadFault::Syntax(fault)) => {
            let (line, column) = (Some(fault.line), Some(fault.column));
            let message = Some(fault.fault.to_string());
            let checked = Checked { line, column, message, ..checked("syntax") };
            return Ok((checked, Some(ReadFault::Syntax(fault).failure(file))));
        }
        Err(fault @ ReadFault::Unreadable(_)) => return Err(fault.failure(file)),
    };
    match replay::check(&transcript) {
        Ok(()) => Ok((checked("ok"), None)),
        Err(found) => {
            let message = format!("{}:{}: {}", file.display(), found.line, found.fault);
            let mut failure = Failure::new("transcript.mismatch", message);
            if !transcript.steps.iter().any(|(_, step)| matches!(step, atmqtt::transcript::Step::Request(_))) {
                failure = failure.help(
                    "a recording says what was written, not what was asked for: put `! request` lines where the host acts",
                );
            }
            let checked = Checked { line: Some(found.line), message: Some(found.fault), ..checked("mismatch") };
            Ok((checked, Some(failure)))
        }
    }
}

/// What became of one transcript.
#[derive(Serialize)]
struct Checked<'a> {
    file: std::borrow::Cow<'a, str>,
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

impl Checked<'_> {
    fn line(&self, look: Look) -> String {
        if look.json {
            return json(self);
        }
        let place = self.line.map(|line| format!(":{line}")).unwrap_or_default();
        format!("{} {}{place}", self.result, self.file)
    }
}
