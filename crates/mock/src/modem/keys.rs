//! Keys of the configuration that several command sets have, with the same values in the same order.

use std::{fmt, ops::RangeInclusive, time::Duration};

use super::{cme::Cme, command::Args, options::ModemOptions};
use crate::mqtt::{QoS, Will};

/// `"timeout"`: `<seconds>[,<retries>[,<told>]]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct PacketTimeout {
    /// Seconds until an unanswered packet counts as lost once.
    seconds: u8,
    /// How often it may count as lost before it is given up.
    retries: u8,
    /// Whether each loss is told.
    pub(super) is_told: bool,
}

impl PacketTimeout {
    /// What a module has before anybody says otherwise: no loss is told.
    pub(super) const fn usual(seconds: u8, retries: u8) -> Self {
        Self { seconds, retries, is_told: false }
    }

    /// The values that are written; those that are left off stay as they were.
    pub(super) fn written(mut self, args: &mut Args<'_>, retries: RangeInclusive<u8>) -> Result<Self, Cme> {
        self.seconds = args.number(1..=60)?;
        if !args.is_empty() {
            self.retries = args.number(retries)?;
        }
        if !args.is_empty() {
            self.is_told = args.flag()?;
        }
        Ok(self)
    }

    /// How long a packet is waited for, and how often again.
    pub(super) fn patience(self) -> (Duration, u8) {
        (Duration::from_secs(self.seconds.into()), self.retries)
    }
}

impl fmt::Display for PacketTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{},{}", self.seconds, self.retries, u8::from(self.is_told))
    }
}

/// `"will"`, behind its flag: `<qos>,<retain>,"<topic>","<message>"`.
pub(super) fn will(args: &mut Args<'_>, options: &ModemOptions) -> Result<Will, Cme> {
    let qos = QoS::from_level(args.number(0..=2)?).ok_or(Cme::NotAllowed)?;
    let retain = args.flag()?;
    let topic = args.string(options.model.topic)?;
    let payload = args.string(options.model.will_payload)?.into_bytes();
    Ok(Will { topic, payload, qos, retain })
}

/// `"will"` where the rest may be left off with flag 0, and counts for nothing where it is not.
pub(super) fn lenient_will(args: &mut Args<'_>, options: &ModemOptions) -> Result<Option<Will>, Cme> {
    let is_wanted = args.flag()?;
    if !is_wanted && args.is_empty() {
        return Ok(None);
    }
    let will = will(args, options)?;
    Ok(is_wanted.then_some(will))
}

/// The values of `"will"` as they are read: the flag, and with 1 the rest.
pub(super) fn will_values(will: Option<&Will>) -> String {
    will.map_or_else(
        || "0".to_owned(),
        |Will { topic, payload, qos, retain }| {
            let payload = String::from_utf8_lossy(payload);
            format!("1,{},{},\"{topic}\",\"{payload}\"", qos.level(), u8::from(*retain))
        },
    )
}
