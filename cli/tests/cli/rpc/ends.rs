//! How it ends.

use std::time::Duration;

use atmqtt_mock::Mock;
use atmqtt_mock::broker::{BrokerView, Message};
use atmqtt_mock::modem::Fault;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::client::Client;
use crate::program::{broker, port, run_with, url};

fn signs_out(mock: &Mock) -> bool {
    let heard = mock.log().lines();
    let connected = heard.iter().rposition(|line| line.starts_with("AT+LMQTTCONN=")).expect("it has connected");
    heard[connected..].iter().any(|line| line == "AT+LMQTTDISC=0")
}

/// As a shell script has it: everything at once, and nobody waits.
#[tokio::test]
async fn what_is_pending_at_the_end_of_stdin_is_done() {
    let mock = Mock::builder().start().unwrap();
    let mut input = String::from("{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"connect\"}\n");
    for id in 1..=20 {
        let params = json!({"topic": "a", "payload": id.to_string(), "qos": 1});
        let request = json!({"jsonrpc": "2.0", "id": id, "method": "publish", "params": params});
        input.push_str(&format!("{request}\n"));
    }
    let done = run_with(&["rpc", "--port", port(&mock), "--broker", url(&mock)], input.as_bytes()).await.ended(0);
    let lines = done.json();
    for id in 0..=20 {
        let answer = lines.iter().find(|line| line.get("id") == Some(&json!(id))).unwrap();
        assert!(answer.get("result").is_some(), "{answer}");
    }
    assert_eq!(lines.last().unwrap()["params"], json!({"state": "down", "reason": null}));
    assert_eq!(broker(&mock).published().len(), 20);
    assert!(signs_out(&mock));
    assert_eq!(done.stderr, "");
}

#[tokio::test]
async fn what_is_not_done_in_time_says_so() {
    let mock = Mock::builder().start().unwrap();
    let mut client = Client::start(&mock, &["--timeout", "3s", "--json"]);
    client.call("connect", json!({})).await;
    mock.control().order(Fault::Mute(None)).await.unwrap();
    let publish = client.ask("publish", json!({"topic": "a", "payload": "x", "qos": 1})).await;
    let signal = client.ask("signal", json!({})).await;
    let rest = client.end().await;
    let error = |id: &Value| rest.iter().find(|line| line["id"] == *id).unwrap()["error"].clone();
    assert_eq!(
        (&error(&publish)["code"], &error(&publish)["data"]["code"]),
        (&json!(-32008), &json!("unconfirmed.timed_out"))
    );
    assert_eq!((&error(&signal)["code"], &error(&signal)["data"]["code"]), (&json!(-32004), &json!("modem.timed_out")));
    client.program.says("wait.timed_out").await;
    assert_eq!(client.code().await, Some(27));
}

#[tokio::test]
async fn a_port_that_is_lost_for_good_is_told_and_ends_it_with_3() {
    let mock = Mock::builder().start().unwrap();
    let mut client = Client::start(&mock, &["--json", "--set", "reconnect.port=0"]);
    client.call("connect", json!({})).await;
    client.call("subscribe", json!({"filter": "a"})).await;
    mock.control().order(Fault::Mute(None)).await.unwrap();
    let publish = client.ask("publish", json!({"topic": "b", "payload": "x", "qos": 1})).await;
    while client.call("status", json!({})).await["in_flight"] != 1 {}
    drop(mock);
    let answer = client.answer(&publish).await;
    assert_eq!((&answer["error"]["code"], &answer["error"]["data"]["code"]), (&json!(-32003), &json!("port.lost")));
    let rest = client.rest().await;
    let told = |params: Value| rest.iter().any(|line| line["params"] == params);
    assert!(told(json!({"event": "port_lost"})), "{rest:?}");
    assert!(told(json!({"state": "down", "reason": "the port is gone"})), "{rest:?}");
    client.program.says("port.lost").await;
    assert_eq!(client.code().await, Some(3));
}

#[tokio::test]
async fn a_port_that_comes_back_is_told_and_what_waited_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let mock = Mock::builder().link(folder.path().join("modem")).start().unwrap();
    let mut client = Client::start(&mock, &["--json", "--set", "reconnect.min=20ms"]);
    client.call("connect", json!({})).await;
    client.call("subscribe", json!({"filter": "b"})).await;
    mock.control().set_plugged(false).await.unwrap();
    let signal = client.ask("signal", json!({})).await;
    let answer = client.answer(&signal).await;
    assert_eq!((&answer["error"]["code"], &answer["error"]["data"]["code"]), (&json!(-32003), &json!("port.lost")));
    let publish = client.ask("publish", json!({"topic": "b", "payload": "x", "qos": 1})).await;
    mock.control().set_plugged(true).await.unwrap();
    client.notified("modem", |params| *params == json!({"event": "port_lost"})).await;
    client.notified("modem", |params| *params == json!({"event": "port_back"})).await;
    client.notified("message", |params| params["payload"] == "x").await;
    assert_eq!(client.answer(&publish).await["result"]["outcome"], "delivered");
    client.end().await;
    assert_eq!(client.code().await, Some(0));
}

#[tokio::test]
async fn an_interrupt_signs_out_first() {
    for signal in [Signal::INT, Signal::TERM] {
        let mock = Mock::builder().start().unwrap();
        let mut client = Client::start(&mock, &[]);
        client.call("connect", json!({})).await;
        client.program.signal(signal);
        let rest = client.rest().await;
        assert!(rest.iter().any(|line| line["params"]["state"] == "down"), "{rest:?}");
        assert_eq!(client.code().await, Some(130));
        assert!(signs_out(&mock));
    }
}

#[tokio::test]
async fn a_reader_that_is_gone_ends_it_quietly() {
    let mock = Mock::builder().start().unwrap();
    let mut client = Client::start(&mock, &["-i", "host"]);
    client.call("connect", json!({})).await;
    client.call("subscribe", json!({"filter": "a"})).await;
    drop(client.program.stdout.take());
    // A sibling of this test that starts a program holds a copy of the pipe until that program runs, so one message may find
    // a reader still.
    let mut again = tokio::time::interval(Duration::from_millis(20));
    let code = loop {
        tokio::select! {
            code = client.program.code() => break code,
            _ = again.tick() => broker(&mock).publish(Message::new("a", "nobody reads this")).unwrap(),
        }
    };
    assert_eq!(code, Some(0));
    assert_eq!(client.program.stderr.next_line().await.unwrap(), None);
    let gone = |view: &BrokerView| view.sessions.is_empty();
    broker(&mock).wait_for(gone).await.unwrap();
    assert!(signs_out(&mock));
}
