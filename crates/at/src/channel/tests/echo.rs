//! Commands that come back.

use super::*;

#[test]
fn an_echo_is_told_apart_from_an_answer() {
    let mut line = Bench::new();
    line.send(signal());
    line.receive(b"AT+CSQ\r\r\n+CSQ: 20,99\r\n\r\nOK\r\n");
    assert_eq!(line.events(), ["Echo", "done [+CSQ: 20,99]"]);
}

#[test]
fn an_echo_may_end_in_nothing_but_a_carriage_return() {
    let mut line = Bench::new();
    line.send(signal());
    line.receive(b"AT+CSQ\r+CSQ: 21,99\r\nOK\r\n");
    line.send(Command::raw("AT+CSQ").unwrap());
    line.receive(b"AT+CSQ\rOK\r\n").wait(SECOND);
    assert_eq!(line.events(), ["Echo", "done [+CSQ: 21,99]", "Echo", "done []"]);
}

#[test]
fn what_stands_right_behind_an_echo_is_read_like_any_other_line() {
    let whole = |bytes: &[u8]| {
        let mut line = Bench::new();
        line.send(publish_by_prompt(b"data"));
        line.receive(bytes);
        assert_eq!(line.written(), b"data", "{}", bytes.escape_ascii());
        line.receive(b"\r\nOK\r\n\r\n+LMQTTPUB: 0,7,0\r\n");
        assert_eq!(line.events(), ["Echo", "done [] => +LMQTTPUB: 0,7,0"], "{}", bytes.escape_ascii());
    };
    for prompt in [">", "> ", "\r\n> ", "\n>", "\r>\r\n"] {
        whole(format!("AT+LMQTTPUB=0,7\r{prompt}").as_bytes());
    }
    let mut line = Bench::new();
    line.send(signal());
    line.receive(b"AT+CSQ\r+LMQTTURC: RECV,0,1,\"t\",4,\r\nOK\r\n+CSQ: 1,99\r\nOK\r\n");
    assert_eq!(line.events(), ["Echo", "unsolicited +LMQTTURC: RECV,0,1,\"t\",4,[4 bytes]", "done [+CSQ: 1,99]"]);
}

#[test]
fn an_unsolicited_line_may_cut_an_echo_in_two() {
    let mut line = Bench::new();
    line.send(signal());
    line.receive(b"AT+CS\r\n+LMQTTURC: STATS,0,1\r\nQ\r\r\n+CSQ: 20,99\r\n\r\nOK\r\n");
    assert_eq!(line.events(), ["Echo", "unsolicited +LMQTTURC: STATS,0,1", "Echo", "done [+CSQ: 20,99]"]);
    // Even behind its first character.
    line.send(Command::raw("AT+CGSN=1").unwrap());
    line.receive(b"A\r\n+ZZZ: 1\r\nT+CGSN=1\r\r\n+CGSN: \"1\"\r\n\r\nOK\r\n");
    assert_eq!(line.events(), ["Echo", "unsolicited +ZZZ: 1", "Echo", "done [+CGSN: \"1\"]"]);
    // Even where text without a name is the answer, a part of the echo is none.
    line.send(Command::execute("+CGMM").bare(|_| true));
    line.receive(b"AT+C\r\n+CSCON: 1\r\nGMM\r\r\nNT26E\r\n\r\nOK\r\n");
    assert_eq!(line.events(), ["Echo", "unsolicited +CSCON: 1", "Echo", "done [NT26E]"]);
}

#[test]
fn noise_before_a_command_comes_back_with_it() {
    let mut line = Bench::new();
    line.send(Command::raw("AT+CIMI").unwrap());
    line.receive(b"\xbe\0AT+CIMI\r\r\n001010123456789\r\n\r\nOK\r\n");
    assert_eq!(line.events(), ["Echo", "done [001010123456789]"]);
    // What can be read is no noise: it may be a message.
    line.send(Command::raw("AT+CIMI").unwrap());
    line.receive(b"\r\n+ECMTRECV: 0,0,\"t\",AT+CIMI\r\n\r\n001010123456789\r\n\r\nOK\r\n");
    let events = line.events();
    assert!(events[0].starts_with("unsolicited +ECMTRECV"), "{events:?}");
}
