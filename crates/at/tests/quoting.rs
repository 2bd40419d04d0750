//! What is put into a command can be read back out of its line by somebody who only knows V.250: one command, its arguments
//! separated by commas, strings between quotes. Nothing of this crate is used to read it back.

use atmqtt_at::{
    Channel, ChannelOptions, Command, Expected, InlineData, Reader, ReaderLimits, Secret, Text, Time, Token,
};
use proptest::prelude::*;

/// The commands of a line and the arguments of each, as V.250, 5.2 to 5.4, has a module read them.
fn split(line: &[u8]) -> Vec<(String, Vec<Argument>)> {
    let body = line.strip_prefix(b"AT").and_then(|rest| rest.strip_suffix(b"\r")).expect("AT and a carriage return");
    let mut commands = Vec::new();
    let (mut name, mut arguments) = (String::new(), Vec::new());
    let mut in_quotes = false;
    let mut in_name = true;
    for byte in body {
        match byte {
            b'\r' => panic!("a second command line"),
            b'"' => {
                in_quotes = !in_quotes;
                if in_quotes {
                    let last: &mut Argument = arguments.last_mut().expect("an argument");
                    assert_eq!(*last, Argument::default(), "quotes in the middle of an argument");
                    last.quoted = true;
                }
            }
            b',' if !in_quotes => arguments.push(Argument::default()),
            b';' if !in_quotes => {
                commands.push((std::mem::take(&mut name), std::mem::take(&mut arguments)));
                in_name = true;
            }
            b'=' if in_name => {
                in_name = false;
                arguments.push(Argument::default());
            }
            _ if in_name => name.push(char::from(*byte)),
            _ => {
                let last = arguments.last_mut().expect("an argument");
                assert!(in_quotes || !last.quoted, "text behind the quotes");
                last.bytes.push(*byte);
            }
        }
    }
    assert!(!in_quotes, "quotes are open at the end of the line");
    commands.push((name, arguments));
    commands
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Argument {
    quoted: bool,
    bytes: Vec<u8>,
}

/// What an argument is made from.
#[derive(Debug, Clone)]
enum Given {
    Number(i64),
    Text(String),
    Secret(String),
    Key,
}

fn given() -> impl Strategy<Value = Given> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "\"",
            "\r",
            "\n",
            "\0",
            "\x1a",
            "\x1b",
            ",",
            ";",
            "=",
            "?",
            "\\",
            "AT+CFUN=0",
            " ",
            "温度"
        ])
        .prop_map(str::to_owned),
        any::<char>().prop_map(String::from),
        prop::collection::vec(prop::char::range(' ', '~'), 0..6).prop_map(String::from_iter),
    ];
    let string = (prop::collection::vec(piece, 0..6), any::<bool>()).prop_map(|(pieces, keep)| {
        let string = pieces.concat();
        if keep { string } else { string.replace(|character: char| character == '"' || character.is_control(), "") }
    });
    prop_oneof![
        any::<i64>().prop_map(Given::Number),
        string.clone().prop_map(Given::Text),
        string.prop_map(Given::Secret),
        Just(Given::Key),
    ]
}

/// What is written when this command is submitted.
fn written(command: &Command<()>) -> Vec<u8> {
    let mut channel = Channel::new(ChannelOptions::default());
    channel.submit(Time::ZERO, command.exchange().clone()).expect("the line is free");
    channel.transmit().to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arguments_are_read_back_as_they_were_put_in(given in prop::collection::vec(given(), 1..6)) {
        let mut builder = Command::set("+NAME");
        let mut expected = Vec::new();
        for given in &given {
            let (quoted, bytes) = match given {
                Given::Number(number) => {
                    builder = builder.int(*number);
                    (false, number.to_string())
                }
                Given::Text(string) => {
                    let Ok(text) = Text::new(string.as_str()) else { continue };
                    builder = builder.text(&text);
                    (true, string.clone())
                }
                Given::Secret(string) => {
                    let Ok(secret) = Secret::new(string.as_str()) else { continue };
                    builder = builder.secret(&secret);
                    (true, string.clone())
                }
                Given::Key => {
                    builder = builder.key("key");
                    (true, "key".to_owned())
                }
            };
            expected.push(Argument { quoted, bytes: bytes.into_bytes() });
        }
        let command = builder.done();
        if expected.is_empty() {
            // Everything was refused.
            expected.push(Argument::default());
        }
        prop_assert_eq!(split(&written(&command)), vec![("+NAME".to_owned(), expected)]);
    }

    #[test]
    fn no_secret_is_shown(secret in "[a-z]{8,20}", text in "[A-Z,;]{0,8}") {
        let (hidden, shown) = (Secret::new(secret.as_str()).unwrap(), Text::new(text.as_str()).unwrap());
        let command = Command::set("+NAME").text(&shown).secret(&hidden).secret(&hidden).int(7).done();
        let expected = format!("AT+NAME=\"{text}\",\"***\",\"***\",7");
        prop_assert_eq!(command.exchange().redacted(), expected.into_bytes());
        let debug = format!("{command:?} {hidden:?}");
        prop_assert!(!debug.contains(&secret));
    }

    #[test]
    fn data_in_a_line_end_neither_line_nor_data(bytes in prop::collection::vec(any::<u8>(), 0..12)) {
        let ends_something = bytes.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0 | 0x1a | 0x1b));
        match InlineData::new(&bytes) {
            None => prop_assert!(ends_something),
            Some(data) => {
                prop_assert!(!ends_something);
                let expected = [b"AT+NAME=7,\"", bytes.as_slice(), b"\"\r"].concat();
                prop_assert_eq!(written(&Command::set("+NAME").int(7).inline(data).done()), expected);
            }
        }
    }

    /// Without bodies and prompts every byte is in one line, or in the line end behind it.
    #[test]
    fn every_byte_is_in_one_line(
        bytes in prop::collection::vec(prop::sample::select(b"\r\nab> ,\"\0\xff".to_vec()), 0..64),
    ) {
        let mut reader = Reader::new(ReaderLimits::default());
        reader.push(&bytes);
        let mut at = 0;
        while let Some(token) = reader.next(Expected::default()) {
            let Token::Line { line, began } = token else { panic!("{token:?}") };
            let began = usize::try_from(began).unwrap();
            prop_assert!(bytes[at..began].iter().all(|byte| matches!(byte, b'\r' | b'\n')));
            prop_assert_eq!(&bytes[began..began + line.text.len()], line.text);
            let behind = &bytes[began + line.text.len()..];
            at = began + line.text.len() + behind.iter().take_while(|byte| **byte == b'\r').count() + 1;
            prop_assert_eq!(bytes[at - 1], b'\n');
        }
        let held = bytes[at..].iter().skip_while(|byte| matches!(byte, b'\r' | b'\n'));
        prop_assert!(!held.clone().any(|byte| *byte == b'\n'), "a whole line was not given out");
    }
}
