//! A port that is lost and comes back, on a real pseudo-terminal: what is kept goes on, and everything else is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use atmqtt::{
    Delivery, Error, Event, Modem, ModemEvent, ModemOptions, PortError, QoS, Reconnect, Recovery, Unconfirmed,
};
use atmqtt_mock::Mock;
use atmqtt_mock::broker::Message;
use atmqtt_mock::modem::{self, Fault, Identity};
use atmqtt_tests::{Dialogue, ONE_OF_EACH, broker, module, next, soon};
use tempfile::TempDir;

/// A mock behind a link, and the link's path.
fn plugged(options: modem::ModemOptions) -> (Mock, String, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let link = folder.path().join("modem");
    let mock = Mock::builder().modem(options).link(&link).start().expect("a mock");
    (mock, link.to_str().expect("a path").to_owned(), folder)
}

fn quick() -> Reconnect {
    let mut reconnect = Reconnect::default();
    reconnect.min = Duration::from_millis(10);
    reconnect
}

#[tokio::test]
async fn a_kept_connection_outlives_its_port() {
    for model in ONE_OF_EACH {
        let (mock, path, _folder) = plugged(module(model));
        let modem = Modem::open(&path).await.expect("a module");
        let client = modem.mqtt(broker("device")).reconnect(quick()).connect().await.expect("a connection");
        let mut messages = client.subscribe("down", QoS::AtLeastOnce).await.expect("a subscription");
        let mut events = modem.events().await.expect("an open modem");

        mock.control().set_plugged(false).await.unwrap();
        next(&mut events, |event| (event == Event::PortLost).then_some(())).await;
        assert!(!std::path::Path::new(&path).exists(), "{}", model.name);
        // What needs the port now says that there is none, and what waits for the connection waits.
        let failed = soon(modem.status()).await.expect_err("there is no port");
        assert_eq!((failed.code(), failed.is_retryable()), ("port.lost", true));
        let waiting = tokio::spawn(client.publish("up", "waits").qos(QoS::AtLeastOnce).into_future());
        mock.control().set_plugged(true).await.unwrap();

        next(&mut events, |event| (event == Event::PortBack).then_some(())).await;
        let receipt = soon(waiting).await.unwrap().expect("a receipt");
        assert_eq!(receipt.delivery, Delivery::Delivered { retransmissions: 0 }, "{}", model.name);
        mock.broker().unwrap().publish(Message::new("down", "still here")).unwrap();
        assert_eq!(soon(messages.recv()).await.expect("a message").payload, b"still here");
        assert_eq!(modem.status().await.expect("a line in order").imei.as_deref(), Some("490154203237518"));
        soon(client.disconnect()).await.expect("a farewell");
    }
}

#[tokio::test]
async fn it_comes_back_as_often_as_it_is_lost_and_whatever_it_is_lost_in() {
    let (mock, path, _folder) = plugged(module(modem::NT26E));
    let dialogue = Dialogue::default();
    let modem = Modem::open_with(&path, dialogue.listen(ModemOptions::new())).await.unwrap();
    let client = modem.mqtt(broker("device")).reconnect(quick()).connect().await.unwrap();
    let mut events = modem.events().await.unwrap();
    for lines in [0, 1, 2, 5, 10, 20] {
        mock.control().set_plugged(false).await.unwrap();
        mock.control().set_plugged(true).await.unwrap();
        next(&mut events, |event| (event == Event::PortBack).then_some(())).await;
        // The next time in the middle of what is done to have the connection again.
        soon(dialogue.reaches(dialogue.len() + lines)).await;
    }
    let receipt = soon(client.publish("up", "x").qos(QoS::AtLeastOnce)).await.unwrap();
    assert_eq!(receipt.delivery, Delivery::Delivered { retransmissions: 0 });
}

#[tokio::test]
async fn a_message_whose_confirmation_the_port_took_with_it() {
    for (qos, is_sent_again) in [(QoS::AtLeastOnce, true), (QoS::ExactlyOnce, false)] {
        let (mock, path, _folder) = plugged(module(modem::NT26E));
        let modem = Modem::open(&path).await.unwrap();
        let client = modem.mqtt(broker("device")).reconnect(quick()).connect().await.unwrap();
        // Behind the sign-in it is asked for its number.
        assert!(modem.raw("AT").await.unwrap().result.is_ok());
        mock.control().order(Fault::DelayNext(Duration::from_secs(3600))).await.unwrap();
        let heard = mock.log().command_count();
        let publish = tokio::spawn(client.publish("up", "x").qos(qos).into_future());
        while mock.log().command_count() == heard {
            tokio::task::yield_now().await;
        }
        mock.control().set_plugged(false).await.unwrap();
        mock.control().set_plugged(true).await.unwrap();
        let delivery = soon(publish).await.unwrap().unwrap().delivery;
        match is_sent_again {
            true => assert_eq!(delivery, Delivery::Delivered { retransmissions: 0 }),
            false => assert_eq!(delivery, Delivery::Unconfirmed(Unconfirmed::PortLost)),
        }
    }
}

#[tokio::test]
async fn without_a_kept_connection_it_is_the_end() {
    let (mock, path, _folder) = plugged(module(modem::NT26E));
    let modem = Modem::open(&path).await.unwrap();
    let mut reconnect = quick();
    reconnect.port = Some(Duration::ZERO);
    let client = modem.mqtt(broker("device")).reconnect(reconnect).connect().await.unwrap();
    mock.control().set_plugged(false).await.unwrap();
    assert!(soon(client.disconnected()).await.is_some());
    assert_eq!(modem.status().await.unwrap_err(), Error::Port(PortError::Lost));
    mock.control().set_plugged(true).await.unwrap();

    let modem = Modem::open(&path).await.unwrap();
    let client = modem.mqtt(broker("device")).connect().await.unwrap();
    mock.control().set_plugged(false).await.unwrap();
    assert!(soon(client.disconnected()).await.is_some());
    assert_eq!(modem.status().await.unwrap_err(), Error::Port(PortError::Lost));
}

#[tokio::test]
async fn a_port_is_waited_for_as_long_as_was_asked_for() {
    let (mock, path, _folder) = plugged(module(modem::NT26E));
    let modem = Modem::open(&path).await.unwrap();
    let mut reconnect = quick();
    reconnect.port = Some(Duration::from_millis(500));
    let client = modem.mqtt(broker("device")).reconnect(reconnect).connect().await.unwrap();
    mock.control().set_plugged(false).await.unwrap();
    assert!(soon(client.disconnected()).await.is_some());
    assert_eq!(modem.status().await.unwrap_err().code(), "port.not_found");
}

#[tokio::test]
async fn a_farewell_does_not_wait_for_a_port_that_is_gone() {
    let (mock, path, _folder) = plugged(module(modem::NT26E));
    let modem = Modem::open(&path).await.unwrap();
    let client = modem.mqtt(broker("device")).reconnect(quick()).connect().await.unwrap();
    let mut events = modem.events().await.unwrap();
    mock.control().set_plugged(false).await.unwrap();
    next(&mut events, |event| (event == Event::PortLost).then_some(())).await;
    soon(client.disconnect()).await.expect("there is nothing to sign out from");
    assert_eq!(soon(modem.status()).await.unwrap_err(), Error::Port(PortError::Lost));
}

#[tokio::test]
async fn another_module_on_the_port_is_told() {
    let (mock, path, _folder) = plugged(module(modem::NT26E));
    let modem = Modem::open(&path).await.unwrap();
    let client = modem.mqtt(broker("device")).reconnect(quick()).connect().await.unwrap();
    let mut events = modem.events().await.unwrap();
    mock.control().set_plugged(false).await.unwrap();
    let imei = "352099001761481".to_owned();
    mock.control().change(|module| module.identity = Identity { imei, ..Identity::default() }).await.unwrap();
    mock.control().set_plugged(true).await.unwrap();
    let told = next(&mut events, |event| match event {
        Event::Modem(ModemEvent::Recovery(told @ Recovery::OtherModule { .. })) => Some(told),
        _ => None,
    })
    .await;
    assert_eq!(told, Recovery::OtherModule { model: Some("NT26E".to_owned()) });
    assert!(!told.to_string().contains("352099001761481"), "a number that identifies is not shown: {told}");
    let receipt = soon(client.publish("up", "x").qos(QoS::AtLeastOnce)).await.unwrap();
    assert_eq!(receipt.delivery, Delivery::Delivered { retransmissions: 0 });
}

/// What a hook does, and how often it was called.
fn hook(mock: &Mock, works: bool) -> (ModemOptions, Arc<AtomicU32>) {
    let (calls, control) = (Arc::new(AtomicU32::new(0)), mock.control());
    let counted = Arc::clone(&calls);
    let options = ModemOptions::new().power_hook(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        let control = control.clone();
        async move {
            if works {
                control.order(Fault::Reset).await.map_err(|stopped| stopped.to_string())
            } else {
                Err("no such pin".to_owned())
            }
        }
    });
    (options, calls)
}

#[tokio::test(start_paused = true)]
async fn a_module_that_nothing_else_wakes_has_its_power_switched() {
    let (mock, host) = Mock::builder().modem(module(modem::NT26E)).duplex().unwrap();
    let (options, calls) = hook(&mock, true);
    let modem = Modem::attach(host, options).await.unwrap();
    let client = modem.mqtt(broker("device")).reconnect(Reconnect::default()).connect().await.unwrap();
    mock.control().order(Fault::Mute(None)).await.unwrap();
    let receipt = client.publish("up", "x").qos(QoS::AtLeastOnce).await.unwrap();
    assert_eq!((receipt.delivery, calls.load(Ordering::Relaxed)), (Delivery::Delivered { retransmissions: 0 }, 1));
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_fails_is_told_and_is_not_called_all_the_time() {
    let (mock, host) = Mock::builder().modem(module(modem::NT26E)).duplex().unwrap();
    let (options, calls) = hook(&mock, false);
    let modem = Modem::attach(host, options).await.unwrap();
    let _client = modem.mqtt(broker("device")).reconnect(Reconnect::default()).connect().await.unwrap();
    let mut events = modem.events().await.unwrap();
    mock.control().order(Fault::Mute(None)).await.unwrap();
    let mut failures = 0;
    let hour = tokio::time::Instant::now() + Duration::from_secs(3600);
    while let Ok(event) = tokio::time::timeout_at(hour, events.recv()).await {
        if let Event::Modem(ModemEvent::Recovery(Recovery::PowerHookFailed { reason })) = event.expect("an open modem")
        {
            assert_eq!(reason, "no such pin");
            failures += 1;
        }
    }
    assert!((2..=6).contains(&failures), "once in ten minutes at the most: {failures} in an hour");
    assert_eq!(calls.load(Ordering::Relaxed), failures);
}

/// Publishes of which the module has taken several before it has reported on the first.
#[tokio::test]
async fn several_messages_whose_confirmations_the_port_took_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("modem");
    let faults = "late-confirm=1000s~1".parse().unwrap();
    let mock = Mock::builder().modem(module(modem::BG95)).link(&link).faults(faults, 1).start().unwrap();
    let modem = Modem::open(link.to_str().unwrap()).await.unwrap();
    let client = modem.mqtt(broker("device")).reconnect(quick()).connect().await.unwrap();
    assert!(modem.raw("AT").await.unwrap().result.is_ok());
    let heard = mock.log().command_count();
    let publish = || tokio::spawn(client.publish("up", "x").qos(QoS::ExactlyOnce).into_future());
    let publishes = [publish(), publish()];
    while mock.log().command_count() < heard + 2 {
        tokio::task::yield_now().await;
    }
    mock.control().set_plugged(false).await.unwrap();
    for publish in publishes {
        let delivery = soon(publish).await.unwrap().unwrap().delivery;
        assert_eq!(delivery, Delivery::Unconfirmed(Unconfirmed::PortLost));
    }
}
