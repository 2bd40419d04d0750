//! The module at the end of the port, and the mock behind it where the port is one.

use std::future::ready;
use std::io::stderr;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use atmqtt::{
    Baud, Broker, Client, Direction, Modem, ModemOptions, PortError, Profile, Reconnect, TraceRecord, UsbPort, UsbRole,
};
use atmqtt_mock::{BrokerChoice, Mock, Resolve, modem};
use tokio::process::Command;
use tokio::time::timeout;

use crate::exit::{Failure, Halt};
use crate::guard::{Guard, Stage};
use crate::meter::{Meter, Traffic};
use crate::recording::Recording;
use crate::render::{Look, Paint, say};
use crate::settings::{self, Line, Port, Session};

/// How long a command that went well may take to sign out and close the port.
const FAREWELL: Duration = Duration::from_secs(6);
/// The same for one that was interrupted: somebody waits.
const SHORT_FAREWELL: Duration = Duration::from_secs(2);

/// A module that is ready for use.
#[derive(Debug)]
pub(crate) struct Attached {
    pub(crate) modem: Modem,
    mock: Option<Mock>,
    recording: Option<Recording>,
    meter: Meter,
    pub(crate) look: Look,
}

impl Attached {
    /// Opens the port, and identifies the module. `debug` shows the dialogue.
    pub(crate) async fn open(line: Line, debug: bool, look: Look, guard: &mut Guard) -> Result<Attached, Halt> {
        let recording = line.trace.map(|place| Recording::append(&place, look)).transpose()?;
        let (path, mock) = match line.port {
            Port::Device(path) => (path, None),
            Port::Mock { model, own_broker } => {
                let mock = start_mock(*model, own_broker)?;
                (mock.path().to_string_lossy().into_owned(), Some(mock))
            }
        };
        let (inbox, _) = line.figures.inbox();
        let mut options = ModemOptions::new().baud(line.baud).network(line.network);
        options = options.overrides(line.figures.overrides).inbox(inbox);
        if let Some(program) = line.power_hook {
            let port = path.clone();
            options = options.power_hook(move || switch_power(program.clone(), port.clone()));
        }
        if let Some(profile) = line.profile {
            options = options.profile(profile);
        }
        if debug {
            options = options.trace(move |record| show(look, record));
        }
        let meter = Meter::default();
        let (counts, writes) = (meter.clone(), recording.clone());
        options = options.tap(move |now, side, bytes| {
            counts.count(side, bytes);
            if let Some(recording) = &writes {
                recording.take(now, side, bytes);
            }
        });
        let opened = guard.run(Stage::Attaching, Modem::open_with(&path, options)).await;
        if let (Err(_), Some(recording)) = (&opened, &recording) {
            recording.finish(look);
        }
        let modem = opened.map_err(|halt| with_usb_role(halt, UsbPort::of(&path)))?;
        if let (Baud::Auto, Some(rate)) = (line.baud, modem.baud())
            && rate != modem.profile().rules.baud.value
        {
            look.status(format_args!("the module speaks at {rate} baud; --baud {rate} saves the search for it"));
        }
        Ok(Attached { modem, mock, recording, meter, look })
    }

    /// Says so where no profile knows the module: what it takes may be more than what is sent.
    ///
    /// Of what the module says only its model is shown: other texts may hold its IMEI.
    pub(crate) fn tell_of_fallback(&self) {
        if !self.modem.fell_back() {
            return;
        }
        let said = match &self.modem.identity().model {
            Some(model) => format!("the module says that it is {model:?}, which no profile knows well"),
            None => "the module does not say what model it is".to_owned(),
        };
        let name = &self.modem.profile().model.name;
        self.look.status(format_args!(
            "{said}: {name} is used, with the smallest figures that are known; \
             put the module's own, where you know them, into a profile file (base = \"{name}\") and name it: \
             --modem ./FILE.toml"
        ));
    }

    /// Signs in at the broker; with `reconnect` the connection is made again where it is lost.
    pub(crate) async fn connect(
        &self,
        session: Session,
        reconnect: Option<Reconnect>,
        guard: &mut Guard,
    ) -> Result<Client, Halt> {
        self.tell_of_fallback();
        let Session { mut connect, on_mock, recipe, cloud } = session;
        if let (true, Some(broker)) = (on_mock, self.mock_broker()?) {
            self.look.status(format_args!("the mock's broker is {broker}"));
            connect.broker = broker;
        }
        let connect = self.modem.mqtt(connect);
        let connect = match reconnect {
            Some(reconnect) => settings::keep(connect, reconnect, recipe),
            None => connect,
        };
        let connected = async { connect.connect().await.map_err(|fault| settings::explained(cloud, fault)) };
        guard.run(Stage::Connecting, connected).await
    }

    /// The broker of the mock behind the port, where that is a mock with a broker of its own.
    pub(crate) fn mock_broker(&self) -> Result<Option<Broker>, Failure> {
        let url = self.mock.as_ref().and_then(Mock::broker_url);
        Ok(url.map(str::parse::<Broker>).transpose().map_err(atmqtt::Error::from)?)
    }

    /// What has gone over the line so far.
    pub(crate) fn traffic(&self) -> Traffic {
        self.meter.read()
    }

    /// The baud rate that the line is set to, or why it has none.
    pub(crate) fn rate(&self) -> Result<u32, &'static str> {
        match (&self.mock, self.modem.baud()) {
            (Some(_), _) => Err("there is no wire to a mock in this process"),
            (None, Some(rate)) => Ok(rate),
            (None, None) => Err("the rate of the line is not known"),
        }
    }

    /// Signs out, closes the port, stops the mock; and gives `outcome` back.
    pub(crate) async fn close<T>(self, outcome: Result<T, Halt>) -> Result<T, Halt> {
        let limit = if outcome.is_ok() { FAREWELL } else { SHORT_FAREWELL };
        let Attached { modem, mock, recording, look, .. } = self;
        let farewell = async {
            modem.close().await;
            if let Some(mock) = mock {
                mock.shutdown().await;
            }
        };
        let in_time = timeout(limit, farewell).await.is_ok();
        if let Some(recording) = recording {
            recording.finish(look);
        }
        // After a failure it would be one more line about the same.
        if !in_time && outcome.is_ok() {
            look.warn("the module did not sign out in time; its connection may still be up");
        }
        outcome
    }
}

/// Waits for the end of a connection, and says why it ended.
///
/// Cancel safe.
pub(crate) async fn ended(modem: &Modem, client: &Client) -> Failure {
    let loss = client.disconnected().await;
    // A port that is gone takes the connection with it, and is the better reason.
    if modem.events().await.is_err() {
        return atmqtt::Error::Port(PortError::Lost).into();
    }
    let because = loss.map(|loss| format!(": {loss}")).unwrap_or_default();
    Failure::new("delivery.link_lost", format!("the connection to the broker was lost{because}")).help("run it again")
}

/// Whether a connection has ended.
pub(crate) async fn has_ended(client: &Client) -> bool {
    tokio::select! {
        biased;
        _ = client.disconnected() => true,
        () = ready(()) => false,
    }
}

/// Says of a port where nothing answers what it is for, where that is known.
fn with_usb_role(halt: Halt, port: Option<UsbPort>) -> Halt {
    match (halt, port.and_then(|port| wrong_port(port, Profile::shipped()))) {
        (Halt::Failed(failure), Some(help)) if failure.code == "modem.no_answer" => Halt::Failed(failure.help(help)),
        (halt, _) => halt,
    }
}

/// What is wrong with a port on USB that is known to be another one than its module's AT port.
pub(crate) fn wrong_port<'p>(port: UsbPort, profiles: impl IntoIterator<Item = &'p Profile>) -> Option<String> {
    let (role, at) = port.better(profiles)?;
    let what = match role {
        UsbRole::Modem => "for data calls",
        UsbRole::Diag => "for diagnosis",
        UsbRole::Nmea => "for positions",
        UsbRole::At => return None,
    };
    let is = format!("this port of the module ({}, interface {}) is {what}", port.id, port.interface?);
    Some(format!("{is}: name the one with interface {at}, which is its AT port"))
}

/// Runs the program that switches the module's power. No shell reads its name, and nothing that a module or a broker has said is given
/// to it; what it says goes to stderr, since stdout is for results.
async fn switch_power(program: PathBuf, port: String) -> Result<(), String> {
    let name = || program.display();
    let said = stderr().as_fd().try_clone_to_owned().map_or_else(|_| Stdio::null(), Stdio::from);
    let mut command = Command::new(&program);
    command.env("ATMQTT_PORT", port).stdin(Stdio::null()).stdout(said).kill_on_drop(true);
    let status = command.status().await.map_err(|fault| format!("{} cannot be run: {fault}", name()))?;
    if status.success() { Ok(()) } else { Err(format!("{} failed: {status}", name())) }
}

/// Starts a mock module for this program alone.
pub(crate) fn start_mock(model: modem::Model, own_broker: bool) -> Result<Mock, Failure> {
    let builder = Mock::builder().modem(modem::ModemOptions { model, ..modem::ModemOptions::default() });
    let builder = match own_broker {
        true => builder.broker(BrokerChoice::Embedded),
        // It dials what the driver names.
        false => builder.broker(BrokerChoice::None).resolve(Resolve::Literal),
    };
    builder.start().map_err(|fault| Failure::new("port.mock", format!("the mock modem does not start: {fault}")))
}

/// Shows a line of the dialogue: `0.012 → AT+CSQ`.
fn show(look: Look, record: &TraceRecord) {
    let paint = match record.direction {
        Direction::Command | Direction::Data => Paint::Sent,
        Direction::Line | Direction::Prompt => Paint::Received,
    };
    let seconds = record.time.since_epoch().as_secs_f64();
    say(format_args!("{seconds:.3} {}", look.paint(paint, &record.to_string())));
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// As a machine has it where an EC25 is plugged in.
    fn port(interface: u8) -> UsbPort {
        let mut port = UsbPort::new("2c7c:0125".parse().unwrap());
        port.interface = Some(interface);
        port
    }

    #[tokio::test]
    async fn a_program_that_switches_the_power_is_run_as_it_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (program, seen) = (folder.path().join("power; touch x"), folder.path().join("seen"));
        let write = |script: &str| {
            fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        };
        write(&format!("echo \"$# $ATMQTT_PORT\" > {}", seen.display()));
        assert_eq!(switch_power(program.clone(), "/dev/ttyUSB2".to_owned()).await, Ok(()));
        assert_eq!(fs::read_to_string(&seen).unwrap(), "0 /dev/ttyUSB2\n");
        assert!(!folder.path().join("x").exists());
        write("exit 3");
        let failed = switch_power(program.clone(), String::new()).await.unwrap_err();
        assert!(failed.ends_with("failed: exit status: 3"), "{failed}");
        let missing = switch_power(folder.path().join("nothing"), String::new()).await.unwrap_err();
        assert!(missing.contains("nothing cannot be run: "), "{missing}");
    }

    #[test]
    fn a_port_that_answers_nothing_is_called_what_it_is() {
        let silent = || Halt::Failed(Failure::new("modem.no_answer", "nothing answers").help("check the baud rate"));
        let help = |halt: Halt| match halt {
            Halt::Failed(failure) => failure.help.unwrap_or_default(),
            other => panic!("{other:?}"),
        };
        let told = help(with_usb_role(silent(), Some(port(0))));
        assert!(told.contains("2c7c:0125, interface 0) is for diagnosis: name the one with interface 2"), "{told}");
        for unknown in [None, Some(port(2)), Some(port(9))] {
            assert_eq!(help(with_usb_role(silent(), unknown)), "check the baud rate");
        }
        let busy = Halt::Failed(Failure::new("port.busy", "in use").help("end it"));
        assert_eq!(help(with_usb_role(busy, Some(port(0)))), "end it");
    }
}
