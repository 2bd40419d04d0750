//! Any bytes as one line: final result codes, information lines, arguments.

use atmqtt_at::{Fields, FinalResult, InlineData, LineRef, MalformedKind, Text};

/// Reads the bytes as a line, as arguments and as text for an argument, and builds lines of them.
///
/// - A line is a final result code only if it begins as one does, whatever blanks stand behind it; shown and read again it is
///   one of the same kind.
/// - Arguments are parts of the line, in order; without quotes and blanks they are what stands between the commas.
/// - What was put between quotes, or written as a number, is read as what it was, and so is what follows it.
/// - What a command may carry has nothing in it that ends an argument or a line.
///
/// # Panics
/// When one of these does not hold.
pub fn grammar(input: &[u8]) {
    final_results(input);
    arguments(input);
    quoting(input);
    quotes_in_quotes(input);
    numbers(input);
    legality(input);
}

fn final_results(line: &[u8]) {
    let found = FinalResult::parse(line);
    assert_eq!(FinalResult::parse(&[line, b" "].concat()), found);
    let Some(found) = found else { return };
    let upper = line.to_ascii_uppercase();
    let beginnings = ["OK", "ERROR", "+CME ERROR:", "+CMS ERROR:", "+CIS ERROR:", "ABORTED", "COMMAND NOT SUPPORT"];
    assert!(beginnings.iter().any(|beginning| upper.starts_with(beginning.as_bytes())), "{line:?} became {found}");
    let again = FinalResult::parse(found.to_string().as_bytes());
    let kind = again.as_ref().map(std::mem::discriminant);
    assert_eq!(kind, Some(std::mem::discriminant(&found)), "{found} became {again:?}");
}

fn arguments(line: &[u8]) {
    let mut fields = Fields::new(line, None);
    let mut found = Vec::new();
    let mut left = line.len();
    while let Some(argument) = fields.bytes() {
        found.push(argument);
        let rest = fields.remainder().map_or(0, <[u8]>::len);
        assert!(argument.len() + rest <= left, "an argument was taken twice in {line:?}");
        assert!(line.ends_with(fields.remainder().unwrap_or_default()));
        left = rest;
    }
    assert!(found.len() <= 1 + line.iter().filter(|byte| **byte == b',').count());
    assert_eq!(fields.int::<i64>().map_err(|fault| fault.kind), Err(MalformedKind::Missing));
    let is_plain = |byte: &u8| *byte != b'"' && !byte.is_ascii_whitespace();
    if line.iter().all(is_plain) {
        assert_eq!(found, line.split(|byte| *byte == b',').collect::<Vec<_>>());
    }
    let named = [b"+NAME: ", line].concat();
    let remainder = LineRef { text: &named, body: None }.information("+NAME").and_then(Fields::remainder);
    assert_eq!(remainder, Some(without_blanks(line)));
}

fn quoting(input: &[u8]) {
    // Each piece between two quotes is one argument; a number stands behind every one.
    let pieces: Vec<&[u8]> = input.split(|byte| *byte == b'"').collect();
    let mut line = Vec::new();
    for (number, piece) in pieces.iter().enumerate() {
        line.extend_from_slice(b"\"");
        line.extend_from_slice(piece);
        line.extend_from_slice(format!("\",{number},").as_bytes());
    }
    let mut fields = Fields::new(&line, None);
    for (number, piece) in pieces.iter().enumerate() {
        assert!(fields.is_quoted());
        assert_eq!(fields.bytes(), Some(*piece), "in {:?}", line.escape_ascii().to_string());
        assert_eq!(fields.int(), Ok(number));
    }
}

/// A quote closes only before a comma or the end: modules do not escape one.
fn quotes_in_quotes(input: &[u8]) {
    let inner: Vec<u8> = input
        .iter()
        .flat_map(|byte| if *byte == b'"' { &b"\"x"[..] } else { std::slice::from_ref(byte) })
        .copied()
        .collect();
    let line = [b"\"", inner.as_slice(), b"\",7"].concat();
    let mut fields = Fields::new(&line, None);
    assert_eq!(
        (fields.bytes(), fields.int()),
        (Some(inner.as_slice()), Ok(7)),
        "in {:?}",
        line.escape_ascii().to_string()
    );
}

fn numbers(input: &[u8]) {
    let mut eight = [0; 8];
    let count = input.len().min(8);
    eight[..count].copy_from_slice(&input[..count]);
    let number = i64::from_le_bytes(eight);
    let word = u32::from_le_bytes([eight[0], eight[1], eight[2], eight[3]]);
    let line = format!("{number}, \"{number}\" ,{word:x},\"{word:08X}\",{number}");
    let mut fields = Fields::new(line.as_bytes(), None);
    assert_eq!((fields.int(), fields.int()), (Ok(number), Ok(number)));
    assert_eq!((fields.optional_hex(), fields.optional_hex()), (Ok(Some(word)), Ok(Some(word))));
    let narrow = fields.int::<u8>();
    assert_eq!(narrow.is_ok(), u8::try_from(number).is_ok());
    assert!(
        narrow.is_ok() || narrow.is_err_and(|fault| (fault.position, fault.kind) == (5, MalformedKind::OutOfRange))
    );
}

fn legality(input: &[u8]) {
    let ends_something = |byte: &u8| matches!(byte, b'\r' | b'\n' | 0 | 0x1a | 0x1b);
    assert_eq!(InlineData::new(input).is_some(), !input.iter().any(ends_something));
    let Ok(text) = std::str::from_utf8(input) else { return };
    let is_bad = |character: char| character == '"' || character.is_control();
    match Text::new(text) {
        Ok(taken) => assert!(taken.as_str() == text && !text.contains(is_bad)),
        Err(fault) => assert_eq!(
            (text.find(is_bad), text[fault.position..].chars().next()),
            (Some(fault.position), Some(fault.character))
        ),
    }
}

fn without_blanks(bytes: &[u8]) -> &[u8] {
    let blanks = bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    &bytes[blanks..]
}
