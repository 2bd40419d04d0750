//! `fixtures/credentials/vectors.json`, all of it: what is signed and what comes of it, by the same calls that a user makes. A vector
//! that nothing here knows is a failure, and so is one that is missing.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::aliyun::Aliyun;
use crate::aliyun::registration::{Registration, Unregistered};
use crate::aliyun_mq::{Access, AliyunMq, application, token_application};
use crate::aws::sigv4::{PresignedUrl, signing_key};
use crate::azure::{Azure, dps};
use crate::baidu::{Algorithm, Baidu};
use crate::huawei::Huawei;
use crate::jwt::{Claims, Key};
use crate::onenet::OneNet;
use crate::tencent::Tencent;
use crate::tencent::registration::{Registered, Registration as TencentRegistration};
use crate::{Clock, Secret, SignIn, SignMethod};

const VECTORS: &str = include_str!("../../../fixtures/credentials/vectors.json");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "about")]
    _about: String,
    vectors: Vec<Vector>,
    connect_triples: Vec<Triple>,
    derived: Vec<Derived>,
}

#[derive(Deserialize)]
struct Vector {
    id: String,
    algorithm: String,
    key_utf8: Option<String>,
    key_hex: Option<String>,
    message: String,
    encoding: String,
    output: String,
}

#[derive(Deserialize)]
struct Triple {
    id: String,
    client_id: String,
    username: String,
    password: String,
}

#[derive(Deserialize)]
struct Derived {
    id: String,
    output: String,
}

fn file() -> File {
    serde_json::from_str(VECTORS).unwrap()
}

fn method(name: &str) -> SignMethod {
    match name.rsplit('-').next() {
        Some("md5") => SignMethod::HmacMd5,
        Some("sha1") => SignMethod::HmacSha1,
        Some("sha256") => SignMethod::HmacSha256,
        _ => panic!("{name} has no sign method"),
    }
}

fn secret(text: &str) -> Secret {
    Secret::new(text)
}

fn text(secret: &Secret) -> String {
    secret.expose().to_owned()
}

fn password(sign_in: &SignIn) -> String {
    text(sign_in.password.as_ref().unwrap())
}

/// The device of the first vectors.
fn device() -> Aliyun {
    Aliyun::new("pk", "device", secret("secret")).client_id("12345")
}

/// The device of the run log.
fn example() -> Aliyun {
    Aliyun::new("a1ExpAkj9Hi", "Example_dyn1", secret("KGQQFFlGinIipW9Xn7xQ5U6d6MokPZD4"))
}

fn new_device() -> Registration {
    Registration::new("al123456789", "device1", secret("madeUpProdSecret"), "123")
}

fn logged_registration() -> Registration {
    Registration::new("a1ExpAkj9Hi", "Example_dyn1", secret("ffFnFlKQW3HYjjPR"), "7y4Jg5xdKCy9W2i")
}

fn queue() -> AliyunMq {
    AliyunMq::signature("mqtt-xxxxx", ("GID_Test", "0001"), "YYYYY", secret("XXXXX"))
}

fn tencent() -> Tencent {
    let key = secret("MDEyMzQ1Njc4OWFiY2RlZg==");
    Tencent::new("ABCDE12345", "dev001", key, "abcde").expires_at(4_102_444_800)
}

fn tencent_registration(nonce: u32) -> TencentRegistration {
    let clock = Clock::at(1_767_270_896).unwrap();
    let product_secret = secret("MadeUpTencentProductSecret");
    TencentRegistration::new("ABCDE12345", "dev001", product_secret, clock, nonce).timestamp(1_700_000_000)
}

fn onenet() -> OneNet {
    let key = secret("KuF3NT/jUBJ62LNBB/A8XZA9CqS3Cu79B/ABmfA1UCw=");
    OneNet::product("123123", "dev1", key, 1_537_255_523)
}

/// With the key that the first vector of the provisioning service derives.
fn azure() -> Azure {
    Azure::new("example-hub", "dev001", azure_key(), 4_102_444_800)
}

const AZURE_ID: &str = "sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6";

fn azure_key() -> Secret {
    // The group key is bytes in the file.
    let vector = file().vectors.into_iter().find(|vector| vector.id == "G1").unwrap();
    let encoded = crate::mac::base64(&hex::decode(vector.key_hex.unwrap()).unwrap());
    dps::device_key(&encoded, AZURE_ID).unwrap()
}

fn presigned() -> PresignedUrl {
    PresignedUrl {
        host: "example-ats.iot.us-east-1.amazonaws.com".to_owned(),
        region: "us-east-1".to_owned(),
        access_key_id: "AKIDEXAMPLE".to_owned(),
        secret_access_key: secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        session_token: None,
        expires: 86_400,
    }
}

fn new_year() -> Clock {
    Clock::at(1_735_689_600).unwrap()
}

fn baidu() -> Baidu {
    Baidu::new("madeupid", "dev001", secret("madeUpBaiduSecret")).timestamp(1_700_000_000)
}

fn emqx() -> Claims {
    Claims { sub: Some("EMQX Cloud".to_owned()), iat: Some(1_516_239_022), ..Claims::default() }
}

fn claims() -> Claims {
    let (client_id, username) = (Some("dev001".to_owned()), Some("dev001".to_owned()));
    Claims { sub: None, client_id, username, iat: Some(1_700_000_000), exp: Some(4_102_444_800) }
}

/// The signature at the end of a token, as bytes in hexadecimal.
fn signature(token: &Secret) -> String {
    use base64::Engine;
    let signature = token.expose().rsplit('.').next().unwrap();
    hex::encode(base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(signature).unwrap())
}

/// What is behind a name in a form or a query, decoded.
fn value(text: &str, name: &str) -> String {
    let value = text.split(['&', '?', ' ']).find_map(|part| part.strip_prefix(name)).unwrap();
    value.replace("%2B", "+").replace("%2F", "/").replace("%3D", "=")
}

fn header(request: &crate::HttpsRequest, name: &str) -> String {
    text(&request.headers.iter().find(|(known, _)| *known == name).unwrap().1)
}

/// What a cloud signs, and the signature, in the vector's encoding; `None` where it is of an algorithm alone.
fn signed(vector: &Vector) -> Option<(String, String)> {
    let method = method(&vector.algorithm);
    let aliyun = |device: Aliyun| {
        let device = device.sign_method(method);
        Some((device.content(), password(&device.sign_in().unwrap())))
    };
    let registered = |device: Registration| {
        let device = device.sign_method(method);
        Some((device.content(), password(&device.preregistered().unwrap())))
    };
    let huawei = |unix: u64, key: &str| {
        let sign_in = Huawei::new("device", secret(key)).host("h").unchecked_at(unix).sign_in().unwrap();
        Some((key.to_owned(), password(&sign_in)))
    };
    let onenet = || {
        let device = onenet().sign_method(method);
        Some((device.content(), value(&password(&device.sign_in().unwrap()), "sign=")))
    };
    let azure = |device: Azure| Some((device.content(), value(&password(&device.sign_in().unwrap()), "sig=")));
    match &*vector.id {
        "RFC2202-md5-2" | "RFC2202-sha1-2" | "RFC4231-2" => None,
        "A1" | "A2" | "A3" => aliyun(device().timestamp(789)),
        "A4-md5" | "A4-sha1" | "A4-sha256" => aliyun(device()),
        "A6" => aliyun(example().timestamp(2_524_608_000_000)),
        "A7" => aliyun(
            Aliyun::new("a1aq9sQk2JE", "sdk_device1", secret("shvvZGkq4mM641WUhpfJpyInVeJhAH2y"))
                .client_id("a1aq9sQk2JE&sdk_device1")
                .timestamp(1_600_000_000_000),
        ),
        "A9-psk" => Some((vector.message.clone(), text(&example().pre_shared_key().unwrap().key))),
        "A10-sub-login" => {
            let device =
                Aliyun::new("123", "test", secret("secret")).client_id("123").timestamp(123).sign_method(method);
            Some((device.sub_device_content(true), text(&device.sub_device_sign(true).unwrap())))
        }
        "A11-auth-devicename" => aliyun(Aliyun::new("123", "test", secret("secret")).client_id("123").timestamp(123)),
        "A12-http-body" => aliyun(example()),
        "B1" => registered(logged_registration()),
        "B3-md5" | "B3-sha1" | "B3-sha256" => registered(new_device()),
        "B4-sha1" | "B4-sha256" => {
            registered(Registration::new("a15YDgQGhU0", "device1", secret("AP4HnuqhNqqArIkH"), "8Ygb7ULYh53B6OA"))
        }
        "C1" => Some(("GID_Test@@@0001".to_owned(), password(&queue().sign_in().unwrap()))),
        "C3-token-apply" => {
            let resources = ["Topic2/#", "Topic1/+"];
            let made =
                token_application(&secret("XXXXX"), "mqtt-xxxxx", Access::ReadWrite, &resources, 1_893_456_000_000);
            Some((application("mqtt-xxxxx", Access::ReadWrite, &resources, 1_893_456_000_000), text(&made.unwrap())))
        }
        "D1" => huawei(1_744_594_200, "12345678"),
        "D2" => huawei(1_577_370_000, "madeUpDeviceSecret01"),
        "E1-sha256" => {
            let sign_in = tencent().sign_in().unwrap();
            let code = password(&sign_in).split(';').next().unwrap().to_owned();
            Some((sign_in.username.unwrap().expose().to_owned(), code))
        }
        "E2-legacy-hmac" => {
            let body: serde_json::Value =
                serde_json::from_str(tencent_registration(12345).https_legacy().unwrap().body.expose()).unwrap();
            use base64::Engine;
            let code = base64::engine::general_purpose::STANDARD.decode(body["signature"].as_str().unwrap()).unwrap();
            Some((tencent_registration(12345).legacy_content(), String::from_utf8(code).unwrap()))
        }
        "E3-sha256" | "E3-sha1" => {
            let request = tencent_registration(5456).sign_method(method);
            Some((request.content(), header(&request.https().unwrap(), "X-TC-Signature")))
        }
        "F1-md5" | "F1-sha1" | "F1-sha256" => onenet(),
        "G1" => Some((AZURE_ID.to_owned(), text(&azure_key()))),
        "G2" => azure(self::azure()),
        "G2b" => azure(self::azure().unencoded_resource()),
        "H2" => {
            let url = presigned().sign(new_year()).unwrap();
            Some((presigned().string_to_sign(new_year()), value(url.expose(), "X-Amz-Signature=")))
        }
        "J1-raw" => Some((emqx().content(), signature(&emqx().sign(&Key::Raw(secret("emqxsecret"))).unwrap()))),
        "J2-raw" => {
            Some((claims().content(), signature(&claims().sign(&Key::Raw(secret("madeUpJwtSecret"))).unwrap())))
        }
        unknown => panic!("no cloud makes the vector {unknown}"),
    }
}

#[test]
fn every_code_is_that_of_its_key_and_message_and_some_cloud_makes_it() {
    let mut held = BTreeSet::new();
    for vector in file().vectors {
        let key = match (&vector.key_utf8, &vector.key_hex) {
            (Some(text), None) => text.clone().into_bytes(),
            (None, Some(digits)) => hex::decode(digits).unwrap(),
            _ => panic!("{} has one key", vector.id),
        };
        let code = method(&vector.algorithm).mac(&key, &vector.message);
        let code = match &*vector.encoding {
            "hex" => code.hex(),
            "base64" => code.base64(),
            other => panic!("{other} is no encoding"),
        };
        assert_eq!(text(&code), vector.output, "{}", vector.id);
        if let Some((content, output)) = signed(&vector) {
            assert_eq!((content, output), (vector.message.clone(), vector.output.clone()), "{}", vector.id);
        }
        assert!(held.insert(vector.id.clone()), "{} is there twice", vector.id);
    }
    assert_eq!(held.len(), 38);
}

fn triple(id: &str) -> SignIn {
    let made = match id {
        "A1" => device().timestamp(789).sign_method(SignMethod::HmacSha1).sign_in(),
        "A6" => example()
            .tls(true)
            .timestamp(2_524_608_000_000)
            .subscribed_by_server()
            .tag("_v", "sdk-c-4.2.0")
            .extensions(3)
            .sign_in(),
        "B3-register" => new_device().preregistered(),
        "B3-regnwl" => new_device().instance("iot-madeup01").without_preregistration(),
        "connwl" => {
            Unregistered::new("al123456789", "device1", "CID_RETURNED", secret("DEVICE_TOKEN_RETURNED")).sign_in()
        }
        "C1" => queue().sign_in(),
        "D2" => Huawei::new("5f052ac562369102d42b0fb6", secret("madeUpDeviceSecret01"))
            .host("h")
            .unchecked_at(1_577_370_000)
            .sign_in(),
        "E1" => tencent().sign_in(),
        "I1" => baidu().client_id("any").algorithm(Algorithm::Md5).sign_in(),
        unknown => panic!("no cloud makes the sign-in {unknown}"),
    };
    made.unwrap()
}

/// A client id with what stands between the bars in the order of the alphabet: any order is right.
fn in_order(client_id: &str) -> (String, Vec<String>) {
    let mut parts = client_id.split('|');
    let before = parts.next().unwrap().to_owned();
    let mut tags: Vec<String> = parts.next().unwrap_or_default().split(',').map(str::to_owned).collect();
    tags.sort();
    (before, tags)
}

#[test]
fn every_sign_in_is_made_as_a_whole() {
    let mut held = BTreeSet::new();
    for expected in file().connect_triples {
        let made = triple(&expected.id);
        assert_eq!(in_order(&made.client_id), in_order(&expected.client_id), "{}", expected.id);
        assert_eq!(made.client_id.ends_with('|'), expected.client_id.ends_with('|'), "{}", expected.id);
        if expected.id != "A6" {
            assert_eq!(made.client_id, expected.client_id);
        }
        assert_eq!(made.username.as_ref().unwrap().expose(), expected.username, "{}", expected.id);
        assert_eq!(password(&made), expected.password, "{}", expected.id);
        assert!(held.insert(expected.id.clone()), "{} is there twice", expected.id);
    }
    assert_eq!(held.len(), 9);
}

fn derived(id: &str, output: &str) -> String {
    let hash = |method: SignMethod| text(&method.hash(&tencent_registration(5456).body()).hex());
    match id {
        "B1-http-body" => text(&logged_registration().https().unwrap().body),
        "E1-psk" => text(&crate::mac::base64(b"0123456789abcdef")),
        "E2-signature" => {
            let body = tencent_registration(12345).https_legacy().unwrap().body;
            let body: serde_json::Value = serde_json::from_str(body.expose()).unwrap();
            body["signature"].as_str().unwrap().to_owned()
        }
        "E3-body" => text(&tencent_registration(5456).https().unwrap().body),
        "E3-body-sha256" => hash(SignMethod::HmacSha256),
        "E3-body-sha1" => hash(SignMethod::HmacSha1),
        // This one is read, not made.
        "E4-aes" => {
            let answer = format!(r#"{{"Response":{{"Len":53,"Payload":"{output}"}}}}"#);
            let given = tencent_registration(1).answer(answer.as_bytes()).unwrap();
            assert_eq!(given, Registered::Key(secret("MDEyMzQ1Njc4OWFiY2RlZg==")));
            output.to_owned()
        }
        "F1-token-md5" | "F1-token-sha1" | "F1-token-sha256" => {
            password(&onenet().sign_method(method(id)).sign_in().unwrap())
        }
        "G2-sas" => password(&azure().sign_in().unwrap()),
        "H1-signing-key" => text(&signing_key(&presigned().secret_access_key, "20120215", "us-east-1", "iam").hex()),
        "H2-signing-key" => {
            text(&signing_key(&presigned().secret_access_key, "20250101", "us-east-1", "iotdevicegateway").hex())
        }
        "H2-canonical-request" => presigned().canonical_request(new_year()),
        "H2-string-to-sign" => presigned().string_to_sign(new_year()),
        "H2-url" => text(&presigned().sign(new_year()).unwrap()),
        "I1-MD5" => password(&baidu().algorithm(Algorithm::Md5).sign_in().unwrap()),
        "I1-SHA256" => password(&baidu().algorithm(Algorithm::Sha256).sign_in().unwrap()),
        "J1" => {
            let token = emqx().sign(&Key::Raw(secret("emqxsecret"))).unwrap();
            token.expose().rsplit('.').next().unwrap().to_owned()
        }
        "J2" => text(&claims().sign(&Key::Raw(secret("madeUpJwtSecret"))).unwrap()),
        unknown => panic!("nothing makes {unknown}"),
    }
}

#[test]
fn everything_derived_is_made() {
    let mut held = BTreeSet::new();
    for expected in file().derived {
        assert_eq!(derived(&expected.id, &expected.output), expected.output, "{}", expected.id);
        assert!(held.insert(expected.id.clone()), "{} is there twice", expected.id);
    }
    assert_eq!(held.len(), 20);
}
