//! What can be asked for: the methods, their params, and what is wrong with params that are not theirs.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::cloud::{CONNECT, CloudParams};
use super::fields::{Field, Kind, optional, required};
use super::protocol::{Error, shown};

#[derive(Debug)]
pub(super) struct Method {
    pub(super) name: &'static str,
    pub(super) params: &'static [Field],
    read: fn(Map<String, Value>) -> Result<Call, Error>,
}

/// Every method. The schema that is shipped is held to this table.
pub(super) const METHODS: [Method; 13] = [
    Method { name: "info", params: &[], read: |_| Ok(Call::Info) },
    Method { name: "signal", params: &[], read: |_| Ok(Call::Signal) },
    Method { name: "registration", params: &[], read: |_| Ok(Call::Registration) },
    Method { name: "imei", params: &[], read: |_| Ok(Call::Identity(Number::Imei)) },
    Method { name: "imsi", params: &[], read: |_| Ok(Call::Identity(Number::Imsi)) },
    Method { name: "iccid", params: &[], read: |_| Ok(Call::Identity(Number::Iccid)) },
    Method { name: "at", params: &[required("command", Kind::Text)], read: |map| of(map).map(Call::At) },
    Method { name: "connect", params: CONNECT, read: connect },
    Method { name: "publish", params: PUBLISH, read: |map| of(map).map(Call::Publish) },
    Method { name: "subscribe", params: SUBSCRIBE, read: |map| of(map).map(Call::Subscribe) },
    Method { name: "unsubscribe", params: SUBSCRIBE, read: |map| of(map).map(Call::Unsubscribe) },
    Method { name: "status", params: &[], read: |_| Ok(Call::Status) },
    Method { name: "disconnect", params: &[], read: |_| Ok(Call::Disconnect) },
];

const PUBLISH: &[Field] = &[
    required("topic", Kind::Text),
    optional("payload", Kind::Text),
    optional("payload_base64", Kind::Text),
    optional("qos", Kind::Qos),
    optional("retain", Kind::Flag),
    optional("ttl_s", Kind::Seconds),
    optional("durable", Kind::Flag),
];

const SUBSCRIBE: &[Field] = &[required("filter", Kind::Text), optional("qos", Kind::Qos)];

/// What is asked for.
#[derive(Debug)]
pub(super) enum Call {
    Info,
    Signal,
    Registration,
    Identity(Number),
    At(At),
    Connect(Box<Connect>),
    Publish(Publish),
    Subscribe(Subscribe),
    Unsubscribe(Subscribe),
    Status,
    Disconnect,
}

/// A number that identifies the module or its SIM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    Imei,
    Imsi,
    Iccid,
}

#[derive(Debug, Deserialize)]
pub(super) struct At {
    pub(super) command: String,
}

/// What is left out comes from the command line.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Connect {
    pub(super) broker: Option<String>,
    pub(super) client_id: Option<String>,
    pub(super) username: Option<String>,
    pub(super) password_ref: Option<String>,
    pub(super) clean_session: Option<bool>,
    pub(super) keepalive: Option<u16>,
    pub(super) will: Option<Will>,
    #[serde(skip)]
    pub(super) cloud: CloudParams,
}

#[derive(Debug, Deserialize)]
pub(super) struct Will {
    pub(super) topic: String,
    pub(super) payload: Option<String>,
    pub(super) qos: Option<u8>,
    #[serde(default)]
    pub(super) retain: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Publish {
    pub(super) topic: String,
    pub(super) payload: Option<String>,
    pub(super) payload_base64: Option<String>,
    #[serde(default)]
    pub(super) qos: u8,
    #[serde(default)]
    pub(super) retain: bool,
    pub(super) ttl_s: Option<f64>,
    #[serde(default)]
    pub(super) durable: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Subscribe {
    pub(super) filter: String,
    #[serde(default)]
    pub(super) qos: u8,
}

impl Call {
    /// What a method with these params asks for.
    pub(super) fn of(method: &str, params: Option<Value>) -> Result<Call, Error> {
        let Some(known) = METHODS.iter().find(|known| known.name == method) else {
            return Err(Error::unknown_method(method).did_you_mean(method, METHODS.iter().map(|known| known.name)));
        };
        let params = match params {
            None => Map::new(),
            Some(Value::Object(params)) => params,
            Some(_) => return Err(Error::params("params go by their names, in an object")),
        };
        check(&params, known.params, "")?;
        (known.read)(params)
    }
}

/// The params of a method, which have been checked.
fn of<T: DeserializeOwned>(params: Map<String, Value>) -> Result<T, Error> {
    serde_json::from_value(Value::Object(params)).map_err(|fault| Error::params(fault.to_string()))
}

fn connect(mut params: Map<String, Value>) -> Result<Call, Error> {
    let cloud = CloudParams::take(&mut params)?;
    Ok(Call::Connect(Box::new(Connect { cloud, ..of(params)? })))
}

/// Whether these fields, which stand in `place`, are what they should be. No value is repeated: it may be a secret.
fn check(params: &Map<String, Value>, fields: &[Field], place: &str) -> Result<(), Error> {
    let path = |name: &str| format!("{place}{}", shown(name));
    for (name, value) in params {
        let Some(field) = fields.iter().find(|field| field.name == name) else {
            return Err(Error::field(&path(name), format!("there is no param {:?}", path(name)))
                .did_you_mean(name, fields.iter().map(|field| field.name)));
        };
        check_value(value, field.kind, &path(name))?;
    }
    match fields.iter().find(|field| field.required && !params.contains_key(field.name)) {
        Some(field) => Err(Error::field(&path(field.name), format!("{} is missing", path(field.name)))),
        None => Ok(()),
    }
}

fn check_value(value: &Value, kind: Kind, path: &str) -> Result<(), Error> {
    let (is_right, wanted) = match kind {
        Kind::Text => (value.is_string(), "a string"),
        Kind::SecretReference => return check_reference(value, path),
        Kind::Flag => (value.is_boolean(), "true or false"),
        Kind::Qos => (value.as_u64().is_some_and(|level| level <= 2), "0, 1 or 2"),
        Kind::Keepalive => (value.as_u64().is_some_and(|s| u16::try_from(s).is_ok()), "a whole number from 0 to 65535"),
        Kind::Whole => (value.is_u64(), "a whole number, 0 or more"),
        Kind::Seconds => (value.as_f64().is_some_and(|seconds| seconds >= 0.0), "a number of seconds, 0 or more"),
        Kind::Object(fields) => match value {
            Value::Object(inner) => return check(inner, fields, &format!("{path}.")),
            _ => (false, "an object"),
        },
    };
    if is_right { Ok(()) } else { Err(Error::field(path, format!("{path} has to be {wanted}"))) }
}

fn check_reference(value: &Value, path: &str) -> Result<(), Error> {
    let kind = value.as_str().and_then(|reference| reference.split_once(':'));
    if matches!(kind, Some(("file" | "env", place)) if !place.is_empty()) {
        return Ok(());
    }
    let what = match value.as_str() {
        Some("-") => "stdin has the requests, and cannot have a secret too".to_owned(),
        _ => format!("{path} takes no secret, only where to find one"),
    };
    Err(Error::field(path, what).help("write file:PATH or env:NAME"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::rpc::protocol::answer;
    use serde_json::json;

    /// The schema that is shipped, which is read here as other programs read it.
    const SCHEMA: &str = include_str!("../../../../docs/rpc.schema.json");

    fn refused(method: &str, params: Value) -> Value {
        let error = Call::of(method, Some(params)).unwrap_err();
        let answer: Value = serde_json::from_str(&answer(&json!(1), Err(&error))).unwrap();
        answer["error"].clone()
    }

    #[test]
    fn every_method_takes_what_it_needs() {
        for (method, params) in [
            ("info", json!({})),
            ("at", json!({"command": "AT"})),
            ("connect", json!({})),
            ("connect", json!({"cloud": "aliyun", "product_key": "pk", "device_secret_ref": "env:X", "timestamp": 0})),
            ("connect", json!({"broker": "mqtt://h", "keepalive": 0, "will": {"topic": "a"}, "password_ref": "env:X"})),
            ("publish", json!({"topic": "a", "payload": "", "qos": 2, "retain": true, "durable": false})),
            ("subscribe", json!({"filter": "a/#"})),
            ("unsubscribe", json!({"filter": "a/#", "qos": 1})),
        ] {
            assert!(Call::of(method, Some(params)).is_ok(), "{method}");
        }
        assert!(Call::of("status", None).is_ok());
    }

    #[test]
    fn what_is_wrong_is_named_and_what_was_meant_too() {
        for (method, params, field, says) in [
            ("publish", json!({}), "topic", "topic is missing"),
            ("publish", json!({"topic": 5}), "topic", "topic has to be a string"),
            ("publish", json!({"topic": "a", "qos": 3}), "qos", "0, 1 or 2"),
            ("publish", json!({"topic": "a", "qos": "1"}), "qos", "0, 1 or 2"),
            ("publish", json!({"topic": "a", "retain": null}), "retain", "true or false"),
            ("publish", json!({"topic": "a", "ttl_s": -1}), "ttl_s", "0 or more"),
            ("publish", json!({"topic": "a", "paylod": "x"}), "paylod", "did you mean payload?"),
            (
                "connect",
                json!({"cloud": "aliyun", "device_secret": "hunter2"}),
                "device_secret",
                "did you mean device_secret_ref?",
            ),
            (
                "connect",
                json!({"cloud": "aliyun", "device_secret_ref": "hunter2"}),
                "device_secret_ref",
                "takes no secret",
            ),
            ("connect", json!({"cloud": "aliyn"}), "cloud", "did you mean aliyun?"),
            ("connect", json!({"cloud": "aliyun", "timestamp": -1}), "timestamp", "a whole number"),
            ("connect", json!({"keepalive": 65536}), "keepalive", "from 0 to 65535"),
            ("connect", json!({"keepalive": 1.5}), "keepalive", "a whole number"),
            ("connect", json!({"will": "x"}), "will", "an object"),
            ("connect", json!({"will": {}}), "will.topic", "is missing"),
            ("connect", json!({"will": {"topic": "a", "qs": 1}}), "will.qs", "did you mean qos?"),
            ("connect", json!({"password": "hunter2"}), "password", "did you mean password_ref?"),
            ("connect", json!({"password_ref": "-"}), "password_ref", "stdin has the requests"),
            ("connect", json!({"password_ref": "hunter2"}), "password_ref", "file:PATH or env:NAME"),
            ("connect", json!({"password_ref": ["hunter2"]}), "password_ref", "takes no secret"),
            ("signal", json!({"hunter3": 1}), "hunter3", "\"there are none\""),
        ] {
            let error = refused(method, params);
            let text = error.to_string();
            assert_eq!((&error["code"], &error["data"]["field"]), (&json!(-32602), &json!(field)), "{text}");
            assert_eq!(error["data"]["code"], "input.params");
            assert!(text.contains(says) && !text.contains("hunter2"), "{text}");
        }
        assert_eq!(refused("at", json!(["AT"]))["code"], -32602);
    }

    #[test]
    fn an_unknown_method_gets_the_nearest_one() {
        let error = refused("publsh", json!({}));
        assert_eq!((&error["code"], &error["data"]["code"]), (&json!(-32601), &json!("input.unknown_method")));
        assert!(error["data"]["help"].as_str().unwrap().starts_with("did you mean publish? these are known: info,"));
    }

    /// What the schema should say of a kind of field.
    fn described(kind: Kind) -> Value {
        match kind {
            Kind::Text => json!({"type": "string"}),
            Kind::SecretReference => json!({"$ref": "#/$defs/secret_reference"}),
            Kind::Flag => json!({"type": "boolean"}),
            Kind::Qos => json!({"$ref": "#/$defs/qos"}),
            Kind::Keepalive => json!({"type": "integer", "minimum": 0, "maximum": 65535}),
            Kind::Whole => json!({"type": "integer", "minimum": 0}),
            Kind::Seconds => json!({"type": "number", "minimum": 0}),
            Kind::Object(fields) => object(fields),
        }
    }

    fn object(fields: &[Field]) -> Value {
        let properties: Map<String, Value> =
            fields.iter().map(|field| (field.name.to_owned(), described(field.kind))).collect();
        let required: Vec<&str> = fields.iter().filter(|field| field.required).map(|field| field.name).collect();
        let mut object = json!({"type": "object", "properties": properties, "additionalProperties": false});
        if !required.is_empty() {
            object["required"] = json!(required);
        }
        object
    }

    /// Leaves what is for people out.
    fn without_words(value: &mut Value) {
        match value {
            Value::Object(map) => {
                map.remove("description");
                map.remove("oneOf");
                map.values_mut().for_each(without_words);
            }
            Value::Array(values) => values.iter_mut().for_each(without_words),
            _ => {}
        }
    }

    #[test]
    fn the_schema_says_of_params_what_is_so() {
        let schema: Value = serde_json::from_str(SCHEMA).unwrap();
        for Method { name, params, .. } in &METHODS {
            let mut said = &schema["$defs"][format!("{name}.params")];
            if said["$ref"] == "#/$defs/nothing" {
                said = &schema["$defs"]["nothing"];
            }
            let mut said = said.clone();
            without_words(&mut said);
            assert_eq!(said, object(params), "{name}");
            assert!(schema["$defs"].get(format!("{name}.result")).is_some(), "{name}");
        }
        let requests = schema["$defs"]["request"]["oneOf"].as_array().unwrap();
        let named: Vec<&Value> = requests.iter().map(|request| &request["properties"]["method"]["const"]).collect();
        assert_eq!(named, METHODS.iter().map(|known| json!(known.name)).collect::<Vec<_>>().iter().collect::<Vec<_>>());
    }
}
