//! Azure IoT Hub, a device with its symmetric key.

use std::collections::BTreeMap;
use std::fmt;

use super::text::{self, NotBase64};
use super::{Clock, Cloud, mac};
use crate::broker::{Admission, ReturnCode, SignIn};

/// The hub, and the devices that it knows. Sessions have the device ids.
///
/// Whatever is wrong with a sign-in has return code 5. Not here: policies, X.509, the provisioning service; and the real one speaks
/// nothing but TLS, and closes the link when a token expires.
pub struct Azure {
    now: Clock,
    host: String,
    devices: BTreeMap<String, Vec<u8>>,
}

impl Azure {
    /// A hub without devices, by its host, `example.azure-devices.net`. `now` is the time, in seconds since 1970, that tokens expire
    /// by.
    pub fn new(host: &str, now: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self { now: Box::new(now), host: host.to_owned(), devices: BTreeMap::new() }
    }

    /// Registers a device by its id and key.
    ///
    /// # Errors
    ///
    /// [`NotBase64`]
    pub fn device(mut self, id: &str, key: &str) -> Result<Self, NotBase64> {
        self.devices.insert(id.to_owned(), text::key(key)?);
        Ok(self)
    }

    fn is_signed(&self, sign_in: &SignIn<'_>) -> Option<bool> {
        let id = sign_in.client_id;
        let key = self.devices.get(id)?;
        let (of_device, version) = sign_in.username?.split_once("/?")?;
        let token = str::from_utf8(sign_in.password?).ok()?.strip_prefix("SharedAccessSignature ")?;
        let [resource, sign, expires] = text::fields(token, ["sr", "sig", "se"])?;
        let is_of_device = of_device == format!("{}/{id}", self.host)
            && version.split('&').any(|field| field.starts_with("api-version="))
            && text::percent_decoded(resource)? == format!("{}/devices/{id}", self.host);
        let code = text::base64(&text::percent_decoded(sign)?)?;
        // The resource is signed as it is sent, encoded or not.
        let is_signed = mac::sha256(key, format!("{resource}\n{expires}").as_bytes(), &code);
        Some(is_of_device && is_signed && expires.parse::<u64>().ok()? > (self.now)())
    }
}

/// Without the keys.
impl fmt::Debug for Azure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Azure").field("host", &self.host).field("devices", &self.devices.keys()).finish_non_exhaustive()
    }
}

impl Cloud for Azure {
    fn sign_in(&self, sign_in: &SignIn<'_>) -> Result<Admission, ReturnCode> {
        match self.is_signed(sign_in) {
            Some(true) => Ok(Admission::named(sign_in.client_id)),
            _ => Err(ReturnCode::NotAuthorized),
        }
    }

    fn may_publish(&self, device: &str, topic: &str) -> bool {
        let levels: Vec<_> = topic.split('/').collect();
        match levels[..] {
            ["devices", id, "messages", "events", _, ..] => id == device,
            ["$iothub", "twin", "GET", _] | ["$iothub", "twin", "PATCH", "properties", "reported", _] => true,
            ["$iothub", "methods", "res", _, _] => true,
            _ => false,
        }
    }

    fn may_subscribe(&self, device: &str, filter: &str) -> bool {
        let levels: Vec<_> = filter.split('/').collect();
        match levels[..] {
            ["devices", id, "messages", "devicebound", "#"] => id == device,
            ["$iothub", "twin", "res", "#"] | ["$iothub", "twin", "PATCH", "properties", "desired", "#"] => true,
            ["$iothub", "methods", "POST", "#"] => true,
            _ => false,
        }
    }
}
