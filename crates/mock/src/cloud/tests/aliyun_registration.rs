//! Alibaba Cloud IoT Platform: devices that are registered by a secret of their product.

use std::time::Duration;

use super::said;
use crate::broker::{Admission, QoS, ReturnCode, SignIn};
use crate::cloud::{Aliyun, Cloud, HttpRequest, HttpResponse};

const REGISTER: &str = "device1|securemode=2,authType=register,random=123,signmethod=hmacsha256|";
const UNENTERED: &str =
    "device1|securemode=-2,authType=regnwl,random=123,signmethod=hmacsha256,instanceId=iot-madeup01|";
const USERNAME: &str = "device1&al123456789";
const SIGNED: &str = "c2d7fe2ce7c8914e2c25e315811853dc79afa578d80734bcd0d5e142f68092cc";

fn product() -> Aliyun {
    Aliyun::new().product("al123456789", "madeUpProdSecret")
}

fn entered() -> Aliyun {
    product().entered_device("al123456789", "device1")
}

/// A sign-in over TLS, with a keep-alive that only a registration may have.
fn secured<'a>(client_id: &'a str, username: &'a str, password: &'a str) -> SignIn<'a> {
    SignIn { secured: true, keep_alive: 0, ..said(client_id, username, password) }
}

/// The value of a field of what a device is given.
fn given(admission: &Admission, topic: &str, field: &str) -> String {
    let greeting = admission.greeting().expect("a message");
    assert_eq!((&*greeting.topic, greeting.qos), (topic, QoS::AtLeastOnce));
    value(str::from_utf8(&greeting.payload).expect("text"), field)
}

fn value(json: &str, field: &str) -> String {
    let (_, rest) = json.split_once(&format!("\"{field}\":\"")).unwrap_or_else(|| panic!("{field} in {json}"));
    rest.split('"').next().unwrap_or_default().to_owned()
}

/// Signed with that secret.
fn sign_in(cloud: &Aliyun, secret: &str) -> Result<Admission, ReturnCode> {
    use hmac::{KeyInit, Mac};
    let code = hmac::Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    let code = code.chain_update("clientIdcdeviceNamedevice1productKeyal123456789").finalize();
    cloud.sign_in(&said("c|securemode=2,signmethod=hmacsha256|", USERNAME, &hex::encode(code.into_bytes())))
}

#[test]
fn a_device_gets_its_secret_without_asking_and_has_a_while_to_go() {
    let cloud = entered();
    let admission = cloud.sign_in(&secured(REGISTER, USERNAME, SIGNED)).expect("registered");
    assert_eq!(admission.limit(), Some(Duration::from_secs(15)));
    // No session of a device has that name, and none of a device's topics is its own.
    assert_ne!(admission.name(), Some(USERNAME));
    assert!(!cloud.may_publish(admission.name().unwrap(), "/al123456789/device1/user/get"));
    let secret = given(&admission, "/ext/register", "deviceSecret");
    assert_eq!(given(&admission, "/ext/register", "productKey"), "al123456789");
    assert_eq!(given(&admission, "/ext/register", "deviceName"), "device1");
    assert_eq!(cloud.secret("al123456789", "device1").as_ref(), Some(&secret));
    assert_eq!(sign_in(&cloud, &secret), Ok(Admission::named(USERNAME)));
}

#[test]
fn each_registration_renews_the_secret_until_the_first_sign_in() {
    let cloud = entered();
    let register = || cloud.sign_in(&secured(REGISTER, USERNAME, SIGNED));
    let first = given(&register().unwrap(), "/ext/register", "deviceSecret");
    let second = given(&register().unwrap(), "/ext/register", "deviceSecret");
    assert_ne!(first, second);
    assert_eq!(sign_in(&cloud, &first), Err(ReturnCode::NotAuthorized));
    assert!(!cloud.is_active("al123456789", "device1"));
    assert_eq!(sign_in(&cloud, &second), Ok(Admission::named(USERNAME)));
    assert!(cloud.is_active("al123456789", "device1"));
    assert_eq!(register(), Err(ReturnCode::NotAuthorized));
    assert!(sign_in(&cloud, &second).is_ok());
    cloud.reset("al123456789", "device1");
    assert_eq!(sign_in(&cloud, &second), Err(ReturnCode::NotAuthorized));
    assert!(register().is_ok());
}

#[test]
fn what_is_no_registration_is_refused_with_the_code_for_it() {
    use ReturnCode::{BadUserNameOrPassword, IdentifierRejected, NotAuthorized};
    for (client_id, username, password, code) in [
        (&*REGISTER.replace("random=123,", ""), USERNAME, SIGNED, IdentifierRejected),
        (&REGISTER.replace("random=123", "random="), USERNAME, SIGNED, IdentifierRejected),
        (&REGISTER.replace("=2,", "=3,"), USERNAME, SIGNED, IdentifierRejected),
        (&REGISTER.replace("=2,", "=-2,"), USERNAME, SIGNED, IdentifierRejected),
        (&REGISTER.replace("=register", "=other"), USERNAME, SIGNED, IdentifierRejected),
        (REGISTER, "device1", SIGNED, BadUserNameOrPassword),
        (REGISTER, USERNAME, "no digits", BadUserNameOrPassword),
        (REGISTER, USERNAME, &SIGNED.replace("c2", "c3"), BadUserNameOrPassword),
        (&REGISTER.replace("123", "124"), USERNAME, SIGNED, BadUserNameOrPassword),
        (REGISTER, "device1&al123456780", SIGNED, BadUserNameOrPassword),
        // That one is signed, and nobody has entered it.
        (
            &REGISTER.replace("123,", "7y4Jg5xdKCy9W2i,"),
            "Example_dyn1&a1ExpAkj9Hi",
            "d3b560d5be0c9c19749470e85d912b65685fa4b20edcbd179ccfe98fcca23d5e",
            BadUserNameOrPassword,
        ),
        // Who was entered is registered as such.
        (UNENTERED, USERNAME, SIGNED, BadUserNameOrPassword),
    ] {
        let cloud = entered().product("a1ExpAkj9Hi", "ffFnFlKQW3HYjjPR");
        assert_eq!(cloud.sign_in(&secured(client_id, username, password)), Err(code), "{client_id} {username}");
        assert_eq!(cloud.secret("al123456789", "device1"), None);
    }
    // By plain TCP, whatever else is right.
    for client_id in [REGISTER, UNENTERED] {
        let plain = SignIn { secured: false, ..secured(client_id, USERNAME, SIGNED) };
        assert_eq!(entered().sign_in(&plain), Err(IdentifierRejected));
        assert_eq!(product().sign_in(&plain), Err(IdentifierRejected));
    }
    let disabled = product().disabled_device("al123456789", "device1", "s");
    assert_eq!(disabled.sign_in(&secured(REGISTER, USERNAME, SIGNED)), Err(NotAuthorized));
}

#[test]
fn the_switch_decides() {
    let cloud = entered();
    cloud.switch_registration("al123456789", false);
    for client_id in [REGISTER, UNENTERED] {
        let refused = cloud.sign_in(&secured(client_id, USERNAME, SIGNED));
        assert_eq!(refused, Err(ReturnCode::BadUserNameOrPassword));
    }
    assert_eq!(code(&cloud.https(&form(B3))), "401");
    cloud.switch_registration("al123456789", true);
    assert!(cloud.sign_in(&secured(REGISTER, USERNAME, SIGNED)).is_ok());
}

#[test]
fn five_devices_of_a_name_that_nobody_has_entered_get_a_token_each() {
    let cloud = product();
    let mut tokens = Vec::new();
    for _ in 0..5 {
        let admission = cloud.sign_in(&secured(UNENTERED, USERNAME, SIGNED)).expect("registered");
        assert_eq!(admission.limit(), Some(Duration::from_secs(15)));
        tokens.push(["clientId", "deviceToken"].map(|field| given(&admission, "/ext/regnwl", field)));
    }
    assert_eq!(cloud.sign_in(&secured(UNENTERED, USERNAME, SIGNED)), Err(ReturnCode::NotAuthorized));
    for (index, [client_id, token]) in tokens.iter().enumerate() {
        assert!(!tokens[..index].iter().any(|[other, same]| other == client_id || same == token));
        let connect = format!("{client_id}|securemode=-2,authType=connwl,_ss=1|");
        // Over TCP too.
        assert_eq!(cloud.sign_in(&said(&connect, USERNAME, token)), Ok(Admission::named(USERNAME)));
        let [another, _] = &tokens[(index + 1) % 5];
        for (connect, username, token) in [
            (format!("{another}|securemode=-2,authType=connwl|"), USERNAME, &**token),
            (connect.clone(), "device2&al123456789", token),
            (connect.clone(), USERNAME, &token.to_uppercase()),
            (connect.replace("-2", "2"), USERNAME, token),
        ] {
            let refused = cloud.sign_in(&said(&connect, username, token));
            assert_eq!(refused, Err(ReturnCode::NotAuthorized), "{connect} {username}");
        }
        // This keep-alive is looked at.
        let quick = SignIn { keep_alive: 29, ..said(&connect, USERNAME, token) };
        assert_eq!(cloud.sign_in(&quick), Err(ReturnCode::ServerUnavailable));
    }
    // SDKs say mode 2.
    let other = Aliyun::new().product("al123456789", "madeUpProdSecret");
    assert!(other.sign_in(&secured(&UNENTERED.replace("=-2", "=2"), USERNAME, SIGNED)).is_ok());
}

/// The form of a run that is published.
const PUBLISHED: &str = "productKey=a1ExpAkj9Hi&deviceName=Example_dyn1&random=7y4Jg5xdKCy9W2i\
    &sign=d3b560d5be0c9c19749470e85d912b65685fa4b20edcbd179ccfe98fcca23d5e&signMethod=hmacsha256";
const B3: &str = "productKey=al123456789&deviceName=device1&random=123\
    &sign=c2d7fe2ce7c8914e2c25e315811853dc79afa578d80734bcd0d5e142f68092cc&signMethod=hmacsha256";

fn form(body: &str) -> HttpRequest {
    HttpRequest {
        method: "POST".to_owned(),
        target: "/auth/register/device".to_owned(),
        headers: vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())],
        body: body.as_bytes().to_vec(),
    }
}

fn code(response: &HttpResponse) -> &str {
    response.body.strip_prefix("{\"code\":").and_then(|rest| rest.split([',', '}']).next()).unwrap_or_default()
}

#[test]
fn a_form_brings_a_secret() {
    let cloud = Aliyun::new().product("a1ExpAkj9Hi", "ffFnFlKQW3HYjjPR").entered_device("a1ExpAkj9Hi", "Example_dyn1");
    let response = cloud.https(&form(PUBLISHED));
    let secret = cloud.secret("a1ExpAkj9Hi", "Example_dyn1").expect("a secret");
    let data = format!(r#"{{"productKey":"a1ExpAkj9Hi","deviceName":"Example_dyn1","deviceSecret":"{secret}"}}"#);
    let body = format!(r#"{{"code":200,"data":{data},"message":"success"}}"#);
    assert_eq!(response, HttpResponse { status: 200, body });
}

#[test]
fn what_a_form_is_refused_with() {
    let cloud = entered();
    for (body, expected) in [
        (B3, "200"),
        (&*B3.replace("hmacsha256", "HmacSHA256"), "200"),
        (&B3.replace("device1", "%64evice1"), "200"),
        (&B3.replace("c2d7", "c2d8"), "6287"),
        (&B3.replace("hmacsha256", "hmacmd5"), "6287"),
        (&B3.replace("hmacsha256", "sha256"), "460"),
        (&B3.replace("&random=123", ""), "460"),
        (&B3.replace("random=123", "random="), "460"),
        (&B3.replace("sign=", "sign=x"), "460"),
        ("", "460"),
        (&B3.replace("al123456789", "al123456780"), "6250"),
        (&B3.replace("device1", "dev"), "6280"),
    ] {
        let response = cloud.https(&form(body));
        assert_eq!((response.status, code(&response)), (200, expected), "{body}");
    }
    assert_eq!(code(&product().https(&form(B3))), "6100");
    // Those that nobody has entered are registered over MQTT only.
    let unentered = product();
    unentered.sign_in(&secured(UNENTERED, USERNAME, SIGNED)).expect("registered");
    assert_eq!(code(&unentered.https(&form(B3))), "6100");

    let secret = cloud.secret("al123456789", "device1").expect("a secret");
    sign_in(&cloud, &secret).expect("active");
    let active = cloud.https(&form(B3));
    assert_eq!(active.body, r#"{"code":6289,"message":"device is already active"}"#);

    let elsewhere = HttpRequest { target: "/auth/devicename".to_owned(), ..form(B3) };
    let fetched = HttpRequest { method: "GET".to_owned(), ..form(B3) };
    let json = HttpRequest { headers: Vec::new(), ..form(B3) };
    assert_eq!((cloud.https(&elsewhere).status, cloud.https(&fetched).status), (404, 405));
    assert_eq!(code(&cloud.https(&json)), "460");
}

#[test]
fn no_secret_is_shown() {
    let shown = format!("{:?} {:?}", entered(), form(B3));
    assert!(!shown.contains("madeUp") && !shown.contains("c2d7"), "{shown}");
}
