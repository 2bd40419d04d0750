//! What the network has granted the module to save power: a state, told once when it changes.

use super::*;
use crate::power_saving::{Edrx, PowerSaving, Psm};
use crate::status::Status;

/// A module whose profile says how it is asked.
const PROFILE: &str = "base = \"quectel-bc660k\"\nmodel.name = \"mine\"\n[power_saving]\n\
                       edrx = { rule = \"cedrxrdp\", evidence = \"manual\" }\n\
                       registration = { count = 5, evidence = \"manual\" }";

/// It is identified.
fn attached() -> Bench {
    let profile = Profile::parse(PROFILE).map(Arc::new).ok();
    let mut bench = Bench::new(DriverOptions { profile, ..DriverOptions::default() });
    bench.submit(Request::Attach);
    bench.answer("AT", "OK").in_order().answer("ATE0", "OK").answer("AT", "OK").answer("AT+CMEE=1", "OK");
    for command in ["ATI", "AT+CGMI", "AT+CGMM", "AT+CGMR", "AT+LGMR"] {
        bench.answer(command, "ERROR");
    }
    bench.answer("AT+QMTCFG=?", "OK");
    assert!(matches!(bench.outcome(), Ok(Outcome::Attached(..))));
    bench.events.clear();
    bench
}

/// Everything is asked for: `registration` and `edrx` are the answers to the two questions about it.
fn status(bench: &mut Bench, registration: &str, edrx: &str) -> Status {
    bench.submit(Request::Status);
    for command in ["AT+CGSN=1", "AT+CPIN?", "AT+CIMI", "AT+QCCID", "AT+CESQ", "AT+CSQ"] {
        bench.answer(command, "ERROR");
    }
    bench.answer("AT+CEREG=5", "OK").answer("AT+CEREG?", registration).answer("AT+CEDRXRDP", edrx);
    for command in ["AT+CGATT?", "AT+CGPADDR=0", "AT+QMTCONN?"] {
        bench.answer(command, "ERROR");
    }
    match bench.outcome() {
        Ok(Outcome::Status(status)) => *status,
        other => panic!("{other:?}"),
    }
}

fn on(cycle_ms: u64, paging_window_ms: u64) -> Option<Edrx> {
    let (cycle, window) = (Duration::from_millis(cycle_ms), Duration::from_millis(paging_window_ms));
    Some(Edrx::On { cycle, paging_window: Some(window) })
}

fn told(edrx: Option<Edrx>, psm: Option<Psm>) -> Event {
    Event::PowerSaving(PowerSaving { edrx, psm })
}

const REGISTERED: &str = "+CEREG: 5,1,\"1A2B\",\"0C3D4E5F\",9\r\n\r\nOK";

#[test]
fn each_change_is_told_once() {
    let mut bench = attached();
    assert_eq!(bench.driver.power_saving(), PowerSaving::default());
    for _ in 0..3 {
        bench.say("+CEDRXP: 5,\"0010\",\"0011\",\"0011\"");
    }
    bench.say("+CEDRXP: 5,\"1111\",\"0011\",\"0011\"");
    assert_eq!(std::mem::take(&mut bench.events), [told(on(40_960, 10_240), None)]);
    assert_eq!(bench.driver.power_saving().edrx, on(40_960, 10_240));
    bench.say("+CEDRXP: 0").say("+CEDRXP: 0");
    assert_eq!(std::mem::take(&mut bench.events), [told(Some(Edrx::Off), None)]);
    // Asked for, and granted or not.
    bench.say("+CEDRXP: 5,\"0010\"");
    assert_eq!(std::mem::take(&mut bench.events), [told(None, None)]);
    assert!(bench.driver.is_idle() && bench.written().is_empty(), "nothing is asked because of it");
}

#[test]
fn a_change_that_cannot_be_read_leaves_nothing_known() {
    let mut bench = attached();
    bench.say("+CEDRXP: 5,\"0010\",\"0011\",\"0011\"").say("+CEDRXP: 5,\"0010\",\"00?1\",\"0011\"");
    let unknown = |event: &Event| matches!(event, Event::Unknown(line) if line.text().starts_with(b"+CEDRXP"));
    assert_eq!(bench.events[..2], [told(on(40_960, 10_240), None), told(None, None)]);
    assert!(bench.events.len() == 3 && unknown(&bench.events[2]), "{:?}", bench.events);
}

#[test]
fn a_change_in_the_midst_of_an_answer_is_none_of_it() {
    let mut bench = attached();
    let command = Command::raw("AT+CEDRXS=2,5,\"0011\"").unwrap();
    bench.submit(Request::Raw(Box::new(command)));
    bench.answer("AT+CEDRXS=2,5,\"0011\"", "+CEDRXP: 5,\"0011\",\"0011\",\"0011\"\r\n\r\nOK");
    assert!(matches!(bench.outcome(), Ok(Outcome::Raw(lines, _)) if lines.is_empty()));
    assert_eq!(std::mem::take(&mut bench.events), [told(on(40_960, 10_240), None)]);

    // What comes by itself may be newer than an answer that stands before it.
    let answer = "+CEDRXRDP: 5,\"0011\",\"0011\",\"0011\"\r\n\r\n+CEDRXP: 5,\"0011\",\"0101\",\"0000\"\r\n\r\nOK";
    let found = status(&mut bench, REGISTERED, answer);
    assert_eq!(found.power_saving.edrx, on(81_920, 2560));
    assert_eq!(std::mem::take(&mut bench.events), [told(on(81_920, 2560), None)]);
}

#[test]
fn the_whole_status_has_it_and_what_it_finds_is_told() {
    let mut bench = attached();
    let timers = "+CEREG: 5,1,\"1A2B\",\"0C3D4E5F\",9,,,\"00100100\",\"01000111\"\r\n\r\nOK";
    let psm = Some(Psm::On { active_time: 240 * SECOND, periodic_update: Some(252_000 * SECOND) });
    let found = status(&mut bench, timers, "+CEDRXRDP: 5,\"0011\",\"0011\",\"0011\"\r\n\r\nOK");
    assert_eq!(found.power_saving, PowerSaving { edrx: on(40_960, 10_240), psm });
    assert_eq!(std::mem::take(&mut bench.events), [told(None, psm), told(on(40_960, 10_240), psm)]);

    // Asked once more, nothing has changed, and a refusal says nothing.
    for answer in ["+CEDRXRDP: 5,\"0011\",\"0011\",\"0011\"\r\n\r\nOK", "ERROR", "OK", "+CEDRXRDP: 5,x,y\r\n\r\nOK"] {
        assert_eq!(status(&mut bench, timers, answer).power_saving, PowerSaving { edrx: on(40_960, 10_240), psm });
    }
    assert_eq!(bench.events, []);
    let found = status(&mut bench, REGISTERED, "+CEDRXRDP: 0\r\n\r\nOK");
    assert_eq!(found.power_saving, PowerSaving { edrx: Some(Edrx::Off), psm: None });
}

#[test]
fn the_timers_come_with_the_registration_too() {
    let mut bench = attached();
    bench.say("+CEREG: 5,\"1A2B\",\"0C3D4E5F\",9,,,\"11100000\",\"01000111\"");
    assert!(matches!(bench.events[0], Event::Registration(_)));
    assert_eq!(bench.events[1..], [told(None, Some(Psm::Off))]);
}

#[test]
fn nothing_of_it_is_known_after_a_restart_or_on_another_port() {
    for unplug in [false, true] {
        let mut bench = attached();
        bench.say("+CEDRXP: 5,\"0010\",\"0011\",\"0011\"");
        bench.events.clear();
        if unplug {
            bench.driver.unplugged(bench.now);
            bench.drain();
        } else {
            bench.say("RDY");
            assert!(matches!(bench.events[..], [Event::Restarted { .. }]), "{:?}", bench.events);
        }
        assert_eq!(bench.driver.power_saving(), PowerSaving::default());
        bench.events.clear();
        bench.say("+CEDRXP: 5,\"0010\",\"0011\",\"0011\"");
        assert_eq!(bench.events, [told(on(40_960, 10_240), None)], "it is news again");
    }
}

/// A late answer to the question has another name, so that it changes nothing.
#[test]
fn a_late_answer_is_no_news() {
    let mut bench = attached();
    bench.say("+CEDRXRDP: 5,\"0011\",\"0011\",\"0011\"");
    assert!(matches!(bench.events[..], [Event::Unknown(_)]));
    assert_eq!(bench.driver.power_saving(), PowerSaving::default());
}

#[test]
fn a_sign_in_asks_for_the_timers_and_does_without_them_where_the_firmware_is_older() {
    let timers = "+CEREG: 5,1,\"1A2B\",\"0C3D4E5F\",9,,,\"00100100\",\"01000111\"\r\n\r\nOK";
    let psm = Some(Psm::On { active_time: 240 * SECOND, periodic_update: Some(252_000 * SECOND) });
    let mut bench = attached();
    bench.connect(options());
    bench.answer("AT+CPIN?", "+CPIN: READY\r\n\r\nOK").answer("AT+CEREG=5", "OK").answer("AT+CEREG?", timers);
    assert_eq!(bench.events, [Event::Link(LinkState::Connecting), told(None, psm)]);
    assert_eq!(bench.written(), "AT+CGATT?\r", "nothing else is asked because of it");

    let mut bench = attached();
    bench.connect(options());
    bench.answer("AT+CPIN?", "+CPIN: READY\r\n\r\nOK").answer("AT+CEREG=5", "ERROR");
    bench.answer("AT+CEREG=3", "ERROR").answer("AT+CEREG=2", "OK").answer("AT+CEREG?", "+CEREG: 2,1\r\n\r\nOK");
    assert_eq!(bench.events, [Event::Link(LinkState::Connecting)]);
}
