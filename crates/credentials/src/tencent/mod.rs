//! Tencent Cloud IoT Hub and IoT Explorer. A device that has no key yet gets one by [`registration`].
//!
//! | string | where it is from | confidence |
//! | --- | --- | --- |
//! | client id `{ProductId}{DeviceName}` | documentation 634, C SDK 3 | high |
//! | user name `{ProductId}{DeviceName};{sdkappid};{connid};{expiry}` | documentation 634, C SDK 3 | high |
//! | password: HMAC of the user name with the **decoded** device key, in hexadecimal, and the method | documentation 634, C SDK 3 | high |
//! | `sdkappid` 12010126 | documentation of the hub; the SDK of the explorer sends 21010406 | high |
//! | hosts, ports 1883 and 8883 | documentation 634 | high |
//! | that a `ProductId` has ten characters | C SDK 3 | medium |
//! | keep-alive of 0 to 900 s | documentation; another page says 60 to 850 | medium |

pub mod registration;

use crate::invalid::Invalid;
use crate::mac::{SignMethod, decode_key};
use crate::rule::{Endpoint, REGION, Rule, endpoint_setters, is_alphanumeric, is_base64, is_name};
use crate::secret::Secret;
use crate::sign_in::SignIn;

// Its length is what tells where it ends: nothing stands between it and the name of the device.
const PRODUCT_ID: Rule = Rule::new("ProductId", 10, 10, is_alphanumeric, "10 letters and digits");
const DEVICE_NAME: Rule = Rule::new("DeviceName", 1, 48, is_name, "1 to 48 letters, digits and - _ @ . :");
const DEVICE_KEY: Rule = Rule::new("device key", 4, 256, is_base64, "Base64, 4 to 256 characters");
const CONNECTION: Rule = Rule::new("connid", 1, 32, is_alphanumeric, "1 to 32 letters and digits, usually 5");
const SDK_APP_ID: &str = "12010126";

/// What an SDK without a clock sends: the largest `long` of 32 bits.
const FAR_AWAY: u64 = 2_147_483_647;

/// A device with a key of its own.
#[derive(Debug, Clone)]
pub struct Tencent {
    product_id: String,
    device_name: String,
    device_key: Secret,
    connection: String,
    sign_method: SignMethod,
    expires_at: u64,
    region: Option<String>,
    endpoint: Endpoint,
}

impl Tencent {
    /// `product_id`: ten letters and digits. `device_name`: 1 to 48 letters, digits and `- _ @ . :`. `device_key`: Base64.
    /// `connection`: 1 to 32 letters and digits, others for each connection; usually five.
    #[must_use]
    pub fn new(
        product_id: impl Into<String>,
        device_name: impl Into<String>,
        device_key: Secret,
        connection: impl Into<String>,
    ) -> Tencent {
        Tencent {
            product_id: product_id.into(),
            device_name: device_name.into(),
            device_key,
            connection: connection.into(),
            sign_method: SignMethod::HmacSha256,
            expires_at: FAR_AWAY,
            region: None,
            endpoint: Endpoint::default(),
        }
    }

    endpoint_setters!(tls);

    /// A region outside China, such as `us-east`.
    #[must_use]
    pub fn region(mut self, region: impl Into<String>) -> Tencent {
        self.region = Some(region.into());
        self
    }

    /// HMAC-SHA1 or HMAC-SHA256, which it is unless another is given.
    #[must_use]
    pub fn sign_method(mut self, method: SignMethod) -> Tencent {
        self.sign_method = method;
        self
    }

    /// When it expires, in seconds since 1970; 2038-01-19 unless it is given, as where an SDK has no clock.
    #[must_use]
    pub fn expires_at(mut self, unix: u64) -> Tencent {
        self.expires_at = unix;
        self
    }

    /// The sign-in.
    ///
    /// # Errors
    /// A field is not what it can be.
    pub fn sign_in(&self) -> Result<SignIn, Invalid> {
        PRODUCT_ID.check(&self.product_id)?;
        DEVICE_NAME.check(&self.device_name)?;
        DEVICE_KEY.check_secret(&self.device_key)?;
        CONNECTION.check(&self.connection)?;
        supported(self.sign_method)?;
        let key = decode_key("device key", &self.device_key)?;
        let client_id = format!("{}{}", self.product_id, self.device_name);
        let username = format!("{client_id};{SDK_APP_ID};{};{}", self.connection, self.expires_at);
        let code = self.sign_method.mac(&key, &username).hex();
        let host = || match &self.region {
            Some(region) => REGION.check(region).map(|()| format!("{region}.iotcloud.tencentdevices.com")),
            None => Ok(format!("{}.iotcloud.tencentdevices.com", self.product_id)),
        };
        Ok(SignIn::new(self.endpoint.resolve(host, 1883, 8883)?, client_id)
            .username(username)
            .password(Secret::join(&[code.expose(), ";", self.sign_method.name()]))
            .expires_at(self.expires_at)
            .keep_alive(0..=900))
    }
}

fn supported(method: SignMethod) -> Result<(), Invalid> {
    match method {
        SignMethod::HmacSha1 | SignMethod::HmacSha256 => Ok(()),
        SignMethod::HmacMd5 => Err(Invalid::SignMethod { method: method.name(), rule: "hmacsha1 and hmacsha256" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device() -> Tencent {
        Tencent::new("ABCDE12345", "dev001", Secret::new("MDEyMzQ1Njc4OWFiY2RlZg=="), "abcde")
    }

    #[test]
    fn hosts_methods_and_an_expiry_that_is_far_away() {
        let sign_in = device().sign_method(SignMethod::HmacSha1).sign_in().unwrap();
        assert_eq!((&*sign_in.host, sign_in.port), ("ABCDE12345.iotcloud.tencentdevices.com", 1883));
        assert!(sign_in.password.unwrap().expose().ends_with(";hmacsha1"));
        assert_eq!(sign_in.expires_at, Some(2_147_483_647));
        let abroad = device().region("us-east").tls(true).sign_in().unwrap();
        assert_eq!((&*abroad.host, abroad.port), ("us-east.iotcloud.tencentdevices.com", 8883));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let key = || Secret::new("MDEyMzQ1Njc4OWFiY2RlZg==");
        for refused in [
            Tencent::new("ABCDE1234", "5dev001", key(), "abcde"),
            Tencent::new("ABCDE12345", "dev;1", key(), "abcde"),
            Tencent::new("ABCDE12345", "dev001", key(), "a;b"),
            Tencent::new("ABCDE12345", "dev001", Secret::new("s3cret!"), "abcde"),
            device().sign_method(SignMethod::HmacMd5),
        ] {
            let why = refused.sign_in().unwrap_err();
            assert!(!why.to_string().contains("s3cret"), "{why}");
        }
    }
}
