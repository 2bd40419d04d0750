//! Faults ordered by a test.

use std::time::Duration;

use atmqtt_mock::{
    broker::{Message, QoS},
    modem::{Fault, Latency, LinkStatus, ModemOptions},
};

use crate::bench::Bench;

#[test]
fn a_reset_forgets_everything_and_tells_so() {
    let latency = Latency { boot: Duration::from_millis(500), ..Latency::default() };
    let mut bench = Bench::connected(ModemOptions { latency, ..ModemOptions::default() });
    bench.play("> AT+CMEE=1;+CEREG=1\n< OK");
    bench.order(Fault::Reset);
    assert_eq!(bench.take_said(), b"^boot.rom'v\x80\0 '!\n");
    assert!(!bench.modem.status().booted);
    assert_eq!(bench.modem.status().links[0], LinkStatus::Closed);
    assert!(bench.broker.sessions().iter().all(|session| !session.connected));
    // What is sent during the boot is lost.
    bench.host(b"AT\r");
    bench.pass(Duration::from_millis(500));
    assert_eq!(bench.take_said(), b"\r\nLierda\r\n");
    bench.host(b"AT+CMEE?\r");
    assert_eq!(bench.take_said(), b"AT+CMEE?\r\r\n+CMEE: 0\r\n\r\nOK\r\n");
    bench.host(b"ATE0\r");
    bench.take_said();
    bench.play(
        r#"
        > AT+CEREG?
        < +CEREG: 0,1
        < OK
        > AT+LMQTTCFG="urc",0
        < +LMQTTCFG: "urc",0,0
        < OK
        > AT+LMQTTCLOSE=0
        < ERROR
        "#,
    );
}

#[test]
fn the_reset_command_answers_first() {
    for command in ["AT+ECRST", "AT+CFUN=1,1"] {
        let mut bench = Bench::connected(ModemOptions::default());
        bench.host(format!("{command}\rAT\r").as_bytes());
        assert_eq!(bench.take_said(), b"\r\nOK\r\n^boot.rom'v\x80\0 '!\n");
        bench.play("@ 50ms\n< Lierda");
        assert!(bench.modem.status().echo);
    }
}

#[test]
fn a_mute_modem_hears_and_says_nothing_while_mqtt_goes_on() {
    let mut bench = Bench::connected(ModemOptions::default());
    bench.play("> AT+LMQTTSUBUNSUB=0,0,1,\"#\",0\n< OK\n< +LMQTTSUBUNSUB: 0,1,0,1");
    bench.order(Fault::Mute(Some(Duration::from_secs(600))));
    bench.play("> AT\n@ 300s\n> AT");
    bench.at_broker(|broker, now| broker.publish(now, Message::new("t", "x").qos(QoS::AtMostOnce)).unwrap());
    bench.play("@ 300s\n> AT\n< OK");
    assert_eq!(bench.modem.status().links[0], LinkStatus::Connected);
    bench.order(Fault::Mute(None));
    bench.play("> AT\n@ 86400s\n> AT");
    bench.order(Fault::Reset);
    bench.play("< ^boot.rom'v\\x80\\0 '!\\n\n@ 50ms\n< Lierda");
}

#[test]
fn the_next_command_can_be_late() {
    let mut bench = Bench::new(ModemOptions::default());
    bench.order(Fault::DelayNext(Duration::from_secs(4)));
    bench.play("> AT+CGMM\n@ 3s");
    // The host has lost its patience; the late answer comes first.
    bench.play(
        "> AT+CSQ
         @ 999ms
         @ 1ms
         < NT26E
         < OK
         < +CSQ: 20,99
         < OK
         > AT
         < OK",
    );
}

#[test]
fn an_ok_can_be_lost() {
    let mut bench = Bench::new(ModemOptions::default());
    bench.order(Fault::LoseNextOk);
    bench.play("> AT+NONE\n< ERROR\n> AT+CSQ\n< +CSQ: 20,99\n> AT\n< OK");
}

#[test]
fn bytes_can_be_put_anywhere() {
    let mut bench = Bench::new(ModemOptions::default());
    bench.order(Fault::Inject(b"\r\n+ZZZ: 1,\"x\"\r\n".to_vec()));
    bench.play("< +ZZZ: 1,\"x\"");
    bench.order(Fault::DelayNext(Duration::from_secs(1)));
    bench.play("> AT+CSQ");
    bench.order(Fault::Inject(b"\r\n+LMQTTURC: STATS,0,1\r\n".to_vec()));
    bench.play("< +LMQTTURC: STATS,0,1\n@ 1s\n< +CSQ: 20,99\n< OK");
}

#[test]
fn the_same_inputs_give_the_same_outputs() {
    let run = || {
        let mut bench = Bench::connected(ModemOptions::default());
        bench.order(Fault::DelayNext(Duration::from_millis(3)));
        bench.host(b"AT+LMQTTSUBUNSUB=0,0,1,\"#\",2\rAT+LMQTTPUB=0,1,2,0,\"t\",3\rabcAT+CSQ\r");
        bench.pass(Duration::from_secs(200));
        bench.order(Fault::Reset);
        bench.pass(Duration::from_secs(1));
        bench.take_said()
    };
    assert_eq!(run(), run());
}
