//! A line as slow as the wire.

use std::time::Duration;

use crate::bench::{Bench, options};

/// The time of so many bytes at ten bits each.
fn on_wire(bytes: u64, baud: u64) -> Duration {
    Duration::from_nanos(bytes * 10_000_000_000 / baud)
}

#[test]
fn a_command_and_its_answer_take_their_time_on_the_wire() {
    for baud in [300, 9600, 115_200, 921_600] {
        let mut bench = Bench::with("", 1, options(), Some(baud));
        bench.host(b"AT+CSQ\r");
        assert_eq!(bench.heard, Vec::<Vec<u8>>::new());
        bench.until(Duration::from_secs(5));
        assert_eq!(bench.heard.len(), 1);
        let answer = "\r\n+CSQ: 20,99\r\n\r\nOK\r\n";
        // The answer begins when the last byte of the command has come.
        let expected = on_wire(7, baud.into()) + on_wire(answer.len() as u64, baud.into());
        assert_eq!(bench.pieces.last().map(|(at, _)| *at), Some(expected), "{baud}");
        assert_eq!(bench.said(), answer);
    }
}

#[test]
fn a_long_burst_takes_its_time_to_the_nanosecond() {
    let mut bench = Bench::with("flood=40000@1s", 1, options(), Some(115_200));
    bench.until(Duration::from_secs(3600));
    let last = bench.pieces.last().map(|(at, _)| *at);
    let bytes = bench.said().len() as u64;
    assert!(bytes > 400_000, "{bytes}");
    assert_eq!(last, Some(Duration::from_secs(1) + on_wire(bytes, 115_200)));
}

#[test]
fn both_directions_run_at_the_same_time() {
    let mut bench = Bench::with("flood=1000@0s", 1, options(), Some(9600));
    // The host speaks while it is spoken to.
    bench.host(b"AT+CSQ\r");
    bench.until(on_wire(7, 9600));
    assert_eq!(bench.heard, [b"AT+CSQ"]);
}

#[test]
fn bytes_come_as_a_uart_gives_them() {
    let mut bench = Bench::with("", 1, options(), Some(9600));
    bench.host(b"ATI\r");
    bench.until(Duration::from_secs(1));
    let lengths: Vec<_> = bench.pieces.iter().map(|(_, piece)| piece.len()).collect();
    assert!(lengths[..lengths.len() - 1].iter().all(|&length| length == 16), "{lengths:?}");
}
