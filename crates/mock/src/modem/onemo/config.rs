//! `AT+MQTTCFG`: the keys, their ranges and defaults.

use std::time::Duration;

use crate::modem::{answer::Cme, command::Args, link::Settings, options::ModemOptions};
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
    will_option: Option<(QoS, bool)>,
    will_payload: Option<(String, Vec<u8>)>,
    ping_interval: u32,
    tells_pings: bool,
    pub(super) sends: Encoding,
    pub(super) receives_hex: bool,
    pub(super) caches: bool,
    pub(super) reconnects: u8,
    reconnect_interval: u8,
    /// Tries to connect again that are left, while the module does so.
    pub(super) tries_left: Option<u8>,
    /// Where MQTTCONN went last, and how it goes on once the link is open.
    pub(super) address: Option<(String, u16)>,
    pub(super) sign_in: Option<ConnectOptions>,
    /// The levels of the messages that wait for their answer.
    pub(super) levels: Vec<(u16, QoS)>,
    pub(super) cached: Vec<Cached>,
    pub(super) filters: Vec<(String, QoS)>,
}

impl Settings for Config {
    fn new(_: &ModemOptions) -> Self {
        Self {
            context: 1,
            tls: false,
            keep_alive: 120,
            clean_session: false,
            interval: 20,
            retries: 3,
            will_option: None,
            will_payload: None,
            ping_interval: 60,
            tells_pings: false,
            sends: Encoding::Plain,
            receives_hex: false,
            caches: false,
            reconnects: 3,
            reconnect_interval: 20,
            tries_left: None,
            address: None,
            sign_in: None,
            levels: Vec::new(),
            cached: Vec::new(),
            filters: Vec::new(),
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
    pub(super) fn reconnect_pause(&self) -> Duration {
        Duration::from_secs(self.reconnect_interval.into())
    }

    pub(super) fn will(&self) -> Option<Will> {
        let ((qos, retain), (topic, payload)) = self.will_option.zip(self.will_payload.clone())?;
        Some(Will { topic, payload, qos, retain })
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

    /// One key is written. What is refused leaves nothing half written.
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
                changed.retries = args.number(0..=3)?;
            }
            "willoption" => {
                let is_on = args.flag()?;
                changed.will_option = match is_on && !args.is_empty() {
                    true => Some((QoS::from_level(args.number(0..=2)?).ok_or(Cme::NotAllowed)?, args.flag()?)),
                    false => None,
                };
            }
            "willpayload" => changed.will_payload = Some((args.string(256)?, args.string(256)?.into_bytes())),
            "pingreq" => changed.ping_interval = args.number(60..=86400)?,
            "pingresp" => changed.tells_pings = args.flag()?,
            "encoding" => {
                changed.sends = match args.number(0..=2_u8)? {
                    0 => Encoding::Plain,
                    1 => Encoding::Hex,
                    _ => Encoding::Escaped,
                };
                changed.receives_hex = args.flag()?;
            }
            "cached" => changed.caches = args.flag()?,
            "reconn" => {
                changed.reconnects = args.number(0..=3)?;
                if !args.is_empty() {
                    changed.reconnect_interval = args.number(20..=60)?;
                }
                if !args.is_empty() {
                    args.flag()?;
                }
            }
            _ => return Err(Cme::IncorrectParameters),
        }
        args.end()?;
        *self = changed;
        Ok(())
    }

    /// The keys that have numbers only, in the order of the manual.
    pub(super) const KEYS: [&str; 10] =
        ["version", "cid", "ssl", "keepalive", "clean", "retrans", "pingreq", "pingresp", "encoding", "cached"];

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
            "pingreq" => self.ping_interval.to_string(),
            "pingresp" => flag(self.tells_pings).to_string(),
            "encoding" => format!("{},{}", self.sends as u8, flag(self.receives_hex)),
            "cached" => flag(self.caches).to_string(),
            "reconn" => format!("{},{}", self.reconnects, self.reconnect_interval),
            _ => return None,
        })
    }

    pub(super) fn is_tls(&self) -> bool {
        self.tls
    }
}
