//! Registration, attach, PDP contexts, radio.

use std::time::Duration;

use atmqtt_mock::modem::{EC200S, ModemOptions, Registration};

use crate::bench::Bench;

#[test]
fn registration_is_reported_in_every_detail_asked_for() {
    Bench::new(ModemOptions::default()).play(
        r#"
        > AT+CEREG?
        < +CEREG: 0,1
        < OK
        > AT+CEREG=2
        < OK
        > AT+CEREG?
        < +CEREG: 2,1,"1A2B","0C3D4E5F",7
        < OK
        > AT+CREG?;+CGREG?
        < +CREG: 0,1
        < +CGREG: 0,1
        < OK
        > AT+CEREG=6
        < ERROR
        > AT+CREG=3
        < ERROR
        > AT+CEREG=?
        < +CEREG: (0-5)
        < OK
        "#,
    );
}

#[test]
fn a_changed_registration_is_told_where_it_was_asked_for() {
    let mut bench = Bench::new(ModemOptions { registration: Registration::Searching, ..ModemOptions::default() });
    bench.play(
        "> AT+CEREG=3
         < OK
         > AT+CREG=1
         < OK
         > AT+CEREG?
         < +CEREG: 3,2
         < OK",
    );
    bench.change(|options| options.registration = Registration::Denied(11));
    bench.play(
        "< +CEREG: 3,,,,0,11
         < +CREG: 3
         > AT+CEREG?
         < +CEREG: 3,3,,,,0,11
         < OK",
    );
    bench.change(|options| options.registration = Registration::Roaming);
    bench.play(
        r#"< +CEREG: 5,"1A2B","0C3D4E5F",7
           < +CREG: 5"#,
    );
    bench.change(|options| options.registration = Registration::Roaming);
    bench.play("");
}

#[test]
fn registration_may_take_its_time() {
    let registration = Registration::HomeAfter(Duration::from_secs(20));
    Bench::new(ModemOptions { registration, ..ModemOptions::default() }).play(
        "> AT+CEREG=1
         < OK
         > AT+CEREG?
         < +CEREG: 1,2
         < OK
         > AT+CGATT?
         < +CGATT: 0
         < OK
         @ 19999ms
         @ 1ms
         < +CEREG: 1
         > AT+CGATT?
         < +CGATT: 1
         < OK",
    );
}

#[test]
fn the_default_bearer_of_an_lte_module_is_context_1() {
    Bench::new(ModemOptions { model: EC200S, ..ModemOptions::default() }).play(
        r#"
        > AT+CGACT?
        < +CGACT: 1,1
        < OK
        > AT+CGPADDR=1
        < +CGPADDR: 1,"10.0.0.2"
        < OK
        > AT+CGPADDR=0
        < OK
        "#,
    );
}

#[test]
fn packet_data_comes_and_goes() {
    Bench::new(ModemOptions::default()).play(
        r#"
        > AT+CGATT?
        < +CGATT: 1
        < OK
        > AT+CGPADDR
        < +CGPADDR: 0,"10.0.0.2"
        < OK
        > AT+CGDCONT=0,"IP","iot.example"
        < OK
        > AT+CGDCONT?
        < +CGDCONT: 0,"IP","iot.example","10.0.0.2",0,0
        < OK
        > AT+CGDCONT=1,"IPV4V6","two"
        < OK
        > AT+CGACT?
        < +CGACT: 0,1
        < +CGACT: 1,0
        < OK
        > AT+CGACT=1,1
        < OK
        > AT+CGPADDR=1
        < +CGPADDR: 1,"10.0.0.2"
        < OK
        > AT+CGDCONT=2,"IP"
        < OK
        > AT+CGDCONT=2
        < OK
        > AT+CGACT=1,2
        < ERROR
        > AT+CGACT=1,9
        < ERROR
        > AT+CGATT=0
        < OK
        > AT+CGATT?
        < +CGATT: 0
        < OK
        > AT+CGPADDR
        < OK
        > AT+CGACT=1,0
        < ERROR
        > AT+CGATT=1
        < OK
        > AT+CGACT?
        < +CGACT: 0,1
        < +CGACT: 1,0
        < OK
        "#,
    );
}

#[test]
fn a_network_without_packet_data_refuses_the_attach() {
    Bench::new(ModemOptions { packet_service: false, ..ModemOptions::default() }).play(
        "> AT+CMEE=1
         < OK
         > AT+CGATT?
         < +CGATT: 0
         < OK
         > AT+CGATT=1
         < +CME ERROR: 30",
    );
}

#[test]
fn without_radio_there_is_nothing_and_with_it_all_is_back() {
    Bench::connected(ModemOptions::default()).play(
        r#"
        > AT+CEREG=1
        < OK
        > AT+CFUN?
        < +CFUN: 1
        < OK
        > AT+CFUN=0
        < OK
        < +CEREG: 0
        < +LMQTTURC: STATS,0,11
        > AT+CFUN?
        < +CFUN: 0
        < OK
        > AT+CSQ
        < +CSQ: 99,99
        < OK
        > AT+COPS?
        < +COPS: 0
        < OK
        > AT+CFUN=1
        < OK
        < +CEREG: 1
        > AT+CGPADDR
        < +CGPADDR: 0,"10.0.0.2"
        < OK
        > AT+LMQTTCLOSE=0
        < OK
        < +LMQTTCLOSE: 0,0
        > AT+CFUN=2
        < ERROR
        "#,
    );
}
