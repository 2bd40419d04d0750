//! Modules that sleep: a state that is told, and no fault. What wakes one is lost, and is nobody's command.

use std::time::Duration;

use atmqtt::{Delivery, Event, ModemEvent, ModemOptions, Overrides, QoS, Reconnect, Recovery};
use atmqtt_mock::Mock;
use atmqtt_mock::broker::Message;
use atmqtt_mock::modem::{self, BC660K, Model, NT26E, NT35E, Sleep};
use atmqtt_tests::{Bench, Line, ONE_OF_EACH, broker, module, next, soon};
use tokio::time::{Instant, sleep};

const MINUTE: Duration = Duration::from_secs(60);

fn wakes_after(wait: Duration) -> ModemOptions {
    let mut overrides = Overrides::default();
    overrides.set("wake_after", wait).expect("a figure that can be set");
    ModemOptions::new().overrides(overrides)
}

/// A module that sleeps after ten seconds, and loses what wakes it.
fn sleeper(model: Model) -> atmqtt_mock::Builder {
    Mock::builder().modem(module(model)).faults("sleep=10s".parse().expect("a fault"), 1)
}

/// The same, and its connection is gone then, without a word.
fn deep_sleeper(model: Model) -> atmqtt_mock::Builder {
    sleeper(model).modem(modem::ModemOptions { sleep: Sleep::Deep, ..module(model) })
}

/// Modules with a power saving mode.
const DEEP_SLEEPERS: [Model; 3] = [NT35E, NT26E, BC660K];

#[tokio::test(start_paused = true)]
async fn a_module_that_sleeps_is_woken_before_the_command() {
    for model in ONE_OF_EACH {
        let bench = Bench::open(Line::Duplex, sleeper(model), wakes_after(Duration::from_secs(10))).await;
        let client = bench.connect("device").await;
        let mut events = bench.events().await;
        for _ in 0..3 {
            next(&mut events, |event| (event == Event::Modem(ModemEvent::Asleep)).then_some(())).await;
            sleep(10 * MINUTE).await;
            let (began, before) = (Instant::now(), bench.mock.broker().unwrap().published().len());
            let receipt = client.publish("a", "x").qos(QoS::AtLeastOnce).await.expect("a receipt");
            assert_eq!(receipt.delivery, Delivery::Delivered { retransmissions: 0 }, "{}", model.name);
            assert!(began.elapsed() < Duration::from_secs(2), "{}: {:?}", model.name, began.elapsed());
            assert_eq!(bench.mock.broker().unwrap().published().len(), before + 1);
            next(&mut events, |event| (event == Event::Modem(ModemEvent::Awake)).then_some(())).await;
        }
        bench.is_in_order().await;
    }
}

/// What the figure is for: nobody knows that the module sleeps, and it is the command that is lost.
#[tokio::test(start_paused = true)]
async fn without_the_figure_the_command_is_lost() {
    let bench = Bench::open(Line::Duplex, sleeper(ONE_OF_EACH[0]), ModemOptions::new()).await;
    let client = bench.connect("device").await;
    sleep(10 * MINUTE).await;
    let (began, receipt) = (Instant::now(), client.publish("a", "x").qos(QoS::AtLeastOnce).await);
    assert!(!matches!(receipt, Ok(receipt) if matches!(receipt.delivery, Delivery::Delivered { .. })));
    assert!(began.elapsed() > Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn a_module_that_says_that_it_sleeps_is_left_alone_and_has_its_connection_again_when_it_is_needed() {
    let bench = Bench::open(Line::Duplex, deep_sleeper(BC660K), ModemOptions::new()).await;
    let report = bench.modem.raw("AT+QNBIOTEVENT=1,1").await.expect("an answer");
    assert!(report.result.is_ok());
    let connect = bench.modem.mqtt(broker("device")).reconnect(Reconnect::default());
    let client = connect.connect().await.expect("a connection");
    let mut messages = client.subscribe("down", QoS::AtLeastOnce).await.expect("a subscription");
    let mut events = bench.events().await;
    for _ in 0..3 {
        next(&mut events, |event| (event == Event::Modem(ModemEvent::Asleep)).then_some(())).await;
        let heard = bench.mock.log().bytes_heard();
        sleep(60 * MINUTE).await;
        assert_eq!(bench.mock.log().bytes_heard(), heard, "it was woken, and nobody had asked for anything");

        let receipt = client.publish("down", "x").qos(QoS::AtLeastOnce).await.expect("a receipt");
        assert!(matches!(receipt.delivery, Delivery::Delivered { .. }), "{receipt:?}");
        assert_eq!(messages.recv().await.expect("the subscription is there again").payload, b"x");
        let restored =
            |event| matches!(event, Event::Modem(ModemEvent::Recovery(Recovery::Restored { .. }))).then_some(());
        next(&mut events, restored).await;
    }
}

/// A message is not what a connection is tried with that may be gone: it goes out once there is one.
#[tokio::test(start_paused = true)]
async fn a_message_for_a_connection_that_was_lost_in_sleep_goes_out_over_the_next_one_only() {
    for model in DEEP_SLEEPERS {
        let bench = Bench::open(Line::Duplex, deep_sleeper(model), wakes_after(Duration::from_secs(10))).await;
        let connect = bench.modem.mqtt(broker("device")).reconnect(Reconnect::default());
        let client = connect.connect().await.expect("a connection");
        let mut events = bench.events().await;
        for (qos, promise) in [
            (QoS::AtMostOnce, Delivery::Sent),
            (QoS::AtLeastOnce, Delivery::Delivered { retransmissions: 0 }),
            (QoS::ExactlyOnce, Delivery::Delivered { retransmissions: 0 }),
        ] {
            next(&mut events, |event| (event == Event::Modem(ModemEvent::Asleep)).then_some(())).await;
            sleep(10 * MINUTE).await;
            let (before, told) = (bench.mock.log().lines().len(), bench.mock.broker().unwrap().published().len());
            let receipt = client.publish("a", "x").qos(qos).await.expect("a receipt");
            assert_eq!(receipt.delivery, promise, "{}", model.name);
            let broker = bench.mock.broker().unwrap();
            soon(broker.wait_for(|_| broker.published().len() > told)).await.expect("a broker that runs");
            assert_eq!(broker.published().len(), told + 1, "{}, {qos:?}", model.name);
            let heard = bench.mock.log().lines().split_off(before);
            let first = heard.iter().position(|line| line.contains("PUB=")).expect("a publish");
            let sign_in = heard.iter().position(|line| line.contains("CONN=")).expect("a sign-in");
            assert!(sign_in < first, "{}: {heard:?}", model.name);
        }
    }
}

/// Whoever wakes the module for something else has it asked for the connection too: it may be asleep again before the next look is due.
#[tokio::test(start_paused = true)]
async fn a_subscription_that_was_lost_in_sleep_is_there_again_whatever_the_module_was_woken_for() {
    for model in DEEP_SLEEPERS {
        let bench = Bench::open(Line::Duplex, deep_sleeper(model), wakes_after(Duration::from_secs(10))).await;
        let connect = bench.modem.mqtt(broker("device")).reconnect(Reconnect::default());
        let client = connect.connect().await.expect("a connection");
        let mut messages = client.subscribe("down", QoS::AtLeastOnce).await.expect("a subscription");
        let mut events = bench.events().await;
        next(&mut events, |event| (event == Event::Modem(ModemEvent::Asleep)).then_some(())).await;
        sleep(10 * MINUTE).await;
        bench.modem.raw("AT+CSQ").await.expect("an answer");
        let restored =
            |event| matches!(event, Event::Modem(ModemEvent::Recovery(Recovery::Restored { .. }))).then_some(());
        next(&mut events, restored).await;
        bench.mock.broker().unwrap().publish(Message::new("down", "x")).expect("a topic");
        assert_eq!(soon(messages.recv()).await.expect("a message").payload, b"x", "{}", model.name);
    }
}

/// Nobody makes it again, and nobody is told that a message got out over it.
#[tokio::test(start_paused = true)]
async fn a_connection_that_is_not_kept_and_was_lost_in_sleep_is_a_lost_connection() {
    for model in DEEP_SLEEPERS {
        let bench = Bench::open(Line::Duplex, deep_sleeper(model), wakes_after(Duration::from_secs(10))).await;
        let client = bench.connect("device").await;
        sleep(10 * MINUTE).await;
        let fault = client.publish("a", "x").qos(QoS::AtLeastOnce).await.expect_err("there is no connection");
        assert_eq!(fault.code(), "delivery.not_connected", "{}: {fault}", model.name);
        assert_eq!(bench.mock.broker().unwrap().published().len(), 0, "{}", model.name);
    }
}

/// A line that the module says by itself shows that it is awake; what it sleeps on is asked for behind it.
#[tokio::test(start_paused = true)]
async fn a_module_that_speaks_is_awake() {
    let bench = Bench::start(Line::Duplex, Mock::builder().modem(module(BC660K))).await;
    let mut events = bench.events().await;
    for line in ["\r\n+QNBIOTEVENT: \"ENTER PSM\"\r\n", "\r\n+QNBIOTEVENT: \"EXIT PSM\"\r\n"] {
        // However the line comes in pieces.
        for byte in line.bytes() {
            bench.mock.control().order(modem::Fault::Inject(vec![byte])).await.unwrap();
        }
        let expected = if line.contains("ENTER") { ModemEvent::Asleep } else { ModemEvent::Awake };
        next(&mut events, |event| (event == Event::Modem(expected.clone())).then_some(())).await;
    }
    let began = Instant::now();
    bench.answers().await;
    assert!(began.elapsed() < Duration::from_millis(100), "it is not woken once more");
}
