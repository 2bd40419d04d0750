//! CTWing, the AEP of China Telecom. Nothing is signed: the platform gives out a token (特征串).
//!
//! | string | where it is from | confidence |
//! | --- | --- | --- |
//! | client id: the device's id, `{productId}{deviceNumber}` | CTWing's documentation, samples | medium |
//! | user name: any text | samples | medium |
//! | password: the token, of the device or (one type, one secret) of the product | CTWing's documentation, samples | medium |
//! | host `mqtt.ctwing.cn`, port 1883 | samples | medium; port 8883 of TLS low |
//! | keep-alive of 300 s at the most | CTWing's page on limits | medium |

use crate::invalid::Invalid;
use crate::rule::{Endpoint, Rule, endpoint_setters, is_name, is_visible};
use crate::secret::Secret;
use crate::sign_in::SignIn;

const DEVICE_ID: Rule = Rule::new("device id", 1, 64, is_name, "1 to 64 letters, digits and - _ @ . :");
const USER: Rule = Rule::new("user name", 1, 64, is_visible, "1 to 64 characters that can be seen");
const TOKEN: Rule = Rule::new("token", 1, 256, is_visible, "1 to 256 characters that can be seen, usually 43");

/// A device.
#[derive(Debug, Clone)]
pub struct CtWing {
    device_id: String,
    token: Secret,
    username: String,
    endpoint: Endpoint,
}

impl CtWing {
    /// `device_id`: as the platform shows it. `token`: of the device, or of its product.
    #[must_use]
    pub fn new(device_id: impl Into<String>, token: Secret) -> CtWing {
        CtWing { device_id: device_id.into(), token, username: "atmqtt".to_owned(), endpoint: Endpoint::default() }
    }

    endpoint_setters!(tls);

    /// A user name, 1 to 64 characters. The platform wants one, and does not look at it.
    #[must_use]
    pub fn username(mut self, name: impl Into<String>) -> CtWing {
        self.username = name.into();
        self
    }

    /// The sign-in.
    ///
    /// # Errors
    /// A field is not what it can be.
    pub fn sign_in(&self) -> Result<SignIn, Invalid> {
        DEVICE_ID.check(&self.device_id)?;
        USER.check(&self.username)?;
        TOKEN.check_secret(&self.token)?;
        let at = self.endpoint.resolve(|| Ok("mqtt.ctwing.cn".to_owned()), 1883, 8883)?;
        Ok(SignIn::new(at, &self.device_id).username(&self.username).password(self.token.clone()).keep_alive(1..=300))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_the_password() {
        let sign_in = CtWing::new("15000000dev1", Secret::new("t0ken")).sign_in().unwrap();
        assert_eq!((&*sign_in.host, sign_in.port, &*sign_in.client_id), ("mqtt.ctwing.cn", 1883, "15000000dev1"));
        assert_eq!(sign_in.username.as_ref().unwrap().expose(), "atmqtt");
        assert!(!format!("{sign_in:?}").contains("t0ken") && sign_in.password == Some(Secret::new("t0ken")));
        for (id, token) in [("", "t"), ("a b", "t"), ("a", ""), ("a", "t\r")] {
            assert!(CtWing::new(id, Secret::new(token)).sign_in().is_err());
        }
    }
}
