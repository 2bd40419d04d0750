//! Durations as they are typed: `500ms`, `30s`, `2m`; a bare number is seconds.

use std::time::Duration;

/// Reads a duration. Fractions are fine, signs are not.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let digits = text.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let seconds = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        _ => return Err(ill_formed(text)),
    };
    let number: f64 = number.parse().map_err(|_| ill_formed(text))?;
    Duration::try_from_secs_f64(number * seconds).map_err(|_| ill_formed(text))
}

fn ill_formed(text: &str) -> String {
    format!("{text:?} is no duration: write 500ms, 30s or 2m")
}

/// A deadline: a duration, or `none`.
pub(crate) fn parse_deadline(text: &str) -> Result<Deadline, String> {
    if text == "none" { Ok(Deadline::None) } else { parse(text).map(Deadline::After) }
}

/// How long a command may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deadline {
    None,
    After(Duration),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, milliseconds) in
            [("500ms", 500), ("30s", 30_000), ("2m", 120_000), ("7", 7_000), ("0", 0), ("1.5", 1_500), ("0.5m", 30_000)]
        {
            assert_eq!(parse(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "s", "-1", "+1", "1 s", "1h", "1e3", "1.2.3", "NaN", "inf", ".", "99999999999999999999m"] {
            assert_eq!(parse(text), Err(ill_formed(text)), "{text}");
        }
    }

    #[test]
    fn a_deadline_can_be_none() {
        assert_eq!(parse_deadline("none"), Ok(Deadline::None));
        assert_eq!(parse_deadline("1s"), Ok(Deadline::After(Duration::from_secs(1))));
        assert!(parse_deadline("never").is_err());
    }
}
