//! Azure IoT Hub: what comes in, what is refused, and which topics are a device's.

use super::said;
use crate::broker::{Admission, ReturnCode};
use crate::cloud::{Azure, Cloud};

const HOST: &str = "example-hub.azure-devices.net";
const KEY: &str = "Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc=";
const USERNAME: &str = "example-hub.azure-devices.net/dev001/?api-version=2021-04-12";
const TOKEN: &str = "SharedAccessSignature sr=example-hub.azure-devices.net%2Fdevices%2Fdev001&\
                     sig=Fhq9puVKTO4ATqqV%2B78Pc%2BRDY9HGRvrnZuEJ3XDmEqQ%3D&se=4102444800";

fn hub(now: u64) -> Azure {
    Azure::new(HOST, move || now).device("dev001", KEY).expect("Base64")
}

#[test]
fn what_is_signed_rightly_comes_in_until_it_expires() {
    let as_it_is = "SharedAccessSignature sr=example-hub.azure-devices.net/devices/dev001&\
                    sig=eHOpmSYeeP9SvPP%2BAfAYrHv2mYsQZcUYDr8oIbjEicI%3D&se=4102444800";
    for token in [TOKEN, as_it_is] {
        let sign_in = said("dev001", USERNAME, token);
        assert_eq!(hub(1_700_000_000).sign_in(&sign_in), Ok(Admission::named("dev001")), "{token}");
        assert_eq!(hub(4_102_444_800).sign_in(&sign_in), Err(ReturnCode::NotAuthorized));
    }
}

#[test]
fn what_is_not_is_refused() {
    for (client_id, username, token) in [
        ("dev002", USERNAME, TOKEN),
        ("dev001", "other-hub.azure-devices.net/dev001/?api-version=2021-04-12", TOKEN),
        ("dev001", "example-hub.azure-devices.net/dev002/?api-version=2021-04-12", TOKEN),
        ("dev001", "example-hub.azure-devices.net/dev001", TOKEN),
        ("dev001", USERNAME, &*TOKEN.replace("Fhq", "Fhr")),
        ("dev001", USERNAME, &TOKEN.replace("%2Fdevices%2F", "/devices/")),
        ("dev001", USERNAME, &TOKEN.replace("4102444800", "4102444801")),
        ("dev001", USERNAME, &format!("{TOKEN}&skn=device")),
        ("dev001", USERNAME, TOKEN.trim_start_matches("SharedAccessSignature ")),
        ("dev001", USERNAME, KEY),
    ] {
        let answer = hub(1_700_000_000).sign_in(&said(client_id, username, token));
        assert_eq!(answer, Err(ReturnCode::NotAuthorized), "{client_id} {username} {token}");
    }
}

#[test]
fn a_device_has_its_own_topics() {
    for (topic, publish, subscribe) in [
        ("devices/dev001/messages/events/", true, false),
        ("devices/dev001/messages/events/a=b", true, false),
        ("devices/dev001/messages/devicebound/#", false, true),
        ("$iothub/twin/GET/?$rid=1", true, false),
        ("$iothub/twin/res/#", false, true),
        ("$iothub/methods/res/200/?$rid=1", true, false),
        ("$iothub/methods/POST/#", false, true),
        ("devices/dev002/messages/events/", false, false),
        ("devices/+/messages/devicebound/#", false, false),
        ("#", false, false),
    ] {
        assert_eq!(hub(0).may_publish("dev001", topic), publish, "{topic}");
        assert_eq!(hub(0).may_subscribe("dev001", topic), subscribe, "{topic}");
    }
}
