//! What can be typed. Each option is defined here, once; what it means is decided in [`settings`](crate::settings).

#![expect(
    clippy::doc_markdown,
    rustdoc::broken_intra_doc_links,
    reason = "the documentation of an option is its help text, which is no Markdown"
)]

mod bench;
mod cloud;
mod global;
mod message;
mod mock;
mod register;

use std::path::PathBuf;

use atmqtt::QoS;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};

pub(crate) use bench::Bench;
pub(crate) use cloud::{Cloud, Name as CloudName, Sign, SignBy};
pub(crate) use global::{Color, Display, Global, Output, Session, Tls, Version};
pub(crate) use message::{Payload, Printing, Publish, Request, Subscribe};
pub(crate) use mock::{Mock, MockTls, Switch};
pub(crate) use register::{Register, Transport, Via};

/// MQTT through the client inside a cellular module, by AT commands.
#[derive(Debug, Parser)]
#[command(name = "atmqtt", version, max_term_width = 110, after_help = AFTER_HELP)]
pub(crate) struct CommandLine {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// `--set` before the subcommand, and behind it.
const SET: &str = "set";
const SET_BEHIND: &str = "set-behind";

impl CommandLine {
    /// The definition of everything. Of a global option, clap keeps what stands on one side of the subcommand; `--set` may stand
    /// on both, so it is defined on both.
    pub(crate) fn definition() -> clap::Command {
        let mut definition = <CommandLine as CommandFactory>::command();
        let set = definition.get_arguments().find(|argument| argument.get_id() == SET).cloned();
        let names: Vec<String> = definition.get_subcommands().map(|known| known.get_name().to_owned()).collect();
        for name in names {
            let behind = set.clone().map(|set| set.id(SET_BEHIND));
            definition = definition.mut_subcommand(name, |known| known.args(behind));
        }
        definition
    }

    /// What was typed.
    pub(crate) fn of(matches: &ArgMatches) -> Result<CommandLine, clap::Error> {
        let mut typed = CommandLine::from_arg_matches(matches)?;
        if let Some((_, behind)) = matches.subcommand() {
            typed.global.line.set.extend(behind.get_many(SET_BEHIND).into_iter().flatten().cloned());
        }
        Ok(typed)
    }
}

const AFTER_HELP: &str = "\
Without a module: every command takes `--port mock`, a mock modem with a broker of its own.
  atmqtt --port mock pub -t greeting -m hello -q 1
  atmqtt mock --link /tmp/modem      # then, elsewhere: --port /tmp/modem

Exit codes: 0 done, 1 a bug, 2 usage, 3 port, 4 modem, 5 network, 6 refused by the broker,
7 not delivered or not subscribed, 8 unconfirmed, 27 -W ran out, 130 interrupted.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Publish messages.
    ///
    /// Ends with 0 only when every message was delivered to the extent that its QoS promises.
    #[command(name = "pub")]
    Publish(Publish),
    /// Subscribe, and print the messages that come.
    ///
    /// A lost connection is made again, with every subscription. It ends by -C, -W, --timeout, a signal or the loss of the port.
    #[command(name = "sub")]
    Subscribe(Subscribe),
    /// Publish a request, and print the one answer to it.
    ///
    /// It subscribes first, and what the broker has kept on the topic of the answer is none. 7 when the request was not delivered, 8 when
    /// neither is known whether it was nor has an answer come, 27 when it was and none has come. A lost connection is not made again.
    #[command(name = "req")]
    Request(Request),
    /// Show what the module says of itself, its SIM, the signal and the network.
    Info(Info),
    /// Look after the certificates that the module keeps for TLS.
    Certs(Certs),
    /// Look after an outbox, or send it: the file with messages that are still to be sent.
    Spool(Spool),
    /// Print what a device signs in at an IoT cloud with: host, port, client id, user name and, if asked for, password.
    ///
    /// It needs no module. `sign --cloud NAME --help` says which options that cloud has a use for, and what it calls them. The clock is
    /// that of this computer, unless --timestamp says another time.
    Sign(Sign),
    /// Reckon what a device's messages cost at ApsaraMQ for MQTT, on the air and on the serial line. It needs no module.
    ///
    /// A message counts once at QoS 0, twice at QoS 1, and five times at QoS 1 in a session that is kept (-c) or at QoS 2, sent and
    /// received alike (as published in 2019). The bytes are those of MQTT 3.1.1, of TCP and IPv4 around each packet, and of a mock
    /// module of the model that --modem names. Pings are for a keep-alive of 120 s, or of -k, between messages that come evenly.
    Cost(Cost),
    /// Have an IoT cloud give a device its secret, by the secret of its product (one type, one secret).
    ///
    /// With --cloud aliyun, --product-key, --device-name and --product-secret. The secret is on the disk before the connection is
    /// ended, and is shown nowhere. Until it signs in for the first time, a device gets a new secret each time, and only the last one is
    /// good. HTTPS goes through a proxy where HTTPS_PROXY names one.
    #[command(after_help = REGISTER_HELP)]
    Register(Register),
    /// Send raw AT commands; the lines of the answers go to stdout.
    At(At),
    /// Serve another program: JSON-RPC 2.0 on stdin and stdout, a line each way.
    ///
    /// Nothing is connected until `connect` is asked for, and what that leaves out is taken from the command line. --timeout is for
    /// the start, and for what is left to do once stdin has ended; requests have the time-outs of the module.
    #[command(after_help = RPC_HELP)]
    Rpc(Rpc),
    /// Run a mock modem on a pseudo-terminal until it is interrupted.
    ///
    /// Here --modem names the model that it plays (default: lierda-nt35e), and --broker the broker that its network leads to:
    /// `embedded` (a broker in this process, the default), `mqtt://host[:port]`, `mqtts://host[:port]` (for a module that speaks
    /// TLS), or `none`. With --baud the line is as slow as the wire, and a host at another rate hears garbage. The first line on
    /// stdout is the path or address to open (with --count a line for each modem), and the next, where there is an embedded
    /// broker, `broker mqtt://127.0.0.1:PORT`; where that has a TLS port, one more, `broker mqtts://127.0.0.1:PORT`. What the
    /// modem dials at port 8883 or at that one leads to it.
    ///
    /// With --cloud (aliyun, huawei, tencent, onenet, azure) and --product-key, --device-name, --device-secret, or what that cloud
    /// has instead, the embedded broker is that cloud: it lets in the device alone, and only if its sign-in is right, and lets it
    /// have its own topics only. With --cloud aliyun and --product-secret instead of --device-secret it registers devices: the one that
    /// --device-name enters, and those that nobody has entered. That takes TLS (--tls); one more line on stdout is
    /// `registration https://127.0.0.1:PORT`.
    #[command(after_long_help = atmqtt_mock::fault::Faults::help())]
    Mock(Mock),
    /// Measure round trips, publishes a second, and how much of the wire they use.
    ///
    /// A round trip is an `AT` and its answer. Messages go to --broker, signed in at as with `pub`, and as many at a time as may be
    /// unconfirmed (`window` of `info --profile-figures`); without a broker there are round trips only, and nothing changes at the module. A
    /// wire carries a byte in ten bits (8N1): its efficiency is the time that the bytes of both directions take on it, one after the other, of
    /// the time that publishing took. It is not said of a line that is no wire: of a mock without --baud, or of USB.
    ///
    /// Ends with 7 when a message was not delivered, and with 8 when one is unconfirmed. What was measured until then is printed all the same,
    /// and so it is when it is interrupted.
    Bench(Bench),
    /// Play a transcript as a modem on a pseudo-terminal, or check the driver against transcripts.
    ///
    /// The first line on stdout is the path to open. It ends with 0 when the transcript was played to its end and the host has
    /// closed the port, and with 4 and the line of the file when the host does something else.
    #[command(after_help = REPLAY_HELP)]
    Replay(Replay),
    /// Record what a program and a module say to each other.
    ///
    /// It stands between the two: the program opens the pseudo-terminal whose path is the first line on stdout, and --port is
    /// the module. Bytes are passed on unchanged, and written with their times as a transcript that `atmqtt replay` plays.
    /// Passwords, PINs and secrets of devices are hidden, and IMEI, IMSI and ICCID replaced, unless --raw is given. The rate is
    /// that of --baud, or else of the profile that --modem names, or else 115200. Ends when it is interrupted.
    Record(Record),
}

const REGISTER_HELP: &str = "\
What FILE holds, a line of it, and what signs in with that:
  the DeviceSecret                              pub --cloud aliyun … --device-secret file:FILE
  with --no-preregistration
  the clientId, a blank, and the deviceToken    pub --cloud aliyun … --device-token file:FILE

Plain TCP is refused before anything is sent, and so is a module without TLS.";

const RPC_HELP: &str = "\
Methods: info, signal, registration, imei, imsi, iccid, at, connect, publish, subscribe, unsubscribe, status, disconnect.
Notifications: message, link, modem. All of them are described in docs/rpc.schema.json; a client is in examples/rpc_client.py.

Requests may be in flight together, and are answered as they are done; what needs a connection waits for a `connect` before it.
A lost connection is made again, until `disconnect`. With --outbox, messages that are \"durable\" outlast the program: what is left
at its end is sent by the next run, or by `spool drain`.

At the end of stdin what is pending is done, then it disconnects and ends with 0.";

const REPLAY_HELP: &str = "\
Every byte of the host has to stand in the transcript, but for what that leaves out: how the host attaches and, where it says
`@ connected`, connects; and whatever comes behind its end. A mock module answers that.

With --tolerant the host may also differ in what changes nothing: blanks, the case of command names, the message identifiers of
LMQTTPUB and LMQTTSUBUNSUB; and commands that only look or set up the line (AT, ATE, ATI, AT+CMEE, questions that end with ?,
identities, signal, AT+CREG and its kin, the LMQTTCFG settings version, session, keepalive, timeout, urc, pdpcid) may come on
top, in another order, or not at all.

The format of transcripts is described in fixtures/README.md.";

#[derive(Debug, Args)]
pub(crate) struct Cost {
    /// The topic
    #[arg(short, long, value_name = "TOPIC")]
    pub(crate) topic: String,
    /// The length of a payload
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) payload: u16,
    /// Messages that the device publishes in a day
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(0..=1_000_000_000))]
    pub(crate) messages: u64,
    /// Messages that it receives in a day
    #[arg(long, value_name = "N", default_value = "0", value_parser = clap::value_parser!(u64).range(0..=1_000_000_000))]
    pub(crate) received: u64,
    /// Of those, how many wait at the broker because the device is away: each counts once more
    #[arg(long, value_name = "N", default_value = "0", value_parser = clap::value_parser!(u64).range(0..=1_000_000_000))]
    pub(crate) stored: u64,
    /// The QoS of all of them
    #[arg(short, long, value_name = "0|1|2", value_parser = qos, default_value = "0")]
    pub(crate) qos: QoS,
}

#[derive(Debug, Args)]
pub(crate) struct Info {
    /// Hide what identifies the module and the SIM
    #[arg(long)]
    pub(crate) redact: bool,
    /// Print the figures of the profile instead, each with its evidence; with --modem PROFILE no port is needed
    #[arg(long, conflicts_with = "redact")]
    pub(crate) profile_figures: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Certs {
    #[command(subcommand)]
    pub(crate) command: CertsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CertsCommand {
    /// Print what the module has: a name a line, and how many bytes where it tells.
    List,
    /// Give the module a certificate or a private key, in PEM or DER form.
    ///
    /// It is proven that the module has it: by length and checksum where it tells them, by the length alone, or by its name. Quectel's
    /// NB-IoT modules have three places for it, whose names are cacert, clientcert and clientkey.
    Upload {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The name that the module keeps it by [default: that of the file]
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// Replace what has the name already; the old one is gone before the new one is there
        #[arg(long)]
        replace: bool,
    },
    /// Have the module forget one.
    Delete {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Spool {
    #[command(subcommand)]
    pub(crate) command: SpoolCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SpoolCommand {
    /// Print how full it is, what became of what was in it, and for how many hours it lasts if nothing is delivered.
    ///
    /// A file that a program has open is in use, and ends this with 7.
    Status(SpoolFile),
    /// Send what is there, in its order, and end when nothing is left; the connection is made again where it is lost.
    ///
    /// It has --timeout for it, which says how long that may take: `none`, or a time. What was not sent by then is still there. Ends with 7
    /// when a message was refused for good.
    Drain(SpoolFile),
    /// Throw away all messages that are still to be sent; the counts stay.
    Purge {
        #[command(flatten)]
        file: SpoolFile,
        /// Do it: what is thrown away is gone
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Rpc {
    /// Where `publish` with "durable" keeps its messages until they are delivered; made, if it is not there
    #[arg(long, value_name = "FILE")]
    pub(crate) outbox: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct SpoolFile {
    /// The file; it has to be there
    #[arg(long = "outbox", value_name = "FILE")]
    pub(crate) path: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct At {
    /// A command, such as 'AT+CSQ'; the first that is refused is the last
    #[arg(required = true, value_name = "COMMAND")]
    pub(crate) commands: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// A transcript; with --check any number
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Make a symbolic link to the pseudo-terminal, and remove it at the end
    #[arg(long, value_name = "PATH", conflicts_with = "check")]
    pub(crate) link: Option<PathBuf>,
    /// Accept harmless differences
    #[arg(long, conflicts_with = "check")]
    pub(crate) tolerant: bool,
    /// Hold the driver against the transcripts, in virtual time, and say which hold
    #[arg(long)]
    pub(crate) check: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Record {
    /// The transcript to write; it must not be there yet
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Make a symbolic link to the pseudo-terminal, and remove it at the end
    #[arg(long, value_name = "PATH")]
    pub(crate) link: Option<PathBuf>,
}

fn qos(text: &str) -> Result<QoS, String> {
    text.parse().ok().and_then(QoS::from_level).ok_or_else(|| "a QoS is 0, 1 or 2".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_are_consistent() {
        CommandLine::definition().debug_assert();
    }

    #[test]
    fn figures_are_set_on_either_side_of_the_subcommand_in_their_order() {
        for (typed, expected) in [
            (&["atmqtt", "at", "AT"][..], &[][..]),
            (&["atmqtt", "--set", "a=1", "at", "AT", "--set", "b=2", "--set=c=3"], &["a=1", "b=2", "c=3"]),
            (&["atmqtt", "--set", "a=1", "--set", "b=2", "at", "AT"], &["a=1", "b=2"]),
            (&["atmqtt", "at", "--set", "a=1", "AT"], &["a=1"]),
        ] {
            let matches = CommandLine::definition().try_get_matches_from(typed).unwrap();
            assert_eq!(CommandLine::of(&matches).unwrap().global.line.set, expected, "{typed:?}");
        }
    }

    #[test]
    fn global_options_stand_before_or_after_the_subcommand() {
        for typed in [
            &["atmqtt", "--port", "mock", "-i", "x", "--json", "at", "AT"][..],
            &["atmqtt", "at", "--port", "mock", "AT", "-i", "x", "--json"],
        ] {
            let typed = CommandLine::try_parse_from(typed).unwrap();
            assert_eq!(typed.global.line.port.as_deref(), Some("mock"));
            assert_eq!(typed.global.session.client_id.as_deref(), Some("x"));
            assert!(typed.global.display.json);
        }
    }

    #[test]
    fn a_message_has_one_source() {
        let parse = |typed: &str| {
            CommandLine::try_parse_from(["atmqtt", "pub", "-t", "a"].into_iter().chain(typed.split_whitespace()))
        };
        for typed in ["-m x", "-f x", "-s", "-l", "-n", "-m -5", "-m x --repeat 3 --repeat-delay 10ms", "-m 00 --hex"] {
            assert!(parse(typed).is_ok(), "{typed}");
        }
        for typed in ["", "-m x -n", "-s -l", "-l --repeat 2", "-m x --repeat 0", "-n --hex", "-m x --hex --base64"] {
            assert!(parse(typed).is_err(), "{typed}");
        }
    }

    #[test]
    fn combinations_without_a_meaning_are_refused() {
        for typed in [
            "sub",
            "sub -t a -q 3",
            "sub -t a -C 0",
            "sub -t a -E -C 1",
            "sub -t a -v -F %p",
            "sub -t a -F %z",
            "at",
            "info --redact --profile-figures",
            "pub -m x",
            "replay",
            "replay --check --tolerant x",
            "record",
            "",
        ] {
            let typed = ["atmqtt"].into_iter().chain(typed.split_whitespace());
            assert_eq!(CommandLine::try_parse_from(typed).unwrap_err().exit_code(), 2);
        }
    }
}
