//! Modules in extended discontinuous reception: what is sent to them comes late, and nothing is taken for a fault because of it.

use std::time::Duration;

use atmqtt::{
    Client, Delivery, Edrx, Event, Events, LinkState, ModemEvent, ModemOptions, MqttOptions, PowerSaving, Profile, QoS,
    Reconnect, Subscription,
};
use atmqtt_mock::Mock;
use atmqtt_mock::broker::Message;
use atmqtt_mock::modem::{BC660K, BG95, Fault, Model};
use atmqtt_tests::{Bench, Line, broker, module, next};
use tokio::time::{Instant, sleep, timeout};

const MINUTE: Duration = Duration::from_secs(60);

/// Those that know it, and the longest cycle of each.
const MODELS: [(Model, Duration); 2] =
    [(BG95, Duration::from_millis(2_621_440)), (BC660K, Duration::from_millis(10_485_760))];

/// A module that the network reaches once in so long a time.
async fn bench(model: Model, cycle: Duration) -> Bench {
    bench_with(model, cycle, ModemOptions::new()).await
}

async fn bench_with(model: Model, cycle: Duration, options: ModemOptions) -> Bench {
    let faults = format!("edrx={}ms", cycle.as_millis()).parse().expect("a state of the network");
    Bench::open(Line::Duplex, Mock::builder().modem(module(model)).faults(faults, 1), options).await
}

/// With a profile that says that the module can be asked.
fn asking(model: Model) -> ModemOptions {
    let base = format!("base = {:?}\nmodel.name = \"mine\"\n", model.name);
    let rules = "power_saving.edrx = { rule = \"cedrxrdp\", evidence = \"manual\" }";
    ModemOptions::new().profile(Profile::parse(&(base + rules)).expect("a profile"))
}

/// With this keep-alive, in seconds; 0: nothing goes up by itself.
fn keeping_alive(keep_alive: u16) -> MqttOptions {
    let mut options = broker("device");
    options.keep_alive = keep_alive;
    options
}

/// A connection that is kept, with a subscription, and over which nothing goes by itself.
async fn kept(bench: &Bench, qos: QoS) -> (Client, Subscription) {
    let connect = bench.modem.mqtt(keeping_alive(0)).reconnect(Reconnect::default());
    let client = connect.connect().await.expect("a connection");
    let messages = client.subscribe("down", qos).await.expect("a subscription");
    (client, messages)
}

fn publish(bench: &Bench, payload: &str, qos: QoS) {
    let qos = match qos {
        QoS::AtMostOnce => atmqtt_mock::broker::QoS::AtMostOnce,
        QoS::AtLeastOnce => atmqtt_mock::broker::QoS::AtLeastOnce,
        QoS::ExactlyOnce => atmqtt_mock::broker::QoS::ExactlyOnce,
    };
    let message = Message::new("down", payload).qos(qos);
    bench.mock.broker().expect("a broker").publish(message).expect("a topic");
}

async fn received(messages: &mut Subscription) -> String {
    let message = timeout(Duration::from_secs(20_000), messages.recv()).await.expect("a message in time");
    String::from_utf8_lossy(&message.expect("a message").payload).into_owned()
}

/// Nothing has, since the events were asked for.
async fn nothing_happened(events: &mut Events) {
    let event = timeout(Duration::from_millis(1), events.recv()).await;
    assert!(event.is_err(), "{event:?}");
}

#[tokio::test(start_paused = true)]
async fn a_message_is_late_by_a_cycle_at_most_and_nothing_is_done_about_it() {
    for (model, cycle) in MODELS {
        let bench = bench(model, cycle).await;
        let (_client, mut messages) = kept(&bench, QoS::ExactlyOnce).await;
        let mut events = bench.events().await;
        for round in 0..3 {
            // Far from both windows.
            sleep(cycle / 2).await;
            let sent = Instant::now();
            let levels = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];
            for (number, qos) in levels.into_iter().enumerate() {
                publish(&bench, &format!("{round} {number}"), qos);
            }
            for number in 0..levels.len() {
                assert_eq!(received(&mut messages).await, format!("{round} {number}"), "{}", model.name);
            }
            let late = sent.elapsed();
            assert!(late > MINUTE && late <= cycle, "{}: {late:?}", model.name);
        }
        // None came twice, and the module was not asked more than whether it is still connected.
        assert!(timeout(3 * cycle, messages.recv()).await.is_err(), "{}", model.name);
        let heard = bench.mock.log().lines();
        let subscribed = heard.iter().position(|line| line.contains("QMTSUB=")).expect("a subscription");
        let others: Vec<_> = heard[subscribed + 1..].iter().filter(|line| *line != "AT+QMTCONN?").collect();
        assert!(others.is_empty(), "{}: {others:?}", model.name);
        nothing_happened(&mut events).await;
        assert!(bench.mock.broker().expect("a broker").sessions().iter().all(|session| session.connected));
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_module_sends_goes_out_at_once_and_brings_what_waits() {
    for (model, cycle) in MODELS {
        let bench = bench(model, cycle).await;
        let (client, mut messages) = kept(&bench, QoS::AtLeastOnce).await;
        let mut events = bench.events().await;
        for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
            sleep(cycle / 2).await;
            publish(&bench, "down", QoS::AtLeastOnce);
            assert!(timeout(MINUTE, messages.recv()).await.is_err(), "it cannot be reached");
            let began = Instant::now();
            let receipt = client.publish("up", "x").qos(qos).await.expect("a receipt");
            let promise =
                if qos == QoS::AtMostOnce { Delivery::Sent } else { Delivery::Delivered { retransmissions: 0 } };
            assert_eq!(receipt.delivery, promise, "{}", model.name);
            assert_eq!(received(&mut messages).await, "down");
            assert!(began.elapsed() < Duration::from_secs(2), "{}: {:?}", model.name, began.elapsed());
            // To subscribe is to send, too.
            sleep(MINUTE).await;
            let began = Instant::now();
            drop(client.subscribe("other", QoS::AtLeastOnce).await.expect("a subscription"));
            assert!(began.elapsed() < Duration::from_secs(2), "{}: {:?}", model.name, began.elapsed());
        }
        nothing_happened(&mut events).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_keep_alive_is_the_modules_business_and_brings_what_waits() {
    for (model, cycle) in MODELS {
        let bench = bench(model, cycle).await;
        let options = keeping_alive(300);
        let client = bench.modem.mqtt(options).reconnect(Reconnect::default()).connect().await.expect("a connection");
        let mut messages = client.subscribe("down", QoS::AtLeastOnce).await.expect("a subscription");
        let mut events = bench.events().await;
        for _ in 0..5 {
            sleep(17 * MINUTE).await;
            let sent = Instant::now();
            publish(&bench, "down", QoS::AtLeastOnce);
            assert_eq!(received(&mut messages).await, "down");
            assert!(sent.elapsed() <= 5 * MINUTE, "{}: {:?}", model.name, sent.elapsed());
        }
        nothing_happened(&mut events).await;
        assert!(bench.mock.broker().expect("a broker").sessions().iter().all(|session| session.connected));
    }
}

/// A connection that the broker has ended is noticed late too, and then it is made again.
#[tokio::test(start_paused = true)]
async fn a_connection_that_is_ended_meanwhile_is_made_again_when_the_module_hears_of_it() {
    let (model, cycle) = MODELS[0];
    let bench = bench(model, cycle).await;
    let client =
        bench.modem.mqtt(keeping_alive(0)).reconnect(Reconnect::default()).connect().await.expect("a connection");
    let mut messages = client.subscribe("down", QoS::AtLeastOnce).await.expect("a subscription");
    let mut events = bench.events().await;
    sleep(cycle / 2).await;
    let cut = Instant::now();
    bench.mock.broker().expect("a broker").drop_link("device");
    let lost = timeout(2 * cycle, async {
        loop {
            if let Event::Modem(ModemEvent::LinkLost(_)) = events.recv().await.expect("an event") {
                return;
            }
        }
    });
    lost.await.expect("the loss is told");
    assert!(cut.elapsed() > MINUTE && cut.elapsed() <= cycle, "{:?}", cut.elapsed());
    next(&mut events, |event| (event == Event::Modem(ModemEvent::Link(LinkState::Up))).then_some(())).await;
    sleep(MINUTE).await;
    publish(&bench, "down", QoS::AtLeastOnce);
    assert_eq!(received(&mut messages).await, "down");
}

#[tokio::test(start_paused = true)]
async fn what_is_granted_is_in_the_status_and_its_changes_are_told() {
    let on = |cycle: u64, window: u64| Edrx::On {
        cycle: Duration::from_millis(cycle),
        paging_window: Some(Duration::from_millis(window)),
    };
    for (model, set, granted) in
        [(BG95, "AT+CEDRXS=2,4,\"0101\"", on(40_960, 5120)), (BC660K, "AT+CEDRXS=2,5,\"0101\"", on(40_960, 10_240))]
    {
        let bench = bench_with(model, Duration::from_secs(40), asking(model)).await;
        let mut events = bench.events().await;
        let mut told = async |expected: Option<Edrx>| {
            next(&mut events, |event| match event {
                Event::Modem(ModemEvent::PowerSaving(PowerSaving { edrx, .. })) => {
                    assert_eq!(edrx, expected, "{}", model.name);
                    Some(())
                }
                _ => None,
            })
            .await;
        };
        for _ in 0..2 {
            let status = bench.modem.status().await.expect("a status");
            assert_eq!(status.power_saving.edrx, Some(granted), "{}", model.name);
        }
        told(Some(granted)).await;
        assert!(bench.modem.raw("AT+CEDRXS=0").await.expect("an answer").result.is_ok());
        assert_eq!(bench.modem.status().await.expect("a status").power_saving.edrx, Some(Edrx::Off));
        told(Some(Edrx::Off)).await;
        let answer = bench.modem.raw(set).await.expect("an answer");
        assert!(answer.lines.is_empty() && answer.result.is_ok(), "{answer:?}");
        told(Some(granted)).await;

        // It starts anew, and is granted the same anew.
        bench.mock.control().order(Fault::Reset).await.expect("a mock that runs");
        told(Some(granted)).await;
    }
}
