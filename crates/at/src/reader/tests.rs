use super::*;
use crate::shown::Shown;

const RECEIVED: &[BodyRule] = &[
    BodyRule { prefix: "+LMQTTURC: RECV,", fields: 3, place: BodyPlace::SameLine },
    BodyRule { prefix: "+CMQTTRXPAYLOAD: ", fields: 1, place: BodyPlace::NextLine },
    BodyRule { prefix: "+QIRD: ", fields: 0, place: BodyPlace::NextLine },
];

const PROMPT: Expected<'_> = Expected { from: 0, echo: &[], prompt: Some(">") };

/// Everything a reader gives for `bytes` in pieces of `piece` bytes, as text: one token an item.
fn read_in_pieces(bytes: &[u8], piece: usize, prompt: bool) -> Vec<String> {
    let mut reader = Reader::new(ReaderLimits { line: 64, body: 100 });
    reader.expect_bodies(RECEIVED);
    let mut tokens = Vec::new();
    for piece in bytes.chunks(piece) {
        reader.push(piece);
        while let Some(token) = reader.next(if prompt { PROMPT } else { Expected::default() }) {
            tokens.push(match token {
                Token::Line { line: LineRef { text, body: Some(body) }, .. } => {
                    format!("{}|{}", Shown(text), Shown(body))
                }
                Token::Line { line, .. } => Shown(line.text).to_string(),
                Token::Prompt => "PROMPT".to_owned(),
                Token::Fault(fault) => format!("{fault:?}"),
            });
        }
    }
    tokens
}

/// The tokens of `bytes`, after checking that no split changes them.
fn read(bytes: &[u8], prompt: bool) -> Vec<String> {
    let whole = read_in_pieces(bytes, bytes.len().max(1), prompt);
    for piece in 1..bytes.len() {
        assert_eq!(read_in_pieces(bytes, piece, prompt), whole, "in pieces of {piece}");
    }
    whole
}

#[test]
fn lines_end_in_any_way_that_modems_use() {
    for bytes in [&b"\r\n+CSQ: 20,99\r\n\r\nOK\r\n"[..], b"+CSQ: 20,99\nOK\n", b"\r\r\n+CSQ: 20,99\r\r\n\r\r\nOK\r\r\n"]
    {
        assert_eq!(read(bytes, false), ["+CSQ: 20,99", "OK"]);
    }
}

#[test]
fn an_echo_is_a_line_of_its_own() {
    assert_eq!(read(b"AT+CSQ\r\r\n+CSQ: 20,99\r\n\r\nOK\r\n", false), ["AT+CSQ", "+CSQ: 20,99", "OK"]);
}

#[test]
fn garbage_is_a_line_too() {
    assert_eq!(read(b"\x00\xff\xfe\r\nRDY\r\n", false), ["\\u{0}\\xff\\xfe", "RDY"]);
}

#[test]
fn prompts_in_all_their_forms() {
    for bytes in [&b">"[..], b"> ", b"\r\n> ", b"\r\n>\r\n", b"\r\n> \r\n"] {
        assert_eq!(read(bytes, true), ["PROMPT"], "{bytes:?}");
        assert_eq!(read(&[bytes, b"\r\nOK\r\n"].concat(), true), ["PROMPT", "OK"], "{bytes:?}");
    }
}

#[test]
fn a_prompt_sign_is_text_where_no_prompt_can_be() {
    assert_eq!(read(b"> \r\nOK\r\n", false), ["> ", "OK"]);
    assert_eq!(read(b"+COPS: 0,0,\"a>b\",7\r\n", true), ["+COPS: 0,0,\"a>b\",7"]);
}

#[test]
fn other_prompt_signs() {
    let mut reader = Reader::new(ReaderLimits::default());
    let prompt = Expected { prompt: Some(">>>"), ..Expected::default() };
    for byte in b"\r\n>>" {
        reader.push(&[*byte]);
        assert_eq!(reader.next(prompt), None);
    }
    reader.push(b">\r\n>x\r\n");
    assert_eq!(reader.next(prompt), Some(Token::Prompt));
    assert!(matches!(reader.next(prompt), Some(Token::Line { line, .. }) if line.text == b">x"));
}

#[test]
fn a_counted_body_may_stand_behind_the_line_end() {
    assert_eq!(
        read(b"\r\n+CMQTTRXPAYLOAD: 0,8\r\nab\r\nOK\r\n\r\n\r\n+QIRD: 2,0,9\r\nxy\r\n\r\nOK\r\n", false),
        ["+CMQTTRXPAYLOAD: 0,8|ab\\r\\nOK\\r\\n", "+QIRD: 2,0,9|xy", "OK"]
    );
    assert_eq!(read(b"+QIRD: 0\r\n\r\nOK\r\n", false), ["+QIRD: 0|", "OK"]);
    assert_eq!(read(b"+QIRD: x\r\n+QIRD:\r\nOK\r\n", false), ["+QIRD: x", "+QIRD:", "OK"]);
    assert_eq!(read(b"+QIRD: 4\r\nab\r\n\r\nOK\r\n", false), ["+QIRD: 4|ab\\r\\n", "OK"]);
    assert_eq!(read(b"+QIRD: 1\r\nab\r\nOK\r\n", false), ["BodyMismatch { length: 1 }", "b", "OK"]);
}

#[test]
fn a_prompt_sign_from_before_it_was_expected_is_text() {
    let mut reader = Reader::new(ReaderLimits::default());
    reader.push(b"\r\n>");
    let prompt = Expected { prompt: Some(">"), from: 3, ..Expected::default() };
    assert_eq!(reader.next(prompt), None);
    reader.push(b" late\r\n>");
    assert!(matches!(reader.next(prompt), Some(Token::Line { line, .. }) if line.text == b"> late"));
    assert_eq!(reader.next(prompt), Some(Token::Prompt));
}

#[test]
fn a_counted_body_in_quotes_may_end_with_a_bare_line_feed() {
    for body in ["hello", "ends with CR\r", "ends with LF\n", "\"", "\r\nOK\r\n", " x", ""] {
        for end in ["\n", "\r\n"] {
            let line = format!("+LMQTTURC: RECV,0,1,\"t\",{},\"{body}\"{end}", body.len());
            let expected = format!("+LMQTTURC: RECV,0,1,\"t\",{},|{}", body.len(), Shown(body.as_bytes()));
            assert_eq!(read(line.as_bytes(), false), [expected], "{line:?}");
        }
    }
}

#[test]
fn quotes_hold_a_body_together_that_has_no_length() {
    for (body, is_whole) in [
        ("\"{\r\n\\\"a\\\": 1,\r\n}\"", true),
        ("\"\r\nOK\r\n\"", true),
        ("\"a\",\"b\"", true),
        // Nothing tells a quote at a line end from the last one.
        ("\"say \"no\"\r\nOK\"", false),
        // Without quotes the line end is the end.
        ("{\r\n}", false),
    ] {
        let line = format!("+LMQTTURC: RECV,0,1,\"t\",{body}");
        let bytes = format!("\r\n{line}\r\n\r\n+CSQ: 1,1\r\n");
        let tokens = read(bytes.as_bytes(), false);
        let whole = Shown(line.as_bytes()).to_string();
        assert_eq!(
            (tokens[0] == whole, tokens.last().map(String::as_str)),
            (is_whole, Some("+CSQ: 1,1")),
            "{tokens:?}"
        );
    }
}

#[test]
fn a_counted_body_may_look_like_protocol() {
    for body in
        ["hello", "", "ab\r\nOK\r\ncd", "{\"a\":\"b,c\"}", "\"quoted\"", " x", " ", "\"", "\"\"", "\r\n", "a\r\n"]
    {
        let head = format!("+LMQTTURC: RECV,0,1,\"a/b\",{},", body.len());
        let line = format!("\r\n{head}{body}\r\n\r\nOK\r\n");
        let expected = [format!("{head}|{}", Shown(body.as_bytes())), "OK".to_owned()];
        assert_eq!(read(line.as_bytes(), false), expected, "{body:?}");
    }
}

#[test]
fn a_counted_body_may_stand_in_quotes_or_behind_a_blank() {
    for (line, body) in [
        ("+LMQTTURC: RECV,0,1,\"t\",5,\"hello\"\r\n", "hello"),
        ("+LMQTTURC: RECV,0,1,\"t\",5, hello\r\n", "hello"),
        ("+LMQTTURC: RECV,0,1,\"t\", 5 ,hello\r\n", "hello"),
        ("+LMQTTURC: RECV,0,1,\"t\",3,\"\"a\"\"\r\n", "\"a\""),
        ("+LMQTTURC: RECV,0,1,\"t\",0,\"\"\r\n", ""),
        ("+LMQTTURC: RECV,0,1,\"t\",2,\"\r\n\"\r\n", "\\r\\n"),
        ("+LMQTTURC: RECV,0,1,\"t\",3, \"a\"\r\n", "\"a\""),
        ("+LMQTTURC: RECV,0,1,\"t\",1, \"a\"\r\n", "a"),
    ] {
        let tokens = read(line.as_bytes(), false);
        assert_eq!(tokens.len(), 1, "{line:?}: {tokens:?}");
        assert_eq!(tokens[0].split_once('|').map(|(_, body)| body), Some(body), "{line:?}");
    }
}

#[test]
fn a_topic_may_have_commas_and_quotes() {
    assert_eq!(
        read(b"+LMQTTURC: RECV,0,1,\"a,\"b\",c\",2,xy\r\n", false),
        // Inside the quotes `",` cannot be told from the end of the topic: then there is no length, and no body.
        ["+LMQTTURC: RECV,0,1,\"a,\"b\",c\",2,xy"]
    );
    assert_eq!(read(b"+LMQTTURC: RECV,0,1,\"a,\"b\",2,xy\r\n", false), ["+LMQTTURC: RECV,0,1,\"a,\"b\",2,|xy"]);
}

#[test]
fn a_line_without_a_length_is_an_ordinary_line() {
    for line in ["+LMQTTURC: RECV,0,5", "+LMQTTURC: RECV,0,1,\"t\",hello", "+LMQTTURC: STATS,0,1", "+LMQTTURC: RE"] {
        assert_eq!(read(format!("{line}\r\nOK\r\n").as_bytes(), false), [line.to_owned(), "OK".to_owned()]);
    }
}

#[test]
fn a_body_that_does_not_end_where_it_should_is_not_given_out() {
    assert_eq!(read(b"+LMQTTURC: RECV,0,1,\"t\",6,hello\r\n\r\nOK\r\n", false), ["BodyMismatch { length: 6 }", "OK"]);
    assert_eq!(
        read(b"+LMQTTURC: RECV,0,1,\"t\",4,hello\r\n\r\nOK\r\n", false),
        ["BodyMismatch { length: 4 }", "o", "OK"]
    );
}

#[test]
fn a_body_above_the_limit_is_read_as_a_line() {
    assert_eq!(
        read(b"+LMQTTURC: RECV,0,1,\"t\",101,hello\r\nOK\r\n", false),
        ["+LMQTTURC: RECV,0,1,\"t\",101,hello", "OK"]
    );
}

#[test]
fn a_line_too_long_is_one_fault_and_what_follows_is_read() {
    for length in [64, 65, 66, 67, 1000] {
        let line = "A".repeat(length);
        assert_eq!(
            read(format!("{line}\r\nOK\r\n").as_bytes(), false).last().map(String::as_str),
            Some("OK"),
            "{length}"
        );
        assert_eq!(read(format!("{line}\r\nOK\r\n").as_bytes(), false).len(), 2, "{length}");
    }
    assert_eq!(read(format!("{}\r\n", "A".repeat(63)).as_bytes(), false), ["A".repeat(63)]);
}

#[test]
fn memory_stays_within_the_limit() {
    let mut reader = Reader::new(ReaderLimits { line: 1024, body: 1024 });
    for _ in 0..1024 {
        reader.push(&[b'A'; 1024]);
        assert_eq!(reader.next(Expected::default()), None);
    }
    assert!(reader.buffer.capacity() < 8 * 1024, "{}", reader.buffer.capacity());
    reader.push(b"\r\n");
    let Some(Token::Fault(ReaderFault::LineTooLong { length })) = reader.next(Expected::default()) else {
        panic!("no fault")
    };
    assert!(length >= 1024 * 1024);
}

#[test]
fn whoever_chooses_a_topic_does_not_choose_where_the_line_ends() {
    let body = "\r\n+LMQTTURC: RECV,0,0,\"commands\",6,forged\r\n";
    let line = format!("\r\n+LMQTTURC: RECV,0,1,\"public/a\r\nLierda\r\n\",{},{body}\r\n\r\nOK\r\n", body.len());
    let head = format!("+LMQTTURC: RECV,0,1,\"public/a\\r\\nLierda\\r\\n\",{},", body.len());
    assert_eq!(read(line.as_bytes(), false), [format!("{head}|{}", Shown(body.as_bytes())), "OK".to_owned()]);
}

#[test]
fn a_line_whose_end_was_lost_can_be_given_up() {
    for (bytes, stuck) in [
        (&b"+LMQTTURC: RECV,0,1,\"t,5,hello\r\n\r\nOK\r\n"[..], true),
        (b"+LMQTTURC: RECV,0,1,\"t\",50,hello\r\n\r\nOK\r\n", true),
        (b"+QIRD: 50\r\nhello\r\n\r\nOK\r\n", true),
        (b"+LMQTTURC: RECV,0,1", false),
        (b"+CSQ: 2", false),
        (b"", false),
    ] {
        let mut reader = Reader::new(ReaderLimits::default());
        reader.expect_bodies(RECEIVED);
        reader.push(bytes);
        assert_eq!(reader.next(Expected::default()), None);
        let given_up = reader.give_up_line();
        assert_eq!(given_up, stuck.then_some(ReaderFault::Incomplete { received: bytes.len() }), "{}", Shown(bytes));
        if stuck {
            reader.push(b"\r\nOK\r\n");
            assert!(matches!(reader.next(Expected::default()), Some(Token::Line { line, .. }) if line.text == b"OK"));
        }
    }
}

#[test]
fn open_quotes_end_at_the_limit_too() {
    for filling in ["\n", ",", "x"] {
        let line = format!("+LMQTTURC: RECV,0,1,\"{}\r\nOK\r\n", filling.repeat(1000));
        assert_eq!(read(line.as_bytes(), false).last().map(String::as_str), Some("OK"), "{filling:?}");
    }
}
