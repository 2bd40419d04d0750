//! A module that says nothing, says it late, or leaves out an `OK`; in virtual time.

use std::time::Duration;

use atmqtt::{Client, Delivery, Error, Event, FinalResult, Modem, ModemEvent, ModemOptions, QoS, Unconfirmed};
use atmqtt_mock::Mock;
use atmqtt_mock::modem::{Fault, MODELS, Model, NT26E, NT35E};
use atmqtt_tests::{Bench, Line, broker, delivered, module, next};
use tokio::time::{Instant, sleep};

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

async fn start(model: Model) -> Bench {
    Bench::start(Line::Duplex, Mock::builder().modem(module(model))).await
}

/// The codes that a call of each kind ends with when the module says nothing, and how long that takes at the most.
const CALLS: [(&str, &str, Duration); 7] = [
    ("raw", "modem.timed_out", seconds(30)),
    ("status", "modem.timed_out", seconds(5)),
    ("connect", "modem.timed_out", seconds(25)),
    ("subscribe", "modem.timed_out", seconds(45)),
    ("unsubscribe", "modem.timed_out", seconds(45)),
    ("disconnect", "modem.timed_out", seconds(10)),
    ("publish", "unconfirmed", seconds(45)),
];

/// Makes the call, and gives the code that it ended with.
async fn call(name: &str, bench: &Bench, client: Option<&Client>) -> Result<(), &'static str> {
    let client = || client.expect("a connection");
    let outcome: Result<(), Error> = match name {
        "raw" => bench.modem.raw("AT+CSQ").await.map(drop),
        "status" => bench.modem.status().await.map(drop),
        "connect" => bench.modem.mqtt(broker("device")).connect().await.map(drop),
        "subscribe" => client().subscribe("a", QoS::AtLeastOnce).await.map(drop),
        "unsubscribe" => client().unsubscribe("a").await,
        "disconnect" => client().disconnect().await,
        "publish" => match client().publish("a", "b").qos(QoS::AtLeastOnce).await {
            Ok(receipt) if receipt.delivery == Delivery::Unconfirmed(Unconfirmed::NoReport) => {
                return Err("unconfirmed");
            }
            other => other.map(drop),
        },
        other => panic!("{other}"),
    };
    outcome.map_err(|error| error.code())
}

#[tokio::test(start_paused = true)]
async fn every_call_ends_in_its_time_and_the_next_one_works_when_the_module_speaks_again() {
    for model in MODELS {
        for (name, code, limit) in CALLS {
            let bench = start(model).await;
            let client = if name == "connect" { None } else { Some(bench.connect("device").await) };
            bench.mock.control().order(Fault::Mute(Some(seconds(100)))).await.unwrap();
            let began = Instant::now();
            assert_eq!(call(name, &bench, client.as_ref()).await, Err(code), "{name}");
            assert!(began.elapsed() <= limit, "{name}: {:?}", began.elapsed());

            // Silent still: each further call ends too, and sooner.
            let began = Instant::now();
            assert_eq!(call("status", &bench, None).await, Err("modem.unresponsive"), "after {name}");
            assert!(began.elapsed() <= seconds(10), "{:?}", began.elapsed());

            sleep(seconds(100)).await;
            bench.is_in_order().await;
            // Whoever has signed out has ended the connection, whatever the module said.
            if let Some(client) = client.filter(|_| name != "disconnect") {
                // The broker has not noticed anything, and the module has kept its session.
                delivered(client.publish("a", "c"), QoS::ExactlyOnce).await;
                client.disconnect().await.unwrap();
            }
            let client = bench.connect("device").await;
            delivered(client.publish("a", "d"), QoS::AtLeastOnce).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_whose_prompt_does_not_come_is_unconfirmed_and_sent_to_nobody_else() {
    let bench = start(NT26E).await;
    let client = bench.connect("device").await;
    bench.mock.control().order(Fault::Mute(Some(seconds(60)))).await.unwrap();
    let began = Instant::now();
    // Had the prompt come late, the message would have gone out.
    let receipt = client.publish("a", vec![0; 2000]).qos(QoS::AtLeastOnce).await.unwrap();
    assert_eq!(receipt.delivery, Delivery::Unconfirmed(Unconfirmed::NoReport));
    assert!(began.elapsed() <= seconds(5), "{:?}", began.elapsed());
    sleep(seconds(60)).await;
    delivered(client.publish("a", vec![0; 2000]), QoS::AtLeastOnce).await;
    let broker = bench.mock.broker().unwrap();
    assert_eq!(broker.published().len(), 1, "what was not sent did not arrive");
}

#[tokio::test(start_paused = true)]
async fn a_module_that_never_answers() {
    let (mock, host) = Mock::builder().duplex().unwrap();
    mock.control().order(Fault::Mute(None)).await.unwrap();
    let began = Instant::now();
    let failed = Modem::attach(host, ModemOptions::new().patience(seconds(4))).await.map(drop).unwrap_err();
    assert_eq!(failed.code(), "modem.no_answer");
    // What may bring a module back takes its time.
    assert!((4..15).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_module_that_is_asleep_at_first() {
    let (mock, host) = Mock::builder().duplex().unwrap();
    mock.control().order(Fault::Mute(Some(seconds(11)))).await.unwrap();
    let modem = Modem::attach(host, ModemOptions::new()).await.unwrap();
    assert_eq!(modem.profile().model.name.as_ref(), NT26E.name);
    assert!(modem.raw("AT").await.unwrap().result.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_is_given_to_no_other_command() {
    // From just after the time-out to long after the module has been given up.
    for late in [1010, 1500, 2500, 3100, 4900, 7050, 9000, 20_000].map(Duration::from_millis) {
        for (command, answer) in
            [("AT+CSQ", "+CSQ: 20,99"), ("AT+CMEE?", "+CMEE: 1"), ("AT+CGMR", "NT26ECNA00NNA-LV1.0")]
        {
            let bench = start(NT26E).await;
            let client = bench.connect("device").await;
            let mut messages = client.subscribe("a", QoS::AtLeastOnce).await.unwrap();
            bench.mock.control().order(Fault::DelayNext(late)).await.unwrap();
            let timed_out = bench.modem.raw_within(command, seconds(1)).await.unwrap_err();
            assert_eq!(timed_out.code(), "modem.timed_out");
            // At once, and again: it may be given up, but it is not given the answer of another.
            let began = Instant::now();
            loop {
                match bench.modem.raw("AT+CGMM").await {
                    Ok(model) => {
                        let lines: Vec<_> = model.lines.iter().map(atmqtt::Line::text).collect();
                        assert_eq!((lines, model.result), (vec![&b"NT26E"[..]], FinalResult::Ok), "{command} {late:?}");
                        break;
                    }
                    Err(error) => assert_eq!(error.code(), "modem.unresponsive", "{command} {late:?}"),
                }
                assert!(began.elapsed() < seconds(60), "{command} {late:?}");
            }
            let original = bench.modem.raw(command).await.unwrap();
            let lines: Vec<_> = original.lines.iter().map(atmqtt::Line::text).collect();
            assert_eq!(lines, [answer.as_bytes()], "{command} {late:?}");
            bench.is_in_order().await;
            delivered(client.publish("a", "b"), QoS::AtLeastOnce).await;
            assert_eq!(messages.recv().await.unwrap().payload, b"b");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_refusal_is_given_to_no_other_command() {
    for late in [1010, 2500, 4900, 9000].map(Duration::from_millis) {
        let bench = start(NT26E).await;
        bench.mock.control().order(Fault::DelayNext(late)).await.unwrap();
        assert_eq!(bench.modem.raw_within("AT+NONSENSE", seconds(1)).await.unwrap_err().code(), "modem.timed_out");
        while let Err(error) = bench.modem.raw("AT").await {
            assert_eq!(error.code(), "modem.unresponsive", "{late:?}");
        }
        bench.is_in_order().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_report_is_that_of_its_own_message() {
    for (model, qos) in [(NT26E, QoS::AtMostOnce), (NT26E, QoS::AtLeastOnce), (NT35E, QoS::ExactlyOnce)] {
        let bench = start(model).await;
        let client = bench.connect("device").await;
        let mut events = bench.events().await;
        bench.mock.control().order(Fault::DelayNext(seconds(50))).await.unwrap();
        let began = Instant::now();
        let receipt = client.publish("a", "late").qos(qos).await.unwrap();
        assert_eq!(receipt.delivery, Delivery::Unconfirmed(Unconfirmed::NoReport));
        assert!((30..=45).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());

        let second = client.publish("a", "second").qos(qos).await;
        let late = |event| match event {
            Event::Modem(ModemEvent::LateResult { message_id }) => Some(message_id),
            _ => None,
        };
        assert_eq!(next(&mut events, late).await, 1);
        match second {
            Ok(receipt) if qos == QoS::AtMostOnce => assert_eq!(receipt.delivery, Delivery::Sent),
            Ok(receipt) => assert_eq!(receipt.delivery, Delivery::Delivered { retransmissions: 0 }),
            Err(error) => panic!("{error}"),
        }
        let broker = bench.mock.broker().unwrap();
        let view = broker.wait_for(|view| view.published >= 2).await.unwrap();
        assert_eq!(view.published, 2);
        let payloads: Vec<_> = broker.published().into_iter().map(|taken| taken.message.payload).collect();
        assert_eq!(payloads, [b"late".to_vec(), b"second".to_vec()]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_its_ok_ends_the_wait_and_nothing_else() {
    for model in MODELS {
        let bench = start(model).await;
        let control = bench.mock.control();
        let client = bench.connect("device").await;

        control.order(Fault::LoseNextOk).await.unwrap();
        let lost = bench.modem.raw_within("AT+CSQ", seconds(2)).await.unwrap_err();
        assert_eq!(lost.code(), "modem.timed_out");
        bench.is_in_order().await;

        // Where the true result is a line of its own, it is enough, and needs no long wait.
        for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
            control.order(Fault::LoseNextOk).await.unwrap();
            let began = Instant::now();
            delivered(client.publish("a", "b"), qos).await;
            assert!(began.elapsed() <= seconds(2), "{:?}", began.elapsed());
        }
        control.order(Fault::LoseNextOk).await.unwrap();
        let mut messages = client.subscribe("a", QoS::AtLeastOnce).await.unwrap();
        delivered(client.publish("a", "c"), QoS::AtLeastOnce).await;
        assert_eq!(messages.recv().await.unwrap().payload, b"c");
        control.order(Fault::LoseNextOk).await.unwrap();
        client.unsubscribe("a").await.unwrap();
        assert_eq!(messages.recv().await, None);
        control.order(Fault::LoseNextOk).await.unwrap();
        client.disconnect().await.unwrap();
        bench.is_in_order().await;
        let client = bench.connect("device").await;
        delivered(client.publish("a", "d"), QoS::AtLeastOnce).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_survives_the_loss_of_any_ok_that_a_result_makes_up_for() {
    // Which OK of the sign-in is lost, counted in commands from the first on.
    let bench = start(NT26E).await;
    let before = bench.mock.log().command_count();
    drop(bench.connect("device").await);
    bench.answers().await;
    let commands: Vec<_> = bench.mock.log().lines().into_iter().skip(usize::try_from(before).unwrap()).collect();
    for made_up_for in ["AT+LMQTTOPEN", "AT+LMQTTCONN"] {
        let position = commands.iter().position(|line| line.starts_with(made_up_for)).unwrap();
        let bench = start(NT26E).await;
        let from = bench.dialogue.len();
        let lose = async {
            bench.dialogue.says(from, &format!("> {}", commands[position - 1])).await;
            bench.mock.control().order(Fault::LoseNextOk).await.unwrap();
        };
        let (client, ()) = tokio::join!(bench.modem.mqtt(broker("device")).connect(), lose);
        delivered(client.unwrap().publish("a", "b"), QoS::AtLeastOnce).await;
    }
}
