//! `atmqtt record`: between a program and the module, and what they say to each other into a file.

use std::convert::Infallible;

use atmqtt::transcript::{Privacy, Side};
use atmqtt::{Baud, PortError, Time, open_serial};
use atmqtt_mock::Pty;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::time::Instant;

use super::Context;
use super::replay::pseudo_terminal;
use crate::args;
use crate::attached::start_mock;
use crate::exit::{Exit, Failure, Halt};
use crate::guard::{Guard, Stage};
use crate::recording::{Place, Recording};
use crate::settings::{Line, Port, known_to_all};

/// What modules speak at, where neither `--baud` nor a profile says so.
const USUAL_RATE: u32 = 115_200;
/// Bytes for one side that it has not taken. What comes on top for a program that does not read is lost, as on a UART without
/// flow control.
const UNREAD: usize = 64 * 1024;

pub(super) async fn run(typed: args::Record, context: Context) -> Result<Exit, Halt> {
    let Context { global, environment, mut secrets, look, deadline, mut results } = context;
    let line = Line::resolve(&global, &environment, &mut secrets)?;
    if global.display.trace.is_some() {
        return Err(Failure::usage("a recording is a trace already").help("leave --trace out").into());
    }
    let mut guard = Guard::new(deadline)?;
    let (path, mock) = match line.port {
        Port::Device(path) => (path, None),
        Port::Mock { model, own_broker } => {
            let mock = start_mock(*model, own_broker)?;
            (mock.path().to_string_lossy().into_owned(), Some(mock))
        }
    };
    let rate = match (line.baud, &line.profile) {
        (Baud::Fixed(rate), _) => rate,
        // Nothing is said to the module but what the program says, so its rate is not looked for.
        (Baud::Auto, profile) => profile.as_ref().map_or(USUAL_RATE, |profile| profile.rules.baud.value),
    };
    let module = open_serial(&path, rate).map_err(atmqtt::Error::from)?;
    let pty = Pty::open(typed.link.as_deref(), Some(rate)).map_err(|fault| pseudo_terminal(&fault))?;
    let privacy = if global.display.raw { Privacy::Raw } else { Privacy::Redacted };
    let profile = known_to_all(line.profile.as_ref());
    let recording = Recording::create(&Place { path: typed.file, privacy, profile }, look)?;
    let broker = mock.as_ref().and_then(|mock| mock.broker_url());
    let path = pty.path().as_os_str().as_encoded_bytes().to_vec();
    let passing = async {
        results.line(path).await?;
        if let Some(url) = broker {
            results.line(format!("broker {url}")).await?;
        }
        Err::<Infallible, Halt>(pass_on(pty, module, &recording).await.into())
    };
    let ended = guard.run(Stage::Waiting, passing).await;
    recording.finish(look);
    if let Some(mock) = mock {
        mock.shutdown().await;
    }
    match ended {
        // How everybody ends a recording.
        Err(Halt::Interrupted) => Ok(Exit::Done),
        Err(other) => Err(other),
        Ok(never) => match never {},
    }
}

/// Passes bytes on, unchanged, until the module's port is gone.
async fn pass_on(host: Pty, module: impl AsyncRead + AsyncWrite, recording: &Recording) -> Failure {
    let epoch = Instant::now();
    let now = || Time::after_epoch(epoch.elapsed());
    let (mut from_host, mut to_host) = split(host);
    let (mut from_module, mut to_module) = split(module);
    let (mut for_host, mut for_module) = (Vec::new(), Vec::new());
    let (mut heard, mut said) = (vec![0; 4096], vec![0; 4096]);
    loop {
        let room = UNREAD - for_module.len();
        tokio::select! {
            // Before reading on, so that what was read is written in order of its time.
            biased;
            written = to_module.write(&for_module), if !for_module.is_empty() => match written {
                Ok(count) if count > 0 => drop(for_module.drain(..count)),
                other => return gone(other),
            },
            written = to_host.write(&for_host), if !for_host.is_empty() => {
                let count = written.unwrap_or(for_host.len());
                for_host.drain(..count);
            }
            read = from_host.read(&mut heard[..room.min(4096)]), if room > 0 => match read {
                Ok(count) => {
                    recording.take(now(), Side::Host, &heard[..count]);
                    for_module.extend_from_slice(&heard[..count]);
                }
                Err(fault) => return pseudo_terminal(&fault),
            },
            read = from_module.read(&mut said) => match read {
                Ok(count) if count > 0 => {
                    recording.take(now(), Side::Module, &said[..count]);
                    let kept = count.min(UNREAD - for_host.len());
                    for_host.extend_from_slice(&said[..kept]);
                }
                other => return gone(other),
            },
        }
    }
}

fn gone(ended: std::io::Result<usize>) -> Failure {
    let fault = match ended {
        Ok(_) => PortError::Lost,
        Err(fault) => PortError::Failed { reason: fault.to_string() },
    };
    atmqtt::Error::Port(fault).into()
}
