//! A connection that was lost and is made again, and what waits for it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use atmqtt_mock::Mock;
use atmqtt_mock::broker::{BrokerOptions, Message, ReturnCode};
use atmqtt_mock::modem::Fault;
use serde_json::json;

use super::client::Client;
use crate::program::{Running, broker, command, port};

const QUICK: [&str; 4] = ["--set", "reconnect.min=10ms", "--set", "reconnect.max=10ms"];

/// More wait than may be under way, and the host is heard all the same.
#[tokio::test]
async fn however_many_wait_for_the_connection_a_status_is_answered() {
    let is_closed = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&is_closed);
    let options = BrokerOptions::new().sign_in(move |_| match seen.load(Ordering::Relaxed) {
        true => ReturnCode::ServerUnavailable,
        false => ReturnCode::Accepted,
    });
    let mock = Mock::builder().broker_options(options).start().unwrap();
    let mut client = Client::start(&mock, &QUICK);
    client.call("connect", json!({})).await;
    is_closed.store(true, Ordering::Relaxed);
    mock.control().order(Fault::DropLinks).await.unwrap();
    client.notified("link", |link| link["state"] == "down").await;
    let why = client.notified("modem", |event| event["event"] == "recovering").await;
    assert_eq!(why["code"], "broker.unavailable", "{why}");
    let mut ids = Vec::new();
    for number in 0..200 {
        ids.push(client.ask("publish", json!({"topic": "n", "payload": number.to_string(), "qos": 1})).await);
    }
    assert_ne!(client.call("status", json!({})).await["link"], "up");
    is_closed.store(false, Ordering::Relaxed);
    for id in &ids {
        let answer = client.answer(id).await;
        assert_eq!(answer["result"]["outcome"], "delivered", "{answer}");
    }
    let published = broker(&mock).published();
    assert_eq!(published.len(), 200);
    for (number, published) in published.iter().enumerate() {
        assert_eq!(published.message.payload, number.to_string().as_bytes());
    }
    client.end().await;
    assert_eq!(client.code().await, Some(0));
}

#[tokio::test]
async fn a_subscription_that_is_refused_again_is_told_and_can_be_asked_for_anew() {
    let is_withdrawn = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&is_withdrawn);
    let options = BrokerOptions::new().subscribe(move |asked| (!seen.load(Ordering::Relaxed)).then_some(asked.qos));
    let mock = Mock::builder().broker_options(options).start().unwrap();
    let mut client = Client::start(&mock, &QUICK);
    client.call("connect", json!({})).await;
    client.call("subscribe", json!({"filter": "a/#"})).await;
    is_withdrawn.store(true, Ordering::Relaxed);
    mock.control().order(Fault::DropLinks).await.unwrap();
    let told = client.notified("modem", |modem| modem["event"] == "subscription_refused").await;
    assert_eq!(told["filter"], "a/#");
    assert_eq!(client.call("status", json!({})).await["subscriptions"], json!([]));
    is_withdrawn.store(false, Ordering::Relaxed);
    client.call("subscribe", json!({"filter": "a/#"})).await;
    broker(&mock).publish(Message::new("a/b", "again")).unwrap();
    assert_eq!(client.notified("message", |_| true).await["payload"], "again");
    client.end().await;
    assert_eq!(client.code().await, Some(0));
}

/// As where passwords expire: what let the device in once does not do so again.
#[tokio::test]
async fn a_connection_at_a_cloud_is_made_again_with_another_password() {
    let taken = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&taken);
    let options = BrokerOptions::new().sign_in(move |sign_in| {
        let password = sign_in.password.unwrap_or_default().to_vec();
        let mut taken = taken.lock().unwrap();
        if taken.contains(&password) {
            return ReturnCode::NotAuthorized;
        }
        taken.push(password);
        ReturnCode::Accepted
    });
    let mock = Mock::builder().broker_options(options).start().unwrap();
    let device = ["--cloud", "onenet", "--product-key", "123123", "--device-name", "d", "--device-secret"];
    let words = [&["rpc", "--port", port(&mock)], &device[..], &["env:ATMQTT_TEST_KEY"], &QUICK].concat();
    let mut program = command(&words);
    program.env("ATMQTT_TEST_KEY", "Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc=");
    let mut client = Client::of(Running::of(program));
    client.call("connect", json!({})).await;
    mock.control().order(Fault::DropLinks).await.unwrap();
    client.notified("link", |link| link["state"] == "down").await;
    // It expires a second later, once a second has gone.
    client.notified("link", |link| link["state"] == "up").await;
    assert_eq!(seen.lock().unwrap().len(), 2);
    client.end().await;
    assert_eq!(client.code().await, Some(0));
}
