//! `connect` at an IoT cloud.

use atmqtt_mock::Mock;
use atmqtt_mock::broker::BrokerOptions;
use atmqtt_mock::cloud::{Aliyun, Tencent};
use serde_json::{Value, json};

use super::client::Client;
use crate::program::{Running, broker, command, never_in, port};

/// A secret that is Base64 as well.
const CANARY: &str = "CANARYcanaryCANARY0123456789abcd";

fn client(mock: &Mock, more: &[&str]) -> Client {
    let words = [&["rpc", "--port", port(mock), "-d", "--log", "trace"], more].concat();
    let mut program = command(&words);
    program.env("ATMQTT_TEST_CANARY", CANARY);
    Client::of(Running::of(program))
}

/// Connects with these params, publishes to a topic of the device, and sees that no secret was said.
async fn publishes(options: BrokerOptions, more: &[&str], params: Value, topic: &str) {
    let mock = Mock::builder().broker_options(options).start().expect("a mock");
    let mut client = client(&mock, more);
    client.call("connect", params).await;
    let sent = client.call("publish", json!({"topic": topic, "payload": "{}", "qos": 1})).await;
    assert_eq!(sent["outcome"], "delivered");
    assert_eq!(broker(&mock).published().len(), 1);
    client.end().await;
    let mut said = client.seen.clone();
    while let Some(line) = client.program.stderr.next_line().await.expect("stderr can be read") {
        said += &line;
    }
    assert!(said.contains("a sign-in is made"), "{said}");
    never_in(&said, CANARY);
    assert_eq!(client.code().await, Some(0));
}

const OWN: &str = "/a1ExpAkj9Hi/Example_dyn1/user/get";

fn aliyun() -> BrokerOptions {
    BrokerOptions::new().cloud(Aliyun::new().device("a1ExpAkj9Hi", "Example_dyn1", CANARY))
}

#[tokio::test]
async fn a_device_of_alibaba_signs_in_by_its_own_words() {
    let device = json!({"cloud": "aliyun", "product_key": "a1ExpAkj9Hi", "device_name": "Example_dyn1",
                        "device_secret_ref": "env:ATMQTT_TEST_CANARY"});
    publishes(aliyun(), &[], device.clone(), OWN).await;
    let mut by_module = device;
    by_module["sign_by"] = json!("modem");
    publishes(aliyun(), &[], by_module, OWN).await;
}

#[tokio::test]
async fn what_is_left_out_comes_from_the_command_line() {
    let typed = ["--cloud", "aliyun", "--product-key", "a1ExpAkj9Hi", "--device-secret", "env:ATMQTT_TEST_CANARY"];
    publishes(aliyun(), &typed, json!({"device_name": "Example_dyn1", "keepalive": 300}), OWN).await;
    // Of another cloud it says nothing.
    let tencent = Tencent::new(|| 1_700_000_000).device("ABCDE12345", "dev001", CANARY).expect("Base64");
    let params = json!({"cloud": "tencent", "product_id": "ABCDE12345", "device_name": "dev001",
                        "psk_ref": "env:ATMQTT_TEST_CANARY", "clean_session": false});
    publishes(BrokerOptions::new().cloud(tencent), &typed, params, "ABCDE12345/dev001/data").await;
}

#[tokio::test]
async fn a_secret_itself_is_refused_and_not_repeated() {
    let mock = Mock::builder().broker_options(aliyun()).start().expect("a mock");
    let mut client = client(&mock, &[]);
    for (field, help) in
        [("device_secret_ref", "file:PATH or env:NAME"), ("device_secret", "did you mean device_secret_ref?")]
    {
        let error = client.refused("connect", json!({"cloud": "aliyun", field: CANARY})).await;
        assert_eq!((&error["code"], &error["data"]["field"]), (&json!(-32602), &json!(field)));
        assert!(error.to_string().contains(help) && !error.to_string().contains(CANARY), "{error}");
    }
    let missing = client.refused("connect", json!({"cloud": "aliyun", "product_key": "a1ExpAkj9Hi"})).await;
    assert_eq!((&missing["code"], &missing["data"]["code"]), (&json!(-32002), &json!("input.credential_missing")));
    client.end().await;
    assert_eq!(client.code().await, Some(0));
}
