//! ThingsBoard: an access token, or client id, user name and password as they were set there; and provisioning.
//!
//! | string | where it is from | confidence |
//! | --- | --- | --- |
//! | user name: the access token, which is the whole secret; no password | ThingsBoard's page on its MQTT API | high |
//! | client id, user name and password ("MQTT Basic") | the same | high |
//! | user name `provision`, topics and fields of provisioning | ThingsBoard's page on provisioning | high |
//! | `errorMsg` of a refusal | the same | medium |
//! | ports 1883 and 8883 | ThingsBoard's page on its MQTT API | high |

use serde::Deserialize;

use crate::invalid::Invalid;
use crate::message::{Publish, Unanswered, object, quoted};
use crate::rule::{Endpoint, Rule, endpoint_setters, is_visible};
use crate::secret::Secret;
use crate::sign_in::SignIn;

const TOKEN: Rule = Rule::new("access token", 1, 128, is_visible, "1 to 128 characters that can be seen");
const CLIENT_ID: Rule = Rule::new("client id", 1, 255, is_visible, "1 to 255 characters that can be seen");
const USER: Rule = Rule::new("user name", 1, 255, is_visible, "1 to 255 characters that can be seen");
const PASSWORD: Rule = Rule::new("password", 1, 255, is_visible, "1 to 255 characters that can be seen");
const NAME: Rule = Rule::new("device name", 1, 255, |character| !character.is_control(), "1 to 255 characters");
const KEY: Rule = Rule::new("provisioning key", 1, 255, is_visible, "1 to 255 characters that can be seen");
const SECRET: Rule = Rule::new("provisioning secret", 1, 255, is_visible, "1 to 255 characters that can be seen");

/// What a device is believed by.
#[derive(Debug, Clone)]
enum Proof {
    Token(Secret),
    Basic { username: String, password: Option<Secret> },
    Provisioning,
}

/// A device.
#[derive(Debug, Clone)]
pub struct ThingsBoard {
    client_id: String,
    proof: Proof,
    endpoint: Endpoint,
}

impl ThingsBoard {
    fn new(host: impl Into<String>, client_id: String, proof: Proof) -> ThingsBoard {
        ThingsBoard { client_id, proof, endpoint: Endpoint { host: Some(host.into()), ..Endpoint::default() } }
    }

    /// A device with an access token. Its client id may be any.
    #[must_use]
    pub fn token(host: impl Into<String>, client_id: impl Into<String>, token: Secret) -> ThingsBoard {
        ThingsBoard::new(host, client_id.into(), Proof::Token(token))
    }

    /// A device with client id, user name and, if it was set, password.
    #[must_use]
    pub fn basic(
        host: impl Into<String>,
        client_id: impl Into<String>,
        username: impl Into<String>,
        password: Option<Secret>,
    ) -> ThingsBoard {
        ThingsBoard::new(host, client_id.into(), Proof::Basic { username: username.into(), password })
    }

    /// A device that is to be provisioned: it signs in as `provision`, and asks by a [`Provisioning`].
    #[must_use]
    pub fn to_be_provisioned(host: impl Into<String>, client_id: impl Into<String>) -> ThingsBoard {
        ThingsBoard::new(host, client_id.into(), Proof::Provisioning)
    }

    endpoint_setters!(tls);

    /// The sign-in.
    ///
    /// # Errors
    /// A field is not what it can be.
    pub fn sign_in(&self) -> Result<SignIn, Invalid> {
        CLIENT_ID.check(&self.client_id)?;
        let missing = Invalid::Missing { field: "host", rule: "the name of your ThingsBoard" };
        let sign_in = SignIn::new(self.endpoint.resolve(|| Err(missing), 1883, 8883)?, &self.client_id);
        Ok(match &self.proof {
            Proof::Token(token) => {
                TOKEN.check_secret(token)?;
                sign_in.secret_username(token.clone())
            }
            Proof::Basic { username, password } => {
                USER.check(username)?;
                let sign_in = sign_in.username(username);
                match password {
                    Some(password) => {
                        PASSWORD.check_secret(password)?;
                        sign_in.password(password.clone())
                    }
                    None => sign_in,
                }
            }
            Proof::Provisioning => sign_in.username("provision"),
        })
    }
}

/// How a device asks for credentials with the key of its profile: one type, one secret.
#[derive(Debug, Clone)]
pub struct Provisioning {
    key: String,
    secret: Secret,
    device_name: Option<String>,
}

/// What ThingsBoard has given the device. Store it before the connection is ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provisioned {
    /// `ACCESS_TOKEN`, `MQTT_BASIC` or `X509_CERTIFICATE`.
    pub credentials_type: String,
    /// The token; for the other kinds the object that ThingsBoard sends, as text.
    pub credentials: Secret,
}

impl Provisioning {
    /// Where the answer comes. Subscribe to it before anything is asked.
    pub const ANSWER: &str = "/provision/response";

    /// `key` and `secret`: those of the device profile.
    #[must_use]
    pub fn new(key: impl Into<String>, secret: Secret) -> Provisioning {
        Provisioning { key: key.into(), secret, device_name: None }
    }

    /// A name for the device; ThingsBoard makes one up without.
    #[must_use]
    pub fn device_name(mut self, name: impl Into<String>) -> Provisioning {
        self.device_name = Some(name.into());
        self
    }

    /// The message that asks.
    ///
    /// # Errors
    /// A field is not what it can be.
    pub fn request(&self) -> Result<Publish, Invalid> {
        KEY.check(&self.key)?;
        SECRET.check_secret(&self.secret)?;
        let name = match &self.device_name {
            Some(name) => {
                NAME.check(name)?;
                Secret::join(&["\"deviceName\":", quoted(name).expose(), ","])
            }
            None => Secret::new(""),
        };
        let (key, secret) = (quoted(&self.key), quoted(self.secret.expose()));
        let payload = Secret::join(&[
            "{",
            name.expose(),
            "\"provisionDeviceKey\":",
            key.expose(),
            ",\"provisionDeviceSecret\":",
            secret.expose(),
            "}",
        ]);
        Ok(Publish { topic: "/provision/request".to_owned(), payload })
    }

    /// What the answer brings, in today's form or in the older one.
    ///
    /// # Errors
    /// It is refused, another topic, or cannot be understood.
    pub fn answer(&self, topic: &str, payload: &[u8]) -> Result<Provisioned, Unanswered> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            #[serde(alias = "provisionDeviceStatus")]
            status: String,
            credentials_type: Option<String>,
            credentials_value: Option<serde_json::Value>,
            access_token: Option<Secret>,
            #[serde(default)]
            error_msg: String,
        }
        if topic != Provisioning::ANSWER {
            return Err(Unanswered::Topic { topic: topic.to_owned() });
        }
        match object(payload)? {
            Answer { status, error_msg, .. } if status != "SUCCESS" => {
                Err(Unanswered::refused(-1, &format!("{status} {error_msg}")))
            }
            Answer { access_token: Some(credentials), .. } => {
                TOKEN.check_secret(&credentials)?;
                Ok(Provisioned { credentials_type: "ACCESS_TOKEN".to_owned(), credentials })
            }
            Answer { credentials_type: Some(credentials_type), credentials_value: Some(value), .. } => {
                let credentials = match value {
                    serde_json::Value::String(text) => Secret::new(text),
                    other => Secret::new(other.to_string()),
                };
                // Other kinds have a form of their own.
                if credentials_type == "ACCESS_TOKEN" {
                    TOKEN.check_secret(&credentials)?;
                }
                Ok(Provisioned { credentials_type, credentials })
            }
            _ => Err(Unanswered::malformed("there are no credentials in it", payload)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_a_user_name_that_is_not_shown() {
        let sign_in = ThingsBoard::token("tb.example", "any", Secret::new("t0ken")).sign_in().unwrap();
        assert_eq!((sign_in.port, sign_in.password.is_none()), (1883, true));
        let name = sign_in.username.clone().unwrap();
        assert_eq!((name.expose(), name.is_secret(), name.to_string()), ("t0ken", true, "***".to_owned()));
        assert!(!format!("{sign_in:?}").contains("t0ken"));
    }

    #[test]
    fn the_other_ways_in() {
        let basic = ThingsBoard::basic("tb.example", "id", "me", Some(Secret::new("pw"))).tls(true).sign_in().unwrap();
        assert_eq!((basic.port, basic.username.unwrap().expose(), basic.password.unwrap().len()), (8883, "me", 2));
        let new = ThingsBoard::to_be_provisioned("tb.example", "id").sign_in().unwrap();
        assert_eq!((new.username.unwrap().expose(), new.password), ("provision", None));
        assert!(ThingsBoard::token("", "id", Secret::new("t")).sign_in().is_err());
        assert!(ThingsBoard::token("h", "id", Secret::new("")).sign_in().is_err());
    }

    #[test]
    fn provisioning_asks_and_is_answered() {
        let asking = Provisioning::new("key", Secret::new("s3\\cret")).device_name("a \"b\"");
        let message = asking.request().unwrap();
        let sent = r#"{"deviceName":"a \"b\"","provisionDeviceKey":"key","provisionDeviceSecret":"s3\\cret"}"#;
        assert_eq!(message.payload.expose(), sent);
        let answer = |payload: &str| asking.answer(Provisioning::ANSWER, payload.as_bytes());
        let token = Provisioned { credentials_type: "ACCESS_TOKEN".to_owned(), credentials: Secret::new("t0ken") };
        for payload in [
            r#"{"status":"SUCCESS","credentialsType":"ACCESS_TOKEN","credentialsValue":"t0ken"}"#,
            r#"{"provisionDeviceStatus":"SUCCESS","credentialsType":"ACCESS_TOKEN","accessToken":"t0ken"}"#,
        ] {
            assert_eq!(answer(payload), Ok(token.clone()));
        }
        let refused = answer(r#"{"status":"NOT_FOUND","errorMsg":"no such profile"}"#).unwrap_err();
        assert!(refused.to_string().ends_with("NOT_FOUND no such profile"), "{refused}");
        assert!(answer(r#"{"status":"SUCCESS"}"#).is_err() && asking.answer("x", b"{}").is_err());
    }
}
