//! A farewell does not wait for an attempt to connect: it is answered within seconds, whatever is under way, and leaves no connection in the
//! module, nor one that comes up later. All of it in virtual time.

use std::collections::BTreeSet;
use std::time::Duration;

use atmqtt_mock::modem::{
    A7670, EC200S, Fault as Trouble, LinkStatus, ML307R, Model, ModemOptions, NT26E, SIM7600, Step,
};
use atmqtt_modem::{Cure, Delivery, Fault, LinkState, Outcome, QoS, Recovery, Request, Ticket};
use atmqtt_tests::{ONE_OF_EACH, Supervised, module};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
/// A farewell is answered within so long, where the module answers commands.
const SOON: Duration = Duration::from_secs(3);
/// What begins the longest step of a sign-in.
const OPENS: [&str; 5] = ["AT+LMQTTOPEN=", "AT+ECMTOPEN=", "AT+QMTOPEN=", "AT+CMQTTCONNECT=", "AT+MQTTCONN="];
const SIGNS_IN: [&str; 5] = ["AT+LMQTTCONN=", "AT+ECMTCONN=", "AT+QMTCONN=", "AT+CMQTTCONNECT=", "AT+MQTTCONN="];

/// A module whose link takes that long to open.
fn slow(model: Model, open: Duration) -> ModemOptions {
    let mut options = module(model);
    options.latency.open = open;
    options
}

fn has_heard(bench: &Supervised, commands: &[&str]) -> bool {
    bench.heard.iter().any(|line| commands.iter().any(|command| line.starts_with(command)))
}

/// Says farewell, which is done within `limit`, and gives what came of `attempt`.
fn farewell(bench: &mut Supervised, what: &str, limit: Duration, attempt: Ticket) -> Result<Outcome, Fault> {
    let farewell = bench.submit(Request::Disconnect);
    let since = bench.now;
    assert_eq!(bench.outcome(farewell, limit), Ok(Outcome::Disconnected), "{what}");
    assert!(bench.now - since <= limit, "{what}: {:?}", bench.now - since);
    assert!(!bench.supervisor.is_keeping() && bench.supervisor.driver().link() == LinkState::Down, "{what}");
    bench.outcome(attempt, Duration::ZERO)
}

/// There is no connection, neither in the module nor at the broker.
fn is_clean(bench: &Supervised) -> bool {
    let links = bench.world.modem().status().links;
    let is_gone = |link: &LinkStatus| matches!(link, LinkStatus::Closed | LinkStatus::Lost);
    links.iter().all(is_gone) && bench.world.broker().sessions().iter().all(|session| !session.connected)
}

/// Nor is there one at any time from now on.
fn stays_clean(bench: &mut Supervised, what: &str) {
    assert!(is_clean(bench), "{what}: {:?}", bench.world.modem().status().links);
    let heard = bench.heard.len();
    assert!(!bench.run(10 * MINUTE, |bench| !is_clean(bench)), "{what}: a ghost");
    assert_eq!(bench.heard[heard..], [""; 0], "{what}: nobody asks for anything any more");
    assert!(bench.supervisor.is_idle(), "{what}");
}

#[test]
fn a_farewell_does_not_wait_for_a_link_that_is_being_opened() {
    for model in ONE_OF_EACH {
        let what = model.name;
        let mut bench = Supervised::of(slow(model, 100 * SECOND), "");
        let attempt = bench.keep();
        assert!(bench.run(MINUTE, |bench| has_heard(bench, &OPENS)), "{what}");
        bench.run(5 * SECOND, |_| false);
        assert_eq!(farewell(&mut bench, what, SOON, attempt), Err(Fault::BrokenOff), "{what}");
        // Some modules cannot be told to stop. What they have opened is closed as soon as it is there.
        if matches!(model, SIM7600 | A7670 | ML307R) {
            assert!(bench.supervisor.driver().is_parting(), "{what}");
            bench.run(90 * SECOND, |_| false);
            let is_up = |bench: &Supervised| !bench.supervisor.driver().is_parting();
            assert!(bench.run(10 * SECOND, is_up), "{what}");
            bench.run(SECOND, |_| false);
        }
        stays_clean(&mut bench, what);
    }
}

#[test]
fn what_a_module_does_not_let_go_of_is_closed_when_it_is_open() {
    for model in ONE_OF_EACH {
        let what = model.name;
        // The broker would end a link by itself that is silent for longer.
        let mut options = slow(model, 8 * SECOND);
        options.quirks.closes_while_opening = false;
        let mut bench = Supervised::of(options, "");
        let attempt = bench.keep();
        assert!(bench.run(MINUTE, |bench| has_heard(bench, &OPENS)), "{what}");
        bench.run(2 * SECOND, |_| false);
        assert_eq!(farewell(&mut bench, what, SOON, attempt), Err(Fault::BrokenOff), "{what}");
        assert!(bench.supervisor.driver().is_parting() && !bench.supervisor.is_idle(), "{what}");
        assert!(bench.run(10 * SECOND, |bench| bench.supervisor.is_idle()), "{what}");
        bench.run(SECOND / 2, |_| false);
        stays_clean(&mut bench, what);
    }
}

#[test]
fn a_sign_in_behind_a_farewell_has_its_own_results() {
    for model in ONE_OF_EACH {
        for closes_while_opening in [true, false] {
            let what = format!("{}: {closes_while_opening}", model.name);
            let mut options = slow(model, 60 * SECOND);
            options.quirks.closes_while_opening = closes_while_opening;
            let mut bench = Supervised::of(options, "");
            let attempt = bench.keep();
            assert!(bench.run(MINUTE, |bench| has_heard(bench, &OPENS)), "{what}");
            bench.run(5 * SECOND, |_| false);
            assert_eq!(farewell(&mut bench, &what, SOON, attempt), Err(Fault::BrokenOff), "{what}");
            let again = bench.keep();
            bench.world.change(bench.now, |options| options.latency.open = 2 * SECOND);
            assert_eq!(bench.outcome(again, 2 * MINUTE), Ok(Outcome::Connected), "{what}");
            bench.run(5 * MINUTE, |_| false);
            assert!(bench.is_up() && bench.recoveries().is_empty(), "{what}: {:?}", bench.recoveries());
        }
    }
}

#[test]
fn a_farewell_does_not_wait_for_the_broker() {
    for model in ONE_OF_EACH {
        let what = model.name;
        let mut bench = Supervised::of(slow(model, Duration::ZERO), "");
        bench.world = bench.world.latency(10 * SECOND);
        let attempt = bench.keep();
        assert!(bench.run(2 * MINUTE, |bench| has_heard(bench, &SIGNS_IN)), "{what}");
        // Where the sign-in opens the link too, that is open by then.
        bench.run(25 * SECOND, |bench| bench.world.modem().status().links.contains(&LinkStatus::Connecting));
        bench.run(SECOND, |_| false);
        assert_eq!(farewell(&mut bench, what, SOON, attempt), Err(Fault::BrokenOff), "{what}");
        // What the broker does not know yet is still on its way.
        bench.run(MINUTE, |_| false);
        stays_clean(&mut bench, what);
    }
}

/// Whenever it comes.
#[test]
fn a_farewell_at_any_moment_of_an_attempt_is_answered_soon() {
    for model in ONE_OF_EACH {
        for step in 0..60 {
            let at = step * Duration::from_millis(170);
            let what = format!("{}: after {at:?}", model.name);
            let mut options = slow(model, 4 * SECOND);
            options.latency.command = Duration::from_millis(90);
            let mut bench = Supervised::of(options, "");
            bench.world = bench.world.latency(SECOND);
            let attempt = bench.keep();
            bench.run(at, |_| false);
            let came = farewell(&mut bench, &what, SOON, attempt);
            assert!(matches!(came, Err(Fault::BrokenOff) | Ok(Outcome::Connected)), "{what}: {came:?}");
            bench.run(30 * SECOND, |_| false);
            stays_clean(&mut bench, &what);
        }
    }
}

#[test]
fn a_farewell_does_not_wait_for_a_network() {
    for (faults, of) in [("searching@10s+60m", "AT+CEREG?"), ("sim-busy@10s+60m", "AT+CPIN?")] {
        let mut bench = Supervised::of(slow(NT26E, Duration::ZERO), faults);
        bench.run((11 * SECOND).saturating_sub(bench.now), |_| false);
        bench.heard.clear();
        let attempt = bench.keep();
        assert!(bench.run(MINUTE, |bench| has_heard(bench, &[of])), "{faults}");
        bench.run(2 * SECOND, |_| false);
        assert_eq!(farewell(&mut bench, faults, SOON, attempt), Err(Fault::BrokenOff), "{faults}");
        assert!(!has_heard(&bench, &["AT+LMQTT"]), "{faults}: there is nothing to put away");
        stays_clean(&mut bench, faults);
    }
}

/// A module that says nothing until the link is open takes no other command meanwhile.
#[test]
fn a_module_that_is_busy_with_opening_is_given_the_time_of_a_command() {
    let mut options = slow(NT26E, 100 * SECOND);
    options.quirks.result_first = BTreeSet::from([Step::Open]);
    let mut bench = Supervised::of(options, "");
    let attempt = bench.keep();
    assert!(bench.run(MINUTE, |bench| has_heard(bench, &OPENS)));
    bench.run(5 * SECOND, |_| false);
    assert_eq!(farewell(&mut bench, "busy", 15 * SECOND, attempt), Err(Fault::BrokenOff));
    assert!(bench.supervisor.driver().is_parting());
    bench.run(100 * SECOND, |_| false);
    stays_clean(&mut bench, "busy");
}

/// A connection that was lost, in every state of being had again.
#[test]
fn a_farewell_ends_a_recovery_at_any_moment() {
    for model in ONE_OF_EACH {
        for step in 0..40 {
            let at = step * Duration::from_millis(530);
            let what = format!("{}: after {at:?}", model.name);
            let options = ModemOptions { model, ..ModemOptions::default() };
            let mut bench = Supervised::of(options, "").connected();
            bench.world.change(bench.now, |options| {
                options.latency.open = 4 * SECOND;
                options.latency.command = Duration::from_millis(90);
            });
            bench.world.order(bench.now, Trouble::DropLinks);
            assert!(bench.run(MINUTE, |bench| !bench.is_up()), "{what}");
            bench.run(at, |_| false);
            let farewell = bench.submit(Request::Disconnect);
            assert_eq!(bench.outcome(farewell, SOON), Ok(Outcome::Disconnected), "{what}");
            bench.run(30 * SECOND, |_| false);
            stays_clean(&mut bench, &what);
        }
    }
}

/// Off the network is no way to leave a module.
#[test]
fn a_cure_that_is_broken_off_leaves_the_module_with_its_network() {
    for (cure, away, back) in
        [(Cure::CyclePacketNetwork, "AT+CGATT=0", "AT+CGATT=1"), (Cure::CycleRadio, "AT+CFUN=0", "AT+CFUN=1")]
    {
        let mut bench = Supervised::kept(EC200S, "dns@3m+60m,reset@3m");
        let is_told = |bench: &Supervised| {
            let told = bench.recoveries();
            matches!(told.last(), Some(Recovery::Curing { cure: told, .. }) if *told == cure)
        };
        assert!(bench.run(60 * MINUTE, is_told), "{cure}");
        bench.run(SECOND, |_| false);
        assert_eq!(bench.heard.last().map(String::as_str), Some(away), "{cure}");
        let farewell = bench.submit(Request::Disconnect);
        assert_eq!(bench.outcome(farewell, SOON), Ok(Outcome::Disconnected), "{cure}");
        assert_eq!(bench.heard.last().map(String::as_str), Some(back), "{cure}");
        assert!(bench.run(MINUTE, |bench| bench.world.modem().status().registered), "{cure}");
        stays_clean(&mut bench, &cure.to_string());
    }
}

#[test]
fn a_farewell_does_not_wait_for_a_silent_module() {
    for faults in ["mute@3m+60m", "unplug@3m+60m"] {
        for after in [1, 20, 70, 130] {
            let what = format!("{faults}: after {after} s");
            let mut bench = Supervised::kept(NT26E, faults);
            bench.run((181 * SECOND).saturating_sub(bench.now), |_| false);
            // Noticed by whoever publishes.
            let waiting = bench.publish("never", QoS::AtLeastOnce);
            assert!(bench.run(3 * MINUTE, |bench| !bench.is_up()), "{what}");
            bench.run(after * SECOND, |_| false);
            let farewell = bench.submit(Request::Disconnect);
            assert_eq!(bench.outcome(farewell, 25 * SECOND), Ok(Outcome::Disconnected), "{what}");
            let came = bench.outcome(waiting, Duration::ZERO);
            assert!(!matches!(came, Ok(Outcome::Published(Delivery::Delivered { .. }))), "{what}: {came:?}");
        }
    }
}
