//! Huawei Cloud IoTDA: what comes in, what is refused, and which topics are a device's.

use super::said;
use crate::broker::{Admission, ReturnCode, SignIn};
use crate::cloud::{Cloud, Huawei};

const ID: &str = "5f052ac562369102d42b0fb6";
const CLIENT_ID: &str = "5f052ac562369102d42b0fb6_0_0_2019122614";
const PASSWORD: &str = "7b4629ecb96cd3d37e63cf8b0e42ab8e4b056e462aef3e6e85889b11afbed50d";
/// 2019-12-26 14:30 UTC
const NOW: u64 = 1_577_370_600;

fn cloud(now: u64) -> Huawei {
    Huawei::new(move || now).device(ID, "madeUpDeviceSecret01").device("product_node", "12345678")
}

#[test]
fn what_is_signed_rightly_comes_in() {
    assert_eq!(cloud(0).sign_in(&said(CLIENT_ID, ID, PASSWORD)), Ok(Admission::named(ID)));
    // The only output that the cloud itself has published, and an id with a stroke in it.
    let published = "c75150e6cb841417396819e4d2ee4358a416344a03a083e3a8567074ddec820a";
    let answer = cloud(0).sign_in(&said("product_node_0_0_2025041401", "product_node", published));
    assert_eq!(answer, Ok(Admission::named("product_node")));
}

#[test]
fn a_time_is_checked_where_that_is_asked_for() {
    let checked = CLIENT_ID.replace("_0_0_", "_0_1_");
    for (now, is_in) in [(NOW, true), (NOW - 3600, true), (NOW + 3600, true), (NOW + 7200, false), (0, false)] {
        let answer = cloud(now).sign_in(&said(&checked, ID, PASSWORD));
        assert_eq!(answer.err(), (!is_in).then_some(ReturnCode::NotAuthorized), "{now}");
        assert!(cloud(now).sign_in(&said(CLIENT_ID, ID, PASSWORD)).is_ok());
    }
}

#[test]
fn what_is_not_is_refused_with_the_code_for_it() {
    use ReturnCode::{BadUserNameOrPassword, IdentifierRejected, NotAuthorized};
    for (client_id, username, password, code) in [
        (ID, ID, PASSWORD, IdentifierRejected),
        ("5f052ac562369102d42b0fb6_0_2_2019122614", ID, PASSWORD, IdentifierRejected),
        ("5f052ac562369102d42b0fb6_3_0_2019122614", ID, PASSWORD, IdentifierRejected),
        ("5f052ac562369102d42b0fb6_0_0_201912261", ID, PASSWORD, IdentifierRejected),
        ("_0_0_2019122614", ID, PASSWORD, IdentifierRejected),
        ("5f052ac562369102d42b0fb6_0_0_2019122615", ID, PASSWORD, BadUserNameOrPassword),
        (CLIENT_ID, "another", PASSWORD, BadUserNameOrPassword),
        (CLIENT_ID, ID, "madeUpDeviceSecret01", BadUserNameOrPassword),
        (CLIENT_ID, ID, &PASSWORD.to_uppercase(), BadUserNameOrPassword),
        (CLIENT_ID, ID, &PASSWORD.replace("7b", "7c"), BadUserNameOrPassword),
        ("another_0_0_2019122614", "another", PASSWORD, NotAuthorized),
    ] {
        let answer = cloud(0).sign_in(&said(client_id, username, password));
        assert_eq!(answer, Err(code), "{client_id} {username} {password}");
    }
    for (keep_alive, is_in) in [(0, false), (29, false), (30, true), (1200, true), (1201, false)] {
        let answer = cloud(0).sign_in(&SignIn { keep_alive, ..said(CLIENT_ID, ID, PASSWORD) });
        assert_eq!(answer.err(), (!is_in).then_some(IdentifierRejected), "{keep_alive}");
    }
}

#[test]
fn a_device_has_its_own_topics() {
    for (topic, is_own) in [
        ("$oc/devices/5f052ac562369102d42b0fb6/sys/properties/report", true),
        ("$oc/devices/5f052ac562369102d42b0fb6/sys/commands/#", true),
        ("$oc/devices/another/sys/properties/report", false),
        ("$oc/devices/+/sys/properties/report", false),
        ("$oc/devices/5f052ac562369102d42b0fb6", false),
        ("#", false),
    ] {
        assert_eq!(cloud(0).may_publish(ID, topic), is_own, "{topic}");
        assert_eq!(cloud(0).may_subscribe(ID, topic), is_own, "{topic}");
    }
}
