//! Modules that sleep: a state that is told, and no fault. What wakes one is lost, and is nobody's command.

use std::time::Duration;

use atmqtt::{Delivery, Event, ModemEvent, ModemOptions, Overrides, QoS, Reconnect, Recovery};
use atmqtt_mock::Mock;
use atmqtt_mock::modem::{BC660K, Fault};
use atmqtt_tests::{Bench, Line, ONE_OF_EACH, broker, module, next};
use tokio::time::{Instant, sleep};

const MINUTE: Duration = Duration::from_secs(60);

fn wakes_after(wait: Duration) -> ModemOptions {
    let mut overrides = Overrides::default();
    overrides.set("wake_after", wait).expect("a figure that can be set");
    ModemOptions::new().overrides(overrides)
}

/// A module that sleeps after ten seconds, and loses what wakes it.
fn sleeper(model: atmqtt_mock::modem::Model) -> atmqtt_mock::Builder {
    Mock::builder().modem(module(model)).faults("sleep=10s".parse().expect("a fault"), 1)
}

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
    let bench = Bench::open(Line::Duplex, sleeper(BC660K), ModemOptions::new()).await;
    let connect = bench.modem.mqtt(broker("device")).reconnect(Reconnect::default());
    let client = connect.connect().await.expect("a connection");
    let mut messages = client.subscribe("down", QoS::AtLeastOnce).await.expect("a subscription");
    let mut events = bench.events().await;
    bench.mock.control().order(Fault::Inject(b"\r\n+QNBIOTEVENT: \"ENTER PSM\"\r\n".to_vec())).await.unwrap();
    next(&mut events, |event| (event == Event::Modem(ModemEvent::Asleep)).then_some(())).await;
    // In deep sleep everything is lost, without a word.
    bench.mock.control().order(Fault::BrownOut).await.unwrap();
    let heard = bench.mock.log().bytes_heard();
    sleep(60 * MINUTE).await;
    assert_eq!(bench.mock.log().bytes_heard(), heard, "it was woken, and nobody had asked for anything");

    let receipt = client.publish("down", "x").qos(QoS::AtLeastOnce).await.expect("a receipt");
    assert!(matches!(receipt.delivery, Delivery::Delivered { .. }), "{receipt:?}");
    assert_eq!(messages.recv().await.expect("the subscription is there again").payload, b"x");
    let restored = |event| matches!(event, Event::Modem(ModemEvent::Recovery(Recovery::Restored { .. }))).then_some(());
    next(&mut events, restored).await;
}

/// A line that the module says by itself shows that it is awake; what it sleeps on is asked for behind it.
#[tokio::test(start_paused = true)]
async fn a_module_that_speaks_is_awake() {
    let bench = Bench::start(Line::Duplex, Mock::builder().modem(module(BC660K))).await;
    let mut events = bench.events().await;
    for line in ["\r\n+QNBIOTEVENT: \"ENTER PSM\"\r\n", "\r\n+QNBIOTEVENT: \"EXIT PSM\"\r\n"] {
        // However the line comes in pieces.
        for byte in line.bytes() {
            bench.mock.control().order(Fault::Inject(vec![byte])).await.unwrap();
        }
        let expected = if line.contains("ENTER") { ModemEvent::Asleep } else { ModemEvent::Awake };
        next(&mut events, |event| (event == Event::Modem(expected.clone())).then_some(())).await;
    }
    let began = Instant::now();
    bench.answers().await;
    assert!(began.elapsed() < Duration::from_millis(100), "it is not woken once more");
}
