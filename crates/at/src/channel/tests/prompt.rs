//! Commands that are followed by data: when these go out, and when not.

use super::*;

#[test]
fn data_follow_the_prompt_byte_for_byte() {
    let mut line = Bench::new();
    assert_eq!(line.send(publish_by_prompt(b"\x00\x1a\x1b\r\nAT+CFUN=0\r")), b"AT+LMQTTPUB=0,7\r");
    line.receive(b"\r\n+CSCON: 1\r\n\r\n> ");
    assert_eq!(line.written(), b"\x00\x1a\x1b\r\nAT+CFUN=0\r");
    line.receive(b"\r\nOK\r\n\r\n+LMQTTPUB: 0,7,0\r\n");
    assert_eq!(line.events(), ["unsolicited +CSCON: 1", "done [] => +LMQTTPUB: 0,7,0"]);
}

#[test]
fn no_data_are_sent_where_the_module_refuses_instead_of_prompting() {
    let mut line = Bench::new();
    line.send(publish_by_prompt(b"AT+CFUN=0"));
    line.receive(b"\r\n+CME ERROR: 3\r\n\r\n> ").wait(SECOND);
    assert_eq!(line.written(), b"");
    assert_eq!(line.events(), ["failed: the module answered +CME ERROR: 3 (operation not allowed)"]);
}

#[test]
fn a_refusal_that_a_prompt_follows_was_part_of_something_else() {
    // As in a message whose head was damaged.
    let mut line = Bench::new();
    line.send(publish_by_prompt(b"hello"));
    line.receive(b"\r\nERROR\r\n\r\n+LMQTTPUB: 0,7,0\r\n").wait(SECOND / 2);
    assert_eq!((line.written(), line.events()), (vec![], vec!["unsolicited +LMQTTPUB: 0,7,0".to_owned()]));
    line.receive(b"\r\n> ");
    assert_eq!(line.written(), b"hello");
    line.receive(b"\r\nOK\r\n\r\n+LMQTTPUB: 0,7,0\r\n");
    assert_eq!(line.events(), ["done [] => +LMQTTPUB: 0,7,0"]);
    // One that nothing follows is one, and what comes behind it is nobody's.
    line.send(publish_by_prompt(b"hello"));
    line.receive(b"\r\nERROR\r\n").wait(SECOND).receive(b"\r\n> ");
    assert_eq!(line.written(), b"");
    assert_eq!(line.events(), ["failed: the module answered ERROR"]);
}

#[test]
fn no_data_are_sent_blind() {
    let mut line = Bench::new();
    line.send(publish_by_prompt(b"data"));
    line.receive(b"\r\n+COPS: \">\"\r\n").wait(5 * SECOND);
    assert_eq!(line.written(), b"");
    assert_eq!(line.events(), ["unsolicited +COPS: \">\"", "failed: the module did not ask for the data within 5 s"]);
}

#[test]
fn a_line_may_be_the_prompt() {
    for text in ["CONNECT", "OK"] {
        let mut line = Bench::new();
        let data = DataPhase { prompt: Prompt::Line(text), ..DataPhase::counted(b"data".to_vec(), 5 * SECOND) };
        line.send(Command::set("+LHTTPURL").int(4).data(data));
        line.receive(format!("\r\n{text}\r\n").as_bytes());
        assert_eq!(line.written(), b"data");
        line.receive(b"\r\nOK\r\n");
        assert_eq!(line.events(), ["done []"]);
    }
}

#[test]
fn a_late_prompt_gets_the_data_it_was_promised_and_nothing_else() {
    let mut line = Bench::new();
    line.send(publish_by_prompt(b"data"));
    line.wait(5 * SECOND);
    assert_eq!(line.send(signal()), b"", "the module may still wait for data");
    line.wait(SECOND).receive(b"\r\n> ");
    assert_eq!(line.written(), b"dataAT+CMEE?\r");
    line.receive(b"\r\nOK\r\n\r\n+LMQTTPUB: 0,7,0\r\n\r\n+CMEE: 1\r\n\r\nOK\r\n");
    assert_eq!(line.written(), b"AT+CSQ\r");
    assert_eq!(
        line.events(),
        ["failed: the module did not ask for the data within 5 s", "doubtful +LMQTTPUB: 0,7,0", "resynchronised [OK]"]
    );
}

#[test]
fn a_prompt_that_stays_away_is_waited_for_in_bounded_time() {
    let mut line = Bench::new();
    line.send(publish_by_prompt(b"data"));
    line.wait(5 * SECOND);
    line.send(signal());
    line.wait(44 * SECOND);
    assert_eq!(line.written(), b"", "the module may still wait for data");
    line.wait(SECOND);
    assert_eq!(line.written(), b"AT+CMEE?\r");
}

#[test]
fn a_prompt_that_was_lost_gets_its_data_where_they_are_nothing_to_a_command_line() {
    for (data, is_written) in
        [(&b"\0hello\r\n"[..], true), (b"\0AT+CFUN=0\r", false), (b"\0status", false), (b"a/", false)]
    {
        let mut line = Bench::new();
        line.send(publish_by_prompt(data));
        line.wait(5 * SECOND).wait(45 * SECOND);
        assert_eq!(line.written(), if is_written { data } else { b"" }, "{}", data.escape_ascii());
        // Whether the module has taken them or passed them over, the line is proven before anything else is sent.
        assert_eq!(line.send(signal()), b"AT+CMEE?\r");
    }
}

#[test]
fn a_data_phase_that_can_be_left_is_left() {
    let escaped = || DataPhase { escape: Some(0x1b), ..DataPhase::counted(b"data".to_vec(), 5 * SECOND) };
    let command = || Command::set("+CMQTTPAYLOAD").int(0).int(4).data(escaped()).within(10 * SECOND);
    // The prompt was lost.
    let mut line = Bench::new();
    line.send(command());
    line.wait(5 * SECOND);
    assert_eq!(line.written(), b"\x1b");
    assert_eq!(line.send(signal()), b"AT+CMEE?\r");
    // It comes late, when nobody wants it any more; the question has become data, and is thrown away with them.
    line.receive(b"\r\n> ");
    assert_eq!(line.written(), b"\x1b");
    line.receive(b"\r\nOK\r\n").wait(2 * SECOND);
    assert_eq!(line.written(), b"AT+CMEE?\r");
    line.receive(b"\r\n+CMEE: 1\r\n\r\nOK\r\n");
    assert_eq!(line.written(), b"AT+CFUN?\r");
    line.receive(b"\r\n+CFUN: 1\r\n\r\nOK\r\n");
    assert_eq!(line.written(), b"AT+CSQ\r");
    // From here on a prompt is none.
    line.receive(b"\r\n> \r\n");
    assert_eq!(line.written(), b"");
    // It comes while the port has taken a part of the question: the rest of that goes first.
    let mut line = Bench::new();
    line.send(command());
    line.wait(5 * SECOND);
    assert_eq!(line.written(), b"\x1b");
    line.look();
    line.channel.submit(line.now, signal().done().exchange().clone()).expect("idle");
    line.channel.transmitted(line.now, 4);
    line.receive(b"\r\n> ");
    assert_eq!(line.written(), b"MEE?\r\x1b");
    // Some of the data were lost, and the module waits for more.
    let mut line = Bench::new();
    line.send(command());
    line.receive(b"\r\n> ");
    assert_eq!(line.written(), b"data");
    line.wait(10 * SECOND);
    assert_eq!(line.written(), b"\x1b");
}

#[test]
fn data_that_the_port_did_not_take_are_written_before_anything_else() {
    let mut line = Bench::new();
    line.send(publish_by_prompt(b"data"));
    line.receive(b"\r\n> ");
    line.channel.transmitted(line.now, 1);
    line.wait(5 * SECOND);
    assert_eq!(line.events(), ["failed: the port did not take the data within 5 s"]);
    assert_eq!(line.send(signal()), b"ataAT+CMEE?\r");
}

#[test]
fn nothing_succeeds_with_data_that_the_module_does_not_have() {
    let counted = || DataPhase { prompt: Prompt::Line("CONNECT"), ..DataPhase::counted(b"data".to_vec(), 5 * SECOND) };
    let mut line = Bench::new();
    line.send(Command::set("+LHTTPURL").int(4).data(counted()));
    line.receive(b"\r\nOK\r\n\r\nCONNECT\r\n");
    line.channel.transmitted(line.now, 1);
    line.receive(b"\r\nOK\r\n");
    assert_eq!(line.events(), ["unsolicited OK", "unsolicited OK"]);
    assert_eq!(line.written(), b"ata");
    line.receive(b"\r\nOK\r\n");
    assert_eq!(line.events(), ["done []"]);
}

#[test]
fn what_is_owed_outlives_a_new_doubt_but_not_a_restart() {
    let stuck = || {
        let mut line = Bench::new();
        line.send(publish_by_prompt(b"data"));
        line.receive(b"\r\n> ");
        line.channel.transmitted(line.now, 1);
        line.wait(5 * SECOND);
        line
    };
    let mut line = stuck();
    line.channel.suspect();
    assert_eq!(line.written(), b"ata");
    // To a module that has restarted the rest would be a command.
    let mut line = stuck();
    line.channel.abandon();
    assert_eq!(line.written(), b"");
}

#[test]
fn data_of_no_bytes_need_no_prompt() {
    for answer in [
        &b"\r\nOK\r\n\r\n+LMQTTPUB: 0,7,0\r\n"[..],
        b"\r\n> \r\nOK\r\n\r\n+LMQTTPUB: 0,7,0\r\n",
        b"\r\nOK\r\n> \r\n+LMQTTPUB: 0,7,0\r\n",
        b"\r\n+LMQTTPUB: 0,7,0\r\n\r\nOK\r\n",
    ] {
        let mut line = Bench::new();
        line.send(publish_by_prompt(b""));
        line.receive(answer);
        let events = line.events();
        assert!(events.len() == 1 && events[0].starts_with("done"), "{}: {events:?}", answer.escape_ascii());
    }
}

#[test]
fn a_prompt_is_obeyed_however_late_it_comes() {
    let harmful = b"AT+CFUN=0\r";
    let late = |data: &[u8]| {
        let mut line = Bench::new();
        line.send(publish_by_prompt(data));
        line.wait(5 * SECOND).wait(45 * SECOND);
        line.written();
        assert_eq!(line.send(signal()), b"AT+CMEE?\r");
        line
    };
    // The question was heard before the prompt came: none of it is among the data.
    for data in [&b"data"[..], harmful] {
        let mut line = late(data);
        line.receive(b"\r\n+CME ERROR: 302\r\n\r\n> ");
        assert_eq!(line.written(), data);
        // Once is enough.
        line.receive(b"\r\n> ");
        assert_eq!(line.written(), b"");
        line.receive(b"\r\nOK\r\n\r\n+LMQTTPUB: 0,7,0\r\n").wait(2 * SECOND);
        assert_eq!(line.written(), b"AT+CMEE?\r");
    }
    // One of two was heard.
    let mut line = late(harmful);
    line.wait(2 * SECOND);
    assert_eq!(line.written(), b"AT+CMEE?\r");
    line.receive(b"\r\n+CME ERROR: 302\r\n\r\n> ");
    assert_eq!(line.written(), b"");
    // Whether it was heard nobody knows: the end of the data may go to the command line.
    for (data, is_written) in [(&b"data"[..], false), (b"hello", true), (harmful, false)] {
        let mut line = late(data);
        line.receive(b"\r\n> ");
        assert_eq!(line.written(), if is_written { data } else { b"" });
    }
    // A line that was proven has no such prompt any more.
    let mut line = late(harmful);
    line.receive(b"\r\n+CMEE: 1\r\n\r\nOK\r\n");
    assert_eq!(line.written(), b"AT+CSQ\r");
    line.receive(b"\r\n> ");
    assert_eq!(line.written(), b"");
    // Nor has a module that has restarted.
    let mut line = late(harmful);
    line.channel.abandon();
    line.receive(b"\r\n+CME ERROR: 302\r\n\r\n> ");
    assert_eq!(line.written(), b"");
}

#[test]
fn a_damaged_prompt_is_one_once_nothing_more_comes() {
    for (prompt, is_one) in [
        ("\r\n: ", true),
        ("\r\n>", true),
        ("\r\n ", true),
        ("\r\x0b> ", true),
        ("\r\n\x0b>", true),
        ("\r\n", false),
        ("\r\n+", false),
        ("\r\n+C", false),
        ("\r\n+C> ", false),
        ("\r\n: \r\n", false),
    ] {
        let mut line = Bench::new();
        line.send(publish_by_prompt(b"AT+CFUN=0\r"));
        line.wait(SECOND).receive(prompt.as_bytes());
        let at_once = line.written();
        line.wait(4 * SECOND);
        let written = [at_once, line.written()].concat();
        assert_eq!(written, if is_one { &b"AT+CFUN=0\r"[..] } else { b"" }, "{prompt:?}");
        if is_one {
            line.receive(b"\r\nOK\r\n\r\n+LMQTTPUB: 0,7,0\r\n");
            assert_eq!(line.events(), ["done [] => +LMQTTPUB: 0,7,0"], "{prompt:?}");
        }
    }
    // What came before the command is none of its own.
    let mut line = Bench::new();
    line.receive(b"\r\n: ");
    line.send(publish_by_prompt(b"AT+CFUN=0\r"));
    line.wait(5 * SECOND);
    assert_eq!(line.written(), b"");
    // What is left of a message that does not end where it should is none.
    let mut line = Bench::new();
    line.send(publish_by_prompt(b"AT+CFUN=0\r"));
    line.receive(b"\r\n+LMQTTURC: RECV,0,1,\"t\",4,bodyx ").wait(5 * SECOND);
    assert_eq!(line.written(), b"");
    // So is one that comes late.
    let mut line = Bench::new();
    line.send(publish_by_prompt(b"AT+CFUN=0\r"));
    line.wait(5 * SECOND).receive(b"\r\n: ").wait(45 * SECOND);
    assert_eq!(line.written(), b"AT+CFUN=0\r");
}

#[test]
fn a_result_that_comes_before_the_data_is_that_of_an_earlier_message() {
    let mut line = Bench::new();
    line.send(publish_by_prompt(b"data"));
    line.receive(b"\r\n+LMQTTPUB: 0,7,0\r\n\r\n> ");
    assert_eq!(line.written(), b"data");
    assert_eq!(line.events(), ["unsolicited +LMQTTPUB: 0,7,0"]);
    line.receive(b"\r\n+LMQTTPUB: 0,7,1\r\n\r\nOK\r\n");
    assert_eq!(line.events(), ["done [] => +LMQTTPUB: 0,7,1"]);
}
