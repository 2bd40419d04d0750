//! Message identifiers, in the commands that have one and in the lines that report their results.

use std::ops::Range;

/// Which commands have message identifiers, as which argument, and what they share their identifiers with.
const IDENTIFIED: [(&str, usize, &str); 9] = [
    ("+LMQTTPUB", 1, "+LMQTTPUB"),
    ("+LMQTTSUBUNSUB", 2, "+LMQTTSUBUNSUB"),
    ("+ECMTPUB", 1, "+ECMTPUB"),
    ("+ECMTSUB", 1, "+ECMTSUB"),
    ("+ECMTUNS", 1, "+ECMTUNS"),
    ("+QMTPUB", 1, "+QMTPUB"),
    ("+QMTPUBEX", 1, "+QMTPUB"),
    ("+QMTSUB", 1, "+QMTSUB"),
    ("+QMTUNS", 1, "+QMTUNS"),
];
/// A result line that has another name than its command.
const MISSPELT: (&str, &str) = ("+LMQTTUNSUNSUB", "+LMQTTSUBUNSUB");

/// Where the message identifier stands in a command line, and of which commands it is.
pub(super) fn of_command(line: &[u8]) -> Option<(&'static str, Range<usize>)> {
    let (name, place, of) = IDENTIFIED.into_iter().find(|(name, ..)| {
        let start = [b"AT", name.as_bytes(), b"="].concat();
        line.starts_with(&start)
    })?;
    Some((of, number(line, name.len() + 3, place)?))
}

/// Where the message identifier, the second argument, stands in a result line, and of which commands it is.
pub(super) fn of_result(line: &[u8]) -> Option<(&'static str, Range<usize>)> {
    let reports = IDENTIFIED.into_iter().map(|(name, _, of)| (name, of)).chain([MISSPELT]);
    let (report, of) = reports
        .into_iter()
        .find(|(report, _)| line.strip_prefix(report.as_bytes()).is_some_and(|rest| rest.starts_with(b":")))?;
    Some((of, number(line, report.len() + 1, 1)?))
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
