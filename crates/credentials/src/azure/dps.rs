//! Azure's device provisioning service (DPS): a device asks which hub it belongs to. With the key of an enrolment group it is Azure's
//! one type, one secret.
//!
//! | string | where it is from | confidence |
//! | --- | --- | --- |
//! | device key: HMAC-SHA256 of the registration id with the decoded group key, in Base64 | documentation, and a test of an SDK that has one | high |
//! | user name `{id scope}/registrations/{id}/api-version=2019-03-31` | documentation, C SDK | high |
//! | password with `skn=registration` | documentation, C SDK | high |
//! | topics `$dps/registrations/…` and their answers | documentation, C SDK | high |
//!
//! The group key does not belong into a device: derive the device's in the factory.

use serde::Deserialize;

use super::{KEY, shared_access_signature};
use crate::invalid::Invalid;
use crate::mac::{SignMethod, decode_key, percent};
use crate::message::{Publish, Unanswered, object};
use crate::moment::Clock;
use crate::rule::{Endpoint, Rule, endpoint_setters, is_alphanumeric};
use crate::secret::Secret;
use crate::sign_in::SignIn;

const ID_SCOPE: Rule = Rule::new("id scope", 1, 64, is_alphanumeric, "1 to 64 letters and digits, such as 0ne00000001");
const REGISTRATION_ID: Rule =
    Rule::new("registration id", 1, 128, is_registration, "1 to 128 small letters, digits and - . _ :");
const OPERATION: Rule = Rule::new("operation id", 1, 256, super::is_device_id, "1 to 256 letters, digits and - . _");
const API: &str = "2019-03-31";
const ANSWERS: &str = "$dps/registrations/res/";

fn is_registration(character: char) -> bool {
    character.is_ascii_lowercase() || character.is_ascii_digit() || matches!(character, '-' | '.' | '_' | ':')
}

/// The key that a device has by its enrolment group.
///
/// # Errors
/// A field is not what it can be.
pub fn device_key(group_key: &Secret, registration_id: &str) -> Result<Secret, Invalid> {
    REGISTRATION_ID.check(registration_id)?;
    KEY.check_secret(group_key)?;
    Ok(SignMethod::HmacSha256.mac(&decode_key("group key", group_key)?, registration_id).base64())
}

/// A device that asks for its hub.
#[derive(Debug, Clone)]
pub struct Provisioning {
    id_scope: String,
    registration_id: String,
    key: Secret,
    expires_at: u64,
    endpoint: Endpoint,
}

/// What the service says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Ask again for this operation, that many seconds later.
    Assigning {
        /// Which operation.
        operation_id: String,
        /// How long to wait, in seconds.
        retry_after: u64,
    },
    /// Where the device belongs.
    Assigned {
        /// The host of the hub.
        hub: String,
        /// What the device is called there.
        device_id: String,
    },
}

impl Provisioning {
    /// `key`: that of the device, in Base64; see [`device_key`]. `expires_at`: seconds since 1970, and in the future.
    #[must_use]
    pub fn new(
        id_scope: impl Into<String>,
        registration_id: impl Into<String>,
        key: Secret,
        expires_at: u64,
    ) -> Provisioning {
        let endpoint = Endpoint { tls: true, ..Endpoint::default() };
        Provisioning { id_scope: id_scope.into(), registration_id: registration_id.into(), key, expires_at, endpoint }
    }

    endpoint_setters!();

    /// Has it expire that many seconds from now.
    #[must_use]
    pub fn valid_for(mut self, clock: Clock, seconds: u64) -> Provisioning {
        self.expires_at = clock.after(seconds);
        self
    }

    /// The sign-in.
    ///
    /// # Errors
    /// A field is not what it can be.
    pub fn sign_in(&self) -> Result<SignIn, Invalid> {
        ID_SCOPE.check(&self.id_scope)?;
        REGISTRATION_ID.check(&self.registration_id)?;
        let resource = format!("{}/registrations/{}", self.id_scope, self.registration_id);
        let sr = percent(&resource);
        let password = shared_access_signature(sr.expose(), &self.key, self.expires_at, Some("registration"))?;
        let at = self.endpoint.resolve(|| Ok("global.azure-devices-provisioning.net".to_owned()), 8883, 8883)?;
        Ok(SignIn::new(at, &self.registration_id)
            .username(format!("{resource}/api-version={API}"))
            .password(password)
            .expires_at(self.expires_at)
            .keep_alive(0..=1740))
    }

    /// The filter of the answers. Subscribe to it before anything is asked.
    pub const ANSWERS: &str = "$dps/registrations/res/#";

    /// The message that asks. `request` comes back in the topic of the answer.
    ///
    /// # Errors
    /// The registration id is not what it can be.
    pub fn request(&self, request: u32) -> Result<Publish, Invalid> {
        REGISTRATION_ID.check(&self.registration_id)?;
        Ok(Publish {
            topic: format!("$dps/registrations/PUT/iotdps-register/?$rid={request}"),
            payload: Secret::new(format!("{{\"registrationId\":\"{}\"}}", self.registration_id)),
        })
    }

    /// The message that asks what has come of an operation.
    ///
    /// # Errors
    /// The operation's id is not what it can be.
    pub fn poll(&self, request: u32, operation_id: &str) -> Result<Publish, Invalid> {
        OPERATION.check(operation_id)?;
        let get = "$dps/registrations/GET/iotdps-get-operationstatus/";
        Ok(Publish { topic: format!("{get}?$rid={request}&operationId={operation_id}"), payload: Secret::new("") })
    }

    /// What an answer says.
    ///
    /// # Errors
    /// It is refused, another topic, or cannot be understood.
    pub fn answer(&self, topic: &str, payload: &[u8]) -> Result<Answer, Unanswered> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct State {
            registration_id: Option<String>,
            assigned_hub: Option<String>,
            device_id: Option<String>,
            #[serde(default)]
            error_message: String,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Said {
            operation_id: Option<String>,
            status: Option<String>,
            registration_state: Option<State>,
            #[serde(default)]
            message: String,
        }
        let rest = topic.strip_prefix(ANSWERS);
        let (code, query) =
            rest.and_then(|rest| rest.split_once('/')).ok_or_else(|| Unanswered::Topic { topic: topic.to_owned() })?;
        let code: i64 = code.parse().map_err(|_| Unanswered::Topic { topic: topic.to_owned() })?;
        let said: Said = object(payload)?;
        if code >= 300 {
            return Err(Unanswered::refused(code, &said.message));
        }
        let wait = query.split(['?', '&']).find_map(|part| part.strip_prefix("retry-after="));
        match (said.status.as_deref(), said.registration_state, said.operation_id) {
            (
                Some("assigned"),
                Some(State { registration_id, assigned_hub: Some(hub), device_id: Some(device_id), .. }),
                _,
            ) => {
                if registration_id.is_some_and(|id| id != self.registration_id) {
                    return Err(Unanswered::OtherDevice { field: "registrationId" });
                }
                super::HUB.check(&hub)?;
                super::DEVICE_ID.check(&device_id)?;
                Ok(Answer::Assigned { hub, device_id })
            }
            (Some("failed" | "disabled"), state, _) => {
                Err(Unanswered::refused(code, &state.map(|state| state.error_message).unwrap_or_default()))
            }
            (None | Some("assigning" | "unassigned"), _, Some(operation_id)) => {
                OPERATION.check(&operation_id)?;
                // Three seconds are what the service asks for.
                let retry_after = wait.and_then(|wait| wait.parse().ok()).unwrap_or(3);
                Ok(Answer::Assigning { operation_id, retry_after })
            }
            _ => Err(Unanswered::malformed("it has neither a hub nor an operation", payload)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device() -> Provisioning {
        let key = Secret::new("Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc=");
        Provisioning::new("0ne00000001", "dev001", key, 4_102_444_800)
    }

    #[test]
    fn it_signs_in_for_its_registration() {
        let sign_in = device().sign_in().unwrap();
        assert_eq!((&*sign_in.host, sign_in.port), ("global.azure-devices-provisioning.net", 8883));
        assert_eq!(sign_in.username.unwrap().expose(), "0ne00000001/registrations/dev001/api-version=2019-03-31");
        let password = sign_in.password.unwrap();
        assert!(password.expose().starts_with("SharedAccessSignature sr=0ne00000001%2Fregistrations%2Fdev001&sig="));
        assert!(password.expose().ends_with("&se=4102444800&skn=registration"));
        for (scope, id) in [("a/b", "dev"), ("a", "dev/1"), ("a", "Dev"), ("", "dev")] {
            assert!(Provisioning::new(scope, id, Secret::new("AAE="), 1).sign_in().is_err());
        }
    }

    #[test]
    fn it_asks_until_it_is_assigned() {
        assert_eq!(device().request(1).unwrap().payload.expose(), r#"{"registrationId":"dev001"}"#);
        let waits = device().answer(
            "$dps/registrations/res/202/?$rid=1&retry-after=5",
            br#"{"operationId":"4.abc","status":"assigning"}"#,
        );
        assert_eq!(waits, Ok(Answer::Assigning { operation_id: "4.abc".to_owned(), retry_after: 5 }));
        let poll = device().poll(2, "4.abc").unwrap();
        assert!(poll.topic.ends_with("iotdps-get-operationstatus/?$rid=2&operationId=4.abc"));
        let done = |state: &str| {
            let payload = format!(r#"{{"status":"assigned","registrationState":{state}}}"#);
            device().answer("$dps/registrations/res/200/?$rid=2", payload.as_bytes())
        };
        let told = done(r#"{"registrationId":"dev001","assignedHub":"hub.azure-devices.net","deviceId":"dev001"}"#);
        let expected = Answer::Assigned { hub: "hub.azure-devices.net".to_owned(), device_id: "dev001".to_owned() };
        assert_eq!(told, Ok(expected));
        let other = done(r#"{"registrationId":"dev002","assignedHub":"h","deviceId":"d"}"#);
        assert_eq!(other, Err(Unanswered::OtherDevice { field: "registrationId" }));
    }

    #[test]
    fn refusals() {
        let at = |topic: &str, payload: &str| device().answer(topic, payload.as_bytes()).unwrap_err().to_string();
        let refused = at("$dps/registrations/res/401/?$rid=1", r#"{"errorCode":401002,"message":"Unauthorized"}"#);
        assert_eq!(refused, "the cloud refuses, with 401: Unauthorized");
        assert!(at("$dps/registrations/res/200/?$rid=1", "{}").contains("neither"));
        assert!(at("elsewhere", "{}").contains("topic"));
    }
}
