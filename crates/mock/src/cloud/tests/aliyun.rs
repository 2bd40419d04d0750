//! Alibaba Cloud IoT Platform: what comes in, what is refused, and which topics are a device's.

use super::said;
use crate::broker::{Admission, ReturnCode, SignIn};
use crate::cloud::{Aliyun, Cloud};

const SHA1: &str = "fafd82a3d602b37fb0fa8b7892f24a477f851a14";
const CLIENT_ID: &str = "12345|securemode=3,signmethod=hmacsha1,timestamp=789|";

fn cloud() -> Aliyun {
    Aliyun::new()
        .device("pk", "device", "secret")
        .device("a1ExpAkj9Hi", "Example_dyn1", "KGQQFFlGinIipW9Xn7xQ5U6d6MokPZD4")
        .disabled_device("pk", "disabled", "secret")
}

fn answer(client_id: &str, username: &str, password: &str) -> Result<Admission, ReturnCode> {
    cloud().sign_in(&said(client_id, username, password))
}

#[test]
fn what_is_signed_rightly_comes_in() {
    for (client_id, username, password) in [
        (CLIENT_ID, "device&pk", SHA1),
        (CLIENT_ID, "device&pk", "FAFD82A3D602B37FB0FA8B7892F24A477F851A14"),
        ("12345|timestamp=789,securemode=2|", "device&pk", "14b198324fe55e1d3c88f2e705e201ee"),
        (
            "12345|securemode=3,signmethod=hmacsha256,timestamp=789|",
            "device&pk",
            "6074a46a91b1ebb2cc4ea42790ad0e80202c9843859fc292e57c4eb19fad9e57",
        ),
        ("12345|securemode=3,signmethod=hmacmd5|", "device&pk", "2ce7304ec0ddd548eb1492d65ac0b334"),
        ("12345|securemode=3,signmethod=hmacsha1|", "device&pk", "3504e4df7ce4766d30f796ee973c9ce7fc5425cb"),
        (
            "12345|securemode=3,signmethod=hmacsha256|",
            "device&pk",
            "c8cb3dcb7159682438e5fd9a9c34f398e41bb8edb6f222795e307bafee151090",
        ),
        (
            "a1ExpAkj9Hi.Example_dyn1|timestamp=2524608000000,_ss=1,_v=sdk-c-4.2.0,securemode=2,\
             signmethod=hmacsha256,ext=3|",
            "Example_dyn1&a1ExpAkj9Hi",
            "4cdce2673dbe3a3611d34b06a2dbb377f1e091505facd9b354314fc5ff3d5931",
        ),
    ] {
        assert_eq!(answer(client_id, username, password), Ok(Admission::named(username)), "{client_id}");
    }
}

#[test]
fn what_is_not_is_refused_with_the_code_for_it() {
    use ReturnCode::{BadUserNameOrPassword, IdentifierRejected, NotAuthorized};
    let long = format!("{}|securemode=3,signmethod=hmacsha1|", "x".repeat(65));
    for (client_id, username, password, code) in [
        ("12345", "device&pk", SHA1, IdentifierRejected),
        ("12345|securemode=3,signmethod=hmacsha1,timestamp=789", "device&pk", SHA1, IdentifierRejected),
        ("|securemode=3,signmethod=hmacsha1,timestamp=789|", "device&pk", SHA1, IdentifierRejected),
        ("12345||", "device&pk", SHA1, IdentifierRejected),
        ("12345|signmethod=hmacsha1,timestamp=789|", "device&pk", SHA1, IdentifierRejected),
        ("12345|securemode=3,signmethod=sha1,timestamp=789|", "device&pk", SHA1, IdentifierRejected),
        ("12345|securemode=3|signmethod=hmacsha1|", "device&pk", SHA1, IdentifierRejected),
        (&long, "device&pk", SHA1, IdentifierRejected),
        (CLIENT_ID, "device", SHA1, BadUserNameOrPassword),
        (CLIENT_ID, "&pk", SHA1, BadUserNameOrPassword),
        (CLIENT_ID, "device&pk&", SHA1, BadUserNameOrPassword),
        (CLIENT_ID, "device&pk", "", BadUserNameOrPassword),
        (CLIENT_ID, "device&pk", "secret", BadUserNameOrPassword),
        (CLIENT_ID, "device&pk", "fafd82a3d602b37fb0fa8b7892f24a477f851a15", NotAuthorized),
        (CLIENT_ID, "device&pk", "fafd82a3d602b37fb0fa8b7892f24a47", NotAuthorized),
        (CLIENT_ID, "pk&device", SHA1, NotAuthorized),
        (CLIENT_ID, "other&pk", SHA1, NotAuthorized),
        // The timestamp is signed, and so is what stands before the bars.
        ("12345|securemode=3,signmethod=hmacsha1,timestamp=790|", "device&pk", SHA1, NotAuthorized),
        ("12345|securemode=3,signmethod=hmacsha1|", "device&pk", SHA1, NotAuthorized),
        ("12346|securemode=3,signmethod=hmacsha1,timestamp=789|", "device&pk", SHA1, NotAuthorized),
        ("12345|securemode=3,signmethod=hmacmd5,timestamp=789|", "device&pk", SHA1, NotAuthorized),
        ("12345|securemode=-2,signmethod=hmacsha1,timestamp=789|", "device&pk", SHA1, NotAuthorized),
    ] {
        assert_eq!(answer(client_id, username, password), Err(code), "{client_id} {username} {password}");
    }
    let (username, password) = ("device&pk", Some(SHA1.as_bytes()));
    for (username, password) in [(None, password), (Some(username), None), (Some(username), Some(b"\xff" as &[u8]))] {
        let sign_in = SignIn { username, password, ..said(CLIENT_ID, "", "") };
        assert_eq!(cloud().sign_in(&sign_in), Err(BadUserNameOrPassword), "{sign_in:?}");
    }
}

#[test]
fn a_device_that_is_disabled_is_not_authorized() {
    let client_id = "12345|securemode=3,signmethod=hmacsha1|";
    let signed = "clientId12345deviceNamedisabledproductKeypk";
    let code =
        hmac::Mac::chain_update(<hmac::Hmac<sha1::Sha1> as hmac::KeyInit>::new_from_slice(b"secret").unwrap(), signed);
    let password = hex::encode(hmac::Mac::finalize(code).into_bytes());
    assert_eq!(answer(client_id, "disabled&pk", &password), Err(ReturnCode::NotAuthorized));
    let enabled = Aliyun::new().device("pk", "disabled", "secret");
    assert!(enabled.sign_in(&said(client_id, "disabled&pk", &password)).is_ok());
}

#[test]
fn the_keep_alive_has_a_range() {
    for (keep_alive, is_in) in [(0, false), (29, false), (30, true), (1200, true), (1201, false)] {
        let answer = cloud().sign_in(&SignIn { keep_alive, ..said(CLIENT_ID, "device&pk", SHA1) });
        assert_eq!(answer.err(), (!is_in).then_some(ReturnCode::ServerUnavailable), "{keep_alive}");
    }
}

#[test]
fn a_device_has_its_own_topics() {
    let long = format!("/pk/device/user/{}", "x".repeat(113));
    for (topic, publish, subscribe) in [
        ("/pk/device/user/get", true, true),
        ("/pk/device/user/a/b/c/d", true, true),
        ("/pk/device/user/a/b/c/d/e", false, false),
        (&long[..128], true, true),
        (&long, false, false),
        ("/pk/device/user/#", true, true),
        ("/sys/pk/device/thing/event/property/batch/post", true, true),
        ("/ext/ntp/pk/device/request", true, true),
        ("/ext/session/pk/device/combine/login", true, true),
        ("/ext/rrpc/+/pk/device/user/get", true, true),
        ("/shadow/update/pk/device", true, false),
        ("/shadow/get/pk/device", false, true),
        ("/ota/device/inform/pk/device", true, false),
        ("/ota/device/upgrade/pk/device", false, true),
        ("/broadcast/pk/all", false, true),
        ("/broadcast/other/all", false, false),
        ("/pk/other/user/get", false, false),
        ("/other/device/user/get", false, false),
        ("/pk/+/user/get", false, false),
        ("/pk/device", false, false),
        ("/pk/device/get", false, false),
        ("pk/device/user/get", false, false),
        ("/sys/pk/other/thing/event/property/post", false, false),
        ("/ext/ntp/pk/other/request", false, false),
        ("#", false, false),
        ("demo/hello", false, false),
    ] {
        assert_eq!(cloud().may_publish("device&pk", topic), publish, "{topic}");
        assert_eq!(cloud().may_subscribe("device&pk", topic), subscribe, "{topic}");
    }
}

#[test]
fn no_secret_is_shown() {
    let shown = format!("{:?}", cloud());
    assert!(shown.contains("device&pk") && !shown.contains("secret"), "{shown}");
}
