//! Fleet provisioning by claim: a device with a certificate that all have asks for one of its own.
//!
//! | string | where it is from | confidence |
//! | --- | --- | --- |
//! | topics, requests and answers | AWS IoT developer guide, fleet provisioning API | high |
//!
//! Subscribe to both answers before anything is asked. An answer with a certificate has several thousand bytes: see whether the module
//! takes such a message.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::invalid::Invalid;
use crate::message::{Publish, Unanswered, object, quoted};
use crate::rule::{Rule, is_identifier};
use crate::secret::Secret;

const TEMPLATE: Rule = Rule::new("template", 1, 36, is_identifier, "1 to 36 letters, digits and - _");
const PARAMETER: Rule =
    Rule::new("parameter", 1, 1024, |c| !c.is_control(), "1 to 1024 characters, none of them a control character");

/// Where a certificate is asked for, with a key that AWS makes.
const CREATE: &str = "$aws/certificates/create/json";
/// Where a certificate is asked for, for a key that the device has.
const CREATE_FROM_CSR: &str = "$aws/certificates/create-from-csr/json";

/// A certificate for the device. Store it, and its key, before anything else is done.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Certificate {
    /// Its id.
    pub certificate_id: String,
    /// The certificate, in PEM.
    pub certificate_pem: String,
    /// Its key, in PEM, unless the device has made it.
    pub private_key: Option<Secret>,
    /// What the certificate is activated with; it is good for an hour.
    pub certificate_ownership_token: Secret,
}

/// What has become of the device.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Provisioned {
    /// What it is called; usually its client id from now on.
    pub thing_name: String,
    /// What the template says that it is to be told.
    #[serde(default)]
    pub device_configuration: BTreeMap<String, String>,
}

/// A question, and the topics on which it is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Subscribe to these first: that of success, and that of refusal.
    pub answers: [String; 2],
    /// Then publish this.
    pub publish: Publish,
}

impl Question {
    fn new(topic: &str, payload: Secret) -> Question {
        let answer = |end: &str| format!("{topic}/{end}");
        Question {
            answers: [answer("accepted"), answer("rejected")],
            publish: Publish { topic: topic.to_owned(), payload },
        }
    }

    /// Asks for a certificate and a key.
    #[must_use]
    pub fn certificate() -> Question {
        Question::new(CREATE, Secret::new("{}"))
    }

    /// Asks for a certificate for a key that the device has. `request`: a certificate signing request, in PEM.
    #[must_use]
    pub fn certificate_for(request: &str) -> Question {
        let payload = Secret::join(&["{\"certificateSigningRequest\":", quoted(request).expose(), "}"]);
        Question::new(CREATE_FROM_CSR, payload)
    }

    /// Asks for the device to be entered, by a template of the account. `parameters`: what the template asks for, `SerialNumber` for
    /// instance.
    ///
    /// # Errors
    /// A field is not what it can be.
    pub fn provision(
        template: &str,
        ownership_token: &Secret,
        parameters: &BTreeMap<String, String>,
    ) -> Result<Question, Invalid> {
        TEMPLATE.check(template)?;
        for text in parameters.iter().flat_map(|(name, value)| [name, value]) {
            PARAMETER.check(text)?;
        }
        let parameters: Vec<String> = parameters
            .iter()
            .map(|(name, value)| format!("{}:{}", quoted(name).expose(), quoted(value).expose()))
            .collect();
        let payload = Secret::join(&[
            "{\"certificateOwnershipToken\":",
            quoted(ownership_token.expose()).expose(),
            ",\"parameters\":{",
            &parameters.join(","),
            "}}",
        ]);
        Ok(Question::new(&format!("$aws/provisioning-templates/{template}/provision/json"), payload))
    }

    /// The certificate that an answer brings.
    ///
    /// # Errors
    /// It is refused, another topic, or cannot be understood.
    pub fn certificate_in(&self, topic: &str, payload: &[u8]) -> Result<Certificate, Unanswered> {
        self.accepted(topic, payload)?;
        object(payload)
    }

    /// What has become of the device, by an answer.
    ///
    /// # Errors
    /// It is refused, another topic, or cannot be understood.
    pub fn provisioned_in(&self, topic: &str, payload: &[u8]) -> Result<Provisioned, Unanswered> {
        self.accepted(topic, payload)?;
        object(payload)
    }

    fn accepted(&self, topic: &str, payload: &[u8]) -> Result<(), Unanswered> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Rejected {
            status_code: i64,
            #[serde(default)]
            error_code: String,
            #[serde(default)]
            error_message: String,
        }
        let [accepted, rejected] = &self.answers;
        if topic == rejected {
            let Rejected { status_code, error_code, error_message } = object(payload)?;
            return Err(Unanswered::refused(status_code, &format!("{error_code} {error_message}")));
        }
        if topic == accepted { Ok(()) } else { Err(Unanswered::Topic { topic: topic.to_owned() }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_and_then_a_place() {
        let question = Question::certificate();
        assert_eq!(question.answers[0], "$aws/certificates/create/json/accepted");
        let answer = br#"{"certificateId":"id","certificatePem":"pem","privateKey":"s3cret","certificateOwnershipToken":"t0ken"}"#;
        let given = question.certificate_in(&question.answers[0], answer).unwrap();
        assert_eq!(given.private_key, Some(Secret::new("s3cret")));
        assert!(!format!("{given:?}").contains("s3cret") && !format!("{given:?}").contains("t0ken"));

        let parameters = BTreeMap::from([("SerialNumber".to_owned(), "1\"2".to_owned())]);
        let place = Question::provision("line-1", &given.certificate_ownership_token, &parameters).unwrap();
        let sent = r#"{"certificateOwnershipToken":"t0ken","parameters":{"SerialNumber":"1\"2"}}"#;
        assert_eq!(place.publish.payload.expose(), sent);
        let told = place.provisioned_in(&place.answers[0], br#"{"deviceConfiguration":{"a":"b"},"thingName":"thing"}"#);
        assert_eq!(told.unwrap().thing_name, "thing");
        let refused = place.provisioned_in(
            &place.answers[1],
            br#"{"statusCode":403,"errorCode":"AccessDenied","errorMessage":"no such template"}"#,
        );
        let says = "the cloud refuses, with 403: AccessDenied no such template";
        assert_eq!(refused.unwrap_err().to_string(), says);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let nothing = BTreeMap::new();
        assert!(Question::provision("a/b", &Secret::new("t"), &nothing).is_err());
        assert!(Question::certificate().certificate_in("elsewhere", b"{}").is_err());
        assert!(Question::certificate().certificate_in("$aws/certificates/create/json/accepted", b"{}").is_err());
    }
}
