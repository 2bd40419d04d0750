//! The QMT commands of Quectel modules, and of Lierda modules with the Q firmware: an MQTT client behind `AT+QMT…`.
//!
//! There are two kinds. NB modules (BC26, BC660K) publish with QMTPUB only, in the line or after a prompt, one at a time; LTE modules have
//! QMTPUBEX and can keep downlinks in five slots. Settings are kept until a restart, and a client that the host has left behind keeps its
//! id: opening it again is result 2.
//!
//! What the sources leave open and this module decides: QMTCLOSE and QMTDISC of what is not there have result -1; a refused or failed
//! sign-in closes the link, and no status follows; after a status the id is free; ESC is answered with OK, and a data phase left for want
//! of input with an error; in hex the length counts the bytes that are meant, not their digits; a downlink for which no slot is free is
//! lost; QMTRECV without a slot reads the oldest, and what was not read is lost when the id is opened again; the loss of the packet network
//! and an overflow are status 7; MQTT 3.1 is spoken as 3.1.1; without TLS on a link that is to have it, QMTOPEN has the result of a link
//! that fails. `"willex"` and the sign-ins of the cloud modes are not played, but for `"aliauth"`.

mod commands;
mod config;
mod files;
mod publish;
mod tls;

use std::time::Duration;

use super::{
    answer::Reply,
    command::Form,
    command_set::CommandSet,
    context::Context,
    data::Upload,
    dialect::QmtKind,
    files::Files,
    link::{Completion, DialOutcome, Links, Loss, News, Publish, encode_hex},
    options::{ModemOptions, Step},
    surroundings::Surroundings,
};
use crate::mqtt::QoS;
use config::{Config, Downlink};

/// How many downlinks an LTE module keeps for each client.
const SLOTS: usize = 5;

/// QMTOPEN, `<result>`
#[derive(Clone, Copy)]
#[repr(i8)]
enum OpenFault {
    Failed = -1,
    Parameter = 1,
    IdInUse = 2,
    PacketNetwork = 3,
    Dns = 4,
    /// NB modules do not have it.
    Network = 5,
}

/// The QMT commands of one module.
pub(super) struct Quectel {
    kind: QmtKind,
    links: Links<Config>,
    files: Files,
    contexts: [Context; tls::CONTEXTS],
}

impl CommandSet for Quectel {
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
        self.publish_payload(now, publish, payload, around)
    }

    fn keep(&mut self, upload: &Upload, content: Vec<u8>) -> Reply {
        match upload.command {
            "+QFUPL" => self.uploaded(&upload.name, content),
            _ => Ok(self.typed(&upload.name, content)),
        }
    }

    fn take_files(&mut self) -> Files {
        std::mem::take(&mut self.files)
    }

    fn tell(&mut self, _: Duration, id: u8, news: News, around: &Surroundings<'_>) {
        match news {
            News::Opened(of) => {
                self.links.of(id).config.stored.clear();
                self.links.complete(of, Some(format!("+QMTOPEN: {id},0")));
            }
            News::OpenFailed(of, DialOutcome::DnsFailed) => self.open_failed(of, OpenFault::Dns),
            News::OpenFailed(of, _) | News::NotSecured(of, _) if self.kind == QmtKind::Nb => {
                self.open_failed(of, OpenFault::Failed);
            }
            News::OpenFailed(of, _) | News::NotSecured(of, _) => self.open_failed(of, OpenFault::Network),
            News::Connected(of) => self.links.complete(of, Some(format!("+QMTCONN: {id},0,0"))),
            News::Refused(of, code) => self.sign_in_failed(of, &format!("0,{code}")),
            News::ConnectFailed(of) => self.sign_in_failed(of, "2"),
            News::Published(of) | News::Unsubscribed(of) => self.acknowledge(of, "0"),
            News::Subscribed(of, granted) => {
                let levels = granted.iter().map(|qos| format!(",{}", qos.map_or(128, QoS::level)));
                self.acknowledge(of, &format!("0{}", levels.collect::<String>()));
            }
            News::Message { topic, payload, message } => {
                self.received(id, Downlink { message, topic, payload }, around);
            }
            // No connection is ever told to rest.
            News::Rested => {}
            News::Lost(loss) => {
                self.links.of(id).close();
                if loss == Loss::PingTimeout && self.kind == QmtKind::Lte {
                    self.links.line(format!("+QMTPING: {id},1"));
                }
                let status = match loss {
                    Loss::Closed | Loss::Protocol => 1,
                    Loss::PingTimeout => 2,
                    Loss::PacketData | Loss::Overflow => 7,
                };
                self.links.line(format!("+QMTSTAT: {id},{status}"));
            }
            News::Retried(of, times) => {
                if self.links.of(id).config.packet_timeout.is_told {
                    self.links.line(format!("{}: {id},{},1,{times}", of.name, of.message));
                }
            }
            News::GivenUp(of) => self.acknowledge(of, "2"),
        }
    }
}

impl Quectel {
    pub(super) fn new(kind: QmtKind, options: &ModemOptions, sockets: u64, files: Files) -> Self {
        Self { kind, links: Links::new(options, sockets), files, contexts: tls::contexts(kind) }
    }

    fn open_failed(&mut self, of: Completion, fault: OpenFault) {
        self.links.complete(of, Some(format!("+QMTOPEN: {},{}", of.connection, fault as i8)));
    }

    fn sign_in_failed(&mut self, of: Completion, result: &str) {
        self.links.of(of.connection).close();
        self.links.complete(of, Some(format!("+QMTCONN: {},{result}", of.connection)));
    }

    fn acknowledge(&mut self, of: Completion, result: &str) {
        self.links.complete(of, Some(format!("{}: {},{},{result}", of.name, of.connection, of.message)));
    }

    fn received(&mut self, id: u8, downlink: Downlink, around: &Surroundings<'_>) {
        let config = &mut self.links.of(id).config;
        if !config.stores {
            let line = config.printed(id, &downlink, around.options.vendor.bare_payload);
            return self.links.line(line);
        }
        let free = (0..SLOTS).find(|slot| config.stored.iter().all(|(taken, _)| taken != slot));
        if let Some(slot) = free {
            config.stored.push((slot, downlink));
            self.links.line(format!("+QMTRECV: {id},{slot}"));
        }
    }
}

impl Config {
    /// `+QMTRECV: <id>,<msgid>,"<topic>"[,<len>],"<payload>"`; nothing inside is escaped. With a length the quotes may be missing.
    fn printed(&self, id: u8, downlink: &Downlink, bare: bool) -> Vec<u8> {
        let Downlink { message, topic, payload } = downlink;
        let mut line = format!("+QMTRECV: {id},{message},\"{topic}\",").into_bytes();
        if self.shows_length {
            line.extend_from_slice(format!("{},", payload.len()).as_bytes());
        }
        let quote: &[u8] = if bare && self.shows_length { b"" } else { b"\"" };
        line.extend_from_slice(quote);
        match self.receives_hex {
            false => line.extend_from_slice(payload),
            true => line.extend(encode_hex(payload)),
        }
        line.extend_from_slice(quote);
        line
    }
}

/// A step of a connection, and how its result line is called.
fn completion(connection: u8, step: Step, message: u16) -> Completion {
    let name = match step {
        Step::Open => "+QMTOPEN",
        Step::Connect => "+QMTCONN",
        Step::Subscribe => "+QMTSUB",
        Step::Unsubscribe => "+QMTUNS",
        Step::Publish => "+QMTPUB",
        Step::Disconnect => "+QMTDISC",
        Step::Close => "+QMTCLOSE",
    };
    Completion { connection, step, message, name }
}
