//! Alibaba Cloud IoT Platform: one device, one secret. A device that has no secret yet gets one by [`registration`].
//!
//! | string | where it is from | confidence |
//! | --- | --- | --- |
//! | `ProductKey`, `DeviceName`, `DeviceSecret` | the console; documentation 73742 | high |
//! | client id `cid`\|`securemode=…,signmethod=…`\|, user name `DeviceName&ProductKey` | documentation 73742, C SDK 3 and 4, JS SDK | high |
//! | password: HMAC with the text of `DeviceSecret` as its key, in hexadecimal | documentation 73742, which prints one | high |
//! | `timestamp` is signed and not held against a clock | documentation 73742, C SDK 4 sends one of 2050 | high |
//! | hosts and ports | documentation 147356, C SDK 4 | high; of X.509 and PSK medium |
//! | `ext`, `_ss`, `_v` and other tags, which are not signed | C SDK 3 and 4 | high |
//! | key and identity of TLS-PSK | C SDK 4 | high |
//! | keep-alive of 30 to 1200 s | documentation 30527, header of C SDK 4 | high |
//!
//! The platform is marked as deprecated in Alibaba's menus; others have copied its strings, so host and port can be set.

pub mod registration;

use crate::invalid::Invalid;
use crate::mac::SignMethod;
use crate::rule::{Endpoint, REGION, Rule, endpoint_setters, is_alphanumeric, is_identifier, is_name, is_visible};
use crate::secret::Secret;
use crate::sign_in::{SignIn, check_keep_alive};

const PRODUCT_KEY: Rule = Rule::new("ProductKey", 1, 20, is_alphanumeric, "1 to 20 letters and digits");
const DEVICE_NAME: Rule = Rule::new("DeviceName", 4, 32, is_name, "4 to 32 letters, digits and - _ @ . :");
const DEVICE_SECRET: Rule = Rule::new("DeviceSecret", 1, 64, is_visible, "1 to 64 characters that can be seen");
const CLIENT_ID: Rule =
    Rule::new("client id", 1, 64, is_client_id, "1 to 64 characters that can be seen, none of them | or a quote");
const INSTANCE: Rule = Rule::new("instance id", 1, 64, is_identifier, "1 to 64 letters, digits and - _");
const TAG: Rule = Rule::new("tag", 1, 64, is_tag, "1 to 64 characters that can be seen, none of them | , = or a quote");

/// What keep-alives the platform takes, in seconds. It treats more than that as 1200, and refuses less with result 3.
pub(crate) const KEEP_ALIVE: std::ops::RangeInclusive<u16> = 30..=1200;

/// 2050-01-01, in milliseconds: what the C SDKs sign, since nobody looks at it.
const FAR_AWAY: u64 = 2_524_608_000_000;

fn is_client_id(character: char) -> bool {
    is_visible(character) && character != '|'
}

fn is_tag(character: char) -> bool {
    is_visible(character) && !matches!(character, '|' | ',' | '=')
}

/// Where the product lives.
#[derive(Debug, Clone)]
enum Place {
    /// A public instance from before 2021-07-30, in a region.
    Region(String),
    /// A newer instance, which has a name of its own.
    Instance(String),
}

impl Place {
    fn host(&self, product_key: &str) -> Result<String, Invalid> {
        Ok(match self {
            Place::Region(region) => {
                REGION.check(region)?;
                format!("{product_key}.iot-as-mqtt.{region}.aliyuncs.com")
            }
            Place::Instance(id) => {
                INSTANCE.check(id)?;
                format!("{id}.mqtt.iothub.aliyuncs.com")
            }
        })
    }

    /// The port of TLS. The newer instances have one whose authority does not expire in January 2028.
    fn tls_port(&self) -> u16 {
        match self {
            Place::Region(_) => 443,
            Place::Instance(_) => 8883,
        }
    }

    fn resolve(&self, endpoint: &Endpoint, product_key: &str) -> Result<(String, u16, bool), Invalid> {
        endpoint.resolve(|| self.host(product_key), 1883, self.tls_port())
    }
}

impl Default for Place {
    fn default() -> Place {
        Place::Region("cn-shanghai".to_owned())
    }
}

/// `region` and `instance`, of a builder that has a [`Place`].
macro_rules! place_setters {
    () => {
        /// The region of a public instance that was opened before 2021-07-30; `cn-shanghai` unless it is named.
        #[must_use]
        pub fn region(mut self, region: impl Into<String>) -> Self {
            self.place = Place::Region(region.into());
            self
        }

        /// The id of a newer public instance, or of an enterprise instance: `iot-…`, as the console shows it.
        #[must_use]
        pub fn instance(mut self, id: impl Into<String>) -> Self {
            self.place = Place::Instance(id.into());
            self
        }
    };
}
use place_setters;

/// A device with a secret of its own.
#[derive(Debug, Clone)]
pub struct Aliyun {
    product_key: String,
    device_name: String,
    device_secret: Secret,
    client_id: Option<String>,
    sign_method: SignMethod,
    timestamp: Option<u64>,
    tags: Vec<(String, String)>,
    place: Place,
    endpoint: Endpoint,
}

/// What a TLS connection with a key that both sides have is made from, instead of certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreSharedKey {
    /// The host, which is another one.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// The identity that goes with the key.
    pub identity: String,
    /// The key: the text itself, not the bytes that it seems to write in hexadecimal.
    pub key: Secret,
}

/// What a module is told that makes the sign-in by itself, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ForModule {
    /// The platform's host name.
    pub host: String,
    /// Its TCP port; never zero.
    pub port: u16,
    /// Whether the connection is to be TLS.
    pub tls: bool,
    /// What the module puts before the bars of the client id.
    pub client_id: String,
    /// `ProductKey`
    pub product_key: String,
    /// `DeviceName`
    pub device_name: String,
    /// `DeviceSecret`
    pub device_secret: Secret,
}

impl ForModule {
    /// Holds a keep-alive against what the platform takes, 30 to 1200 s.
    ///
    /// # Errors
    /// It is out of the range.
    pub fn check_keep_alive(&self, seconds: u16) -> Result<(), Invalid> {
        check_keep_alive(seconds, KEEP_ALIVE)
    }
}

impl Aliyun {
    /// `product_key`: 1 to 20 letters and digits. `device_name`: 4 to 32 letters, digits and `- _ @ . :`. `device_secret`: used as text,
    /// although it looks like hexadecimal.
    #[must_use]
    pub fn new(product_key: impl Into<String>, device_name: impl Into<String>, device_secret: Secret) -> Aliyun {
        Aliyun {
            product_key: product_key.into(),
            device_name: device_name.into(),
            device_secret,
            client_id: None,
            sign_method: SignMethod::HmacSha256,
            timestamp: None,
            tags: Vec::new(),
            place: Place::default(),
            endpoint: Endpoint::default(),
        }
    }

    endpoint_setters!(tls);
    place_setters!();

    /// What stands before the bars of the client id, 1 to 64 characters; `ProductKey.DeviceName` unless it is given.
    #[must_use]
    pub fn client_id(mut self, client_id: impl Into<String>) -> Aliyun {
        self.client_id = Some(client_id.into());
        self
    }

    /// How it is signed; HMAC-SHA256 unless it is given.
    #[must_use]
    pub fn sign_method(mut self, method: SignMethod) -> Aliyun {
        self.sign_method = method;
        self
    }

    /// A time to be signed too, in milliseconds since 1970. Nobody holds it against a clock.
    #[must_use]
    pub fn timestamp(mut self, milliseconds: u64) -> Aliyun {
        self.timestamp = Some(milliseconds);
        self
    }

    /// `ext`: bit 0 has calls on topics of one's own (RRPC) come in, bit 1 notices.
    #[must_use]
    pub fn extensions(self, bits: u8) -> Aliyun {
        self.tag("ext", bits.to_string())
    }

    /// `_ss=1`: the platform subscribes to its own topics for the device.
    #[must_use]
    pub fn subscribed_by_server(self) -> Aliyun {
        self.tag("_ss", "1")
    }

    /// Another tag between the bars, such as `_v`, `lan`, `gw` or `os`. It is not signed.
    #[must_use]
    pub fn tag(mut self, name: impl Into<String>, value: impl Into<String>) -> Aliyun {
        self.tags.push((name.into(), value.into()));
        self
    }

    /// The sign-in: secure mode 2 with TLS, 3 without.
    ///
    /// # Errors
    /// A field is not what it can be.
    pub fn sign_in(&self) -> Result<SignIn, Invalid> {
        self.check()?;
        let mut bars = format!("securemode={},signmethod={}", if self.endpoint.tls { 2 } else { 3 }, self.sign_method);
        if let Some(timestamp) = self.timestamp {
            bars += &format!(",timestamp={timestamp}");
        }
        for (name, value) in &self.tags {
            TAG.check(name)?;
            TAG.check(value)?;
            bars += &format!(",{name}={value}");
        }
        let at = self.place.resolve(&self.endpoint, &self.product_key)?;
        Ok(SignIn::new(at, format!("{}|{bars}|", self.client()))
            .username(username(&self.device_name, &self.product_key))
            .password(self.sign(&self.content()))
            .keep_alive(KEEP_ALIVE))
    }

    /// The same for a module that makes the sign-in by itself: nothing is signed here, and sign method, timestamp and tags are the module's.
    ///
    /// # Errors
    /// A field is not what it can be.
    pub fn for_module(&self) -> Result<ForModule, Invalid> {
        self.check()?;
        let (host, port, tls) = self.place.resolve(&self.endpoint, &self.product_key)?;
        Ok(ForModule {
            host,
            port,
            tls,
            client_id: self.client(),
            product_key: self.product_key.clone(),
            device_name: self.device_name.clone(),
            device_secret: self.device_secret.clone(),
        })
    }

    /// What a TLS connection by a shared key is made from. It is signed with HMAC-SHA256, and with the timestamp or one of 2050.
    ///
    /// # Errors
    /// A field is not what it can be.
    pub fn pre_shared_key(&self) -> Result<PreSharedKey, Invalid> {
        self.check()?;
        let id = format!("{}&{}", self.product_key, self.device_name);
        let timestamp = self.timestamp.unwrap_or(FAR_AWAY);
        let key = self.device_secret.expose().as_bytes();
        Ok(PreSharedKey {
            host: format!("{}.itls.cn-shanghai.aliyuncs.com", self.product_key),
            port: 1883,
            key: SignMethod::HmacSha256.mac(key, &format!("id{id}timestamp{timestamp}")).hex(),
            identity: format!("devicename|hmacsha256|{id}|{timestamp}"),
        })
    }

    /// The `sign` of a device behind a gateway, which the gateway sends when it signs the device in
    /// (`/ext/session/…/combine/login`). It needs a timestamp, and takes one of 2050 if there is none.
    ///
    /// # Errors
    /// A field is not what it can be.
    pub fn sub_device_sign(&self, clean_session: bool) -> Result<Secret, Invalid> {
        self.check()?;
        Ok(self.sign(&self.sub_device_content(clean_session)))
    }

    fn check(&self) -> Result<(), Invalid> {
        PRODUCT_KEY.check(&self.product_key)?;
        DEVICE_NAME.check(&self.device_name)?;
        DEVICE_SECRET.check_secret(&self.device_secret)?;
        CLIENT_ID.check(&self.client())
    }

    fn client(&self) -> String {
        self.client_id.clone().unwrap_or_else(|| format!("{}.{}", self.product_key, self.device_name))
    }

    /// Names and values in the order of the names, with nothing between them.
    pub(crate) fn content(&self) -> String {
        let timestamp = self.timestamp.map(|timestamp| format!("timestamp{timestamp}")).unwrap_or_default();
        format!("clientId{}deviceName{}productKey{}{timestamp}", self.client(), self.device_name, self.product_key)
    }

    pub(crate) fn sub_device_content(&self, clean_session: bool) -> String {
        let timestamped = Aliyun { timestamp: Some(self.timestamp.unwrap_or(FAR_AWAY)), ..self.clone() };
        format!("cleanSession{clean_session}{}", timestamped.content())
    }

    fn sign(&self, content: &str) -> Secret {
        self.sign_method.mac(self.device_secret.expose().as_bytes(), content).hex()
    }
}

fn username(device_name: &str, product_key: &str) -> String {
    format!("{device_name}&{product_key}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device() -> Aliyun {
        Aliyun::new("pk", "device", Secret::new("secret"))
    }

    fn place(device: &Aliyun) -> (String, u16, bool) {
        let sign_in = device.sign_in().unwrap();
        (sign_in.host, sign_in.port, sign_in.tls)
    }

    #[test]
    fn hosts_and_ports() {
        for (device, host, port, tls) in [
            (device(), "pk.iot-as-mqtt.cn-shanghai.aliyuncs.com", 1883, false),
            (device().tls(true), "pk.iot-as-mqtt.cn-shanghai.aliyuncs.com", 443, true),
            (device().region("eu-central-1"), "pk.iot-as-mqtt.eu-central-1.aliyuncs.com", 1883, false),
            (device().instance("iot-06z00xxxx").tls(true), "iot-06z00xxxx.mqtt.iothub.aliyuncs.com", 8883, true),
            (device().host("mqtt.private.example").port(11883), "mqtt.private.example", 11883, false),
        ] {
            assert_eq!(place(&device), (host.to_owned(), port, tls));
        }
    }

    #[test]
    fn the_secure_mode_is_that_of_the_transport_and_tags_are_not_signed() {
        let plain = device().client_id("12345").sign_in().unwrap();
        assert_eq!(plain.client_id, "12345|securemode=3,signmethod=hmacsha256|");
        let tagged =
            device().client_id("12345").tls(true).extensions(3).subscribed_by_server().tag("_v", "1").sign_in();
        let tagged = tagged.unwrap();
        assert_eq!(tagged.client_id, "12345|securemode=2,signmethod=hmacsha256,ext=3,_ss=1,_v=1|");
        assert_eq!(plain.password, tagged.password);
    }

    #[test]
    fn a_module_is_told_who_the_device_is_and_what_goes_before_the_bars() {
        let told = device().client_id("12345").region("us-west-1").for_module().unwrap();
        assert_eq!((&*told.host, told.port), ("pk.iot-as-mqtt.us-west-1.aliyuncs.com", 1883));
        assert_eq!([&*told.client_id, &told.product_key, &told.device_name], ["12345", "pk", "device"]);
        assert_eq!(told.device_secret.expose(), "secret");
        assert!(!format!("{told:?}").contains("secret\""), "{told:?}");
        assert!(device().client_id("a|b").for_module().is_err() && told.check_keep_alive(29).is_err());
    }

    #[test]
    fn keep_alives() {
        let sign_in = device().sign_in().unwrap();
        assert!(sign_in.check_keep_alive(30).is_ok() && sign_in.check_keep_alive(1200).is_ok());
        let refused = sign_in.check_keep_alive(29).unwrap_err();
        assert_eq!(refused.to_string(), "the keep-alive, in seconds, is 29; it is to be 30 to 1200");
    }

    #[test]
    fn what_the_platform_would_refuse_is_refused() {
        let of = |key: &str, name: &str, secret: &str| Aliyun::new(key, name, Secret::new(secret));
        for (device, field) in [
            (of("p k", "device", "s"), "ProductKey"),
            (of("p&k", "device", "s"), "ProductKey"),
            (of("pk", "dev", "s"), "DeviceName"),
            (of("pk", "dev&ice", "s"), "DeviceName"),
            (of("pk", "device", ""), "DeviceSecret"),
            (of("pk", "device", "s\n"), "DeviceSecret"),
            (device().client_id("a|b"), "client id"),
            (device().client_id("c".repeat(65)), "client id"),
            (device().tag("a", "b,securemode=8"), "tag"),
            (device().region("cn shanghai"), "region"),
            (device().instance("iot/x"), "instance id"),
            (device().host("a b"), "host"),
        ] {
            let Invalid::Field { field: refused, .. } = device.sign_in().unwrap_err() else { panic!("{field}") };
            assert_eq!(refused, field);
        }
    }
}
