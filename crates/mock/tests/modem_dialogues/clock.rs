//! The module's clock.

use std::time::Duration;

use atmqtt_mock::modem::{EC200S, Model, ModemOptions, NT26E, SIM7600};

use crate::bench::Bench;

fn without_time(model: Model) -> Bench {
    Bench::new(ModemOptions { model, network_time: false, ..ModemOptions::default() })
}

#[test]
fn a_clock_that_nobody_has_set_begins_in_1980() {
    for model in [EC200S, SIM7600] {
        without_time(model).play(
            r#"
            > AT+CCLK?
            < +CCLK: "80/01/06,00:00:00+00"
            < OK
            @ 61s
            > AT+CCLK?
            < +CCLK: "80/01/06,00:01:01+00"
            < OK
            "#,
        );
    }
    without_time(NT26E).play("> AT+CMEE=1\n< OK\n> AT+CCLK?\n< +CME ERROR: 3");
}

#[test]
fn the_host_can_set_it_until_a_restart() {
    let mut bench = without_time(EC200S);
    bench.play(
        r#"
        > AT+CMEE=1
        < OK
        @ 5s
        > AT+CCLK="26/02/28,23:59:59-08"
        < OK
        @ 2s
        > AT+CCLK?
        < +CCLK: "26/03/01,00:00:01-08"
        < OK
        > AT+CCLK="26/02/29,00:00:00+00"
        < +CME ERROR: 50
        > AT+CCLK="26/02/28,24:00:00+00"
        < +CME ERROR: 50
        > AT+CCLK="26/02/28"
        < +CME ERROR: 50
        > AT+CCLK?
        < +CCLK: "26/03/01,00:00:01-08"
        < OK
        "#,
    );
    bench.host(b"AT+CFUN=1,1\r");
    bench.pass(Duration::from_secs(1));
    bench.take_said();
    bench.host(b"ATE0\r");
    bench.take_said();
    bench.play("> AT+CCLK?\n< +CCLK: \"80/01/06,00:00:08+00\"\n< OK");
}

#[test]
fn the_network_sets_it_once() {
    let mut bench = Bench::new(ModemOptions { model: SIM7600, ..ModemOptions::default() });
    bench.play(
        r#"
        > AT+CCLK?
        < +CCLK: "26/01/01,00:00:00+32"
        < OK
        > AT+CCLK="24/01/01,00:00:00+00"
        < OK
        @ 10s
        > AT+CCLK?
        < +CCLK: "24/01/01,00:00:10+00"
        < OK
        "#,
    );
}
