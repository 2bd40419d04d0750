//! The grammar inside one line: final result codes and information lines.
//!
//! The reader has found where a line ends; nothing here looks further. 3GPP 27.007, section 9, and V.250, section 5.7.

use std::fmt;

use nom::branch::alt;
use nom::bytes::complete::{tag, tag_no_case, take_while1};
use nom::character::complete::{char, one_of, space0, u16};
use nom::combinator::{all_consuming, map, opt, recognize, rest, value};
use nom::sequence::{pair, preceded, separated_pair, terminated};
use nom::{IResult, Parser};

use crate::shown::Shown;

/// The line that ends a command.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FinalResult {
    /// `OK`
    Ok,
    /// `ERROR`, without a reason.
    Error,
    /// `+CME ERROR: …`, a fault of the equipment. 3GPP 27.007, 9.2.
    Equipment(Cause),
    /// `+CMS ERROR: …`, a fault of the message service. 3GPP 27.005, 3.2.5.
    Message(Cause),
    /// `+CIS ERROR: …`, which is a vendor's. OneMO MQTT user manual, 2.2.
    Vendor(Cause),
    /// `ABORTED`
    Aborted,
    /// `COMMAND NOT SUPPORT`, as some modules put it.
    NotSupported,
    /// A refusal that only this command has: `SEND FAIL`.
    Other(Box<str>),
}

impl FinalResult {
    /// The final result code that `line` is, if it is one.
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<FinalResult> {
        // Every line comes by here, and nearly none is one: the first bytes tell.
        match line {
            b"OK" => return Some(FinalResult::Ok),
            [b'O', b'K', ..]
            | [b'E', b'R', ..]
            | [b'+', b'C', b'M' | b'I', ..]
            | [b'A', b'B', ..]
            | [b'C' | b'c', ..] => {}
            _ => return None,
        }
        all_consuming(terminated(final_result, space0)).parse(line).ok().map(|(_, result)| result)
    }

    /// Whether the command succeeded.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        *self == FinalResult::Ok
    }

    /// The number that the module gave as the reason.
    #[must_use]
    pub fn code(&self) -> Option<u16> {
        match self {
            FinalResult::Equipment(cause) | FinalResult::Message(cause) | FinalResult::Vendor(cause) => cause.code,
            FinalResult::Ok
            | FinalResult::Error
            | FinalResult::Aborted
            | FinalResult::NotSupported
            | FinalResult::Other(_) => None,
        }
    }
}

impl fmt::Display for FinalResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FinalResult::Ok => f.write_str("OK"),
            FinalResult::Error => f.write_str("ERROR"),
            FinalResult::Equipment(cause) => write!(f, "+CME ERROR: {cause}"),
            FinalResult::Message(cause) => write!(f, "+CMS ERROR: {cause}"),
            FinalResult::Vendor(cause) => write!(f, "+CIS ERROR: {cause}"),
            FinalResult::Aborted => f.write_str("ABORTED"),
            FinalResult::NotSupported => f.write_str("COMMAND NOT SUPPORT"),
            FinalResult::Other(text) => f.write_str(text),
        }
    }
}

/// Why a command was refused: a number (`AT+CMEE=1`) or words (`AT+CMEE=2`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The number, when one was given.
    pub code: Option<u16>,
    /// The words, when words were given.
    pub text: Option<Box<str>>,
}

impl Cause {
    /// What the cause means, for a number in 3GPP 27.007, 9.2, or in the list that `EC616` firmware adds to it.
    #[must_use]
    pub fn meaning(&self) -> Option<&str> {
        if self.text.is_some() {
            return self.text.as_deref();
        }
        let code = self.code?;
        EQUIPMENT_CAUSES.iter().find(|(known, _)| *known == code).map(|(_, meaning)| *meaning)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code, self.meaning()) {
            (Some(code), Some(meaning)) => write!(f, "{code} ({meaning})"),
            (Some(code), None) => write!(f, "{code}"),
            (None, meaning) => f.write_str(meaning.unwrap_or_default()),
        }
    }
}

/// `+CME ERROR` numbers and their meaning. Up to 150: 3GPP 27.007, 9.2. From 302: EC616 firmware.
const EQUIPMENT_CAUSES: &[(u16, &str)] = &[
    (0, "phone failure"),
    (1, "no connection to phone"),
    (3, "operation not allowed"),
    (4, "operation not supported"),
    (5, "PH-SIM PIN required"),
    (10, "SIM not inserted"),
    (11, "SIM PIN required"),
    (12, "SIM PUK required"),
    (13, "SIM failure"),
    (14, "SIM busy"),
    (15, "SIM wrong"),
    (16, "incorrect password"),
    (17, "SIM PIN2 required"),
    (18, "SIM PUK2 required"),
    (20, "memory full"),
    (21, "invalid index"),
    (22, "not found"),
    (23, "memory failure"),
    (24, "text string too long"),
    (25, "invalid characters in text string"),
    (26, "dial string too long"),
    (27, "invalid characters in dial string"),
    (30, "no network service"),
    (31, "network time-out"),
    (32, "network not allowed, emergency calls only"),
    (50, "incorrect parameters"),
    (51, "command implemented but currently disabled"),
    (52, "command aborted by user"),
    (53, "not attached to network due to MT functionality restrictions"),
    (60, "system failure"),
    (100, "unknown"),
    (103, "illegal MS"),
    (106, "illegal ME"),
    (107, "GPRS services not allowed"),
    (111, "PLMN not allowed"),
    (112, "location area not allowed"),
    (113, "roaming not allowed in this location area"),
    (132, "service option not supported"),
    (133, "requested service option not subscribed"),
    (134, "service option temporarily out of order"),
    (148, "unspecified GPRS error"),
    (149, "PDP authentication failure"),
    (150, "invalid mobile class"),
    (302, "UE busy"),
    (303, "not powered on"),
    (512, "parameter not configured"),
    (514, "internal fault of the AT interpreter"),
    (522, "UART parity error"),
    (523, "UART frame error"),
    (524, "in minimum functionality (CFUN=0)"),
    (525, "aborted"),
    (526, "aborted"),
    (527, "interrupted"),
    (529, "firmware update running"),
    (536, "UART buffer overflow"),
];

fn final_result(line: &[u8]) -> IResult<&[u8], FinalResult> {
    alt((
        value(FinalResult::Ok, tag("OK")),
        value(FinalResult::Error, tag("ERROR")),
        map(preceded((tag("+CME ERROR:"), space0), cause), FinalResult::Equipment),
        map(preceded((tag("+CIS ERROR:"), space0), cause), FinalResult::Vendor),
        map(preceded((tag("+CMS ERROR:"), space0), cause), FinalResult::Message),
        value(FinalResult::Aborted, tag("ABORTED")),
        value(FinalResult::NotSupported, (tag_no_case("COMMAND NOT SUPPORT"), opt(tag_no_case("ED")))),
    ))
    .parse(line)
}

fn cause(input: &[u8]) -> IResult<&[u8], Cause> {
    let number = map(all_consuming(terminated(u16, space0)), |code| Cause { code: Some(code), text: None });
    let words = map(rest, |words: &[u8]| Cause { code: None, text: Some(Shown(words).to_string().trim().into()) });
    alt((number, words)).parse(input)
}

/// The name and the arguments of an information line, `+NAME: arguments`, with or without the blank (measured: both
/// occur). The name keeps its leading character.
pub(crate) fn information(line: &[u8]) -> Option<(&[u8], &[u8])> {
    separated_pair(information_name, (char(':'), space0), rest).parse(line).ok().map(|(_, parts)| parts)
}

/// The arguments of an information line of this name. What [`information`] finds, for a name that is known.
pub(crate) fn arguments_of<'a>(name: &str, line: &'a [u8]) -> Option<&'a [u8]> {
    let arguments = line.strip_prefix(name.as_bytes())?.strip_prefix(b":")?;
    let blanks = arguments.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    Some(&arguments[blanks..])
}

/// What modules say unasked without a name before it, so that it reads like information text: result codes of calls (V.250, 5.7.1),
/// and what was seen of several vendors. No answer has such a line.
const UNSOLICITED: [&[u8]; 18] = [
    b"RING",
    b"NO CARRIER",
    b"NO DIALTONE",
    b"NO ANSWER",
    b"RDY",
    b"APP RDY",
    b"PB DONE",
    b"SMS DONE",
    b"SMS READY",
    b"SMS Ready",
    b"Call Ready",
    b"POWERED DOWN",
    b"NORMAL POWER DOWN",
    b"+CMQTTNONET",
    b"+MATREADY",
    b"+STARTUP",
    b"^SYSSTART",
    b"ECRDY",
];

/// Whether a line without a name is known to be unsolicited. `DST: 1` tells of summer time.
pub(crate) fn is_unsolicited_text(line: &[u8]) -> bool {
    UNSOLICITED.contains(&line) || line.starts_with(b"DST: ")
}

fn information_name(input: &[u8]) -> IResult<&[u8], &[u8]> {
    let in_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'/' | b'.');
    recognize(pair(one_of("+^#*%$"), take_while1(in_name))).parse(input)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(code: u16) -> Cause {
        Cause { code: Some(code), text: None }
    }

    #[test]
    fn final_results() {
        for (line, expected) in [
            (&b"OK"[..], Some(FinalResult::Ok)),
            (b"OK ", Some(FinalResult::Ok)),
            (b"ERROR", Some(FinalResult::Error)),
            (b"+CME ERROR: 50", Some(FinalResult::Equipment(number(50)))),
            (b"+CIS ERROR: 601", Some(FinalResult::Vendor(number(601)))),
            (b"+CIS: 601", None),
            (b"+CME ERROR:10", Some(FinalResult::Equipment(number(10)))),
            (b"+CMS ERROR: 302", Some(FinalResult::Message(number(302)))),
            (b"ABORTED", Some(FinalResult::Aborted)),
            (b"COMMAND NOT SUPPORT", Some(FinalResult::NotSupported)),
            (b"OKAY", None),
            (b"ok", None),
            (b" OK", None),
            (b"+CME ERROR", None),
            (b"NO CARRIER", None),
            (b"SEND OK", None),
            (b"", None),
        ] {
            assert_eq!(FinalResult::parse(line), expected, "{}", Shown(line));
        }
    }

    #[test]
    fn a_cause_in_words_is_kept() {
        let Some(FinalResult::Equipment(cause)) = FinalResult::parse(b"+CME ERROR: SIM not inserted") else {
            panic!("not a final result")
        };
        assert_eq!((cause.code, cause.meaning()), (None, Some("SIM not inserted")));
    }

    #[test]
    fn a_number_too_large_for_a_code_is_kept_as_words() {
        let result = FinalResult::parse(b"+CME ERROR: 99999999999").unwrap();
        assert_eq!(result.to_string(), "+CME ERROR: 99999999999");
        assert_eq!(result.code(), None);
    }

    #[test]
    fn known_causes_say_what_they_mean() {
        assert_eq!(FinalResult::Equipment(number(14)).to_string(), "+CME ERROR: 14 (SIM busy)");
        assert_eq!(FinalResult::Equipment(number(999)).to_string(), "+CME ERROR: 999");
    }

    #[test]
    fn information_lines() {
        for (line, expected) in [
            (&b"+CSQ: 20,99"[..], Some((&b"+CSQ"[..], &b"20,99"[..]))),
            (b"+CSQ:20,99", Some((b"+CSQ", b"20,99"))),
            (b"+X:", Some((b"+X", b""))),
            (b"^MODE: 17,17", Some((b"^MODE", b"17,17"))),
            (b"+E_UTRAN Service", None),
            (b"OK", None),
            (b"+: 1", None),
            (b"", None),
        ] {
            assert_eq!(information(line), expected, "{}", Shown(line));
        }
    }
}
