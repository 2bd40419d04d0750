//! The same seed and the same inputs at the same times give the same bytes at the same times.

use std::{collections::BTreeMap, time::Duration};

use atmqtt_mock::fault::{Faults, KINDS, Term};

use crate::bench::{Bench, options};

/// What the host reads in twenty minutes of questions, and what has happened.
fn run(faults: &str, seed: u64, baud: Option<u32>) -> (Vec<(Duration, Vec<u8>)>, String) {
    let mut bench = Bench::with(faults, seed, options(), baud);
    for round in 0..120 {
        for command in [
            "AT+LMQTTCLOSE=0",
            "AT+LMQTTCFG=\"urc\",0,1",
            "AT+LMQTTOPEN=0,\"broker.example\",1883",
            "AT+LMQTTCONN=0,\"bench\"",
            "AT+LMQTTPUB=0,7,1,0,\"t\",2,\"hi\"",
            "AT+LMQTTPUB=0,8,1,0,\"t\",2",
            "hi",
            "AT+CSQ",
            "AT+CEREG?",
        ] {
            bench.host(format!("{command}\r").as_bytes());
            bench.pass(if round % 3 == 0 { 0 } else { 500 });
        }
        bench.until(Duration::from_secs(11 * (round + 1)).max(bench.now));
    }
    (std::mem::take(&mut bench.pieces), bench.world.tally().to_string())
}

#[test]
fn a_seed_decides_everything() {
    for baud in [None, Some(9600)] {
        let first = run("all", 7, baud);
        assert_eq!(first, run("all", 7, baud));
        assert_ne!(first, run("all", 8, baud));
    }
}

#[test]
fn every_fault_happens_and_is_counted() {
    let mut counts = BTreeMap::new();
    for seed in 0..4 {
        let (_, tally) = run("all", seed, None);
        for entry in tally.split(", ") {
            let (name, count) = entry.split_once(' ').unwrap();
            *counts.entry(name.to_owned()).or_insert(0) += count.parse::<u64>().unwrap();
        }
    }
    let missing: Vec<_> = KINDS.iter().map(|row| row.name).filter(|name| !counts.contains_key(*name)).collect();
    assert_eq!(missing, Vec::<&str>::new());
}

#[test]
fn one_fault_does_not_change_what_another_draws() {
    let alone = run("flip-byte=to-host@0s+1m~0.01", 7, None).0;
    let accompanied = run("flip-byte=to-host@0s+1m~0.01,reset@590s", 7, None).0;
    let until = Duration::from_secs(589);
    assert!(alone.iter().take_while(|(at, _)| *at < until).eq(accompanied.iter().take_while(|(at, _)| *at < until)));
}

#[test]
fn whatever_is_drawn_ends_and_leaves_a_sound_module() {
    let mut chance = 1_u64;
    let mut below = |limit: u64| {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (chance >> 33) % limit
    };
    for seed in 0..200 {
        let faults: Faults = (0..5).map(|_| Term::any(&mut below, Duration::from_secs(60))).collect();
        let mut bench = Bench::slow(&faults.to_string(), seed);
        for second in 0..60 {
            bench.until(Duration::from_secs(second).max(bench.now));
            bench.command("AT+CSQ");
        }
        bench.until(faults.ends().expect("what is drawn ends") + Duration::from_secs(120));
        bench.command("ATE0");
        bench.pass(1000);
        bench.said();
        bench.command("AT");
        bench.pass(1000);
        bench.said();
        bench.host(b"AT+CPIN?;+CGATT?\r");
        bench.pass(1000);
        assert_eq!(bench.said(), "\r\n+CPIN: READY\r\n\r\n+CGATT: 1\r\n\r\nOK\r\n", "{faults} seed {seed}");
    }
}
