//! The sign-in at an IoT cloud, among the params of `connect`.
//!
//! A field is called as the option of the command line is, or by the cloud's own word; a secret is referred to, and its field ends in
//! `_ref`.

use atmqtt_credentials::UnknownSignMethod;
use clap::ValueEnum;
use serde_json::{Map, Value};

use super::fields::{Field, Kind, WILL, optional};
use super::protocol::Error;
use crate::args::{Cloud, CloudName, SignBy};
use crate::cloud::words;

/// The name of a cloud to sign in at.
const CLOUD: &str = "cloud";

/// The params of `connect` that are about no cloud; the others follow.
const OF_SESSION: usize = 7;

/// The params of `connect`.
pub(super) const CONNECT: &[Field] = &[
    optional("broker", Kind::Text),
    optional("client_id", Kind::Text),
    optional("username", Kind::Text),
    optional("password_ref", Kind::SecretReference),
    optional("clean_session", Kind::Flag),
    optional("keepalive", Kind::Keepalive),
    optional("will", Kind::Object(WILL)),
    optional(CLOUD, Kind::Text),
    // As the options.
    optional("product_key", Kind::Text),
    optional("device_name", Kind::Text),
    optional("device_secret_ref", Kind::SecretReference),
    optional("device_token_ref", Kind::SecretReference),
    optional("product_secret_ref", Kind::SecretReference),
    optional("sign_method", Kind::Text),
    optional("timestamp", Kind::Whole),
    optional("random", Kind::Text),
    optional("expires", Kind::Whole),
    optional("region", Kind::Text),
    optional("instance", Kind::Text),
    optional("group_id", Kind::Text),
    optional("group_key_ref", Kind::SecretReference),
    optional("access_key_id", Kind::Text),
    optional("access_key_secret_ref", Kind::SecretReference),
    optional("sign_by", Kind::Text),
    optional("tls", Kind::Flag),
    // As the clouds have them, where that is otherwise.
    optional("access_token_ref", Kind::SecretReference),
    optional("connid", Kind::Text),
    optional("device_id", Kind::Text),
    optional("device_key", Kind::Text),
    optional("et", Kind::Whole),
    optional("expiry", Kind::Whole),
    optional("hub", Kind::Text),
    optional("id_scope", Kind::Text),
    optional("instance_id", Kind::Text),
    optional("iot_core_id", Kind::Text),
    optional("node_id", Kind::Text),
    optional("product_id", Kind::Text),
    optional("psk_ref", Kind::SecretReference),
    optional("registration_id", Kind::Text),
    optional("scope_id", Kind::Text),
    optional("se", Kind::Whole),
    optional("secret_ref", Kind::SecretReference),
    optional("thing_name", Kind::Text),
    optional("token_ref", Kind::SecretReference),
];

/// What is said of a cloud.
#[derive(Debug, Default)]
pub(super) struct CloudParams {
    name: Option<CloudName>,
    /// As they were called.
    fields: Vec<(String, Value)>,
}

impl CloudParams {
    /// Takes it out of params that have been checked.
    pub(super) fn take(params: &mut Map<String, Value>) -> Result<CloudParams, Error> {
        let name = params.remove(CLOUD).as_ref().and_then(Value::as_str).map(name).transpose()?;
        let said = CONNECT.iter().skip(OF_SESSION + 1);
        let fields = said.filter_map(|field| params.remove_entry(field.name)).collect();
        Ok(CloudParams { name, fields })
    }

    /// Puts it in the place of what was typed. What was typed of another cloud has nothing to do with this one.
    pub(super) fn put(self, typed: &mut Cloud) -> Result<(), Error> {
        if let Some(name) = self.name {
            if typed.cloud.is_some_and(|other| other != name) {
                *typed = Cloud::default();
            }
            typed.cloud = Some(name);
        }
        for (called, value) in self.fields {
            let Some(cloud) = typed.cloud else {
                return Err(Error::field(&called, format!("{called} is said of a cloud, and none is named"))
                    .help("name it: \"cloud\":\"aliyun\", say"));
            };
            let field = words::param(cloud, &called).ok_or_else(|| {
                let cloud = cloud.typed();
                Error::field(&called, format!("{cloud} has no use for {called}"))
                    .help(format!("atmqtt sign --cloud {cloud} --help says what it has a use for"))
            })?;
            set(typed, field, value).map_err(|why| Error::field(&called, format!("{called}: {why}")))?;
        }
        Ok(())
    }
}

fn name(cloud: &str) -> Result<CloudName, Error> {
    CloudName::from_str(cloud, false).map_err(|_| {
        let known: Vec<String> = CloudName::value_variants().iter().map(|known| known.typed()).collect();
        Error::field(CLOUD, "there is no such cloud").did_you_mean(cloud, known.iter().map(String::as_str))
    })
}

/// A field, whose value has been checked for its kind.
fn set(typed: &mut Cloud, field: words::Field, value: Value) -> Result<(), String> {
    use words::Field;
    let number = value.as_u64();
    let flag = value.as_bool();
    let text = if let Value::String(text) = value { Some(text) } else { None };
    match field {
        Field::ProductKey => typed.product_key = text,
        Field::DeviceName => typed.device_name = text,
        Field::DeviceSecret => typed.device_secret = text,
        Field::DeviceToken => typed.device_token = text,
        Field::ProductSecret => typed.product_secret = text,
        Field::SignMethod => {
            let method = text.as_deref().map(str::parse).transpose();
            typed.sign_method = method.map_err(|fault: UnknownSignMethod| fault.to_string())?;
        }
        Field::Timestamp => typed.timestamp = number,
        Field::Random => typed.random = text,
        Field::Expires => typed.expires = number,
        Field::Region => typed.region = text,
        Field::Instance => typed.instance = text,
        Field::GroupId => typed.group_id = text,
        Field::GroupKey => typed.group_key = text,
        Field::AccessKeyId => typed.access_key_id = text,
        Field::AccessKeySecret => typed.access_key_secret = text,
        Field::SignBy => typed.sign_by = text.map(|who| SignBy::from_str(&who, false)).transpose()?,
        Field::Tls => typed.tls = flag.unwrap_or_default(),
        // These are no cloud's.
        Field::ClientId | Field::Username | Field::Password => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn put(params: Value, typed: &mut Cloud) -> Result<(), Value> {
        let Value::Object(mut params) = params else { panic!("an object") };
        let params = CloudParams::take(&mut params).and_then(|params| params.put(typed));
        params.map_err(|error| {
            let answer = crate::command::rpc::protocol::answer(&json!(1), Err(&error));
            serde_json::from_str::<Value>(&answer).expect("JSON")["error"].clone()
        })
    }

    #[test]
    fn every_word_of_a_cloud_is_a_param_of_its_kind() {
        for cloud in CloudName::value_variants() {
            for (called, field) in words::params(*cloud) {
                let known = CONNECT.iter().find(|known| known.name == called).unwrap_or_else(|| panic!("{called}"));
                let is_secret = matches!(known.kind, Kind::SecretReference);
                assert_eq!(is_secret, called.ends_with("_ref"), "{called}");
                assert_eq!(words::param(*cloud, called), Some(field), "{cloud:?} {called}");
            }
        }
        let used = |name: &str| CloudName::value_variants().iter().any(|cloud| words::param(*cloud, name).is_some());
        assert!(CONNECT[OF_SESSION + 1..].iter().all(|field| used(field.name)), "a param that no cloud has");
        assert_eq!(CONNECT[OF_SESSION].name, CLOUD);
    }

    #[test]
    fn params_go_before_what_was_typed_of_the_same_cloud() {
        let typed = || Cloud {
            cloud: Some(CloudName::Aliyun),
            product_key: Some("typed".to_owned()),
            region: Some("cn-shanghai".to_owned()),
            ..Cloud::default()
        };
        let mut same = typed();
        put(
            json!({"cloud": "aliyun", "product_key": "pk", "device_secret_ref": "env:X", "sign_by": "modem"}),
            &mut same,
        )
        .unwrap();
        assert_eq!((same.product_key.as_deref(), same.region.as_deref()), (Some("pk"), Some("cn-shanghai")));
        assert_eq!((same.device_secret.as_deref(), same.sign_by), (Some("env:X"), Some(SignBy::Modem)));
        let mut other = typed();
        put(json!({"cloud": "tencent", "product_id": "p", "psk_ref": "env:X", "expiry": 5, "tls": true}), &mut other)
            .unwrap();
        assert_eq!((other.product_key.as_deref(), other.region, other.expires), (Some("p"), None, Some(5)));
        assert!(other.tls);
        // Without a name it is said of the cloud that was typed.
        let mut kept = typed();
        put(json!({"device_name": "d"}), &mut kept).unwrap();
        assert_eq!((kept.cloud, kept.device_name.as_deref()), (Some(CloudName::Aliyun), Some("d")));
    }

    #[test]
    fn what_a_cloud_has_no_use_for_is_refused_by_its_name() {
        for (params, field, says) in [
            (json!({"cloud": "aliyn"}), "cloud", "did you mean aliyun?"),
            (json!({"device_name": "d"}), "device_name", "none is named"),
            (json!({"cloud": "aliyun", "psk_ref": "env:X"}), "psk_ref", "aliyun has no use for psk_ref"),
            (json!({"cloud": "huawei", "sign_by": "modem"}), "sign_by", "huawei has no use for sign_by"),
            (json!({"cloud": "aliyun", "sign_method": "sha1"}), "sign_method", "sign_method: "),
            (json!({"cloud": "aliyun", "sign_by": "me"}), "sign_by", "sign_by: "),
        ] {
            let error = put(params, &mut Cloud::default()).unwrap_err();
            assert_eq!((&error["code"], &error["data"]["field"]), (&json!(-32602), &json!(field)), "{error}");
            assert!(error.to_string().contains(says), "{error}");
        }
    }
}
