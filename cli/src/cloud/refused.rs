//! What a cloud means by a refused sign-in, where its documentation says more than MQTT does.

use crate::args::CloudName;
use crate::exit::Failure;

/// MQTT 3.1.1, 3.2.2.3: the return codes of a refusal.
const IDENTIFIER_REJECTED: i32 = 2;
const UNAVAILABLE: i32 = 3;
const BAD_USER_NAME_OR_PASSWORD: i32 = 4;
const NOT_AUTHORIZED: i32 = 5;

/// What a return code means there, and what to do about it, in a sentence without a full stop.
fn meaning(cloud: CloudName, code: i32) -> Option<&'static str> {
    Some(match (cloud, code) {
        // Documentation 148610, of Alibaba.
        (CloudName::Aliyun, IDENTIFIER_REJECTED) => {
            "the platform cannot read the client id, or what stands between its bars: use another one (-i), without signs of its own"
        }
        (CloudName::Aliyun, UNAVAILABLE) => {
            "the platform says so of a keep-alive below 30 s too (-k 30 to 1200); else try again later"
        }
        (CloudName::Aliyun, BAD_USER_NAME_OR_PASSWORD) => {
            "user name or password are not of the form that the platform takes: check --product-key and --device-name"
        }
        (CloudName::Aliyun, NOT_AUTHORIZED) => {
            "the signature does not fit (--device-secret), the device is disabled or deleted, or it belongs to another instance or \
             region (--instance, --region); which of them, the log in the console says"
        }
        // Documentation and Python SDK of Huawei.
        (CloudName::Huawei, IDENTIFIER_REJECTED) => {
            "the platform cannot read the client id, or the keep-alive is out of its range (-k 30 to 1200)"
        }
        (CloudName::Huawei, BAD_USER_NAME_OR_PASSWORD) => {
            "the password does not fit the device: check its id (--device-name, --product-key) and --device-secret"
        }
        (CloudName::Huawei, NOT_AUTHORIZED) => {
            "the device may not sign in here: see in the console whether it is frozen"
        }
        // Azure: C SDK, and documentation of the IoT hub.
        (CloudName::Azure, UNAVAILABLE) => "the hub says so of a device that is disabled too; else try again later",
        (CloudName::Azure, NOT_AUTHORIZED) => {
            "the token or its key is wrong, or it has expired: check --device-secret, --instance and the clock of this computer"
        }
        // Documentation of ThingsBoard, MQTT device API.
        (CloudName::ThingsBoard, BAD_USER_NAME_OR_PASSWORD) => {
            "the user name is empty: it is the access token (--device-secret)"
        }
        (CloudName::ThingsBoard, NOT_AUTHORIZED) => "no device has this access token (--device-secret)",
        _ => return None,
    })
}

/// A failure of a sign-in at a cloud, in the cloud's words where it has some.
pub(crate) fn explained(cloud: CloudName, failure: Failure) -> Failure {
    let of_broker = failure.vendor_code.filter(|_| failure.code.starts_with("broker."));
    match of_broker.and_then(|code| meaning(cloud, code)) {
        Some(meaning) => failure.help(meaning),
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum;

    #[test]
    fn a_refusal_has_the_help_of_the_cloud_and_all_else_its_own() {
        let failure = |code, vendor_code| Failure { vendor_code, ..Failure::new(code, "m").help("h") };
        let help = |cloud, code, vendor_code| explained(cloud, failure(code, vendor_code)).help.unwrap();
        assert!(help(CloudName::Aliyun, "broker.not_authorized", Some(5)).contains("disabled or deleted"));
        assert!(help(CloudName::Huawei, "broker.identifier_rejected", Some(2)).contains("keep-alive"));
        for (cloud, code, vendor_code) in [
            // Nothing is documented of it.
            (CloudName::Tencent, "broker.not_authorized", Some(5)),
            (CloudName::Aliyun, "broker.unacceptable_protocol", Some(1)),
            (CloudName::Aliyun, "broker.refused", None),
            // A module's code, which is another table's.
            (CloudName::Aliyun, "network.open", Some(5)),
        ] {
            assert_eq!(help(cloud, code, vendor_code), "h", "{cloud:?} {code}");
        }
    }

    #[test]
    fn no_meaning_ends_like_a_sentence() {
        for cloud in CloudName::value_variants() {
            for meaning in (0..=6).filter_map(|code| meaning(*cloud, code)) {
                assert!(!meaning.ends_with('.') && !meaning.contains("  "), "{meaning}");
            }
        }
    }
}
