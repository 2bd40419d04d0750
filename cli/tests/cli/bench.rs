//! `atmqtt bench`

use std::fs;

use atmqtt_mock::modem::{Fault, ModemOptions, NT35E};
use atmqtt_mock::{BrokerChoice, Mock};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::program::{Running, broker, port, run, url};

fn keys(object: &Value) -> Vec<&str> {
    object.as_object().expect("an object").keys().map(String::as_str).collect()
}

/// The one object on stdout, as it comes from a program that still runs.
async fn figures(program: &mut Running) -> Value {
    let line = program.line().await;
    assert_eq!(program.next_line().await, None, "one object");
    serde_json::from_str(&line).expect("JSON")
}

/// No time is looked at: how long something takes is for a bench to say, and not for a test.
#[tokio::test]
async fn a_mock_in_the_program_is_measured_without_a_word_more() {
    let typed = ["--port", "mock", "bench", "--round-trips", "7", "--messages", "5", "--size", "20", "-q", "1"];
    let done = run(&[&["--json"], &typed[..]].concat()).await.ended(0);
    assert_eq!(done.stderr, "");
    let [figures] = &done.json()[..] else { panic!("one object: {}", done.stdout()) };
    assert_eq!(keys(figures), ["profile", "publishes", "round_trips", "wire"]);
    let trips = &figures["round_trips"];
    assert_eq!(keys(trips), ["count", "max_ms", "median_ms", "min_ms", "p99_ms", "per_second"]);
    assert_eq!(trips["count"], 7);
    let order = ["min_ms", "median_ms", "p99_ms", "max_ms"].map(|name| trips[name].as_f64().unwrap());
    assert!(order.is_sorted() && order[0] > 0.0, "{trips}");

    let mut publishes = figures["publishes"].as_object().unwrap().clone();
    for time in ["elapsed_ms", "per_second", "min_ms", "median_ms", "p99_ms", "max_ms"] {
        assert!(publishes.remove(time).unwrap().as_f64().unwrap() > 0.0, "{time}");
    }
    assert_eq!(
        Value::from(publishes),
        json!({"topic": "atmqtt/bench", "qos": 1, "size": 20, "window": 1, "count": 5, "delivered": 5, "sent": 0,
               "unconfirmed": 0, "failed": 0})
    );
    // There is no wire, and no rate of one.
    assert_eq!(keys(&figures["wire"]), ["received_bytes", "sent_bytes"]);
    assert!(figures["wire"]["sent_bytes"].as_u64().unwrap() > 5 * 20, "{figures}");

    let text = run(&typed).await.ended(0);
    let rows: Vec<&str> = text.stdout().lines().map(|row| row.split_whitespace().next().unwrap()).collect();
    assert_eq!(rows, ["count", "round", "publishes", "outcomes", "wire"]);
    assert!(text.stdout().contains("5 delivered, 0 sent, 0 unconfirmed, 0 failed\n"), "{}", text.stdout());
    assert!(text.stdout().ends_with("- (there is no wire to a mock in this process)\n"), "{}", text.stdout());
}

#[tokio::test]
async fn messages_are_published_as_they_were_asked_for() {
    let mock = Mock::builder().start().unwrap();
    let typed = ["bench", "--port", port(&mock), "--broker", url(&mock), "-i", "tester", "-t", "a/b", "--size", "33"];
    let done = run(&[&["--json"], &typed[..], &["--messages", "4", "--round-trips", "3"]].concat()).await.ended(0);
    let publishes = &done.json()[0]["publishes"];
    assert_eq!((&publishes["sent"], &publishes["delivered"], &publishes["qos"]), (&json!(4), &json!(0), &json!(0)));
    let handle = broker(&mock);
    handle.wait_for(|view| view.published == 4).await.unwrap();
    for published in handle.published() {
        assert_eq!((published.message.topic.as_str(), published.message.payload.len()), ("a/b", 33));
    }
    // Behind what it is asked when it is attached to.
    let lines = mock.log().lines();
    let identified = lines.iter().position(|line| line == "AT+LMQTTCFG=?").unwrap();
    assert_eq!(lines[identified..].iter().filter(|line| *line == "AT").count(), 3, "{lines:?}");
}

#[tokio::test]
async fn without_a_broker_there_are_round_trips_only() {
    let mock = Mock::builder().start().unwrap();
    let typed = ["bench", "--port", port(&mock), "--round-trips", "4"];
    let done = run(&[&["--json"], &typed[..]].concat()).await.ended(0);
    let [figures] = &done.json()[..] else { panic!("one object: {}", done.stdout()) };
    assert_eq!((keys(figures), &figures["round_trips"]["count"]), (vec!["profile", "round_trips"], &json!(4)));
    let text = run(&typed).await.ended(0);
    assert!(text.stdout().contains("-  there is no broker: name it with --broker\n"), "{}", text.stdout());
    let lines = mock.log().lines();
    // That it has the commands is asked of every module.
    assert!(!lines.iter().any(|line| line.contains("LMQTT") && !line.ends_with("=?")), "{lines:?}");
}

#[tokio::test]
async fn what_cannot_be_measured_is_refused_before_anything_is_sent() {
    let mock = Mock::builder().modem(ModemOptions { model: NT35E, ..ModemOptions::default() }).start().unwrap();
    for (typed, code) in [
        (&["--messages", "0"][..], "input.usage"),
        (&["--round-trips", "0"], "input.usage"),
        (&["--size", "1048577"], "input.usage"),
        // No module takes so much.
        (&["--size", "1048576"], "input.too_long"),
        (&["--size", "1461", "--modem", "lierda-nt35e"], "input.too_long"),
        (&["-t", "a/#"], "input.topic"),
        (&["-q", "3"], "input.usage"),
        (&["-P", "env:ATMQTT_NOT_SET"], "input.password_without_username"),
    ] {
        let common = ["--json", "--port", port(&mock), "--broker", url(&mock), "bench"];
        let done = run(&[&common[..], typed].concat()).await.ended(2);
        assert_eq!((done.error()["code"].as_str(), done.stdout()), (Some(code), ""), "{typed:?}");
        assert_eq!(mock.log().bytes_heard(), 0, "{typed:?}");
    }
    // What this module takes is known once it has said what it is.
    let typed = ["--json", "--port", port(&mock), "--broker", url(&mock), "bench", "--size", "1461"];
    let done = run(&typed).await.ended(2);
    assert_eq!((&done.error()["code"], done.stdout()), (&json!("input.too_long"), ""));
    assert!(!mock.log().lines().iter().any(|line| line.contains("LMQTTOPEN")), "{:?}", mock.log().lines());
    assert_eq!(run(&["--json", "bench"]).await.ended(2).error()["code"], "input.no_port");
}

#[tokio::test]
async fn the_rate_of_a_wire_counts_and_that_of_a_pseudo_terminal_does_not() {
    let folder = tempfile::tempdir().unwrap();
    for (rate, is_wire) in [(Some("115200"), true), (None, false)] {
        let link = folder.path().join(rate.unwrap_or("any"));
        let link = link.to_str().unwrap();
        let paced = rate.map_or(vec![], |rate| vec!["--baud", rate]);
        let mut mock = Running::start(&[&["mock", "--link", link], &paced[..]].concat());
        assert_eq!(mock.line().await, link);
        let broker = mock.line().await;
        let broker = broker.strip_prefix("broker ").unwrap();
        let typed = ["--json", "--port", link, "--broker", broker, "bench", "--messages", "60", "-q", "1"];
        let done = run(&typed).await.ended(0);
        let wire = &done.json()[0]["wire"];
        if is_wire {
            assert_eq!(wire["baud"], 115_200);
            let efficiency = wire["efficiency_percent"].as_f64().unwrap();
            assert!((50.0..=101.0).contains(&efficiency), "{wire}");
            let text = run(&typed[1..]).await.ended(0);
            assert!(text.stdout().ends_with(" % of 115200 baud\n"), "{}", text.stdout());
        } else {
            assert_eq!(keys(wire), ["received_bytes", "sent_bytes"], "{wire}");
            let text = run(&typed[1..]).await.ended(0);
            assert!(text.stdout().contains(": - (the line is faster than the "), "{}", text.stdout());
        }
        mock.signal(Signal::TERM);
        assert_eq!(mock.code().await, Some(0));
    }
}

/// Each is confirmed after 200 ms, so that one after the other would take two seconds.
#[tokio::test]
async fn as_many_are_under_way_as_may_be_unconfirmed() {
    let mock = Mock::builder().faults("late-confirm=200ms~1".parse().unwrap(), 1).start().unwrap();
    let common = ["--json", "--port", port(&mock), "--broker", url(&mock), "--set", "window=5"];
    let typed = ["bench", "--messages", "10", "--round-trips", "1", "-q", "1"];
    let done = run(&[&common[..], &typed].concat()).await.ended(0);
    let publishes = &done.json()[0]["publishes"];
    assert_eq!((&publishes["window"], &publishes["delivered"]), (&json!(5), &json!(10)));
    assert!(publishes["min_ms"].as_f64().unwrap() >= 200.0, "{publishes}");
    assert!(publishes["elapsed_ms"].as_f64().unwrap() < 2000.0, "{publishes}");
}

/// A program that publishes without an end, once it has published some.
async fn publishing(mock: &Mock, more: &[&str]) -> Running {
    let common = ["--json", "--port", port(mock), "--broker", url(mock), "bench", "-q", "1", "--messages", "1000000"];
    let program = Running::start(&[&common[..], more].concat());
    broker(mock).wait_for(|view| view.published > 3).await.expect("a broker that runs");
    program
}

#[tokio::test]
async fn when_it_is_interrupted_it_says_what_there_is() {
    for signal in [Signal::INT, Signal::TERM] {
        let mock = Mock::builder().start().unwrap();
        let mut program = publishing(&mock, &[]).await;
        program.signal(signal);
        let figures = figures(&mut program).await;
        assert_eq!(figures["round_trips"]["count"], 100);
        let publishes = &figures["publishes"];
        assert!(publishes["delivered"].as_u64().unwrap() >= 3, "{publishes}");
        // The one that was under way, if there was one just then.
        assert!(publishes["unconfirmed"].as_u64().unwrap() <= 1 && publishes["failed"] == 0, "{publishes}");
        assert_eq!(program.code().await, Some(130));
    }
}

#[tokio::test]
async fn a_connection_that_is_lost_ends_it() {
    let mock = Mock::builder().start().unwrap();
    let mut program = publishing(&mock, &[]).await;
    mock.control().order(Fault::DropLinks).await.unwrap();
    let figures = figures(&mut program).await;
    let publishes = &figures["publishes"];
    assert!(publishes["delivered"].as_u64().unwrap() >= 3, "{publishes}");
    // No more than the one that was under way.
    let others = publishes["unconfirmed"].as_u64().unwrap() + publishes["failed"].as_u64().unwrap();
    assert!(others <= 1, "{publishes}");
    program.says("delivery.link_lost").await;
    assert_eq!(program.code().await, Some(7));
}

#[tokio::test]
async fn a_port_that_is_lost_ends_it() {
    let mock = Mock::builder().start().unwrap();
    let mut program = publishing(&mock, &[]).await;
    drop(mock);
    assert!(figures(&mut program).await["publishes"]["delivered"].as_u64().unwrap() >= 3);
    program.says("port.lost").await;
    assert_eq!(program.code().await, Some(3));
}

#[tokio::test]
async fn a_message_that_nobody_answers_for_is_unconfirmed() {
    let mock = Mock::builder().start().unwrap();
    let mut program = publishing(&mock, &["--timeout", "3s"]).await;
    mock.control().order(Fault::Mute(None)).await.unwrap();
    let figures = figures(&mut program).await;
    assert_eq!(figures["publishes"]["unconfirmed"], 1);
    program.says("unconfirmed.timed_out").await;
    assert_eq!(program.code().await, Some(8));
}

/// The module says so of one of them, and goes on.
#[tokio::test]
async fn messages_that_are_not_delivered_are_counted_and_the_others_are_published() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("refused.at");
    let publish = |id: u8, result: u8| {
        format!("> AT+LMQTTPUB=0,{id},1,0,\"t\",2,\"xx\"\\r\n< \\r\\nOK\\r\\n\\r\\n+LMQTTPUB: 0,{id},{result}\\r\\n\n")
    };
    let messages = [publish(1, 0), publish(2, 2), publish(3, 0), publish(4, 2)].concat();
    fs::write(&script, format!("profile: lierda-nt35e\n\n@ connected\n{messages}")).unwrap();
    let mut replay = Running::start(&["replay", "--tolerant", script.to_str().unwrap()]);
    let path = replay.line().await;
    let common = ["--json", "--port", &path, "--broker", "mqtt://broker.example", "bench"];
    let typed = ["-t", "t", "-q", "1", "--messages", "4", "--size", "2", "--round-trips", "2"];
    let done = run(&[&common[..], &typed].concat()).await.ended(7);
    let publishes = &done.json()[0]["publishes"];
    assert_eq!((&publishes["delivered"], &publishes["failed"]), (&json!(2), &json!(2)));
    assert_eq!(done.error()["code"], "delivery.not_published");
    let message = done.error()["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("of 4 messages 2 did not get through, the first: "), "{message}");
    assert_eq!(replay.code().await, Some(0));
}

#[tokio::test]
async fn a_broker_that_cannot_be_reached_leaves_the_round_trips() {
    let mock = Mock::builder().broker(BrokerChoice::None).start().unwrap();
    let typed = ["--port", port(&mock), "--broker", "mqtt://broker.example", "bench", "--round-trips", "2"];
    let done = run(&[&["--json"], &typed[..]].concat()).await.ended(5);
    assert_eq!(keys(&done.json()[0]), ["profile", "round_trips"]);
    assert_eq!(done.error()["code"], "network.unreachable");
    let text = run(&typed).await.ended(5);
    assert!(text.stdout().ends_with("-  it did not come to that\n"), "{}", text.stdout());
}
