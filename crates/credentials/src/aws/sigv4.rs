//! A presigned URL for MQTT over WebSocket. No module here speaks WebSocket; it is for the host's own use.
//!
//! | string | where it is from | confidence |
//! | --- | --- | --- |
//! | signing key, canonical request, string to sign | AWS Signature Version 4; its documentation prints a signing key | high |
//! | service `iotdevicegateway`, path `/mqtt`, signed header `host` | AWS IoT developer guide | high |
//! | that the session token comes behind the signature, unsigned | well known of AWS IoT | medium |

use crate::invalid::Invalid;
use crate::mac::{Code, SignMethod, percent};
use crate::moment::{Clock, basic, day};
use crate::rule::{HOST, REGION, Rule, is_alphanumeric, is_visible, range};
use crate::secret::Secret;

const ACCESS_KEY_ID: Rule = Rule::new("access key id", 1, 128, is_alphanumeric, "1 to 128 letters and digits");
const SECRET_KEY: Rule = Rule::new("secret access key", 1, 128, is_visible, "1 to 128 characters that can be seen");
const SESSION: Rule = Rule::new("session token", 1, 4096, is_visible, "1 to 4096 characters that can be seen");
const SERVICE: &str = "iotdevicegateway";
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// What the URL is made from.
#[derive(Debug, Clone)]
pub struct PresignedUrl {
    /// The endpoint's host.
    pub host: String,
    /// Its region.
    pub region: String,
    /// The id of the access key.
    pub access_key_id: String,
    /// The access key.
    pub secret_access_key: Secret,
    /// Of temporary credentials, the session's token.
    pub session_token: Option<Secret>,
    /// How long it is good for, in seconds: 1 to 604800.
    pub expires: u64,
}

impl PresignedUrl {
    /// The URL, `wss://…`. Whoever has it can connect.
    ///
    /// # Errors
    /// A field is not what it can be.
    pub fn sign(&self, clock: Clock) -> Result<Secret, Invalid> {
        HOST.check(&self.host)?;
        REGION.check(&self.region)?;
        ACCESS_KEY_ID.check(&self.access_key_id)?;
        SECRET_KEY.check_secret(&self.secret_access_key)?;
        range("lifetime, in seconds,", self.expires, 1, 604_800)?;
        let key = signing_key(&self.secret_access_key, &day(clock.unix()), &self.region, SERVICE);
        let signature = SignMethod::HmacSha256.mac(key.bytes(), &self.string_to_sign(clock)).hex();
        let open = format!("wss://{}/mqtt?{}&X-Amz-Signature=", self.host, self.query(clock));
        Ok(match &self.session_token {
            Some(token) => {
                SESSION.check_secret(token)?;
                let token = percent(token.expose());
                Secret::join(&[&open, signature.expose(), "&X-Amz-Security-Token=", token.expose()])
            }
            None => Secret::join(&[&open, signature.expose()]),
        })
    }

    fn scope(&self, clock: Clock) -> String {
        format!("{}/{}/{SERVICE}/aws4_request", day(clock.unix()), self.region)
    }

    /// In the order of the names.
    fn query(&self, clock: Clock) -> String {
        let credential = percent(&format!("{}/{}", self.access_key_id, self.scope(clock)));
        format!(
            "X-Amz-Algorithm={ALGORITHM}&X-Amz-Credential={}&X-Amz-Date={}&X-Amz-Expires={}&X-Amz-SignedHeaders=host",
            credential.expose(),
            basic(clock.unix()),
            self.expires
        )
    }

    pub(crate) fn canonical_request(&self, clock: Clock) -> String {
        let nothing = SignMethod::HmacSha256.hash("").hex();
        format!("GET\n/mqtt\n{}\nhost:{}\n\nhost\n{}", self.query(clock), self.host, nothing.expose())
    }

    pub(crate) fn string_to_sign(&self, clock: Clock) -> String {
        let request = SignMethod::HmacSha256.hash(&self.canonical_request(clock)).hex();
        format!("{ALGORITHM}\n{}\n{}\n{}", basic(clock.unix()), self.scope(clock), request.expose())
    }
}

/// Signed four times, so that it is good for that day, region and service only.
pub(crate) fn signing_key(secret: &Secret, day: &str, region: &str, service: &str) -> Code {
    let first = Secret::join(&["AWS4", secret.expose()]);
    let mut key = SignMethod::HmacSha256.mac(first.expose().as_bytes(), day);
    for part in [region, service, "aws4_request"] {
        key = SignMethod::HmacSha256.mac(key.bytes(), part);
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_token_comes_last_and_is_not_signed() {
        let clock = Clock::at(1_735_689_600).unwrap();
        let url = PresignedUrl {
            host: "example-ats.iot.us-east-1.amazonaws.com".to_owned(),
            region: "us-east-1".to_owned(),
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            session_token: None,
            expires: 86_400,
        };
        let without = url.sign(clock).unwrap();
        let with = PresignedUrl { session_token: Some(Secret::new("a/b")), ..url.clone() }.sign(clock).unwrap();
        assert_eq!(with.expose(), format!("{}&X-Amz-Security-Token=a%2Fb", without.expose()));
        assert!(PresignedUrl { expires: 0, ..url.clone() }.sign(clock).is_err());
        assert!(PresignedUrl { host: "h\nx".to_owned(), ..url }.sign(clock).is_err());
    }
}
