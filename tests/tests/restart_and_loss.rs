//! The module restarts, the link to the broker is lost, the port goes away: who is told what, and how it goes on.

use std::time::Duration;

use atmqtt::{Client, Delivery, Error, Event, LinkLoss, ModemEvent, PortError, QoS, Subscription, Unconfirmed};
use atmqtt_mock::modem::{Fault, LinkStatus, MODELS, Model, NT26E};
use atmqtt_mock::{BrokerChoice, Mock};
use atmqtt_tests::{Bench, Line, SilentBroker, broker, delivered, module, next, soon};
use tokio::time::{Instant, sleep};

/// A device at a broker that acknowledges nothing, so that what it publishes stays in flight.
async fn at_silent_broker(line: Line, model: Model) -> (Bench, SilentBroker, Client) {
    let broker = SilentBroker::start().await;
    let choice = BrokerChoice::Url(broker.url().to_owned());
    let bench = Bench::start(line, Mock::builder().modem(module(model)).broker(choice)).await;
    let client = bench.connect("device").await;
    (bench, broker, client)
}

async fn is_useless(bench: &Bench, client: &Client, subscription: &mut Subscription) {
    assert_eq!(soon(subscription.recv()).await, None, "the stream has ended");
    for refused in [
        bench.silently(client.publish("a", "b")).await.map(drop),
        bench.silently(client.subscribe("a", QoS::AtLeastOnce)).await.map(drop),
        bench.silently(client.unsubscribe("a")).await,
    ] {
        assert_eq!(refused.map_err(|error| error.code()), Err("delivery.not_connected"));
    }
    bench.silently(client.disconnect()).await.expect("gone is gone");
}

/// The module has come back, and the host has read it: the text at the end of the boot.
async fn has_booted(bench: &Bench, from: usize) {
    bench.dialogue.says(from, "< Lierda").await;
}

async fn works(bench: &Bench) {
    let client = bench.connect("device").await;
    let mut own = client.subscribe("own", QoS::AtLeastOnce).await.expect("a subscription");
    delivered(client.publish("own", "works"), QoS::ExactlyOnce).await;
    assert_eq!(soon(own.recv()).await.expect("a message").payload, b"works");
    client.disconnect().await.expect("a farewell");
}

#[tokio::test]
async fn a_restart_ends_the_session_and_the_next_one_needs_no_new_port() {
    for line in Line::ALL {
        for model in MODELS {
            let bench = Bench::start(line, Mock::builder().modem(module(model))).await;
            let mut events = bench.events().await;
            let client = bench.connect("device").await;
            let mut subscription = client.subscribe("a", QoS::AtLeastOnce).await.unwrap();

            let from = bench.dialogue.len();
            bench.mock.control().order(Fault::Reset).await.unwrap();
            assert_eq!(soon(client.disconnected()).await, Some(LinkLoss::seen("the module restarted")));
            let restarted = |event| match event {
                Event::Modem(ModemEvent::Restarted { banner }) => Some(banner),
                _ => None,
            };
            let banner = next(&mut events, restarted).await;
            assert!(banner.text().starts_with(b"^boot.rom"), "{banner:?}");

            has_booted(&bench, from).await;
            is_useless(&bench, &client, &mut subscription).await;
            bench.is_in_order().await;
            assert!(!bench.mock.control().status().echo, "the echo that the restart brought back is off again");
            works(&bench).await;
        }
    }
}

#[tokio::test]
async fn a_call_in_flight_at_a_restart_ends_at_once() {
    let bench = Bench::start(Line::PseudoTerminal, Mock::builder()).await;
    let client = bench.connect("device").await;
    let control = bench.mock.control();
    for _ in 0..2 {
        control.order(Fault::DelayNext(Duration::from_secs(3600))).await.unwrap();
        let from = bench.dialogue.len();
        let reset = async {
            bench.dialogue.says(from, "> ").await;
            control.order(Fault::Reset).await.unwrap();
        };
        let (answer, ()) = tokio::join!(soon(bench.modem.status()), reset);
        assert_eq!(answer.unwrap_err().code(), "modem.restarted");
        has_booted(&bench, from).await;
        bench.is_in_order().await;
    }
    assert!(client.disconnected().await.is_some());
}

#[tokio::test(start_paused = true)]
async fn whoever_asks_while_the_module_boots_waits_until_it_has() {
    let mut options = module(NT26E);
    options.latency.boot = Duration::from_secs(8);
    let bench = Bench::start(Line::Duplex, Mock::builder().modem(options)).await;
    let client = bench.connect("device").await;
    bench.mock.control().order(Fault::Reset).await.unwrap();
    assert!(soon(client.disconnected()).await.is_some());
    // Nothing was waited for: the module is deaf still.
    assert!(!bench.mock.control().status().booted);
    works(&bench).await;
}

#[tokio::test]
async fn a_lost_link_is_told_to_everyone_who_holds_it() {
    for line in Line::ALL {
        for model in MODELS {
            let bench = Bench::start(line, Mock::builder().modem(module(model))).await;
            let mut events = bench.events().await;
            let client = bench.connect("device").await;
            let mut subscription = client.subscribe("a", QoS::AtLeastOnce).await.unwrap();

            bench.mock.control().order(Fault::DropLinks).await.unwrap();
            let loss = soon(client.disconnected()).await.unwrap();
            assert_eq!((loss.code, loss.meaning), (Some(1), "the broker closed or reset the connection"));
            let lost = |event| match event {
                Event::Modem(ModemEvent::LinkLost(loss)) => Some(loss),
                _ => None,
            };
            assert_eq!(next(&mut events, lost).await, loss);
            is_useless(&bench, &client, &mut subscription).await;
            works(&bench).await;
        }
    }
}

#[tokio::test]
async fn the_broker_closes_the_link() {
    let bench = Bench::start(Line::PseudoTerminal, Mock::builder()).await;
    let client = bench.connect("device").await;
    bench.mock.broker().unwrap().drop_link("device");
    assert_eq!(soon(client.disconnected()).await.unwrap().code, Some(1));
    works(&bench).await;
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_falls_silent_is_noticed_by_the_keep_alive() {
    for (model, keep_alive) in MODELS.into_iter().zip([60, 600]) {
        let silent = SilentBroker::start().await;
        let choice = BrokerChoice::Url(silent.url().to_owned());
        let bench = Bench::start(Line::Duplex, Mock::builder().modem(module(model)).broker(choice)).await;
        let mut options = broker("device");
        options.keep_alive = keep_alive;
        let client = bench.sign_in(options).await;
        let began = Instant::now();
        assert_eq!(client.disconnected().await.unwrap().code, Some(8));
        let keep_alive = u64::from(keep_alive);
        assert!((keep_alive..=keep_alive * 3 / 2).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_left_alone_stays() {
    for keep_alive in [0, 30] {
        let bench = Bench::start(Line::Duplex, Mock::builder()).await;
        let mut options = broker("device");
        options.keep_alive = keep_alive;
        let client = bench.sign_in(options).await;
        let mut messages = client.subscribe("a", QoS::AtLeastOnce).await.unwrap();
        sleep(Duration::from_secs(24 * 3600)).await;
        delivered(client.publish("a", "a day later"), QoS::AtLeastOnce).await;
        assert_eq!(messages.recv().await.unwrap().payload, b"a day later");
    }
}

#[tokio::test]
async fn another_client_takes_the_name() {
    let bench = Bench::start(Line::PseudoTerminal, Mock::builder()).await;
    let url = bench.mock.broker_url().unwrap().to_owned();
    let other = Bench::start(Line::PseudoTerminal, Mock::builder().broker(BrokerChoice::Url(url))).await;
    let first = bench.connect("device").await;
    let second = other.connect("device").await;
    assert_eq!(soon(first.disconnected()).await.unwrap().code, Some(1));
    delivered(second.publish("a", "b"), QoS::AtLeastOnce).await;
}

#[tokio::test]
async fn the_packet_network_goes_away_and_comes_back() {
    let bench = Bench::start(Line::PseudoTerminal, Mock::builder()).await;
    let client = bench.connect("device").await;
    bench.mock.control().change(|module| module.packet_service = false).await.unwrap();
    assert_eq!(soon(client.disconnected()).await.unwrap().code, Some(11));
    let refused = bench.modem.mqtt(broker("device")).connect().await.unwrap_err();
    assert_eq!(refused.code(), "network.not_attached");
    bench.mock.control().change(|module| module.packet_service = true).await.unwrap();
    works(&bench).await;
}

#[tokio::test]
async fn messages_queued_behind_the_one_in_flight_are_not_lost_without_a_word() {
    let (bench, broker, client) = at_silent_broker(Line::PseudoTerminal, NT26E).await;
    let loss = async {
        broker.has(1).await;
        bench.mock.control().order(Fault::DropLinks).await.unwrap();
    };
    let publish = |payload: &'static str| client.publish("a", payload).qos(QoS::AtLeastOnce).into_future();
    let (first, second, third, ()) = tokio::join!(publish("1"), publish("2"), publish("3"), loss);
    assert_eq!(first.unwrap().delivery, Delivery::Unconfirmed(Unconfirmed::LinkLost));
    for behind in [second, third] {
        assert_eq!(behind.unwrap_err().code(), "delivery.not_connected");
    }
}

#[tokio::test]
async fn a_subscription_in_flight_when_the_link_is_lost_fails() {
    let (bench, broker, client) = at_silent_broker(Line::PseudoTerminal, NT26E).await;
    let loss = async {
        broker.has(1).await;
        bench.mock.control().order(Fault::DropLinks).await.unwrap();
    };
    let (failed, ()) = tokio::join!(soon(client.subscribe("a", QoS::AtLeastOnce)), loss);
    let failed = failed.map(drop).unwrap_err();
    assert_eq!((failed.code(), failed.is_retryable()), ("delivery.link_lost", true));
    bench.is_in_order().await;
}

#[tokio::test(start_paused = true)]
async fn a_command_that_crosses_the_loss_of_its_link_fails_by_the_loss() {
    for model in MODELS {
        let bench = Bench::start(Line::Duplex, Mock::builder().modem(module(model))).await;
        let client = bench.connect("device").await;
        let control = bench.mock.control();
        // The module has read the command, loses the link, tells of that, and then refuses the command.
        control.order(Fault::DelayNext(Duration::from_secs(1))).await.unwrap();
        let from = bench.dialogue.len();
        let loss = async {
            bench.dialogue.says(from, "> AT+LMQTTPUB=").await;
            control.order(Fault::DropLinks).await.unwrap();
        };
        let publish = client.publish("a", "b").qos(QoS::AtLeastOnce).into_future();
        let (failed, ()) = tokio::join!(publish, loss);
        let failed = failed.unwrap_err();
        assert_eq!((failed.code(), failed.is_retryable()), ("delivery.link_lost", true));
        bench.is_in_order().await;
    }
}

#[tokio::test]
async fn unplugged() {
    for line in Line::ALL {
        let Bench { mock, modem, dialogue } = Bench::start(line, Mock::builder()).await;
        let mut events = modem.events().await.unwrap();
        let client = modem.mqtt(broker("device")).connect().await.unwrap();
        let mut subscription = client.subscribe("a", QoS::AtLeastOnce).await.unwrap();
        mock.control().order(Fault::DelayNext(Duration::from_secs(3600))).await.unwrap();

        let from = dialogue.len();
        let pull = async {
            dialogue.says(from, "> ").await;
            mock.shutdown().await;
        };
        let (call, ()) = tokio::join!(soon(modem.status()), pull);
        assert_eq!(call.unwrap_err(), Error::Port(PortError::Lost));
        assert!(soon(client.disconnected()).await.is_some());
        assert_eq!(soon(subscription.recv()).await, None);
        next(&mut events, |event| (event == Event::PortLost).then_some(())).await;
        assert_eq!(soon(events.recv()).await, None, "nothing comes after it");
        // Handles that are left are of no use, and say why.
        for outcome in [
            modem.status().await.map(drop),
            modem.events().await.map(drop),
            modem.mqtt(broker("device")).connect().await.map(drop),
            client.publish("a", "b").await.map(drop),
            client.subscribe("a", QoS::AtLeastOnce).await.map(drop),
        ] {
            assert_eq!(outcome, Err(Error::Port(PortError::Lost)));
        }
    }
}

#[tokio::test]
async fn a_restart_while_the_link_is_being_opened() {
    for model in MODELS {
        let mut options = module(model);
        options.latency.open = Duration::from_secs(3600);
        let bench = Bench::start(Line::PseudoTerminal, Mock::builder().modem(options)).await;
        let control = bench.mock.control();
        let loss = async {
            control.until(|status| status.links[0] == LinkStatus::Opening).await.unwrap();
            control.order(Fault::Reset).await.unwrap();
        };
        let (failed, ()) = tokio::join!(soon(bench.modem.mqtt(broker("device")).connect()), loss);
        assert_eq!(failed.map(drop).unwrap_err().code(), "modem.restarted");
        control.change(|module| module.latency.open = Duration::ZERO).await.unwrap();
        control.until(|status| status.booted).await.unwrap();
        works(&bench).await;
    }
}
