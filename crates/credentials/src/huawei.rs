//! Huawei Cloud IoTDA: devices, registration groups (one type, one secret) and the bootstrap service.
//!
//! | string | where it is from | confidence |
//! | --- | --- | --- |
//! | client id `{device_id}_0_{0 or 1}_{YYYYMMDDHH}`, user name `{device_id}` | documentation `iot_06_v5_3009`, Python SDK | high |
//! | password: HMAC-SHA256 with the **hour as its key** over the secret, in hexadecimal | documentation, which prints one | high |
//! | client id and secret of a registration group | Python SDK | high |
//! | bootstrap: host, topics, `address`, `deviceSecret` | Python SDK, documentation | high |
//! | `{instance}.st1.iotda-device.{region}.myhuaweicloud.com` | documentation | medium |
//! | keep-alive of 30 to 1200 s, refused with result 2 otherwise | documentation | high |
//!
//! The hour is in UTC. It is there even where the cloud does not look at it (`0`), and it is the same in client id and key.

use serde::Deserialize;

use crate::invalid::Invalid;
use crate::mac::{SignMethod, decode_key};
use crate::message::{Publish, Unanswered, object};
use crate::moment::{Clock, hour};
use crate::rule::{Endpoint, HOST, REGION, Rule, endpoint_setters, is_base64, is_identifier, is_visible};
use crate::secret::Secret;
use crate::sign_in::SignIn;

const DEVICE_ID: Rule = Rule::new("device id", 1, 256, is_identifier, "1 to 256 letters, digits and - _");
const SECRET: Rule = Rule::new("device secret", 1, 256, is_visible, "1 to 256 characters that can be seen");
const GROUP_KEY: Rule = Rule::new("group key", 4, 1024, is_base64, "Base64, 4 to 1024 characters");
const SCOPE_ID: Rule =
    Rule::new("scope id", 1, 64, char_is_plain, "1 to 64 letters, digits and -; _ separates it from what follows");
const INSTANCE: Rule = Rule::new("instance", 1, 64, char_is_plain, "1 to 64 letters, digits and -");

/// The hour that is signed where neither cloud nor device looks at a clock.
const ANY_HOUR: u64 = 1_704_067_200;

fn char_is_plain(character: char) -> bool {
    is_identifier(character) && character != '_'
}

/// When it is.
#[derive(Debug, Clone, Copy)]
enum Stamp {
    /// The cloud is told not to look at it.
    Unchecked(u64),
    Checked(Clock),
}

/// What a device is believed by.
#[derive(Debug, Clone)]
enum Key {
    Device(Secret),
    Group { scope_id: String, key: Secret },
}

/// A device.
#[derive(Debug, Clone)]
pub struct Huawei {
    device_id: String,
    key: Key,
    stamp: Stamp,
    /// Instance and region.
    place: Option<(String, String)>,
    endpoint: Endpoint,
}

impl Huawei {
    fn of(device_id: String, key: Key) -> Huawei {
        Huawei { device_id, key, stamp: Stamp::Unchecked(ANY_HOUR), place: None, endpoint: Endpoint::default() }
    }

    /// A device with a secret of its own. `device_id`: usually `{product_id}_{node_id}`.
    #[must_use]
    pub fn new(device_id: impl Into<String>, secret: Secret) -> Huawei {
        Huawei::of(device_id.into(), Key::Device(secret))
    }

    /// A device of a registration group, whose key is written in Base64.
    #[must_use]
    pub fn group(device_id: impl Into<String>, scope_id: impl Into<String>, group_key: Secret) -> Huawei {
        Huawei::of(device_id.into(), Key::Group { scope_id: scope_id.into(), key: group_key })
    }

    endpoint_setters!(tls);

    /// The instance and region that make the host name.
    #[must_use]
    pub fn instance(mut self, instance: impl Into<String>, region: impl Into<String>) -> Huawei {
        self.place = Some((instance.into(), region.into()));
        self
    }

    /// The time to be signed, in seconds since 1970, without the cloud looking at it. Without any, it is 2024-01-01, which
    /// makes a password that is always the same.
    #[must_use]
    pub fn unchecked_at(mut self, unix: u64) -> Huawei {
        self.stamp = Stamp::Unchecked(unix);
        self
    }

    /// Has the cloud hold the time against its clock. Devices of a registration group cannot.
    #[must_use]
    pub fn checked_at(mut self, clock: Clock) -> Huawei {
        self.stamp = Stamp::Checked(clock);
        self
    }

    /// The sign-in at IoTDA.
    ///
    /// # Errors
    /// A field is not what it can be, or neither instance nor host is known.
    pub fn sign_in(&self) -> Result<SignIn, Invalid> {
        self.at(self.endpoint.resolve(|| self.host_of_instance(), 1883, 8883)?)
    }

    /// The sign-in at the bootstrap service of a region, which tells where the device belongs. It is always TLS, with an authority of
    /// its own.
    ///
    /// # Errors
    /// A field is not what it can be.
    pub fn bootstrap(&self, region: &str) -> Result<SignIn, Invalid> {
        REGION.check(region)?;
        let tls = Endpoint { tls: true, ..self.endpoint.clone() };
        self.at(tls.resolve(|| Ok(format!("iot-bs.{region}.myhuaweicloud.com")), 8883, 8883)?)
    }

    /// What is subscribed to and then published, once the bootstrap service has let the device in.
    ///
    /// # Errors
    /// The device id is not what it can be.
    pub fn bootstrap_question(&self) -> Result<(String, Publish), Invalid> {
        DEVICE_ID.check(&self.device_id)?;
        let topic = |end: &str| format!("$oc/devices/{}/sys/bootstrap/{end}", self.device_id);
        Ok((topic("down"), Publish { topic: topic("up"), payload: Secret::new("") }))
    }

    /// What the bootstrap service answers.
    ///
    /// # Errors
    /// It is another topic, or cannot be understood.
    pub fn bootstrap_answer(&self, topic: &str, payload: &[u8]) -> Result<Bootstrapped, Unanswered> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            address: String,
            device_secret: Option<Secret>,
        }
        if topic != self.bootstrap_question()?.0 {
            return Err(Unanswered::Topic { topic: topic.to_owned() });
        }
        let Answer { address, device_secret } = object(payload)?;
        let port = |port: &str| port.parse::<u16>().ok().filter(|port| *port != 0);
        let parts = address.rsplit_once(':').and_then(|(host, number)| Some((host, port(number)?)));
        let (host, port) = parts.ok_or_else(|| Unanswered::malformed("its address is not host:port", payload))?;
        HOST.check(host)?;
        device_secret.as_ref().map_or(Ok(()), |secret| SECRET.check_secret(secret))?;
        Ok(Bootstrapped { host: host.to_owned(), port, device_secret })
    }

    fn host_of_instance(&self) -> Result<String, Invalid> {
        let rule = "that of the instance and its region, or the host that the console shows";
        let (instance, region) = self.place.as_ref().ok_or(Invalid::Missing { field: "host", rule })?;
        INSTANCE.check(instance)?;
        REGION.check(region)?;
        Ok(format!("{instance}.st1.iotda-device.{region}.myhuaweicloud.com"))
    }

    fn at(&self, place: (String, u16, bool)) -> Result<SignIn, Invalid> {
        DEVICE_ID.check(&self.device_id)?;
        let id = &self.device_id;
        let (checked, stamp) = match self.stamp {
            Stamp::Unchecked(unix) => (0, hour(unix)),
            Stamp::Checked(clock) => (1, hour(clock.unix())),
        };
        let (client_id, secret) = match &self.key {
            Key::Device(secret) => (format!("{id}_0_{checked}_{stamp}"), secret.clone()),
            Key::Group { scope_id, key } => {
                SCOPE_ID.check(scope_id)?;
                GROUP_KEY.check_secret(key)?;
                (format!("{id}_0_{scope_id}_0_{stamp}"), device_secret(id, key)?)
            }
        };
        SECRET.check_secret(&secret)?;
        let password = SignMethod::HmacSha256.mac(stamp.as_bytes(), secret.expose()).hex();
        Ok(SignIn::new(place, client_id).username(id).password(password).keep_alive(30..=1200))
    }
}

/// The secret that a device has by its registration group: the id is the key, and the group's key is what is signed.
///
/// # Errors
/// A field is not what it can be.
pub fn device_secret(device_id: &str, group_key: &Secret) -> Result<Secret, Invalid> {
    DEVICE_ID.check(device_id)?;
    let key = decode_key("group key", group_key)?;
    Ok(SignMethod::HmacSha256.mac_of_bytes(device_id.as_bytes(), &key).hex())
}

/// Where a device belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bootstrapped {
    /// The host to sign in at.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The secret to do so with, where it is a new one. Store it before the connection is ended.
    pub device_secret: Option<Secret>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZg==";

    fn device() -> Huawei {
        Huawei::new("product_node", Secret::new("secret")).instance("a1b2", "cn-north-4")
    }

    #[test]
    fn devices_sign_in_with_a_clock_and_without() {
        let without = device().sign_in().unwrap();
        assert_eq!(without.host, "a1b2.st1.iotda-device.cn-north-4.myhuaweicloud.com");
        assert_eq!((without.port, &*without.client_id), (1883, "product_node_0_0_2024010100"));
        let clock = Clock::at(1_767_270_896).unwrap();
        let with = device().checked_at(clock).tls(true).sign_in().unwrap();
        assert_eq!((with.port, &*with.client_id), (8883, "product_node_0_1_2026010112"));
        assert_ne!(with.password, without.password);
    }

    #[test]
    fn a_group_makes_a_secret_for_each_of_its_devices() {
        let group = |id: &str| Huawei::group(id, "scope1", Secret::new(KEY)).host("h").sign_in().unwrap();
        let first = group("device1");
        assert_eq!(first.client_id, "device1_0_scope1_0_2024010100");
        let own = device_secret("device1", &Secret::new(KEY)).unwrap();
        assert_eq!(first.password, Huawei::new("device1", own).host("h").sign_in().unwrap().password);
        assert_ne!(first.password, group("device2").password);
    }

    #[test]
    fn the_bootstrap_service_tells_where_to() {
        let at = device().bootstrap("cn-north-4").unwrap();
        assert_eq!((&*at.host, at.port, at.tls), ("iot-bs.cn-north-4.myhuaweicloud.com", 8883, true));
        let (down, up) = device().bootstrap_question().unwrap();
        assert_eq!(up.topic, "$oc/devices/product_node/sys/bootstrap/up");
        let answer = |payload: &str| device().bootstrap_answer(&down, payload.as_bytes());
        let told = answer(r#"{"address":"host.example:8883","deviceSecret":"n3w"}"#).unwrap();
        let device_secret = Some(Secret::new("n3w"));
        assert_eq!(told, Bootstrapped { host: "host.example".to_owned(), port: 8883, device_secret });
        for payload in
            ["{}", r#"{"address":"host"}"#, r#"{"address":"a b:1"}"#, r#"{"address":"h:1","deviceSecret":""}"#]
        {
            assert!(answer(payload).is_err(), "{payload}");
        }
        assert!(device().bootstrap_answer("other", b"{}").is_err());
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for refused in [
            Huawei::new("a/b", Secret::new("s")).host("h"),
            Huawei::new("a", Secret::new("")).host("h"),
            Huawei::new("a", Secret::new("s")),
            Huawei::group("a", "s_c", Secret::new(KEY)).host("h"),
            Huawei::group("a", "sc", Secret::new("not Base64!")).host("h"),
        ] {
            assert!(refused.sign_in().is_err(), "{refused:?}");
        }
    }
}
