//! Faults of the bytes between module and host.

use std::time::Duration;

use atmqtt_mock::fault::{Kind, Touches};

use crate::bench::Bench;

fn lengths(bench: &Bench) -> Vec<usize> {
    bench.pieces.iter().map(|(_, piece)| piece.len()).collect()
}

#[test]
fn pieces_are_as_small_as_asked_and_nothing_is_lost() {
    let mut bench = Bench::new("chunk=4");
    bench.host(b"AT+CSQ\r");
    assert_eq!(lengths(&bench), [4, 4, 4, 4, 4, 1]);
    assert_eq!(bench.said(), "\r\n+CSQ: 20,99\r\n\r\nOK\r\n");
    let mut bench = Bench::new("chunk");
    for _ in 0..100 {
        bench.host(b"ATI\r");
    }
    let longest = lengths(&bench).into_iter().max();
    assert!(longest <= Some(16) && lengths(&bench).contains(&1), "{longest:?}");
}

#[test]
fn bytes_can_trickle() {
    let mut bench = Bench::new("trickle=200ms@0s+1m");
    bench.host(b"AT\r");
    bench.pass(1500);
    assert_eq!(lengths(&bench), [1; 6]);
    let times: Vec<_> = bench.pieces.iter().map(|(at, _)| at.as_millis()).collect();
    assert_eq!(times, [200, 400, 600, 800, 1000, 1200]);
    assert_eq!(bench.said(), "\r\nOK\r\n");
    bench.pass(60_000);
    assert_eq!(bench.command("AT"), "\r\nOK\r\n");
}

#[test]
fn answers_can_be_late_on_the_line() {
    let mut bench = Bench::new("delay=1s");
    bench.host(b"AT\r");
    assert_eq!(bench.said(), "");
    bench.pass(1000);
    assert_eq!(bench.said(), "\r\nOK\r\n");
}

#[test]
fn damage_is_told_when_it_is_done() {
    for (spec, kind) in [("lose-byte", Kind::LoseByte), ("add-byte", Kind::AddByte), ("flip-byte", Kind::FlipByte)] {
        for (direction, touches) in [
            ("to-host", Touches { to_host: true, to_module: false }),
            ("to-module", Touches { to_host: false, to_module: true }),
        ] {
            let mut bench = Bench::new(&format!("{spec}={direction}@10s+10s~0.2"));
            assert_eq!(bench.command("AT+CSQ"), "\r\n+CSQ: 20,99\r\n\r\nOK\r\n");
            bench.until(Duration::from_secs(10));
            assert_eq!(bench.happened(kind), []);
            let answers: String = (0..10).map(|_| bench.command("AT+CSQ")).collect();
            let good = "\r\n+CSQ: 20,99\r\n\r\nOK\r\n".repeat(10);
            assert_ne!(answers, good, "{spec} {direction}");
            assert_eq!(bench.heard.iter().all(|line| line == b"AT+CSQ"), touches.to_host, "{spec} {direction}");
            let happened = bench.happened(kind);
            assert_eq!(bench.world.tally().of(kind), happened.len() as u64);
            assert!(!happened.is_empty() && happened.iter().all(|happening| happening.touches == touches));
            assert!(happened.iter().all(|happening| happening.from >= Duration::from_secs(10)));
            bench.until(Duration::from_secs(21));
            // What was left of a line on the module's side ends here.
            bench.command("");
            assert_eq!(bench.command("AT+CSQ"), "\r\n+CSQ: 20,99\r\n\r\nOK\r\n", "{spec} {direction}");
        }
    }
}

#[test]
fn one_direction_can_be_dead() {
    let mut bench = Bench::new("half-closed=to-host@1s+1s,half-closed=to-module@3s+1s");
    for (at, answered, heard) in [(0, true, 1), (1, false, 2), (2, true, 3), (3, false, 3), (4, true, 4)] {
        bench.until(Duration::from_millis(at * 1000 + 500));
        assert_eq!(bench.command("AT") == "\r\nOK\r\n", answered, "{at}");
        assert_eq!(bench.heard.len(), heard, "{at}");
    }
    let happened = bench.happened(Kind::HalfClosed);
    assert!(happened[0].touches.to_host && !happened[0].touches.to_module && happened[1].touches.to_module);
    assert_eq!((happened[1].from, happened[1].until), (Duration::from_secs(3), Duration::from_secs(4)));
}

#[test]
fn another_rate_is_garbage() {
    let mut bench = Bench::new("baud=9600@1s+1s");
    assert_eq!(bench.command("AT"), "\r\nOK\r\n");
    bench.until(Duration::from_secs(1));
    for _ in 0..5 {
        bench.command("AT");
    }
    assert_eq!(bench.heard.len(), 1);
    bench.until(Duration::from_secs(2));
    bench.said();
    assert_eq!(bench.command("AT"), "\r\nOK\r\n");
}

#[test]
fn a_sleeping_module_loses_what_wakes_it() {
    let mut bench = Bench::new("sleep=5s");
    assert_eq!(bench.command("AT"), "\r\nOK\r\n");
    bench.pass(5000);
    assert_eq!(bench.command("AT"), "");
    bench.pass(100);
    assert_eq!(bench.command("AT"), "\r\nOK\r\n");
    let slept = bench.happened(Kind::Sleep);
    assert!(slept.len() == 1 && slept[0].touches.to_module && !slept[0].touches.to_host);
}

#[test]
fn terms_for_two_directions_hold_together() {
    let mut bench = Bench::new("lose-byte=to-host~1,lose-byte=to-module@10s~1");
    bench.host(b"AT\r");
    assert_eq!((bench.said().as_str(), bench.heard.len()), ("", 1));
    bench.until(Duration::from_secs(10));
    bench.host(b"AT\r");
    assert_eq!((bench.said().as_str(), bench.heard.len()), ("", 1));
}

#[test]
fn damage_on_a_slow_line_lasts_until_it_has_arrived() {
    let mut bench = Bench::with("flip-byte=to-host~1", 1, crate::bench::options(), Some(9600));
    bench.host(b"AT\r");
    bench.pass(100);
    let arrived = bench.pieces.last().map(|(at, _)| *at);
    assert_eq!(bench.happened(Kind::FlipByte).iter().map(|happening| happening.until).max(), arrived);
}
