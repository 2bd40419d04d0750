//! Tencent IoT Hub and IoT Explorer: what comes in, what is refused, and which topics are a device's.

use super::said;
use crate::broker::{Admission, ReturnCode, SignIn};
use crate::cloud::{Cloud, NotBase64, Tencent};

const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZg==";
const CLIENT_ID: &str = "ABCDE12345dev001";
const USERNAME: &str = "ABCDE12345dev001;12010126;abcde;4102444800";
const PASSWORD: &str = "0c141eb1a62dc19abf2b081286b57375fc2efd50b9d8f64e5432b6d795ffcb00;hmacsha256";

fn cloud(now: u64) -> Tencent {
    Tencent::new(move || now).device("ABCDE12345", "dev001", KEY).expect("Base64")
}

#[test]
fn what_is_signed_rightly_comes_in_until_it_expires() {
    let sign_in = said(CLIENT_ID, USERNAME, PASSWORD);
    assert_eq!(cloud(1_700_000_000).sign_in(&sign_in), Ok(Admission::named(CLIENT_ID)));
    assert_eq!(cloud(4_102_444_800).sign_in(&sign_in), Err(ReturnCode::NotAuthorized));
    assert_eq!(Tencent::new(|| 0).sign_in(&sign_in), Err(ReturnCode::NotAuthorized));
    for (keep_alive, is_in) in [(0, true), (900, true), (901, false)] {
        assert_eq!(cloud(0).sign_in(&SignIn { keep_alive, ..sign_in }).is_ok(), is_in, "{keep_alive}");
    }
}

#[test]
fn what_is_not_is_refused() {
    use ReturnCode::{BadUserNameOrPassword, NotAuthorized};
    let other = PASSWORD.replace("0c14", "0c15");
    for (client_id, username, password, code) in [
        (CLIENT_ID, USERNAME, &*other, NotAuthorized),
        (CLIENT_ID, USERNAME, &PASSWORD.replace("sha256", "sha1"), NotAuthorized),
        (CLIENT_ID, &USERNAME.replace("abcde", "abcdf"), PASSWORD, NotAuthorized),
        (CLIENT_ID, &USERNAME.replace("4102444800", "4102444801"), PASSWORD, NotAuthorized),
        (CLIENT_ID, USERNAME, &PASSWORD.to_uppercase(), BadUserNameOrPassword),
        (CLIENT_ID, USERNAME, PASSWORD.trim_end_matches(";hmacsha256"), BadUserNameOrPassword),
        (CLIENT_ID, CLIENT_ID, PASSWORD, BadUserNameOrPassword),
        (CLIENT_ID, &format!("{USERNAME};"), PASSWORD, BadUserNameOrPassword),
        ("ABCDE12345dev002", USERNAME, PASSWORD, BadUserNameOrPassword),
    ] {
        let answer = cloud(1_700_000_000).sign_in(&said(client_id, username, password));
        assert_eq!(answer, Err(code), "{client_id} {username} {password}");
    }
    assert_eq!(Tencent::new(|| 0).device("p", "d", "no Base64").err(), Some(NotBase64));
}

#[test]
fn a_device_has_its_own_topics() {
    for (topic, publish, subscribe) in [
        ("ABCDE12345/dev001/data", true, true),
        ("$thing/up/property/ABCDE12345/dev001", true, false),
        ("$thing/down/property/ABCDE12345/dev001", false, true),
        ("$ota/report/ABCDE12345/dev001", true, false),
        ("$ota/update/ABCDE12345/dev001", false, true),
        ("$sys/operation/ABCDE12345/dev001", true, false),
        ("$sys/operation/result/ABCDE12345/dev001", false, true),
        ("ABCDE12345/dev002/data", false, false),
        ("ABCDE12345/+/data", false, false),
        ("$thing/up/property/ABCDE12345/dev002", false, false),
        ("#", false, false),
    ] {
        assert_eq!(cloud(0).may_publish(CLIENT_ID, topic), publish, "{topic}");
        assert_eq!(cloud(0).may_subscribe(CLIENT_ID, topic), subscribe, "{topic}");
    }
}
