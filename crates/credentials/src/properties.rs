//! What holds for whatever is put in: no field reaches into its neighbour, and no secret shows.

use std::fmt::Debug;

use proptest::prelude::*;

use crate::aliyun::registration::{Registration, Unregistered};
use crate::aliyun::{Aliyun, PreSharedKey};
use crate::aliyun_mq::{Access, AliyunMq, upload_token};
use crate::aws::sigv4::PresignedUrl;
use crate::aws::{Authorizer, Aws};
use crate::azure::{Azure, dps};
use crate::baidu::Baidu;
use crate::ctwing::CtWing;
use crate::generic::Generic;
use crate::huawei::Huawei;
use crate::jwt::{Claims, Key};
use crate::onenet::OneNet;
use crate::tencent::Tencent;
use crate::tencent::registration::Registration as TencentRegistration;
use crate::thingsboard::{Provisioning, ThingsBoard};
use crate::{Clock, Invalid, Secret, SignIn, UserName};

/// Text that has what separates fields somewhere, as often as not.
fn field() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z0-9]{4,12}", "[a-zA-Z0-9|&;,=/@?#%.:_\\-\r\n\"]{0,12}", any::<String>()]
}

/// A key that every cloud takes: it is Base64 too.
const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZg==";

fn key() -> Secret {
    Secret::new(KEY)
}

/// The user name of a sign-in, and what it falls into.
fn parts(sign_in: &SignIn, separator: char) -> Vec<String> {
    sign_in.username.as_ref().unwrap().expose().split(separator).map(str::to_owned).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever is let through can be taken apart again, so that two devices never sign the same text.
    #[test]
    fn no_field_reaches_into_its_neighbour(a in field(), b in field(), c in field()) {
        if let Ok(made) = Aliyun::new(&*a, &*b, key()).client_id(&*c).sign_in() {
            prop_assert_eq!(parts(&made, '&'), [&*b, &*a]);
            prop_assert_eq!(made.client_id, format!("{c}|securemode=3,signmethod=hmacsha256|"));
            prop_assert!(!c.contains('|'));
        }
        if let Ok(made) = Aliyun::new("pk", "device", key()).client_id("c").tag(&*a, &*b).sign_in() {
            prop_assert_eq!(made.client_id.split(['|', ',', '=']).count(), 8);
        }
        if let Ok(made) = Registration::new(&*a, &*b, key(), &*c).preregistered() {
            prop_assert_eq!(parts(&made, '&'), [&*b, &*a]);
            prop_assert_eq!(made.client_id.split(['|', ',', '=']).count(), 10);
        }
        if let Ok(made) = AliyunMq::signature(&*a, (&b, "device"), &*c, key()).sign_in() {
            prop_assert_eq!(parts(&made, '|'), ["Signature", &*c, &*a]);
            prop_assert_eq!(made.client_id.split("@@@").collect::<Vec<_>>(), [&*b, "device"]);
        }
        if let Ok(made) = Tencent::new("ABCDE12345", &*a, key(), &*b).sign_in() {
            let parts = parts(&made, ';');
            prop_assert_eq!((parts.len(), &parts[0][10..], &*parts[2]), (4, &*a, &*b));
        }
        let onenet = OneNet::device(&*a, &*b, key(), 4_102_444_800);
        if onenet.sign_in().is_ok() {
            let content = onenet.content();
            let lines: Vec<&str> = content.split('\n').collect();
            let resource: Vec<&str> = lines[2].split('/').collect();
            prop_assert_eq!((lines.len(), resource), (4, vec!["products", &*a, "devices", &*b]));
        }
        let azure = Azure::new(&*a, &*b, key(), 4_102_444_800).unencoded_resource();
        if azure.sign_in().is_ok() {
            let content = azure.content();
            let (resource, _) = content.split_once('\n').unwrap();
            prop_assert_eq!((content.split('\n').count(), resource.split('/').count()), (2, 3));
            let end = format!("/devices/{b}");
            prop_assert!(resource.ends_with(&end));
        }
        if let Ok(made) = dps::Provisioning::new(&*a, &*b, key(), 4_102_444_800).sign_in() {
            prop_assert_eq!(parts(&made, '/'), [&*a, "registrations", &*b, "api-version=2019-03-31"]);
        }
        if let Ok(made) = Baidu::new(&*a, &*b, key()).sign_in() {
            prop_assert_eq!(parts(&made, '|'), [&*format!("thingidp@{a}"), &*b, "0", "SHA256"]);
            prop_assert!(!b.contains('&'));
        }
        if let Ok(made) = Huawei::group(&*a, &*b, key()).host("h").sign_in() {
            let parts: Vec<&str> = made.client_id.rsplitn(5, '_').collect();
            prop_assert_eq!(parts, ["2024010100", "0", &*b, "0", &*a]);
        }
        let clock = Clock::at(1_767_270_896).unwrap();
        let tencent = TencentRegistration::new("ABCDE12345", &*a, key(), clock, 1).host(&*b);
        if tencent.https().is_ok() {
            prop_assert_eq!(tencent.content().split('\n').count(), 8);
            prop_assert_eq!(tencent.legacy_content().split(['&', '=']).count(), 8);
            prop_assert_eq!(tencent.body().split('"').count(), 9);
        }
        let authorizer = Authorizer { name: Some(b.clone()), username: a.clone(), ..Authorizer::default() };
        if let Ok(made) = Aws::new("a", "eu-west-1", "t").authorizer(authorizer).sign_in() {
            prop_assert_eq!(parts(&made, '?').len(), 2);
            prop_assert!(!made.username.unwrap().expose().contains('&'));
        }
    }

    /// Whatever a sign-in has in it can stand between quotes in an AT command, but for what the user of a generic broker has said.
    #[test]
    fn nothing_that_ends_an_argument_gets_into_a_sign_in(secret in field(), a in field(), b in field()) {
        for (_, made) in everything(&secret, &a, &b) {
            let Ok(made) = made else { continue };
            let shown = [Some(&*made.host), Some(&*made.client_id), made.username.as_ref().map(UserName::expose),
                         made.password.as_ref().map(Secret::expose)];
            for text in shown.into_iter().flatten() {
                prop_assert!(!text.contains(['"', '\r', '\n', '\0', '\u{1a}', '\u{1b}']), "{}", text.escape_debug());
            }
        }
    }

    /// Neither the secret nor what is made of it shows, whether or not it is of use.
    #[test]
    fn no_secret_shows(salt in "[a-zA-Z0-9+/]{4,8}", spoilt in any::<bool>(), a in field()) {
        let end = if spoilt { " \u{7}" } else { "" };
        // Base64, so that the clouds which decode it get as far as a password.
        let canary = format!("CANARYcanaryCANARY{salt}{end}");
        for (builder, made) in everything(&canary, "device1", "product1") {
            prop_assert!(!builder.contains("CANARY"), "{builder}");
            let said = match &made {
                Ok(made) => format!("{made:?} {made:#?}"),
                Err(why) => format!("{why} {why:?} {:?}", why.advice()),
            };
            prop_assert!(!said.contains("CANARY"), "{said}");
            if let Ok(SignIn { password: Some(password), .. }) = &made {
                prop_assert!(!said.contains(password.expose()), "{said}");
            }
        }
        for said in other_things(&canary, &a) {
            prop_assert!(!said.contains("CANARY"), "{said}");
        }
    }
}

/// Each cloud's builder as it shows itself, and its sign-in, with the same secret in all of them.
fn everything(secret: &str, a: &str, b: &str) -> Vec<(String, Result<SignIn, Invalid>)> {
    let secret = || Secret::new(secret);
    let mut all = Vec::new();
    let mut add = |builder: &dyn Debug, made| all.push((format!("{builder:?} {builder:#?}"), made));
    macro_rules! add {
        ($builder:expr, $make:ident) => {{
            let builder = $builder;
            let made = builder.$make();
            add(&builder, made);
        }};
        ($builder:expr) => {
            add!($builder, sign_in)
        };
    }
    add!(Aliyun::new(b, a, secret()));
    add!(Registration::new(b, a, secret(), "random"), preregistered);
    add!(Registration::new(b, a, secret(), "random"), without_preregistration);
    add!(Unregistered::new(b, a, "client", secret()));
    add!(AliyunMq::signature("mqtt", (a, b), "id", secret()));
    add!(AliyunMq::device_credential("mqtt", (a, b), "id", secret()));
    add!(AliyunMq::tokens("mqtt", (a, b), "id", vec![(Access::Read, secret())]));
    add!(Huawei::new(a, secret()).host("h"));
    add!(Huawei::group(a, b, secret()).host("h"));
    add!(Tencent::new("ABCDE12345", a, secret(), b));
    add!(OneNet::device(b, a, secret(), 4_102_444_800));
    add!(OneNet::product(b, a, secret(), 4_102_444_800));
    add!(Azure::new(b, a, secret(), 4_102_444_800));
    add!(dps::Provisioning::new(b, a, secret(), 4_102_444_800));
    let token = Some((b.to_owned(), secret(), secret()));
    let authorizer = Authorizer { name: None, username: a.to_owned(), password: Some(secret()), token };
    add!(Aws::new("a", "eu-west-1", "t").authorizer(authorizer));
    add!(Baidu::new(b, a, secret()));
    add!(ThingsBoard::token("h", "id", secret()));
    add!(ThingsBoard::basic("h", "id", "me", Some(secret())));
    add!(CtWing::new(a, secret()));
    add!(Generic::new("h", "id").username("me").token(Key::Raw(secret()), None, None));
    all
}

/// What else there is that has a secret in it, as it shows itself.
fn other_things(canary: &str, a: &str) -> Vec<String> {
    let secret = || Secret::new(canary);
    let clock = Clock::at(1_767_270_896).unwrap();
    let tencent = TencentRegistration::new("ABCDE12345", "dev001", secret(), clock, 1);
    let url = PresignedUrl {
        host: "h".to_owned(),
        region: "eu-west-1".to_owned(),
        access_key_id: "ID".to_owned(),
        secret_access_key: secret(),
        session_token: Some(secret()),
        expires: 60,
    };
    let psk: Result<PreSharedKey, Invalid> = Aliyun::new("pk", "device", secret()).pre_shared_key();
    let answer = format!(r#"{{"productKey":"pk","deviceName":{a:?},"deviceSecret":"{canary}"}}"#);
    let registration = Registration::new("pk", "device", secret(), "r");
    vec![
        format!("{psk:?}"),
        format!("{:?}", registration.https()),
        format!("{:?}", registration.answer("/ext/register", answer.as_bytes())),
        format!("{:?}", registration.https_answer(format!(r#"{{"code":200,"data":{answer}}}"#).as_bytes())),
        format!("{tencent:?} {:?} {:?}", tencent.https(), tencent.https_legacy()),
        format!("{url:?} {:?}", url.sign(clock)),
        format!("{:?}", dps::device_key(&secret(), "dev001")),
        format!("{:?}", upload_token(Access::Read, &secret())),
        format!("{:?}", Provisioning::new("key", secret()).request()),
        format!("{:?}", Claims::default().sign(&Key::Base64(secret()))),
    ]
}
