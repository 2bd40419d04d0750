//! The MQTT commands of China Mobile's OneMO modules (ML302A, ML305A, ML307, MN316 and their siblings), user manual 6.8.5.
//!
//! The module numbers packets by itself, and tells the number before `OK`. What comes of a packet or a connection is told in a line
//! `+MQTTURC` that begins with a word. Left to itself the module connects again after a loss, three times; its settings are lost with a
//! restart only.
//!
//! What the sources leave open and this module decides: numbers count up from 1 for the whole module; PUBREC is told together with
//! PUBCOMP, and neither as a repeated one; a refused sign-in is state 3 and a link that fails state 6, after which the id is free; a module that
//! connects again subscribes to nothing; in a piece of a message topic and payload together have 512 bytes; a cached message is given whole;
//! escapes of the encoding 2 are `\r`, `\n`, `\t`, `\"`, `\\` and `\xHH`. TLS, pings at
//! times of their own (`"pingreq"`) and one `suback` a filter (ML307G) are not played.

mod commands;
mod config;

use std::time::Duration;

use super::{
    answer::Reply,
    command::Form,
    command_set::CommandSet,
    link::{Completion, Links, Loss, News, Publish, encode_hex},
    options::{ModemOptions, Step},
    surroundings::Surroundings,
};
use crate::mqtt::QoS;
use config::{Cached, Config};

/// How many bytes topic and payload have together in one line of a message.
const PIECE: usize = 512;

/// `"conn"`, `<state>`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum State {
    Connected = 0,
    Reconnecting = 1,
    Disconnected = 2,
    Refused = 3,
    ServerClosed = 4,
    PingTimeout = 5,
    Network = 6,
}

/// The MQTT commands of one module.
pub(super) struct OneMo {
    /// The number of the last packet.
    packet: u16,
    links: Links<Config>,
}

impl CommandSet for OneMo {
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
        self.publish(now, publish, payload, around)
    }

    fn tell(&mut self, now: Duration, id: u8, news: News, around: &Surroundings<'_>) {
        let reconnecting = self.links.of(id).config.tries_left.is_some();
        match news {
            News::Opened(of) => {
                let options = self.links.of(id).config.sign_in.clone();
                if !options.is_some_and(|options| self.links.connect(now, of, options)) {
                    self.connect_failed(of, State::Network);
                }
            }
            News::OpenFailed(..) | News::Refused(..) | News::ConnectFailed(_) if reconnecting => {
                self.rest_or_give_up(now, id, State::Network);
            }
            News::OpenFailed(of, _) => self.connect_failed(of, State::Network),
            News::Refused(of, _) => self.connect_failed(of, State::Refused),
            News::ConnectFailed(of) => self.connect_failed(of, State::ServerClosed),
            News::Rested => self.dial_again(now, id, around),
            // No TLS is spoken here.
            News::NotSecured(..) => {}
            News::Connected(of) => {
                self.links.of(id).config.tries_left = None;
                self.links.complete(of, Some(connection(id, State::Connected)));
            }
            News::Published(of) => self.published(of),
            News::Subscribed(of, granted) => {
                let codes: Vec<u8> = granted.iter().map(|qos| qos.map_or(128, QoS::level)).collect();
                self.links.of(id).config.changed(of.message, &codes);
                let codes: String = codes.iter().map(|code| format!(",{code}")).collect();
                self.links.complete(of, Some(format!("+MQTTURC: \"suback\",{id},{}{codes}", of.message)));
            }
            News::Unsubscribed(of) => {
                self.links.of(id).config.changed(of.message, &[]);
                self.links.complete(of, Some(format!("+MQTTURC: \"unsuback\",{id},{}", of.message)));
            }
            News::Message { topic, payload, message } => self.received(id, &topic, payload, message, around),
            // Nothing is told of a packet that is sent again.
            News::Retried(..) => {}
            News::GivenUp(of) => {
                self.links.of(id).config.take_level(of.message);
                self.links.complete(of, Some(format!("+MQTTURC: \"timeout\",{id},{}", of.message)));
            }
            News::Lost(loss) => {
                let state = match loss {
                    Loss::Closed | Loss::Protocol | Loss::Overflow => State::ServerClosed,
                    Loss::PingTimeout => State::PingTimeout,
                    Loss::PacketData => State::Network,
                };
                let config = &mut self.links.of(id).config;
                config.forget_waits();
                config.tries_left = Some(config.reconnects);
                self.rest_or_give_up(now, id, state);
            }
        }
    }
}

impl OneMo {
    pub(super) fn new(options: &ModemOptions, sockets: u64) -> Self {
        Self { packet: 0, links: Links::new(options, sockets) }
    }

    fn connect_failed(&mut self, of: Completion, state: State) {
        self.links.of(of.connection).close();
        self.links.complete(of, Some(connection(of.connection, state)));
    }

    /// Before each try to connect again, and after the last.
    fn rest_or_give_up(&mut self, now: Duration, id: u8, state: State) {
        let config = &mut self.links.of(id).config;
        config.tries_left = config.tries_left.and_then(|left| left.checked_sub(1));
        if let Some(left) = config.tries_left {
            let pause = config.reconnect_pause(left);
            self.links.rest(id, now.saturating_add(pause));
            self.links.line(connection(id, State::Reconnecting));
        } else {
            self.links.of(id).close();
            self.links.line(connection(id, state));
        }
    }

    fn dial_again(&mut self, now: Duration, id: u8, around: &Surroundings<'_>) {
        match self.links.of(id).config.address.clone().filter(|_| around.packet_data) {
            Some((host, port)) => {
                let of = completion(id, Step::Connect, 0);
                self.links.dial(now, of, host, port, around.options.latency.open);
            }
            None => self.rest_or_give_up(now, id, State::Network),
        }
    }

    /// A packet is acknowledged; of one at `QoS` 0 nothing is told.
    fn published(&mut self, of: Completion) {
        let (id, message) = (of.connection, of.message);
        let line = match self.links.of(id).config.take_level(message) {
            Some(QoS::AtLeastOnce) => Some(format!("+MQTTURC: \"puback\",{id},{message},0")),
            Some(QoS::ExactlyOnce) => {
                self.links.line(format!("+MQTTURC: \"pubrec\",{id},{message},0"));
                Some(format!("+MQTTURC: \"pubcomp\",{id},{message},0"))
            }
            _ => None,
        };
        self.links.complete(of, line);
    }

    fn received(&mut self, id: u8, topic: &str, payload: Vec<u8>, message: u16, around: &Surroundings<'_>) {
        let config = &mut self.links.of(id).config;
        if config.caches {
            let length = payload.len();
            let fits = config.cache(Cached { message, topic: topic.to_owned(), payload }, around.options);
            return self.links.line(match fits {
                true => format!("+MQTTURC: \"pubnmi\",{id},{message},{length}"),
                false => format!("+MQTTURC: \"drop\",{id},{length}"),
            });
        }
        let hex = config.receives_hex;
        let room = match around.options.model.split_downlinks {
            true => PIECE.saturating_sub(topic.len()).max(1),
            false => usize::MAX,
        };
        // An empty payload has a line of its own.
        let pieces: Vec<&[u8]> = if payload.is_empty() { vec![&[]] } else { payload.chunks(room).collect() };
        for piece in pieces {
            let head = format!("+MQTTURC: \"publish\",{id},{message},\"{topic}\",{},{},", payload.len(), piece.len());
            let shown = if hex { encode_hex(piece) } else { piece.to_vec() };
            self.links.line([head.as_bytes(), &shown].concat());
        }
    }
}

/// `+MQTTURC: "conn",<id>,<state>`
fn connection(id: u8, state: State) -> String {
    format!("+MQTTURC: \"conn\",{id},{}", state as u8)
}

/// A step of a connection. All of them end with a line of the same name.
fn completion(connection: u8, step: Step, message: u16) -> Completion {
    Completion { connection, step, message, name: "+MQTTURC" }
}
