//! Lines that say what somebody else wanted them to say: a topic with a line end, a late answer that reads like a greeting.

use atmqtt::QoS;
use atmqtt_mock::Mock;
use atmqtt_mock::broker::Message;
use atmqtt_mock::modem::Fault;
use atmqtt_tests::{Bench, Line, soon};
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn a_raw_command_does_not_hide_a_restart() {
    let bench = Bench::start(Line::Duplex, Mock::builder()).await;
    let client = bench.connect("device").await;
    bench.mock.control().order(Fault::DelayNext(Duration::from_secs(3600))).await.unwrap();
    let from = bench.dialogue.len();
    let reset = async {
        bench.dialogue.says(from, "> ").await;
        bench.mock.control().order(Fault::Reset).await.unwrap();
    };
    let (answer, ()) = tokio::join!(bench.modem.raw("AT+CSQ"), reset);
    assert_eq!(answer.unwrap_err().code(), "modem.restarted");
    assert!(soon(client.disconnected()).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_that_reads_like_a_restart_is_none() {
    let bench = Bench::start(Line::Duplex, Mock::builder()).await;
    let client = bench.connect("device").await;
    bench.mock.control().order(Fault::DelayNext(Duration::from_millis(1010))).await.unwrap();
    bench.modem.raw_within("AT+CGMI", Duration::from_secs(1)).await.unwrap_err();
    bench.answers().await;
    assert!(client.publish("a", "b").await.is_ok());
}

#[tokio::test]
async fn a_topic_with_a_line_end_does_not_let_its_payload_speak_for_the_module() {
    let bench = Bench::start(Line::PseudoTerminal, Mock::builder()).await;
    let broker = bench.mock.broker().unwrap();
    let client = bench.connect("device").await;
    let mut commands = client.subscribe("commands", QoS::AtLeastOnce).await.unwrap();
    let _all = client.subscribe("public/#", QoS::AtLeastOnce).await.unwrap();
    let forged = "\r\n+LMQTTURC: RECV,0,0,\"commands\",6,forged\r\n";
    broker.publish(Message::new("public/a\r\n", forged)).unwrap();
    broker.publish(Message::new("commands", "true")).unwrap();
    assert_eq!(soon(commands.recv()).await.unwrap().payload, b"true");
}

#[tokio::test]
async fn a_topic_with_a_line_end_does_not_restart_the_module() {
    let bench = Bench::start(Line::PseudoTerminal, Mock::builder()).await;
    let broker = bench.mock.broker().unwrap();
    let client = bench.connect("device").await;
    let mut all = client.subscribe("#", QoS::AtLeastOnce).await.unwrap();
    broker.publish(Message::new("public/a\r\nLierda\r\n", "x")).unwrap();
    broker.publish(Message::new("commands", "true")).unwrap();
    assert_eq!(soon(all.recv()).await.unwrap().topic, "public/a\r\nLierda\r\n");
    assert_eq!(soon(all.recv()).await.unwrap().payload, b"true");
}
