//! Baidu IoT Core.
//!
//! | string | where it is from | confidence |
//! | --- | --- | --- |
//! | user name `thingidp@{IoTCoreId}`\|`{DeviceKey}`\|`{timestamp}`\|`{MD5 or SHA256}` | Baidu's documentation, in a copy | high |
//! | password: the **plain hash** of `{DeviceKey}&{timestamp}&{MD5 or SHA256}{DeviceSecret}`, in hexadecimal | the same; no output is published | high |
//! | `timestamp` may be 0 | the same | high |
//! | host `{IoTCoreId}.iot.gz.baidubce.com`, port 1883 | the same | high; port 1884 of TLS medium |
//! | keep-alive of 30 to 1200 s | the same | medium |

use crate::invalid::Invalid;
use crate::mac::SignMethod;
use crate::rule::{Endpoint, REGION, Rule, endpoint_setters, is_alphanumeric, is_identifier, is_visible};
use crate::secret::Secret;
use crate::sign_in::SignIn;

const CORE_ID: Rule = Rule::new("IoTCoreId", 1, 64, is_alphanumeric, "1 to 64 letters and digits");
const DEVICE_KEY: Rule = Rule::new("DeviceKey", 1, 64, is_identifier, "1 to 64 letters, digits and - _");
const DEVICE_SECRET: Rule = Rule::new("DeviceSecret", 1, 64, is_visible, "1 to 64 characters that can be seen");
const CLIENT_ID: Rule = Rule::new("client id", 1, 128, is_visible, "1 to 128 characters that can be seen");

/// With what it is hashed. There is no HMAC in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// `MD5`
    Md5,
    /// `SHA256`
    Sha256,
}

impl Algorithm {
    fn name(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Sha256 => "SHA256",
        }
    }

    fn hash(self) -> SignMethod {
        match self {
            Algorithm::Md5 => SignMethod::HmacMd5,
            Algorithm::Sha256 => SignMethod::HmacSha256,
        }
    }
}

/// A device.
#[derive(Debug, Clone)]
pub struct Baidu {
    core_id: String,
    device_key: String,
    device_secret: Secret,
    client_id: Option<String>,
    timestamp: u64,
    algorithm: Algorithm,
    region: String,
    endpoint: Endpoint,
}

impl Baidu {
    /// `core_id`: `IoTCoreId`. `device_key`: the name of the device; no secret, in spite of its name.
    #[must_use]
    pub fn new(core_id: impl Into<String>, device_key: impl Into<String>, device_secret: Secret) -> Baidu {
        Baidu {
            core_id: core_id.into(),
            device_key: device_key.into(),
            device_secret,
            client_id: None,
            timestamp: 0,
            algorithm: Algorithm::Sha256,
            region: "gz".to_owned(),
            endpoint: Endpoint::default(),
        }
    }

    endpoint_setters!(tls);

    /// The client id, 1 to 128 characters; the `DeviceKey` unless it is given.
    #[must_use]
    pub fn client_id(mut self, client_id: impl Into<String>) -> Baidu {
        self.client_id = Some(client_id.into());
        self
    }

    /// A time to be hashed too, in seconds since 1970; 0 unless it is given.
    #[must_use]
    pub fn timestamp(mut self, unix: u64) -> Baidu {
        self.timestamp = unix;
        self
    }

    /// With what it is hashed; SHA256 unless it is given.
    #[must_use]
    pub fn algorithm(mut self, algorithm: Algorithm) -> Baidu {
        self.algorithm = algorithm;
        self
    }

    /// The region in the host's name; `gz` unless it is given.
    #[must_use]
    pub fn region(mut self, region: impl Into<String>) -> Baidu {
        self.region = region.into();
        self
    }

    /// The sign-in.
    ///
    /// # Errors
    /// A field is not what it can be.
    pub fn sign_in(&self) -> Result<SignIn, Invalid> {
        CORE_ID.check(&self.core_id)?;
        DEVICE_KEY.check(&self.device_key)?;
        DEVICE_SECRET.check_secret(&self.device_secret)?;
        let client_id = self.client_id.as_ref().unwrap_or(&self.device_key);
        CLIENT_ID.check(client_id)?;
        let Baidu { core_id, device_key, timestamp, .. } = self;
        let algorithm = self.algorithm.name();
        let content = Secret::join(&[&format!("{device_key}&{timestamp}&{algorithm}"), self.device_secret.expose()]);
        let host = || REGION.check(&self.region).map(|()| format!("{core_id}.iot.{}.baidubce.com", self.region));
        Ok(SignIn::new(self.endpoint.resolve(host, 1883, 1884)?, client_id)
            .username(format!("thingidp@{core_id}|{device_key}|{timestamp}|{algorithm}"))
            .password(self.algorithm.hash().hash(content.expose()).hex())
            .keep_alive(30..=1200))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_needs_no_clock() {
        let sign_in = Baidu::new("core", "dev001", Secret::new("s3cret")).tls(true).sign_in().unwrap();
        assert_eq!((&*sign_in.host, sign_in.port), ("core.iot.gz.baidubce.com", 1884));
        assert_eq!(
            (&*sign_in.client_id, sign_in.username.unwrap().expose()),
            ("dev001", "thingidp@core|dev001|0|SHA256")
        );
    }

    #[test]
    fn what_separates_is_in_no_field() {
        for (core, key, secret) in
            [("a|b", "k", "s"), ("a", "k|0", "s"), ("a", "k&0", "s"), ("a", "k", ""), ("a", "k", "s\n")]
        {
            assert!(Baidu::new(core, key, Secret::new(secret)).sign_in().is_err(), "{core} {key}");
        }
    }
}
