//! Modules in deep sleep.

use std::time::Duration;

use atmqtt_mock::{
    fault::Kind,
    modem::{BC660K, LinkStatus, Model, ModemOptions, NT26E, NT35E_Q, Sleep},
};

use crate::bench::{Bench, options};

const OK: &str = "\r\nOK\r\n";
const GOOD_NIGHT: &str = "\r\n+QNBIOTEVENT: \"ENTER PSM\"\r\n";

/// Sleeps deeply after ten seconds.
fn sleeper(model: Model, changed: ModemOptions) -> Bench {
    Bench::with("sleep=10s", 1, ModemOptions { model, sleep: Sleep::Deep, ..changed }, None)
}

fn sign_in(bench: &mut Bench, keep_alive: u16) {
    bench.command(&format!("AT+QMTCFG=\"keepalive\",0,{keep_alive}"));
    bench.command("AT+QMTOPEN=0,\"broker.example\",1883");
    bench.command("AT+QMTCONN=0,\"bench\"");
    assert_eq!(bench.world.modem().status().links[0], LinkStatus::Connected);
}

fn is_at_the_broker(bench: &Bench) -> bool {
    bench.world.broker().sessions().iter().any(|session| session.connected)
}

#[test]
fn a_module_says_that_it_enters_power_saving_mode_if_it_was_asked_to() {
    for model in [BC660K, NT35E_Q] {
        let mut bench = sleeper(model, options());
        bench.pass(20_000);
        assert_eq!(bench.said(), "", "nobody has asked for it");
        bench.command("AT");
        bench.pass(100);
        assert_eq!(bench.command("AT+QNBIOTEVENT=1,1"), OK);
        for _ in 0..3 {
            bench.pass(9_980);
            assert_eq!(bench.said(), "");
            bench.pass(20);
            assert_eq!(bench.said(), GOOD_NIGHT);
            bench.pass(3_600_000);
            assert_eq!(bench.command("AT"), "", "what wakes it is lost");
            bench.pass(50);
            assert_eq!(bench.command("AT"), OK);
        }
        assert_eq!(bench.command("AT+QNBIOTEVENT=0,1"), OK);
        bench.pass(20_000);
        assert_eq!(bench.said(), "");
        assert_eq!(bench.happened(Kind::Sleep).len(), 4);
    }
    for refused in ["AT+QNBIOTEVENT=2,1", "AT+QNBIOTEVENT=1,0", "AT+QNBIOTEVENT=1"] {
        assert_eq!(sleeper(BC660K, options()).command(refused), "\r\nERROR\r\n", "{refused}");
    }
    assert_eq!(sleeper(NT26E, options()).command("AT+QNBIOTEVENT=1,1"), "\r\nERROR\r\n", "it is Quectel's");
}

#[test]
fn in_deep_sleep_the_connection_is_lost_and_nobody_is_told() {
    let mut bench = sleeper(BC660K, ModemOptions::default());
    bench.command("ATE0");
    sign_in(&mut bench, 120);
    bench.pass(30_000);
    assert_eq!(bench.said(), "");
    assert!(is_at_the_broker(&bench), "the broker waits for a keep-alive");
    assert_eq!(bench.world.modem().status().links[0], LinkStatus::Closed);
    bench.command("AT");
    bench.pass(100);
    assert_eq!(
        bench.command("AT+QMTCONN?"),
        "AT+QMTCONN?\r\r\nOK\r\n",
        "the echo is as at power-up, and there is no client"
    );
    assert_eq!(bench.command("AT+CEREG?").lines().nth(1), Some("+CEREG: 0,1"), "the network has not let it go");
    bench.until(Duration::from_secs(200));
    assert!(!is_at_the_broker(&bench), "one and a half keep-alives are over");
}

#[test]
fn in_light_sleep_nothing_is_lost_but_what_wakes_it() {
    let mut bench = Bench::with("sleep=10s", 1, ModemOptions { model: BC660K, ..options() }, None);
    bench.command("AT+QNBIOTEVENT=1,1");
    sign_in(&mut bench, 120);
    bench.pass(300_000);
    assert_eq!(bench.said(), "");
    assert_eq!(bench.world.modem().status().links[0], LinkStatus::Connected);
    assert_eq!(bench.command("AT"), "");
    bench.pass(50);
    assert_eq!(bench.command("AT"), OK);
}

#[test]
fn what_comes_or_goes_over_the_network_or_is_under_way_keeps_it_out_of_deep_sleep() {
    let mut bench = sleeper(BC660K, options());
    bench.command("AT+QNBIOTEVENT=1,1");
    sign_in(&mut bench, 8);
    bench.pass(600_000);
    assert_eq!((bench.said().as_str(), bench.world.modem().status().links[0]), ("", LinkStatus::Connected));
    assert_eq!(bench.command("AT+QMTPUB=0,1,1,0,\"t\",2"), "\r\n> ");
    bench.pass(30_000);
    bench.host(b"hi");
    bench.pass(10);
    assert_eq!(bench.said(), "\r\nOK\r\n\r\n+QMTPUB: 0,1,0\r\n", "it has waited for the data");
}
