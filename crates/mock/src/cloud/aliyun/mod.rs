//! Alibaba Cloud IoT Platform: one device with one secret (一机一密), and one type with one secret (一型一密).

mod alink;
mod client_id;
mod https;
mod registration;
mod topics;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Cloud, Quotas};
use crate::broker::{Admission, Message, QoS, ReturnCode, SignIn};
use client_id::{ClientId, Way};
use registration::{Given, Product, Refused, Request, Token};

/// Seconds. The documentation refuses what is outside; its own SDK says that more is taken for 1200, and a bench that is strict
/// finds what would break at a cloud that is.
const KEEP_ALIVE: RangeInclusive<u16> = 30..=1200;

/// Documentation 30527, of 2019; that nothing is retained is in newer pages too.
const QUOTAS: Quotas =
    Quotas { subscriptions: 100, payload: 256 * 1024, at_most_once: 30, at_least_once: 10, retains: false };

/// How long a device that has been registered may stay, to say goodbye by itself.
const REGISTERED_FOR: Duration = Duration::from_secs(15);

/// The cloud, and the devices that it knows. A cheap handle: clones are the same cloud, so that its owner can look into one whose
/// broker runs. Sessions have the user names of the devices, `deviceName&productKey`.
///
/// Devices of a [product](Self::product) are registered over MQTT, if that is TLS, and over HTTPS by an
/// [`HttpsServer`](super::HttpsServer) that answers with [`https`](Self::https).
///
/// Not here: gateways and their sub-devices, X.509, how often a device may sign in, which has no documented answer.
#[derive(Clone, Default)]
pub struct Aliyun {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    products: BTreeMap<String, Product>,
    devices: BTreeMap<String, Device>,
    /// How many secrets, tokens and client ids have been given out.
    given: u64,
}

#[derive(Default)]
struct Device {
    /// `None`: nobody knows it, until it is registered.
    secret: Option<String>,
    /// It has signed in, and is given no secret any more.
    is_active: bool,
    is_disabled: bool,
    /// It has been registered although nobody had entered it. One for each that has its name.
    tokens: Vec<Token>,
}

impl Aliyun {
    /// One without devices.
    pub fn new() -> Self {
        Self::default()
    }

    /// Enters a device by product key, device name and device secret; one that is there already gets the new secret.
    #[must_use]
    pub fn device(self, product_key: &str, device_name: &str, device_secret: &str) -> Self {
        self.with(product_key, device_name, Device { secret: Some(device_secret.to_owned()), ..Device::default() })
    }

    /// Enters a device that somebody has disabled in the console: it is not authorized, whatever it says.
    #[must_use]
    pub fn disabled_device(self, product_key: &str, device_name: &str, device_secret: &str) -> Self {
        let secret = Some(device_secret.to_owned());
        self.with(product_key, device_name, Device { secret, is_disabled: true, ..Device::default() })
    }

    /// Enters a device that is to get its secret by registration.
    #[must_use]
    pub fn entered_device(self, product_key: &str, device_name: &str) -> Self {
        self.with(product_key, device_name, Device::default())
    }

    /// A product, by product key and product secret, whose devices are registered by themselves: the switch in the console is on.
    #[must_use]
    pub fn product(self, product_key: &str, product_secret: &str) -> Self {
        let product = Product { secret: product_secret.to_owned(), registers: true };
        self.state().products.insert(product_key.to_owned(), product);
        self
    }

    /// Turns the switch for dynamic registration of a product.
    pub fn switch_registration(&self, product_key: &str, is_on: bool) {
        if let Some(product) = self.state().products.get_mut(product_key) {
            product.registers = is_on;
        }
    }

    /// Resets a device as `ResetThing` does: it can be registered again.
    pub fn reset(&self, product_key: &str, device_name: &str) {
        if let Some(device) = self.state().devices.get_mut(&session(product_key, device_name)) {
            *device = Device::default();
        }
    }

    /// Whether the device has signed in with a secret of its own.
    #[must_use]
    pub fn is_active(&self, product_key: &str, device_name: &str) -> bool {
        self.state().devices.get(&session(product_key, device_name)).is_some_and(|device| device.is_active)
    }

    /// The secret that the device has now.
    #[must_use]
    pub fn secret(&self, product_key: &str, device_name: &str) -> Option<String> {
        self.state().devices.get(&session(product_key, device_name))?.secret.clone()
    }

    fn with(self, product_key: &str, device_name: &str, device: Device) -> Self {
        self.state().devices.insert(session(product_key, device_name), device);
        self
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing is left half changed by who panics.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Without the secrets.
impl fmt::Debug for Aliyun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Aliyun")
            .field("products", &state.products.keys())
            .field("devices", &state.devices.keys())
            .finish()
    }
}

impl Cloud for Aliyun {
    fn sign_in(&self, sign_in: &SignIn<'_>) -> Result<Admission, ReturnCode> {
        let client_id = ClientId::parse(sign_in.client_id).ok_or(ReturnCode::IdentifierRejected)?;
        let mut state = self.state();
        match client_id.way {
            Way::Register { random } => state.registered(sign_in, &client_id, random, true),
            Way::RegisterUnentered { random } => state.registered(sign_in, &client_id, random, false),
            // The keep-alive of a registration is not looked at.
            _ if !KEEP_ALIVE.contains(&sign_in.keep_alive) => Err(ReturnCode::ServerUnavailable),
            Way::Secret { timestamp } => state.by_secret(sign_in, &client_id, timestamp),
            Way::Token => state.by_token(sign_in, &client_id),
        }
    }

    fn may_publish(&self, device: &str, topic: &str) -> bool {
        topics::may_publish(device, topic)
    }

    fn quotas(&self) -> Quotas {
        QUOTAS
    }

    fn answer(&self, _device: &str, message: &Message) -> Vec<Message> {
        alink::answer(message).into_iter().collect()
    }

    fn may_subscribe(&self, device: &str, filter: &str) -> bool {
        topics::may_subscribe(device, filter)
    }
}

impl State {
    fn by_secret(
        &mut self,
        sign_in: &SignIn<'_>,
        client_id: &ClientId<'_>,
        timestamp: Option<&str>,
    ) -> Result<Admission, ReturnCode> {
        let Said { username, device_name, product_key, code } = Said::of(sign_in)?;
        // Names and values in the alphabetical order of the names, with nothing between them.
        let mut signed = format!("clientId{}deviceName{device_name}productKey{product_key}", client_id.own);
        if let Some(timestamp) = timestamp {
            signed.push_str("timestamp");
            signed.push_str(timestamp);
        }
        let device = self.devices.get_mut(username).ok_or(ReturnCode::NotAuthorized)?;
        let secret = device.secret.as_ref().ok_or(ReturnCode::NotAuthorized)?;
        let is_signed = (client_id.check)(secret.as_bytes(), signed.as_bytes(), &code);
        // Nobody holds the mode against the transport.
        if !is_signed || !matches!(client_id.mode, 2 | 3) || device.is_disabled {
            return Err(ReturnCode::NotAuthorized);
        }
        device.is_active = true;
        Ok(Admission::named(username))
    }

    /// By what a device was given that nobody had entered. There is nothing signed.
    fn by_token(&self, sign_in: &SignIn<'_>, client_id: &ClientId<'_>) -> Result<Admission, ReturnCode> {
        let username = sign_in.username.filter(|name| names(name).is_some());
        let (username, token) = username.zip(sign_in.password).ok_or(ReturnCode::BadUserNameOrPassword)?;
        let device = self.devices.get(username).ok_or(ReturnCode::NotAuthorized)?;
        let is_given = device.tokens.iter().any(|given| given.is(client_id.own, token));
        if !is_given || client_id.mode != -2 || device.is_disabled {
            return Err(ReturnCode::NotAuthorized);
        }
        Ok(Admission::named(username))
    }

    /// What a device is given comes by itself behind the CONNACK. Its connection has a name that no device's session has.
    fn registered(
        &mut self,
        sign_in: &SignIn<'_>,
        client_id: &ClientId<'_>,
        random: &str,
        is_entered: bool,
    ) -> Result<Admission, ReturnCode> {
        // -2 is what the documentation has where nobody has entered the device; SDKs say 2 there too.
        let is_right_mode = client_id.mode == 2 || client_id.mode == -2 && !is_entered;
        if !sign_in.secured || !is_right_mode || random.is_empty() {
            return Err(ReturnCode::IdentifierRejected);
        }
        let Said { device_name, product_key, code, .. } = Said::of(sign_in)?;
        let request = Request { product_key, device_name, random, check: client_id.check, code: &code };
        let given = if is_entered { self.register(&request) } else { self.register_unentered(&request) };
        let given = given.map_err(Refused::return_code)?;
        let (topic, payload) = match &given {
            Given::Secret(secret) => ("/ext/register", request.answer(&[("deviceSecret", secret)])),
            Given::Token(token) => {
                let answer = [("clientId", &*token.client_id), ("deviceToken", &*token.token)];
                ("/ext/regnwl", request.answer(&answer))
            }
        };
        let message = Message::new(topic, payload).qos(QoS::AtLeastOnce);
        Ok(Admission::named(format!("&registration {}", self.given)).greeted(message).for_at_most(REGISTERED_FOR))
    }
}

/// User name and password of a sign-in that is signed.
struct Said<'a> {
    username: &'a str,
    device_name: &'a str,
    product_key: &'a str,
    code: Vec<u8>,
}

impl<'a> Said<'a> {
    fn of(sign_in: &SignIn<'a>) -> Result<Self, ReturnCode> {
        let said = || {
            let username = sign_in.username?;
            let (device_name, product_key) = names(username)?;
            // Hexadecimal digits in either case.
            let code = hex::decode(sign_in.password?).ok().filter(|code| !code.is_empty())?;
            Some(Self { username, device_name, product_key, code })
        };
        said().ok_or(ReturnCode::BadUserNameOrPassword)
    }
}

/// The name of a device's session.
fn session(product_key: &str, device_name: &str) -> String {
    format!("{device_name}&{product_key}")
}

/// Device name and product key.
fn names(username: &str) -> Option<(&str, &str)> {
    let (device_name, product_key) = username.split_once('&')?;
    let are_names = !device_name.is_empty() && !product_key.is_empty() && !product_key.contains('&');
    are_names.then_some((device_name, product_key))
}
