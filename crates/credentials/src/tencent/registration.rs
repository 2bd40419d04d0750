//! One type, one secret: all devices of a product have its `ProductSecret`, and get a key of their own from the gateway.
//!
//! | string | where it is from | confidence |
//! | --- | --- | --- |
//! | the older request, whose signature is the Base64 of the **hexadecimal text** | C SDK 3, LuatOS | high |
//! | what the current request signs | documentation 1081/47612, C SDK 4 | high |
//! | that its signature is the Base64 of the bytes | C SDK 4; the documentation's samples show hexadecimal | medium |
//! | the answer: AES-128-CBC, key of 16 characters of the secret, IV of sixteen `0` | documentation, C SDK 3 | high |
//! | that it is filled up with zeros | LuatOS | medium |
//!
//! It may be repeated until the device has signed in for the first time; each answer makes the key before it worthless.

use aes::Aes128;
use aes::cipher::{Block, BlockCipherDecrypt, KeyInit};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{DEVICE_KEY, DEVICE_NAME, PRODUCT_ID, supported};
use crate::invalid::Invalid;
use crate::mac::{SignMethod, base64};
use crate::message::{HttpsRequest, Unanswered, object};
use crate::moment::Clock;
use crate::rule::{HOST, Rule, is_visible};
use crate::secret::Secret;

const PRODUCT_SECRET: Rule = Rule::new("ProductSecret", 16, 64, is_visible, "16 to 64 characters that can be seen");
const BLOCK: usize = 16;
const CURRENT: &str = "/device/register";

/// A device that is to be registered.
#[derive(Debug, Clone)]
pub struct Registration {
    product_id: String,
    device_name: String,
    product_secret: Secret,
    timestamp: u64,
    nonce: u32,
    sign_method: SignMethod,
    host: String,
}

/// What the gateway has given the device. Store it before it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registered {
    /// Its key, for a [`Tencent`](super::Tencent).
    Key(Secret),
    /// A certificate and its private key, in PEM.
    Certificate {
        /// The certificate.
        certificate: String,
        /// The key.
        key: Secret,
    },
}

impl Registration {
    /// `nonce`: another one each time. The time is sent, and looked at.
    #[must_use]
    pub fn new(
        product_id: impl Into<String>,
        device_name: impl Into<String>,
        product_secret: Secret,
        clock: Clock,
        nonce: u32,
    ) -> Registration {
        Registration {
            product_id: product_id.into(),
            device_name: device_name.into(),
            product_secret,
            timestamp: clock.unix(),
            nonce,
            sign_method: SignMethod::HmacSha256,
            host: "ap-guangzhou.gateway.tencentdevices.com".to_owned(),
        }
    }

    /// Another time than the clock's, in seconds since 1970.
    #[must_use]
    pub fn timestamp(mut self, unix: u64) -> Registration {
        self.timestamp = unix;
        self
    }

    /// HMAC-SHA1 or HMAC-SHA256, which it is unless another is given. The older request is always HMAC-SHA1.
    #[must_use]
    pub fn sign_method(mut self, method: SignMethod) -> Registration {
        self.sign_method = method;
        self
    }

    /// Another gateway than that of Guangzhou.
    #[must_use]
    pub fn host(mut self, host: impl Into<String>) -> Registration {
        self.host = host.into();
        self
    }

    /// The request.
    ///
    /// # Errors
    /// A field is not what it can be.
    pub fn https(&self) -> Result<HttpsRequest, Invalid> {
        self.check()?;
        supported(self.sign_method)?;
        let text = |text: String| Secret::new(text);
        Ok(HttpsRequest {
            method: "POST",
            host: self.host.clone(),
            path: CURRENT,
            headers: vec![
                ("Content-Type", Secret::new("application/json")),
                ("X-TC-Algorithm", Secret::new(self.sign_method.name())),
                ("X-TC-Timestamp", text(self.timestamp.to_string())),
                ("X-TC-Nonce", text(self.nonce.to_string())),
                ("X-TC-Signature", self.sign_method.mac(self.key(), &self.content()).base64()),
            ],
            body: Secret::new(self.body()),
        })
    }

    /// The older request, which some gateways and SDKs still have.
    ///
    /// # Errors
    /// A field is not what it can be.
    pub fn https_legacy(&self) -> Result<HttpsRequest, Invalid> {
        self.check()?;
        let Registration { product_id, device_name, nonce, timestamp, .. } = self;
        let signature = base64(SignMethod::HmacSha1.mac(self.key(), &self.legacy_content()).hex().expose().as_bytes());
        Ok(HttpsRequest {
            method: "POST",
            host: self.host.clone(),
            path: "/register/dev",
            headers: vec![("Content-Type", Secret::new("application/json"))],
            body: Secret::join(&[
                &format!("{{\"deviceName\":\"{device_name}\",\"nonce\":{nonce},\"productId\":\"{product_id}\","),
                &format!("\"timestamp\":{timestamp},\"signature\":\""),
                signature.expose(),
                "\"}",
            ]),
        })
    }

    /// What the answer to either request brings.
    ///
    /// # Errors
    /// It is refused, no answer, or cannot be used.
    pub fn answer(&self, body: &[u8]) -> Result<Registered, Unanswered> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Refusal {
            #[serde(default)]
            message: String,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Response {
            len: Option<usize>,
            payload: Option<Secret>,
            error: Option<Refusal>,
        }
        #[derive(Deserialize)]
        struct Answer {
            #[serde(rename = "Response")]
            response: Option<Response>,
            code: Option<i64>,
            #[serde(default)]
            message: String,
            payload: Option<Secret>,
        }
        match object(body)? {
            Answer { response: Some(Response { len, payload: Some(payload), .. }), .. } => {
                self.open(&payload, len, body)
            }
            Answer { response: Some(Response { error: Some(refusal), .. }), .. } => {
                Err(Unanswered::refused(-1, &refusal.message))
            }
            Answer { code: Some(0), payload: Some(payload), .. } => self.open(&payload, None, body),
            Answer { code: Some(code), message, .. } if code != 0 => Err(Unanswered::refused(code, &message)),
            _ => Err(Unanswered::malformed("it has no payload", body)),
        }
    }

    /// Decrypts a payload; `length` is what of it counts.
    fn open(&self, payload: &Secret, length: Option<usize>, body: &[u8]) -> Result<Registered, Unanswered> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Given {
            encryption_type: u8,
            psk: Option<Secret>,
            client_cert: Option<String>,
            client_key: Option<Secret>,
        }
        let malformed = |what| Unanswered::malformed(what, body);
        PRODUCT_SECRET.check_secret(&self.product_secret)?;
        let sealed = STANDARD.decode(payload.expose()).map_err(|_| malformed("its payload is no Base64"))?;
        if sealed.is_empty() || sealed.len() % BLOCK != 0 {
            return Err(malformed("its payload is not made of whole blocks"));
        }
        let mut opened = self.decrypt(&sealed);
        let end = length.unwrap_or_else(|| opened.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1));
        if end > opened.len() {
            return Err(malformed("its payload is shorter than it says"));
        }
        opened.truncate(end);
        let given = object(&opened).map_err(|_| malformed("its payload is not of this product's secret"))?;
        match given {
            Given { encryption_type: 2, psk: Some(key), .. } => {
                DEVICE_KEY.check_secret(&key)?;
                Ok(Registered::Key(key))
            }
            Given { encryption_type: 1, client_cert: Some(certificate), client_key: Some(key), .. } => {
                Ok(Registered::Certificate { certificate, key })
            }
            _ => Err(malformed("it has neither a key nor a certificate")),
        }
    }

    /// CBC, by hand: it is three lines.
    fn decrypt(&self, sealed: &[u8]) -> Zeroizing<Vec<u8>> {
        let mut key = aes::cipher::Key::<Aes128>::default();
        key.copy_from_slice(&self.key()[..BLOCK]);
        let cipher = Aes128::new(&key);
        zeroize::Zeroize::zeroize(&mut key[..]);
        let mut opened = Zeroizing::new(Vec::with_capacity(sealed.len()));
        let mut previous = [b'0'; BLOCK];
        for sealed in sealed.chunks_exact(BLOCK) {
            let mut block = Block::<Aes128>::default();
            block.copy_from_slice(sealed);
            cipher.decrypt_block(&mut block);
            opened.extend(block.iter().zip(previous).map(|(byte, previous)| byte ^ previous));
            previous.copy_from_slice(sealed);
        }
        opened
    }

    fn check(&self) -> Result<(), Invalid> {
        PRODUCT_ID.check(&self.product_id)?;
        DEVICE_NAME.check(&self.device_name)?;
        PRODUCT_SECRET.check_secret(&self.product_secret)?;
        HOST.check(&self.host)
    }

    fn key(&self) -> &[u8] {
        self.product_secret.expose().as_bytes()
    }

    pub(crate) fn body(&self) -> String {
        format!("{{\"ProductId\":\"{}\",\"DeviceName\":\"{}\"}}", self.product_id, self.device_name)
    }

    /// Lines; the empty one is the query, of which there is none.
    pub(crate) fn content(&self) -> String {
        let hash = self.sign_method.hash(&self.body()).hex();
        let Registration { host, sign_method, timestamp, nonce, .. } = self;
        format!("POST\n{host}\n{CURRENT}\n\n{sign_method}\n{timestamp}\n{nonce}\n{}", hash.expose())
    }

    pub(crate) fn legacy_content(&self) -> String {
        let Registration { product_id, device_name, timestamp, nonce, .. } = self;
        format!("deviceName={device_name}&nonce={nonce}&productId={product_id}&timestamp={timestamp}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The payload of `E4-aes`.
    const SEALED: &str = "ztjJqI+9pvV7hZEmLCUPI2ADX4TDoKRZLJa90w9hlmmOOd7UQHALQxIH/0PVz/5o0aO4BIDcH9BeMWLeCx9k2w==";

    fn registration(secret: &str) -> Registration {
        let clock = Clock::at(1_767_270_896).unwrap();
        Registration::new("ABCDE12345", "dev001", Secret::new(secret), clock, 12345)
    }

    #[test]
    fn both_answers_bring_the_key() {
        let key = Ok(Registered::Key(Secret::new("MDEyMzQ1Njc4OWFiY2RlZg==")));
        for answer in [
            format!(r#"{{"Response":{{"Len":53,"Payload":"{SEALED}","RequestId":"x"}}}}"#),
            format!(r#"{{"code":0,"payload":"{SEALED}"}}"#),
        ] {
            assert_eq!(registration("MadeUpTencentProductSecret").answer(answer.as_bytes()), key);
            let other = registration("AnotherProductSecretThanThat").answer(answer.as_bytes()).unwrap_err();
            assert!(other.to_string().contains("not of this product's secret"), "{other}");
        }
    }

    #[test]
    fn what_is_no_answer_brings_nothing() {
        for (answer, says) in [
            ("{}".to_owned(), "no payload"),
            (r#"{"code":0}"#.to_owned(), "no payload"),
            (r#"{"code":1021,"message":"device activated"}"#.to_owned(), "with 1021: device activated"),
            (r#"{"Response":{"Error":{"Code":"X","Message":"no such device"}}}"#.to_owned(), "no such device"),
            (r#"{"code":0,"payload":"!"}"#.to_owned(), "no Base64"),
            (r#"{"code":0,"payload":"AAAA"}"#.to_owned(), "whole blocks"),
            (format!(r#"{{"Response":{{"Len":65,"Payload":"{SEALED}"}}}}"#), "shorter than it says"),
            (format!(r#"{{"Response":{{"Len":0,"Payload":"{SEALED}"}}}}"#), "not of this product's secret"),
        ] {
            let why = registration("MadeUpTencentProductSecret").answer(answer.as_bytes()).unwrap_err();
            assert!(why.to_string().contains(says), "{answer}: {why}");
        }
    }

    #[test]
    fn a_line_end_cannot_be_brought_into_what_is_signed() {
        assert!(registration("MadeUpTencentProductSecret").host("h\n/x").https().is_err());
        assert!(registration("short").https().is_err());
        let md5 = registration("MadeUpTencentProductSecret").sign_method(SignMethod::HmacMd5);
        assert!(md5.https().is_err());
    }
}
