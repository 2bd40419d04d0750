mod deferred;
mod doubt;
mod echo;
mod prompt;

use super::*;
use crate::command::{Command, CommandBuilder};
use crate::exchange::{Ending, Progress};
use crate::{DataPhase, Prompt, Text};

const RECEIVED: &[BodyRule] = &[BodyRule { prefix: "+LMQTTURC: RECV,", fields: 3, place: crate::BodyPlace::SameLine }];
const SECOND: Duration = Duration::from_secs(1);

/// A channel and the time on it.
struct Bench {
    channel: Channel,
    now: Time,
    seen: Vec<String>,
}

impl Bench {
    fn new() -> Bench {
        Bench::with(ChannelOptions::default())
    }

    fn with(options: ChannelOptions) -> Bench {
        let mut channel = Channel::new(options);
        channel.expect_bodies(RECEIVED);
        Bench { channel, now: Time::ZERO, seen: Vec::new() }
    }

    /// Submits a command and writes it out.
    fn send(&mut self, builder: CommandBuilder) -> Vec<u8> {
        self.look();
        self.channel.submit(self.now, builder.done().exchange().clone()).unwrap();
        self.written()
    }

    /// Writes out whatever is to be written.
    fn written(&mut self) -> Vec<u8> {
        let mut written = Vec::new();
        while let [first, ..] = self.channel.transmit() {
            written.push(*first);
            self.channel.transmitted(self.now, 1);
        }
        written
    }

    fn receive(&mut self, bytes: &[u8]) -> &mut Bench {
        self.channel.receive(self.now, bytes);
        self
    }

    fn wait(&mut self, wait: Duration) -> &mut Bench {
        self.now += wait;
        self.channel.advance(self.now);
        self
    }

    /// The events so far, as text: one an item.
    fn events(&mut self) -> Vec<String> {
        self.look();
        std::mem::take(&mut self.seen)
    }

    fn look(&mut self) {
        while let Some(event) = self.channel.poll() {
            self.seen.push(match event {
                Event::Done(Ok(answer)) => {
                    let lines: Vec<String> = answer.lines.iter().map(|line| format!("{line:?}")).collect();
                    let result = answer.result.iter().map(|line| format!(" => {line:?}")).collect::<String>();
                    let ok = if answer.confirmed { "" } else { " without OK" };
                    format!("done [{}]{result}{ok}", lines.join(", "))
                }
                Event::Done(Err(fault)) => format!("failed: {fault}"),
                Event::Unsolicited(line) => format!("unsolicited {line:?}"),
                Event::Doubtful(line) => format!("doubtful {line:?}"),
                Event::Resynchronised { discarded } => format!("resynchronised {discarded:?}"),
                Event::Trace(record) => record.to_string(),
                other => format!("{other:?}"),
            });
        }
    }
}

fn signal() -> CommandBuilder {
    Command::execute("+CSQ").information("+CSQ")
}

fn registration() -> CommandBuilder {
    // `+CEREG: <n>,<stat>` is the answer, `+CEREG: <stat>` is unsolicited.
    Command::execute("+CEREG?")
        .information_like("+CEREG", |mut fields| fields.int::<u8>().is_ok() && fields.int::<u8>().is_ok())
}

fn open() -> CommandBuilder {
    Command::set("+LMQTTOPEN").int(0).result(&["+LMQTTOPEN"], &[0]).within(160 * SECOND)
}

fn publish_by_prompt(data: &[u8]) -> CommandBuilder {
    Command::set("+LMQTTPUB")
        .int(0)
        .int(7)
        .data(DataPhase::counted(data.to_vec(), 5 * SECOND))
        .result(&["+LMQTTPUB"], &[0, 7])
        .within(30 * SECOND)
}

#[test]
fn an_answer_is_what_the_command_claims_and_nothing_else() {
    let mut line = Bench::new();
    assert_eq!(line.send(signal()), b"AT+CSQ\r");
    line.receive(b"\r\n+CSQ: 17,99\r\n\r\n+LMQTTURC: RECV,0,0,\"t\",2,hi\r\n\r\n+FOO: 1\r\n\r\nRING\r\n\r\nOK\r\n");
    assert_eq!(
        line.events(),
        [
            "unsolicited +LMQTTURC: RECV,0,0,\"t\",2,[2 bytes]",
            "unsolicited +FOO: 1",
            "unsolicited RING",
            "done [+CSQ: 17,99]"
        ]
    );
}

#[test]
fn the_same_name_may_be_an_answer_and_unsolicited() {
    let mut line = Bench::new();
    line.send(registration());
    line.receive(b"\r\n+CEREG: 2\r\n\r\n+CEREG: 0,1\r\n\r\nOK\r\n\r\n+CEREG: 5\r\n");
    assert_eq!(line.events(), ["unsolicited +CEREG: 2", "done [+CEREG: 0,1]", "unsolicited +CEREG: 5"]);
}

#[test]
fn a_result_comes_after_ok_or_before_it_or_without_it() {
    let mut line = Bench::new();
    line.send(open());
    line.receive(b"\r\nOK\r\n").wait(100 * SECOND).receive(b"\r\n+LMQTTOPEN: 0,0\r\n");
    assert_eq!(line.events(), ["done [] => +LMQTTOPEN: 0,0"]);

    line.send(open());
    line.receive(b"\r\n+LMQTTOPEN: 0,-1,4\r\n\r\nOK\r\n");
    assert_eq!(line.events(), ["done [] => +LMQTTOPEN: 0,-1,4"]);

    line.send(open());
    line.receive(b"\r\n+LMQTTOPEN: 0,0\r\n").wait(SECOND);
    assert_eq!(line.events(), ["done [] => +LMQTTOPEN: 0,0 without OK"]);
}

#[test]
fn a_result_with_other_keys_is_not_the_result() {
    let mut line = Bench::new();
    line.send(Command::set("+LMQTTPUB").int(0).int(7).result(&["+LMQTTPUB"], &[0, 7]));
    line.receive(b"\r\nOK\r\n\r\n+LMQTTPUB: 0,6,0\r\n\r\n+LMQTTPUB: 0,7,0\r\n");
    assert_eq!(line.events(), ["unsolicited +LMQTTPUB: 0,6,0", "done [] => +LMQTTPUB: 0,7,0"]);
}

#[test]
fn an_intermediate_result_starts_the_time_out_anew() {
    let progress = |mut fields: crate::Fields<'_>| match fields.int::<u8>() {
        Ok(1) => Progress::Intermediate,
        _ => Progress::Final,
    };
    let mut line = Bench::new();
    line.send(Command::set("+QMTPUB").result_when(&["+QMTPUB"], &[0], progress).within(10 * SECOND));
    line.receive(b"\r\nOK\r\n").wait(9 * SECOND).receive(b"\r\n+QMTPUB: 0,1\r\n").wait(9 * SECOND);
    line.receive(b"\r\n+QMTPUB: 0,0\r\n");
    assert_eq!(line.events(), ["done [] => +QMTPUB: 0,0"]);
}

#[test]
fn a_refusal_ends_the_command_and_says_why() {
    let mut line = Bench::new();
    line.send(open());
    line.receive(b"\r\n+CME ERROR: 3\r\n");
    assert_eq!(line.events(), ["failed: the module answered +CME ERROR: 3 (operation not allowed)"]);
}

#[test]
fn what_came_before_the_command_was_written_answers_nothing() {
    let mut line = Bench::new();
    line.channel.submit(line.now, signal().done().exchange().clone()).unwrap();
    line.receive(b"\r\nOK\r\n\r\nO");
    line.written();
    line.receive(b"K\r\n\r\n+CSQ: 1,99\r\n\r\nOK\r\n");
    assert_eq!(line.events(), ["unsolicited OK", "unsolicited OK", "done [+CSQ: 1,99]"]);
}

#[test]
fn behind_its_ok_only_the_result_is_left_of_a_command() {
    let mut line = Bench::new();
    line.send(open());
    line.receive(b"\r\nOK\r\n").wait(160 * SECOND);
    // No question is asked: nothing that is still to come can be taken for another command's.
    assert_eq!(line.send(signal()), b"AT+CSQ\r");
    line.receive(b"\r\n+LMQTTOPEN: 0,0\r\n\r\n+CSQ: 1,99\r\n\r\nOK\r\n");
    assert_eq!(
        line.events(),
        [
            "failed: the module took the command, but did not report its result within 160 s",
            "unsolicited +LMQTTOPEN: 0,0",
            "done [+CSQ: 1,99]"
        ]
    );
}

#[test]
fn a_port_that_takes_nothing_is_a_fault_of_its_own() {
    let mut line = Bench::new();
    line.channel.submit(line.now, signal().done().exchange().clone()).unwrap();
    line.channel.transmitted(line.now, 3);
    line.wait(5 * SECOND);
    assert_eq!(line.events(), ["failed: the port did not take the command within 5 s"]);
    assert_eq!(line.channel.transmit(), b"");
}

#[test]
fn a_guard_time_is_kept_from_the_last_byte() {
    let mut line = Bench::with(ChannelOptions { guard: Duration::from_millis(20), ..ChannelOptions::default() });
    line.receive(b"\r\n+CSCON: 1\r\n");
    assert_eq!(line.send(signal()), b"");
    line.wait(Duration::from_millis(19));
    assert_eq!(line.written(), b"");
    line.wait(Duration::from_millis(1));
    assert_eq!(line.written(), b"AT+CSQ\r");
}

#[test]
fn one_command_at_a_time() {
    let mut line = Bench::new();
    line.send(signal());
    assert_eq!(line.channel.submit(line.now, signal().done().exchange().clone()), Err(Busy));
}

#[test]
fn a_result_that_will_not_come_is_not_waited_for() {
    let mut line = Bench::new();
    line.send(open());
    line.channel.forgo_result();
    assert_eq!(line.events(), [""; 0]);
    line.receive(b"\r\nOK\r\n");
    assert_eq!(line.events(), ["failed: the command was given up"]);
    // It had its final result code, so the line is in order.
    assert_eq!(line.send(signal()), b"AT+CSQ\r");
}

#[test]
fn a_trace_shows_the_dialogue_without_secrets() {
    let mut line = Bench::with(ChannelOptions { trace: true, ..ChannelOptions::default() });
    let password = crate::Secret::new("correct horse").unwrap();
    line.send(Command::set("+LMQTTCONN").int(0).secret(&password));
    line.receive(b"AT+LMQTTCONN=0,\"correct horse\"\r\r\nOK\r\n");
    line.send(Command::execute("+CIMI").bare(|line| line.iter().all(u8::is_ascii_digit)).private());
    line.receive(b"\r\n001010123456789\r\n\r\nOK\r\n");
    let shown: Vec<String> = line.events().into_iter().filter(|event| event.starts_with(['→', '←'])).collect();
    assert_eq!(shown, ["→ AT+LMQTTCONN=0,\"***\"", "← AT+LMQTTCONN=0,\"***\"", "← OK", "→ AT+CIMI", "← ***", "← OK"]);
}

#[test]
fn an_answer_that_is_not_taken_holds_the_line() {
    let mut line = Bench::new();
    line.send(signal());
    line.receive(b"\r\n+CSQ: 1,99\r\n\r\nOK\r\n");
    assert_eq!(line.channel.submit(line.now, signal().done().exchange().clone()), Err(Busy));
}

#[test]
fn a_line_of_several_commands_gets_what_each_of_them_says() {
    let mut line = Bench::new();
    line.send(Command::raw("AT+CSQ;+cereg?;+QCFG=\"a;+CPIN\",1").unwrap());
    line.receive(b"\r\n+CSQ: 20,99\r\n\r\n+CEREG: 0,1\r\n\r\n+CPIN: READY\r\n\r\n+QCFG: 1\r\n\r\nOK\r\n");
    let expected = ["unsolicited +CPIN: READY", "done [+CSQ: 20,99, +CEREG: 0,1, +QCFG: 1]"];
    assert_eq!(line.events(), expected);
}

#[test]
fn text_that_is_known_to_come_unasked_is_in_no_answer() {
    let mut line = Bench::new();
    line.send(Command::raw("AT+CIMI").unwrap());
    line.receive(b"\r\nDST: 1\r\n\r\nRING\r\n\r\n+MATREADY\r\n\r\n001010123456789\r\n\r\nSMS DONE\r\n\r\nOK\r\n");
    assert_eq!(
        line.events(),
        [
            "unsolicited DST: 1",
            "unsolicited RING",
            "unsolicited +MATREADY",
            "unsolicited SMS DONE",
            "done [001010123456789]"
        ]
    );
}

#[test]
fn a_command_may_have_final_result_codes_of_its_own() {
    const SENT: &[Ending] = &[Ending { text: "SEND OK", is_ok: true }, Ending { text: "SEND FAIL", is_ok: false }];
    let mut line = Bench::new();
    line.send(Command::set("+CIPSEND").int(1).endings(SENT));
    line.receive(b"\r\nSEND OK\r\n");
    line.send(Command::set("+CIPSEND").int(1).endings(SENT));
    line.receive(b"\r\nSEND FAIL\r\n");
    line.send(signal());
    line.receive(b"\r\nSEND OK\r\n\r\n+CSQ: 1,99\r\n\r\nOK\r\n");
    assert_eq!(
        line.events(),
        ["done []", "failed: the module answered SEND FAIL", "unsolicited SEND OK", "done [+CSQ: 1,99]"]
    );
}

#[test]
fn a_refusal_behind_the_result_adds_nothing() {
    let mut line = Bench::new();
    line.send(open());
    line.receive(b"\r\n+LMQTTOPEN: 0,-1,4\r\n\r\nERROR\r\n");
    assert_eq!(line.events(), ["done [] => +LMQTTOPEN: 0,-1,4"]);
}

#[test]
fn a_result_behind_a_refusal_says_why() {
    let connect = || Command::set("+CMQTTCONNECT").int(0).result(&["+CMQTTCONNECT"], &[0]).or_behind_refusal();
    for (bytes, expected) in [
        ("\r\nOK\r\n\r\n+CMQTTCONNECT: 0,3\r\n", "done [] => +CMQTTCONNECT: 0,3"),
        ("\r\n+CMQTTCONNECT: 0,3\r\n\r\nOK\r\n", "done [] => +CMQTTCONNECT: 0,3"),
        ("\r\n+CMQTTCONNECT: 0,3\r\n\r\nERROR\r\n", "done [] => +CMQTTCONNECT: 0,3"),
        ("\r\nERROR\r\n\r\n+CMQTTCONNECT: 0,3\r\n", "done [] => +CMQTTCONNECT: 0,3"),
        // Another command's results, or none within the time: it is refused, and nobody knows why.
        ("\r\nERROR\r\n\r\n+CMQTTCONNECT: 1,3\r\n\r\nERROR\r\n", "failed: the module answered ERROR"),
    ] {
        let mut line = Bench::new();
        line.send(connect());
        line.receive(bytes.as_bytes()).wait(SECOND);
        let last = line.events().into_iter().rfind(|event| !event.starts_with("unsolicited"));
        assert_eq!(last.as_deref(), Some(expected), "{bytes:?}");
        assert!(!line.channel.is_in_doubt(), "{bytes:?}");
        assert_eq!(line.send(signal()), b"AT+CSQ\r");
    }
}

#[test]
fn a_result_has_the_number_that_the_module_has_told() {
    let publish = || {
        let command = Command::set("+MQTTPUB").int(0).result_when(&["+MQTTURC"], &[0], |mut fields| {
            if fields.text() == Ok("pubrec") { Progress::Intermediate } else { Progress::Final }
        });
        command.worded(&["puback", "pubrec", "pubcomp"]).chosen_in("+MQTTPUB")
    };
    for (bytes, expected) in [
        (
            "\r\n+MQTTPUB: 0,7,1\r\n\r\nOK\r\n\r\n+MQTTURC: \"puback\",0,7\r\n",
            &["done [+MQTTPUB: 0,7,1] => +MQTTURC: \"puback\",0,7"][..],
        ),
        (
            "\r\n+MQTTURC: \"puback\",0,6\r\n\r\n+MQTTPUB: 0,7,1\r\n\r\n+MQTTURC: \"pubrec\",0,7\r\n\
             \r\n+MQTTURC: \"puback\",1,7\r\n\r\n+MQTTURC: \"pubcomp\",0,7\r\n\r\nOK\r\n",
            &[
                "unsolicited +MQTTURC: \"puback\",0,6",
                "unsolicited +MQTTURC: \"puback\",1,7",
                "done [+MQTTPUB: 0,7,1] => +MQTTURC: \"pubcomp\",0,7",
            ],
        ),
    ] {
        let mut line = Bench::new();
        line.send(publish());
        line.receive(bytes.as_bytes());
        assert_eq!(line.events(), expected, "{bytes:?}");
    }
}

#[test]
fn a_full_queue_of_events_is_an_event_with_a_count() {
    let mut line = Bench::with(ChannelOptions { events: 2, ..ChannelOptions::default() });
    line.send(signal());
    line.receive(b"+A: 1\r\n+A: 2\r\n+A: 3\r\n+A: 4\r\n+CSQ: 1,99\r\nOK\r\n+A: 5\r\n");
    assert_eq!(
        line.events(),
        ["unsolicited +A: 1", "unsolicited +A: 2", "Dropped(2)", "done [+CSQ: 1,99]", "Dropped(1)"]
    );
    line.receive(b"+A: 6\r\n");
    assert_eq!(line.events(), ["unsolicited +A: 6"]);
}

#[test]
fn a_message_whose_end_was_lost_does_not_swallow_the_line_for_ever() {
    let mut line = Bench::new();
    line.send(signal());
    line.receive(b"\r\n+LMQTTURC: RECV,0,1,\"t\",500,hello\r\n\r\n+CSQ: 1,99\r\n\r\nOK\r\n");
    line.wait(3 * SECOND);
    line.send(signal());
    line.receive(b"\r\n+CMEE: 1\r\n\r\nOK\r\n");
    line.written();
    line.receive(b"\r\n+CSQ: 2,99\r\n\r\nOK\r\n");
    assert_eq!(
        line.events(),
        [
            "Fault(Incomplete { received: 55 })",
            "failed: the module did not answer within 3 s",
            "resynchronised []",
            "done [+CSQ: 2,99]"
        ]
    );
}

#[test]
fn a_message_with_a_length_too_large_does_not_swallow_those_behind_it() {
    let message = b"\r\n+LMQTTURC: RECV,0,1,\"t\",5,hello\r\n";
    let mut line = Bench::new();
    line.receive(b"\r\n+LMQTTURC: RECV,0,1,\"t\",500,hello\r\n").wait(2 * SECOND);
    assert_eq!(line.events(), [""; 0], "it may go on");
    assert_eq!(line.channel.deadline(), Some(Time::ZERO + 3 * SECOND));
    line.wait(SECOND).receive(message);
    assert_eq!(
        line.events(),
        ["Fault(Incomplete { received: 35 })", "unsolicited +LMQTTURC: RECV,0,1,\"t\",5,[5 bytes]"]
    );
    assert_eq!(line.channel.deadline(), None);
    // A command that is on the line goes on.
    line.send(open());
    line.receive(b"\r\nOK\r\n\r\n+LMQTTURC: RECV,0,1,\"t\",500,hello\r\n").wait(4 * SECOND);
    line.receive(b"\r\n+LMQTTOPEN: 0,0\r\n");
    assert_eq!(line.events(), ["Fault(Incomplete { received: 35 })", "done [] => +LMQTTOPEN: 0,0"]);
}

#[test]
fn a_message_on_a_slow_line_is_not_given_up() {
    let mut line = Bench::new();
    line.send(signal());
    line.receive(b"\r\n+LMQTTURC: RECV,0,1,\"t\",6,ab");
    line.wait(Duration::from_millis(2500)).receive(b"cd").wait(Duration::from_millis(500)).receive(b"ef\r\n");
    assert_eq!(
        line.events(),
        ["failed: the module did not answer within 3 s", "doubtful +LMQTTURC: RECV,0,1,\"t\",6,[6 bytes]"]
    );
}

#[test]
fn what_a_module_says_when_it_starts_is_in_no_answer() {
    let mut line = Bench::new();
    line.channel.reserve([Box::from(&b"boot.rom"[..])]);
    line.send(Command::raw("AT+CSQ").unwrap());
    line.receive(b"\0^boot.rom'v  '!\n");
    assert_eq!(line.events(), ["unsolicited \\u{0}^boot.rom'v  '!"]);
}

#[test]
fn a_port_that_takes_nothing_gets_no_more_time_for_it() {
    let mut line = Bench::new();
    line.channel.submit(line.now, signal().done().exchange().clone()).unwrap();
    let deadline = line.channel.deadline();
    line.now += SECOND;
    line.channel.transmitted(line.now, 0);
    assert_eq!(line.channel.deadline(), deadline);
}

#[test]
fn a_module_that_reports_progress_for_ever_does_not_hold_the_line_for_ever() {
    let mut line = Bench::new();
    line.send(Command::set("+QMTPUB").result_when(&["+QMTPUB"], &[0], |_| Progress::Intermediate).within(10 * SECOND));
    line.receive(b"\r\nOK\r\n");
    for _ in 0..16 {
        line.wait(9 * SECOND).receive(b"\r\n+QMTPUB: 0,1\r\n");
        assert_eq!(line.events(), [""; 0]);
    }
    line.wait(9 * SECOND).receive(b"\r\n+QMTPUB: 0,1\r\n").wait(SECOND);
    let late = "failed: the module took the command, but did not report its result within 10 s";
    assert_eq!(line.events(), [late]);
}

#[test]
fn an_answer_without_an_end_does_not_fill_the_memory() {
    let mut line = Bench::new();
    line.send(Command::execute("+LIST").information("+LIST"));
    let piece = format!("\r\n+LIST: {}\r\n", "x".repeat(1000)).repeat(16);
    for _ in 0..64 {
        line.receive(piece.as_bytes());
        line.look();
    }
    line.receive(b"\r\nOK\r\n");
    let events = line.events();
    let answer = events.last().expect("an answer");
    assert!(answer.starts_with("done [") && answer.len() < 300_000, "{}", answer.len());
    assert_eq!(events.len() + answer.matches("+LIST").count(), 64 * 16 + 1, "what is no part of it is unsolicited");
}

#[test]
fn a_trace_shows_what_is_written_late_too() {
    let mut line = Bench::with(ChannelOptions { trace: true, ..ChannelOptions::default() });
    line.send(publish_by_prompt(b"data"));
    line.wait(5 * SECOND).receive(b"\r\n> ");
    assert_eq!(line.written(), b"data");
    let shown: Vec<String> = line.events().into_iter().filter(|event| event.starts_with(['→', '←'])).collect();
    assert_eq!(shown, ["→ AT+LMQTTPUB=0,7", "← >", "→ [4 bytes] data"]);
}

#[test]
fn a_trace_shows_no_data_that_are_private() {
    for is_late in [false, true] {
        let mut line = Bench::with(ChannelOptions { trace: true, ..ChannelOptions::default() });
        let key = DataPhase { private: true, ..DataPhase::counted(b"a private key".to_vec(), 5 * SECOND) };
        line.send(Command::set("+CCERTDOWN").text(&Text::new("key.pem").unwrap()).length(b"a private key").data(key));
        line.wait(if is_late { 5 * SECOND } else { SECOND }).receive(b"\r\n>");
        assert_eq!(line.written(), b"a private key");
        let shown = format!("{:?}", line.events());
        assert!(shown.contains("***") && !shown.contains("private"), "{shown}");
    }
}
