//! What is asked for is done, and what happens is told.

use atmqtt_mock::Mock;
use atmqtt_mock::broker::{BrokerOptions, Message, QoS};
use atmqtt_mock::modem::{A7670, BC660K, EC800, Fault, ML307R, ModemOptions, NT35E, NT35E_ECMT};
use serde_json::{Value, json};

use super::client::Client;
use crate::program::{broker, port, run, url};

#[tokio::test]
async fn the_module_is_asked_under_the_names_of_info() {
    let mock = Mock::builder().start().unwrap();
    let done = run(&["info", "--port", port(&mock), "--json"]).await.ended(0);
    let [mut expected] = <[_; 1]>::try_from(done.json()).unwrap();
    let mut client = Client::start(&mock, &[]);
    let mut info = client.call("info", json!({})).await;
    // Depends on whether the module was told to report where it is.
    let registration = (info["registration"].take(), expected["registration"].take()).0;
    assert_eq!(info, expected);
    assert_eq!(registration["status"], "home");
    let signal = json!({"rssi_dbm": -73, "rsrp_dbm": -89, "rsrq_db": -9.0});
    assert_eq!(client.call("signal", json!({})).await, signal);
    let registration = client.call("registration", json!({})).await;
    assert_eq!(registration["status"], "home");
    assert!(registration["area_code"].is_u64() && registration["cell_id"].is_u64(), "{registration}");
    for (method, number) in
        [("imei", "490154203237518"), ("imsi", "001010123456789"), ("iccid", "89001012345678901234")]
    {
        assert_eq!(client.call(method, json!({})).await, json!(number));
    }
    let answer = client.call("at", json!({"command": "AT+CSQ"})).await;
    assert_eq!(answer, json!({"lines": ["+CSQ: 20,99"], "final": "OK"}));
    let refusal = client.call("at", json!({"command": "AT+NOSUCH"})).await;
    assert_eq!(refusal, json!({"lines": [], "final": "+CME ERROR: 4 (operation not supported)"}));
    assert!(client.end().await.is_empty(), "nothing was connected");
    assert_eq!(client.code().await, Some(0));
    assert!(broker(&mock).sessions().is_empty());
}

#[tokio::test]
async fn a_session_from_beginning_to_end() {
    let mock = Mock::builder().start().unwrap();
    let mut client = Client::with(&["rpc", "--port", port(&mock)]);
    let params = json!({"broker": url(&mock), "client_id": "host", "keepalive": 60,
                        "will": {"topic": "will", "payload": "gone", "qos": 1, "retain": true}});
    assert_eq!(client.call("connect", params).await, json!({"session_present": null}));
    for state in ["connecting", "up"] {
        assert_eq!(client.notified("link", |_| true).await, json!({"state": state, "reason": null}));
    }
    let handle = broker(&mock);
    assert!(handle.sessions().iter().any(|session| session.client_id == "host" && session.connected));
    let granted = json!({"granted_qos": null});
    assert_eq!(client.call("subscribe", json!({"filter": "a/#", "qos": 1})).await, granted);
    assert_eq!(client.call("subscribe", json!({"filter": "a/b"})).await, granted);

    for (params, outcome) in [
        (json!({"topic": "a/b", "payload": "grüße"}), "sent"),
        (json!({"topic": "a/b", "payload": "", "qos": 1}), "delivered"),
        (json!({"topic": "a/c", "payload_base64": "//77", "qos": 2, "retain": true, "durable": false}), "delivered"),
    ] {
        let published = client.call("publish", params).await;
        assert_eq!((&published["outcome"], &published["retransmissions"]), (&json!(outcome), &json!(0)));
    }
    // Each comes once, although two filters match.
    for (topic, key, payload) in
        [("a/b", "payload", "grüße"), ("a/b", "payload", ""), ("a/c", "payload_base64", "//77")]
    {
        let message = client.notified("message", |_| true).await;
        assert_eq!((&message["topic"], &message[key]), (&json!(topic), &json!(payload)), "{message}");
    }
    let status = client.call("status", json!({})).await;
    assert_eq!((&status["link"], &status["broker"]), (&json!("up"), &json!(url(&mock))));
    assert_eq!(status["subscriptions"], json!(["a/#", "a/b"]));
    assert_eq!((&status["in_flight"], &status["queued"]), (&json!(0), &json!(0)));
    let counters = &status["counters"];
    assert_eq!((&counters["delivered"], &counters["sent"], &counters["received"]), (&json!(2), &json!(1), &json!(3)));

    assert_eq!(client.call("unsubscribe", json!({"filter": "a/#"})).await, granted);
    assert_eq!(client.call("unsubscribe", json!({"filter": "a/b"})).await, granted);
    handle.publish(Message::new("a/b", "nobody reads this")).unwrap();
    assert_eq!(client.call("disconnect", json!({})).await, json!({}));
    assert_eq!(client.notified("link", |_| true).await, json!({"state": "down", "reason": null}));
    assert_eq!(client.call("disconnect", json!({})).await, json!({}), "it is no error a second time");
    assert_eq!(client.call("status", json!({})).await["link"], "down");
    assert!(client.end().await.is_empty());
    assert_eq!(client.code().await, Some(0));
}

#[tokio::test]
async fn what_the_broker_grants_is_told_where_the_module_tells_it() {
    for (model, told) in [
        (BC660K, [json!(0), json!(1), json!(1)]),
        (EC800, [json!(0), json!(1), json!(1)]),
        (ML307R, [json!(0), json!(1), json!(1)]),
        (NT35E_ECMT, [json!(0), json!(1), json!(1)]),
        (NT35E, [Value::Null, Value::Null, Value::Null]),
        (A7670, [Value::Null, Value::Null, Value::Null]),
    ] {
        let granting = BrokerOptions::new().subscribe(|request| Some(request.qos.min(QoS::AtLeastOnce)));
        let modem = ModemOptions { model, ..ModemOptions::default() };
        let mock = Mock::builder().modem(modem).broker_options(granting).start().unwrap();
        let mut client = Client::start(&mock, &[]);
        // No module tells whether the broker had a session.
        assert_eq!(client.call("connect", json!({})).await, json!({"session_present": null}), "{}", model.name);
        for (qos, granted) in told.iter().enumerate() {
            let result = client.call("subscribe", json!({"filter": "a", "qos": qos})).await;
            assert_eq!(result, json!({"granted_qos": granted}), "{}: {qos} asked for", model.name);
        }
        let result = client.call("unsubscribe", json!({"filter": "a"})).await;
        assert_eq!(result, json!({"granted_qos": null}), "{}", model.name);
    }
}

#[tokio::test]
async fn requests_are_in_flight_together() {
    let mock = Mock::builder().start().unwrap();
    let mut client = Client::start(&mock, &["-i", "host"]);
    let mut ids = vec![client.ask("connect", json!({})).await];
    ids.push(client.ask("subscribe", json!({"filter": "n/#", "qos": 1})).await);
    for number in 0..100 {
        ids.push(client.ask("publish", json!({"topic": "n", "payload": number.to_string(), "qos": 1})).await);
        if number % 10 == 0 {
            ids.push(client.ask("signal", json!({})).await);
        }
    }
    for (id, method) in [(json!("ünique"), "status"), (json!(null), "imei"), (json!(1.5), "status")] {
        client.ask_anything(method, &json!({"jsonrpc": "2.0", "id": id, "method": method})).await;
        ids.push(id);
    }
    for id in &ids {
        assert!(client.answer(id).await.get("result").is_some(), "{id}");
    }
    for number in 0..100 {
        assert_eq!(client.notified("message", |_| true).await["payload"], number.to_string());
    }
    // Nobody asked for an answer.
    client
        .ask_anything(
            "publish",
            &json!({"jsonrpc": "2.0", "method": "publish", "params": {"topic": "n/x", "payload": "y"}}),
        )
        .await;
    client.ask_anything("nonsense", &json!({"jsonrpc": "2.0", "method": "nonsense"})).await;
    assert_eq!(client.notified("message", |_| true).await["topic"], "n/x");
    let rest = client.end().await;
    assert_eq!(rest.iter().map(|line| &line["method"]).collect::<Vec<_>>(), ["link"], "{rest:?}");
}

/// Nobody has to wait for the end of one thing before the next is asked for.
#[tokio::test]
async fn what_depends_on_each_other_is_done_in_its_order() {
    let mock = Mock::builder().start().unwrap();
    let mut client = Client::start(&mock, &[]);
    let mut ids = Vec::new();
    for round in 0..3 {
        ids.push(client.ask("connect", json!({})).await);
        ids.push(client.ask("subscribe", json!({"filter": "a", "qos": 1})).await);
        for _ in 0..2 {
            ids.push(client.ask("unsubscribe", json!({"filter": "a"})).await);
            ids.push(client.ask("subscribe", json!({"filter": "a", "qos": 1})).await);
        }
        ids.push(client.ask("publish", json!({"topic": "a", "payload": round.to_string(), "qos": 1})).await);
        for id in ids.drain(..) {
            let answer = client.answer(&id).await;
            assert!(answer.get("result").is_some(), "{answer}");
        }
        assert_eq!(client.notified("message", |_| true).await["payload"], round.to_string());
        // The next round connects again, behind it.
        ids.push(client.ask("disconnect", json!({})).await);
    }
    client.answer(&ids[0]).await;
    client.end().await;
    assert_eq!(client.code().await, Some(0));
}

#[tokio::test]
async fn a_status_does_not_wait_for_a_connect() {
    let mock = Mock::builder().start().unwrap();
    mock.control().change(|options| options.registration = atmqtt_mock::modem::Registration::Searching).await.unwrap();
    let mut client = Client::start(&mock, &["--timeout", "3s"]);
    let connect = client.ask("connect", json!({})).await;
    let publish = client.ask("publish", json!({"topic": "a", "payload": "x"})).await;
    client.notified("link", |link| link["state"] == "connecting").await;
    let status = client.call("status", json!({})).await;
    assert_eq!((&status["link"], &status["broker"]), (&json!("connecting"), &json!(null)));
    assert_eq!((&status["in_flight"], &status["queued"]), (&json!(0), &json!(1)));
    // Nobody waits longer than --timeout at the end.
    let rest = client.end().await;
    let code = |id: &Value| rest.iter().find(|line| line["id"] == *id).unwrap()["error"]["data"]["code"].clone();
    assert_eq!((code(&connect), code(&publish)), (json!("network.timed_out"), json!("network.timed_out")));
    assert_eq!(client.code().await, Some(27));
}

/// Nothing is asked of the module to say so, and what is asked of it wakes it.
#[tokio::test]
async fn a_status_says_that_the_module_sleeps_and_does_not_wake_it() {
    let mock = Mock::builder().modem(ModemOptions { model: BC660K, ..ModemOptions::default() }).start().unwrap();
    let mut client = Client::start(&mock, &[]);
    assert_eq!(client.call("status", json!({})).await["asleep"], json!(false));
    let sleeps = b"\r\n+QNBIOTEVENT: \"ENTER PSM\"\r\n".to_vec();
    mock.control().order(Fault::Inject(sleeps)).await.unwrap();
    client.notified("modem", |modem| modem["event"] == "asleep").await;
    let heard = mock.log().bytes_heard();
    for _ in 0..2 {
        assert_eq!(client.call("status", json!({})).await["asleep"], json!(true));
    }
    assert_eq!(mock.log().bytes_heard(), heard);
    client.call("imei", json!({})).await;
    client.notified("modem", |modem| modem["event"] == "awake").await;
    assert_eq!(client.call("status", json!({})).await["asleep"], json!(false));
    client.end().await;
    assert_eq!(client.code().await, Some(0));
}

#[tokio::test]
async fn what_happens_at_the_module_is_told() {
    let mock = Mock::builder().start().unwrap();
    let mut client = Client::start(&mock, &["--set", "reconnect.min=10ms", "--set", "reconnect.max=10ms"]);
    client.call("connect", json!({})).await;
    client.call("subscribe", json!({"filter": "a"})).await;
    mock.control().order(Fault::DropLinks).await.unwrap();
    let down = client.notified("link", |link| link["state"] == "down").await;
    assert!(down["reason"].is_string(), "{down}");
    // It waits for the connection, which is made again by itself, and so is what was subscribed to.
    let published = client.call("publish", json!({"topic": "b", "payload": "x", "qos": 1})).await;
    assert_eq!(published["outcome"], "delivered");
    client.notified("link", |link| link["state"] == "up").await;
    broker(&mock).publish(Message::new("a", "again").qos(QoS::AtLeastOnce)).unwrap();
    assert_eq!(client.notified("message", |_| true).await["payload"], "again");
    mock.control().order(Fault::Inject(b"\r\n+ODD: \"x\"\r\n".to_vec())).await.unwrap();
    let odd = client.notified("modem", |_| true).await;
    assert_eq!(odd, json!({"event": "unknown_line", "line": "+ODD: \"x\""}));
    mock.control().order(Fault::Inject(b"\r\n+CEREG: 2\r\n".to_vec())).await.unwrap();
    let registration = client.notified("modem", |modem| modem["event"] == "registration").await;
    assert_eq!(registration["status"], "searching");
    mock.control().order(Fault::Reset).await.unwrap();
    client.notified("modem", |modem| modem["event"] == "reset").await;
    let down = client.notified("link", |link| link["state"] == "down").await;
    assert_eq!(down, json!({"state": "down", "reason": "the module restarted"}));
    client.notified("link", |link| link["state"] == "up").await;
    let status = client.call("status", json!({})).await;
    assert_eq!((&status["counters"]["connects"], &status["counters"]["links_lost"]), (&json!(1), &json!(2)));
    client.end().await;
    assert_eq!(client.code().await, Some(0));
}

#[tokio::test]
async fn what_a_slow_reader_misses_is_counted_to_the_message() {
    // More than the pipe and the queues behind it hold; but each no longer than the line takes.
    const PUBLISHED: u64 = 1300;
    let mock = Mock::builder().start().unwrap();
    let mut client = Client::start(&mock, &["--set", "inbox=10", "-d"]);
    client.call("connect", json!({})).await;
    client.call("subscribe", json!({"filter": "a"})).await;
    let handle = broker(&mock);
    for _ in 1..PUBLISHED {
        handle.publish(Message::new("a", "x")).unwrap();
    }
    handle.publish(Message::new("a", "the last of them")).unwrap();
    // Nobody reads stdout, until they have all gone over the line; that is seen on stderr.
    client.program.says("the last of them").await;
    let (mut came, mut dropped) = (0, 0);
    while came + dropped < PUBLISHED {
        let line = client.line().await.unwrap();
        match line["method"].as_str() {
            Some("message") => came += 1,
            Some("modem") => {
                assert_eq!(
                    (&line["params"]["event"], &line["params"]["filter"]),
                    (&json!("messages_dropped"), &json!("a"))
                );
                dropped += line["params"]["count"].as_u64().unwrap();
            }
            _ => {}
        }
    }
    assert_eq!(came + dropped, PUBLISHED);
    assert!(dropped > 0, "the pipe has taken everything: {came}");
    let counters = client.call("status", json!({})).await["counters"].clone();
    assert_eq!((&counters["received"], &counters["messages_dropped"]), (&json!(came), &json!(dropped)));
    client.end().await;
    assert_eq!(client.code().await, Some(0));
}

#[tokio::test]
async fn a_durable_message_is_accepted_without_a_connection_and_sent_with_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = folder.path().join("outbox");
    let mock = Mock::builder().start().unwrap();
    let mut client = Client::start(&mock, &["--outbox", outbox.to_str().unwrap()]);
    for payload in ["1", "2"] {
        let message = json!({"topic": "a", "payload": payload, "qos": 1, "durable": true, "ttl_s": 3600});
        assert_eq!(client.call("publish", message).await["outcome"], "accepted");
    }
    assert_eq!(broker(&mock).published().len(), 0);
    client.call("connect", json!({})).await;
    broker(&mock).wait_for(|view| view.published == 2).await.unwrap();
    let payloads: Vec<_> = broker(&mock).published().into_iter().map(|published| published.message.payload).collect();
    assert_eq!(payloads, [b"1", b"2"]);
    // Without an outbox there is no such promise.
    let other = Mock::builder().start().unwrap();
    let mut without = Client::start(&other, &[]);
    let refused = without.refused("publish", json!({"topic": "a", "payload": "x", "durable": true})).await;
    assert_eq!(refused["data"]["code"], "input.no_outbox");
    client.end().await;
    assert_eq!(client.code().await, Some(0));
}

/// Nobody would be there to hear of it later.
#[tokio::test]
async fn a_durable_message_that_the_module_can_never_publish_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = folder.path().join("outbox");
    let mock = Mock::builder().modem(ModemOptions { model: NT35E, ..ModemOptions::default() }).start().unwrap();
    let mut client = Client::start(&mock, &["--outbox", outbox.to_str().unwrap()]);
    for (payload, code) in [("x\n", "input.payload_byte"), (&*"x".repeat(100_000), "input.too_long")] {
        let refused = client.refused("publish", json!({"topic": "a", "payload": payload, "durable": true})).await;
        assert_eq!(refused["data"]["code"], code);
    }
    client.end().await;
    assert_eq!(client.code().await, Some(0));
    let status = run(&["--json", "spool", "status", "--outbox", outbox.to_str().unwrap()]).await.ended(0);
    assert_eq!(status.json()[0]["messages"], 0);
}

/// What the network has granted is a state of the module's, told when it changes, and nobody asks for it.
#[tokio::test]
async fn a_status_says_how_seldom_the_module_can_be_reached() {
    let mock = Mock::builder().modem(ModemOptions { model: BC660K, ..ModemOptions::default() }).start().unwrap();
    let mut client = Client::start(&mock, &[]);
    let status = client.call("status", json!({})).await;
    assert_eq!((&status["edrx"], &status["psm"]), (&json!(null), &json!(null)));
    let on = json!({"in_use": true, "cycle_s": 40.96, "paging_window_s": 10.24});
    let off = json!({"in_use": false, "cycle_s": null, "paging_window_s": null});
    let psm = json!({"granted": true, "active_time_s": 240, "periodic_update_s": 252_000});
    for (line, edrx, psm) in [
        ("+CEDRXP: 5,\"0010\",\"0011\",\"0011\"", &on, &json!(null)),
        ("+CEREG: 1,\"1A2B\",\"0C3D4E5F\",9,,,\"00100100\",\"01000111\"", &on, &psm),
        ("+CEDRXP: 0", &off, &psm),
    ] {
        mock.control().order(Fault::Inject(format!("\r\n{line}\r\n").into_bytes())).await.unwrap();
        let told = client.notified("modem", |modem| modem["event"] == "power_saving").await;
        assert_eq!((&told["edrx"], &told["psm"]), (edrx, psm), "{line}");
        let heard = mock.log().bytes_heard();
        let status = client.call("status", json!({})).await;
        assert_eq!((&status["edrx"], &status["psm"]), (edrx, psm), "{line}");
        assert_eq!(mock.log().bytes_heard(), heard);
    }
    mock.control().order(Fault::Reset).await.unwrap();
    client.notified("modem", |modem| modem["event"] == "reset").await;
    let status = client.call("status", json!({})).await;
    assert_eq!((&status["edrx"], &status["psm"]), (&json!(null), &json!(null)));
    client.end().await;
    assert_eq!(client.code().await, Some(0));
}
