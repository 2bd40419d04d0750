//! The text of a transcript.

use std::time::Duration;

use atmqtt_at::transcript::{Header, Pattern, Step, SyntaxFault, Transcript};
use proptest::collection::vec;
use proptest::prelude::*;

#[test]
fn a_transcript_has_a_header_and_steps() {
    let text = "title: all of it\r\nprofile: p\nmodule: NT26E\nfirmware: L01\nevidence: a: b\ncatalogue: F01, F02\n\
        echo: shown\nbegins: unattached\nguard: 20ms\nprompt guard: 1.5s\n\n# a comment\n@ connected\n! publish 1 t x\n\
        > AT\\r\n~ 12ms\n\n< \\r\\nOK\\r\\n\n* link up (3 times)\n* message (odd\n= sent\n";
    let read = Transcript::parse(text).unwrap();
    let said = |text: &str| Some(text.to_owned());
    let header = Header {
        title: said("all of it"),
        profile: said("p"),
        module: said("NT26E"),
        firmware: said("L01"),
        evidence: said("a: b"),
        catalogue: said("F01, F02"),
        shows_echo: true,
        begins_unattached: true,
        guard: Some(Duration::from_millis(20)),
        prompt_guard: Some(Duration::from_millis(1500)),
    };
    assert_eq!(read.header, header);
    let steps = vec![
        (13, Step::Connected),
        (14, Step::Request("publish 1 t x".to_owned())),
        (15, Step::Host(Pattern::of("AT\r"))),
        (16, Step::Wait(Duration::from_millis(12))),
        (18, Step::Module(Pattern::of("\r\nOK\r\n"))),
        (19, Step::Event("link up".to_owned(), 3)),
        (20, Step::Event("message (odd".to_owned(), 1)),
        (21, Step::Outcome("sent".to_owned())),
    ];
    assert_eq!(read.steps, steps);
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let table = [
        ("", 1, 1, SyntaxFault::NoHeader),
        ("\n> AT\\r\n", 1, 1, SyntaxFault::NoHeader),
        ("> AT\\r\n", 1, 1, SyntaxFault::NoHeader),
        ("title: x\n", 2, 1, SyntaxFault::NoSteps),
        ("title: x\nsomething\n\n", 2, 1, SyntaxFault::NoKey),
        ("title: x\nprofil: y\n\n", 2, 1, SyntaxFault::UnknownKey { key: "profil".into(), nearest: "profile" }),
        ("Prompt-Guard: x\n\n", 1, 1, SyntaxFault::UnknownKey { key: "Prompt-Guard".into(), nearest: "prompt guard" }),
        ("title: x\ntitle: y\n\n", 2, 1, SyntaxFault::RepeatedKey { key: "title" }),
        ("title:  \n\n", 1, 9, SyntaxFault::NoValue { key: "title" }),
        ("echo: off\n\n", 1, 7, SyntaxFault::WrongValue { key: "echo", only: "shown" }),
        ("begins: no\n\n", 1, 9, SyntaxFault::WrongValue { key: "begins", only: "unattached" }),
        ("guard: 20\n\n", 1, 8, SyntaxFault::NoTime),
        ("title: x\n\n? y\n", 3, 1, SyntaxFault::NoStep),
        ("title: x\n\n  > AT\n", 3, 1, SyntaxFault::NoStep),
        ("title: x\n\n>AT\\r\n", 3, 2, SyntaxFault::NoStep),
        ("title: x\n\n>\n", 3, 2, SyntaxFault::NothingThere),
        ("title: x\n\n> \n", 3, 3, SyntaxFault::NothingThere),
        ("title: x\n\n< \\(a*0)\n", 3, 3, SyntaxFault::NothingThere),
        ("title: x\n\n@ there\n", 3, 3, SyntaxFault::WrongState),
        ("title: x\n\n~ soon\n", 3, 3, SyntaxFault::NoTime),
        ("title: x\n\n~ 12\n", 3, 3, SyntaxFault::NoTime),
        ("title: x\n\n~ 1.s\n", 3, 3, SyntaxFault::NoTime),
        ("title: x\n\n~ -1s\n", 3, 3, SyntaxFault::NoTime),
        (
            "title: x\n\n~ 99999999999999999999s\n",
            3,
            3,
            SyntaxFault::TimeTooLong { limit: Duration::from_secs(8_640_000) },
        ),
        ("title: x\n\n> AT\\q\n", 3, 5, SyntaxFault::UnknownEscape),
        ("title: x\n\n> äö\\q\n", 3, 5, SyntaxFault::UnknownEscape),
        ("title: x\n\n> AT\\\n", 3, 5, SyntaxFault::UnknownEscape),
        ("title: x\n\n> AT\\x0\n", 3, 5, SyntaxFault::NoHexDigits),
        ("title: x\n\n> AT\\x+1\n", 3, 5, SyntaxFault::NoHexDigits),
        ("title: x\n\n> AT\\xé1\n", 3, 5, SyntaxFault::NoHexDigits),
        ("title: x\n\n> \\(A*3\n", 3, 3, SyntaxFault::NoRepetition),
        ("title: x\n\n> \\(A3)\n", 3, 3, SyntaxFault::NoRepetition),
        ("title: x\n\n> \\(A*x)\n", 3, 3, SyntaxFault::NoRepetition),
        ("title: x\n\n> a\\(b\\q*2)\n", 3, 7, SyntaxFault::UnknownEscape),
        ("title: x\n\n< \\(A*99999999)\n", 3, 3, SyntaxFault::TooManyBytes { limit: 16 << 20 }),
        ("title: x\n\n< \\(*99999999999999999999)\n", 3, 3, SyntaxFault::TooManyBytes { limit: 16 << 20 }),
        ("title: x\n\n> \\(\\**3)\\r\n", 3, 3, SyntaxFault::RepeatedHidden),
        ("title: x\n\n> AT=\\*\n", 3, 3, SyntaxFault::EndlessHidden),
        ("title: x\n\n! publish 1 t \\*\n", 3, 3, SyntaxFault::HiddenRequest),
        ("title: x\n\n! publish 1 t \\q\n", 3, 15, SyntaxFault::UnknownEscape),
    ];
    for (text, line, column, fault) in table {
        let found = Transcript::parse(text).expect_err(text);
        assert_eq!((found.line, found.column, found.fault), (line, column, fault), "{text:?}");
    }
    let found = Transcript::parse(b"title: x\n\n> \xc3\xa4\xff\n").unwrap_err();
    assert_eq!(found.to_string(), "3:4: this is no UTF-8 text; other bytes are written as \\xNN");
    let many = format!("title: x\n\n> {}\\r\n", "\\*x".repeat(65));
    let found = Transcript::parse(many).unwrap_err();
    assert_eq!((found.column, found.fault), (3 + 64 * 3, SyntaxFault::TooManyHidden { limit: 64 }));
}

/// Many small repetitions are as many bytes as a large one.
#[test]
fn the_repetitions_of_a_file_share_one_limit() {
    let line = format!("< {}\n", "\\(A*1000000)".repeat(4));
    let text = |lines: usize| format!("title: x\n\n{}", line.repeat(lines));
    assert!(Transcript::parse(text(4)).is_ok());
    assert_eq!(Transcript::parse(text(5)).unwrap_err().line, 7);
}

#[test]
fn times_are_exact() {
    for (text, time) in [
        ("0ms", Duration::ZERO),
        ("12ms", Duration::from_millis(12)),
        ("1.250s", Duration::from_millis(1250)),
        ("1.25s", Duration::from_millis(1250)),
        ("0.5ms", Duration::from_micros(500)),
        ("3s", Duration::from_secs(3)),
        ("0.000000001s", Duration::from_nanos(1)),
    ] {
        let read = Transcript::parse(format!("title: x\n\n~ {text}\n")).unwrap();
        assert_eq!(read.steps, [(3, Step::Wait(time))], "{text}");
    }
}

#[test]
fn a_blank_at_the_end_of_a_line_is_written_so_that_no_editor_takes_it_away() {
    assert_eq!(Step::Module(Pattern::of("\r\n> ")).to_string(), "< \\r\\n>\\x20");
}

fn pattern() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[ -\\[\\]-~]{0,8}",
        Just("\\r\\n".to_owned()),
        Just("\\x00\\xff".to_owned()),
        Just("\\?".to_owned()),
        Just("\\*".to_owned()),
        Just("\\(x*100)".to_owned()),
        Just("\\(\\?*9)".to_owned()),
        Just("ä".to_owned()),
    ];
    vec(piece, 1..6).prop_map(|pieces| pieces.concat())
}

fn step() -> impl Strategy<Value = String> {
    prop_oneof![
        pattern().prop_map(|bytes| format!("> A{bytes}\\r")),
        pattern().prop_map(|bytes| format!("< B{bytes}")),
        (0_u64..100_000, 0_u32..1_000_000_000).prop_map(|(s, ns)| format!("~ {s}.{ns:09}s")),
        "! [a-z]{1,9} [a-z0-9 /+]{0,9}",
        "\\* [a-z]{1,9} [a-z ,:]{0,9}( \\([0-9] times\\))?",
        "= [a-z.]{1,9}",
        Just("@ connected".to_owned()),
        "#[ -~]{0,9}",
        Just(String::new()),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_the_same(steps in vec(step(), 0..12), title in "[a-z][ -~]{0,12}[a-z]") {
        let text = format!("title: {title}\nguard: 5ms\n\n{}\n", steps.join("\n"));
        let read = Transcript::parse(&text).unwrap();
        let again = Transcript::parse(read.to_string()).unwrap();
        let steps = |transcript: &Transcript| transcript.steps.iter().map(|(_, step)| step.clone()).collect::<Vec<_>>();
        prop_assert_eq!(&again.header, &read.header);
        prop_assert_eq!(steps(&again), steps(&read));
        // Lines are counted in what was written.
        let first = read.header.to_string().lines().count() + 1;
        prop_assert!(again.steps.iter().zip(first..).all(|((line, _), place)| *line == place));
    }

    #[test]
    fn whatever_the_bytes_there_is_an_answer_with_a_place_in_them(text in any::<Vec<u8>>()) {
        if let Err(fault) = Transcript::parse(&text) {
            prop_assert!(fault.line >= 1 && fault.line <= text.iter().filter(|byte| **byte == b'\n').count() + 2);
            prop_assert!(fault.column >= 1);
        }
    }
}
