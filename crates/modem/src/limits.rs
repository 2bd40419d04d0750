//! A profile's limits, held against a request before a byte is written.

use atmqtt_at::{Secret, Text};

use crate::dialect::{self, Dialect};
use crate::message::{Filter, Outgoing};
use crate::options::{ConnectOptions, ModuleSignIn};
use crate::profile::Profile;
use crate::refusal::Refusal;
use crate::store;
use crate::tls::TlsOptions;

impl Profile {
    /// How many publishes may be unconfirmed at once: one where the dialect cannot tell the report on one from that on another.
    #[must_use]
    pub fn window(&self, dialect: &dyn Dialect) -> usize {
        let window = self.pauses.window.filter(|_| dialect.tells_reports_apart());
        window.map_or(1, |window| usize::try_from(window.value).unwrap_or(usize::MAX)).max(1)
    }

    /// Refuses what this model cannot connect with.
    ///
    /// # Errors
    /// The first thing that does not fit.
    pub fn check_connect(&self, dialect: &dyn Dialect, options: &ConnectOptions) -> Result<(), Refusal> {
        let limits = &self.limits;
        if options.client_id.is_empty() {
            return Err(Refusal::NoClientId);
        }
        if options.password.is_some() && options.username.is_none() {
            return Err(Refusal::PasswordWithoutUsername);
        }
        self.fits("broker's host", options.broker.host.len(), limits.host.value)?;
        self.fits("client id", options.client_id.len(), limits.client_id.value)?;
        self.fits("user name", options.username.as_ref().map_or(0, Text::len), limits.username.value)?;
        self.fits("password", options.password.as_ref().map_or(0, Secret::len), limits.password.value)?;
        if let Some(will) = &options.will {
            self.fits("will's topic", will.topic.text().len(), limits.topic.value)?;
            self.fits("will's payload", will.payload.len(), limits.will_payload.value)?;
        }
        self.within("the keep-alive", u32::from(options.keep_alive), 0, limits.keep_alive.value)?;
        self.within("the packet time-out", u32::from(options.packet_timeout), 1, 60)?;
        self.within("the count of packet retries", u32::from(options.packet_retries), 0, 10)?;
        let last = limits.connections.value.saturating_sub(1);
        self.within("the connection identifier", u32::from(options.connection), 0, last)?;
        if options.broker.tls {
            check_tls(self, dialect, &options.tls)?;
        }
        if let Some(ModuleSignIn::Aliyun(device)) = &options.sign_in {
            let rules = self.aliyun.as_ref();
            let rules = rules.ok_or_else(|| Refusal::NoModuleSignIn { model: self.model.name.clone() })?;
            self.fits("product key", device.product_key.len(), rules.text.value)?;
            self.fits("device name", device.device_name.len(), rules.text.value)?;
            self.fits("device secret", device.device_secret.len(), rules.text.value)?;
        }
        if self.pauses.window.is_some_and(|window| window.value > 1) && !dialect.tells_reports_apart() {
            let what = "a window of more than one publish, since its reports do not say which they are about";
            return Err(Refusal::Unsupported { what, model: self.model.name.clone() });
        }
        dialect.check_connect(self, options)
    }

    /// Refuses a message that this model cannot publish.
    ///
    /// # Errors
    /// The first thing that does not fit.
    pub fn check_publish(&self, dialect: &dyn Dialect, message: &Outgoing) -> Result<(), Refusal> {
        self.fits("topic", message.topic.text().len(), self.limits.topic.value)?;
        dialect.check_publish(self, message)
    }

    /// Refuses a message that this model cannot publish, whatever is known of its dialect.
    ///
    /// # Errors
    /// As [`check_publish`](Profile::check_publish).
    pub fn check_message(&self, message: &Outgoing) -> Result<(), Refusal> {
        dialect::named(&self.model.dialect).map_or(Ok(()), |dialect| self.check_publish(dialect, message))
    }

    /// Refuses a topic filter that this model cannot take.
    ///
    /// # Errors
    /// It is too long.
    pub fn check_filter(&self, filter: &Filter) -> Result<(), Refusal> {
        self.fits("topic filter", filter.text().len(), self.limits.topic.value)
    }

    pub(crate) fn fits(&self, what: &'static str, length: usize, limit: usize) -> Result<(), Refusal> {
        if length <= limit {
            return Ok(());
        }
        Err(Refusal::TooLong { what, length, limit, model: self.model.name.clone() })
    }

    fn within(&self, what: &'static str, value: u32, low: u32, high: u32) -> Result<(), Refusal> {
        if (low..=high).contains(&value) {
            return Ok(());
        }
        Err(Refusal::OutOfRange { what, value, low, high, model: self.model.name.clone() })
    }
}

/// Refuses a TLS connection that the module cannot make, or that would be less safe than it looks.
fn check_tls(profile: &Profile, dialect: &dyn Dialect, options: &TlsOptions) -> Result<(), Refusal> {
    let store = store::find(profile, dialect)?;
    let TlsOptions { ca, client, verify_server, .. } = options;
    if *verify_server && ca.is_none() {
        return Err(Refusal::NoCertificateAuthority);
    }
    let client = client.iter().flat_map(|client| [&client.certificate, &client.key]);
    ca.iter().chain(client).try_for_each(|name| store.check_name(profile, name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect;
    use crate::message::{QoS, Topic};
    use crate::options::{Broker, DeviceSecret};

    fn text(length: usize) -> Text {
        Text::new("x".repeat(length)).unwrap()
    }

    #[test]
    fn limits_hold_to_the_byte() {
        let profile = Profile::named("lierda-nt26e").unwrap();
        let lmqtt = dialect::named("lmqtt").unwrap();
        let check = |change: fn(&mut ConnectOptions)| {
            let mut options = ConnectOptions::new(Broker { host: text(100), port: 1, tls: false }, text(256));
            change(&mut options);
            profile.check_connect(lmqtt, &options).map_err(|refusal| refusal.to_string())
        };
        assert_eq!(check(|_| ()), Ok(()));
        for (change, expected) in [
            (
                (|options| options.broker.host = text(101)) as fn(&mut ConnectOptions),
                "the broker's host has 101 bytes, and lierda-nt26e takes 100 at the most",
            ),
            (
                |options| options.client_id = text(257),
                "the client id has 257 bytes, and lierda-nt26e takes 256 at the most",
            ),
            (|options| options.client_id = text(0), "the client id is empty"),
            (|options| options.keep_alive = 3601, "the keep-alive is 3601, and lierda-nt26e takes 0 to 3600"),
            (|options| options.connection = 1, "the connection identifier is 1, and lierda-nt26e takes 0 to 0"),
            (|options| options.password = Secret::new("x").ok(), "a password needs a user name"),
            (|options| options.broker.tls = true, "lierda-nt26e has no known way to make a TLS connection"),
        ] {
            assert_eq!(check(change), Err(expected.to_owned()));
        }
    }

    #[test]
    fn a_module_signs_in_by_itself_where_its_profile_says_how() {
        let check = |profile: &str, secret: usize| {
            let mut options = ConnectOptions::new(Broker { host: text(1), port: 1, tls: false }, text(1));
            let device_secret = Secret::new("x".repeat(secret)).unwrap();
            let device = DeviceSecret { product_key: text(11), device_name: text(32), device_secret };
            options.sign_in = Some(ModuleSignIn::Aliyun(device));
            let profile = Profile::named(profile).unwrap();
            profile.check_connect(dialect::named(&profile.model.dialect).unwrap(), &options)
        };
        for profile in ["lierda-nt35e", "lierda-nt26e", "quectel-bc26", "quectel-bg95", "quectel-ec800"] {
            assert_eq!(check(profile, 64), Ok(()), "{profile}");
            assert!(matches!(check(profile, 65), Err(Refusal::TooLong { what: "device secret", .. })), "{profile}");
        }
        for profile in ["generic-lmqtt", "generic-qmt-lte", "lierda-nt35e-ecmt", "simcom-a76xx", "cmiot-mn316"] {
            assert!(matches!(check(profile, 32), Err(Refusal::NoModuleSignIn { .. })), "{profile}");
        }
    }

    #[test]
    fn topics_are_counted_in_bytes() {
        let profile = Profile::named("lierda-nt26e").unwrap();
        let lmqtt = dialect::named("lmqtt").unwrap();
        let publish = |topic: &str| {
            let topic = Topic::new(topic).unwrap();
            let message = Outgoing { topic, payload: Vec::new(), qos: QoS::AtMostOnce, retain: false };
            profile.check_publish(lmqtt, &message)
        };
        assert_eq!(publish(&"x".repeat(256)), Ok(()));
        assert!(publish(&"x".repeat(257)).is_err());
        // 86 characters of three bytes.
        assert!(publish(&"温".repeat(86)).is_err());
        assert!(profile.check_filter(&Filter::new(&"x".repeat(257)).unwrap()).is_err());
    }
}
