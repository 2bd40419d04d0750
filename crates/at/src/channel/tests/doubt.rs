//! A line on which an answer may still come that belongs to nobody, or on which another process has spoken.

use super::*;

#[test]
fn a_late_answer_never_completes_another_command() {
    let mut line = Bench::new();
    line.send(Command::read("+CGACT"));
    line.wait(3 * SECOND);
    assert_eq!(line.events(), ["failed: the module did not answer within 3 s"]);

    // The next command waits until the module has answered a question that a late OK cannot answer.
    assert_eq!(line.send(signal()), b"AT+CMEE?\r");
    line.receive(b"\r\n+CGACT: 1,1\r\n\r\nOK\r\n");
    assert_eq!(line.written(), b"");
    line.receive(b"\r\n+CMEE: 1\r\n\r\nOK\r\n");
    assert_eq!(line.written(), b"AT+CSQ\r");
    line.receive(b"\r\n+CSQ: 20,99\r\n\r\nOK\r\n");
    assert_eq!(line.events(), ["doubtful +CGACT: 1,1", "resynchronised [OK]", "done [+CSQ: 20,99]"]);
}

#[test]
fn the_question_is_never_the_command_that_timed_out() {
    let mut line = Bench::new();
    line.send(Command::read("+CMEE"));
    line.wait(3 * SECOND);
    assert_eq!(line.send(signal()), b"AT+CFUN?\r");
    line.receive(b"\r\n+CMEE: 1\r\n\r\nOK\r\n");
    assert_eq!(line.written(), b"");
    line.receive(b"\r\n+CFUN: 1\r\n\r\nOK\r\n");
    assert_eq!(line.written(), b"AT+CSQ\r");
}

#[test]
fn a_mute_module_fails_every_command_in_bounded_time() {
    let mut line = Bench::new();
    line.send(signal());
    line.wait(3 * SECOND);
    line.send(signal());
    for _ in 0..3 {
        line.wait(2 * SECOND);
        line.written();
    }
    assert_eq!(
        line.events(),
        ["failed: the module did not answer within 3 s", "failed: the module does not answer any more"]
    );
    assert!(line.channel.is_idle());
}

#[test]
fn abandoning_leaves_the_line_in_doubt() {
    let mut line = Bench::new();
    line.send(signal());
    line.channel.abandon();
    assert_eq!(line.events(), ["failed: the command was given up"]);
    assert_eq!(line.send(signal()), b"AT+CMEE?\r");
}

#[test]
fn a_line_in_doubt_is_proven_before_the_next_command() {
    let mut line = Bench::new();
    line.channel.suspect();
    assert_eq!(line.send(signal()), b"AT+CMEE?\r");
}

#[test]
fn late_answers_are_kept_in_bounded_number() {
    let mut line = Bench::with(ChannelOptions { events: 2, ..ChannelOptions::default() });
    line.channel.suspect();
    line.receive(b"OK\r\nOK\r\nOK\r\nOK\r\n");
    line.send(signal());
    line.receive(b"+CMEE: 1\r\nOK\r\n");
    assert_eq!(line.events(), ["Dropped(2)", "resynchronised [OK, OK]"]);
}

#[test]
fn what_an_earlier_host_has_asked_is_let_out_where_the_module_is_late() {
    let both = b"\r\n+CMEE: 1\r\n\r\nOK\r\n\r\n+CFUN: 1\r\n\r\nOK\r\n";
    let mut line = Bench::new();
    line.channel.suspect_the_past();
    assert_eq!(line.send(signal()), b"AT+CMEE?\r");
    line.wait(2 * SECOND);
    assert_eq!(line.written(), b"AT+CMEE?\r");
    line.receive(b"\r\n+CMEE: 1\r\n\r\nOK\r\n");
    assert_eq!(line.written(), b"AT+CFUN?\r");
    // It is answered by what the earlier host has asked, and so would be what comes next.
    line.receive(b"\r\n+CFUN: 1\r\n\r\nOK\r\n");
    assert_eq!(line.written(), b"");
    line.receive(both).receive(both).wait(SECOND);
    assert_eq!(line.written(), b"AT+CSQ\r");
    line.receive(b"\r\n+CSQ: 1,99\r\n\r\nOK\r\n");
    assert_eq!(line.events().last().map(String::as_str), Some("done [+CSQ: 1,99]"));
}

#[test]
fn what_an_earlier_host_has_asked_is_let_out_as_long_as_it_comes() {
    let (first, second) = (b"\r\n+CMEE: 1\r\n\r\nOK\r\n", b"\r\n+CFUN: 1\r\n\r\nOK\r\n");
    let mut line = Bench::new();
    line.send(Command::attention().within(SECOND));
    line.wait(SECOND);
    // The module was late with the first command only; what follows is answered at once, by what the earlier host has asked.
    assert_eq!(line.send(Command::attention().within(SECOND)), b"AT+CMEE?\r");
    line.receive(first);
    assert_eq!(line.written(), b"AT\r");
    line.receive(b"\r\nOK\r\n").channel.suspect_the_past();
    assert_eq!(line.send(signal()), b"AT+CMEE?\r");
    line.receive(first);
    assert_eq!(line.written(), b"AT+CFUN?\r");
    line.receive(second);
    for _ in 0..20 {
        line.wait(SECOND / 2).receive(b"\r\nOK\r\n");
        assert_eq!(line.written(), b"", "it is not quiet yet");
    }
    line.wait(SECOND / 2).wait(SECOND / 2);
    assert_eq!(line.written(), b"AT+CSQ\r");
    // A module that never is quiet is not waited for.
    let mut line = Bench::new();
    line.channel.suspect_the_past();
    line.send(signal());
    assert_eq!(line.wait(2 * SECOND).written(), b"AT+CMEE?\r");
    assert_eq!(line.receive(first).written(), b"AT+CFUN?\r");
    line.receive(second);
    let waited = (1..100).find(|_| !line.receive(b"\r\n+CREG: 1\r\n").wait(SECOND / 2).written().is_empty());
    assert_eq!(waited, Some(32));
}

#[test]
fn what_an_earlier_host_has_asked_is_let_out_where_more_is_answered_than_was_asked() {
    let (first, second) = (b"\r\n+CMEE: 1\r\n\r\nOK\r\n", b"\r\n+CFUN: 1\r\n\r\nOK\r\n");
    let mut line = Bench::new();
    line.channel.suspect_the_past();
    line.send(signal());
    line.receive(first);
    assert_eq!(line.written(), b"AT+CFUN?\r");
    // The module is not late, but works off what it was asked before, in which both questions are.
    line.receive(first).receive(second);
    assert_eq!(line.written(), b"", "another answer of these may follow");
    line.receive(first).receive(second).wait(SECOND);
    assert_eq!(line.written(), b"AT+CSQ\r");
    // Nothing is waited for where each answer has its question.
    let mut line = Bench::new();
    line.channel.suspect_the_past();
    line.send(signal());
    line.receive(first);
    assert_eq!(line.written(), b"AT+CFUN?\r");
    assert_eq!(line.receive(second).written(), b"AT+CSQ\r");
}

#[test]
fn what_is_left_of_the_command_of_an_earlier_host_is_not_shown() {
    let rest = b"ateway\",\"user\",\"hunter2\"\r\r\n+CSQ: \"1\"\r\n";
    let mut line = Bench::with(ChannelOptions { trace: true, ..ChannelOptions::default() });
    line.receive(rest);
    line.send(Command::attention());
    line.receive(b"\r\nOK\r\n").channel.suspect_the_past();
    line.send(signal());
    line.receive(rest).receive(b"\r\n+CMEE: 1\r\n\r\nOK\r\n").written();
    line.receive(b"\r\n+CFUN: 1\r\n\r\nOK\r\n").written();
    let seen = line.events();
    assert!(!seen.iter().any(|event| event.contains("hunter2")), "{seen:?}");
    assert_eq!(
        seen.iter().filter(|event| event.contains("***")).count(),
        4,
        "as it was traced, and as it was told: {seen:?}"
    );
    // What comes behind it is of nobody else.
    line.receive(b"\r\nnot \"hidden\"\r\n");
    assert!(line.events().iter().any(|event| event.contains("hidden")));
}

#[test]
fn an_ok_of_something_else_ends_no_answer_that_has_a_line() {
    let stray = b"\r\nOK\r\n";
    let mut line = Bench::new();
    // The line and its own OK are waited for, however many lines there are.
    line.send(signal());
    line.receive(stray);
    assert_eq!(line.events(), [""; 0]);
    line.wait(SECOND / 2).receive(b"\r\n+CSQ: 20,99\r\n");
    line.wait(3 * SECOND / 4).receive(b"\r\nOK\r\n");
    assert_eq!(line.events(), ["done [+CSQ: 20,99]"]);
    assert_eq!(line.send(signal()), b"AT+CSQ\r", "the line is not in doubt");
    // It was of this command after all.
    line.receive(stray).wait(SECOND);
    assert_eq!(line.events(), ["done []"]);
    assert_eq!(line.send(Command::raw("AT+CSQ").unwrap()), b"AT+CSQ\r");
    // Two of them, or a refusal: no line comes.
    line.receive(stray).receive(stray);
    assert_eq!(line.events(), ["done []"]);
    line.send(Command::raw("at+csq").unwrap());
    line.receive(stray).receive(b"\r\nERROR\r\n");
    assert_eq!(line.events(), ["failed: the module answered ERROR"]);
    // The module has said the line behind its OK: what may come then is not known.
    line.send(signal());
    line.receive(stray).receive(b"\r\n+CSQ: 20,99\r\n").wait(SECOND);
    assert_eq!(line.events(), ["done [+CSQ: 20,99] without OK"]);
    assert_eq!(line.send(signal()), b"AT+CMEE?\r");
}

#[test]
fn an_ok_ends_what_may_be_answered_by_nothing_else() {
    let mut line = Bench::new();
    for command in [Command::read("+CGACT"), Command::raw("AT+QMTCONN?").unwrap(), Command::execute("+CSQ")] {
        line.send(command);
        line.receive(b"\r\nOK\r\n");
        assert_eq!(line.events(), ["done []"]);
    }
}
