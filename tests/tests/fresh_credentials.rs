//! A kept connection whose passwords are made anew for each attempt.

use std::future::{pending, ready};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use atmqtt::{Credentials, Event, Events, Fault, ModemEvent, QoS, Reconnect, Recovery, Secret, Stage, Text};
use atmqtt_mock::Mock;
use atmqtt_mock::broker::{BrokerOptions, ReturnCode};
use atmqtt_mock::modem::Fault as MockFault;
use atmqtt_tests::{Bench, Line, broker, soon};

fn quick() -> Reconnect {
    let mut reconnect = Reconnect::default();
    reconnect.min = Duration::from_millis(10);
    reconnect.max = Duration::from_millis(50);
    reconnect
}

fn text(text: &str) -> Text {
    Text::new(text).expect("no control characters")
}

/// The n-th password.
fn credentials(number: u32) -> Credentials {
    let mut credentials = Credentials::new(text(&format!("client-{number}")));
    credentials.username = Some(text("me"));
    credentials.password = Secret::new(format!("once-{number}")).ok();
    credentials
}

/// A broker that takes each password once, and what it has seen of them.
fn once() -> (BrokerOptions, Arc<Mutex<Vec<String>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let taken = Arc::clone(&seen);
    let options = BrokerOptions::new().sign_in(move |sign_in| {
        let password = String::from_utf8_lossy(sign_in.password.unwrap_or_default()).into_owned();
        let mut taken = taken.lock().expect("no panic");
        let is_new = !taken.contains(&password);
        taken.push(password);
        if is_new { ReturnCode::Accepted } else { ReturnCode::BadUserNameOrPassword }
    });
    (options, seen)
}

async fn recovery(events: &mut Events) -> Recovery {
    loop {
        if let Event::Modem(ModemEvent::Recovery(recovery)) = soon(events.recv()).await.expect("events") {
            return recovery;
        }
    }
}

#[tokio::test]
async fn each_attempt_has_a_password_of_its_own() {
    let (options, seen) = once();
    let bench = Bench::start(Line::Duplex, Mock::builder().broker_options(options)).await;
    let mut events = bench.modem.events().await.expect("events");
    let made = AtomicU32::new(0);
    let first = broker("first").with_credentials(credentials(0));
    let renew = move || ready(Ok::<_, &str>(credentials(made.fetch_add(1, Ordering::Relaxed) + 1)));
    let client =
        soon(bench.modem.mqtt(first).reconnect(quick()).renew_credentials(renew).connect()).await.expect("a link");
    let _subscription = soon(client.subscribe("a", QoS::AtLeastOnce)).await.expect("a subscription");
    for number in 1..=3 {
        bench.mock.control().order(MockFault::DropLinks).await.expect("a mock that runs");
        let told = [recovery(&mut events).await, recovery(&mut events).await];
        assert!(matches!(told, [Recovery::Waiting { fault: None, .. }, Recovery::Restored { .. }]), "{told:?}");
        let sessions = bench.mock.broker().expect("a broker").sessions();
        assert!(sessions.iter().any(|session| session.client_id == format!("client-{number}") && session.connected));
    }
    assert_eq!(*seen.lock().expect("no panic"), ["once-0", "once-1", "once-2", "once-3"]);
}

#[tokio::test]
async fn what_cannot_be_made_is_told_and_made_later() {
    let (options, seen) = once();
    let bench = Bench::start(Line::Duplex, Mock::builder().broker_options(options)).await;
    let mut events = bench.modem.events().await.expect("events");
    let asked = AtomicU32::new(0);
    let renew = move || {
        let asked = asked.fetch_add(1, Ordering::Relaxed);
        async move {
            // It may take its time.
            tokio::task::yield_now().await;
            if asked < 2 { Err("the clock is not set") } else { Ok(credentials(1)) }
        }
    };
    let first = broker("first").with_credentials(credentials(0));
    let _client =
        soon(bench.modem.mqtt(first).reconnect(quick()).renew_credentials(renew).connect()).await.expect("a link");
    bench.mock.control().order(MockFault::DropLinks).await.expect("a mock that runs");
    let mut told = Vec::new();
    loop {
        match recovery(&mut events).await {
            Recovery::Restored { .. } => break,
            Recovery::Waiting { fault, stage, .. } => told.push((fault, stage)),
            other => panic!("{other:?}"),
        }
    }
    let none = || Some(Fault::NoCredentials { why: "the clock is not set".to_owned() });
    assert_eq!(told, [(None, Stage::Link), (none(), Stage::Broker), (none(), Stage::Broker)]);
    assert_eq!(*seen.lock().expect("no panic"), ["once-0", "once-1"]);
}

#[tokio::test]
async fn who_disconnects_does_not_wait_for_what_makes_passwords() {
    let (options, seen) = once();
    let bench = Bench::start(Line::Duplex, Mock::builder().broker_options(options)).await;
    let (asked, mut is_asked) = tokio::sync::mpsc::unbounded_channel();
    let renew = move || {
        asked.send(()).ok();
        pending::<Result<Credentials, &str>>()
    };
    let first = broker("first").with_credentials(credentials(0));
    let client =
        soon(bench.modem.mqtt(first).reconnect(quick()).renew_credentials(renew).connect()).await.expect("a link");
    bench.mock.control().order(MockFault::DropLinks).await.expect("a mock that runs");
    soon(is_asked.recv()).await.expect("it is asked");
    // Other things can be asked for meanwhile.
    assert!(soon(bench.modem.status()).await.is_ok());
    soon(client.disconnect()).await.expect("a farewell");
    // A new connection has nothing to do with it.
    let next = broker("next").with_credentials(credentials(1));
    soon(bench.modem.mqtt(next).connect()).await.expect("a link");
    assert_eq!(*seen.lock().expect("no panic"), ["once-0", "once-1"]);
}
