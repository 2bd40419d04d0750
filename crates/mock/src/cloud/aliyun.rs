//! Alibaba Cloud IoT Platform, one device with one secret (一机一密).

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;

use super::Cloud;
use super::mac::{self, Check};
use crate::broker::{ReturnCode, SignIn};

/// Seconds. The documentation refuses what is outside; its own SDK says that more is taken for 1200, and a bench that is strict
/// finds what would break at a cloud that is.
const KEEP_ALIVE: RangeInclusive<u16> = 30..=1200;

/// Characters before the bars of a client id.
const CLIENT_ID: usize = 64;

/// Bytes of a topic.
const TOPIC: usize = 128;

/// Slashes of a topic of the user's own; the system's have more.
const SLASHES: usize = 7;

/// The cloud, and the devices that it knows. Sessions have the user names of the devices, `deviceName&productKey`.
///
/// Not here: dynamic registration, gateways and their sub-devices, X.509, the rates.
#[derive(Default)]
pub struct Aliyun {
    devices: BTreeMap<String, Device>,
}

struct Device {
    secret: String,
    is_disabled: bool,
}

impl Aliyun {
    /// One without devices.
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers a device by product key, device name and device secret; one that is there already gets the new secret.
    #[must_use]
    pub fn device(self, product_key: &str, device_name: &str, device_secret: &str) -> Self {
        self.with(product_key, device_name, device_secret, false)
    }

    /// Registers a device that somebody has disabled in the console: it is not authorized, whatever it says.
    #[must_use]
    pub fn disabled_device(self, product_key: &str, device_name: &str, device_secret: &str) -> Self {
        self.with(product_key, device_name, device_secret, true)
    }

    fn with(mut self, product_key: &str, device_name: &str, device_secret: &str, is_disabled: bool) -> Self {
        let device = Device { secret: device_secret.to_owned(), is_disabled };
        self.devices.insert(format!("{device_name}&{product_key}"), device);
        self
    }
}

/// Without the secrets.
impl fmt::Debug for Aliyun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aliyun").field("devices", &self.devices.keys()).finish()
    }
}

impl Cloud for Aliyun {
    fn sign_in(&self, sign_in: &SignIn<'_>) -> Result<String, ReturnCode> {
        let client_id = ClientId::parse(sign_in.client_id).ok_or(ReturnCode::IdentifierRejected)?;
        if !KEEP_ALIVE.contains(&sign_in.keep_alive) {
            return Err(ReturnCode::ServerUnavailable);
        }
        let username = sign_in.username.ok_or(ReturnCode::BadUserNameOrPassword)?;
        let (device_name, product_key) = names(username).ok_or(ReturnCode::BadUserNameOrPassword)?;
        // Hexadecimal digits in either case.
        let password = sign_in.password.and_then(|password| hex::decode(password).ok());
        let password = password.filter(|code| !code.is_empty()).ok_or(ReturnCode::BadUserNameOrPassword)?;

        let signed = client_id.signed(device_name, product_key);
        let device = self.devices.get(username).ok_or(ReturnCode::NotAuthorized)?;
        let is_signed = (client_id.check)(device.secret.as_bytes(), signed.as_bytes(), &password);
        if is_signed && client_id.is_direct && !device.is_disabled {
            Ok(username.to_owned())
        } else {
            Err(ReturnCode::NotAuthorized)
        }
    }

    fn may_publish(&self, device: &str, topic: &str) -> bool {
        let levels: Vec<_> = topic.split('/').collect();
        is_own(device, topic, &levels)
            || Some(device).and_then(names).is_some_and(|(name, product)| match levels[..] {
                ["", "shadow", "update", pk, dn] | ["", "ota", "device", "inform" | "progress", pk, dn] => {
                    pk == product && dn == name
                }
                _ => false,
            })
    }

    fn may_subscribe(&self, device: &str, filter: &str) -> bool {
        let levels: Vec<_> = filter.split('/').collect();
        is_own(device, filter, &levels)
            || Some(device).and_then(names).is_some_and(|(name, product)| match levels[..] {
                ["", "shadow", "get", pk, dn] | ["", "ota", "device", "upgrade", pk, dn] => pk == product && dn == name,
                ["", "broadcast", pk, _, ..] => pk == product,
                _ => false,
            })
    }
}

/// Device name and product key.
fn names(username: &str) -> Option<(&str, &str)> {
    let (device_name, product_key) = username.split_once('&')?;
    let are_names = !device_name.is_empty() && !product_key.is_empty() && !product_key.contains('&');
    are_names.then_some((device_name, product_key))
}

/// What a device may both publish and subscribe to. No wildcard stands for the names.
fn is_own(device: &str, topic: &str, levels: &[&str]) -> bool {
    let Some((name, product)) = names(device).filter(|_| topic.len() <= TOPIC) else {
        return false;
    };
    match *levels {
        ["", pk, dn, "user", _, ..] => pk == product && dn == name && levels.len() - 1 <= SLASHES,
        ["", "sys", pk, dn, _, ..]
        | ["", "ext", "ntp" | "session", pk, dn, _, ..]
        | ["", "ext", "rrpc", _, pk, dn, _, ..] => pk == product && dn == name,
        _ => false,
    }
}

/// `<cid>|key=value,…|`. Of the keys, in any order, those that matter; others are statistics.
struct ClientId<'a> {
    own: &'a str,
    timestamp: Option<&'a str>,
    check: Check,
    /// Whether the mode is that of a device with a secret of its own, 2 (TLS) or 3 (TCP); nobody holds it against the transport.
    is_direct: bool,
}

impl<'a> ClientId<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (own, rest) = text.split_once('|')?;
        let tags = rest.strip_suffix('|')?;
        if own.is_empty() || own.chars().count() > CLIENT_ID || tags.contains('|') {
            return None;
        }
        let tags: Vec<_> = tags.split(',').map(|tag| tag.split_once('=')).collect::<Option<_>>()?;
        let value = |key: &str| tags.iter().find(|(named, _)| *named == key).map(|(_, value)| *value);
        let check = match value("signmethod") {
            None | Some("hmacmd5") => mac::md5,
            Some("hmacsha1") => mac::sha1,
            Some("hmacsha256") => mac::sha256,
            Some(_) => return None,
        };
        let mode: i8 = value("securemode")?.parse().ok()?;
        Some(Self { own, timestamp: value("timestamp"), check, is_direct: matches!(mode, 2 | 3) })
    }

    /// Names and values in the alphabetical order of the names, with nothing between them.
    fn signed(&self, device_name: &str, product_key: &str) -> String {
        let mut text = format!("clientId{}deviceName{device_name}productKey{product_key}", self.own);
        if let Some(timestamp) = self.timestamp {
            text.push_str("timestamp");
            text.push_str(timestamp);
        }
        text
    }
}
