//! A kept connection comes back, whatever ended it, within two minutes of the end of the cause; with its subscriptions, before anything
//! that waited goes out. All of it in virtual time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use atmqtt_mock::broker::BrokerOptions;
use atmqtt_mock::modem::{
    self, BC660K, BG95, EC200S, Fault as Trouble, LinkStatus, ML307R, Model, NT26E, NT26E_ECMT, NT35E, SIM7600, Sim,
    Sleep,
};
use atmqtt_modem::at::{Command, Secret};
use atmqtt_modem::{
    Cure, Delivery, DriverOptions, Fault, NetworkOptions, Outcome, Outgoing, QoS, Reconnect, Recovery, Refusal,
    Request, Stage, Topic,
};
use atmqtt_tests::{ONE_OF_EACH, Supervised, filter, module};

const MINUTE: Duration = Duration::from_secs(60);
/// Within so long of the end of a cause a connection is there again.
const RECOVERY: Duration = Duration::from_secs(120);
/// One of each dialect.
const MODELS: [Model; 5] = [NT26E, NT35E, EC200S, SIM7600, ML307R];

/// What goes wrong from the third minute on, for how long, and whether the link is lost by it.
const CAUSES: [(&str, u64); 15] = [
    ("reset@3m", 0),
    ("brown-out@3m", 0),
    ("overflow@3m", 0),
    ("mute@3m+90s", 90),
    ("unplug@3m+90s", 90),
    ("sim-gone@3m+60s,reset@3m", 60),
    ("sim-busy@3m+10s,reset@3m", 10),
    ("denied@3m+90s,reset@3m", 90),
    ("searching@3m+90s,reset@3m", 90),
    ("no-pdp@3m+60s", 60),
    ("dns@3m+120s,reset@3m", 120),
    ("unreachable@3m+120s,reset@3m", 120),
    ("refuse=3@3m+60s,reset@3m", 60),
    ("half-closed=to-host@3m+60s,reset@3m", 60),
    ("busy@3m+30s,reset@3m", 30),
];

#[test]
fn whatever_ends_a_connection_it_is_there_again_within_two_minutes_of_the_cause() {
    for model in MODELS {
        for (faults, lasting) in CAUSES {
            // An overflow of its buffer is told by one dialect only.
            if faults.starts_with("overflow") && !matches!(model, NT26E | NT35E) {
                continue;
            }
            let what = format!("{}: {faults}", model.name);
            let mut bench = Supervised::kept(model, faults);
            bench.run(Duration::from_secs(179).saturating_sub(bench.now), |_| false);
            assert!(bench.is_up() && bench.recoveries().is_empty(), "{what}: {:?}", bench.recoveries());
            bench.run(Duration::from_secs(lasting + 1), |_| false);
            // What goes wrong without a word is noticed by the next look, or by whoever publishes.
            let probe = bench.publish("noticed", QoS::AtLeastOnce);
            bench.is_whole_again(&what, RECOVERY);
            assert_eq!(
                bench.outcome(probe, RECOVERY),
                Ok(Outcome::Published(Delivery::Delivered { retransmissions: 0 })),
                "{what}"
            );
        }
    }
}

#[test]
fn a_link_that_is_dead_without_the_module_noticing_is_given_up_when_nothing_gets_through() {
    for model in MODELS {
        let mut bench = Supervised::kept(model, "link-dead@3m");
        bench.run(Duration::from_secs(181).saturating_sub(bench.now), |_| false);
        let waiting = ["1", "2", "3"].map(|payload| bench.publish(payload, QoS::AtLeastOnce));
        // Two publishes have to fail, for which a module takes a minute each.
        assert!(bench.run(3 * MINUTE, |bench| !bench.is_up()), "{}: it was never noticed", model.name);
        bench.is_whole_again(model.name, RECOVERY);
        for ticket in waiting {
            let outcome = bench.outcome(ticket, RECOVERY);
            assert_eq!(outcome, Ok(Outcome::Published(Delivery::Delivered { retransmissions: 0 })), "{}", model.name);
        }
    }
}

#[test]
fn a_link_that_dies_while_subscriptions_are_had_again_costs_none_of_them() {
    for model in MODELS {
        let lost = "drop-links@3m";
        let subscribes = |mut bench: Supervised| {
            bench.run(Duration::from_secs(180).saturating_sub(bench.now), |_| false);
            let heard = bench.heard.len();
            let is_asked = |bench: &Supervised| bench.heard[heard..].iter().any(|line| line.contains("SUB"));
            assert!(bench.run(MINUTE, is_asked), "{}", model.name);
            bench
        };
        let at = subscribes(Supervised::kept(model, lost)).now.as_millis() + 1;
        let mut bench = subscribes(Supervised::kept(model, &format!("{lost},link-dead@{at}ms")));
        bench.is_whole_again(model.name, RECOVERY);
        let is_refused = |told: &&Recovery| matches!(told, Recovery::SubscriptionRefused { .. });
        assert!(!bench.recoveries().iter().any(is_refused), "{}: {:?}", model.name, bench.recoveries());
    }
}

#[test]
fn a_farewell_comes_behind_what_was_asked_for_before_it() {
    for model in MODELS {
        let mut bench = Supervised::kept(model, "");
        let asked: Vec<_> = (0..5).map(|number| bench.publish(&number.to_string(), QoS::AtLeastOnce)).collect();
        let farewell = bench.submit(Request::Disconnect);
        assert_eq!(bench.outcome(farewell, MINUTE), Ok(Outcome::Disconnected), "{}", model.name);
        for ticket in asked {
            let outcome = bench.outcome(ticket, Duration::ZERO);
            assert_eq!(outcome, Ok(Outcome::Published(Delivery::Delivered { retransmissions: 0 })), "{}", model.name);
        }
        assert!(!bench.is_up(), "{}", model.name);
    }
}

#[test]
fn a_farewell_does_not_wait_for_all_that_comes_to_nothing_over_a_dead_link() {
    for model in MODELS {
        let mut bench = Supervised::kept(model, "link-dead@3m");
        bench.run(Duration::from_secs(181).saturating_sub(bench.now), |_| false);
        let asked: Vec<_> = (0..20).map(|number| bench.publish(&number.to_string(), QoS::AtLeastOnce)).collect();
        let farewell = bench.submit(Request::Disconnect);
        assert_eq!(bench.outcome(farewell, 2 * MINUTE), Ok(Outcome::Disconnected), "{}", model.name);
        for ticket in asked {
            let outcome = bench.outcome(ticket, Duration::ZERO);
            let is_delivered = matches!(outcome, Ok(Outcome::Published(Delivery::Delivered { .. })));
            assert!(!is_delivered, "{}: {outcome:?}", model.name);
        }
    }
}

#[test]
fn a_restart_without_a_word_is_noticed_while_a_link_is_being_opened() {
    for model in ONE_OF_EACH {
        let mut options = module(model);
        options.latency.open = Duration::from_secs(20);
        let mut bench = Supervised::of(options, "");
        let attempt = bench.keep();
        let is_opening = |bench: &Supervised| bench.world.modem().status().links.contains(&LinkStatus::Opening);
        assert!(bench.run(MINUTE, is_opening), "{}", model.name);
        bench.run(Duration::from_secs(1), |_| false);
        let since = bench.now;
        bench.world.order(since, Trouble::BrownOut);
        let outcome = bench.outcome(attempt, RECOVERY);
        assert_eq!(outcome, Err(Fault::Restarted), "{}", model.name);
        assert!(bench.now - since < MINUTE, "{}: {:?}", model.name, bench.now - since);
    }
}

#[test]
fn a_result_that_is_lost_while_a_link_is_opened_is_made_up_for_within_two_minutes() {
    for model in MODELS {
        let opens = |faults: &str| {
            let mut options = module(model);
            options.latency.open = Duration::from_secs(3);
            let mut bench = Supervised::of(options, faults).connected();
            bench.run(Duration::from_secs(179).saturating_sub(bench.now), |_| false);
            assert!(bench.is_up(), "{}", model.name);
            let is_opening = |bench: &Supervised| bench.world.modem().status().links.contains(&LinkStatus::Opening);
            assert!(bench.run(MINUTE, is_opening), "{}", model.name);
            bench
        };
        let lost = "drop-links@3m";
        // The command has been taken by then.
        let at = opens(lost).now.as_millis() + 1000;
        let mut bench = opens(&format!("{lost},half-closed=to-host@{at}ms+10s"));
        bench.run(Duration::from_secs(11), |_| false);
        assert!(!bench.is_up(), "{}: nothing was lost", model.name);
        bench.is_whole_again(model.name, RECOVERY);
    }
}

/// Eigencomm's firmware does, and says so only once.
#[test]
fn a_module_that_signs_in_anew_while_it_is_not_heard_is_subscribed_for_once_more() {
    let mut bench = Supervised::kept(NT26E_ECMT, "half-closed=to-host@3m+15s,drop-links@181s");
    bench.run(Duration::from_secs(182).saturating_sub(bench.now), |_| false);
    let unheard = bench.submit(Request::Status);
    assert!(bench.outcome(unheard, RECOVERY).is_err());
    assert!(bench.is_up() && bench.recoveries().is_empty(), "{:?}", bench.recoveries());
    bench.run(Duration::from_secs(195).saturating_sub(bench.now), |_| false);
    assert!(!bench.is_subscribed() && bench.world.broker().sessions().iter().any(|session| session.connected));
    bench.is_whole_again("not heard", RECOVERY);
    assert!(bench.recoveries().is_empty(), "its connection was there all the time: {:?}", bench.recoveries());
}

/// How a host knows that its module sleeps.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Known {
    /// By a figure.
    Figure,
    /// The module says so.
    Report,
    Not,
}

/// The modules with a power saving mode, in which they lose their connection without a word.
#[test]
fn a_connection_that_was_lost_in_deep_sleep_is_there_again_within_two_minutes_of_a_request() {
    for model in [NT35E, NT26E, BC660K] {
        for known in [Known::Figure, Known::Report, Known::Not] {
            // Of the others no line is known that says so.
            if known == Known::Report && model != BC660K {
                continue;
            }
            let what = format!("{}: {known:?}", model.name);
            let mut host = DriverOptions::default();
            if known == Known::Figure {
                host.overrides.set("wake_after", Duration::from_secs(10)).expect("a figure that can be set");
            }
            let options = modem::ModemOptions { model, sleep: Sleep::Deep, ..modem::ModemOptions::default() };
            let mut bench = Supervised::with(host, options, BrokerOptions::new(), "sleep=10s@3m+20m");
            if known == Known::Report {
                let report = Command::raw("AT+QNBIOTEVENT=1,1").expect("a command");
                let report = bench.submit(Request::Raw(Box::new(report)));
                bench.outcome(report, MINUTE).expect("an answer");
            }
            let mut bench = bench.connected();
            bench.run(Duration::from_secs(179).saturating_sub(bench.now), |_| false);
            assert!(bench.is_up() && bench.recoveries().is_empty(), "{what}: {:?}", bench.recoveries());
            bench.run(15 * MINUTE, |_| false);
            let probe = bench.publish("noticed", QoS::AtLeastOnce);
            let delivered = Ok(Outcome::Published(Delivery::Delivered { retransmissions: 0 }));
            assert_eq!(bench.outcome(probe, RECOVERY), delivered, "{what}");
            bench.is_whole_again(&what, RECOVERY);
            assert!(!bench.recoveries().is_empty(), "{what}: it was never lost");
            assert_eq!(bench.cures(), [], "{what}: a module that sleeps is not to be cured");
        }
    }
}

#[test]
fn a_silent_death_is_found_without_a_request() {
    for faults in ["brown-out@3m", "mute@3m+90s"] {
        let mut bench = Supervised::kept(NT26E, faults);
        bench.run(Duration::from_secs(300).saturating_sub(bench.now), |_| false);
        bench.is_whole_again(faults, RECOVERY);
        assert!(!bench.recoveries().is_empty(), "{faults}: it was never noticed");
    }
}

#[test]
fn subscriptions_are_there_before_anything_that_has_waited_goes_out() {
    let mut bench = Supervised::kept(BG95, "");
    bench.world.order(bench.now, Trouble::DropLinks);
    assert!(bench.run(MINUTE, |bench| !bench.is_up()));
    let waiting: Vec<_> = ["1", "2", "3"].iter().map(|payload| bench.publish(payload, QoS::AtLeastOnce)).collect();
    bench.heard.clear();
    for ticket in waiting {
        assert_eq!(bench.outcome(ticket, RECOVERY), Ok(Outcome::Published(Delivery::Delivered { retransmissions: 0 })));
    }
    let place = |name: &str| bench.heard.iter().position(|line| line.starts_with(name)).expect(name);
    assert!(place("AT+QMTSUB=") < place("AT+QMTPUBEX="), "{:?}", bench.heard);
    let payloads: Vec<_> =
        bench.world.broker().published().map(|published| published.message.payload.clone()).collect();
    assert_eq!(payloads, [b"1", b"2", b"3"], "in their order");
    let restored = |told: &&Recovery| matches!(told, Recovery::Restored { subscriptions: 1, .. });
    assert!(bench.recoveries().iter().any(restored));
}

#[test]
fn what_was_in_flight_at_qos_1_is_sent_again_and_at_qos_2_it_is_unconfirmed() {
    for (qos, expected) in [(QoS::AtLeastOnce, true), (QoS::ExactlyOnce, false)] {
        let mut bench = Supervised::kept(NT26E, "");
        bench.world.order(bench.now, Trouble::DelayNext(10 * MINUTE));
        let ticket = bench.publish("once more", qos);
        bench.run(Duration::from_secs(1), |_| false);
        bench.world.order(bench.now, Trouble::Reset);
        let outcome = bench.outcome(ticket, RECOVERY);
        let is_delivered = outcome == Ok(Outcome::Published(Delivery::Delivered { retransmissions: 0 }));
        let is_unconfirmed = matches!(outcome, Ok(Outcome::Published(Delivery::Unconfirmed(_))));
        assert!(if expected { is_delivered } else { is_unconfirmed }, "{qos:?}: {outcome:?}");
    }
}

#[test]
fn a_sim_that_is_gone_and_a_network_that_refuses_are_told_at_once_and_nothing_is_reset() {
    for (faults, stage) in
        [("sim-gone@3m+20m,reset@3m", Stage::Sim), ("denied=15@3m+20m,reset@3m", Stage::Registration)]
    {
        let mut bench = Supervised::kept(NT26E, faults);
        let told = |bench: &Supervised| {
            bench
                .recoveries()
                .iter()
                .any(|told| matches!(told, Recovery::Waiting { fault: Some(_), stage: at, .. } if *at == stage))
        };
        assert!(bench.run(Duration::from_secs(240), told), "{faults}: {:?}", bench.recoveries());
        bench.run(10 * MINUTE, |_| false);
        assert_eq!(bench.cures(), [], "{faults}");
        // It is asked for now and then, and not all the time.
        let attempts = bench.recoveries().len();
        assert!((10..60).contains(&attempts), "{faults}: {attempts} in ten minutes");
        bench.run(10 * MINUTE, |_| false);
        bench.is_whole_again(faults, RECOVERY);
    }
}

#[test]
fn cures_escalate_where_names_do_not_resolve() {
    let mut bench = Supervised::kept(EC200S, "dns@3m+60m,reset@3m");
    bench.run(30 * MINUTE, |_| false);
    let cures = bench.cures();
    let first: Vec<_> = cures.iter().copied().take(3).collect();
    assert_eq!(first, [Cure::CyclePacketNetwork, Cure::CycleRadio, Cure::ResetModule], "{cures:?}");
    for sent in ["AT+CGATT=0", "AT+CFUN=0", "AT+CFUN=1,1"] {
        assert!(bench.heard.iter().any(|line| line == sent), "{sent}");
    }
}

/// Two hosts with one client id sign each other out for ever.
#[test]
fn an_identity_that_is_used_twice_is_told_after_five_kicks_and_waiting_does_not_begin_anew() {
    let mut bench = Supervised::kept(NT26E, "");
    for _ in 0..5 {
        assert!(bench.run(RECOVERY, |bench| bench.is_up() && bench.is_subscribed()), "{:?}", bench.recoveries());
        bench.run(Duration::from_secs(5), |_| false);
        bench.world.order(bench.now, Trouble::DropLinks);
        assert!(bench.run(MINUTE, |bench| !bench.is_up()));
    }
    let told = bench.recoveries();
    assert!(told.contains(&&Recovery::IdentityInUse { times: 5 }), "{told:?}");
    let last = told
        .iter()
        .rev()
        .find_map(|told| if let Recovery::Waiting { attempt, .. } = told { Some(*attempt) } else { None });
    assert_eq!(last, Some(5), "{told:?}");
}

#[test]
fn a_first_sign_in_that_fails_keeps_nothing() {
    let mut bench = Supervised::new(NT26E, "refuse=5");
    let ticket = bench.keep();
    assert!(bench.outcome(ticket, 3 * MINUTE).is_err());
    assert!(!bench.supervisor.is_keeping());
    let now = bench.time();
    let topic = Topic::new("up").expect("a topic");
    let request = Request::Publish(Outgoing { topic, payload: Vec::new(), qos: QoS::AtMostOnce, retain: false });
    let ticket = bench.supervisor.submit(now, request).expect("it is refused later");
    assert_eq!(bench.outcome(ticket, MINUTE), Err(Fault::Input(Refusal::NotConnected)));
}

#[test]
fn a_farewell_ends_the_keeping_and_what_still_waits() {
    let mut bench = Supervised::kept(NT26E, "unreachable@3m+60m,reset@3m");
    bench.run(Duration::from_secs(200), |_| false);
    assert!(!bench.is_up());
    let waiting = bench.publish("never", QoS::AtLeastOnce);
    let farewell = bench.submit(Request::Disconnect);
    assert_eq!(bench.outcome(waiting, 5 * MINUTE), Err(Fault::Input(Refusal::NotConnected)));
    assert_eq!(bench.outcome(farewell, 5 * MINUTE), Ok(Outcome::Disconnected));
    let heard = bench.heard.len();
    bench.run(60 * MINUTE, |_| false);
    assert_eq!(bench.heard.len(), heard, "nobody asks for anything any more");
}

#[test]
fn what_waits_is_bounded() {
    let mut bench = Supervised::kept(NT26E, "unreachable@3m+60m,reset@3m");
    bench.run(Duration::from_secs(200), |_| false);
    let publish = || {
        let topic = Topic::new("up").expect("a topic");
        Request::Publish(Outgoing { topic, payload: Vec::new(), qos: QoS::AtMostOnce, retain: false })
    };
    let now = bench.time();
    let taken = (0..2000).take_while(|_| bench.supervisor.submit(now, publish()).is_ok()).count();
    assert_eq!(taken, Reconnect::default().pending);
    assert_eq!(bench.supervisor.submit(now, publish()), Err(Refusal::QueueFull { limit: taken }));
}

/// The third wrong one locks the SIM.
#[test]
fn a_wrong_pin_is_tried_once_however_often_the_connection_is_to_be_had_again() {
    let options = modem::ModemOptions { sim: Sim::PinRequired("1234".to_owned()), ..modem::ModemOptions::default() };
    let mut bench = Supervised::of(options, "reset@3m,reset@20m");
    let unlock = Command::raw("AT+CPIN=\"1234\"").expect("a command");
    let unlocked = bench.submit(Request::Raw(Box::new(unlock)));
    bench.outcome(unlocked, MINUTE).expect("the right one");
    let mut network = NetworkOptions::default();
    network.pin = Some(Secret::new("9999").expect("digits"));
    let ticket = bench.try_to_keep(network).expect("it fits");
    bench.outcome(ticket, 3 * MINUTE).expect("the SIM is open already");
    bench.run(60 * MINUTE, |_| false);
    let tried = bench.heard.iter().filter(|line| line.contains("9999")).count();
    assert_eq!(tried, 1, "{:?}", bench.recoveries().last());
    assert!(bench.recoveries().len() > 20, "it was asked again and again");
}

#[test]
fn a_connection_is_kept_once() {
    let mut bench = Supervised::kept(NT26E, "unreachable@3m+60m,reset@3m");
    let again = |bench: &mut Supervised| bench.try_to_keep(NetworkOptions::default()).expect_err("there is one");
    assert_eq!(again(&mut bench), Refusal::AlreadyConnected);
    // Also where it is away for the moment: what waits for it is still there.
    bench.run(Duration::from_secs(200), |_| false);
    let waiting = bench.publish("waits", QoS::AtLeastOnce);
    assert_eq!(again(&mut bench), Refusal::AlreadyConnected);
    bench.submit(Request::Disconnect);
    assert!(bench.outcome(waiting, 5 * MINUTE).is_err());
}

#[test]
fn a_filter_that_the_broker_takes_no_more_is_told_and_holds_up_nothing() {
    for model in MODELS {
        let is_withdrawn = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&is_withdrawn);
        let broker = BrokerOptions::new().subscribe(move |asked| (!seen.load(Ordering::Relaxed)).then_some(asked.qos));
        let options = modem::ModemOptions { model, ..modem::ModemOptions::default() };
        let mut bench = Supervised::with(DriverOptions::default(), options, broker, "");
        let ticket = bench.keep();
        bench.outcome(ticket, 3 * MINUTE).expect("a connection");
        let subscription = bench.submit(Request::Subscribe(vec![(filter("down"), QoS::AtLeastOnce)]));
        bench.outcome(subscription, MINUTE).expect("a subscription");
        is_withdrawn.store(true, Ordering::Relaxed);
        bench.world.order(bench.now, Trouble::DropLinks);
        assert!(bench.run(MINUTE, |bench| !bench.is_up()), "{}", model.name);
        let waiting = bench.publish("waits", QoS::AtLeastOnce);
        let outcome = bench.outcome(waiting, 10 * MINUTE);
        assert_eq!(outcome, Ok(Outcome::Published(Delivery::Delivered { retransmissions: 0 })), "{}", model.name);
        let refused = Recovery::SubscriptionRefused { filter: filter("down") };
        // SIMCom's do not tell a refused filter from one that was taken.
        let is_told = bench.recoveries().contains(&&refused);
        assert_eq!(is_told, model != SIM7600, "{}: {:?}", model.name, bench.recoveries());
    }
}

#[test]
fn a_module_that_is_silent_for_good_is_reset_then_has_its_port_opened_then_its_power_switched() {
    let mut bench = Supervised::kept(NT26E, "");
    bench.world.order(bench.now, Trouble::Mute(None));
    assert!(bench.run(60 * MINUTE, |bench| bench.powered > 0), "{:?}", bench.recoveries());
    assert_eq!(bench.cures(), [Cure::ResetModule, Cure::ReopenPort, Cure::Power]);
    bench.is_whole_again("power", RECOVERY);
    assert_eq!(bench.reopened, 2, "once by itself, and once behind the power");
}

#[test]
fn a_port_that_is_gone_is_looked_for_and_not_all_the_time() {
    let mut bench = Supervised::kept(NT26E, "unplug@3m+10m");
    bench.run(Duration::from_secs(185).saturating_sub(bench.now), |_| false);
    assert!(bench.supervisor.is_unplugged() && !bench.is_up());
    let (told, heard) = (bench.recoveries().len(), bench.heard.len());
    bench.run(9 * MINUTE, |_| false);
    assert_eq!((bench.recoveries().len(), bench.heard.len()), (told, heard), "there is nobody to talk to");
    let refused = bench.submit(Request::Status);
    assert_eq!(bench.outcome(refused, Duration::ZERO), Err(Fault::PortLost));
    let waiting = bench.publish("waits", QoS::AtLeastOnce);
    bench.run(MINUTE, |_| false);
    bench.is_whole_again("unplug", RECOVERY);
    assert_eq!(bench.outcome(waiting, RECOVERY), Ok(Outcome::Published(Delivery::Delivered { retransmissions: 0 })));
    assert_eq!(bench.cures(), []);
}
