//! Registration: a device of a product asks for a secret of its own, with a signature that is made with the product's.
//!
//! Where the documentation leaves something open, this is what was chosen:
//!
//! - A product whose switch is off is answered like a request that is not authenticated: 401, or return code 4.
//! - A sixth device of a name is answered with return code 5, like one that is active.
//! - A name that somebody has entered is registered with `register` only, one that nobody has with `regnwl` only.

use super::{State, session};
use crate::broker::ReturnCode;
use crate::cloud::mac::{Check, sha256_of};

/// How many devices may be registered under a name that nobody has entered.
const OF_ONE_NAME: usize = 5;

/// Characters of a device name.
const DEVICE_NAME: std::ops::RangeInclusive<usize> = 4..=32;

pub(super) struct Product {
    pub(super) secret: String,
    pub(super) registers: bool,
}

/// What a device signs in with that nobody had entered.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) client_id: String,
    pub(super) token: String,
}

impl Token {
    pub(super) fn is(&self, client_id: &str, token: &[u8]) -> bool {
        self.client_id == client_id && self.token.as_bytes() == token
    }
}

/// What is asked for.
pub(super) struct Request<'a> {
    pub(super) product_key: &'a str,
    pub(super) device_name: &'a str,
    pub(super) random: &'a str,
    pub(super) check: Check,
    /// The signature.
    pub(super) code: &'a [u8],
}

/// What is given.
pub(super) enum Given {
    Secret(String),
    Token(Token),
}

/// Why nothing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    Parameter,
    Product,
    SwitchedOff,
    DeviceName,
    Signature,
    Device,
    Active,
    /// There are as many of this name as there may be.
    Full,
}

impl Refused {
    /// The code over HTTPS, and what it says.
    pub(super) fn code(self) -> (u16, &'static str) {
        match self {
            Self::Parameter => (460, "request parameter error"),
            Self::Product => (6250, "product not found"),
            Self::SwitchedOff => (401, "request auth error"),
            Self::DeviceName => (6280, "bad device name"),
            Self::Signature => (6287, "invalid sign"),
            Self::Device => (6100, "device not found"),
            Self::Active | Self::Full => (6289, "device is already active"),
        }
    }

    pub(super) fn return_code(self) -> ReturnCode {
        match self {
            Self::Parameter | Self::DeviceName => ReturnCode::IdentifierRejected,
            Self::Product | Self::SwitchedOff | Self::Signature | Self::Device => ReturnCode::BadUserNameOrPassword,
            Self::Active | Self::Full => ReturnCode::NotAuthorized,
        }
    }
}

impl Request<'_> {
    /// The fields of an answer, as JSON. None of the texts has anything in it that JSON would escape.
    pub(super) fn answer(&self, given: &[(&str, &str)]) -> String {
        let names = [("productKey", self.product_key), ("deviceName", self.device_name)];
        let fields: Vec<_> = names.iter().chain(given).map(|(name, value)| format!("\"{name}\":\"{value}\"")).collect();
        format!("{{{}}}", fields.join(","))
    }
}

impl State {
    /// A new secret, whatever the device had, until it has signed in.
    pub(super) fn register(&mut self, request: &Request<'_>) -> Result<Given, Refused> {
        self.check(request)?;
        let secret = self.fresh(request.product_key, "deviceSecret");
        let device = self.devices.get_mut(&session(request.product_key, request.device_name));
        let device = device.filter(|device| device.tokens.is_empty()).ok_or(Refused::Device)?;
        if device.is_active || device.is_disabled {
            return Err(Refused::Active);
        }
        device.secret = Some(secret.clone());
        Ok(Given::Secret(secret))
    }

    /// One more device of that name.
    pub(super) fn register_unentered(&mut self, request: &Request<'_>) -> Result<Given, Refused> {
        self.check(request)?;
        let (client_id, token) =
            (self.fresh(request.product_key, "clientId"), self.fresh(request.product_key, "deviceToken"));
        let name = session(request.product_key, request.device_name);
        let is_entered = self.devices.get(&name).is_some_and(|device| device.tokens.is_empty());
        if is_entered {
            return Err(Refused::Device);
        }
        let device = self.devices.entry(name).or_default();
        if device.tokens.len() == OF_ONE_NAME {
            return Err(Refused::Full);
        }
        let token = Token { client_id, token: format!("^1^{token}") };
        device.tokens.push(token.clone());
        Ok(Given::Token(token))
    }

    fn check(&self, request: &Request<'_>) -> Result<(), Refused> {
        let Request { product_key, device_name, random, check, code } = request;
        let product = self.products.get(*product_key).ok_or(Refused::Product)?;
        if !product.registers {
            return Err(Refused::SwitchedOff);
        }
        let is_name = |character: char| character.is_ascii_alphanumeric() || "-_@.:".contains(character);
        if !DEVICE_NAME.contains(&device_name.chars().count()) || !device_name.chars().all(is_name) {
            return Err(Refused::DeviceName);
        }
        let signed = format!("deviceName{device_name}productKey{product_key}random{random}");
        if check(product.secret.as_bytes(), signed.as_bytes(), code) { Ok(()) } else { Err(Refused::Signature) }
    }

    /// 32 hexadecimal digits that were not given out before, and the same ones in every run.
    fn fresh(&mut self, product_key: &str, what: &str) -> String {
        self.given += 1;
        let key = self.products.get(product_key).map(|product| product.secret.as_bytes()).unwrap_or_default();
        let mut digits = hex::encode(sha256_of(key, format!("{what}{}", self.given).as_bytes()));
        digits.truncate(32);
        digits
    }
}
