//! Any bytes as the text of a transcript.

use atmqtt_at::transcript::{Pattern, Step, Transcript};

/// Reads the bytes as a transcript.
///
/// - What is wrong is told with a place in the file.
/// - What was read and written is read as the same.
/// - The bytes of a step stand for themselves: what is filled in where some are hidden is what was hidden.
///
/// # Panics
/// When one of these does not hold.
pub fn transcript(input: &[u8]) {
    let read = match Transcript::parse(input) {
        Ok(read) => read,
        Err(fault) => {
            let lines: Vec<&[u8]> = input.split(|byte| *byte == b'\n').collect();
            let length = lines.get(fault.line - 1).map_or(0, |line| line.len());
            // An end that is missing is behind the last line.
            assert!(fault.line <= lines.len() + 1 && fault.column <= length + 1, "{fault} is nowhere");
            return;
        }
    };
    let written = read.to_string();
    let again = Transcript::parse(&written).unwrap_or_else(|fault| panic!("{fault} in {written:?}"));
    assert_eq!(read.header, again.header);
    assert!(read.steps.iter().map(|(_, step)| step).eq(again.steps.iter().map(|(_, step)| step)), "{written:?}");
    for (_, step) in &read.steps {
        if let Step::Host(bytes) | Step::Module(bytes) = step {
            stands_for_itself(bytes);
        }
    }
}

fn stands_for_itself(pattern: &Pattern) {
    let filled = pattern.fill([&b"one"[..], b"", b"t,wo"]);
    // A repetition may make a megabyte, and of that there would be no end.
    if filled.len() > 4096 {
        return;
    }
    assert!(pattern.matches(&filled), "{pattern} does not stand for {}", filled.escape_ascii());
    if let Some(length) = pattern.len() {
        assert_eq!((filled.len(), pattern.common_prefix(&filled)), (length, length));
    }
}
