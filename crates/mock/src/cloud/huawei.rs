//! Huawei Cloud IoTDA, a device with its secret.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;

use time::OffsetDateTime;

use super::{Clock, Cloud, Quotas, mac, text};
use crate::broker::{Admission, ReturnCode, SignIn};

/// Seconds; outside is refused with the return code of a client id.
const KEEP_ALIVE: RangeInclusive<u16> = 30..=1200;

/// Product description: what it takes of a device, at either `QoS`.
const QUOTAS: Quotas =
    Quotas { subscriptions: 100, payload: 1024 * 1024, at_most_once: 50, at_least_once: 50, retains: false };

/// Bytes of a topic.
const TOPIC: usize = 128;

/// Seconds.
const HOUR: u64 = 3600;

/// The cloud, and the devices that it knows. Sessions have the device ids.
///
/// How far a time that is to be checked may be off is not documented: it is an hour here. Not here: bootstrap, registration
/// groups, X.509, topics that a policy adds, the rates.
pub struct Huawei {
    now: Clock,
    devices: BTreeMap<String, String>,
}

impl Huawei {
    /// One without devices. `now` is the time, in seconds since 1970.
    pub fn new(now: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self { now: Box::new(now), devices: BTreeMap::new() }
    }

    /// Registers a device by its id and secret.
    #[must_use]
    pub fn device(mut self, id: &str, secret: &str) -> Self {
        self.devices.insert(id.to_owned(), secret.to_owned());
        self
    }

    /// Whether an hour is now, or next to it.
    fn is_now(&self, hour: &str) -> bool {
        let now = (self.now)();
        [now.saturating_sub(HOUR), now, now + HOUR].into_iter().filter_map(written).any(|near| near == hour)
    }
}

/// Without the secrets.
impl fmt::Debug for Huawei {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Huawei").field("devices", &self.devices.keys()).finish_non_exhaustive()
    }
}

impl Cloud for Huawei {
    fn quotas(&self) -> Quotas {
        QUOTAS
    }

    fn sign_in(&self, sign_in: &SignIn<'_>) -> Result<Admission, ReturnCode> {
        let (id, is_checked, hour) = parse(sign_in.client_id).ok_or(ReturnCode::IdentifierRejected)?;
        if !KEEP_ALIVE.contains(&sign_in.keep_alive) {
            return Err(ReturnCode::IdentifierRejected);
        }
        let password = sign_in.password.and_then(|password| str::from_utf8(password).ok());
        let code = password.and_then(text::lower_hex);
        let code = code.filter(|_| sign_in.username == Some(id)).ok_or(ReturnCode::BadUserNameOrPassword)?;
        let secret = self.devices.get(id).ok_or(ReturnCode::NotAuthorized)?;
        // The hour is the key, and the secret what is signed.
        if !mac::sha256(hour.as_bytes(), secret.as_bytes(), &code) {
            return Err(ReturnCode::BadUserNameOrPassword);
        }
        if is_checked && !self.is_now(hour) { Err(ReturnCode::NotAuthorized) } else { Ok(Admission::named(id)) }
    }

    fn may_publish(&self, device: &str, topic: &str) -> bool {
        let levels: Vec<_> = topic.split('/').collect();
        topic.len() <= TOPIC && matches!(levels[..], ["$oc", "devices", id, _, ..] if id == device)
    }

    fn may_subscribe(&self, device: &str, filter: &str) -> bool {
        self.may_publish(device, filter)
    }
}

/// `{device id}_0_{whether the time is checked}_{YYYYMMDDHH}`. The device id may have such strokes itself.
fn parse(client_id: &str) -> Option<(&str, bool, &str)> {
    let mut parts = client_id.rsplitn(4, '_');
    let (hour, check, kind, id) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hour = hour.len() == 10 && hour.bytes().all(|byte| byte.is_ascii_digit());
    let is_checked = match check {
        "0" => false,
        "1" => true,
        _ => return None,
    };
    (is_hour && kind == "0" && !id.is_empty()).then_some((id, is_checked, hour))
}

/// The hour of a time, in UTC.
fn written(unix: u64) -> Option<String> {
    let at = OffsetDateTime::from_unix_timestamp(unix.try_into().ok()?).ok()?;
    Some(format!("{:04}{:02}{:02}{:02}", at.year(), u8::from(at.month()), at.day(), at.hour()))
}
