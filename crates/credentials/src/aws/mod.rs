//! AWS IoT Core: client certificates, custom authorizers, [fleet provisioning](fleet), and [presigned URLs](sigv4).
//!
//! | string | where it is from | confidence |
//! | --- | --- | --- |
//! | host `{prefix}-ats.iot.{region}.amazonaws.com`, in China `.amazonaws.com.cn` | AWS IoT developer guide | high |
//! | port 8883 with a client certificate and nothing else | developer guide, protocols | high |
//! | port 443 and ALPN `mqtt` with a custom authorizer | developer guide, protocols | high |
//! | user name with `x-amz-customauthorizer-…` | developer guide, custom authentication | high |
//! | keep-alive of 30 to 1200 s | developer guide; an older text has 5 | high |
//!
//! Certificate and key are the module's, as `certs upload` gives it them. Few NB-IoT modules can set ALPN, so that port 443 is no way
//! for them.

pub mod fleet;
pub mod sigv4;

use crate::invalid::Invalid;
use crate::mac::percent;
use crate::rule::{Endpoint, REGION, Rule, endpoint_setters, is_alphanumeric, is_identifier, is_name, is_visible};
use crate::secret::Secret;
use crate::sign_in::SignIn;

const PREFIX: Rule =
    Rule::new("endpoint prefix", 1, 64, |c| is_alphanumeric(c) || c == '-', "1 to 64 letters, digits and -");
const CLIENT_ID: Rule = Rule::new("client id", 1, 128, is_name, "1 to 128 letters, digits and - _ @ . :");
const AUTHORIZER: Rule = Rule::new(
    "authorizer",
    1,
    128,
    |c| is_identifier(c) || matches!(c, '=' | ',' | '@' | '.'),
    "1 to 128 letters, digits and - _ = , @ .",
);
const USER: Rule = Rule::new(
    "user name",
    0,
    128,
    |c| is_visible(c) && !matches!(c, '?' | '&'),
    "up to 128 characters, none of them ? & or a quote",
);
const TOKEN_NAME: Rule = Rule::new("token key name", 1, 128, is_identifier, "1 to 128 letters, digits and - _");
const TOKEN: Rule = Rule::new("token", 1, 2048, is_visible, "1 to 2048 characters that can be seen");
const PASSWORD: Rule = Rule::new("password", 1, 2048, is_visible, "1 to 2048 characters that can be seen");

/// What the TLS handshake of a custom authorizer has to name (ALPN).
pub const CUSTOM_AUTHORIZER_ALPN: &str = "mqtt";

/// A device with a certificate, or with what a custom authorizer asks for.
#[derive(Debug, Clone)]
pub struct Aws {
    prefix: String,
    region: String,
    client_id: String,
    authorizer: Option<Authorizer>,
    endpoint: Endpoint,
}

/// What a custom authorizer of one's own decides by.
#[derive(Debug, Clone, Default)]
pub struct Authorizer {
    /// Its name; `None`: the account's default one.
    pub name: Option<String>,
    /// What stands before the `?` of the user name, and is passed on to it.
    pub username: String,
    /// The password, which is passed on to it.
    pub password: Option<Secret>,
    /// Where it has signing on: the name of the token's key, the token, and the issuer's signature of it in Base64. The device makes
    /// none of them.
    pub token: Option<(String, Secret, Secret)>,
}

impl Aws {
    /// A device with a client certificate. `prefix`: what the endpoint begins with, as `aws iot describe-endpoint` shows it.
    #[must_use]
    pub fn new(prefix: impl Into<String>, region: impl Into<String>, client_id: impl Into<String>) -> Aws {
        Aws {
            prefix: prefix.into(),
            region: region.into(),
            client_id: client_id.into(),
            authorizer: None,
            endpoint: Endpoint { tls: true, ..Endpoint::default() },
        }
    }

    endpoint_setters!();

    /// A custom authorizer decides, and not a certificate. The handshake needs ALPN ([`CUSTOM_AUTHORIZER_ALPN`]).
    #[must_use]
    pub fn authorizer(mut self, authorizer: Authorizer) -> Aws {
        self.authorizer = Some(authorizer);
        self
    }

    /// The sign-in; with a certificate it has neither user name nor password.
    ///
    /// # Errors
    /// A field is not what it can be.
    pub fn sign_in(&self) -> Result<SignIn, Invalid> {
        CLIENT_ID.check(&self.client_id)?;
        let port = if self.authorizer.is_some() { 443 } else { 8883 };
        let at = self.endpoint.resolve(|| host(&self.prefix, &self.region), port, port)?;
        let sign_in = SignIn::new(at, &self.client_id).keep_alive(30..=1200);
        let Some(authorizer) = &self.authorizer else { return Ok(sign_in) };
        let sign_in = sign_in.secret_username(authorizer.username()?);
        match &authorizer.password {
            Some(password) => PASSWORD.check_secret(password).map(|()| sign_in.password(password.clone())),
            None => Ok(sign_in),
        }
    }
}

/// The endpoint of an account in a region.
fn host(prefix: &str, region: &str) -> Result<String, Invalid> {
    PREFIX.check(prefix)?;
    REGION.check(region)?;
    let end = if region.starts_with("cn-") { ".cn" } else { "" };
    // What the console shows has it already.
    let prefix = prefix.strip_suffix("-ats").unwrap_or(prefix);
    Ok(format!("{prefix}-ats.iot.{region}.amazonaws.com{end}"))
}

impl Authorizer {
    fn username(&self) -> Result<Secret, Invalid> {
        USER.check(&self.username)?;
        let mut query = Vec::new();
        if let Some(name) = &self.name {
            AUTHORIZER.check(name)?;
            query.push(Secret::join(&["x-amz-customauthorizer-name=", percent(name).expose()]));
        }
        if let Some((name, token, signature)) = &self.token {
            TOKEN_NAME.check(name)?;
            TOKEN.check_secret(token)?;
            TOKEN.check_secret(signature)?;
            query.push(Secret::join(&["x-amz-customauthorizer-signature=", percent(signature.expose()).expose()]));
            query.push(Secret::join(&[name, "=", percent(token.expose()).expose()]));
        }
        let mut parts = vec![&*self.username];
        for (index, part) in query.iter().enumerate() {
            parts.extend([if index == 0 { "?" } else { "&" }, part.expose()]);
        }
        Ok(Secret::join(&parts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_all_it_takes() {
        let sign_in = Aws::new("a1b2c3", "eu-west-1", "thing-1").sign_in().unwrap();
        assert_eq!((&*sign_in.host, sign_in.port, sign_in.tls), ("a1b2c3-ats.iot.eu-west-1.amazonaws.com", 8883, true));
        assert_eq!((sign_in.username, sign_in.password), (None, None));
        let china = Aws::new("a1b2c3-ats", "cn-north-1", "thing-1").sign_in().unwrap();
        assert_eq!(china.host, "a1b2c3-ats.iot.cn-north-1.amazonaws.com.cn");
    }

    #[test]
    fn an_authorizer_is_asked_in_the_user_name() {
        let token = Some(("token".to_owned(), Secret::new("t0k&n"), Secret::new("si+g=")));
        let authorizer = Authorizer { name: Some("mine".to_owned()), username: "me".to_owned(), password: None, token };
        let sign_in = Aws::new("a", "eu-west-1", "t").authorizer(authorizer).sign_in().unwrap();
        assert_eq!(sign_in.port, 443);
        let name = sign_in.username.clone().unwrap();
        let expected = "me?x-amz-customauthorizer-name=mine&x-amz-customauthorizer-signature=si%2Bg%3D&token=t0k%26n";
        assert_eq!(name.expose(), expected);
        assert!(name.is_secret() && !format!("{sign_in:?}").contains("t0k"));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (prefix, region, id) in
            [("a.b", "eu-west-1", "t"), ("a", "eu west", "t"), ("a", "eu-west-1", "t/x"), ("a", "eu-west-1", "")]
        {
            assert!(Aws::new(prefix, region, id).sign_in().is_err(), "{prefix} {region} {id}");
        }
        let smuggled = Authorizer { username: "me?x=1".to_owned(), ..Authorizer::default() };
        assert!(Aws::new("a", "eu-west-1", "t").authorizer(smuggled).sign_in().is_err());
    }
}
