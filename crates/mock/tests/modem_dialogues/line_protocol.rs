//! Echo, line ends, result codes: the exact bytes.

use std::time::Duration;

use atmqtt_mock::{
    broker::BrokerOptions,
    modem::{Latency, ModemOptions},
};

use crate::bench::Bench;

fn fresh() -> Bench {
    Bench::untouched(ModemOptions::default(), BrokerOptions::new())
}

/// What the modem says to these bytes.
fn said(bench: &mut Bench, bytes: &[u8]) -> String {
    bench.host(bytes);
    String::from_utf8(bench.take_said()).expect("text")
}

#[test]
fn the_echo_is_byte_for_byte_and_ends_with_ate0() {
    let mut bench = fresh();
    assert_eq!(said(&mut bench, b"A"), "A");
    assert_eq!(said(&mut bench, b"t"), "t");
    assert_eq!(said(&mut bench, b"\r"), "\r\r\nOK\r\n");
    assert_eq!(said(&mut bench, b"\n"), "\n");
    assert_eq!(said(&mut bench, b"ATE0\r"), "ATE0\r\r\nOK\r\n");
    assert_eq!(said(&mut bench, b"AT\r"), "\r\nOK\r\n");
    assert_eq!(said(&mut bench, b"ATE1\r"), "\r\nOK\r\n");
    assert_eq!(said(&mut bench, b"AT\r"), "AT\r\r\nOK\r\n");
    assert_eq!(said(&mut bench, b"garbage\r"), "garbage\r");
}

#[test]
fn information_text_and_result_stand_in_lines_of_their_own() {
    let mut bench = Bench::new(ModemOptions::default());
    assert_eq!(said(&mut bench, b"AT+CSQ\r"), "\r\n+CSQ: 20,99\r\n\r\nOK\r\n");
    assert_eq!(said(&mut bench, b"AT+NONE\r"), "\r\nERROR\r\n");
    assert_eq!(said(&mut bench, b"AT+CMEE=1;+CSQ;+NONE;+CSQ\r"), "\r\n+CSQ: 20,99\r\n\r\n+CME ERROR: 4\r\n");
    assert_eq!(said(&mut bench, b"ATV0\r"), "0\r");
    assert_eq!(said(&mut bench, b"ATV1Q1\r"), "");
    assert_eq!(said(&mut bench, b"AT+NONE\r"), "");
    assert_eq!(said(&mut bench, b"ATQ0\r"), "\r\nOK\r\n");
}

#[test]
fn a_line_over_the_limit_is_refused_and_the_next_one_answered() {
    let mut bench = Bench::new(ModemOptions::default());
    let long = ["AT+X=", &"x".repeat(5000), "\r"].concat();
    assert_eq!(said(&mut bench, long.as_bytes()), "\r\nERROR\r\n");
    assert_eq!(said(&mut bench, b"AT\r"), "\r\nOK\r\n");
}

#[test]
fn pieces_do_not_matter() {
    let dialogue: [&[u8]; 6] = [
        b"ATE0\rAT+CSQ\r\nAT+CGMI;+CGMM\r",
        b"AT+LMQTTOPEN=0,\"h\",1883\r",
        b"AT+LMQTTCONN=0,\"c\"\r",
        b"AT+LMQTTPUB=0,1,1,0,\"t\",4\rab\r\n",
        b"AT+LMQTTPUB=0,1,1,0,\"t\",4,\"a,\"b\"\rAT+CSQ\r",
        b"garbageAT+NONE\r\n",
    ];
    let run = |size: usize| {
        let mut bench = fresh();
        let mut said = Vec::new();
        for piece in dialogue.iter().flat_map(|step| step.chunks(size)) {
            bench.host(piece);
            said.extend(bench.take_said());
        }
        (said, bench.published())
    };
    let whole = run(usize::MAX);
    assert_eq!(whole.1, [("t".to_owned(), b"ab\r\n".to_vec()), ("t".to_owned(), b"a,\"b".to_vec())]);
    assert!(whole.0.ends_with(b"+CSQ: 20,99\r\n\r\nOK\r\n\r\nERROR\r\n"));
    for size in 1..40 {
        assert_eq!(run(size), whole, "pieces of {size}");
    }
}

#[test]
fn what_comes_during_a_command_waits_for_its_answer() {
    let latency = Latency { command: Duration::from_millis(7), ..Latency::default() };
    let mut bench = Bench::untouched(ModemOptions { latency, ..ModemOptions::default() }, BrokerOptions::new());
    bench.host(b"ATE0\rAT+CGMM\r");
    assert_eq!(bench.take_said(), b"ATE0\r");
    bench.play(
        "@ 6ms
         @ 1ms
         < OK
         @ 6ms
         @ 1ms
         < NT26E
         < OK",
    );
}

#[test]
fn the_receive_buffer_is_bounded_and_what_it_loses_is_counted() {
    let latency = Latency { command: Duration::from_secs(1), ..Latency::default() };
    let mut bench = Bench::untouched(ModemOptions { latency, ..ModemOptions::default() }, BrokerOptions::new());
    bench.host(b"AT\r");
    bench.host(&[b'x'; 16 * 1024]);
    assert_eq!(bench.modem.status().lost_bytes, 0);
    bench.host(b"xx");
    assert_eq!(bench.modem.status().lost_bytes, 2);
}

#[test]
fn every_complete_line_is_heard_once() {
    let mut bench = Bench::connected(ModemOptions::default());
    bench.heard.clear();
    bench.host(b"garbage\rAT+CSQ\r\nAT+LMQTTPUB=0,1,0,0,\"t\",3\ra\rb");
    let expected: [(&[u8], Option<&[u8]>); 2] = [(b"AT+CSQ", None), (b"AT+LMQTTPUB=0,1,0,0,\"t\",3", Some(b"a\rb"))];
    let heard: Vec<_> = bench.heard.iter().map(|(line, data)| (line.as_slice(), data.as_deref())).collect();
    assert_eq!(heard, expected);
}
