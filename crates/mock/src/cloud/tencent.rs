//! Tencent IoT Hub and IoT Explorer, a device with its key.

use std::collections::BTreeMap;
use std::fmt;

use super::text::{self, NotBase64};
use super::{Clock, Cloud, mac};
use crate::broker::{Admission, ReturnCode, SignIn};

/// The longest keep-alive, in seconds; none is one too.
const KEEP_ALIVE: u16 = 900;

/// Bytes of a topic.
const TOPIC: usize = 255;

/// The cloud, and the devices that it knows. Sessions have the devices' client ids, product and name together.
///
/// The documentation has no return codes: these are MQTT's own, with 2 for the keep-alive, for which MQTT has none. Not here:
/// dynamic registration, certificates, TLS-PSK, the rates.
pub struct Tencent {
    now: Clock,
    devices: BTreeMap<String, Device>,
}

struct Device {
    product: String,
    name: String,
    key: Vec<u8>,
}

impl Tencent {
    /// One without devices. `now` is the time, in seconds since 1970, that signatures expire by.
    pub fn new(now: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self { now: Box::new(now), devices: BTreeMap::new() }
    }

    /// Registers a device by product id, device name and its key, as the console shows it.
    ///
    /// # Errors
    ///
    /// [`NotBase64`]
    pub fn device(mut self, product: &str, name: &str, key: &str) -> Result<Self, NotBase64> {
        let device = Device { product: product.to_owned(), name: name.to_owned(), key: text::key(key)? };
        self.devices.insert(format!("{product}{name}"), device);
        Ok(self)
    }

    fn is_own(&self, device: &str, topic: &str, is_publish: bool) -> bool {
        let Some(Device { product, name, .. }) = self.devices.get(device).filter(|_| topic.len() <= TOPIC) else {
            return false;
        };
        let (thing, firmware) = if is_publish { ("up", "report") } else { ("down", "update") };
        let levels: Vec<_> = topic.split('/').collect();
        match levels[..] {
            ["$thing", way, _, pid, dn] => way == thing && pid == product && dn == name,
            ["$ota", way, pid, dn] => way == firmware && pid == product && dn == name,
            ["$shadow" | "$sys", "operation", pid, dn] => is_publish && pid == product && dn == name,
            ["$shadow" | "$sys", "operation", "result", pid, dn] => !is_publish && pid == product && dn == name,
            [pid, dn, _, ..] => pid == product && dn == name,
            _ => false,
        }
    }
}

/// Without the keys.
impl fmt::Debug for Tencent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tencent").field("devices", &self.devices.keys()).finish_non_exhaustive()
    }
}

impl Cloud for Tencent {
    fn sign_in(&self, sign_in: &SignIn<'_>) -> Result<Admission, ReturnCode> {
        if sign_in.keep_alive > KEEP_ALIVE {
            return Err(ReturnCode::IdentifierRejected);
        }
        let (username, expires, check, code) = read(sign_in).ok_or(ReturnCode::BadUserNameOrPassword)?;
        let device = self.devices.get(sign_in.client_id).ok_or(ReturnCode::NotAuthorized)?;
        if check(&device.key, username.as_bytes(), &code) && expires > (self.now)() {
            Ok(Admission::named(sign_in.client_id))
        } else {
            Err(ReturnCode::NotAuthorized)
        }
    }

    fn may_publish(&self, device: &str, topic: &str) -> bool {
        self.is_own(device, topic, true)
    }

    fn may_subscribe(&self, device: &str, filter: &str) -> bool {
        self.is_own(device, filter, false)
    }
}

/// User name `clientId;sdkappid;connid;expiry`, whose signature is the password, `hex;method`.
fn read<'a>(sign_in: &SignIn<'a>) -> Option<(&'a str, u64, mac::Check, Vec<u8>)> {
    let username = sign_in.username?;
    let fields: Vec<_> = username.split(';').collect();
    let [client_id, app, connection, expires] = fields[..] else { return None };
    if client_id != sign_in.client_id || app.is_empty() || connection.is_empty() {
        return None;
    }
    let (code, method) = str::from_utf8(sign_in.password?).ok()?.split_once(';')?;
    let check = match method {
        "hmacsha256" => mac::sha256,
        "hmacsha1" => mac::sha1,
        _ => return None,
    };
    Some((username, expires.parse().ok()?, check, text::lower_hex(code)?))
}
