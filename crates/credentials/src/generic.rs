//! A broker that asks for what it was set up for: EMQX, Mosquitto and others.
//!
//! | string | where it is from | confidence |
//! | --- | --- | --- |
//! | client id, user name and password | whoever runs the broker; MQTT 3.1.1, 3.1.3 | high |
//! | a token in the password ([`jwt`](crate::jwt)) | EMQX's page on JWT | high |
//! | ports 1883 and 8883 | MQTT's entries at IANA | high |

use crate::invalid::Invalid;
use crate::jwt::{Claims, Key};
use crate::rule::{Endpoint, Rule, endpoint_setters};
use crate::secret::Secret;
use crate::sign_in::SignIn;

const CLIENT_ID: Rule =
    Rule::new("client id", 1, 65_535, is_text, "1 to 65535 characters, none of them a control character");
const USER: Rule =
    Rule::new("user name", 1, 65_535, is_text, "1 to 65535 characters, none of them a control character");
const PASSWORD: Rule =
    Rule::new("password", 1, 65_535, is_text, "1 to 65535 characters, none of them a control character");

fn is_text(character: char) -> bool {
    !character.is_control()
}

/// A client of a broker.
#[derive(Debug, Clone)]
pub struct Generic {
    client_id: String,
    username: Option<String>,
    proof: Proof,
    endpoint: Endpoint,
}

#[derive(Debug, Clone)]
enum Proof {
    Nothing,
    Password(Secret),
    Token { key: Key, issued_at: Option<u64>, expires_at: Option<u64> },
}

impl Generic {
    /// A client without user name and password.
    #[must_use]
    pub fn new(host: impl Into<String>, client_id: impl Into<String>) -> Generic {
        let endpoint = Endpoint { host: Some(host.into()), ..Endpoint::default() };
        Generic { client_id: client_id.into(), username: None, proof: Proof::Nothing, endpoint }
    }

    endpoint_setters!(tls);

    /// The user name.
    #[must_use]
    pub fn username(mut self, name: impl Into<String>) -> Generic {
        self.username = Some(name.into());
        self
    }

    /// The password. It needs a user name (MQTT 3.1.1, 3.1.2.9).
    #[must_use]
    pub fn password(mut self, password: Secret) -> Generic {
        self.proof = Proof::Password(password);
        self
    }

    /// A token in the password, which claims client id and user name. Times are in seconds since 1970; a broker may want them.
    #[must_use]
    pub fn token(mut self, key: Key, issued_at: Option<u64>, expires_at: Option<u64>) -> Generic {
        self.proof = Proof::Token { key, issued_at, expires_at };
        self
    }

    /// The sign-in.
    ///
    /// # Errors
    /// A field is not what it can be.
    pub fn sign_in(&self) -> Result<SignIn, Invalid> {
        CLIENT_ID.check(&self.client_id)?;
        let missing = Invalid::Missing { field: "host", rule: "the name or address of the broker" };
        let mut sign_in = SignIn::new(self.endpoint.resolve(|| Err(missing), 1883, 8883)?, &self.client_id);
        match &self.username {
            Some(name) => {
                USER.check(name)?;
                sign_in = sign_in.username(name);
            }
            None if matches!(self.proof, Proof::Nothing) => {}
            None => return Err(Invalid::Missing { field: "user name", rule: "what a password goes with" }),
        }
        match &self.proof {
            Proof::Nothing => Ok(sign_in),
            Proof::Password(password) => {
                PASSWORD.check_secret(password)?;
                Ok(sign_in.password(password.clone()))
            }
            Proof::Token { key, issued_at: iat, expires_at: exp } => {
                let (client_id, username) = (Some(self.client_id.clone()), self.username.clone());
                let token = Claims { sub: None, client_id, username, iat: *iat, exp: *exp }.sign(key)?;
                let sign_in = sign_in.password(token);
                Ok(exp.map_or(sign_in.clone(), |exp| sign_in.expires_at(exp)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_password_and_token() {
        let plain = Generic::new("broker.example", "id").sign_in().unwrap();
        assert_eq!((plain.port, plain.username, plain.password), (1883, None, None));
        let with = Generic::new("broker.example", "id").tls(true).username("me").password(Secret::new("pw")).sign_in();
        let with = with.unwrap();
        assert_eq!((with.port, with.password), (8883, Some(Secret::new("pw"))));
        let key = Key::Raw(Secret::new("s3cret"));
        let token = Generic::new("broker.example", "id").username("me").token(key, None, Some(4_102_444_800));
        let token = token.sign_in().unwrap();
        assert_eq!(token.expires_at, Some(4_102_444_800));
        assert!(token.password.unwrap().expose().starts_with("eyJ"));
    }

    #[test]
    fn a_password_needs_a_user_name() {
        assert!(Generic::new("h", "id").password(Secret::new("pw")).sign_in().is_err());
        assert!(Generic::new("h", "").sign_in().is_err() && Generic::new("", "id").sign_in().is_err());
        assert!(Generic::new("h", "id").username("a\nb").sign_in().is_err());
    }
}
