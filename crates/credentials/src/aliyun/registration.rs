//! One type, one secret: all devices of a product have its `ProductSecret`, and get a secret of their own from the platform.
//!
//! | string | where it is from | confidence |
//! | --- | --- | --- |
//! | what is signed, and that `ProductSecret` is used as text | documentation 74006 and 132111; a run log of the C SDK | high |
//! | the client ids with `register`, `regnwl` and `connwl` | documentation 132111, C SDK 4 | high |
//! | secure mode -2 of `regnwl` | documentation since 2021; the C SDK 4 sends 2 | medium |
//! | `POST /auth/register/device` | C SDK 3 and 4, JS SDK, documentation 89301 | high |
//! | topics of the answer: `/ext/register`, `/ext/regnwl` | C SDK 4; the documentation names the first for both | medium |
//! | 6289, already active | documentation 89301 | high |
//!
//! The switch for dynamic registration in the console has to be on, and the connection has to be TLS. Over MQTT, nothing is subscribed
//! to: the answer comes by itself behind a sign-in that succeeds. **Store it before the connection is ended**, and do not connect
//! again by itself: each registration makes a new secret, and one that is lost is lost until somebody resets the device.

use serde::Deserialize;

use super::{CLIENT_ID, DEVICE_NAME, DEVICE_SECRET, PRODUCT_KEY, Place, username};
use crate::invalid::Invalid;
use crate::mac::{SignMethod, percent};
use crate::message::{HttpsRequest, Unanswered, object};
use crate::rule::{Endpoint, Rule, endpoint_setters, is_alphanumeric, is_visible};
use crate::secret::Secret;
use crate::sign_in::SignIn;

const PRODUCT_SECRET: Rule = Rule::new("ProductSecret", 1, 64, is_visible, "1 to 64 characters that can be seen");
const RANDOM: Rule = Rule::new("random", 1, 64, is_alphanumeric, "1 to 64 letters and digits");
const TOKEN: Rule = Rule::new("deviceToken", 1, 1024, is_visible, "1 to 1024 characters that can be seen");
const GIVEN_CLIENT_ID: Rule =
    Rule::new("clientId", 1, 256, super::is_client_id, "1 to 256 characters that can be seen, none of them |");

/// The topics on which the answer comes. Which one is no matter.
const TOPICS: [&str; 2] = ["/ext/register", "/ext/regnwl"];

/// A device that is to be registered.
#[derive(Debug, Clone)]
pub struct Registration {
    product_key: String,
    device_name: String,
    product_secret: Secret,
    random: String,
    client_id: Option<String>,
    sign_method: SignMethod,
    place: Place,
    endpoint: Endpoint,
}

/// What the platform has given the device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registered {
    /// Its secret, for an [`Aliyun`](super::Aliyun).
    DeviceSecret(Secret),
    /// What a device signs in with that nobody has registered before, for an [`Unregistered`].
    Token {
        /// `clientId`
        client_id: String,
        /// `deviceToken`
        device_token: Secret,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    product_key: String,
    device_name: String,
    device_secret: Option<Secret>,
    client_id: Option<String>,
    device_token: Option<Secret>,
}

#[derive(Deserialize)]
struct HttpsAnswer {
    code: i64,
    #[serde(default)]
    message: String,
    data: Option<Answer>,
}

impl Registration {
    /// `random`: 1 to 64 letters and digits, others each time.
    #[must_use]
    pub fn new(
        product_key: impl Into<String>,
        device_name: impl Into<String>,
        product_secret: Secret,
        random: impl Into<String>,
    ) -> Registration {
        Registration {
            product_key: product_key.into(),
            device_name: device_name.into(),
            product_secret,
            random: random.into(),
            client_id: None,
            sign_method: SignMethod::HmacSha256,
            place: Place::default(),
            endpoint: Endpoint { tls: true, ..Endpoint::default() },
        }
    }

    endpoint_setters!();
    super::place_setters!();

    /// What stands before the bars of the client id, 1 to 64 characters; the `DeviceName` unless it is given.
    #[must_use]
    pub fn client_id(mut self, client_id: impl Into<String>) -> Registration {
        self.client_id = Some(client_id.into());
        self
    }

    /// How it is signed; HMAC-SHA256 unless it is given.
    #[must_use]
    pub fn sign_method(mut self, method: SignMethod) -> Registration {
        self.sign_method = method;
        self
    }

    /// The sign-in of a device whose name somebody has entered at the platform: `register`. The answer is its secret.
    ///
    /// # Errors
    /// A field is not what it can be.
    pub fn preregistered(&self) -> Result<SignIn, Invalid> {
        self.sign_in(&format!("securemode=2,authType=register,{}", self.bars()))
    }

    /// The sign-in of a device that nobody has entered: `regnwl`, of newer instances only. The answer is a token. Up to five devices
    /// can have the same name, and each registration uses one of the five up.
    ///
    /// # Errors
    /// A field is not what it can be.
    pub fn without_preregistration(&self) -> Result<SignIn, Invalid> {
        let instance = match &self.place {
            Place::Instance(id) => format!(",instanceId={id}"),
            Place::Region(_) => String::new(),
        };
        self.sign_in(&format!("securemode=-2,authType=regnwl,{}{instance}", self.bars()))
    }

    /// The same as [`preregistered`](Registration::preregistered), over HTTPS; in `cn-shanghai` only.
    ///
    /// # Errors
    /// A field is not what it can be.
    pub fn https(&self) -> Result<HttpsRequest, Invalid> {
        self.check()?;
        let (key, name) = (&self.product_key, percent(&self.device_name));
        Ok(HttpsRequest {
            method: "POST",
            host: "iot-auth.cn-shanghai.aliyuncs.com".to_owned(),
            path: "/auth/register/device",
            headers: vec![
                ("Content-Type", Secret::new("application/x-www-form-urlencoded")),
                ("Accept", Secret::new("text/xml,text/javascript,text/html,application/json")),
            ],
            body: Secret::join(&[
                &format!("productKey={key}&deviceName={}&random={}&sign=", name.expose(), self.random),
                self.sign().expose(),
                "&signMethod=",
                self.sign_method.name(),
            ]),
        })
    }

    /// What the message behind the sign-in brings, on either topic.
    ///
    /// # Errors
    /// It is no answer, or for another device, or cannot be used.
    pub fn answer(&self, topic: &str, payload: &[u8]) -> Result<Registered, Unanswered> {
        if !TOPICS.contains(&topic) {
            return Err(Unanswered::Topic { topic: topic.to_owned() });
        }
        self.registered(object(payload)?, payload)
    }

    /// What the answer over HTTPS brings. Its status is 200 even where it is refused.
    ///
    /// # Errors
    /// It is refused, no answer, for another device, or cannot be used.
    pub fn https_answer(&self, body: &[u8]) -> Result<Registered, Unanswered> {
        match object(body)? {
            HttpsAnswer { code: 200, data: Some(answer), .. } => self.registered(answer, body),
            HttpsAnswer { code: 200, data: None, .. } => Err(Unanswered::malformed("it has no data", body)),
            HttpsAnswer { code: 6289, .. } => Err(Unanswered::AlreadyActive),
            HttpsAnswer { code, message, .. } => Err(Unanswered::refused(code, &message)),
        }
    }

    fn registered(&self, answer: Answer, bytes: &[u8]) -> Result<Registered, Unanswered> {
        if answer.product_key != self.product_key {
            return Err(Unanswered::OtherDevice { field: "ProductKey" });
        }
        if answer.device_name != self.device_name {
            return Err(Unanswered::OtherDevice { field: "DeviceName" });
        }
        match answer {
            Answer { device_secret: Some(secret), device_token: None, .. } => {
                DEVICE_SECRET.check_secret(&secret)?;
                Ok(Registered::DeviceSecret(secret))
            }
            Answer { device_secret: None, client_id: Some(client_id), device_token: Some(device_token), .. } => {
                GIVEN_CLIENT_ID.check(&client_id)?;
                TOKEN.check_secret(&device_token)?;
                Ok(Registered::Token { client_id, device_token })
            }
            _ => Err(Unanswered::malformed("it has neither a deviceSecret nor a clientId with a deviceToken", bytes)),
        }
    }

    fn bars(&self) -> String {
        format!("random={},signmethod={}", self.random, self.sign_method)
    }

    fn sign_in(&self, bars: &str) -> Result<SignIn, Invalid> {
        self.check()?;
        let client_id = self.client_id.as_deref().unwrap_or(&self.device_name);
        CLIENT_ID.check(client_id)?;
        let at = self.place.resolve(&self.endpoint, &self.product_key)?;
        Ok(SignIn::new(at, format!("{client_id}|{bars}|"))
            .username(username(&self.device_name, &self.product_key))
            .password(self.sign()))
    }

    fn check(&self) -> Result<(), Invalid> {
        PRODUCT_KEY.check(&self.product_key)?;
        DEVICE_NAME.check(&self.device_name)?;
        PRODUCT_SECRET.check_secret(&self.product_secret)?;
        RANDOM.check(&self.random)
    }

    pub(crate) fn content(&self) -> String {
        format!("deviceName{}productKey{}random{}", self.device_name, self.product_key, self.random)
    }

    fn sign(&self) -> Secret {
        self.sign_method.mac(self.product_secret.expose().as_bytes(), &self.content()).hex()
    }
}

/// A device that was registered without anybody having entered it: it signs in with what it was given (`connwl`).
#[derive(Debug, Clone)]
pub struct Unregistered {
    product_key: String,
    device_name: String,
    client_id: String,
    device_token: Secret,
    tags: String,
    place: Place,
    endpoint: Endpoint,
}

impl Unregistered {
    /// `client_id` and `device_token`: those of [`Registered::Token`].
    #[must_use]
    pub fn new(
        product_key: impl Into<String>,
        device_name: impl Into<String>,
        client_id: impl Into<String>,
        device_token: Secret,
    ) -> Unregistered {
        Unregistered {
            product_key: product_key.into(),
            device_name: device_name.into(),
            client_id: client_id.into(),
            device_token,
            tags: String::new(),
            place: Place::default(),
            endpoint: Endpoint::default(),
        }
    }

    endpoint_setters!(tls);
    super::place_setters!();

    /// `_ss=1`: the platform subscribes to its own topics for the device.
    #[must_use]
    pub fn subscribed_by_server(mut self) -> Unregistered {
        self.tags += ",_ss=1";
        self
    }

    /// `ext`: bit 0 has calls on topics of one's own (RRPC) come in, bit 1 notices.
    #[must_use]
    pub fn extensions(mut self, bits: u8) -> Unregistered {
        self.tags += &format!(",ext={bits}");
        self
    }

    /// The sign-in. Nothing in it is signed: the token is the password. Use TLS.
    ///
    /// # Errors
    /// A field is not what it can be.
    pub fn sign_in(&self) -> Result<SignIn, Invalid> {
        PRODUCT_KEY.check(&self.product_key)?;
        DEVICE_NAME.check(&self.device_name)?;
        GIVEN_CLIENT_ID.check(&self.client_id)?;
        TOKEN.check_secret(&self.device_token)?;
        let at = self.place.resolve(&self.endpoint, &self.product_key)?;
        Ok(SignIn::new(at, format!("{}|securemode=-2,authType=connwl{}|", self.client_id, self.tags))
            .username(username(&self.device_name, &self.product_key))
            .password(self.device_token.clone())
            .keep_alive(super::KEEP_ALIVE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registration() -> Registration {
        Registration::new("al123456789", "device1", Secret::new("madeUpProdSecret"), "123")
    }

    #[test]
    fn either_topic_brings_either_answer() {
        let secret = br#"{"productKey":"al123456789","deviceName":"device1","deviceSecret":"s3cret"}"#;
        let token = br#"{"productKey":"al123456789","deviceName":"device1","clientId":"cid","deviceToken":"t0ken"}"#;
        for topic in TOPICS {
            let given = registration().answer(topic, secret);
            assert_eq!(given, Ok(Registered::DeviceSecret(Secret::new("s3cret"))));
            let given = registration().answer(topic, token);
            let expected = Registered::Token { client_id: "cid".to_owned(), device_token: Secret::new("t0ken") };
            assert_eq!(given, Ok(expected));
        }
    }

    #[test]
    fn what_is_no_answer_brings_nothing_and_is_not_shown() {
        let answer = |topic, payload: &str| registration().answer(topic, payload.as_bytes()).unwrap_err();
        for (payload, expected) in [
            ("", "object"),
            ("[]", "object"),
            (r#"{"productKey":"al123456789","deviceName":"device1"}"#, "neither"),
            (r#"{"productKey":"al123456789","deviceName":"device1","clientId":"c"}"#, "neither"),
            (r#"{"productKey":"al123456789","deviceName":"device1","deviceSecret":"s3cret","clientId":7}"#, "object"),
            (r#"{"productKey":"al123456789","deviceName":"device2","deviceSecret":"s3cret"}"#, "DeviceName"),
            (r#"{"productKey":"other","deviceName":"device1","deviceSecret":"s3cret"}"#, "ProductKey"),
            (r#"{"productKey":"al123456789","deviceName":"device1","deviceSecret":"s3cret \n"}"#, "DeviceSecret"),
        ] {
            let refused = answer("/ext/register", payload);
            assert!(refused.to_string().contains(expected), "{payload}: {refused}");
            assert!(!format!("{refused} {refused:?}").contains("s3cret"), "{refused}");
        }
        let elsewhere = answer("/sys/al123456789/device1/thing", "{}");
        assert!(matches!(elsewhere, Unanswered::Topic { .. }));
    }

    #[test]
    fn answers_over_https() {
        let answer = |body: &str| registration().https_answer(body.as_bytes());
        let given = answer(
            r#"{"code":200,"data":{"deviceName":"device1","deviceSecret":"s3cret","productKey":"al123456789"},"message":"success"}"#,
        );
        assert_eq!(given, Ok(Registered::DeviceSecret(Secret::new("s3cret"))));
        let active = answer(r#"{"code":6289,"message":"device is already active"}"#).unwrap_err();
        assert_eq!(active, Unanswered::AlreadyActive);
        assert!(active.to_string().contains("6289") && active.advice().unwrap().contains("ResetThing"));
        let refused = answer(r#"{"code":460,"message":"request parameter error"}"#).unwrap_err();
        assert_eq!(refused.to_string(), "the cloud refuses, with 460: request parameter error");
        assert!(matches!(answer(r#"{"code":200}"#), Err(Unanswered::Malformed { .. })));
    }

    #[test]
    fn a_name_is_encoded_in_the_form_and_not_where_it_is_signed() {
        let named = Registration::new("al123456789", "a@b:c", Secret::new("madeUpProdSecret"), "123");
        assert!(named.https().unwrap().body.expose().contains("deviceName=a%40b%3Ac&"));
        assert!(named.content().contains("a@b:c"));
    }
}
