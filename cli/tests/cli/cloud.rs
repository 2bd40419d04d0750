//! `mock --cloud`: what signs in against what checks sign-ins, each written from the clouds' documentation on its own.

use rustix::process::Signal;

use crate::program::{Run, Running, command, finish, run};

/// Where the right secret is in the environment of the tests' programs, and where a wrong one.
const RIGHT: (&str, &str) = ("ATMQTT_TEST_SECRET", "KGQQFFlGinIipW9Xn7xQ5U6d6MokPZD4");
const WRONG: (&str, &str) = ("ATMQTT_TEST_OTHER", "KGQQFFlGinIipW9Xn7xQ5U6d6MokPZD5");

const DEVICE: [&str; 6] = ["--cloud", "aliyun", "--product-key", "a1ExpAkj9Hi", "--device-name", "Example_dyn1"];
const SECRET: [&str; 2] = ["--device-secret", "env:ATMQTT_TEST_SECRET"];
const OWN: &str = "/a1ExpAkj9Hi/Example_dyn1/user/get";

/// A mock that is a cloud, and the path of its modem.
async fn cloud(words: &[&str]) -> (Running, String) {
    let mut command = command(&[&["mock"], words].concat());
    command.env(RIGHT.0, RIGHT.1);
    let mut mock = Running::of(command);
    let path = mock.line().await;
    assert!(mock.line().await.starts_with("broker mqtt://127.0.0.1:"));
    (mock, path)
}

/// Runs the program with both secrets in its environment.
async fn with_secrets(words: &[&str]) -> Run {
    let mut command = command(words);
    finish(command.env(RIGHT.0, RIGHT.1).env(WRONG.0, WRONG.1).spawn().expect("the program starts")).await
}

async fn publish(path: &str, topic: &str, more: &[&str]) -> Run {
    let words = ["--json", "--port", path, "pub", "-t", topic, "-m", "x", "-q", "1"];
    with_secrets(&[&words[..], more].concat()).await
}

async fn end(mut mock: Running) {
    mock.signal(Signal::TERM);
    assert_eq!(mock.code().await, Some(0));
}

#[tokio::test]
async fn a_device_comes_in_by_every_sign_method() {
    let (mock, path) = cloud(&[&DEVICE[..], &SECRET].concat()).await;
    for more in [
        &[][..],
        &["--sign-method", "hmacmd5"],
        &["--sign-method", "hmacsha1", "-i", "12345", "--timestamp", "789"],
        &["--sign-method", "hmacsha256", "--instance", "iot-06z00abcd"],
    ] {
        publish(&path, OWN, &[&DEVICE[..], &SECRET, more].concat()).await.ended(0);
    }
    end(mock).await;
}

/// A key that is written in Base64, and another one.
const KEYS: [&str; 2] =
    ["Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc=", "Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermg="];

#[tokio::test]
async fn the_other_clouds_let_in_what_signs_rightly_too() {
    const DEVICE: &str = "--device-secret env:ATMQTT_TEST_KEY";
    const PRODUCT: &str = "--product-secret env:ATMQTT_TEST_KEY";
    for (device, secret, registered, signing, topic, code) in [
        (
            "--cloud tencent --product-key ABCDE12345 --device-name dev001",
            DEVICE,
            "",
            "--sign-method hmacsha1",
            "ABCDE12345/dev001/data",
            "broker.not_authorized",
        ),
        (
            "--cloud huawei --product-key product --device-name node1",
            DEVICE,
            "",
            "--broker mqtt://broker.example",
            "$oc/devices/product_node1/sys/properties/report",
            "broker.bad_user_name_or_password",
        ),
        (
            "--cloud onenet --product-key 123123 --device-name device",
            DEVICE,
            "",
            "--sign-method hmacmd5",
            "$sys/123123/device/dp/post/json",
            "broker.not_authorized",
        ),
        (
            "--cloud onenet --product-key 123123 --device-name device",
            PRODUCT,
            "",
            "",
            "$sys/123123/device/dp/post/json",
            "broker.not_authorized",
        ),
        (
            "--cloud azure --instance example-hub --device-name dev001",
            DEVICE,
            "--tls --modem quectel-ec200",
            "--insecure",
            "devices/dev001/messages/events/",
            "broker.not_authorized",
        ),
    ] {
        let words = |more: &'static str| [device, secret, more].into_iter().flat_map(str::split_whitespace);
        let mut command_of_mock = command(&["mock"].into_iter().chain(words(registered)).collect::<Vec<_>>());
        command_of_mock.env("ATMQTT_TEST_KEY", KEYS[0]);
        let mut mock = Running::of(command_of_mock);
        let path = mock.line().await;
        let publish = ["--json", "--port", &path, "pub", "-t", topic, "-m", "x", "-q", "1"];
        let publish: Vec<_> = publish.into_iter().chain(words(signing)).collect();
        for (key, ends_with) in [(KEYS[0], 0), (KEYS[1], 6)] {
            let mut program = command(&publish);
            let done = finish(program.env("ATMQTT_TEST_KEY", key).spawn().expect("the program starts")).await;
            let done = done.ended(ends_with);
            if ends_with == 6 {
                assert_eq!(done.error()["code"], code, "{device}");
            }
        }
        end(mock).await;
    }
}

#[tokio::test]
async fn who_signs_wrongly_is_told_so() {
    let (mock, path) = cloud(&[&DEVICE[..], &SECRET].concat()).await;
    let wrong = ["--device-secret", "env:ATMQTT_TEST_OTHER"];
    let other = [&DEVICE[..4], &["--device-name", "Example_dyn2"]].concat();
    for (typed, code, reason) in [
        ([&DEVICE[..], &wrong].concat(), "broker.not_authorized", "this client is not authorized"),
        ([&other[..], &SECRET].concat(), "broker.not_authorized", "this client is not authorized"),
        (vec!["-i", "plain"], "broker.identifier_rejected", "it does not allow this client id"),
        (
            vec!["-i", "c|securemode=3|", "-u", "plain"],
            "broker.bad_user_name_or_password",
            "the user name or password is wrong",
        ),
        (vec!["-i", "c|securemode=3|", "-k", "10"], "broker.unavailable", "it is unavailable"),
    ] {
        let typed = [&["--broker", "mqtt://broker.example"], &typed[..]].concat();
        let error = publish(&path, OWN, &typed).await.ended(6).error();
        assert_eq!(error["code"], code, "{error}");
        assert!(error["message"].as_str().expect("text").ends_with(reason), "{error}");
        // What the cloud means by it is told to who has named the cloud.
        let console = error["help"].as_str().expect("help").contains("the log in the console");
        assert_eq!(console, typed.contains(&"--cloud"), "{error}");
    }
    end(mock).await;
}

#[tokio::test]
async fn a_topic_of_another_device_is_refused() {
    let signed = [&DEVICE[..], &SECRET].concat();
    let (mock, path) = cloud(&signed).await;
    let foreign = "/a1ExpAkj9Hi/Example_dyn2/user/get";
    // What was sent when the link went is of unknown outcome.
    let lost = publish(&path, foreign, &signed).await.ended(8);
    assert_eq!(lost.json()[0]["outcome"], "unconfirmed");
    let mut command = command(&[&["--port", &path, "pub", "-t", foreign, "-q", "1", "-l"], &signed[..]].concat());
    command.env(RIGHT.0, RIGHT.1);
    let mut lines = Running::of(command);
    lines.write("one\ntwo\nthree\n").await;
    lines.says("the connection to the broker was lost before the outcome was known").await;
    lines.says("0 published, 1 unconfirmed; then it stopped").await;
    assert_eq!(lines.code().await, Some(7));

    let subscribe = ["--json", "--port", &path, "sub", "-E", "-q", "1", "-t"];
    let refused = with_secrets(&[&subscribe[..], &[foreign], &signed].concat()).await.ended(7);
    assert_eq!(refused.error()["code"], "delivery.not_subscribed");
    with_secrets(&[&subscribe[..], &[OWN], &signed].concat()).await.ended(0);
    end(mock).await;
}

#[tokio::test]
async fn what_no_cloud_of_the_mock_is_made_of_is_refused() {
    let signed = [&DEVICE[..], &SECRET].concat();
    for (typed, code, message) in [
        (&DEVICE[2..4], "input.usage", "--product-key is said of a cloud"),
        (&DEVICE[..], "input.credential_missing", "a mock of aliyun needs --device-secret: DeviceSecret"),
        (&[&signed[..], &["--region", "cn-shanghai"]].concat(), "input.usage", "has no use for --region"),
        (&[&signed[..], &["--broker", "none"]].concat(), "input.usage", "is the embedded broker"),
        (
            &[
                "--cloud",
                "azure",
                "--instance",
                "h",
                "--device-name",
                "d",
                "--device-secret",
                "env:ATMQTT_TEST_OTHER_FORM",
            ],
            "input.secret_missing",
            "the device secret is not in the environment",
        ),
        (
            &["--cloud", "onenet", "--product-key", "p", "--product-secret", SECRET[1], SECRET[0], SECRET[1]],
            "input.usage",
            "do not go together",
        ),
        (&["--cloud", "aws"], "input.usage", "the mock does not play aws"),
        (&[&DEVICE[..], &["--device-secret", "hunter2"]].concat(), "input.literal_secret", "takes no secret"),
    ] {
        let refused = with_secrets(&[&["--json", "mock"], typed].concat()).await.ended(2);
        let error = refused.error();
        assert_eq!(error["code"], code, "{error}");
        assert!(error["message"].as_str().expect("text").contains(message), "{error}");
    }
    // The mock's own option of that name is none of the cloud's.
    let (mock, path) = cloud(&[&signed[..], &["--tls"]].concat()).await;
    publish(&path, OWN, &signed).await.ended(0);
    end(mock).await;
    assert!(run(&["mock", "--help"]).await.ended(0).stdout().contains("With --cloud (aliyun"));
}
