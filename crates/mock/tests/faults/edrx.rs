//! Modules that the network reaches once in a while only.

use std::time::Duration;

use atmqtt_mock::{
    broker::{Message, QoS},
    fault::Kind,
    modem::{BC660K, BG95, EC200S, Fault, Latency, LinkStatus, Model, ModemOptions},
};

use crate::bench::{Bench, options};

const OK: &str = "\r\nOK\r\n";
const ERROR: &str = "\r\nERROR\r\n";

fn bench(model: Model, faults: &str) -> Bench {
    Bench::with(faults, 1, ModemOptions { model, ..options() }, None)
}

fn sign_in(bench: &mut Bench) {
    bench.command("AT+QMTCFG=\"keepalive\",0,3600");
    bench.command("AT+QMTOPEN=0,\"broker.example\",1883");
    bench.command("AT+QMTCONN=0,\"bench\"");
    assert_eq!(bench.world.modem().status().links[0], LinkStatus::Connected);
    assert!(bench.command("AT+QMTSUB=0,1,\"down\",1").contains("+QMTSUB: 0,1,0,1"));
}

fn publish(bench: &mut Bench, payload: &str) {
    let now = bench.now;
    let message = Message::new("down", payload).qos(QoS::AtLeastOnce);
    bench.world.at_broker(now, |broker| broker.publish(now, message)).expect("a topic");
    bench.pass(0);
}

/// The payloads that have come, each with the second of its coming.
fn came(bench: &mut Bench) -> Vec<(f64, String)> {
    let lines =
        bench.pieces.drain(..).map(|(at, bytes)| (at.as_secs_f64(), String::from_utf8_lossy(&bytes).into_owned()));
    let payload = |(at, line): (f64, String)| {
        let (_, payload) = line.trim().strip_prefix("+QMTRECV: ")?.rsplit_once(',')?;
        Some((at, payload.trim_matches('"').to_owned()))
    };
    lines.filter_map(payload).collect()
}

#[test]
fn the_commands_of_each_model_that_knows_them() {
    for (model, cells, number, window) in [(BC660K, "(5)", 5, "0011"), (BG95, "(4,5)", 4, "0011")] {
        let mut bench = bench(model, "edrx=40s@10s+10s");
        let test = format!("\r\n+CEDRXS: (0-3),{cells},(\"0000\"-\"1111\")\r\n{OK}");
        assert_eq!(bench.command("AT+CEDRXS=?"), test);
        assert_eq!(bench.command("AT+CEDRXRDP=?"), OK);
        let none = format!("\r\n+CEDRXRDP: 0\r\n{OK}");
        assert_eq!(bench.command("AT+CEDRXRDP"), none, "the network grants none");
        assert_eq!(bench.command("AT+CEDRXS?"), OK);
        assert_eq!(bench.command(&format!("AT+CEDRXS=2,{number},\"0101\"")), OK);
        assert_eq!(bench.command("AT+CEDRXS?"), format!("\r\n+CEDRXS: {number},\"0101\"\r\n{OK}"));
        assert_eq!(bench.command("AT+CEDRXRDP"), none);

        bench.until(Duration::from_secs(9));
        assert_eq!(bench.said(), "");
        bench.until(Duration::from_secs(10));
        let granted = format!("{number},\"0101\",\"0011\",\"{window}\"");
        assert_eq!(bench.said(), format!("\r\n+CEDRXP: {granted}\r\n"));
        assert_eq!(bench.command("AT+CEDRXRDP"), format!("\r\n+CEDRXRDP: {granted}\r\n{OK}"));
        assert_eq!(bench.command("AT+CEDRXS=0"), format!("{OK}"));
        assert_eq!(bench.command("AT+CEDRXRDP"), none);
        assert_eq!(bench.command("AT+CEDRXS=1"), OK, "changes are not told");
        assert_eq!(bench.command("AT+CEDRXS=2"), format!("{OK}\r\n+CEDRXP: {granted}\r\n"));
        bench.until(Duration::from_secs(20));
        assert_eq!(bench.said(), "\r\n+CEDRXP: 0\r\n");
        assert_eq!(bench.happened(Kind::Edrx).len(), 1);

        assert_eq!(bench.command("AT+CEDRXS=3"), OK);
        assert_eq!(bench.command("AT+CEDRXS?"), OK);
        for refused in
            ["=4", "=1,3", "=1,5,\"010\"", "=1,5,\"0102\"", "=1,5,\"+101\"", "=1,5,0101", "=1,5,\"0101\",1", "", "=x"]
        {
            assert_eq!(bench.command(&format!("AT+CEDRXS{refused}")), ERROR, "{refused}");
        }
    }
    for command in ["AT+CEDRXRDP", "AT+CEDRXS?", "AT+CEDRXS=?", "AT+CEDRXS=1"] {
        assert_eq!(bench(EC200S, "edrx").command(command), ERROR, "{command}");
    }
}

#[test]
fn a_setting_outlasts_a_restart_and_what_is_granted_is_told_anew() {
    let latency = Latency { boot: Duration::from_secs(2), ..Latency::default() };
    let mut bench = Bench::with("edrx", 1, ModemOptions { model: BC660K, latency, ..options() }, None);
    let granted = "\r\n+CEDRXP: 5,\"0010\",\"0010\",\"0011\"\r\n";
    assert_eq!(bench.command("AT+CEDRXS=2"), format!("{OK}{granted}"));
    let now = bench.now;
    bench.world.order(now, Fault::Reset);
    bench.pass(1000);
    assert_eq!(bench.said(), "");
    bench.pass(1000);
    assert_eq!(bench.said(), format!("\r\nRDY\r\n{granted}"));
}

#[test]
fn a_downlink_waits_for_the_next_window_and_an_uplink_brings_it() {
    for model in [BC660K, BG95] {
        let mut bench = bench(model, "edrx=40.96s");
        sign_in(&mut bench);
        bench.said();
        // It still has its connection to the network.
        bench.until(Duration::from_secs(9));
        publish(&mut bench, "at once");
        assert_eq!(came(&mut bench), [(9.0, "at once".to_owned())]);
        // The window at the start of the run is over, and so is the connection.
        bench.until(Duration::from_secs(25));
        for payload in ["one", "two"] {
            publish(&mut bench, payload);
        }
        bench.until(Duration::from_millis(40_959));
        assert_eq!(came(&mut bench), []);
        bench.until(Duration::from_secs(42));
        assert_eq!(came(&mut bench), [(40.96, "one".to_owned()), (40.96, "two".to_owned())], "{}", model.name);

        bench.until(Duration::from_secs(60));
        publish(&mut bench, "three");
        assert_eq!(came(&mut bench), []);
        bench.host(b"AT+CSQ\r");
        bench.pass(100);
        assert_eq!(came(&mut bench), [], "a command is no matter of the network's");
        bench.host(b"AT+QMTPUB=0,0,0,0,\"up\",1\r");
        bench.pass(10);
        bench.host(b"x");
        bench.pass(10);
        assert_eq!(came(&mut bench), [(60.11, "three".to_owned())]);
        // In a window it comes at once.
        bench.until(Duration::from_secs(83));
        publish(&mut bench, "four");
        assert_eq!(came(&mut bench), [(83.0, "four".to_owned())]);
        assert!(bench.world.broker().sessions().iter().all(|session| session.connected));
    }
}

#[test]
fn what_waits_comes_when_the_network_ends_it() {
    let mut bench = bench(BC660K, "edrx=2000s@0s+100s");
    sign_in(&mut bench);
    bench.until(Duration::from_secs(50));
    publish(&mut bench, "late");
    bench.until(Duration::from_secs(99));
    assert_eq!(came(&mut bench), []);
    bench.until(Duration::from_secs(101));
    assert_eq!(came(&mut bench), [(100.0, "late".to_owned())]);
}

#[test]
fn a_model_that_does_not_know_it_is_reached_as_ever() {
    let mut bench = bench(EC200S, "edrx=2000s");
    sign_in(&mut bench);
    bench.until(Duration::from_secs(50));
    publish(&mut bench, "at once");
    assert_eq!(came(&mut bench), [(50.0, "at once".to_owned())]);
}
