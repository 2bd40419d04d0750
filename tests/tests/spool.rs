//! What was accepted into an outbox reaches the broker, in its order, whatever happens on the way.

use std::time::Duration;

use atmqtt::outbox::{Outbox, OutboxOptions};
use atmqtt::{Client, ModemOptions, Overrides, Profile, QoS, Reconnect, Spool, SpoolEvent};
use atmqtt_mock::Mock;
use atmqtt_mock::modem::{Fault, NT35E};
use atmqtt_tests::{Bench, Line, broker, module, soon};
use tempfile::TempDir;
use tokio::sync::mpsc::UnboundedReceiver;

/// Waits that a test has time for.
fn quick() -> Reconnect {
    let mut reconnect = Reconnect::default();
    reconnect.min = Duration::from_millis(10);
    reconnect.max = Duration::from_millis(50);
    reconnect
}

async fn kept(bench: &Bench) -> Client {
    soon(bench.modem.mqtt(broker("gateway")).reconnect(quick()).connect()).await.expect("a connection")
}

fn spool(folder: &TempDir) -> (Spool, UnboundedReceiver<SpoolEvent>) {
    let outbox = Outbox::open(folder.path().join("outbox"), OutboxOptions::default()).expect("an outbox");
    let mut spool = Spool::new(outbox);
    let events = spool.events();
    (spool, events)
}

async fn accept(spool: &Spool, numbers: std::ops::Range<u32>) {
    for number in numbers {
        spool.publish("up", number.to_string(), QoS::AtLeastOnce, false, None).await.expect("it is accepted");
    }
}

/// What the broker has, in its order, each once.
fn arrived(bench: &Bench) -> Vec<u32> {
    let published = bench.mock.broker().expect("a broker").published();
    let text = |payload: &[u8]| String::from_utf8_lossy(payload).parse().expect("a number");
    let mut numbers: Vec<u32> = published.iter().map(|published| text(&published.message.payload)).collect();
    let mut seen = std::collections::BTreeSet::new();
    numbers.retain(|number| seen.insert(*number));
    numbers
}

#[tokio::test]
async fn what_was_accepted_without_a_connection_goes_out_with_the_first_in_its_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let (spool, mut events) = spool(&folder);
    accept(&spool, 0..5).await;
    let bench = Bench::start(Line::Duplex, Mock::builder()).await;
    let client = kept(&bench).await;
    soon(spool.send_all(&client)).await.expect("all is sent");
    assert_eq!(arrived(&bench), [0, 1, 2, 3, 4]);
    assert_eq!(spool.status().await.expect("a status").messages, 0);
    for _ in 0..5 {
        assert!(matches!(events.recv().await, Some(SpoolEvent::Delivered { duplicate: false, .. })));
    }
}

#[tokio::test]
async fn what_is_accepted_at_the_same_time_is_accepted_in_the_order_of_asking() {
    let folder = tempfile::tempdir().expect("a folder");
    let (spool, _events) = spool(&folder);
    let asked = (0..100).map(|number| {
        let spool = spool.clone();
        tokio::spawn(async move { accept(&spool, number..number + 1).await })
    });
    for asked in asked.collect::<Vec<_>>() {
        asked.await.expect("it is accepted");
    }
    let bench = Bench::start(Line::Duplex, Mock::builder()).await;
    let client = kept(&bench).await;
    soon(spool.send_all(&client)).await.expect("all is sent");
    assert_eq!(arrived(&bench), (0..100).collect::<Vec<_>>());
}

#[tokio::test]
async fn nothing_is_lost_and_nothing_overtakes_whatever_the_module_does() {
    for window in [1, 4] {
        troubled(window).await;
    }
}

async fn troubled(window: u32) {
    let folder = tempfile::tempdir().expect("a folder");
    let (spool, _events) = spool(&folder);
    let mut overrides = Overrides::default();
    overrides.set_window(window).expect("more than none");
    let bench = Bench::open(Line::Duplex, Mock::builder(), ModemOptions::new().overrides(overrides)).await;
    let client = kept(&bench).await;
    assert_eq!(client.window(), usize::try_from(window).expect("a few"));
    let sending = spool.send_through(&client);
    let control = bench.mock.control();
    let trouble = async {
        let mut next = 0;
        for fault in [Fault::DropLinks, Fault::Reset, Fault::DropLinks, Fault::DropLinks, Fault::Reset] {
            accept(&spool, next..next + 4).await;
            next += 4;
            control.order(fault).await.expect("a mock");
        }
        accept(&spool, next..next + 4).await;
        let view = bench.mock.broker().expect("a broker");
        soon(view.wait_for(|_| arrived(&bench).len() == 24)).await.expect("a broker that runs");
    };
    tokio::select! {
        ended = sending => panic!("{ended:?}"),
        () = trouble => {}
    }
    assert_eq!(arrived(&bench), (0..24).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_a_program_has_left_is_sent_by_the_next_and_known_to_be_perhaps_a_duplicate() {
    let folder = tempfile::tempdir().expect("a folder");
    let bench = Bench::start(Line::Duplex, Mock::builder()).await;
    let client = kept(&bench).await;
    {
        let (spool, _events) = spool(&folder);
        accept(&spool, 0..3).await;
        bench.mock.control().order(Fault::DelayNext(Duration::from_secs(3600))).await.expect("a mock");
        // Given up in the midst of the first, as by a program that is killed.
        tokio::select! {
            ended = spool.send_through(&client) => panic!("{ended:?}"),
            () = bench.dialogue.says(0, "> AT+LMQTTPUB=") => {}
        }
    }
    drop(client);
    drop(bench);
    let bench = Bench::start(Line::Duplex, Mock::builder()).await;
    let client = kept(&bench).await;
    let (spool, mut events) = spool(&folder);
    assert_eq!(spool.status().await.expect("a status").in_flight, 1);
    soon(spool.send_all(&client)).await.expect("all is sent");
    assert_eq!(arrived(&bench), [0, 1, 2]);
    let mut duplicates = Vec::new();
    while let Ok(SpoolEvent::Delivered { duplicate, .. }) = events.try_recv() {
        duplicates.push(duplicate);
    }
    assert_eq!(duplicates, [true, false, false]);
}

#[tokio::test]
async fn what_the_module_can_never_publish_is_told_and_holds_up_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let (spool, mut events) = spool(&folder);
    // An NT35E has no form for a line end.
    spool.publish("up", "a\r\nb", QoS::AtLeastOnce, false, None).await.expect("it is accepted");
    accept(&spool, 7..8).await;
    let bench = Bench::start(Line::Duplex, Mock::builder().modem(module(NT35E))).await;
    let client = kept(&bench).await;
    soon(spool.send_all(&client)).await.expect("all is sent");
    assert_eq!(arrived(&bench), [7]);
    match events.recv().await {
        Some(SpoolEvent::Refused { message, fault, .. }) => {
            assert_eq!((message.payload.as_slice(), fault.code()), (&b"a\r\nb"[..], "input.payload_byte"));
        }
        other => panic!("{other:?}"),
    }
    let status = spool.status().await.expect("a status");
    assert_eq!((status.accepted, status.delivered, status.dropped, status.messages), (2, 1, 1, 0));
}

#[tokio::test]
async fn sending_ends_with_the_connection_and_nothing_is_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    let (spool, _events) = spool(&folder);
    let bench = Bench::start(Line::Duplex, Mock::builder()).await;
    let client = kept(&bench).await;
    let farewell = async {
        soon(client.disconnect()).await.expect("a farewell");
        std::future::pending::<()>().await;
    };
    let ended = tokio::select! {
        ended = soon(spool.send_through(&client)) => ended.expect_err("the connection has ended"),
        () = farewell => unreachable!("it waits for ever"),
    };
    assert_eq!(ended.code(), "delivery.not_connected");
    accept(&spool, 0..1).await;
    assert_eq!(
        soon(spool.send_all(&client)).await.expect_err("there is no connection").code(),
        "delivery.not_connected"
    );
    let status = spool.status().await.expect("a status");
    assert_eq!((status.messages, status.in_flight), (1, 0));
}

/// What an NT35E does not take, and this profile says that it does.
async fn believed_to_take_more(options: ModemOptions) -> Bench {
    let more = "base = \"lierda-nt35e\"\nmodel.name = \"believed\"\n\
        limits.inline_payload = { bytes = 4000, evidence = \"inferred\" }";
    let profile = Profile::parse(more).expect("a profile");
    Bench::open(Line::Duplex, Mock::builder().modem(module(NT35E)), options.profile(profile)).await
}

#[tokio::test(start_paused = true)]
async fn a_module_that_refuses_everything_costs_no_message_and_one_that_takes_another_costs_those_it_refuses() {
    for window in [1, 3] {
        let folder = tempfile::tempdir().expect("a folder");
        let (spool, mut events) = spool(&folder);
        let mut overrides = Overrides::default();
        overrides.set_window(window).expect("more than none");
        let bench = believed_to_take_more(ModemOptions::new().overrides(overrides)).await;
        let client = kept(&bench).await;
        for _ in 0..2 {
            spool.publish("up", vec![b'1'; 2000], QoS::AtLeastOnce, false, None).await.expect("it is accepted");
        }
        let hour = Duration::from_secs(3600);
        tokio::time::timeout(hour, spool.send_through(&client)).await.expect_err("it goes on");
        let status = spool.status().await.expect("a status");
        assert_eq!((status.messages, status.dropped), (2, 0), "the module may be at fault");
        accept(&spool, 7..8).await;
        tokio::time::timeout(hour, spool.send_all(&client)).await.expect("an end").expect("all is done with");
        assert_eq!(arrived(&bench), [7]);
        let status = spool.status().await.expect("a status");
        assert_eq!((status.messages, status.delivered, status.dropped), (0, 1, 2));
        let mut refused = 0;
        while let Ok(event) = events.try_recv() {
            refused += usize::from(matches!(event, SpoolEvent::Refused { .. }));
        }
        assert_eq!(refused, 2);
    }
}
