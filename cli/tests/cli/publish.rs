//! `atmqtt pub`

use std::fs;

use atmqtt_mock::broker::QoS;
use atmqtt_mock::modem::{Fault, LinkStatus, ModemOptions, NT35E};
use atmqtt_mock::{Builder, Mock};

use crate::program::{Running, broker, port, run, run_with, url};

/// A mock on a pseudo-terminal, and what it takes to publish through it.
struct Bench(Mock);

impl Bench {
    fn start() -> Bench {
        Bench::of(Mock::builder())
    }

    fn of(builder: Builder) -> Bench {
        Bench(builder.start().expect("a pseudo-terminal and a port"))
    }

    fn arguments<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        [&["pub", "--port", port(&self.0), "--broker", url(&self.0)][..], more].concat()
    }

    /// What the broker got: payloads, in order.
    fn payloads(&self) -> Vec<Vec<u8>> {
        broker(&self.0).published().into_iter().map(|publication| publication.message.payload).collect()
    }
}

#[tokio::test]
async fn a_message_is_published_at_each_qos() {
    for (level, qos, outcome) in
        [("0", QoS::AtMostOnce, "sent"), ("1", QoS::AtLeastOnce, "delivered"), ("2", QoS::ExactlyOnce, "delivered")]
    {
        let bench = Bench::start();
        let done = run(&bench.arguments(&["-t", "a/b", "-m", "hello, \"you\"", "-q", level, "-r"])).await.ended(0);
        assert_eq!(done.stdout(), "");
        assert!(done.stderr.starts_with(&format!("a/b: {outcome} (")), "{}", done.stderr);
        // The DISCONNECT may still be on its way through the broker.
        broker(&bench.0).wait_for(|view| view.published == 1 && view.sessions.is_empty()).await.unwrap();
        let message = broker(&bench.0).published().remove(0).message;
        assert_eq!((message.topic.as_str(), message.payload.as_slice()), ("a/b", &b"hello, \"you\""[..]));
        assert_eq!((message.qos, message.retain), (qos, true));
    }
}

#[tokio::test]
async fn a_mock_in_the_program_needs_nothing_else() {
    for level in ["0", "1", "2"] {
        let done = run(&["--port", "mock", "pub", "-t", "a", "-m", "x", "-q", level, "--json"]).await.ended(0);
        assert_eq!(done.stderr, "");
        let [line] = &done.json()[..] else { panic!("one line: {}", done.stdout()) };
        assert_eq!(line["outcome"], if level == "0" { "sent" } else { "delivered" });
        assert_eq!(line["topic"], "a");
        assert!(line["elapsed_ms"].is_u64());
    }
    let done = run(&["--port", "mock:lierda-nt35e", "pub", "-t", "a", "-m", "x", "--quiet"]).await.ended(0);
    assert_eq!((done.stdout(), done.stderr.as_str()), ("", ""));
}

#[tokio::test]
async fn the_payload_comes_from_where_it_is_said_to() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("payload");
    let every_byte: Vec<u8> = (0..=u8::MAX).cycle().take(8000).collect();
    fs::write(&file, &every_byte).unwrap();
    let bench = Bench::start();
    let publish = async |more: &[&str], input: &[u8]| {
        let arguments = [&["-t", "a", "-q", "1"], more].concat();
        run_with(&bench.arguments(&arguments), input).await.ended(0);
    };
    publish(&["-m", "-5"], b"").await;
    publish(&["-f", file.to_str().unwrap()], b"").await;
    publish(&["-s"], b"two\nlines\n").await;
    publish(&["-n"], b"ignored").await;
    publish(&["-m", "00 ff 0D", "--hex"], b"").await;
    publish(&["-s", "--base64"], b"AP8N\n").await;
    publish(&["-l"], b"one\n\ntwo").await;
    publish(&["-m", "again", "--repeat", "2", "--repeat-delay", "1ms"], b"").await;
    let expected: [&[u8]; 10] =
        [b"-5", &every_byte, b"two\nlines\n", b"", b"\0\xff\r", b"\0\xff\r", b"one", b"two", b"again", b"again"];
    assert_eq!(bench.payloads(), expected);
}

#[tokio::test]
async fn what_is_set_about_the_connection_reaches_the_module() {
    let bench = Bench::start();
    let options =
        "-t a -n -i gateway-17 -c -k 60 -u me --will-topic gone --will-payload bye --will-qos 1 --will-retain";
    let options = options.split(' ').chain(["--apn", "iot.example"]).collect::<Vec<_>>();
    run(&bench.arguments(&options)).await.ended(0);
    let heard = bench.0.log().lines();
    for line in [
        "AT+CGDCONT=0,\"IP\",\"iot.example\"",
        "AT+LMQTTCFG=\"session\",0,0",
        "AT+LMQTTCFG=\"keepalive\",0,60",
        "AT+LMQTTCFG=\"will\",0,1,1,1,\"gone\",\"bye\"",
        "AT+LMQTTCONN=0,\"gateway-17\",\"me\"",
    ] {
        assert!(heard.iter().any(|heard| heard == line), "{line} is not in {heard:#?}");
    }
    let session = broker(&bench.0).sessions().remove(0);
    assert_eq!((session.client_id.as_str(), session.clean), ("gateway-17", false));
}

#[tokio::test]
async fn it_stops_at_the_first_message_that_cannot_be_published_and_says_how_far_it_came() {
    let bench = Bench::of(Mock::builder().modem(ModemOptions { model: NT35E, ..ModemOptions::default() }));
    // The NT35E takes 1460 bytes, which is known once it has been asked what it is.
    let input = format!("one\n{}\nthree\n", "x".repeat(1461));
    let done = run_with(&bench.arguments(&["-t", "a", "-q", "1", "-l"]), input.as_bytes()).await.ended(2);
    assert_eq!(bench.payloads(), [b"one"]);
    assert!(done.stderr.contains("1 published, 0 unconfirmed; then it stopped"), "{}", done.stderr);
    assert!(done.stderr.contains("the payload has 1461 bytes, and lierda-nt35e takes 1460"), "{}", done.stderr);
}

#[tokio::test]
async fn a_message_whose_outcome_is_not_known_is_unconfirmed() {
    let bench = Bench::start();
    let mut program = Running::start(&bench.arguments(&["-t", "a", "-q", "1", "-l", "--json", "--timeout", "3s"]));
    let control = bench.0.control();
    control.until(|status| status.links[0] == LinkStatus::Connected).await.unwrap();
    program.write("one\n").await;
    let first: serde_json::Value = serde_json::from_str(&program.line().await).unwrap();
    assert_eq!(first["outcome"], "delivered");
    control.order(Fault::Mute(None)).await.unwrap();
    program.write("two\n").await;
    let second: serde_json::Value = serde_json::from_str(&program.line().await).unwrap();
    assert_eq!(second["outcome"], "unconfirmed");
    assert!(program.says("unconfirmed.timed_out").await.contains("within 3 s"));
    assert_eq!(program.code().await, Some(8));
}

#[tokio::test]
async fn a_link_that_is_lost_ends_it() {
    let bench = Bench::start();
    let mut program = Running::start(&bench.arguments(&["-t", "a", "-q", "1", "-l"]));
    let control = bench.0.control();
    control.until(|status| status.links[0] == LinkStatus::Connected).await.unwrap();
    program.write("one\n").await;
    program.says("a: delivered").await;
    control.order(Fault::DropLinks).await.unwrap();
    // Though stdin has not ended.
    program.says("error: the connection to the broker was lost").await;
    assert_eq!(program.code().await, Some(7));
    assert_eq!(bench.payloads(), [b"one"]);
}

#[tokio::test]
async fn a_port_that_is_lost_ends_it() {
    let bench = Bench::start();
    let mut program = Running::start(&bench.arguments(&["-t", "a", "-q", "1", "-l", "--json"]));
    program.write("one\n").await;
    program.line().await;
    drop(bench);
    program.says("port.lost").await;
    assert_eq!(program.code().await, Some(3));
}
