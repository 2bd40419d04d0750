//! JSON web tokens that are signed with a shared secret (HS256), as EMQX and other brokers take them in the password.
//!
//! | string | where it is from | confidence |
//! | --- | --- | --- |
//! | `header.payload.signature`, each in Base64 for URLs | RFC 7519, RFC 7515 | high |
//! | that the broker checks `exp`, `nbf`, `iat`, and claims that it is set up for | EMQX's page on JWT, which prints a token | high |
//! | that the secret is raw, or Base64 if the broker is told so | EMQX's page on JWT | high |
//!
//! Google's way (RS256, ES256) needs a private key, and is not here. A token has 150 to 400 characters: not every module takes a password
//! of that length.

use serde::Serialize;

use crate::invalid::Invalid;
use crate::mac::{SignMethod, base64url, decode_key};
use crate::rule::{Rule, range};
use crate::secret::Secret;

const SECRET: Rule = Rule::new("JWT secret", 1, 1024, |character| !character.is_control(), "1 to 1024 characters");

/// `{"alg":"HS256","typ":"JWT"}`
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

/// What a token claims. A time is in seconds since 1970. They are written in this order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Claims {
    /// Whom it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// The client id, which EMQX can be told to compare.
    #[serde(rename = "clientid", skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The user name, which EMQX can be told to compare.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// When it was issued.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iat: Option<u64>,
    /// When it expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exp: Option<u64>,
}

/// What signs a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// The text itself.
    Raw(Secret),
    /// The bytes that are written in Base64.
    Base64(Secret),
}

impl Claims {
    /// The token.
    ///
    /// # Errors
    /// The secret is not what it can be, or the token expires before it is issued.
    pub fn sign(&self, key: &Key) -> Result<Secret, Invalid> {
        if let (Some(iat), Some(exp)) = (self.iat, self.exp) {
            range("exp, in seconds since 1970,", exp, iat.saturating_add(1), u64::MAX)?;
        }
        let content = self.content();
        let code = match key {
            Key::Raw(secret) => {
                SECRET.check_secret(secret)?;
                SignMethod::HmacSha256.mac(secret.expose().as_bytes(), &content)
            }
            Key::Base64(secret) => SignMethod::HmacSha256.mac(&decode_key("JWT secret", secret)?, &content),
        };
        Ok(Secret::join(&[&content, ".", code.base64url().expose()]))
    }

    /// Header and payload.
    pub(crate) fn content(&self) -> String {
        let payload = serde_json::to_vec(self).expect("texts and numbers can be written as JSON");
        format!("{HEADER}.{}", base64url(&payload))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_raw_or_base64() {
        let claims = Claims { sub: Some("a\"b".to_owned()), ..Claims::default() };
        let raw = claims.sign(&Key::Raw(Secret::new("AAE="))).unwrap();
        let decoded = claims.sign(&Key::Base64(Secret::new("AAE="))).unwrap();
        assert_ne!(raw, decoded);
        assert_eq!(raw.expose().split('.').count(), 3);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let expired = Claims { iat: Some(10), exp: Some(10), ..Claims::default() };
        assert!(matches!(expired.sign(&Key::Raw(Secret::new("s"))), Err(Invalid::Range { .. })));
        assert!(Claims::default().sign(&Key::Raw(Secret::new(""))).is_err());
        assert!(Claims::default().sign(&Key::Base64(Secret::new("not Base64!"))).is_err());
    }
}
