//! Transcripts as a modem: what a host may do, and what it is told.

use std::time::Duration;

use atmqtt_at::transcript::Transcript;
use atmqtt_mock::Pty;
use atmqtt_mock::transcript::{Mismatch, Player, Strictness, play};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A host and a player, in virtual time.
struct Bench {
    player: Player,
    now: Duration,
}

impl Bench {
    /// The header is one line, so that the first step is in line 3; in most of them the host has no need to attach.
    fn new(strictness: Strictness, header: &str, steps: &str) -> Bench {
        let transcript = Transcript::parse(format!("{header}\n\n{steps}")).expect("a transcript");
        Bench { player: Player::new(&transcript, strictness), now: Duration::ZERO }
    }

    fn exact(steps: &str) -> Bench {
        Bench::new(Strictness::Exact, "begins: unattached", steps)
    }

    fn tolerant(steps: &str) -> Bench {
        Bench::new(Strictness::Tolerant, "begins: unattached", steps)
    }

    /// What the module says at once to what the host writes.
    fn write(&mut self, bytes: &str) -> String {
        self.player.receive(self.now, bytes.as_bytes());
        self.heard()
    }

    fn heard(&mut self) -> String {
        let pieces: Vec<_> = std::iter::from_fn(|| self.player.poll()).collect();
        String::from_utf8(pieces.concat()).expect("text")
    }

    /// What it says when so much time has passed.
    fn pass(&mut self, time: Duration) -> String {
        self.now += time;
        self.player.advance(self.now);
        self.heard()
    }

    fn mismatch(&self) -> Mismatch {
        self.player.end().expect_err("a mismatch")
    }
}

#[test]
fn bytes_are_awaited_in_any_pieces_and_answered_in_those_of_the_file() {
    let mut bench = Bench::exact("> AT+CSQ\\r\n< \\r\\n+CSQ\n< : 20,99\\r\\n\\r\\nOK\\r\\n\n> ATI\\r\n< OK\\r\\n\n");
    for piece in ["A", "T+CS", "Q"] {
        assert_eq!(bench.write(piece), "");
    }
    bench.player.receive(bench.now, b"\r");
    assert_eq!(bench.player.poll().as_deref(), Some(&b"\r\n+CSQ"[..]));
    assert_eq!(bench.player.poll().as_deref(), Some(&b": 20,99\r\n\r\nOK\r\n"[..]));
    assert_eq!(bench.player.next_line(), Some(6));
    assert!(!bench.player.is_at_end());
    assert_eq!(bench.write("ATI\r"), "OK\r\n");
    assert!(bench.player.is_at_end());
    assert_eq!(bench.player.end(), Ok(()));
}

#[test]
fn times_before_what_the_module_sends_are_kept() {
    let mut bench = Bench::exact("~ 9s\n> AT\\r\n~ 12ms\n< a\n~ 1s\n~ 500ms\n< b\n~ 5s\n> ATI\\r\n< c\n");
    assert_eq!(bench.write("AT\r"), "");
    assert_eq!(bench.player.deadline(bench.now), Some(Duration::from_millis(12)));
    assert_eq!(bench.pass(Duration::from_millis(11)), "");
    assert_eq!(bench.pass(Duration::from_millis(1)), "a");
    assert_eq!(bench.pass(Duration::from_millis(1499)), "");
    assert_eq!(bench.pass(Duration::from_millis(1)), "b");
    assert_eq!(bench.write("ATI\r"), "c");
}

/// A driver that gives an answer up has to have done so before that answer comes.
#[test]
fn what_the_host_reports_at_a_time_comes_before_what_the_module_sends_then() {
    let mut bench = Bench::exact("> AT\\r\n~ 3s\n= modem.timed_out\n< OK\\r\\n\n");
    bench.write("AT\r");
    assert_eq!(bench.pass(Duration::from_secs(3)), "");
    assert_eq!(bench.pass(Duration::from_millis(20)), "OK\r\n");
}

#[test]
fn the_first_byte_that_is_not_in_the_file_is_told_with_its_line() {
    let mut bench = Bench::exact("# a comment\n> AT+CSQ\\r\n< OK\\r\\n\n");
    bench.write("AT+CI");
    assert_eq!(bench.mismatch().to_string(), "line 4: expected \"AT+CSQ\\r\", and the host wrote \"AT+CI\"");
    // Nothing is played any more.
    assert_eq!(bench.write("AT+CSQ\r"), "");
    assert_eq!(bench.pass(Duration::from_secs(100)), "");
    assert_eq!(bench.player.deadline(bench.now), None);

    let mut bench = Bench::exact("> AT\\r\n");
    bench.write("\nAT\r");
    assert_eq!(bench.mismatch().line, 3);
}

#[test]
fn a_mismatch_gives_no_secret_away() {
    let mut bench = Bench::exact("> AT+CSQ\\r\n");
    bench.write("AT+LMQTTCONN=0,\"id\",\"user\",\"c4n4ry\"\r");
    let fault = bench.mismatch().fault;
    assert!(fault.ends_with("the host wrote \"AT+LMQTTCONN=0,\"id\",\"user\",\"\\*\"\\r\""), "{fault}");
}

#[test]
fn what_is_left_to_be_played_is_told() {
    let mut bench = Bench::exact("> AT\\r\n~ 1s\n< OK\\r\\n\n> ATI\\r\n");
    assert_eq!(bench.mismatch().to_string(), "line 3: expected \"AT\\r\", and the host wrote nothing");
    bench.write("A");
    assert_eq!(bench.mismatch().to_string(), "line 3: expected \"AT\\r\", and the host wrote nothing but \"A\"");
    bench.write("T\r");
    assert_eq!(bench.mismatch().to_string(), "line 5: the host was gone before the module sent this");
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.mismatch().line, 6);
}

#[test]
fn a_line_that_never_ends_is_a_mismatch() {
    let mut bench = Bench::exact("> AT=\"\\*\"\\r\n");
    bench.write(&format!("AT=\"{}", "x".repeat(70_000)));
    assert_eq!(bench.mismatch().to_string(), "line 3: the host wrote 70004 bytes without a line end");
}

#[test]
fn what_is_hidden_may_be_anything_and_comes_back_as_it_was() {
    let steps = "> AT+X=\"\\*\",\"\\*\"\\r\n< AT+X=\"\\*\",\"\\*\"\\r\\r\\nOK\\r\\n\n> ATI\\r\n< \\*\\?\\?\\r\\n\n\
        > AT+P=4\\r\n< > \n> a\\?\\?d\n< OK\\r\\n\n";
    for strictness in [Strictness::Exact, Strictness::Tolerant] {
        let mut bench = Bench::new(strictness, "begins: unattached", steps);
        assert_eq!(bench.write("AT+X=\"one\",\"t,wo\"\r"), "AT+X=\"one\",\"t,wo\"\r\r\nOK\r\n");
        assert_eq!(bench.write("ATI\r"), "one**\r\n");
        assert_eq!(bench.write("AT+P=4\r"), "> ");
        assert_eq!(bench.write("a\r\nd"), "OK\r\n", "{:?}", bench.player.mismatch());
        assert!(bench.player.is_at_end());
    }
}

#[test]
fn behind_its_end_and_before_it_begins_a_module_stands_in() {
    let mut bench =
        Bench::new(Strictness::Exact, "profile: lierda-nt35e", "> AT+CSQ\\r\n< \\r\\n+CSQ: 7,99\\r\\n\\r\\nOK\\r\\n\n");
    assert_eq!(bench.write("AT\r"), "\r\nOK\r\n");
    assert_eq!(bench.write("AT+CGMM\r"), "\r\nNT35E\r\n\r\nOK\r\n");
    assert_eq!(bench.write("AT+CSQ\r"), "\r\n+CSQ: 7,99\r\n\r\nOK\r\n");
    assert_eq!(bench.write("AT+LMQTTDISC=0\r"), "\r\nERROR\r\n");
    assert_eq!(bench.player.end(), Ok(()));
    // But not in place of what is there.
    let mut bench = Bench::new(Strictness::Exact, "profile: lierda-nt35e", "> AT+CSQ\\r\n");
    bench.write("AT+LMQTTPUB=0,0,0,0,\"t\",1,\"x\"\r");
    assert_eq!(bench.mismatch().line, 3);
}

#[test]
fn a_connection_that_the_file_leaves_out_is_made_and_then_the_module_speaks_to_a_quiet_host() {
    let message = "+LMQTTURC: RECV,0,1,\"t\",1,x\r\n";
    let mut bench = Bench::new(
        Strictness::Exact,
        "profile: lierda-nt26e",
        &format!("@ connected\n< {}\n", message.replace("\r\n", "\\r\\n")),
    );
    assert_eq!(bench.write("AT+LMQTTOPEN=0,\"h\",1883\r"), "\r\nOK\r\n\r\n+LMQTTOPEN: 0,0\r\n");
    assert_eq!(bench.pass(Duration::from_secs(2)), "", "there is no connection yet");
    assert_eq!(bench.write("AT+LMQTTCONN=0,\"id\"\r"), "\r\nOK\r\n\r\n+LMQTTCONN: 0,0,0\r\n");
    assert_eq!(bench.pass(Duration::from_millis(999)), "");
    assert!(bench.write("AT+LMQTTSUBUNSUB=0,0,1,\"t\",1\r").starts_with("\r\nOK\r\n"));
    assert_eq!(bench.pass(Duration::from_millis(999)), "");
    assert_eq!(bench.pass(Duration::from_millis(1)), message);
    assert!(bench.player.is_at_end());
}

#[test]
fn once_connected_what_the_file_has_is_held() {
    let mut bench =
        Bench::new(Strictness::Exact, "profile: lierda-nt26e", "@ connected\n> AT+LMQTTSUBUNSUB=0,0,1,\"t\",1\\r\n");
    bench.write("AT+LMQTTOPEN=0,\"h\",1883\r");
    bench.write("AT+LMQTTCONN=0,\"id\"\r");
    bench.write("AT+LMQTTSUBUNSUB=0,0,1,\"other\",1\r");
    assert_eq!(bench.mismatch().line, 4);
}

const DIALOGUE: &str = "> AT\\r\n< \\r\\nOK\\r\\n\n> ATE0\\r\n< \\r\\nOK\\r\n> AT+CMEE=1\\r\n< \\r\\nOK\\r\\n\n\
    > AT+LMQTTPUB=0,7,1,0,\"a b\",1,\"x\"\\r\n< \\r\\nOK\\r\\n\n~ 1s\n< \\r\\n+LMQTTPUB: 0,7,0\\r\\n\n";

#[test]
fn harmless_differences_are_accepted_where_that_is_asked_for() {
    let publish = "AT+LMQTTPUB=0,7,1,0,\"a b\",1,\"x\"\r";
    for before in [
        // As it is written.
        &["AT\r", "ATE0\r", "AT+CMEE=1\r"][..],
        // Another order, some more, some twice, none.
        &["ATE0\r", "AT\r", "AT+CMEE=1\r"],
        &["AT\r", "AT\r", "AT+CMEE?\r", "ATE0\r", "ATI\r", "AT+CMEE=1\r", "AT+CSQ\r", "AT+CFUN?\r"],
        &["AT+LMQTTCFG=\"keepalive\",0,60\r"],
        &["at\r\n", "AT + CMEE = 1\r\n"],
        &[],
    ] {
        let mut bench = Bench::tolerant(DIALOGUE);
        for line in before {
            let answer = bench.write(line);
            assert!(
                answer.ends_with("OK\r\n") || answer.ends_with("OK\r"),
                "{line:?}: {answer:?} {:?}",
                bench.player.mismatch()
            );
        }
        assert_eq!(bench.write(publish), "\r\nOK\r\n", "{before:?}: {:?}", bench.player.mismatch());
        // While an answer is on its way, too.
        assert_eq!(bench.write("AT\r"), "\r\nOK\r\n");
        assert_eq!(bench.pass(Duration::from_secs(1)), "\r\n+LMQTTPUB: 0,7,0\r\n");
        assert!(bench.player.is_at_end());

        // None of it, but for the first, is as it is written.
        let mut bench = Bench::exact(DIALOGUE);
        before.iter().for_each(|line| drop(bench.write(line)));
        bench.write(publish);
        assert_eq!(bench.player.mismatch().is_none(), before == ["AT\r", "ATE0\r", "AT+CMEE=1\r"], "{before:?}");
    }
}

#[test]
fn message_identifiers_are_the_hosts_own() {
    let steps = "> AT+LMQTTPUB=0,7,1,0,\"t\",2,\"\\?,\"\\r\n< \\r\\nOK\\r\\n\\r\\n+LMQTTPUB: 0,7,0\\r\\n\n\
        > AT+LMQTTSUBUNSUB=0,1,8,\"t\",0\\r\n< \\r\\nOK\\r\\n\\r\\n+LMQTTUNSUNSUB: 0,8,0\\r\\n\\r\\n+LMQTTPUB: 0,8,0\\r\\n\n";
    let mut bench = Bench::tolerant(steps);
    assert_eq!(bench.write("AT+LMQTTPUB=0,123,1,0,\"t\",2,\"z,\"\r"), "\r\nOK\r\n\r\n+LMQTTPUB: 0,123,0\r\n");
    let answer = bench.write("AT+LMQTTSUBUNSUB=0,1,4,\"t\",0\r");
    assert_eq!(answer, "\r\nOK\r\n\r\n+LMQTTUNSUNSUB: 0,4,0\r\n\r\n+LMQTTPUB: 0,8,0\r\n");
    // What is hidden may have quotes and blanks in it, which are no quotes and blanks of the command.
    let mut bench = Bench::tolerant("> AT+LMQTTPUB=0,7,1,0,\"t\",4,\"\\?\\?\\?\\?\"\\r\n< OK\\r\\n\n");
    assert_eq!(bench.write("AT+LMQTTPUB=0,7,1,0,\"t\",4,\"a\" b\"\r"), "OK\r\n");
    let mut bench = Bench::exact(steps);
    bench.write("AT+LMQTTPUB=0,123,1,0,\"t\",2,\"z,\"\r");
    assert_eq!(bench.mismatch().line, 3);
}

#[test]
fn other_differences_are_told_however_tolerant_it_is() {
    for line in [
        "AT+LMQTTPUB=0,7,1,0,\"a b\",1,\"y\"\r",
        "AT+LMQTTPUB=0,7,1,0,\"ab\",1,\"x\"\r",
        "AT+LMQTTPUB=0,7,2,0,\"a b\",1,\"x\"\r",
        "AT+CFUN=0\r",
        "AT+LMQTTCFG=\"recv/mode\",0,0,0\r",
        "AT;+CFUN=0\r",
        "hello\r",
    ] {
        let mut bench = Bench::tolerant(DIALOGUE);
        assert_eq!(bench.write(line), "");
        assert_eq!(bench.mismatch().line, 3, "{line}");
    }
}

/// What the transcript has to say goes before what any module would say.
#[test]
fn a_question_that_comes_early_has_the_answer_of_the_file() {
    let mut bench = Bench::tolerant("> AT\\r\n< OK\\r\\n\n> AT+CSQ\\r\n< +CSQ: 7,7\\r\\nOK\\r\\n\n> AT+CFUN=1\\r\n");
    assert_eq!(bench.write("AT+CSQ\r"), "+CSQ: 7,7\r\nOK\r\n");
    assert_eq!(bench.write("AT\r"), "\r\nOK\r\n");
    bench.write("AT+CFUN=1\r");
    assert!(bench.player.is_at_end());
}

/// What the module says by itself is not passed over with the command that it stands behind.
#[test]
fn a_command_is_not_passed_over_with_more_than_its_answer() {
    let mut bench = Bench::tolerant("> AT+CSQ\\r\n< +CSQ: 1,1\\r\\nOK\\r\\n\\r\\n+CSCON: 1\\r\\n\n> AT+CFUN=1\\r\n");
    bench.write("AT+CFUN=1\r");
    assert_eq!(bench.mismatch().line, 3);
}

#[test]
fn echo_is_on_where_the_host_asks_for_it() {
    let mut bench = Bench::tolerant("> AT+CFUN=1\\r\n< \\r\\nOK\\r\\n\n> AT+CFUN=0\\r\n< \\r\\nOK\\r\\n\n");
    assert_eq!(bench.write("AT+CFUN=1\r"), "\r\nOK\r\n");
    bench.write("ATE1\r");
    assert_eq!(bench.write("AT+CFUN=0\r"), "AT+CFUN=0\r\r\nOK\r\n");
}

#[tokio::test]
async fn it_ends_when_the_host_has_closed_the_line() {
    let transcript = Transcript::parse("begins: unattached\n\n> AT\\r\n~ 1ms\n< OK\\r\\n\n").unwrap();
    for (written, ended) in [("AT\r", Ok(())), ("AT", Err(3)), ("ATI", Err(3))] {
        let mut pty = Pty::open(None, None).unwrap().until_host_closes();
        let path = pty.path().to_owned();
        let mut player = Player::new(&transcript, Strictness::Exact);
        let host = async {
            let mut host = tokio::fs::OpenOptions::new().read(true).write(true).open(path).await.unwrap();
            host.write_all(written.as_bytes()).await.unwrap();
            host.flush().await.unwrap();
            if ended.is_ok() {
                let mut answer = [0; 4];
                host.read_exact(&mut answer).await.unwrap();
                assert_eq!(&answer, b"OK\r\n");
            }
        };
        let (found, ()) = tokio::join!(play(&mut player, &mut pty), host);
        assert_eq!(found.map_err(|mismatch| mismatch.line), ended, "{written:?}");
    }
}
