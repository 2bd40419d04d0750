//! The ECMT commands of Eigencomm's stock firmware (EC616, EC618, EC626): an MQTT client behind `AT+ECMT…`.
//!
//! Every refusal for wrong order or wrong arguments is CME error 3, as the firmware answers nearly all of them; a topic that is no topic
//! is one of them. A connection has a configuration from the first ECMTCFG or ECMTOPEN to ECMTCLOSE, ECMTDISC, a failed ECMTOPEN or the
//! end of a reconnect that failed, and none before and after: then there is nothing to read or to close.
//!
//! When the link of a session breaks, the firmware says so and signs in again by itself, with the same values; it subscribes to nothing.
//!
//! What the sources leave open and this module decides: a refused sign-in leaves the id in use, and the next ECMTOPEN dials again; tries
//! to reconnect are five seconds apart, and after the last that failed ECMTDISC is told unasked; every loss has status 1, the only one
//! that is known; the value of ECMTSUB is the level granted, or 128; a payload beyond its limit is refused when Ctrl-Z has come. The JSON
//! check of the cloud modes, their sign-in and TLS are not played.

mod commands;
mod config;

use std::time::Duration;

use super::{
    answer::Reply,
    command::Form,
    command_set::CommandSet,
    link::{Completion, Links, News, Publish, encode_hex},
    options::{ModemOptions, Step},
    surroundings::Surroundings,
};
use crate::mqtt::QoS;
use config::Config;

/// How often the firmware tries to sign in again.
const TRIES: u8 = 3;
/// The time before each.
const PAUSE: Duration = Duration::from_secs(5);

/// The ECMT commands of one module.
pub(super) struct Eigencomm {
    links: Links<Config>,
    /// No link was dialled since power-up.
    is_first_open: bool,
}

impl CommandSet for Eigencomm {
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
        self.publish_payload(now, publish, &payload, around)
    }

    fn tell(&mut self, now: Duration, id: u8, news: News, around: &Surroundings<'_>) {
        let reconnecting = self.links.of(id).config.tries_left.is_some();
        match news {
            News::Opened(_) if reconnecting => self.sign_in_again(now, id),
            News::OpenFailed(..) | News::Refused(..) | News::ConnectFailed(_) if reconnecting => {
                self.rest_or_give_up(now, id, around);
            }
            News::Rested => self.dial_again(now, id, around),
            News::Opened(of) => self.links.complete(of, Some(format!("+ECMTOPEN: {id},0"))),
            News::OpenFailed(of, _) => self.open_failed(of, around),
            // No TLS is spoken here.
            News::NotSecured(..) => {}
            News::Connected(of) => {
                self.links.of(id).config.tries_left = None;
                self.links.complete(of, Some(format!("+ECMTCONN: {id},0,0")));
            }
            News::Refused(of, code) => self.sign_in_failed(of, &format!("0,{code}")),
            News::ConnectFailed(of) => self.sign_in_failed(of, "2,2"),
            News::Published(of) | News::Unsubscribed(of) => self.acknowledge(of, "0"),
            News::Subscribed(of, granted) => {
                let value = granted.first().copied().flatten().map_or(128, QoS::level);
                self.acknowledge(of, &format!("0,{value}"));
            }
            News::Message { topic, payload, message } => {
                let line = received(id, message, &topic, &payload, self.links.of(id).config.receives_hex);
                self.links.line(line);
            }
            News::Lost(_) => {
                self.links.line(format!("+ECMTSTAT: {id},1"));
                if self.links.of(id).config.signed_in.is_some() {
                    self.links.of(id).config.tries_left = Some(TRIES);
                    self.rest_or_give_up(now, id, around);
                }
            }
            News::Retried(of, _) => {
                if self.links.of(id).config.packet_timeout.is_told && of.step == Step::Publish {
                    self.links.line(format!("+ECMTPUB: {id},{},1", of.message));
                }
            }
            News::GivenUp(of) => self.acknowledge(of, "2"),
        }
    }
}

impl Eigencomm {
    pub(super) fn new(options: &ModemOptions, sockets: u64) -> Self {
        Self { links: Links::new(options, sockets), is_first_open: true }
    }

    fn open_failed(&mut self, of: Completion, around: &Surroundings<'_>) {
        self.links.of(of.connection).forget(around.options);
        self.links.complete(of, Some(format!("+ECMTOPEN: {},-1", of.connection)));
    }

    fn sign_in_failed(&mut self, of: Completion, result: &str) {
        self.links.of(of.connection).config.signed_in = None;
        self.links.complete(of, Some(format!("+ECMTCONN: {},{result}", of.connection)));
    }

    fn acknowledge(&mut self, of: Completion, result: &str) {
        self.links.complete(of, Some(format!("{}: {},{},{result}", of.name, of.connection, of.message)));
    }

    /// Before each try to reconnect, and after the last.
    fn rest_or_give_up(&mut self, now: Duration, id: u8, around: &Surroundings<'_>) {
        let tries = &mut self.links.of(id).config.tries_left;
        *tries = tries.and_then(|left| left.checked_sub(1));
        if tries.is_some() {
            self.links.rest(id, now.saturating_add(PAUSE));
        } else {
            self.links.of(id).forget(around.options);
            self.links.line(format!("+ECMTDISC: {id},0"));
        }
    }

    fn dial_again(&mut self, now: Duration, id: u8, around: &Surroundings<'_>) {
        match self.links.of(id).config.address.clone().filter(|_| around.packet_data) {
            Some((host, port)) => {
                let of = completion(id, Step::Connect, 0);
                self.links.dial(now, of, host, port, around.options.latency.open);
            }
            None => self.rest_or_give_up(now, id, around),
        }
    }

    fn sign_in_again(&mut self, now: Duration, id: u8) {
        if let Some(options) = self.links.of(id).config.signed_in.clone() {
            self.links.connect(now, completion(id, Step::Connect, 0), options);
        }
    }
}

/// A step of a connection, and how its result line is called.
fn completion(connection: u8, step: Step, message: u16) -> Completion {
    let name = match step {
        Step::Open => "+ECMTOPEN",
        Step::Connect => "+ECMTCONN",
        Step::Subscribe => "+ECMTSUB",
        Step::Unsubscribe => "+ECMTUNS",
        Step::Publish => "+ECMTPUB",
        Step::Disconnect => "+ECMTDISC",
        Step::Close => "+ECMTCLOSE",
    };
    Completion { connection, step, message, name }
}

/// `+ECMTRECV: <id>,<msgid>,"<topic>",<payload>`: the payload as it is, without quotes or length, NULs before it removed.
fn received(id: u8, message: u16, topic: &str, payload: &[u8], hex: bool) -> Vec<u8> {
    let start = payload.iter().position(|&byte| byte != 0).unwrap_or(payload.len());
    let mut line = format!("+ECMTRECV: {id},{message},\"{topic}\",").into_bytes();
    match hex {
        false => line.extend_from_slice(&payload[start..]),
        true => line.extend(encode_hex(payload)),
    }
    line
}
