//! What is refused, and how.

use std::fs;

use atmqtt_mock::Mock;
use atmqtt_mock::broker::{BrokerOptions, ReturnCode};
use atmqtt_mock::modem::{ModemOptions, Sim};
use serde_json::{Value, json};

use super::client::Client;
use crate::program::{Running, broker, command, port, private_file, run, url};

#[tokio::test]
async fn what_is_no_request_is_refused_and_the_next_is_done() {
    let mock = Mock::builder().start().unwrap();
    let mut client = Client::start(&mock, &[]);
    let long = format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"{}\"}}", "x".repeat(2 << 20));
    let batch = r#"[{"jsonrpc":"2.0","id":1,"method":"info"}]"#;
    for (line, code, says) in [
        ("{\"jsonrpc\":", -32700, "no JSON"),
        (batch, -32600, "batches"),
        ("{\"id\":1}", -32600, "jsonrpc"),
        (&long, -32600, "longer than 1048576 bytes"),
    ] {
        client.program.write(&format!("{line}\n\n \r\n")).await;
        let error = client.line().await.unwrap()["error"].clone();
        assert_eq!(error["code"], code, "{error}");
        assert!(error["message"].as_str().unwrap().contains(says), "{error}");
    }
    let unknown = client.refused("subscrib", json!({})).await;
    assert_eq!((&unknown["code"], &unknown["data"]["code"]), (&json!(-32601), &json!("input.unknown_method")));
    assert!(unknown["data"]["help"].as_str().unwrap().starts_with("did you mean subscribe?"), "{unknown}");
    assert_eq!(client.call("imei", json!({})).await, "490154203237518");
    // The last line may be without its end.
    client.program.write("{\"jsonrpc\":\"2.0\",\"id\":\"last\",\"method\":\"imei\"}").await;
    assert_eq!(client.end().await, [json!({"jsonrpc": "2.0", "id": "last", "result": "490154203237518"})]);
    assert_eq!(client.code().await, Some(0));
}

#[tokio::test]
async fn errors_have_the_names_and_the_numbers_of_the_command_line() {
    let mock = Mock::builder().start().unwrap();
    let mut client = Client::start(&mock, &[]);
    let broker = json!({"broker": "mqtt://broker.invalid"});
    let before: &[(&str, Value, i32, &str)] = &[
        ("publish", json!({"topic": "a", "payload": "x"}), -32007, "delivery.not_connected"),
        ("subscribe", json!({"filter": "a"}), -32007, "delivery.not_connected"),
        ("at", json!({"command": "AT\rAT+CFUN=0"}), -32002, "input.character"),
        ("at", json!({"command": "CSQ"}), -32002, "input.command"),
        ("connect", json!({"broker": "http://h"}), -32002, "input.broker"),
        ("connect", json!({"client_id": "a\"b"}), -32002, "input.character"),
        ("connect", json!({"client_id": ""}), -32002, "input.no_client_id"),
        ("connect", json!({"username": "u", "password_ref": "env:NO_SUCH_VARIABLE"}), -32002, "input.secret_missing"),
        ("connect", json!({"password_ref": "env:PATH"}), -32002, "input.password_without_username"),
        ("connect", json!({"password_ref": "-"}), -32602, "input.params"),
        ("connect", json!({"clean_session": false}), -32602, "input.params"),
        ("connect", json!({"cloud": "aliyun", "device_name": "x"}), -32002, "input.credential_missing"),
        ("connect", json!({"cloud": "aliyun", "psk_ref": "env:X"}), -32602, "input.params"),
        ("connect", json!({"product_key": "x"}), -32602, "input.params"),
        ("connect", json!({"keep_alive": 60}), -32602, "input.params"),
        ("connect", json!({"broker": "mqtts://h"}), -32002, "input.tls_unsupported"),
        ("imei", json!({"x": 1}), -32602, "input.params"),
    ];
    let connected: &[(&str, Value, i32, &str)] = &[
        ("connect", broker, -32002, "input.already_connected"),
        ("publish", json!({"topic": "a/#", "payload": "x"}), -32002, "input.topic"),
        ("publish", json!({"topic": "a", "payload": "x".repeat(10_000)}), -32002, "input.too_long"),
        ("publish", json!({"topic": "a", "payload": "x", "durable": true}), -32002, "input.no_outbox"),
        ("publish", json!({"topic": "a", "payload": "x", "ttl_s": 5}), -32002, "input.unsupported"),
        ("publish", json!({"topic": "a"}), -32602, "input.params"),
        ("publish", json!({"topic": "a", "payload": "x", "payload_base64": ""}), -32602, "input.params"),
        ("publish", json!({"topic": "a", "payload_base64": "x"}), -32602, "input.params"),
        ("subscribe", json!({"filter": "a/#/b"}), -32002, "input.topic"),
        ("unsubscribe", json!({"filter": "a+"}), -32002, "input.topic"),
    ];
    for (requests, connect) in [(before, true), (connected, false)] {
        for (method, params, code, name) in requests {
            let error = client.refused(method, params.clone()).await;
            assert_eq!((&error["code"], &error["data"]["code"]), (&json!(code), &json!(name)), "{method} {error}");
        }
        if connect {
            client.call("connect", json!({})).await;
        }
    }
    assert_eq!(client.call("publish", json!({"topic": "a", "payload": "x", "qos": 1})).await["outcome"], "delivered");
    client.end().await;
    assert_eq!(client.code().await, Some(0));
}

#[tokio::test]
async fn a_refusal_of_the_broker_has_its_number() {
    let options = BrokerOptions::new().sign_in(|_| ReturnCode::NotAuthorized).subscribe(|_| None);
    let mock = Mock::builder().broker_options(options).start().unwrap();
    let mut client = Client::start(&mock, &[]);
    let error = client.refused("connect", json!({})).await;
    assert_eq!(error["code"], -32006);
    assert_eq!((&error["data"]["code"], &error["data"]["vendor_code"]), (&json!("broker.not_authorized"), &json!(5)));
    assert!(error["data"]["help"].is_string(), "{error}");
    client.notified("link", |link| link["state"] == "connecting").await;
    let down = client.notified("link", |_| true).await;
    assert_eq!(down, json!({"state": "down", "reason": "the sign-in did not succeed"}));
    let mock = Mock::builder().broker_options(BrokerOptions::new().subscribe(|_| None)).start().unwrap();
    let mut client = Client::start(&mock, &[]);
    client.call("connect", json!({})).await;
    let error = client.refused("subscribe", json!({"filter": "a"})).await;
    assert_eq!((&error["code"], &error["data"]["code"]), (&json!(-32007), &json!("delivery.not_subscribed")));
}

#[tokio::test]
async fn a_number_that_is_not_there_is_an_error() {
    let options = ModemOptions { sim: Sim::Missing, ..ModemOptions::default() };
    let mock = Mock::builder().modem(options).start().unwrap();
    let mut client = Client::start(&mock, &[]);
    let error = client.refused("imsi", json!({})).await;
    assert_eq!((&error["code"], &error["data"]["code"]), (&json!(-32004), &json!("modem.sim_missing")));
}

#[tokio::test]
async fn what_cannot_be_used_is_refused_at_the_start() {
    let mock = Mock::builder().start().unwrap();
    for (more, says) in [
        (&["-P", "hunter2"][..], "--password takes no secret"),
        (&["-u", "me", "-P", "-"], "cannot both read from stdin"),
        (&["--pin", "-"], "cannot both read from stdin"),
        (&["--broker", "http://h"], "no broker's URL"),
        (&["--will-payload", "x"], "a will needs a topic"),
        (&["--cert", "x"], "go together"),
        (&["surplus"], "unexpected argument"),
    ] {
        let done = run(&[&["--json", "rpc", "--port", port(&mock)], more].concat()).await.ended(2);
        let message = done.error()["message"].to_string();
        assert!(message.contains(says) && !message.contains("hunter2"), "{message}");
        assert_eq!(done.stdout(), "");
    }
    assert_eq!(mock.log().bytes_heard(), 0);
    let done = run(&["--json", "rpc", "--port", "/dev/no-such-port"]).await.ended(3);
    assert_eq!((done.error()["code"].as_str(), done.stdout()), (Some("port.not_found"), ""));
}

/// Wherever the program says something, a secret is not in it.
#[tokio::test]
async fn secrets_are_never_shown() {
    const PASSWORD: &str = "correct horse battery staple";
    const OTHER: &str = "tr0ub4dor&3";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    private_file(&file, &format!("{PASSWORD}\n"));
    let only_me = BrokerOptions::new().sign_in(|sign_in| match (sign_in.username, sign_in.password) {
        (Some("me"), Some(password)) if password == PASSWORD.as_bytes() => ReturnCode::Accepted,
        _ => ReturnCode::BadUserNameOrPassword,
    });
    let mock = Mock::builder().broker_options(only_me).start().unwrap();
    let trace = folder.path().join("trace.at");
    let typed =
        ["-d", "--log", "trace", "--trace", trace.to_str().unwrap(), "--port", port(&mock), "--broker", url(&mock)];
    let mut program = command(&[&typed[..], &["-u", "me", "-P", "env:RPC_TEST_OTHER", "rpc"]].concat());
    program.env("RPC_TEST_OTHER", OTHER);
    let mut client = Client::of(Running::of(program));
    // The one that was typed is not the right one.
    let refused = client.refused("connect", json!({})).await;
    assert_eq!(refused["data"]["code"], "broker.bad_user_name_or_password");
    let right = json!({"password_ref": format!("file:{}", file.display())});
    client.call("connect", right.clone()).await;
    client.refused("connect", right.clone()).await;
    client.refused("connect", json!({"password_ref": PASSWORD})).await;
    client.refused("connect", json!({"password": PASSWORD})).await;
    client.call("status", json!({})).await;
    // The module starts anew, with its echo on.
    mock.control().order(atmqtt_mock::modem::Fault::Reset).await.unwrap();
    client.notified("modem", |modem| modem["event"] == "reset").await;
    client.call("disconnect", json!({})).await;
    client.call("connect", right).await;
    client.end().await;
    assert_eq!(client.code().await, Some(0));
    let mut written = client.seen.clone();
    assert!(written.contains("\"event\":\"reset\""), "{written}");
    while let Some(line) = client.program.stderr.next_line().await.unwrap() {
        written.push_str(&line);
    }
    written.push_str(&fs::read_to_string(trace).unwrap());
    assert!(written.contains("AT+LMQTTCONN=0,"), "{written}");
    for secret in [PASSWORD, OTHER] {
        assert!(!written.contains(secret), "{written}");
    }
    broker(&mock).wait_for(|view| view.sessions.is_empty()).await.unwrap();
}
