//! Secrets that a message brings: what a cloud gives a device that registers itself.
//!
//! Commands say themselves which of their arguments are secret; of what comes in nobody does. So the fields that hold a secret are
//! listed here, for all clouds, and are found wherever a line quotes their message: as it is, or in hexadecimal digits.

use std::ops::Range;

/// Fields of a JSON object. Alibaba Cloud IoT Platform, dynamic registration (documentation 132111).
const FIELDS: [&str; 2] = ["\"deviceSecret\"", "\"deviceToken\""];

/// Where values of such fields stand in `bytes`, without their quotes; one that is cut off goes on to the end of the line. In order,
/// without overlap, and never empty.
pub(crate) fn secrets(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for field in FIELDS {
        find::<1>(bytes, field.as_bytes(), &mut found);
        find::<2>(bytes, field.as_bytes(), &mut found);
    }
    found.retain(|range| !range.is_empty());
    found.sort_by_key(|range| range.start);
    found
}

/// Looks for a field that is written with `WIDTH` bytes for each of its own: 1 as it is, 2 in hexadecimal digits.
fn find<const WIDTH: usize>(bytes: &[u8], field: &[u8], found: &mut Vec<Range<usize>>) {
    let mut from = 0;
    while let Some(start) = position::<WIDTH>(&bytes[from..], field) {
        let mut text = Text::<WIDTH> { bytes, at: from + start + field.len() * WIDTH };
        from = text.at;
        text.skip_blanks();
        if text.next() != Some(b':') {
            continue;
        }
        text.skip_blanks();
        if text.next() == Some(b'"') {
            let value = text.at;
            let end = text.end_of_value();
            found.push(value..end);
            from = end;
        }
    }
}

fn position<const WIDTH: usize>(bytes: &[u8], field: &[u8]) -> Option<usize> {
    if WIDTH == 1 {
        return memchr::memmem::find(bytes, field);
    }
    bytes.windows(field.len() * WIDTH).position(|window| {
        let mut text = Text::<WIDTH> { bytes: window, at: 0 };
        field.iter().all(|byte| text.next() == Some(*byte))
    })
}

/// Reads what `WIDTH` bytes each stand for.
struct Text<'a, const WIDTH: usize> {
    bytes: &'a [u8],
    at: usize,
}

impl<const WIDTH: usize> Text<'_, WIDTH> {
    fn peek(&self) -> Option<u8> {
        let written = self.bytes.get(self.at..self.at + WIDTH)?;
        match written {
            [byte] => Some(*byte),
            [high, low] => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                u8::try_from(digit(*high)? << 4 | digit(*low)?).ok()
            }
            _ => None,
        }
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += WIDTH;
        Some(byte)
    }

    fn skip_blanks(&mut self) {
        while self.peek() == Some(b' ') {
            self.at += WIDTH;
        }
    }

    /// The end of a value: the quote behind it, or the end of the line.
    fn end_of_value(&mut self) -> usize {
        loop {
            match self.peek() {
                None | Some(b'"' | b'\r' | b'\n') => return self.at,
                Some(_) => self.at += WIDTH,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(line: &str) -> Vec<&str> {
        secrets(line.as_bytes()).into_iter().map(|range| &line[range]).collect()
    }

    #[test]
    fn the_value_of_a_field_is_found_however_it_is_written() {
        for (line, expected) in [
            (r#"+QMTRECV: 0,0,"/ext/register","{"deviceName":"d","deviceSecret":"s3cret"}""#, &["s3cret"][..]),
            (r#"{"deviceSecret" : "s3cret","deviceToken":"^1^t0ken"}"#, &["s3cret", "^1^t0ken"]),
            (r#"{"deviceSecret":"s3cr"#, &["s3cr"]),
            (r#"{"deviceSecret":"","deviceSecrets":"x","deviceSecret":7,"deviceSecret"}"#, &[]),
            ("+CSQ: 20,99", &[]),
            // The same in digits of either case, of which the first is not at an even place.
            ("x,22646576696365536563726574223A2273336372657422", &["733363726574"]),
            ("22646576696365536563726574223a22733363726574", &["733363726574"]),
        ] {
            assert_eq!(hidden(line), expected, "{line}");
        }
    }
}
