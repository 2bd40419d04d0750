//! ApsaraMQ for MQTT (Alibaba's message queue, "LMQ").
//!
//! | string | where it is from | confidence |
//! | --- | --- | --- |
//! | client id `GroupID@@@DeviceID`, at most 64 characters | ApsaraMQ documentation | high |
//! | user names `Signature`, `DeviceCredential`, `Token`, each with two more parts between bars | ApsaraMQ documentation | high |
//! | password: HMAC-SHA1 of the client id, in Base64 | ApsaraMQ documentation | high |
//! | passwords of tokens, `$SYS/uploadToken` and the notices | ApsaraMQ documentation | high |
//! | what is signed to apply for a token | ApsaraMQ documentation | high; that the result is Base64: medium |
//! | host `{instance}.mqtt.aliyuncs.com` | what the console shows | medium |
//!
//! The key of an account does not belong into a device: use a device credential or tokens there.

use serde::Deserialize;

use crate::invalid::Invalid;
use crate::mac::SignMethod;
use crate::message::{Publish, Unanswered, object, quoted};
use crate::rule::{Endpoint, Rule, endpoint_setters, is_identifier, is_visible};
use crate::secret::Secret;
use crate::sign_in::SignIn;

const GROUP_ID: Rule = Rule::new("GroupID", 1, 60, is_identifier, "1 to 60 letters, digits and - _");
const DEVICE_ID: Rule = Rule::new("DeviceID", 1, 60, is_identifier, "1 to 60 letters, digits and - _");
const CLIENT_ID: Rule = Rule::new("client id", 5, 64, is_client_id, "GroupID@@@DeviceID, 64 characters at the most");
const INSTANCE: Rule = Rule::new("instance id", 1, 64, is_identifier, "1 to 64 letters, digits and - _");
const ACCESS_KEY_ID: Rule =
    Rule::new("AccessKeyId", 1, 128, is_key_id, "1 to 128 characters that can be seen, none of them | or a quote");
const ACCESS_KEY_SECRET: Rule =
    Rule::new("AccessKeySecret", 1, 128, is_visible, "1 to 128 characters that can be seen");
const TOKEN: Rule =
    Rule::new("token", 1, 4096, is_key_id, "1 to 4096 characters that can be seen, none of them | or a quote");
const RESOURCE: Rule =
    Rule::new("resource", 1, 128, is_resource, "1 to 128 characters that can be seen, none of them , & = or a quote");

/// Where a token is renewed without a new connection.
const UPLOAD: &str = "$SYS/uploadToken";
const EXPIRES: &str = "$SYS/tokenExpireNotice";
const INVALID: &str = "$SYS/tokenInvalidNotice";

fn is_client_id(character: char) -> bool {
    is_identifier(character) || character == '@'
}

fn is_key_id(character: char) -> bool {
    is_visible(character) && character != '|'
}

fn is_resource(character: char) -> bool {
    is_visible(character) && !matches!(character, ',' | '&' | '=')
}

/// What a token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// To subscribe: `R`
    Read,
    /// To publish: `W`
    Write,
    /// Both: `RW`
    ReadWrite,
}

impl Access {
    fn name(self) -> &'static str {
        match self {
            Access::Read => "R",
            Access::Write => "W",
            Access::ReadWrite => "RW",
        }
    }

    fn named(name: &str) -> Option<Access> {
        [Access::Read, Access::Write, Access::ReadWrite].into_iter().find(|access| access.name() == name)
    }
}

/// What a client is believed by.
#[derive(Debug, Clone)]
enum Proof {
    /// The key of an account.
    Signature(Secret),
    /// The key of one device.
    DeviceCredential(Secret),
    Tokens(Vec<(Access, Secret)>),
}

impl Proof {
    fn mode(&self) -> &'static str {
        match self {
            Proof::Signature(_) => "Signature",
            Proof::DeviceCredential(_) => "DeviceCredential",
            Proof::Tokens(_) => "Token",
        }
    }
}

/// A client of an instance.
#[derive(Debug, Clone)]
pub struct AliyunMq {
    instance: String,
    group_id: String,
    device_id: String,
    access_key_id: String,
    proof: Proof,
    endpoint: Endpoint,
}

impl AliyunMq {
    fn new(
        instance: impl Into<String>,
        client: (&str, &str),
        access_key_id: impl Into<String>,
        proof: Proof,
    ) -> AliyunMq {
        AliyunMq {
            instance: instance.into(),
            group_id: client.0.to_owned(),
            device_id: client.1.to_owned(),
            access_key_id: access_key_id.into(),
            proof,
            endpoint: Endpoint::default(),
        }
    }

    /// A client that has the key of an account: one that can be trusted with it. `client`: `GroupID` and `DeviceID`.
    #[must_use]
    pub fn signature(
        instance: impl Into<String>,
        client: (&str, &str),
        access_key_id: impl Into<String>,
        access_key_secret: Secret,
    ) -> AliyunMq {
        AliyunMq::new(instance, client, access_key_id, Proof::Signature(access_key_secret))
    }

    /// A client that has a key of its own, which the instance's owner has had made for it (`DC.…`).
    #[must_use]
    pub fn device_credential(
        instance: impl Into<String>,
        client: (&str, &str),
        device_access_key_id: impl Into<String>,
        device_access_key_secret: Secret,
    ) -> AliyunMq {
        AliyunMq::new(instance, client, device_access_key_id, Proof::DeviceCredential(device_access_key_secret))
    }

    /// A client that has tokens, which the instance's owner has applied for. All of them have to be valid.
    #[must_use]
    pub fn tokens(
        instance: impl Into<String>,
        client: (&str, &str),
        access_key_id: impl Into<String>,
        tokens: Vec<(Access, Secret)>,
    ) -> AliyunMq {
        AliyunMq::new(instance, client, access_key_id, Proof::Tokens(tokens))
    }

    endpoint_setters!(tls);

    /// The sign-in.
    ///
    /// # Errors
    /// A field is not what it can be.
    pub fn sign_in(&self) -> Result<SignIn, Invalid> {
        GROUP_ID.check(&self.group_id)?;
        DEVICE_ID.check(&self.device_id)?;
        let client_id = format!("{}@@@{}", self.group_id, self.device_id);
        CLIENT_ID.check(&client_id)?;
        INSTANCE.check(&self.instance)?;
        ACCESS_KEY_ID.check(&self.access_key_id)?;
        let password = match &self.proof {
            Proof::Signature(key) | Proof::DeviceCredential(key) => {
                ACCESS_KEY_SECRET.check_secret(key)?;
                SignMethod::HmacSha1.mac(key.expose().as_bytes(), &client_id).base64()
            }
            Proof::Tokens(tokens) => joined(tokens)?,
        };
        let host = || Ok(format!("{}.mqtt.aliyuncs.com", self.instance));
        let username = format!("{}|{}|{}", self.proof.mode(), self.access_key_id, self.instance);
        let at = self.endpoint.resolve(host, 1883, 8883)?;
        Ok(SignIn::new(at, client_id).username(username).password(password))
    }
}

/// `R|…|W|…`
fn joined(tokens: &[(Access, Secret)]) -> Result<Secret, Invalid> {
    if tokens.is_empty() {
        return Err(Invalid::Missing { field: "token", rule: "given out by the owner of the instance" });
    }
    let mut parts = Vec::with_capacity(4 * tokens.len());
    for (access, token) in tokens {
        TOKEN.check_secret(token)?;
        if !parts.is_empty() {
            parts.push("|");
        }
        parts.extend([access.name(), "|", token.expose()]);
    }
    Ok(Secret::join(&parts))
}

/// The message that puts a new token into the place of an old one on a connection that stays. It has to be acknowledged before the
/// old one expires.
///
/// # Errors
/// The token is not what it can be.
pub fn upload_token(access: Access, token: &Secret) -> Result<Publish, Invalid> {
    TOKEN.check_secret(token)?;
    let payload = Secret::join(&["{\"token\":", quoted(token.expose()).expose(), ",\"type\":\"", access.name(), "\"}"]);
    Ok(Publish { topic: UPLOAD.to_owned(), payload })
}

/// What the instance says of a token, unasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenNotice {
    /// It expires soon: some five minutes before, and once.
    Expires {
        /// Which one.
        access: Access,
        /// When, in milliseconds since 1970.
        at: u64,
    },
    /// It does not count any more, and the connection is about to be ended.
    Invalid {
        /// Which one.
        access: Access,
        /// 1 forged, 2 expired, 3 revoked, 4 of other topics, 5 of other rights, 8 badly signed, -1 of an account that is none.
        code: i64,
    },
}

impl TokenNotice {
    /// Reads a message of the topics `$SYS/tokenExpireNotice` and `$SYS/tokenInvalidNotice`.
    ///
    /// # Errors
    /// It is another topic, or cannot be understood.
    pub fn read(topic: &str, payload: &[u8]) -> Result<TokenNotice, Unanswered> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Notice {
            r#type: String,
            expire_time: Option<u64>,
            code: Option<i64>,
        }
        if ![EXPIRES, INVALID].contains(&topic) {
            return Err(Unanswered::Topic { topic: topic.to_owned() });
        }
        let notice: Notice = object(payload)?;
        let access = Access::named(&notice.r#type);
        let access = access.ok_or_else(|| Unanswered::malformed("its type is none of R, W and RW", payload))?;
        match (topic, notice.expire_time, notice.code) {
            (EXPIRES, Some(at), _) => Ok(TokenNotice::Expires { access, at }),
            (INVALID, _, Some(code)) => Ok(TokenNotice::Invalid { access, code }),
            _ => Err(Unanswered::malformed("neither time nor code is in it", payload)),
        }
    }
}

/// The signature with which the owner of an instance applies for a token (`POST /token/apply`); never made in a device.
///
/// `resources` are topic filters; their order does not matter. `expires_at` is in milliseconds since 1970.
///
/// # Errors
/// A field is not what it can be.
pub fn token_application(
    access_key_secret: &Secret,
    instance: &str,
    access: Access,
    resources: &[&str],
    expires_at: u64,
) -> Result<Secret, Invalid> {
    ACCESS_KEY_SECRET.check_secret(access_key_secret)?;
    INSTANCE.check(instance)?;
    for resource in resources {
        RESOURCE.check(resource)?;
    }
    let content = application(instance, access, resources, expires_at);
    Ok(SignMethod::HmacSha1.mac(access_key_secret.expose().as_bytes(), &content).base64())
}

/// Names in their order, and the values of each in theirs.
pub(crate) fn application(instance: &str, access: Access, resources: &[&str], expires_at: u64) -> String {
    let actions = match access {
        Access::ReadWrite => "R,W",
        Access::Read | Access::Write => access.name(),
    };
    let mut resources = resources.to_vec();
    resources.sort_unstable();
    let resources = resources.join(",");
    format!("actions={actions}&expireTime={expires_at}&instanceId={instance}&resources={resources}&serviceName=mq")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: (&str, &str) = ("GID_Test", "0001");

    #[test]
    fn three_ways_to_sign_in() {
        let key = || Secret::new("XXXXX");
        let signed = AliyunMq::signature("mqtt-xxxxx", CLIENT, "YYYYY", key()).tls(true).sign_in().unwrap();
        assert_eq!((&*signed.host, signed.port, signed.tls), ("mqtt-xxxxx.mqtt.aliyuncs.com", 8883, true));
        let own = AliyunMq::device_credential("mqtt-xxxxx", CLIENT, "DC.Z5fX", key()).sign_in().unwrap();
        assert_eq!(own.username.unwrap().expose(), "DeviceCredential|DC.Z5fX|mqtt-xxxxx");
        assert_eq!(own.password, signed.password);
        let tokens = vec![(Access::Read, Secret::new("123")), (Access::Write, Secret::new("abcd"))];
        let given = AliyunMq::tokens("mqtt-xxxxx", CLIENT, "YYYYY", tokens).sign_in().unwrap();
        assert_eq!(given.username.unwrap().expose(), "Token|YYYYY|mqtt-xxxxx");
        assert_eq!(given.password.unwrap().expose(), "R|123|W|abcd");
    }

    #[test]
    fn bars_and_at_signs_stay_where_they_separate() {
        let key = || Secret::new("XXXXX");
        for refused in [
            AliyunMq::signature("mqtt", ("GID@@@", "1"), "Y", key()),
            AliyunMq::signature("mqtt", ("GID", "@1"), "Y", key()),
            AliyunMq::signature("mqtt", CLIENT, "Y|mqtt", key()),
            AliyunMq::signature("mqtt|", CLIENT, "Y", key()),
            AliyunMq::signature("mqtt", CLIENT, "Y", Secret::new("")),
            AliyunMq::tokens("mqtt", CLIENT, "Y", vec![(Access::Read, Secret::new("1|W|2"))]),
            AliyunMq::tokens("mqtt", CLIENT, "Y", Vec::new()),
            AliyunMq::signature("mqtt", (&"g".repeat(40), &"d".repeat(40)), "Y", key()),
        ] {
            assert!(refused.sign_in().is_err(), "{refused:?}");
        }
    }

    #[test]
    fn tokens_are_renewed_and_end() {
        let message = upload_token(Access::ReadWrite, &Secret::new("to\\ken")).unwrap();
        assert_eq!((&*message.topic, message.payload.expose()), (UPLOAD, r#"{"token":"to\\ken","type":"RW"}"#));
        let notice = TokenNotice::read(EXPIRES, br#"{"expireTime":1893456000000,"type":"R"}"#);
        assert_eq!(notice, Ok(TokenNotice::Expires { access: Access::Read, at: 1_893_456_000_000 }));
        let notice = TokenNotice::read(INVALID, br#"{"code":2,"type":"W"}"#);
        assert_eq!(notice, Ok(TokenNotice::Invalid { access: Access::Write, code: 2 }));
        for (topic, payload) in [(EXPIRES, r#"{"type":"R"}"#), (INVALID, r#"{"code":2,"type":"X"}"#), (UPLOAD, "{}")] {
            assert!(TokenNotice::read(topic, payload.as_bytes()).is_err());
        }
    }
}
