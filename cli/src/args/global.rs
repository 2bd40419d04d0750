//! Options of every command: the module, the broker, and how things are shown.

use std::path::PathBuf;

use atmqtt::QoS;
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueEnum};

use super::{Cloud, SET, qos};
use crate::duration::{self, Deadline};

/// Options that may stand before or after the subcommand.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    #[command(flatten)]
    pub(crate) line: Line,
    #[command(flatten)]
    pub(crate) session: Session,
    #[command(flatten)]
    pub(crate) cloud: Cloud,
    #[command(flatten)]
    pub(crate) display: Display,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Modem")]
pub(crate) struct Line {
    /// The serial port: a device path; or a mock modem in this process: `mock`, `mock:PROFILE` [env: ATMQTT_PORT]
    #[arg(long, global = true, value_name = "PORT", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) port: Option<String>,
    /// Bits per second; `auto` looks for the rate at which the module answers [env: ATMQTT_BAUD] [default: auto]
    #[arg(long, global = true, value_name = "RATE")]
    pub(crate) baud: Option<String>,
    /// The profile of the module: its name, or a file of your own, ./FILE.toml; `auto` asks the module what it is
    /// [env: ATMQTT_MODEM] [default: auto]
    #[arg(long, global = true, value_name = "PROFILE")]
    pub(crate) modem: Option<String>,
    /// Put a figure in the place of the profile's, or of what is built in: timeouts.command=3s, reconnect.max=5m; may be given more than once.
    /// `info --profile-figures` shows them all
    #[arg(long, id = SET, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// The access point name [default: the operator's]
    #[arg(long, global = true, value_name = "APN")]
    pub(crate) apn: Option<String>,
    /// The PIN of the SIM: file:PATH, env:NAME, or - for a line from stdin
    #[arg(long, global = true, value_name = "SECRETREF")]
    pub(crate) pin: Option<String>,
    /// A program that switches the module's power off and on: run, without arguments, where a connection that is kept (sub, rpc, spool
    /// drain) is not had again by anything else, at most once in ten minutes, with the port closed and ATMQTT_PORT set to it
    #[arg(long, global = true, value_name = "PROGRAM")]
    pub(crate) power_hook: Option<PathBuf>,
    /// Take secrets from files that others can read
    #[arg(long, global = true)]
    pub(crate) allow_insecure_files: bool,
    /// Deadline of the whole command: 500ms, 30s, 2m, none [default: 3m; none for sub, mock, replay and record; for rpc
    /// that of its start, and of its end]
    #[arg(long, global = true, value_name = "DURATION", value_parser = duration::parse_deadline)]
    pub(crate) timeout: Option<Deadline>,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Broker")]
pub(crate) struct Session {
    /// The broker: mqtt://[user@]host[:1883] [env: ATMQTT_BROKER] [default: the cloud's, with
    /// --cloud; the mock's own, with --port mock]
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) broker: Option<String>,
    /// The client id [default: atmqtt- and eight random digits]
    #[arg(short = 'i', long, global = true, value_name = "ID")]
    pub(crate) client_id: Option<String>,
    /// The user name
    #[arg(short, long, global = true, value_name = "NAME")]
    pub(crate) username: Option<String>,
    /// The password: file:PATH, env:NAME, or - for a line from stdin
    #[arg(short = 'P', long, global = true, value_name = "SECRETREF")]
    pub(crate) password: Option<String>,
    /// The keep-alive in seconds; 0: none [default: 120]
    #[arg(short, long, global = true, value_name = "SECONDS")]
    pub(crate) keepalive: Option<u16>,
    /// Have the broker keep the session, and what comes while the connection is away; needs a client id
    #[arg(short = 'c', long, global = true)]
    pub(crate) disable_clean_session: bool,
    /// The topic of the will: what the broker publishes when the connection is lost
    #[arg(long, global = true, value_name = "TOPIC")]
    pub(crate) will_topic: Option<String>,
    /// The will's payload [default: empty]
    #[arg(long, global = true, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) will_payload: Option<String>,
    /// The will's QoS [default: 0]
    #[arg(long, global = true, value_name = "0|1|2", value_parser = qos)]
    pub(crate) will_qos: Option<QoS>,
    /// Have the broker keep the will for those who subscribe later
    #[arg(long, global = true)]
    pub(crate) will_retain: bool,
    /// The module's MQTT connection identifier [default: 0]
    #[arg(long, global = true, value_name = "N")]
    pub(crate) connection: Option<u8>,
    #[command(flatten)]
    pub(crate) tls: Tls,
}

/// What `mqtts://` needs. The names are those of files in the module, which `certs upload` has put there.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "TLS, which the module makes (mqtts://)")]
pub(crate) struct Tls {
    /// The certificate of the authority that the broker's is signed by, by its name in the module
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) ca: Option<String>,
    /// The certificate that the module shows of itself, by its name in the module; needs --key
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) cert: Option<String>,
    /// The private key of --cert, by its name in the module
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) key: Option<String>,
    /// Which versions module and broker may agree upon
    #[arg(long, global = true, value_enum, value_name = "VERSION", default_value_t = Version::Tls12)]
    pub(crate) tls_version: Version,
    /// Do not tell the broker the name that it is called by (SNI)
    #[arg(long, global = true)]
    pub(crate) no_sni: bool,
    /// INSECURE: take certificates that are not yet valid, or not any more
    #[arg(long, global = true)]
    pub(crate) ignore_time: bool,
    /// INSECURE: do not check who the broker is
    #[arg(long, global = true)]
    pub(crate) insecure: bool,
}

/// Versions of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Version {
    /// TLS 1.2
    #[value(name = "1.2")]
    Tls12,
    /// Whatever they agree upon, which may be one that is not safe any more
    Any,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Display")]
pub(crate) struct Display {
    /// Append the AT dialogue to a file as a transcript that `atmqtt replay` plays, secrets and identities redacted
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,
    /// Keep secrets and identities in what --trace and `record` write
    #[arg(long, global = true)]
    pub(crate) raw: bool,
    /// Show the AT dialogue on stderr, secrets redacted
    #[arg(short, long, global = true)]
    pub(crate) debug: bool,
    /// What the program logs on stderr [env: ATMQTT_LOG] [default: error]
    #[arg(long, global = true, value_name = "LEVEL")]
    pub(crate) log: Option<String>,
    /// Only results and errors
    #[arg(long, global = true)]
    pub(crate) quiet: bool,
    /// How results and errors are written
    #[arg(long, global = true, value_enum, value_name = "FORM", default_value_t = Output::Text)]
    pub(crate) output: Output,
    /// Short for --output json
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Colour on stderr
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    pub(crate) color: Color,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    Text,
    /// One object a line.
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    Always,
    Never,
}
