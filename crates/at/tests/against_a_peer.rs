//! Seven things that a line does, at every split of the bytes: what this channel makes of them, and what `atat` does, the
//! nearest relative.
//!
//! The peer's side is a fact about one version of it, kept here so that the difference is seen and not claimed. It is given
//! the same bytes in the same pieces, with the digester and the derived parser of unsolicited lines that its users write.

use std::collections::BTreeSet;

use atat::digest::ParseError;
use atat::{AtDigester, DigestResult, Digester, Parser, digest::parser};
use atmqtt_at::{BodyPlace, BodyRule, Channel, ChannelOptions, Command, CommandBuilder, Event, Time};

/// What a line does, and what is to be made of it.
struct Row {
    what: &'static str,
    command: fn() -> CommandBuilder,
    bytes: &'static [u8],
    expected: &'static [&'static str],
    /// Whether the peer is right at every split, at some, or at none.
    peer: Peer,
}

#[derive(Debug, PartialEq, Eq)]
enum Peer {
    RightAtSomeSplits,
    Wrong,
}

const ROWS: &[Row] = &[
    Row {
        what: "an unsolicited line between an answer and its OK",
        command: || Command::execute("+CSQ").information("+CSQ"),
        bytes: b"\r\n+CSQ: 17,99\r\n\r\n+QMTRECV: 0,0,\"t\",2,hi\r\n\r\nOK\r\n",
        expected: &["unsolicited +QMTRECV: 0,0,\"t\",2,|hi", "answer +CSQ: 17,99"],
        peer: Peer::Wrong,
    },
    Row {
        what: "an answer of the name of an unsolicited line",
        command: || Command::read("+CEREG"),
        bytes: b"\r\n+CEREG: 0,1\r\n\r\nOK\r\n",
        expected: &["answer +CEREG: 0,1"],
        peer: Peer::Wrong,
    },
    Row {
        what: "a prompt sign inside an answer",
        command: || Command::read("+COPS"),
        bytes: b"\r\n+COPS: 0,0,\"a>b\",7\r\n\r\nOK\r\n",
        expected: &["answer +COPS: 0,0,\"a>b\",7"],
        peer: Peer::RightAtSomeSplits,
    },
    Row {
        what: "the other prompt sign inside an answer",
        command: || Command::read("+QMTCFG"),
        bytes: b"\r\n+QMTCFG: \"a@b\"\r\n\r\nOK\r\n",
        expected: &["answer +QMTCFG: \"a@b\""],
        peer: Peer::RightAtSomeSplits,
    },
    Row {
        what: "a payload that looks like protocol",
        command: || Command::execute("+CSQ").information("+CSQ"),
        bytes: b"\r\n+QMTRECV: 0,0,\"t\",16,line1\r\nOK\r\nline3\r\n\r\n+CSQ: 17,99\r\n\r\nOK\r\n",
        expected: &["unsolicited +QMTRECV: 0,0,\"t\",16,|line1\\r\\nOK\\r\\nline3", "answer +CSQ: 17,99"],
        peer: Peer::Wrong,
    },
    Row {
        what: "a result behind OK",
        command: || Command::execute("+CMQTTSTART").result(&["+CMQTTSTART"], &[]),
        bytes: b"\r\nOK\r\n\r\n+CMQTTSTART: 0\r\n",
        expected: &["result +CMQTTSTART: 0"],
        peer: Peer::Wrong,
    },
    Row {
        what: "an unknown unsolicited line before a known one",
        command: || Command::execute("+CSQ").information("+CSQ"),
        bytes: b"\r\n+FOO: 1\r\n\r\n+QMTRECV: 0,0,\"t\",2,hi\r\n\r\n+CSQ: 17,99\r\n\r\nOK\r\n",
        expected: &["unsolicited +FOO: 1", "unsolicited +QMTRECV: 0,0,\"t\",2,|hi", "answer +CSQ: 17,99"],
        peer: Peer::Wrong,
    },
];

#[test]
fn this_channel_is_right_in_every_row_at_every_split() {
    for row in ROWS {
        for split in 0..=row.bytes.len() {
            assert_eq!(ours(row, split), row.expected, "{}, split at {split}", row.what);
        }
    }
}

#[test]
fn the_peer_is_as_it_is_said_to_be() {
    for row in ROWS {
        // The peer knows no counted bodies: for it, a message is one line.
        let expected: Vec<String> = row.expected.iter().map(|expected| expected.replace('|', "")).collect();
        let right = |split: &usize| theirs(row.bytes, *split) == expected;
        let right: BTreeSet<usize> = (0..=row.bytes.len()).filter(right).collect();
        let found = if right.is_empty() { Peer::Wrong } else { Peer::RightAtSomeSplits };
        assert!(right.len() <= row.bytes.len(), "{}: the peer is right at every split now", row.what);
        assert_eq!(found, row.peer, "{}: right at {right:?}; whole: {:?}", row.what, theirs(row.bytes, 0));
    }
}

/// What this crate makes of a row's bytes in two pieces.
fn ours(row: &Row, split: usize) -> Vec<String> {
    const BODIES: &[BodyRule] = &[BodyRule { prefix: "+QMTRECV: ", fields: 3, place: BodyPlace::SameLine }];
    let mut channel = Channel::new(ChannelOptions::default());
    channel.expect_bodies(BODIES);
    channel.submit(Time::ZERO, (row.command)().done().exchange().clone()).expect("the line is free");
    channel.transmitted(Time::ZERO, channel.transmit().len());
    channel.receive(Time::ZERO, &row.bytes[..split]);
    channel.receive(Time::ZERO, &row.bytes[split..]);
    let mut seen = Vec::new();
    while let Some(event) = channel.poll() {
        match event {
            Event::Done(Ok(answer)) => {
                seen.extend(answer.lines().iter().map(|line| format!("answer {}", line.text.escape_ascii())));
                if let Ok(fields) = answer.result() {
                    let rest = fields.remainder().unwrap_or_default();
                    seen.push(format!("result +CMQTTSTART: {}", rest.escape_ascii()));
                }
            }
            Event::Unsolicited(line) => {
                let body = line.body.map(|body| format!("|{}", body.escape_ascii())).unwrap_or_default();
                seen.push(format!("unsolicited {}{body}", line.text.escape_ascii()));
            }
            other => seen.push(format!("{other:?}")),
        }
    }
    seen.into_iter().map(|seen| seen.replace("\\\"", "\"")).collect()
}

/// The unsolicited lines that the peer's user has registered, found as its derive macro finds them.
struct Registered;

impl Parser for Registered {
    fn parse(buffer: &[u8]) -> Result<(&[u8], usize), ParseError> {
        for name in [&b"+QMTRECV"[..], b"+CEREG"] {
            let found = parser::try_urc(parser::urc_helper::<_, atat::nom::error::Error<&[u8]>>(name), buffer);
            if let Some(found) = found {
                return found;
            }
        }
        Err(ParseError::NoMatch)
    }
}

/// What the peer makes of the bytes in two pieces.
fn theirs(bytes: &[u8], split: usize) -> Vec<String> {
    let mut digester = AtDigester::<Registered>::new();
    let mut buffer = Vec::new();
    let mut seen = Vec::new();
    for piece in [&bytes[..split], &bytes[split..]] {
        buffer.extend_from_slice(piece);
        loop {
            let (result, consumed) = digester.digest(&buffer);
            let done = consumed == 0 || buffer.is_empty();
            match result {
                DigestResult::Urc(line) => seen.push(format!("unsolicited {}", line.escape_ascii())),
                DigestResult::Response(Ok(text)) => seen.push(format!("answer {}", text.escape_ascii())),
                DigestResult::Response(Err(fault)) => seen.push(format!("{fault:?}")),
                DigestResult::Prompt(sign) => seen.push(format!("prompt {}", char::from(sign))),
                DigestResult::None => {
                    buffer.drain(..consumed);
                    break;
                }
            }
            buffer.drain(..consumed);
            if done {
                break;
            }
        }
    }
    seen.into_iter().map(|seen| seen.replace("\\\"", "\"")).collect()
}
