//! Azure IoT Hub. A device that does not know its hub asks the provisioning service ([`dps`]).
//!
//! | string | where it is from | confidence |
//! | --- | --- | --- |
//! | client id: the device's id | documentation of IoT Hub, C SDK | high |
//! | user name `{hub}/{device id}/?api-version=2021-04-12` | documentation of IoT Hub | medium; the C SDK sends 2020-09-30 |
//! | password `SharedAccessSignature sr=…&sig=…&se=…` | documentation, C SDK | high |
//! | that the key is decoded from Base64, and that `sr` is signed as it is sent | C SDK | high |
//! | port 8883, TLS only | documentation | high |
//! | keep-alive of 29 minutes at the most | general knowledge | medium |

pub mod dps;

use crate::invalid::Invalid;
use crate::mac::{SignMethod, decode_key, percent};
use crate::moment::Clock;
use crate::rule::{Endpoint, HOST, Rule, endpoint_setters, is_alphanumeric, is_base64, is_identifier};
use crate::secret::Secret;
use crate::sign_in::SignIn;

const HUB: Rule = Rule::new("hub", 1, 253, is_hub, "the name of the hub or of its host: letters, digits, - and .");
const DEVICE_ID: Rule =
    Rule::new("device id", 1, 128, is_device_id, "1 to 128 letters, digits and - . _ * ! ( ) , : = @ $ '");
const POLICY: Rule = Rule::new("policy", 1, 64, is_identifier, "1 to 64 letters, digits and - _");
const KEY: Rule = Rule::new("key", 4, 256, is_base64, "Base64, 4 to 256 characters");
const API: &str = "2021-04-12";

fn is_hub(character: char) -> bool {
    is_alphanumeric(character) || matches!(character, '-' | '.')
}

/// What Azure has in it, without `% # ? +`: they mean something in the user name and in topics.
fn is_device_id(character: char) -> bool {
    is_alphanumeric(character)
        || matches!(character, '-' | '.' | '_' | '*' | '!' | '(' | ')' | ',' | ':' | '=' | '@' | '$' | '\'')
}

/// `SharedAccessSignature sr=…&sig=…&se=…[&skn=…]`, with `sr` as it is to be sent.
fn shared_access_signature(sr: &str, key: &Secret, se: u64, skn: Option<&str>) -> Result<Secret, Invalid> {
    KEY.check_secret(key)?;
    let key = decode_key("key", key)?;
    let sig = percent(SignMethod::HmacSha256.mac(&key, &format!("{sr}\n{se}")).base64().expose());
    let policy = skn.map(|skn| format!("&skn={skn}")).unwrap_or_default();
    Ok(Secret::join(&[&format!("SharedAccessSignature sr={sr}&sig="), sig.expose(), &format!("&se={se}{policy}")]))
}

/// A device.
#[derive(Debug, Clone)]
pub struct Azure {
    hub: String,
    device_id: String,
    key: Secret,
    policy: Option<String>,
    encoded: bool,
    expires_at: u64,
    endpoint: Endpoint,
}

impl Azure {
    /// `hub`: the name of the hub, or that of its host. `key`: Base64. `expires_at`: seconds since 1970, and in the future;
    /// [`Clock::after`] has it. The hub ends the connection then.
    #[must_use]
    pub fn new(hub: impl Into<String>, device_id: impl Into<String>, key: Secret, expires_at: u64) -> Azure {
        Azure {
            hub: hub.into(),
            device_id: device_id.into(),
            key,
            policy: None,
            encoded: true,
            expires_at,
            endpoint: Endpoint { tls: true, ..Endpoint::default() },
        }
    }

    endpoint_setters!();

    /// The key is that of a policy of the hub, and not that of the device.
    #[must_use]
    pub fn policy(mut self, name: impl Into<String>) -> Azure {
        self.policy = Some(name.into());
        self
    }

    /// Leaves the slashes of the resource as they are, as the C SDK does.
    #[must_use]
    pub fn unencoded_resource(mut self) -> Azure {
        self.encoded = false;
        self
    }

    /// Has it expire that many seconds from now.
    #[must_use]
    pub fn valid_for(mut self, clock: Clock, seconds: u64) -> Azure {
        self.expires_at = clock.after(seconds);
        self
    }

    /// The sign-in.
    ///
    /// # Errors
    /// A field is not what it can be.
    pub fn sign_in(&self) -> Result<SignIn, Invalid> {
        HUB.check(&self.hub)?;
        DEVICE_ID.check(&self.device_id)?;
        self.policy.as_ref().map_or(Ok(()), |policy| POLICY.check(policy))?;
        let hub = self.host_of_hub();
        HOST.check(&hub)?;
        let password = shared_access_signature(&self.resource(), &self.key, self.expires_at, self.policy.as_deref())?;
        let username = format!("{hub}/{}/?api-version={API}", self.device_id);
        Ok(SignIn::new(self.endpoint.resolve(|| Ok(hub), 8883, 8883)?, &self.device_id)
            .username(username)
            .password(password)
            .expires_at(self.expires_at)
            .keep_alive(0..=1740))
    }

    fn host_of_hub(&self) -> String {
        if self.hub.contains('.') { self.hub.clone() } else { format!("{}.azure-devices.net", self.hub) }
    }

    fn resource(&self) -> String {
        let resource = format!("{}/devices/{}", self.host_of_hub(), self.device_id);
        if self.encoded { percent(&resource).expose().to_owned() } else { resource }
    }

    #[cfg(test)]
    pub(crate) fn content(&self) -> String {
        format!("{}\n{}", self.resource(), self.expires_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc=";

    #[test]
    fn a_hub_has_a_name_or_a_host() {
        for hub in ["example-hub", "example-hub.azure-devices.net"] {
            let sign_in = Azure::new(hub, "dev001", Secret::new(KEY), 4_102_444_800).sign_in().unwrap();
            assert_eq!((&*sign_in.host, sign_in.port, sign_in.tls), ("example-hub.azure-devices.net", 8883, true));
            let name = "example-hub.azure-devices.net/dev001/?api-version=2021-04-12";
            assert_eq!((&*sign_in.client_id, sign_in.username.unwrap().expose()), ("dev001", name));
        }
        let policy = Azure::new("hub", "d", Secret::new(KEY), 1).policy("device").sign_in().unwrap();
        assert!(policy.password.unwrap().expose().ends_with("&se=1&skn=device"));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (hub, id, key) in
            [("h/x", "d", KEY), ("h", "d/x", KEY), ("h", "d?x", KEY), ("h", "d\n1", KEY), ("h", "d", "!")]
        {
            assert!(Azure::new(hub, id, Secret::new(key), 1).sign_in().is_err(), "{hub} {id}");
        }
    }
}
