//! Modems, clients and subscriptions as handles: cloned, dropped, closed, and side by side.

use std::time::Duration;

use atmqtt::{
    Error, Event, Fault, Filter, Modem, ModemOptions, MqttOptions, Overrides, QoS, Refusal, Text, Topic, Will,
};
use atmqtt_mock::broker::{Admission, BrokerOptions, Handle, Message, Publisher, QoS as BrokerQos};
use atmqtt_mock::modem::{Fault as Trouble, LinkStatus};
use atmqtt_mock::{BrokerChoice, Mock};
use atmqtt_tests::{Bench, Line, broker, delivered, next, polled, soon};

fn with_will() -> MqttOptions {
    let mut options = broker("device");
    options.will = Some(Will {
        topic: Topic::new("will").expect("a topic"),
        payload: Text::new("gone").expect("text"),
        qos: QoS::AtMostOnce,
        retain: false,
    });
    options
}

/// The broker has seen the client go, and how: `true` when its will was published.
async fn left_its_will(broker: &Handle) -> bool {
    soon(broker.wait_for(|view| view.session("device").is_none())).await.expect("a broker that runs");
    broker.published().iter().any(|taken| taken.publisher == Publisher::Will("device".to_owned()))
}

#[tokio::test]
async fn the_last_handle_on_a_connection_signs_out() {
    for line in Line::ALL {
        let bench = Bench::start(line, Mock::builder()).await;
        let broker = bench.mock.broker().unwrap();
        let client = bench.sign_in(with_will()).await;
        let other = client.clone();
        let mut subscription = client.subscribe("a", QoS::AtLeastOnce).await.unwrap();
        drop(client);
        delivered(other.publish("a", "b"), QoS::AtLeastOnce).await;
        drop(other);
        // A subscription is a handle too.
        broker.publish(Message::new("a", "to the last one")).unwrap();
        assert_eq!(soon(subscription.recv()).await.unwrap().payload, b"b");
        assert_eq!(soon(subscription.recv()).await.unwrap().payload, b"to the last one");
        assert!(broker.sessions()[0].connected);
        drop(subscription);
        assert!(!left_its_will(&broker).await);
        // The modem is still there.
        let client = bench.sign_in(with_will()).await;
        delivered(client.publish("a", "b"), QoS::AtLeastOnce).await;
    }
}

#[tokio::test]
async fn the_last_handle_on_everything_signs_out_and_closes_the_port() {
    for line in Line::ALL {
        let Bench { mock, modem, .. } = Bench::start(line, Mock::builder()).await;
        let broker = mock.broker().unwrap();
        let client = modem.mqtt(with_will()).connect().await.unwrap();
        drop(modem);
        // A connection holds the port without the modem's handle.
        delivered(client.publish("a", "b"), QoS::AtLeastOnce).await;
        drop(client);
        assert!(!left_its_will(&broker).await);
    }
}

#[tokio::test]
async fn closing_signs_out_and_ends_every_other_handle() {
    for line in Line::ALL {
        let Bench { mock, modem, .. } = Bench::start(line, Mock::builder()).await;
        let broker = mock.broker().unwrap();
        let client = modem.mqtt(with_will()).connect().await.unwrap();
        let mut subscription = client.subscribe("a", QoS::AtLeastOnce).await.unwrap();
        let mut events = modem.events().await.unwrap();
        let other = modem.clone();
        soon(modem.close()).await;

        assert!(!left_its_will(&broker).await);
        assert_eq!(soon(client.disconnected()).await, None, "closed on request");
        assert_eq!(soon(subscription.recv()).await, None);
        while let Some(event) = soon(events.recv()).await {
            assert!(matches!(event, Event::Modem(_)), "{event:?}");
        }
        assert_eq!(other.raw("AT").await, Err(Error::Closed));
        assert_eq!(other.status().await, Err(Error::Closed));
        assert_eq!(other.events().await.map(drop), Err(Error::Closed));
        assert_eq!(other.mqtt(with_will()).connect().await.map(drop), Err(Error::Closed));
        assert_eq!(client.publish("a", "b").await, Err(Error::Closed));
        assert_eq!(client.subscribe("a", QoS::AtMostOnce).await.map(drop), Err(Error::Closed));
        assert_eq!(client.unsubscribe("a").await, Err(Error::Closed));
        assert_eq!(client.disconnect().await, Ok(()), "what is gone need not be closed");
        soon(other.close()).await;
    }
}

/// Steps of a sign-in that may be under way when the program ends.
const STEPS: [&str; 4] = ["> AT+CEREG?", "> AT+LMQTTCFG=\"version\"", "> AT+LMQTTOPEN=", "> AT+LMQTTCONN="];

#[tokio::test]
async fn closing_takes_back_a_sign_in_that_is_under_way() {
    for line in Line::ALL {
        for step in STEPS {
            let Bench { mock, modem, dialogue } = Bench::start(line, Mock::builder()).await;
            let closing = async {
                dialogue.says(0, step).await;
                modem.clone().close().await;
            };
            let (_, ()) = tokio::join!(soon(modem.mqtt(with_will()).connect()), soon(closing));
            assert!(!left_its_will(&mock.broker().unwrap()).await);
            soon(mock.control().until(|status| status.links[0] == LinkStatus::Closed)).await.unwrap();
        }
    }
}

#[tokio::test]
async fn dropping_everything_takes_back_a_sign_in_that_is_under_way() {
    for line in Line::ALL {
        for step in STEPS {
            let Bench { mock, modem, dialogue } = Bench::start(line, Mock::builder()).await;
            let connect = modem.mqtt(with_will()).connect();
            tokio::select! {
                _ = connect => {}
                () = dialogue.says(0, step) => {}
            }
            drop(modem);
            assert!(!left_its_will(&mock.broker().unwrap()).await);
            soon(mock.control().until(|status| status.links[0] == LinkStatus::Closed)).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_second_connection_is_refused_and_the_first_one_stays() {
    let bench = Bench::start(Line::PseudoTerminal, Mock::builder()).await;
    let client = bench.connect("device").await;
    let second = bench.silently(bench.modem.mqtt(broker("second")).connect()).await.map(drop);
    let refused = Error::Modem(Fault::Input(Refusal::AlreadyConnected));
    assert_eq!((refused.code(), &second), ("input.already_connected", &Err(refused.clone())));
    delivered(client.publish("a", "b"), QoS::AtLeastOnce).await;
    client.disconnect().await.unwrap();
    // The handle of the old one does nothing to the new one.
    let second = bench.connect("second").await;
    assert_eq!(client.publish("a", "b").await.unwrap_err().code(), "delivery.not_connected");
    client.disconnect().await.unwrap();
    drop(client);
    bench.answers().await;
    delivered(second.publish("a", "b"), QoS::AtLeastOnce).await;
}

#[tokio::test]
async fn of_two_that_connect_at_once_one_does() {
    let bench = Bench::start(Line::PseudoTerminal, Mock::builder()).await;
    let connect = |client_id| bench.modem.mqtt(broker(client_id)).connect();
    let (first, second) = tokio::join!(connect("first"), connect("second"));
    assert_eq!(second.map(drop).unwrap_err().code(), "input.already_connected");
    delivered(first.unwrap().publish("a", "b"), QoS::AtLeastOnce).await;
}

#[tokio::test]
async fn two_modems_do_not_know_of_each_other() {
    let first = Bench::start(Line::PseudoTerminal, Mock::builder()).await;
    let url = first.mock.broker_url().unwrap().to_owned();
    let second = Bench::start(Line::PseudoTerminal, Mock::builder().broker(BrokerChoice::Url(url))).await;
    let (one, two) = tokio::join!(first.connect("one"), second.connect("two"));
    let mut to_one = one.subscribe("to/one", QoS::ExactlyOnce).await.unwrap();
    let mut to_two = two.subscribe("to/two", QoS::ExactlyOnce).await.unwrap();
    for number in 0..20_u8 {
        let (there, back) = ([number], [number, number]);
        let publishing = async {
            tokio::join!(
                delivered(one.publish("to/two", there), QoS::ExactlyOnce),
                delivered(two.publish("to/one", back), QoS::ExactlyOnce),
            )
        };
        let (_, at_two, at_one) = tokio::join!(publishing, to_two.recv(), to_one.recv());
        assert_eq!((at_two.unwrap().payload, at_one.unwrap().payload), (there.to_vec(), back.to_vec()));
    }
    first.modem.close().await;
    delivered(two.publish("to/two", "still here"), QoS::AtLeastOnce).await;
    assert_eq!(soon(to_two.recv()).await.unwrap().payload, b"still here");
}

#[tokio::test]
async fn calls_at_the_same_time_each_get_their_own_answer() {
    for line in Line::ALL {
        let bench = Bench::start(line, Mock::builder()).await;
        let client = bench.connect("device").await;
        let mut own = client.subscribe("own", QoS::ExactlyOnce).await.unwrap();
        let publishing = async {
            let mut all = tokio::task::JoinSet::new();
            for number in 0..50_u8 {
                let message = client.publish("own", [number]).qos(QoS::AtLeastOnce);
                all.spawn(message.into_future());
            }
            while let Some(receipt) = all.join_next().await {
                assert_eq!(receipt.unwrap().unwrap().delivery, atmqtt::Delivery::Delivered { retransmissions: 0 });
            }
        };
        let asking = async {
            for _ in 0..5 {
                bench.is_in_order().await;
            }
        };
        let listening = async {
            let mut numbers = Vec::new();
            while numbers.len() < 50 {
                numbers.extend(soon(own.recv()).await.unwrap().payload);
            }
            numbers.sort_unstable();
            assert_eq!(numbers, (0..50).collect::<Vec<u8>>());
        };
        tokio::join!(publishing, asking, listening);
    }
}

#[tokio::test]
async fn a_message_that_is_not_to_wait_is_refused_where_it_would() {
    let mut overrides = Overrides::default();
    overrides.set_window(2).unwrap();
    let bench = Bench::open(Line::Duplex, Mock::builder(), ModemOptions::new().overrides(overrides)).await;
    let client = bench.connect("device").await;
    let message = |payload: &str| client.try_publish("a", payload).qos(QoS::AtLeastOnce);
    bench.mock.control().order(Trouble::DelayNext(Duration::from_secs(3600))).await.unwrap();
    // Their futures are dropped, and they are on their way all the same.
    assert!(polled(1, message("1")).await.is_none());
    assert!(polled(1, client.publish("a", "2").qos(QoS::AtLeastOnce)).await.is_none());
    let refused = soon(message("3")).await.unwrap_err();
    assert_eq!(refused, Error::Modem(Fault::Input(Refusal::QueueFull { limit: 2 })));
    bench.mock.control().order(Trouble::Reset).await.unwrap();
    soon(client.disconnected()).await;
    let refused = soon(message("4")).await.unwrap_err();
    assert_eq!(refused, Error::Modem(Fault::Input(Refusal::NotConnected)));
}

#[tokio::test]
async fn overlapping_subscriptions_each_get_their_copy() {
    let bench = Bench::start(Line::PseudoTerminal, Mock::builder()).await;
    let broker = bench.mock.broker().unwrap();
    let client = bench.connect("device").await;
    let mut all = client.subscribe("#", QoS::AtLeastOnce).await.unwrap();
    let mut some = client.subscribe("a/+", QoS::AtLeastOnce).await.unwrap();
    let mut again = client.subscribe("a/+", QoS::AtLeastOnce).await.unwrap();
    for topic in ["a/b", "b", "a/b/c", "a/d"] {
        broker.publish(Message::new(topic, "x").qos(BrokerQos::AtLeastOnce)).unwrap();
    }
    for expected in ["a/b", "b", "a/b/c", "a/d"] {
        assert_eq!(soon(all.recv()).await.unwrap().topic, expected);
    }
    for messages in [&mut some, &mut again] {
        for expected in ["a/b", "a/d"] {
            assert_eq!(soon(messages.recv()).await.unwrap().topic, expected);
        }
    }
    // Unsubscribing ends the streams of that filter, and no other.
    client.unsubscribe("a/+").await.unwrap();
    assert_eq!(soon(some.recv()).await, None);
    assert_eq!(soon(again.recv()).await, None);
    broker.publish(Message::new("a/b", "y").qos(BrokerQos::AtLeastOnce)).unwrap();
    assert_eq!(soon(all.recv()).await.unwrap().payload, b"y");
}

#[tokio::test]
async fn what_a_slow_reader_misses_is_counted() {
    for line in Line::ALL {
        let bench = Bench::open(line, Mock::builder(), ModemOptions::new().inbox(4)).await;
        let broker = bench.mock.broker().unwrap();
        let client = bench.connect("device").await;
        let mut slow = client.subscribe("slow", QoS::AtLeastOnce).await.unwrap();
        let mut events = bench.events().await;
        for number in 0..10_u8 {
            broker.publish(Message::new("slow", [number]).qos(BrokerQos::AtLeastOnce)).unwrap();
        }
        let mut dropped = 0;
        while dropped < 6 {
            dropped += next(&mut events, |event| match event {
                Event::MessagesDropped { filter, count } => {
                    assert_eq!(filter, Some(Filter::new("slow").unwrap()));
                    Some(count)
                }
                _ => None,
            })
            .await;
        }
        for expected in 0..4_u8 {
            assert_eq!(soon(slow.recv()).await.unwrap().payload, [expected]);
        }
        // There is room again.
        broker.publish(Message::new("slow", "new").qos(BrokerQos::AtLeastOnce)).unwrap();
        assert_eq!(soon(slow.recv()).await.unwrap().payload, b"new");
        // And no message was counted twice.
        bench.modem.close().await;
        while let Some(event) = soon(events.recv()).await {
            assert!(matches!(event, Event::Modem(_)), "{event:?}");
        }
        assert_eq!(dropped, 6);
    }
}

#[tokio::test]
async fn a_broker_that_refuses_a_filter() {
    let options =
        BrokerOptions::new().subscribe(|request| if request.filter == "forbidden" { None } else { Some(request.qos) });
    let bench = Bench::start(Line::PseudoTerminal, Mock::builder().broker_options(options)).await;
    let client = bench.connect("device").await;
    let refused = client.subscribe("forbidden", QoS::AtLeastOnce).await.map(drop).unwrap_err();
    assert_eq!(refused.code(), "delivery.not_subscribed");
    let mut allowed = client.subscribe("allowed", QoS::AtLeastOnce).await.unwrap();
    delivered(client.publish("allowed", "b"), QoS::AtLeastOnce).await;
    assert_eq!(soon(allowed.recv()).await.unwrap().payload, b"b");
}

/// Handles go to other threads and live as long as it takes.
#[test]
fn handles_are_send_and_sync() {
    fn is<T: Send + Sync + 'static>() {}
    is::<Modem>();
    is::<atmqtt::Client>();
    is::<atmqtt::Subscription>();
    is::<atmqtt::Events>();
    is::<Error>();
}

#[tokio::test]
async fn what_a_broker_sends_by_itself_is_there_without_a_subscription() {
    let greeting = Message::new("ext/hello", "you").qos(BrokerQos::AtLeastOnce);
    let options = BrokerOptions::new().admit(move |_| Ok(Admission::named("device").greeted(greeting.clone())));
    let bench = Bench::start(Line::Duplex, Mock::builder().broker_options(options)).await;
    let client = bench.sign_in(broker("device")).await;
    // It comes behind the CONNACK, and is acknowledged: it is with the host, or held for whoever asks.
    let broker = bench.mock.broker().unwrap();
    let is_taken = |view: &atmqtt_mock::broker::BrokerView| view.session("device").is_some_and(|it| it.in_flight == 0);
    soon(broker.wait_for(is_taken)).await.unwrap();
    let mut greetings = client.unsolicited("ext/+").await.unwrap();
    assert_eq!(soon(greetings.recv()).await.unwrap().payload, b"you");
    // What comes later comes too, and nothing was said to the broker.
    assert!(broker.sessions()[0].subscriptions.is_empty());
    assert!(matches!(client.unsolicited("a/#/b").await.unwrap_err(), Error::Modem(Fault::Input(_))));
    client.disconnect().await.unwrap();
    assert_eq!(soon(greetings.recv()).await, None);
    assert!(matches!(
        client.unsolicited("ext/+").await.unwrap_err(),
        Error::Modem(Fault::Input(Refusal::NotConnected))
    ));
}
