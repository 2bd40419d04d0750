//! The CMQTT commands of SIMCom modules (SIM7500, SIM7600, A76xx): an MQTT client behind `AT+CMQTT…`.
//!
//! A service is started for both clients, a client is acquired in it and configured, and connects to a URL; before the service is started,
//! every command but its test form is refused. Topics, payloads and filters are data behind prompts, and wait in the module for the command
//! that uses them. What is refused is answered with `ERROR`, and a line before it or behind it says why.
//!
//! What the sources leave open and this module decides: a topic or a payload that is staged takes the place of the one before; filters are
//! staged one behind the other, and a publish for which no payload is staged is refused for its length; the release of a client that is
//! connected is refused as one in use, and the stop of the service while a client is acquired as not released; a client that is busy takes
//! data, and can be disconnected; what is under way when the packet network is lost has no result; a sign-in that is not answered, and one
//! whose link breaks, is closed by the server; an unanswered ping is a reset; a topic or payload of a downlink comes in pieces of 512 bytes;
//! an empty one has no piece; a refused filter is a success, since the level granted is not told; with `"argtopic"`, the release is refused;
//! where TLS is to be spoken and cannot be, the context that asks for the impossible is error 34, and everything else the handshake.

mod certificates;
mod commands;
mod config;

use std::time::Duration;

use super::{
    answer::Answer,
    answer::Reply,
    command::Form,
    command_set::CommandSet,
    context::Context,
    data::{Argument, Upload},
    dialect::CmqttKind,
    files::Files,
    link::{Completion, DialOutcome, Links, Loss, News, Publish},
    options::{ModemOptions, Step},
    surroundings::Surroundings,
};
use crate::tls::TlsFault;
use config::Config;

/// How many bytes of a topic or a payload come in one piece.
const PIECE: usize = 512;

/// `<err>`, as the A76XX Series AT Command Manual numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Error {
    BadUtf8 = 2,
    SocketConnect = 3,
    NetworkOpen = 7,
    NoConnection = 11,
    InvalidParameter = 12,
    ClientBusy = 14,
    Timeout = 17,
    TopicEmpty = 18,
    ClientUsed = 19,
    NotAcquired = 20,
    NotReleased = 21,
    Length = 22,
    AlreadyOpened = 23,
    Dns = 25,
    ClosedByServer = 26,
    /// CONNACK code 1; the others follow.
    ConnackProtocol = 27,
    Handshake = 32,
    NoCertificate = 33,
    OpenSession = 34,
}

/// The CMQTT commands of one module.
pub(super) struct Simcom {
    kind: CmqttKind,
    /// The service is started.
    started: bool,
    /// Names packets inside the module; no line of it does.
    packet: u16,
    links: Links<Config>,
    files: Files,
    contexts: [Context; certificates::CONTEXTS],
}

impl CommandSet for Simcom {
    type Settings = Config;

    fn links(&self) -> &Links<Config> {
        &self.links
    }

    fn links_mut(&mut self) -> &mut Links<Config> {
        &mut self.links
    }

    fn execute(&mut self, now: Duration, name: &str, form: Form<'_>, around: &Surroundings<'_>) -> Option<Reply> {
        self.command(now, name, form, around)
    }

    fn submit(&mut self, now: Duration, publish: &Publish, payload: Vec<u8>, around: &Surroundings<'_>) -> Reply {
        Ok(self.publish(now, publish, &payload, around))
    }

    fn argue(&mut self, now: Duration, argument: &Argument, bytes: Vec<u8>, around: &Surroundings<'_>) -> Reply {
        Ok(self.staged(now, argument, bytes, around))
    }

    fn keep(&mut self, upload: &Upload, content: Vec<u8>) -> Reply {
        Ok(self.downloaded(&upload.name, content))
    }

    fn take_files(&mut self) -> Files {
        std::mem::take(&mut self.files)
    }

    fn lose(&mut self, loss: Loss, around: &Surroundings<'_>) {
        if loss == Loss::PacketData && self.started {
            self.stop(around.options);
            return self.links.line("+CMQTTNONET");
        }
        self.links.lose_all(loss);
    }

    fn tell(&mut self, now: Duration, id: u8, news: News, _: &Surroundings<'_>) {
        match news {
            News::Opened(of) => {
                let options = self.links.of(id).config.sign_in.clone();
                if !options.is_some_and(|options| self.links.connect(now, of, options)) {
                    self.sign_in_failed(of, Error::InvalidParameter as u8);
                }
            }
            News::OpenFailed(of, DialOutcome::DnsFailed) => self.sign_in_failed(of, Error::Dns as u8),
            News::OpenFailed(of, _) => self.sign_in_failed(of, Error::SocketConnect as u8),
            News::NotSecured(of, fault) => {
                let error = match fault {
                    TlsFault::Certificate => Error::NoCertificate,
                    TlsFault::Session => Error::OpenSession,
                    TlsFault::Handshake => Error::Handshake,
                };
                self.sign_in_failed(of, error as u8);
            }
            News::Connected(of) | News::Published(of) | News::Subscribed(of, _) | News::Unsubscribed(of) => {
                self.end(of, 0);
            }
            News::Refused(of, code) => self.sign_in_failed(of, Error::ConnackProtocol as u8 + code.saturating_sub(1)),
            News::ConnectFailed(of) => self.sign_in_failed(of, Error::ClosedByServer as u8),
            News::Message { topic, payload, .. } => self.received(id, &topic, &payload),
            // No connection is ever told to rest.
            News::Rested => {}
            // Nothing is told of a packet that is sent again.
            News::Retried(..) => {}
            News::GivenUp(of) => self.end(of, Error::Timeout as u8),
            News::Lost(loss) => self.lost(id, loss),
        }
    }
}

impl Simcom {
    pub(super) fn new(kind: CmqttKind, options: &ModemOptions, sockets: u64, files: Files) -> Self {
        let contexts = std::array::from_fn(|_| Context::default());
        Self { kind, started: false, packet: 0, links: Links::new(options, sockets), files, contexts }
    }

    /// `<name>: <client>,<err>`
    fn end(&mut self, of: Completion, error: u8) {
        let line = format!("{}: {},{error}", of.name, of.connection);
        match error {
            0 => self.links.complete(of, Some(line)),
            _ => self.links.fail(of, line),
        }
    }

    fn sign_in_failed(&mut self, of: Completion, error: u8) {
        let connection = self.links.of(of.connection);
        connection.close();
        connection.config.tls_context = None;
        self.end(of, error);
    }

    /// The client is still acquired.
    fn lost(&mut self, id: u8, loss: Loss) {
        self.links.forget_results(id);
        let cause = match loss {
            Loss::Closed | Loss::Overflow => 1,
            Loss::PingTimeout | Loss::Protocol => 2,
            Loss::PacketData => 3,
        };
        self.links.of(id).close();
        self.links.line(format!("+CMQTTCONNLOST: {id},{cause}"));
    }

    /// Nothing of the service is left.
    fn stop(&mut self, options: &ModemOptions) {
        self.started = false;
        for id in options.model.connections.range() {
            self.links.abandon(id);
            self.links.forget_results(id);
            self.links.of(id).forget(options);
        }
    }

    fn received(&mut self, id: u8, topic: &str, payload: &[u8]) {
        let config = &self.links.of(id).config;
        if config.topics_are_arguments {
            let length = if config.shows_length { format!("{},", payload.len()) } else { String::new() };
            let head = format!("+CMQTTRECV: {id},\"{topic}\",{length}\"");
            return self.links.line([head.as_bytes(), payload, b"\""].concat());
        }
        self.links.line(format!("+CMQTTRXSTART: {id},{},{}", topic.len(), payload.len()));
        for (name, bytes) in [("+CMQTTRXTOPIC", topic.as_bytes()), ("+CMQTTRXPAYLOAD", payload)] {
            for piece in bytes.chunks(PIECE) {
                let head = format!("{name}: {id},{}\r\n", piece.len());
                self.links.line([head.as_bytes(), piece].concat());
            }
        }
        self.links.line(format!("+CMQTTRXEND: {id}"));
    }
}

/// A refusal, and why.
fn refused(name: &str, connection: Option<u8>, error: Error) -> Answer {
    let client = connection.map_or_else(String::new, |id| format!("{id},"));
    Answer::Failed { reason: Some(format!("{name}: {client}{}", error as u8)) }
}

fn error_alone() -> Answer {
    Answer::Failed { reason: None }
}

/// A step of a connection, and how its result line is called.
fn completion(connection: u8, step: Step, message: u16) -> Completion {
    let name = match step {
        Step::Open => "+CMQTTSTART",
        Step::Connect => "+CMQTTCONNECT",
        Step::Subscribe => "+CMQTTSUB",
        Step::Unsubscribe => "+CMQTTUNSUB",
        Step::Publish => "+CMQTTPUB",
        Step::Disconnect => "+CMQTTDISC",
        Step::Close => "+CMQTTSTOP",
    };
    Completion { connection, step, message, name }
}
