//! `AT+LMQTTCFG`: the keys, their ranges and defaults.

use std::time::Duration;

use super::super::{
    aliyun::Triple,
    answer::Answer,
    cme::Cme,
    command::Args,
    keys::{self, PacketTimeout},
    link::Settings,
    options::ModemOptions,
    surroundings::Surroundings,
};
use crate::mqtt::Will;

/// How payloads are written on the line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Format {
    #[default]
    Text,
    /// Formats 1 and 2 ("string HEX" and "hex in text mode"), taken as the same.
    Hex(u8),
}

impl Format {
    fn from_number(number: u8) -> Self {
        if number == 0 { Self::Text } else { Self::Hex(number) }
    }

    fn number(self) -> u8 {
        match self {
            Self::Text => 0,
            Self::Hex(number) => number,
        }
    }
}

/// The values of one connection, as they hold until it is closed.
#[derive(Clone, Debug)]
pub(in crate::modem) struct Config {
    pub(super) version: u8,
    context: u8,
    pub(super) clean_session: bool,
    /// Seconds; 0: no limit.
    pub(super) keep_alive: u16,
    pub(super) packet_timeout: PacketTimeout,
    pub(super) will: Option<Will>,
    /// Downlinks are kept in the module and only announced.
    pub(super) cached: bool,
    pub(super) receive: Format,
    pub(super) show_length: bool,
    pub(super) send: Format,
    /// Whether LMQTTPUB and LMQTTSUBUNSUB tell their completion.
    pub(super) urc: bool,
    rai_mode: u8,
    pub(super) tls: bool,
    tls_context: u8,
    cloud: (u8, u8),
    triple: Option<Triple>,
}

/// Longest wait for the CONNACK (NT26 manual, LMQTTCONN).
const CONNECT_LIMIT: Duration = Duration::from_secs(30);

impl Settings for Config {
    fn new(options: &ModemOptions) -> Self {
        let quirks = &options.quirks;
        Self {
            version: 4,
            context: 0,
            clean_session: false,
            keep_alive: 120,
            packet_timeout: PacketTimeout::usual(10, 3),
            will: None,
            cached: false,
            receive: Format::Text,
            show_length: false,
            send: Format::Text,
            urc: !quirks.completion_needs_urc || quirks.refused_keys.contains("urc"),
            rai_mode: 0,
            tls: false,
            tls_context: 0,
            cloud: (0, 0),
            triple: None,
        }
    }

    /// NT26 manual, LMQTTOPEN.
    fn open_limit(&self) -> Duration {
        Duration::from_secs(160)
    }

    fn patience(&self) -> (Duration, u8) {
        self.packet_timeout.patience()
    }

    fn connect_limit(&self) -> Duration {
        let (once, retries) = self.patience();
        CONNECT_LIMIT.min(once * (u32::from(retries) + 1))
    }
}

impl Config {
    /// The triple with which the module signs in at Alibaba's cloud by itself, where the cloud is 2, Alibaba's.
    pub(super) fn signs_in(&self) -> Option<&Triple> {
        self.triple.as_ref().filter(|_| self.cloud.0 == 2)
    }

    /// One key: written, or read where its values are left off. `opened`: the keys that must be set before LMQTTOPEN come too late
    /// (manual: will, session, keepalive, aliauth).
    pub(super) fn key(
        &mut self,
        key: &str,
        id: u8,
        opened: bool,
        args: Args<'_>,
        around: &Surroundings<'_>,
    ) -> Result<Answer, Cme> {
        if around.options.quirks.refused_keys.contains(key) {
            return Err(Cme::NotAllowed);
        }
        if args.is_empty() {
            let values = self.values(key).ok_or(Cme::NotAllowed)?;
            return Ok(Answer::line(format!("+LMQTTCFG: \"{key}\",{id},{values}")));
        }
        if opened && matches!(key, "will" | "session" | "keepalive" | "aliauth") {
            return Err(Cme::NotAllowed);
        }
        // What is refused leaves nothing half written.
        let mut changed = self.clone();
        changed.write(key, args, around.options)?;
        *self = changed;
        Ok(Answer::ok())
    }

    fn write(&mut self, key: &str, mut args: Args<'_>, options: &ModemOptions) -> Result<(), Cme> {
        match key {
            "version" => self.version = args.number(3..=4)?,
            "pdpcid" => self.context = args.number(0..=15)?,
            "session" => self.clean_session = args.flag()?,
            "keepalive" => self.keep_alive = args.number(0..=3600)?,
            "timeout" => self.packet_timeout = self.packet_timeout.written(&mut args, 0..=10)?,
            "will" => self.will = keys::lenient_will(&mut args, options)?,
            "cache" => self.cached = args.flag()?,
            "recv/mode" => {
                self.receive = Format::from_number(args.number(0..=2)?);
                if !args.is_empty() {
                    self.show_length = args.flag()?;
                }
            }
            "send/mode" => self.send = Format::from_number(args.number(0..=2)?),
            "dataformat" => {
                self.send = Format::from_number(args.number(0..=2)?);
                self.receive = Format::from_number(args.number(0..=2)?);
            }
            "urc" => self.urc = args.flag()?,
            "raimode" => self.rai_mode = args.number(0..=2)?,
            "sslenable" => {
                self.tls = args.flag()?;
                if !args.is_empty() {
                    self.tls_context = args.number(0..=5)?;
                }
            }
            "cloud" => self.cloud = (args.number(0..=255)?, args.number(0..=255)?),
            "aliauth" => self.triple = Some([args.string(64)?, args.string(64)?, args.string(64)?]),
            _ => return Err(Cme::NotAllowed),
        }
        args.end()?;
        Ok(())
    }

    /// The values in the order in which they are written. The read form is not documented; this one is inferred.
    fn values(&self, key: &str) -> Option<String> {
        let flag = u8::from;
        Some(match key {
            "version" => self.version.to_string(),
            "pdpcid" => self.context.to_string(),
            "session" => flag(self.clean_session).to_string(),
            "keepalive" => self.keep_alive.to_string(),
            "timeout" => self.packet_timeout.to_string(),
            "will" => keys::will_values(self.will.as_ref()),
            "cache" => flag(self.cached).to_string(),
            "recv/mode" => format!("{},{}", self.receive.number(), flag(self.show_length)),
            "send/mode" => self.send.number().to_string(),
            "dataformat" => format!("{},{}", self.send.number(), self.receive.number()),
            "urc" => flag(self.urc).to_string(),
            "raimode" => self.rai_mode.to_string(),
            "sslenable" => format!("{},{}", flag(self.tls), self.tls_context),
            "cloud" => format!("{},{}", self.cloud.0, self.cloud.1),
            "aliauth" => match &self.triple {
                None => "\"\",\"\",\"\"".to_owned(),
                Some([product, device, secret]) => format!("\"{product}\",\"{device}\",\"{secret}\""),
            },
            _ => return None,
        })
    }
}
