//! `AT+ECMTCFG`: the keys, their ranges and defaults (EC-01G AT manual, ECMTCFG).

use std::time::Duration;

use super::super::{
    cme::Cme,
    command::Args,
    keys::{self, PacketTimeout},
    link::Settings,
    options::ModemOptions,
};
use crate::mqtt::{ConnectOptions, Will};

/// What `AT+ECMTCFG=?` lists.
pub(super) const KEYS: [&str; 10] = [
    "\"echomode\",(0),(0,1)",
    "\"dataformat\",(0),(0,1),(0,1)",
    "\"keepalive\",(0),(0-3600)",
    "\"session\",(0),(0,1)",
    "\"timeout\",(0),(1-60),(1-10),(0,1)",
    "\"will\",(0),(0,1),(0-2),(0,1),<topic>,<message>",
    "\"version\",(0),(3,4)",
    "\"cloud\",(0),(0-255),(0-255)",
    "\"aliauth\",(0),<productname>,<devicename>,<devicesecret>",
    "\"ssl\",(0),(\"psk\",\"ecc\",\"ca\"),<key>",
];

/// The values of one connection, and what the firmware keeps to sign in again.
#[derive(Clone, Debug)]
pub(in crate::modem) struct Config {
    /// Something was configured or opened: there is something to read and to close.
    pub(super) exists: bool,
    /// Kept, and without effect: the firmware has no echo mode.
    echo: bool,
    pub(super) sends_hex: bool,
    pub(super) receives_hex: bool,
    /// Seconds; 0: no limit.
    pub(super) keep_alive: u16,
    pub(super) clean_session: bool,
    pub(super) packet_timeout: PacketTimeout,
    pub(super) will: Option<Will>,
    pub(super) version: u8,
    cloud: (u8, u8),
    triple: Option<[String; 3]>,
    pub(super) tls: bool,
    /// Where ECMTOPEN went.
    pub(super) address: Option<(String, u16)>,
    /// What the broker has accepted once, or is being asked to.
    pub(super) signed_in: Option<ConnectOptions>,
    /// How often it may still be tried to sign in again, while that is under way.
    pub(super) tries_left: Option<u8>,
}

impl Settings for Config {
    fn new(_: &ModemOptions) -> Self {
        Self {
            exists: false,
            echo: false,
            sends_hex: false,
            receives_hex: false,
            keep_alive: 120,
            clean_session: false,
            packet_timeout: PacketTimeout::usual(10, 3),
            will: None,
            version: 4,
            cloud: (0, 0),
            triple: None,
            tls: false,
            address: None,
            signed_in: None,
            tries_left: None,
        }
    }

    /// Not documented for these commands; the LMQTT commands of the same modules have it so.
    fn open_limit(&self) -> Duration {
        Duration::from_secs(160)
    }

    fn patience(&self) -> (Duration, u8) {
        self.packet_timeout.patience()
    }
}

impl Config {
    /// One key is written. What is refused leaves nothing half written.
    pub(super) fn write(&mut self, key: &str, mut args: Args<'_>, options: &ModemOptions) -> Result<(), Cme> {
        let mut changed = self.clone();
        changed.exists = true;
        match key {
            "echomode" => changed.echo = args.flag()?,
            "dataformat" => {
                changed.sends_hex = args.flag()?;
                changed.receives_hex = args.flag()?;
            }
            "keepalive" => changed.keep_alive = args.number(0..=3600)?,
            "session" => changed.clean_session = args.flag()?,
            "timeout" => changed.packet_timeout = changed.packet_timeout.written(&mut args, 1..=10)?,
            "will" => changed.will = keys::lenient_will(&mut args, options)?,
            "version" => changed.version = args.number(3..=4)?,
            "cloud" => changed.cloud = (args.number(0..=255)?, args.number(0..=255)?),
            "aliauth" => changed.triple = Some([args.string(64)?, args.string(64)?, args.string(64)?]),
            "ssl" => {
                if !matches!(args.text()?, b"psk" | b"ecc" | b"ca") {
                    return Err(Cme::NotAllowed);
                }
                args.string(CERTIFICATE)?;
                if !args.is_empty() {
                    args.string(options.model.host)?;
                }
                changed.tls = true;
            }
            _ => return Err(Cme::NotAllowed),
        }
        args.end()?;
        *self = changed;
        Ok(())
    }

    /// The values in the order in which they are written, but those of `"aliauth"`, which the firmware prints as device, secret, product.
    pub(super) fn values(&self, key: &str) -> Option<String> {
        let flag = u8::from;
        Some(match key {
            "echomode" => flag(self.echo).to_string(),
            "dataformat" => format!("{},{}", flag(self.sends_hex), flag(self.receives_hex)),
            "keepalive" => self.keep_alive.to_string(),
            "session" => flag(self.clean_session).to_string(),
            "timeout" => self.packet_timeout.to_string(),
            "will" => keys::will_values(self.will.as_ref()),
            "version" => self.version.to_string(),
            "cloud" => format!("{},{}", self.cloud.0, self.cloud.1),
            "aliauth" => match &self.triple {
                None => "\"\",\"\",\"\"".to_owned(),
                Some([product, device, secret]) => format!("\"{device}\",\"{secret}\",\"{product}\""),
            },
            _ => return None,
        })
    }
}

/// Longest certificate of `"ssl"` in bytes.
const CERTIFICATE: usize = 4001;
