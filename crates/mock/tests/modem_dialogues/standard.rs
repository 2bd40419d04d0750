//! Identity, SIM, errors, clock.

use std::time::Duration;

use atmqtt_mock::modem::{Model, ModemOptions, NT35E, Registration, Signal, Sim};

use crate::bench::Bench;

#[test]
fn identities_and_signal() {
    Bench::new(ModemOptions::default()).play(
        r#"
        > ATI
        < Lierda
        < NT26E
        < Revision: Lierda6180316
        < OK
        > AT+CGMI
        < Lierda
        < OK
        > at+cgmm
        < NT26E
        < OK
        > AT+CGMR
        < NT26ECNA00NNA-LV1.0
        < OK
        > AT+LGMR
        < NT26ECNA00NNA-LV1.0
        < OK
        > AT+CGSN
        < 490154203237518
        < OK
        > AT+CGSN=1
        < +CGSN: "490154203237518"
        < OK
        > AT+CGSN=0
        < +CGSN: "MOCK00000001"
        < OK
        > AT+CGSN=2
        < ERROR
        > AT+LGSN=1
        < +LGSN: 490154203237518
        < OK
        > AT+CIMI
        < 001010123456789
        < OK
        > AT+LCCID
        < +LCCID: 89001012345678901234
        < OK
        > AT+CSQ
        < +CSQ: 20,99
        < OK
        > AT+CESQ
        < +CESQ: 99,99,255,255,22,52
        < OK
        > AT+COPS?
        < +COPS: 0,2,"00101",7
        < OK
        > ATZ9
        < ERROR
        "#,
    );
}

#[test]
fn models_are_known_by_name() {
    assert_eq!(Model::named("lierda-nt35e"), Some(NT35E));
    assert_eq!(Model::named("nt35e"), None);
    Bench::new(ModemOptions { model: NT35E, ..ModemOptions::default() }).play(
        "> AT+CGMM
         < NT35E
         < OK",
    );
}

#[test]
fn signal_can_change_while_it_runs() {
    let mut bench = Bench::new(ModemOptions::default());
    bench.change(|options| options.signal = Signal { rssi: 31, bit_error_rate: 0, rsrp: 97, rsrq: 34 });
    bench.play(
        "> AT+CSQ
         < +CSQ: 31,0
         < OK
         > AT+CESQ
         < +CESQ: 99,99,255,255,34,97
         < OK",
    );
}

#[test]
fn errors_are_reported_as_cmee_asks() {
    Bench::new(ModemOptions { sim: Sim::Missing, ..ModemOptions::default() }).play(
        "> AT+CMEE?
         < +CMEE: 0
         < OK
         > AT+CPIN?
         < ERROR
         > AT+CMEE=1
         < OK
         > AT+CPIN?
         < +CME ERROR: 10
         > AT+CMEE=2
         < OK
         > AT+CPIN?
         < +CME ERROR: SIM not inserted
         > AT+CMEE?
         < +CMEE: 2
         < OK
         > AT+CMEE=?
         < +CMEE: (0-2)
         < OK
         > AT+CMEE=3
         < +CME ERROR: incorrect parameters
         > AT+CMEE=1,1
         < +CME ERROR: incorrect parameters
         > AT+NONE
         < +CME ERROR: operation not supported",
    );
}

#[test]
fn a_pin_is_asked_and_three_wrong_ones_block_the_sim() {
    let sim = Sim::PinRequired("1234".to_owned());
    let options = ModemOptions { sim, ..ModemOptions::default() };
    Bench::new(options.clone()).play(
        r#"
        > AT+CMEE=1
        < OK
        > AT+CPIN?
        < +CPIN: SIM PIN
        < OK
        > AT+CIMI
        < +CME ERROR: 11
        > AT+CEREG?
        < +CEREG: 0,0
        < OK
        > AT+CPIN="0000"
        < +CME ERROR: 16
        > AT+CPIN="1234"
        < OK
        > AT+CPIN?
        < +CPIN: READY
        < OK
        > AT+CPIN="1234"
        < +CME ERROR: 3
        > AT+CEREG?
        < +CEREG: 0,1
        < OK
        "#,
    );
    Bench::new(options).play(
        r#"
        > AT+CMEE=1
        < OK
        > AT+CPIN="1"
        < +CME ERROR: 16
        > AT+CPIN=2
        < +CME ERROR: 16
        > AT+CPIN="3"
        < +CME ERROR: 12
        > AT+CPIN="1234"
        < +CME ERROR: 12
        > AT+CPIN?
        < +CPIN: SIM PUK
        < OK
        "#,
    );
}

#[test]
fn a_busy_sim_becomes_ready() {
    let sim = Sim::BusyFor(Duration::from_secs(3));
    Bench::new(ModemOptions { sim, ..ModemOptions::default() }).play(
        "> AT+CMEE=1
         < OK
         > AT+CEREG=1
         < OK
         > AT+CPIN?
         < +CME ERROR: 14
         @ 2999ms
         > AT+CPIN?
         < +CME ERROR: 14
         @ 1ms
         < +CEREG: 1
         > AT+CPIN?
         < +CPIN: READY
         < OK",
    );
}

#[test]
fn the_clock_has_four_digits_of_year_and_needs_a_network() {
    let registration = Registration::HomeAfter(Duration::from_secs(60));
    Bench::new(ModemOptions { registration, ..ModemOptions::default() }).play(
        r#"
        > AT+CMEE=1
        < OK
        > AT+CCLK?
        < +CME ERROR: 3
        @ 61s
        > AT+CCLK?
        < +CCLK: "2026/01/01,00:01:01+32"
        < OK
        @ 86400s
        > AT+CCLK?
        < +CCLK: "2026/01/02,00:01:01+32"
        < OK
        "#,
    );
}

#[test]
fn other_dialects_are_refused_and_lmqtt_answers_its_probe() {
    Bench::new(ModemOptions::default()).play(
        "> AT+LMQTTCFG=?
         < OK
         > AT+LMQTTPUB=?
         < OK
         > AT+QMTCFG=?
         < ERROR
         > AT+ECMTCFG=?
         < ERROR",
    );
}
