//! OneNET of China Mobile: a device with its own key, or with that of its product.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;

use super::text::{self, NotBase64};
use super::{Clock, Cloud, mac};
use crate::broker::{Admission, ReturnCode, SignIn};

/// Seconds.
const KEEP_ALIVE: RangeInclusive<u16> = 10..=1800;

/// The one that devices sign by.
const VERSION: &str = "2018-10-31";

/// The cloud, and the devices that it knows. Sessions have the names `productId/deviceName`.
///
/// The documentation has no return codes: these are MQTT's own, with 2 for the keep-alive, for which MQTT has none.
pub struct OneNet {
    now: Clock,
    /// The keys by what they are for, as a token names it: `products/…` or `products/…/devices/…`.
    keys: BTreeMap<String, Vec<u8>>,
}

impl OneNet {
    /// One without devices. `now` is the time, in seconds since 1970, that tokens expire by.
    pub fn new(now: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self { now: Box::new(now), keys: BTreeMap::new() }
    }

    /// Registers a device by product id, device name and its own key.
    ///
    /// # Errors
    ///
    /// [`NotBase64`]
    pub fn device(mut self, product: &str, name: &str, key: &str) -> Result<Self, NotBase64> {
        self.keys.insert(format!("products/{product}/devices/{name}"), text::key(key)?);
        Ok(self)
    }

    /// Registers a product, all devices of which may sign with its key.
    ///
    /// # Errors
    ///
    /// [`NotBase64`]
    pub fn product(mut self, product: &str, key: &str) -> Result<Self, NotBase64> {
        self.keys.insert(format!("products/{product}"), text::key(key)?);
        Ok(self)
    }
}

/// Without the keys.
impl fmt::Debug for OneNet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OneNet").field("keys", &self.keys.keys()).finish_non_exhaustive()
    }
}

impl Cloud for OneNet {
    fn sign_in(&self, sign_in: &SignIn<'_>) -> Result<Admission, ReturnCode> {
        let name = sign_in.client_id;
        if name.is_empty() || name.contains('/') || !KEEP_ALIVE.contains(&sign_in.keep_alive) {
            return Err(ReturnCode::IdentifierRejected);
        }
        let product = sign_in.username.filter(|product| !product.contains('/'));
        let product = product.ok_or(ReturnCode::BadUserNameOrPassword)?;
        let token = sign_in.password.and_then(Token::parse).ok_or(ReturnCode::BadUserNameOrPassword)?;
        let of_product = format!("products/{product}");
        let is_own = token.resource == of_product || token.resource == format!("{of_product}/devices/{name}");
        let key = self.keys.get(&token.resource).filter(|_| is_own).ok_or(ReturnCode::NotAuthorized)?;
        if token.is_signed(key) && token.expires.parse().is_ok_and(|expires: u64| expires > (self.now)()) {
            Ok(Admission::named(format!("{product}/{name}")))
        } else {
            Err(ReturnCode::NotAuthorized)
        }
    }

    fn may_publish(&self, device: &str, topic: &str) -> bool {
        let rest = topic.strip_prefix("$sys/").and_then(|rest| rest.strip_prefix(device));
        rest.and_then(|rest| rest.strip_prefix('/')).is_some_and(|rest| !rest.is_empty())
    }

    fn may_subscribe(&self, device: &str, filter: &str) -> bool {
        self.may_publish(device, filter)
    }
}

/// `version=…&res=…&et=…&method=…&sign=…`
struct Token<'a> {
    resource: String,
    expires: &'a str,
    method: &'a str,
    check: mac::Check,
    code: Vec<u8>,
}

impl<'a> Token<'a> {
    fn parse(password: &'a [u8]) -> Option<Self> {
        let password = str::from_utf8(password).ok()?;
        let [version, resource, expires, method, sign] =
            text::fields(password, ["version", "res", "et", "method", "sign"])?;
        let check = match method {
            "md5" => mac::md5,
            "sha1" => mac::sha1,
            "sha256" => mac::sha256,
            _ => return None,
        };
        let code = text::base64(&text::percent_decoded(sign)?)?;
        let resource = text::percent_decoded(resource)?;
        (version == VERSION).then_some(Self { resource, expires, method, check, code })
    }

    /// What is signed are the values in the order of their names, and the resource as it is before it is encoded.
    fn is_signed(&self, key: &[u8]) -> bool {
        let text = format!("{}\n{}\n{}\n{VERSION}", self.expires, self.method, self.resource);
        (self.check)(key, text.as_bytes(), &self.code)
    }
}
