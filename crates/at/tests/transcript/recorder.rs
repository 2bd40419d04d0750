//! What a recording shows, and what it hides.

use std::time::Duration;

use atmqtt_at::Time;
use atmqtt_at::transcript::{Privacy, Recorder, Side, Step, Transcript};
use proptest::collection::vec;
use proptest::prelude::*;

const PASSWORD: &str = "c4n4ry-p4ssw0rd";
const IMEI: &str = "861326070275653";

fn record(pieces: &[(u64, Side, &str)]) -> String {
    let mut recorder = Recorder::new(Privacy::Redacted);
    for (time, side, bytes) in pieces {
        recorder.record(Time::ZERO + Duration::from_millis(*time), *side, bytes.as_bytes());
    }
    recorder.finish();
    recorder.take()
}

#[test]
fn a_recording_has_bytes_pieces_and_times() {
    let text = record(&[
        (5, Side::Host, "AT"),
        (7, Side::Host, "\r"),
        (19, Side::Module, "\r\nO"),
        (19, Side::Module, "K\r\n"),
        (2269, Side::Host, "ATI\r"),
    ]);
    assert_eq!(text, "> AT\\r\n~ 12ms\n< \\r\\nO\n< K\\r\\n\n~ 2.250s\n> ATI\\r\n");
}

#[test]
fn lines_are_given_out_as_soon_as_they_are_complete() {
    let mut recorder = Recorder::new(Privacy::Redacted);
    let mut after = |side, bytes: &str| {
        recorder.record(Time::ZERO, side, bytes.as_bytes());
        recorder.take()
    };
    assert_eq!(after(Side::Host, "AT+X"), "");
    assert_eq!(after(Side::Host, "=1\r"), "> AT+X=1\\r\n");
    assert_eq!(after(Side::Module, "\r\n> "), "< \\r\\n>\\x20\n");
    // Data have no end of their own.
    assert_eq!(after(Side::Host, "hello"), "");
    assert_eq!(after(Side::Module, "\r\nOK\r\n"), "> hello\n< \\r\\nOK\\r\\n\n");
    assert_eq!(after(Side::Module, "half"), "");
    recorder.finish();
    assert_eq!(recorder.take(), "< half\n");
}

#[test]
fn what_is_uploaded_is_hidden_to_the_byte() {
    let key = "-----BEGIN PRIVATE KEY-----\r\nc4n4ry\r\n-----END PRIVATE KEY-----\r\n";
    for (command, prompt, data, behind) in [
        (
            format!("AT+QFUPL=\"k.pem\",{},60\r", key.len()),
            "\r\nCONNECT\r\n",
            key.to_owned(),
            "\r\n+QFUPL: 4,1\r\n\r\nOK\r\n",
        ),
        (format!("AT+CCERTDOWN=\"k.pem\",{}\r", key.len()), "\r\n>", key.to_owned(), "\r\nOK\r\n"),
        ("AT+QSSLCFG=0,0,\"clientkey\"\r".to_owned(), "\r\n> ", format!("{key}\x1a"), "\r\nOK\r\n"),
    ] {
        for (first, second) in [data.split_at(0), data.split_at(1), data.split_at(30), data.split_at(data.len() - 1)] {
            let text = record(&[
                (0, Side::Host, &command),
                (1, Side::Module, prompt),
                (2, Side::Host, first),
                (2, Side::Host, second),
                (3, Side::Module, behind),
                (4, Side::Host, "AT+CSQ\r"),
            ]);
            assert!(!text.contains("c4n4ry") && !text.contains("BEGIN"), "{text}");
            assert!(text.contains("> AT+CSQ\\r"), "{text}");
        }
        let refused =
            record(&[(0, Side::Host, &command), (1, Side::Module, "\r\nERROR\r\n"), (2, Side::Host, "AT+CSQ\r")]);
        assert!(refused.contains("> AT+CSQ\\r"), "{refused}");
    }
}

/// A line that never ends does not fill the memory.
#[test]
fn what_waits_is_bounded() {
    let mut recorder = Recorder::new(Privacy::Redacted);
    for _ in 0..300 {
        recorder.record(Time::ZERO, Side::Module, &[b'x'; 1024]);
    }
    assert!(recorder.take().len() > 1024);
}

#[test]
fn secrets_are_hidden_by_the_grammar_of_their_commands() {
    for (command, shown) in [
        ("AT+LMQTTCONN=0,\"id\",\"user\",\"{}\"", "AT+LMQTTCONN=0,\"id\",\"user\",\"\\*\""),
        ("at+lmqttconn = 0, \"a,b\", \"user\", \"{}\"", "at+lmqttconn = 0, \"a,b\", \"user\", \"\\*\""),
        ("AT+LMQTTCFG=\"aliauth\",0,\"pk\",\"dn\",\"{}\"", "AT+LMQTTCFG=\"aliauth\",0,\"pk\",\"dn\",\"\\*\""),
        ("AT+LMQTTCFG=aliauth,0,pk,dn,{}", "AT+LMQTTCFG=aliauth,0,pk,dn,\\*"),
        ("AT+CPIN=\"{}\"", "AT+CPIN=\"\\*\""),
        ("AT+CPIN={}", "AT+CPIN=\\*"),
        ("AT+CMEE=1;+CPIN=\"{}\";+CSQ", "AT+CMEE=1;+CPIN=\"\\*\";+CSQ"),
        ("AT+CLCK=\"SC\",1,\"{}\"", "AT+CLCK=\"SC\",1,\"\\*\""),
        ("AT+CPWD=\"SC\",\"{}\",\"1\"", "AT+CPWD=\"SC\",\"\\*\",\"\\*\""),
        ("AT+CGAUTH=1,1,\"user\",\"{}\"", "AT+CGAUTH=1,1,\"user\",\"\\*\""),
        ("AT+QMTCONN=0,\"id\",\"user\",\"{}\"", "AT+QMTCONN=0,\"id\",\"user\",\"\\*\""),
        ("junk AT+ECMTCONN=0,\"id\",\"user\",\"{}\"", "junk AT+ECMTCONN=0,\"id\",\"user\",\"\\*\""),
        ("AT+SMCONF=\"PASSWORD\",\"{}\"", "AT+SMCONF=\"PASSWORD\",\"\\*\""),
    ] {
        // Three characters are enough: the grammar needs not know them.
        for secret in [PASSWORD, "4ab"] {
            let line = format!("{}\r", command.replace("{}", secret));
            let text = record(&[(0, Side::Host, &line), (0, Side::Module, &format!("{line}\r\nOK\r\n"))]);
            assert_eq!(text, format!("> {shown}\\r\n< {shown}\\r\\r\\nOK\\r\\n\n"), "{command}");
        }
    }
    // What is no secret is shown.
    for line in ["+LMQTTCFG: \"keepalive\",0,120", "+CPIN: READY", "AT+LMQTTCONN?", "AT+CPIN?", "+LMQTTCONN: 0,0,0"] {
        assert_eq!(record(&[(0, Side::Module, &format!("{line}\r\n"))]), format!("< {line}\\r\\n\n"));
    }
}

#[test]
fn a_module_that_reports_its_settings_gives_no_secret_away() {
    let text = record(&[(0, Side::Module, &format!("+LMQTTCFG: \"aliauth\",0,\"pk\",\"dn\",\"{PASSWORD}\"\r\n"))]);
    assert_eq!(text, "< +LMQTTCFG: \"aliauth\",0,\"pk\",\"dn\",\"\\(\\?*15)\"\\r\\n\n");
}

#[test]
fn a_secret_is_hidden_wherever_it_comes_back() {
    let text = record(&[
        (0, Side::Host, &format!("AT+LMQTTCONN=0,\"id\",\"user\",\"{PASSWORD}\"\r")),
        (0, Side::Module, "\r\nOK\r\n\r\n+LMQTTCONN: 0,0,0\r\n"),
        (0, Side::Host, &format!("AT+LMQTTPUB=0,1,1,0,\"t\",17,\"<{PASSWORD}>\"\r")),
        (0, Side::Module, "\r\nOK\r\n"),
        (0, Side::Host, "AT+LMQTTPUB=0,2,1,0,\"t\",17\r"),
        (0, Side::Module, "\r\n> "),
        (0, Side::Host, &format!("<{PASSWORD}>")),
        (0, Side::Module, &format!("\r\nOK\r\n\r\n+LMQTTURC: RECV,0,1,\"t\",17,<{PASSWORD}>\r\n")),
    ]);
    assert!(!text.contains(PASSWORD), "{text}");
    // Where bytes are counted their number is kept.
    for line in [
        "> AT+LMQTTPUB=0,1,1,0,\"t\",17,\"<\\(\\?*15)>\"\\r\n",
        "> <\\(\\?*15)>\n",
        "+LMQTTURC: RECV,0,1,\"t\",17,<\\(\\?*15)>\\r\\n\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn a_secret_that_comes_back_in_pieces_is_hidden() {
    let command = format!("AT+LMQTTCONN=0,\"id\",\"user\",\"{PASSWORD}\"\r");
    // Two reads, and the echo as a whole is still there.
    let (front, back) = command.split_at(command.len() - 8);
    let text = record(&[
        (0, Side::Host, front),
        (1, Side::Host, back),
        (2, Side::Module, front),
        (3, Side::Module, &format!("{back}\r\nOK\r\n")),
    ]);
    let shown = "AT+LMQTTCONN=0,\"id\",\"user\",\"\\*";
    assert_eq!(text, format!("> {shown}\"\\r\n~ 1ms\n< {shown}\n~ 1ms\n< \"\\r\\r\\nOK\\r\\n\n"));

    // An unsolicited line in the middle of the echo; and again in what is left.
    let text = record(&[
        (0, Side::Host, &command),
        (0, Side::Module, &format!("{front}\r\n+CSCON: 1\r\n{}\r\n+CSCON: 0\r\n{}\r\nOK\r\n", &back[..3], &back[3..])),
    ]);
    for left in [&PASSWORD[..8], &back[..3], &back[3..6]] {
        assert!(!text.contains(left), "{left} in {text}");
    }

    // A host that is typed at, and sees each letter come back before the next one.
    let letters: Vec<String> = command.chars().map(String::from).collect();
    let typed: Vec<_> =
        letters.iter().flat_map(|letter| [(0, Side::Host, &**letter), (0, Side::Module, letter)]).collect();
    let text = record(&typed);
    assert_eq!(text.matches("\\?\n").count(), 2 * PASSWORD.len(), "{text}");
}

/// Whatever stands in front of a command, and whatever the module says while it is written.
#[test]
fn a_command_that_is_interrupted_gives_nothing_away() {
    for wake in ["", "\u{1b}", "  ", "+++", "\0\0"] {
        let text = record(&[
            (0, Side::Module, if wake.is_empty() { "> " } else { "" }),
            (0, Side::Host, &format!("{wake}AT+LMQTTCONN=0,\"id\",\"us")),
            (0, Side::Module, "\r\n+CSCON: 1\r\n"),
            (0, Side::Host, &format!("er\",\"{}", &PASSWORD[..7])),
            (0, Side::Module, "\r\n+CSCON: 0\r\n"),
            (0, Side::Host, &format!("{}\"\r", &PASSWORD[7..])),
            (0, Side::Module, "\r\nOK\r\n"),
        ]);
        for part in [&PASSWORD[..7], &PASSWORD[7..]] {
            assert!(!text.contains(part), "{wake:?}: {text}");
        }
        assert!(Transcript::parse(format!("title: x\n\n{text}")).is_ok(), "{text}");
    }
}

/// A module that has fallen silent in the middle of a line is asked again: two commands are two steps.
#[test]
fn commands_stay_apart_while_the_line_of_the_module_has_not_ended() {
    let text = record(&[(0, Side::Module, "+CS"), (9, Side::Host, "AT\r"), (3009, Side::Host, "ATI\r")]);
    assert_eq!(text, "< +CS\n~ 9ms\n> AT\\r\n~ 3s\n> ATI\\r\n");
}

#[test]
fn identities_are_made_up_the_same_for_the_same() {
    let text = record(&[
        (0, Side::Host, "AT+CGSN=1;+CIMI;+LCCID\r"),
        (
            0,
            Side::Module,
            &format!("\r\n+CGSN: {IMEI}\r\n001010123456789\r\n+LCCID: 8900101234567890123F\r\n+X: 12345678901234\r\n"),
        ),
        (0, Side::Host, &format!("AT+LMQTTCONN=0,\"{IMEI}\"\r")),
        (0, Side::Module, &format!("+LMQTTURC: RECV,0,0,\"dev/{IMEI}/x\",15,{}\r\n", &IMEI)),
    ]);
    assert_eq!(
        text,
        "> AT+CGSN=1;+CIMI;+LCCID\\r\n\
         < \\r\\n+CGSN: 000000000000001\\r\\n000000000000002\\r\\n+LCCID: 0000000000000000003F\\r\\n+X: 12345678901234\\r\\n\n\
         > AT+LMQTTCONN=0,\"000000000000001\"\\r\n\
         < +LMQTTURC: RECV,0,0,\"dev/000000000000001/x\",15,000000000000001\\r\\n\n"
    );
}

/// A PIN of four digits is in many a number.
#[test]
fn an_identity_with_a_secret_in_it_is_made_up_as_a_whole() {
    let text = record(&[(0, Side::Host, "AT+CPIN=1234\r"), (0, Side::Module, "001010123456789\r\n+X: 12345\r\n")]);
    assert_eq!(text, "> AT+CPIN=\\*\\r\n< 000000000000001\\r\\n+X: \\(\\?*4)5\\r\\n\n");
}

#[test]
fn a_raw_recording_shows_everything_at_once() {
    let mut recorder = Recorder::new(Privacy::Raw);
    recorder.record(Time::ZERO, Side::Host, b"AT+CPIN=\"47");
    assert_eq!(recorder.take(), "> AT+CPIN=\"47\n");
    recorder.record(Time::ZERO, Side::Module, IMEI.as_bytes());
    assert_eq!(recorder.take(), format!("< {IMEI}\n"));
}

fn session() -> [(Side, String); 8] {
    let sign_in = format!("AT+LMQTTCONN=0,\"{IMEI}\",\"user\",\"{PASSWORD}\"\r");
    let publish = format!("AT+LMQTTPUB=0,1,1,0,\"{IMEI}\",15,\"{PASSWORD}\"\r");
    [
        (Side::Host, sign_in.clone()),
        (Side::Module, format!("{sign_in}\r\nOK\r\n\r\n+LMQTTCONN: 0,0,0\r\n")),
        (Side::Host, publish.clone()),
        (Side::Module, format!("{publish}\r\nOK\r\n\r\n+LMQTTPUB: 0,1,0\r\n")),
        (Side::Host, "AT+LMQTTPUB=0,2,1,0,\"t\",15\r".to_owned()),
        (Side::Module, "\r\n> ".to_owned()),
        (Side::Host, PASSWORD.to_owned()),
        (Side::Module, format!("\r\nOK\r\n+LMQTTURC: RECV,0,1,\"t\",15,{PASSWORD}\r\n")),
    ]
}

proptest! {
    /// Nothing secret is in a recording, however the port splits it, and it stands for the very bytes that went over the line.
    #[test]
    fn however_it_is_split_nothing_is_given_away(cuts in vec(1_usize..24, 400)) {
        let mut recorder = Recorder::new(Privacy::Redacted);
        let mut cuts = cuts.into_iter();
        for (side, bytes) in session() {
            let mut rest = bytes.as_bytes();
            while !rest.is_empty() {
                let (piece, behind) = rest.split_at(cuts.next().unwrap_or(24).min(rest.len()));
                recorder.record(Time::ZERO, side, piece);
                rest = behind;
            }
        }
        recorder.finish();
        let text = recorder.take();
        for window in PASSWORD.as_bytes().windows(4).chain(IMEI.as_bytes().windows(6)) {
            prop_assert!(!text.contains(std::str::from_utf8(window).unwrap()), "{text}");
        }
        let read = Transcript::parse(format!("title: x\n\n{text}")).unwrap();
        let all = |ours: Side| {
            read.steps.iter().filter_map(|(_, step)| match (ours, step) {
                (Side::Host, Step::Host(bytes)) | (Side::Module, Step::Module(bytes)) => Some(bytes.fill([PASSWORD.as_bytes()])),
                _ => None,
            }).flatten().collect::<Vec<u8>>()
        };
        for side in [Side::Host, Side::Module] {
            let went: String = session().into_iter().filter(|(of, _)| *of == side).map(|(_, bytes)| bytes).collect();
            let went = went.replace(IMEI, "000000000000001");
            prop_assert_eq!(all(side).len(), went.len());
            let stars = String::from_utf8(all(side)).unwrap().replace(PASSWORD, &"*".repeat(PASSWORD.len()));
            prop_assert_eq!(stars, went.replace(PASSWORD, &"*".repeat(PASSWORD.len())));
        }
    }
}

#[test]
fn a_secret_that_a_message_brings_is_hidden_then_and_later() {
    let given = "0123456789abcdef";
    for line in [
        format!("\r\n+QMTRECV: 0,0,\"/ext/register\",\"{{\"deviceName\":\"d\",\"deviceSecret\":\"{given}\"}}\"\r\n"),
        format!("\r\n+CMQTTRXPAYLOAD: 0,34\r\n{{\"deviceToken\": \"{given}\"}}\r\n"),
    ] {
        for cut in 1..line.len() {
            let (first, second) = line.split_at(cut);
            let text = record(&[
                (0, Side::Module, first),
                (3, Side::Module, second),
                (9, Side::Host, "AT+QMTCONN=0,\"c\",\"u\",\""),
                (9, Side::Host, given),
                (9, Side::Host, "\"\r"),
            ]);
            assert!(!text.contains(&given[..4]) && !text.contains(&given[12..]), "{text}");
        }
    }
}
