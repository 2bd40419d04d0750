//! `atmqtt sub`

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use atmqtt_mock::Mock;
use atmqtt_mock::broker::{BrokerOptions, BrokerView, Handle, Message, QoS};
use atmqtt_mock::modem::{BC660K, Fault, ModemOptions, NT26E};
use rustix::process::Signal;
use serde_json::json;

use crate::program::{Running, broker, port, run, url};

/// Who subscribes in these tests.
const ID: &str = "reader";

fn arguments<'a>(mock: &'a Mock, more: &[&'a str]) -> Vec<&'a str> {
    [&["sub", "--port", port(mock), "--broker", url(mock), "-i", ID][..], more].concat()
}

/// Subscribes, and returns once the broker has `filters` subscriptions of the program.
async fn start(mock: &Mock, filters: usize, more: &[&str]) -> (Running, Handle) {
    let program = Running::start(&arguments(mock, more));
    let handle = broker(mock);
    let subscribed = |view: &BrokerView| view.session(ID).is_some_and(|reader| reader.subscriptions.len() == filters);
    handle.wait_for(subscribed).await.expect("the broker runs");
    (program, handle)
}

fn publish(broker: &Handle, topic: &str, payload: impl Into<Vec<u8>>) {
    broker.publish(Message::new(topic, payload).qos(QoS::AtLeastOnce)).expect("it can be published");
}

#[tokio::test]
async fn payloads_are_written_unchanged() {
    let mock = Mock::builder().start().unwrap();
    let (program, broker) = start(&mock, 1, &["-t", "a/#", "-q", "1", "-C", "4"]).await;
    let payloads = ["hello".into(), b"\xff\0\r\nOK\r\n+CME ERROR: 3\r\n> ".to_vec(), Vec::new(), "温度".into()];
    for payload in &payloads {
        publish(&broker, "a/b", payload.clone());
    }
    let expected: Vec<u8> = payloads.iter().flat_map(|payload| [payload, &b"\n"[..]].concat()).collect();
    let Running { child, stdin, mut stdout, .. } = program;
    drop(stdin);
    let mut written = Vec::new();
    let mut reader = stdout.take().unwrap().into_inner();
    tokio::io::AsyncReadExt::read_to_end(&mut reader, &mut written).await.unwrap();
    assert_eq!(written, expected);
    assert_eq!(child.wait_with_output().await.unwrap().status.code(), Some(0));
}

#[tokio::test]
async fn messages_are_printed_as_it_is_asked() {
    for (how, expected) in
        [(&["-v"][..], "a/b {\"n\":1}"), (&["-F", "%t|%l|%x|%q|%r|%p|%%"], "a/b|7|7b226e223a317d|0||{\"n\":1}|%")]
    {
        let mock = Mock::builder().start().unwrap();
        let (mut program, broker) = start(&mock, 1, &[&["-t", "a/+", "-C", "1"], how].concat()).await;
        publish(&broker, "a/b", "{\"n\":1}");
        assert_eq!(program.line().await, expected);
        assert_eq!(program.code().await, Some(0));
    }
}

#[tokio::test]
async fn json_has_text_or_base64() {
    let mock = Mock::builder().start().unwrap();
    let (mut program, broker) = start(&mock, 1, &["-t", "a", "-q", "1", "-C", "2", "--json"]).await;
    publish(&broker, "a", "x\"\n");
    publish(&broker, "a", b"\xff\xfe\xfb".to_vec());
    let [text, binary] = [program.line().await, program.line().await]
        .map(|line| serde_json::from_str::<serde_json::Value>(&line).unwrap());
    let unknown = json!(null);
    assert_eq!((&text["topic"], &text["payload"]), (&json!("a"), &json!("x\"\n")));
    assert_eq!((&binary["payload_base64"], binary.get("payload")), (&json!("//77"), None));
    for key in ["qos", "retain", "duplicate"] {
        assert_eq!(text.get(key), Some(&unknown), "{key}");
    }
    assert_eq!(program.code().await, Some(0));
}

#[tokio::test]
async fn a_message_that_matches_several_filters_comes_once() {
    let mock = Mock::builder().start().unwrap();
    let more = ["-t", "a/#", "-t", "a/b", "-t", "c", "-t", "c", "-T", "a/x", "-v", "-C", "3"];
    let (mut program, broker) = start(&mock, 3, &more).await;
    for (topic, payload) in [("a/b", "1"), ("a/x", "2"), ("a/b", "3"), ("a/c", "4")] {
        publish(&broker, topic, payload);
    }
    assert_eq!(program.line().await, "a/b 1");
    assert_eq!(program.line().await, "a/b 3");
    assert_eq!(program.line().await, "a/c 4");
    assert_eq!(program.code().await, Some(0));
}

#[tokio::test]
async fn it_ends_once_subscribed_where_that_is_all() {
    let mock = Mock::builder().start().unwrap();
    let done = run(&arguments(&mock, &["-t", "a", "-t", "b", "-E", "-c"])).await.ended(0);
    assert_eq!(done.stdout(), "");
    assert_eq!(done.stderr, "subscribed to a\nsubscribed to b\n");
    let kept = |view: &BrokerView| view.session(ID).is_some_and(|reader| !reader.connected);
    let view = broker(&mock).wait_for(kept).await.unwrap();
    assert_eq!(view.session(ID).map(|reader| reader.subscriptions.len()), Some(2));
}

#[tokio::test]
async fn a_broker_that_grants_less_is_told_of() {
    for (model, warning) in [
        (BC660K, "warning: the broker grants QoS 1 to a, not the 2 that was asked for\n"),
        // It does not say what was granted.
        (NT26E, ""),
    ] {
        let granting = BrokerOptions::new().subscribe(|request| Some(request.qos.min(QoS::AtLeastOnce)));
        let modem = ModemOptions { model, ..ModemOptions::default() };
        let mock = Mock::builder().modem(modem).broker_options(granting).start().unwrap();
        for (qos, warning) in [("2", warning), ("1", ""), ("0", "")] {
            let done = run(&arguments(&mock, &["-t", "a", "-q", qos, "-E"])).await.ended(0);
            assert_eq!(done.stderr, format!("subscribed to a\n{warning}"), "{}", model.name);
        }
    }
}

#[tokio::test]
async fn a_wait_that_runs_out_ends_with_27() {
    let mock = Mock::builder().start().unwrap();
    let done = run(&arguments(&mock, &["-t", "a", "-C", "1", "-W", "50ms", "--json"])).await.ended(27);
    assert_eq!(done.stdout(), "");
    assert_eq!(done.error()["code"], "wait.ran_out");
}

#[tokio::test]
async fn a_link_that_is_lost_is_made_again_with_its_subscriptions() {
    let mock = Mock::builder().start().unwrap();
    let quick = ["-t", "a", "-C", "1", "--set", "reconnect.min=10ms", "--set", "reconnect.max=10ms"];
    let (mut program, broker) = start(&mock, 1, &quick).await;
    program.says("subscribed to a").await;
    mock.control().order(Fault::DropLinks).await.unwrap();
    program.says("the connection was lost").await;
    program.says("the connection is there again").await;
    broker.publish(Message::new("a", "after")).unwrap();
    assert_eq!(program.next_line().await.as_deref(), Some("after"));
    assert_eq!(program.code().await, Some(0));
}

#[tokio::test]
async fn a_port_that_is_lost_for_good_ends_it_with_3() {
    let mock = Mock::builder().start().unwrap();
    let (mut program, _) = start(&mock, 1, &["-t", "a", "--json", "--set", "reconnect.port=0"]).await;
    drop(mock);
    program.says("port.lost").await;
    assert_eq!(program.code().await, Some(3));
}

#[tokio::test]
async fn a_subscription_that_the_broker_refuses_ends_it_with_7() {
    let options = BrokerOptions::new().subscribe(|_| None);
    let mock = Mock::builder().broker_options(options).start().unwrap();
    let done = run(&arguments(&mock, &["-t", "secret/#", "--json"])).await.ended(7);
    assert_eq!(done.error()["code"], "delivery.not_subscribed");
}

#[tokio::test]
async fn the_last_subscription_that_is_refused_when_the_connection_is_made_again_ends_it_with_7() {
    let is_withdrawn = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&is_withdrawn);
    let options = BrokerOptions::new().subscribe(move |asked| (!seen.load(Ordering::Relaxed)).then_some(asked.qos));
    let mock = Mock::builder().broker_options(options).start().unwrap();
    let quick = ["-t", "a", "--set", "reconnect.min=10ms", "--set", "reconnect.max=10ms"];
    let (mut program, _) = start(&mock, 1, &quick).await;
    program.says("subscribed to a").await;
    is_withdrawn.store(true, Ordering::Relaxed);
    mock.control().order(Fault::DropLinks).await.unwrap();
    program.says("does not take the subscription any more").await;
    assert_eq!(program.code().await, Some(7));
}

#[tokio::test]
async fn messages_that_are_dropped_for_a_slow_reader_are_told() {
    let mock = Mock::builder().start().unwrap();
    // Nobody reads stdout, and these are more than the pipe and the queue behind it hold; but no more than the line takes.
    let long = "x".repeat(4000);
    let (mut program, broker) = start(&mock, 1, &["-t", "a", "-F", &long]).await;
    program.says("subscribed to a").await;
    for _ in 0..1300 {
        broker.publish(Message::new("a", "x")).unwrap();
    }
    let warning = program.says("warning: ").await;
    let (_, dropped) = warning.split_once("were dropped: ").unwrap();
    assert!((1..=300).contains(&dropped.parse::<u32>().unwrap()), "{warning}");
    program.signal(Signal::INT);
    assert_eq!(program.code().await, Some(130));
}
