//! OneNET: what comes in, what is refused, and which topics are a device's.

use super::said;
use crate::broker::{Admission, ReturnCode, SignIn};
use crate::cloud::{Cloud, OneNet};

const KEY: &str = "KuF3NT/jUBJ62LNBB/A8XZA9CqS3Cu79B/ABmfA1UCw=";
/// Published by OneNET.
const TOKEN: &str =
    "version=2018-10-31&res=products%2F123123&et=1537255523&method=sha1&sign=lsaPSiiGvEFFjXu5WU7a6IkScqE%3D";
const NOW: u64 = 1_537_255_000;

fn cloud(now: u64) -> OneNet {
    OneNet::new(move || now).product("123123", KEY).expect("Base64")
}

#[test]
fn what_is_signed_rightly_comes_in_until_it_expires() {
    for token in [
        TOKEN,
        "version=2018-10-31&res=products%2F123123&et=1537255523&method=md5&sign=M3jB6jcSNUuGcvW3dFcrWA%3D%3D",
        "version=2018-10-31&res=products%2F123123&et=1537255523&method=sha256&\
         sign=tuFMd8Cc5krZO%2BRiNaW4mad5tauSFq2J89Gd70MXQPI%3D",
    ] {
        let sign_in = said("device", "123123", token);
        assert_eq!(cloud(NOW).sign_in(&sign_in), Ok(Admission::named("123123/device")), "{token}");
        assert_eq!(cloud(1_537_255_523).sign_in(&sign_in), Err(ReturnCode::NotAuthorized));
    }
    for (keep_alive, is_in) in [(9, false), (10, true), (1800, true), (1801, false)] {
        let sign_in = SignIn { keep_alive, ..said("device", "123123", TOKEN) };
        assert_eq!(cloud(NOW).sign_in(&sign_in).is_ok(), is_in, "{keep_alive}");
    }
}

#[test]
fn what_is_not_is_refused() {
    use ReturnCode::{BadUserNameOrPassword, NotAuthorized};
    for (username, token, code) in [
        ("123124", TOKEN, NotAuthorized),
        ("123123", &*TOKEN.replace("lsa", "lsb"), NotAuthorized),
        ("123123", &TOKEN.replace("1537255523", "1537255524"), NotAuthorized),
        ("123123", &TOKEN.replace("=sha1", "=sha256"), NotAuthorized),
        ("123123", &TOKEN.replace("123123", "123123%2Fdevices%2Fdevice"), NotAuthorized),
        ("123123", &TOKEN.replace("2018-10-31", "2020-05-29"), BadUserNameOrPassword),
        ("123123", &TOKEN.replace("=sha1", "=sha512"), BadUserNameOrPassword),
        ("123123", &TOKEN.replace("&et=1537255523", ""), BadUserNameOrPassword),
        ("123123", &format!("{TOKEN}&et=1537255523"), BadUserNameOrPassword),
        ("123123", KEY, BadUserNameOrPassword),
    ] {
        assert_eq!(cloud(NOW).sign_in(&said("device", username, token)), Err(code), "{username} {token}");
    }
    // A device with a key of its own does not sign with another's.
    let own = OneNet::new(|| NOW).device("123123", "device", KEY).expect("Base64");
    assert_eq!(own.sign_in(&said("device", "123123", TOKEN)), Err(NotAuthorized));
}

#[test]
fn a_device_has_its_own_topics() {
    for (topic, is_own) in [
        ("$sys/123123/device/dp/post/json", true),
        ("$sys/123123/device/#", true),
        ("$sys/123123/device", false),
        ("$sys/123123/device2/dp/post/json", false),
        ("$sys/+/device/dp/post/json", false),
        ("123123/device/dp", false),
    ] {
        assert_eq!(cloud(0).may_publish("123123/device", topic), is_own, "{topic}");
        assert_eq!(cloud(0).may_subscribe("123123/device", topic), is_own, "{topic}");
    }
}
