//! `--sign-by modem`: the module makes the sign-in at Alibaba by itself, against a broker that checks it as the platform does.

use std::fs;

use atmqtt::outbox::{Now, Outbox, OutboxOptions};
use atmqtt::{Outgoing, Topic};
use atmqtt_mock::Mock;
use atmqtt_mock::broker::{BrokerOptions, Message, QoS};
use atmqtt_mock::cloud::Aliyun;
use atmqtt_mock::modem::{Fault, Model, ModemOptions, NT35E};
use serde_json::json;

use crate::program::{Running, broker, command, finish, never_in, port, run};
use crate::rpc::client::Client;

/// The device of the worked example in the Lierda AT manual, with another secret.
const DEVICE: [&str; 6] = ["--cloud", "aliyun", "--product-key", "a1JszCpjS61", "--device-name", "NT35E_06011"];
const SECRET: [&str; 2] = ["--device-secret", "env:ATMQTT_TEST_CANARY"];
const BY_MODEM: [&str; 2] = ["--sign-by", "modem"];
const OWN: &str = "/a1JszCpjS61/NT35E_06011/user/COMMUTEST";
const CANARY: &str = "CANARYcanaryCANARY0123456789abcd";

/// A module whose network leads to the cloud that knows the device.
fn mock(model: &str) -> Mock {
    let model = Model::named(model).expect("a model");
    let cloud = Aliyun::new().device("a1JszCpjS61", "NT35E_06011", CANARY);
    let modem = ModemOptions { model, ..ModemOptions::default() };
    Mock::builder().modem(modem).broker_options(BrokerOptions::new().cloud(cloud)).start().expect("a mock")
}

/// The commands that the module has heard whose names begin so, with the secret in the place where it belongs and nowhere else.
fn heard(mock: &Mock, name: &str) -> Vec<String> {
    let lines = mock.log().lines().into_iter().filter(|line| line.starts_with(name));
    lines.map(|line| line.replace(CANARY, "SECRET")).collect()
}

/// A client of `rpc` with the device on its command line.
fn client(mock: &Mock, more: &[&str]) -> Client {
    let words = [&["rpc", "--port", port(mock)], &DEVICE[..], &SECRET, &BY_MODEM, more].concat();
    let mut program = command(&words);
    program.env("ATMQTT_TEST_CANARY", CANARY);
    Client::of(Running::of(program))
}

/// The worked example of the manual, step by step: cloud, aliauth, open, connect, subscribe, publish, and the message comes back.
#[tokio::test]
async fn the_example_of_the_manual_works_step_by_step() {
    let mock = mock(NT35E.name);
    let mut client = client(&mock, &["-i", "NT35E"]);
    client.call("connect", json!({})).await;
    client.call("subscribe", json!({"filter": OWN, "qos": 1})).await;
    let sent = client.call("publish", json!({"topic": OWN, "payload": "1122334455"})).await;
    assert_eq!(sent["outcome"], "sent");
    let back = client.notified("message", |_| true).await;
    assert_eq!((&back["topic"], &back["payload"]), (&json!(OWN), &json!("1122334455")));
    client.end().await;
    assert_eq!(client.code().await, Some(0));
    let all = heard(&mock, "AT+LMQTT");
    let steps = [
        "AT+LMQTTCFG=\"cloud\",0,2,1",
        "AT+LMQTTCFG=\"aliauth\",0,\"a1JszCpjS61\",\"NT35E_06011\",\"SECRET\"",
        "AT+LMQTTOPEN=0,\"a1JszCpjS61.iot-as-mqtt.cn-shanghai.aliyuncs.com\",1883",
        "AT+LMQTTCONN=0,\"NT35E\"",
        "AT+LMQTTSUBUNSUB=0,0,1,\"/a1JszCpjS61/NT35E_06011/user/COMMUTEST\",1",
        "AT+LMQTTPUB=0,0,0,0,\"/a1JszCpjS61/NT35E_06011/user/COMMUTEST\",10,\"1122334455\"",
    ];
    let mut places = steps.iter().map(|step| all.iter().position(|line| line == step));
    let in_order = places.try_fold(0, |before, place| place.filter(|place| *place >= before));
    assert!(in_order.is_some(), "{all:#?}");
}

/// Settings hold for one connection: each that is made anew has them anew, before it is opened.
#[tokio::test]
async fn a_kept_connection_tells_the_module_again_who_it_is() {
    let mock = mock(NT35E.name);
    let mut client = client(&mock, &["--set", "reconnect.min=10ms", "--set", "reconnect.max=10ms"]);
    client.call("connect", json!({})).await;
    client.call("subscribe", json!({"filter": OWN, "qos": 1})).await;
    mock.control().order(Fault::DropLinks).await.expect("a mock that runs");
    client.notified("link", |link| link["state"] == "down").await;
    client.notified("link", |link| link["state"] == "up").await;
    client.call("publish", json!({"topic": OWN, "payload": "{}", "qos": 1})).await;
    assert_eq!(client.notified("message", |_| true).await["payload"], "{}");
    client.end().await;
    let order =
        |line: &String| ["\"cloud\"", "\"aliauth\"", "+LMQTTOPEN"].iter().copied().find(|word| line.contains(word));
    let told: Vec<_> = heard(&mock, "AT+LMQTT").iter().filter_map(order).collect();
    let once = ["\"cloud\"", "\"aliauth\"", "+LMQTTOPEN"];
    assert_eq!(told, [once, once].concat());
}

/// Quectel's modules have the same key, and no `"cloud"`.
#[tokio::test]
async fn the_secret_is_in_no_log_and_no_trace() {
    let folder = tempfile::tempdir().expect("a folder");
    for (place, model) in ["lierda-nt35e", "lierda-nt26e", "quectel-bc26", "quectel-ec200"].into_iter().enumerate() {
        let mock = mock(model);
        let trace = folder.path().join(place.to_string());
        let at = ["--port", port(&mock), "-d", "--log", "trace", "--trace", trace.to_str().expect("UTF-8")];
        let publish = ["pub", "-t", OWN, "-m", "{}", "-q", "1"];
        let mut program = command(&[&at[..], &DEVICE, &SECRET, &BY_MODEM, &publish].concat());
        let program = program.env("ATMQTT_TEST_CANARY", CANARY).spawn().expect("the program starts");
        let done = finish(program).await.ended(0);
        assert_eq!(broker(&mock).published()[0].message.payload, b"{}", "{model}");
        assert!(heard(&mock, "AT+").iter().any(|line| line.contains("\"aliauth\"") && line.contains("SECRET")));
        let trace = fs::read_to_string(&trace).expect("a trace");
        assert!(trace.contains("\"aliauth\""), "{trace}");
        for said in [done.stdout(), &done.stderr, &trace] {
            never_in(said, CANARY);
        }
    }
}

#[tokio::test]
async fn what_is_subscribed_to_and_what_is_spooled_goes_that_way_too() {
    let mock = mock("lierda-nt26e");
    let signed = [&["--port", port(&mock)], &DEVICE[..], &SECRET, &BY_MODEM].concat();
    let with_secret = |words: &[&str]| {
        let mut program = command(&[&signed[..], words].concat());
        program.env("ATMQTT_TEST_CANARY", CANARY);
        program
    };
    let mut sub = Running::of(with_secret(&["sub", "-t", OWN, "-q", "1", "-C", "1"]));
    sub.says("subscribed to").await;
    broker(&mock).publish(Message::new(OWN, "hello").qos(QoS::AtLeastOnce)).expect("a broker");
    assert_eq!(sub.line().await, "hello");
    assert_eq!(sub.code().await, Some(0));

    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("outbox");
    let outbox = Outbox::open(&path, OutboxOptions::default()).expect("a new one");
    let topic = Topic::new(OWN).expect("a topic");
    let message = Outgoing { topic, payload: b"{}".to_vec(), qos: atmqtt::QoS::AtLeastOnce, retain: false };
    outbox.push(Now::read(), &message, None).expect("room");
    drop(outbox);
    let drain = ["--json", "spool", "drain", "--outbox", path.to_str().expect("UTF-8")];
    let drained = finish(with_secret(&drain).spawn().expect("the program starts")).await.ended(0);
    assert_eq!(drained.json()[0]["delivered"], 1);
    assert_eq!(heard(&mock, "AT+LMQTTCFG=\"aliauth\"").len(), 2);
}

#[tokio::test]
async fn what_cannot_be_is_refused_before_anything_is_sent() {
    let mock = mock("simcom-a76xx");
    let publish = ["--json", "--port", port(&mock), "pub", "-t", OWN, "-m", "{}"];
    let signed = [&DEVICE[..], &SECRET, &BY_MODEM].concat();
    // Found out by asking the module, and known from the command line.
    for model in [&[][..], &["--modem", "simcom-a76xx"]] {
        let mut program = command(&[&publish[..], &signed, model].concat());
        let program = program.env("ATMQTT_TEST_CANARY", CANARY).spawn().expect("the program starts");
        let error = finish(program).await.ended(2).error();
        assert_eq!(error["code"], "input.no_module_sign_in", "{error}");
        assert!(error["help"].as_str().expect("help").contains("--sign-by host"), "{error}");
    }
    assert_eq!(heard(&mock, "AT+CMQTT").iter().filter(|line| !line.contains("=?")).count(), 0);
    let calm = mock.log().bytes_heard();
    for (typed, message) in [
        (&["--sign-method", "hmacsha1"][..], "no place for --sign-method"),
        (&["--timestamp", "5"], "no place for --timestamp"),
        (&["-k", "10"], "the keep-alive, in seconds, is 10"),
    ] {
        let mut program = command(&[&publish[..], &signed, typed].concat());
        let program = program.env("ATMQTT_TEST_CANARY", CANARY).spawn().expect("the program starts");
        let refused = finish(program).await.ended(2);
        assert!(refused.error()["message"].as_str().expect("text").contains(message), "{}", refused.stderr);
    }
    // What registers a device is no sign-in.
    let product = [&DEVICE[..], &["--product-secret", "env:ATMQTT_TEST_CANARY"]].concat();
    let refused = run(&[&publish[..], &product].concat()).await.ended(2);
    assert!(refused.error()["message"].as_str().expect("text").contains("would be lost here"), "{}", refused.stderr);
    let huawei = ["--cloud", "huawei", "--device-name", "d"];
    let refused = run(&[&publish[..], &huawei, &BY_MODEM].concat()).await.ended(2);
    assert_eq!(refused.error()["message"], "huawei has no use for --sign-by");
    assert_eq!(mock.log().bytes_heard(), calm);

    let mut sign = command(&[&["--json", "sign"], &signed[..]].concat());
    let sign = sign.env("ATMQTT_TEST_CANARY", CANARY).spawn().expect("the program starts");
    assert_eq!(finish(sign).await.ended(2).error()["code"], "input.usage");
}
