//! OneNET (China Mobile).
//!
//! | string | where it is from | confidence |
//! | --- | --- | --- |
//! | client id: the device's name; user name: the product's id | OneNET's page on tokens, LuatOS | high |
//! | password: the token `version=…&res=…&et=…&method=…&sign=…` | OneNET's page; a public test of it in Go has one | high |
//! | that the key is decoded from Base64, and what is signed is not percent-encoded | the same | high |
//! | hosts `mqtts.heclouds.com`, which is **plain TCP**, and `mqttstls.heclouds.com` | OneNET's page | high |
//! | keep-alive of 10 to 1800 s | OneNET's page | medium |
//! | characters of the device's name | other OneNET pages | low |

use crate::invalid::Invalid;
use crate::mac::{SignMethod, decode_key, percent};
use crate::moment::Clock;
use crate::rule::{Endpoint, Rule, endpoint_setters, is_alphanumeric, is_base64, is_name};
use crate::secret::Secret;
use crate::sign_in::SignIn;

const PRODUCT_ID: Rule = Rule::new("product id", 1, 32, is_alphanumeric, "1 to 32 letters and digits");
const DEVICE_NAME: Rule = Rule::new("device name", 1, 64, is_name, "1 to 64 letters, digits and - _ @ . :");
const KEY: Rule = Rule::new("key", 4, 256, is_base64, "Base64, 4 to 256 characters");
const VERSION: &str = "2018-10-31";

/// Whose key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Resource {
    /// One device, one secret.
    Device,
    /// One type, one secret.
    Product,
}

/// A device.
#[derive(Debug, Clone)]
pub struct OneNet {
    product_id: String,
    device_name: String,
    key: Secret,
    resource: Resource,
    expires_at: u64,
    sign_method: SignMethod,
    endpoint: Endpoint,
}

impl OneNet {
    fn new(product_id: String, device_name: String, key: Secret, resource: Resource, expires_at: u64) -> OneNet {
        let (sign_method, endpoint) = (SignMethod::HmacSha256, Endpoint::default());
        OneNet { product_id, device_name, key, resource, expires_at, sign_method, endpoint }
    }

    /// A device with a key of its own, in Base64. `expires_at`: seconds since 1970, and in the future; [`Clock::after`] has it, and a
    /// device without a clock takes one that is far away.
    #[must_use]
    pub fn device(
        product_id: impl Into<String>,
        device_name: impl Into<String>,
        device_key: Secret,
        expires_at: u64,
    ) -> OneNet {
        OneNet::new(product_id.into(), device_name.into(), device_key, Resource::Device, expires_at)
    }

    /// A device that has the key of its product, in Base64.
    #[must_use]
    pub fn product(
        product_id: impl Into<String>,
        device_name: impl Into<String>,
        product_key: Secret,
        expires_at: u64,
    ) -> OneNet {
        OneNet::new(product_id.into(), device_name.into(), product_key, Resource::Product, expires_at)
    }

    endpoint_setters!(tls);

    /// How it is signed; HMAC-SHA256 unless it is given.
    #[must_use]
    pub fn sign_method(mut self, method: SignMethod) -> OneNet {
        self.sign_method = method;
        self
    }

    /// Has it expire that many seconds from now.
    #[must_use]
    pub fn valid_for(mut self, clock: Clock, seconds: u64) -> OneNet {
        self.expires_at = clock.after(seconds);
        self
    }

    /// The sign-in.
    ///
    /// # Errors
    /// A field is not what it can be.
    pub fn sign_in(&self) -> Result<SignIn, Invalid> {
        PRODUCT_ID.check(&self.product_id)?;
        DEVICE_NAME.check(&self.device_name)?;
        KEY.check_secret(&self.key)?;
        let key = decode_key("key", &self.key)?;
        let sign = percent(self.sign_method.mac(&key, &self.content()).base64().expose());
        let resource = percent(&self.resource());
        let (et, method) = (self.expires_at, self.sign_method.hash_name());
        let open = format!("version={VERSION}&res={}&et={et}&method={method}&sign=", resource.expose());
        let host = if self.endpoint.tls { "mqttstls.heclouds.com" } else { "mqtts.heclouds.com" };
        let at = self.endpoint.resolve(|| Ok(host.to_owned()), 1883, 8883)?;
        Ok(SignIn::new(at, &self.device_name)
            .username(&self.product_id)
            .password(Secret::join(&[&open, sign.expose()]))
            .expires_at(et)
            .keep_alive(10..=1800))
    }

    fn resource(&self) -> String {
        match self.resource {
            Resource::Device => format!("products/{}/devices/{}", self.product_id, self.device_name),
            Resource::Product => format!("products/{}", self.product_id),
        }
    }

    /// The values in the order of their names.
    pub(crate) fn content(&self) -> String {
        format!("{}\n{}\n{}\n{VERSION}", self.expires_at, self.sign_method.hash_name(), self.resource())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "KuF3NT/jUBJ62LNBB/A8XZA9CqS3Cu79B/ABmfA1UCw=";

    #[test]
    fn a_device_signs_for_itself_or_for_its_product() {
        let own = OneNet::device("123123", "dev1", Secret::new(KEY), 4_102_444_800);
        let all = OneNet::product("123123", "dev1", Secret::new(KEY), 4_102_444_800);
        assert!(own.content().contains("\nproducts/123123/devices/dev1\n"));
        assert!(all.content().contains("\nproducts/123123\n"));
        let sign_in = own.tls(true).sign_in().unwrap();
        assert_eq!((&*sign_in.host, sign_in.port), ("mqttstls.heclouds.com", 8883));
        assert_eq!((&*sign_in.client_id, sign_in.username.unwrap().expose()), ("dev1", "123123"));
        assert!(sign_in.password.unwrap().expose().contains("&res=products%2F123123%2Fdevices%2Fdev1&et=4102444800&"));
        assert_eq!(all.sign_in().unwrap().host, "mqtts.heclouds.com");
    }

    #[test]
    fn what_separates_is_in_no_field() {
        for (product, name, key) in [
            ("1/2", "dev1", KEY),
            ("1", "a/b", KEY),
            ("1", "a\nb", KEY),
            ("1", "", KEY),
            ("1", "a", "!"),
            ("1", "a", ""),
        ] {
            assert!(OneNet::device(product, name, Secret::new(key), 1).sign_in().is_err(), "{product} {name}");
        }
    }

    #[test]
    fn it_lives_as_long_as_it_is_told() {
        let clock = Clock::at(1_767_270_896).unwrap();
        let sign_in = OneNet::device("1", "a", Secret::new(KEY), 0).valid_for(clock, 3600).sign_in().unwrap();
        assert_eq!(sign_in.expires_at, Some(1_767_274_496));
    }
}
