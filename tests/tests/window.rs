//! Several publishes are unconfirmed at once, as many as the module takes and no more, and a loss costs none of them.

use std::time::Duration;

use atmqtt_mock::broker::BrokerOptions;
use atmqtt_mock::modem::{self, BC660K, BG95, Fault as Trouble, ML307R, Model, NT26E, NT35E, SIM7600};
use atmqtt_modem::{Delivery, DriverOptions, Outcome, Overrides, QoS, Refusal, Request, Ticket};
use atmqtt_tests::{Supervised, filter};

const MINUTE: Duration = Duration::from_secs(60);
const MESSAGES: usize = 20;

/// A kept connection with this window, or that of the profile.
fn kept(model: Model, window: Option<u32>) -> Supervised {
    let mut host = DriverOptions::default();
    if let Some(window) = window {
        host.overrides.set_window(window).expect("more than none");
    }
    let options = modem::ModemOptions { model, ..modem::ModemOptions::default() };
    Supervised::with(host, options, BrokerOptions::new(), "").connected()
}

fn publish_all(bench: &mut Supervised) -> Vec<Ticket> {
    (0..MESSAGES).map(|number| bench.publish(&number.to_string(), QoS::AtLeastOnce)).collect()
}

/// What the broker has, in its order.
fn arrived(bench: &Supervised) -> Vec<usize> {
    let payloads = bench.world.broker().published().map(|published| published.message.payload.clone());
    payloads.map(|payload| String::from_utf8_lossy(&payload).parse().expect("a number")).collect()
}

/// How long it takes until all of them are confirmed.
fn time_for_all(bench: &mut Supervised) -> Duration {
    let began = bench.now;
    for ticket in publish_all(bench) {
        let outcome = bench.outcome(ticket, MINUTE);
        assert_eq!(outcome, Ok(Outcome::Published(Delivery::Delivered { retransmissions: 0 })));
    }
    assert_eq!(arrived(bench), (0..MESSAGES).collect::<Vec<_>>());
    bench.now - began
}

#[test]
fn a_module_that_takes_several_is_given_several_and_they_stay_in_order() {
    for model in [NT26E, NT35E, BG95, ML307R] {
        let one = time_for_all(&mut kept(model, Some(1)));
        let five = time_for_all(&mut kept(model, Some(5)));
        // Each takes a round trip to the broker, of which five are spent at once.
        assert!(five * 4 < one, "{}: {five:?} with five, {one:?} with one", model.name);
    }
}

#[test]
fn a_profile_says_how_many_a_module_takes() {
    for (model, expected) in [(BG95, 5), (BC660K, 1), (NT26E, 1)] {
        let mut bench = kept(model, None);
        assert_eq!(bench.supervisor.driver().window(), expected, "{}", model.name);
        // The mock refuses what is more than it takes, and nothing was refused: each was sent once.
        time_for_all(&mut bench);
        let sent = bench.heard.iter().filter(|line| line.contains("PUB")).count();
        assert_eq!(sent, MESSAGES, "{}", model.name);
    }
}

#[test]
fn a_module_that_does_not_say_which_report_is_whose_is_given_one_at_a_time() {
    let mut host = DriverOptions::default();
    host.overrides = Overrides::default();
    host.overrides.set_window(2).expect("more than none");
    let options = modem::ModemOptions { model: SIM7600, ..modem::ModemOptions::default() };
    let mut bench = Supervised::with(host, options, BrokerOptions::new(), "");
    let refusal = bench.try_to_keep(atmqtt_modem::NetworkOptions::default()).expect_err("a window of two");
    assert!(matches!(refusal, Refusal::Unsupported { .. }), "{refusal}");
    assert!(refusal.to_string().contains("window"), "{refusal}");
}

#[test]
fn a_loss_in_the_midst_loses_none_and_what_was_under_way_goes_first_again() {
    for trouble in [Trouble::DropLinks, Trouble::Reset] {
        for model in [NT26E, BG95, ML307R] {
            let mut bench = kept(model, Some(4));
            let tickets = publish_all(&mut bench);
            let has_some = |bench: &Supervised| arrived(bench).len() >= 6;
            assert!(bench.run(MINUTE, has_some));
            bench.world.order(bench.now, trouble.clone());
            for ticket in tickets {
                let outcome = bench.outcome(ticket, 3 * MINUTE);
                assert!(matches!(outcome, Ok(Outcome::Published(Delivery::Delivered { .. }))), "{outcome:?}");
            }
            // Four may have been under way: they come twice, and in their order.
            let arrived = arrived(&bench);
            assert!(arrived.len() <= MESSAGES + 4, "{arrived:?}");
            let mut firsts = Vec::new();
            for number in arrived {
                if !firsts.contains(&number) {
                    firsts.push(number);
                }
            }
            assert_eq!(firsts, (0..MESSAGES).collect::<Vec<_>>(), "{}", model.name);
        }
    }
}

#[test]
fn a_subscription_has_its_turn_among_publishes() {
    let mut bench = kept(NT26E, Some(4));
    let before = publish_all(&mut bench);
    let subscription = bench.submit(Request::Subscribe(vec![(filter("more"), QoS::AtLeastOnce)]));
    let after = publish_all(&mut bench);
    assert_eq!(bench.outcome(subscription, MINUTE), Ok(Outcome::Subscribed(vec![None])));
    assert_eq!(arrived(&bench).len(), MESSAGES, "those before it are there, and none of those behind it");
    for ticket in before.into_iter().chain(after) {
        assert!(matches!(bench.outcome(ticket, MINUTE), Ok(Outcome::Published(Delivery::Delivered { .. }))));
    }
}
