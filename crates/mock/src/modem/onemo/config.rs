//! `AT+MQTTCFG`: the keys, their ranges and defaults.

use std::time::Duration;

use crate::modem::{
    cme::Cme,
    command::Args,
    link::{Settings, decode_hex},
    options::ModemOptions,
};
use crate::mqtt::{ConnectOptions, QoS, Will};

/// A message that the module keeps.
#[derive(Clone, Debug)]
pub(super) struct Cached {
    pub(super) message: u16,
    pub(super) topic: String,
    pub(super) payload: Vec<u8>,
}

/// How payloads are written in the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Plain,
    Hex,
    Escaped,
}

/// One connection.
#[derive(Clone)]
pub(in crate::modem) struct Config {
    context: u8,
    tls: bool,
    pub(super) keep_alive: u16,
    pub(super) clean_session: bool,
    interval: u8,
    retries: u8,
    has_will: bool,
    will_qos: QoS,
    will_retain: bool,
    will_payload: Option<(String, Vec<u8>)>,
    ping_interval: u32,
    tells_pings: bool,
    pub(super) sends: Encoding,
    pub(super) receives_hex: bool,
    pub(super) caches: bool,
    pub(super) reconnects: u8,
    reconnect_interval: u8,
    /// Each pause is longer than the one before by the interval.
    reconnects_slower: bool,
    /// Tries to connect again that are left, while the module does so.
    pub(super) tries_left: Option<u8>,
    /// Where MQTTCONN went last, and how it goes on once the link is open.
    pub(super) address: Option<(String, u16)>,
    pub(super) sign_in: Option<ConnectOptions>,
    /// The levels of the messages that wait for their answer.
    pub(super) levels: Vec<(u16, QoS)>,
    pub(super) cached: Vec<Cached>,
    /// What the broker has granted, as codes.
    pub(super) filters: Vec<(String, u8)>,
    /// The filters of changes that wait for their answer.
    pub(super) changes: Vec<(u16, Vec<String>)>,
}

impl Settings for Config {
    fn new(_: &ModemOptions) -> Self {
        Self {
            context: 1,
            tls: false,
            keep_alive: 120,
            clean_session: false,
            interval: 20,
            retries: 0,
            has_will: false,
            will_qos: QoS::AtMostOnce,
            will_retain: false,
            will_payload: None,
            ping_interval: 120,
            tells_pings: false,
            sends: Encoding::Plain,
            receives_hex: false,
            caches: false,
            reconnects: 3,
            reconnect_interval: 20,
            reconnects_slower: false,
            tries_left: None,
            address: None,
            sign_in: None,
            levels: Vec::new(),
            cached: Vec::new(),
            filters: Vec::new(),
            changes: Vec::new(),
        }
    }

    fn open_limit(&self) -> Duration {
        Duration::from_secs(60)
    }

    /// The time doubles with each packet that is sent again: `interval × (2^(retries+1) − 1)` in all.
    fn patience(&self) -> (Duration, u8) {
        let all = u64::from(self.interval) * ((1 << (self.retries + 1)) - 1);
        (Duration::from_secs(all), 0)
    }

    fn connect_limit(&self) -> Duration {
        Duration::from_secs(60)
    }
}

impl Config {
    /// Before the try after which `left` are left.
    pub(super) fn reconnect_pause(&self, left: u8) -> Duration {
        let times = if self.reconnects_slower { self.reconnects.saturating_sub(left) } else { 1 };
        Duration::from_secs(u64::from(self.reconnect_interval) * u64::from(times))
    }

    pub(super) fn will(&self) -> Option<Will> {
        let (topic, payload) = self.will_payload.clone().filter(|_| self.has_will)?;
        Some(Will { topic, payload, qos: self.will_qos, retain: self.will_retain })
    }

    /// The broker has answered a change: with codes what was subscribed to, without what was not any more.
    pub(super) fn changed(&mut self, packet: u16, codes: &[u8]) {
        let Some(at) = self.changes.iter().position(|(waiting, _)| *waiting == packet) else { return };
        let (_, filters) = self.changes.remove(at);
        self.filters.retain(|(known, _)| !filters.contains(known));
        self.filters.extend(filters.into_iter().zip(codes.iter().copied()));
    }

    /// The link is gone, and with it whatever waited for an answer.
    pub(super) fn forget_waits(&mut self) {
        self.levels.clear();
        self.changes.clear();
        self.filters.clear();
    }

    /// The level of a message that waits no more.
    pub(super) fn take_level(&mut self, message: u16) -> Option<QoS> {
        let at = self.levels.iter().position(|(waiting, _)| *waiting == message)?;
        Some(self.levels.remove(at).1)
    }

    /// Keeps a message, if there is room: 4 KiB on NB models, 8 KiB on the others.
    pub(super) fn cache(&mut self, message: Cached, options: &ModemOptions) -> bool {
        let room = if options.model.prompt_payload.is_some() { 8192 } else { 4096 };
        let taken: usize = self.cached.iter().map(|cached| cached.payload.len()).sum();
        let fits = taken + message.payload.len() <= room;
        if fits {
            self.cached.push(message);
        }
        fits
    }

    /// The keys, each with what `AT+MQTTCFG=?` says of its values, in the order of the manual.
    pub(super) const KEYS: [(&str, &str); 13] = [
        ("version", "(4)"),
        ("cid", "(1-15)"),
        ("ssl", "(0,1),(0-5)"),
        ("keepalive", "(0,60-65535)"),
        ("clean", "(0,1)"),
        ("retrans", "(20-60),(0-3)"),
        ("willoption", "(0,1),(0-2),(0,1)"),
        ("willpayload", ","),
        ("pingreq", "(60-86400)"),
        ("pingresp", "(0,1)"),
        ("encoding", "(0-2),(0,1)"),
        ("cached", "(0,1)"),
        ("reconn", "(0-3),(20-60),(0,1)"),
    ];

    /// Whether a model has a key: NB models choose no context, have no TLS and keep no messages.
    pub(super) fn has(key: &str, options: &ModemOptions) -> bool {
        options.model.prompt_payload.is_some() || !matches!(key, "cid" | "ssl" | "cached")
    }

    /// Whether a key may be written while there is a connection.
    pub(super) fn is_immediate(key: &str) -> bool {
        matches!(key, "pingresp" | "encoding" | "cached")
    }

    /// One key is written; values at the end may be missing, and are left as they are. What is refused leaves nothing half written.
    pub(super) fn write(&mut self, key: &str, mut args: Args<'_>) -> Result<(), Cme> {
        let mut changed = self.clone();
        match key {
            "version" => drop(args.number(4..=4_u8)?),
            "cid" => changed.context = args.number(1..=15)?,
            "ssl" => {
                changed.tls = args.flag()?;
                if !args.is_empty() {
                    args.number(0..=5_u8)?;
                }
            }
            "keepalive" => {
                changed.keep_alive = args.number(0..=65535)?;
                if (1..60).contains(&changed.keep_alive) {
                    return Err(Cme::IncorrectParameters);
                }
            }
            "clean" => changed.clean_session = args.flag()?,
            "retrans" => {
                changed.interval = args.number(20..=60)?;
                if !args.is_empty() {
                    changed.retries = args.number(0..=3)?;
                }
            }
            "willoption" => {
                changed.has_will = args.flag()?;
                if !args.is_empty() {
                    changed.will_qos = QoS::from_level(args.number(0..=2)?).ok_or(Cme::NotAllowed)?;
                }
                if !args.is_empty() {
                    changed.will_retain = args.flag()?;
                }
            }
            "willpayload" => {
                let topic = args.string(256)?;
                let message = decoded(self.sends, args.quoted()?).filter(|message| message.len() <= 256);
                changed.will_payload = Some((topic, message.ok_or(Cme::IncorrectParameters)?));
            }
            "pingreq" => changed.ping_interval = args.number(60..=86400)?,
            "pingresp" => changed.tells_pings = args.flag()?,
            "encoding" => {
                changed.sends = match args.number(0..=2_u8)? {
                    0 => Encoding::Plain,
                    1 => Encoding::Hex,
                    _ => Encoding::Escaped,
                };
                if !args.is_empty() {
                    changed.receives_hex = args.flag()?;
                }
            }
            "cached" => changed.caches = args.flag()?,
            "reconn" => {
                changed.reconnects = args.number(0..=3)?;
                if !args.is_empty() {
                    changed.reconnect_interval = args.number(20..=60)?;
                }
                if !args.is_empty() {
                    changed.reconnects_slower = args.flag()?;
                }
            }
            _ => return Err(Cme::IncorrectParameters),
        }
        args.end()?;
        *self = changed;
        Ok(())
    }

    /// The values in the order in which they are written.
    pub(super) fn values(&self, key: &str) -> Option<String> {
        let flag = u8::from;
        Some(match key {
            "version" => "4".to_owned(),
            "cid" => self.context.to_string(),
            "ssl" => flag(self.tls).to_string(),
            "keepalive" => self.keep_alive.to_string(),
            "clean" => flag(self.clean_session).to_string(),
            "retrans" => format!("{},{}", self.interval, self.retries),
            "willoption" => format!("{},{},{}", flag(self.has_will), self.will_qos.level(), flag(self.will_retain)),
            "willpayload" => match &self.will_payload {
                Some((topic, message)) => format!("\"{topic}\",\"{}\"", String::from_utf8_lossy(message)),
                None => String::new(),
            },
            "pingreq" => self.ping_interval.to_string(),
            "pingresp" => flag(self.tells_pings).to_string(),
            "encoding" => format!("{},{}", self.sends as u8, flag(self.receives_hex)),
            "cached" => flag(self.caches).to_string(),
            "reconn" => {
                format!("{},{},{}", self.reconnects, self.reconnect_interval, flag(self.reconnects_slower))
            }
            _ => return None,
        })
    }

    pub(super) fn is_tls(&self) -> bool {
        self.tls
    }
}

/// The bytes that text in an encoding means; `None`: it is none of that encoding.
pub(super) fn decoded(encoding: Encoding, text: &[u8]) -> Option<Vec<u8>> {
    match encoding {
        Encoding::Plain => Some(text.to_vec()),
        Encoding::Hex => decode_hex(text),
        Encoding::Escaped => unescaped(text),
    }
}

/// What the escapes of the encoding 2 mean; `None`: one of them is none.
fn unescaped(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter().copied();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'\\' => match rest.next()? {
                b'r' => b'\r',
                b'n' => b'\n',
                b't' => b'\t',
                b'x' => *decode_hex(&[rest.next()?, rest.next()?])?.first()?,
                other @ (b'"' | b'\\') => other,
                _ => return None,
            },
            byte => byte,
        });
    }
    Some(bytes)
}
