//! What holds for whatever clouds answer: no bytes make a parser panic, what it lets through fits, and no secret shows.

use std::fmt::Debug;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value, json};

use crate::aliyun::registration::{Registered, Registration};
use crate::aliyun_mq::TokenNotice;
use crate::aws::fleet::Question;
use crate::azure::dps::{Answer, Provisioning};
use crate::huawei::Huawei;
use crate::tencent::registration::{Registered as TencentRegistered, Registration as TencentRegistration};
use crate::thingsboard::Provisioning as ThingsBoard;
use crate::{Clock, Secret, Unanswered};

const CANARY: &str = "CANARYcanaryCANARY";

/// Fields with a secret in them, which nothing may show.
const SECRETS: [&str; 9] = [
    "deviceSecret",
    "deviceToken",
    "psk",
    "clientKey",
    "accessToken",
    "credentialsValue",
    "privateKey",
    "certificateOwnershipToken",
    "payload",
];

/// The other fields that parsers know.
const OPEN: [&str; 31] = [
    "productKey",
    "deviceName",
    "clientId",
    "code",
    "message",
    "Response",
    "Len",
    "Error",
    "encryptionType",
    "clientCert",
    "operationId",
    "status",
    "registrationState",
    "registrationId",
    "assignedHub",
    "deviceId",
    "errorMessage",
    "address",
    "type",
    "expireTime",
    "provisionDeviceStatus",
    "credentialsType",
    "errorMsg",
    "certificateId",
    "certificatePem",
    "statusCode",
    "errorCode",
    "deviceConfiguration",
    "thingName",
    "data",
    "x",
];

/// Values that parsers look for.
const WORDS: [&str; 12] =
    ["pk", "device", "assigned", "assigning", "failed", "SUCCESS", "ACCESS_TOKEN", "R", "RW", "h:1", "h:0", "h"];

/// Those, and others.
fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => select(WORDS.as_slice()).prop_map(Value::from),
        2 => any::<String>().prop_map(Value::from),
        1 => "[ -~\r\n]{0,12}".prop_map(Value::from),
        2 => select(vec![0, 1, 2, 200, 401, 6289, -1]).prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => Just(json!([{}])),
    ]
}

/// A secret with what does not belong into one, as often as not.
fn secret() -> impl Strategy<Value = Value> {
    prop_oneof!["[a-zA-Z0-9]{0,60}", "[ -~\r\n\u{0}\"]{0,8}"].prop_map(|salt| json!(format!("{CANARY}{salt}")))
}

fn object() -> impl Strategy<Value = Map<String, Value>> {
    let open = prop::collection::vec((select(OPEN.as_slice()), value()), 0..8);
    let hidden = prop::collection::vec((select(SECRETS.as_slice()), secret()), 0..4);
    (open, hidden)
        .prop_map(|(open, hidden)| open.into_iter().chain(hidden).map(|(key, value)| (key.to_owned(), value)).collect())
}

/// An answer as it could be, with its secrets, and with what stands inside of it.
fn answer() -> impl Strategy<Value = Value> {
    (object(), object(), select(vec!["data", "Response", "registrationState", "x"])).prop_map(
        |(mut outer, inner, place)| {
            outer.insert(place.to_owned(), Value::Object(inner));
            Value::Object(outer)
        },
    )
}

/// Answers as the clouds' documentation has them.
fn documented() -> [Value; 8] {
    [
        json!({"productKey": "pk", "deviceName": "device", "deviceSecret": CANARY}),
        json!({"productKey": "pk", "deviceName": "device", "clientId": "c", "deviceToken": CANARY}),
        json!({"code": 200, "data": {"productKey": "pk", "deviceName": "device", "deviceSecret": CANARY}}),
        json!({"code": 0, "payload": CANARY}),
        json!({"address": "h:8883", "deviceSecret": CANARY}),
        json!({"status": "SUCCESS", "credentialsType": "ACCESS_TOKEN", "credentialsValue": CANARY}),
        json!({"certificateId": "i", "certificatePem": "p", "privateKey": CANARY, "certificateOwnershipToken": CANARY}),
        json!({"operationId": "o", "status": "assigned", "registrationState": {"assignedHub": "h", "deviceId": "d"}}),
    ]
}

/// What was understood, as it shows itself, and the texts in it that a device signs in with.
type Understood = (String, Vec<String>);

fn all(topic: Option<&str>, payload: &[u8]) -> Vec<Result<Understood, Unanswered>> {
    let key = || Secret::new("secret");
    let clock = Clock::at(1_767_270_896).expect("a clock that is set");
    let aliyun = Registration::new("pk", "device", key(), "r");
    let of_aliyun = |registered: Registered| {
        let shown = shown(&registered);
        let texts = match registered {
            Registered::DeviceSecret(secret) => vec![secret.expose().to_owned()],
            Registered::Token { client_id, device_token } => vec![client_id, device_token.expose().to_owned()],
        };
        (shown, texts)
    };
    let tencent = TencentRegistration::new("ABCDE12345", "dev001", Secret::new("0123456789abcdefgh"), clock, 1);
    let huawei = Huawei::new("device", key());
    let dps = Provisioning::new("0ne00000000", "device", Secret::new("c2VjcmV0"), 4_102_444_800);
    let question = Question::certificate();
    let topic = |own: &'static str| topic.unwrap_or(own).to_owned();
    let created = topic("$aws/certificates/create/json/accepted");
    vec![
        aliyun.answer(&topic("/ext/register"), payload).map(of_aliyun),
        aliyun.https_answer(payload).map(of_aliyun),
        tencent.answer(payload).map(|registered| {
            let shown = shown(&registered);
            let texts = match registered {
                TencentRegistered::Key(key) => vec![key.expose().to_owned()],
                TencentRegistered::Certificate { .. } => Vec::new(),
            };
            (shown, texts)
        }),
        dps.answer(&topic("$dps/registrations/res/202/?$rid=1&retry-after=3"), payload).map(|answer| {
            let shown = shown(&answer);
            let texts = match answer {
                Answer::Assigned { hub, device_id } => vec![hub, device_id],
                Answer::Assigning { operation_id, .. } => vec![operation_id],
            };
            (shown, texts)
        }),
        TokenNotice::read(&topic("$SYS/tokenExpireNotice"), payload).map(|notice| (shown(&notice), Vec::new())),
        ThingsBoard::new("key", key()).answer(&topic(ThingsBoard::ANSWER), payload).map(|given| {
            let is_token = given.credentials_type == "ACCESS_TOKEN";
            let texts = is_token.then(|| given.credentials.expose().to_owned());
            (shown(&given), texts.into_iter().collect())
        }),
        huawei.bootstrap_answer(&topic("$oc/devices/device/sys/bootstrap/down"), payload).map(|told| {
            let secret = told.device_secret.as_ref().map(|secret| secret.expose().to_owned());
            let port = Some(told.port).filter(|port| *port != 0).map_or_else(String::new, |port| port.to_string());
            (shown(&told), [told.host.clone(), port].into_iter().chain(secret).collect())
        }),
        question.certificate_in(&created, payload).map(|certificate| (shown(&certificate), Vec::new())),
        question.provisioned_in(&created, payload).map(|provisioned| (shown(&provisioned), Vec::new())),
    ]
}

fn shown(what: &dyn Debug) -> String {
    format!("{what:?} {what:#?}")
}

/// Nothing of a secret is shown, and what signs in later can.
fn hold(outcomes: Vec<Result<Understood, Unanswered>>) -> Result<(), TestCaseError> {
    for outcome in outcomes {
        let shown = match outcome {
            Ok((shown, texts)) => {
                for text in texts {
                    prop_assert!(!text.is_empty());
                    prop_assert!(
                        !text.contains(['"', '\r', '\n', '\0', '\u{1a}', '\u{1b}']),
                        "{}",
                        text.escape_debug()
                    );
                }
                shown
            }
            Err(why) => format!("{why} {why:?} {:?} {}", why.advice(), why.code()),
        };
        prop_assert!(!shown.contains("CANARY"), "{shown}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_bytes_are_an_answer_or_none(payload in any::<Vec<u8>>(), topic in any::<String>()) {
        hold(all(None, &payload))?;
        hold(all(Some(&topic), &payload))?;
        hold(all(None, Value::from(String::from_utf8_lossy(&payload)).to_string().as_bytes()))?;
    }

    #[test]
    fn what_looks_like_an_answer_is_let_through_only_if_it_fits(answer in answer()) {
        hold(all(None, answer.to_string().as_bytes()))?;
    }

    /// As a line with a fault leaves it.
    #[test]
    fn an_answer_with_a_wrong_byte_shows_no_secret(which in any::<Index>(), place in any::<Index>(), byte in any::<u8>()) {
        let mut text = which.get(&documented()).to_string().into_bytes();
        *place.get_mut(&mut text) = byte;
        hold(all(None, &text))?;
    }

    /// Another device's secret is nobody's.
    #[test]
    fn an_answer_for_another_device_is_none(key in "[a-zA-Z0-9]{1,20}", name in "[a-z0-9]{4,12}") {
        prop_assume!((&*key, &*name) != ("pk", "device"));
        let answer = json!({"productKey": key, "deviceName": name, "deviceSecret": CANARY}).to_string();
        let registration = Registration::new("pk", "device", Secret::new("secret"), "r");
        let refused = registration.answer("/ext/register", answer.as_bytes());
        prop_assert!(matches!(refused, Err(Unanswered::OtherDevice { .. })), "{refused:?}");
    }
}

#[test]
fn documented_answers_are_understood() {
    let understood = |answer: &Value| all(None, answer.to_string().as_bytes()).iter().any(Result::is_ok);
    // The fourth has to be encrypted.
    let found: Vec<bool> = documented().iter().map(understood).collect();
    assert_eq!(found, [true, true, true, false, true, true, true, true]);
}

/// Two that were let through once.
#[test]
fn no_port_is_zero_and_no_token_has_a_line_end() {
    let huawei = Huawei::new("device", Secret::new("secret"));
    let told = huawei.bootstrap_answer("$oc/devices/device/sys/bootstrap/down", br#"{"address":"h:0"}"#);
    assert!(matches!(told, Err(Unanswered::Malformed { .. })), "{told:?}");
    let answer = br#"{"status":"SUCCESS","credentialsType":"ACCESS_TOKEN","credentialsValue":"a\r\nb"}"#;
    let given = ThingsBoard::new("key", Secret::new("secret")).answer(ThingsBoard::ANSWER, answer);
    assert!(matches!(given, Err(Unanswered::Invalid(_))), "{given:?}");
}
