//! Bytes with hidden parts, held against bytes.

use atmqtt_at::transcript::{Pattern, escape};
use proptest::prelude::*;

#[test]
fn hidden_text_has_neither_quotes_nor_line_ends() {
    for (pattern, bytes, hidden) in [
        ("AT\\r", "AT\r", Some(vec![])),
        ("AT\\r", "AT", None),
        ("AT\\r", "AT\rX", None),
        ("P=\"\\*\"\\r", "P=\"secret\"\r", Some(vec!["secret"])),
        ("P=\"\\*\"\\r", "P=\"\"\r", Some(vec![""])),
        ("P=\"\\*\"\\r", "P=\"a\"b\"\r", None),
        ("P=\"\\*\"\\r", "P=\"a\rb\"\r", None),
        ("\\*,\\*;\\r", "a,b,c;\r", Some(vec!["a", "b,c"])),
        ("\\*ab\\r", "aabab\r", Some(vec!["aab"])),
        ("\\?\\?,\\*\\r", "\r\",x\r", Some(vec!["\r\"", "x"])),
        // The first text ends at the second of the commas: of what follows it there is only one.
        ("\\*,\\?\\?\"\\*\\r", "a,,bc\"d\r", Some(vec!["a,", "bc", "d"])),
        ("\\(\\?*3)", "abc", Some(vec!["abc"])),
        ("\\(\\?*3)", "abcd", None),
        ("\\(\\?*3)", "ab", None),
    ] {
        let found = Pattern::parse(pattern).unwrap().hidden_in(bytes.as_bytes());
        let found = found.map(|ranges| ranges.into_iter().map(|range| &bytes[range]).collect::<Vec<_>>());
        assert_eq!(found, hidden, "{pattern} {bytes:?}");
    }
}

/// As many ways as there are, the time is that of one look at each byte for each part.
#[test]
fn many_hidden_texts_take_no_longer_than_one_does_for_each() {
    let pattern = Pattern::parse(&format!("{}\\r", "\\*a".repeat(60))).unwrap();
    let bytes = [&vec![b'a'; 3000][..], b"b\r"].concat();
    assert!(!pattern.matches(&bytes));
}

#[test]
fn hidden_text_is_filled_with_what_is_known() {
    let pattern = Pattern::parse("\\*,\\*,\\*,\\(\\?*4)").unwrap();
    assert_eq!(pattern.fill([&b"a"[..], b"bc"]), b"a,bc,***,****");
    assert_eq!(pattern.len(), None);
    assert_eq!(Pattern::parse("ab\\?\\?c").unwrap().len(), Some(5));
    assert_eq!(Pattern::parse("ab\\?\\?c").unwrap().common_prefix(b"abXYd"), 4);
    assert_eq!(Pattern::parse("ab\\?\\?c").unwrap().common_prefix(b"abX"), 3);
}

proptest! {
    #[test]
    fn bytes_are_what_they_were(bytes in any::<Vec<u8>>(), run in 0_usize..200) {
        let bytes = [&bytes[..], &vec![b'x'; run], &vec![b')'; run]].concat();
        let pattern = Pattern::parse(&escape(&bytes)).unwrap();
        prop_assert_eq!(pattern.bytes(), Some(&bytes[..]));
        prop_assert!(pattern.matches(&bytes));
        prop_assert_eq!(pattern.common_prefix(&bytes), bytes.len());
    }
}
