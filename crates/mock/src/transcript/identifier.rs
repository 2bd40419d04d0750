//! Message identifiers, in the commands that have one and in the lines that report their results.

use std::ops::Range;

/// Which commands have message identifiers, and as which argument.
const IDENTIFIED: [(&str, usize); 2] = [("+LMQTTPUB", 1), ("+LMQTTSUBUNSUB", 2)];
/// The lines that report their results, the identifier as the second argument.
const REPORTS: [(&str, &str); 3] =
    [("+LMQTTPUB", "+LMQTTPUB"), ("+LMQTTSUBUNSUB", "+LMQTTSUBUNSUB"), ("+LMQTTUNSUNSUB", "+LMQTTSUBUNSUB")];

/// Where the message identifier stands in a command line, and of which command it is.
pub(super) fn of_command(line: &[u8]) -> Option<(&'static str, Range<usize>)> {
    let (name, place) = IDENTIFIED.into_iter().find(|(name, _)| {
        let start = [b"AT", name.as_bytes(), b"="].concat();
        line.starts_with(&start)
    })?;
    Some((name, number(line, name.len() + 3, place)?))
}

/// Where the message identifier stands in a result line, and of which command it is.
pub(super) fn of_result(line: &[u8]) -> Option<(&'static str, Range<usize>)> {
    let (report, command) = REPORTS
        .into_iter()
        .find(|(report, _)| line.strip_prefix(report.as_bytes()).is_some_and(|rest| rest.starts_with(b":")))?;
    Some((command, number(line, report.len() + 1, 1)?))
}

/// Where the number is that is the argument of that place.
fn number(line: &[u8], from: usize, place: usize) -> Option<Range<usize>> {
    let mut start = from;
    for _ in 0..place {
        start += line.get(start..)?.iter().position(|byte| *byte == b',')? + 1;
    }
    start += line[start..].iter().take_while(|byte| **byte == b' ').count();
    let digits = line[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    (digits > 0).then_some(start..start + digits)
}
