//! A question to the module does not wait for an attempt to connect, where that waits itself: for the network, for a link that is being
//! opened, for the broker. All of it in virtual time.

use std::time::Duration;

use atmqtt_mock::modem::{EC200S, Fault as Trouble, LinkStatus, Model, ModemOptions, NT26E, NT26E_ECMT};
use atmqtt_modem::at::{Command, FinalResult};
use atmqtt_modem::{Fault, Outcome, Request, Ticket};
use atmqtt_tests::{ONE_OF_EACH, Supervised, module};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// A module whose link takes that long to open, and each command a while.
fn slow(model: Model, open: Duration) -> ModemOptions {
    let mut options = module(model);
    options.latency.open = open;
    options.latency.command = Duration::from_millis(20);
    options
}

fn raw(bench: &mut Supervised, command: &str) -> Ticket {
    bench.submit(Request::Raw(Box::new(Command::raw(command).expect("a command"))))
}

/// It is answered within the limit.
fn answers(bench: &mut Supervised, what: &str, limit: Duration) {
    let question = raw(bench, "AT+CSQ");
    let answer = bench.outcome(question, limit);
    let Ok(Outcome::Raw(lines, FinalResult::Ok)) = answer else { panic!("{what}: {answer:?}") };
    assert!(lines.iter().any(|line| line.text().starts_with(b"+CSQ")), "{what}: {lines:?}");
}

#[test]
fn a_question_goes_out_while_a_link_is_being_opened() {
    for model in ONE_OF_EACH {
        let what = model.name;
        let mut bench = Supervised::of(slow(model, 8 * SECOND), "");
        let attempt = bench.keep();
        let is_opening = |bench: &Supervised| bench.world.modem().status().links.contains(&LinkStatus::Opening);
        assert!(bench.run(MINUTE, is_opening), "{what}");
        bench.run(SECOND, |_| false);
        for _ in 0..3 {
            answers(&mut bench, what, SECOND);
        }
        let status = bench.submit(Request::Status);
        assert!(matches!(bench.outcome(status, 3 * SECOND), Ok(Outcome::Status(_))), "{what}");
        assert!(is_opening(&bench), "{what}: it was answered meanwhile");
        assert_eq!(bench.outcome(attempt, MINUTE), Ok(Outcome::Connected), "{what}");
        assert!(bench.recoveries().is_empty(), "{what}");
    }
}

/// Whenever it comes, and nothing of the sign-in is taken for its answer.
#[test]
fn a_question_at_any_moment_of_an_attempt_is_answered_and_costs_it_nothing() {
    for model in ONE_OF_EACH {
        for step in 0..60 {
            let at = step * Duration::from_millis(110);
            let what = format!("{}: after {at:?}", model.name);
            let mut bench = Supervised::of(slow(model, 3 * SECOND), "");
            bench.world = bench.world.latency(SECOND / 2);
            let attempt = bench.keep();
            bench.run(at, |_| false);
            let status = bench.submit(Request::Status);
            answers(&mut bench, &what, 10 * SECOND);
            assert!(matches!(bench.outcome(status, Duration::ZERO), Ok(Outcome::Status(_))), "{what}");
            assert_eq!(bench.outcome(attempt, MINUTE), Ok(Outcome::Connected), "{what}");
            assert!(bench.is_up(), "{what}");
        }
    }
}

/// Some modules answer a question for their connections with the line that a sign-in waits for.
#[test]
fn a_question_that_would_take_the_result_of_the_sign_in_waits_for_it() {
    for (model, sign_in, question) in [
        (NT26E, "AT+LMQTTCONN=", "AT+LMQTTCONN?"),
        (EC200S, "AT+QMTCONN=", "AT+QMTCONN?"),
        (NT26E_ECMT, "AT+ECMTCONN=", "AT+ECMTCONN?"),
    ] {
        for step in 0..20 {
            let at = step * Duration::from_millis(50);
            let what = format!("{}: after {at:?}", model.name);
            let mut options = slow(model, Duration::ZERO);
            options.latency.command = SECOND / 4;
            let mut bench = Supervised::of(options, "");
            bench.world = bench.world.latency(SECOND / 5);
            let attempt = bench.keep();
            assert!(bench.run(MINUTE, |bench| bench.heard.iter().any(|line| line.starts_with(sign_in))), "{what}");
            bench.run(at, |_| false);
            let (question, status) = (raw(&mut bench, question), bench.submit(Request::Status));
            assert_eq!(bench.outcome(attempt, 5 * SECOND), Ok(Outcome::Connected), "{what}");
            assert!(
                bench.outcome(question, 5 * SECOND).is_ok() && bench.outcome(status, 10 * SECOND).is_ok(),
                "{what}"
            );
        }
    }
}

#[test]
fn a_question_goes_out_while_a_network_is_looked_for() {
    for faults in ["searching@10s+30s", "sim-busy@10s+5s"] {
        let mut bench = Supervised::of(slow(NT26E, Duration::ZERO), faults);
        bench.run((11 * SECOND).saturating_sub(bench.now), |_| false);
        let attempt = bench.keep();
        bench.run(2 * SECOND, |_| false);
        answers(&mut bench, faults, SECOND);
        assert_eq!(bench.outcome(attempt, MINUTE), Ok(Outcome::Connected), "{faults}");
    }
}

/// A farewell in the midst of a question waits for its answer, and no longer.
#[test]
fn a_farewell_behind_a_question_still_breaks_the_attempt_off() {
    for model in ONE_OF_EACH {
        let what = model.name;
        let mut bench = Supervised::of(slow(model, 8 * SECOND), "");
        let attempt = bench.keep();
        bench.run(MINUTE, |bench| bench.world.modem().status().links.contains(&LinkStatus::Opening));
        bench.run(SECOND, |_| false);
        let question = raw(&mut bench, "AT+CSQ");
        bench.run(Duration::from_millis(5), |_| false);
        let farewell = bench.submit(Request::Disconnect);
        assert_eq!(bench.outcome(farewell, 3 * SECOND), Ok(Outcome::Disconnected), "{what}");
        assert!(bench.outcome(question, Duration::ZERO).is_ok(), "{what}");
        assert_eq!(bench.outcome(attempt, Duration::ZERO), Err(Fault::BrokenOff), "{what}");
        assert!(bench.run(15 * SECOND, |bench| bench.supervisor.is_idle()), "{what}");
        bench.run(SECOND, |_| false);
        assert_eq!(bench.world.modem().status().links.map(|link| link == LinkStatus::Closed), [true; 6], "{what}");
    }
}

#[test]
fn a_restart_in_the_midst_of_a_question_ends_the_attempt() {
    for model in ONE_OF_EACH {
        let what = model.name;
        let mut bench = Supervised::of(slow(model, 8 * SECOND), "");
        let attempt = bench.keep();
        bench.run(MINUTE, |bench| bench.world.modem().status().links.contains(&LinkStatus::Opening));
        let question = raw(&mut bench, "AT+CSQ");
        bench.run(Duration::from_millis(5), |_| false);
        bench.world.order(bench.now, Trouble::Reset);
        bench.outcome(question, MINUTE).ok();
        assert_eq!(bench.outcome(attempt, 3 * MINUTE), Err(Fault::Restarted), "{what}");
    }
}
